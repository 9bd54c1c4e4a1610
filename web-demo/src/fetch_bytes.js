import { bytesOf } from '../../js/download.js';

const STEP = 1 << 19; // bytes between two words about it

/** A whole file, with `onProgress({loaded, total})` on the way; `total` is `expected`, or 0 where nobody says. */
export async function fetchBytes(url, onProgress, expected = 0) {
  let told = 0;
  const bytes = await bytesOf(fetch(url), {
    onProgress(loaded, total = 0) {
      if (loaded - told <= STEP) return;
      onProgress({ loaded, total: expected || total });
      told = loaded;
    },
  });
  onProgress({ loaded: bytes.length, total: bytes.length });
  return bytes;
}
