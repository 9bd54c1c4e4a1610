/** What all indexes are built with, and what those have in common that answer one query a call. */

export const K = 10;
export const M = 16;
export const EF_CONSTRUCTION = 200;

/**
 * An index has `load(platform)`, which comes first; build(rows, data), set(ef), search(queries) -> flat ids (K a query),
 * one(query) -> K ids, memory(); and save(disk, path) -> bytes, close(), open(disk, path).
 */
export class OneByOne {
  search(queries, dimension) {
    const found = [];
    for (let start = 0; start < queries.length; start += dimension) {
      const ids = this.one(queries.subarray(start, start + dimension));
      for (let i = 0; i < K; i++) found.push(ids[i]);
    }
    return found;
  }
}
