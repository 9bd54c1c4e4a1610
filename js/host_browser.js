/** A page as the core's host: databases live in memory, and every use of a path is refused. */
import { GigaVectorError } from './error.js';
import { STATUS } from './layout.js';

export function path(given) {
  throw noFiles(given);
}

export async function readBytes(address) {
  const response = await fetch(address);
  if (!response.ok) {
    throw new GigaVectorError(STATUS.GV_ERR_IO, `cannot fetch the module: ${address} answered ${response.status}`);
  }
  return response.arrayBuffer();
}

/** The host of one instance. The core asks it for files only when it is given a path, and path() refuses those. */
export function host() {
  const refuse = (name) => {
    throw noFiles(name);
  };
  return {
    process: () => 0,
    open: refuse,
    rename: refuse,
    remove: refuse,
    syncFolder: refuse,
    copyMode: refuse,
    closeAll: () => {},
  };
}

function noFiles(name) {
  return new GigaVectorError(
    STATUS.GV_ERR_UNSUPPORTED,
    `a page cannot open ${JSON.stringify(String(name))}: files need a Worker, as in 'gigavector/worker', or Node. ` +
      'Open null, and keep the bytes of toBytes() for Database.fromBytes()',
  );
}
