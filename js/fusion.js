/** Rankings joined by their ranks: an entry of its own, so that pages that do without it do not load it. */
import { argumentError } from './error.js';
import { checkedId, checkOptions } from './input.js';
import { describe } from './metadata.js';

const isIterable = (value) => typeof value === 'object' && typeof value?.[Symbol.iterator] === 'function';

export function reciprocalRankFusion(rankings, options = {}) {
  checkOptions(options, ['k'], 'reciprocalRankFusion');
  const { k = 60 } = options;
  if (!(Number.isFinite(k) && k >= 0)) throw argumentError(`k must be a number from 0, got ${describe(k)}`);
  if (!isIterable(rankings)) throw argumentError(`rankings must be an array of rankings, got ${describe(rankings)}`);
  const scores = new Map();
  for (const [i, ranking] of [...rankings].entries()) {
    if (!isIterable(ranking)) throw argumentError(`ranking ${i} must be an array of hits or ids, got ${describe(ranking)}`);
    let rank = 0;
    for (const hit of ranking) {
      const id = checkedId(typeof hit === 'object' && hit !== null ? hit.id : hit);
      scores.set(id, (scores.get(id) ?? 0) + 1 / (k + ++rank));
    }
  }
  const found = Array.from(scores, ([id, score]) => ({ id, score }));
  return found.sort((a, b) => b.score - a.score || a.id - b.id);
}
