/* scalar.c: plain C, and the reference: the order of kernels.h as it is written there, sharing no line with the other
 * kernels. A compiler may keep several partial sums in one vector register; no sum changes its order by that. */
#include "kernels/kernel_list.h"
#include <math.h>

enum {
    STRIPES = 32
};

#define ALWAYS_INLINE static inline __attribute__((always_inline))

typedef float (*term_fn)(float a, float b); /* what one pair of elements adds to its sum; always inlined */

ALWAYS_INLINE float squared_difference(float a, float b)
{
    float difference = a - b;
    return difference * difference;
}

ALWAYS_INLINE float product(float a, float b) { return a * b; }

ALWAYS_INLINE float absolute_difference(float a, float b) { return fabsf(a - b); }

ALWAYS_INLINE float sum_of_terms(const float *a, const float *b, size_t n, term_fn term)
{
    float partial[STRIPES] = {0};
    for (; n >= STRIPES; n -= STRIPES, a += STRIPES, b += STRIPES) {
        for (size_t i = 0; i < STRIPES; i++) {
            partial[i] += term(a[i], b[i]);
        }
    }
    for (size_t i = 0; i < n; i++) {
        partial[i] += term(a[i], b[i]);
    }
    for (size_t half = STRIPES / 2; half > 0; half /= 2) {
        for (size_t i = 0; i < half; i++) {
            partial[i] += partial[i + half];
        }
    }
    return partial[0];
}

static float l2sq(const float *a, const float *b, size_t n) { return sum_of_terms(a, b, n, squared_difference); }

static float dot(const float *a, const float *b, size_t n) { return sum_of_terms(a, b, n, product); }

static float l1(const float *a, const float *b, size_t n) { return sum_of_terms(a, b, n, absolute_difference); }

const GV_Kernels gv_kernels_scalar = {.name = "scalar", .l2sq = l2sq, .dot = dot, .l1 = l1};
