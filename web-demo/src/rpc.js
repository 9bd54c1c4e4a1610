/** Calls between the page and a worker: each is a message with a number, answered by a message with the same number. */

/** In the page. `onEvent(name, value)` gets what the worker tells unasked. Returns `call(method, ...args)`. */
export function callWorker(worker, onEvent) {
  const waiting = new Map();
  let last = 0;
  worker.onmessage = ({ data }) => {
    if (data.event) return onEvent(data.event, data.value);
    const { resolve, reject } = waiting.get(data.id);
    waiting.delete(data.id);
    if (data.error) reject(Object.assign(new Error(data.error.message), { name: data.error.name }));
    else resolve(data.value);
  };
  worker.onerror = (event) => onEvent('broken', event.message || 'the worker could not be loaded');
  return (method, ...args) =>
    new Promise((resolve, reject) => {
      const id = ++last;
      waiting.set(id, { resolve, reject });
      worker.postMessage({ id, method, args });
    });
}

/** In the worker: `methods` answer calls. Returns `tell(event, value)`. */
export function serveCalls(methods) {
  self.onmessage = async ({ data: { id, method, args } }) => {
    try {
      self.postMessage({ id, value: await methods[method](...args) });
    } catch (error) {
      self.postMessage({ id, error: { name: error.name, message: error.message } });
    }
  };
  return (event, value) => self.postMessage({ event, value });
}
