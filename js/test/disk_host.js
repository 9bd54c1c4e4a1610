/** A folder as the place of a case of the conformance corpus, in whatever has Node's modules. */
import { createHash } from 'node:crypto';
import { readFileSync, readdirSync } from 'node:fs';
import { join } from 'node:path';

/** `folder` is new and empty. The first argument is what the package exports. */
export function diskHost({ Database, GigaVectorError }, folder) {
  const about = (name) => {
    const bytes = readFileSync(join(folder, name));
    return [name, { bytes: bytes.length, sha256: createHash('sha256').update(bytes).digest('hex') }];
  };
  const files = () => Object.fromEntries(readdirSync(folder).map(about));
  return { Database, GigaVectorError, path: (name) => join(folder, name), files };
}
