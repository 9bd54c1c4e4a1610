/** smoke.mjs FILE: a database there, in use and opened again, and one line of JSON of what was found. */
import { Database, GigaVectorError } from 'gigavector';

const DIMENSION = 16;
const path = process.argv[2];
const vectorOf = (id) => Float32Array.from({ length: DIMENSION }, (_, k) => ((id * 37 + k * k * 11) % 101) / 50 - 1);
const failure = (work) =>
  work.then(
    () => 'no error',
    (error) => (error instanceof GigaVectorError ? `${error.name}: ${error.message}` : String(error)),
  );

const db = await Database.open(path, { dimension: DIMENSION, distance: 'cosine' });
db.setExactSearchThreshold(0);
for (let id = 0; id < 10; id++) db.add(vectorOf(id), { parity: id % 2 ? 'odd' : 'even' });
const rows = Array.from({ length: 490 }, (_, i) => i + 10);
db.addMany(rows.map(vectorOf), rows.map((id) => ({ parity: id % 2 ? 'odd' : 'even', name: `row ${id} “ж”` })));
const answers = (of) => [of.search(vectorOf(7), { k: 5 }), of.search(vectorOf(7), { k: 5, filter: 'parity == "odd"' })];
const before = answers(db);
const second = await failure(Database.open(path));
db.save();
db.delete(7);
db.close();

const again = await Database.open(path, { readOnly: true });
again.setExactSearchThreshold(0);
const after = [...answers(again), again.size, again.get(8).metadata, Array.from(again.get(8).vector), again.check().faults];
const written = await failure((async () => again.add(vectorOf(1)))());
again.close();

const tree = await Database.open(null, { dimension: 2, index: 'kdtree' }); // of the larger module
tree.add([1, 2]);
const { kernels } = tree.info();
const missing = await failure(Database.open(`${path}.none`, { readOnly: true }));
console.log(JSON.stringify({ before, second, after, written, kernels, tree: tree.search([1, 1], { k: 1 }), missing }));
tree.close();
