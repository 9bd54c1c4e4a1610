/* kernels.h: the table of distance kernels and the choice among them.
 *
 * One order for every float sum, whatever the width of a register: element i belongs to partial sum i mod 32,
 * products are rounded before they are added (no fused multiply-add), and the 32 partials are folded by halves
 * (partial[i] += partial[i + half] for half = 16, 8, 4, 2, 1). So all kernels return the same bits for every n.
 *
 * Rows need the alignment of a float and no more, n may be 0, and nothing past a[n - 1] is read. Sums of finite
 * components may overflow to infinity, and `dot` then to NaN (whose bits are the one thing not promised). */
#ifndef GV_KERNELS_H
#define GV_KERNELS_H
#include <stddef.h>

typedef struct GV_Kernels {
    const char *name;                                        /* "scalar", "sse41", "avx2", "avx512", "wasm128" */
    float (*l2sq)(const float *a, const float *b, size_t n); /* sum of squared differences */
    float (*dot)(const float *a, const float *b, size_t n);
    float (*l1)(const float *a, const float *b, size_t n); /* sum of absolute differences */
} GV_Kernels;

/* The best table this CPU runs; or, when `wanted` is not NULL, that one.
 * NULL if `wanted` is unknown or unsupported here: the caller reports it and never falls back silently. */
const GV_Kernels *gv_kernels_select(const char *wanted);

/* The i-th table built into this binary, best first, whether or not this CPU runs it; NULL past the last. */
const GV_Kernels *gv_kernels_at(size_t i);

#endif
