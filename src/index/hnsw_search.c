/* hnsw_search.c: a query: from the nearest pivot, a walk over codes that stops by distance; then the best by full rows. */
#include "index/hnsw.h"
#include <math.h>

enum {
    STOP_AT_LEAST = 10,   /* the stop looks at the k-th best, or at this one */
    POOL_OF_EF = 4,       /* where the walk stops by distance, the pool may hold so many times ef */
    RERANK_EXTRA = 4,     /* rows measured in full beyond k, ... */
    RERANK_EXTRA_L1 = 12, /* (by MANHATTAN, whose codes are coarser) */
    ROWS_AHEAD = 6        /* full rows on the way to the cache */
};

#define RERANK_WITHIN 1.01f /* ... where codes leave open which is nearer: what they do to ranks is less */

/* How far past the k-th best a walk goes on, on squared distances: fitted so that recall is at least that of a walk that
 * keeps `ef`, at fewer distances. Straight between the points. By L1, whose ranks are no squares, this goes twice as far, which is
 * what it takes: with the roots of these, recall was below that of such a walk (ADR 22). */
static float stop_factor(size_t ef)
{
    static const struct {
        float ef, factor;
    } points[] = {{0.0f, 1.0f},    {16.0f, 1.03f},  {50.0f, 1.10f},   {100.0f, 1.13f},
                  {200.0f, 1.16f}, {400.0f, 1.20f}, {1600.0f, 1.40f}, {65536.0f, 4.0f}};
    size_t i = 1;
    while (i < sizeof points / sizeof *points - 1 && (float)ef > points[i].ef) i++;
    float part = ((float)ef - points[i - 1].ef) / (points[i].ef - points[i - 1].ef);
    return points[i - 1].factor + part * (points[i].factor - points[i - 1].factor);
}

static void aim(const GV_HNSW *hnsw, const GV_Query *query, GV_Scratch *scratch, GV_Target *target)
{
    target->vector = query->vector;
    target->squared_norm = query->squared_norm;
    if (!gv_hnsw_coded(hnsw)) return;
    gv_codes_encode_query(&hnsw->codes, query->vector, query->squared_norm, scratch->work, scratch->code,
                          &target->code.head);
    target->code.bytes = scratch->code;
    if (gv_hnsw_gated(hnsw)) gv_gate_open(hnsw, scratch);
}

/* What the rounding of the query may do to a rank. By L1 that adds up as a random walk over the components, and so does that of
 * rows, of which no norm knows. */
static float slack_of(const GV_HNSW *hnsw, const GV_CodeHead *query)
{
    float length = gv_codes_turned(hnsw->head.metric.distance) ? query->norm : (float)hnsw->codes.dimension;
    return query->step * sqrtf(length);
}

/* A rank knows the metric's zero, so that factors mean something, unless it is a negated product. Who asks for as many
 * candidates as there are nodes gets all that can be reached. */
static GV_Walk plan_walk(const GV_HNSW *hnsw, const GV_Query *query, const GV_Target *target, size_t k)
{
    GV_Walk walk = {.level = 0, .ef = query->ef, .accept = query->accept, .gated = gv_hnsw_gated(hnsw), .ahead = true};
    if (hnsw->head.metric.distance == GV_DISTANCE_DOT_PRODUCT || query->ef >= hnsw->present_count) return walk;
    walk.ef = POOL_OF_EF * query->ef;
    walk.stop_at = k > STOP_AT_LEAST ? k : STOP_AT_LEAST;
    walk.factor = stop_factor(query->ef);
    if (gv_hnsw_coded(hnsw)) walk.slack = slack_of(hnsw, &target->code.head);
    return walk;
}

/* The pivot nearest to the target, as the one candidate. */
static GV_Status start_at_pivot(const GV_HNSW *hnsw, GV_Scratch *scratch, const GV_Target *target)
{
    const GV_Pivots *pivots = &hnsw->pivots;
    uint64_t best = UINT64_MAX;
    if (hnsw->mapped) GV_TRY(gv_hnsw_touch_nodes(hnsw, pivots->slots, pivots->count));
    gv_hnsw_measure(hnsw, target, pivots->slots, pivots->count, scratch->ranks);
    for (size_t i = 0; i < pivots->count; i++) {
        uint64_t key = gv_hnsw_key(scratch->ranks[i], pivots->slots[i]);
        best = key < best ? key : best;
    }
    gv_scratch_start(scratch, gv_key_slot(best), gv_key_rank(best));
    return GV_OK;
}

/* Offer a head's ring: its members are all as far, and come in order of ids. */
static void offer_ring(const GV_HNSW *hnsw, const GV_Query *query, GV_TopK *top, uint32_t head, float distance)
{
    uint32_t first = gv_ring_first(hnsw, head), follower = first;
    size_t offered = 0;
    do {
        if (gv_hnsw_bit(query->accept, follower)) {
            gv_topk_offer(top, distance, gv_table_id(hnsw->head.table, follower));
            if (++offered == top->k) return;
        }
        follower = gv_ring_next(hnsw, follower);
    } while (follower != first);
}

static void offer_node(const GV_HNSW *hnsw, const GV_Query *query, GV_TopK *top, uint32_t slot, float rank)
{
    float distance = gv_distance_of_rank(hnsw->head.metric.distance, rank);
    if (gv_topk_refuses(top, distance)) return;
    if (gv_hnsw_bit(query->accept, slot)) gv_topk_offer(top, distance, gv_table_id(hnsw->head.table, slot));
    if (hnsw->head_count > 0 && gv_bitset_get(&hnsw->heads, slot)) offer_ring(hnsw, query, top, slot, distance);
}

typedef struct Rerank { /* which of the pool are measured in full, */
    size_t least, most; /* so many, and all whose code ties with the last of them; ... */
    float factor,
        slack; /* ... beyond `least` those whose rank is at most factor * the k-th one's + slack (factor 0: all) */
} Rerank;

static Rerank plan_rerank(const GV_HNSW *hnsw, const GV_Query *query, const GV_Walk *walk, size_t k)
{
    size_t extra = gv_codes_turned(hnsw->head.metric.distance) ? RERANK_EXTRA : RERANK_EXTRA_L1;
    Rerank plan = {k, k + extra, walk->factor > 0.0f ? RERANK_WITHIN : 0.0f, walk->slack};
    if (query->ef >= hnsw->present_count) plan.most = SIZE_MAX;
    if (hnsw->rerank > plan.least) plan.least = hnsw->rerank;
    if (plan.least > plan.most) plan.most = plan.least;
    return plan;
}

/* Move those to the front of the pool, their ids and the first of their rows on the way to the cache. Returns how many they are. */
static size_t choose(const GV_HNSW *hnsw, GV_Scratch *scratch, const GV_Query *query, const Rerank *plan, size_t k)
{
    uint64_t *pool = scratch->pool;
    float bound = INFINITY;
    size_t chosen = 0;
    for (size_t i = 0; i < scratch->count; i++) {
        uint32_t slot = gv_key_slot(pool[i]);
        if (!gv_hnsw_accepted(hnsw, query->accept, slot)) continue;
        if (chosen >= plan->most && pool[i] >> 32 != pool[chosen - 1] >> 32) break;
        if (chosen >= plan->least && gv_key_rank(pool[i]) > bound) break;
        if (chosen < ROWS_AHEAD) gv_table_prefetch(hnsw->head.table, slot);
        gv_prefetch(gv_slab_at(&hnsw->head.table->ids, slot), 1);
        pool[chosen++] = pool[i]; /* what comes before is not needed any more */
        if (chosen == k && plan->factor > 0.0f) bound = plan->factor * gv_key_rank(pool[i]) + plan->slack;
    }
    return chosen;
}

/* The best of the pool, measured in full. */
static GV_Status rerank(const GV_HNSW *hnsw, GV_Scratch *scratch, const GV_Query *query, const GV_Walk *walk,
                        GV_TopK *top)
{
    const GV_Table *table = hnsw->head.table;
    Rerank plan = plan_rerank(hnsw, query, walk, top->k);
    size_t chosen = choose(hnsw, scratch, query, &plan, top->k);
    for (size_t i = 0; i < chosen; i++) {
        uint32_t slot = gv_key_slot(scratch->pool[i]);
        if (i + ROWS_AHEAD < chosen) gv_table_prefetch(table, gv_key_slot(scratch->pool[i + ROWS_AHEAD]));
        GV_TRY(gv_table_touch(table, slot));
        float rank = gv_rank(&hnsw->head.metric, query->vector, query->squared_norm, gv_table_row(table, slot),
                             gv_table_norm(table, slot));
        offer_node(hnsw, query, top, slot, rank);
    }
    return GV_OK;
}

/* Ranks that are exact need no second look. */
static void offer_pool(const GV_HNSW *hnsw, const GV_Scratch *scratch, const GV_Query *query, GV_TopK *top)
{
    for (size_t i = 0; i < scratch->count; i++) {
        uint32_t slot = gv_key_slot(scratch->pool[i]);
        float rank = gv_key_rank(scratch->pool[i]);
        if (gv_topk_refuses(top, gv_distance_of_rank(hnsw->head.metric.distance, rank))) return;
        if (gv_hnsw_accepted(hnsw, query->accept, slot)) offer_node(hnsw, query, top, slot, rank);
    }
}

GV_Status gv_hnsw_search(GV_Index *index, const GV_Query *query, GV_TopK *top)
{
    GV_HNSW *hnsw = (GV_HNSW *)index;
    if (hnsw->entry == GV_NO_SLOT) return GV_OK;
    GV_Scratch *scratch;
    GV_TRY(gv_scratch_take(hnsw, hnsw->slot_end, gv_hnsw_pool_size(POOL_OF_EF * query->ef), &scratch));
    GV_Target target;
    aim(hnsw, query, scratch, &target);
    GV_Walk walk = plan_walk(hnsw, query, &target, top->k);
    GV_Status status = start_at_pivot(hnsw, scratch, &target);
    if (status == GV_OK) {
        scratch->accepted = gv_hnsw_accepted(hnsw, query->accept, gv_key_slot(scratch->pool[0]));
        status = gv_hnsw_walk(hnsw, scratch, &target, &walk);
    }
    if (status == GV_OK && gv_hnsw_coded(hnsw)) status = rerank(hnsw, scratch, query, &walk, top);
    else if (status == GV_OK) offer_pool(hnsw, scratch, query, top);
    gv_scratch_give(hnsw, scratch);
    return status;
}
