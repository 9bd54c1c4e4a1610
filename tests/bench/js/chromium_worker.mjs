/** node chromium_worker.mjs NAME FOLDER: the same in a page of a headless Chromium, whose session answers from there. */
import { spawnSync } from 'node:child_process';
import { createReadStream, mkdtempSync, rmSync, statSync } from 'node:fs';
import { createServer } from 'node:http';
import { tmpdir } from 'node:os';
import { basename, extname, join, normalize } from 'node:path';
import { EDGEVEC, HERE, HNSWLIB_FILES, PACKAGE, hnswlibFile, serveLines, versions } from './support.mjs';

const [name, folder] = process.argv.slice(2);
const TYPES = { '.js': 'text/javascript', '.mjs': 'text/javascript', '.wasm': 'application/wasm' };
const ROOTS = { '/bench/': HERE, '/package/': PACKAGE, '/data/': folder, '/hnswlib/': HNSWLIB_FILES, '/edgevec/': EDGEVEC };

// Isolated, so that performance.now() counts in steps of 5 us and not of 100.
const HEADERS = { 'cross-origin-opener-policy': 'same-origin', 'cross-origin-embedder-policy': 'require-corp' };

function serve() {
  const server = createServer((request, response) => {
    const path = normalize(decodeURIComponent(new URL(request.url, 'http://localhost').pathname));
    const root = Object.keys(ROOTS).find((prefix) => path.startsWith(prefix));
    if (path === '/') return response.writeHead(200, { ...HEADERS, 'content-type': 'text/html' }).end('<!doctype html>');
    const file = root && join(ROOTS[root], path.slice(root.length));
    if (!file || !statSync(file, { throwIfNoEntry: false })?.isFile()) return response.writeHead(404).end();
    response.writeHead(200, { ...HEADERS, 'content-type': TYPES[extname(file)] ?? 'application/octet-stream' });
    createReadStream(file).pipe(response);
  });
  return new Promise((ready) => server.listen(0, '127.0.0.1', () => ready(server)));
}

function findBrowser() {
  if (process.env.CHROME) return process.env.CHROME;
  for (const program of ['chromium', 'chromium-browser', 'google-chrome']) {
    const { status, stdout } = spawnSync('sh', ['-c', `command -v ${program}`], { encoding: 'utf8' });
    if (status === 0) return stdout.trim();
  }
  throw new Error('no Chromium: none in CHROME, and no chromium, chromium-browser or google-chrome on PATH');
}

// A profile on the disk: what a page of a private window keeps is kept in memory only.
const profile = mkdtempSync(join(tmpdir(), 'gigavector-bench-'));
let server;
let browser;

async function open() {
  const { chromium } = (await import('playwright-core')).default;
  const args = ['--no-sandbox', '--disable-gpu', '--no-first-run', '--disable-background-networking', '--disable-sync'];
  browser = await chromium.launchPersistentContext(profile, { executablePath: findBrowser(), headless: true, args });
  server = await serve();
  const page = await browser.newPage();
  page.setDefaultTimeout(0);
  await page.goto(`http://127.0.0.1:${server.address().port}/`);
  await page.evaluate(
    async ({ name, host, versions, hnswlib }) => {
      const { answer, openSession } = await import('/bench/session.mjs');
      const { disk } = await import('/bench/page_disk.mjs');
      const platform = {
        host,
        versions,
        disk,
        read: async (file) => (await fetch(`/data/${file}`)).arrayBuffer(),
        gigavector: () => import('/package/index_browser.js'),
        hnswlibWasm: async () => (await import(`/hnswlib/${hnswlib}`)).default(),
        edgevec: async () => {
          const module = await import('/edgevec/edgevec.js');
          return { module, wasm: await module.default() };
        },
      };
      const session = await openSession(name, platform);
      window.ask = (request) => answer(session, request);
    },
    {
      name,
      host: `Chromium ${browser.browser().version()}`,
      versions,
      hnswlib: name === 'hnswlib-wasm' ? basename(hnswlibFile()) : '',
    },
  );
  return page;
}

try {
  await serveLines(open, (page, request) => page.evaluate((asked) => window.ask(asked), request));
} finally {
  await browser?.close();
  server?.close();
  rmSync(profile, { recursive: true, force: true });
}
