// What the built page takes: start, and 100 queries typed key by key with each index. node measure.mjs
import { setTimeout as later } from 'node:timers/promises';

import { launch } from '../js/test/chromium.js';
import { serve, visit } from './test/support.js';

const QUERIES = ['edit photos', 'play chess', 'web server', 'night sky', 'safe passwords', 'sheet music', 'disk is full'];
const server = await serve();
const browser = await launch();
const page = await visit(browser, server.url);
await page.modelIsReady();
const { database, model } = await page.evaluate(() => ({ ...document.documentElement.dataset }));
console.log(`database ready ${database} ms after navigation, model ${model} ms`);
for (const mode of ['hnsw', 'exact', 'binary']) {
  await page.chooseMode(mode);
  await later(2000);
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
  console.log(`${mode}: ${text.join(', ')} ms (p50 / p95 of ${times.total.count}), recall@10 ${recall.toFixed(1)} %`);
}
await browser.close();
await server.close();
