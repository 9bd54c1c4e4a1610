/**
 * Joins the results of several searches for one thing, such as those of a `sparse` database by words and of another by meaning.
 * A small module of its own: it needs no database and loads none.
 */

/** What a row has over all rankings. */
export interface FusedHit {
  id: number;
  /** Larger is better. */
  score: number;
}

export interface FusionOptions {
  /** What is added to each rank: the larger, the less the first ranks count. A number from 0. Default 60. */
  k?: number;
}

/**
 * The rows of all rankings, best first: a row's score is the sum of 1 / (k + rank) over the rankings that have it, ranks from 1
 * (Cormack, Clarke & Buettcher, SIGIR 2009); equal scores are in order of ids. The same numbers as `reciprocal_rank_fusion` of
 * Python gives.
 *
 * A ranking is the hits of a search (`search`, `searchById`, `rangeSearch(...).hits`, of any entry of this package) or ids, best first. The
 * databases must give one thing the same id, as they do when rows are added to both in the same order.
 *
 * Throws an error with the `name` `'GV_ERR_ARGUMENT'`: what is given is no list of rankings, an id is not a whole number from 0, or
 * `k` is negative or not finite.
 */
export function reciprocalRankFusion(
  rankings: Iterable<Iterable<number | { readonly id: number }>>,
  options?: FusionOptions,
): FusedHit[];
