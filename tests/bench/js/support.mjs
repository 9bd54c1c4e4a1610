/** What both workers share: where things lie, versions, and a line of JSON for a line of JSON. */
import { existsSync, readFileSync, readdirSync } from 'node:fs';
import { join } from 'node:path';
import { createInterface } from 'node:readline';
import { fileURLToPath } from 'node:url';

export const HERE = fileURLToPath(new URL('.', import.meta.url));
export const PACKAGE = fileURLToPath(new URL('../../../js/', import.meta.url));
const HNSWLIB = join(HERE, 'node_modules/hnswlib-wasm');

/** Where edgevec's files lie. */
export const EDGEVEC = join(HERE, 'node_modules/edgevec');

/** Of a package; '' of one that is not installed, whose worker will say so when it loads it. */
function versionOf(folder) {
  const file = join(folder, 'package.json');
  return existsSync(file) ? JSON.parse(readFileSync(file, 'utf8')).version : '';
}

export const versions = {
  gigavector: versionOf(PACKAGE),
  'hnswlib-wasm': versionOf(HNSWLIB),
  edgevec: versionOf(EDGEVEC),
  'plain loop': '',
};

/** Where hnswlib-wasm's files lie. */
export const HNSWLIB_FILES = join(HNSWLIB, 'dist');

/** The file of hnswlib-wasm that makes the module itself; its name carries a hash. Its public entry wants a browser's disk. */
export function hnswlibFile() {
  if (!existsSync(HNSWLIB_FILES)) throw new Error(`hnswlib-wasm is not installed: ${HNSWLIB_FILES} is not there`);
  return join(HNSWLIB_FILES, readdirSync(HNSWLIB_FILES).find((file) => /^hnswlib-[0-9a-f]+\.js$/.test(file)));
}

/** Answers every line of the standard input by `ask`; `ready` is awaited by the first, whose failure is every answer. */
export async function serveLines(open, ask) {
  let ready;
  for await (const line of createInterface({ input: process.stdin })) {
    let said;
    try {
      said = await ask(await (ready ??= open()), JSON.parse(line));
    } catch (error) {
      said = { error: String(error?.message ?? error).split('\n')[0] };
    }
    process.stdout.write(`${JSON.stringify(said)}\n`);
  }
  return ready?.catch(() => undefined);
}
