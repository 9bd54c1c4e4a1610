/** Node as the core's host: files through `fs`, the writer's lock through the program `flock`. */
import { spawnSync } from 'node:child_process';
import fs from 'node:fs';
import { readFile } from 'node:fs/promises';
import { dirname, resolve } from 'node:path';
import { fileURLToPath } from 'node:url';

import { GigaVectorError, argumentError } from './error.js';
import { OPEN_MODES, STATUS } from './layout.js';
import { describe } from './metadata.js';

const { O_CREAT, O_NONBLOCK = 0, O_RDONLY, O_RDWR } = fs.constants;
const FLAGS = {
  [OPEN_MODES.GV_FILE_READ]: O_RDONLY | O_NONBLOCK, // a FIFO must not hang us
  [OPEN_MODES.GV_FILE_WRITE]: O_RDWR | O_NONBLOCK,
  [OPEN_MODES.GV_FILE_CREATE]: O_RDWR | O_NONBLOCK | O_CREAT,
};
const LARGEST_TRANSFER = 2 ** 30; // fs takes at most 2^31 - 1 bytes a call

/** Files that this process writes with `lock: false`: such handles still keep one another out. */
const written = new Set();

/** An absolute path without symbolic links, so that neither chdir() nor a checkpoint's rename can miss the file. */
export function path(given) {
  if (typeof given !== 'string' && !(given instanceof URL)) {
    throw argumentError(`path must be a string, a file: URL or null, got ${describe(given)}`);
  }
  if (given === '') throw argumentError('path must not be empty; null keeps the database in memory');
  const isFile = typeof given === 'string' || given.protocol === 'file:';
  if (!isFile) throw argumentError(`path must be a file: URL, got ${given.protocol}`);
  const absolute = resolve(given instanceof URL ? fileURLToPath(given) : given);
  try {
    return fs.realpathSync(absolute);
  } catch {
    return absolute; // not there yet, or not for us to see: opening it will say
  }
}

/** No network lies between: the module that has all there is comes first. */
export const hasModulesAtHand = true;

export async function readBytes(address) {
  const isUrl = address instanceof URL || address.startsWith('file:');
  try {
    return await readFile(isUrl ? fileURLToPath(address) : address);
  } catch (error) {
    throw new GigaVectorError(STATUS.GV_ERR_IO, `cannot read the module: ${error.message}`, { cause: error });
  }
}

/** The host of one instance. `lock` false: writers of other processes are not kept out. */
export function host({ lock }) {
  return new NodeHost(lock);
}

class NodeHost {
  #lock;
  #files = new Map(); // by descriptor: what close() has to undo

  constructor(lock) {
    this.#lock = lock;
  }

  open(name, mode) {
    const file = found(() => fs.openSync(name, FLAGS[mode], 0o644));
    this.#files.set(file, { name, identity: undefined });
    if (fs.fstatSync(file).isFile()) return file;
    this.close(file);
    throw new GigaVectorError(STATUS.GV_ERR_IO, `open ${name}: not a regular file`);
  }

  copyMode(file, from) {
    const { uid, gid, mode } = fs.fstatSync(from);
    try {
      fs.fchownSync(file, uid, gid);
    } catch (error) {
      if (error.code !== 'EPERM') throw error; // only root gives files away; the mode is what protects
    }
    fs.fchmodSync(file, mode & 0o7777);
  }

  rename(from, to) {
    found(() => fs.renameSync(from, to));
  }

  remove(name) {
    found(() => fs.unlinkSync(name));
  }

  syncFolder(name) {
    if (process.platform === 'win32') return; // folders cannot be opened there
    const folder = fs.openSync(dirname(name), O_RDONLY);
    try {
      fs.fsyncSync(folder);
    } catch (error) {
      if (error.code !== 'EINVAL') throw error; // a file system that has no notion of syncing a folder
    } finally {
      fs.closeSync(folder);
    }
  }

  process() {
    return process.pid;
  }

  read(file, offset, buffer) {
    let got = 0;
    while (got < buffer.length) {
      const size = Math.min(buffer.length - got, LARGEST_TRANSFER);
      const bytes = fs.readSync(file, buffer, got, size, offset + got);
      if (bytes === 0) break;
      got += bytes;
    }
    return got;
  }

  write(file, offset, buffer) {
    let done = 0;
    while (done < buffer.length) {
      const size = Math.min(buffer.length - done, LARGEST_TRANSFER);
      done += fs.writeSync(file, buffer, done, size, offset + done);
    }
  }

  truncate(file, size) {
    fs.ftruncateSync(file, size);
  }

  sync(file) {
    fs.fdatasyncSync(file);
  }

  size(file) {
    return fs.fstatSync(file).size;
  }

  /** flock() belongs to the open file, which the program shares with us: it locks descriptor 3, and we keep it. */
  lock(file) {
    const entry = this.#files.get(file);
    if (!this.#lock) return this.#lockHere(file, entry);
    const stdio = ['ignore', 'ignore', 'ignore', file];
    const { error, status } = spawnSync('flock', ['-n', '-x', '3'], { stdio });
    if (error) {
      throw new GigaVectorError(
        STATUS.GV_ERR_UNSUPPORTED,
        `cannot lock ${entry.name}: the program flock (util-linux) did not start (${error.message}); ` +
          'with {lock: false} it is opened without a lock, and nothing keeps a second writer out',
      );
    }
    if (status === 1) throw lockedError();
    if (status !== 0) throw new GigaVectorError(STATUS.GV_ERR_IO, `flock of ${entry.name} ended with ${status}`);
  }

  #lockHere(file, entry) {
    const identity = identityOf(fs.fstatSync(file, { bigint: true }));
    if (written.has(identity) && entry.identity !== identity) throw lockedError();
    written.add(identity);
    entry.identity = identity;
  }

  isAt(file, name) {
    const there = fs.statSync(name, { bigint: true, throwIfNoEntry: false });
    return there !== undefined && identityOf(there) === identityOf(fs.fstatSync(file, { bigint: true }));
  }

  close(file) {
    const entry = this.#files.get(file);
    if (!entry) return;
    this.#files.delete(file);
    written.delete(entry.identity);
    fs.closeSync(file);
  }

  closeAll() {
    for (const file of [...this.#files.keys()]) this.close(file);
  }
}

function lockedError() {
  return new GigaVectorError(STATUS.GV_ERR_LOCKED, 'the database is open for writing elsewhere');
}

function identityOf({ dev, ino }) {
  return `${dev}:${ino}`;
}

/** Run `work` on a path; one that names nothing is GV_ERR_NOT_FOUND. */
function found(work) {
  try {
    return work();
  } catch (error) {
    if (error.code !== 'ENOENT') throw error;
    throw new GigaVectorError(STATUS.GV_ERR_NOT_FOUND, error.message, { cause: error });
  }
}
