/** Checking and converting what callers pass in: numbers, names, vectors, options. */
import { argumentError } from './error.js';
import { checkedText, describe } from './metadata.js';

/** Refuse options that do not exist: a misspelt one would otherwise be ignored. */
export function checkOptions(options, known, call) {
  if (options === null || typeof options !== 'object') {
    throw argumentError(`the options of ${call} must be an object, got ${describe(options)}`);
  }
  for (const name of Object.keys(options)) {
    if (!known.includes(name)) throw argumentError(`${call} has no option "${name}"; it has ${known.join(', ')}`);
  }
}

/** A whole number from `least` to `most`; undefined stays undefined. */
export function whole(value, what, least = 0, most = Number.MAX_SAFE_INTEGER) {
  if (value === undefined) return undefined;
  if (!Number.isInteger(value) || value < least || value > most) {
    throw argumentError(`${what} must be a whole number from ${least} to ${most}, got ${describe(value)}`);
  }
  return value;
}

/** An id: whole and not negative. Past 2^53 - 1 there are none, and the core says so. */
export function checkedId(id) {
  if (!Number.isInteger(id) || id < 0) throw argumentError(`an id must be a whole number from 0, got ${describe(id)}`);
  return id;
}

export function flag(value, what) {
  if (value === undefined) return undefined;
  if (typeof value !== 'boolean') throw argumentError(`${what} must be true or false, got ${describe(value)}`);
  return value ? 1 : 0;
}

/** The number of the enum value `name`; undefined stays undefined. */
export function chosen(numbers, name, what) {
  if (name === undefined) return undefined;
  if (typeof name !== 'string' || !Object.hasOwn(numbers, name)) {
    throw argumentError(`${what} must be one of ${Object.keys(numbers).join(', ')}; got ${describe(name)}`);
  }
  return numbers[name];
}

/** The name of the enum value `number`. */
export function nameOf(numbers, number) {
  return Object.keys(numbers).find((name) => numbers[name] === number);
}

/** A filter as [key, value, expression]: of {key: value}, [key, value] or an expression. */
export function checkedFilter(filter) {
  if (filter === undefined || filter === null) return [];
  if (typeof filter === 'string') return [undefined, undefined, checkedCString(filter, 'filter')];
  if (typeof filter !== 'object') {
    throw argumentError(`filter must be an expression or {key: value}, got ${describe(filter)}`);
  }
  const pairs = Array.isArray(filter) ? [filter] : Object.entries(filter);
  if (pairs.length !== 1) throw argumentError(`filter must be one {key: value} pair, got ${pairs.length}`);
  const [key, value] = pairs[0];
  checkedCString(key, 'the key of filter');
  if (value !== undefined) checkedCString(value, `the value of filter ${describe(key)}`);
  return [key, value];
}

/** A string that C can take: one that does not end early at a NUL. */
export function checkedCString(text, what) {
  if (checkedText(text, what).includes('\0')) throw argumentError(`${what} has an embedded NUL`);
  return text;
}

/** Rows given as {indices, values}, one or many, in the form of a GV_SparseRows, and no floats; undefined for other rows. */
export function toSparse(given) {
  const rows = Array.isArray(given) ? given : [given];
  if (!rows[0]?.indices) return undefined;
  const starts = [0];
  const indices = [];
  const values = [];
  rows.forEach((row, i) => {
    const { length } = row?.indices ?? [];
    const floats = toFloats(row?.values, `values of sparse row ${i}`);
    if (length !== floats.length) throw argumentError(`sparse row ${i} has ${length} indices, ${floats.length} values`);
    for (let at = 0; at < length; at++) {
      indices.push(whole(row.indices[at], `index ${at} of sparse row ${i}`, 0, 2 ** 32 - 1));
      values.push(floats[at]);
    }
    starts.push(indices.length);
  });
  return { count: rows.length, starts, indices, values, floats: [], dimension: 0 };
}

/** `values` as float32: a Float32Array itself, anything else converted. */
export function toFloats(values, what = 'a vector') {
  if (values instanceof Float32Array) return values;
  if (Array.isArray(values)) {
    for (let i = 0; i < values.length; i++) {
      if (typeof values[i] !== 'number') {
        throw argumentError(`component ${i} of ${what} must be a number, got ${describe(values[i])}`);
      }
    }
    return Float32Array.from(values);
  }
  const typed = ArrayBuffer.isView(values) && !(values instanceof DataView);
  if (!typed || values instanceof BigInt64Array || values instanceof BigUint64Array) {
    throw argumentError(`${what} must be a Float32Array or an array of numbers, got ${describe(values)}`);
  }
  return Float32Array.from(values);
}

/**
 * Many rows, as {floats, count, dimension}: row after row in one flat array of numbers, or an array of vectors.
 * The dimension is the database's for flat rows and the vectors' own otherwise, so that the core can refuse it.
 */
export function toRows(rows, dimension, what) {
  if (!Array.isArray(rows) || typeof rows[0] !== 'object') {
    const floats = toFloats(rows, what);
    if (floats.length % dimension !== 0) {
      throw argumentError(`${what} of dim ${dimension} cannot be read from ${floats.length} numbers`);
    }
    return { floats, count: floats.length / dimension, dimension };
  }
  const vectors = rows.map((row, i) => toFloats(row, `row ${i}`));
  const width = vectors[0].length;
  const floats = new Float32Array(vectors.length * width);
  vectors.forEach((vector, i) => {
    if (vector.length !== width) throw argumentError(`row ${i} has dim ${vector.length}, but row 0 has ${width}`);
    floats.set(vector, i * width);
  });
  return { floats, count: vectors.length, dimension: width };
}
