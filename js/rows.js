/** Rows on their way in, and what a search gives on its way out. */
import { toFloats, toSparse } from './input.js';
import { pack, unpack } from './metadata.js';

/** One row, a vector or {indices, values}, as toRows() and toSparse() give many. */
export function toRow(given, what) {
  const sparse = toSparse(given);
  if (sparse) return sparse;
  const floats = toFloats(given, what);
  return { floats, count: 1, dimension: floats.length };
}

/** The address of a GV_PackedMetadata, or NULL if no row has any. */
export function writeMetadata(frame, rows) {
  if (rows.every((metadata) => metadata === undefined || metadata === null)) return 0;
  const packed = pack(rows);
  return frame.struct('GV_PackedMetadata', { bytes: frame.bytes(packed), size_bytes: packed.length });
}

/** Copy out the GV_Rows at `at` and free it: {rows, groups, total}, each row {id, distance?, vector?, metadata?}. */
export function takeRows(core, at) {
  try {
    const found = core.readStruct('GV_Rows', at);
    const { count, dimension } = found;
    const ids = core.numbers(found.ids, count);
    const distances = found.distances && core.floats(found.distances, count);
    const vectors = found.vectors && core.floats(found.vectors, count * dimension);
    const starts = found.starts && core.numbers(found.starts, count + 1);
    const metadata = found.metadata && unpack(core.bytes(found.metadata, found.metadata_bytes), count);
    const groups = found.groups && new Uint32Array(core.c.memory.buffer, found.groups, count).slice();
    const rows = Array.from(ids, (id, i) => {
      const row = { id };
      if (distances) row.distance = distances[i];
      if (vectors) row.vector = vectors.slice(i * dimension, (i + 1) * dimension);
      if (starts) {
        const length = starts[i + 1] - starts[i];
        row.pairs = {
          indices: new Uint32Array(core.c.memory.buffer, found.indices + 4 * starts[i], length).slice(),
          values: core.floats(found.values + 4 * starts[i], length).slice(),
        };
      }
      if (metadata) row.metadata = metadata[i];
      return row;
    });
    return { rows, groups, total: Number(found.total) };
  } finally {
    core.c.gv_rows_free(at);
  }
}
