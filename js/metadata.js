/**
 * Metadata as the core packs it (GV_PackedMetadata): for each row a u32 count of pairs, then for each pair u32 key
 * bytes, u32 value bytes, key, value; UTF-8, little-endian.
 */
import { argumentError } from './error.js';

const encoder = new TextEncoder();
const decoder = new TextDecoder('utf-8', { ignoreBOM: true });
const plainDecoder = new TextDecoder('latin1'); // a character a byte, and those of ASCII are right
const NOT_ASCII = /[^\0-\x7f]/;
const LONE_SURROGATE = /\p{Surrogate}/u; // half a character: UTF-8 cannot say it

/** `text` as it is, if it is a string that UTF-8 can say. */
export function checkedText(text, what) {
  if (typeof text !== 'string') throw argumentError(`${what} must be a string, got ${describe(text)}`);
  if (LONE_SURROGATE.test(text)) throw argumentError(`${what} has a lone surrogate, which UTF-8 cannot say`);
  return text;
}

/** What `value` is, for a sentence. */
export function describe(value) {
  if (value === null) return 'null';
  if (typeof value === 'number') return String(value);
  if (typeof value === 'string') return JSON.stringify(value.length > 40 ? `${value.slice(0, 40)}...` : value);
  if (typeof value !== 'object') return typeof value;
  return value.constructor?.name ?? 'an object';
}

/** The pairs of one row's metadata: an object, a Map or pairs; null and undefined are none. */
function pairsOf(metadata) {
  if (metadata === null || metadata === undefined) return [];
  if (typeof metadata !== 'object') {
    throw argumentError(`metadata must be an object of strings, got ${describe(metadata)}`);
  }
  if (typeof metadata[Symbol.iterator] !== 'function') return Object.entries(metadata);
  return Array.from(metadata, (pair) => {
    if (Array.isArray(pair) && pair.length === 2) return pair;
    throw argumentError(`metadata must be an object of strings or [key, value] pairs, got ${describe(pair)}`);
  });
}

/** The packed bytes of many rows' metadata. */
export function pack(rows) {
  let bytes = new Uint8Array(256);
  let view = new DataView(bytes.buffer);
  let end = 0;
  const room = (size) => {
    if (end + size <= bytes.length) return;
    const larger = new Uint8Array(Math.max(2 * bytes.length, end + size));
    larger.set(bytes.subarray(0, end));
    bytes = larger;
    view = new DataView(bytes.buffer);
  };
  const number = (at, value) => view.setUint32(at, value, true);
  const text = (string) => {
    room(3 * string.length); // UTF-8 takes at most three bytes for each UTF-16 unit
    const { written } = encoder.encodeInto(string, bytes.subarray(end));
    end += written;
    return written;
  };
  for (const metadata of rows) {
    const pairs = pairsOf(metadata);
    room(4);
    number(end, pairs.length);
    end += 4;
    for (const [key, value] of pairs) {
      checkedText(key, 'a metadata key');
      checkedText(value, `metadata ${describe(key)}`);
      room(8);
      const head = end;
      end += 8;
      number(head, text(key));
      number(head + 4, text(value));
    }
  }
  return bytes.subarray(0, end);
}

/** The metadata of `count` rows from their packed bytes: one object a row. A row is decoded at once, and most texts are parts of it. */
export function unpack(bytes, count) {
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.length);
  let at = 0;
  const number = () => view.getUint32((at += 4) - 4, true);
  return Array.from({ length: count }, () => {
    const begin = at;
    const sizes = Array.from({ length: number() }, () => {
      const pair = [number(), number()];
      at += pair[0] + pair[1];
      return pair;
    });
    const plain = plainDecoder.decode(bytes.subarray(begin, at));
    const metadata = {};
    let from = 4;
    const text = (size) => {
      const part = plain.slice(from, (from += size));
      return NOT_ASCII.test(part) ? decoder.decode(bytes.subarray(begin + from - size, begin + from)) : part;
    };
    for (const [key, value] of sizes) {
      from += 8;
      put(metadata, text(key), text(value));
    }
    return metadata;
  });
}

/** "__proto__" is a key like any other. */
function put(metadata, key, value) {
  if (key === '__proto__') Object.defineProperty(metadata, key, { value, configurable: true, enumerable: true, writable: true });
  else metadata[key] = value;
}
