// Deleted, a method could lose its meaning: what each gives back, in which shape, on both indexes.
import assert from 'node:assert/strict';
import test from 'node:test';

import { Database } from '../index.js';
import { OWN_KERNELS, nearest, randomRows } from './support.js';

const DIMENSION = 24;
const rows = randomRows(1, 300, DIMENSION);
const rowAt = (id) => rows.slice(id * DIMENSION, (id + 1) * DIMENSION);
const parity = Array.from({ length: 300 }, (_, id) => ({ parity: id % 2 ? 'odd' : 'even', id: String(id) }));

const REFERENCE = {
  euclidean: (a, b) => Math.sqrt(a.reduce((sum, x, i) => sum + (x - b[i]) ** 2, 0)),
  manhattan: (a, b) => a.reduce((sum, x, i) => sum + Math.abs(x - b[i]), 0),
  dot: (a, b) => -a.reduce((sum, x, i) => sum + x * b[i], 0),
  cosine: (a, b) => 1 + REFERENCE.dot(a, b) / Math.sqrt(REFERENCE.dot(a, a) * REFERENCE.dot(b, b)),
};

async function filled(options = {}) {
  const db = await Database.open(null, { dimension: DIMENSION, ...options });
  db.setExactSearchThreshold(0); // so that the graph is walked, however few rows there are
  db.addMany(rows, parity);
  return db;
}

for (const index of ['flat', 'hnsw']) {
  for (const distance of Object.keys(REFERENCE)) {
    test(`search finds the nearest rows: ${index}, ${distance}`, async () => {
      const db = await filled({ index, distance, hnsw: { efSearch: 300 } });
      const query = randomRows(2, 1, DIMENSION);
      const expected = nearest(rows, DIMENSION, Array.from(query), 10, REFERENCE[distance]);
      const hits = db.search(query);
      assert.equal(hits.length, 10);
      hits.forEach((hit, i) => {
        assert.equal(hit.id, expected[i][1]);
        assert.ok(Math.abs(hit.distance - expected[i][0]) < 1e-4, `${hit.distance} for ${expected[i][0]}`);
        assert.deepEqual(hit.metadata, parity[hit.id]);
        assert.equal(hit.vector, undefined);
      });
      db.close();
    });
  }
}

test('search takes k, distance, filter, efSearch and what to give', async () => {
  const db = await filled({ distance: 'cosine', hnsw: { M: 8, efConstruction: 100, efSearch: 300 } });
  const query = rowAt(7);
  assert.deepEqual(db.search(query, { k: 1, withMetadata: false, withVectors: true }), [
    { id: 7, distance: db.search(query, { k: 1 })[0].distance, vector: rowAt(7) },
  ]);
  const other = nearest(rows, DIMENSION, Array.from(query), 3, REFERENCE.manhattan).map(([, id]) => id);
  assert.deepEqual(db.search(query, { k: 3, distance: 'manhattan' }).map(({ id }) => id), other);
  for (const filter of [{ parity: 'even' }, ['parity', 'even']]) {
    const hits = db.search(query, { k: 200, filter });
    assert.equal(hits.length, 150, 'always min(k, matching rows)');
    assert.ok(hits.every(({ id }) => id % 2 === 0));
  }
  assert.deepEqual(db.search(query, { filter: { parity: 'neither' } }), []);
  const filter = 'parity == "even" AND id < 100';
  db.checkFilter(filter);
  const hits = db.search(query, { k: 200, filter });
  assert.deepEqual(hits.map(({ id }) => id).sort((a, b) => a - b), Array.from({ length: 50 }, (_, i) => 2 * i));
  assert.deepEqual(Array.from(db.searchMany(query, { k: 50, filter }).ids), hits.map(({ id }) => id));
  assert.deepEqual([db.countMatching(filter), db.countMatching(), db.countMatching('NOT EXISTS id')], [50, 300, 0]);
  assert.equal(db.search(query, { k: 1000 }).length, 300);
  assert.equal(db.search(query, { k: Number.MAX_SAFE_INTEGER }).length, 300);
  assert.equal(db.search(query, { k: 5, efSearch: 500 }).length, 5);
  db.close();
});

test('searchMany gives what search gives, in typed arrays of its own', async () => {
  const db = await filled();
  const queries = randomRows(3, 7, DIMENSION);
  for (const options of [{ k: 4 }, { k: 400 }, { k: 200, filter: { parity: 'odd' } }, { k: 3, distance: 'dot' }]) {
    const { k, ids, distances, counts } = db.searchMany(queries, options);
    assert.equal(k, Math.min(options.k, 300));
    assert.ok(ids instanceof Float64Array && distances instanceof Float32Array && counts instanceof Uint32Array);
    assert.deepEqual([ids.length, distances.length, counts.length], [7 * k, 7 * k, 7]);
    for (let i = 0; i < 7; i++) {
      const alone = db.search(queries.subarray(i * DIMENSION, (i + 1) * DIMENSION), { ...options, withMetadata: false });
      assert.equal(counts[i], alone.length);
      for (let j = 0; j < k; j++) {
        const expected = alone[j] ?? { id: -1, distance: Infinity };
        assert.deepEqual({ id: ids[i * k + j], distance: distances[i * k + j] }, expected);
      }
    }
  }
  const nested = db.searchMany([Array.from(rowAt(5)), rowAt(6)], { k: 1 });
  assert.deepEqual(Array.from(nested.ids), [5, 6]);
  const none = db.searchMany(new Float32Array(0), { k: 3 });
  assert.deepEqual([none.ids.length, none.distances.length, none.counts.length], [0, 0, 0]);
  const before = nested.ids.slice();
  db.addMany(randomRows(4, 20000, DIMENSION)); // the memory grows, and results stay
  assert.deepEqual(nested.ids, before);
  db.close();
});

test('searches of an empty database find nothing', async () => {
  const db = await Database.open(null, { dimension: 2 });
  assert.deepEqual(db.search([1, 2]), []);
  const { k, ids, distances, counts } = db.searchMany([[1, 2]], { k: 5 });
  assert.deepEqual([k, ...ids, ...distances, ...counts], [1, -1, Infinity, 0]);
  db.close();
});

test('add and addMany give ids by insertion order, and take many kinds of numbers', async () => {
  const db = await Database.open(null, { dimension: 3, index: 'flat' });
  assert.equal(db.add([1, 2, 3]), 0);
  assert.equal(db.add(Float64Array.of(0.1, 0.2, 0.3)), 1);
  assert.equal(db.add(Int8Array.of(-1, 0, 1), { kind: 'int8' }), 2);
  assert.deepEqual(db.addMany([1, 2, 3, 4, 5, 6]), [3, 4]);
  assert.deepEqual(db.addMany([[1, 2, 3], Float32Array.of(4, 5, 6)], [null, { a: 'b' }]), [5, 6]);
  assert.deepEqual(db.addMany(Float32Array.of(7, 8, 9), [undefined]), [7]);
  assert.deepEqual(db.addMany([]), []);
  assert.deepEqual(db.addMany(new Float32Array(0), []), []);
  const strided = new Float32Array([9, 1, 1, 1, 9]).subarray(1, 4);
  assert.equal(db.add(strided), 8);
  assert.equal(db.size, 9);
  assert.equal(db.dimension, 3);
  assert.deepEqual(db.get(1), { id: 1, vector: Float32Array.of(0.1, 0.2, 0.3), metadata: {} });
  assert.deepEqual(db.get(6), { id: 6, vector: Float32Array.of(4, 5, 6), metadata: { a: 'b' } });
  assert.deepEqual(db.get(8).vector, Float32Array.of(1, 1, 1));
  db.close();
});

test('what goes in is copied', async () => {
  const db = await Database.open(null, { dimension: 2 });
  const vector = Float32Array.of(1, 2);
  db.add(vector);
  vector.fill(9);
  const row = db.get(0);
  assert.deepEqual(row.vector, Float32Array.of(1, 2));
  row.vector.fill(7);
  assert.deepEqual(db.get(0).vector, Float32Array.of(1, 2));
  db.close();
});

test('metadata: objects, maps and pairs, any text, in order', async () => {
  const db = await Database.open(null, { dimension: 1 });
  const texts = { 'clé': 'été', 'ключ': '😀 𝄞', '': '', __proto__: 'shadowed', long: 'x'.repeat(1_000_000), '\u0001': '\ufeffBOM' };
  const pairs = [...Object.entries(texts), ['__proto__', 'own'], ['constructor', 'too']];
  db.add([1], pairs);
  db.add([2], new Map(pairs));
  db.add([3], texts);
  assert.deepEqual(Object.entries(db.get(0).metadata), pairs);
  assert.deepEqual(Object.entries(db.get(1).metadata), pairs);
  assert.deepEqual(db.get(2).metadata, texts);
  assert.deepEqual(db.search([3], { k: 1 })[0].metadata, texts);
  assert.deepEqual(db.search([0], { filter: { 'ключ': '😀 𝄞' } }).map(({ id }) => id), [0, 1, 2]);
  assert.deepEqual(db.search([0], { filter: { '': '' } }).length, 3);
  const many = Object.fromEntries(Array.from({ length: 500 }, (_, i) => [`key ${i}`, `value ${i}`]));
  db.updateMetadata(1, many);
  assert.deepEqual(db.get(1).metadata, many);
  db.updateMetadata(1, null);
  assert.deepEqual(db.get(1).metadata, {});
  assert.deepEqual(db.search([0], { filter: { 'ключ': '😀 𝄞' } }).map(({ id }) => id), [0, 2]);
  db.close();
});

for (const index of ['flat', 'hnsw']) {
  test(`delete and update: ${index}`, async () => {
    const db = await filled({ index, hnsw: { efSearch: 300 } });
    db.delete(7);
    assert.equal(db.has(7), false);
    assert.notEqual(db.search(rowAt(7), { k: 1 })[0].id, 7);
    db.delete(Array.from({ length: 100 }, (_, i) => i + 100));
    db.delete(Float64Array.of(0, 1));
    db.delete([]);
    assert.equal(db.size, 197);
    assert.equal(db.search(rowAt(150), { k: 300 }).length, 197);
    assert.deepEqual(db.check().rows, 197);

    db.updateVector(8, new Array(DIMENSION).fill(5));
    assert.equal(db.search(new Array(DIMENSION).fill(5), { k: 1 })[0].id, 8);
    assert.deepEqual(db.get(8).metadata, parity[8], 'metadata stays');
    db.updateMetadata(9, { parity: 'changed' });
    assert.deepEqual(db.search(rowAt(9), { filter: { parity: 'changed' } }).map(({ id }) => id), [9]);
    assert.deepEqual(db.get(9).vector, rowAt(9), 'the vector stays');
    assert.equal(db.add(rowAt(7)), 300, 'an id is never used again');
    db.close();
  });
}

test('getMany gives rows in the order asked for', async () => {
  const db = await filled();
  assert.deepEqual(db.getMany([250, 3]).map(({ id, vector }) => [id, vector]), [[250, rowAt(250)], [3, rowAt(3)]]);
  assert.deepEqual(db.getMany([]), []);
  assert.deepEqual(db.getMany(new Set([1])).map(({ id }) => id), [1]);
  db.close();
});

test('info, memoryUsage, check and limits', async () => {
  const db = await Database.open(null, { dimension: DIMENSION, distance: 'dot', seed: 12345678901234567890n });
  const empty = db.memoryUsage();
  db.addMany(rows, parity);
  const info = db.info();
  const { memoryBytes, wasmMemoryBytes, ...fixed } = info;
  assert.deepEqual(fixed, {
    index: 'hnsw',
    distance: 'dot',
    storage: 'f32',
    dimension: DIMENSION,
    size: 300,
    nextId: 300,
    readOnly: false,
    kernels: OWN_KERNELS,
    trained: true,
    vectorsDropped: false,
    seed: 12345678901234567890n,
    generation: 0,
    imageBytes: 0,
    logBytes: 0,
    recoveredGroups: 0,
    cutBytes: 0,
  });
  assert.equal(memoryBytes, db.memoryUsage());
  assert.ok(memoryBytes >= empty + 300 * DIMENSION * 4, `${empty} bytes empty, ${memoryBytes} with rows`);
  assert.ok(wasmMemoryBytes > memoryBytes && wasmMemoryBytes % 65536 === 0);

  const { links, ...report } = db.check();
  assert.deepEqual(report, { superblockCopies: 2, rows: 300, reachable: 300, faults: 0 });
  assert.ok(links > 300);

  assert.deepEqual(db.getResourceLimits(), { maxMemoryBytes: 0, maxVectors: 0, maxConcurrentOperations: 0 });
  db.setResourceLimits({ maxVectors: 301, maxMemoryBytes: 2 ** 30 });
  assert.deepEqual(db.getResourceLimits(), { maxMemoryBytes: 2 ** 30, maxVectors: 301, maxConcurrentOperations: 0 });
  db.setResourceLimits({ maxVectors: 5 });
  assert.deepEqual(db.getResourceLimits(), { maxMemoryBytes: 0, maxVectors: 5, maxConcurrentOperations: 0 });
  db.close();
});

test('kernels can be forced, and give the same bits', async () => {
  const answers = [];
  for (const kernels of ['wasm128', 'scalar']) {
    const db = await filled({ kernels });
    assert.equal(db.info().kernels, kernels);
    answers.push({ hits: db.search(rowAt(11), { k: 50 }), bytes: db.toBytes() });
    db.close();
  }
  assert.deepEqual(answers[0], answers[1]);
});

test('toBytes and fromBytes carry everything, and the same steps give the same bytes', async () => {
  const db = await filled({ distance: 'cosine' });
  db.delete([5, 6]);
  const bytes = db.toBytes();
  const copy = await Database.fromBytes(bytes);
  assert.equal(copy.dimension, DIMENSION);
  assert.equal(copy.info().distance, 'cosine');
  assert.equal(copy.info().index, 'hnsw');
  assert.deepEqual(copy.search(rowAt(50), { k: 20 }), db.search(rowAt(50), { k: 20 }));
  assert.deepEqual(copy.toBytes(), bytes);
  assert.equal(copy.add(rowAt(5)), 300, 'the copy may be written');
  assert.equal(db.size, 298, 'and the original does not see it');
  const fromBuffer = await Database.fromBytes(bytes.slice().buffer, { dimension: DIMENSION, index: 'hnsw' });
  assert.equal(fromBuffer.size, 298);
  for (const open of [db, copy, fromBuffer]) open.close();
});

test('the module can be given as bytes, compiled, or as an address', async () => {
  const { readFile } = await import('node:fs/promises');
  const url = new URL('../gigavector.wasm', import.meta.url);
  const bytes = await readFile(url);
  for (const wasm of [bytes, new Uint8Array(bytes).buffer, await WebAssembly.compile(bytes), url, url.href, url.pathname]) {
    const db = await Database.open(null, { dimension: 1, wasm });
    assert.equal(db.add([1]), 0);
    db.close();
  }
});

test('close is final, and a second one does nothing', async () => {
  const db = await Database.open(null, { dimension: 1 });
  db[Symbol.dispose ?? Symbol.for('Symbol.dispose')]();
  db.close();
  assert.equal(db.dimension, 1);
});
