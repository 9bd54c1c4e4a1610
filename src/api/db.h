/* db.h: the handle behind the public interface: locks, limits and life time around a GV_Store.
 *
 * Locks, in the order they are taken:
 *   gate    counts calls under way; held for a moment only
 *   writer  one write, checkpoint or save at a time; held across log appends and syncs
 *   state   what searches see: read by each search, written in steps of microseconds
 *   terms   of the store: the index over metadata, see query/terms.h */
#ifndef GV_DB_H
#define GV_DB_H
#include "api/store.h"
#include "api/stats.h"
#include "base/parallel.h"

typedef struct GV_Workspace GV_Workspace; /* find.h */

struct GV_Database {
    GV_Store *store; /* replaced by gv_db_refresh() under the state lock; the writer lock is enough to read it */
    GV_Store *draft; /* that gv_db_compact() fills: under the gate */
    const GV_Vfs *vfs;
    char *path;             /* NULL: in memory only */
    GV_OpenOptions options; /* as given, defaults filled in; its pointers are not kept */
    uint64_t process;
    bool read_only;

    /* Of every store that the handle will have: read in no lock. */
    const GV_Kernels *kernels;
    uint32_t dimension;
    bool is_sparse;

    GV_Mutex gate;
    uint64_t calls; /* under way */
    bool closing;
    GV_Mutex writer;
    GV_RwLock state;

    GV_Heap scratch;          /* what calls borrow; a store may be replaced meanwhile */
    GV_Workspace *resting;    /* of it, what the next searches will borrow: under the gate */
    GV_Pool pool;             /* threads for batches of searches */
    GV_ResourceLimits limits; /* under the gate */
    GV_Counters counters;
    _Atomic uint64_t exact_threshold;
    _Atomic uint32_t ef_search, nprobe, rerank;
    uint64_t checkpoint_after; /* a failed automatic checkpoint is tried again when the log is this long */
};

/* gv_db_open_with_options() on any file system. `vfs` must outlive the handle. */
GV_Status gv_db_open_with_vfs(const char *path, const GV_OpenOptions *options, const GV_Vfs *vfs, GV_Database **out);

/* What is in the file of the handle now, in a store of its own that only reads: mapped if `map`, where files can be, or in memory. */
GV_Status gv_store_read_again(GV_Database *db, bool map, GV_Store **out);

/* By the writer: searches go on in `fresh` from here on, which keeps to the handle's limit. Returns the store that they have left. */
GV_Store *gv_change_store(GV_Database *db, GV_Store *fresh);

/* Has gv_db_close() been called? It waits for the calls that are under way. */
bool gv_is_closing(GV_Database *db);

/* Free a handle that nobody uses, without its store. */
void gv_handle_free(GV_Database *db);

/* Every public call on a handle runs between these. GV_ERR_ARGUMENT: no handle, or it is being closed. */
GV_Status gv_enter(GV_Database *db);
void gv_leave(GV_Database *db);

/* The same for a call that writes: refused on a read-only handle and in a forked child. */
GV_Status gv_enter_writer(GV_Database *db);

/* Between gv_enter_writer() and gv_leave(): become the one writer. Fails once a sync has failed. */
GV_Status gv_begin_write(GV_Database *db);
void gv_end_write(GV_Database *db); /* and checkpoint if it is time */

/* Copy a result struct as far as the caller's struct_size reaches (care.c). */
GV_Status gv_hand_out(const char *name, void *to, const void *from, size_t size);

/* GV_ERR_ARGUMENT unless `dimension` is the database's and `row` finite; `*norm` is its squared norm. */
GV_Status gv_check_dimension(const GV_Database *db, size_t dimension);
/* The same for `count` rows or queries: no vectors at all are no pairs, either. */
static inline GV_Status gv_check_width(const GV_Database *db, size_t dimension, size_t count)
{
    return GV_HAS_SPARSE && db->is_sparse && count == 0 ? GV_OK : gv_check_dimension(db, dimension);
}
GV_Status gv_check_sparse_distance(GV_DistanceType distance); /* GV_ERR_UNSUPPORTED unless sparse rows have it */
GV_Status gv_check_vector(const GV_Database *db, const float *row, size_t dimension, size_t index, float *norm);

/* Open settings (options.c): copy what the caller's struct_size covers over the defaults; check ranges. */
typedef struct GV_Configs { /* of an index; NULL: not asked for */
    const GV_HNSWConfig *hnsw;
    const GV_IVFPQConfig *ivfpq;
    GV_HNSWConfig hnsw_given;
    GV_IVFPQConfig ivfpq_given;
} GV_Configs;

GV_Status gv_options_read(const GV_OpenOptions *given, GV_OpenOptions *options, GV_Configs *configs);
/* Settings of a new database; or those of a file, none of which the options may contradict. */
GV_Status gv_options_settle(const GV_OpenOptions *options, const GV_Configs *configs, const GV_Superblock *file,
                            GV_Settings *settings);

/* Other settings for rows that are there: what the options leave open stays. */
GV_Status gv_options_change(const GV_OpenOptions *options, const GV_Configs *configs, GV_Settings *settings);

/* By the writer: put a store in the place of this one whose rows are codes by what its index has learned, in a file packed anew. Whatever is
 * returned, the store may be another one, which knows nothing of what was learned (compact.c). */
GV_Status gv_drop_vectors(GV_Database *db);

/* After an add, and once a writer is open: train if that was asked for and is due. What fails is tried again after the next
 * one (train.c). */
void gv_auto_train(GV_Database *db);

#endif
