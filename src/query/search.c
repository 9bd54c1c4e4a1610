/* search.c: which way a query goes, and how many go together. */
#include "query/search.h"
#include "index/coded_scan.h"

/* Found by `./build.sh bench filters` and `bench sweeps`. A walk measures about WALK_DISTANCES codes for each candidate that it
 * keeps, in the time in which a scan measures as many; a full row takes a scan as long as ROW_COST codes. */
enum {
    WALK_DISTANCES = 32,
    ROW_COST = 8,
    SCAN_FACTOR = 16, /* a walk that keeps one row in so many is slower than the scan, and less exact */
    SCAN_OF_K = 40    /* ... and one that returns one in so many, where the scan is of codes */
};

enum {
    BLOCK_BYTES = 1 << 17,    /* of queries that share a scan: well within a second cache */
    BLOCK_HITS = 1 << 16,     /* of all of them */
    BLOCK_PATIENCE = 1 << 30, /* components that a shared scan compares: some 30 ms */
    BLOCK_LEAST = 4
};

/* Rows that may be hits, and how many they are. */
static const GV_Bitset *accept_of(const GV_Table *table, const GV_Request *r)
{
    return r->matches ? r->matches : &table->live;
}

static uint64_t choices_of(const GV_Table *table, const GV_Request *r)
{
    return r->matches ? r->match_count : table->live_count;
}

/* May the scan for the k best of `choices` rows look at codes? */
static bool scans_codes(const GV_Index *index, GV_DistanceType distance, uint64_t choices, size_t k)
{
    return distance == index->metric.distance && gv_coded_scan_pays(index, choices, k);
}

/* A walk measures some WALK_DISTANCES for each of about ef * n / m nodes, a scan one for each of the m matches. */
static bool scan_is_cheaper(const GV_Table *table, const GV_Index *index, const GV_Request *r, uint64_t choices)
{
    size_t ef = r->ef < r->k ? r->k : r->ef;
    bool coded = scans_codes(index, r->distance, choices, r->k);
    if (ef >= choices / SCAN_FACTOR || (coded && r->k >= choices / SCAN_OF_K)) return true;
    if (!r->matches) return false;
    double scan = (double)choices * (coded ? 1 : ROW_COST), walked = (double)ef * (double)table->slot_count;
    return scan * (double)choices <= WALK_DISTANCES * walked;
}

/* Does the index answer? Only in its own metric; not for the zero vector, from which cosine sees all rows equally far; and
 * not where the scan is exact and no slower. A threshold of 0 asks for the index wherever it can. */
static GV_Way way_of(const GV_Table *table, const GV_Index *index, const GV_Request *r, float squared_norm)
{
    GV_Query query = {.nprobe = r->nprobe, .rerank = r->rerank};
    uint64_t choices = choices_of(table, r);
    if (!index->ops->search) return GV_WAY_NO_INDEX;
    if (r->distance != index->metric.distance) return GV_WAY_OTHER_METRIC;
    if (r->distance == GV_DISTANCE_COSINE && squared_norm == 0.0f) return GV_WAY_ZERO_VECTOR;
    uint64_t cost = index->ops->cost ? index->ops->cost(index, &query, r->k, choices) : 0;
    if (cost == UINT64_MAX) return GV_WAY_UNTRAINED;
    if (r->exact_threshold == 0) return GV_WAY_INDEX;
    if (choices <= r->exact_threshold) return GV_WAY_FEW_ROWS;
    bool slower = index->ops->cost ? cost >= choices : scan_is_cheaper(table, index, r, choices);
    return slower ? GV_WAY_SCAN_QUICKER : GV_WAY_INDEX;
}

static void count_work(GV_Tally *tally, uint64_t walks, uint64_t scans, uint64_t scanned_rows)
{
    if (walks > 0) atomic_fetch_add_explicit(&tally->walks, walks, memory_order_relaxed);
    if (scans == 0) return;
    atomic_fetch_add_explicit(&tally->scans, scans, memory_order_relaxed);
    atomic_fetch_add_explicit(&tally->scanned_rows, scanned_rows, memory_order_relaxed);
}

/* Exactly, all queries with one `accept`. */
static GV_Status scan(const GV_Table *table, const GV_Index *index, const GV_Request *r, const GV_Query *queries,
                      size_t count, GV_TopK *const *tops, uint64_t choices)
{
    GV_Metric metric = index->metric;
    if (r->tally) count_work(r->tally, 0, 1, count * choices);
    if (scans_codes(index, r->distance, choices, tops[0]->k)) return gv_coded_scan(index, queries, count, tops);
    metric.distance = r->distance;
    if (gv_table_is_coded(table)) return gv_decoded_scan(index, &metric, queries, count, INFINITY, tops, NULL);
    return gv_scan_many(table, &metric, queries, count, tops);
}

/* Sparse rows are answered for by their index alone, and exactly: the k nearest, or those within `*radius` (NULL: none is given). */
static GV_Status ask_lists(const GV_Table *table, GV_Index *index, const GV_Request *r, const double *radius,
                           GV_TopK *top, uint64_t *total)
{
    GV_SparseQuery query = {.row = *r->pairs,
                            .squared_norm = r->squared_norms[0],
                            .distance = r->distance,
                            .accept = accept_of(table, r),
                            .bounded = radius != NULL,
                            .radius = radius ? *radius : INFINITY};
    GV_SparseFound found = {0};
    GV_TRY(index->ops->search_sparse(index, &query, top, &found));
    bool walked = found.way == GV_WAY_INDEX || found.way == GV_WAY_STARVED;
    if (r->tally) count_work(r->tally, walked, found.looked_at > 0, found.looked_at);
    if (r->plan) r->plan->way = found.way;
    *total = found.total;
    return GV_OK;
}

GV_Status gv_search_within(const GV_Table *table, GV_Index *index, const GV_Request *r, double radius, GV_TopK *top,
                           uint64_t *total)
{
    GV_Metric metric = index->metric;
    if (GV_HAS_SPARSE && r->pairs) return ask_lists(table, index, r, &radius, top, total);
    GV_Query query = {.vector = r->vectors, .squared_norm = r->squared_norms[0], .accept = accept_of(table, r)};
    uint64_t choices = choices_of(table, r);
    if (r->tally) count_work(r->tally, 0, 1, choices);
    if (scans_codes(index, r->distance, choices, 1)) return gv_coded_range(index, &query, radius, top, total);
    metric.distance = r->distance;
    if (gv_table_is_coded(table)) return gv_decoded_scan(index, &metric, &query, 1, radius, &top, total);
    return gv_scan_range(table, &metric, &query, radius, top, total);
}

static GV_Status search_pairs(const GV_Table *table, GV_Index *index, const GV_Request *r, size_t wanted, GV_TopK *top)
{
    uint64_t total;
    top->k = wanted;
    top->count = 0;
    if (wanted == 0) return GV_OK;
    GV_TRY(ask_lists(table, index, r, NULL, top, &total));
    gv_topk_sort(top);
    return GV_OK;
}

typedef struct Some { /* queries that go one way */
    GV_Query queries[GV_SCAN_MOST];
    GV_TopK *tops[GV_SCAN_MOST];
    size_t count;
} Some;

static void put(Some *some, const GV_Query *query, GV_TopK *top)
{
    top->count = 0;
    some->queries[some->count] = *query;
    some->tops[some->count++] = top;
}

static GV_Status walk(GV_Index *index, const Some *some)
{
    if (GV_HAS_IVFPQ && some->count > 1 && index->ops->search_many)
        return index->ops->search_many(index, some->queries, some->count, some->tops);
    for (size_t i = 0; i < some->count; i++) GV_TRY(index->ops->search(index, &some->queries[i], some->tops[i]));
    return GV_OK;
}

GV_Status gv_search(const GV_Table *table, GV_Index *index, const GV_Request *r, GV_TopK *tops)
{
    Some walks, scans;
    uint64_t choices = choices_of(table, r);
    size_t wanted = r->k < choices ? r->k : (size_t)choices;
    if (r->plan) r->plan->choices = choices;
    if (GV_HAS_SPARSE && r->pairs) return search_pairs(table, index, r, wanted, tops);
    walks.count = scans.count = 0;
    for (size_t i = 0; i < r->count; i++) {
        GV_Query query = {.vector = r->vectors + i * r->stride,
                          .squared_norm = r->squared_norms[i],
                          .ef = r->ef < r->k ? r->k : r->ef,
                          .nprobe = r->nprobe,
                          .rerank = r->rerank,
                          .accept = accept_of(table, r)};
        tops[i].count = 0;
        if (choices == 0) continue;
        GV_Way way = way_of(table, index, r, query.squared_norm);
        put(way == GV_WAY_INDEX ? &walks : &scans, &query, &tops[i]);
        if (r->plan) r->plan->way = way;
    }
    GV_TRY(walk(index, &walks));
    if (r->tally) count_work(r->tally, walks.count, 0, 0);
    for (size_t i = 0; i < walks.count; i++) {
        if (walks.tops[i]->count == wanted) continue;
        put(&scans, &walks.queries[i], walks.tops[i]); /* a walk that came home with too few ends in the scan */
        if (r->plan) r->plan->way = GV_WAY_STARVED;
    }
    if (scans.count > 0) GV_TRY(scan(table, index, r, scans.queries, scans.count, scans.tops, choices));
    for (size_t i = 0; i < r->count; i++) gv_topk_sort(&tops[i]);
    return GV_OK;
}

/* As many as a near cache holds beside some rows, and hits for; but a scan of many rows takes long enough for a writer, who
 * waits for it: it is shared by few. */
size_t gv_search_block(const GV_Table *table, const GV_Index *index, const GV_Request *r)
{
    uint64_t choices = choices_of(table, r);
    if (way_of(table, index, r, 1.0f) == GV_WAY_INDEX)
        return GV_HAS_IVFPQ && index->ops->search_many ? GV_SCAN_MOST : 1;
    size_t block = BLOCK_BYTES / (table->dimension * sizeof(float));
    size_t patience = BLOCK_PATIENCE / (table->dimension * ((size_t)choices + 1));
    size_t room = BLOCK_HITS / r->k;
    if (block > patience) block = patience;
    if (block < BLOCK_LEAST) block = BLOCK_LEAST;
    if (block > room) block = room;
    return block < 1 ? 1 : block > GV_SCAN_MOST ? GV_SCAN_MOST : block;
}
