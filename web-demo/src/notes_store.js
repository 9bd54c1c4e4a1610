/**
 * Your notes: a small database of their own, kept in the origin private file system (OPFS) of the browser.
 *
 * After each change its bytes are written by createWritable(), which puts the new file in the place of the old one when it is
 * closed: a tab that is closed in between leaves the old notes whole. A lock keeps two tabs from writing over each other: each
 * change starts from the file as it is then.
 */
import { Database } from 'gigavector';

const FILE = 'notes.gv';
const DIMENSION = 384;

export class NotesStore {
  #db;

  static async open() {
    const store = new NotesStore();
    await store.#load();
    return store;
  }

  async #load() {
    const bytes = await readFile();
    const db = bytes?.length
      ? await Database.fromBytes(bytes)
      : await Database.open(null, { dimension: DIMENSION, index: 'flat', distance: 'cosine' });
    this.#db?.close();
    this.#db = db;
  }

  async #change(work) {
    return navigator.locks.request(`gigavector-demo-${FILE}`, async () => {
      await this.#load();
      try {
        const result = work(this.#db);
        await writeFile(this.#db.toBytes());
        return result;
      } catch (error) {
        await this.#load(); // what is not kept is not shown
        throw error;
      }
    });
  }

  add(vector, text) {
    return this.#change((db) => db.add(vector, { text, written: new Date().toISOString() }));
  }

  edit(id, vector, text) {
    return this.#change((db) => {
      db.updateVector(id, vector);
      db.updateMetadata(id, { text, written: new Date().toISOString() });
    });
  }

  remove(id) {
    return this.#change((db) => db.delete(id));
  }

  /** All notes, the newest first. */
  list() {
    return this.#db.scroll({ limit: 10_000, withVectors: false }).reverse();
  }

  search(vector, k) {
    return this.#db.size ? this.#db.search(vector, { k }) : [];
  }

  bytes() {
    return this.#db.toBytes();
  }
}

async function readFile() {
  const folder = await navigator.storage.getDirectory();
  try {
    const handle = await folder.getFileHandle(FILE);
    return new Uint8Array(await (await handle.getFile()).arrayBuffer());
  } catch (error) {
    if (error.name === 'NotFoundError') return undefined;
    throw error;
  }
}

async function writeFile(bytes) {
  const folder = await navigator.storage.getDirectory();
  const handle = await folder.getFileHandle(FILE, { create: true });
  const writable = await handle.createWritable();
  await writable.write(bytes);
  await writable.close();
}
