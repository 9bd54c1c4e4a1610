/* scan.c: the exact search: every accepted row, in order of slots, once for all queries that share the scan. One query is
 * limited by memory bandwidth, many by multiplications and additions: they go by tiles of rows and queries. */
#include "index/index.h"

enum {
    PREFETCH_BYTES = 1024,
    ROWS_MOST = 16,            /* in a block, which the nearest cache holds up to some 400 components */
    TOGETHER = GV_TILE_QUERIES /* queries that meet a block before the next ones */
};

/* Rows that follow one another are sent for by the hardware; one that does not, here. */
static void prefetch(const GV_Table *table, uint32_t slot)
{
    size_t bytes = table->rows.stride;
    gv_prefetch(gv_table_row(table, slot), bytes < PREFETCH_BYTES ? bytes : PREFETCH_BYTES);
}

/* ---- one query ---- */

/* Of `total` (NULL: nobody asks) rows that are near enough, those beyond the k nearest count as well. */
static GV_Status scan(const GV_Table *table, const GV_Metric *metric, const GV_Query *query, double radius,
                      GV_TopK *top, uint64_t *total)
{
    const GV_Bitset *accept = query->accept;
    GV_SlotCursor cursor = gv_first_slots(table, accept);
    float limit = gv_rank_limit(metric->distance, top);
    for (uint32_t slot = gv_next_slot(&cursor), next; slot != GV_NO_SLOT; slot = next) {
        next = gv_next_slot(&cursor);
        if (next != GV_NO_SLOT && next != slot + 1) prefetch(table, next);
        GV_TRY(gv_table_touch(table, slot));
        float rank = gv_rank(metric, query->vector, query->squared_norm, gv_table_row(table, slot),
                             gv_table_norm(table, slot));
        if (!total && rank > limit) continue;
        float distance = gv_distance_of_rank(metric->distance, rank);
        if ((double)distance > radius) continue;
        if (total) ++*total;
        gv_topk_offer(top, distance, gv_table_id(table, slot));
        limit = gv_rank_limit(metric->distance, top);
    }
    return GV_OK;
}

GV_Status gv_scan(const GV_Table *table, const GV_Metric *metric, const GV_Query *query, GV_TopK *top)
{
    return scan(table, metric, query, INFINITY, top, NULL);
}

GV_Status gv_scan_range(const GV_Table *table, const GV_Metric *metric, const GV_Query *query, double radius,
                        GV_TopK *top, uint64_t *total)
{
    *total = 0;
    return scan(table, metric, query, radius, top, total);
}

/* ---- several queries ---- */

typedef struct Scan { /* queries that share one */
    const GV_Table *table;
    const GV_Metric *metric;
    const GV_Query *queries;
    GV_TopK *const *tops;
    size_t count;
    float limits[GV_SCAN_MOST]; /* of ranks */
    float bounds[GV_SCAN_MOST]; /* of a kernel's sums: those beyond are of ranks above the limit */
} Scan;

typedef struct Block { /* rows that are compared together */
    const float *rows[ROWS_MOST];
    uint32_t slots[ROWS_MOST];
    float norms[ROWS_MOST];  /* squared */
    float scales[ROWS_MOST]; /* what bounds are multiplied by: 1, or for COSINE the row's norm */
    size_t count;
} Block;

/* COSINE compares dot products with (1 - limit - COSINE_SLACK) * norm * norm, which spares almost every row a root and a
 * division in f64, and refuses no row that the distance would not. Seen as cosines, where all is within 2: the distance is
 * rounded to f32 twice (by at most 2^-24 and 2^-24, or 2^-23 above 1) and the bound six times by 2^-24: together less than
 * 2^-21. Nothing underflows where both squared norms are plain; elsewhere, and where distances are cut to 2, no bound. */
#define COSINE_SLACK (1.0f / (1 << 19))
#define PLAIN_NORM(squared) ((squared) > 0x1p-64f && (squared) < 0x1p64f)

static void set_limit(Scan *scan, size_t i)
{
    GV_DistanceType distance = scan->metric->distance;
    float limit = gv_rank_limit(distance, scan->tops[i]), squared_norm = scan->queries[i].squared_norm;
    float cosine = 1.0f - limit - COSINE_SLACK;
    scan->limits[i] = limit;
    switch (distance) {
    case GV_DISTANCE_COSINE:
        scan->bounds[i] = cosine > -1.0f && PLAIN_NORM(squared_norm) ? cosine * sqrtf(squared_norm) : -INFINITY;
        break;
    case GV_DISTANCE_DOT_PRODUCT: scan->bounds[i] = -limit; break;
    case GV_DISTANCE_MANHATTAN:
    case GV_DISTANCE_EUCLIDEAN: scan->bounds[i] = limit; break;
    }
}

static GV_Status next_block(const Scan *scan, GV_SlotCursor *cursor, Block *block)
{
    const GV_Table *table = scan->table;
    block->count = 0;
    while (block->count < ROWS_MOST) {
        uint32_t slot = gv_next_slot(cursor);
        if (slot == GV_NO_SLOT) break;
        GV_TRY(gv_table_touch(table, slot));
        size_t i = block->count++;
        float norm = gv_table_norm(table, slot);
        block->slots[i] = slot;
        block->rows[i] = gv_table_row(table, slot);
        block->norms[i] = norm;
        block->scales[i] = 1.0f;
        if (scan->metric->distance == GV_DISTANCE_COSINE) /* NaN is beyond no bound */
            block->scales[i] = PLAIN_NORM(norm) ? sqrtf(norm) : NAN;
    }
    return GV_OK;
}

/* Send for one of `parts` parts of the next block while this one is compared: all at once would be waited for. */
static void prefetch_part(const GV_Table *table, const Block *block, size_t part, size_t parts)
{
    for (size_t i = block->count * part / parts; i < block->count * (part + 1) / parts; i++)
        gv_prefetch(block->rows[i], table->rows.stride);
}

static void offer(Scan *scan, size_t i, const Block *block, size_t row, float sum)
{
    GV_DistanceType distance = scan->metric->distance;
    float rank = gv_rank_of_sum(distance, sum, scan->queries[i].squared_norm, block->norms[row]);
    if (rank > scan->limits[i]) return;
    gv_topk_offer(scan->tops[i], gv_distance_of_rank(distance, rank), gv_table_id(scan->table, block->slots[row]));
    set_limit(scan, i);
}

/* Are all of TOGETHER sums beyond their bounds? Without a branch, for registers of several. */
static bool all_below(const float *sums, const float *bounds, float scale)
{
    unsigned within = 0;
    for (size_t j = 0; j < TOGETHER; j++) within |= !(sums[j] < bounds[j] * scale);
    return !within;
}

static bool all_above(const float *sums, const float *bounds)
{
    unsigned within = 0;
    for (size_t j = 0; j < TOGETHER; j++) within |= !(sums[j] > bounds[j]);
    return !within;
}

/* All rows of a block with the queries from `first` on, at most TOGETHER. */
static void compare(Scan *scan, size_t first, const Block *block)
{
    const GV_Metric *metric = scan->metric;
    const float *vectors[TOGETHER];
    float sums[ROWS_MOST * TOGETHER];
    size_t count = scan->count - first < TOGETHER ? scan->count - first : TOGETHER;
    bool products = metric->distance == GV_DISTANCE_COSINE || metric->distance == GV_DISTANCE_DOT_PRODUCT;
    for (size_t j = 0; j < count; j++) vectors[j] = scan->queries[first + j].vector;
    gv_metric_sums(metric)(block->rows, block->count, vectors, count, metric->dimension, sums);
    for (size_t i = 0; i < block->count; i++) {
        const float *of_row = sums + i * count, *bounds = scan->bounds + first;
        if (count == TOGETHER && (products ? all_below(of_row, bounds, block->scales[i]) : all_above(of_row, bounds)))
            continue;
        for (size_t j = 0; j < count; j++) offer(scan, first + j, block, i, of_row[j]);
    }
}

GV_Status gv_scan_many(const GV_Table *table, const GV_Metric *metric, const GV_Query *queries, size_t count,
                       GV_TopK *const *tops)
{
    if (count == 1 || (GV_HAS_STORAGE && metric->storage != GV_STORAGE_F32)) { /* tiles are of floats */
        for (size_t i = 0; i < count; i++) GV_TRY(gv_scan(table, metric, &queries[i], tops[i]));
        return GV_OK;
    }
    Scan scan = {.table = table, .metric = metric, .queries = queries, .tops = tops, .count = count};
    Block blocks[2], *block = blocks, *next = blocks + 1;
    GV_SlotCursor cursor = gv_first_slots(table, queries[0].accept);
    size_t parts = (count + TOGETHER - 1) / TOGETHER;
    for (size_t i = 0; i < count; i++) set_limit(&scan, i);
    GV_TRY(next_block(&scan, &cursor, block));
    while (block->count > 0) {
        GV_TRY(next_block(&scan, &cursor, next));
        for (size_t part = 0; part < parts; part++) {
            prefetch_part(table, next, part, parts);
            compare(&scan, part * TOGETHER, block);
        }
        Block *done = block;
        block = next;
        next = done;
    }
    return GV_OK;
}
