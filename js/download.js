/** The bytes of a Response, with progress and an end to it. */
import { GigaVectorError, argumentError } from './error.js';
import { STATUS } from './layout.js';

/** `response` may be a promise. `onProgress(received, total)` in bytes; `total` is undefined where the server did not say. */
export async function bytesOf(response, { signal, onProgress }) {
  const given = await response;
  if (!(given instanceof Response)) throw argumentError('fromResponse needs what fetch() gives');
  if (given.bodyUsed) throw argumentError('the body of the response was read before');
  if (!given.ok) throw new GigaVectorError(STATUS.GV_ERR_IO, `${given.url} answered ${given.status}`);
  const isPlain = !given.headers.get('content-encoding'); // else its length is that of the packed bytes
  const total = (isPlain && Number(given.headers.get('content-length'))) || undefined;
  const parts = [];
  let received = 0;
  const reader = given.body?.getReader();
  const cancel = () => reader?.cancel().catch(() => {}); // which ends a read that waits
  const broken = (cause) => {
    signal?.throwIfAborted();
    const sentence = `${given.url} ended after ${received} bytes: ${cause.message}`;
    throw new GigaVectorError(STATUS.GV_ERR_IO, sentence, { cause });
  };
  signal?.addEventListener('abort', cancel);
  try {
    for (;;) {
      const { done, value } = (await reader?.read().catch(broken)) ?? { done: true };
      signal?.throwIfAborted();
      if (done) break;
      parts.push(value);
      received += value.length;
      onProgress?.(received, total);
    }
  } catch (error) {
    cancel();
    throw error;
  } finally {
    signal?.removeEventListener('abort', cancel);
  }
  const bytes = new Uint8Array(received);
  let at = 0;
  for (const part of parts) {
    bytes.set(part, at);
    at += part.length;
  }
  return bytes;
}
