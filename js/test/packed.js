/** The package as users get it: packed, and installed in an empty folder. */
import assert from 'node:assert/strict';
import { spawnSync } from 'node:child_process';
import { writeFileSync } from 'node:fs';
import { join } from 'node:path';

import { PACKAGE, newFolder } from './support.js';

/** What the program prints; it must end well. */
export function run(command, args, cwd, env = process.env) {
  const { error, status, stdout, stderr } = spawnSync(command, args, { cwd, env, encoding: 'utf8', maxBuffer: 2 ** 26 });
  assert.ok(!error && status === 0, `${command} ${args.join(' ')}: ${error?.message ?? stderr + stdout}`);
  return stdout;
}

/** What `npm pack` says of the package. */
export function pack(...args) {
  const said = run('npm', ['pack', '--json', ...args], PACKAGE);
  return JSON.parse(said.slice(said.indexOf('[')))[0]; // older versions of npm name the prepack script first
}

/** {tarball, files}: the packed package, and the list of what was packed. */
export function packed() {
  const folder = newFolder();
  const { filename, files } = pack('--pack-destination', folder);
  return { tarball: join(folder, filename), files: files.map(({ path }) => path).sort() };
}

/** An empty folder with the packed package installed in it. */
export function newProject(tarball) {
  const project = newFolder();
  writeFileSync(join(project, 'package.json'), '{"name": "project", "private": true, "type": "module"}');
  run('npm', ['install', '--no-audit', '--no-fund', '--offline', tarball], project);
  return project;
}
