/**
 * GigaVector: an embedded vector database in WebAssembly, over a real file in Node and in memory in a page.
 *
 * True of everything here unless its own comment says otherwise:
 * - vectors are float32. A `Float32Array` goes in as it is; other arrays of numbers are converted. What comes out is a
 *   copy of your own, which later calls do not touch;
 * - ids are Numbers, given by insertion order from 0, never reused, stable over delete, update and reopen;
 * - distances are smaller for what is nearer, in the unit of their metric (see {@link Distance});
 * - every failure throws a {@link GigaVectorError}, and a call that threw changed nothing;
 * - all calls but `open` and `fromBytes` are synchronous.
 */

/** How rows are found: by a layered proximity graph, or by an exact scan of all rows. */
export type Index = 'hnsw' | 'ivfpq' | 'flat' | 'kdtree' | 'sparse';

/**
 * - `euclidean`: the square root of the sum of squared differences
 * - `cosine`: 1 - cos, from 0 to 2; a zero vector has distance 1 to everything
 * - `dot`: the negated dot product
 * - `manhattan`: the sum of absolute differences
 */
export type Distance = 'euclidean' | 'cosine' | 'dot' | 'manhattan';

/** What a component of a vector is kept as. */
export type Storage = 'f32' | 'f16' | 'int8';

/**
 * When a write is safe.
 * - `commit`: synced to the disk when the call returns
 * - `os`: handed to the system: survives the process, not the power
 * - `none`: for bulk loads: nothing is promised before `flush()`, `save()` or `close()`
 */
export type Durability = 'commit' | 'os' | 'none';

/** A vector: `dimension` numbers, each finite. */
export type VectorInput = Float32Array | Float64Array | ReadonlyArray<number> | IntegerArray;

/** Many vectors: row after row in one flat array, or an array of vectors. */
export type RowsInput = VectorInput | ReadonlyArray<VectorInput>;

/** A row of a `sparse` database: indices below the dimension, ascending, each once; and a value for each. */
export interface SparseInput {
  indices: ReadonlyArray<number> | Uint32Array;
  values: VectorInput;
}

/** The same as it comes out. */
export interface SparseVector {
  indices: Uint32Array;
  values: Float32Array;
}

export type IntegerArray =
  | Int8Array
  | Uint8Array
  | Uint8ClampedArray
  | Int16Array
  | Uint16Array
  | Int32Array
  | Uint32Array;

/**
 * Metadata of one row: strings by string, without NUL. Pairs keep their order; of an object's keys JavaScript itself
 * moves those like "7" to the front, which a Map or pairs avoid.
 */
export type MetadataInput =
  | Readonly<Record<string, string>>
  | ReadonlyMap<string, string>
  | ReadonlyArray<readonly [string, string]>;

export type Metadata = Record<string, string>;

/**
 * Only rows for which this expression holds, such as `'lang == "de" AND year >= 1990'` (docs/filters.md), or whose metadata
 * has exactly this pair: one key and its value.
 */
export type Filter = string | Readonly<Record<string, string>> | readonly [key: string, value: string];

/**
 * Of the graph. What is left out is at the default named here. `M` and `efConstruction` must be those of an existing
 * file (leave `hnsw` out to take them from it).
 */
export interface HnswOptions {
  /** Links a node above the base layer, 2 to 64; the base layer has twice as many. Default 16. */
  M?: number;
  /** Candidates kept while inserting, 1 to 4096. Default 200. */
  efConstruction?: number;
  /** Candidates kept while searching, 1 to 65536. Default 50. May differ from the file's. */
  efSearch?: number;
}

/**
 * Of inverted lists of product codes (`index: 'ivfpq'`). What is left out is at the default named here. All but `nprobe` and
 * `defaultRerank` must be those of an existing file (leave `ivfpq` out to take them from it).
 */
export interface IvfpqOptions {
  /** Lists, 1 to 65536; about the root of the number of rows is a good one. Default 64. */
  nlist?: number;
  /** Sub-codes a row, 1 to 1024; at most the dimension are used. Default 8. */
  m?: number;
  /**
   * Bits a sub-code, 4 to 8. With 4 a code takes m / 2 bytes, and searches compare 32 rows at a time; with more it takes m
   * bytes. Default 8.
   */
  nbits?: number;
  /** Lists that a search visits; more where a filter leaves too few rows. Default 4. May differ from the file's. */
  nprobe?: number;
  /** Rounds of k-means. Default 15. */
  trainIters?: number;
  /** Candidates that a search measures by full vectors, at least k. Default 32. May differ from the file's. */
  defaultRerank?: number;
  /** Make codes of rows turned by a random rotation, which evens out their components. Default false. */
  rotate?: boolean;
  /** Training looks at no more rows than these. Default 0: 128 a list, at least 16384. */
  trainRows?: number;
  /** The add that brings the rows to this number trains the index on them. Default 0: never. */
  autoTrain?: number;
  /**
   * False: training drops the vectors, in memory and in the file. Rows are from then on what their codes stand for, and later ones are
   * rounded to that when they are written; all is exact for what is kept. Not for `'manhattan'`, nor with a storage but `'f32'`.
   * Default true.
   */
  keepVectors?: boolean;
}

export interface OpenOptions {
  /** Components a vector, 1 to 65535. Needed for a new database; an existing file's own if left out. */
  dimension?: number;
  /** Default: the file's; `'hnsw'` for a new database. */
  index?: Index;
  /** Default: the file's; `'euclidean'` for a new database. */
  distance?: Distance;
  /** Default: the file's; the values named in {@link HnswOptions} for a new database. */
  hnsw?: HnswOptions;
  /** Default: the file's; the values named in {@link IvfpqOptions} for a new database. */
  ivfpq?: IvfpqOptions;
  /** Default `'commit'`. */
  durability?: Durability;
  /** No lock and no writes: the file as it was when opened, until `refresh()`. Default false. */
  readOnly?: boolean;
  /**
   * What a component of a vector is kept as, in memory and in the file: `'f32'`, as given; `'f16'`, 2 bytes; `'int8'`, 1 byte, in
   * steps of 1/127 of the vector's largest component. Vectors are rounded once, when they are written, and all is exact for what is
   * kept. For `'hnsw'`, `'flat'` and `'ivfpq'`. All but `'f32'` take gigavector.all.wasm, which `open` turns to by itself. Default: the file's; `'f32'` for a new database.
   */
  storage?: Storage;
  /** Of the graph's random layers, 0 to 2^64 - 1. Default, and 0: the file's, or the library's constant. */
  seed?: number | bigint;
  /** Force these distance kernels; all give the same bits. Default: the fastest that the engine runs. */
  kernels?: 'wasm128-relaxed' | 'wasm128' | 'scalar';
  /** Pack the log into the image on `close()`. Default true. */
  checkpointOnClose?: boolean;
  /**
   * Keep other writers out while this one is open. Default true, which needs the program `flock` (util-linux).
   * With false, a writer in another process is not noticed, and two of them destroy the file.
   */
  lock?: boolean;
  /** {@link WasmSource} of the module. Default: of the files beside this package's code the one that fits. */
  wasm?: WasmSource;
}

/** A compiled module, its bytes, a Response with them, or where to read it: a URL, or in Node a path. */
export type WasmSource = WebAssembly.Module | ArrayBuffer | ArrayBufferView | Response | URL | string;

export interface ResponseOptions extends Pick<OpenOptions, 'dimension' | 'index' | 'wasm'> {
  /** End the download: the call rejects with the signal's reason. */
  signal?: AbortSignal;
  /** Bytes so far, of all; `total` is undefined where the server does not say. */
  onProgress?: (received: number, total: number | undefined) => void;
}

export interface SearchManyOptions {
  /** How many hits, from 1. Default 10. Larger than the number of rows is all rows. */
  k?: number;
  /** Default: the index's own. Another metric is answered exactly, by a scan. */
  distance?: Distance;
  /** Default: all rows. */
  filter?: Filter;
  /** Candidates kept in the graph, at least `k` are. Default: the database's. */
  efSearch?: number;
  /** IVFPQ: lists visited. Default: the database's. */
  nprobe?: number;
  /** IVFPQ: candidates measured by full vectors, at least `k` are. Default: the database's. */
  rerank?: number;
  /** Leave out so many of the nearest: a later page, at the cost of a search for `k + offset`. Default 0. */
  offset?: number;
  /** In place of `filter`, an expression for each query, or null for all rows. */
  filters?: ReadonlyArray<string | null>;
}

export interface RangeSearchOptions extends Omit<SearchOptions, 'k' | 'efSearch' | 'nprobe' | 'rerank' | 'offset'> {
  /** Hits at most, the nearest: from 1. Default 1000. */
  maxResults?: number;
}

export interface SearchOptions extends Omit<SearchManyOptions, 'filters'> {
  /** Give each hit its `vector`. Default false. */
  withVectors?: boolean;
  /** Give each hit its `metadata`. Default true. */
  withMetadata?: boolean;
}

export interface GroupOptions extends Omit<SearchOptions, 'withMetadata' | 'offset'> {
  /** Rows of each group, from 1. Default 1. */
  groupSize?: number;
}

export interface ScrollOptions {
  /** The last id of the page before. Default: from the first row. */
  after?: number;
  /** Rows, from 1. Default 100. */
  limit?: number;
  /** Default: all rows. */
  filter?: Filter;
  /** Give each row its `vector`. Default true. */
  withVectors?: boolean;
  /** Give each row its `metadata`. Default true. */
  withMetadata?: boolean;
}

/** What is written by the value of one key. */
export interface UpsertOptions {
  /** The metadata key that says which row it is. Default `'id'`. */
  key?: string;
}

export interface RangeHits {
  hits: Hit[];
  /** Rows within the radius: more than `hits` if these are the nearest `maxResults` of them. */
  total: number;
}

/** The nearest rows with one value of a metadata key. */
export interface Group {
  value: string;
  hits: Hit[];
}

export interface Hit {
  id: number;
  /** Smaller is nearer. */
  distance: number;
  /** Only with `withVectors`. */
  vector?: Float32Array;
  /** In its place where the index is `sparse`. */
  pairs?: SparseVector;
  /** Unless `withMetadata` is false; `{}` for none. */
  metadata?: Metadata;
}

/** The hits of n queries: those of query i are `counts[i]` entries from `i * k`. */
export interface Hits {
  /** Entries a query: the `k` asked for, or the number of rows if that is smaller (1 if there are none). */
  k: number;
  /** [n, k] ids; -1 where there was no further hit. */
  ids: Float64Array;
  /** [n, k] distances; Infinity where there was no further hit. */
  distances: Float32Array;
  /** [n] numbers of hits. */
  counts: Uint32Array;
}

export interface Row {
  id: number;
  vector: Float32Array;
  /** In its place where the index is `sparse`. */
  pairs?: SparseVector;
  metadata: Metadata;
}

/** A row of a page. */
export interface PageRow {
  id: number;
  /** Unless `withVectors` is false. */
  vector?: Float32Array;
  /** In its place where the index is `sparse`. */
  pairs?: SparseVector;
  /** Unless `withMetadata` is false; `{}` for none. */
  metadata?: Metadata;
}

export interface Info {
  index: Index;
  distance: Distance;
  storage: Storage;
  dimension: number;
  /** Live rows. */
  size: number;
  /** The id of the next row added. */
  nextId: number;
  readOnly: boolean;
  /** Name of the distance kernels in use. */
  kernels: string;
  /** IVFPQ: searches go by what it has learned; true for any other index. */
  trained: boolean;
  /** Training has dropped them, for `keepVectors: false`: rows are what their codes stand for. */
  vectorsDropped: boolean;
  seed: bigint;
  /** Checkpoints this file has seen; 0 without a file. */
  generation: number;
  /** Size of the file's packed image. */
  imageBytes: number;
  /** Size of the log behind it. */
  logBytes: number;
  /** Calls that `open` replayed from the log. */
  recoveredGroups: number;
  /** Torn bytes that `open` cut off the end. */
  cutBytes: number;
  /** As `memoryUsage()`. */
  memoryBytes: number;
  /** Size of the WebAssembly memory this database lives in; it never shrinks. */
  wasmMemoryBytes: number;
}

/** Which way a search goes. */
export interface Explanation {
  /**
   * `'index'`: by the index. Else by an exact scan: the database is `'flat'`; the index is of an `'other metric'`; by
   * cosine all are equally far from the `'zero vector'`; the index is `'untrained'`; there are too `'few rows'` to
   * choose from; a `'scan'` is `'quicker'` for so few rows that pass or so many asked for; or the index was `'starved'`,
   * and the scan found the others.
   */
  way: 'index' | 'flat' | 'other metric' | 'zero vector' | 'untrained' | 'few rows' | 'scan quicker' | 'starved';
  /** All rows. */
  rows: number;
  /** Those that pass the filter. */
  matches: number;
  /** Those that the search finds. */
  hits: number;
}

/** What a database object has done since it was opened (calls that failed are not counted), and its index as it is. */
export interface Stats {
  /** Of the graph: layers above the base. */
  levels: number;
  /** Of the graph: nodes, one for all rows that are equal. Else the rows. */
  nodes: number;
  /** Slots of deleted rows that the index still needs. */
  tombstones: number;
  /** Slots that the next rows will get before the file grows. */
  freeSlots: number;
  /** Links that a node of the graph's base layer has, by a sample. Else 0. */
  meanDegree: number;
  /** Queries: each of `searchMany` counts. */
  searches: number;
  /** Searches of the graph that they took. */
  walks: number;
  /** And exact scans, which several queries may share. */
  scans: number;
  /** Rows that were compared with queries in them. */
  scannedRows: number;
  /** Calls, as all below. */
  adds: number;
  upserts: number;
  /** Of a vector or of metadata. */
  updates: number;
  deletes: number;
  /** Images written to the own file. */
  checkpoints: number;
}

/** 0 is no limit. */
export interface ResourceLimits {
  /** Of `memoryUsage()`. */
  maxMemoryBytes: number;
  /** Live rows. */
  maxVectors: number;
  /** Calls under way at once. */
  maxConcurrentOperations: number;
}

export interface CheckReport {
  /** Valid copies of the file's superblock: 2 is right, also without a file. */
  superblockCopies: number;
  /** Live rows. */
  rows: number;
  /** Live rows that a walk of the graph reaches. */
  reachable: number;
  /** Links of the graph's base layer. */
  links: number;
  /** Broken invariants found. */
  faults: number;
}

export type ErrorName =
  | 'GV_ERR_ARGUMENT'
  | 'GV_ERR_NO_MEMORY'
  | 'GV_ERR_IO'
  | 'GV_ERR_CORRUPT'
  | 'GV_ERR_LOCKED'
  | 'GV_ERR_READ_ONLY'
  | 'GV_ERR_NOT_FOUND'
  | 'GV_ERR_LIMIT'
  | 'GV_ERR_UNSUPPORTED'
  | 'GV_ERR_BAD_FILTER'
  | 'GV_ERR_UNKNOWN';

/** The one error of this package; `message` is the core's sentence. */
export class GigaVectorError extends Error {
  constructor(code: number, sentence: string, options?: { cause?: unknown });
  /** The core's status, from -1 down. */
  readonly code: number;
  /** The status by name; branch on this. */
  readonly name: ErrorName;
  /** From `check()` only: what it counted. */
  readonly report?: CheckReport;
}

/**
 * A database. Each lives in an instance of the module of its own, so its memory goes when it is closed and dropped.
 *
 * Only one writer may have a file open, in this process or another (`GV_ERR_LOCKED`); any number may read it.
 */
export class Database {
  private constructor();

  /**
   * Open the database in the file `path`, creating it if absent; null keeps it in memory only.
   *
   * An option that differs from an existing file's is `GV_ERR_ARGUMENT` and names both. After a crash the file is
   * recovered first: every write that returned is there. In a page a path is `GV_ERR_UNSUPPORTED`: see `gigavector/worker`.
   * A file with ids past 2^53 - 1 is `GV_ERR_UNSUPPORTED`, since a Number cannot hold them.
   */
  static open(path?: string | URL | null, options?: OpenOptions): Promise<Database>;

  /**
   * Open the bytes of a database file, e.g. of `toBytes()`. They are copied; the database lives in memory and may be
   * written. `GV_ERR_CORRUPT` for anything else.
   */
  static fromBytes(
    bytes: Uint8Array | ArrayBuffer,
    options?: Pick<OpenOptions, 'dimension' | 'index' | 'wasm'>,
  ): Promise<Database>;

  /** `fromBytes` of what `fetch()` gives, as it comes in. `GV_ERR_IO` for a status other than 2xx. */
  static fromResponse(response: Response | PromiseLike<Response>, options?: ResponseOptions): Promise<Database>;

  /** Write what is owed, pack the file, unlock it and free the memory. A second call does nothing. */
  close(): void;
  /** `close()`, for `using`. */
  [Symbol.dispose](): void;

  /**
   * Add one row; its id.
   * `GV_ERR_ARGUMENT`: another dimension, a component that is not finite, or metadata that breaks its rules.
   */
  add(vector: VectorInput | SparseInput, metadata?: MetadataInput | null): number;

  /**
   * Add rows in one call, all or none; their ids. `metadata[i]` is of row i. Much faster than single adds to a file,
   * which is synced once a call.
   */
  addMany(
    rows: RowsInput | ReadonlyArray<SparseInput>,
    metadata?: ReadonlyArray<MetadataInput | null | undefined> | null,
  ): number[];

  /** Delete a row, or several: all or none. `GV_ERR_NOT_FOUND` names the first that is not there. */
  delete(ids: number | ReadonlyArray<number> | Float64Array): void;

  /**
   * Write one row: it replaces the row whose metadata has the same value of `key`, vector and metadata, and keeps its
   * id; where there is none it is added. Its id either way. All rows' metadata is looked at once a call.
   * `GV_ERR_ARGUMENT`: two rows match, or `metadata` has no such key.
   */
  upsert(vector: VectorInput | SparseInput, metadata: MetadataInput, options?: UpsertOptions): number;

  /** The same for rows in one call, all or none; their ids. `GV_ERR_ARGUMENT`: two have the same value of `key`. */
  upsertMany(
    rows: RowsInput | ReadonlyArray<SparseInput>,
    metadata: ReadonlyArray<MetadataInput>,
    options?: UpsertOptions,
  ): number[];

  /** Delete the rows that pass the filter, all or none; how many they were. */
  deleteMatching(filter: Filter): number;

  /** Replace the vector of a row, keeping its id and metadata. */
  updateVector(id: number, vector: VectorInput | SparseInput): void;

  /** Replace all metadata of a row; null or undefined leaves none. */
  updateMetadata(id: number, metadata: MetadataInput | null | undefined): void;

  /**
   * Train an IVFPQ index on these rows, or on those it has, and index all its rows by what was learned. Until then rows are
   * kept and searched by exact scans. Any number of rows will do, but few say little of the many that come later: train
   * again when the rows have doubled or changed.
   * `GV_ERR_ARGUMENT`: another index, rows of another dimension, or no rows at all.
   */
  trainIvfpq(rows?: RowsInput | null): void;

  /**
   * The nearest rows, nearest first, ties by id: always min(k, rows that pass the filter) of them.
   * `GV_ERR_ARGUMENT`: `k` is 0, or the query has another dimension or a component that is not finite.
   * `GV_ERR_BAD_FILTER`: the filter is an expression that cannot be understood; the message says where.
   */
  search(query: VectorInput | SparseInput, options?: SearchOptions): Hit[];

  /** `search` for many queries at once, without metadata, in typed arrays. */
  searchMany(queries: RowsInput | ReadonlyArray<SparseInput>, options?: SearchManyOptions): Hits;

  /** Carry out a `search`, and say which way it went and why, instead of what it found. */
  explain(query: VectorInput | SparseInput, options?: SearchOptions): Explanation;

  /** The rows nearest to row `id`, which is itself left out; `GV_ERR_NOT_FOUND` if it is not there. */
  searchById(id: number, options?: SearchOptions): Hit[];

  /**
   * Every row at a distance of at most `radius` (of the distance in the hit), nearest first, ties by id: exact on every index, by a
   * scan, or the lists of `sparse`.
   * `GV_ERR_ARGUMENT`: the radius is NaN; it may be negative or infinite.
   */
  rangeSearch(query: VectorInput | SparseInput, radius: number, options?: RangeSearchOptions): RangeHits;

  /**
   * The `k` nearest groups of rows with the same value of the metadata `key`, in the order of their nearest rows; of
   * each its `groupSize` nearest rows. Rows without the key are left out.
   */
  searchGroups(query: VectorInput | SparseInput, key: string, options?: GroupOptions): Group[];

  /**
   * A page of rows in order of ids. `after: page.at(-1).id` gives the next, and an empty one is the end. Rows that stay are
   * met exactly once, whatever is written meanwhile.
   */
  scroll(options?: ScrollOptions): PageRow[];

  /** Copy of a row; `GV_ERR_NOT_FOUND` if it is not there (see `has`). */
  get(id: number): Row;

  /** Copies of rows, in this order; `GV_ERR_NOT_FOUND` names the first that is not there. */
  getMany(ids: Iterable<number>): Row[];

  has(id: number): boolean;

  /**
   * How many rows the expression holds for; all of them if it is left out.
   * `GV_ERR_BAD_FILTER` says where it cannot be understood, and what was expected.
   */
  countMatching(filter?: string | null): number;

  /** `GV_ERR_BAD_FILTER` unless this is an expression that `filter` of a search can be. */
  checkFilter(filter: string): void;

  /** Live rows. */
  readonly size: number;

  /** Components a vector. */
  readonly dimension: number;

  /**
   * Make these the metadata keys whose values are indexed from now on, in this order and in the place of those before; `[]`: none.
   *
   * Filters and upserts on any key give the same answers; on these they never look at all rows: they are indexed at once, whatever the number
   * of rows, and their index is part of the file, so that it need not be made after opening. One write, as durable as any; the list that is
   * there already writes nothing. What there is no memory for is looked at, which is no failure. `compact` and `convert` keep the list.
   *
   * `GV_ERR_ARGUMENT`: more than 64 keys, one is empty or there twice, or all together are above 1 MiB.
   * `GV_ERR_UNSUPPORTED`: the module at work has no such index, as in a page: open with `wasm: ` the address of `gigavector.all.wasm`. A
   * database that has such keys is opened in that one without being told.
   */
  indexMetadata(keys: ReadonlyArray<string>): void;

  /** The keys that `indexMetadata` was told, in that order. */
  readonly indexedKeys: string[];

  info(): Info;

  /**
   * Make the database as small as its live rows allow: the index is built anew, free slots go, a file is packed. Ids stay.
   * Takes the time of adding all rows, and memory for a second copy of them.
   */
  compact(): void;

  /**
   * `compact()` under another index, metric, storage or configuration; what is left out stays as it is. Rows, ids and metadata stay, the
   * file changes. `GV_ERR_UNSUPPORTED`: an index or a storage that the module at work lacks, as in a page: open with `wasm: ` the address of
   * `gigavector.all.wasm`. An IVFPQ index is to be trained afterwards, unless `autoTrain` does it.
   */
  convert(options: Pick<OpenOptions, 'index' | 'distance' | 'storage' | 'hnsw' | 'ivfpq' | 'seed'>): void;

  /** Calls, the work of searches, and the shape of the index. */
  stats(): Stats;

  /** Bytes that rows, graph, metadata and buffers take: counted, not estimated. */
  memoryUsage(): number;

  getResourceLimits(): ResourceLimits;

  /** Set all limits; those left out are 0, no limit. A write that would pass one is `GV_ERR_LIMIT`. */
  setResourceLimits(limits?: Partial<ResourceLimits>): void;

  /** With at most this many rows a search scans them all. Default 1,000; kept by this object only. */
  setExactSearchThreshold(rows: number): void;

  /** Check every structure. `GV_ERR_CORRUPT` with the first fault in words and the figures as `report`. */
  check(): CheckReport;

  /**
   * Pack the database into its own file, or write a packed copy to `path` and stay on its own.
   * The file appears whole or not at all; what lies at `path` and is no database is not overwritten.
   */
  save(path?: string | URL): void;

  /** Sync every write to the disk: for durability other than `'commit'`. */
  flush(): void;

  /** Of a read-only database: take over the newest state of the file. */
  refresh(): void;

  /** The bytes of the file that `save(path)` would write. */
  toBytes(): Uint8Array;
}
