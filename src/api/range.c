/* range.c: all rows within a distance: a scan on every index, since none knows what it has not seen. */
#include "api/find.h"

typedef struct Range {
    GV_Search search;
    const float *query;
    size_t dimension;
    double radius;
} Range;

/* Under the read lock; of `matches`, or of all rows where that is NULL. */
static GV_Status scan(GV_Database *db, const Range *r, float norm, const GV_Bitset *matches, GV_Workspace **space,
                      GV_Rows **out)
{
    const GV_Table *table = &db->store->table;
    GV_Request request = gv_search_request(db, &r->search, 1, matches, 0);
    GV_TopK top = {.k = request.k};
    if (request.k > 0) {
        GV_TRY(gv_workspace_fit(db, space, request.k, sizeof(GV_Hit) + sizeof(uint32_t)));
        GV_Query query = {.vector = r->query, .squared_norm = norm, .accept = matches ? matches : &table->live};
        GV_Metric metric = db->store->metric;
        metric.distance = request.distance;
        top.hits = (*space)->memory;
        GV_TRY(gv_scan_range(table, &metric, &query, r->radius, &top));
        gv_topk_sort(&top);
    }
    uint32_t *slots = top.count > 0 ? (uint32_t *)(top.hits + top.count) : NULL; /* there is room */
    return gv_rows_of_hits(table, &r->search, top.hits, top.count, slots, out);
}

/* Under the read lock. */
static GV_Status search_range(GV_Database *db, const Range *r, GV_Workspace **space, GV_Rows **out)
{
    float norm;
    GV_TRY(gv_check_vector(db, r->query, r->dimension, 0, &norm));
    if (!r->search.filter) return scan(db, r, norm, NULL, space, out);
    GV_Bitset matches = {0};
    uint64_t count;
    GV_Status status = gv_filter(&db->store->terms, &db->scratch, r->search.filter, &matches, &count);
    if (status == GV_OK) status = scan(db, r, norm, &matches, space, out);
    gv_bitset_free(&matches, &db->scratch);
    return status;
}

GV_Status gv_db_range_search(GV_Database *db, const float *query, size_t dimension, double radius, size_t max_results,
                             const GV_SearchOptions *options, GV_Rows **out)
{
    Range r = {.query = query, .dimension = dimension, .radius = radius};
    GV_Workspace *space;
    if (!out) return gv_fail(GV_ERR_ARGUMENT, "out is NULL");
    *out = NULL;
    if (radius != radius) return gv_fail(GV_ERR_ARGUMENT, "radius is NaN");
    if (max_results == 0) return gv_fail(GV_ERR_ARGUMENT, "max_results is 0, at least 1 is needed");
    GV_TRY(gv_enter_search(db, &space));
    GV_Status status = gv_search_begin(db, options, max_results, &r.search);
    if (status == GV_OK) {
        gv_filter_prepare(db, r.search.filter);
        gv_read_lock(&db->state);
        status = search_range(db, &r, &space, out);
        gv_read_unlock(&db->state);
        gv_search_end(db, &r.search);
    }
    gv_leave_search(db, space);
    return status;
}
