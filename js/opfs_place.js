/**
 * A database's place in OPFS: a folder of its name with two files, 'a' and 'b', and a third, 'current', that says which of
 * them has the name. OPFS has no rename that a synchronous call could make; a record of 32 bytes, written and flushed, is one.
 *
 * 'current' holds two such records in turns, each with a sequence number and a checksum, so that a torn one leaves the
 * other: a crash at any step leaves the file that had the name, or the file that got it, and both are whole.
 */
import { GigaVectorError } from './error.js';
import { STATUS } from './layout.js';

const SLOTS = ['a', 'b'];
const NONE = SLOTS.length; // in a record: nothing has the name yet
const RECORD_BYTES = 32;
const RECORD_SPACING = 4096; // sectors of their own
const MAGIC = [0x6e, 0x47, 0x56, 0x6e, 0x61, 0x6d, 0x65, 0x31]; // "nGVname1"
const LARGEST_TRANSFER = 2 ** 30;
const PATIENCE_MS = 500; // a page that was just left lets go of its handles a little later

export class Place {
  #folder;
  #names; // 'current'
  #slots; // handles; of a reader that of the current one only
  #sequence;
  #doubt; // why nobody can tell which slot has the name
  #readOnly;
  #name;

  /** The slot that has the name; undefined while there is no database. */
  current;

  static async open(name, readOnly) {
    const place = new Place();
    place.#name = name;
    place.#readOnly = readOnly;
    place.#slots = [];
    try {
      place.#folder = await folderOf(name, !readOnly);
      place.#names = await handleOf(place.#folder, 'current', readOnly);
      place.#readNames();
      for (const [slot, file] of SLOTS.entries()) {
        if (readOnly && slot !== place.current) continue;
        place.#slots[slot] = await handleOf(place.#folder, file, readOnly);
      }
      if (place.current !== undefined) place.clearSpare(); // of a checkpoint that a crash ended
    } catch (error) {
      place.#closeHandles();
      throw error;
    }
    return place;
  }

  get spare() {
    return this.current === 0 ? 1 : 0;
  }

  /** Who has the name, by the newest valid record. */
  #readNames() {
    const bytes = new Uint8Array(2 * RECORD_SPACING);
    this.#names.read(bytes, { at: 0 });
    const turns = [0, 1].map((turn) => bytes.slice(turn * RECORD_SPACING).subarray(0, RECORD_BYTES));
    const [last] = turns.map(readRecord).filter(Boolean).sort((a, b) => b.sequence - a.sequence);
    this.#sequence = last?.sequence;
    this.current = last && last.slot !== NONE ? last.slot : undefined;
    if (last || turns[1].every((byte) => byte === 0)) return; // what a crash may leave before the first name is given
    const sentence = `${this.#name}: neither record of its file "current" is valid, so which of its files is the ` +
      'database is unknown; nothing was changed';
    throw new GigaVectorError(STATUS.GV_ERR_CORRUPT, sentence);
  }

  /** The spare slot takes the name. On failure the other has it still, or nothing more is written here. */
  swap() {
    this.checkSound();
    if (this.#sequence === undefined) this.#write({ sequence: 0, slot: NONE }); // so that one record is always whole
    this.#write({ sequence: this.#sequence + 1, slot: this.spare });
    this.current = this.spare;
  }

  #write(record) {
    const at = (record.sequence % 2) * RECORD_SPACING;
    try {
      writeAll(this.#names, at, bytesOf(record));
      this.#names.flush();
    } catch (error) {
      this.#takeBack(at, error);
      throw failureOf(error, this.#name);
    }
    this.#sequence = record.sequence;
  }

  /** A record that may have been written must not win after a crash, when the older file has gone on. */
  #takeBack(at, error) {
    try {
      if (this.#names.getSize() > at) writeAll(this.#names, at, new Uint8Array(RECORD_BYTES).fill(0xff));
      this.#names.flush();
    } catch {
      this.#doubt = error; // either file is whole, and stays so
    }
  }

  checkSound() {
    if (!this.#doubt) return;
    const sentence = `${this.#name} can be written no further until it is opened again: ${this.#doubt.message}`;
    throw new GigaVectorError(STATUS.GV_ERR_IO, sentence, { cause: this.#doubt });
  }

  /** Give back the room of what has no name. It fails only in taking room, which harms nothing. */
  clearSpare() {
    if (this.#doubt || this.#readOnly) return;
    try {
      this.#slots[this.spare].truncate(0);
    } catch {
      // as above
    }
  }

  read(slot, offset, buffer) {
    let got = 0;
    while (got < buffer.length) {
      const bytes = this.#slots[slot].read(buffer.subarray(got, got + LARGEST_TRANSFER), { at: offset + got });
      if (bytes === 0) break;
      got += bytes;
    }
    return got;
  }

  write(slot, offset, buffer) {
    this.checkSound();
    inWords(this.#name, () => writeAll(this.#slots[slot], offset, buffer));
  }

  truncate(slot, size) {
    inWords(this.#name, () => this.#slots[slot].truncate(size));
  }

  flush(slot) {
    inWords(this.#name, () => this.#slots[slot].flush());
  }

  size(slot) {
    return this.#slots[slot].getSize();
  }

  /** The handles are free at once; where no database came to be, its folder goes a little later. */
  async close() {
    this.#closeHandles();
    if (this.current !== undefined || this.#readOnly || this.#doubt) return;
    await removePlace(this.#name).catch(() => {});
  }

  #closeHandles() {
    for (const handle of [...this.#slots, this.#names]) handle?.close();
  }
}

/** Remove the folder of a database, unless it is open somewhere. */
export async function removePlace(name) {
  const folder = await folderOf(name, false);
  const names = await handleOf(folder, 'current', false); // nobody else has it open
  names.close();
  const parent = await folderOf(name.split('/').slice(0, -1).join('/'), false);
  await parent.removeEntry(name.split('/').at(-1), { recursive: true });
}

async function folderOf(name, create) {
  const storage = globalThis.navigator?.storage;
  if (!storage?.getDirectory || !globalThis.FileSystemFileHandle?.prototype.createSyncAccessHandle) {
    throw new GigaVectorError(
      STATUS.GV_ERR_UNSUPPORTED,
      'files need OPFS with synchronous access, which browsers have in dedicated Workers of https pages: ' +
        "in a page, use Database of 'gigavector/worker'",
    );
  }
  let folder = await storage.getDirectory();
  for (const part of name.split('/').filter(Boolean)) folder = await folder.getDirectoryHandle(part, { create });
  return folder;
}

/** The one handle for writing `name`, or one of several for reading where the browser has such. */
async function handleOf(folder, name, readOnly) {
  const file = await folder.getFileHandle(name, { create: !readOnly });
  const start = Date.now();
  for (;;) {
    try {
      return await file.createSyncAccessHandle({ mode: readOnly ? 'read-only' : 'readwrite' });
    } catch (error) {
      if (error.name !== 'NoModificationAllowedError' || Date.now() - start >= PATIENCE_MS) throw error;
      await new Promise((later) => setTimeout(later, PATIENCE_MS / 10));
    }
  }
}

function writeAll(handle, offset, bytes) {
  let done = 0;
  while (done < bytes.length) {
    const size = handle.write(bytes.subarray(done, done + LARGEST_TRANSFER), { at: offset + done });
    if (size === 0) { // all that Firefox says when its quota is used up
      const sentence = `OPFS took ${done} of ${bytes.length} bytes: the browser's quota for this origin may be used up`;
      throw new GigaVectorError(STATUS.GV_ERR_IO, sentence);
    }
    done += size;
  }
}

function inWords(name, work) {
  try {
    return work();
  } catch (error) {
    throw failureOf(error, name);
  }
}

const FAILURES = {
  NoModificationAllowedError: ['GV_ERR_LOCKED', (name) => `${name} is open in another tab or Worker`],
  NotFoundError: ['GV_ERR_NOT_FOUND', (name) => `there is no ${name} in OPFS`],
  QuotaExceededError: ['GV_ERR_IO', (name) => `no room for ${name}: the browser's quota for this origin is used up`],
  TypeMismatchError: ['GV_ERR_IO', (name) => `${name} in OPFS is no folder of a database: something else has the name`],
  SecurityError: ['GV_ERR_UNSUPPORTED', (name) => `the browser does not let this page keep ${name} in OPFS`],
};

/** A browser's error as one of ours. */
export function failureOf(error, name) {
  if (error instanceof GigaVectorError) return error;
  const [code, sentence] = FAILURES[error?.name] ?? ['GV_ERR_IO', () => `${name}: ${error?.message ?? error}`];
  return new GigaVectorError(STATUS[code], sentence(name), { cause: error });
}

/** Magic, sequence (f64), slot (u32), 8 bytes of zeros, and a checksum of all that. */
function bytesOf({ sequence, slot }) {
  const bytes = new Uint8Array(RECORD_BYTES);
  const view = new DataView(bytes.buffer);
  bytes.set(MAGIC);
  view.setFloat64(8, sequence, true);
  view.setUint32(16, slot, true);
  view.setUint32(28, checksum(bytes.subarray(0, 28)), true);
  return bytes;
}

function readRecord(bytes) {
  const view = new DataView(bytes.buffer);
  const [sequence, slot] = [view.getFloat64(8, true), view.getUint32(16, true)];
  const valid =
    MAGIC.every((byte, i) => bytes[i] === byte) &&
    view.getUint32(28, true) === checksum(bytes.subarray(0, 28)) &&
    Number.isSafeInteger(sequence) &&
    slot <= NONE;
  return valid ? { sequence, slot } : undefined;
}

/** FNV-1a, of 32 bits: against torn writes. */
function checksum(bytes) {
  return bytes.reduce((sum, byte) => Math.imul(sum ^ byte, 16777619), 2166136261) >>> 0;
}
