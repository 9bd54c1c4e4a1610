/* avx2.c: x86-64 with AVX2, eight f32 lanes. Built with -mavx2 -mf16c and never -mfma; run only if cpu.c agrees. */
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

static inline void lanes_fold4(lanes a, lanes b, lanes c, lanes d, float *out)
{
    lanes ab = _mm256_add_ps(_mm256_permute2f128_ps(a, b, 0x20), _mm256_permute2f128_ps(a, b, 0x31));
    lanes cd = _mm256_add_ps(_mm256_permute2f128_ps(c, d, 0x20), _mm256_permute2f128_ps(c, d, 0x31));
    lanes s = _mm256_add_ps(_mm256_shuffle_ps(ab, cd, 0x44), _mm256_shuffle_ps(ab, cd, 0xee)); /* a a c c, b b d d */
    s = _mm256_add_ps(_mm256_shuffle_ps(s, s, 0x88), _mm256_shuffle_ps(s, s, 0xdd));
    _mm_storeu_ps(out, _mm_unpacklo_ps(_mm256_castps256_ps128(s), _mm256_extractf128_ps(s, 1)));
}

/* For code_body.h. */

static inline void lanes_store(float *p, lanes v) { _mm256_storeu_ps(p, v); }

static inline lanes lanes_splat(float x) { return _mm256_set1_ps(x); }

static inline float lanes_first(lanes v) { return _mm256_cvtss_f32(v); }

static inline lanes lanes_min(lanes a, lanes b) { return _mm256_min_ps(a, b); }

static inline lanes lanes_max(lanes a, lanes b) { return _mm256_max_ps(a, b); } /* a > b ? a : b */

static inline lanes lanes_xor(lanes a, lanes b) { return _mm256_xor_ps(a, b); }

static inline lanes lanes_and(lanes a, lanes b) { return _mm256_and_ps(a, b); }

static inline lanes lanes_below(lanes a, lanes b) { return _mm256_cmp_ps(a, b, _CMP_LT_OQ); }

static inline uint32_t lanes_bits(lanes mask) { return (uint32_t)_mm256_movemask_ps(mask); }

static inline lanes lanes_swap1(lanes v) { return _mm256_permute_ps(v, 0xb1); }

static inline lanes lanes_swap2(lanes v) { return _mm256_permute_ps(v, 0x4e); }

static inline lanes lanes_swap4(lanes v) { return _mm256_permute2f128_ps(v, v, 1); }

static inline lanes lanes_from_words(const uint16_t *p, int32_t middle)
{
    __m256i wide = _mm256_cvtepu16_epi32(_mm_loadu_si128((const __m128i *)(const void *)p));
    return _mm256_cvtepi32_ps(_mm256_sub_epi32(wide, _mm256_set1_epi32(middle)));
}

static inline lanes lanes_from_ints(const int32_t *p)
{
    return _mm256_cvtepi32_ps(_mm256_loadu_si256((const __m256i *)(const void *)p));
}

/* For stored_body.h. */

static inline lanes lanes_from_halves(const void *p) { return _mm256_cvtph_ps(_mm_loadu_si128(p)); }

static inline lanes lanes_from_bytes(const void *p)
{
    return _mm256_cvtepi32_ps(_mm256_cvtepi8_epi32(_mm_loadl_epi64(p)));
}

typedef __m256i ints;

static inline ints ints_zero(void) { return _mm256_setzero_si256(); }

static inline ints ints_load(const void *p) { return _mm256_loadu_si256(p); }

static inline void ints_store(void *p, ints v) { _mm256_storeu_si256(p, v); }

static inline ints ints_repeat(const uint8_t *p)
{
    return _mm256_broadcastsi128_si256(_mm_loadu_si128((const void *)p));
}

static inline ints ints_xor(ints a, ints b) { return _mm256_xor_si256(a, b); }

static inline ints ints8_splat(int x) { return _mm256_set1_epi8((char)x); }

static inline ints ints8_add(ints a, ints b) { return _mm256_add_epi8(a, b); }

static inline ints ints8_sub(ints a, ints b) { return _mm256_sub_epi8(a, b); }

static inline ints ints8_lookup(ints table, ints places) { return _mm256_shuffle_epi8(table, places); }

static inline ints ints8_shift_right(ints v, unsigned count)
{
    return _mm256_and_si256(_mm256_srl_epi16(v, _mm_cvtsi32_si128((int)count)), ints8_splat(255 >> count));
}

static inline ints ints8_low_nibbles(ints v) { return _mm256_and_si256(v, _mm256_set1_epi8(15)); }

static inline ints ints8_high_nibbles(ints v) { return ints8_low_nibbles(_mm256_srli_epi16(v, 4)); }

/* Truncated to bytes, in order; the packs work within halves. */
static inline ints ints8_from_lanes(lanes a, lanes b, lanes c, lanes d)
{
    __m256i ab = _mm256_packs_epi32(_mm256_cvttps_epi32(a), _mm256_cvttps_epi32(b));
    __m256i cd = _mm256_packs_epi32(_mm256_cvttps_epi32(c), _mm256_cvttps_epi32(d));
    return _mm256_permutevar8x32_epi32(_mm256_packus_epi16(ab, cd), _mm256_setr_epi32(0, 4, 1, 5, 2, 6, 3, 7));
}

/* The four values of one nibble four times over in each 16 bytes. */
static inline ints ints_load_nibbles(const int8_t *p)
{
    __m256i both = _mm256_castsi128_si256(_mm_loadl_epi64((const void *)p));
    return _mm256_permutevar8x32_epi32(both, _mm256_setr_epi32(0, 0, 0, 0, 1, 1, 1, 1));
}

static inline ints ints16_add(ints a, ints b) { return _mm256_add_epi16(a, b); }

static inline ints ints16_sub(ints a, ints b) { return _mm256_sub_epi16(a, b); }

static inline ints ints16_shift_left_8(ints v) { return _mm256_slli_epi16(v, 8); }

static inline ints ints16_shift_right_8(ints v) { return _mm256_srli_epi16(v, 8); }

/* The sums over all nibbles of a register, even and odd neighbours in turn. */
static inline void ints16_merge(ints even, ints odd, uint16_t *sums)
{
    __m128i e = _mm_add_epi16(_mm256_castsi256_si128(even), _mm256_extracti128_si256(even, 1));
    __m128i o = _mm_add_epi16(_mm256_castsi256_si128(odd), _mm256_extracti128_si256(odd, 1));
    _mm_storeu_si128((void *)sums, _mm_unpacklo_epi16(e, o));
    _mm_storeu_si128((void *)(sums + 8), _mm_unpackhi_epi16(e, o));
}

/* Cannot saturate: pairs of products are at most 2 * 127 * 128, or 2 * 254 * 1. */
static inline ints ints32_add_dot(ints sum, ints u, ints q)
{
    return _mm256_add_epi32(sum, _mm256_madd_epi16(_mm256_maddubs_epi16(u, q), _mm256_set1_epi16(1)));
}

static inline ints ints32_add_distance(ints sum, ints a, ints b)
{
    return _mm256_add_epi32(sum, _mm256_sad_epu8(a, b));
}

static inline void ints32_fold4(ints a, ints b, ints c, ints d, int32_t *out)
{
    __m256i all = _mm256_hadd_epi32(_mm256_hadd_epi32(a, b), _mm256_hadd_epi32(c, d));
    _mm_storeu_si128((void *)out, _mm_add_epi32(_mm256_castsi256_si128(all), _mm256_extracti128_si256(all, 1)));
}

static inline int32_t ints32_fold(ints v)
{
    __m128i s = _mm_add_epi32(_mm256_castsi256_si128(v), _mm256_extracti128_si256(v, 1));
    s = _mm_add_epi32(s, _mm_shuffle_epi32(s, 0x4e));
    return _mm_cvtsi128_si32(_mm_add_epi32(s, _mm_shuffle_epi32(s, 0xb1)));
}

#include "kernels/kernel_body.h"
#endif
