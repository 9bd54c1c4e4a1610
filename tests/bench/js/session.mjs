/** One index over one data set, answering requests as bench_worker.py does: the same code in Node and in a page. */
import { readData, scaleToUnit } from './data.mjs';
import { INDEXES } from './indexes.mjs';
import { K } from './one_by_one.mjs';

const EXACT_QUERIES = 100; // enough for a scan
const WARM_ROWS = 500;
const FILE_PASSES = 3;
const OPENED_QUERIES = 100;
const AT_LEAST = 0.1; // seconds that a setting is timed for

/** What the quickest of some calls took, in seconds, and what the last gave; `before` each is not timed. */
async function quickest(call, before = () => {}) {
  let seconds = Infinity;
  let result;
  for (let pass = 0; pass < FILE_PASSES; pass++) {
    await before();
    const start = performance.now();
    result = await call();
    seconds = Math.min(seconds, (performance.now() - start) / 1e3);
  }
  return { seconds, result };
}

/**
 * `platform`: read(file) of the data folder, gigavector(), hnswlibWasm(), edgevec(), versions, and disk: what is kept, with
 * write(path, bytes), read(path) and size(path); `syncs` where a database writes there by itself; `indexedDb` where there is
 * one, with indexedDbBytes().
 */
export async function openSession(name, platform) {
  const index = new INDEXES[name]();
  const data = await readData(platform.read);
  const { dimension } = data;
  if (index.exact) data.queryCount = Math.min(data.queryCount, EXACT_QUERIES);
  const queries = data.queries.subarray(0, data.queryCount * dimension);
  if (index.unit && data.metric === 'cosine') [data.base, queries].forEach((rows) => scaleToUnit(rows, dimension));
  await index.load(platform);

  const recall = (found, count = data.queryCount) => {
    let hits = 0;
    for (let i = 0; i < count; i++) {
      const truth = data.truth.subarray(i * K, (i + 1) * K);
      for (let j = 0; j < K; j++) hits += truth.includes(Number(found[i * K + j]));
    }
    return hits / (count * K);
  };

  return {
    version: () => ({ version: platform.versions[name] ?? platform.versions.gigavector, host: platform.host }),

    async build() {
      await index.build(data.base.slice(0, WARM_ROWS * dimension), data); // compiled and warm before the clock runs
      await index.build(data.base, data); // sets index.start when it begins to insert
      const seconds = (performance.now() - index.start) / 1e3;
      const { memory_bytes, module_bytes } = index.memory();
      return { seconds, memory_bytes, grown_bytes: module_bytes };
    },

    /** The mean of passes that fill AT_LEAST seconds, after one that brings back what others pushed out of caches. */
    search({ setting }) {
      index.set(setting);
      const found = index.search(queries, dimension);
      const start = performance.now();
      let passes = 0;
      let spent = 0;
      for (; spent < AT_LEAST; passes++) {
        index.search(queries, dimension);
        spent = (performance.now() - start) / 1e3;
      }
      return { seconds: spent / passes, recall: recall(found), queries: data.queryCount };
    },

    single({ setting }) {
      index.set(setting);
      const times = [];
      for (let i = 0; i < data.queryCount; i++) {
        const query = queries.subarray(i * dimension, (i + 1) * dimension);
        const start = performance.now();
        index.one(query);
        times.push((performance.now() - start) * 1e3);
      }
      times.sort((a, b) => a - b);
      const at = (part) => times[Math.min(times.length - 1, Math.floor(times.length * part))];
      return { p50_us: at(0.5), p99_us: at(0.99) };
    },

    async save({ path }) {
      const { seconds, result } = await quickest(() => index.save(platform.disk, platform.disk.path(path)));
      return { seconds, bytes: result };
    },

    /** By the same process, in place of what was built. */
    async open({ path, setting }) {
      const { disk } = platform;
      const { seconds } = await quickest(
        () => index.open(disk, disk.path(path)),
        () => index.close(),
      );
      index.set(setting);
      const count = Math.min(OPENED_QUERIES, data.queryCount);
      return { seconds, recall: recall(index.search(queries.subarray(0, count * dimension), dimension), count) };
    },
  };
}

/** The answer to one request, or {error}. */
export async function answer(session, { do: word, ...rest }) {
  try {
    return await session[word](rest);
  } catch (error) {
    return { error: String(error?.message ?? error).split('\n')[0] };
  }
}
