// Deleted, keys that are declared to be indexed could be lost, misread, or a database that has some be opened by the module that lacks them.
import assert from 'node:assert/strict';
import { join } from 'node:path';
import test from 'node:test';

import { Database } from '../index.js';
import { assertFails, newFolder } from './support.js';

const small = new URL('../gigavector.wasm', import.meta.url);
const metadata = Array.from({ length: 60 }, (_, i) => ({ section: `s${i % 4}`, size: `${i}`, größe: i % 3 ? 'ä' : '' }));

/** Node, with the order of modules that pages have: the small one first. */
class SmallFirst extends Database {
  static platform = { ...Database.platform, hasModulesAtHand: false };
}

async function filled(path = null) {
  const db = await Database.open(path, { dimension: 2, lock: false, checkpointOnClose: false });
  db.addMany(new Float32Array(120), metadata);
  return db;
}

test('keys come back in order, from the log and from the file', async () => {
  const path = join(newFolder(), 'keys.gv');
  let db = await filled(path);
  assert.deepEqual(db.indexedKeys, []);
  db.indexMetadata(['size', 'größe']);
  db.indexMetadata(['section', 'größe', 'size']);
  db.close();
  for (const work of [(open) => open.save(), (open) => open.compact(), (open) => open.convert({ index: 'flat' }), () => {}]) {
    db = await Database.open(path, { lock: false, checkpointOnClose: false });
    assert.deepEqual(db.indexedKeys, ['section', 'größe', 'size']);
    assert.equal(db.countMatching("section == 's1' AND size >= 10 OR `größe` == ''"), 28);
    db.check();
    work(db);
    db.close();
  }
  db = await Database.open(path, { lock: false });
  const copy = await Database.fromBytes(db.toBytes());
  assert.deepEqual(copy.indexedKeys, ['section', 'größe', 'size']);
  copy.indexMetadata([]);
  assert.deepEqual(copy.indexedKeys, []);
  copy.close();
  db.close();
});

test('what is no list of keys is refused, and changes nothing', async () => {
  const db = await filled();
  db.indexMetadata(['size']);
  for (const [keys, part] of [
    ['size', 'an array of keys'],
    [undefined, 'an array of keys'],
    [[1], 'a key'],
    [['a\0b'], 'NUL'],
    [['\ud800'], 'a key'],
    [['a', ''], 'key 1 is empty'],
    [['a', 'b', 'a'], 'keys 0 and 2'],
    [Array.from({ length: 65 }, (_, i) => `k${i}`), 'at most 64'],
  ]) {
    assertFails(() => db.indexMetadata(keys), 'GV_ERR_ARGUMENT', part);
    assert.deepEqual(db.indexedKeys, ['size']);
  }
  db.close();
});

test('the small module refuses the call and such files, and the loader then takes the other', async () => {
  const path = join(newFolder(), 'keys.gv');
  const without = await Database.open(null, { dimension: 2, wasm: small });
  assertFails(() => without.indexMetadata(['size']), 'GV_ERR_UNSUPPORTED', 'gigavector.all.wasm');
  assert.deepEqual(without.indexedKeys, []);
  without.close();
  const db = await filled(path);
  db.indexMetadata(['size']);
  db.close(); // the list is in the log
  for (const where of ['log', 'image']) {
    await assertFails(Database.open(path, { wasm: small, lock: false }), 'GV_ERR_UNSUPPORTED', 'gigavector.all.wasm');
    const open = await SmallFirst.open(path, { lock: false, checkpointOnClose: false });
    assert.deepEqual(open.indexedKeys, ['size'], where);
    assert.equal(open.countMatching('size < 7'), 7);
    open.save();
    const bytes = open.toBytes();
    await assertFails(Database.fromBytes(bytes, { wasm: small }), 'GV_ERR_UNSUPPORTED', 'gigavector.all.wasm');
    const copy = await SmallFirst.fromBytes(bytes);
    assert.deepEqual(copy.indexedKeys, ['size']);
    copy.close();
    open.close();
  }
});

test('a reader sees a list that the writer has declared since', async () => {
  const path = join(newFolder(), 'keys.gv');
  const db = await filled(path);
  const reader = await Database.open(path, { readOnly: true });
  assertFails(() => reader.indexMetadata(['size']), 'GV_ERR_READ_ONLY');
  db.indexMetadata(['size']);
  assert.deepEqual(reader.indexedKeys, []);
  reader.refresh();
  assert.deepEqual(reader.indexedKeys, ['size']);
  reader.close();
  db.close();
});
