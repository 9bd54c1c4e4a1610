/** Entry of the package in a Worker: databases in OPFS, or in memory. */
import { Database as CoreDatabase, hostOf } from './database.js';
import { argumentError } from './error.js';
import * as platform from './host_opfs.js';

export { GigaVectorError } from './error.js';

export class Database extends CoreDatabase {
  static platform = platform;
  static name = 'Database'; // which is else shortened

  static remove(path) {
    return platform.remove(path);
  }

  /** Synchronous into its own file; a promise where another has to be opened first. */
  save(path) {
    return path === undefined ? super.save() : this.#saveAs(platform.path(path));
  }

  async #saveAs(path) {
    const host = hostOf(this);
    if (!host) throw argumentError('the database is closed');
    const isNew = await host.prepare(path);
    try {
      super.save(path);
    } finally {
      if (isNew) await host.release(path);
    }
  }
}
