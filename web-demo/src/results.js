/** Hits as a list. Everything that comes out of a database is text to the page, never markup. */

/** `onSimilar(id, name)` is what a hit's button does. `append` keeps those that are shown. The first new one. */
export function showHits(list, hits, query, onSimilar, append = false) {
  const words = wordsOf(query);
  const items = hits.map((hit) => hitElement(hit, words, onSimilar));
  list.dataset.query = query;
  if (append) list.append(...items);
  else list.replaceChildren(...items);
  return items[0];
}

/** Words worth lighting: of three letters or more, or all there are. */
function wordsOf(query) {
  const words = query.toLowerCase().match(/[\p{L}\p{N}]+/gu) ?? [];
  const long = words.filter((word) => word.length > 2 && !['the', 'and', 'for', 'with', 'that', 'from'].includes(word));
  return (long.length ? long : words).map((word) => (word.length > 4 ? word.replace(/(ing|es|s|ed)$/, '') : word));
}

function hitElement({ id, distance, metadata }, words, onSimilar) {
  const name = metadata.package ?? metadata.name ?? metadata.title ?? `row ${id}`;
  const item = element('li', 'hit');
  const heading = element('h3');
  heading.append(...lit(name, words));
  const kind = element('span', 'kind');
  kind.textContent = [metadata.section, sizeText(metadata.size)].filter(Boolean).join(' · ');
  heading.append(' ', kind);
  const summary = element('p', 'summary');
  summary.append(...lit(metadata.description ?? metadata.text ?? '', words));
  const side = element('div', 'side-cell');
  if (distance !== undefined) side.append(nearness(distance));
  const similar = element('button', 'quiet');
  similar.type = 'button';
  similar.textContent = 'Similar';
  similar.setAttribute('aria-label', `Packages similar to ${name}`);
  similar.addEventListener('click', () => onSimilar(id, name));
  side.append(similar);
  item.append(heading, summary, side);
  if (metadata.details) {
    const details = element('p', 'details');
    details.append(...lit(metadata.details, words));
    item.append(details);
  }
  return item;
}

function nearness(distance) {
  const near = element('span', 'near');
  near.title = `cosine distance ${distance.toFixed(4)}`;
  const bar = element('i');
  bar.style.setProperty('--share', `${Math.max(0, Math.min(1, 1 - distance)) * 100}%`);
  near.append((1 - distance).toFixed(2), bar);
  return near;
}

/** The text in pieces: each word that begins with one of `words` in a <mark>. */
function lit(text, words) {
  if (!words.length) return [text];
  return text.split(/([\p{L}\p{N}]+)/u).map((piece) => {
    if (!words.some((word) => piece.toLowerCase().startsWith(word))) return piece;
    const mark = element('mark');
    mark.textContent = piece;
    return mark;
  });
}

function sizeText(size) {
  if (size === undefined) return '';
  const kib = Number(size);
  return kib >= 1024 ? `${(kib / 1024).toFixed(1)} MiB` : `${kib} KiB`;
}

function element(tag, className) {
  const made = document.createElement(tag);
  if (className) made.className = className;
  return made;
}
