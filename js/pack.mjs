/*
 * The files that users load, out of the sources, each with all it needs but the modules, and small. `npm pack` and
 * `./build.sh js` run this.
 */
import { copyFile } from 'node:fs/promises';
import { join } from 'node:path';
import { build } from 'esbuild';

const BANNER = '/* gigavector: Apache-2.0. Sources: js/ of the repository. */';
const AS_MODULE = { format: 'esm', banner: { js: BANNER } };
const AS_COMMONJS = {
  format: 'cjs',
  banner: { js: `${BANNER}\nconst __address = require('node:url').pathToFileURL(__filename).href;` },
  define: { 'import.meta.url': '__address' },
};

for (const [entry, file, platform, form] of [
  ['index.js', 'gigavector.node.js', 'node', AS_MODULE],
  ['index.js', 'gigavector.node.cjs', 'node', AS_COMMONJS],
  ['index_browser.js', 'gigavector.browser.js', 'browser', AS_MODULE],
  ['index_opfs.js', 'gigavector.opfs.js', 'browser', AS_MODULE],
  ['index_worker.js', 'gigavector.worker.js', 'browser', AS_MODULE],
  ['thread.js', 'gigavector.thread.js', 'browser', AS_MODULE],
  ['fusion.js', 'gigavector.fusion.js', 'neutral', AS_MODULE],
]) {
  await build({
    absWorkingDir: import.meta.dirname,
    entryPoints: [entry],
    outfile: file,
    platform,
    bundle: true,
    minify: true,
    target: 'es2022',
    logLevel: 'warning',
    ...form,
  });
}
await copyFile(join(import.meta.dirname, 'index.d.ts'), join(import.meta.dirname, 'index.d.cts')); // the types of require()
