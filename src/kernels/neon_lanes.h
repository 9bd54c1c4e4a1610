/* neon_lanes.h: what neon.c and neon_dot.c share: four f32 lanes of AArch64's baseline. Each defines GV_ISA, includes this, says how a
 * row's codes are multiplied (ints32_add_row), and includes kernel_body.h; hence no include guard. */
#include "kernels/kernel_list.h"
#include <arm_neon.h>
#include <string.h>

#define GV_LANES 4
typedef float32x4_t lanes;

static inline lanes lanes_zero(void) { return vdupq_n_f32(0.0F); }

static inline lanes lanes_load(const float *p) { return vld1q_f32(p); }

/* The first `count` (1 to 3) lanes; the others are +0. */
static inline lanes lanes_load_part(const float *p, size_t count)
{
    if (count == 1) {
        return vld1q_lane_f32(p, lanes_zero(), 0);
    }
    lanes pair = vcombine_f32(vld1_f32(p), vdup_n_f32(0.0F));
    return count == 2 ? pair : vld1q_lane_f32(p + 2, pair, 2);
}

static inline lanes lanes_add(lanes a, lanes b) { return vaddq_f32(a, b); }

static inline lanes lanes_sub(lanes a, lanes b) { return vsubq_f32(a, b); }

static inline lanes lanes_mul(lanes a, lanes b) { return vmulq_f32(a, b); }

static inline lanes lanes_abs(lanes v) { return vabsq_f32(v); }

static inline float lanes_fold(lanes v) { return vpadds_f32(vadd_f32(vget_low_f32(v), vget_high_f32(v))); }

/* Halves before neighbours, as lanes_fold() adds them. */
static inline void lanes_fold4(lanes a, lanes b, lanes c, lanes d, float *out)
{
    lanes ab = vaddq_f32(vcombine_f32(vget_low_f32(a), vget_low_f32(b)),
                         vcombine_f32(vget_high_f32(a), vget_high_f32(b)));
    lanes cd = vaddq_f32(vcombine_f32(vget_low_f32(c), vget_low_f32(d)),
                         vcombine_f32(vget_high_f32(c), vget_high_f32(d)));
    vst1q_f32(out, vpaddq_f32(ab, cd));
}

/* For code_body.h. */

static inline void lanes_store(float *p, lanes v) { vst1q_f32(p, v); }

static inline lanes lanes_splat(float x) { return vdupq_n_f32(x); }

static inline float lanes_first(lanes v) { return vgetq_lane_f32(v, 0); }

/* Chosen, since vminq and vmaxq have an opinion on NaN and on the sign of zero. */
static inline lanes lanes_min(lanes a, lanes b) { return vbslq_f32(vcltq_f32(a, b), a, b); }

static inline lanes lanes_max(lanes a, lanes b) { return vbslq_f32(vcgtq_f32(a, b), a, b); } /* a > b ? a : b */

static inline lanes lanes_xor(lanes a, lanes b)
{
    return vreinterpretq_f32_u32(veorq_u32(vreinterpretq_u32_f32(a), vreinterpretq_u32_f32(b)));
}

static inline lanes lanes_and(lanes a, lanes b)
{
    return vreinterpretq_f32_u32(vandq_u32(vreinterpretq_u32_f32(a), vreinterpretq_u32_f32(b)));
}

static inline lanes lanes_below(lanes a, lanes b) { return vreinterpretq_f32_u32(vcltq_f32(a, b)); }

static inline uint32_t lanes_bits(lanes mask)
{
    static const uint32_t bit[GV_LANES] = {1, 2, 4, 8};
    return vaddvq_u32(vandq_u32(vreinterpretq_u32_f32(mask), vld1q_u32(bit)));
}

static inline lanes lanes_swap1(lanes v) { return vrev64q_f32(v); }

static inline lanes lanes_swap2(lanes v) { return vextq_f32(v, v, 2); }

static inline lanes lanes_from_words(const uint16_t *p, int32_t middle)
{
    int32x4_t wide = vreinterpretq_s32_u32(vmovl_u16(vld1_u16(p)));
    return vcvtq_f32_s32(vsubq_s32(wide, vdupq_n_s32(middle)));
}

static inline lanes lanes_from_ints(const int32_t *p) { return vcvtq_f32_s32(vld1q_s32(p)); }

/* For stored_body.h. */

static inline lanes lanes_from_halves(const void *p) { return vcvt_f32_f16(vreinterpret_f16_u8(vld1_u8(p))); }

static inline lanes lanes_from_bytes(const void *p)
{
    uint32_t four;
    memcpy(&four, p, sizeof four);
    int16x8_t words = vmovl_s8(vreinterpret_s8_u32(vdup_n_u32(four)));
    return vcvtq_f32_s32(vmovl_s16(vget_low_s16(words)));
}

typedef uint8x16_t ints;

static inline uint16x8_t words_of(ints v) { return vreinterpretq_u16_u8(v); }

static inline int32x4_t sums_of(ints v) { return vreinterpretq_s32_u8(v); }

static inline ints ints_zero(void) { return vdupq_n_u8(0); }

static inline ints ints_load(const void *p) { return vld1q_u8(p); }

static inline void ints_store(void *p, ints v) { vst1q_u8(p, v); }

static inline ints ints_repeat(const uint8_t *p) { return ints_load(p); }

static inline ints ints_xor(ints a, ints b) { return veorq_u8(a, b); }

static inline ints ints8_splat(int x) { return vdupq_n_u8((uint8_t)x); }

static inline ints ints8_add(ints a, ints b) { return vaddq_u8(a, b); }

static inline ints ints8_sub(ints a, ints b) { return vsubq_u8(a, b); }

static inline ints ints8_lookup(ints table, ints places) { return vqtbl1q_u8(table, places); }

static inline ints ints8_shift_right(ints v, unsigned count) { return vshlq_u8(v, vdupq_n_s8((int8_t)-(int)count)); }

static inline ints ints8_low_nibbles(ints v) { return vandq_u8(v, vdupq_n_u8(15)); }

static inline ints ints8_high_nibbles(ints v) { return vshrq_n_u8(v, 4); }

/* Truncated, NaN to 0; what is a byte already is its lowest one. */
static inline ints ints8_from_lanes(lanes a, lanes b, lanes c, lanes d)
{
    uint16x8_t ab = vuzp1q_u16(vreinterpretq_u16_u32(vcvtq_u32_f32(a)), vreinterpretq_u16_u32(vcvtq_u32_f32(b)));
    uint16x8_t cd = vuzp1q_u16(vreinterpretq_u16_u32(vcvtq_u32_f32(c)), vreinterpretq_u16_u32(vcvtq_u32_f32(d)));
    return vuzp1q_u8(vreinterpretq_u8_u16(ab), vreinterpretq_u8_u16(cd));
}

/* The four values of one nibble, four times over. */
static inline ints ints_load_nibbles(const int8_t *p)
{
    uint32_t nibble;
    memcpy(&nibble, p, sizeof nibble);
    return vreinterpretq_u8_u32(vdupq_n_u32(nibble));
}

static inline ints ints16_add(ints a, ints b) { return vreinterpretq_u8_u16(vaddq_u16(words_of(a), words_of(b))); }

static inline ints ints16_sub(ints a, ints b) { return vreinterpretq_u8_u16(vsubq_u16(words_of(a), words_of(b))); }

static inline ints ints16_shift_left_8(ints v) { return vreinterpretq_u8_u16(vshlq_n_u16(words_of(v), 8)); }

static inline ints ints16_shift_right_8(ints v) { return vreinterpretq_u8_u16(vshrq_n_u16(words_of(v), 8)); }

/* Even and odd neighbours in turn. */
static inline void ints16_merge(ints even, ints odd, uint16_t *sums)
{
    vst1q_u16(sums, vzip1q_u16(words_of(even), words_of(odd)));
    vst1q_u16(sums + 8, vzip2q_u16(words_of(even), words_of(odd)));
}

/* No pair of products leaves 16 bits: at most 2 * 127 * 128, or 2 * 254 * 1. */
static inline ints ints32_add_dot(ints sum, ints u, ints q)
{
    int8x16_t signs = vreinterpretq_s8_u8(q);
    int16x8_t low = vmulq_s16(vreinterpretq_s16_u16(vmovl_u8(vget_low_u8(u))), vmovl_s8(vget_low_s8(signs)));
    int16x8_t both = vmlaq_s16(low, vreinterpretq_s16_u16(vmovl_high_u8(u)), vmovl_high_s8(signs));
    return vreinterpretq_u8_s32(vpadalq_s16(sums_of(sum), both));
}

static inline ints ints32_add_distance(ints sum, ints a, ints b)
{
    return vreinterpretq_u8_u32(vpadalq_u16(vreinterpretq_u32_u8(sum), vpaddlq_u8(vabdq_u8(a, b))));
}

static inline void ints32_fold4(ints a, ints b, ints c, ints d, int32_t *out)
{
    vst1q_s32(out, vpaddq_s32(vpaddq_s32(sums_of(a), sums_of(b)), vpaddq_s32(sums_of(c), sums_of(d))));
}

static inline int32_t ints32_fold(ints v) { return vaddvq_s32(sums_of(v)); }

#define ROWS_HAVE_A_DOT /* u is at most 127: a signed byte */
