// What the built page takes: start, and with each index 100 queries while it draws nothing, and 100 typed key by key. node measure.mjs
import { setTimeout as later } from 'node:timers/promises';

import { launch } from '../js/test/chromium.js';
import { percentile } from './src/times.js';
import { serve, visit } from './test/support.js';

const QUERIES = ['edit photos', 'play chess', 'web server', 'night sky', 'safe passwords', 'sheet music', 'disk is full'];
const server = await serve();
const browser = await launch();
const page = await visit(browser, server.url);
await page.modelIsReady();
const { database, model } = await page.evaluate(() => ({ ...document.documentElement.dataset }));
console.log(`database ready ${database} ms after navigation, model ${model} ms`);

/** The ms of a search in its Worker, each after an embedding, as when somebody types, but while the page draws nothing. */
const alone = () =>
  page.evaluate(async (queries) => {
    const times = [];
    for (let i = 0; i < 100; i++) {
      const { vector } = await demo.embed(`${queries[i % queries.length]} ${i}`);
      times.push((await demo.database('search', vector, { k: 10 })).ms);
    }
    return times;
  }, QUERIES);

for (const mode of ['hnsw', 'exact', 'binary']) {
  await page.chooseMode(mode);
  await later(2000);
  const quiet = await alone();
  const recalls = [];
  for (let round = 0; round < 2; round++) {
    for (const query of QUERIES) {
      await page.ask(query);
      await later(400);
      recalls.push(Number.parseInt(await page.text('#recall'), 10));
    }
  }
  const times = await page.evaluate(() => demo.summary());
  const text = Object.entries(times).map(([name, { p50, p95 }]) => `${name} ${p50.toFixed(2)} / ${p95.toFixed(2)}`);
  const recall = recalls.reduce((sum, each) => sum + each, 0) / recalls.length;
  console.log(`${mode}: search alone ${percentile(quiet, 0.5).toFixed(2)} / ${percentile(quiet, 0.95).toFixed(2)} ms`);
  console.log(`${mode}: ${text.join(', ')} ms (p50 / p95 of ${times.total.count}), recall@10 ${recall.toFixed(1)} %`);
}
await browser.close();
await server.close();
