/** Other people's WebAssembly: one_by_one.mjs says what an index can do. */
import { EF_CONSTRUCTION, K, M, OneByOne } from './one_by_one.mjs';

export class HnswlibWasm extends OneByOne {
  unit = true; // rows of unit length by dot product: what it is quickest with

  async load(platform) {
    this.make = platform.hnswlibWasm;
    this.library = await this.make();
  }

  async build(rows, { dimension, metric }) {
    const count = rows.length / dimension;
    this.shape = { metric: metric === 'cosine' ? 'ip' : 'l2', dimension, count };
    this.index?.delete(); // and not close(), which would give up the warm module
    this.index = new this.library.HierarchicalNSW(this.shape.metric, dimension, '');
    this.index.initIndex(count, M, EF_CONSTRUCTION, 100);
    this.start = performance.now();
    for (let from = 0; from < count; from += 1000) {
      const labels = Array.from({ length: Math.min(1000, count - from) }, (_, i) => from + i);
      const points = labels.map((label) => rows.subarray(label * dimension, (label + 1) * dimension));
      this.index.addPoints(points, labels, false);
    }
  }

  set(ef) {
    this.index.setEfSearch(ef);
  }

  one(query) {
    return this.index.searchKnn(query, K, undefined).neighbors;
  }

  memory() {
    const bytes = this.library.HEAPU8.buffer.byteLength;
    return { memory_bytes: bytes, module_bytes: bytes };
  }

  /** Its file system is Emscripten's over IndexedDB, mounted when a file is first asked for; nothing else can be reached. */
  async _files() {
    const { EmscriptenFileSystemManager: files } = this.library;
    if (!files.isInitialized()) files.initializeFileSystem('IDBFS');
    while (!files.isInitialized()) await new Promise((later) => setTimeout(later, 1));
    return (reading) => new Promise((done) => files.syncFS(reading, done));
  }

  async save(disk, path) {
    if (!disk.indexedDb) throw new Error('it writes to IndexedDB, which is not there');
    const sync = await this._files();
    this.index.writeIndex(path);
    await sync(false);
    return disk.indexedDbBytes();
  }

  async open(disk, path) {
    await (await this._files())(true);
    const { metric, dimension, count } = this.shape;
    this.index = new this.library.HierarchicalNSW(metric, dimension, '');
    this.index.readIndex(path, count);
  }

  /** With its memory, where its files are kept too: what is opened then comes from IndexedDB. */
  async close() {
    this.index = undefined;
    this.library = await this.make();
  }
}

/**
 * ef is fixed when an index is made, but a search walks with as many candidates as hits are asked for: so it is made with
 * the least, and asked for `ef` hits of which the first K count. Rows of unit length by L2: its cosine and its dot product
 * give the farthest rows.
 */
export class EdgeVec extends OneByOne {
  unit = true;

  async load(platform) {
    this.library = await platform.edgevec();
  }

  async build(rows, { dimension }) {
    const count = rows.length / dimension;
    const { EdgeVec: Index, EdgeVecConfig } = this.library.module;
    const config = new EdgeVecConfig(dimension);
    Object.assign(config, { m: M, m0: 2 * M, ef_construction: EF_CONSTRUCTION, ef_search: K, metric: 'l2' });
    this.close();
    this.index = new Index(config); // frees the config
    this.rowOf = []; // by id
    this.start = performance.now();
    for (let from = 0; from < count; from += 1000) {
      const many = Math.min(1000, count - from);
      const ids = this.index.insertBatchFlat(rows.subarray(from * dimension, (from + many) * dimension), many);
      for (let i = 0; i < many; i++) this.rowOf[ids[i]] = from + i;
    }
  }

  set(ef) {
    this.hits = ef;
  }

  one(query) {
    return this.index.search(query, this.hits).slice(0, K).map(({ id }) => this.rowOf[id]);
  }

  memory() {
    const bytes = this.library.wasm.memory.buffer.byteLength;
    return { memory_bytes: bytes, module_bytes: bytes };
  }

  /** Where there is no IndexedDB its bytes can still be streamed out, but nothing takes them in again. */
  async save(disk, path) {
    if (disk.indexedDb) await this.index.save(path);
    else await disk.write(path, this._bytes());
    return disk.indexedDb ? disk.indexedDbBytes() : disk.size(path);
  }

  _bytes() {
    const chunks = this.index.save_stream();
    const parts = [];
    for (let chunk = chunks.next_chunk(); chunk; chunk = chunks.next_chunk()) parts.push(chunk);
    chunks.free();
    const bytes = new Uint8Array(parts.reduce((sum, part) => sum + part.length, 0));
    parts.reduce((at, part) => (bytes.set(part, at), at + part.length), 0);
    return bytes;
  }

  async open(disk, path) {
    if (!disk.indexedDb) throw new Error('it opens from IndexedDB only, which is not there');
    this.index = await this.library.module.EdgeVec.load(path);
  }

  close() {
    this.index?.free();
    this.index = undefined;
  }
}
