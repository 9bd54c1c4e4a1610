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

/* Sums of two registers, half the lanes each, side by side: a's in the lower half. */
static inline lanes lanes_fold2(lanes a, lanes b)
{
    return _mm512_add_ps(_mm512_shuffle_f32x4(a, b, 0x44), _mm512_shuffle_f32x4(a, b, 0xee));
}

static inline void lanes_fold4(lanes a, lanes b, lanes c, lanes d, float *out)
{
    lanes ab = lanes_fold2(a, b), cd = lanes_fold2(c, d);
    lanes s = _mm512_add_ps(_mm512_shuffle_f32x4(ab, cd, 0x88), _mm512_shuffle_f32x4(ab, cd, 0xdd));
    s = _mm512_add_ps(s, _mm512_permute_ps(s, 0x4e));
    s = _mm512_add_ps(s, _mm512_permute_ps(s, 0xb1));
    __m512i firsts = _mm512_castsi128_si512(_mm_setr_epi32(0, 4, 8, 12));
    _mm_storeu_ps(out, _mm512_castps512_ps128(_mm512_permutexvar_ps(firsts, s)));
}

/* For code_body.h. */

static inline void lanes_store(float *p, lanes v) { _mm512_storeu_ps(p, v); }

static inline lanes lanes_splat(float x) { return _mm512_set1_ps(x); }

static inline float lanes_first(lanes v) { return _mm512_cvtss_f32(v); }

static inline lanes lanes_min(lanes a, lanes b) { return _mm512_min_ps(a, b); }

static inline lanes lanes_max(lanes a, lanes b) { return _mm512_max_ps(a, b); } /* a > b ? a : b */

static inline lanes lanes_xor(lanes a, lanes b) { return _mm512_xor_ps(a, b); }

static inline lanes lanes_and(lanes a, lanes b) { return _mm512_and_ps(a, b); }

static inline lanes lanes_below(lanes a, lanes b)
{
    return _mm512_castsi512_ps(_mm512_movm_epi32(_mm512_cmp_ps_mask(a, b, _CMP_LT_OQ)));
}

static inline uint32_t lanes_bits(lanes mask) { return _mm512_movepi32_mask(_mm512_castps_si512(mask)); }

static inline lanes lanes_swap1(lanes v) { return _mm512_permute_ps(v, 0xb1); }

static inline lanes lanes_swap2(lanes v) { return _mm512_permute_ps(v, 0x4e); }

static inline lanes lanes_swap4(lanes v) { return _mm512_shuffle_f32x4(v, v, 0xb1); }

static inline lanes lanes_swap8(lanes v) { return _mm512_shuffle_f32x4(v, v, 0x4e); }

static inline lanes lanes_from_words(const uint16_t *p, int32_t middle)
{
    __m512i wide = _mm512_cvtepu16_epi32(_mm256_loadu_si256((const void *)p));
    return _mm512_cvtepi32_ps(_mm512_sub_epi32(wide, _mm512_set1_epi32(middle)));
}

static inline lanes lanes_from_ints(const int32_t *p) { return _mm512_cvtepi32_ps(_mm512_loadu_si512(p)); }

/* For stored_body.h. */

static inline lanes lanes_from_halves(const void *p) { return _mm512_cvtph_ps(_mm256_loadu_si256(p)); }

static inline lanes lanes_from_bytes(const void *p)
{
    return _mm512_cvtepi32_ps(_mm512_cvtepi8_epi32(_mm_loadu_si128(p)));
}

typedef __m512i ints;

static inline ints ints_zero(void) { return _mm512_setzero_si512(); }

static inline ints ints_load(const void *p) { return _mm512_loadu_si512(p); }

static inline void ints_store(void *p, ints v) { _mm512_storeu_si512(p, v); }

static inline ints ints_repeat(const uint8_t *p) { return _mm512_broadcast_i32x4(_mm_loadu_si128((const void *)p)); }

static inline ints ints_xor(ints a, ints b) { return _mm512_xor_si512(a, b); }

static inline ints ints8_splat(int x) { return _mm512_set1_epi8((char)x); }

static inline ints ints8_add(ints a, ints b) { return _mm512_add_epi8(a, b); }

static inline ints ints8_sub(ints a, ints b) { return _mm512_sub_epi8(a, b); }

static inline ints ints8_lookup(ints table, ints places) { return _mm512_shuffle_epi8(table, places); }

static inline ints ints8_shift_right(ints v, unsigned count)
{
    return _mm512_and_si512(_mm512_srl_epi16(v, _mm_cvtsi32_si128((int)count)), ints8_splat(255 >> count));
}

static inline ints ints8_low_nibbles(ints v) { return _mm512_and_si512(v, _mm512_set1_epi8(15)); }

static inline ints ints8_high_nibbles(ints v) { return ints8_low_nibbles(_mm512_srli_epi16(v, 4)); }

/* Truncated to bytes, in order; the packs work within quarters. */
static inline ints ints8_from_lanes(lanes a, lanes b, lanes c, lanes d)
{
    __m512i ab = _mm512_packs_epi32(_mm512_cvttps_epi32(a), _mm512_cvttps_epi32(b));
    __m512i cd = _mm512_packs_epi32(_mm512_cvttps_epi32(c), _mm512_cvttps_epi32(d));
    __m512i order = _mm512_setr_epi32(0, 4, 8, 12, 1, 5, 9, 13, 2, 6, 10, 14, 3, 7, 11, 15);
    return _mm512_permutexvar_epi32(order, _mm512_packus_epi16(ab, cd));
}

/* The four values of one nibble four times over in each 16 bytes. */
static inline ints ints_load_nibbles(const int8_t *p)
{
    __m512i four = _mm512_castsi128_si512(_mm_loadu_si128((const void *)p));
    return _mm512_permutexvar_epi32(_mm512_setr_epi32(0, 0, 0, 0, 1, 1, 1, 1, 2, 2, 2, 2, 3, 3, 3, 3), four);
}

static inline ints ints16_add(ints a, ints b) { return _mm512_add_epi16(a, b); }

static inline ints ints16_sub(ints a, ints b) { return _mm512_sub_epi16(a, b); }

static inline ints ints16_shift_left_8(ints v) { return _mm512_slli_epi16(v, 8); }

static inline ints ints16_shift_right_8(ints v) { return _mm512_srli_epi16(v, 8); }

static inline __m128i add_quarters(ints v)
{
    __m256i half = _mm256_add_epi16(_mm512_castsi512_si256(v), _mm512_extracti64x4_epi64(v, 1));
    return _mm_add_epi16(_mm256_castsi256_si128(half), _mm256_extracti128_si256(half, 1));
}

/* The sums over all nibbles of a register, even and odd neighbours in turn. One store, as one load will read it. */
static inline void ints16_merge(ints even, ints odd, uint16_t *sums)
{
    __m128i e = add_quarters(even), o = add_quarters(odd);
    _mm256_storeu_si256((void *)sums, _mm256_set_m128i(_mm_unpackhi_epi16(e, o), _mm_unpacklo_epi16(e, o)));
}

static inline ints ints32_add_dot(ints sum, ints u, ints q) { return _mm512_dpbusd_epi32(sum, u, q); }

static inline __m256i add_halves(ints v)
{
    return _mm256_add_epi32(_mm512_castsi512_si256(v), _mm512_extracti64x4_epi64(v, 1));
}

static inline ints ints32_add_distance(ints sum, ints a, ints b)
{
    return _mm512_add_epi32(sum, _mm512_sad_epu8(a, b));
}

static inline void ints32_fold4(ints a, ints b, ints c, ints d, int32_t *out)
{
    __m256i ab = _mm256_hadd_epi32(add_halves(a), add_halves(b));
    __m256i all = _mm256_hadd_epi32(ab, _mm256_hadd_epi32(add_halves(c), add_halves(d)));
    _mm_storeu_si128((void *)out, _mm_add_epi32(_mm256_castsi256_si128(all), _mm256_extracti128_si256(all, 1)));
}

static inline int32_t ints32_fold(ints v) { return _mm512_reduce_add_epi32(v); }

#include "kernels/kernel_body.h"
#endif
