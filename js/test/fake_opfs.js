/**
 * OPFS in memory, for Node: folders, files and exclusive synchronous handles, with a quota, a browser that is killed at any
 * step, and a power cut that keeps any part of what was not flushed.
 */
export class FakeOpfs {
  #root = new Map(); // folders are Maps
  #steps = 0;
  /** The step before which everything stops; the steps are writes, truncations and flushes. */
  killAt = Infinity;
  /** Bytes that all files may have. */
  quota = Infinity;
  /** Called at each step with its kind; it may throw. */
  onStep = () => {};

  install() {
    const getDirectory = async () => this.#folder(this.#root);
    Object.defineProperty(globalThis, 'navigator', { configurable: true, value: { storage: { getDirectory } } });
    globalThis.FileSystemFileHandle ??= class {
      createSyncAccessHandle() {}
    };
  }

  get steps() {
    return this.#steps;
  }

  /** All files by path, with their bytes. */
  files(folder = this.#root, prefix = '') {
    return [...folder].flatMap(([name, item]) =>
      item instanceof Map ? this.files(item, `${prefix}${name}/`) : [[prefix + name, item]],
    );
  }

  /** The next process: nothing is open any more. With `random`, what was not flushed may be lost, in any part. */
  restart(random) {
    this.killAt = Infinity;
    for (const [, file] of this.files()) {
      file.open = undefined;
      if (random) {
        const kept = file.pending.filter(() => random(2) === 1);
        file.bytes = kept.reduce((bytes, change) => change(bytes), file.durable);
      }
      file.durable = file.bytes;
      file.pending = [];
    }
  }

  #step(kind, path, isOpen) {
    if (!isOpen) throw new Error('the handle is closed');
    if (this.#steps >= this.killAt) throw new Error('killed');
    this.#steps++;
    this.onStep(kind, path);
  }

  #folder(map) {
    const found = (name, create, make, isRight) => {
      if (!map.has(name) && create) map.set(name, make());
      if (!map.has(name)) throw new DOMException(`no ${name}`, 'NotFoundError');
      if (!isRight(map.get(name))) throw new DOMException(`${name} is of the other kind`, 'TypeMismatchError');
      return map.get(name);
    };
    return {
      getDirectoryHandle: async (name, { create = false } = {}) =>
        this.#folder(found(name, create, () => new Map(), (item) => item instanceof Map)),
      getFileHandle: async (name, { create = false } = {}) => {
        const empty = () => ({ bytes: new Uint8Array(), durable: new Uint8Array(), pending: [], open: undefined });
        const file = found(name, create, empty, (item) => !(item instanceof Map));
        return { createSyncAccessHandle: async ({ mode }) => this.#handle(file, mode, name) };
      },
      removeEntry: async (name) => {
        if (!map.delete(name)) throw new DOMException(`no ${name}`, 'NotFoundError');
      },
    };
  }

  #handle(file, mode, name) {
    if (file.open && !(mode === 'read-only' && file.open.mode === mode)) {
      throw new DOMException('locked', 'NoModificationAllowedError');
    }
    file.open ??= { mode, handles: 0 };
    const lock = file.open;
    lock.handles++;
    const change = (kind, work) => {
      if (mode === 'read-only') throw new DOMException('read-only', 'NoModificationAllowedError');
      this.#step(kind, name, file.open === lock);
      const bytes = work(file.bytes);
      const others = this.files().reduce((sum, [, { bytes: { length } }]) => sum + length, -file.bytes.length);
      if (bytes.length > file.bytes.length && others + bytes.length > this.quota) {
        throw new DOMException('full', 'QuotaExceededError');
      }
      file.bytes = bytes;
      file.pending.push(work);
    };
    return {
      read: (buffer, { at }) => {
        const part = file.bytes.subarray(at, at + buffer.length);
        buffer.set(part);
        return part.length;
      },
      write: (given, { at }) => {
        const data = given.slice(0, given.length > 7 && given.length < 256 ? given.length - 7 : undefined); // hosts may write less
        change('write', (before) => {
          const bytes = new Uint8Array(Math.max(before.length, at + data.length));
          bytes.set(before);
          bytes.set(data, at);
          return bytes;
        });
        return data.length;
      },
      truncate: (size) =>
        change('truncate', (before) => {
          const bytes = new Uint8Array(size);
          bytes.set(before.subarray(0, size));
          return bytes;
        }),
      flush: () => {
        this.#step('flush', name, file.open === lock);
        file.durable = file.bytes;
        file.pending = [];
      },
      getSize: () => file.bytes.length,
      close: () => {
        if (file.open === lock && --lock.handles === 0) file.open = undefined;
      },
    };
  }
}
