/** Ours, the plain loop, and INDEXES: all that runs in Node and in a page. one_by_one.mjs says what an index can do. */
import { EdgeVec, HnswlibWasm } from './peers.mjs';
import { EF_CONSTRUCTION, K, M, OneByOne } from './one_by_one.mjs';

class GigaVector {
  kind = 'hnsw';
  options = { M, efConstruction: EF_CONSTRUCTION };
  kernels = undefined; // the engine's own

  async load(platform) {
    ({ Database: this.Database } = await platform.gigavector());
  }

  async build(rows, { dimension, metric }) {
    const distance = metric === 'cosine' ? 'cosine' : 'euclidean';
    this.close();
    const hnsw = this.kind === 'hnsw' ? { hnsw: this.options } : {};
    this.db = await this.Database.open(null, { dimension, index: this.kind, distance, kernels: this.kernels, ...hnsw });
    this.start = performance.now();
    this.db.addMany(rows);
  }

  set(ef) {
    this.search_ = ef === null ? { k: K } : { k: K, efSearch: ef };
  }

  search(queries) {
    return this.db.searchMany(queries, this.search_).ids;
  }

  one(query) {
    return this.db.search(query, this.search_);
  }

  memory() {
    return { memory_bytes: this.db.memoryUsage(), module_bytes: this.db.info().wasmMemoryBytes };
  }

  async save(disk, path) {
    if (disk.syncs) this.db.save(path);
    else await disk.write(path, this.db.toBytes());
    return disk.size(path);
  }

  async open(disk, path) {
    this.db = await (disk.syncs ? this.Database.open(path) : this.Database.fromBytes(await disk.read(path)));
  }

  close() {
    this.db?.close();
  }
}

/** Without relaxed SIMD, where the engine has it. */
class GigaVectorSimd128 extends GigaVector {
  kernels = 'wasm128';
}

class GigaVectorHybrid extends GigaVector {
  options = { M, efConstruction: EF_CONSTRUCTION, useBinaryQuant: true };
}

class GigaVectorFlat extends GigaVector {
  kind = 'flat';
  exact = true;
}

/** What one would write by hand: four sums over one Float32Array, the best K kept sorted. */
class PlainLoop extends OneByOne {
  exact = true;
  unit = true;

  async load() {}

  async build(rows, { dimension, metric }) {
    this.start = performance.now();
    this.rows = rows.slice();
    this.dimension = dimension;
    this.distance = metric === 'cosine' ? negatedDot : squaredDistance;
  }

  set() {}

  one(query) {
    const { rows, dimension, distance } = this;
    const ids = new Int32Array(K);
    const best = new Float64Array(K).fill(Infinity);
    for (let start = 0, id = 0; start < rows.length; start += dimension, id++) {
      const d = distance(rows, start, query, dimension);
      if (d >= best[K - 1]) continue;
      let place = K - 1;
      for (; place > 0 && best[place - 1] > d; place--) {
        best[place] = best[place - 1];
        ids[place] = ids[place - 1];
      }
      best[place] = d;
      ids[place] = id;
    }
    return ids;
  }

  memory() {
    return { memory_bytes: this.rows.byteLength, module_bytes: 0 };
  }

  async save(disk, path) {
    await disk.write(path, new Uint8Array(this.rows.buffer));
    return disk.size(path);
  }

  async open(disk, path) {
    this.rows = new Float32Array(await disk.read(path));
  }

  close() {
    this.rows = undefined;
  }
}

function negatedDot(rows, start, query, dimension) {
  let a = 0;
  let b = 0;
  let c = 0;
  let d = 0;
  let i = 0;
  for (; i + 3 < dimension; i += 4) {
    a -= rows[start + i] * query[i];
    b -= rows[start + i + 1] * query[i + 1];
    c -= rows[start + i + 2] * query[i + 2];
    d -= rows[start + i + 3] * query[i + 3];
  }
  for (; i < dimension; i++) a -= rows[start + i] * query[i];
  return a + b + (c + d);
}

function squaredDistance(rows, start, query, dimension) {
  let a = 0;
  let b = 0;
  let c = 0;
  let d = 0;
  let i = 0;
  for (; i + 3 < dimension; i += 4) {
    const w = rows[start + i] - query[i];
    const x = rows[start + i + 1] - query[i + 1];
    const y = rows[start + i + 2] - query[i + 2];
    const z = rows[start + i + 3] - query[i + 3];
    a += w * w;
    b += x * x;
    c += y * y;
    d += z * z;
  }
  for (; i < dimension; i++) a += (rows[start + i] - query[i]) ** 2;
  return a + b + (c + d);
}

export const INDEXES = {
  gigavector: GigaVector,
  'gigavector simd128': GigaVectorSimd128,
  'gigavector hybrid': GigaVectorHybrid,
  'gigavector flat': GigaVectorFlat,
  'hnswlib-wasm': HnswlibWasm,
  edgevec: EdgeVec,
  'plain loop': PlainLoop,
};
