/**
 * One instance of gigavector.wasm: loading it, its imports, and reading and writing its memory.
 *
 * The memory grows, and growing detaches every view of it: a view is made where it is used and never kept.
 * Addresses are unsigned 32-bit numbers; what the module returns as a signed one goes through `>>> 0`.
 */
import { GigaVectorError } from './error.js';
import { STATUS, STRUCTS } from './layout.js';

const decoder = new TextDecoder('utf-8', { fatal: false, ignoreBOM: true });
const encoder = new TextEncoder();
const LARGEST_BLOCK = 2 ** 32 - 2 ** 16; // of a memory addressed by 32 bits
const STOPPED = -1000; // no status of the core's: the name is GV_ERR_UNKNOWN

const ACCESS = {
  u32: { get: (view, at) => view.getUint32(at, true), set: (view, at, value) => view.setUint32(at, value, true) },
  i32: { get: (view, at) => view.getInt32(at, true), set: (view, at, value) => view.setInt32(at, value, true) },
  u64: {
    get: (view, at) => view.getBigUint64(at, true),
    set: (view, at, value) => view.setBigUint64(at, BigInt(value), true),
  },
  f64: { get: (view, at) => view.getFloat64(at, true) },
};
ACCESS.pointer = ACCESS.u32;

export class Core {
  /** The module's exports, called by their C names. */
  c;
  /** Why no further call is possible: a trap left the module in the middle of something. */
  stopped;
  #host;

  /**
   * An instance of `module` over `host`, an object with the methods of the files that it needs (host_node.js).
   * A host's method answers a number, or throws: the core then gets the code and the sentence.
   */
  static async start(module, host) {
    const core = new Core();
    core.#host = host;
    const { exports } = await WebAssembly.instantiate(module, core.#importsFor(module));
    core.c = Object.fromEntries(Object.entries(exports).map(([name, item]) => [name, core.#guarded(item)]));
    core.c._initialize();
    return core;
  }

  /** `item` of the exports; a function that never returned (a trap, the end of the stack) is the last one called. */
  #guarded(item) {
    if (typeof item !== 'function') return item;
    return (...args) => {
      if (this.stopped) throw this.stopped;
      try {
        return item(...args);
      } catch (cause) {
        const sentence = `the module stopped in the middle of a call and is lost: ${cause.message}`;
        this.stopped = new GigaVectorError(STOPPED, sentence, { cause });
        throw this.stopped;
      }
    };
  }

  /** Exactly the imports that `module` asks for. */
  #importsFor(module) {
    const offered = { env: this.#environment(), wasi_snapshot_preview1: { proc_exit: stopped } };
    const imports = {};
    for (const { module: space, name } of WebAssembly.Module.imports(module)) {
      const given = offered[space]?.[name];
      if (!given) {
        throw new GigaVectorError(
          STATUS.GV_ERR_UNSUPPORTED,
          `gigavector.wasm asks for ${space}.${name}, which this version of the package does not have`,
        );
      }
      (imports[space] ??= {})[name] = given;
    }
    return imports;
  }

  /** The module "env": src/storage/vfs_host.c says what each of these is asked and may answer. */
  #environment() {
    const host = this.#host;
    let sentence = '';
    const guarded = (work) => (...args) => {
      try {
        return Number(work(...args) ?? 0);
      } catch (error) {
        sentence = String(error?.message ?? error);
        return error instanceof GigaVectorError ? error.code : STATUS.GV_ERR_IO;
      }
    };
    const text = (at) => this.text(at >>> 0);
    const bytes = (at, size) => this.bytes(at >>> 0, size >>> 0);
    return {
      emscripten_notify_memory_growth: () => {},
      gv_host_open: guarded((path, mode) => host.open(text(path), mode)),
      gv_host_rename: guarded((from, to) => host.rename(text(from), text(to))),
      gv_host_remove: guarded((path) => host.remove(text(path))),
      gv_host_sync_folder: guarded((path) => host.syncFolder(text(path))),
      gv_host_process: guarded(() => host.process()),
      gv_host_read: guarded((file, offset, at, size) => host.read(file, offset, bytes(at, size))),
      gv_host_write: guarded((file, offset, at, size) => host.write(file, offset, bytes(at, size))),
      gv_host_truncate: guarded((file, size) => host.truncate(file, size)),
      gv_host_sync: guarded((file) => host.sync(file)),
      gv_host_size: guarded((file) => host.size(file)),
      gv_host_lock: guarded((file) => host.lock(file)),
      gv_host_is_at: guarded((file, path) => (host.isAt(file, text(path)) ? 1 : 0)),
      gv_host_copy_mode: guarded((file, from) => host.copyMode(file, from)),
      gv_host_close: guarded((file) => host.close(file)),
      gv_host_message: (at, size) => {
        const room = bytes(at, size);
        const { written } = encoder.encodeInto(sentence, room.subarray(0, room.length - 1));
        room[written] = 0;
      },
    };
  }

  get host() {
    return this.#host;
  }

  /** Close what the core may have left open, e.g. after it stopped in the middle of a call. */
  releaseFiles() {
    return this.#host.closeAll();
  }

  /** Bytes of the module's memory; it never shrinks. */
  get memoryBytes() {
    return this.c.memory.buffer.byteLength;
  }

  bytes(at, size) {
    return new Uint8Array(this.c.memory.buffer, at, size);
  }

  floats(at, count) {
    return new Float32Array(this.c.memory.buffer, at, count);
  }

  /** u64 values as Numbers; UINT64_MAX, the id of no row, as -1. */
  numbers(at, count) {
    const halves = new Uint32Array(this.c.memory.buffer, at, 2 * count);
    const numbers = new Float64Array(count);
    for (let i = 0; i < count; i++) {
      const high = halves[2 * i + 1];
      numbers[i] = high === 0xffffffff ? -1 : high * 2 ** 32 + halves[2 * i];
    }
    return numbers;
  }

  u32(at) {
    return new DataView(this.c.memory.buffer).getUint32(at, true);
  }

  setU32(at, value) {
    new DataView(this.c.memory.buffer).setUint32(at, value, true);
  }

  /** The NUL-terminated UTF-8 string at `at`. */
  text(at) {
    const tail = new Uint8Array(this.c.memory.buffer, at);
    return decoder.decode(tail.subarray(0, tail.indexOf(0)));
  }

  /** All fields of the struct `name` at `at`, by their C names; u64 as BigInt. */
  readStruct(name, at) {
    const view = new DataView(this.c.memory.buffer, at, STRUCTS[name].size);
    const values = {};
    for (const [field, [type, offset]] of Object.entries(STRUCTS[name].fields)) {
      values[field] = ACCESS[type].get(view, offset);
    }
    return values;
  }

  /** Write these fields of the struct `name` at `at`; undefined ones stay as they are. */
  writeStruct(name, at, values) {
    const view = new DataView(this.c.memory.buffer, at, STRUCTS[name].size);
    for (const [field, value] of Object.entries(values)) {
      if (value === undefined) continue;
      const [type, offset] = STRUCTS[name].fields[field];
      ACCESS[type].set(view, offset, value);
    }
  }

  /** Run `use` with memory for one call, which is freed whatever happens. */
  call(use) {
    const frame = new Frame(this);
    try {
      return use(frame);
    } finally {
      frame.free();
    }
  }

  /** The failure that the core has just reported. */
  failure() {
    return new GigaVectorError(this.c.gv_last_status(), this.text(this.c.gv_last_error() >>> 0));
  }

  check(status) {
    if (status !== STATUS.GV_OK) throw this.failure();
  }
}

/** The memory of one call: arguments go in, their addresses come out. */
class Frame {
  #core;
  #blocks = [];

  constructor(core) {
    this.#core = core;
  }

  /** The address of `size` bytes, not cleared, aligned for any field. */
  reserve(size) {
    const at = size <= LARGEST_BLOCK ? this.#core.c.malloc(Math.max(size, 1)) >>> 0 : 0;
    if (at === 0) {
      throw new GigaVectorError(STATUS.GV_ERR_NO_MEMORY, `the module's memory has no ${size} bytes for this call`);
    }
    this.#blocks.push(at);
    return at;
  }

  floats(values) {
    const at = this.reserve(4 * values.length);
    this.#core.floats(at, values.length).set(values);
    return at;
  }

  bytes(values) {
    const at = this.reserve(values.length);
    this.#core.bytes(at, values.length).set(values);
    return at;
  }

  u32s(values) {
    return this.bytes(new Uint8Array(Uint32Array.from(values).buffer));
  }

  /** A GV_SparseRows. */
  sparse({ count, starts, indices, values }) {
    return this.struct('GV_SparseRows', {
      count,
      starts: this.ids(starts),
      indices: this.u32s(indices),
      values: this.floats(values),
    });
  }

  /** u64 values from Numbers that are whole and not negative. */
  ids(values) {
    const at = this.reserve(8 * values.length);
    const view = new DataView(this.#core.c.memory.buffer, at, 8 * values.length);
    values.forEach((id, i) => view.setBigUint64(8 * i, toU64(id), true));
    return at;
  }

  /** A NUL-terminated string; undefined is NULL. */
  text(string) {
    return string === undefined ? 0 : this.bytes(encoder.encode(`${string}\0`));
  }

  /** The struct `name` with `struct_size` and these fields set, and all others 0. */
  struct(name, values = {}) {
    const { size, fields } = STRUCTS[name];
    const at = this.reserve(size);
    this.#core.bytes(at, size).fill(0);
    if (fields.struct_size) this.#core.writeStruct(name, at, { struct_size: size });
    this.#core.writeStruct(name, at, values);
    return at;
  }

  free() {
    if (this.#core.stopped) return;
    for (const at of this.#blocks) this.#core.c.free(at);
  }
}

/** The u64 for a Number; no row can have an id past 2^64, and none has the last one. */
export function toU64(id) {
  return id < 2 ** 64 ? BigInt(id) : 2n ** 64n - 1n;
}

function stopped(code) {
  throw new Error(`gigavector.wasm stopped with exit code ${code}`);
}
