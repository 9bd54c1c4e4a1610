/* avx512.c: x86-64 with AVX-512, sixteen f32 lanes. Built with -mavx512f -mavx512bw -mavx512vl -mavx512dq
 * -mavx512vnni and -ffp-contract=off (AVX-512F brings its own fused multiply-add); run only if cpu.c agrees. */
#include "kernels/kernel_list.h"

#if defined(__AVX512F__) && defined(__AVX512DQ__)
#include <immintrin.h>

#define GV_ISA avx512
#define GV_LANES 16
typedef __m512 lanes;

static inline lanes lanes_zero(void) { return _mm512_setzero_ps(); }

static inline lanes lanes_load(const float *p) { return _mm512_loadu_ps(p); }

/* The first `count` (1 to 15) lanes; the others are +0 and their memory is not touched. */
static inline lanes lanes_load_part(const float *p, size_t count)
{
    return _mm512_maskz_loadu_ps((__mmask16)((1U << count) - 1), p);
}

static inline lanes lanes_add(lanes a, lanes b) { return _mm512_add_ps(a, b); }

static inline lanes lanes_sub(lanes a, lanes b) { return _mm512_sub_ps(a, b); }

static inline lanes lanes_mul(lanes a, lanes b) { return _mm512_mul_ps(a, b); }

static inline lanes lanes_abs(lanes v) { return _mm512_abs_ps(v); }

static inline float lanes_fold(lanes v)
{
    __m256 h = _mm256_add_ps(_mm512_castps512_ps256(v), _mm512_extractf32x8_ps(v, 1));
    __m128 s = _mm_add_ps(_mm256_castps256_ps128(h), _mm256_extractf128_ps(h, 1));
    s = _mm_add_ps(s, _mm_movehl_ps(s, s));
    return _mm_cvtss_f32(_mm_add_ss(s, _mm_movehdup_ps(s)));
}

#include "kernels/kernel_body.h"
#endif
