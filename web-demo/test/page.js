/**
 * The demo page as a visitor has it, over what Playwright (Chromium) and Puppeteer (Firefox) have in common. What only one of
 * them has, or both call differently, is here and nowhere else.
 */
import { readFileSync, readdirSync } from 'node:fs';
import { join } from 'node:path';
import { setTimeout as later } from 'node:timers/promises';

const KEY_DELAY = 10; // ms

/** The bytes of the one file in a folder, once it is there and whole. */
async function onlyFile(folder) {
  let names = [];
  while (names.length !== 1 || names[0].endsWith('.part')) {
    await later(50);
    names = readdirSync(folder);
  }
  const path = join(folder, names[0]);
  for (let before = -1, size = 0; size === 0 || size !== before; await later(100)) {
    before = size;
    size = readFileSync(path).length;
  }
  return readFileSync(path);
}

export class DemoPage {
  /** What went wrong in the page since it was opened or `problems` was emptied. */
  problems = [];

  constructor(driven, context) {
    this.driven = driven;
    this.context = context;
    this.keyboard = driven.keyboard;
    driven.on('pageerror', (error) => this.problems.push(String(error)));
    driven.on('console', (message) => message.type() === 'error' && this.problems.push(message.text()));
  }

  goto = (url) => this.driven.goto(url);
  reload = () => this.driven.reload();
  url = () => this.driven.url();
  evaluate = (work, argument) => this.driven.evaluate(work, argument);
  /** `work` in the page gets all elements of the selector, and may give what JSON can say. */
  all = (selector, work) => this.driven.$$eval(selector, work);

  /** Until `test` in the page gives true. */
  until(test, argument) {
    return this.driven.waitForFunction(`(${test})(${JSON.stringify(argument)})`, { timeout: 60_000 });
  }

  text = (selector) => this.evaluate((wanted) => document.querySelector(wanted).textContent, selector);
  attribute = (name) => this.evaluate((wanted) => document.documentElement.getAttribute(wanted), name);
  isVisible = (selector) => this.evaluate((wanted) => document.querySelector(wanted).checkVisibility(), selector);
  statusIs = (part) => this.until((text) => document.querySelector('#status').textContent.includes(text), part);
  textIs = (selector, part) =>
    this.until(([wanted, text]) => document.querySelector(wanted).textContent.includes(text), [selector, part]);
  countIs = (selector, count) =>
    this.until(([wanted, many]) => document.querySelectorAll(wanted).length === many, [selector, count]);

  /** By the mouse, in the middle of the element, and below what sticks to the top of the page. */
  async click(selector) {
    await this.evaluate((wanted) => document.querySelector(wanted).scrollIntoView({ block: 'center' }), selector);
    await this.driven.click(selector);
  }

  /** In the place of what stands there, key by key. */
  async type(selector, text) {
    await this.driven.focus(selector);
    await this.evaluate((wanted) => document.querySelector(wanted).select(), selector);
    await this.keyboard.press('Delete');
    await this.keyboard.type(text, { delay: KEY_DELAY });
  }

  async resize(width, height) {
    if (this.driven.setViewportSize) await this.driven.setViewportSize({ width, height });
    else await this.driven.setViewport({ width, height });
  }

  async setOffline() {
    if (this.context.setOffline) await this.context.setOffline(true);
    else await this.driven.setOfflineMode(true);
  }

  /** The bytes of what a click downloads. */
  async download(selector) {
    if (!this.driven.waitForEvent) return this.click(selector).then(() => onlyFile(this.context.downloads));
    const [download] = await Promise.all([this.driven.waitForEvent('download'), this.click(selector)]);
    return readFileSync(await download.path());
  }

  async choose(selector, path) {
    const input = await this.driven.$(selector);
    await (input.setInputFiles ? input.setInputFiles(path) : input.uploadFile(path));
  }

  /** As the system says, or, where a driver cannot make it say so, by the page's own button. */
  async theme(wanted) {
    if (this.driven.emulateMedia) await this.driven.emulateMedia({ colorScheme: wanted });
    else if ((await this.attribute('data-theme')) !== wanted) await this.click('#theme');
    await this.until((theme) => document.documentElement.dataset.theme === theme, wanted);
  }

  /** What the window shows, from the top of the page: a PNG, also kept in $GV_DEMO_SHOTS, where that names a folder. */
  async screenshot(name) {
    await this.evaluate(() => scrollTo(0, 0));
    const folder = process.env.GV_DEMO_SHOTS;
    return Buffer.from(await this.driven.screenshot(folder ? { path: join(folder, `${name}.png`) } : {}));
  }

  close = () => this.context.close();

  // ---- what the page is for ----

  modelIsReady = () => this.until(() => document.documentElement.dataset.model !== undefined);
  databaseIsReady = () => this.until(() => document.documentElement.dataset.database !== undefined);

  /** Type, and wait for the answer to all that was typed: the packages that are shown. */
  async ask(words) {
    await this.type('#query', words);
    await this.until(
      (asked) =>
        document.querySelector('#results').dataset.query === asked &&
        /^The \d+ nearest/.test(document.querySelector('#status').textContent),
      words,
    );
    return this.names();
  }

  names = () =>
    this.all('#results h3', (titles) =>
      titles.map((title) => {
        const copy = title.cloneNode(true);
        copy.querySelector('.kind').remove();
        return copy.textContent.trim();
      }),
    );

  kinds = () => this.all('#results .kind', (spans) => spans.map((span) => span.textContent));
  notes = () => this.all('#notes li p', (notes) => notes.map((note) => note.textContent));

  async chooseMode(mode) {
    await this.click(`#modes label:has([value=${mode}])`);
  }

  /** In per cent, once it is told. */
  async recall() {
    await this.textIs('#recall', '%');
    return Number.parseInt(await this.text('#recall'), 10);
  }

  async addNote(text) {
    const before = (await this.notes()).length;
    await this.type('#note-text', text);
    await this.click('#note-save');
    await this.countIs('#notes li', before + 1);
  }
}
