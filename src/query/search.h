/* search.h: queries, planned: a walk of the index where it is good enough, an exact scan where it is not. */
#ifndef GV_SEARCH_H
#define GV_SEARCH_H
#include "index/index.h"
#include "query/expression.h"
#include "query/terms.h"
#include <stdatomic.h>

typedef struct GV_Tally { /* of many searches, on any threads */
    _Atomic uint64_t walks, scans, scanned_rows;
} GV_Tally;

typedef struct GV_Plan { /* of a search, for who asks */
    GV_Way way;
    uint64_t choices; /* rows that passed the filter */
} GV_Plan;

typedef struct GV_Request {
    const float *vectors; /* [count], each `stride` floats behind the one before */
    size_t stride;
    const float *squared_norms; /* [count] */
    size_t count;               /* queries, 1 ..= GV_SCAN_MOST */
    const GV_SparseRow *pairs;  /* one query, in place of `vectors`: rows are sparse; else NULL */
    size_t k;                   /* at most the live rows; > 0 */
    size_t ef;                  /* HNSW: candidates kept */
    size_t nprobe, rerank;      /* IVFPQ: lists visited, candidates measured in full */
    GV_DistanceType distance;
    const GV_Bitset *matches; /* rows that pass the filter; NULL: no filter */
    uint64_t match_count;
    uint64_t exact_threshold; /* with at most this many rows to choose from, scan them */
    GV_Tally *tally;          /* NULL: nobody counts */
    GV_Plan *plan;            /* of the last query; NULL: nobody asks */
} GV_Request;

/* Fill `tops[count]` with exactly min(k, rows to choose from) hits each, sorted. The caller holds the read lock. */
GV_Status gv_search(const GV_Table *table, GV_Index *index, const GV_Request *request, GV_TopK *tops);

/* The rows within `radius` of one query, exactly: the nearest of them, not sorted; `*total` is how many there are. */
GV_Status gv_search_within(const GV_Table *table, GV_Index *index, const GV_Request *request, double radius,
                           GV_TopK *top, uint64_t *total);

/* How many such queries are best searched together: one where each walks the index on its own, several where they share
 * a scan. Depends on the state, and no answer depends on it. */
size_t gv_search_block(const GV_Table *table, const GV_Index *index, const GV_Request *request);

/* The live rows for which `expression` holds, as bits of `matches` (all 0; of `heap`, freed by the caller). The caller holds
 * the read lock. */
GV_Status gv_filter(GV_Terms *terms, GV_Heap *heap, const GV_Expression *expression, GV_Bitset *matches,
                    uint64_t *count);

/* Take in at most `most` rows under a key that `expression` names. False: there are more (gv_terms_catch_up()). */
bool gv_filter_catch_up(GV_Terms *terms, const GV_Expression *expression, size_t most);

#endif
