// Deleted, the package could work in Node alone: here Deno and Bun run the packed one, and must find and write the same.
import assert from 'node:assert/strict';
import { spawn, spawnSync } from 'node:child_process';
import { once } from 'node:events';
import { copyFileSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import test, { before } from 'node:test';

import { Database } from '../index.js';
import { newProject, packed, run } from './packed.js';
import { PACKAGE, assertFails, memoryFolder, newFolder, readCorpus } from './support.js';

const FOLDER = join(PACKAGE, 'test/runtimes');
const PROGRAMS = ['runtimes/smoke.mjs', 'runtimes/hold.mjs', 'runtimes/corpus.mjs', 'conformance_runner.js', 'disk_host.js'];
const CPU = { arm64: 'aarch64' }[process.arch] ?? process.arch;
const cases = readCorpus();

// what Deno is allowed is what the package needs of it, where that is no file in /dev
const NEEDED = ['--allow-read', '--allow-write', '--allow-env', '--allow-run=flock'];
const runtimes = [
  {
    ...{ name: 'Deno', args: ['run', ...NEEDED], anywhere: ['run', '--allow-all'] },
    ...find('deno', `@deno/linux-${process.arch}-glibc/deno`),
  },
  { name: 'Bun', args: [], ...find('bun', `@oven/bun-linux-${CPU}/bin/bun`) },
];

/** {program, version}, or {skip}. In npm's packages, the program is put in place by a script, which may not have run. */
function find(name, inPackage) {
  const modules = join(FOLDER, 'node_modules');
  for (const program of [process.env[name.toUpperCase()], join(modules, '.bin', name), join(modules, inPackage), name]) {
    const { status, stdout } = program ? spawnSync(program, ['--version'], { encoding: 'utf8' }) : {};
    if (status === 0) return { program, version: stdout.split('\n')[0] };
  }
  return { skip: `no ${name}: npm ci in js/test/runtimes brings it, where there is one for this machine` };
}

let project;
before(() => {
  project = newProject(packed().tarball);
  for (const name of PROGRAMS) copyFileSync(join(PACKAGE, 'test', name), join(project, name.split('/').at(-1)));
});

/** `program` of the project in a runtime, by what `use` makes of a command and its arguments. */
function started(use, { program, args }, ...given) {
  const env = { ...process.env, DENO_DIR: newFolder(), DENO_NO_UPDATE_CHECK: '1' };
  return use(program, [...args, ...given], project, env);
}

function resultOf(runtime, ...given) {
  return JSON.parse(started(run, runtime, ...given));
}

const node = { name: 'Node', program: process.execPath, args: [] };
const everyRuntime = (name, timeout, work) =>
  runtimes.forEach((runtime) => test(`${runtime.name} ${name}`, { skip: runtime.skip, timeout }, (t) => work(t, runtime)));

everyRuntime('gives the hits and the file that Node gives', 60_000, (t, runtime) => {
  t.diagnostic(runtime.version);
  const folder = newFolder();
  const [inNode, inOther] = [node, runtime].map((each) => {
    const path = join(folder, 'main.gv');
    writeFileSync(path, ''); // an empty file is a new database
    const { kernels, ...found } = resultOf(each, 'smoke.mjs', path);
    return { kernels, found, bytes: readFileSync(path) };
  });
  assert.equal(inNode.found.before.flat().length, 10);
  assert.match(inNode.found.second, /^GV_ERR_LOCKED/);
  assert.match(inOther.kernels, /^wasm128/); // with relaxed SIMD or without, as the engine has it
  t.diagnostic(`${runtime.name} runs ${inOther.kernels}`);
  assert.deepEqual(inOther.found, inNode.found);
  assert.ok(inOther.bytes.equals(inNode.bytes), 'byte for byte the same file');
});

everyRuntime('and Node keep each other out of a file', 60_000, async (t, runtime) => {
  const path = join(newFolder(), 'main.gv');
  const hold = (command, args, cwd, env) => spawn(command, args, { cwd, env, stdio: ['pipe', 'pipe', 'inherit'] });
  const said = async ({ stdout }) => String((await once(stdout, 'data'))[0]).trim();
  const holder = started(hold, runtime, 'hold.mjs', path);
  assert.equal(await said(holder), 'open');
  await assertFails(Database.open(path, { dimension: 2 }), 'GV_ERR_LOCKED');
  holder.kill('SIGKILL');
  await once(holder, 'close');
  const db = await Database.open(path, { dimension: 2 }); // the lock has died with its process
  const other = started(hold, runtime, 'hold.mjs', path);
  assert.equal(await said(other), 'GV_ERR_LOCKED');
  other.stdin.end();
  await once(other, 'close');
  db.close();
});

everyRuntime('gives the hits, bits and files of the corpus', 180_000, (t, runtime) => {
  assert.ok(cases.length >= 30, `${cases.length} cases in tests/conformance`);
  const file = join(newFolder(), 'cases.json');
  writeFileSync(file, `[${cases.join()}]`);
  const allowed = { ...runtime, args: runtime.anywhere ?? runtime.args };
  const { ran, failures } = resultOf(allowed, 'corpus.mjs', file, newFolder(memoryFolder()));
  assert.deepEqual(failures, []);
  assert.equal(ran, cases.length);
  t.diagnostic(`${ran} cases`);
});
