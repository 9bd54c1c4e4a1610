/** One index over one data set, answering requests as bench_worker.py does: the same code in Node and in a page. */
import { readData, scaleToUnit } from './data.mjs';
import { INDEXES, K } from './indexes.mjs';

const EXACT_QUERIES = 100; // enough for a scan
const WARM_ROWS = 500;

/** `platform`: read(file) of the data folder, gigavector(), hnswlibWasm(), versions. */
export async function openSession(name, platform) {
  const index = new INDEXES[name]();
  const data = await readData(platform.read);
  const { dimension } = data;
  if (index.exact) data.queryCount = Math.min(data.queryCount, EXACT_QUERIES);
  const queries = data.queries.subarray(0, data.queryCount * dimension);
  if (index.unit && data.metric === 'cosine') [data.base, queries].forEach((rows) => scaleToUnit(rows, dimension));
  await index.load(platform);

  const recall = (found) => {
    let hits = 0;
    for (let i = 0; i < data.queryCount; i++) {
      const truth = data.truth.subarray(i * K, (i + 1) * K);
      for (let j = 0; j < K; j++) hits += truth.includes(Number(found[i * K + j]));
    }
    return hits / (data.queryCount * K);
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

    search({ setting }) {
      index.set(setting);
      const start = performance.now();
      const found = index.search(queries, dimension);
      const seconds = (performance.now() - start) / 1e3;
      return { seconds, recall: recall(found), queries: data.queryCount };
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
