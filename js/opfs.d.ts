/**
 * The database inside a Worker of your own, its files in the origin private file system (OPFS) of the page's origin; the calls are
 * synchronous, as in Node. In the page itself, `gigavector/worker` makes such a Worker.
 *
 * A path names a folder of OPFS, e.g. `'notes.gv'` or `'mine/notes.gv'`, with two files that take turns, and which of them is the
 * database is written beside them; what a file of Python or Node has inside, the one in turn has. Use `fromBytes` and `save(path)`,
 * and `toBytes`, to bring files in and out.
 *
 * One tab or Worker has a database open for writing, or any number read it with `readOnly`; anyone else gets `GV_ERR_LOCKED`
 * after half a second. Browsers without shared handles for reading allow one reader. A full quota is `GV_ERR_IO` and loses nothing.
 */
import type { Database as Base, OpenOptions, ResponseOptions } from './index.js';

export * from './index.js';

export interface Database extends Omit<Base, 'save'> {
  /** Pack the database into its own file. */
  save(): void;
  /** Write a packed copy to `path` and stay on its own: whole or not at all. */
  save(path: string): Promise<void>;
}

export declare const Database: {
  /** Open the database `path` of OPFS, creating it if absent; null keeps it in memory only. */
  open(path?: string | null, options?: OpenOptions): Promise<Database>;
  fromBytes(
    bytes: Uint8Array | ArrayBuffer,
    options?: Pick<OpenOptions, 'dimension' | 'index' | 'wasm'>,
  ): Promise<Database>;
  fromResponse(response: Response | PromiseLike<Response>, options?: ResponseOptions): Promise<Database>;
  /** Remove the database `path`. `GV_ERR_LOCKED` while it is open anywhere, `GV_ERR_NOT_FOUND` if it is not there. */
  remove(path: string): Promise<void>;
};
