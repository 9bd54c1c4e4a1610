/* coded_scan.c: the exact search where rows have codes (row_codes.h). A code is a quarter of its row, and tells how near the
 * row can be at most: nearly all rows are refused unseen, and the others are measured in full, to the very hits of scan.c.
 *
 * Turned and scaled as codes are, let p be the query, y a row, p' and y' what their codes say. A row's rounding is known,
 * |y - y'| <= e = step / 2 * sqrt(n), the query's, |p - p'| = d, is computed. So
 *   <p, y'> <= <p', y'> + d |y'|      |p - y| >= |p - y'| - e      <p, y> <= <p, y'> + |p| e
 * and a row is refused, with r for the k-th best (its distance; by DOT_PRODUCT its rank), if
 *   |p|^2 + |y'|^2 - 2 <p', y'> - 2 d |y'| > (r + e)^2            by DOT_PRODUCT:  -<p', y'> - d |y'| - |p| e > r.
 * That is linear in what is known of a row (GV_RowBounds): base, low, length, step. What floats lose on the way is
 * conceded to the row: of lengths 2^-14, and of terms that cancel 2^-19 of their size. */
#include "index/coded_scan.h"
#include <float.h>
#include <string.h>

enum {
    ROWS = GV_BOUND_ROWS, /* in a block: their codes stay in the nearest cache for all queries */
    OWN_BYTES = 5248,     /* on the stack */
    ROWS_LEAST = 256,     /* fewer are measured as quickly */
    ROWS_OF_K = 8         /* ... and so many times k */
};

#define TURNED 0x1p-15f        /* of a row's length: what its rotation loses */
#define ROUNDING_SHARE 0.5002f /* of a step, by which a component may be off */

typedef struct Asked { /* a query, turned */
    GV_CodeHead head;
    const int8_t *bytes;
    float norm, blur; /* |p|^2 and d; NaN where nothing is known */
    GV_QueryBounds bounds;
} Asked;

typedef struct Block { /* rows that are looked at together */
    const uint8_t *codes[ROWS];
    uint32_t slots[ROWS];
    GV_RowBounds bounds;
    size_t count;
} Block;

typedef struct Scan {
    const GV_Index *index;
    const GV_Codes *codes;
    const GV_Query *queries;
    GV_TopK *const *tops;
    Asked *asked;
    float by_step, by_length; /* e = by_step * step + by_length * length */
    double radius;            /* hits are within it, ... */
    uint64_t *total;          /* ... and counted here, those beyond the k nearest too; NULL: nobody asks */
} Scan;

bool gv_coded_scan_pays(const GV_Index *index, uint64_t choices, size_t k)
{
    const GV_Codes *codes = index->ops->codes ? index->ops->codes(index) : NULL;
    return codes && codes->padded > 0 && choices >= ROWS_LEAST && choices / ROWS_OF_K >= k;
}

/* ---- queries ---- */

/* As gv_rank_limit(), for a radius. */
static float rank_within(GV_DistanceType distance, double radius)
{
    if (distance != GV_DISTANCE_EUCLIDEAN) return (float)(radius + fabs(radius) * 1e-6);
    return radius < 0.0 ? 0.0f : (float)(radius * radius * (1.0 + 1e-6) + FLT_MIN);
}

/* The bounds that follow from the k-th best; without one they refuse nobody, being NaN or infinite. */
static void set_bounds(const Scan *scan, size_t i)
{
    GV_DistanceType distance = scan->codes->distance;
    Asked *asked = &scan->asked[i];
    GV_QueryBounds *bounds = &asked->bounds;
    float limit = scan->total ? rank_within(distance, scan->radius) : gv_rank_limit(distance, scan->tops[i]);
    if (distance == GV_DISTANCE_DOT_PRODUCT) {
        float length = sqrtf(asked->norm);
        bounds->base = -limit;
        bounds->low = -asked->head.spread;
        bounds->length = -asked->blur - length * (scan->by_length + GV_CODE_CONCEDED);
        bounds->step = -length * scan->by_step;
        bounds->dot = -asked->head.step;
        return;
    }
    if (distance == GV_DISTANCE_COSINE) limit *= 2.0f; /* of rows of length 1 */
    float reach = sqrtf(limit);
    bounds->base = asked->norm * (1.0f - GV_CODE_CONCEDED) - limit;
    bounds->low = -2.0f * asked->head.spread;
    bounds->length = -2.0f * (asked->blur + reach * scan->by_length);
    bounds->step = -2.0f * reach * scan->by_step;
    bounds->dot = -2.0f * asked->head.step;
}

static void ask(const Scan *scan, size_t i, float *work, int8_t *bytes)
{
    Asked *asked = &scan->asked[i];
    const GV_Query *query = &scan->queries[i];
    const GV_Codes *codes = scan->codes;
    gv_codes_encode_query(codes, query->vector, query->squared_norm, work, bytes, &asked->head);
    asked->bytes = bytes;
    asked->norm = codes->kernels->dot(work, work, codes->padded);
    asked->blur = GV_CODE_KNOWS(query->squared_norm) ? gv_code_blur(work, bytes, 0.0f, asked->head.step, codes->padded)
                                                     : NAN;
    set_bounds(scan, i);
}

/* ---- rows ---- */

/* Complete the bounds of rows whose step and low are there, and in `base` the norm that the code knows. COSINE divides by the
 * norm of the row itself, which must mean something; DOT_PRODUCT keeps none with the code. */
static GV_Status know_rows(const Scan *scan, Block *block)
{
    GV_DistanceType distance = scan->codes->distance;
    const GV_Table *table = scan->index->table;
    GV_RowBounds *b = &block->bounds;
    float norms[ROWS], root = sqrtf(scan->codes->padding);
    memcpy(norms, b->base, sizeof norms);
    if (distance != GV_DISTANCE_EUCLIDEAN)
        for (size_t i = 0; i < block->count; i++) {
            GV_TRY(gv_table_touch_norm(table, block->slots[i]));
            norms[i] = gv_table_norm(table, block->slots[i]);
        }
    if (distance == GV_DISTANCE_COSINE)
        for (size_t i = 0; i < block->count; i++) norms[i] = GV_CODE_KNOWS(norms[i]) ? 1.0f : NAN;
    float by_step = scan->by_step, by_length = scan->by_length;
    for (size_t i = 0; i < ROWS; i++) { /* which a compiler makes vectors of */
        float step = b->step[i], norm = b->base[i];
        float most = (fabsf(b->low[i]) + 127.0f * step) * root; /* no term of the sums is larger */
        float length = sqrtf(norms[i]) + ROUNDING_SHARE * step * root + (norms[i] < 0x1p64f ? 0.0f : NAN);
        float e = by_step * step + by_length * length;
        b->length[i] = length;
        b->base[i] = norm - (GV_CODE_CONCEDED * norm + GV_CODE_CANCELLED * most * most + e * e);
    }
    if (distance == GV_DISTANCE_DOT_PRODUCT) memset(b->base, 0, sizeof b->base);
    return GV_OK;
}

static GV_Status next_block(const Scan *scan, GV_SlotCursor *cursor, Block *block)
{
    GV_SlabView rows = gv_slab_view(&scan->codes->rows), heads = gv_slab_view(&scan->codes->heads);
    GV_RowBounds *bounds = &block->bounds;
    for (block->count = 0; block->count < ROWS; block->count++)
        if ((block->slots[block->count] = gv_next_slot(cursor)) == GV_NO_SLOT) break;
    if (scan->index->ops->touch) GV_TRY(scan->index->ops->touch(scan->index, block->slots, block->count));
    for (size_t i = 0; i < block->count; i++) {
        const GV_CodeHead *head = gv_view_at(&heads, block->slots[i]);
        block->codes[i] = gv_view_at(&rows, block->slots[i]);
        bounds->step[i] = head->step;
        bounds->low[i] = head->low;
        bounds->base[i] = head->norm;
    }
    for (size_t i = block->count; i < ROWS; i++) bounds->step[i] = bounds->low[i] = bounds->base[i] = 0.0f;
    return know_rows(scan, block);
}

/* The hardware does not see that rows follow one another where four are read at once. */
static void prefetch_block(const Scan *scan, const Block *block)
{
    for (size_t i = 0; i < block->count; i++) gv_prefetch(block->codes[i], scan->codes->padded);
}

/* ---- a query and a block ---- */

/* The rows that may be hits, a bit each. */
static uint32_t near_rows(const Scan *scan, const Asked *asked, const Block *block)
{
    const GV_Kernels *kernels = scan->codes->kernels;
    int32_t dots[ROWS] = {0};
    kernels->dots_i8(block->codes, block->count, asked->bytes, scan->codes->padded, dots);
    uint32_t rows = UINT32_MAX >> (ROWS - block->count);
    return rows & ~kernels->far_rows(dots, &block->bounds, &asked->bounds);
}

static GV_Status measure(const Scan *scan, size_t i, const Block *block, uint32_t mask)
{
    const GV_Table *table = scan->index->table;
    const GV_Query *query = &scan->queries[i];
    GV_DistanceType distance = scan->codes->distance;
    for (uint32_t rest = mask; rest; rest &= rest - 1) gv_table_prefetch(table, block->slots[__builtin_ctz(rest)]);
    for (; mask; mask &= mask - 1) {
        uint32_t slot = block->slots[__builtin_ctz(mask)];
        GV_TRY(gv_table_touch(table, slot));
        float rank = gv_rank(&scan->index->metric, query->vector, query->squared_norm, gv_table_row(table, slot),
                             gv_table_norm(table, slot));
        float far = gv_distance_of_rank(distance, rank);
        if (scan->total && (double)far > scan->radius) continue;
        if (scan->total) ++*scan->total;
        gv_topk_offer(scan->tops[i], far, gv_table_id(table, slot));
    }
    if (!scan->total) set_bounds(scan, i);
    return GV_OK;
}

static GV_Status scan_all(const Scan *scan, size_t count)
{
    GV_SlotCursor cursor = gv_first_slots(scan->index->table, scan->queries[0].accept);
    Block blocks[2], *block = blocks, *next = blocks + 1;
    GV_TRY(next_block(scan, &cursor, block));
    while (block->count > 0) {
        GV_TRY(next_block(scan, &cursor, next));
        prefetch_block(scan, next);
        for (size_t i = 0; i < count; i++) {
            uint32_t mask = near_rows(scan, &scan->asked[i], block);
            if (mask) GV_TRY(measure(scan, i, block, mask));
        }
        Block *done = block;
        block = next;
        next = done;
    }
    return GV_OK;
}

/* One query of up to a thousand components needs no memory; more, or longer ones, take long enough to ask for some. */
static GV_Status scan_for(const GV_Index *index, const GV_Query *queries, size_t count, GV_TopK *const *tops,
                          double radius, uint64_t *total)
{
    _Alignas(GV_CACHE_LINE) char own[OWN_BYTES];
    const GV_Codes *codes = index->ops->codes(index);
    size_t code_bytes = codes->padded * (sizeof(float) + count), bytes = code_bytes + count * sizeof(Asked);
    float root = sqrtf(codes->padding);
    char *memory = bytes <= sizeof own ? own : gv_alloc_lines(index->scratch_heap, bytes);
    if (!memory) return gv_last_status();
    Scan scan = {.index = index, .codes = codes, .queries = queries, .tops = tops, .radius = radius, .total = total};
    scan.asked = (Asked *)(void *)(memory + code_bytes);
    scan.by_step = (ROUNDING_SHARE + 127.0f * GV_CODE_CANCELLED) * root;
    scan.by_length = TURNED + GV_CODE_CANCELLED * root;
    for (size_t i = 0; i < count; i++)
        ask(&scan, i, (float *)(void *)memory, (int8_t *)memory + codes->padded * (sizeof(float) + i));
    GV_Status status = scan_all(&scan, count);
    if (memory != own) gv_release_lines(index->scratch_heap, memory, bytes);
    return status;
}

GV_Status gv_coded_scan(const GV_Index *index, const GV_Query *queries, size_t count, GV_TopK *const *tops)
{
    return scan_for(index, queries, count, tops, INFINITY, NULL);
}

GV_Status gv_coded_range(const GV_Index *index, const GV_Query *query, double radius, GV_TopK *top, uint64_t *total)
{
    *total = 0;
    return scan_for(index, query, 1, &top, radius, total);
}
