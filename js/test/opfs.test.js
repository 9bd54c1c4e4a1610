// Deleted, a page's database could be lost to a crash, a full disk or a second tab: here at every step, in a made-up OPFS.
import assert from 'node:assert/strict';
import { readFileSync } from 'node:fs';
import test from 'node:test';

import { Database as NodeDatabase } from '../index.js';
import { Database, GigaVectorError } from '../index_opfs.js';
import { FakeOpfs } from './fake_opfs.js';
import { MODULE, assertFails, newFolder, randomOf } from './support.js';

const wasm = new WebAssembly.Module(readFileSync(MODULE));
const OPTIONS = { dimension: 2, index: 'flat', wasm };

function newOpfs() {
  const opfs = new FakeOpfs();
  opfs.install();
  return opfs;
}

/** What a page does: writes, checkpoints, a copy elsewhere, closing and opening. `acknowledged(rows)` after each call. */
async function session(acknowledged) {
  let rows = 0;
  for (let round = 0; round < 2; round++) {
    const db = await Database.open('notes.gv', OPTIONS);
    for (let i = 0; i < 3; i++) {
      db.add([rows, 1], { row: String(rows) });
      acknowledged(++rows);
    }
    db.save();
    db.addMany([[rows, 1], [rows + 1, 1]]);
    acknowledged((rows += 2));
    await db.save('copies/notes.gv');
    db.close();
  }
}

/** The rows that are there, each with its own vector; undefined if there is no database. */
async function rowsOf(name) {
  const db = await Database.open(name, { readOnly: true, wasm }).catch((error) => {
    assert.equal(error.name, 'GV_ERR_NOT_FOUND', error.message);
  });
  if (!db) return undefined;
  const found = db.scroll({ limit: 1000 });
  found.forEach(({ id, vector }, i) => assert.deepEqual([id, ...vector], [i, i, 1]));
  db.check();
  db.close();
  return found.length;
}

/** The session, ended before step `killAt`: how many rows it was told are there. */
async function killed(opfs, killAt) {
  let told = 0;
  opfs.killAt = killAt;
  await session((rows) => (told = rows)).catch((error) => assert.match(error.message, /killed/));
  return told;
}

/** What is left by a session that ended before `step`, by a kill or (with `random`) a power cut: all that was told, and it goes on. */
async function endedBefore(step, random) {
  const opfs = newOpfs();
  const told = await killed(opfs, step);
  opfs.restart(random);
  const copied = step % 7 ? undefined : await rowsOf('copies/notes.gv');
  assert.ok([undefined, 5, 10].includes(copied), `step ${step}: a copy of ${copied} rows`);
  const db = await Database.open('notes.gv', OPTIONS);
  const there = db.size;
  assert.ok(there >= told && there <= told + 2, `step ${step}: ${told} rows told, ${there} there`);
  for (let id = 0; id < there; id++) assert.deepEqual(db.get(id).vector, Float32Array.of(id, 1));
  db.add([there, 1]);
  db.close();
  if (step % 7 === 0) assert.equal(await rowsOf('notes.gv'), there + 1);
}

test('a kill before any step, and a power cut after it, lose nothing that was acknowledged', async (t) => {
  const whole = newOpfs();
  const files = [];
  whole.onStep = (kind, name) => files.push(name);
  await session(() => {});
  const random = randomOf(7);
  let ends = 0;
  for (let step = 0; step <= files.length; step++) {
    const isOfName = [files[step - 1], files[step]].includes('current');
    for (const how of isOfName ? [undefined, random, random] : [step % 3 ? random : undefined]) {
      await endedBefore(step, how);
      ends++;
    }
  }
  t.diagnostic(`${ends} ends at ${files.length + 1} places`);
});

test('a full disk, at every step, is an error and loses nothing', async () => {
  const whole = newOpfs();
  await session(() => {});
  for (let step = 0; step < whole.steps; step += 3) {
    const opfs = newOpfs();
    let [count, told] = [0, 0];
    opfs.onStep = (kind) => {
      if (count++ === step && kind !== 'truncate') throw new DOMException('full', 'QuotaExceededError');
    };
    await session((rows) => (told = rows)).catch((error) => assert.equal(error.name, 'GV_ERR_IO', error.stack));
    opfs.onStep = () => {};
    opfs.restart();
    const there = (await rowsOf('notes.gv')) ?? 0;
    assert.ok(there >= told && there <= told + 2, `step ${step}: ${told} rows told, ${there} there`);
  }
});

test('with a small quota a write fails in words, what was there stays, and room makes it work again', async () => {
  const opfs = newOpfs();
  const db = await Database.open('notes.gv', OPTIONS);
  db.add([0, 1]);
  opfs.quota = 70_000;
  const many = Array.from({ length: 20_000 }, () => [0, 1]);
  assertFails(() => db.addMany(many), 'GV_ERR_IO', 'quota for this origin');
  assert.equal(db.size, 1);
  opfs.quota = Infinity;
  db.add([1, 1]);
  db.close();
  assert.equal(await rowsOf('notes.gv'), 2);
});

test('a name whose record can be neither written nor taken back is written no further', async () => {
  const opfs = newOpfs();
  const db = await Database.open('notes.gv', OPTIONS);
  db.add([0, 1]);
  opfs.onStep = (kind, name) => {
    if (name === 'current') throw new Error('the disk is gone');
  };
  assertFails(() => db.save(), 'GV_ERR_IO', 'the disk is gone');
  opfs.onStep = () => {};
  assertFails(() => db.add([1, 1]), 'GV_ERR_IO', 'until it is opened again');
  assert.equal(db.search([0, 1], { k: 1 })[0].id, 0);
  assert.throws(() => db.close(), { name: 'GV_ERR_IO' });
  assert.equal(await rowsOf('notes.gv'), 1);
});

test('one writer, or several readers', async () => {
  newOpfs();
  const db = await Database.open('notes.gv', OPTIONS);
  await assertFails(Database.open('notes.gv', OPTIONS), 'GV_ERR_LOCKED', 'notes.gv is open in another tab or Worker');
  await assertFails(Database.open('notes.gv', { readOnly: true, wasm }), 'GV_ERR_LOCKED');
  await assertFails(Database.remove('notes.gv'), 'GV_ERR_LOCKED');
  await assertFails(db.save('notes.gv'), 'GV_ERR_ARGUMENT', 'is the open database itself');
  db.add([0, 1]);
  db.close();
  const readers = [
    await Database.open('notes.gv', { readOnly: true, wasm }),
    await Database.open('notes.gv', { readOnly: true, wasm }),
  ];
  for (const reader of readers) {
    reader.refresh();
    assert.equal(reader.size, 1);
    assertFails(() => reader.add([1, 1]), 'GV_ERR_READ_ONLY');
  }
  await assertFails(Database.open('notes.gv', OPTIONS), 'GV_ERR_LOCKED');
  readers.forEach((reader) => reader.close());
  await Database.remove('notes.gv');
  await assertFails(Database.open('notes.gv', { readOnly: true, wasm }), 'GV_ERR_NOT_FOUND');
});

test('what is refused leaves nothing behind', async () => {
  const opfs = newOpfs();
  await assertFails(Database.open('notes.gv', { wasm }), 'GV_ERR_ARGUMENT', 'dimension');
  await assertFails(Database.open('notes.gv', { readOnly: true, wasm }), 'GV_ERR_NOT_FOUND');
  for (const [bad, part] of [['', 'empty'], ['/', 'empty'], ['a/../b', '".."'], [new URL('file:///x'), 'string'], [7, 'string']]) {
    await assertFails(Database.open(bad, OPTIONS), 'GV_ERR_ARGUMENT', part);
  }
  await assertFails(Database.remove('notes.gv'), 'GV_ERR_NOT_FOUND', 'there is no notes.gv');
  assert.deepEqual(opfs.files(), []);
  const db = await Database.open('/notes.gv/', OPTIONS);
  await assertFails(Database.open('notes.gv/a', OPTIONS), 'GV_ERR_IO', 'something else has the name');
  db.close();
  await assertFails(db.save('elsewhere.gv'), 'GV_ERR_ARGUMENT', 'closed');
});

test('one of the two records is enough, and without both it is damage, which changes nothing', async () => {
  const opfs = newOpfs();
  const db = await Database.open('notes.gv', OPTIONS);
  db.add([0, 1]);
  db.close();
  const file = opfs.files().find(([name]) => name === 'notes.gv/current')[1];
  const damage = (at) => {
    file.bytes = file.bytes.slice();
    file.bytes[at] ^= 1;
  };
  damage(4096 + 16); // that of odd numbers: of the image before
  assert.equal(await rowsOf('notes.gv'), 1);
  damage(16);
  const before = opfs.files().map(([name, { bytes }]) => [name, bytes]);
  await assertFails(Database.open('notes.gv', OPTIONS), 'GV_ERR_CORRUPT', 'neither record');
  assert.deepEqual(opfs.files().map(([name, { bytes }]) => [name, bytes]), before);
});

test('the bytes are those of a file, both ways', async () => {
  newOpfs();
  const file = `${newFolder()}/notes.gv`;
  const inNode = await NodeDatabase.open(file, { dimension: 2 });
  const db = await Database.open('notes.gv', { dimension: 2, wasm });
  for (const each of [inNode, db]) {
    each.addMany([[1, 2], [3, 4], [5, 6]], [{ a: '1' }, { a: '2' }, null]);
    each.delete(1);
    each.save();
  }
  assert.deepEqual(db.toBytes(), inNode.toBytes());
  inNode.close();
  db.close();
  const copy = await Database.fromBytes(readFileSync(file), { wasm });
  await copy.save('imported.gv');
  copy.close();
  const imported = await Database.open('imported.gv', { wasm });
  assert.deepEqual(imported.get(0), { id: 0, vector: Float32Array.of(1, 2), metadata: { a: '1' } });
  imported.close();
});

test('outside of a Worker with OPFS a path is refused in words', async () => {
  Object.defineProperty(globalThis, 'navigator', { configurable: true, value: {} });
  const failed = await Database.open('notes.gv', OPTIONS).catch((error) => error);
  assert.ok(failed instanceof GigaVectorError);
  assert.match(failed.message, /gigavector\/worker/);
  assert.equal(failed.name, 'GV_ERR_UNSUPPORTED');
  const db = await Database.open(null, OPTIONS);
  assert.equal(db.add([1, 2]), 0);
  db.close();
});
