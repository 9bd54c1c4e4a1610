/*
 * Keeps the page for offline use. Small files are taken when it installs; the large ones (database, model, runtime) on their
 * way to the page, so that nothing is loaded twice. The build fills in the version, a hash over all files, and the list.
 */
const CACHE = 'gigavector-demo-__VERSION__';
const FILES = [/* files */];

self.addEventListener('install', (event) => {
  const requests = FILES.map((file) => new Request(file, { cache: 'no-cache' }));
  event.waitUntil(caches.open(CACHE).then((cache) => cache.addAll(requests)));
});

self.addEventListener('activate', (event) => {
  event.waitUntil(
    (async () => {
      for (const name of await caches.keys()) {
        if (name.startsWith('gigavector-demo-') && name !== CACHE) await caches.delete(name);
      }
      await self.clients.claim();
    })(),
  );
});

self.addEventListener('fetch', (event) => {
  const url = new URL(event.request.url);
  if (event.request.method === 'GET' && url.origin === self.location.origin) event.respondWith(answer(event));
});

async function answer(event) {
  const cache = await caches.open(CACHE);
  // Whatever a server varies by (an Origin, an encoding), these files are the same for everyone.
  const kept = await cache.match(event.request, { ignoreSearch: true, ignoreVary: true });
  if (kept) return kept;
  const response = await fetch(event.request);
  if (response.status === 200) {
    // A full disk keeps nothing; the page goes on with the network.
    event.waitUntil(cache.put(event.request, response.clone()).catch(() => {}));
  }
  return response;
}
