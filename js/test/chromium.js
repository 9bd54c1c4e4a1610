/** A real Chromium for tests, and a server of pages for it. */
import { spawnSync } from 'node:child_process';
import { readFileSync } from 'node:fs';
import { createServer } from 'node:http';
import { extname, join, normalize } from 'node:path';

import { PACKAGE } from './support.js';

const loaded = await import('playwright-core').then((module) => module.default, (error) => ({ reason: error.message }));
const browser = findBrowser();

/** Why there can be no test in a browser here, or false. */
export const skip = loaded.reason
  ? `playwright-core does not load: ${loaded.reason.split('\n')[0]}`
  : !browser && 'no Chromium: none in CHROME, and no chromium, chromium-browser or google-chrome on PATH';

function findBrowser() {
  if (process.env.CHROME) return process.env.CHROME;
  for (const name of ['chromium', 'chromium-browser', 'google-chrome']) {
    const { status, stdout } = spawnSync('sh', ['-c', `command -v ${name}`], { encoding: 'utf8' });
    if (status === 0) return stdout.trim();
  }
  return undefined;
}

const ARGS = [
  ...['--no-sandbox', '--disable-gpu', '--no-first-run', '--disable-background-networking'],
  ...['--disable-component-update', '--disable-sync'],
];

export function launch() {
  return loaded.chromium.launch({ executablePath: browser, headless: true, args: ARGS });
}

/** A Chromium with the profile in `folder`, so that what a killed one has left is there for the next. */
export function launchIn(folder) {
  return loaded.chromium.launchPersistentContext(folder, { executablePath: browser, headless: true, args: ARGS });
}

const TYPES = { '.html': 'text/html', '.js': 'text/javascript', '.mjs': 'text/javascript', '.wasm': 'application/wasm' };

/** Serve `pages` {'/path': text or bytes}, the package under /package/, and the files of `folder`, until `close()`. */
export async function serve(pages, { folder, policy } = {}) {
  const server = createServer((request, response) => {
    const path = normalize(new URL(request.url, 'http://localhost').pathname);
    try {
      const file = path.startsWith('/package/') ? join(PACKAGE, path.slice('/package'.length)) : folder && join(folder, path);
      const body = pages[path] ?? readFileSync(file);
      const type = TYPES[extname(path)] ?? (path.endsWith('/') ? 'text/html' : 'application/octet-stream');
      const length = Buffer.byteLength(body);
      const rules = policy && { 'content-security-policy': policy };
      response.writeHead(200, { 'content-type': type, 'content-length': length, ...rules }).end(body);
    } catch {
      response.writeHead(404).end();
    }
  });
  await new Promise((ready) => server.listen(0, '127.0.0.1', ready));
  const close = () => {
    server.closeAllConnections?.();
    return new Promise((closed) => server.close(closed));
  };
  return { address: `http://127.0.0.1:${server.address().port}`, close };
}
