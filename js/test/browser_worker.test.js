// Deleted, pages could have no database of their own: here the Worker client and OPFS in real browsers.
import assert from 'node:assert/strict';
import { readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import test, { after, before } from 'node:test';

import { Database } from '../index.js';
import * as client from '../index_worker.js';
import { pageAt, testInEach } from './browsers.js';
import { serve } from './pages.js';
import { PACKAGE, findPython, newFolder, runPython } from './support.js';

const PAGE = `<!doctype html><meta charset="utf-8"><title>gigavector</title>
<script type="module">
  import { Database, GigaVectorError } from '/package/gigavector.worker.js';
  Object.assign(window, { Database, GigaVectorError });
  window.failure = (work) => work.then(
    () => 'no error',
    (error) => (error instanceof GigaVectorError ? error.name + ': ' + error.message : String(error)),
  );
  window.ready = true;
</script>`;
const README = readFileSync(join(PACKAGE, 'README.md'), 'utf8').split('## Pages\n')[1];
const EXAMPLES = [...README.split('\n## ')[0].matchAll(/^```js\n([\s\S]*?)^```$/gm)].map(([, text]) => text);
const IMPORTS = { imports: { 'gigavector/worker': '/package/gigavector.worker.js' } };
const example = (text) => `<!doctype html><meta charset="utf-8"><title>README</title>
<script type="importmap">${JSON.stringify(IMPORTS)}</script><script type="module">${text}console.log('end');</script>`;
// as strict as a page can be that still runs WebAssembly: its Worker is from its own origin
const POLICY = "default-src 'none'; script-src 'self' 'unsafe-inline' 'wasm-unsafe-eval'; connect-src 'self'";
const file = join(newFolder(), 'rows.gv');

const LIMIT = { timeout: 60_000 };

let server;
const running = new Map(); // by browser: it, and the context that its tests share
before(async () => {
  const db = await Database.open(file, { dimension: 3, index: 'flat' });
  db.addMany([[1, 0, 0], [0, 1, 0], [0, 0, 1]], [{ a: 'x' }, null, { a: 'z' }]);
  db.close();
  const bytes = readFileSync(file);
  const examples = { '/first/': example(EXAMPLES[0]), '/second/': example(EXAMPLES[1]), '/second/animals.gv': bytes };
  server = await serve({ '/': PAGE, '/rows.gv': bytes, ...examples }, { policy: POLICY });
});
after(async () => {
  for (const { instance } of running.values()) await instance.close();
  await server?.close();
});

/** The context of `browser` in which its tests have their pages. */
async function contextOf(browser) {
  if (!running.has(browser)) {
    const instance = await browser.launch();
    running.set(browser, { instance, context: await instance.newContext() });
  }
  return running.get(browser).context;
}

async function newPage(context) {
  const page = await pageAt(`${server.address}/`, context);
  await page.waitForFunction('window.ready');
  return page;
}

test('the client has every member that the database has', () => {
  const own = (Class) => Object.getOwnPropertyNames(Class.prototype).sort();
  assert.deepEqual(own(client.Database), own(Object.getPrototypeOf(Database)));
});

testInEach('the examples of the README run', LIMIT, async (t, browser) => {
  const context = await contextOf(browser);
  const printed = async (path) => {
    const page = await context.newPage();
    const lines = [];
    const ended = new Promise((end) => {
      page.on('pageerror', (error) => end(lines.push(String(error))));
      page.on('console', (message) => (message.text() === 'end' ? end() : lines.push(message.text())));
    });
    await page.goto(server.address + path);
    await ended;
    return lines;
  };
  assert.deepEqual(await printed('/first/'), ['1 sparrow', '0 cat']);
  const { length } = readFileSync(file);
  assert.deepEqual((await printed('/second/')).at(-1), `${length} ${length}`);
});

testInEach('rows stay in OPFS over reloads, and a second tab is told that they are in use', LIMIT, async (t, browser) => {
  const page = await newPage(await contextOf(browser));
  const first = await page.evaluate(async () => {
    const db = await Database.open('notes.gv', { dimension: 3, distance: 'cosine' });
    const ids = [await db.add([1, 0, 0], { a: 'x' }), ...(await db.addMany([[0, 1, 0], [0, 0, 1]]))];
    return { ids, size: await db.size, dimension: db.dimension };
  });
  assert.deepEqual(first, { ids: [0, 1, 2], size: 3, dimension: 3 });
  const second = await newPage(await contextOf(browser));
  const refused = await second.evaluate(() => failure(Database.open('notes.gv', { dimension: 3 })));
  assert.match(refused, /^GV_ERR_LOCKED: .*notes\.gv is open in another tab or Worker/);
  await page.reload(); // the first never closed
  await page.waitForFunction('window.ready');
  const read = async (tab) =>
    tab.evaluate(async () => {
      const db = await Database.open('notes.gv', { readOnly: true });
      const hits = await db.search([1, 0, 0], { k: 1, filter: 'a == "x"', withVectors: true });
      window.reader = db;
      return { size: await db.size, id: hits[0].id, vector: Array.from(hits[0].vector), a: hits[0].metadata.a };
    });
  const expected = { size: 3, id: 0, vector: [1, 0, 0], a: 'x' };
  assert.deepEqual(await read(page), expected);
  if (browser.sharesReads) {
    assert.deepEqual(await read(second), expected, 'two readers at once');
    await second.evaluate(() => reader.close());
  } else {
    const other = await second.evaluate(() => failure(Database.open('notes.gv', { readOnly: true })));
    assert.match(other, /^GV_ERR_LOCKED: .*notes\.gv is open in another tab or Worker/);
  }
  assert.match(await page.evaluate(() => failure(Database.open('notes.gv'))), /^GV_ERR_LOCKED/);
  await page.evaluate(() => reader.close());
  assert.equal(
    await page.evaluate(async () => {
      await Database.remove('notes.gv');
      return failure(Database.open('notes.gv', { readOnly: true }));
    }),
    'GV_ERR_NOT_FOUND: there is no notes.gv in OPFS',
  );
  assert.deepEqual([...page.problems, ...second.problems], []);
});

testInEach('what neither module can do leaves nothing behind', LIMIT, async (t, browser) => {
  const page = await newPage(await contextOf(browser));
  const said = await page.evaluate(async () => {
    const first = await failure(Database.open('none.gv', { dimension: 3, kernels: 'avx2' }));
    return [first, await failure(Database.open('none.gv', { readOnly: true }))];
  });
  assert.match(said[0], /^GV_ERR_UNSUPPORTED: .*avx2/);
  assert.equal(said[1], 'GV_ERR_NOT_FOUND: there is no none.gv in OPFS');
});

testInEach('a database that is dropped lets go of its file', LIMIT, async (t, browser) => {
  const page = await newPage(await contextOf(browser));
  await page.evaluate(async () => {
    await (await Database.open('dropped.gv', { dimension: 1 })).add([1]);
  });
  let again;
  for (let i = 0; i < 10 && again !== 1; i++) {
    await browser.collectGarbage(page);
    again = await page.evaluate(async () => {
      const db = await Database.open('dropped.gv').catch(() => undefined);
      const size = await db?.size;
      await db?.close();
      return size;
    });
  }
  assert.equal(again, 1);
});

testInEach('a file of Node goes into the page and out again, byte for byte, and Python reads it', LIMIT, async (t, browser) => {
  const page = await newPage(await contextOf(browser));
  const bytes = await page.evaluate(async () => {
    const seen = [];
    const made = await Database.fromResponse(fetch('/rows.gv'), { onProgress: (got, all) => seen.push(got / all) });
    await made.save('imported.gv');
    await made.close();
    const db = await Database.open('imported.gv');
    if (seen.at(-1) !== 1) throw new Error(`progress ${seen}`);
    await db.add([1, 1, 1], { a: 'page' });
    const all = await db.toBytes();
    await db.close();
    await Database.remove('imported.gv');
    return Array.from(all);
  });
  const here = await Database.fromBytes(readFileSync(file));
  here.add([1, 1, 1], { a: 'page' });
  const inPage = await Database.fromBytes(Uint8Array.from(bytes));
  assert.deepEqual(inPage.toBytes(), here.toBytes());
  const python = findPython();
  if (python.reason) return t.diagnostic(python.reason);
  const copy = join(newFolder(), 'page.gv');
  writeFileSync(copy, Uint8Array.from(bytes));
  const code = `import sys, json, gigavector as gv
db = gv.Database.open(sys.argv[1])
print(json.dumps([len(db), db.get(3).metadata, db.get(3).data.tolist()]))`;
  assert.deepEqual(runPython(python, code, copy), [4, { a: 'page' }, [1, 1, 1]]);
});

testInEach('errors keep their class, code and report; arrays stay the caller\'s; chunks report and end', LIMIT, async (t, browser) => {
  const page = await newPage(await contextOf(browser));
  const seen = await page.evaluate(async () => {
    const db = await Database.open(null, { dimension: 2, index: 'flat' });
    const rows = new Float32Array(2 * 5000).fill(1);
    const wrong = await failure(db.add([1]));
    await db.addMany(rows.subarray(0, 4));
    const kept = rows.length;
    const moved = rows.slice();
    await db.addMany(moved, null, { transfer: true });
    const progress = [];
    await db.addMany(rows, undefined, { chunkRows: 2000, onProgress: (done, all) => progress.push([done, all]) });
    const before = await db.size;
    const control = new AbortController();
    const onProgress = (done) => done >= 2000 && control.abort();
    const aborted = await failure(db.addMany(rows, undefined, { signal: control.signal, onProgress }));
    const added = (await db.size) - before;
    const { ids, counts } = await db.searchMany(rows.subarray(0, 4), { k: 3 });
    const bad = await db.search([1, 1], { filter: 'a ==' }).catch((error) => [error.code, error.name]);
    const unsendable = await failure(db.search([1, 1], { k: () => 1 }));
    const [closing, late] = [db.close(), failure(db.add([1, 2]))];
    await closing;
    await db.close();
    return {
      ...{ wrong, kept, moved: moved.length, progress, aborted, added, ids: Array.from(ids), counts: Array.from(counts) },
      ...{ bad, unsendable, late: await late, lost: await failure(Database.open(null, { dimension: 1, wasm: '/nowhere.wasm' })) },
      noWorker: await failure(Database.open(null, { dimension: 1, worker: '/nowhere.js' })),
      given: await (await Database.open(null, { dimension: 1, wasm: await fetch('/package/gigavector.wasm') })).size,
    };
  });
  assert.equal(seen.wrong, 'GV_ERR_ARGUMENT: expected vector of dim 2, got 1');
  assert.deepEqual([seen.kept, seen.moved], [10000, 0]);
  assert.deepEqual(seen.progress, [[2000, 5000], [4000, 5000], [5000, 5000]]);
  assert.match(seen.aborted, /AbortError/);
  assert.equal(seen.added, 2000);
  assert.deepEqual([seen.ids, seen.counts], [[0, 1, 2, 0, 1, 2], [3, 3]]);
  assert.deepEqual(seen.bad, [-10, 'GV_ERR_BAD_FILTER']);
  assert.match(seen.unsendable, /^GV_ERR_ARGUMENT: the arguments of search cannot be sent/);
  assert.equal(seen.late, 'GV_ERR_ARGUMENT: the database is closed');
  assert.match(seen.lost, /^GV_ERR_IO: .*404/);
  assert.match(seen.noWorker, /^GV_ERR_IO: the Worker of the database is lost/);
  assert.equal(seen.given, 0);
  assert.deepEqual(page.problems.filter((text) => !text.includes('/nowhere.js')), []);
});

testInEach('a full quota is an error, what was there stays, and more room makes it work again', LIMIT, async (t, browser) => {
  const quota = { origin: server.address, bytes: 24 << 20 };
  const own = await browser.launchIn(newFolder(), { quota }); // a private window counts no quota
  try {
    const page = await newPage(own);
    await page.evaluate(async () => {
      window.db = await Database.open('small.gv', { dimension: 256, index: 'flat' });
      await db.add(new Float32Array(256).fill(1), { kept: 'yes' });
      window.many = new Float32Array(256 * 10_000);
      window.root = await navigator.storage.getDirectory();
      const others = await root.getDirectoryHandle('others', { create: true });
      for (const name of ['1', '2', '3', '4']) { // several, since each is there twice while it is written
        const other = await (await others.getFileHandle(name, { create: true })).createWritable();
        await other.write(new Uint8Array(4 << 20));
        await other.close();
      }
    });
    const refused = await page.evaluate(() => failure(db.addMany(many)));
    assert.match(refused, /^GV_ERR_IO: .*quota/);
    assert.equal(await page.evaluate(() => db.size), 1);
    await page.evaluate(() => root.removeEntry('others', { recursive: true }));
    assert.deepEqual(
      await page.evaluate(async () => {
        await db.addMany(many);
        await db.close();
        window.db = await Database.open('small.gv');
        return [await db.size, (await db.get(0)).metadata.kept, (await db.check()).faults];
      }),
      [10_001, 'yes', 0],
    );
  } finally {
    await own.close();
  }
});

testInEach('declared keys take the module that has all, which later opens find by themselves', LIMIT, async (t, browser) => {
  const page = await newPage(await contextOf(browser));
  const seen = await page.evaluate(async () => {
    const small = await Database.open('declared.gv', { dimension: 1, index: 'flat' });
    await small.addMany([[1], [2], [3]], [{ a: 'x' }, { a: 'y' }, { b: 'x' }]);
    const refused = await failure(small.indexMetadata(['a']));
    const none = await small.indexedKeys;
    await small.close();
    const whole = await Database.open('declared.gv', { wasm: '/package/gigavector.all.wasm' });
    await whole.indexMetadata(['a', 'b']);
    await whole.close();
    const again = await Database.open('declared.gv');
    const found = [await again.indexedKeys, await again.countMatching("a == 'x' OR EXISTS b")];
    await again.close();
    await Database.remove('declared.gv');
    return { refused, none, found };
  });
  assert.match(seen.refused, /^GV_ERR_UNSUPPORTED: .*gigavector\.all\.wasm/);
  assert.deepEqual([seen.none, seen.found], [[], [['a', 'b'], 2]]);
});
