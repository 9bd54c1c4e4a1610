/** The plain filter by words, for as long as the model is on its way: rows that contain all of them. */

/** Names and descriptions of all rows, in lower case. */
export function textTable(db) {
  const rows = [];
  for (let after = -1, page; ; after = page.at(-1).id) {
    page = db.scroll({ ...(after >= 0 && { after }), limit: 5000, withVectors: false });
    if (page.length === 0) return { rows };
    for (const { id, metadata } of page) {
      const name = (metadata.package ?? '').toLowerCase();
      rows.push({ id, name, text: Object.values(metadata).join(' ').toLowerCase(), section: metadata.section });
    }
  }
}

/** At most `k` rows, those with a word in their name first, as hits without a distance. */
export function textSearch(db, table, query, { k, filter, offset = 0 }) {
  const words = query.toLowerCase().split(/\s+/).filter(Boolean);
  const passes = filter && allowedIds(db, filter);
  const found = [];
  for (const row of table.rows) {
    if ((passes && !passes.has(row.id)) || !words.every((word) => row.text.includes(word))) continue;
    found.push({ id: row.id, score: words.reduce((sum, word) => sum + nameScore(row.name, word), 0) });
  }
  found.sort((a, b) => b.score - a.score || a.id - b.id);
  return found.slice(offset, offset + k).map(({ id }) => ({ id, metadata: db.get(id).metadata }));
}

function nameScore(name, word) {
  if (name === word) return 3;
  return name.startsWith(word) ? 2 : Number(name.includes(word));
}

function allowedIds(db, filter) {
  const ids = new Set();
  for (let after = -1, page; ; after = page.at(-1).id) {
    const from = after >= 0 && { after };
    page = db.scroll({ ...from, filter, limit: 5000, withVectors: false, withMetadata: false });
    if (page.length === 0) return ids;
    for (const { id } of page) ids.add(id);
  }
}
