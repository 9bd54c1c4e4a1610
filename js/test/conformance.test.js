// Deleted, Node could answer otherwise than C and Python, or write other bytes, and nobody would know.
// The corpus and its notation: tests/conformance/README.md.
import assert from 'node:assert/strict';
import test from 'node:test';

import * as entry from '../index.js';
import { KERNELS, runCase } from './conformance_runner.js';
import { diskHost } from './disk_host.js';
import { OWN_KERNELS, newFolder, readCorpus } from './support.js';

const cases = readCorpus().map((text) => JSON.parse(text));

test('the corpus is there', (t) => {
  assert.ok(cases.length >= 30, `${cases.length} cases in tests/conformance`);
  t.diagnostic(`${cases.length} cases`);
});

const WHOLE = new URL('../gigavector.all.wasm', import.meta.url);

/** Node, with the order of modules that pages have: the small one first. */
class SmallFirst extends entry.Database {
  static platform = { ...entry.Database.platform, hasModulesAtHand: false };
}

for (const given of cases) {
  for (const kernels of KERNELS) {
    test(`${given.name} (${kernels}): ${given.about}`, () => runCase(given, kernels, diskHost(entry, newFolder())));
  }
  test(`${given.name} (small module): ${given.about}`, () =>
    runCase(given, OWN_KERNELS, { ...diskHost({ ...entry, Database: SmallFirst }, newFolder()), whole: WHOLE }));
}
