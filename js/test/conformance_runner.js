/**
 * The conformance corpus in JavaScript: what a case is, and one call a step. It runs in Node and in Workers of pages, so it
 * imports nothing. The notation: tests/conformance/README.md.
 */

/** Those of the modules, of which each runs every case; 'default' are the engine's own, which may be 'wasm128-relaxed'. */
export const KERNELS = ['wasm128', 'scalar'];

const METRICS = { euclidean: 'euclidean', cosine: 'cosine', dot_product: 'dot', manhattan: 'manhattan' };
const OPTIONS = {
  dimension: 'dimension',
  index: 'index',
  distance: 'distance',
  hnsw: 'hnsw',
  ivfpq: 'ivfpq',
  seed: 'seed',
  storage: 'storage',
  durability: 'durability',
  checkpoint_on_close: 'checkpointOnClose',
  read_only: 'readOnly',
  memory_map: 'readOnly', // a module cannot map files; apart from that it is a read-only open
};
const HNSW = {
  M: 'M',
  ef_construction: 'efConstruction',
  ef_search: 'efSearch',
  use_binary_quant: 'useBinaryQuant',
  quant_rerank: 'quantRerank',
};

const IVFPQ = {
  nlist: 'nlist',
  m: 'm',
  nbits: 'nbits',
  nprobe: 'nprobe',
  train_iters: 'trainIters',
  default_rerank: 'defaultRerank',
  rotate: 'rotate',
  train_rows: 'trainRows',
  auto_train: 'autoTrain',
  drop_vectors: 'keepVectors',
};

/** Equal in every part, and numbers as Object.is has it: -0 is not 0. */
function isSame(a, b) {
  if (typeof a !== 'object' || typeof b !== 'object' || a === null || b === null) return Object.is(a, b);
  const keys = Object.keys(a);
  return keys.length === Object.keys(b).length && keys.every((key) => Object.hasOwn(b, key) && isSame(a[key], b[key]));
}

function holds(condition, sentence) {
  if (!condition) throw new Error(sentence);
}

/** What assert.deepEqual does where there is no node:assert. */
function same(got, expected, what = '') {
  const text = (value) => JSON.stringify(value)?.slice(0, 400);
  holds(isSame(got, expected), `${what} expected ${text(expected)}, got ${text(got)}`);
}

/** `value` with its keys renamed; a key that is not in `names` is an error of the corpus. */
function renamed(value, names) {
  return Object.fromEntries(
    Object.entries(value).map(([key, item]) => {
      holds(Object.hasOwn(names, key), `unknown key ${key}`);
      return [names[key], item];
    }),
  );
}

async function openAs({ host, kernels }, { path, exact_search_threshold: threshold, ...options }, wasm) {
  const given = { ...renamed(options, OPTIONS), ...(kernels !== 'default' && { kernels }), ...(wasm && { wasm }) };
  if (given.distance) given.distance = METRICS[given.distance];
  if (given.hnsw) given.hnsw = renamed(given.hnsw, HNSW);
  if (given.hnsw && 'useBinaryQuant' in given.hnsw) given.hnsw.useBinaryQuant = given.hnsw.useBinaryQuant === 1;
  if (given.ivfpq) given.ivfpq = renamed(given.ivfpq, IVFPQ);
  if (given.ivfpq && 'rotate' in given.ivfpq) given.ivfpq.rotate = given.ivfpq.rotate === 1;
  if (given.ivfpq && 'keepVectors' in given.ivfpq) given.ivfpq.keepVectors = given.ivfpq.keepVectors === 0;
  const db = await host.Database.open(path === undefined ? null : host.path(path), given);
  if (threshold !== undefined) db.setExactSearchThreshold(threshold);
  return db;
}

/** The components of a generator, as the README defines it. */
function generated({ lcg, low, high, scale = 1 }, count) {
  const span = BigInt(high - low + 1);
  let x = BigInt(lcg);
  return Float32Array.from({ length: count }, () => {
    x = BigInt.asUintN(64, x * 6364136223846793005n + 1442695040888963407n);
    return (low + Number((x >> 33n) % span)) * scale;
  });
}

const SPECIAL = { nan: NaN, inf: Infinity, '-inf': -Infinity };

function vectorOf(spec, dimension) {
  if (Array.isArray(spec)) return Float32Array.from(spec, (x) => (typeof x === 'string' ? SPECIAL[x] : x));
  if (spec.indices) return { indices: spec.indices, values: vectorOf(spec.values) };
  const size = spec.dim ?? dimension;
  if ('fill' in spec) return new Float32Array(size).fill(SPECIAL[spec.fill] ?? spec.fill);
  return generated(spec, size);
}

/** Rows as the API takes them: an array of vectors, or one flat Float32Array. */
function rowsOf(spec, dimension) {
  if (Array.isArray(spec)) return spec.map((row) => vectorOf(row, dimension));
  const size = spec.dim ?? dimension;
  return 'fill' in spec
    ? new Float32Array(spec.rows * size).fill(spec.fill)
    : generated(spec, spec.rows * size);
}

function metadataOf(spec, count) {
  if (spec === undefined || Array.isArray(spec)) return spec;
  return Array.from({ length: count }, (_, i) => spec.cycle[i % spec.cycle.length]);
}

const bitsOf = (x) => new Uint32Array(Float32Array.of(x).buffer)[0].toString(16).padStart(8, '0');

/** The float32 bits of a distance in any of its notations. */
function expectedBits(written) {
  if (typeof written === 'number') return bitsOf(written);
  const root = /^sqrt\((.*)\)$/.exec(written);
  return root ? bitsOf(Math.sqrt(Number(root[1]))) : written;
}

const written = (hits) => hits.map(({ id, distance }) => [id, bitsOf(distance)]);
const expected = (hits) => hits.map(([id, distance]) => [id, expectedBits(distance)]);

function searchOptions({ k, distance, filter, ef_search: efSearch, nprobe, rerank }) {
  const given = { k, distance: METRICS[distance] ?? distance, filter, efSearch, nprobe, rerank };
  return Object.fromEntries(Object.entries(given).filter(([, value]) => value !== undefined));
}

/** One function a kind of step: it makes the call on `run.db` and asserts the answer. */
const STEPS = {
  add(run, { add, metadata, id }) {
    const got = run.db.add(vectorOf(add, run.dimension), metadata);
    if (id !== undefined) same(got, id);
  },
  add_many(run, { add_many: spec, metadata, ids }) {
    const rows = rowsOf(spec, run.dimension);
    const count = Array.isArray(rows) ? rows.length : rows.length / run.dimension;
    const got = run.db.addMany(rows, metadataOf(metadata, count));
    if (ids) same(got, Array.from({ length: ids[1] - ids[0] + 1 }, (_, i) => ids[0] + i));
    same(got.length, count);
  },
  search(run, { search, hits, ...step }) {
    const got = run.db.search(vectorOf(search, run.dimension), searchOptions(step));
    same(written(got), expected(hits));
  },
  search_batch(run, { search_batch: spec, hits, ...step }) {
    const queries = rowsOf(spec, run.dimension);
    const { k, ids, distances, counts } = run.db.searchMany(queries, searchOptions(step));
    same(counts.length, hits.length);
    hits.forEach((of, i) => {
      const got = Array.from({ length: counts[i] }, (_, j) => ({ id: ids[i * k + j], distance: distances[i * k + j] }));
      same(written(got), expected(of), `query ${i}`);
      for (let j = counts[i]; j < k; j++) same([ids[i * k + j], distances[i * k + j]], [-1, Infinity]);
      const query = Array.isArray(queries) ? queries[i] : queries.subarray(i * run.dimension, (i + 1) * run.dimension);
      same(written(run.db.search(query, searchOptions(step))), expected(of), `query ${i} alone`);
    });
  },
  upsert(run, { upsert, metadata, key, ids }) {
    const rows = rowsOf(upsert, run.dimension);
    const got =
      metadata.length === 1
        ? [run.db.upsert(Array.isArray(rows) ? rows[0] : rows, metadata[0], { key })]
        : run.db.upsertMany(rows, metadata, { key });
    same(got, ids);
  },
  range_search(run, { range_search: spec, radius, max_results: maxResults, hits, total, distance, filter }) {
    const bound = new Float32Array(Uint32Array.of(parseInt(expectedBits(radius), 16)).buffer)[0];
    const options = { maxResults, distance: METRICS[distance] ?? distance, filter };
    const got = run.db.rangeSearch(vectorOf(spec, run.dimension), bound, options);
    same([written(got.hits), got.total], [expected(hits), total]);
  },
  search_groups(run, { search_groups: spec, key, group_size: groupSize, groups, ...step }) {
    const got = run.db.searchGroups(vectorOf(spec, run.dimension), key, { groupSize, ...searchOptions(step) });
    same(got.map(({ hits }) => written(hits)), groups.map(expected));
  },
  delete: (run, step) => run.db.delete(step.delete),
  delete_many: (run, step) => run.db.delete(step.delete_many),
  update_vector: (run, step) => run.db.updateVector(step.update_vector, vectorOf(step.vector, run.dimension)),
  update_metadata: (run, step) => run.db.updateMetadata(step.update_metadata, step.metadata),
  index_keys: (run, step) => run.db.indexMetadata(step.index_keys),
  indexed_keys: (run, step) => same(run.db.indexedKeys, step.indexed_keys),
  train: (run, { train }) => run.db.trainIvfpq(train === true ? undefined : rowsOf(train, run.dimension)),
  get(run, { get, vector, metadata = {} }) {
    const row = run.db.get(get);
    same(row.id, get);
    same(Array.from(row.vector, bitsOf), Array.from(vectorOf(vector, run.dimension), bitsOf));
    same(Object.entries(row.metadata), Object.entries(metadata));
  },
  contains: (run, step) => same(run.db.has(step.contains), step.is),
  count: (run, step) => same(run.db.size, step.count),
  count_matching: (run, step) => same(run.db.countMatching(step.count_matching), step.is),
  limits: (run, step) =>
    run.db.setResourceLimits(renamed(step.limits, { max_vectors: 'maxVectors', max_memory_bytes: 'maxMemoryBytes' })),
  compact: (run) => run.db.compact(),
  flush: (run) => run.db.flush(),
  save: (run, step) => run.db.save(step.save === true ? undefined : run.host.path(step.save)),
  check(run) {
    const report = run.db.check();
    same(report.faults, 0);
    same(report.reachable, report.rows);
    same(report.rows, run.db.size);
  },
  close: (run) => run.close(),
  async reopen(run, step) {
    run.close();
    const merged = Object.entries({ ...run.options, ...step.reopen }).filter(([, value]) => value !== null);
    run.db = await openAs(run, Object.fromEntries(merged));
  },
  async open_another(run, step) {
    (await openAs(run, step.open_another)).close();
  },
};

const ANY_STEP = ['error', 'message_has', 'only', 'recorded', 'about'];
const ARGUMENTS = {
  add: ['metadata', 'id'],
  add_many: ['metadata', 'ids'],
  search: ['k', 'distance', 'filter', 'ef_search', 'nprobe', 'rerank', 'hits'],
  search_batch: ['k', 'distance', 'filter', 'ef_search', 'nprobe', 'rerank', 'hits'],
  upsert: ['metadata', 'key', 'ids'],
  search_groups: ['k', 'key', 'group_size', 'distance', 'filter', 'groups'],
  range_search: ['radius', 'max_results', 'distance', 'filter', 'hits', 'total'],
  update_vector: ['vector'],
  update_metadata: ['metadata'],
  get: ['vector', 'metadata'],
  contains: ['is'],
  count_matching: ['is'],
};

/** The kind of `step`; anything that the README does not know is an error of the corpus. */
function kindOf(step) {
  const kinds = Object.keys(step).filter((key) => Object.hasOwn(STEPS, key));
  same(kinds.length, 1, `unknown step ${JSON.stringify(step).slice(0, 200)}`);
  const known = [kinds[0], ...ANY_STEP, ...(ARGUMENTS[kinds[0]] ?? [])];
  same(Object.keys(step).filter((key) => !known.includes(key)), [], 'unknown keys');
  return kinds[0];
}

async function runStep(run, step) {
  const kind = kindOf(step);
  if (step.only && !step.only.includes('js')) return;
  const refusal = run.host.refusal?.(run, step);
  const { error: name, message_has: part = '' } = refusal ? { error: refusal } : step;
  if (name === undefined) return STEPS[kind](run, step);
  let error;
  try {
    await STEPS[kind](run, step);
  } catch (thrown) {
    error = thrown;
  }
  holds(error instanceof run.host.GigaVectorError, `expected ${name}, got ${error?.message ?? 'no error'}`);
  same(error.name, name, error.message);
  holds(error.message.includes(part), `"${error.message}" has no "${part}"`);
}

async function checkFiles(host, files = {}) {
  const there = await host.files();
  same(Object.keys(there).sort(), Object.keys(files).sort(), 'files');
  for (const [name, of] of Object.entries(files)) {
    holds(of, `the hash of ${name} has not been taken: generate.py --update`);
    same(there[name], of, name);
  }
}

/**
 * One case with one kernel. `host` is where it runs, new and empty: {Database, GigaVectorError}, `path(name)` of a file, and
 * `files()`, {name: {bytes, sha256}} of all there are. `refusal(run, step)`, which it may have, is the error of a step that
 * is refused there whatever the case says. `whole`, for one that opens databases in the small module, is the address of the other: a case that
 * declares keys begins there, and whatever it opens later is to find its own way.
 */
export async function runCase(given, kernels, host) {
  same(given.format, 'gv-conformance/1');
  const run = {
    host,
    kernels,
    options: given.open,
    dimension: given.open.dimension,
    db: undefined,
    close() {
      this.db?.close();
      this.db = undefined;
    },
  };
  let at = 'open';
  try {
    const declares = given.steps.some((step) => step.index_keys);
    run.db = await openAs(run, given.open, declares ? host.whole : undefined);
    for (const [i, step] of given.steps.entries()) {
      at = `step ${i} (${JSON.stringify(step).slice(0, 120)})`;
      await runStep(run, step);
    }
    run.close();
    at = 'at the end';
    await checkFiles(host, given.files);
  } catch (error) {
    error.message = `${given.name}, ${at}: ${error.message}`;
    throw error;
  } finally {
    run.close();
  }
}
