/** node node_worker.mjs NAME FOLDER: an index of indexes.mjs in Node, asked in lines of JSON (see ../bench_worker.py). */
import { open, readFile, stat } from 'node:fs/promises';
import { join } from 'node:path';
import { answer, openSession } from './session.mjs';
import { EDGEVEC, PACKAGE, hnswlibFile, serveLines, versions } from './support.mjs';

const [name, folder] = process.argv.slice(2);
console.log = console.error; // what a library prints is not an answer

/** As durable as what a database has saved. */
async function write(path, bytes) {
  const file = await open(path, 'w');
  await file.writeFile(bytes);
  await file.sync();
  await file.close();
}

const bufferOf = (bytes) => bytes.buffer.slice(bytes.byteOffset, bytes.byteOffset + bytes.byteLength);

const platform = {
  host: `Node ${process.versions.node}`,
  versions,
  read: async (file) => bufferOf(await readFile(join(folder, file))),
  disk: {
    syncs: true,
    indexedDb: typeof indexedDB !== 'undefined',
    path: (path) => path,
    write,
    read: async (path) => bufferOf(await readFile(path)),
    size: async (path) => (await stat(path)).size,
  },
  gigavector: () => import(join(PACKAGE, 'index.js')),
  hnswlibWasm: async () => {
    globalThis.window ??= globalThis; // it looks for a page before it works anywhere
    globalThis.document ??= { currentScript: null, baseURI: 'file:///' };
    return (await import(hnswlibFile())).default();
  },
  edgevec: async () => {
    const module = await import(join(EDGEVEC, 'edgevec.js'));
    const wasm = await module.default({ module_or_path: await readFile(join(EDGEVEC, 'edgevec_bg.wasm')) });
    return { module, wasm };
  },
};

await serveLines(() => openSession(name, platform), answer);
