/**
 * Where the fields of the C structs lie in wasm32 memory, by their C names: [type, offset].
 * include/gigavector.h is the truth; test/abi.test.js holds every line of this file to it.
 */

/** Numbers of the C enums, by the names this package uses for them. */
export const INDEX_TYPES = { kdtree: 0, hnsw: 1, ivfpq: 2, sparse: 3, flat: 4 };
export const DISTANCES = { euclidean: 0, cosine: 1, dot: 2, manhattan: 3 };
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

export const STRUCTS = {
  GV_PackedMetadata: { size: 8, fields: { bytes: ['pointer', 0], size_bytes: ['u32', 4] } },
  GV_HNSWConfig: {
    size: 24,
    fields: {
      struct_size: ['u32', 0],
      M: ['u32', 4],
      ef_construction: ['u32', 8],
      ef_search: ['u32', 12],
      use_binary_quant: ['u32', 16],
      quant_rerank: ['u32', 20],
    },
  },
  GV_IVFPQConfig: {
    size: 40,
    fields: {
      struct_size: ['u32', 0],
      nlist: ['u32', 4],
      m: ['u32', 8],
      nbits: ['u32', 12],
      nprobe: ['u32', 16],
      train_iters: ['u32', 20],
      default_rerank: ['u32', 24],
      rotate: ['u32', 28],
      train_rows: ['u32', 32],
      auto_train: ['u32', 36],
    },
  },
  GV_OpenOptions: {
    size: 64,
    fields: {
      struct_size: ['u32', 0],
      index_type: ['i32', 4],
      dimension: ['u32', 8],
      distance: ['i32', 12],
      durability: ['i32', 16],
      read_only: ['u32', 20],
      memory_map: ['u32', 24],
      checkpoint_on_close: ['u32', 28],
      threads: ['u32', 32],
      seed: ['u64', 40],
      kernels: ['pointer', 48],
      hnsw: ['pointer', 52],
      ivfpq: ['pointer', 56],
    },
  },
  GV_SearchOptions: {
    size: 44,
    fields: {
      struct_size: ['u32', 0],
      distance: ['i32', 4],
      ef_search: ['u32', 8],
      with_vectors: ['u32', 12],
      with_metadata: ['u32', 16],
      threads: ['u32', 20],
      filter_key: ['pointer', 24],
      filter_value: ['pointer', 28],
      filter: ['pointer', 32],
      nprobe: ['u32', 36],
      rerank: ['u32', 40],
    },
  },
  GV_ResourceLimits: {
    size: 24,
    fields: {
      struct_size: ['u32', 0],
      max_concurrent_operations: ['u32', 4],
      max_memory_bytes: ['u64', 8],
      max_vectors: ['u64', 16],
    },
  },
  GV_DatabaseInfo: {
    size: 104,
    fields: {
      struct_size: ['u32', 0],
      index_type: ['i32', 4],
      distance: ['i32', 8],
      read_only: ['u32', 12],
      dimension: ['u64', 16],
      count: ['u64', 24],
      next_id: ['u64', 32],
      generation: ['u64', 40],
      image_bytes: ['u64', 48],
      log_bytes: ['u64', 56],
      recovered_groups: ['u64', 64],
      cut_bytes: ['u64', 72],
      memory_bytes: ['u64', 80],
      seed: ['u64', 88],
      kernels: ['pointer', 96],
      trained: ['u32', 100],
    },
  },
  GV_CheckReport: {
    size: 40,
    fields: {
      struct_size: ['u32', 0],
      superblock_copies: ['u32', 4],
      rows: ['u64', 8],
      reachable: ['u64', 16],
      links: ['u64', 24],
      faults: ['u64', 32],
    },
  },
  GV_Rows: {
    size: 28,
    fields: {
      count: ['u32', 0],
      dimension: ['u32', 4],
      ids: ['pointer', 8],
      distances: ['pointer', 12],
      vectors: ['pointer', 16],
      metadata: ['pointer', 20],
      metadata_bytes: ['u32', 24],
    },
  },
};
