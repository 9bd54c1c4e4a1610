/*
 * The two files that users load, out of the sources: gigavector.node.js and gigavector.browser.js, each with all it needs but
 * the module, and small. `npm pack` and `./build.sh js` run this.
 */
import { build } from 'esbuild';

for (const [entry, platform] of [
  ['index.js', 'node'],
  ['index_browser.js', 'browser'],
]) {
  await build({
    absWorkingDir: import.meta.dirname,
    entryPoints: [entry],
    outfile: `gigavector.${platform}.js`,
    platform,
    bundle: true,
    minify: true,
    format: 'esm',
    target: 'es2022',
    banner: { js: '/* gigavector: Apache-2.0. Sources: js/ of the repository. */' },
    logLevel: 'warning',
  });
}
