/* search.c: which way a query goes. */
#include "query/search.h"

enum {
    WALK_DISTANCES = 20, /* new rows that a walk measures for each candidate it keeps: about */
    SCAN_FACTOR = 16     /* a walk that keeps one row in so many is slower than the scan, and less exact */
};

/* A walk measures some WALK_DISTANCES for each of about ef * n / m nodes, a scan one for each of the m matches. */
static bool scan_is_cheaper(const GV_Table *table, const GV_Request *r, uint64_t choices, size_t ef)
{
    if (ef >= choices / SCAN_FACTOR) return true;
    if (!r->matches) return false;
    return (double)choices * (double)choices <= (double)WALK_DISTANCES * (double)ef * (double)table->slot_count;
}

/* May the index answer? Only in its own metric; not for the zero vector, from which cosine sees all rows equally far; and
 * not where the scan is exact and no slower. A threshold of 0 asks for the index wherever it can. */
static bool walks(const GV_Table *table, const GV_Index *index, const GV_Request *r, uint64_t choices, size_t ef)
{
    if (r->distance != index->metric.distance) return false;
    if (r->distance == GV_DISTANCE_COSINE && r->squared_norm == 0.0f) return false;
    if (r->exact_threshold == 0) return true;
    return choices > r->exact_threshold && !scan_is_cheaper(table, r, choices, ef);
}

GV_Status gv_search(const GV_Table *table, GV_Index *index, const GV_Request *r, GV_TopK *top)
{
    GV_Metric metric = index->metric;
    GV_Query query = {.vector = r->vector,
                      .squared_norm = r->squared_norm,
                      .ef = r->ef < r->k ? r->k : r->ef,
                      .accept = r->matches ? r->matches : &table->live};
    uint64_t choices = r->matches ? r->match_count : table->live_count;
    top->count = 0;
    if (choices == 0) return GV_OK;
    bool found = walks(table, index, r, choices, query.ef);
    if (found) {
        GV_TRY(index->ops->search(index, &query, top));
        found = top->count == (r->k < choices ? r->k : choices); /* a starved walk ends in the scan */
    }
    if (!found) {
        metric.distance = r->distance;
        top->count = 0;
        GV_TRY(gv_scan(table, &metric, &query, top));
    }
    gv_topk_sort(top);
    return GV_OK;
}
