/** Section and size as a filter expression, which the search itself applies. */
const SIZES = [
  ['any', 'Any', ''],
  ['small', 'Up to 1 MiB', 'size <= 1024'],
  ['medium', '1 to 20 MiB', 'size > 1024 AND size <= 20480'],
  ['large', 'Over 20 MiB', 'size > 20480'],
];

export function setUpFacets(onChange) {
  const sizes = document.querySelector('#sizes');
  const sections = document.querySelector('#sections');
  const clear = document.querySelector('#clear');
  const checked = () => Array.from(sections.querySelectorAll('input:checked'), (input) => input.value);
  const changed = () => {
    clear.hidden = filter() === undefined;
    onChange();
  };
  for (const [value, label] of SIZES) sizes.append(choice('radio', 'size', value, label));
  sizes.querySelector('input').checked = true;
  if (matchMedia('(max-width: 44rem)').matches) document.querySelector('#filters').open = false;
  for (const set of [sizes, sections]) set.addEventListener('change', changed);
  clear.addEventListener('click', () => {
    for (const input of sections.querySelectorAll('input:checked')) input.checked = false;
    sizes.querySelector('input').checked = true;
    document.querySelector('#query').focus();
    changed();
  });

  function filter() {
    const parts = [];
    const names = checked();
    if (names.length) parts.push(`section IN (${names.map(quoted).join(', ')})`);
    const size = SIZES.find(([value]) => value === sizes.querySelector('input:checked').value)[2];
    if (size) parts.push(size);
    return parts.length ? parts.join(' AND ') : undefined;
  }

  return {
    filter,
    /** `counts`: pairs of a section and its number of rows. */
    setSections(counts) {
      const list = document.createElement('div');
      list.className = 'list';
      for (const [name, count] of counts) list.append(choice('checkbox', 'section', name, name, count));
      sections.querySelector('.list')?.remove();
      sections.append(list);
      clear.hidden = filter() === undefined;
    },
  };
}

function quoted(text) {
  return `"${text.replace(/[\\"]/g, '\\$&')}"`;
}

function choice(type, name, value, label, count) {
  const row = document.createElement('label');
  row.className = 'choice';
  const input = Object.assign(document.createElement('input'), { type, name, value });
  row.append(input, label);
  if (count !== undefined) {
    const number = document.createElement('small');
    number.textContent = count.toLocaleString('en');
    row.append(number);
  }
  return row;
}
