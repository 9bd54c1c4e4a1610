// Deleted, options of inverted lists could be lost on their way into the module, and nothing would show that they are
// trained, kept in files and searched from JavaScript.
import assert from 'node:assert/strict';
import { join } from 'node:path';
import test from 'node:test';

import { Database } from '../index.js';
import { newFolder } from './support.js';

const DIMENSION = 24;

/** Rows around one of 30 centres: the same for the same seed. */
function rowsOf(count, seed) {
  let x = seed;
  const next = () => (x = (Math.imul(x, 1664525) + 1013904223) >>> 0) / 2 ** 32;
  return Array.from({ length: count }, () => {
    const centre = Math.floor(next() * 30);
    return Float32Array.from({ length: DIMENSION }, (_, i) => Math.sin(centre * 97 + i * 31) + 0.5 * next());
  });
}

const IVFPQ = { nlist: 25, m: 12, nbits: 4, nprobe: 5, defaultRerank: 40 };
const ALL = { nprobe: 65536, rerank: 2 ** 20 };

function recallOf(db, queries, how) {
  let found = 0;
  for (const query of queries) {
    const exact = new Set(db.search(query, { k: 10, ...ALL }).map((hit) => hit.id));
    found += db.search(query, { k: 10, ...how }).filter((hit) => exact.has(hit.id)).length;
  }
  return found / queries.length / 10;
}

test('rows are found before training and after, from memory and from a file', async () => {
  const path = join(newFolder(), 'lists.gv');
  const [rows, queries] = [rowsOf(2500, 1), rowsOf(20, 2)];
  let db = await Database.open(path, { dimension: DIMENSION, index: 'ivfpq', ivfpq: IVFPQ, durability: 'os', lock: false });
  db.setExactSearchThreshold(0);
  db.addMany(rows.slice(0, 1500));
  assert.equal(db.info().trained, false);
  assert.equal(db.search(rows[3], { k: 1 })[0].id, 3);
  db.trainIvfpq(rows);
  assert.equal(db.info().trained, true);
  db.addMany(rows.slice(1500));
  db.delete([3, 4, 5]);
  assert.notEqual(db.search(rows[3], { k: 1, ...ALL })[0].id, 3);
  assert.ok(recallOf(db, queries) > 0.8);
  assert.ok(recallOf(db, queries, { nprobe: 1, rerank: 10 }) < recallOf(db, queries, { nprobe: 25, rerank: 300 }));
  const before = queries.map((query) => db.search(query, { k: 10 }));
  assert.equal(db.check().faults, 0);
  db.close();

  db = await Database.open(path, { ivfpq: { ...IVFPQ, nprobe: 1 }, lock: false });
  db.setExactSearchThreshold(0);
  assert.deepEqual(queries.map((query) => db.search(query, { k: 10, nprobe: 5 })), before);
  const many = db.searchMany(queries, { k: 10, nprobe: 5 });
  assert.deepEqual([...many.ids.slice(0, 10)], before[0].map((hit) => hit.id));
  db.trainIvfpq();
  assert.equal(db.check().faults, 0);
  db.close();
});

test('training by itself, equal rows, and what is refused', async () => {
  const db = await Database.open(null, { dimension: DIMENSION, index: 'ivfpq', ivfpq: { ...IVFPQ, autoTrain: 256, rotate: true } });
  assert.throws(() => db.trainIvfpq(), { name: 'GV_ERR_ARGUMENT', message: /no rows/ });
  const ten = rowsOf(10, 1);
  db.addMany(Array.from({ length: 256 }, (_, i) => ten[i % 10]));
  assert.equal(db.info().trained, true);
  assert.deepEqual(db.search(ten[2], { k: 3 }).map((hit) => hit.id), [2, 12, 22]);
  assert.throws(() => db.trainIvfpq([[1, 2, 3]]), { name: 'GV_ERR_ARGUMENT' });
  db.close();
  const other = await Database.open(null, { dimension: 3 });
  assert.throws(() => other.trainIvfpq([[1, 2, 3]]), { name: 'GV_ERR_ARGUMENT', message: /not IVFPQ/ });
  other.close();
});

test('without their vectors rows are what their codes stand for', async () => {
  const path = join(newFolder(), 'codes.gv');
  const [rows, queries] = [rowsOf(2500, 1), rowsOf(20, 2)];
  const ivfpq = { ...IVFPQ, keepVectors: false };
  let db = await Database.open(path, { dimension: DIMENSION, index: 'ivfpq', ivfpq, durability: 'os', lock: false });
  db.addMany(rows.slice(0, 2000));
  const before = db.memoryUsage();
  assert.deepEqual(db.get(7).vector, rows[7]);
  db.trainIvfpq();
  assert.ok(db.memoryUsage() < before && db.info().vectorsDropped);
  db.addMany(rows.slice(2000));
  db.delete([3, 4, 5]);
  assert.throws(() => db.trainIvfpq(), { name: 'GV_ERR_UNSUPPORTED', message: /these 2497 rows are dropped/ });
  const kept = db.scroll({ limit: 3000 });
  assert.notDeepEqual(kept[0].vector, rows[0]);
  const flat = await Database.open(null, { dimension: DIMENSION, index: 'flat' });
  flat.addMany(kept.map((row) => row.vector));
  for (const query of queries) {
    const exact = flat.search(query, { k: 10 }).map(({ id, distance }) => ({ id: kept[id].id, distance }));
    assert.deepEqual(db.search(query, { k: 10, withMetadata: false, ...ALL }).map(({ id, distance }) => ({ id, distance })), exact);
  }
  flat.close();
  assert.equal(db.check().faults, 0);
  db.close();

  await assert.rejects(Database.open(path, { ivfpq: IVFPQ, lock: false }), { message: /kept asked for, by the file they are dropped/ });
  db = await Database.open(path, { ivfpq, lock: false });
  assert.deepEqual(db.scroll({ limit: 3000 }), kept);
  db.compact();
  db.convert({ index: 'flat' });
  assert.deepEqual(db.scroll({ limit: 3000 }), kept);
  db.close();
  await assert.rejects(Database.open(null, { dimension: 4, index: 'ivfpq', ivfpq: { keepVectors: 0 } }), /keepVectors must be true or false/);
});
