// The page, its workers and what python wrote for it, as static files in dist/. GV_DEMO_DATA is the folder of build_data.py.
import { createHash } from 'node:crypto';
import { copyFileSync, mkdirSync, readdirSync, readFileSync, statSync, writeFileSync } from 'node:fs';
import { join, relative } from 'node:path';
import { gzipSync } from 'node:zlib';

import { defineConfig } from 'vite';

const DATA = process.env.GV_DEMO_DATA ?? join(import.meta.dirname, '../.cache/web-demo/20000');
const DIST = process.env.GV_DEMO_DIST ?? join(import.meta.dirname, '../build/web-demo');
const LARGE = 1 << 20; // bytes: what is larger is kept by the service worker when the page asks for it, not before

function filesOf(folder) {
  const entries = readdirSync(folder, { withFileTypes: true, recursive: true });
  return entries.filter((entry) => entry.isFile()).map((entry) => join(entry.parentPath ?? entry.path, entry.name)).sort();
}

/** The preview server packs what it takes for text on every request, and .gv for Graphviz: 45 MiB of it took 10 s. */
function plainPreview() {
  return {
    name: 'plain-preview',
    configurePreviewServer(server) {
      server.middlewares.use((request, _response, next) => {
        delete request.headers['accept-encoding'];
        next();
      });
    },
  };
}

/** Data beside the page, and a service worker that knows the files and changes when one of them does. */
function completeDist() {
  return {
    name: 'complete-dist',
    closeBundle() {
      mkdirSync(join(DIST, 'data'), { recursive: true });
      for (const file of readdirSync(DATA)) copyFileSync(join(DATA, file), join(DIST, 'data', file));
      const hash = createHash('sha256');
      const small = ['./'];
      let raw = 0;
      let packed = 0;
      for (const path of filesOf(DIST)) {
        const name = relative(DIST, path).replaceAll('\\', '/');
        if (name === 'sw.js') continue;
        const bytes = readFileSync(path);
        hash.update(name).update(bytes);
        if (statSync(path).size < LARGE && name !== 'index.html') small.push(name);
        if (name === 'data/packages-binary.gv') continue; // fetched only when that index is chosen
        raw += bytes.length;
        packed += gzipSync(bytes).length;
      }
      const worker = readFileSync(join(import.meta.dirname, 'src/service_worker.js'), 'utf8')
        .replace('__VERSION__', hash.digest('hex').slice(0, 16))
        .replace('[/* files */]', JSON.stringify(small));
      writeFileSync(join(DIST, 'sw.js'), worker);
      const mib = (bytes) => `${(bytes / 2 ** 20).toFixed(1)} MiB`;
      console.log(`page weight: ${mib(raw)}, ${mib(packed)} by gzip, with database and model, without the binary index's file`);
    },
  };
}

export default defineConfig({
  base: './', // any folder of any static host
  publicDir: false,
  build: { outDir: DIST, emptyOutDir: true, target: 'es2022', assetsInlineLimit: 0, chunkSizeWarningLimit: 1000 },
  worker: { format: 'es' },
  resolve: {
    alias: { gigavector: join(import.meta.dirname, '../js/index_browser.js') },
    conditions: ['onnxruntime-web-use-extern-wasm', 'module', 'browser'],
  },
  plugins: [plainPreview(), completeDist()],
});
