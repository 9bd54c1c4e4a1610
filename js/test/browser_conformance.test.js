// Deleted, a browser's engine could answer otherwise than Node's, or write other bytes into OPFS, and nobody would know.
import assert from 'node:assert/strict';
import { readFileSync } from 'node:fs';
import { join } from 'node:path';

import { pageAt, testInEach } from './browsers.js';
import { serve } from './pages.js';
import { PACKAGE, readCorpus } from './support.js';

const KERNELS = ['default', 'scalar'];
const WORKERS = 2; // for each of the kernels: most of the time goes in waiting for the disk
const cases = readCorpus();
const script = (name) => readFileSync(join(PACKAGE, 'test', name));
const PAGE = `<!doctype html><meta charset="utf-8"><title>conformance</title><script type="module">
  const cases = await (await fetch('/cases.json')).json();
  const answer = (kernels, part) => new Promise((resolve, reject) => {
    const worker = new Worker('/conformance_worker.js', { type: 'module' });
    worker.onmessage = ({ data }) => resolve(data);
    worker.onerror = ({ message }) => reject(new Error(message));
    worker.postMessage({ cases: cases.filter((_, i) => i % ${WORKERS} === part), kernels });
  });
  window.run = (kernels) => Promise.all(Array.from({ length: ${WORKERS} }, (_, part) => answer(kernels, part)));
</script>`;

/** What the Workers of one kernel have found, in one. */
const together = (answers) => ({
  ran: answers.reduce((sum, { ran }) => sum + ran, 0),
  refused: answers.flatMap(({ refused }) => refused),
  failures: answers.flatMap(({ failures }) => failures),
});

testInEach('the corpus gives the hits, bits and files that it gives on a disk', { timeout: 300_000 }, async (t, browser) => {
  assert.ok(cases.length >= 30, `${cases.length} cases in tests/conformance`);
  const scripts = Object.fromEntries(['/conformance_runner.js', '/conformance_worker.js'].map((name) => [name, script(name)]));
  const server = await serve({ '/': PAGE, '/cases.json': `[${cases.join()}]`, ...scripts });
  const running = await browser.launch();
  try {
    const page = await pageAt(`${server.address}/`, await running.newContext());
    await page.waitForFunction('window.run');
    const answers = await page.evaluate((names) => Promise.all(names.map((name) => window.run(name))), KERNELS);
    for (const [i, kernels] of KERNELS.entries()) {
      const { ran, refused, failures } = together(answers[i]);
      assert.deepEqual(failures, []);
      assert.equal(ran, cases.length);
      t.diagnostic(`${browser.name} ${running.version()}, ${kernels}: ${ran} cases`);
      const names = [...new Set(refused)].sort();
      t.diagnostic(`${refused.length} second handles got GV_ERR_LOCKED, whatever they get on a disk, in ${names.join(' ')}`);
    }
    assert.deepEqual(page.problems, []);
  } finally {
    await running.close();
    await server.close();
  }
});
