// Deleted, a page's rows could be lost when its browser dies: here it is killed while it writes, again and again.
import assert from 'node:assert/strict';
import { existsSync, readFileSync, readdirSync } from 'node:fs';
import { setTimeout as later } from 'node:timers/promises';

import { pageAt, testInEach } from './browsers.js';
import { serve } from './pages.js';
import { newFolder, randomOf } from './support.js';

const KILLS = Number(process.env.GV_OPFS_KILLS ?? 50);
const DIMENSION = 16;
const PAGE = `<!doctype html><meta charset="utf-8"><title>gigavector</title>
<script type="module">
  import { Database } from '/package/gigavector.worker.js';
  Object.assign(window, { Database, ready: true });
</script>`;

/** In the page: what is there must be whole; then writes of every kind, each told when it has returned, until the end. */
async function writeOn({ dimension, acknowledged, index }) {
  const db = await Database.open('crash.gv', { dimension, index });
  const rows = [];
  for (let page; (page = await db.scroll({ after: rows.at(-1)?.id, limit: 5000 })).length > 0; ) rows.push(...page);
  const { faults } = await db.check();
  const isRight = ({ id, vector, metadata }, i) => id === i && metadata.row === String(i) && vector.every((x) => x === i);
  const wrong = rows.filter((row, i) => !isRight(row, i));
  const found = { size: rows.length, faults, wrong: wrong.length, recovered: (await db.info()).recoveredGroups };
  if (rows.length < acknowledged || faults || wrong.length) return found;
  (async () => {
    for (let next = rows.length, call = 0; ; call++) {
      const count = [1, 1, 7, 40][call % 4];
      const ids = Array.from({ length: count }, (_, i) => next + i);
      await db.addMany(ids.map((id) => new Float32Array(dimension).fill(id)), ids.map((id) => ({ row: String(id) })));
      next += count;
      await window.tell(next);
      if (call % 9 === 8) await db.save();
    }
  })();
  return found;
}

/** {pid: {parent, command}} of all processes. */
function processes() {
  const found = new Map();
  for (const pid of readdirSync('/proc').filter((name) => /^\d+$/.test(name))) {
    try {
      const [, parent] = readFileSync(`/proc/${pid}/stat`, 'latin1').split(') ')[1].split(' ');
      found.set(pid, { parent, command: readFileSync(`/proc/${pid}/cmdline`, 'latin1') });
    } catch {
      // it has ended
    }
  }
  return found;
}

/** The browser whose profile this is, and all that it started. */
function processesOf(folder) {
  const all = processes();
  const isOf = (pid) => {
    const { parent, command } = all.get(pid) ?? {};
    return command !== undefined && (command.includes(folder) || isOf(parent));
  };
  return [...all.keys()].filter(isOf);
}

/** Kill the browser with this profile, and wait until nothing of it is left. */
async function kill(profile, { ended }) {
  const pids = processesOf(profile);
  for (const pid of pids) {
    try {
      process.kill(Number(pid), 'SIGKILL');
    } catch {
      // it had ended
    }
  }
  await ended;
  const areLeft = () => {
    const all = processes();
    return pids.some((pid) => all.get(pid)?.command); // one that has ended and waits for its parent has none
  };
  while (areLeft()) await later(10);
}

const unable = !existsSync('/proc/self/stat') && 'there is no /proc to find the processes in';
const options = { skip: unable, timeout: 60_000 + KILLS * 15_000 };

testInEach(`killed ${KILLS} times while its page writes, it loses nothing that was acknowledged`, options, async (t, browser) => {
  const profile = newFolder();
  const random = randomOf(Date.now());
  const server = await serve({ '/': PAGE });
  let acknowledged = 0;
  let recovered = 0;
  let beyond = 0;
  try {
    for (let kills = 0; kills <= KILLS; kills++) {
      const running = await browser.launchIn(profile);
      const page = await pageAt(`${server.address}/`, running);
      await page.waitForFunction('window.ready');
      let told = acknowledged;
      await page.exposeFunction('tell', (rows) => (told = rows));
      const found = await page.evaluate(writeOn, { dimension: DIMENSION, acknowledged, index: 'flat' });
      assert.ok(found.size >= acknowledged && found.size <= acknowledged + 40, `${acknowledged} told, ${found.size} there`);
      assert.deepEqual([found.faults, found.wrong], [0, 0]);
      recovered += found.recovered;
      beyond += found.size - acknowledged;
      await later(100 + random(400));
      await kill(profile, running);
      acknowledged = Math.max(told, found.size);
    }
    assert.ok(acknowledged > KILLS, `only ${acknowledged} rows were written`);
    t.diagnostic(`${acknowledged} rows told over ${KILLS} kills; ${recovered} calls replayed, ${beyond} rows beyond those told`);
  } finally {
    await server.close();
  }
});
