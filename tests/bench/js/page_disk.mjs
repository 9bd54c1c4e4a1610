/** What a page can keep: files in its private file system, and what libraries put into IndexedDB. */

const NAME = 'kept';

async function fileOf(create) {
  const root = await navigator.storage.getDirectory();
  return root.getFileHandle(NAME, { create });
}

async function write(_path, bytes) {
  const stream = await (await fileOf(true)).createWritable();
  await stream.write(bytes);
  await stream.close();
}

const settled = (request) =>
  new Promise((done, failed) => {
    request.onsuccess = () => done(request.result);
    request.onerror = () => failed(request.error);
  });

/** Of one value of IndexedDB: its arrays, whether bare or a file's contents. */
const bytesOf = (value) => value?.byteLength ?? value?.contents?.byteLength ?? 0;

/** The bytes of all values of all stores. */
async function indexedDbBytes() {
  let sum = 0;
  for (const { name } of await indexedDB.databases()) {
    const database = await settled(indexedDB.open(name));
    for (const store of database.objectStoreNames) {
      const values = await settled(database.transaction(store).objectStore(store).getAll());
      for (const value of values) sum += bytesOf(value);
    }
    database.close();
  }
  return sum;
}

export const disk = {
  syncs: false,
  indexedDb: true,
  indexedDbBytes,
  path: () => NAME,
  write,
  read: async () => (await (await fileOf(false)).getFile()).arrayBuffer(),
  size: async () => (await (await fileOf(false)).getFile()).size,
};
