/** node node_worker.mjs NAME FOLDER: an index of indexes.mjs in Node, asked in lines of JSON (see ../bench_worker.py). */
import { readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { answer, openSession } from './session.mjs';
import { PACKAGE, hnswlibFile, serveLines, versions } from './support.mjs';

const [name, folder] = process.argv.slice(2);
console.log = console.error; // what a library prints is not an answer

const platform = {
  host: `Node ${process.versions.node}`,
  versions,
  read: async (file) => {
    const bytes = await readFile(join(folder, file));
    return bytes.buffer.slice(bytes.byteOffset, bytes.byteOffset + bytes.byteLength);
  },
  gigavector: () => import(join(PACKAGE, 'index.js')),
  hnswlibWasm: async () => {
    globalThis.window ??= globalThis; // it looks for a page before it works anywhere
    globalThis.document ??= { currentScript: null, baseURI: 'file:///' };
    return (await import(hnswlibFile())).default();
  },
};

await serveLines(() => openSession(name, platform), answer);
