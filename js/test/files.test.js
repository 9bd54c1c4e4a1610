// Deleted, what Node writes could be lost, or not be what Python reads, and the other way round.
import assert from 'node:assert/strict';
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { copyFileSync, lstatSync, readFileSync, readdirSync, statSync, symlinkSync } from 'node:fs';
import { truncateSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import test from 'node:test';
import { pathToFileURL } from 'node:url';

import { Database } from '../index.js';
import { PACKAGE, assertFails, findPython, newFolder, randomRows, runPython } from './support.js';

const DIMENSION = 16;
const rows = randomRows(1, 200, DIMENSION);
const metadata = Array.from({ length: 200 }, (_, i) => ({ parity: i % 2 ? 'odd' : 'even', имя: `строка ${i}` }));
const query = randomRows(2, 1, DIMENSION);
const python = findPython();

/** A file with rows, deletes and updates in it. */
async function written(path, options = {}) {
  const db = await Database.open(path, { dimension: DIMENSION, distance: 'cosine', ...options });
  db.addMany(rows, metadata);
  db.delete([3, 77]);
  db.updateVector(5, query);
  db.updateMetadata(6, { parity: 'neither' });
  return db;
}

const ask = (db) => [db.search(query, { k: 50 }), db.search(query, { k: 50, filter: { parity: 'odd' } })];

for (const index of ['flat', 'hnsw']) {
  test(`closed and reopened without save, everything is there: ${index}`, async () => {
    const folder = newFolder();
    const path = join(folder, 'main.gv');
    const db = await written(path, { index, hnsw: { M: 8, efConstruction: 50, efSearch: 60 }, seed: 99 });
    const answers = ask(db);
    db.close();
    assert.deepEqual(readdirSync(folder), ['main.gv'], 'one file and nothing beside it');
    const again = await Database.open(path);
    const { dimension, size, nextId, distance, seed, logBytes, generation } = again.info();
    assert.deepEqual(
      { dimension, size, nextId, distance, seed, logBytes, index: again.info().index },
      { dimension: DIMENSION, size: 198, nextId: 200, distance: 'cosine', seed: 99n, logBytes: 0, index },
    );
    assert.ok(generation > 0);
    assert.deepEqual(ask(again), answers);
    assert.equal(again.check().faults, 0);
    assert.equal(again.add(query), 200);
    again.close();
  });
}

test('without a checkpoint on close, the log is replayed into the same state', async () => {
  const path = join(newFolder(), 'main.gv');
  const db = await written(path, { checkpointOnClose: false });
  const answers = ask(db);
  db.close();
  const again = await Database.open(path);
  const { recoveredGroups, logBytes, cutBytes } = again.info();
  assert.deepEqual([recoveredGroups, cutBytes], [4, 0]);
  assert.ok(logBytes > 0);
  assert.deepEqual(ask(again), answers);
  again.save();
  assert.equal(again.info().logBytes, 0);
  again.close();
});

test('an option that differs from the file is refused, and both are named', async () => {
  const path = join(newFolder(), 'main.gv');
  (await written(path, { hnsw: { M: 8 } })).close();
  const before = readFileSync(path);
  await assertFails(Database.open(path, { dimension: 17 }), 'GV_ERR_ARGUMENT', '17');
  await assertFails(Database.open(path, { dimension: 17 }), 'GV_ERR_ARGUMENT', '16');
  await assertFails(Database.open(path, { distance: 'dot' }), 'GV_ERR_ARGUMENT');
  await assertFails(Database.open(path, { index: 'flat' }), 'GV_ERR_ARGUMENT');
  await assertFails(Database.open(path, { hnsw: { M: 9 } }), 'GV_ERR_ARGUMENT', '9');
  await assertFails(Database.open(path, { hnsw: { M: 9 } }), 'GV_ERR_ARGUMENT', '8');
  await assertFails(Database.open(path, { seed: 7 }), 'GV_ERR_ARGUMENT', '7');
  assert.deepEqual(readFileSync(path), before);
  const other = await Database.open(path, { dimension: DIMENSION, hnsw: { M: 8, efSearch: 77 } });
  other.close();
});

test('save(path) writes a copy and leaves the open file alone', async () => {
  const folder = newFolder();
  const db = await written(join(folder, 'main.gv'));
  db.save(join(folder, 'copy.gv'));
  db.save(pathToFileURL(join(folder, 'second copy.gv')));
  const answers = ask(db);
  db.add(query);
  assertFails(() => db.save(join(folder, 'main.gv')), 'GV_ERR_ARGUMENT');
  assert.deepEqual(readFileSync(join(folder, 'copy.gv')), readFileSync(join(folder, 'second copy.gv')));
  const copy = await Database.open(join(folder, 'copy.gv'));
  assert.equal(copy.size, 198);
  assert.deepEqual(ask(copy), answers);
  assertFails(() => db.save(join(folder, 'copy.gv')), 'GV_ERR_LOCKED');
  copy.close();
  db.save(join(folder, 'copy.gv'));
  const replaced = await Database.open(join(folder, 'copy.gv'), { readOnly: true });
  assert.equal(replaced.size, 199);
  replaced.close();
  db.close();
  assert.deepEqual(readdirSync(folder).sort(), ['copy.gv', 'main.gv', 'second copy.gv']);
});

test('save(path) does not overwrite what is no database', async () => {
  const path = join(newFolder(), 'letter.txt');
  writeFileSync(path, 'Dear reader, '.repeat(2000));
  const db = await Database.open(null, { dimension: 2 });
  assertFails(() => db.save(path), 'GV_ERR_ARGUMENT', 'is not a GigaVector database');
  assert.equal(readFileSync(path, 'utf8'), 'Dear reader, '.repeat(2000));
  writeFileSync(path, '');
  db.save(path);
  db.close();
  assert.ok(statSync(path).size > 0);
});

test('a database in memory can be saved, and a file read as bytes', async () => {
  const path = join(newFolder(), 'saved.gv');
  const memory = await written(null);
  memory.save(path);
  const bytes = readFileSync(path);
  assert.deepEqual(memory.toBytes(), new Uint8Array(bytes));
  const fromBytes = await Database.fromBytes(bytes);
  assert.deepEqual(ask(fromBytes), ask(memory));
  for (const db of [memory, fromBytes]) db.close();
});

test('readers see the file as they opened it, until refresh()', async () => {
  const path = join(newFolder(), 'main.gv');
  const writer = await written(path);
  const reader = await Database.open(path, { readOnly: true });
  const second = await Database.open(path, { readOnly: true });
  assert.equal(reader.info().readOnly, true);
  const before = ask(reader);
  assert.deepEqual(before, ask(writer));
  writer.add(query, { parity: 'odd' });
  assert.deepEqual(ask(reader), before);
  reader.refresh();
  assert.deepEqual(ask(reader), ask(writer));
  writer.save(); // the file is another one now
  writer.add(query);
  reader.refresh();
  assert.deepEqual(ask(reader), ask(writer));
  assert.deepEqual(ask(second), before);
  for (const [work, name] of [
    [() => reader.add(query), 'GV_ERR_READ_ONLY'],
    [() => reader.delete(0), 'GV_ERR_READ_ONLY'],
    [() => reader.updateVector(0, query), 'GV_ERR_READ_ONLY'],
    [() => reader.updateMetadata(0, {}), 'GV_ERR_READ_ONLY'],
    [() => writer.refresh(), 'GV_ERR_ARGUMENT'],
  ]) {
    assertFails(work, name);
  }
  for (const db of [reader, second, writer]) db.close();
});

test('the file is found through links, URLs, and after the folder of the process has changed', async () => {
  const folder = newFolder();
  const home = process.cwd();
  symlinkSync('real file é.gv', join(folder, 'link.gv'));
  (await written(join(folder, 'real file é.gv'))).close();
  process.chdir(folder);
  try {
    const db = await Database.open('link.gv');
    process.chdir('/');
    db.add(query);
    db.close(); // packs the file by a rename
  } finally {
    process.chdir(home);
  }
  assert.ok(lstatSync(join(folder, 'link.gv')).isSymbolicLink());
  const db = await Database.open(pathToFileURL(join(folder, 'real file é.gv')), { readOnly: true });
  assert.equal(db.size, 199);
  db.close();
  assert.deepEqual(readdirSync(folder).sort(), ['link.gv', 'real file é.gv']);
});

test('damage is GV_ERR_CORRUPT, and a torn end is cut', async () => {
  const folder = newFolder();
  const path = join(folder, 'main.gv');
  const db = await written(path, { checkpointOnClose: false });
  copyFileSync(path, join(folder, 'torn.gv')); // as a crash would leave it
  truncateSync(join(folder, 'torn.gv'), statSync(path).size - 5);
  db.close();
  const torn = await Database.open(join(folder, 'torn.gv'));
  assert.equal(torn.info().recoveredGroups, 3);
  assert.ok(torn.info().cutBytes > 0);
  assert.equal(torn.get(6).metadata.parity, 'even', 'the last call is gone, whole');
  torn.close();
  copyFileSync(path, join(folder, 'short.gv')); // closed cleanly: here no byte may be missing
  truncateSync(join(folder, 'short.gv'), statSync(path).size - 5);
  await assertFails(Database.open(join(folder, 'short.gv')), 'GV_ERR_CORRUPT', String(statSync(path).size));

  (await Database.open(path)).close(); // packed now
  const bytes = readFileSync(path);
  for (const part of [Buffer.from(rows.slice(0, DIMENSION).buffer), 'строка 42']) {
    const offset = bytes.indexOf(part);
    assert.ok(offset > 0);
    const damaged = join(folder, `damaged-${offset}.gv`);
    const copy = Buffer.from(bytes);
    copy[offset] ^= 0x10;
    writeFileSync(damaged, copy);
    await assertFails(Database.open(damaged), 'GV_ERR_CORRUPT');
    await assertFails(Database.open(damaged, { readOnly: true }).then((db) => db.search(query)), 'GV_ERR_CORRUPT');
  }
  await assertFails(Database.open(join(PACKAGE, 'package.json'), { readOnly: true }), 'GV_ERR_CORRUPT');
});

test('a writer killed at any moment loses nothing it acknowledged', async (t) => {
  const path = join(newFolder(), 'main.gv');
  const code = `
    import { Database } from ${JSON.stringify(pathToFileURL(join(PACKAGE, 'index.js')).href)};
    import { writeSync } from 'node:fs';
    const db = await Database.open(process.argv[1], { dimension: 8 });
    for (let id = db.info().nextId; ; id++) {
      if (db.add(new Float32Array(8).fill(id), { id: String(id) }) !== id) process.exit(3);
      writeSync(1, id + '\\n');
      if (id % 40 === 39) db.save();
    }`;
  let sure = 0; // rows known to be acknowledged, over all rounds
  const ROUNDS = 8;
  for (let round = 0; round < ROUNDS; round++) {
    const child = spawn(process.execPath, ['--input-type=module', '-e', code, path], { stdio: ['ignore', 'pipe', 'inherit'] });
    let said = '';
    child.stdout.on('data', (chunk) => (said += chunk));
    while (said.split('\n').length < 10 + 17 * round && child.exitCode === null) await once(child.stdout, 'data');
    child.kill('SIGKILL');
    await once(child, 'close');
    assert.equal(child.signalCode, 'SIGKILL');
    const acknowledged = said.slice(0, said.lastIndexOf('\n')).split('\n');
    const last = Number(acknowledged.at(-1));
    const db = await Database.open(path, { checkpointOnClose: round % 2 === 0 });
    assert.ok(db.size === last + 1 || db.size === last + 2, `round ${round}: ${last + 1} acknowledged, ${db.size} found`);
    for (const { id, vector, metadata: found } of db.getMany(Array.from({ length: db.size }, (_, i) => i))) {
      assert.deepEqual([vector[0], found], [id, { id: String(id) }]);
    }
    assert.equal(db.check().faults, 0);
    sure = db.size;
    db.close();
  }
  t.diagnostic(`${ROUNDS} kills, ${sure} rows, none lost`);
});

/** CRC-32C, reflected. */
function crc32c(bytes) {
  let crc = ~0;
  for (const byte of bytes) {
    crc ^= byte;
    for (let bit = 0; bit < 8; bit++) crc = (crc >>> 1) ^ (crc & 1 ? 0x82f63b78 : 0);
  }
  return ~crc >>> 0;
}

/** Set the next id in both copies of the superblock (docs/format.md). */
function withNextId(bytes, nextId) {
  const copy = bytes.slice();
  for (const page of [copy.subarray(0, 4096), copy.subarray(4096, 8192)]) {
    const view = new DataView(page.buffer, page.byteOffset, 4096);
    view.setBigUint64(72, nextId, true);
    view.setUint32(4092, crc32c(page.subarray(0, 4092)), true);
  }
  return copy;
}

test('a file whose ids have outgrown a Number is refused', async () => {
  const path = join(newFolder(), 'main.gv');
  const db = await written(null);
  const bytes = db.toBytes();
  db.close();
  const last = await Database.fromBytes(withNextId(bytes, 2n ** 53n - 1n));
  assert.equal(last.add(query), 2 ** 53 - 1);
  assert.equal(last.search(query, { k: 200 }).at(1).id, 2 ** 53 - 1);
  last.close();
  const past = withNextId(bytes, 2n ** 53n);
  await assertFails(Database.fromBytes(past), 'GV_ERR_UNSUPPORTED', '2^53 - 1');
  writeFileSync(path, past);
  await assertFails(Database.open(path), 'GV_ERR_UNSUPPORTED', 'main.gv');
  await assertFails(Database.open(path, { readOnly: true }), 'GV_ERR_UNSUPPORTED', 'main.gv');
});

const PYTHON_ASK = `
import json, sys, gigavector as gv
path, q = sys.argv[1], json.loads(sys.argv[2])
with gv.Database.open(path, ${DIMENSION}) as db:
    one = [[h.id, h.distance, dict(h.vector.metadata)] for h in db.search(q, 50)]
    two = [[h.id, h.distance, dict(h.vector.metadata)] for h in db.search(q, 50, filter_metadata=("parity", "odd"))]
print(json.dumps([one, two]))`;

const PYTHON_WRITE = `
import json, sys, gigavector as gv
path, rows, metadata, q = sys.argv[1], *map(json.loads, sys.argv[2:5])
db = gv.Database.open(path, ${DIMENSION}, distance=gv.DistanceType.COSINE)
db.add_vectors(rows, metadata)
for row in (3, 77):
    db.delete_vector(row)
db.update_vector(5, q)
db.update_metadata(6, {"parity": "neither"})
db.close()
print("null")`;

const inJson = (answers) => answers.map((hits) => hits.map((hit) => [hit.id, hit.distance, hit.metadata]));

test('Node writes, Python opens: equal hits', async (t) => {
  if (python.reason) return t.skip(python.reason);
  const path = join(newFolder(), 'main.gv');
  const db = await written(path);
  const answers = inJson(ask(db));
  db.close();
  assert.deepEqual(runPython(python, PYTHON_ASK, path, JSON.stringify(Array.from(query))), answers);
});

test('Python writes, Node opens: equal hits, and the same bytes as Node writes', async (t) => {
  if (python.reason) return t.skip(python.reason);
  const folder = newFolder();
  const path = join(folder, 'python.gv');
  const list = Array.from({ length: 200 }, (_, i) => Array.from(rows.subarray(i * DIMENSION, (i + 1) * DIMENSION)));
  runPython(python, PYTHON_WRITE, path, ...[list, metadata, Array.from(query)].map((x) => JSON.stringify(x)));
  const db = await Database.open(path, { readOnly: true });
  const answers = inJson(ask(db));
  db.close();
  assert.deepEqual(answers, runPython(python, PYTHON_ASK, path, JSON.stringify(Array.from(query))));

  // the same calls, one commit group each
  const twin = await Database.open(join(folder, 'node.gv'), { dimension: DIMENSION, distance: 'cosine' });
  twin.addMany(rows, metadata);
  twin.delete(3);
  twin.delete(77);
  twin.updateVector(5, query);
  twin.updateMetadata(6, { parity: 'neither' });
  assert.deepEqual(inJson(ask(twin)), answers);
  twin.close();
  assert.deepEqual(readFileSync(join(folder, 'node.gv')), readFileSync(path));
});
