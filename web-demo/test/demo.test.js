// Deleted, the demo page could stop to find, filter, keep notes, work offline or be usable by keyboard, and nobody would see.
import assert from 'node:assert/strict';
import { readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { after, before, describe, test } from 'node:test';
import { setTimeout as later } from 'node:timers/promises';

import { newFolder } from '../../js/test/support.js';
import { DIST, browsers, serve, skipIn, visit } from './support.js';

const PNG_WIDTH = 16; // where its header has it

for (const driver of browsers) describe(driver.name, () => testsIn(driver));

function testsIn(driver) {
  const limit = { skip: skipIn(driver), timeout: 120_000 }; // each test by itself, since a skipped group counts as no test
  let server;
  let browser;
  let common; // the page of a visitor who stays for several tests, since each start loads a model

  before(async () => {
    if (limit.skip) return;
    server = await serve();
    browser = await driver.launch();
    common = await visit(browser, server.url);
    await common.modelIsReady();
  });

  after(async () => {
    await browser?.close();
    await server?.close();
  });

  /** A fresh visitor; `work` gets the page, and nothing may have gone wrong in it but what `work` takes out of its problems. */
  async function visited(work, { url } = server) {
    const page = await visit(browser, url);
    try {
      await work(page);
      assert.deepEqual(page.problems, []);
    } finally {
      await page.close();
    }
  }

  /** As `visited`, with the visitor who stays. */
  async function staying(work) {
    common.problems.length = 0;
    await work(common);
    assert.deepEqual(common.problems, []);
  }

  test('words find rows while the model is still on its way', limit, async () => {
    const slow = await serve({ withheld: /model\.onnx/ });
    try {
      await visited(async (page) => {
        await page.databaseIsReady();
        await page.type('#query', 'image');
        await page.statusIs('contain “image”');
        const texts = await page.all('#results .hit', (hits) => hits.map((hit) => hit.textContent.toLowerCase()));
        assert.ok(texts.length > 1, 'several rows have this word');
        assert.ok(texts.every((text) => text.includes('image')));
        await page.click('#sections input[value=graphics]');
        await page.statusIs('pass the filters');
        assert.ok((await page.kinds()).every((kind) => kind.startsWith('graphics')));
        assert.equal(await page.attribute('data-model'), null);
      }, slow);
    } finally {
      await slow.close();
    }
  });

  test('status says what is shown', limit, () =>
    staying(async (page) => {
      await page.statusIs('ready');
      assert.match(await page.text('#status'), /^500 packages in a file of \d MiB: ready/);
      assert.equal(await page.isVisible('#loading'), false);
      await page.click('#examples button');
      await page.statusIs('The 10 nearest of 500 packages');
      assert.match(page.url(), /#q=edit\+photos/);
    }),
  );

  test('the page makes the vectors that Python made, and finds by meaning', limit, () =>
    staying(async (page) => {
      const { probes } = JSON.parse(readFileSync(join(DIST, 'data/about.json'), 'utf8'));
      for (const { text, vector } of probes) {
        const own = await page.evaluate((words) => demo.embed(words).then((made) => Array.from(made.vector)), text);
        const cosine = own.reduce((sum, x, i) => sum + x * vector[i], 0);
        assert.ok(cosine > 0.99, `${text}: cosine ${cosine} to Python's vector`);
      }
      const found = await page.ask('play chess');
      assert.equal(found.length, 10);
      assert.match((await page.text('#results .hit')).toLowerCase(), /chess/, `the nearest to "play chess" is ${found[0]}`);
      assert.ok((await page.all('#results mark', (marks) => marks.length)) > 0, 'words are lit');
      await page.recall();
      await page.click('#more');
      await page.statusIs('20 packages are shown');
      const both = await page.names();
      assert.deepEqual(both.slice(0, 10), found);
      assert.equal(new Set(both).size, 20, 'the second page has other rows');
      for (const row of ['embed', 'search', 'total']) assert.match(await page.text(`#time-${row}`), /\d/);
    }),
  );

  test('filters hold inside the search', limit, () =>
    staying(async (page) => {
      await page.click('#sections input[value=games]');
      await page.ask('a program to draw pictures');
      const sections = await page.kinds();
      assert.equal(sections.length, 10, 'as many rows as without a filter');
      assert.ok(sections.every((kind) => kind.startsWith('games')), sections.join());
      await page.click('#sizes input[value=large]');
      await page.until(() => document.querySelectorAll('#results .hit').length < 10);
      for (const kind of await page.kinds()) assert.match(kind, /^games · [2-9]\d+\.\d MiB|^games · \d{3,}\.\d MiB/);
      await page.click('#clear');
      await page.until(() => !/pass the filters/.test(document.querySelector('#status').textContent));
      assert.equal(await page.isVisible('#clear'), false);
    }),
  );

  test('the index is switched, and its recall is told', limit, () =>
    staying(async (page) => {
      for (const mode of ['binary', 'exact']) await page.chooseMode(mode);
      await page.textIs('#mode-hint', 'Every row');
      await page.ask('play music');
      assert.match(await page.text('#mode-hint'), /Every row/, 'the later choice holds, though the earlier one took longer');
      const found = {};
      for (const mode of ['hnsw', 'exact', 'binary']) {
        await page.chooseMode(mode);
        found[mode] = await page.ask('listen to music');
        const recall = await page.recall();
        assert.ok(mode === 'exact' ? recall === 100 : recall >= 80, `${mode}: ${recall} %`);
      }
      assert.equal(found.exact[0], found.hnsw[0]);
      assert.equal(found.exact[0], found.binary[0]);
      await page.chooseMode('hnsw');
    }),
  );

  test('similar rows, by button and by keyboard', limit, () =>
    staying(async (page) => {
      const [first] = await page.ask('listen to music');
      await page.keyboard.press('ArrowDown');
      await page.keyboard.press('Enter');
      await page.statusIs(`most like ${first}`);
      const similar = await page.names();
      assert.equal(similar.length, 10);
      assert.ok(!similar.includes(first), 'the row itself is left out');
      await page.keyboard.press('/');
      assert.equal(await page.evaluate(() => document.activeElement.id), 'query');
      await page.ask('chess');
      assert.equal(await page.isVisible('#like'), false);
      const [nearest] = await page.names();
      await page.click('#results button');
      await page.statusIs(`most like ${nearest}`);
    }),
  );

  test('notes are added, found, edited and deleted, and stay over a reload', limit, () =>
    visited(async (page) => {
      await page.modelIsReady();
      for (const text of ['buy a new chess board', '<b>water</b> the plants']) await page.addNote(text);
      await page.reload();
      await page.modelIsReady();
      assert.deepEqual(await page.notes(), ['<b>water</b> the plants', 'buy a new chess board']);
      await page.ask('chess board');
      await page.textIs('#found-notes', 'buy a new chess board');
      await page.click('#notes li:first-child button[aria-label^=Edit]');
      await page.type('#note-text', 'water the flowers');
      await page.click('#note-save');
      await page.textIs('#notes', 'flowers');
      await page.click('#notes li:last-child button[aria-label^=Delete]');
      await page.countIs('#notes li', 1);
      await page.reload();
      await page.modelIsReady();
      assert.deepEqual(await page.notes(), ['water the flowers']);
    }),
  );

  test('the file is downloaded and opened again', limit, () =>
    visited(async (page) => {
      await page.modelIsReady();
      const bytes = await page.download('#download');
      assert.ok(bytes.equals(readFileSync(join(DIST, 'data/packages.gv'))), 'byte for byte what Python wrote');
      const folder = newFolder();
      const open = (name, content) => {
        writeFileSync(join(folder, name), content);
        return page.choose('#open-file', join(folder, name));
      };
      await open('mine.gv', bytes);
      await page.textIs('#file-hint', 'mine.gv');
      const found = await page.ask('play chess');
      await open('bad.gv', 'this is no database');
      await page.statusIs('did not work');
      assert.equal(page.problems.splice(0).length, 1, 'the console has it too');
      assert.deepEqual(await page.ask('play chess'), found, 'the one before is still open');
    }),
  );

  test('offline after the first visit', limit, async () => {
    const own = await serve();
    const page = await visit(browser, own.url);
    try {
      await page.modelIsReady();
      await page.until(() => navigator.serviceWorker.controller !== null);
      const large = [/model\.onnx$/, /packages\.gv$/, /ort-wasm.*\.wasm$/];
      const kept = () =>
        caches.keys().then(async ([name]) => (await (await caches.open(name)).keys()).map(({ url }) => url));
      for (let tries = 0, urls = []; !large.every((name) => urls.some((url) => name.test(url))); tries++) {
        assert.ok(tries < 100, `kept: ${urls}`);
        await later(100);
        urls = await page.evaluate(kept);
      }
      await own.close();
      await page.setOffline();
      await page.reload();
      await page.modelIsReady();
      assert.match((await page.ask('play chess'))[0], /\w/);
      assert.equal(await page.text('#network'), 'offline');
    } finally {
      await page.close();
    }
  });

  for (const theme of ['light', 'dark']) {
    test(`axe finds nothing, ${theme}; no sideways scroll on a phone; a picture`, limit, () =>
      visited(async (page) => {
        await page.theme(theme);
        await page.modelIsReady();
        await page.addNote('a note');
        await page.ask('play chess');
        await page.evaluate(readFileSync(join(import.meta.dirname, '../node_modules/axe-core/axe.min.js'), 'utf8'));
        for (const width of [1280, 360]) {
          await page.resize(width, 800);
          const picture = await page.screenshot(`${driver.name}-${theme}-${width}`);
          assert.equal(picture.readUInt32BE(PNG_WIDTH), width, 'a picture of the window');
          const { told, passes } = await page.evaluate(async () => {
            const { violations, passes } = await axe.run(document, { resultTypes: ['violations'] });
            const told = violations.map(({ id, nodes }) => `${id}: ${nodes.map((node) => node.html).join(' ')}`);
            return { told, passes: passes.length };
          });
          assert.deepEqual(told, [], `at ${width} pixels`);
          assert.ok(passes > 20, 'axe looked');
          const { scrollWidth, clientWidth } = await page.evaluate(() => {
            const { scrollWidth, clientWidth } = document.documentElement; // without a scroll bar that takes room
            return { scrollWidth, clientWidth };
          });
          assert.equal(scrollWidth, clientWidth, `at ${width} pixels`);
        }
      }),
    );
  }
}
