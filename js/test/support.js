/** What the tests share: temporary folders, the neighbours (Python, Chromium, emcc), and made-up rows. */
import assert from 'node:assert/strict';
import { spawnSync } from 'node:child_process';
import { existsSync, mkdtempSync, readFileSync, readdirSync, rmSync, statfsSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { delimiter, join } from 'node:path';
import { fileURLToPath } from 'node:url';

import { GigaVectorError } from '../index.js';

export const PACKAGE = fileURLToPath(new URL('..', import.meta.url));
export const ROOT = fileURLToPath(new URL('../..', import.meta.url));
export const MODULE = join(PACKAGE, 'gigavector.wasm');
export const RELAXED_MODULE = join(PACKAGE, 'gigavector.relaxed.wasm');

if (!existsSync(MODULE)) throw new Error('js/gigavector.wasm is not there: run ./build.sh wasm');

/** Of the module that the loader takes here. */
export const OWN_KERNELS = WebAssembly.validate(readFileSync(RELAXED_MODULE)) ? 'wasm128-relaxed' : 'wasm128';

const folders = [];
// at the very end: an after() of here would come before those that close browsers, which then write once more
process.on('exit', () => folders.forEach((folder) => rmSync(folder, { recursive: true, force: true, maxRetries: 3 })));

/** A new, empty folder that goes with the test file's process. */
export function newFolder(parent = tmpdir()) {
  const folder = mkdtempSync(join(parent, 'gigavector-js-'));
  folders.push(folder);
  return folder;
}

/** Where syncing costs nothing, if there is room: for files that nobody will look at again. */
export function memoryFolder() {
  try {
    const { bavail, bsize } = statfsSync('/dev/shm');
    return bavail * bsize > 2 ** 30 ? '/dev/shm' : tmpdir();
  } catch {
    return tmpdir();
  }
}

/** The cases of the conformance corpus, by name, as text: in numbers written again -0 would be 0. None without a corpus. */
export function readCorpus() {
  const folder = join(ROOT, 'tests/conformance');
  const names = existsSync(folder) ? readdirSync(folder).filter((name) => name.endsWith('.json')).sort() : [];
  return names.map((name) => readFileSync(join(folder, name), 'utf8'));
}

/** Assert that `work` throws (or rejects with) a GigaVectorError of this name whose sentence has `part`. */
export function assertFails(work, name, part = '') {
  const check = (error) => {
    assert.ok(error instanceof GigaVectorError, `not a GigaVectorError: ${error?.stack ?? error}`);
    assert.equal(error.name, name, error.message);
    assert.ok(error.code < 0);
    assert.ok(error.message.length > 0, 'a failure has a sentence');
    assert.ok(error.message.includes(part), `"${error.message}" has no "${part}"`);
    return true;
  };
  if (work instanceof Promise) return assert.rejects(work, check);
  assert.throws(work, check);
}

/** Pseudo-random whole numbers: the same for the same seed, on every machine. */
export function randomOf(seed) {
  let state = seed >>> 0;
  return (below) => {
    state = (Math.imul(state, 1664525) + 1013904223) >>> 0;
    return Math.floor((state / 2 ** 32) * below);
  };
}

/** `count` rows of `dimension` components in -1 .. 1. */
export function randomRows(seed, count, dimension) {
  const random = randomOf(seed);
  return Float32Array.from({ length: count * dimension }, () => random(2 ** 20) / 2 ** 19 - 1);
}

/** The ids of the `k` rows nearest to `query`, computed here in doubles, ties by id. */
export function nearest(rows, dimension, query, k, distance) {
  const count = rows.length / dimension;
  const of = Array.from({ length: count }, (_, id) => [
    distance(query, rows.subarray(id * dimension, (id + 1) * dimension)),
    id,
  ]);
  return of.sort((a, b) => a[0] - b[0] || a[1] - b[1]).slice(0, k);
}

/** {command, env} of a Python that can import gigavector, or {reason}. */
export function findPython() {
  const path = [join(ROOT, 'python'), process.env.PYTHONPATH].filter(Boolean).join(delimiter);
  const env = { ...process.env, PYTHONPATH: path };
  const tried = [];
  for (const command of [join(ROOT, '.venv/bin/python'), 'python3']) {
    const { error, status, stderr } = spawnSync(command, ['-c', 'import gigavector'], { env, encoding: 'utf8' });
    if (status === 0) return { command, env };
    tried.push(`${command}: ${error?.message ?? stderr.trim().split('\n').at(-1)}`);
  }
  return { reason: `no Python can import gigavector (${tried.join('; ')})` };
}

/** Run Python code that ends by printing JSON, and return that. */
export function runPython({ command, env }, code, ...args) {
  const { status, stdout, stderr } = spawnSync(command, ['-c', code, ...args], { env, encoding: 'utf8' });
  assert.equal(status, 0, stderr);
  return JSON.parse(stdout);
}
