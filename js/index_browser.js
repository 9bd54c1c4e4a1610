/** Entry of the package in pages and workers: databases in memory, bytes in and out. */
import { Database as CoreDatabase } from './database.js';
import * as platform from './host_browser.js';

export { GigaVectorError } from './error.js';

export class Database extends CoreDatabase {
  static platform = platform;
  static name = 'Database'; // which is else shortened
}
