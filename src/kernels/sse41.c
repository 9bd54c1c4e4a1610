/* sse41.c: x86-64 with SSE4.1, four f32 lanes. Built with -msse4.1; run only if cpu.c agrees. */
#include "kernels/kernel_list.h"

#if defined(__SSE4_1__)
#include <smmintrin.h>

#define GV_ISA sse41
#define GV_LANES 4
typedef __m128 lanes;

static inline lanes lanes_zero(void) { return _mm_setzero_ps(); }

static inline lanes lanes_load(const float *p) { return _mm_loadu_ps(p); }

/* The first `count` (1 to 3) lanes; the others are +0. */
static inline lanes lanes_load_part(const float *p, size_t count)
{
    if (count == 1) {
        return _mm_load_ss(p);
    }
    lanes pair = _mm_loadl_pi(_mm_setzero_ps(), (const __m64 *)p);
    return count == 2 ? pair : _mm_movelh_ps(pair, _mm_load_ss(p + 2));
}

static inline lanes lanes_add(lanes a, lanes b) { return _mm_add_ps(a, b); }

static inline lanes lanes_sub(lanes a, lanes b) { return _mm_sub_ps(a, b); }

static inline lanes lanes_mul(lanes a, lanes b) { return _mm_mul_ps(a, b); }

static inline lanes lanes_abs(lanes v) { return _mm_andnot_ps(_mm_set1_ps(-0.0F), v); }

static inline float lanes_fold(lanes v)
{
    v = _mm_add_ps(v, _mm_movehl_ps(v, v));
    return _mm_cvtss_f32(_mm_add_ss(v, _mm_movehdup_ps(v)));
}

#include "kernels/kernel_body.h"
#endif
