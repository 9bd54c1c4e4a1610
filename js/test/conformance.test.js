// Deleted, Node could answer otherwise than C and Python, or write other bytes, and nobody would know.
// The corpus and its notation: tests/conformance/README.md.
import assert from 'node:assert/strict';
import { createHash } from 'node:crypto';
import { readFileSync, readdirSync } from 'node:fs';
import { join } from 'node:path';
import test from 'node:test';

import { Database, GigaVectorError } from '../index.js';
import { KERNELS, runCase } from './conformance_runner.js';
import { newFolder, readCorpus } from './support.js';

const cases = readCorpus().map((text) => JSON.parse(text));

/** A new folder on the disk. */
function diskHost() {
  const folder = newFolder();
  const about = (name) => {
    const bytes = readFileSync(join(folder, name));
    return [name, { bytes: bytes.length, sha256: createHash('sha256').update(bytes).digest('hex') }];
  };
  const files = () => Object.fromEntries(readdirSync(folder).map(about));
  return { Database, GigaVectorError, path: (name) => join(folder, name), files };
}

test('the corpus is there', (t) => {
  assert.ok(cases.length >= 30, `${cases.length} cases in tests/conformance`);
  t.diagnostic(`${cases.length} cases`);
});

for (const given of cases) {
  for (const kernels of KERNELS) {
    test(`${given.name} (${kernels}): ${given.about}`, () => runCase(given, kernels, diskHost()));
  }
}
