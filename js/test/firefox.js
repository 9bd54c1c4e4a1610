/** The machine's own Firefox for tests, driven by puppeteer-core over WebDriver BiDi. browsers.js says what it gives. */
import { spawnSync } from 'node:child_process';
import { once } from 'node:events';
import { readFileSync, readdirSync, realpathSync } from 'node:fs';
import { createRequire } from 'node:module';
import { join } from 'node:path';
import { setTimeout as later } from 'node:timers/promises';

import { PACKAGE, memoryFolder, newFolder } from './support.js';

export const name = 'Firefox';

const TOOLS = join(PACKAGE, 'test/runtimes');
const loaded = load();
const program = findProgram();

/** Why there can be no test in Firefox here, or false. */
export const skip = loaded.reason
  ? `puppeteer-core does not load: ${loaded.reason.split('\n')[0]} (npm ci in js/test/runtimes)`
  : !program && 'no Firefox: none in FIREFOX, and no firefox-esr or firefox on PATH that is no snap';

function load() {
  try {
    return createRequire(join(TOOLS, 'package.json'))('puppeteer-core');
  } catch (error) {
    return { reason: error.message };
  }
}

function findProgram() {
  if (process.env.FIREFOX) return process.env.FIREFOX;
  for (const name of ['firefox-esr', 'firefox']) {
    const { status, stdout } = spawnSync('sh', ['-c', `command -v ${name}`], { encoding: 'utf8' });
    if (status === 0 && !isSnap(stdout.trim())) return stdout.trim();
  }
  return undefined;
}

/** Ubuntu's is a snap, or a script that asks for one, and sees no profile in a temporary folder. */
function isSnap(path) {
  return realpathSync(path).startsWith('/snap/') || readFileSync(path, 'latin1').slice(0, 4096).includes('/snap/');
}

function start(userDataDir, preferences) {
  const env = { ...process.env, HOME: newFolder() }; // as root, Firefox starts only where root owns that
  const extraPrefsFirefox = { 'browser.chrome.site_icons': false, ...preferences };
  return loaded.launch({ browser: 'firefox', executablePath: program, headless: true, userDataDir, env, extraPrefsFirefox });
}

/** What is downloaded in a context lands in the folder `downloads` of it. */
async function contextOf(browser) {
  const downloads = newFolder();
  const downloadBehavior = { policy: 'allow', downloadPath: downloads };
  return Object.assign(await browser.createBrowserContext({ downloadBehavior }), { downloads });
}

/** One whose profile nobody will look at again. */
export async function launch() {
  const browser = await start(newFolder(memoryFolder()));
  const version = await browser.version();
  return {
    version: () => version.replace('firefox/', ''),
    newContext: () => contextOf(browser),
    newPage: () => browser.newPage(),
    close: () => browser.close(),
  };
}

/** When Puppeteer has put the profile's settings back, which it does after Firefox has ended. */
async function restored(folder) {
  while (readdirSync(folder).some((name) => name.endsWith('.puppeteer'))) await later(10);
}

/** As in chromium.js. Firefox takes a limit for all origins when it starts; one may have a fifth of it. */
export async function launchIn(folder, { quota } = {}) {
  const limit = quota && { 'dom.quotaManager.temporaryStorage.fixedLimit': (5 * quota.bytes) / 1024 };
  const browser = await start(folder, limit);
  const ended = once(browser.process(), 'exit').then(() => restored(folder));
  return { newPage: () => browser.newPage(), close: () => browser.close(), ended };
}

/** BiDi has no call for it: so much garbage that the collector comes. */
export async function collectGarbage(page) {
  await page.evaluate(async () => {
    for (let i = 0; i < 20; i++) {
      window.garbage = Array.from({ length: 100_000 }, (_, k) => ({ k, i }));
      window.garbage = new Uint8Array(1 << 24).fill(i);
      await new Promise((later) => setTimeout(later));
    }
    window.garbage = undefined;
  });
}

/** Handles of the mode `read-only` are not known: whoever has a file open keeps all others out. */
export const sharesReads = false;
