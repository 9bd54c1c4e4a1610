// Deleted, two writers could open one file, in Node or in Node and Python, and destroy it.
import assert from 'node:assert/strict';
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { join } from 'node:path';
import test from 'node:test';
import { pathToFileURL } from 'node:url';

import { Database } from '../index.js';
import { PACKAGE, assertFails, findPython, newFolder } from './support.js';

const python = findPython();

/** A process that holds the file open and does what it is told, one line a time. */
class Holder {
  constructor(command, args, env) {
    this.child = spawn(command, args, { stdio: ['pipe', 'pipe', 'inherit'], env });
    this.closed = once(this.child, 'close');
    this.said = '';
    this.child.stdout.on('data', (chunk) => (this.said += chunk));
  }

  /** Send `order` (none the first time) and wait for the answer to it. */
  async tell(order) {
    if (order) this.child.stdin.write(`${order}\n`);
    while (!this.said.includes('\n')) {
      const data = new Promise((told) => this.child.stdout.once('data', () => told(true)));
      assert.ok((await Promise.race([data, this.closed])) === true, 'the other process ended');
    }
    const answer = this.said.slice(0, this.said.indexOf('\n'));
    this.said = this.said.slice(answer.length + 1);
    return answer;
  }

  async end() {
    this.child.stdin.end();
    await this.closed;
  }
}

const NODE_HOLDER = `
  import { Database } from ${JSON.stringify(pathToFileURL(join(PACKAGE, 'index.js')).href)};
  import { createInterface } from 'node:readline';
  let db;
  const orders = {
    open: async () => { db = await Database.open(process.argv[1], { dimension: 2 }); },
    add: () => db.add([1, 2]),
    save: () => db.save(),
    close: () => db.close(),
  };
  for await (const order of createInterface({ input: process.stdin })) {
    try { await orders[order](); console.log('ok'); } catch (error) { console.log(error.name); }
  }`;

const PYTHON_HOLDER = `
import sys, gigavector as gv
db = None
def open():
    global db
    db = gv.Database.open(sys.argv[1], 2)
orders = {"open": open, "add": lambda: db.add_vector([1.0, 2.0]), "save": lambda: db.save(), "close": lambda: db.close()}
for order in iter(sys.stdin.readline, ""):
    try:
        orders[order.strip()]()
        print("ok", flush=True)
    except gv.GigaVectorError as error:
        print(type(error).__name__, flush=True)`;

const holders = {
  Node: (path) => new Holder(process.execPath, ['--input-type=module', '-e', NODE_HOLDER, path], process.env),
  Python: (path) => new Holder(python.command, ['-c', PYTHON_HOLDER, path], python.env),
};
const REFUSED = { Node: 'GV_ERR_LOCKED', Python: 'LockedError' };

for (const other of ['Node', 'Python']) {
  test(`a ${other} writer keeps a Node writer out, and the other way round`, async (t) => {
    if (other === 'Python' && python.reason) return t.skip(python.reason);
    const path = join(newFolder(), 'main.gv');
    const holder = holders[other](path);
    try {
      assert.equal(await holder.tell('open'), 'ok');
      await assertFails(Database.open(path, { dimension: 2 }), 'GV_ERR_LOCKED');
      assert.equal(await holder.tell('add'), 'ok');
      await assertFails(Database.open(path, { dimension: 2 }), 'GV_ERR_LOCKED');
      assert.equal(await holder.tell('save'), 'ok'); // a checkpoint: another file under the same name
      await assertFails(Database.open(path, { dimension: 2 }), 'GV_ERR_LOCKED');
      const reader = await Database.open(path, { readOnly: true });
      assert.equal(reader.size, 1);
      reader.close();
      assert.equal(await holder.tell('close'), 'ok');

      const db = await Database.open(path, { dimension: 2 });
      assert.equal(await holder.tell('open'), REFUSED[other]);
      db.add([3, 4]);
      db.save();
      assert.equal(await holder.tell('open'), REFUSED[other]);
      db.add([5, 6]);
      db.close();
      assert.equal(await holder.tell('open'), 'ok');
      assert.equal(await holder.tell('add'), 'ok');
      await assertFails(Database.open(path, { dimension: 2 }), 'GV_ERR_LOCKED');
      holder.child.kill('SIGKILL');
      await holder.closed;
      const after = await Database.open(path); // the lock dies with its process
      assert.equal(after.size, 4);
      after.close();
    } finally {
      await holder.end();
    }
  });
}

test('two writers in one process keep each other out, with and without flock', async () => {
  for (const lock of [true, false]) {
    const path = join(newFolder(), 'main.gv');
    const db = await Database.open(path, { dimension: 2, lock });
    await assertFails(Database.open(path, { dimension: 2, lock }), 'GV_ERR_LOCKED');
    db.add([1, 2]);
    db.save();
    db.add([1, 2]);
    await assertFails(Database.open(path, { lock }), 'GV_ERR_LOCKED');
    db.close();
    const again = await Database.open(path, { lock });
    assert.equal(again.size, 2);
    again.close();
  }
});

test('where flock is missing, writing needs lock: false, and reading does not', async () => {
  const path = join(newFolder(), 'main.gv');
  const search = process.env.PATH;
  process.env.PATH = newFolder();
  try {
    await assertFails(Database.open(path, { dimension: 2 }), 'GV_ERR_UNSUPPORTED', 'lock: false');
    const db = await Database.open(path, { dimension: 2, lock: false });
    db.add([1, 2]);
    db.save();
    const reader = await Database.open(path, { readOnly: true });
    assert.equal(reader.size, 1);
    reader.close();
    db.close();
  } finally {
    process.env.PATH = search;
  }
});

test('a database that is dropped without close() is closed by the collector', async (t) => {
  const { setFlagsFromString } = await import('node:v8');
  const { runInNewContext } = await import('node:vm');
  setFlagsFromString('--expose_gc');
  const collect = runInNewContext('gc');
  const path = join(newFolder(), 'main.gv');
  await (async () => void (await Database.open(path, { dimension: 2 })).add([1, 2]))();
  for (let turn = 1; turn <= 50; turn++) {
    collect();
    await new Promise((done) => setTimeout(done, 20));
    const db = await Database.open(path).catch((error) => error);
    if (db instanceof Database) {
      assert.equal(db.size, 1);
      db.close();
      return t.diagnostic(`after ${turn} collections`);
    }
    assert.equal(db.name, 'GV_ERR_LOCKED');
  }
  assert.fail('still locked');
});
