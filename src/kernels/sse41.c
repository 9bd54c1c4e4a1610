/* sse41.c: x86-64 with SSE4.1, four f32 lanes. Built with -msse4.1; run only if cpu.c agrees. */
#include "kernels/kernel_list.h"

#if defined(__SSE4_1__)
#include <smmintrin.h>
#include <stdint.h>
#include <string.h>

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

static inline void lanes_fold4(lanes a, lanes b, lanes c, lanes d, float *out)
{
    lanes ab = _mm_add_ps(_mm_movelh_ps(a, b), _mm_movehl_ps(b, a));
    lanes cd = _mm_add_ps(_mm_movelh_ps(c, d), _mm_movehl_ps(d, c));
    _mm_storeu_ps(out, _mm_add_ps(_mm_shuffle_ps(ab, cd, 0x88), _mm_shuffle_ps(ab, cd, 0xdd)));
}

/* For code_body.h. */

static inline void lanes_store(float *p, lanes v) { _mm_storeu_ps(p, v); }

static inline lanes lanes_splat(float x) { return _mm_set1_ps(x); }

static inline float lanes_first(lanes v) { return _mm_cvtss_f32(v); }

static inline lanes lanes_min(lanes a, lanes b) { return _mm_min_ps(a, b); }

static inline lanes lanes_max(lanes a, lanes b) { return _mm_max_ps(a, b); } /* a > b ? a : b */

static inline lanes lanes_xor(lanes a, lanes b) { return _mm_xor_ps(a, b); }

static inline lanes lanes_and(lanes a, lanes b) { return _mm_and_ps(a, b); }

static inline lanes lanes_below(lanes a, lanes b) { return _mm_cmplt_ps(a, b); }

static inline uint32_t lanes_bits(lanes mask) { return (uint32_t)_mm_movemask_ps(mask); }

static inline lanes lanes_swap1(lanes v) { return _mm_shuffle_ps(v, v, 0xb1); }

static inline lanes lanes_swap2(lanes v) { return _mm_shuffle_ps(v, v, 0x4e); }

static inline lanes lanes_from_words(const uint16_t *p, int32_t middle)
{
    __m128i wide = _mm_cvtepu16_epi32(_mm_loadl_epi64((const void *)p));
    return _mm_cvtepi32_ps(_mm_sub_epi32(wide, _mm_set1_epi32(middle)));
}

static inline lanes lanes_from_ints(const int32_t *p)
{
    return _mm_cvtepi32_ps(_mm_loadu_si128((const __m128i *)(const void *)p));
}

/* For stored_body.h. */

/* Exponent and fraction where those of an f32 are: the value is 2^112 too small, and no fraction is lost. */
static inline lanes lanes_from_halves(const void *p)
{
    __m128i wide = _mm_cvtepu16_epi32(_mm_loadl_epi64(p));
    __m128i sign = _mm_slli_epi32(_mm_and_si128(wide, _mm_set1_epi32(0x8000)), 16);
    __m128i rest = _mm_slli_epi32(_mm_and_si128(wide, _mm_set1_epi32(0x7fff)), 13);
    return _mm_or_ps(_mm_mul_ps(_mm_castsi128_ps(rest), _mm_set1_ps(0x1p112F)), _mm_castsi128_ps(sign));
}

static inline lanes lanes_from_bytes(const void *p)
{
    int32_t four;
    memcpy(&four, p, sizeof four);
    return _mm_cvtepi32_ps(_mm_cvtepi8_epi32(_mm_cvtsi32_si128(four)));
}

typedef __m128i ints;

static inline ints ints_zero(void) { return _mm_setzero_si128(); }

static inline ints ints_load(const void *p) { return _mm_loadu_si128(p); }

static inline void ints_store(void *p, ints v) { _mm_storeu_si128(p, v); }

static inline ints ints_repeat(const uint8_t *p) { return ints_load(p); }

static inline ints ints_xor(ints a, ints b) { return _mm_xor_si128(a, b); }

static inline ints ints8_splat(int x) { return _mm_set1_epi8((char)x); }

static inline ints ints8_add(ints a, ints b) { return _mm_add_epi8(a, b); }

static inline ints ints8_sub(ints a, ints b) { return _mm_sub_epi8(a, b); }

static inline ints ints8_lookup(ints table, ints places) { return _mm_shuffle_epi8(table, places); }

static inline ints ints8_shift_right(ints v, unsigned count)
{
    return _mm_and_si128(_mm_srl_epi16(v, _mm_cvtsi32_si128((int)count)), ints8_splat(255 >> count));
}

static inline ints ints8_low_nibbles(ints v) { return _mm_and_si128(v, _mm_set1_epi8(15)); }

static inline ints ints8_high_nibbles(ints v) { return ints8_low_nibbles(_mm_srli_epi16(v, 4)); }

/* Truncated to bytes, in order. */
static inline ints ints8_from_lanes(lanes a, lanes b, lanes c, lanes d)
{
    return _mm_packus_epi16(_mm_packs_epi32(_mm_cvttps_epi32(a), _mm_cvttps_epi32(b)),
                            _mm_packs_epi32(_mm_cvttps_epi32(c), _mm_cvttps_epi32(d)));
}

/* The four values of one nibble, four times over. */
static inline ints ints_load_nibbles(const int8_t *p)
{
    int32_t nibble;
    memcpy(&nibble, p, sizeof nibble);
    return _mm_set1_epi32(nibble);
}

static inline ints ints16_add(ints a, ints b) { return _mm_add_epi16(a, b); }

static inline ints ints16_sub(ints a, ints b) { return _mm_sub_epi16(a, b); }

static inline ints ints16_shift_left_8(ints v) { return _mm_slli_epi16(v, 8); }

static inline ints ints16_shift_right_8(ints v) { return _mm_srli_epi16(v, 8); }

/* Even and odd neighbours in turn. */
static inline void ints16_merge(ints even, ints odd, uint16_t *sums)
{
    ints_store(sums, _mm_unpacklo_epi16(even, odd));
    ints_store(sums + 8, _mm_unpackhi_epi16(even, odd));
}

/* Cannot saturate: pairs of products are at most 2 * 127 * 128, or 2 * 254 * 1. */
static inline ints ints32_add_dot(ints sum, ints u, ints q)
{
    return _mm_add_epi32(sum, _mm_madd_epi16(_mm_maddubs_epi16(u, q), _mm_set1_epi16(1)));
}

static inline ints ints32_add_distance(ints sum, ints a, ints b) { return _mm_add_epi32(sum, _mm_sad_epu8(a, b)); }

static inline void ints32_fold4(ints a, ints b, ints c, ints d, int32_t *out)
{
    ints_store(out, _mm_hadd_epi32(_mm_hadd_epi32(a, b), _mm_hadd_epi32(c, d)));
}

static inline int32_t ints32_fold(ints v)
{
    v = _mm_add_epi32(v, _mm_shuffle_epi32(v, 0x4e));
    return _mm_cvtsi128_si32(_mm_add_epi32(v, _mm_shuffle_epi32(v, 0xb1)));
}

#include "kernels/kernel_body.h"
#endif
