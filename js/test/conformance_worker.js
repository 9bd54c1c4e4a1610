/** The conformance corpus in a Worker of a page, over OPFS: it answers {ran, refused, failures} of `{cases, kernels}`. */
import { Database, GigaVectorError } from '/package/gigavector.opfs.js';
import { runCase } from './conformance_runner.js';

let refused; // the cases, once for each step

addEventListener('message', async ({ data: { cases, kernels } }) => {
  const failures = [];
  refused = [];
  for (const given of cases) {
    try {
      await runCase(given, kernels, await opfsHost(given.name, `${kernels}-${given.name}`));
    } catch (error) {
      failures.push(`${kernels}: ${error.message ?? error}`);
    }
  }
  postMessage({ ran: cases.length, refused, failures });
});

/** A new folder of OPFS. */
async function opfsHost(title, folder) {
  const root = await navigator.storage.getDirectory();
  const place = await root.getDirectoryHandle(folder, { create: true });
  const files = async () => {
    const found = {};
    for await (const [name, database] of place) found[name] = await aboutDatabase(database);
    return found;
  };
  const path = (name) => `${folder}/${name}`;
  /** On a disk a second handle is told what the case says. In OPFS it is refused while there is a first one. */
  const refusal = (run, { open_another: other }) => {
    if (!other?.path || !run.db || other.path !== run.options.path) return undefined;
    refused.push(title);
    return 'GV_ERR_LOCKED';
  };
  return { Database, GigaVectorError, path, files, refusal, whole: '/package/gigavector.all.wasm' };
}

/** The one of its two files that has the name: the other is empty once the database is closed. */
async function aboutDatabase(folder) {
  const files = await Promise.all(['a', 'b'].map(async (name) => (await folder.getFileHandle(name)).getFile()));
  const full = files.filter(({ size }) => size > 0);
  if (full.length !== 1) throw new Error(`${full.length} files of ${folder.name} have bytes`);
  const bytes = await full[0].arrayBuffer();
  const digest = new Uint8Array(await crypto.subtle.digest('SHA-256', bytes));
  const sha256 = Array.from(digest, (byte) => byte.toString(16).padStart(2, '0')).join('');
  return { bytes: bytes.byteLength, sha256 };
}
