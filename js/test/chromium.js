/** A real Chromium for tests, driven by playwright-core. What browsers.js says of a browser is what this file gives. */
import { spawnSync } from 'node:child_process';

export const name = 'Chromium';

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

/**
 * A Chromium with the profile in `folder`, so that what a killed one has left is there for the next. `ended` comes when it is
 * gone. `quota` is {origin, bytes}.
 */
export async function launchIn(folder, { quota } = {}) {
  const context = await loaded.chromium.launchPersistentContext(folder, { executablePath: browser, headless: true, args: ARGS });
  if (quota) {
    const devtools = await context.newCDPSession(await context.newPage());
    await devtools.send('Storage.overrideQuotaForOrigin', { origin: quota.origin, quotaSize: quota.bytes });
  }
  return Object.assign(context, { ended: new Promise((gone) => context.on('close', gone)) });
}

export async function collectGarbage(page) {
  const devtools = await page.context().newCDPSession(page);
  await devtools.send('HeapProfiler.collectGarbage');
}

/** May several have one file open for reading? */
export const sharesReads = true;
