/* Index kdtree beside flat: the same hits to the bit, before and after changes, and from a file. */
import assert from 'node:assert/strict';
import { join } from 'node:path';
import test from 'node:test';

import { Database } from '../index.js';
import { newFolder } from './support.js';

let seed = 5;
const next = () => (seed = (seed * 48271) % 2147483647) / 2147483647;
const floats = (count) => Float32Array.from({ length: count }, () => next() - 0.5);
const pairs = (hits) => hits.map(({ id, distance }) => [id, distance]);

function same(tree, flat) {
  for (let i = 0; i < 20; i++) {
    const query = floats(3);
    assert.deepEqual(pairs(tree.search(query, { k: 10 })), pairs(flat.search(query, { k: 10 })));
    const filter = 'part == 2';
    assert.deepEqual(pairs(tree.search(query, { k: 10, filter })), pairs(flat.search(query, { k: 10, filter })));
  }
}

for (const distance of ['euclidean', 'cosine', 'dot', 'manhattan']) {
  test(`a k-d tree answers as a scan does: ${distance}`, async () => {
    const path = join(newFolder(), 'tree.gv');
    let tree = await Database.open(path, { dimension: 3, index: 'kdtree', distance });
    const flat = await Database.open(null, { dimension: 3, index: 'flat', distance });
    const rows = floats(3 * 4000);
    const metadata = Array.from({ length: 4000 }, (_, i) => ({ part: String(i % 4) }));
    for (const db of [tree, flat]) db.addMany(rows, metadata);
    same(tree, flat);
    for (const db of [tree, flat]) for (let id = 0; id < 200; id += 2) db.delete(id);
    same(tree, flat);
    tree.close();
    tree = await Database.open(path);
    same(tree, flat);
    tree.close();
    flat.close();
  });
}
