/* gigavector.h: the whole public interface of libGigaVector, an embedded vector database.
 *
 * True of every function unless its own comment says otherwise:
 *   shapes      `data[dimension]` is that many consecutive f32; matrices are row-major `[rows, dimension]`.
 *   units       a distance is in its metric's unit (GV_DistanceType); sizes end in `_bytes`.
 *   ids         uint64, given by insertion order from 0, never reused; stable over delete, update and reopen.
 *   ownership   arguments are borrowed for the call and copied if kept; handles belong to the caller.
 *   errors      0 is success, negative is failure; a failed call changed nothing (one exception: GV_ERR_IO
 *               after a failed sync, see gv_db_flush). The reason is in gv_last_status(), gv_last_error().
 *   threads     any number of searches beside one writer on one handle; the library does the locking, and
 *               searches do not wait for a log sync or for a whole batch. gv_db_close() waits for calls in flight.
 *   results     the same completed calls give the same hits, bit for bit, and the same file bytes on every
 *               kernel, thread count and target (docs/architecture.md, "Numbers").
 *   durability  a write that returned GV_OK is in the file, as GV_Durability says (docs/format.md). */
#ifndef GIGAVECTOR_H
#define GIGAVECTOR_H
#include <stddef.h>
#include <stdint.h>

#if defined(__GNUC__) && !defined(__EMSCRIPTEN__)
#pragma GCC visibility push(default)
#endif
#ifdef __cplusplus
extern "C" {
#endif
/* bindings:begin (cffi and the WASM export list are made from here to bindings:end) */

typedef struct GV_Database GV_Database; /* opaque: open, use, close */

typedef enum GV_Status { /* the values are ABI: append, never renumber */
    GV_OK = 0,
    GV_ERR_ARGUMENT = -1,    /* a precondition written in this header was broken */
    GV_ERR_NO_MEMORY = -2,   /* an allocation failed */
    GV_ERR_IO = -3,          /* the file system refused; the message carries its own words */
    GV_ERR_CORRUPT = -4,     /* a checksum or structure check failed; the message carries the offset */
    GV_ERR_LOCKED = -5,      /* another process (or handle) writes this file */
    GV_ERR_READ_ONLY = -6,   /* a write on a read-only handle, or from a forked child */
    GV_ERR_NOT_FOUND = -7,   /* no live row has this id; or no such file for a read-only open */
    GV_ERR_LIMIT = -8,       /* a limit of GV_ResourceLimits, or of the format, would be passed */
    GV_ERR_UNSUPPORTED = -9, /* not in this build: an index type, a kernel, a newer file format */
    GV_ERR_BAD_FILTER = -10, /* a filter that cannot be understood; the message names the place */
} GV_Status;

typedef enum GV_IndexType {
    GV_INDEX_TYPE_KDTREE = 0, /* exact, for low dimensions (Bentley 1975); COSINE and over 64 dimensions scan */
    GV_INDEX_TYPE_HNSW = 1,   /* layered proximity graph (Malkov & Yashunin, arXiv:1603.09320) */
    GV_INDEX_TYPE_IVFPQ = 2,  /* inverted lists of product codes (Jegou et al., TPAMI 2011); see gv_db_ivfpq_train() */
    GV_INDEX_TYPE_SPARSE = 3, /* inverted lists of (index, value) pairs: exact; see gv_db_add_sparse() */
    GV_INDEX_TYPE_FLAT = 4,   /* exact scan: the oracle every other index is tested against */
} GV_IndexType;

typedef enum GV_DistanceType {   /* smaller is nearer everywhere; -0 is given as +0 */
    GV_DISTANCE_EUCLIDEAN = 0,   /* square root of the sum of squared differences */
    GV_DISTANCE_COSINE = 1,      /* 1 - cos, in 0 ..= 2; a zero vector has distance 1 to everything */
    GV_DISTANCE_DOT_PRODUCT = 2, /* the negated dot product */
    GV_DISTANCE_MANHATTAN = 3,   /* sum of absolute differences */
} GV_DistanceType;

typedef enum GV_Durability {
    GV_DURABILITY_COMMIT = 0, /* synced to the disk when the call returns */
    GV_DURABILITY_OS = 1,     /* handed to the system: survives the process, not the power */
    GV_DURABILITY_NONE = 2,   /* for bulk loads: nothing is promised before gv_db_flush(), gv_db_save() or close */
} GV_Durability;

typedef enum GV_Storage { /* what a component of a vector is kept as, in memory and in the file */
    GV_STORAGE_F32 = 0,   /* as it was given: 4 bytes */
    GV_STORAGE_F16 = 1,   /* IEEE 754 binary16: 2 bytes, 11 significant bits, up to 65504 */
    GV_STORAGE_INT8 = 2,  /* 1 byte, times a scale of the row: steps of 1/127 of its largest component */
} GV_Storage;

typedef struct GV_Metadata { /* singly linked list, in insertion order; keys are unique; strings are UTF-8 */
    char *key;
    char *value;
    struct GV_Metadata *next;
} GV_Metadata;

typedef struct GV_Vector {
    size_t dimension;      /* 1 ..= 65535 */
    float *data;           /* [dimension] */
    GV_Metadata *metadata; /* NULL for none */
} GV_Vector;

typedef struct GV_Hit {
    uint64_t id;    /* insertion order, from 0; never reused */
    float distance; /* smaller is nearer, whatever the metric */
} GV_Hit;

/* Metadata of many rows as bytes, in and out of the library. For each row a u32 count of pairs, then for each
 * pair u32 key bytes, u32 value bytes, the key, the value (UTF-8, no NUL anywhere, keys unique within a row).
 * Integers are little-endian and need no alignment. */
typedef struct GV_PackedMetadata {
    const uint8_t *bytes;
    size_t size_bytes;
} GV_PackedMetadata;

/* `struct_size` heads every struct that may grow: set it with the *_init function (or to sizeof). */

typedef struct GV_HNSWConfig {
    uint32_t struct_size;
    uint32_t M;               /* links a node above the base layer, 2 ..= 64; the base layer has 2 M. Default 16 */
    uint32_t ef_construction; /* candidates kept while inserting, 1 ..= 4096. Default 200 */
    uint32_t ef_search;       /* candidates kept while searching, 1 ..= 65536. Default 50 */
    /* 1: 1-bit codes of its neighbours beside each node's links; searches are faster and a row takes 8 M bytes more for
     * each 8 dimensions. Not for MANHATTAN. Default 0 */
    uint32_t use_binary_quant;
    /* Candidates measured by full vectors, at least. Default 0: k, and of the next 4 (by MANHATTAN 12) those whose codes leave it open */
    uint32_t quant_rerank;
} GV_HNSWConfig;

typedef struct GV_IVFPQConfig {
    uint32_t struct_size;
    uint32_t nlist;  /* inverted lists, 1 ..= 65536; about sqrt(rows) is a good number. Default 64 */
    uint32_t m;      /* sub-codes a row, 1 ..= 1024 (at most the dimension are used). Default 8 */
    uint32_t nbits;  /* bits a sub-code, 4 ..= 8. With 4 a code takes m / 2 bytes and is searched 32 rows at a time;
                              * with more it takes m bytes. Default 8 */
    uint32_t nprobe; /* lists visited by a search, 1 ..= 65536; more where a filter leaves too few rows. Default 4 */
    uint32_t train_iters;    /* k-means rounds, 1 ..= 1000. Default 15 */
    uint32_t default_rerank; /* candidates measured by full vectors, 1 ..= 1048576; at least k are. Default 32 */
    uint32_t rotate; /* 1: codes are of rows turned by a random rotation, which evens out their components. Default 0 */
    uint32_t train_rows; /* training looks at no more rows than these, evenly chosen. Default 0: 128 a list, at least
                              * 16384 */
    uint32_t auto_train; /* the add that brings the rows to this number trains the index on them. Default 0: never */
    /* 1: training drops the vectors, in memory and in the file; rows are from then on what their codes stand for, and later ones are
     * rounded to that when they are written. All is exact for what is kept: distances, vectors read back, files. A row then takes its
     * code and some 40 to 60 bytes more, whatever its dimension. By COSINE only its direction is kept. Not for MANHATTAN, nor with
     * a storage but F32. Default 0 */
    uint32_t drop_vectors;
} GV_IVFPQConfig;

typedef struct GV_OpenOptions {
    uint32_t struct_size;
    int32_t index_type;  /* a GV_IndexType; -1: the file's, or HNSW for a new database. Default -1 */
    size_t dimension;    /* 1 ..= 65535, of SPARSE 2^31 - 1; 0: the file's. Default 0 */
    int32_t distance;    /* a GV_DistanceType; -1: the file's, or EUCLIDEAN (SPARSE: DOT_PRODUCT). Default -1 */
    int32_t durability;  /* a GV_Durability. Default GV_DURABILITY_COMMIT */
    uint32_t read_only;  /* 1: no lock, no write, the state at open until gv_db_refresh(). Default 0 */
    uint32_t memory_map; /* 1 (implies read_only): map the file instead of reading it. Default 0 */
    uint32_t checkpoint_on_close; /* 1: pack the log into the image when closing. Default 1 */
    uint32_t threads;             /* for building; the index is the same for any. 0: one a CPU. Default 0 */
    uint64_t seed;                /* of the layer draw; 0: the file's, or the library's constant. Default 0 */
    const char *kernels;          /* force "scalar", "sse41", "avx2", "avx512", "neon", "neon-dot", "wasm128"; NULL: the
                                  * best that runs here, or natively what the environment variable GV_KERNELS names. Default NULL */
    const GV_HNSWConfig *hnsw;    /* NULL: the file's, or the defaults */
    const GV_IVFPQConfig *ivfpq;  /* NULL: the file's, or the defaults */
    /* A GV_Storage; -1: the file's, or F32. Vectors are rounded to it once, when they are written; from then on all is exact for what
     * is kept: distances, vectors read back, files. For HNSW, FLAT and IVFPQ. Default -1 */
    int32_t storage;
} GV_OpenOptions;

typedef struct GV_SparseRows { /* rows of (index, value) pairs, as SciPy's csr_matrix keeps them */
    size_t count;              /* rows */
    const uint64_t *starts;    /* [count + 1]: row i has the pairs starts[i] ..< starts[i + 1], at most 65535 */
    const uint32_t *indices;   /* below the dimension, ascending within a row, each once */
    const float *values;
} GV_SparseRows;

typedef struct GV_SearchOptions {
    uint32_t struct_size;
    int32_t distance;       /* a GV_DistanceType; -1: the index's own. Another metric is answered exactly, by a scan */
    uint32_t ef_search;     /* HNSW: candidates kept, at least k is used; 0: the configuration's. Default 0 */
    uint32_t with_vectors;  /* gv_db_search_rows: copy the vectors. Default 1 */
    uint32_t with_metadata; /* gv_db_search_rows: copy the metadata. Default 1 */
    uint32_t threads;       /* gv_db_search_batch: spread the queries over so many. 0 and 1: one. Default 0 */
    const char *filter_key; /* only rows whose metadata has this key ... NULL: all rows. Default NULL */
    const char *filter_value; /* ... with exactly this value (bytes). Needed with filter_key */
    const char *filter; /* only rows for which this expression holds (docs/filters.md), UTF-8; with a pair both must.
                         * NULL: all rows. Default NULL */
    uint32_t nprobe;    /* IVFPQ: lists visited; 0: the configuration's. Default 0 */
    uint32_t rerank; /* IVFPQ: candidates measured by full vectors, at least k are; 0: the configuration's. Default 0 */
    uint64_t offset; /* leave out so many of the nearest: hits offset .. offset + k - 1. Costs what k + offset would.
                         * For gv_db_search*() only. Default 0 */
    /* gv_db_search_batch*() only: an expression for each query, in place of `filter`; a NULL among them: all rows. NULL: one
     * filter for all. Default NULL */
    const char *const *filters;
    /* SPARSE: the query of the call, one row, in place of its vector, which is then not looked at, nor is `dimension`: NULL and 0 will
     * do. For gv_db_search_batch*() as many rows as queries. Borrowed for the call. NULL: vectors. Default NULL */
    const GV_SparseRows *sparse;
} GV_SearchOptions;

typedef struct GV_ResourceLimits { /* 0 means no limit; checked before a write, which then changes nothing */
    uint32_t struct_size;
    uint32_t max_concurrent_operations; /* calls under way on the handle at once */
    uint64_t max_memory_bytes;          /* of gv_db_get_memory_usage() */
    uint64_t max_vectors;               /* live rows */
} GV_ResourceLimits;

typedef struct GV_DatabaseInfo {
    uint32_t struct_size;
    int32_t index_type;        /* a GV_IndexType */
    int32_t distance;          /* a GV_DistanceType */
    uint32_t read_only;        /* 0 or 1 */
    uint64_t dimension;        /* components a row */
    uint64_t count;            /* live rows */
    uint64_t next_id;          /* the id of the next row added */
    uint64_t generation;       /* checkpoints this file has seen; 0: no file */
    uint64_t image_bytes;      /* size of the packed image */
    uint64_t log_bytes;        /* size of the log tail behind it */
    uint64_t recovered_groups; /* commit groups that open replayed from the log */
    uint64_t cut_bytes;        /* torn bytes that open cut off behind the last whole group */
    uint64_t memory_bytes;     /* as gv_db_get_memory_usage() */
    uint64_t seed;
    const char *kernels;      /* name of the kernels in use; static */
    uint32_t trained;         /* IVFPQ: 1 once it is trained; 1 for any other index */
    int32_t storage;          /* a GV_Storage */
    uint32_t vectors_dropped; /* 1 once training has, for GV_IVFPQConfig.drop_vectors */
} GV_DatabaseInfo;

typedef struct GV_CheckReport {
    uint32_t struct_size;
    uint32_t superblock_copies; /* valid copies in the file, 0 ..= 2; 2 without a file */
    uint64_t rows;              /* live rows */
    uint64_t reachable;         /* live rows that a walk from the entry point reaches; `rows` where no graph is */
    uint64_t links;             /* links of the base layer */
    uint64_t faults;            /* broken invariants found; the first is in gv_last_error() */
} GV_CheckReport;

typedef struct GV_Stats { /* of one handle, since it was opened; calls that failed are not counted */
    uint32_t struct_size;
    uint32_t levels;       /* HNSW: layers above the base; the rest of these are of the index as it is now */
    uint64_t nodes;        /* HNSW: nodes of the graph; equal rows share one. Else the live rows */
    uint64_t tombstones;   /* slots of deleted rows that the index still needs */
    uint64_t free_slots;   /* slots that the next rows will get before the file grows */
    double mean_degree;    /* HNSW: links a node of the base layer has, by a sample of at most 1,024 nodes; else 0 */
    uint64_t searches;     /* queries: each of a batch counts */
    uint64_t walks;        /* searches of the index that they took: one a query, more for groups */
    uint64_t scans;        /* and exact scans, which queries of a batch may share */
    uint64_t scanned_rows; /* rows that were compared with queries in them */
    uint64_t adds;         /* calls that added rows, as all below counts calls */
    uint64_t upserts;
    uint64_t updates;     /* of a vector or of metadata */
    uint64_t deletes;     /* by id or by filter */
    uint64_t checkpoints; /* images written to the own file: by save, or because the log was long */
    /* Queries that took less than 1, 2, 4, ... microseconds and not less than the one before; the last: all others. Queries
     * of a batch share its time. All 0 on a target without a clock (WASM). */
    uint64_t latencies[32];
} GV_Stats;

typedef enum GV_Way {        /* how a search is answered, and why; all but the first are exact scans */
    GV_WAY_INDEX = 0,        /* by the index, which is quicker */
    GV_WAY_NO_INDEX = 1,     /* FLAT has none */
    GV_WAY_OTHER_METRIC = 2, /* the index was built for another metric */
    GV_WAY_ZERO_VECTOR = 3,  /* by cosine all rows are equally far from it */
    GV_WAY_UNTRAINED = 4,    /* the index must be trained first */
    GV_WAY_FEW_ROWS = 5,     /* no more rows to choose from than the exact search threshold */
    GV_WAY_SCAN_QUICKER = 6, /* so few rows pass the filter, or so many are asked for, that a scan is no slower */
    GV_WAY_STARVED = 7       /* the index found fewer rows than there are, and the scan found the others */
} GV_Way;

typedef struct GV_Explanation {
    uint32_t struct_size;
    int32_t way;      /* a GV_Way */
    uint64_t rows;    /* live rows */
    uint64_t matches; /* of them those that pass the filter */
    uint64_t hits;    /* that the search found */
} GV_Explanation;

typedef struct GV_Rows { /* rows copied out of a database; free with gv_rows_free() */
    size_t count;        /* rows */
    size_t dimension;    /* components a row */
    uint64_t *ids;       /* [count] */
    float *distances;    /* [count]; NULL from gv_db_get_rows() and gv_db_scroll() */
    float *vectors;      /* [count, dimension]; NULL if not asked for */
    uint8_t *metadata;   /* as GV_PackedMetadata, row after row; NULL if not asked for */
    size_t metadata_bytes;
    uint32_t *groups; /* [count]; the group of each row, from 0: from gv_db_search_groups() only, else NULL */
    uint64_t total;   /* rows that there are: of gv_db_range_search() those within the radius; else `count` */
    uint64_t *starts; /* [count + 1]: of SPARSE, in place of `vectors`: row i has pairs starts[i] ..< starts[i + 1] */
    uint32_t *indices;
    float *values;
} GV_Rows;

/* ---- the library ---- */

/* "major.minor.patch"; static. */
const char *gv_version(void);

/* Status of this thread's latest failed call (what a NULL return cannot carry), and its sentence.
 * The sentence is borrowed, valid until the thread's next failure, never NULL. */
GV_Status gv_last_status(void);
const char *gv_last_error(void);

/* "GV_ERR_IO" for GV_ERR_IO, and so on; "GV_ERR_UNKNOWN" for no status of ours. Static. */
const char *gv_status_name(int status);

/* Fill a struct with `struct_size` and the defaults named above. NULL is ignored. */
void gv_open_options_init(GV_OpenOptions *options);
void gv_search_options_init(GV_SearchOptions *options);
void gv_hnsw_config_init(GV_HNSWConfig *config);
void gv_ivfpq_config_init(GV_IVFPQConfig *config);

/* Free what gv_db_save_to_memory(), gv_db_indexed_keys(), gv_db_get() or a function returning GV_Rows handed out. NULL is a no-op. */
void gv_free(void *memory);
void gv_vector_free(GV_Vector *vector);
void gv_rows_free(GV_Rows *rows);

/* ---- open and close ---- */

/* Open the database in the file `filepath`, creating it if absent; NULL keeps it in memory only.
 *
 * The values of an existing file win where an option is left at "the file's"; an option that differs from the
 * file is GV_ERR_ARGUMENT and names both. HNSW's `ef_search` and IVFPQ's `nprobe` and
 * `default_rerank` alone may differ: they are then the handle's defaults.
 * After a crash the file is recovered first: every write that returned GV_OK is there, in order.
 * A writer holds an advisory lock (flock) on the file for as long as it is open: GV_ERR_LOCKED for a second one;
 * read-only handles need no lock and never write.
 * On success `*out` is a handle for gv_db_close(); on failure it is NULL. `options` may be NULL. */
GV_Status gv_db_open_with_options(const char *filepath, const GV_OpenOptions *options, GV_Database **out);

/* The same with few words: a handle, or NULL with the reason in gv_last_error(). `dimension` 0: the file's. */
GV_Database *gv_db_open(const char *filepath, size_t dimension, GV_IndexType index_type);
GV_Database *gv_db_open_with_hnsw_config(const char *filepath, size_t dimension, GV_IndexType index_type,
                                         const GV_HNSWConfig *config);
GV_Database *gv_db_open_with_ivfpq_config(const char *filepath, size_t dimension, GV_IndexType index_type,
                                          const GV_IVFPQConfig *config);

/* Read-only, with what is large left in the mapped file: vectors, their codes, the graph's links. Memory takes what is
 * small or read at every opening: some 10 bytes a row, and the metadata's places. Each block of the rest is verified at
 * its first touch, where a search may then answer GV_ERR_CORRUPT. A log tail is replayed into private copies of the
 * pages, for which an HNSW index verifies its part of the file at once. */
GV_Database *gv_db_open_mmap(const char *filepath, size_t dimension, GV_IndexType index_type);

/* Open the bytes of a database file. They are copied; the handle lives in memory and may be written and saved. */
GV_Database *gv_db_open_from_memory(const void *data, size_t size_bytes, size_t dimension, GV_IndexType index_type);

/* Write what is owed, pack the log into the image if asked (GV_OpenOptions), unlock and free `db`. Waits for
 * calls in flight. NULL is a no-op. The handle is dead afterwards, whatever is returned. */
GV_Status gv_db_close(GV_Database *db);

/* Pack the database into `filepath` by a new file, sync, rename, sync of the folder. NULL: its own file
 * (GV_ERR_ARGUMENT for a database in memory). Another path is written beside and leaves this handle on its own
 * file; it is locked meanwhile. GV_ERR_ARGUMENT if the other path is the open file itself, or a file that is neither
 * empty nor a database: that is never overwritten. */
GV_Status gv_db_save(GV_Database *db, const char *filepath);

/* The bytes that gv_db_save() would write, in memory for gv_free(). */
GV_Status gv_db_save_to_memory(GV_Database *db, void **data, size_t *size_bytes);

/* Sync every acknowledged write to the disk. GV_ERR_IO, here or from a write that syncs: what reached the disk is
 * unknown until the file is opened again; the handle refuses further writes, and searches go on. */
GV_Status gv_db_flush(GV_Database *db);

/* Read-only handles: take over the newest state of the file. GV_ERR_ARGUMENT on a writer, and where the file is another database's by
 * now, of another dimension or kind of rows. */
GV_Status gv_db_refresh(GV_Database *db);

/* ---- write: each call is one commit group, applied whole or not at all ---- */

/* Append `rows[count, dimension]`; `metadata` for all rows, or NULL; their ids to `ids[count]`, or NULL.
 * The rows appear to searches together. `count` 0 is a no-op.
 * GV_ERR_ARGUMENT: `dimension` is not the database's; a component is not finite, or so large that the squared
 * norm is not; metadata that breaks its rules. GV_ERR_LIMIT: a limit, checked before anything is written. */
GV_Status gv_db_add(GV_Database *db, const float *rows, size_t count, size_t dimension,
                    const GV_PackedMetadata *metadata, uint64_t *ids);

GV_Status gv_db_add_vector(GV_Database *db, const float *data, size_t dimension);
GV_Status gv_db_add_vector_with_metadata(GV_Database *db, const float *data, size_t dimension, const char *key,
                                         const char *value);
GV_Status gv_db_add_vector_with_rich_metadata(GV_Database *db, const float *data, size_t dimension,
                                              const char *const *keys, const char *const *values, size_t count);
GV_Status gv_db_add_vectors(GV_Database *db, const float *data, size_t count, size_t dimension);

/* Append sparse rows to a SPARSE database, as gv_db_add() does vectors; a row may have no pairs at all.
 * GV_ERR_ARGUMENT: the database has vectors; an index is not below its dimension, or not above the one before; a value is not
 * finite; metadata that breaks its rules. */
GV_Status gv_db_add_sparse(GV_Database *db, const GV_SparseRows *rows, const GV_PackedMetadata *metadata,
                           uint64_t *ids);

/* The same as gv_db_upsert_many() does it. */
GV_Status gv_db_upsert_sparse(GV_Database *db, const GV_SparseRows *rows, const GV_PackedMetadata *metadata,
                              const char *key, uint64_t *ids);

/* Replace the pairs of row `id`, keeping its id and metadata. */
GV_Status gv_db_update_sparse(GV_Database *db, uint64_t id, const uint32_t *indices, const float *values, size_t count);

/* Delete the rows `ids[count]`, all or none: GV_ERR_NOT_FOUND names the first that is not there, GV_ERR_ARGUMENT
 * one that is listed twice. They leave the results at once, and their neighbours are linked to one another. */
GV_Status gv_db_delete(GV_Database *db, const uint64_t *ids, size_t count);
GV_Status gv_db_delete_vector_by_index(GV_Database *db, uint64_t id);

/* Delete the rows that pass the filter of `options` (nothing else of them counts), all or none; GV_ERR_ARGUMENT without a
 * filter. `*deleted` (or NULL) is how many they were. */
GV_Status gv_db_delete_matching(GV_Database *db, const GV_SearchOptions *options, uint64_t *deleted);

/* Replace the vector of row `id`, keeping its id and metadata. */
GV_Status gv_db_update_vector(GV_Database *db, uint64_t id, const float *data, size_t dimension);

/* Replace all metadata of row `id`: by `metadata` of one row, or by `count` pairs. NULL or 0 leaves none. */
GV_Status gv_db_update_metadata(GV_Database *db, uint64_t id, const GV_PackedMetadata *metadata);
GV_Status gv_db_update_vector_metadata(GV_Database *db, uint64_t id, const char *const *keys, const char *const *values,
                                       size_t count);

/* Write one row: it replaces the live row whose metadata has the same value of `key` as `metadata` (of one row) has, vector
 * and metadata, and keeps its id; where there is none it is added. `*id` (or NULL) is its id either way.
 * A search sees the old row or the new one, whole. The row is found by the index over metadata once the key is declared (gv_db_index_keys())
 * or some calls have asked for it; before, and in the small WebAssembly module, by a look at every live row's metadata.
 * GV_ERR_ARGUMENT: as gv_db_add(); `metadata` without `key`; two live rows have that value (the message names them). */
GV_Status gv_db_upsert(GV_Database *db, const float *data, size_t dimension, const GV_PackedMetadata *metadata,
                       const char *key, uint64_t *id);

/* The same for `rows[count, dimension]` with the metadata of all, in one commit group: searches see all of it or nothing.
 * Their ids to `ids[count]`, or NULL. One look serves all rows. Two of them with the same value of `key` are
 * GV_ERR_ARGUMENT. */
GV_Status gv_db_upsert_many(GV_Database *db, const float *rows, size_t count, size_t dimension,
                            const GV_PackedMetadata *metadata, const char *key, uint64_t *ids);

/* Train an IVFPQ index on `rows[count, dimension]`, or on the rows it has (`rows` NULL, `count` 0), and index all of these by
 * what was learned. Until then rows are kept and searched by exact scans. Any number of rows will do, also fewer than lists,
 * and equal ones; but few say little of the many that come later: call it again when the rows have doubled or changed.
 * Searches go on meanwhile. A commit group of its own; with GV_IVFPQConfig.drop_vectors a file packed anew, as gv_db_compact() makes it, from
 * the vectors' codes, for which there must be memory beside the vectors.
 * GV_ERR_ARGUMENT: another index; `dimension` is not the database's; a row is not finite; there are no rows at all.
 * GV_ERR_UNSUPPORTED: MANHATTAN, which has no such codes; searches are exact scans. Or the vectors have been dropped: gv_db_convert() makes an
 * untrained index of what is kept. */
GV_Status gv_db_ivfpq_train(GV_Database *db, const float *rows, size_t count, size_t dimension);

/* ---- read ---- */

/* Write the `k` rows nearest to `query[dimension]` to the caller's `hits[k]`, nearest first.
 *
 * Always min(k, live rows that pass the filter) hits, whatever the index, the filter and the deletes before;
 * equal distances are ordered by id. `*hit_count` is how many were written. `k` 0 is GV_ERR_ARGUMENT. */
GV_Status gv_db_search(GV_Database *db, const float *query, size_t dimension, size_t k, GV_Hit *hits,
                       size_t *hit_count);
GV_Status gv_db_search_filtered(GV_Database *db, const float *query, size_t dimension, size_t k,
                                GV_DistanceType distance, const char *filter_key, const char *filter_value,
                                GV_Hit *hits, size_t *hit_count);

/* The same for `queries[query_count, dimension]`: `ids` and `distances` are the caller's `[query_count, k]`, short
 * rows padded with UINT64_MAX and +infinity; `counts[query_count]` (or NULL) says how many are hits. Each query sees
 * the database as of some instant during the call. `options` may be NULL. The answers are the same for any number of
 * threads, and so is the failure, where several queries fail: that of the first. */
GV_Status gv_db_search_batch(GV_Database *db, const float *queries, size_t query_count, size_t dimension, size_t k,
                             const GV_SearchOptions *options, uint64_t *ids, float *distances, size_t *counts);

/* One query, with the vectors and metadata of its hits, all as of one instant. `*out` is for gv_rows_free(). */
GV_Status gv_db_search_rows(GV_Database *db, const float *query, size_t dimension, size_t k,
                            const GV_SearchOptions *options, GV_Rows **out);

/* gv_db_search_rows() for `queries[query_count, dimension]`, as gv_db_search_batch(): `out[query_count]` are each for gv_rows_free(); all NULL
 * where the call fails. The rows of one query are as of one instant. */
GV_Status gv_db_search_batch_rows(GV_Database *db, const float *queries, size_t query_count, size_t dimension, size_t k,
                                  const GV_SearchOptions *options, GV_Rows **out);

/* Carry out a search as gv_db_search_rows() does, and say which way it went and why, instead of what it found.
 * `explanation`: its struct_size set by the caller. */
GV_Status gv_db_explain(GV_Database *db, const float *query, size_t dimension, size_t k,
                        const GV_SearchOptions *options, GV_Explanation *explanation);

/* The `k` rows of a SPARSE database nearest to a query of `count` pairs (as those of a row), by DOT_PRODUCT or COSINE: exact, and
 * min(k, live rows that pass the filter) of them, also rows that share no index with the query. Of `options` ef_search, nprobe
 * and rerank say nothing here. Free `*out` with gv_rows_free().
 * A dot product is the f64 sum of the products in order of the indices, rounded once to f32.
 * The other calls that search for a query or for many take pairs as `options->sparse`: batches, groups, all within a radius, gv_db_explain().
 * GV_ERR_ARGUMENT: the database has vectors; the pairs are not those of a row. GV_ERR_UNSUPPORTED: another metric. */
GV_Status gv_db_search_sparse(GV_Database *db, const uint32_t *indices, const float *values, size_t count, size_t k,
                              const GV_SearchOptions *options, GV_Rows **out);

/* The rows nearest to row `id`, which is itself left out. GV_ERR_NOT_FOUND if it is not live. */
GV_Status gv_db_search_by_id(GV_Database *db, uint64_t id, size_t k, const GV_SearchOptions *options, GV_Rows **out);

/* Every row within `radius` of `query[dimension]`: those whose returned distance is at most `radius`, which is in the
 * metric's unit, may be negative (DOT_PRODUCT) or infinite, and is GV_ERR_ARGUMENT if it is NaN. Nearest first, ties by id;
 * of more than `max_results` (not 0) the nearest, and `(*out)->total` says how many there are. Exact on every index: a scan
 * of the rows that pass the filter, or the lists of SPARSE. */
GV_Status gv_db_range_search(GV_Database *db, const float *query, size_t dimension, double radius, size_t max_results,
                             const GV_SearchOptions *options, GV_Rows **out);

/* The `k` groups of rows nearest to `query[dimension]`, where a group is the rows with one value of the metadata `key`: of
 * each the `group_size` nearest rows, or all if it has fewer. Rows without the key are left out. Groups come in the order of
 * their nearest rows, one after another in `*out`, numbered by `groups`. The search is widened until there are k groups, or all
 * rows have been seen; members of a group that are still missing are looked for by a scan of its rows. */
GV_Status gv_db_search_groups(GV_Database *db, const float *query, size_t dimension, size_t k, const char *key,
                              size_t group_size, const GV_SearchOptions *options, GV_Rows **out);

/* A page of rows in order of ids: the first `limit` (not 0) of those with ids from `from_id` on that pass the filter of
 * `options`. The next page begins behind the last id of this one; an empty page is the end. Rows that stay are met exactly
 * once, whatever is written between two pages. */
GV_Status gv_db_scroll(GV_Database *db, uint64_t from_id, size_t limit, const GV_SearchOptions *options, GV_Rows **out);

/* Copy of row `id`, for gv_vector_free(); GV_ERR_NOT_FOUND if it is not live. */
GV_Status gv_db_get(GV_Database *db, uint64_t id, GV_Vector **out);

/* Copies of the rows `ids[count]`, in that order, as of one instant; GV_ERR_NOT_FOUND names the first missing. */
GV_Status gv_db_get_rows(GV_Database *db, const uint64_t *ids, size_t count, GV_Rows **out);

/* 1 if row `id` is live, 0 if not. */
int gv_db_contains(GV_Database *db, uint64_t id);

/* Live rows. */
uint64_t gv_db_count(GV_Database *db);

/* Write to `*count` how many live rows `filter` holds for (docs/filters.md); NULL: all. */
GV_Status gv_db_count_matching(GV_Database *db, const char *filter, uint64_t *count);

/* GV_OK if `filter` is one (UTF-8, at most 64 KiB), else GV_ERR_BAD_FILTER: where, what was found, what was expected. */
GV_Status gv_filter_check(const char *filter);

/* ---- keys that are indexed ---- */

/* Make `keys[count]` the metadata keys whose values are indexed from now on, in this order and in the place of those before; `count` 0: none.
 *
 * Filters and upserts on any key give the same answers; on these they never look at all rows: they are indexed at once, whatever the
 * number of rows, and their index is part of the file, so that it need not be made after opening (docs/filters.md says what that costs).
 * Other keys are indexed in memory once filters have asked for them often enough, as far as there is room beside these.
 * A commit group of its own; the list that is there already writes nothing. The rows are then taken in in steps, which searches do not wait
 * for. What there is no memory for is looked at, row by row, which is no failure. gv_db_compact() and gv_db_convert() keep the list.
 * GV_ERR_ARGUMENT: more than 64 keys; one is NULL, empty, not UTF-8, or there twice; all together above 1 MiB.
 * GV_ERR_UNSUPPORTED: the small WebAssembly module, which has no such index. */
GV_Status gv_db_index_keys(GV_Database *db, const char *const *keys, size_t count);

/* These keys, in that order: `*keys` is one piece of memory for gv_free(), in it the `*count` strings and the pointers to them. */
GV_Status gv_db_indexed_keys(GV_Database *db, char ***keys, size_t *count);

/* ---- care ---- */

/* Fill `info` (its struct_size set by the caller). */
GV_Status gv_db_get_info(GV_Database *db, GV_DatabaseInfo *info);

/* Fill `stats` (its struct_size set by the caller): what the handle has done, and the shape of its index. */
GV_Status gv_db_get_stats(GV_Database *db, GV_Stats *stats);

/* Bytes allocated for this database: rows, index, metadata, tables, buffers. Counted, not estimated; a mapped
 * file is not memory of ours. */
size_t gv_db_get_memory_usage(GV_Database *db);

GV_Status gv_db_get_resource_limits(GV_Database *db, GV_ResourceLimits *limits);
GV_Status gv_db_set_resource_limits(GV_Database *db, const GV_ResourceLimits *limits);

/* With at most this many rows to choose from, a search scans them all, exactly; above, it does so where a scan is no
 * slower. 0: the index answers wherever it can. Default 1,000; kept by the handle only. */
GV_Status gv_db_set_exact_search_threshold(GV_Database *db, uint64_t rows);

/* Make the database as small as its live rows allow: their index is built anew, free slots go, and the file becomes one packed image
 * (by a new file, sync, rename, sync of the folder). Ids stay. Of HNSW, 65,536 rows or more come to lie in the order in which
 * searches meet them. Takes the time of adding all rows, and memory for a second copy of them: GV_ERR_LIMIT or
 * GV_ERR_NO_MEMORY where there is none. Natively, where max_memory_bytes has room for one copy and not for two, the file is
 * packed first and searches read it, mapped, until the new copy is ready. Searches go on meanwhile, writes wait. gv_db_close()
 * from another thread ends it soon, with GV_ERR_ARGUMENT here. A failure has changed nothing, except that of the last sync
 * (see gv_db_flush()). */
GV_Status gv_db_compact(GV_Database *db);

/* The same, under another index, metric or configuration: `options` says which of index_type, distance, seed, hnsw and ivfpq change, in
 * the file as well; their other members say nothing here. Rows, ids and metadata stay. An IVFPQ index is to be trained
 * afterwards, unless `auto_train` does it. */
GV_Status gv_db_convert(GV_Database *db, const GV_OpenOptions *options);

/* Check every structure: checksums, links, ids, reachability. GV_OK with the figures in `report` (its
 * struct_size set by the caller), or GV_ERR_CORRUPT with the figures and the first fault in words. */
GV_Status gv_db_check(GV_Database *db, GV_CheckReport *report);

/* bindings:end */
#ifdef __cplusplus
}
#endif
#if defined(__GNUC__) && !defined(__EMSCRIPTEN__)
#pragma GCC visibility pop
#endif
#endif
