/** The built page served on localhost, and visitors in each browser of ../../js/test/browsers.js. */
import { existsSync } from 'node:fs';
import { join } from 'node:path';

import { preview } from 'vite';

import { browsers } from '../../js/test/browsers.js';
import { DemoPage } from './page.js';

export { browsers };

export const DIST = process.env.GV_DEMO_DIST ?? join(import.meta.dirname, '../../build/web-demo');

/** Why there can be no test of the page in this browser, or false. */
export const skipIn = (browser) =>
  browser.skip || (!existsSync(join(DIST, 'sw.js')) && `${DIST} is not built: ./build.sh web-demo --build-only`);

/** A server that never answers what `withheld` matches. */
function withholding(withheld) {
  const hold = (request, _response, next) => withheld.test(request.url) || next();
  return { name: 'withholding', configurePreviewServer: (server) => void server.middlewares.use(hold) };
}

export async function serve({ withheld } = {}) {
  const server = await preview({
    root: join(import.meta.dirname, '..'),
    logLevel: 'warn',
    build: { outDir: DIST },
    plugins: withheld ? [withholding(withheld)] : [],
    preview: { host: '127.0.0.1', port: 4300, strictPort: false, open: false },
  });
  const close = () => {
    server.httpServer.closeAllConnections();
    return server.close();
  };
  return { url: server.resolvedUrls.local[0], close };
}

/** The page of a fresh visitor. */
export async function visit(browser, url) {
  const context = await browser.newContext();
  const page = new DemoPage(await context.newPage(), context);
  await page.resize(1280, 900);
  await page.goto(url);
  return page;
}
