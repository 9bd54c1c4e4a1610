// Deleted, the package could work from its own folder alone: here bundlers build pages with the packed one, and each page runs.
import assert from 'node:assert/strict';
import { spawnSync } from 'node:child_process';
import { copyFileSync, existsSync, mkdirSync, readdirSync, writeFileSync } from 'node:fs';
import { createRequire } from 'node:module';
import { join } from 'node:path';
import test, { after, before } from 'node:test';
import { pathToFileURL } from 'node:url';

import { browsers, pageAt } from './browsers.js';
import { newProject, packed } from './packed.js';
import { serve } from './pages.js';
import { PACKAGE } from './support.js';

const TOOLS = join(PACKAGE, 'test/bundlers');
const unable = !existsSync(join(TOOLS, 'node_modules')) && 'js/test/bundlers/node_modules is not there: npm ci there';
const require = createRequire(join(TOOLS, 'package.json'));
const load = (name) => import(pathToFileURL(require.resolve(name)).href).then((module) => module.default ?? module);
const nameOf = (t) => t.name.split(' ')[0];

const APP = `import { Database as InPage } from 'gigavector';
import { Database } from 'gigavector/worker';
async function run() {
  const here = await InPage.open(null, { dimension: 2 });
  here.add([1, 2]);
  const db = await Database.open('bundled.gv', { dimension: 2 });
  await db.add([3, 4], { kept: 'yes' });
  await db.close();
  const again = await Database.open('bundled.gv');
  const [{ metadata }] = await again.search([3, 4], { k: 1 });
  await again.close();
  return [here.size, metadata.kept];
}
window.result = run().catch((error) => String(error));
`;
const page = (script) => `<!doctype html><meta charset="utf-8"><title>app</title><script type="module" src="${script}"></script>`;

let tarball;
const running = new Map();
before(async () => {
  if (unable) return;
  tarball = packed().tarball;
  for (const browser of browsers) if (!browser.skip) running.set(browser, await browser.launch());
});
after(() => Promise.all([...running.values()].map((each) => each.close())));

/** A project with the packed package installed, and the app. */
function newApp() {
  const project = newProject(tarball);
  writeFileSync(join(project, 'app.js'), APP);
  mkdirSync(join(project, 'dist'));
  return project;
}

/** Serve the folder and see what its page says, in each browser. */
async function runs(t, folder) {
  const server = await serve({}, { folder });
  t.diagnostic(`${nameOf(t)}: ${readdirSync(folder, { recursive: true }).filter((name) => /\.(js|wasm)$/.test(name)).join(' ')}`);
  for (const browser of browsers) {
    await t.test(`${nameOf(t)}: in ${browser.name}`, { skip: browser.skip }, async () => {
      const context = await running.get(browser).newContext();
      const page = await pageAt(`${server.address}/index.html`, context);
      assert.deepEqual([await page.evaluate('window.result'), page.problems], [[1, 'yes'], []]);
      await context.close();
    });
  }
  await server.close();
}

/** What a bundler that does not follow `new URL('./file', import.meta.url)` leaves to do, as the README says. */
function copyBeside(project, folder) {
  const from = join(project, 'node_modules/gigavector');
  for (const name of ['gigavector.thread.js', 'gigavector.wasm', 'gigavector.relaxed.wasm', 'gigavector.all.wasm', 'gigavector.all.relaxed.wasm']) {
    copyFileSync(join(from, name), join(folder, name));
  }
}

const options = { skip: unable, timeout: 120_000 };

test('vite builds a page that runs', options, async (t) => {
  const project = newApp();
  writeFileSync(join(project, 'index.html'), page('/app.js'));
  const vite = await import(pathToFileURL(join(TOOLS, 'node_modules/vite/dist/node/index.js')).href);
  await vite.build({ root: project, logLevel: 'error', configFile: false });
  await runs(t, join(project, 'dist'));
});

test('webpack builds a page that runs', options, async (t) => {
  const project = newApp();
  const webpack = require('webpack');
  const stats = await new Promise((resolve, reject) => {
    const output = { path: join(project, 'dist'), filename: 'app.js' };
    const ended = (error, done) => (error ? reject(error) : resolve(done));
    webpack({ mode: 'production', context: project, entry: './app.js', output }, ended);
  });
  assert.equal(stats.hasErrors() || stats.hasWarnings(), false, stats.toString());
  writeFileSync(join(project, 'dist/index.html'), page('app.js'));
  await runs(t, join(project, 'dist'));
});

test('esbuild builds a page that runs', options, async (t) => {
  const project = newApp();
  const { build } = await load('esbuild');
  const entry = { entryPoints: ['app.js'], outfile: 'dist/app.js' };
  await build({ absWorkingDir: project, ...entry, bundle: true, format: 'esm', logLevel: 'error' });
  copyBeside(project, join(project, 'dist'));
  writeFileSync(join(project, 'dist/index.html'), page('app.js'));
  await runs(t, join(project, 'dist'));
});

test('rollup builds a page that runs', options, async (t) => {
  const project = newApp();
  const { rollup } = require('rollup');
  const resolve = require('@rollup/plugin-node-resolve').nodeResolve;
  const warnings = [];
  const onwarn = ({ message }) => warnings.push(message);
  const bundle = await rollup({ input: join(project, 'app.js'), plugins: [resolve({ browser: true })], onwarn });
  await bundle.write({ dir: join(project, 'dist'), format: 'es' });
  await bundle.close();
  assert.deepEqual(warnings, []);
  copyBeside(project, join(project, 'dist'));
  writeFileSync(join(project, 'dist/index.html'), page('app.js'));
  await runs(t, join(project, 'dist'));
});

test('plain modules run as they are, with an import map', options, async (t) => {
  const project = newApp();
  const at = '/node_modules/gigavector/gigavector';
  const imports = { gigavector: `${at}.browser.js`, 'gigavector/worker': `${at}.worker.js` };
  const map = `<script type="importmap">${JSON.stringify({ imports })}</script>`;
  writeFileSync(join(project, 'index.html'), page('app.js').replace('<script', `${map}<script`));
  await runs(t, project);
});

test('publint and attw have nothing against the package', options, () => {
  const run = (name, ...args) => {
    const { status, stdout, stderr } = spawnSync(join(TOOLS, 'node_modules/.bin', name), args, { encoding: 'utf8' });
    assert.equal(status, 0, `${name}: ${stdout}${stderr}`);
  };
  run('publint', tarball);
  // the entries for browsers are ES modules, also where somebody asks by require(); the modules have no types
  const leftOut = ['--ignore-rules', 'cjs-resolves-to-esm', '--exclude-entrypoints', 'gigavector.wasm', 'gigavector.relaxed.wasm', 'gigavector.all.wasm', 'gigavector.all.relaxed.wasm'];
  run('attw', tarball, '--profile', 'node16', ...leftOut);
});
