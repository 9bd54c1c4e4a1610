/**
 * The browsers that the tests run in. Each has `name`; `skip`, why it cannot be had here, or false; `launch()` and
 * `launchIn(folder, {quota})`; `collectGarbage(page)`; and what is peculiar to it. Their pages have what Playwright and
 * Puppeteer have in common: goto, reload, evaluate, waitForFunction, exposeFunction, on. What a page downloads Playwright
 * hands out; Puppeteer's contexts have the folder `downloads`.
 */
import test from 'node:test';

import * as chromium from './chromium.js';
import * as firefox from './firefox.js';

export const browsers = [chromium, firefox];

/** The test `work(t, browser)` in each browser. */
export function testInEach(name, options, work) {
  for (const browser of browsers) {
    test(`${browser.name}: ${name}`, { ...options, skip: browser.skip || options.skip }, (t) => work(t, browser));
  }
}

/** A page at `address` in which nothing may go wrong unseen: `problems` has what did. */
export async function pageAt(address, context) {
  const page = await context.newPage();
  page.problems = [];
  page.on('pageerror', (error) => page.problems.push(String(error)));
  await page.goto(address);
  return page;
}
