/**
 * The C structs and where their fields lie in wasm32 memory, by their C names.
 * include/gigavector.h is the truth; test/abi.test.js holds every line of this file to it.
 */

/** Numbers of the C enums, by the names this package uses for them. */
export const INDEX_TYPES = { kdtree: 0, hnsw: 1, ivfpq: 2, sparse: 3, flat: 4 };
export const DISTANCES = { euclidean: 0, cosine: 1, dot: 2, manhattan: 3 };
export const STORAGES = { f32: 0, f16: 1, int8: 2 };
/** GV_Way: how a search is answered. */
export const WAYS = ['index', 'flat', 'other metric', 'zero vector', 'untrained', 'few rows', 'scan quicker', 'starved'];
export const DURABILITIES = { commit: 0, os: 1, none: 2 };

export const STATUS = {
  GV_OK: 0,
  GV_ERR_ARGUMENT: -1,
  GV_ERR_NO_MEMORY: -2,
  GV_ERR_IO: -3,
  GV_ERR_CORRUPT: -4,
  GV_ERR_LOCKED: -5,
  GV_ERR_READ_ONLY: -6,
  GV_ERR_NOT_FOUND: -7,
  GV_ERR_LIMIT: -8,
  GV_ERR_UNSUPPORTED: -9,
  GV_ERR_BAD_FILTER: -10,
};

/** GV_OpenMode of src/storage/vfs.h: how the core asks its host for a file. */
export const OPEN_MODES = { GV_FILE_READ: 0, GV_FILE_WRITE: 1, GV_FILE_CREATE: 2 };

const SIZES = { u32: 4, i32: 4, pointer: 4, u64: 8, f64: 8 };

/** 'u32 a b; u64 c*3': types with the fields that have them, laid out as wasm32 does. {size, fields: {name: [type, offset]}}. */
/* @__NO_SIDE_EFFECTS__: entries that need none of the structs are packed without them */
function struct(text) {
  const fields = {};
  let size = 0;
  let align = 4;
  for (const [type, ...names] of text.split('; ').map((part) => part.split(' '))) {
    const width = SIZES[type];
    align = Math.max(align, width);
    size = Math.ceil(size / width) * width;
    for (const [name, count = 1] of names.map((each) => each.split('*'))) {
      fields[name] = [type, size];
      size += width * count;
    }
  }
  return { size: Math.ceil(size / align) * align, fields };
}

export const STRUCTS = {
  GV_PackedMetadata: struct('pointer bytes; u32 size_bytes'),
  GV_HNSWConfig: struct('u32 struct_size M ef_construction ef_search use_binary_quant quant_rerank'),
  GV_IVFPQConfig: struct('u32 struct_size nlist m nbits nprobe train_iters default_rerank rotate train_rows auto_train drop_vectors'),
  GV_OpenOptions: struct(
    'u32 struct_size; i32 index_type; u32 dimension; i32 distance durability; u32 read_only memory_map ' +
    'checkpoint_on_close threads; u64 seed; pointer kernels hnsw ivfpq; i32 storage',
  ),
  GV_SearchOptions: struct(
    'u32 struct_size; i32 distance; u32 ef_search with_vectors with_metadata threads; pointer filter_key ' +
    'filter_value filter; u32 nprobe rerank; u64 offset; pointer filters sparse',
  ),
  GV_ResourceLimits: struct('u32 struct_size max_concurrent_operations; u64 max_memory_bytes max_vectors'),
  GV_DatabaseInfo: struct(
    'u32 struct_size; i32 index_type distance; u32 read_only; u64 dimension count next_id generation ' +
    'image_bytes log_bytes recovered_groups cut_bytes memory_bytes seed; pointer kernels; u32 trained; i32 storage; u32 vectors_dropped',
  ),
  GV_CheckReport: struct('u32 struct_size superblock_copies; u64 rows reachable links faults'),
  GV_Stats: struct(
    'u32 struct_size levels; u64 nodes tombstones free_slots; f64 mean_degree; u64 searches walks scans ' +
    'scanned_rows adds upserts updates deletes checkpoints latencies*32',
  ),
  GV_Explanation: struct('u32 struct_size; i32 way; u64 rows matches hits'),
  GV_SparseRows: struct('u32 count; pointer starts indices values'),
  GV_Rows: struct(
    'u32 count dimension; pointer ids distances vectors metadata; u32 metadata_bytes; pointer groups; u64 ' +
    'total; pointer starts indices values',
  ),
};
