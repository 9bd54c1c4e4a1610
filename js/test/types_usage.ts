// A TypeScript user's program: types.test.js compiles it, nothing runs it. A line after @ts-expect-error must not compile.
import { Database, GigaVectorError, type CheckReport, type Group, type Hit, type Hits, type PageRow, type Row, type SparseInput, type Stats } from 'gigavector';

export async function use(): Promise<number> {
  using db = await Database.open('file.gv', {
    dimension: 3,
    index: 'hnsw',
    distance: 'cosine',
    hnsw: { M: 16, efConstruction: 200, efSearch: 50 },
    durability: 'commit',
    readOnly: false,
    seed: 7n,
    kernels: 'wasm128',
    lock: true,
    checkpointOnClose: true,
    wasm: new URL('file:///gigavector.wasm'),
  });
  const id: number = db.add(Float32Array.of(1, 2, 3), { key: 'value' });
  const ids: number[] = db.addMany([[1, 2, 3], new Float64Array(3)], [null, new Map([['a', 'b']])]);
  const hits: Hit[] = db.search([1, 2, 3], { k: 5, filter: { key: 'value' }, distance: 'dot', withVectors: true });
  const many: Hits = db.searchMany(new Float32Array(6), { k: 2, filter: ['key', 'value'], efSearch: 100 });
  const matches: number = db.countMatching('year >= 1990') + db.search([1, 2, 3], { filter: 'EXISTS year' }).length;
  db.checkFilter('year >= 1990');
  const row: Row = db.get(id);
  const report: CheckReport = db.check();
  db.delete(ids);
  const written: number = db.upsert([1, 2, 3], { id: 'a' }) + db.upsertMany([[1, 2, 3]], [{ key: 'b' }], { key: 'key' })[0]!;
  const gone: number = db.deleteMatching({ key: 'b' });
  const { hits: near, total } = db.rangeSearch([1, 2, 3], 0.5, { maxResults: 10, filter: ['key', 'b'] });
  const groups: Group[] = db.searchGroups([1, 2, 3], 'key', { k: 3, groupSize: 2, withVectors: true });
  const pairs: SparseInput = { indices: Uint32Array.of(1), values: [0.5] };
  const sparse = [db.rangeSearch(pairs, -1).hits, db.searchGroups(pairs, 'key')[0]!.hits, db.searchMany([pairs]), db.explain(pairs)];
  const page: PageRow[] = db.scroll({ after: 7, limit: 10, withMetadata: false });
  const like: Hit[] = db.searchById(id, { k: 5, offset: 10 });
  const stats: Stats = db.stats();
  db.updateVector(id, row.vector);
  db.updateMetadata(id, null);
  db.indexMetadata(['key', 'id']);
  const keys: string[] = db.indexedKeys;
  db.setResourceLimits({ maxVectors: 10 });
  db.save(new URL('file:///copy.gv'));
  const copy = await Database.fromBytes(db.toBytes(), { dimension: 3 });
  copy.close();

  // @ts-expect-error: metadata values are strings
  db.add([1, 2, 3], { year: 1999 });
  // @ts-expect-error: no such option
  db.search([1, 2, 3], { top: 5 });
  // @ts-expect-error: no such metric
  await Database.open(null, { dimension: 3, distance: 'hamming' });
  // @ts-expect-error: made by open()
  new Database();
  // @ts-expect-error: a list of keys, not one
  db.indexMetadata('key');
  // @ts-expect-error: size is read only
  db.size = 5;

  try {
    db.flush();
  } catch (error) {
    if (error instanceof GigaVectorError && error.name === 'GV_ERR_IO') return error.code;
  }
  const more = keys.length + written + gone + near.length + total + groups.length + page.length + like.length + sparse.length + stats.searches;
  return more + (hits[0]?.distance ?? 0) + many.k + report.rows + db.size + db.dimension;
}
