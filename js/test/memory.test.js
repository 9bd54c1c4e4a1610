// Deleted, a call that forgets to free what it borrowed from the module's memory would show only after days.
import assert from 'node:assert/strict';
import test from 'node:test';

import { Database } from '../index.js';
import { randomRows } from './support.js';

const DIMENSION = 32;

async function filled(wasm) {
  const db = await Database.open(null, { dimension: DIMENSION, wasm });
  db.setExactSearchThreshold(0);
  db.addMany(randomRows(1, 2000, DIMENSION), Array.from({ length: 2000 }, (_, i) => ({ parity: i % 2 ? 'odd' : 'even' })));
  return db;
}

/** The size of the module's memory, and what the core counts of it. */
const figures = (db) => [db.info().wasmMemoryBytes, db.memoryUsage()];

test('100,000 searches do not grow the memory', async (t) => {
  const db = await filled();
  const queries = randomRows(2, 100, DIMENSION);
  const at = (i) => queries.subarray((i % 100) * DIMENSION, ((i % 100) + 1) * DIMENSION);
  for (let i = 0; i < 100; i++) db.search(at(i), { withVectors: true });
  const before = figures(db);
  const start = performance.now();
  for (let i = 0; i < 100_000; i++) db.search(at(i), { k: 5, withVectors: i % 10 === 0, withMetadata: i % 3 === 0 });
  t.diagnostic(`${((performance.now() - start) / 100).toFixed(1)} us a search`);
  assert.deepEqual(figures(db), before);
  db.close();
});

test('keys that filters name are indexed, but not by the small module, to the same answers', async () => {
  const expression = "parity == 'odd' AND EXISTS parity";
  const small = new URL('../gigavector.wasm', import.meta.url);
  const grown = [];
  for (const wasm of [undefined, small]) {
    const db = await filled(wasm);
    const before = db.memoryUsage();
    assert.equal(db.countMatching(expression), 1000);
    grown.push(db.memoryUsage() > before);
    db.delete([1, 2]);
    assert.equal(db.countMatching(expression), 999);
    db.close();
  }
  assert.deepEqual(grown, [true, false]);
});

test('20,000 refused calls and other reads do not grow the memory', async () => {
  const db = await filled();
  const query = randomRows(3, 1, DIMENSION);
  const calls = [
    () => db.add(new Float32Array(DIMENSION - 1), { some: 'metadata' }),
    () => db.add(new Float32Array(DIMENSION).fill(NaN), { some: 'metadata' }),
    () => db.add(query, [['a', '1'], ['a', '2']]),
    () => db.search(query, { k: 0, filter: { parity: 'odd' } }),
    () => db.delete([5, 5000]),
    () => db.get(5000),
    () => db.searchMany(randomRows(4, 20, DIMENSION), { k: 20, filter: { parity: 'odd' } }),
    () => db.search(query, { filter: 'parity == "odd" OR a IN (1, 2, 3)' }),
    () => db.searchMany(query, { filter: 'parity == odd' }),
    () => db.countMatching('NOT EXISTS parity'),
    () => db.getMany([1, 2, 3]),
    () => db.info(),
  ];
  const turn = () => {
    for (const call of calls) {
      try {
        call();
      } catch (error) {
        assert.ok(error.code < 0, error.stack);
      }
    }
  };
  for (let i = 0; i < 20; i++) turn();
  const before = figures(db);
  for (let i = 0; i < 20_000 / calls.length; i++) turn();
  assert.deepEqual(figures(db), before);
  db.close();
});

test('rows that come and go do not grow the memory without end', async () => {
  const db = await filled();
  const rows = randomRows(5, 100, DIMENSION);
  const turn = () => db.delete(db.addMany(rows));
  for (let i = 0; i < 10; i++) turn();
  const [before] = figures(db);
  for (let i = 0; i < 100; i++) turn();
  const [after] = figures(db);
  assert.ok(after <= before * 1.25, `${before} bytes, then ${after}`);
  assert.equal(db.size, 2000);
  db.close();
});

test('toBytes gives its buffer back', async () => {
  const db = await filled();
  for (let i = 0; i < 3; i++) db.toBytes();
  const before = figures(db);
  for (let i = 0; i < 300; i++) db.toBytes();
  assert.deepEqual(figures(db), before);
  db.close();
});
