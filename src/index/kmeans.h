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
} GV_KMeans;

/* Bytes for k-means of `count` rows to `k` centroids; false if there are too many. A multiple of 8. */
bool gv_kmeans_room(size_t count, size_t k, uint32_t threads, size_t *bytes);

/* Fill `centroids[k, dimension]`. `count`, `k` and `threads` are at least 1. */
void gv_kmeans(const GV_KMeans *job, float *centroids);

/* The centroid nearest to each of `count` <= GV_ASSIGN_ROWS rows, and how near: its squared norm less twice the dot product.
 * `norms[k]` are those of the centroids; `sums` is float[GV_ASSIGN_ROWS * GV_ASSIGN_CENTROIDS]. */
void gv_assign(const GV_Kernels *kernels, const float *const *rows, size_t count, const float *const *centroids,
               const float *norms, size_t k, size_t dimension, float *sums, uint32_t *labels, float *nearness);

#endif
