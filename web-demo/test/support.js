/** The built page served on localhost, and a Chromium to look at it with. */
import { existsSync } from 'node:fs';
import { join } from 'node:path';

import { preview } from 'vite';

import { launch, skip as noBrowser } from '../../js/test/chromium.js';

export { launch };

export const DIST = process.env.GV_DEMO_DIST ?? join(import.meta.dirname, '../../build/web-demo');

export const skip =
  noBrowser || (!existsSync(join(DIST, 'sw.js')) && `${DIST} is not built: ./build.sh web-demo --build-only`);

export async function serve() {
  const server = await preview({
    root: join(import.meta.dirname, '..'),
    logLevel: 'warn',
    build: { outDir: DIST },
    preview: { host: '127.0.0.1', port: 4300, strictPort: false, open: false },
  });
  return { url: server.resolvedUrls.local[0], close: () => server.close() };
}

/** A page of a fresh visitor. `problems` collects what goes wrong in it. */
export async function visit(browser, url, options = {}) {
  const context = await browser.newContext({ viewport: { width: 1280, height: 900 }, ...options });
  const page = await context.newPage();
  const problems = [];
  page.on('pageerror', (error) => problems.push(String(error)));
  page.on('console', (message) => message.type() === 'error' && problems.push(message.text()));
  await page.goto(url);
  return { context, page, problems };
}

export const modelIsReady = (page) => page.waitForSelector('html[data-model]', { timeout: 60_000, state: 'attached' });

/** Type, and wait for the answer to all that was typed. */
export async function ask(page, text) {
  await page.fill('#query', '');
  await page.locator('#query').pressSequentially(text, { delay: 10 });
  await page.waitForFunction(
    (words) =>
      document.querySelector('#results').dataset.query === words &&
      /^The \d+ nearest/.test(document.querySelector('#status').textContent),
    text,
  );
  return names(page);
}

/** The packages that are shown. */
export const names = (page) =>
  page.$$eval('#results h3', (titles) =>
    titles.map((title) => {
      const copy = title.cloneNode(true);
      copy.querySelector('.kind').remove();
      return copy.textContent.trim();
    }),
  );
