/* metric.h: from kernels to distances, in one place, so that every index says the same bits.
 *
 * A *rank* orders rows and is what walks and scans compare; the *distance* is what a user sees. They differ for
 * EUCLIDEAN only (rank: the square). Both grow together, but two ranks may give one distance: order hits by distance,
 * then id. Squared norms are finite f32 (checked when rows and queries come in), so nothing here can be NaN. */
#ifndef GV_METRIC_H
#define GV_METRIC_H
#include "base/topk.h"
#include "kernels/kernels.h"
#include "kernels/stored.h"
#include <float.h>
#include <gigavector.h>
#include <math.h>

typedef struct GV_Metric {
    const GV_Kernels *kernels;
    GV_DistanceType distance;
    size_t dimension;
    GV_Storage storage; /* of rows; queries are f32 */
} GV_Metric;

/* 1 - cos from a dot product and two squared norms. The square root of the product, in f64, makes cos(x, x) exactly 1:
 * the product of two f32 is exact there, and so is the root of a square. */
static inline float gv_cosine_distance(float dot, float a_squared_norm, float b_squared_norm)
{
    double product = (double)a_squared_norm * (double)b_squared_norm;
    if (!(product > 0.0)) return 1.0f;
    float distance = 1.0f - (float)((double)dot / sqrt(product));
    return distance < 0.0f ? 0.0f : distance > 2.0f ? 2.0f : distance;
}

/* The rank that a kernel's sum stands for: l2sq, dot or l1, whichever the metric needs. The squared norms are gv_kernels
 * dot(x, x), and only COSINE reads them. */
static inline float gv_rank_of_sum(GV_DistanceType distance, float sum, float a_squared_norm, float b_squared_norm)
{
    switch (distance) {
    case GV_DISTANCE_COSINE: return gv_cosine_distance(sum, a_squared_norm, b_squared_norm);
    case GV_DISTANCE_DOT_PRODUCT: return 0.0f - sum; /* 0 - 0 is +0 */
    case GV_DISTANCE_MANHATTAN:
    case GV_DISTANCE_EUCLIDEAN: break;
    }
    return sum;
}

/* The next, where rows are not f32. */
float gv_rank_stored(const GV_Metric *metric, const float *a, float a_squared_norm, const void *b,
                     float b_squared_norm);

/* The rank of row `b`, as it is stored, for query `a`. */
static inline float gv_rank(const GV_Metric *metric, const float *a, float a_squared_norm, const void *b,
                            float b_squared_norm)
{
    if (GV_HAS_STORAGE && metric->storage != GV_STORAGE_F32)
        return gv_rank_stored(metric, a, a_squared_norm, b, b_squared_norm);
    const GV_Kernels *kernels = metric->kernels;
    size_t n = metric->dimension;
    switch (metric->distance) {
    case GV_DISTANCE_COSINE: return gv_cosine_distance(kernels->dot(a, b, n), a_squared_norm, b_squared_norm);
    case GV_DISTANCE_DOT_PRODUCT: return 0.0f - kernels->dot(a, b, n);
    case GV_DISTANCE_MANHATTAN: return kernels->l1(a, b, n);
    case GV_DISTANCE_EUCLIDEAN: break;
    }
    return kernels->l2sq(a, b, n);
}

/* The kernel of those sums for many rows and queries. */
static inline GV_Sums gv_metric_sums(const GV_Metric *metric)
{
    switch (metric->distance) {
    case GV_DISTANCE_COSINE:
    case GV_DISTANCE_DOT_PRODUCT: return metric->kernels->dot_many;
    case GV_DISTANCE_MANHATTAN: return metric->kernels->l1_many;
    case GV_DISTANCE_EUCLIDEAN: break;
    }
    return metric->kernels->l2sq_many;
}

static inline float gv_distance_of_rank(GV_DistanceType distance, float rank)
{
    return distance == GV_DISTANCE_EUCLIDEAN ? sqrtf(rank) : rank;
}

/* Ranks above this are refused whatever the id. For EUCLIDEAN a little above the k-th distance squared, since near it two
 * ranks may have one root: what is below is compared by distance. */
static inline float gv_rank_limit(GV_DistanceType distance, const GV_TopK *top)
{
    if (top->count < top->k) return INFINITY;
    if (distance != GV_DISTANCE_EUCLIDEAN) return top->hits[0].distance;
    double root = top->hits[0].distance;
    return (float)(root * root * (1.0 + 1e-6) + FLT_MIN);
}

#endif
