/** Where the time of a query goes: the last one, the median and the 95th percentile of the last hundred. */
const KEPT = 100;
const STEP = clockStep();
const DIGITS = Math.max(0, Math.round(-Math.log10(STEP)));
const rows = { embed: [], search: [], total: [] };

/** The ms between two values of the browser's clock, which is coarse on purpose: 0.1 in Chromium, 1 in Firefox. */
function clockStep() {
  const steps = Array.from({ length: 3 }, () => {
    const start = performance.now();
    let now = start;
    while (now === start) now = performance.now();
    return now - start;
  });
  return Math.min(...steps); // a pause of the thread makes one longer
}

/** No finer than the clock. */
function worded(figure) {
  if (figure === undefined) return '–';
  const text = figure.toFixed(figure < 10 ? DIGITS : 0);
  return Number(text) === 0 ? `< ${STEP.toFixed(DIGITS)}` : text;
}

export function percentile(values, share) {
  const sorted = [...values].sort((a, b) => a - b);
  return sorted[Math.max(0, Math.ceil(sorted.length * share) - 1)];
}

/** One query's milliseconds; `embed` is undefined where nothing was embedded. */
export function addTimes(times) {
  for (const [name, list] of Object.entries(rows)) {
    if (times[name] !== undefined) list.push(times[name]);
    if (list.length > KEPT) list.shift();
  }
  show(times);
}

/** Forget them: another index is in use. */
export function clearTimes() {
  for (const list of Object.values(rows)) list.length = 0;
  show({});
}

export function summary() {
  const figures = (list) => ({ count: list.length, p50: percentile(list, 0.5), p95: percentile(list, 0.95) });
  return Object.fromEntries(Object.entries(rows).map(([name, list]) => [name, figures(list)]));
}

function show(times) {
  for (const [name, list] of Object.entries(rows)) {
    const figures = [times[name], percentile(list, 0.5), percentile(list, 0.95)];
    const cells = document.querySelectorAll(`#time-${name} td`);
    figures.forEach((figure, i) => {
      cells[i].textContent = worded(figure);
    });
  }
  document.querySelector('#times-count').textContent = rows.total.length;
  const parts = [times.embed ?? 0, times.search ?? 0, 0];
  parts[2] = Math.max(0, (times.total ?? 0) - parts[0] - parts[1]);
  document.querySelectorAll('#split i').forEach((part, i) => {
    part.style.flex = `${parts[i]} 0 0`;
  });
}
