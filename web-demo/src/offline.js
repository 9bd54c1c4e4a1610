/** The service worker: in charge before anything large is loaded, so that each file is fetched once and kept. */
const PATIENCE = 2500; // ms; a browser that does not bring it up by then loads without it

export async function keepOffline(badge) {
  const show = () => {
    badge.textContent = navigator.onLine ? '' : 'offline';
  };
  addEventListener('online', show);
  addEventListener('offline', show);
  show();
  if (!import.meta.env.PROD || !navigator.serviceWorker) return;
  const inCharge = new Promise((resolve) => {
    if (navigator.serviceWorker.controller) resolve();
    navigator.serviceWorker.addEventListener('controllerchange', resolve, { once: true });
    setTimeout(resolve, PATIENCE);
  });
  try {
    await navigator.serviceWorker.register('./sw.js', { updateViaCache: 'none' });
  } catch {
    if (!navigator.serviceWorker.controller) return; // switched off, or a page without https
  }
  await inCharge;
}
