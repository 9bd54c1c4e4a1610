/* kmeans.h: k-means that gives the same bits on every kernel, with any number of threads.
 *
 * It starts as k-means++ does (Arthur & Vassilvitskii, SODA 2007), on some rows of those given; then each round assigns every row to
 * its nearest centroid (a tie goes to the first) and moves each centroid to the mean of its rows, summed in their order. A
 * centroid without rows takes the row that lies farthest from its own. Where there are fewer distinct rows than centroids,
 * those left over are copies of the first, to which no row is ever assigned. */
#ifndef GV_KMEANS_H
#define GV_KMEANS_H
#include "base/memory.h"
#include "base/parallel.h"
#include "kernels/kernels.h"

enum {
    GV_ASSIGN_ROWS = 64,      /* that are assigned together */
    GV_ASSIGN_CENTROIDS = 256 /* that they are compared with at a time */
};

typedef struct GV_KMeans {
    const GV_Kernels *kernels;
    void *
        room; /* gv_kmeans_room() bytes, at a multiple of 8: nothing is allocated, so that threads may run jobs of their own */
    GV_Pool *pool;
    uint32_t threads;
    const float *rows; /* [count], each `stride` floats behind the one before; finite */
    size_t count, stride, dimension;
    uint32_t k, rounds;
    uint64_t seed;
    bool is_short; /* rows have few components, and k is a multiple of 16: compared in another way, and order of sums */
} GV_KMeans;

/* Bytes that `job` needs as its room; false if there are too many. A multiple of 8. */
bool gv_kmeans_room(const GV_KMeans *job, size_t *bytes);

/* Fill `centroids[k, dimension]`. `count`, `k` and `threads` are at least 1. */
void gv_kmeans(const GV_KMeans *job, float *centroids);

/* The centroid nearest to each of `count` <= GV_ASSIGN_ROWS rows, and how near: its squared norm less twice the dot product.
 * `norms[k]` are those of the centroids; `sums` is float[GV_ASSIGN_ROWS * GV_ASSIGN_CENTROIDS]. */
void gv_assign(const GV_Kernels *kernels, const float *const *rows, size_t count, const float *const *centroids,
               const float *norms, size_t k, size_t dimension, float *sums, uint32_t *labels, float *nearness);

/* Where the least of sixteen values is: the first of several; 0 where NaNs are in the way. By halves, in registers. */
static inline uint32_t gv_first_least(const float *x)
{
    float half[8];
    for (size_t i = 0; i < 8; i++) half[i] = x[i] < x[i + 8] ? x[i] : x[i + 8];
    for (size_t i = 0; i < 4; i++) half[i] = half[i] < half[i + 4] ? half[i] : half[i + 4];
    float a = half[0] < half[2] ? half[0] : half[2], b = half[1] < half[3] ? half[1] : half[3];
    float least = a < b ? a : b;
    uint32_t at = 0;
    while (at < 15 && !(x[at] <= least)) at++;
    return x[at] <= least ? at : 0;
}

#endif
