// Deleted, nothing would notice when a struct of the C header and layout.js drift apart, or when the module starts
// to ask its host for something new.
import assert from 'node:assert/strict';
import { spawnSync } from 'node:child_process';
import { readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import test from 'node:test';

import { DISTANCES, DURABILITIES, INDEX_TYPES, OPEN_MODES, STATUS, STRUCTS } from '../layout.js';
import { MODULE, ROOT, newFolder } from './support.js';

const MARKED = /\/\* bindings:begin([\s\S]*)\/\* bindings:end/;
const header = withoutComments(MARKED.exec(readFileSync(join(ROOT, 'include/gigavector.h'), 'utf8'))[0]);
const module = new WebAssembly.Module(readFileSync(MODULE));

function withoutComments(text) {
  return text.replace(/\/\*[\s\S]*?\*\//g, '');
}

/** {NAME: number} of a C enum in `text`. */
function enumOf(text, name) {
  const body = new RegExp(`typedef enum ${name} \\{([^}]*)\\}`).exec(text)[1];
  return Object.fromEntries([...body.matchAll(/(\w+) = (-?\d+)/g)].map(([, key, value]) => [key, Number(value)]));
}

/** The struct `name` laid out as wasm32 does: every type aligned to its size, and the whole to its largest. */
function layoutOf(name) {
  const body = new RegExp(`typedef struct ${name} \\{([^}]*)\\}`).exec(header)[1];
  const types = { uint32_t: ['u32', 4], int32_t: ['i32', 4], uint64_t: ['u64', 8], size_t: ['u32', 4], double: ['f64', 8] };
  const fields = {};
  let end = 0;
  let largest = 1;
  for (const [, type, star, field, length] of body.matchAll(/(\w+)\s+(\*?)(\w+)(?:\[(\d+)\])?;/g)) {
    const [kind, size] = star ? ['pointer', 4] : types[type];
    const offset = Math.ceil(end / size) * size;
    fields[field] = [kind, offset];
    end = offset + size * Number(length ?? 1);
    largest = Math.max(largest, size);
  }
  return { size: Math.ceil(end / largest) * largest, fields };
}

test('structs lie in memory as the header says', () => {
  for (const [name, layout] of Object.entries(STRUCTS)) {
    assert.deepEqual(layout, layoutOf(name), name);
  }
});

test('structs lie in memory as the compiler says', (t) => {
  const probe = join(newFolder(), 'layout.c');
  const claims = Object.entries(STRUCTS).flatMap(([name, { size, fields }]) => [
    `_Static_assert(sizeof(${name}) == ${size}, "sizeof ${name}");`,
    ...Object.entries(fields).map(
      ([field, [, offset]]) => `_Static_assert(offsetof(${name}, ${field}) == ${offset}, "${name}.${field}");`,
    ),
  ]);
  writeFileSync(probe, `#include <gigavector.h>\n${claims.join('\n')}\n`);
  const args = ['-std=c11', '-fsyntax-only', `-I${join(ROOT, 'include')}`, probe];
  const { error, status, stderr } = spawnSync('emcc', args, { encoding: 'utf8' });
  if (error) return t.skip(`emcc does not start: ${error.message}`);
  assert.equal(status, 0, stderr);
  t.diagnostic(`${claims.length} sizes and offsets hold`);
});

test('enums have the values of the header', () => {
  const prefixed = (prefix, numbers, rename = {}) =>
    Object.fromEntries(Object.entries(numbers).map(([k, v]) => [prefix + (rename[k] ?? k.toUpperCase()), v]));
  assert.deepEqual(STATUS, enumOf(header, 'GV_Status'));
  assert.deepEqual(prefixed('GV_INDEX_TYPE_', INDEX_TYPES), enumOf(header, 'GV_IndexType'));
  assert.deepEqual(prefixed('GV_DISTANCE_', DISTANCES, { dot: 'DOT_PRODUCT' }), enumOf(header, 'GV_DistanceType'));
  assert.deepEqual(prefixed('GV_DURABILITY_', DURABILITIES), enumOf(header, 'GV_Durability'));
  const vfs = withoutComments(readFileSync(join(ROOT, 'src/storage/vfs.h'), 'utf8'));
  assert.deepEqual(OPEN_MODES, enumOf(vfs, 'GV_OpenMode'));
});

test('the module exports every function of the header', () => {
  const declared = new Set([...header.matchAll(/\b(gv_\w+)\(/g)].map(([, name]) => name));
  const exported = new Set(WebAssembly.Module.exports(module).map(({ name }) => name));
  assert.ok(declared.size > 40, `only ${declared.size} functions found in the header`);
  assert.deepEqual([...declared].filter((name) => !exported.has(name)), []);
  for (const name of ['memory', 'malloc', 'free', '_initialize']) assert.ok(exported.has(name), name);
});

test('the module asks for the host functions of vfs_host.c and for nothing unknown', (t) => {
  const source = readFileSync(join(ROOT, 'src/storage/vfs_host.c'), 'utf8');
  const declared = [...source.matchAll(/^\w+ HOST\((gv_host_\w+)\)/gm)].map(([, name]) => `env.${name}`);
  assert.equal(declared.length, 15);
  const asked = WebAssembly.Module.imports(module).map(({ module: space, name }) => `${space}.${name}`);
  t.diagnostic(`imports: ${asked.join(' ')}`);
  const runtime = ['env.emscripten_notify_memory_growth', 'wasi_snapshot_preview1.proc_exit'];
  assert.deepEqual(asked.filter((name) => !runtime.includes(name)).sort(), declared.sort());
});
