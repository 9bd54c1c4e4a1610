/** The API: each method checks what it is given, makes one call into the core, and copies the answer out. */
import { Core, toU64 } from './core.js';
import { bytesOf } from './download.js';
import { GigaVectorError, argumentError } from './error.js';
import { checkOptions, checkedCString, checkedId, chosen, flag, nameOf, toRows, toSparse, whole } from './input.js';
import { DISTANCES, INDEX_TYPES, STATUS, STORAGES, WAYS } from './layout.js';
import { describe } from './metadata.js';
import { moduleFrom, modules } from './module.js';
import {
  BYTES_OPTIONS,
  GROUP_OPTIONS,
  LARGEST_SIZE,
  MANY_OPTIONS,
  OPEN_OPTIONS,
  RANGE_OPTIONS,
  SCROLL_OPTIONS,
  SEARCH_OPTIONS,
  checkedK,
  writeOpenOptions,
  writeSearchOptions,
} from './options.js';
import { takeRows, toRow, writeMetadata } from './rows.js';

const OPENED = Symbol('made by open() or fromBytes()');

const LIMIT_OPTIONS = ['maxMemoryBytes', 'maxVectors', 'maxConcurrentOperations'];
const STATS = {
  ...{ levels: 'levels', nodes: 'nodes', tombstones: 'tombstones', freeSlots: 'free_slots', meanDegree: 'mean_degree' },
  ...{ searches: 'searches', walks: 'walks', scans: 'scans', scannedRows: 'scanned_rows', adds: 'adds' },
  ...{ upserts: 'upserts', updates: 'updates', deletes: 'deletes', checkpoints: 'checkpoints' },
};

/** The safety net for databases that are dropped without close(). Nobody is left to hear of a failure. */
const forgotten = new FinalizationRegistry((open) => {
  try {
    shut(open);
  } catch {
    // as above
  }
});

/** Close the handle; its files are let go of whatever the core answers, or if it can no longer be asked. */
function shut({ core, db }) {
  try {
    if (!core.stopped) core.check(core.c.gv_db_close(db));
  } finally {
    core.releaseFiles();
  }
}

/** The host of an open database, for entries whose hosts do more than the core asks. */
export let hostOf;

/** A database over `static platform`, which index.js and index_browser.js set: path(), readBytes(), host(). */
export class Database {
  #open; // {core, db}, undefined once closed
  #dimension;

  static {
    hostOf = (database) => database.#open?.core.host;
  }

  constructor(made, open, name) {
    if (made !== OPENED) throw argumentError('a Database is made by `await Database.open(path, options)`');
    this.#open = open;
    forgotten.register(this, open, this);
    try {
      this.#dimension = this.#checkedInfo(name).dimension;
    } catch (error) {
      this.close();
      throw error;
    }
  }

  static async open(path = null, options = {}) {
    checkOptions(options, OPEN_OPTIONS, 'open');
    const file = path === null ? undefined : checkedCString(this.platform.path(path), 'path');
    const lock = flag(options.lock, 'lock') !== 0;
    const readOnly = flag(options.readOnly, 'readOnly') === 1;
    return start(this, options.wasm, { lock, path: file, readOnly }, file ?? 'the database', (core, frame, out) =>
      core.c.gv_db_open_with_options(frame.text(file), writeOpenOptions(core, frame, options), out),
    );
  }

  static async fromBytes(bytes, options = {}) {
    checkOptions(options, BYTES_OPTIONS, 'fromBytes');
    const isBytes = bytes instanceof ArrayBuffer || (ArrayBuffer.isView(bytes) && bytes.BYTES_PER_ELEMENT === 1);
    if (!isBytes) throw argumentError(`fromBytes needs a Uint8Array or an ArrayBuffer, got ${describe(bytes)}`);
    const dimension = whole(options.dimension, 'dimension', 0, LARGEST_SIZE) ?? 0;
    const index = chosen(INDEX_TYPES, options.index, 'index') ?? -1;
    return start(this, options.wasm, { lock: true }, 'the database', (core, frame, out) => {
      const data = bytes instanceof ArrayBuffer ? new Uint8Array(bytes) : bytes;
      const db = core.c.gv_db_open_from_memory(frame.bytes(data), data.length, dimension, index) >>> 0;
      core.setU32(out, db);
      return db === 0 ? core.c.gv_last_status() : STATUS.GV_OK;
    });
  }

  static async fromResponse(response, { signal, onProgress, ...options } = {}) {
    return this.fromBytes(await bytesOf(response, { signal, onProgress }), options);
  }

  close() {
    if (!this.#open) return;
    const open = this.#open;
    this.#open = undefined;
    forgotten.unregister(this);
    shut(open);
  }

  [Symbol.dispose ?? Symbol.for('Symbol.dispose')]() {
    this.close();
  }

  /** Run `use(core, db, frame)` on the open handle. */
  #call(use) {
    if (!this.#open) throw argumentError('the database is closed');
    const { core, db } = this.#open;
    return core.call((frame) => use(core, db, frame));
  }

  // ---- write ----

  add(vector, metadata) {
    return this.#write(toRow(vector), [metadata])[0];
  }

  addMany(rows, metadata) {
    const given = toSparse(rows) ?? toRows(rows, this.#dimension, 'rows');
    if (metadata !== undefined && metadata !== null) {
      if (!Array.isArray(metadata)) throw argumentError(`metadata must be an array, got ${describe(metadata)}`);
      if (metadata.length !== given.count) {
        throw argumentError(`expected metadata of ${given.count} rows, got ${metadata.length}`);
      }
    }
    return this.#write(given, metadata ?? []);
  }

  /** Rows in, their ids out: each in the place of the row with the same value of `key`, or, without one, as a new row. */
  #write(given, metadata, key) {
    return this.#call((core, db, frame) => {
      const { count, starts, floats, dimension } = given;
      const { c } = core;
      const ids = frame.reserve(8 * count);
      const rows = starts ? [frame.sparse(given)] : [frame.floats(floats), count, dimension];
      const args = [db, ...rows, writeMetadata(frame, metadata)];
      core.check(
        key === undefined
          ? (starts ? c.gv_db_add_sparse : c.gv_db_add)(...args, ids)
          : (starts ? c.gv_db_upsert_sparse : c.gv_db_upsert_many)(...args, frame.text(key), ids),
      );
      return Array.from(core.numbers(ids, count));
    });
  }

  upsert(vector, metadata, options = {}) {
    return this.#upsert(toRow(vector), [metadata], options, 'upsert')[0];
  }

  upsertMany(rows, metadata, options = {}) {
    const given = toSparse(rows) ?? toRows(rows, this.#dimension, 'rows');
    if (!Array.isArray(metadata) || metadata.length !== given.count) {
      throw argumentError(`metadata must be an array of ${given.count} rows' metadata, got ${describe(metadata)}`);
    }
    return this.#upsert(given, metadata, options, 'upsertMany');
  }

  #upsert(given, metadata, options, call) {
    checkOptions(options, ['key'], call);
    const name = checkedCString(options.key ?? 'id', 'key');
    return this.#write(given, metadata, name);
  }

  delete(ids) {
    const list = typeof ids === 'number' ? [ids] : ids;
    if (!Array.isArray(list) && !(list instanceof Float64Array)) {
      throw argumentError(`delete needs an id or an array of ids, got ${describe(ids)}`);
    }
    list.forEach(checkedId);
    this.#call((core, db, frame) => core.check(core.c.gv_db_delete(db, frame.ids(list), list.length)));
  }

  deleteMatching(filter) {
    return this.#call((core, db, frame) => {
      const out = frame.reserve(8);
      core.check(core.c.gv_db_delete_matching(db, writeSearchOptions(core, frame, { filter }), out));
      return core.numbers(out, 1)[0];
    });
  }

  updateVector(id, vector) {
    const { starts, floats, indices, values } = toRow(vector);
    const row = toU64(checkedId(id));
    this.#call((core, db, frame) =>
      core.check(
        starts
          ? core.c.gv_db_update_sparse(db, row, frame.u32s(indices), frame.floats(values), values.length)
          : core.c.gv_db_update_vector(db, row, frame.floats(floats), floats.length),
      ),
    );
  }

  updateMetadata(id, metadata) {
    const row = toU64(checkedId(id));
    this.#call((core, db, frame) =>
      core.check(core.c.gv_db_update_metadata(db, row, writeMetadata(frame, [metadata]))),
    );
  }

  trainIvfpq(rows) {
    const given = rows === undefined || rows === null ? undefined : toRows(rows, this.#dimension, 'rows');
    this.#call((core, db, frame) => {
      const at = given ? frame.floats(given.floats) : 0;
      core.check(core.c.gv_db_ivfpq_train(db, at, given?.count ?? 0, given?.dimension ?? this.#dimension));
    });
  }

  // ---- read ----

  search(query, options = {}) {
    checkOptions(options, SEARCH_OPTIONS, 'search');
    const given = toRow(query, 'the query');
    const k = checkedK(options);
    return this.#rows('gv_db_search_rows', options, [k], given).rows;
  }

  explain(query, options = {}) {
    checkOptions(options, SEARCH_OPTIONS, 'explain');
    const given = toRow(query, 'the query');
    const k = checkedK(options);
    return this.#call((core, db, frame) => {
      const at = frame.struct('GV_Explanation');
      const how = writeSearchOptions(core, frame, options, given);
      core.check(core.c.gv_db_explain(db, frame.floats(given.floats), given.dimension, k, how, at));
      const { way, rows, matches, hits } = core.readStruct('GV_Explanation', at);
      return { way: WAYS[way], rows: Number(rows), matches: Number(matches), hits: Number(hits) };
    });
  }

  searchById(id, options = {}) {
    checkOptions(options, SEARCH_OPTIONS, 'searchById');
    const row = toU64(checkedId(id));
    const k = checkedK(options);
    return this.#rows('gv_db_search_by_id', options, [row, k]).rows;
  }

  rangeSearch(query, radius, options = {}) {
    checkOptions(options, RANGE_OPTIONS, 'rangeSearch');
    if (typeof radius !== 'number') throw argumentError(`radius must be a number, got ${describe(radius)}`);
    const given = toRow(query, 'the query');
    const most = Math.min(whole(options.maxResults, 'maxResults') ?? 1000, LARGEST_SIZE);
    const { rows, total } = this.#rows('gv_db_range_search', options, [radius, most], given);
    return { hits: rows, total };
  }

  searchGroups(query, key, options = {}) {
    checkOptions(options, GROUP_OPTIONS, 'searchGroups');
    checkedCString(key, 'key');
    const given = toRow(query, 'the query');
    const k = checkedK(options);
    const size = Math.min(whole(options.groupSize, 'groupSize') ?? 1, LARGEST_SIZE);
    const { rows, groups } = this.#rows('gv_db_search_groups', options, [k, key, size], given);
    const found = [];
    rows.forEach((hit, i) => (found[groups[i]] ??= { value: hit.metadata[key], hits: [] }).hits.push(hit));
    return found;
  }

  scroll(options = {}) {
    checkOptions(options, SCROLL_OPTIONS, 'scroll');
    const from = options.after === undefined ? 0n : toU64(checkedId(options.after) + 1);
    const limit = Math.min(whole(options.limit, 'limit') ?? 100, LARGEST_SIZE);
    const how = { ...options, withVectors: options.withVectors ?? true };
    return this.#rows('gv_db_scroll', how, [from, limit]).rows;
  }

  /** What the export `name` answers to the query given, if it takes one, and these numbers and strings: as takeRows() has it. */
  #rows(name, options, rest, given) {
    return this.#call((core, db, frame) => {
      const out = frame.reserve(4);
      const query = given ? [frame.floats(given.floats), given.dimension] : [];
      const args = rest.map((arg) => (typeof arg === 'string' ? frame.text(arg) : arg));
      core.check(core.c[name](db, ...query, ...args, writeSearchOptions(core, frame, options, given), out));
      return takeRows(core, core.u32(out));
    });
  }

  searchMany(queries, options = {}) {
    checkOptions(options, [...MANY_OPTIONS, 'filters'], 'searchMany');
    const given = toSparse(queries) ?? toRows(queries, this.#dimension, 'queries');
    const { floats, count, dimension } = given;
    const asked = checkedK(options);
    return this.#call((core, db, frame) => {
      const k = Math.min(asked, Math.max(this.size, 1)); // so that a large k costs no memory
      const ids = frame.reserve(8 * count * k);
      const distances = frame.reserve(4 * count * k);
      const counts = frame.reserve(4 * count);
      const how = writeSearchOptions(core, frame, options, given);
      const at = frame.floats(floats);
      core.check(core.c.gv_db_search_batch(db, at, count, dimension, k, how, ids, distances, counts));
      return {
        k,
        ids: core.numbers(ids, count * k),
        distances: core.floats(distances, count * k).slice(),
        counts: new Uint32Array(core.c.memory.buffer, counts, count).slice(),
      };
    });
  }

  get(id) {
    return this.getMany([id])[0];
  }

  getMany(ids) {
    if (typeof ids?.[Symbol.iterator] !== 'function') {
      throw argumentError(`getMany needs an array of ids, got ${describe(ids)}`);
    }
    const list = Array.from(ids, checkedId);
    return this.#call((core, db, frame) => {
      const out = frame.reserve(4);
      core.check(core.c.gv_db_get_rows(db, frame.ids(list), list.length, out));
      return takeRows(core, core.u32(out)).rows;
    });
  }

  has(id) {
    const row = toU64(checkedId(id));
    return this.#call((core, db) => core.c.gv_db_contains(db, row) === 1);
  }

  countMatching(filter) {
    const text = filter === undefined || filter === null ? undefined : checkedCString(filter, 'filter');
    return this.#call((core, db, frame) => {
      const out = frame.reserve(8);
      core.check(core.c.gv_db_count_matching(db, frame.text(text), out));
      return core.numbers(out, 1)[0];
    });
  }

  checkFilter(filter) {
    const text = checkedCString(filter, 'filter');
    this.#call((core, db, frame) => core.check(core.c.gv_filter_check(frame.text(text))));
  }

  get size() {
    return this.#call((core, db) => Number(core.c.gv_db_count(db)));
  }

  get dimension() {
    return this.#dimension;
  }

  // ---- keys that are indexed ----

  indexMetadata(keys) {
    if (!Array.isArray(keys)) throw argumentError(`indexMetadata needs an array of keys, got ${describe(keys)}`);
    keys.forEach((key) => checkedCString(key, 'a key'));
    this.#call((core, db, frame) => {
      const texts = frame.u32s(keys.map((key) => frame.text(key)));
      core.check(core.c.gv_db_index_keys(db, texts, keys.length));
    });
  }

  get indexedKeys() {
    return this.#call((core, db, frame) => {
      const out = frame.reserve(8);
      core.check(core.c.gv_db_indexed_keys(db, out, out + 4));
      const at = core.u32(out);
      const keys = Array.from({ length: core.u32(out + 4) }, (_, i) => core.text(core.u32(at + 4 * i)));
      core.c.gv_free(at);
      return keys;
    });
  }

  // ---- care ----

  info() {
    return this.#call((core, db, frame) => {
      const at = frame.struct('GV_DatabaseInfo');
      core.check(core.c.gv_db_get_info(db, at));
      const info = core.readStruct('GV_DatabaseInfo', at);
      return {
        index: nameOf(INDEX_TYPES, info.index_type),
        distance: nameOf(DISTANCES, info.distance),
        storage: nameOf(STORAGES, info.storage),
        dimension: Number(info.dimension),
        size: Number(info.count),
        nextId: Number(info.next_id),
        readOnly: info.read_only === 1,
        kernels: core.text(info.kernels),
        trained: info.trained === 1,
        vectorsDropped: info.vectors_dropped === 1,
        seed: info.seed,
        generation: Number(info.generation),
        imageBytes: Number(info.image_bytes),
        logBytes: Number(info.log_bytes),
        recoveredGroups: Number(info.recovered_groups),
        cutBytes: Number(info.cut_bytes),
        memoryBytes: Number(info.memory_bytes),
        wasmMemoryBytes: core.memoryBytes,
      };
    });
  }

  /** info(), unless the file's ids have outgrown a Number. */
  #checkedInfo(name) {
    const info = this.info();
    if (info.nextId <= Number.MAX_SAFE_INTEGER) return info;
    throw new GigaVectorError(
      STATUS.GV_ERR_UNSUPPORTED,
      `${name} gives its next row an id past 2^53 - 1, which a JavaScript number cannot hold`,
    );
  }

  stats() {
    return this.#call((core, db, frame) => {
      const at = frame.struct('GV_Stats');
      core.check(core.c.gv_db_get_stats(db, at));
      const stats = core.readStruct('GV_Stats', at);
      return Object.fromEntries(Object.entries(STATS).map(([name, field]) => [name, Number(stats[field])]));
    });
  }

  memoryUsage() {
    return this.#call((core, db) => core.c.gv_db_get_memory_usage(db) >>> 0);
  }

  getResourceLimits() {
    return this.#call((core, db, frame) => {
      const at = frame.struct('GV_ResourceLimits');
      core.check(core.c.gv_db_get_resource_limits(db, at));
      const limits = core.readStruct('GV_ResourceLimits', at);
      return {
        maxMemoryBytes: Number(limits.max_memory_bytes),
        maxVectors: Number(limits.max_vectors),
        maxConcurrentOperations: limits.max_concurrent_operations,
      };
    });
  }

  setResourceLimits(limits = {}) {
    checkOptions(limits, LIMIT_OPTIONS, 'setResourceLimits');
    const values = {
      max_memory_bytes: whole(limits.maxMemoryBytes, 'maxMemoryBytes'),
      max_vectors: whole(limits.maxVectors, 'maxVectors'),
      max_concurrent_operations: whole(limits.maxConcurrentOperations, 'maxConcurrentOperations', 0, LARGEST_SIZE),
    };
    this.#call((core, db, frame) =>
      core.check(core.c.gv_db_set_resource_limits(db, frame.struct('GV_ResourceLimits', values))),
    );
  }

  setExactSearchThreshold(rows) {
    if (rows === undefined) throw argumentError('setExactSearchThreshold needs a number of rows');
    const threshold = BigInt(whole(rows, 'rows'));
    this.#call((core, db) => core.check(core.c.gv_db_set_exact_search_threshold(db, threshold)));
  }

  check() {
    return this.#call((core, db, frame) => {
      const at = frame.struct('GV_CheckReport');
      const status = core.c.gv_db_check(db, at);
      const report = core.readStruct('GV_CheckReport', at);
      const figures = {
        superblockCopies: report.superblock_copies,
        rows: Number(report.rows),
        reachable: Number(report.reachable),
        links: Number(report.links),
        faults: Number(report.faults),
      };
      if (status === STATUS.GV_OK) return figures;
      throw Object.assign(core.failure(), { report: figures });
    });
  }

  save(path) {
    const file = path === undefined ? undefined : checkedCString(this.constructor.platform.path(path), 'path');
    this.#call((core, db, frame) => core.check(core.c.gv_db_save(db, frame.text(file))));
  }

  flush() {
    this.#call((core, db) => core.check(core.c.gv_db_flush(db)));
  }

  compact() {
    this.#call((core, db) => core.check(core.c.gv_db_compact(db)));
  }

  convert(options = {}) {
    checkOptions(options, ['index', 'distance', 'storage', 'hnsw', 'ivfpq', 'seed'], 'convert');
    this.#call((core, db, frame) => core.check(core.c.gv_db_convert(db, writeOpenOptions(core, frame, options))));
  }

  refresh() {
    this.#call((core, db) => core.check(core.c.gv_db_refresh(db)));
    this.#checkedInfo('the file');
  }

  toBytes() {
    return this.#call((core, db, frame) => {
      const data = frame.reserve(4);
      const size = frame.reserve(4);
      core.check(core.c.gv_db_save_to_memory(db, data, size));
      const at = core.u32(data);
      try {
        return core.bytes(at, core.u32(size)).slice();
      } finally {
        core.c.gv_free(at);
      }
    });
  }
}

/** A database in an instance of the module given, or of the first of ours that can do what is asked for. */
async function start(DatabaseClass, wasm, how, name, openInto) {
  const { platform } = DatabaseClass;
  const sources = wasm === undefined ? modules(platform.hasModulesAtHand) : [wasm];
  for (;;) {
    const core = await Core.start(await moduleFrom(sources.shift(), platform.readBytes), await platform.host(how));
    try {
      return core.call((frame) => {
        const out = frame.reserve(4);
        core.check(openInto(core, frame, out));
        return new DatabaseClass(OPENED, { core, db: core.u32(out) }, name);
      });
    } catch (error) {
      await core.releaseFiles();
      if (error.code !== STATUS.GV_ERR_UNSUPPORTED || sources.length === 0) throw error;
    }
  }
}
