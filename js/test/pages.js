/** A server of pages for the browsers of the tests. */
import { readFileSync } from 'node:fs';
import { createServer } from 'node:http';
import { extname, join, normalize } from 'node:path';

import { PACKAGE } from './support.js';

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
