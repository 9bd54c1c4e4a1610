/** A Worker of a page as the core's host: files in the origin private file system (OPFS). docs/adr/0013-opfs.md. */
import { GigaVectorError, argumentError } from './error.js';
import { STATUS } from './layout.js';
import { describe } from './metadata.js';
import { Place, failureOf, removePlace } from './opfs_place.js';

export { readBytes } from './host_browser.js';

/** 'folder/name' without a slash at its ends. */
export function path(given) {
  if (typeof given !== 'string') throw argumentError(`path must be a string or null, got ${describe(given)}`);
  const parts = given.split('/').filter((part) => part !== '');
  if (parts.length === 0) throw argumentError('path must not be empty; null keeps the database in memory');
  if (parts.some((part) => part === '.' || part === '..')) {
    throw argumentError(`path must not have "." or ".." in it, got ${describe(given)}`);
  }
  return parts.join('/');
}

/** The host of one instance, which may open the database `path` and no other until prepare() names one more. */
export async function host({ path: name, readOnly }) {
  const made = new OpfsHost();
  if (name !== undefined) await made.prepare(name, readOnly);
  return made;
}

/** Remove the database `given`, open nowhere; `GV_ERR_NOT_FOUND` if there is none. */
export async function remove(given) {
  const name = path(given);
  try {
    await removePlace(name);
  } catch (error) {
    throw failureOf(error, name);
  }
}

/** The core calls synchronously and OPFS opens asynchronously: so all that a name may need is opened beforehand. */
class OpfsHost {
  #places = new Map(); // by name
  #files = new Map(); // {place, slot} by the core's numbers
  #next = 0;

  /** Is this name, which the core may open from now on, a new one? */
  async prepare(name, readOnly = false) {
    if (this.#places.has(name)) return false;
    try {
      this.#places.set(name, await Place.open(name, readOnly));
    } catch (error) {
      throw failureOf(error, name);
    }
    return true;
  }

  async release(name) {
    const place = this.#places.get(name);
    this.#places.delete(name);
    await place?.close();
  }

  /** 'name' and 'name.new' are the two names that the core knows of a place. */
  #find(name) {
    const place = this.#places.get(name);
    if (place) return { place, slot: place.current };
    const beside = name.endsWith('.new') ? this.#places.get(name.slice(0, -'.new'.length)) : undefined;
    if (beside) return { place: beside, slot: beside.spare };
    throw new GigaVectorError(STATUS.GV_ERR_UNSUPPORTED, `${name} is not among the files opened for this database`);
  }

  open(name) {
    const { place, slot } = this.#find(name);
    if (slot === undefined) throw new GigaVectorError(STATUS.GV_ERR_NOT_FOUND, `there is no ${name}`);
    if (slot === place.spare) place.checkSound();
    this.#files.set(this.#next, { place, slot });
    return this.#next++;
  }

  rename(from, to) {
    const { place } = this.#find(to);
    if (this.#find(from).slot !== place.spare || from === to) throw new Error(`cannot rename ${from} to ${to}`);
    place.swap();
  }

  remove(name) {
    const { place, slot } = this.#find(name);
    if (slot === place.spare) place.clearSpare();
  }

  syncFolder() {} // swap() has flushed

  copyMode() {} // nobody else can read what is in OPFS

  process() {
    return 0;
  }

  lock() {} // the handles themselves keep others out

  isAt(file, name) {
    const [ours, there] = [this.#files.get(file), this.#find(name)];
    return ours.place === there.place && ours.slot === there.slot;
  }

  read(file, offset, buffer) {
    const { place, slot } = this.#files.get(file);
    return place.read(slot, offset, buffer);
  }

  write(file, offset, buffer) {
    const { place, slot } = this.#files.get(file);
    place.write(slot, offset, buffer);
  }

  truncate(file, size) {
    const { place, slot } = this.#files.get(file);
    place.truncate(slot, size);
  }

  sync(file) {
    const { place, slot } = this.#files.get(file);
    place.flush(slot);
  }

  size(file) {
    const { place, slot } = this.#files.get(file);
    return place.size(slot);
  }

  close(file) {
    const entry = this.#files.get(file);
    if (!entry) return;
    this.#files.delete(file);
    if (entry.slot === entry.place.spare) entry.place.clearSpare(); // a checkpoint has taken its name
  }

  /** All handles are free when it returns; the promise is of what an attempt to make a database left. */
  closeAll() {
    this.#files.clear();
    const places = [...this.#places.values()];
    this.#places.clear();
    return Promise.all(places.map((place) => place.close()));
  }
}
