/** The options of calls: the names that each takes, and the structs of the core that they become. */
import { argumentError } from './error.js';
import { checkOptions, checkedCString, checkedFilter, chosen, flag, whole } from './input.js';
import { DISTANCES, DURABILITIES, INDEX_TYPES, STORAGES, STRUCTS } from './layout.js';
import { describe } from './metadata.js';

export const LARGEST_SIZE = 2 ** 32 - 1; // of size_t in the module

export const OPEN_OPTIONS = [
  ...['dimension', 'index', 'distance', 'hnsw', 'ivfpq', 'durability', 'readOnly', 'seed'],
  ...['storage', 'kernels', 'checkpointOnClose', 'lock', 'wasm'],
];
export const BYTES_OPTIONS = ['dimension', 'index', 'wasm'];
const HNSW_OPTIONS = {
  M: 'M',
  efConstruction: 'ef_construction',
  efSearch: 'ef_search',
  useBinaryQuant: 'use_binary_quant',
  quantRerank: 'quant_rerank',
};
const IVFPQ_OPTIONS = {
  nlist: 'nlist',
  m: 'm',
  nbits: 'nbits',
  nprobe: 'nprobe',
  trainIters: 'train_iters',
  defaultRerank: 'default_rerank',
  rotate: 'rotate',
  trainRows: 'train_rows',
  autoTrain: 'auto_train',
  keepVectors: 'drop_vectors', // C names what a zero must not mean
};
export const MANY_OPTIONS = ['k', 'distance', 'filter', 'efSearch', 'nprobe', 'rerank', 'offset'];
export const SEARCH_OPTIONS = [...MANY_OPTIONS, 'withVectors', 'withMetadata'];
export const RANGE_OPTIONS = ['maxResults', 'distance', 'filter', 'withVectors', 'withMetadata'];
export const GROUP_OPTIONS = ['k', 'groupSize', 'distance', 'filter', 'efSearch', 'withVectors'];
export const SCROLL_OPTIONS = ['after', 'limit', 'filter', 'withVectors', 'withMetadata'];

/** The address of a GV_OpenOptions. What is left out stays at the core's default. */
export function writeOpenOptions(core, frame, options) {
  const at = frame.reserve(STRUCTS.GV_OpenOptions.size);
  core.c.gv_open_options_init(at);
  core.writeStruct('GV_OpenOptions', at, {
    index_type: chosen(INDEX_TYPES, options.index, 'index'),
    dimension: whole(options.dimension, 'dimension', 0, LARGEST_SIZE),
    distance: chosen(DISTANCES, options.distance, 'distance'),
    storage: chosen(STORAGES, options.storage, 'storage'),
    durability: chosen(DURABILITIES, options.durability, 'durability'),
    read_only: flag(options.readOnly, 'readOnly'),
    checkpoint_on_close: flag(options.checkpointOnClose, 'checkpointOnClose'),
    seed: typeof options.seed === 'bigint' ? checkedSeed(options.seed) : whole(options.seed, 'seed'),
    kernels: options.kernels === undefined ? 0 : frame.text(checkedCString(options.kernels, 'kernels')),
    hnsw: options.hnsw === undefined ? 0 : writeHnswOptions(core, frame, options.hnsw),
    ivfpq: options.ivfpq === undefined ? 0 : writeIvfpqOptions(core, frame, options.ivfpq),
  });
  return at;
}

function checkedSeed(seed) {
  if (seed >= 0n && seed < 2n ** 64n) return seed;
  throw argumentError(`seed must be from 0 to 2^64 - 1, got ${seed}`);
}

function writeHnswOptions(core, frame, hnsw) {
  checkOptions(hnsw, Object.keys(HNSW_OPTIONS), 'hnsw');
  const at = frame.reserve(STRUCTS.GV_HNSWConfig.size);
  core.c.gv_hnsw_config_init(at);
  for (const [name, field] of Object.entries(HNSW_OPTIONS)) {
    const value = name === 'useBinaryQuant' ? flag(hnsw[name], name) : whole(hnsw[name], name, 0, LARGEST_SIZE);
    core.writeStruct('GV_HNSWConfig', at, { [field]: value });
  }
  return at;
}

function writeIvfpqOptions(core, frame, ivfpq) {
  checkOptions(ivfpq, Object.keys(IVFPQ_OPTIONS), 'ivfpq');
  const at = frame.reserve(STRUCTS.GV_IVFPQConfig.size);
  core.c.gv_ivfpq_config_init(at);
  for (const [name, field] of Object.entries(IVFPQ_OPTIONS)) {
    const value = name === 'rotate' || name === 'keepVectors' ? flag(ivfpq[name], name) : whole(ivfpq[name], name, 0, LARGEST_SIZE);
    core.writeStruct('GV_IVFPQConfig', at, { [field]: name === 'keepVectors' ? Number(value === 0) : value });
  }
  return at;
}

export function checkedK(options) {
  return Math.min(whole(options.k, 'k') ?? 10, LARGEST_SIZE);
}

/** The address of a GV_SearchOptions for the queries given, of which it has those that are sparse. */
export function writeSearchOptions(core, frame, options, given) {
  const [key, value, expression] = checkedFilter(options.filter);
  const { filters } = options;
  if (filters && !(Array.isArray(filters) && filters.length === given.count)) {
    throw argumentError(`filters must be an array of ${given.count}, one for each query, got ${describe(filters)}`);
  }
  const texts = filters?.map((filter) => frame.text(filter === null ? undefined : checkedCString(filter, 'filters')));
  const at = frame.reserve(STRUCTS.GV_SearchOptions.size);
  core.c.gv_search_options_init(at);
  core.writeStruct('GV_SearchOptions', at, {
    distance: chosen(DISTANCES, options.distance, 'distance'),
    ef_search: whole(options.efSearch, 'efSearch', 0, LARGEST_SIZE),
    nprobe: whole(options.nprobe, 'nprobe', 0, LARGEST_SIZE),
    rerank: whole(options.rerank, 'rerank', 0, LARGEST_SIZE),
    with_vectors: flag(options.withVectors ?? false, 'withVectors'),
    with_metadata: flag(options.withMetadata, 'withMetadata'),
    filter_key: frame.text(key),
    filter_value: frame.text(value),
    filter: frame.text(expression),
    offset: whole(options.offset, 'offset'),
    filters: texts ? frame.u32s(texts) : 0,
    sparse: given?.starts && frame.sparse(given),
  });
  return at;
}
