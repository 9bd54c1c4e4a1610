// Deleted, the modules for engines with relaxed SIMD could answer otherwise than those for all, or run where its instruction errs.
import assert from 'node:assert/strict';
import { spawnSync } from 'node:child_process';
import { join } from 'node:path';
import test from 'node:test';
import { pathToFileURL } from 'node:url';

import { OWN_KERNELS, PACKAGE, randomOf, randomRows } from './support.js';

const ENTRY = pathToFileURL(join(PACKAGE, 'index.js')).href;
const BY_ITSELF = OWN_KERNELS === 'wasm128-relaxed';
const FLAG = '--experimental-wasm-relaxed-simd';

/** What `program` prints, in an engine with relaxed SIMD; or why this Node is none. */
function printed(program, ...flags) {
  const node = [...(BY_ITSELF ? [] : [FLAG]), ...flags, '--input-type=module', '--eval', `import { Database } from '${ENTRY}';${program}`];
  const { status, stdout, stderr } = spawnSync(process.execPath, node, { encoding: 'utf8', maxBuffer: 2 ** 28 });
  if (status === 9) return { skip: `Node ${process.versions.node} knows no ${FLAG}` };
  assert.equal(status, 0, stderr);
  return JSON.parse(stdout);
}

const SMALL = [
  { index: 'hnsw', distance: 'cosine' },
  { index: 'hnsw', distance: 'euclidean', hnsw: { useBinaryQuant: true } },
  { index: 'flat', distance: 'euclidean' },
];
const ALL = [
  { index: 'ivfpq', distance: 'euclidean', ivfpq: { nlist: 64, nbits: 4, m: 32, autoTrain: 600 } },
  { index: 'hnsw', distance: 'cosine', storage: 'int8' },
  { index: 'flat', distance: 'dot', storage: 'f16' },
];

/** Graphs, gates, lists and scans over codes of several lengths: the kernels' name, then hits and files. */
async function answersOf(Database, rowsOf, wasm, kinds) {
  const { createHash } = await import('node:crypto');
  const answers = [];
  let kernels;
  for (const dimension of [33, 64, 200, 384]) {
    for (const kind of kinds) {
      const db = await Database.open(null, { ...kind, dimension, wasm });
      db.setExactSearchThreshold(0);
      db.addMany(rowsOf(1, 600, dimension));
      const hits = db.searchMany(rowsOf(2, 20, dimension), { k: 10 });
      answers.push([...hits.ids, ...hits.distances], createHash('sha256').update(db.toBytes()).digest('hex'));
      kernels = db.info().kernels;
      db.close();
    }
  }
  return { kernels, answers };
}

for (const [name, kinds] of [['gigavector', SMALL], ['gigavector.all', [...SMALL, ...ALL]]]) {
  test(`${name}.relaxed.wasm gives the hits and the files of ${name}.wasm`, async (t) => {
    const { Database } = await import(ENTRY);
    const relaxed = JSON.stringify(join(PACKAGE, `${name}.relaxed.wasm`));
    const program = `${randomOf}\n${randomRows}\n${answersOf}
      console.log(JSON.stringify(await answersOf(Database, randomRows, ${relaxed}, ${JSON.stringify(kinds)})))`;
    const found = printed(program, '--no-liftoff');
    if (found.skip) return t.skip(found.skip);
    const expected = await answersOf(Database, randomRows, join(PACKAGE, `${name}.wasm`), kinds);
    assert.deepEqual([expected.kernels, found.kernels], ['wasm128', 'wasm128-relaxed']);
    assert.deepEqual(found.answers, expected.answers);
  });
}

test('the loader takes them where its instruction is right, and only there', (t) => {
  const program = 'console.log(JSON.stringify((await Database.open(null, { dimension: 2 })).info().kernels))';
  const right = printed(program, '--no-liftoff');
  if (right.skip) return t.skip(right.skip);
  assert.equal(right, 'wasm128-relaxed');
  // Node 20's baseline compiler loses the third operand
  if (!BY_ITSELF) assert.equal(printed(program), 'wasm128');
});
