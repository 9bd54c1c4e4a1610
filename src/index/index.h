/* index.h: what the database asks of an index.
 *
 * One writer at a time changes an index, in steps: a row in, or a row out. Steps are first *planned*, one or some at once:
 * plan() reads the index and writes what shall change into a patch, without changing anything that a reader goes by.
 * commit() then carries the patch out, under the database's write lock, held for microseconds at a time. The same patch
 * goes to the log, so that recovery copies what was done instead of searching again: replay() checks a patch from a file
 * and commits it. Planning is a pure function of the index, the table and the steps to come: steps without their patch
 * can be planned again, to the bit, on any number of threads. */
#ifndef GV_INDEX_H
#define GV_INDEX_H
#include "base/parallel.h"
#include "base/topk.h"
#include "storage/image.h"
#include "storage/table.h"

typedef struct GV_Step { /* of one row: in, or out */
    uint32_t slot;
    bool removes;
} GV_Step;

typedef struct GV_Patch { /* of one step or some; little-endian u32 words, in the index's own language */
    uint32_t *words;
    size_t count, capacity;
} GV_Patch;

typedef struct GV_Query {
    const float *vector;
    float squared_norm;      /* dot(vector, vector) */
    size_t ef;               /* HNSW: candidates kept, at least k */
    const GV_Bitset *accept; /* slots that may be returned: the live ones, or fewer */
    size_t nprobe, rerank;   /* IVFPQ: lists visited; candidates measured in full, at least k */
} GV_Query;

typedef struct GV_SparseQuery {
    GV_SparseRow row;
    float squared_norm; /* as that of a row */
    GV_DistanceType distance;
    const GV_Bitset *accept;
    bool bounded;  /* wanted are all rows at most `radius` away: they are counted, and the nearest offered */
    double radius; /* INFINITY where rows are wanted from any distance */
} GV_SparseQuery;

typedef struct GV_SparseFound {
    GV_Way way;
    uint64_t looked_at; /* rows that were measured because the index had nothing to say of them */
    uint64_t total;     /* within the radius, where the query is bounded */
} GV_SparseFound;

typedef struct GV_Index GV_Index;

/* Of an index that must be trained before it answers. Training has two steps: what may fail, then what may not; in between, the
 * database logs the values. The writer calls these. With GV_IVFPQConfig.drop_vectors what was learned is never adopted but restored in
 * an index whose table has no rows yet: those that come are coded rows from then on. */
typedef struct GV_TrainingOps {
    /* Learn from `rows[count, dimension]`, or from the live rows of the table where `rows` is NULL, and index all live rows
     * beside what is there. GV_ERR_UNSUPPORTED: there is no training for this metric. */
    GV_Status (*learn)(GV_Index *index, const float *rows, size_t count);

    /* The same with values from a log, `bytes` of them: GV_ERR_CORRUPT if they are not those of a training. */
    GV_Status (*restore)(GV_Index *index, const void *values, size_t bytes);

    /* What was learned or restored last: what waits to be adopted, or else what is in use. */
    const void *(*values)(const GV_Index *index, size_t *bytes);

    /* From here on searches use it, under `lock` (may be NULL); or it is given up. */
    void (*adopt)(GV_Index *index, GV_RwLock *lock);
    void (*discard)(GV_Index *index);

    bool (*is_trained)(const GV_Index *index);
} GV_TrainingOps;

typedef struct GV_IndexOps {
    const char *name;

    /* Make all memory that `steps` steps on slots below `slot_end` will need, so that they cannot fail, including
     * patch->capacity for the largest patch. Columns that readers use are swapped under `lock`. */
    GV_Status (*reserve)(GV_Index *index, uint32_t slot_end, size_t steps, GV_Patch *patch, GV_RwLock *lock);

    /* One of the steps to be reserved for brings in a row that keeps the id of another. Until settle(). May be NULL. */
    void (*expect)(GV_Index *index, uint64_t id);

    /* Plan some of the `count` > 0 steps, from the first on; returns how many. A step makes the row in its slot (already in
     * the table, perhaps not live yet) part of the index, or no longer part of it. `patch` is emptied first. A removed row
     * may stay as a way through (a tombstone). `lock`: as in commit(). */
    size_t (*plan)(GV_Index *index, const GV_Step *steps, size_t count, GV_Patch *patch, GV_RwLock *lock);

    /* Carry out a patch that this index planned, under the write lock (NULL: nobody reads), given up now and then. A removal
     * gives up `used` of the slots that may be used again. */
    void (*commit)(GV_Index *index, const GV_Patch *patch, GV_RwLock *lock);

    /* The steps that were reserved for are done, or given up: give back what only they needed. May be NULL. */
    void (*settle)(GV_Index *index);

    /* Check a patch read from a file for the first of `steps`, and carry it out; `*done` says how many it was.
     * GV_ERR_CORRUPT if it could not have come from here: the index is then given up. After reserve(), on a database
     * nobody else sees yet. NULL: patches are empty, and nobody logs them. */
    GV_Status (*replay)(GV_Index *index, const GV_Step *steps, size_t count, const GV_Patch *patch, size_t *done);

    /* Offer the nearest accepted rows to `top` (by distance and id). An approximate index may offer fewer than there
     * are; the caller sees to the rest. NULL: every search is a scan. */
    GV_Status (*search)(GV_Index *index, const GV_Query *query, GV_TopK *top);

    /* search() of up to GV_SCAN_MOST queries that differ in their vectors alone, to the same hits: quicker together. NULL: it is not. */
    GV_Status (*search_many)(GV_Index *index, const GV_Query *queries, size_t count, GV_TopK *const *tops);

    /* search() for sparse rows, all of them and exact; fills `found` (all 0). NULL: the rows are vectors. */
    GV_Status (*search_sparse)(GV_Index *index, const GV_SparseQuery *query, GV_TopK *top, GV_SparseFound *found);

    /* About how many full rows a scan could measure in the time that search() takes, where `choices` rows are accepted;
     * UINT64_MAX: it cannot answer now. NULL: the planner knows (query/search.c). */
    uint64_t (*cost)(const GV_Index *index, const GV_Query *query, size_t k, uint64_t choices);

    /* The codes of all rows that are live, by which scans in the index's own metric are quicker (coded_scan.h). NULL, as the
     * function may be: there are none. touch() comes before those of `slots` are read; NULL: they can be read at any time. */
    const struct GV_Codes *(*codes)(const GV_Index *index);
    GV_Status (*touch)(const GV_Index *index, const uint32_t *slots, size_t count);

    /* All live rows in an order in which those that a search comes by lie together: their slots into `slots`, which has room for
     * table->slot_count. NULL: any order will do. */
    GV_Status (*order)(const GV_Index *index, uint32_t *slots);

    const GV_TrainingOps *training; /* NULL: needs none */

    /* NULL: nothing of it is in the file; and loading is nothing. */
    GV_Status (*save)(GV_Index *index, GV_ImageWriter *writer);
    GV_Status (*load)(GV_Index *index, GV_Image *image); /* into a new index, its table loaded; checks every number */

    /* Count into `report` (reachable, links, faults); the first fault is left in gv_last_error(). */
    GV_Status (*check)(GV_Index *index, GV_CheckReport *report);

    /* Fill in `levels`, `nodes` and `mean_degree`. NULL: there is nothing to say. */
    GV_Status (*shape)(GV_Index *index, GV_Stats *stats);

    void (*free)(GV_Index *index);
} GV_IndexOps;

struct GV_Index { /* the head of every index's own struct */
    const GV_IndexOps *ops;
    GV_Table *table;
    GV_Metric metric;
    GV_Heap *heap;         /* counted and limited: the index itself */
    GV_Heap *scratch_heap; /* counted: what searches borrow */
    GV_Pool *pool;         /* threads that steps may be planned on; NULL: the caller's alone */
    uint32_t threads;
};

typedef struct GV_IndexSetup {
    GV_Table *table;
    GV_Metric metric;
    GV_Heap *heap, *scratch_heap;
    uint64_t seed;
    GV_HNSWConfig hnsw;
    GV_IVFPQConfig ivfpq;
    GV_Pool *pool;
    uint32_t threads;
} GV_IndexSetup;

/* An empty index; GV_ERR_UNSUPPORTED for one that is not in this build (index_list.c). */
GV_Status gv_index_new(GV_IndexType type, const GV_IndexSetup *setup, GV_Index **out);
GV_Status gv_flat_new(const GV_IndexSetup *setup, GV_Index **out);
GV_Status gv_kdtree_new(const GV_IndexSetup *setup, GV_Index **out);
GV_Status gv_hnsw_new(const GV_IndexSetup *setup, GV_Index **out);
GV_Status gv_ivfpq_new(const GV_IndexSetup *setup, GV_Index **out);
GV_Status gv_sparse_new(const GV_IndexSetup *setup, GV_Index **out);

enum {
    GV_SCAN_MOST = 64 /* queries that may share a scan */
};

typedef struct GV_SlotCursor { /* over the accepted slots of a table, in order */
    const GV_Bitset *accept;
    uint32_t end;
    size_t at;     /* word */
    uint64_t rest; /* of its bits */
} GV_SlotCursor;

static inline GV_SlotCursor gv_first_slots(const GV_Table *table, const GV_Bitset *accept)
{
    return (GV_SlotCursor){accept, table->slot_count, 0, accept->word_count ? accept->words[0] : 0};
}

/* GV_NO_SLOT after the last. */
static inline uint32_t gv_next_slot(GV_SlotCursor *cursor)
{
    while (cursor->rest == 0) {
        if (++cursor->at >= cursor->accept->word_count) return GV_NO_SLOT;
        cursor->rest = cursor->accept->words[cursor->at];
    }
    size_t slot = cursor->at * 64 + (size_t)__builtin_ctzll(cursor->rest);
    cursor->rest &= cursor->rest - 1;
    return slot < cursor->end ? (uint32_t)slot : GV_NO_SLOT;
}

/* gv_scan_many() of rows that are codes, and, with `total` and one query, gv_scan_range() (decoded_scan.c). */
GV_Status gv_decoded_scan(const GV_Index *index, const GV_Metric *metric, const GV_Query *queries, size_t count,
                          double radius, GV_TopK *const *tops, uint64_t *total);

/* Offer every accepted row, whatever the metric: exact (scan.c). */
GV_Status gv_scan(const GV_Table *table, const GV_Metric *metric, const GV_Query *query, GV_TopK *top);

/* The same for the rows that are at most `radius` away; `*total` is how many those are. */
GV_Status gv_scan_range(const GV_Table *table, const GV_Metric *metric, const GV_Query *query, double radius,
                        GV_TopK *top, uint64_t *total);

/* gv_scan() for `count` queries with one `accept`, each row read once for all of them. */
GV_Status gv_scan_many(const GV_Table *table, const GV_Metric *metric, const GV_Query *queries, size_t count,
                       GV_TopK *const *tops);

#endif
