/** A whole file, with `onProgress({loaded, total})` on the way; `total` is 0 where the server does not say. */
export async function fetchBytes(url, onProgress, expected = 0) {
  const response = await fetch(url);
  if (!response.ok) throw new Error(`${url} answered ${response.status}`);
  const packed = response.headers.has('content-encoding'); // then the length is that of the packed bytes
  const total = expected || (packed ? 0 : Number(response.headers.get('content-length') ?? 0));
  const parts = [];
  let loaded = 0;
  let told = 0;
  const reader = response.body.getReader();
  for (let step = await reader.read(); !step.done; step = await reader.read()) {
    parts.push(step.value);
    loaded += step.value.length;
    if (loaded - told > 1 << 19) {
      onProgress({ loaded, total });
      told = loaded;
    }
  }
  onProgress({ loaded, total: loaded });
  const bytes = new Uint8Array(loaded);
  let at = 0;
  for (const part of parts) {
    bytes.set(part, at);
    at += part.length;
  }
  return bytes;
}
