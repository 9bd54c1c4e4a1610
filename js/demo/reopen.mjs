/**
 * The Node half of the demo: opens the file that Python wrote, searches it with the same question vectors, and
 * compares ids and distances with Python's, bit for bit.
 *
 *     node js/demo/reopen.mjs [answers.json]
 *
 * answers.json is what python/demo/run.py leaves: {database, k, answers: [{question, vector, hits: [[id, distance]]}]}.
 */
import { readFileSync } from 'node:fs';
import { dirname, resolve } from 'node:path';
import { fileURLToPath } from 'node:url';
import { Database } from '../index.js';

const latest = fileURLToPath(new URL('../../.cache/demo/answers.json', import.meta.url));
const answersPath = resolve(process.argv[2] ?? latest);
const { database, k, answers } = JSON.parse(readFileSync(answersPath, 'utf8'));

const opening = performance.now();
const db = await Database.open(resolve(dirname(answersPath), database), { readOnly: true });
console.log(`Node ${process.versions.node}: ${database} opened in ${(performance.now() - opening).toFixed(0)} ms`);

let hitCount = 0;
let differences = 0;
for (const { question, vector, hits: expected } of answers) {
  const searching = performance.now();
  const hits = db.search(Float32Array.from(vector), { k });
  const ms = (performance.now() - searching).toFixed(2);
  const names = hits.map((hit) => hit.metadata.package).join(', ');
  console.log(`  ${question}\n    ${names} (searched in ${ms} ms)`);

  hitCount += hits.length;
  const found = hits.map(({ id, distance }) => [id, distance]);
  if (JSON.stringify(found) !== JSON.stringify(expected)) {
    differences += 1;
    console.log(`    DIFFERENT\n      Python ${JSON.stringify(expected)}\n      Node   ${JSON.stringify(found)}`);
  }
}
db.close();

if (differences > 0) {
  console.log(`Node and Python differ in ${differences} of ${answers.length} answers`);
  process.exitCode = 1;
} else {
  console.log(`Node and Python agree: ${answers.length} questions, ${hitCount} hits, ids and distances equal bit for bit`);
}
