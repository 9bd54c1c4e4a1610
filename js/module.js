/** From the `wasm` option to a compiled module. */
import { bytesOf } from './download.js';
import { GigaVectorError, argumentError } from './error.js';
import { STATUS } from './layout.js';
import { describe } from './metadata.js';

const compiled = new Map(); // promises by address: a module is compiled once, and each database is an instance of it

/**
 * A module in which d() is the relaxed dot product of four times (-3, 127), and 5. Engines without it refuse the module, and there is one
 * that has it and errs.
 */
// prettier-ignore
const PROBE = [
  0, 97, 115, 109, 1, 0, 0, 0, // the version
  1, 5, 1, 96, 0, 1, 127, // a function gives an i32
  3, 2, 1, 0,
  7, 5, 1, 1, 100, 0, 0, // it is d
  10, 23, 1, 21, 0, // and is
  65, 125, 253, 15, // i8x16.splat (i32.const -3)
  65, 255, 0, 253, 15, // i8x16.splat (i32.const 127)
  65, 5, 253, 17, // i32x4.splat (i32.const 5)
  253, 147, 2, // i32x4.relaxed_dot_i8x16_i7x16_add_s
  253, 27, 0, 11, // i32x4.extract_lane 0
];

function hasRelaxedDot() {
  try {
    const probe = new WebAssembly.Module(new Uint8Array(PROBE));
    return new WebAssembly.Instance(probe).exports.d() === 5 - 4 * 3 * 127;
  } catch {
    return false;
  }
}

let ours;

/**
 * The addresses of the small module, unless `whole`, and of the one that has all, for what the first does not know; for this engine, which is
 * asked once. The last is for who asks for kernels by name.
 */
export function modules(whole) {
  ours ??= [
    ...(hasRelaxedDot()
      ? [new URL('./gigavector.relaxed.wasm', import.meta.url), new URL('./gigavector.all.relaxed.wasm', import.meta.url)]
      : [new URL('./gigavector.wasm', import.meta.url)]),
    new URL('./gigavector.all.wasm', import.meta.url),
  ];
  return ours.slice(whole ? 1 : 0);
}

/**
 * `source` is a compiled module, its bytes, a Response with them, or an address. `readBytes(url)` is the platform's way to
 * read an address.
 */
export async function moduleFrom(source, readBytes) {
  if (source instanceof WebAssembly.Module) return source;
  if (source instanceof ArrayBuffer || ArrayBuffer.isView(source)) return compile(source, 'the bytes given as `wasm`');
  if (globalThis.Response && source instanceof Response) {
    return compile(await bytesOf(source, {}), source.url || 'the response given as `wasm`');
  }
  if (typeof source !== 'string' && !(source instanceof URL)) {
    throw argumentError(`wasm must be a WebAssembly.Module, its bytes, a Response or an address, got ${describe(source)}`);
  }
  const key = String(source);
  if (!compiled.has(key)) {
    const promise = readBytes(source).then((bytes) => compile(bytes, key));
    compiled.set(key, promise);
    promise.catch(() => compiled.delete(key)); // the next open tries again
  }
  return compiled.get(key);
}

async function compile(source, name) {
  const bytes = ArrayBuffer.isView(source)
    ? new Uint8Array(source.buffer, source.byteOffset, source.byteLength)
    : new Uint8Array(source);
  const isModule = bytes.length >= 8 && [0x00, 0x61, 0x73, 0x6d].every((byte, i) => bytes[i] === byte);
  if (!isModule) {
    const start = Array.from(bytes.subarray(0, 4), (byte) => byte.toString(16).padStart(2, '0')).join(' ');
    throw new GigaVectorError(
      STATUS.GV_ERR_IO,
      `${name} is not a WebAssembly module: it begins with "${start}" (3c is "<": a page where the file should be?)`,
    );
  }
  return WebAssembly.compile(bytes);
}
