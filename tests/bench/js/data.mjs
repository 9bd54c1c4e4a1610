/** A data set of bench_data.py, read from the bytes of its files: here and in a page. */

const TYPES = { '<f4': Float32Array, '<i4': Int32Array };

/** The numbers of a .npy file (format 1, little-endian, C order) as one flat array. */
function numbersOf(buffer) {
  const length = new DataView(buffer).getUint16(8, true);
  const header = new TextDecoder().decode(new Uint8Array(buffer, 10, length));
  const [, type] = header.match(/'descr': '(..\d)'/);
  if (!TYPES[type] || !header.includes("'fortran_order': False")) throw new Error(`cannot read an array like ${header}`);
  return new TYPES[type](buffer.slice(10 + length));
}

/** {metric, rows, dimension, base, queries, truth} by `read`, which gives the ArrayBuffer of a file of the folder. */
export async function readData(read) {
  const meta = JSON.parse(new TextDecoder().decode(await read('meta.json')));
  const arrays = await Promise.all(['base', 'queries', 'truth'].map(async (stem) => numbersOf(await read(`${stem}.npy`))));
  const [base, queries, truth] = arrays;
  return { ...meta, base, queries, truth, queryCount: meta.queries };
}

/** Scale every row to unit length, in place. */
export function scaleToUnit(rows, dimension) {
  for (let start = 0; start < rows.length; start += dimension) {
    let square = 0;
    for (let i = start; i < start + dimension; i++) square += rows[i] ** 2;
    const factor = 1 / Math.sqrt(square || 1);
    for (let i = start; i < start + dimension; i++) rows[i] *= factor;
  }
}
