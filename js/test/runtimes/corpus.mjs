/** corpus.mjs CASES FOLDER: all cases of the file, each in a new folder there, and one line of JSON: {ran, failures}. */
import { mkdtempSync, readFileSync } from 'node:fs';
import { join } from 'node:path';

import * as entry from 'gigavector';

import { runCase } from './conformance_runner.js';
import { diskHost } from './disk_host.js';

const [cases, folder] = process.argv.slice(2);
const failures = [];
let ran = 0;
for (const given of JSON.parse(readFileSync(cases, 'utf8'))) {
  try {
    await runCase(given, 'default', diskHost(entry, mkdtempSync(join(folder, 'case-'))));
  } catch (error) {
    failures.push(error.message ?? String(error));
  }
  ran++;
}
console.log(JSON.stringify({ ran, failures }));
