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

/** Rows and queries that share some indices, from a generator of integers. */
function drawn() {
  let state = 7;
  const draw = (below) => {
    state = (Math.imul(state, 1103515245) + 12345) >>> 0;
    return (state >>> 8) % below;
  };
  return () => {
    const indices = [...new Set(Array.from({ length: draw(9) }, () => draw(draw(2) ? 12 : 400)))].sort((a, b) => a - b);
    return { indices, values: indices.map(() => (draw(64) - 20) / 8) }; // products and sums are exact
  };
}

const nearer = (a, b) => a.distance - b.distance || a.id - b.id;

function product(a, b) {
  return a.indices.reduce((sum, index, i) => sum + a.values[i] * (b.values[b.indices.indexOf(index)] ?? 0), 0);
}

test('all within a radius, groups, batches and pages of sparse rows are those of a plain loop', async () => {
  const row = drawn();
  const rows = Array.from({ length: 300 }, row);
  const db = await Database.open(null, { dimension: 400, index: 'sparse' });
  db.addMany(rows, rows.map((_, i) => ({ part: `p${i % 7}`, odd: String(i % 2) })));
  const plain = (query, among = () => true) =>
    rows.map((each, id) => ({ id, distance: 0 - product(query, each) })).filter(({ id }) => among(id)).sort(nearer);
  const thin = (hits) => hits.map(({ id, distance }) => ({ id, distance }));
  const queries = Array.from({ length: 20 }, row);
  for (const query of queries) {
    const every = plain(query);
    for (const radius of [every[12].distance, every[0].distance, 0, -Infinity, Infinity]) {
      const within = every.filter(({ distance }) => distance <= radius);
      const found = db.rangeSearch(query, radius, { maxResults: 9 });
      assert.deepEqual([thin(found.hits), found.total], [within.slice(0, 9), within.length]);
    }
    const odd = plain(query, (id) => id % 2 === 1);
    const some = db.rangeSearch(query, odd[5].distance, { filter: 'odd == 1' });
    assert.deepEqual(thin(some.hits), odd.filter(({ distance }) => distance <= odd[5].distance));

    const groups = [...new Set(every.map(({ id }) => `p${id % 7}`))].slice(0, 3);
    assert.deepEqual(
      db.searchGroups(query, 'part', { k: 3, groupSize: 30 }).map(({ value, hits }) => [value, thin(hits)]),
      groups.map((value) => [value, every.filter(({ id }) => `p${id % 7}` === value).slice(0, 30)]),
    );
    const said = db.explain(query, { k: 5, filter: 'odd == 0' });
    assert.deepEqual(said, { way: 'index', rows: 300, matches: 150, hits: 5 });
  }
  assert.equal(db.explain(queries[0], { distance: 'cosine' }).way, 'other metric');

  const { k, ids, distances, counts } = db.searchMany(queries, { k: 8, offset: 1 });
  queries.forEach((query, i) => {
    const of = Array.from({ length: counts[i] }, (_, j) => ({ id: ids[i * k + j], distance: distances[i * k + j] }));
    assert.deepEqual(of, plain(query).slice(1, 9));
  });
  const filters = queries.map((_, i) => (i % 3 ? `odd == ${i % 2}` : null));
  const many = db.searchMany(queries, { k: 1, filters });
  const first = (query, i) => plain(query, (id) => i % 3 === 0 || id % 2 === i % 2)[0].id;
  assert.deepEqual([...many.ids], queries.map(first));
  assert.equal(db.searchMany([]).counts.length, 0);
  assert.deepEqual(db.addMany([]), []);

  const near = db.searchById(5, { k: 4, withVectors: true });
  assert.deepEqual(thin(near), plain(rows[5], (id) => id !== 5).slice(0, 4));
  assert.deepEqual([...near[0].pairs.indices], rows[near[0].id].indices);
  const seen = [];
  for (let page = db.scroll({ limit: 70, filter: 'odd == 1' }); page.length > 0; ) {
    for (const { id, pairs } of page) seen.push([id, [...pairs.indices]]);
    page = db.scroll({ after: page.at(-1).id, limit: 70, filter: 'odd == 1' });
  }
  assert.deepEqual(seen, rows.map(({ indices }, id) => [id, indices]).filter(([id]) => id % 2 === 1));
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
  refused(() => db.rangeSearch({ indices: [3, 1], values: [1, 1] }, 1), /index 1 comes behind 3/);
  refused(() => db.rangeSearch({ indices: [3], values: [1] }, NaN), /radius is NaN/);
  refused(() => db.rangeSearch(new Float32Array(10), 1), /a SPARSE database has no vectors/);
  refused(() => db.searchGroups({ indices: [10], values: [1] }, 'key'), /index 10 is not below/);
  refused(() => db.explain({ indices: [1], values: [1] }, { distance: 'manhattan' }), /SPARSE knows/);
  refused(() => db.searchMany([{ indices: [1], values: [1] }, { indices: [1], values: [Infinity] }]), /sparse row 1: the value/);
  refused(() => db.searchMany([{ indices: [1], values: [1] }, [1, 2]]), /sparse row 1/);
  refused(() => db.searchMany([{ indices: [1], values: [1] }], { filters: [null, null] }), /filters must be an array of 1/);
  assert.equal(db.size, 0);
  db.close();
  const small = new URL('../gigavector.wasm', import.meta.url);
  for (const [wasm, why] of [[undefined, /its index is not SPARSE/], [small, /sparse rows need gigavector.all.wasm/]]) {
    const dense = await Database.open(null, { dimension: 10, index: 'flat', wasm });
    refused(() => dense.add({ indices: [1], values: [1] }), why);
    for (const call of ['search', 'explain', 'rangeSearch', 'searchGroups', 'searchMany']) {
      const query = { indices: [1], values: [1] };
      const [given, ...rest] = { rangeSearch: [query, 1], searchGroups: [query, 'key'], searchMany: [[query]] }[call] ?? [query];
      refused(() => dense[call](given, ...rest), why);
    }
    dense.close();
  }
  await assert.rejects(Database.open(null, { dimension: 10, index: 'sparse', distance: 'euclidean' }), /SPARSE knows/);
});
