// Deleted, the demo page could stop to find, filter, keep notes, work offline or be usable by keyboard, and nobody would see.
import assert from 'node:assert/strict';
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import test, { after, before } from 'node:test';

import { DIST, ask, launch, modelIsReady, names, serve, skip, visit } from './support.js';

const LIMIT = { skip, timeout: 120_000 };
let server;
let browser;
let common; // the page of a visitor who stays for several tests, since each start loads a model

before(async () => {
  if (skip) return;
  server = await serve();
  browser = await launch();
  common = await visit(browser, server.url);
  await modelIsReady(common.page);
});

after(async () => {
  await browser?.close();
  await server?.close();
});

/** A fresh visitor; `work` gets the page, and nothing may have gone wrong in it. */
async function visited(work, options) {
  const { context, page, problems } = await visit(browser, server.url, options);
  try {
    await work(page, context);
    assert.deepEqual(problems, []);
  } finally {
    await context.close();
  }
}

/** As `visited`, with the visitor who stays. */
async function staying(work) {
  common.problems.length = 0;
  await work(common.page);
  assert.deepEqual(common.problems, []);
}

const status = (page) => page.textContent('#status');
const statusIs = (page, part) =>
  page.waitForFunction((text) => document.querySelector('#status').textContent.includes(text), part);
const kinds = (page) => page.$$eval('#results .kind', (spans) => spans.map((span) => span.textContent));

test('words find rows while the model is still on its way', LIMIT, async () => {
  const { context, page } = await visit(browser, 'about:blank', { serviceWorkers: 'block' });
  try {
    await context.route('**/model.onnx', () => {}); // never answered
    await page.goto(server.url);
    await page.waitForSelector('html[data-database]', { state: 'attached' });
    await page.fill('#query', 'image');
    await statusIs(page, 'contain “image”');
    const texts = await page.$$eval('#results .hit', (hits) => hits.map((hit) => hit.textContent.toLowerCase()));
    assert.ok(texts.length > 1, 'several rows have this word');
    assert.ok(texts.every((text) => text.includes('image')));
    await page.check('#sections input[value=graphics]');
    await statusIs(page, 'pass the filters');
    assert.ok((await kinds(page)).every((kind) => kind.startsWith('graphics')));
    assert.equal(await page.getAttribute('html', 'data-model'), null);
  } finally {
    await context.close();
  }
});

test('status says what is shown', LIMIT, () =>
  staying(async (page) => {
    await statusIs(page, 'ready');
    assert.match(await status(page), /^500 packages in a file of \d MiB: ready/);
    assert.equal(await page.isVisible('#loading'), false);
    await page.click('#examples button');
    await statusIs(page, 'The 10 nearest of 500 packages');
    assert.match(page.url(), /#q=edit\+photos/);
  }),
);

test('the page makes the vectors that Python made, and finds by meaning', LIMIT, () =>
  staying(async (page) => {
    const { probes } = JSON.parse(readFileSync(join(DIST, 'data/about.json'), 'utf8'));
    for (const { text, vector } of probes) {
      const own = Array.from(await page.evaluate((words) => demo.embed(words).then((made) => Array.from(made.vector)), text));
      const cosine = own.reduce((sum, x, i) => sum + x * vector[i], 0);
      assert.ok(cosine > 0.99, `${text}: cosine ${cosine} to Python's vector`);
    }
    const found = await ask(page, 'play chess');
    assert.equal(found.length, 10);
    const text = (await page.textContent('#results .hit')).toLowerCase();
    assert.match(text, /chess/, `the nearest to "play chess" is ${found[0]}`);
    assert.ok((await page.$$('#results mark')).length > 0, 'words are lit');
    await page.waitForFunction(() => /%/.test(document.querySelector('#recall').textContent));
    await page.click('#more');
    await statusIs(page, '20 packages are shown');
    const both = await names(page);
    assert.deepEqual(both.slice(0, 10), found);
    assert.equal(new Set(both).size, 20, 'the second page has other rows');
    for (const row of ['embed', 'search', 'total']) assert.match(await page.textContent(`#time-${row}`), /\d/);
  }),
);

test('filters hold inside the search', LIMIT, () =>
  staying(async (page) => {
    await page.check('#sections input[value=games]');
    await ask(page, 'a program to draw pictures');
    const sections = await kinds(page);
    assert.equal(sections.length, 10, 'as many rows as without a filter');
    assert.ok(sections.every((kind) => kind.startsWith('games')), sections.join());
    await page.check('#sizes input[value=large]');
    await page.waitForFunction(() => document.querySelectorAll('#results .hit').length < 10);
    for (const kind of await kinds(page)) assert.match(kind, /^games · [2-9]\d+\.\d MiB|^games · \d{3,}\.\d MiB/);
    await page.click('#clear');
    await page.waitForFunction(() => !/pass the filters/.test(document.querySelector('#status').textContent));
    assert.equal(await page.isVisible('#clear'), false);
  }),
);

test('the index is switched, and its recall is told', LIMIT, () =>
  staying(async (page) => {
    for (const mode of ['binary', 'exact']) await page.locator(`#modes label:has([value=${mode}])`).click();
    await page.waitForFunction(() => /Every row/.test(document.querySelector('#mode-hint').textContent));
    await ask(page, 'play music');
    assert.match(await page.textContent('#mode-hint'), /Every row/, 'the later choice holds, though the earlier one took longer');
    const found = {};
    for (const mode of ['hnsw', 'exact', 'binary']) {
      await page.locator(`#modes label:has([value=${mode}])`).click();
      found[mode] = await ask(page, 'listen to music');
      await page.waitForFunction(() => /%/.test(document.querySelector('#recall').textContent));
      const recall = Number.parseInt(await page.textContent('#recall'), 10);
      assert.ok(mode === 'exact' ? recall === 100 : recall >= 80, `${mode}: ${recall} %`);
    }
    assert.equal(found.exact[0], found.hnsw[0]);
    assert.equal(found.exact[0], found.binary[0]);
    await page.locator('#modes label:has([value=hnsw])').click();
  }),
);

test('similar rows, by button and by keyboard', LIMIT, () =>
  staying(async (page) => {
    const [first] = await ask(page, 'listen to music');
    await page.focus('#query');
    await page.keyboard.press('ArrowDown');
    await page.keyboard.press('Enter');
    await statusIs(page, `most like ${first}`);
    const similar = await names(page);
    assert.equal(similar.length, 10);
    assert.ok(!similar.includes(first), 'the row itself is left out');
    await page.keyboard.press('/');
    assert.equal(await page.evaluate(() => document.activeElement.id), 'query');
    await ask(page, 'chess');
    assert.equal(await page.isVisible('#like'), false);
  }),
);

test('notes are added, found, edited and deleted, and stay over a reload', LIMIT, () =>
  visited(async (page) => {
    await modelIsReady(page);
    const list = () => page.$$eval('#notes li p', (notes) => notes.map((note) => note.textContent));
    const listIs = (wanted) => page.waitForFunction((notes) => document.querySelectorAll('#notes li').length === notes, wanted);
    for (const text of ['buy a new chess board', '<b>water</b> the plants']) {
      const before = (await list()).length;
      await page.fill('#note-text', text);
      await page.click('#note-save');
      await listIs(before + 1);
    }
    await page.reload();
    await modelIsReady(page);
    assert.deepEqual(await list(), ['<b>water</b> the plants', 'buy a new chess board']);
    await ask(page, 'chess board');
    await page.waitForFunction(() => /buy a new chess board/.test(document.querySelector('#found-notes').textContent));
    await page.click('#notes li:first-child button:has-text("Edit")');
    await page.fill('#note-text', 'water the flowers');
    await page.click('#note-save');
    await page.waitForFunction(() => /flowers/.test(document.querySelector('#notes').textContent));
    await page.click('#notes li:last-child button:has-text("Delete")');
    await listIs(1);
    await page.reload();
    await modelIsReady(page);
    assert.deepEqual(await list(), ['water the flowers']);
  }),
);

test('the file is downloaded and opened again', LIMIT, async () => {
  const { context, page } = await visit(browser, server.url);
  try {
    await modelIsReady(page);
    const [download] = await Promise.all([page.waitForEvent('download'), page.click('#download')]);
    const bytes = readFileSync(await download.path());
    assert.ok(bytes.equals(readFileSync(join(DIST, 'data/packages.gv'))), 'byte for byte what Python wrote');
    const open = (name, buffer) => page.setInputFiles('#open-file', { name, mimeType: 'application/octet-stream', buffer });
    await open('mine.gv', bytes);
    await page.waitForFunction(() => /mine\.gv/.test(document.querySelector('#file-hint').textContent));
    const found = await ask(page, 'play chess');
    await open('bad.gv', Buffer.from('this is no database'));
    await statusIs(page, 'did not work');
    assert.deepEqual(await ask(page, 'play chess'), found, 'the one before is still open');
  } finally {
    await context.close();
  }
});

test('offline after the first visit', LIMIT, async () => {
  const own = await serve();
  const { context, page } = await visit(browser, own.url);
  try {
    await modelIsReady(page);
    await page.waitForFunction(() => navigator.serviceWorker.controller !== null);
    const large = [/model\.onnx$/, /packages\.gv$/, /ort-wasm.*\.wasm$/];
    const kept = () => caches.keys().then(async ([name]) => (await (await caches.open(name)).keys()).map(({ url }) => url));
    for (let tries = 0, urls = []; !large.every((name) => urls.some((url) => name.test(url))); tries++) {
      assert.ok(tries < 100, `kept: ${urls}`);
      await page.waitForTimeout(100);
      urls = await page.evaluate(kept);
    }
    await own.close();
    await context.setOffline(true);
    await page.reload();
    await modelIsReady(page);
    assert.match((await ask(page, 'play chess'))[0], /\w/);
    assert.equal(await page.textContent('#network'), 'offline');
  } finally {
    await context.close();
  }
});

for (const colorScheme of ['light', 'dark']) {
  test(`axe finds nothing, ${colorScheme}; no sideways scroll on a phone`, LIMIT, () =>
    visited(
      async (page) => {
        await modelIsReady(page);
        await page.fill('#note-text', 'a note');
        await page.click('#note-save');
        await page.waitForSelector('#notes li');
        await ask(page, 'play chess');
        assert.equal(await page.getAttribute('html', 'data-theme'), colorScheme);
        const source = readFileSync(join(import.meta.dirname, '../node_modules/axe-core/axe.min.js'), 'utf8');
        await page.evaluate(source);
        for (const width of [1280, 360]) {
          await page.setViewportSize({ width, height: 800 });
          const { violations, passes } = await page.evaluate(() => axe.run(document, { resultTypes: ['violations'] }));
          const told = violations.map(({ id, nodes }) => `${id}: ${nodes.map((node) => node.html).join(' ')}`);
          assert.deepEqual(told, [], `at ${width} pixels`);
          assert.ok(passes.length > 20, 'axe looked');
          assert.equal(await page.evaluate(() => document.documentElement.scrollWidth), width);
        }
      },
      { colorScheme },
    ),
  );
}
