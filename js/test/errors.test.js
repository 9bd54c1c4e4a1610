// Deleted, wrong input could be misread, half done, or answered by something else than a GigaVectorError.
import assert from 'node:assert/strict';
import { mkdirSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import test from 'node:test';

import { Core } from '../core.js';
import * as platform from '../host_node.js';
import { Database } from '../index.js';
import { MODULE, assertFails, newFolder, randomRows } from './support.js';

const ARGUMENT = 'GV_ERR_ARGUMENT';

async function small(options) {
  const db = await Database.open(null, { dimension: 3, ...options });
  db.addMany([1, 0, 0, 0, 1, 0, 0, 0, 1], [{ name: 'x' }, { name: 'y' }, { name: 'z' }]);
  return db;
}

/** Every failing call must leave the rows, the bytes and the next id as they were. */
async function unchanged(db, calls) {
  const before = db.toBytes();
  for (const [work, name, part] of calls) {
    await assertFails(work, name, part);
    assert.deepEqual(db.toBytes(), before, `changed by ${work}`);
  }
  db.close();
}

test('vectors that are not vectors', async () => {
  const db = await small();
  await unchanged(db, [
    [() => db.add([1, 2]), ARGUMENT, 'expected vector of dim 3, got 2'],
    [() => db.add(new Float32Array(64)), ARGUMENT, 'expected vector of dim 3, got 64'],
    [() => db.add([]), ARGUMENT, 'expected vector of dim 3, got 0'],
    [() => db.add([1, NaN, 3]), ARGUMENT],
    [() => db.add([1, Infinity, 3]), ARGUMENT],
    [() => db.add([1, 1e300, 3]), ARGUMENT],
    [() => db.add([1, 3e38, 3]), ARGUMENT],
    [() => db.add([1, '2', 3]), ARGUMENT, 'component 1'],
    [() => db.add([1, , 3]), ARGUMENT, 'component 1'], // eslint-disable-line no-sparse-arrays
    [() => db.add([1n, 2n, 3n]), ARGUMENT],
    [() => db.add(BigInt64Array.of(1n, 2n, 3n)), ARGUMENT, 'BigInt64Array'],
    [() => db.add(new DataView(new ArrayBuffer(12))), ARGUMENT, 'DataView'],
    [() => db.add('123'), ARGUMENT, '"123"'],
    [() => db.add(null), ARGUMENT, 'null'],
    [() => db.add(), ARGUMENT, 'undefined'],
    [() => db.add({ length: 3 }), ARGUMENT],
    [() => db.addMany(new Float32Array(7)), ARGUMENT, '7'],
    [() => db.addMany([[1, 2, 3], [1, 2]]), ARGUMENT, 'row 1 has dim 2'],
    [() => db.addMany([[1, 2], [1, 2]]), ARGUMENT, 'expected vector of dim 3, got 2'],
    [() => db.addMany([[1, 2, 3], null]), ARGUMENT, 'row 1'],
    [() => db.addMany([[1, 2, 3], [1, NaN, 3]]), ARGUMENT],
    [() => db.addMany([1, 2, 3], [{}, {}]), ARGUMENT, 'expected metadata of 1 rows, got 2'],
    [() => db.addMany([1, 2, 3], { a: 'b' }), ARGUMENT],
    [() => db.updateVector(0, [1, 2]), ARGUMENT, 'expected vector of dim 3, got 2'],
    [() => db.updateVector(0, [1, 2, -Infinity]), ARGUMENT],
    [() => db.search([1, 2]), ARGUMENT, 'expected vector of dim 3, got 2'],
    [() => db.search([1, 2, NaN]), ARGUMENT],
    [() => db.search(undefined), ARGUMENT],
    [() => db.searchMany([1, 2, 3, 4]), ARGUMENT],
    [() => db.searchMany([[1, 2, 3], [1, 2, NaN]]), ARGUMENT],
  ]);
});

test('metadata that is not metadata', async () => {
  const db = await small();
  const row = [1, 2, 3];
  await unchanged(db, [
    [() => db.add(row, { year: 1999 }), ARGUMENT, 'metadata "year" must be a string, got 1999'],
    [() => db.add(row, { a: null }), ARGUMENT, '"a"'],
    [() => db.add(row, 'text'), ARGUMENT, '"text"'],
    [() => db.add(row, ['a', 'b']), ARGUMENT],
    [() => db.add(row, [['a']]), ARGUMENT],
    [() => db.add(row, [['a', '1'], ['a', '2']]), ARGUMENT],
    [() => db.add(row, { a: 'half \ud800' }), ARGUMENT, 'surrogate'],
    [() => db.add(row, { a: 'nul \0' }), ARGUMENT],
    [() => db.add(row, { a: 'x'.repeat(1 << 20) }), ARGUMENT, '1048589 bytes'],
    [() => db.add(row, { 'nul \0': 'a' }), ARGUMENT],
    [() => db.addMany([row, row], [{ a: 'b' }, { a: 5 }]), ARGUMENT, '5'],
    [() => db.updateMetadata(0, { a: 'nul \0' }), ARGUMENT],
    [() => db.updateMetadata(0, 7), ARGUMENT],
    [() => db.updateMetadata(0, { [Symbol.iterator]: 5, a: 1 }), ARGUMENT, '"a"'],
  ]);
});

test('ids that are not there', async () => {
  const db = await small();
  db.delete(1);
  const missing = [1, 3, 2 ** 53, 2 ** 64, 1e300];
  const wrong = [-1, 0.5, NaN, Infinity, '0', 0n, null, undefined];
  for (const id of missing) assert.equal(db.has(id), false);
  await unchanged(db, [
    ...missing.flatMap((id) => [
      [() => db.get(id), 'GV_ERR_NOT_FOUND'],
      [() => db.getMany([0, id]), 'GV_ERR_NOT_FOUND'],
      [() => db.delete(id), 'GV_ERR_NOT_FOUND'],
      [() => db.delete([0, id]), 'GV_ERR_NOT_FOUND'],
      [() => db.updateVector(id, [1, 2, 3]), 'GV_ERR_NOT_FOUND'],
      [() => db.updateMetadata(id, {}), 'GV_ERR_NOT_FOUND'],
    ]),
    ...wrong.flatMap((id) => [
      [() => db.get(id), ARGUMENT],
      [() => db.has(id), ARGUMENT],
      [() => db.delete(id), ARGUMENT],
      [() => db.delete([id]), ARGUMENT],
      [() => db.updateVector(id, [1, 2, 3]), ARGUMENT],
      [() => db.updateMetadata(id, {}), ARGUMENT],
    ]),
    [() => db.delete([0, 0]), ARGUMENT, '0'],
    ...[null, undefined, 0, {}, { [Symbol.iterator]: 5 }].map((ids) => [() => db.getMany(ids), ARGUMENT, 'array of ids']),
    [() => db.get(3), 'GV_ERR_NOT_FOUND', '3'],
  ]);
});

test('search options that cannot be', async () => {
  const db = await small();
  const q = [1, 2, 3];
  await unchanged(db, [
    [() => db.search(q, { k: 0 }), ARGUMENT],
    [() => db.searchMany(q, { k: 0 }), ARGUMENT],
    [() => db.search(q, { k: -1 }), ARGUMENT, '-1'],
    [() => db.search(q, { k: 1.5 }), ARGUMENT, '1.5'],
    [() => db.search(q, { k: '5' }), ARGUMENT, '"5"'],
    [() => db.search(q, { k: Infinity }), ARGUMENT],
    [() => db.search(q, { top: 5 }), ARGUMENT, '"top"'],
    [() => db.search(q, 5), ARGUMENT, '5'],
    [() => db.search(q, null), ARGUMENT],
    [() => db.search(q, { distance: 'euclid' }), ARGUMENT, '"euclid"'],
    [() => db.search(q, { distance: 0 }), ARGUMENT],
    [() => db.search(q, { distance: 'toString' }), ARGUMENT],
    [() => db.search(q, { filter: {} }), ARGUMENT],
    [() => db.search(q, { filter: { a: '1', b: '2' } }), ARGUMENT],
    [() => db.search(q, { filter: { a: 1 } }), ARGUMENT],
    [() => db.search(q, { filter: 'a = 1' }), 'GV_ERR_BAD_FILTER', 'filter, column 3: found "=", expected an operator'],
    [() => db.searchMany(q, { filter: 'a == ' }), 'GV_ERR_BAD_FILTER', 'column 6'],
    [() => db.search(q, { filter: '' }), 'GV_ERR_BAD_FILTER', 'column 1'],
    [() => db.search(q, { filter: 'a == "\0"' }), ARGUMENT, 'NUL'],
    [() => db.search(q, { filter: 5 }), ARGUMENT, '5'],
    [() => db.countMatching('a ='), 'GV_ERR_BAD_FILTER'],
    [() => db.countMatching(['name', 'x']), ARGUMENT],
    [() => db.checkFilter('a == (1)'), 'GV_ERR_BAD_FILTER', 'column 6: found "(", expected a value'],
    [() => db.checkFilter(), ARGUMENT],
    [() => db.search(q, { filter: ['a\0', 'b'] }), ARGUMENT, 'NUL'],
    [() => db.search(q, { filter: ['name'] }), ARGUMENT],
    [() => db.search(q, { efSearch: -5 }), ARGUMENT],
    [() => db.search(q, { efSearch: 2 ** 31 }), ARGUMENT],
    [() => db.search(q, { withVectors: 1 }), ARGUMENT],
    [() => db.searchMany(q, { withMetadata: true }), ARGUMENT],
    [() => db.setExactSearchThreshold(), ARGUMENT],
    [() => db.setExactSearchThreshold(-1), ARGUMENT],
    [() => db.setResourceLimits({ maxVectors: -1 }), ARGUMENT],
    [() => db.setResourceLimits({ max_vectors: 1 }), ARGUMENT, 'maxVectors'],
  ]);
});

test('open options that cannot be', async () => {
  const open = (options, path = null) => Database.open(path, options);
  for (const [options, name, part] of [
    [{}, ARGUMENT],
    [{ dimension: 0 }, ARGUMENT],
    [{ dimension: -1 }, ARGUMENT, '-1'],
    [{ dimension: 65536 }, ARGUMENT, '65536'],
    [{ dimension: 2.5 }, ARGUMENT],
    [{ dimension: '3' }, ARGUMENT],
    [{ dimensions: 3 }, ARGUMENT, '"dimensions"'],
    [{ dimension: 3, index: 'tree' }, ARGUMENT, '"tree"'],
    [{ dimension: 3, index: 'ivfpq', ivfpq: { nlist: 0 } }, ARGUMENT, 'nlist is 0'],
    [{ dimension: 3, index: 'ivfpq', ivfpq: { nbits: 9 } }, ARGUMENT, 'nbits is 9'],
    [{ dimension: 3, index: 'ivfpq', ivfpq: { lists: 9 } }, ARGUMENT, '"lists"'],
    [{ dimension: 3, index: 'sparse', distance: 'euclidean' }, 'GV_ERR_UNSUPPORTED', 'SPARSE'],
    [{ dimension: 3, distance: 'dot_product' }, ARGUMENT, 'dot'],
    [{ dimension: 3, durability: 'disk' }, ARGUMENT],
    [{ dimension: 3, kernels: 'avx2' }, 'GV_ERR_UNSUPPORTED', 'avx2'],
    [{ dimension: 3, kernels: 'nonsense' }, 'GV_ERR_UNSUPPORTED', 'nonsense'],
    [{ dimension: 3, hnsw: { M: 1 } }, ARGUMENT, '1'],
    [{ dimension: 3, hnsw: { M: 65 } }, ARGUMENT, '65'],
    [{ dimension: 3, hnsw: { m: 16 } }, ARGUMENT, '"m"'],
    [{ dimension: 3, hnsw: null }, ARGUMENT],
    [{ dimension: 3, readOnly: 'yes' }, ARGUMENT],
    [{ dimension: 3, seed: -1 }, ARGUMENT],
    [{ dimension: 3, seed: 2n ** 64n }, ARGUMENT],
    [{ dimension: 3, lock: 0 }, ARGUMENT],
    [{ dimension: 3, wasm: 5 }, ARGUMENT, 'wasm'],
    [{ dimension: 3, wasm: new TextEncoder().encode('<!doctype html>') }, 'GV_ERR_IO', '3c 21 64 6f'],
    [{ dimension: 3, wasm: new Uint8Array(0) }, 'GV_ERR_IO'],
    [{ dimension: 3, wasm: 'no/such.wasm' }, 'GV_ERR_IO', 'no/such.wasm'],
    ['dimension', ARGUMENT],
    [null, ARGUMENT],
  ]) {
    await assertFails(open(options), name, part);
  }
  assert.throws(() => new Database(), { name: ARGUMENT, message: /Database\.open/ });
});

test('paths that cannot be', async () => {
  const folder = newFolder();
  const file = join(folder, 'file');
  writeFileSync(file, '');
  mkdirSync(join(folder, 'directory.gv'));
  const open = (path, options = { dimension: 2 }) => Database.open(path, options);
  await assertFails(open(''), ARGUMENT);
  await assertFails(open('a\0b'), ARGUMENT, 'NUL');
  await assertFails(open('half \ud800'), ARGUMENT, 'surrogate');
  await assertFails(open(5), ARGUMENT, '5');
  await assertFails(open(join(folder, 'missing/file.gv')), 'GV_ERR_NOT_FOUND', 'missing');
  await assertFails(open(join(file, 'file.gv')), 'GV_ERR_IO', 'ENOTDIR');
  await assertFails(open(join(folder, 'directory.gv')), 'GV_ERR_IO');
  await assertFails(open(join(folder, 'none.gv'), { readOnly: true }), 'GV_ERR_NOT_FOUND', 'none.gv');
  await assertFails(open(new URL('https://example.org/x.gv')), ARGUMENT, 'https:');

  const db = await small();
  assertFails(() => db.save(), ARGUMENT);
  assertFails(() => db.save(join(folder, 'missing/copy.gv')), 'GV_ERR_NOT_FOUND');
  assertFails(() => db.save(''), ARGUMENT);
  assertFails(() => db.refresh(), ARGUMENT);
  db.close();
});

test('bytes that are no database', async () => {
  const db = await small();
  const bytes = db.toBytes();
  db.close();
  await assertFails(Database.fromBytes('bytes'), ARGUMENT);
  await assertFails(Database.fromBytes(new Float32Array(4)), ARGUMENT, 'Float32Array');
  await assertFails(Database.fromBytes(null), ARGUMENT);
  await assertFails(Database.fromBytes(new Uint8Array(0)), 'GV_ERR_CORRUPT');
  await assertFails(Database.fromBytes(randomRows(5, 1, 4096).buffer), 'GV_ERR_CORRUPT');
  await assertFails(Database.fromBytes(bytes.subarray(0, bytes.length - 4096)), 'GV_ERR_CORRUPT');
  const flipped = bytes.slice();
  flipped[flipped.length >> 1] ^= 1;
  await assertFails(Database.fromBytes(flipped), 'GV_ERR_CORRUPT');
  await assertFails(Database.fromBytes(bytes, { dimension: 4 }), ARGUMENT, '4');
  await assertFails(Database.fromBytes(bytes, { index: 'flat' }), ARGUMENT);
  await assertFails(Database.fromBytes(bytes, { distance: 'cosine' }), ARGUMENT, '"distance"');
});

test('every call on a closed database says so', async () => {
  const db = await small();
  db.close();
  const calls = {
    add: [[1, 2, 3]],
    addMany: [[[1, 2, 3]]],
    upsert: [[1, 2, 3], { id: 'a' }],
    upsertMany: [[[1, 2, 3]], [{ id: 'a' }]],
    delete: [0],
    deleteMatching: [{ a: 'b' }],
    updateVector: [0, [1, 2, 3]],
    updateMetadata: [0, {}],
    trainIvfpq: [[[1, 2, 3]]],
    search: [[1, 2, 3]],
    searchMany: [[[1, 2, 3]]],
    searchById: [0],
    explain: [[1, 2, 3]],
    searchGroups: [[1, 2, 3], 'a'],
    rangeSearch: [[1, 2, 3], 1],
    scroll: [],
    get: [0],
    getMany: [[0]],
    has: [0],
    countMatching: [],
    checkFilter: ['a == 1'],
    indexMetadata: [['a']],
    setExactSearchThreshold: [5],
    save: ['x.gv'],
  };
  const care = ['info', 'stats', 'memoryUsage', 'getResourceLimits', 'setResourceLimits', 'check'];
  const without = [...care, 'save', 'flush', 'refresh', 'compact', 'convert', 'toBytes'];
  for (const name of without) calls[name] ??= [];
  for (const [name, args] of Object.entries(calls)) assertFails(() => db[name](...args), ARGUMENT, 'closed');
  assertFails(() => db.size, ARGUMENT, 'closed');
  assertFails(() => db.indexedKeys, ARGUMENT, 'closed');
  const methods = Object.getOwnPropertyNames(Object.getPrototypeOf(Database).prototype);
  const untried = methods.filter((name) => !(name in calls) && !['constructor', 'close', 'size', 'dimension', 'indexedKeys'].includes(name));
  assert.deepEqual(untried, []);
});

test('limits are checked before anything is written', async () => {
  const db = await small();
  db.setResourceLimits({ maxVectors: 4 });
  assert.equal(db.add([1, 1, 1]), 3);
  assertFails(() => db.add([1, 1, 2]), 'GV_ERR_LIMIT', '4');
  assertFails(() => db.addMany(new Float32Array(30)), 'GV_ERR_LIMIT');
  db.delete(0);
  assert.equal(db.add([1, 1, 2]), 4);
  db.setResourceLimits({ maxMemoryBytes: db.memoryUsage() + 1000 });
  assertFails(() => db.addMany(new Float32Array(3 * 10000)), 'GV_ERR_LIMIT');
  assert.equal(db.size, 4);
  db.setResourceLimits({});
  assert.equal(db.addMany(new Float32Array(3 * 10000)).length, 10000);
  db.close();
});

test('dimensions at the edges', async () => {
  for (const dimension of [1, 2, 3, 31, 32, 33, 63, 64, 65, 257, 4096, 65535]) {
    for (const index of ['flat', 'hnsw']) {
      const db = await Database.open(null, { dimension, index });
      const rows = randomRows(dimension, 5, dimension);
      db.addMany(rows);
      const [hit] = db.search(rows.subarray(2 * dimension, 3 * dimension), { k: 1, withVectors: true });
      assert.deepEqual([hit.id, hit.distance], [2, 0]);
      assert.deepEqual(hit.vector, rows.slice(2 * dimension, 3 * dimension));
      db.close();
    }
  }
});

test('denormals, signed zeros, zero vectors and duplicates are rows like others', async () => {
  for (const distance of ['euclidean', 'cosine', 'dot', 'manhattan']) {
    const db = await Database.open(null, { dimension: 2, distance });
    db.setExactSearchThreshold(0);
    db.addMany([0, 0, -0, 0, 1e-45, 1e-45, 1e-40, -1e-40, 1, 1]);
    db.addMany(new Float32Array(2 * 500).fill(1));
    assert.equal(db.search([0, 0], { k: 600 }).length, 505);
    for (const hit of db.search([-0, 0], { k: 600 })) assert.ok(!Object.is(hit.distance, -0) && !Number.isNaN(hit.distance));
    assert.deepEqual(Array.from(db.get(1).vector, (x) => Object.is(x, -0)), [true, false]);
    if (distance === 'cosine') assert.ok(db.search([0, 0], { k: 600 }).every((hit) => hit.distance === 1));
    assert.equal(db.check().reachable, 505);
    db.close();
  }
});

test('a module that trapped is not called again', async () => {
  const core = await Core.start(await WebAssembly.compile(readFileSync(MODULE)), platform.host({ lock: true }));
  assert.equal(core.text(core.c.gv_version()).split('.').length, 3);
  const outside = 0xfffffff0;
  assertFails(() => core.call((frame) => (frame.reserve(16), core.c.gv_free(outside))), 'GV_ERR_UNKNOWN', 'out of bounds');
  assertFails(() => core.c.gv_version(), 'GV_ERR_UNKNOWN', 'out of bounds');
});

test('memory that cannot be had is GV_ERR_NO_MEMORY, and the module goes on', async () => {
  const core = await Core.start(await WebAssembly.compile(readFileSync(MODULE)), platform.host({ lock: true }));
  for (const size of [2 ** 32 - 2 ** 20, 2 ** 32, 2 ** 40]) {
    assertFails(() => core.call((frame) => frame.reserve(size)), 'GV_ERR_NO_MEMORY', String(size));
  }
  assert.ok(core.call((frame) => frame.reserve(1000)) > 0);
});
