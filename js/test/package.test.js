// Deleted, the tree could work while what users install does not: a file left out, an export that leads nowhere.
import assert from 'node:assert/strict';
import { spawnSync } from 'node:child_process';
import { readFileSync, readdirSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import test from 'node:test';
import { gzipSync } from 'node:zlib';

import { newProject, pack, packed, run } from './packed.js';
import { PACKAGE, ROOT, newFolder } from './support.js';

const readme = readFileSync(join(PACKAGE, 'README.md'), 'utf8');

/** The code blocks of one section of a README, in order: [language, text]. */
function blocksOf(section, document = readme) {
  const text = document.split(/^## /m).find((part) => part.startsWith(`${section}\n`));
  return [...text.matchAll(/^```(\w+)\n([\s\S]*?)^```$/gm)].map(([, language, block]) => [language, block]);
}

test('the packed package, installed in an empty folder, runs the examples of the README', (t) => {
  const { tarball, files } = packed();
  const project = newProject(tarball);
  const [[language, example], [, printed]] = blocksOf('Node');
  assert.equal(language, 'js');
  writeFileSync(join(project, 'example.js'), example);
  assert.equal(run(process.execPath, ['example.js'], project), printed);

  const [[, fusion], [, errors]] = blocksOf('What there is');
  writeFileSync(join(project, 'fusion.js'), fusion);
  assert.equal(run(process.execPath, ['fusion.js'], project), '[ 3, 7, 9 ]\n');
  writeFileSync(join(project, 'errors.js'), errors);
  assert.equal(run(process.execPath, ['errors.js'], project), 'true GV_ERR_ARGUMENT expected vector of dim 128, got 64\n');

  const [[, root]] = blocksOf('Node', readFileSync(join(ROOT, 'README.md'), 'utf8'));
  const file = `import { Database } from 'gigavector';
    const db = await Database.open('example.gv', { dimension: 64, distance: 'cosine' });
    for (let i = 1; i <= 9; i++) db.add(new Float32Array(64).fill(1, 0, i), { parity: i % 2 ? 'odd' : 'even' });
    db.close();`;
  writeFileSync(join(project, 'file.js'), file); // what the Python example before it would have left
  writeFileSync(join(project, 'root.js'), root);
  run(process.execPath, ['file.js'], project);
  assert.match(run(process.execPath, ['root.js'], project), /^8 [\d.]+ \{ parity: 'odd' \}\n6 .*\n4 .*\n$/);

  const wasm = `import { readFileSync } from 'node:fs'; import { createRequire } from 'node:module';
    console.log(readFileSync(createRequire(import.meta.url).resolve('gigavector/gigavector.wasm')).length)`;
  writeFileSync(join(project, 'wasm.js'), wasm);
  assert.equal(Number(run(process.execPath, ['wasm.js'], project)), readFileSync(join(PACKAGE, 'gigavector.wasm')).length);

  const common = `const { Database, GigaVectorError } = require('gigavector');
    Database.open(null, { dimension: 2 }).then((db) => console.log(db.add([1, 2]), typeof GigaVectorError));`;
  writeFileSync(join(project, 'common.cjs'), common);
  assert.equal(run(process.execPath, ['common.cjs'], project), '0 function\n');
  checkTypes(project);

  const lock = JSON.parse(readFileSync(join(project, 'package-lock.json'), 'utf8'));
  assert.deepEqual(Object.keys(lock.packages), ['', 'node_modules/gigavector'], 'no dependencies');

  const code = ['browser.js', 'fusion.js', 'node.cjs', 'node.js', 'opfs.js', 'thread.js', 'worker.js'].map((name) => `gigavector.${name}`);
  const types = ['fusion.d.ts', 'index.d.cts', 'index.d.ts', 'opfs.d.ts', 'thread.d.ts', 'worker.d.ts'];
  const others = ['LICENSE', 'README.md', 'gigavector.all.relaxed.wasm', 'gigavector.all.wasm', 'gigavector.relaxed.wasm', 'gigavector.wasm', 'package.json'];
  assert.deepEqual(files, [...others, ...code, ...types].sort());
  t.diagnostic(`${files.length} files: ${files.join(' ')}`);
  printSizes(t, join(project, 'node_modules/gigavector'));
});

test('a tree in which the module is not built is not packed', () => {
  const folder = newFolder();
  writeFileSync(join(folder, 'package.json'), readFileSync(join(PACKAGE, 'package.json')));
  const { status, stderr } = spawnSync('npm', ['pack'], { cwd: folder, encoding: 'utf8' });
  assert.notEqual(status, 0);
  assert.match(stderr, /gigavector\.wasm is not built: run \.\/build\.sh js first/);
  assert.deepEqual(readdirSync(folder), ['package.json']);
});

/** tsc --strict on programs of each kind against the installed package. */
function checkTypes(project) {
  const compiler = join(PACKAGE, 'node_modules/typescript/bin/tsc');
  const body = (database) => `
    async function main(): Promise<void> {
      const db = await ${database}.open(null, { dimension: 2 });
      const ids: number[] = await db.addMany([[1, 2]], [{ a: 'b' }]);
      const { distances }: { distances: Float32Array } = await db.searchMany([[1, 2]], { k: 1 });
      const rows: number = await db.size;
      await db.close();
      console.log(ids, distances, rows);
    }
    void main();`;
  const programs = {
    'module.mts': `import { Database, GigaVectorError } from 'gigavector';${body('Database')}
      console.log(GigaVectorError.name);`,
    'common.cts': `import gigavector = require('gigavector');${body('gigavector.Database')}`,
    'page.mts': `import { Database, type Hit } from 'gigavector/worker';${body('Database')}
      export async function more(signal: AbortSignal): Promise<Hit[]> {
        await using db = await Database.fromResponse(fetch('x.gv'), { signal, onProgress: (got, all) => console.log(got, all) });
        await db.upsertMany([[1, 2]], [{ id: 'a' }], { key: 'id', signal, onProgress: (rows, all) => console.log(rows / all) });
        await db.save('copy.gv');
        await Database.remove('copy.gv');
        // @ts-expect-error: a promise
        const size: number = db.size;
        return db.search([1, 2], { k: size });
      }`,
    'fusion.mts': `import { Database, type Hit } from 'gigavector';
      import { reciprocalRankFusion, type FusedHit } from 'gigavector/fusion';
      export function joined(words: Database, meaning: Database): FusedHit[] {
        const hits: Hit[] = words.search({ indices: [1], values: [1] });
        // @ts-expect-error: one ranking is no list of rankings
        reciprocalRankFusion(hits);
        return reciprocalRankFusion([hits, meaning.search([1, 2]), [1, 2]], { k: 10 });
      }`,
    'worker.mts': `import { Database, GigaVectorError } from 'gigavector/opfs';${body('Database')}
      export async function copy(db: Database): Promise<void> {
        db.save();
        await db.save('copy.gv');
        using other = await Database.open('copy.gv');
        console.log(other.size + 1, GigaVectorError.name);
      }`,
  };
  for (const [name, text] of Object.entries(programs)) writeFileSync(join(project, name), text);
  const strict = ['--noEmit', '--strict', '--exactOptionalPropertyTypes', '--target', 'es2022', '--skipDefaultLibCheck'];
  const lib = ['--lib', 'es2022,esnext.disposable,dom,dom.asynciterable'];
  const kinds = [
    ['nodenext', Object.keys(programs)],
    ['bundler', Object.keys(programs).filter((name) => name !== 'common.cts')],
  ];
  for (const [resolution, names] of kinds) {
    const module = resolution === 'bundler' ? 'esnext' : resolution;
    run(process.execPath, [compiler, ...strict, ...lib, '--module', module, '--moduleResolution', resolution, ...names], project);
  }
}

/** Sizes of what a page loads and of what Node loads: the module and the code behind each entry. */
function printSizes(t, folder) {
  const size = (names) => {
    const bytes = Buffer.concat(names.map((name) => readFileSync(join(folder, name))));
    return [bytes.length, gzipSync(bytes, { level: 9 }).length];
  };
  const kinds = {
    'gigavector.wasm': ['gigavector.wasm'],
    'gigavector.relaxed.wasm, instead of it where the engine has the instruction': ['gigavector.relaxed.wasm'],
    'gigavector.all.wasm, instead of it where it is needed': ['gigavector.all.wasm'],
    'loader for Node': ['gigavector.node.js'],
    'loader for pages': ['gigavector.browser.js'],
    'client of the Worker': ['gigavector.worker.js'],
    'loader in the Worker, with OPFS': ['gigavector.thread.js'],
    'fusion of rankings': ['gigavector.fusion.js'],
  };
  const found = {};
  for (const [kind, names] of Object.entries(kinds)) {
    const [raw, gzip] = size(names);
    t.diagnostic(`${kind}: ${raw} bytes, ${gzip} by gzip`);
    found[names[0]] = gzip;
  }
  for (const module of ['gigavector.wasm', 'gigavector.relaxed.wasm']) {
    const all = found[module] + found['gigavector.browser.js'];
    t.diagnostic(`a page loads ${all} bytes with ${module}`);
    assert.ok(all <= 75 * 1024, `${module} and loader are ${all} bytes by gzip, more than 75 KiB`);
  }
}

test('the package asks for nothing and says what it is', () => {
  const about = JSON.parse(readFileSync(join(PACKAGE, 'package.json'), 'utf8'));
  assert.equal(about.license, 'Apache-2.0');
  assert.equal(readFileSync(join(PACKAGE, 'LICENSE'), 'utf8'), readFileSync(join(ROOT, 'LICENSE'), 'utf8'));
  for (const key of ['dependencies', 'optionalDependencies', 'peerDependencies']) assert.equal(about[key], undefined);
  assert.deepEqual(Object.keys(about.scripts), ['prepack', 'test'], 'nothing runs on install');
  assert.equal(Object.keys(about.exports['.'])[0], 'types');
  const lock = readFileSync(join(PACKAGE, 'package-lock.json'), 'utf8');
  assert.doesNotMatch(lock, /"resolved"|https?:/, 'a lock file names no addresses');
});

test('no code is made from strings, so that pages with a content security policy work', () => {
  for (const name of pack('--dry-run').files) {
    if (name.path.endsWith('.js')) {
      assert.doesNotMatch(readFileSync(join(PACKAGE, name.path), 'utf8'), /\beval\(|new Function/, name.path);
    }
  }
});
