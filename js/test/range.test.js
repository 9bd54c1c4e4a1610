/* rangeSearch beside search of all rows: everything within the radius and nothing else. */
import assert from 'node:assert/strict';
import test from 'node:test';

import { Database } from '../index.js';

const pairs = (hits) => hits.map(({ id, distance }) => [id, distance]);

async function filled(index) {
  const db = await Database.open(null, { dimension: 8, index });
  let seed = 1;
  const next = () => (seed = (seed * 48271) % 2147483647) / 2147483647;
  const rows = Float32Array.from({ length: 600 * 8 }, () => next() - 0.5);
  db.addMany(
    rows,
    Array.from({ length: 600 }, (_, i) => ({ part: String(i % 4) })),
  );
  db.delete(7);
  return db;
}

for (const index of ['flat', 'hnsw']) {
  test(`all rows within a distance, and no other: ${index}`, async () => {
    const db = await filled(index);
    const query = db.get(42).vector;
    for (const distance of ['euclidean', 'cosine', 'dot', 'manhattan']) {
      const ranked = pairs(db.search(query, { k: 600, distance }));
      for (const at of [0, 30, 598]) {
        const radius = ranked[at][1];
        const within = ranked.filter((pair) => pair[1] <= radius);
        assert.deepEqual(pairs(db.rangeSearch(query, radius, { distance }).hits), within);
      }
      assert.deepEqual(pairs(db.rangeSearch(query, Infinity, { distance, maxResults: 9 }).hits), ranked.slice(0, 9));
    }
    const { hits: some, total } = db.rangeSearch(query, Infinity, { filter: 'part == 2 OR part == 3', withVectors: true });
    assert.deepEqual([some.length, total], [299, 299]); // row 7 was one of them
    assert.ok(some.every(({ metadata, vector }) => metadata.part >= '2' && vector.length === 8));
    db.close();
  });
}

test('what rangeSearch refuses', async () => {
  const db = await filled('flat');
  const query = new Float32Array(8);
  assert.throws(() => db.rangeSearch(query, NaN), { name: 'GV_ERR_ARGUMENT', message: 'radius is NaN' });
  assert.throws(() => db.rangeSearch(query, '1'), /radius must be a number, got "1"/);
  assert.throws(() => db.rangeSearch(query), /radius must be a number, got undefined/);
  assert.throws(() => db.rangeSearch(query, 1, { maxResults: 0 }), /max_results is 0/);
  assert.throws(() => db.rangeSearch(query, 1, { k: 3 }), /rangeSearch has no option "k"/);
  assert.throws(() => db.rangeSearch(query, 1, { filter: 'part =' }), { name: 'GV_ERR_BAD_FILTER' });
  db.close();
});
