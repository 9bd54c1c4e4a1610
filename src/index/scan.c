/* scan.c: the exact search, limited by memory bandwidth alone: every accepted row, in order of slots, once for
 * all queries that share the scan. */
#include "index/index.h"
#include <float.h>

enum {
    PREFETCH_BYTES = 1024
};

typedef struct Cursor { /* over the accepted slots */
    const GV_Bitset *accept;
    uint32_t end;
    size_t at;     /* word */
    uint64_t rest; /* of its bits */
} Cursor;

static uint32_t next_slot(Cursor *cursor)
{
    while (cursor->rest == 0) {
        if (++cursor->at >= cursor->accept->word_count) return GV_NO_SLOT;
        cursor->rest = cursor->accept->words[cursor->at];
    }
    size_t slot = cursor->at * 64 + (size_t)__builtin_ctzll(cursor->rest);
    cursor->rest &= cursor->rest - 1;
    return slot < cursor->end ? (uint32_t)slot : GV_NO_SLOT;
}

/* Rows that follow one another are sent for by the hardware; one that does not, here. */
static void prefetch(const GV_Table *table, uint32_t slot)
{
    const char *row = (const char *)gv_table_row(table, slot);
    for (size_t at = 0; at < PREFETCH_BYTES && at < table->rows.stride; at += GV_CACHE_LINE)
        __builtin_prefetch(row + at);
}

/* Ranks above this are refused whatever the id. For EUCLIDEAN a little above the k-th distance squared, since near it two
 * ranks may have one root: what is below is compared by distance. */
static float rank_limit(GV_DistanceType distance, const GV_TopK *top)
{
    if (top->count < top->k) return INFINITY;
    if (distance != GV_DISTANCE_EUCLIDEAN) return top->hits[0].distance;
    double root = top->hits[0].distance;
    return (float)(root * root * (1.0 + 1e-6) + FLT_MIN);
}

GV_Status gv_scan_many(const GV_Table *table, const GV_Metric *metric, const GV_Query *queries, size_t count,
                       GV_TopK *const *tops)
{
    float limits[GV_SCAN_MOST];
    const GV_Bitset *accept = queries[0].accept;
    Cursor cursor = {accept, table->slot_count, 0, accept->word_count ? accept->words[0] : 0};
    for (size_t i = 0; i < count; i++) limits[i] = rank_limit(metric->distance, tops[i]);
    for (uint32_t slot = next_slot(&cursor), next; slot != GV_NO_SLOT; slot = next) {
        next = next_slot(&cursor);
        if (next != GV_NO_SLOT && next != slot + 1) prefetch(table, next);
        GV_TRY(gv_table_touch(table, slot));
        const float *row = gv_table_row(table, slot);
        float norm = gv_table_norm(table, slot);
        for (size_t i = 0; i < count; i++) {
            float rank = gv_rank(metric, queries[i].vector, queries[i].squared_norm, row, norm);
            if (rank > limits[i]) continue;
            gv_topk_offer(tops[i], gv_distance_of_rank(metric->distance, rank), gv_table_id(table, slot));
            limits[i] = rank_limit(metric->distance, tops[i]);
        }
    }
    return GV_OK;
}

GV_Status gv_scan(const GV_Table *table, const GV_Metric *metric, const GV_Query *query, GV_TopK *top)
{
    return gv_scan_many(table, metric, query, 1, &top);
}
