/** Entry of the package for pages: the same Database, its calls asynchronous, in a Worker of its own. */
import { bytesOf } from './download.js';
import { GigaVectorError, argumentError } from './error.js';
import { STATUS } from './layout.js';

export { GigaVectorError };

const PLAIN = [
  ...['add', 'upsert', 'delete', 'deleteMatching', 'updateVector', 'updateMetadata', 'search', 'searchById'],
  ...['rangeSearch', 'searchGroups', 'scroll', 'searchMany', 'get', 'has', 'countMatching', 'checkFilter', 'info'],
  ...['stats', 'memoryUsage', 'getResourceLimits', 'setResourceLimits', 'setExactSearchThreshold', 'check', 'save'],
  ...['flush', 'compact', 'refresh', 'toBytes', 'explain', 'trainIvfpq', 'convert', 'indexMetadata'],
];
const CHUNK_ROWS = 1000;

/** The safety net for databases that are dropped without close(): else their Workers would hold the files for ever. */
const forgotten = new FinalizationRegistry((thread) => {
  thread.call('close', []).then(() => thread.end(), () => thread.end());
});

export class Database {
  #thread;
  #dimension;
  #closed = false;

  static {
    for (const name of PLAIN) {
      const call = function (...args) {
        return this.#call(name, args);
      };
      Object.defineProperty(this.prototype, name, { value: call, writable: true, configurable: true });
    }
  }

  constructor(thread, dimension) {
    if (!(thread instanceof Thread)) {
      throw argumentError('a Database is made by `await Database.open(path, options)`');
    }
    this.#thread = thread;
    this.#dimension = dimension;
    forgotten.register(this, thread, this);
  }

  static open(path = null, options = {}) {
    return begin('open', path, options);
  }

  static fromBytes(bytes, options = {}) {
    return begin('fromBytes', bytes, options);
  }

  static async fromResponse(response, { signal, onProgress, ...options } = {}) {
    return begin('fromBytes', await bytesOf(response, { signal, onProgress }), { ...options, transfer: true });
  }

  static async remove(path, { worker } = {}) {
    const thread = new Thread(worker);
    try {
      await thread.call('remove', [path]);
    } finally {
      thread.end();
    }
  }

  async #call(method, args, transfer) {
    if (this.#closed) throw argumentError('the database is closed');
    return this.#thread.call(method, args, transfer);
  }

  addMany(rows, metadata, how = {}) {
    return this.#many('addMany', rows, metadata, how, []);
  }

  upsertMany(rows, metadata, { key, ...how } = {}) {
    return this.#many('upsertMany', rows, metadata, how, [{ key }]);
  }

  /** In one call, or in several where somebody wants to hear of them or to end them. */
  async #many(method, rows, metadata, { signal, onProgress, chunkRows = CHUNK_ROWS, transfer = false, ...wrong }, rest) {
    const [unknown] = Object.keys(wrong);
    if (unknown !== undefined) throw argumentError(`${method} has no option "${unknown}"`);
    if (!(Number.isInteger(chunkRows) && chunkRows > 0)) throw argumentError('chunkRows must be a whole number from 1');
    if (!signal && !onProgress) return this.#call(method, [rows, metadata, ...rest], transfer);
    const width = Array.isArray(rows) && typeof rows[0] !== 'number' ? 1 : this.#dimension;
    const count = rows?.length / width;
    if (!Number.isInteger(count)) throw argumentError(`rows are no whole number of vectors of dim ${this.#dimension}`);
    if (metadata && metadata.length !== count) {
      throw argumentError(`expected metadata of ${count} rows, got ${metadata.length}`);
    }
    const ids = [];
    for (let from = 0; from < count; from += chunkRows) {
      signal?.throwIfAborted();
      const part = [rows.slice(from * width, (from + chunkRows) * width), metadata?.slice(from, from + chunkRows)];
      for (const id of await this.#call(method, [...part, ...rest], true)) ids.push(id);
      onProgress?.(ids.length, count);
    }
    return ids;
  }

  async getMany(ids) {
    return this.#call('getMany', [typeof ids?.[Symbol.iterator] === 'function' ? Array.from(ids) : ids]);
  }

  /** Live rows: a promise. */
  get size() {
    return this.#call('size', []);
  }

  /** A promise, as `size` is. */
  get indexedKeys() {
    return this.#call('indexedKeys', []);
  }

  get dimension() {
    return this.#dimension;
  }

  async close() {
    if (this.#closed) return;
    const done = this.#call('close', []);
    this.#closed = true;
    forgotten.unregister(this);
    try {
      await done;
    } finally {
      this.#thread.end();
    }
  }

  [Symbol.asyncDispose ?? Symbol.for('Symbol.asyncDispose')]() {
    return this.close();
  }
}

async function begin(method, what, { worker, wasm, transfer = false, ...options }) {
  const source = wasm === undefined ? {} : { wasm: await sourceOf(wasm) };
  const thread = new Thread(worker);
  try {
    const dimension = await thread.call(method, [what, { ...options, ...source }], transfer);
    return new Database(thread, dimension);
  } catch (error) {
    thread.end();
    throw error;
  }
}

/** The `wasm` option as something that can be sent: addresses are relative to the page, not to the Worker. */
async function sourceOf(wasm) {
  if (wasm instanceof Response) return bytesOf(wasm, {});
  if (typeof wasm === 'string' || wasm instanceof URL) return new URL(wasm, globalThis.location?.href).href;
  return wasm;
}

class Thread {
  #worker;
  #waiting = new Map();
  #next = 0;
  #lost;

  constructor(given) {
    if (typeof Worker === 'undefined') {
      const sentence = 'there are no Workers here: in Node, use Database of "gigavector"';
      throw new GigaVectorError(STATUS.GV_ERR_UNSUPPORTED, sentence);
    }
    this.#worker = newWorker(given);
    this.#worker.addEventListener('message', ({ data }) => this.#take(data));
    this.#worker.addEventListener('error', (event) => this.#lose(event.message ?? 'its script did not load'));
    this.#worker.addEventListener('messageerror', () => this.#lose('a message could not be read'));
  }

  /** What `method` answers in the Worker. With `transfer`, the buffers of `args` are moved there and empty here. */
  call(method, args, transfer = false) {
    if (this.#lost) return Promise.reject(this.#lost);
    const id = this.#next++;
    const buffers = new Set();
    const sent = args.map((arg) => packed(arg, transfer, buffers));
    return new Promise((resolve, reject) => {
      try {
        this.#worker.postMessage({ id, method, args: sent }, [...buffers]);
      } catch (error) {
        return reject(argumentError(`the arguments of ${method} cannot be sent to a Worker: ${error.message}`));
      }
      this.#waiting.set(id, { resolve, reject });
    });
  }

  #take({ id, value, error }) {
    const { resolve, reject } = this.#waiting.get(id);
    this.#waiting.delete(id);
    if (!error) return resolve(value);
    const { code, name, message, report } = error;
    if (code === undefined) return reject(Object.assign(new Error(message), { name }));
    reject(Object.assign(new GigaVectorError(code, message), report && { report }));
  }

  #lose(why) {
    this.#lost ??= new GigaVectorError(STATUS.GV_ERR_IO, `the Worker of the database is lost: ${why}`);
    for (const { reject } of this.#waiting.values()) reject(this.#lost);
    this.#waiting.clear();
  }

  end() {
    this.#worker.terminate();
    this.#lose('it was ended');
  }
}

/** Bundlers look for these very words. */
function newWorker(given) {
  if (given === undefined) return new Worker(new URL('./gigavector.thread.js', import.meta.url), { type: 'module' });
  return given instanceof Worker ? given : new Worker(given, { type: 'module' });
}

/** `value` with its arrays of numbers in buffers that may go: the caller's own, or copies of just what they show. */
function packed(value, transfer, buffers) {
  if (Array.isArray(value) && value.some(ArrayBuffer.isView)) {
    return value.map((item) => packed(item, transfer, buffers));
  }
  if (value instanceof ArrayBuffer) {
    if (transfer) buffers.add(value);
    return value;
  }
  if (!ArrayBuffer.isView(value) || value instanceof DataView) return value;
  const isPart = value.byteLength !== value.buffer.byteLength;
  const isMovable = value.buffer instanceof ArrayBuffer;
  const mine = transfer && isMovable && !isPart ? value : value.slice();
  buffers.add(mine.buffer);
  return mine;
}
