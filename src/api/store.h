/* store.h: one database's content: table, index, and the file behind them; and the changes both live calls and recovery
 * make to it. No locks of its own, no arguments to check: that is db.h's part. */
#ifndef GV_STORE_H
#define GV_STORE_H
#include "index/index.h"
#include "query/terms.h"
#include "storage/log.h"

typedef struct GV_Settings { /* what a database is; fixed when it is made */
    uint32_t dimension;
    GV_IndexType index_type;
    GV_DistanceType distance;
    GV_Storage storage;
    uint64_t seed;
    GV_HNSWConfig hnsw;
    GV_IVFPQConfig ivfpq;
    const GV_Kernels *kernels; /* the handle's, as the next */
    uint32_t threads;          /* for building; at least 1 */
    GV_Pool *pool;             /* the handle's; NULL: none */
} GV_Settings;

typedef struct GV_Store {
    GV_Heap heap, scratch_heap;
    GV_Settings settings;
    GV_Metric metric;
    GV_Table table;
    GV_Terms terms; /* of its metadata */
    GV_Index *index;
    GV_Patch patch;
    GV_Step *steps; /* of the group under way */
    size_t step_count, step_capacity;

    const GV_Vfs *vfs;
    GV_File *file;  /* NULL: in memory only */
    GV_Image image; /* of the file, while it is needed: mapped */
    uint64_t generation, image_bytes;
    unsigned superblock_copies;
    GV_Log log;
    uint64_t recovered_groups, cut_bytes;
} GV_Store;

/* An empty database with these settings, in memory. */
GV_Status gv_store_new(const GV_Settings *settings, const GV_Vfs *vfs, GV_Store **out);
void gv_store_free(GV_Store *store);

/* ---- changes: reserve, log, then the rest, which cannot fail (apply.c) ---- */

/* Room for `steps` index steps on slots below `slot_end` and for `live` live rows; `ordered` as of gv_table_reserve(). */
GV_Status gv_store_reserve(GV_Store *store, uint32_t slot_end, uint64_t live, size_t steps, bool ordered,
                           GV_RwLock *lock);

/* Note a step for gv_store_run_steps(); there is room. */
void gv_store_step(GV_Store *store, uint32_t slot, bool removes);

/* A hidden row goes. Returns about how many bytes were moved for it. */
size_t gv_store_drop_row(GV_Store *store, uint32_t slot);

/* A live row gets other metadata, which is taken over. */
void gv_store_replace_metadata(GV_Store *store, uint32_t slot, uint8_t *metadata);

/* A row takes the place of the live row `old` of the same id, and its metadata. */
void gv_store_swap_row(GV_Store *store, uint32_t old, uint32_t staged);

/* Carry out the steps noted, the first `from` excepted: plan some, commit them under `lock` (may be NULL), log their
 * patch, and go on. Then forget them. A patch that cannot be logged costs recovery time, nothing else. */
void gv_store_run_steps(GV_Store *store, size_t from, GV_RwLock *lock);

/* The same for the steps `from` .. `end`, or some more where a patch goes further (never from additions into removals); returns
 * where it ended. Those behind are still to come. */
size_t gv_store_run_some(GV_Store *store, size_t from, size_t end, GV_RwLock *lock);

/* Of a group's steps those in come first, then those out, each in the order of their records. */
GV_Status gv_store_order_steps(GV_Store *store);

/* ---- the log's records (records.c) ---- */

/* A row is `row_bytes` bytes: a vector as it is stored, or a blob of pairs, with its size. */
GV_Status gv_record_row(GV_Log *log, uint64_t id, const void *row, size_t row_bytes, const uint8_t *metadata,
                        size_t size);
GV_Status gv_record_delete(GV_Log *log, uint64_t id);
GV_Status gv_record_update(GV_Log *log, uint64_t id, const void *row, size_t row_bytes);
GV_Status gv_record_metadata(GV_Log *log, uint64_t id, const uint8_t *metadata, size_t size);
GV_Status gv_record_keys(GV_Log *log, const uint8_t *list, size_t size);
GV_Status gv_record_patch(GV_Log *log, const GV_Patch *patch);
GV_Status gv_record_training(GV_Log *log, const void *values, size_t bytes);

/* Apply every whole group of the log between `start` and `end`: GV_FrameVisitor work (recover.c). */
GV_Status gv_store_recover(GV_Store *store, uint64_t start, uint64_t end);

/* "Declared keys need gigavector.all.wasm" (declared_keys.c). */
GV_Status gv_refuse_keys(void);

/* ---- whole files (pack.c) ---- */

/* Write the image of this content, of generation `generation`, into an open, empty file. Nothing is synced. */
GV_Status gv_store_write_image(GV_Store *store, GV_File *file, const GV_Vfs *vfs, uint64_t generation,
                               uint64_t *image_bytes);

/* Pack into the store's own file at `path`: by a new file, sync, rename, sync of the folder. Also makes the first, where
 * `held` is the empty file that it replaces, if there is one; else NULL. */
GV_Status gv_store_checkpoint(GV_Store *store, const char *path, GV_File *held);

/* Pack into another file. */
GV_Status gv_store_save_as(GV_Store *store, const char *path);

/* The log has grown past max(64 MiB, half the image). */
bool gv_store_wants_checkpoint(const GV_Store *store);

#endif
