// Deleted, (index, value) pairs could be lost or mixed up on their way into the module and out of it, and rows that share
// no index with a query could be missing from its hits.
import assert from 'node:assert/strict';
import { join } from 'node:path';
import test from 'node:test';

import { Database } from '../index.js';
import { newFolder } from './support.js';

const ROWS = [
  { indices: [1, 7, 90000], values: [1, 2, 4] },
  { indices: Uint32Array.of(7), values: Float32Array.of(3) },
  { indices: [], values: [] },
  { indices: [2, 90000], values: [5, -1] },
];

test('sparse rows are searched exactly, kept in a file and changed', async () => {
  const path = join(newFolder(), 'sparse.gv');
  let db = await Database.open(path, { dimension: 100000, index: 'sparse' });
  assert.equal(db.info().distance, 'dot');
  assert.deepEqual(db.addMany(ROWS, [{ lang: 'c' }, { lang: 'js' }, null, { lang: 'c' }]), [0, 1, 2, 3]);
  const query = { indices: [7, 90000], values: [1, 1] };
  const found = db.search(query, { k: 10, withVectors: true });
  assert.deepEqual(
    found.map(({ id, distance }) => [id, distance]),
    [[0, -6], [1, -3], [2, 0], [3, 1]],
  );
  assert.deepEqual(found[0].pairs, { indices: Uint32Array.of(1, 7, 90000), values: Float32Array.of(1, 2, 4) });
  assert.deepEqual(found[2].pairs, { indices: new Uint32Array(0), values: new Float32Array(0) });
  assert.deepEqual(db.search(query, { filter: "lang == 'c'" }).map((hit) => hit.id), [0, 3]);
  assert.equal(db.search(ROWS[0], { k: 1, distance: 'cosine' })[0].distance, 0);
  db.updateVector(2, { indices: [7], values: [100] });
  assert.equal(db.upsert({ indices: [7], values: [50] }, { id: 'a' }), 4);
  assert.deepEqual(db.upsertMany([{ indices: [7], values: [60] }], [{ id: 'a' }]), [4]);
  db.delete(0);
  db.close();
  db = await Database.open(path);
  assert.deepEqual(db.search(query).map(({ id, distance }) => [id, distance]), [[2, -100], [4, -60], [1, -3], [3, 1]]);
  assert.deepEqual(db.get(3).pairs, { indices: Uint32Array.of(2, 90000), values: Float32Array.of(5, -1) });
  assert.equal(db.get(3).vector, undefined);
  assert.equal(db.check().faults, 0);
  db.close();
});

test('what is no sparse row is refused in so many words, and nothing is changed', async () => {
  const db = await Database.open(null, { dimension: 10, index: 'sparse' });
  const refused = (call, says) => assert.throws(call, (error) => says.test(error.message));
  refused(() => db.add({ indices: [3, 3], values: [1, 1] }), /index 3 comes behind 3/);
  refused(() => db.add({ indices: [10], values: [1] }), /index 10 is not below the dimension, 10/);
  refused(() => db.add({ indices: [1], values: [1, 2] }), /has 1 indices, 2 values/);
  refused(() => db.add({ indices: [1.5], values: [1] }), /index 0 of sparse row 0 must be a whole number/);
  refused(() => db.add({ indices: [1], values: [NaN] }), /the value at index 1 is NaN/);
  refused(() => db.add({ indices: [1] }), /values of sparse row 0/);
  refused(() => db.addMany([{ indices: [1], values: [1] }, [1, 2]]), /sparse row 1/);
  refused(() => db.add(new Float32Array(10)), /a SPARSE database has no vectors/);
  refused(() => db.search(new Float32Array(10)), /a SPARSE database has no vectors/);
  assert.equal(db.size, 0);
  db.close();
  const dense = await Database.open(null, { dimension: 10, index: 'flat' });
  refused(() => dense.add({ indices: [1], values: [1] }), /its index is not SPARSE|gigavector.all.wasm/);
  dense.close();
  await assert.rejects(Database.open(null, { dimension: 10, index: 'sparse', distance: 'euclidean' }), /SPARSE knows/);
});
