/**
 * The database for pages: in a Worker of its own, so that nothing blocks the page, its files in the origin private file system
 * (OPFS; see `gigavector/opfs` for what a path is, and for who may open it at once).
 *
 * ```js
 * import { Database } from 'gigavector/worker';
 * const db = await Database.open('notes.gv', { dimension: 384 });
 * await db.add(vector, { title: 'a note' });
 * ```
 *
 * All is as in `gigavector`, but every call gives a promise, and calls run in the order in which they were made. What goes to
 * the Worker is copied (see `transfer`); large answers are moved. Errors are the same {@link GigaVectorError}.
 */
import type {
  Database as Base,
  MetadataInput,
  OpenOptions as BaseOptions,
  ResponseOptions as BaseResponseOptions,
  RowsInput,
  SparseInput,
  UpsertOptions,
} from './index.js';

export * from './index.js';

/** `gigavector.thread.js` (`gigavector/thread`) as a Worker, or its address: for bundlers that do not find it themselves. */
export interface WorkerOptions {
  worker?: Worker | URL | string;
}

export interface OpenOptions extends BaseOptions, WorkerOptions {}

export interface BytesOptions extends Pick<OpenOptions, 'dimension' | 'index' | 'wasm'>, WorkerOptions {
  /** Move the bytes to the Worker: no copy, and the caller's array is empty afterwards. Default false. */
  transfer?: boolean;
}

export interface ResponseOptions extends BaseResponseOptions, WorkerOptions {}

export interface ManyOptions {
  /**
   * End the call between two chunks: it rejects with the signal's reason, and the chunks before, of which `onProgress` was told,
   * stay. With `signal` or `onProgress`, each chunk is one call, all or none; without, all rows are.
   */
  signal?: AbortSignal;
  /** Rows written so far, of all. */
  onProgress?: (rows: number, total: number) => void;
  /** Rows of a chunk, from 1. Default 1000. */
  chunkRows?: number;
  /** Move the rows to the Worker: no copy, and the caller's arrays are empty afterwards. Default false; never of chunks. */
  transfer?: boolean;
}

type Asynchronous<T> = {
  readonly [K in keyof T]: T[K] extends (...args: infer A) => infer R ? (...args: A) => Promise<R> : Promise<T[K]>;
};

export interface Database
  extends Asynchronous<Omit<Base, 'dimension' | 'addMany' | 'upsertMany' | 'save' | typeof Symbol.dispose>> {
  /** Components a vector. */
  readonly dimension: number;
  addMany(
    rows: RowsInput | ReadonlyArray<SparseInput>,
    metadata?: ReadonlyArray<MetadataInput | null | undefined> | null,
    options?: ManyOptions,
  ): Promise<number[]>;
  upsertMany(
    rows: RowsInput | ReadonlyArray<SparseInput>,
    metadata: ReadonlyArray<MetadataInput>,
    options?: UpsertOptions & ManyOptions,
  ): Promise<number[]>;
  /** Pack the database into its own file, or write a packed copy to `path` of OPFS, whole or not at all. */
  save(path?: string): Promise<void>;
  /** `close()`, for `await using`. */
  [Symbol.asyncDispose](): Promise<void>;
}

export declare const Database: {
  /** Open the database `path` of OPFS in a new Worker, creating it if absent; null keeps it in memory only. */
  open(path?: string | null, options?: OpenOptions): Promise<Database>;
  fromBytes(bytes: Uint8Array | ArrayBuffer, options?: BytesOptions): Promise<Database>;
  fromResponse(response: Response | PromiseLike<Response>, options?: ResponseOptions): Promise<Database>;
  /** Remove the database `path`. `GV_ERR_LOCKED` while it is open anywhere, `GV_ERR_NOT_FOUND` if it is not there. */
  remove(path: string, options?: WorkerOptions): Promise<void>;
};
