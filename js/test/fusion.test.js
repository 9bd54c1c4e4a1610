// Deleted, rankings could be joined otherwise than Python joins them, and what is no ranking could count as one.
import assert from 'node:assert/strict';
import test from 'node:test';

import { reciprocalRankFusion } from '../fusion.js';
import { Database, GigaVectorError } from '../index.js';

const pairsOf = (found) => found.map(({ id, score }) => [id, score]);

test('scores are those of reciprocal_rank_fusion, to the bit', () => {
  // the expectations of test_ranks_are_joined in python/tests/test_sparse.py
  assert.deepEqual(pairsOf(reciprocalRankFusion([[1, 2, 3], [3, 1]])), [[1, 1 / 61 + 1 / 62], [3, 1 / 63 + 1 / 61], [2, 1 / 62]]);
  assert.deepEqual(pairsOf(reciprocalRankFusion([[5], [4]], { k: 0 })), [[4, 1], [5, 1]]);
  assert.deepEqual(reciprocalRankFusion([]), []);
  assert.deepEqual(reciprocalRankFusion([[], new Set()]), []);
  assert.deepEqual(pairsOf(reciprocalRankFusion(new Set([Float64Array.of(2 ** 40), [{ id: 0 }]]), { k: 0.5 })), [[0, 1 / 1.5], [2 ** 40, 1 / 1.5]]);
  assert.deepEqual(pairsOf(reciprocalRankFusion([[7, 7]])), [[7, 1 / 61 + 1 / 62]]);
});

test('hits of a search by words and of one by meaning are joined', async () => {
  const words = await Database.open(null, { dimension: 100, index: 'sparse' });
  const meaning = await Database.open(null, { dimension: 2, index: 'flat' });
  words.addMany([{ indices: [1], values: [1] }, { indices: [2], values: [1] }, { indices: [1, 2], values: [1, 1] }]);
  meaning.addMany([[1, 0], [0, 1], [1, 1]]);
  const rankings = [words.search({ indices: [1, 2], values: [1, 2] }), meaning.search([0, 1])];
  assert.deepEqual(rankings.map((hits) => hits.map(({ id }) => id)), [[2, 1, 0], [1, 2, 0]]);
  assert.deepEqual(pairsOf(reciprocalRankFusion(rankings)), [[1, 1 / 62 + 1 / 61], [2, 1 / 61 + 1 / 62], [0, 1 / 63 + 1 / 63]]);
  words.close();
  meaning.close();
});

test('what is no ranking is refused in so many words', () => {
  const refused = (call, says) =>
    assert.throws(call, (error) => error instanceof GigaVectorError && error.name === 'GV_ERR_ARGUMENT' && says.test(error.message));
  refused(() => reciprocalRankFusion(), /rankings must be an array of rankings, got undefined/);
  refused(() => reciprocalRankFusion([1, 2]), /ranking 0 must be an array of hits or ids, got 1/);
  refused(() => reciprocalRankFusion([[1], { id: 1 }]), /ranking 1 must be an array of hits or ids, got Object/);
  refused(() => reciprocalRankFusion(['12']), /ranking 0/);
  refused(() => reciprocalRankFusion([[-1]]), /an id must be a whole number from 0, got -1/); // of searchMany: no hit
  refused(() => reciprocalRankFusion([[{ distance: 1 }]]), /an id must be a whole number/);
  refused(() => reciprocalRankFusion([[null]]), /an id must be a whole number from 0, got null/);
  refused(() => reciprocalRankFusion([[1]], { k: -1 }), /k must be a number from 0, got -1/);
  refused(() => reciprocalRankFusion([[1]], { k: NaN }), /k must be a number from 0, got NaN/);
  refused(() => reciprocalRankFusion([[1]], { k: '60' }), /k must be a number from 0, got "60"/);
  refused(() => reciprocalRankFusion([[1]], { K: 60 }), /has no option "K"/);
  refused(() => reciprocalRankFusion([[1]], null), /must be an object/);
});
