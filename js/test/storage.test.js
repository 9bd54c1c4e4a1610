// Deleted, narrower vectors could be refused, or opened by the module that lacks them, and nothing would say so.
import assert from 'node:assert/strict';
import { join } from 'node:path';
import test from 'node:test';

import { Database, GigaVectorError } from '../index.js';
import { newFolder } from './support.js';

const DIMENSION = 48;
const rows = Array.from({ length: 300 }, (_, i) =>
  Float32Array.from({ length: DIMENSION }, (_, j) => Math.sin(i * 7.3 + j * 1.9) * (1 + (i % 5))),
);

/** What int8 keeps of a row: src/kernels/stored.h. */
function levels(row) {
  const bits = new Uint32Array(Float32Array.of(Math.fround(Math.max(...row.map(Math.abs)) / 127)).buffer);
  bits[0] = (bits[0] + 255) & ~255;
  const [scale] = new Float32Array(bits.buffer);
  return row.map((x) => {
    const level = Math.fround(x / scale);
    return Math.trunc(level + Math.sign(level) / 2) * scale + 0;
  });
}

for (const index of ['hnsw', 'flat', 'ivfpq']) {
  test(`${index} keeps int8, in a file that opens again`, async () => {
    const path = join(newFolder(), 'narrow.gv');
    let db = await Database.open(path, { dimension: DIMENSION, index, storage: 'int8', lock: false });
    db.addMany(rows);
    assert.equal(db.info().storage, 'int8');
    assert.deepEqual(db.get(11).vector, levels(rows[11]));
    const before = db.search(rows[11], { k: 5 }).map(({ id, distance }) => [id, distance]);
    assert.equal(before[0][0], 11);
    db.close();
    db = await Database.open(path, { lock: false });
    assert.deepEqual(db.search(rows[11], { k: 5 }).map(({ id, distance }) => [id, distance]), before);
    const bytes = db.toBytes();
    db.close();
    const copy = await Database.fromBytes(bytes);
    assert.equal(copy.info().storage, 'int8');
    assert.ok(bytes.length < 300 * DIMENSION * 4 || index === 'hnsw');
    copy.close();
  });
}

test('f16 refuses what it has not, and the small module says which module has it', async () => {
  const db = await Database.open(null, { dimension: 3, index: 'flat', storage: 'f16' });
  assert.throws(() => db.add([1, 70000, 0]), /component 1 is beyond 65504/);
  assert.equal(db.size, 0);
  db.close();
  const wasm = new URL('../gigavector.wasm', import.meta.url);
  const small = await Database.open(null, { dimension: 3, index: 'flat', wasm });
  assert.throws(
    () => small.convert({ storage: 'f16' }),
    (error) => error instanceof GigaVectorError && error.name === 'GV_ERR_UNSUPPORTED' && /gigavector.all.wasm/.test(error.message),
  );
  assert.equal(small.info().storage, 'f32');
  small.close();
  await assert.rejects(Database.open(null, { dimension: 3, index: 'flat', storage: 'int8', wasm }), { name: 'GV_ERR_UNSUPPORTED' });
  await assert.rejects(Database.open(null, { dimension: 3, storage: 'f64' }), /storage/);
});
