/** The Worker behind `gigavector/worker`: one database, one call after another, answers by message. */
import { Database } from './index_opfs.js';

let database;
let last = Promise.resolve();

addEventListener('message', ({ data }) => {
  last = last.then(() => answer(data));
});

async function answer({ id, method, args }) {
  try {
    const value = await run(method, args);
    postMessage({ id, value }, buffersOf(value));
  } catch (error) {
    const { code, name, message, report } = error;
    postMessage({ id, error: { code, name, message, report } });
  }
}

async function run(method, args) {
  if (method === 'remove') return Database.remove(...args);
  if (method === 'open' || method === 'fromBytes') {
    database = await Database[method](...args);
    return database.dimension;
  }
  return typeof database[method] === 'function' ? database[method](...args) : database[method];
}

/** The large parts of an answer, which are moved and not copied. */
function buffersOf(value) {
  const parts = ArrayBuffer.isView(value) ? [value] : Object.values(value ?? {});
  return parts.filter((part) => ArrayBuffer.isView(part)).map(({ buffer }) => buffer);
}
