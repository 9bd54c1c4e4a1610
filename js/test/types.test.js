// Deleted, index.d.ts could promise what is not there, or keep quiet about what is.
import assert from 'node:assert/strict';
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import test from 'node:test';

import * as browser from '../index_browser.js';
import * as node from '../index.js';
import { STATUS } from '../layout.js';
import { PACKAGE } from './support.js';

const ts = await import('typescript').then((module) => module.default, () => undefined);
const skip = ts ? false : 'js/node_modules is not there: run ./build.sh js';
const source = readFileSync(join(PACKAGE, 'index.d.ts'), 'utf8');

/** What the TypeScript compiler says of a program of these files. */
function complaints(files, options) {
  const program = ts.createProgram(files, { noEmit: true, strict: true, types: [], ...options });
  return ts.getPreEmitDiagnostics(program).map((found) => {
    const place = found.file && `${found.file.fileName}:${found.file.getLineAndCharacterOfPosition(found.start).line + 1}`;
    return `${place}: ${ts.flattenDiagnosticMessageText(found.messageText, ' ')}`;
  });
}

test('index.d.ts and a program that uses it pass tsc --strict', { skip }, () => {
  const common = {
    target: ts.ScriptTarget.ES2022,
    module: ts.ModuleKind.NodeNext,
    moduleResolution: ts.ModuleResolutionKind.NodeNext,
    lib: ['lib.es2022.d.ts', 'lib.esnext.disposable.d.ts', 'lib.dom.d.ts'],
    exactOptionalPropertyTypes: true,
    noUncheckedIndexedAccess: true,
  };
  const files = [join(PACKAGE, 'index.d.ts'), join(PACKAGE, 'test/types_usage.ts')];
  assert.deepEqual(complaints(files, common), []);
});

test('index.d.ts and the code have the same exports and the same members', { skip }, () => {
  const file = ts.createSourceFile('index.d.ts', source, ts.ScriptTarget.ES2022, true);
  const classes = Object.fromEntries(file.statements.filter(ts.isClassDeclaration).map((node) => [node.name.text, node]));
  assert.deepEqual(Object.keys(node).sort(), Object.keys(classes).sort());
  assert.deepEqual(Object.keys(browser).sort(), Object.keys(classes).sort());

  const isStatic = (member) => member.modifiers?.some(({ kind }) => kind === ts.SyntaxKind.StaticKeyword) ?? false;
  const named = classes.Database.members.filter((member) => member.name && ts.isIdentifier(member.name));
  const declared = (wanted) => named.filter((m) => isStatic(m) === wanted).map(({ name }) => name.text).sort();
  const Core = Object.getPrototypeOf(node.Database);
  const own = (object, leftOut) => Object.getOwnPropertyNames(object).filter((name) => !leftOut.includes(name)).sort();
  assert.deepEqual(own(Core.prototype, ['constructor']), declared(false));
  assert.deepEqual(own(Core, ['length', 'name', 'prototype']), declared(true));
  assert.equal(typeof Core.prototype[Symbol.dispose ?? Symbol.for('Symbol.dispose')], 'function');
});

test('every error name is declared', () => {
  const names = /type ErrorName =([^;]*);/.exec(source)[1].match(/GV_ERR_\w+/g);
  assert.deepEqual(names, [...Object.keys(STATUS).slice(1), 'GV_ERR_UNKNOWN']);
});
