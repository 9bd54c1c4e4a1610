// Deleted, the package could work in Node alone: here real browsers load the same module and must give the same hits.
import assert from 'node:assert/strict';
import { readFileSync } from 'node:fs';
import { createServer } from 'node:http';
import { extname, join, normalize } from 'node:path';

import { Database } from '../index.js';
import { pageAt, testInEach } from './browsers.js';
import { PACKAGE, randomRows } from './support.js';

const TYPES = { '.js': 'text/javascript', '.wasm': 'application/wasm' };
const PAGE = `<!doctype html><meta charset="utf-8"><title>gigavector</title>
<script type="importmap">{"imports": {"gigavector": "/package/gigavector.browser.js"}}</script>
<script type="module">
  import { Database } from 'gigavector';
  window.own = Database.open(null, { dimension: 1 }).then((db) => db.add([1]), String);
</script>`;
// as strict as a page can be that still runs WebAssembly; /strict does not even allow that
const POLICY = "default-src 'none'; script-src 'self' 'unsafe-inline' 'wasm-unsafe-eval'; connect-src 'self'";

/** A server of one page, the package's files under /package/, and `bytes` as /rows.gv. */
async function serve(bytes) {
  const server = createServer((request, response) => {
    const path = normalize(new URL(request.url, 'http://localhost').pathname);
    const policy = path === '/strict' ? POLICY.replace("'wasm-unsafe-eval'", '') : POLICY;
    const send = (type, body) => response.writeHead(200, { 'content-type': type, 'content-security-policy': policy }).end(body);
    try {
      if (path === '/' || path === '/strict') return send('text/html', PAGE);
      if (path === '/rows.gv') return send('application/octet-stream', bytes);
      if (path === '/not-wasm') return send('text/html', PAGE);
      assert.ok(path.startsWith('/package/'));
      send(TYPES[extname(path)], readFileSync(join(PACKAGE, path.slice('/package'.length))));
    } catch {
      response.writeHead(404).end();
    }
  });
  await new Promise((ready) => server.listen(0, '127.0.0.1', ready));
  return server;
}

const DIMENSION = 64;
const rows = randomRows(1, 2000, DIMENSION);
const queries = randomRows(2, 20, DIMENSION);

/** What both sides run: rows into a new database, and answers of every kind. Sent to the page as text. */
async function answersOf(Database, { rows, queries, dimension }) {
  const db = await Database.open(null, { dimension, distance: 'cosine', hnsw: { M: 12 } });
  db.setExactSearchThreshold(0);
  const metadata = Array.from({ length: rows.length / dimension }, (_, i) => ({ parity: i % 2 ? 'odd' : 'even' }));
  db.addMany(Float32Array.from(rows), metadata);
  db.delete([1, 2, 3]);
  db.updateVector(4, Float32Array.from(queries).subarray(0, dimension));
  const answers = [];
  for (let i = 0; i < queries.length; i += dimension) {
    const query = queries.slice(i, i + dimension);
    answers.push(db.search(query, { k: 10 }), db.search(query, { k: 5, filter: { parity: 'odd' }, distance: 'dot' }));
  }
  const { ids, distances, counts } = db.searchMany(Float32Array.from(queries), { k: 3 });
  answers.push([ids, distances, counts].map((array) => Array.from(array)));
  const bytes = db.toBytes();
  const { kernels } = db.info();
  const digest = new Uint8Array(await crypto.subtle.digest('SHA-256', bytes));
  db.close();
  return { answers, kernels, size: bytes.length, digest: Array.from(digest) };
}

testInEach('a page gives the hits and the bytes that Node gives', { timeout: 120_000 }, async (t, browser) => {
  globalThis.crypto ??= (await import('node:crypto')).webcrypto; // Node 18
  const input = { rows: Array.from(rows), queries: Array.from(queries), dimension: DIMENSION };
  const file = await Database.open(null, { dimension: DIMENSION, index: 'flat' });
  file.addMany(rows);
  const server = await serve(file.toBytes());
  const running = await browser.launch();
  try {
    t.diagnostic(`${browser.name} ${running.version()}`);
    const context = await running.newContext();
    const address = `http://127.0.0.1:${server.address().port}`;
    const strict = await pageAt(`${address}/strict`, context);
    assert.match(await strict.evaluate('own'), /CompileError.*(Content Security Policy|CSP)/, 'policies are heeded here');
    const page = await pageAt(`${address}/`, context);
    page.on('console', (message) => message.type() === 'error' && page.problems.push(message.text()));
    assert.equal(await page.evaluate('own'), 0);

    const inPage = await page.evaluate(
      `(async () => {
        const { Database } = await import('gigavector');
        return (${answersOf})(Database, ${JSON.stringify(input)});
      })()`,
    );
    const inNode = await answersOf(Database, input);
    const relaxed = await page.evaluate(
      `fetch('/package/gigavector.relaxed.wasm').then((file) => file.arrayBuffer()).then((bytes) => WebAssembly.validate(bytes))`,
    );
    t.diagnostic(`${browser.name} runs ${inPage.kernels}`);
    assert.equal(inPage.kernels, relaxed ? 'wasm128-relaxed' : 'wasm128');
    assert.deepEqual({ ...inPage, kernels: '' }, JSON.parse(JSON.stringify({ ...inNode, kernels: '' })));

    const opened = await page.evaluate(async (query) => {
      const { Database, GigaVectorError } = await import('gigavector');
      const db = await Database.fromBytes(await (await fetch('/rows.gv')).arrayBuffer());
      const failure = (work) =>
        work.then(
          () => 'no error',
          (error) => (error instanceof GigaVectorError ? `${error.name}: ${error.message}` : String(error)),
        );
      return {
        hits: db.search(query, { k: 7 }),
        path: await failure(Database.open('rows.gv', { dimension: 64 })),
        save: await failure((async () => db.save('rows.gv'))()),
        lost: await failure(Database.open(null, { dimension: 3, wasm: '/nowhere.wasm' })),
        page: await failure(Database.open(null, { dimension: 3, wasm: '/not-wasm' })),
      };
    }, Array.from(queries.subarray(0, DIMENSION)));
    assert.deepEqual(opened.hits, file.search(queries.subarray(0, DIMENSION), { k: 7 }));
    assert.match(opened.path, /^GV_ERR_UNSUPPORTED: .*"rows\.gv"/);
    assert.match(opened.save, /^GV_ERR_UNSUPPORTED: /);
    assert.match(opened.lost, /^GV_ERR_IO: .*404/);
    assert.match(opened.page, /^GV_ERR_IO: .*3c 21 64 6f/);
    assert.deepEqual(page.problems.filter((text) => !text.includes('404')), []);
    t.diagnostic(`${inNode.answers.flat().length} hits and ${inNode.size} bytes of file are equal`);
  } finally {
    await running.close();
    await new Promise((closed) => server.close(closed));
    file.close();
  }
});
