/** Databases in a Worker: the packages, in the file that Python wrote, and your notes. */
import { Database } from 'gigavector';

import { fetchBytes } from './fetch_bytes.js';
import { NotesStore } from './notes_store.js';
import { serveCalls } from './rpc.js';
import { textSearch, textTable } from './text_search.js';

// Up to this many rows a search looks at all of them.
const EXACT = 0xffffffff;
const NEVER = 0;
const files = {}; // databases by file name
let base;
const opening = {}; // promises by file name
let current; // {db, exact}
let chosen = 'hnsw';
let table; // for the plain text filter
let notes;

const tell = serveCalls({
  async load(address, about) {
    base = address;
    const db = await openFile('packages.gv', about.files['packages.gv']);
    current = { db, exact: false };
    return describe(db, about.files['packages.gv']);
  },

  /** A database file of the user's own in place of the packages. */
  async openBytes(bytes) {
    const db = await Database.fromBytes(bytes);
    if (db.dimension !== 384) {
      const { dimension } = db;
      db.close();
      throw new Error(`this file has vectors of ${dimension} components, and the model in the page makes 384`);
    }
    for (const name of Object.keys(files)) {
      files[name].close();
      delete files[name];
    }
    files['packages.gv'] = db;
    db.setExactSearchThreshold(NEVER);
    chosen = 'hnsw';
    current = { db, exact: false };
    return describe(db, bytes.byteLength);
  },

  name: (id) => current.db.get(id).metadata.package ?? `row ${id}`,

  /** `mode`: hnsw, exact or binary. False if another one was chosen while this one was loading. */
  async setMode(mode, expected) {
    chosen = mode;
    const name = mode === 'binary' ? 'packages-binary.gv' : 'packages.gv';
    const db = files[name] ?? (await openFile(name, expected));
    if (chosen !== mode) return false;
    current = { db, exact: mode === 'exact' };
    db.setExactSearchThreshold(current.exact ? EXACT : NEVER);
    return true;
  },

  /** The first searches of a fresh module run as slower code: none of yours is to be one of them. */
  warmUp() {
    const { db } = current;
    for (let id = 0; id < Math.min(db.size, 100); id++) if (db.has(id)) db.searchById(id);
  },

  search(vector, options) {
    return timed(() => current.db.search(vector, options));
  },

  similar(id, options) {
    return timed(() => current.db.searchById(id, options));
  },

  text(words, options) {
    return timed(() => textSearch(current.db, table, words, options));
  },

  /** Of the k hits of this mode, how many are among the k nearest of all rows? */
  recall(vector, options) {
    const { db, exact } = current;
    const ids = db.search(vector, options).map((hit) => hit.id);
    if (exact || ids.length === 0) return 1;
    const reference = files['packages.gv'];
    reference.setExactSearchThreshold(EXACT);
    try {
      const nearest = new Set(reference.search(vector, options).map((hit) => hit.id));
      return ids.filter((id) => nearest.has(id)).length / ids.length;
    } finally {
      reference.setExactSearchThreshold(NEVER);
    }
  },

  async notes(what, ...args) {
    notes ??= NotesStore.open();
    try {
      return (await notes)[what](...args);
    } finally {
      notes.catch(() => (notes = undefined)); // the next call tries again
    }
  },
});

/** One of the files beside the page, once, however often it is asked for meanwhile. */
function openFile(name, expected) {
  opening[name] ??= (async () => {
    try {
      const bytes = await fetchBytes(new URL(`data/${name}`, base), (step) => tell('progress', step), expected);
      files[name] = await Database.fromBytes(bytes);
      files[name].setExactSearchThreshold(NEVER); // the switch in the page decides
      return files[name];
    } finally {
      delete opening[name];
    }
  })();
  return opening[name];
}

/** What the page shows of a database: figures, and the values that rows can be filtered by. */
function describe(db, bytes) {
  table = textTable(db);
  const sections = new Map();
  for (const { section } of table.rows) if (section) sections.set(section, (sections.get(section) ?? 0) + 1);
  const { size, dimension, kernels, index } = db.info();
  const sorted = [...sections].sort((a, b) => b[1] - a[1]);
  const place = new Map(sorted.map(([name], i) => [name, i]));
  const sectionOf = Uint16Array.from(table.rows, ({ section }) => place.get(section) ?? sorted.length);
  return { size, dimension, kernels, index, bytes, sections: sorted, sectionOf };
}

function timed(work) {
  const begin = performance.now();
  const hits = work();
  return { hits, ms: performance.now() - begin };
}
