/* nearest.h: which of many centroids is nearest to a row, without measuring most of them.
 *
 * Centroids have 7-bit codes and rows signed 8-bit ones (kernels/codes.h), of which one instruction multiplies many. With c' and p' what the
 * codes of centroid c and row p stand for, e and d how far they are off,
 *   <p, c> <= <p', c'> + d |c'| + |p| e
 * so that c is no nearer than |c|^2 - 2 <p', c'> - 2 d |c'| - 2 |p| e, its squared distance but for |p|^2. Where that is above the best found so far
 * c is passed by; the others are measured in floats. The centroid found, and how near it is, are to the bit what gv_assign() finds. */
#ifndef GV_NEAREST_H
#define GV_NEAREST_H
#include "base/memory.h"
#include "kernels/codes.h"

typedef struct GV_CentroidCodes {
    const GV_Kernels *kernels;
    size_t dimension, padded;
    uint32_t k;
    const float *const *centroids; /* [k] */
    const float *norms;            /* [k]: squared */
    GV_RowBounds *bounds;          /* of blocks of 32 */
    const uint8_t **pointers;      /* [k]: to codes */
    uint8_t *codes;                /* [k, padded] */
    float by_step, slack;          /* e is at most by_step * the code's step; what floats lose, of |p| |c| */
} GV_CentroidCodes;

typedef struct GV_RowCode {
    float length, blur; /* |p| and d, or a little more */
    float step, spread; /* of its bytes; their sum times the step */
} GV_RowCode;

enum {
    GV_NEAREST_DIMENSION = 8192 /* at most: what a row takes while it is coded has a bound */
};

/* Is it worth it? For few centroids, or short ones, it is not. */
static inline bool gv_centroid_codes_pay(size_t k, size_t dimension)
{
    return k >= 64 && dimension >= 64 && dimension <= GV_NEAREST_DIMENSION;
}

/* Bytes of room that the codes of `k` centroids take; false if there are too many. */
bool gv_centroid_codes_room(size_t k, size_t dimension, size_t *bytes);

/* The codes of centroids that stay where they are, with their norms. `room` has the bytes, at a multiple of 64. */
void gv_centroid_codes_make(GV_CentroidCodes *codes, const GV_Kernels *kernels, const float *const *centroids,
                            const float *norms, size_t k, size_t dimension, void *room);

/* Floats of room that coding a row takes. */
static inline size_t gv_row_code_room(size_t dimension)
{
    return (dimension + GV_CACHE_LINE - 1) / GV_CACHE_LINE * GV_CACHE_LINE;
}

/* The code of `row`, whose squared norm is `norm`, into `bytes`, as many as its `work`, float[gv_row_code_room()], has floats. */
void gv_row_code(const GV_Kernels *kernels, const float *row, float norm, size_t dimension, float *work, int8_t *bytes,
                 GV_RowCode *out);

/* The first centroid of those that are nearest, and its squared norm less twice the dot product. `guess` is any: a good one makes it quick. */
uint32_t gv_nearest_centroid(const GV_CentroidCodes *codes, const float *row, const GV_RowCode *code,
                             const int8_t *bytes, uint32_t guess, float *nearness);

#endif
