/* avx2.c: x86-64 with AVX2, eight f32 lanes. Built with -mavx2 and never -mfma; run only if cpu.c agrees. */
#include "kernels/kernel_list.h"

#if defined(__AVX2__)
#include <immintrin.h>
#include <stdint.h>

#define GV_ISA avx2
#define GV_LANES 8
typedef __m256 lanes;

static inline lanes lanes_zero(void) { return _mm256_setzero_ps(); }

static inline lanes lanes_load(const float *p) { return _mm256_loadu_ps(p); }

/* The first `count` (1 to 7) lanes; the others are +0 and their memory is not touched. */
static inline lanes lanes_load_part(const float *p, size_t count)
{
    static const int32_t window[16] = {-1, -1, -1, -1, -1, -1, -1, -1}; /* slides: `count` ones, then zeros */
    __m256i mask = _mm256_loadu_si256((const __m256i *)(window + 8 - count));
    return _mm256_maskload_ps(p, mask);
}

static inline lanes lanes_add(lanes a, lanes b) { return _mm256_add_ps(a, b); }

static inline lanes lanes_sub(lanes a, lanes b) { return _mm256_sub_ps(a, b); }

static inline lanes lanes_mul(lanes a, lanes b) { return _mm256_mul_ps(a, b); }

static inline lanes lanes_abs(lanes v) { return _mm256_andnot_ps(_mm256_set1_ps(-0.0F), v); }

static inline float lanes_fold(lanes v)
{
    __m128 s = _mm_add_ps(_mm256_castps256_ps128(v), _mm256_extractf128_ps(v, 1));
    s = _mm_add_ps(s, _mm_movehl_ps(s, s));
    return _mm_cvtss_f32(_mm_add_ss(s, _mm_movehdup_ps(s)));
}

#include "kernels/kernel_body.h"
#endif
