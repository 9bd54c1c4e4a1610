/** The page: what is typed goes to the model's worker, its vector to the database's worker, the hits to the list. */
import { setUpFacets } from './facets.js';
import { setUpMap } from './map_panel.js';
import { setUpNotes } from './notes_panel.js';
import { keepOffline } from './offline.js';
import { showHits } from './results.js';
import { callWorker } from './rpc.js';
import { setUpTheme } from './theme.js';
import { addTimes, clearTimes, summary } from './times.js';

const SHOWN = 10; // hits a page
const PAUSE = 250; // ms without a key
const EXAMPLES = [
  ...['edit photos with layers', 'play chess against the computer', 'keep my passwords safe', 'look at the night sky'],
  ...['find out what fills the disk', 'write sheet music', 'share files between phone and laptop', 'learn to type'],
];
const MODES = {
  exact: 'Every row is compared: nothing is missed, and the time grows with the rows.',
  hnsw: 'A walk through a graph of near neighbours: a few hundred rows are compared.',
  binary: 'The same graph, walked by vectors of 1 bit a component; the best are then compared in full.',
};
const $ = (selector) => document.querySelector(selector);
const [query, results, status, like] = ['#query', '#results', '#status', '#like'].map($);

const state = { model: false, database: undefined, similar: undefined, mode: 'hnsw' };
let about;
let databaseIsFetched;
const databaseFetched = new Promise((resolve) => {
  databaseIsFetched = resolve;
});

const model = callWorker(new Worker(new URL('./model_worker.js', import.meta.url), { type: 'module' }), (event, value) => {
  if (event === 'progress') progress('#model-progress', value);
  if (event === 'broken') failed(new Error(value));
});
const database = callWorker(
  new Worker(new URL('./search_worker.js', import.meta.url), { type: 'module' }),
  (event, value) => {
    if (event === 'progress') {
      progress('#database-progress', value);
      if (value.loaded === value.total) databaseIsFetched();
    }
    if (event === 'broken') failed(new Error(value));
  },
);
const embed = (text) => model('embed', text);

const notes = setUpNotes(database, embed);
const facets = setUpFacets(() => refresh());
const map = setUpMap((id, name) => showSimilar(id, name));
setUpTheme($('#theme'), () => map.redraw());

// ---- one query at a time, always the newest ----

let wanted; // what to answer next
let recallTimer;
let page; // what is shown, and how it was found
let busy = false;

/** Answer what the page now asks. While an answer is on its way, only the newest question is remembered. */
function refresh() {
  wanted = { text: query.value.trim(), similar: state.similar, filter: facets.filter(), begin: performance.now() };
  if (!busy) work();
}

async function work() {
  busy = true;
  while (wanted && state.database) {
    const question = wanted;
    wanted = undefined;
    try {
      await answer(question);
    } catch (error) {
      failed(error);
    }
  }
  busy = false;
}

async function answer(question) {
  const { text, similar, filter, begin } = question;
  clearTimeout(recallTimer);
  history.replaceState(null, '', text ? `#${new URLSearchParams({ q: text })}` : location.pathname + location.search);
  $('#examples').hidden = Boolean(text || similar || filter);
  if (!text && !similar && !filter) {
    results.replaceChildren();
    map.light([]);
    $('#more').hidden = true;
    notes.showFound([]);
    return say(ready());
  }
  const options = { k: SHOWN, ...(filter && { filter }) };
  const embedded = text && !similar && state.model ? await embed(text) : undefined;
  let ways = ['text', text];
  if (similar) ways = ['similar', similar.id];
  else if (embedded) ways = ['search', embedded.vector];
  const found = await database(...ways, options);
  const marked = similar ? '' : text;
  showHits(results, found.hits, marked, showSimilar);
  page = { ways, options, marked, ids: found.hits.map((hit) => hit.id) };
  $('#more').hidden = found.hits.length < SHOWN;
  if (embedded || similar) addTimes({ embed: embedded?.ms, search: found.ms, total: performance.now() - begin });
  map.light(page.ids);
  say(heading(question, found.hits.length, embedded));
  if (!embedded) return notes.showFound([]);
  notes.showFound(await database('notes', 'search', embedded.vector, 2).catch(() => []));
  clearTimeout(recallTimer);
  recallTimer = setTimeout(() => showRecall(embedded.vector, { ...options, k: 10 }), PAUSE);
}

/** Of the newest query, and only where typing pauses: the exact search that it takes is not to keep the next key waiting. */
async function showRecall(vector, options) {
  const share = await database('recall', vector, options).catch(() => undefined);
  if (share !== undefined) $('#recall').textContent = `${Math.round(share * 100)} %`;
}

/** The next page of the same search. */
async function more() {
  const asked = page;
  const { hits } = await database(...asked.ways, { ...asked.options, offset: asked.ids.length });
  if (page !== asked) return;
  const first = showHits(results, hits, asked.marked, showSimilar, true);
  asked.ids.push(...hits.map((hit) => hit.id));
  map.light(asked.ids);
  $('#more').hidden = hits.length < SHOWN;
  say(hits.length ? `${asked.ids.length} packages are shown.` : 'There are no more.');
  first?.querySelector('button').focus({ preventScroll: true });
}

function heading({ text, similar, filter }, count, embedded) {
  const where = filter ? ' that pass the filters' : '';
  if (similar) return `${count} packages most like ${similar.name}${where}.`;
  if (embedded) return `The ${count} nearest of ${state.database.size.toLocaleString('en')} packages${where}.`;
  const how = text ? `that contain “${text}”` : 'in order of their names';
  const later = text ? '; search by meaning follows when the model is there' : '';
  return `${count}${count === SHOWN ? ' or more' : ''} packages ${how}${where}${later}.`;
}

function showSimilar(id, name) {
  state.similar = { id, name };
  like.hidden = false;
  like.textContent = `Like ${name} ✕`;
  like.setAttribute('aria-label', `Like ${name}: back to the words`);
  refresh();
  scrollTo({ top: 0 });
  $('#results-title').focus({ preventScroll: true });
}

function dropSimilar() {
  state.similar = undefined;
  like.hidden = true;
}

// ---- words to the user ----

function say(text) {
  status.textContent = text;
}

function ready() {
  const { size, bytes } = state.database;
  const file = `${size.toLocaleString('en')} packages in a file of ${(bytes / 2 ** 20).toFixed(0)} MiB`;
  return state.model ? `${file}: ready. Press / to type.` : `${file}; the model is loading, until then words are looked for.`;
}

function progress(id, { loaded, total }) {
  const bar = $(id);
  bar.closest('label').hidden = loaded === total;
  $('#loading').hidden = [...document.querySelectorAll('#loading label')].every((label) => label.hidden);
  if (total) bar.value = loaded / total;
  else bar.removeAttribute('value');
}

function failed(error) {
  console.error(error);
  say(`That did not work: ${error.message}`);
}

// ---- controls ----

query.addEventListener('input', () => {
  dropSimilar();
  refresh();
});
like.addEventListener('click', () => {
  dropSimilar();
  query.focus();
  refresh();
});
$('#more').addEventListener('click', () => more().catch(failed));
$('#search').addEventListener('submit', (event) => {
  event.preventDefault();
  refresh();
});

addEventListener('keydown', (event) => {
  const typing = /^(input|textarea|select)$/i.test(event.target.tagName) && event.target.type !== 'radio';
  if (event.key === '/' && !typing) {
    event.preventDefault();
    query.focus();
    query.select();
  }
  if ((event.key === 'ArrowDown' || event.key === 'ArrowUp') && (event.target === query || results.contains(event.target))) {
    const stops = [query, ...results.querySelectorAll('button')];
    const next = stops[stops.indexOf(event.target) + (event.key === 'ArrowDown' ? 1 : -1)];
    if (!next) return;
    event.preventDefault();
    next.focus();
  }
});

$('#modes').addEventListener('change', async ({ target }) => {
  const mode = target.value;
  if (mode === 'binary') say('Loading the binary index …');
  $('#recall').textContent = '–';
  try {
    if (!(await database('setMode', mode, about.files['packages-binary.gv']))) return; // another was chosen since
    state.mode = mode;
    clearTimes();
    showMode();
    await database('warmUp');
    refresh();
  } catch (error) {
    $(`#modes [value=${state.mode}]`).checked = true;
    failed(error);
  }
});

function showMode() {
  $('#mode-hint').textContent = MODES[state.mode];
}

$('#download').addEventListener('click', async () => {
  const bytes = await (await fetch('data/packages.gv')).blob(); // as Python wrote it; from the cache by now
  const url = URL.createObjectURL(bytes);
  Object.assign(document.createElement('a'), { href: url, download: 'packages.gv' }).click();
  setTimeout(() => URL.revokeObjectURL(url), 60_000);
});

$('#open-file').addEventListener('change', async ({ target }) => {
  const [file] = target.files;
  target.value = '';
  if (!file) return;
  try {
    opened(await database('openBytes', new Uint8Array(await file.arrayBuffer())));
    for (const input of document.querySelectorAll('#modes [value=binary]')) input.disabled = true;
    $('#modes [value=hnsw]').checked = true;
    state.mode = 'hnsw';
    showMode();
    $('#file-hint').textContent = `Open: ${file.name}`;
    map.hide();
    dropSimilar();
    clearTimes();
    refresh();
  } catch (error) {
    failed(error);
  }
});

// ---- start ----

function opened(description) {
  state.database = description;
  facets.setSections(description.sections);
  $('#download').disabled = false;
}

function showExamples() {
  const hint = document.createElement('p');
  hint.textContent = 'Say what you need in your own words, for example:';
  const buttons = EXAMPLES.map((text) => {
    const button = Object.assign(document.createElement('button'), { type: 'button', textContent: text });
    button.addEventListener('click', () => {
      query.value = text;
      query.focus();
      refresh();
    });
    return button;
  });
  $('#examples').replaceChildren(hint, ...buttons);
}

async function start() {
  showExamples();
  showMode();
  query.value = new URLSearchParams(location.hash.slice(1)).get('q') ?? '';
  await keepOffline($('#network'));
  const base = new URL('./', location.href).href;
  about = await (await fetch('data/about.json')).json();
  $('#footer').textContent =
    `Texts: package descriptions of ${about.source}, each under its package’s own licence. ` +
    'Model: all-MiniLM-L6-v2 (Apache-2.0), int8.';
  // The model waits for the database's bytes, so that words can be looked for as early as possible.
  const loadingModel = databaseFetched.then(() => model('load', base, about)).then(() => {
    state.model = true;
    progress('#model-progress', { loaded: 1, total: 1 });
    notes.ready();
  });
  opened(await database('load', base, about));
  mark('database');
  progress('#database-progress', { loaded: 1, total: 1 });
  refresh();
  database('warmUp');
  await notes.start();
  await showMap();
  await loadingModel;
  mark('model');
  refresh();
}

async function showMap() {
  const response = await fetch('data/map.bin');
  if (!response.ok) return;
  const { sectionOf, sections } = state.database;
  map.load(await response.arrayBuffer(), sectionOf, sections.map(([name]) => name), (id) => database('name', id));
}

/** For the tests: when things were there, in ms from navigation. */
function mark(name) {
  document.documentElement.dataset[name] = Math.round(performance.now());
}

window.demo = { embed, database, summary };
start().catch(failed);
