/** The one error class of the package, with the core's code and sentence. */
import { STATUS } from './layout.js';

const NAMES = new Map(Object.entries(STATUS).map(([name, code]) => [code, name]));

export class GigaVectorError extends Error {
  constructor(code, sentence, options) {
    super(sentence, options);
    this.code = code;
    this.name = NAMES.get(code) ?? 'GV_ERR_UNKNOWN';
  }
}

/** What this package itself refuses before the core is asked. */
export function argumentError(sentence) {
  return new GigaVectorError(STATUS.GV_ERR_ARGUMENT, sentence);
}
