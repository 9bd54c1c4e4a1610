/* kdtree_search.c: depth first, the nearer child first; nodes whose rows cannot be among the best are left out. */
#include "index/kdtree.h"
#include <float.h>
#include <string.h>

enum {
    PARTIALS = 32 /* of a kernel's sum */
};

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

typedef float Lanes[GV_KD_LEAF]; /* one of each row of a leaf */

static inline void add_terms(GV_DistanceType distance, float q, const float *x, float *sums)
{
    switch (distance) {
    case GV_DISTANCE_EUCLIDEAN:
        for (size_t i = 0; i < GV_KD_LEAF; i++) sums[i] += (q - x[i]) * (q - x[i]);
        break;
    case GV_DISTANCE_MANHATTAN:
        for (size_t i = 0; i < GV_KD_LEAF; i++) sums[i] += fabsf(q - x[i]);
        break;
    case GV_DISTANCE_COSINE:
    case GV_DISTANCE_DOT_PRODUCT:
        for (size_t i = 0; i < GV_KD_LEAF; i++) sums[i] += q * x[i];
        break;
    }
}

/* The kernels' sums, to the bit, in their order (kernels.h), of all rows of a leaf side by side: for few components a kernel's
 * 32 partial sums are mostly zeros. What is read behind the leaf's last rows is another's, and left. */
static const float *leaf_sums(const Walk *w, const float *rows, size_t count, Lanes *partials)
{
    size_t n = w->metric->dimension, width = n < PARTIALS ? n : PARTIALS;
    const float *q = w->query->vector;
    memset(partials, 0, width * sizeof *partials);
    for (size_t d = 0; d < n; d++) add_terms(w->metric->distance, q[d], rows + d * count, partials[d % PARTIALS]);
    for (size_t half = PARTIALS / 2; half > 0; half /= 2) {
        for (size_t i = 0; i + half < width; i++)
            for (size_t j = 0; j < GV_KD_LEAF; j++) partials[i][j] += partials[i + half][j];
        if (width > half) width = half;
    }
    return partials[0];
}

static bool visit_leaf(Walk *w, size_t begin, size_t end)
{
    Lanes partials[PARTIALS];
    if (w->rest < end - begin) return false;
    w->rest -= end - begin;
    const float *sums = leaf_sums(w, w->tree->rows + begin * w->metric->dimension, end - begin, partials);
    float limit = gv_rank_limit(w->metric->distance, w->top);
    for (size_t i = begin; i < end; i++) {
        uint32_t slot = w->tree->slots[i];
        float rank = gv_rank_of_sum(w->metric->distance, sums[i - begin], 0.0f, 0.0f);
        if (rank > limit) continue;
        if (slot / 64 >= w->query->accept->word_count || !gv_bitset_get(w->query->accept, slot)) continue;
        if (!gv_bitset_get(w->indexed, slot)) continue;
        gv_topk_offer(w->top, gv_distance_of_rank(w->metric->distance, rank), gv_table_id(w->table, slot));
        limit = gv_rank_limit(w->metric->distance, w->top);
    }
    return true;
}

static bool visit(Walk *w, size_t node, size_t begin, size_t end, double rank)
{
    if (rank > (double)gv_rank_limit(w->metric->distance, w->top)) return true;
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
