/** hold.mjs FILE: opens the file for writing, says how that went, and keeps it until its input ends. */
import { Database } from 'gigavector';

const db = await Database.open(process.argv[2], { dimension: 2 }).catch((error) => error);
console.log(db instanceof Database ? 'open' : db.name);
process.stdin.resume();
await new Promise((end) => process.stdin.on('end', end));
if (db instanceof Database) db.close();
