/** Entry of the package in Node: databases in files, or in memory. */
import { Database as CoreDatabase } from './database.js';
import * as platform from './host_node.js';

export { GigaVectorError } from './error.js';

export class Database extends CoreDatabase {
  static platform = platform;
  static name = 'Database'; // which is else shortened
}
