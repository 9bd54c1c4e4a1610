// run-wasm.mjs: runs a C test that was compiled to WebAssembly: node run-wasm.mjs test.wasm [argument ...]
//
// It gives the program standard streams, arguments, environment, clocks and random bytes by the calls of WASI that
// Emscripten's libc makes. Node's own node:wasi is not used: in Node 20 it crashes at times after a memory has grown.
// There are no files: a test that opens a path, and not NULL or the memory file system, stops here by name.
import { randomFillSync } from 'node:crypto';
import { readFileSync, readSync, writeSync } from 'node:fs';

const [path, ...rest] = process.argv.slice(2);
const SUCCESS = 0, EBADF = 8, ESPIPE = 70;
class Exit extends Error {
  constructor(code) {
    super(`exit ${code}`);
    this.code = code;
  }
}

const start = process.hrtime.bigint(); // clock() overflows 32 bits after 35 minutes
let memory;
const view = () => new DataView(memory.buffer);
const bytes = (at, size) => new Uint8Array(memory.buffer, at >>> 0, size >>> 0);
const put32 = (at, value) => view().setUint32(at >>> 0, value, true);
const put64 = (at, value) => view().setBigUint64(at >>> 0, value, true);

// A list of C strings, as argv and environ are handed over: their number and total size, then pointers and bytes.
function strings(list) {
  const encoded = list.map((text) => new TextEncoder().encode(`${text}\0`));
  return {
    sizes(count, size) {
      put32(count, encoded.length);
      put32(size, encoded.reduce((sum, text) => sum + text.length, 0));
      return SUCCESS;
    },
    get(pointers, buffer) {
      for (const [i, text] of encoded.entries()) {
        put32(pointers + 4 * i, buffer);
        bytes(buffer, text.length).set(text);
        buffer += text.length;
      }
      return SUCCESS;
    },
  };
}
const args = strings([path, ...rest]);
const environ = strings(Object.entries(process.env).map(([name, value]) => `${name}=${value}`));

// Each buffer of an iovec array through `transfer(buffer)`, which answers how many bytes went; stops when one is short.
function vectored(iovecs, count, total, transfer) {
  let sum = 0;
  for (let i = 0; i < count; i++) {
    const size = view().getUint32(iovecs + 8 * i + 4, true);
    const done = size === 0 ? 0 : transfer(bytes(view().getUint32(iovecs + 8 * i, true), size));
    sum += done;
    if (done < size) break;
  }
  put32(total, sum);
  return SUCCESS;
}

function writeAll(fd, buffer) {
  for (let at = 0; at < buffer.length; ) {
    try {
      at += writeSync(fd, buffer, at);
    } catch (error) {
      if (error.code !== 'EAGAIN') throw error; // a pipe that is full for now
    }
  }
  return buffer.length;
}

function readSome(buffer) {
  try {
    return readSync(0, buffer);
  } catch (error) {
    if (error.code === 'EOF') return 0;
    throw error;
  }
}

const wasi = {
  args_sizes_get: args.sizes,
  args_get: args.get,
  environ_sizes_get: environ.sizes,
  environ_get: environ.get,
  fd_write: (fd, iovecs, count, total) =>
    fd === 1 || fd === 2 ? vectored(iovecs, count, total, (buffer) => writeAll(fd, buffer)) : EBADF,
  fd_read: (fd, iovecs, count, total) => (fd === 0 ? vectored(iovecs, count, total, readSome) : EBADF),
  fd_seek: () => ESPIPE,
  fd_close: () => SUCCESS,
  fd_fdstat_get(fd, at) {
    if (fd > 2) return EBADF;
    bytes(at, 24).fill(0);
    bytes(at, 1)[0] = 2; // a character device: streams are flushed by line
    return SUCCESS;
  },
  clock_res_get(_clock, at) {
    put64(at, 1n);
    return SUCCESS;
  },
  clock_time_get(clock, _precision, at) {
    put64(at, clock === 0 ? BigInt(Date.now()) * 1000000n : process.hrtime.bigint() - start);
    return SUCCESS;
  },
  random_get(at, size) {
    randomFillSync(bytes(at, size));
    return SUCCESS;
  },
  proc_exit(code) {
    throw new Exit(code);
  },
};

const module = new WebAssembly.Module(readFileSync(path));
const imports = { env: {}, wasi_snapshot_preview1: {} };
for (const { module: from, name } of WebAssembly.Module.imports(module)) {
  imports[from][name] =
    wasi[name] ??
    (() => {
      throw new Error(`${path}: called ${from}.${name}, which run-wasm.mjs does not have`);
    });
}
imports.env.emscripten_notify_memory_growth = () => {};
imports.env.gv_host_process = () => 1; // databases in memory ask for no more of a host

const { exports } = new WebAssembly.Instance(module, imports);
memory = exports.memory;
try {
  exports._start();
} catch (error) {
  if (!(error instanceof Exit)) throw error;
  process.exitCode = error.code;
}
