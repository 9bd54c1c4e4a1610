/* kdtree_search.c: depth first, the nearer child first; nodes whose rows cannot be among the best are left out. */
#include "index/kdtree.h"
#include <float.h>

typedef struct Walk {
    const GV_KDTree *tree;
    const GV_Table *table;
    const GV_Metric *metric;
    const GV_Query *query;
    const GV_Bitset *indexed;
    GV_TopK *top;
    double slack; /* relative error of a kernel's sum, and more */
    size_t rest;  /* rows that may still be looked at */
} Walk;

/* No row of the box has a lower rank, however the kernel's sum was rounded: each element is rounded up to three times,
 * and then some d / 32 + 5 times as part of a sum; squares that underflow lose less than FLT_MIN each. */
static double least_rank(const Walk *w, size_t node)
{
    size_t n = w->metric->dimension;
    const float *least = w->tree->boxes + node * 2 * n, *most = least + n, *q = w->query->vector;
    double sum = 0.0, size = 0.0;
    if (w->metric->distance == GV_DISTANCE_DOT_PRODUCT) {
        for (size_t d = 0; d < n; d++) {
            double x = (double)q[d] * (double)least[d], y = (double)q[d] * (double)most[d];
            sum -= x > y ? x : y;
            size += fabs(x) > fabs(y) ? fabs(x) : fabs(y);
        }
        return sum - size * w->slack - (double)n * (double)FLT_MIN;
    }
    bool squares = w->metric->distance == GV_DISTANCE_EUCLIDEAN;
    for (size_t d = 0; d < n; d++) {
        double below = (double)least[d] - (double)q[d], above = (double)q[d] - (double)most[d];
        double gap = below > 0.0 ? below : above > 0.0 ? above : 0.0;
        sum += squares ? gap * gap : gap;
    }
    return sum * (1.0 - w->slack) - (double)n * (double)FLT_MIN;
}

/* As a scan's: for EUCLIDEAN a little above the k-th distance squared, since two ranks may have one root. */
static double rank_limit(const Walk *w)
{
    if (w->top->count < w->top->k) return INFINITY;
    double worst = (double)w->top->hits[0].distance;
    return w->metric->distance == GV_DISTANCE_EUCLIDEAN ? worst * worst * (1.0 + 1e-6) + (double)FLT_MIN : worst;
}

static bool visit_leaf(Walk *w, size_t begin, size_t end)
{
    if (w->rest < end - begin) return false;
    w->rest -= end - begin;
    for (size_t i = begin; i < end; i++) {
        uint32_t slot = w->tree->slots[i];
        if (slot / 64 >= w->query->accept->word_count || !gv_bitset_get(w->query->accept, slot)) continue;
        if (!gv_bitset_get(w->indexed, slot)) continue;
        float rank = gv_rank(w->metric, w->query->vector, w->query->squared_norm, gv_table_row(w->table, slot),
                             gv_table_norm(w->table, slot));
        float distance = gv_distance_of_rank(w->metric->distance, rank);
        if (!gv_topk_refuses(w->top, distance)) gv_topk_offer(w->top, distance, gv_table_id(w->table, slot));
    }
    return true;
}

static bool visit(Walk *w, size_t node, size_t begin, size_t end, double rank)
{
    if (rank > rank_limit(w)) return true;
    if (end - begin <= GV_KD_LEAF) return visit_leaf(w, begin, end);
    size_t middle = begin + (end - begin + 1) / 2;
    double left = least_rank(w, 2 * node + 1), right = least_rank(w, 2 * node + 2);
    if (left <= right) return visit(w, 2 * node + 1, begin, middle, left) && visit(w, 2 * node + 2, middle, end, right);
    return visit(w, 2 * node + 2, middle, end, right) && visit(w, 2 * node + 1, begin, middle, left);
}

bool gv_kd_search(const GV_KDTree *tree, const GV_Table *table, const GV_Metric *metric, const GV_Query *query,
                  const GV_Bitset *indexed, GV_TopK *top)
{
    Walk w = {tree, table, metric, query, indexed, top, 0.0, 0};
    w.slack = ((double)metric->dimension / 32.0 + 16.0) / (1 << 23);
    w.rest = tree->count / 4 + 8 * GV_KD_LEAF;
    return tree->count == 0 || visit(&w, 0, 0, tree->count, -INFINITY);
}
