// Deleted, a download could end early and be taken for a database, or could not be ended at all.
import assert from 'node:assert/strict';
import { readFileSync } from 'node:fs';
import { createServer } from 'node:http';
import test, { after, before } from 'node:test';

import { Database } from '../index.js';
import { MODULE, assertFails } from './support.js';

let bytes;
let server;
let address;
before(async () => {
  const db = await Database.open(null, { dimension: 64 });
  db.addMany(new Float32Array(64 * 500).fill(1, 0, 640));
  bytes = db.toBytes();
  const serve = {
    '/whole': (response) => response.writeHead(200, { 'content-length': bytes.length }).end(bytes),
    '/untold': (response) => {
      response.writeHead(200).write(bytes);
      response.end();
    },
    '/broken': (response) => {
      response.writeHead(200, { 'content-length': bytes.length }).write(bytes.subarray(0, 1000));
      setTimeout(() => response.destroy(), 100);
    },
    '/endless': (response) => response.writeHead(200).write(bytes.subarray(0, 1000)),
  };
  server = createServer(({ url }, response) => (serve[url] ?? (() => response.writeHead(404).end()))(response));
  await new Promise((ready) => server.listen(0, '127.0.0.1', ready));
  address = `http://127.0.0.1:${server.address().port}`;
});
after(() => {
  server.closeAllConnections?.();
  return new Promise((closed) => server.close(closed));
});

test('a download becomes a database, and its progress is told', async () => {
  for (const [path, total] of [['/whole', bytes.length], ['/untold', undefined]]) {
    const seen = [];
    const db = await Database.fromResponse(fetch(address + path), { dimension: 64, onProgress: (...told) => seen.push(told) });
    assert.deepEqual(seen.at(-1), [bytes.length, total]);
    assert.deepEqual(db.toBytes(), bytes);
    db.close();
  }
});

test('what is no whole download is an error', async () => {
  await assertFails(Database.fromResponse(fetch(`${address}/nowhere`)), 'GV_ERR_IO', 'answered 404');
  await assertFails(Database.fromResponse(fetch(`${address}/broken`)), 'GV_ERR_IO', 'ended after 1000 bytes');
  await assertFails(Database.fromResponse('/whole'), 'GV_ERR_ARGUMENT', 'fetch()');
  const response = await fetch(`${address}/whole`);
  await response.arrayBuffer();
  await assertFails(Database.fromResponse(response), 'GV_ERR_ARGUMENT', 'was read before');
  await assertFails(Database.fromResponse(new Response('<html>')), 'GV_ERR_CORRUPT');
  await assertFails(Database.fromResponse(new Response(null)), 'GV_ERR_CORRUPT');
  await assertFails(Database.fromResponse(new Response(bytes), { path: 1 }), 'GV_ERR_ARGUMENT', 'path');
});

test('a signal ends a download that goes on', async () => {
  const control = new AbortController();
  const download = Database.fromResponse(fetch(`${address}/endless`), {
    signal: control.signal,
    onProgress: () => setTimeout(() => control.abort(), 10),
  });
  await assert.rejects(download, { name: 'AbortError' });
});

test('the module may come as a Response', async () => {
  const db = await Database.open(null, { dimension: 2, wasm: new Response(readFileSync(MODULE)) });
  assert.equal(db.add([1, 2]), 0);
  db.close();
  await assertFails(Database.open(null, { wasm: new Response('<!doctype html>') }), 'GV_ERR_IO', 'the response given as `wasm`');
});
