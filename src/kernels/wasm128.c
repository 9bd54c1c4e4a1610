/* wasm128.c: WebAssembly simd128, four f32 lanes. Built with -msimd128; an engine without it rejects the module. Compiled once more with
 * -mrelaxed-simd for gigavector.relaxed.wasm (ADR 19). */
#include "kernels/kernel_list.h"

#if defined(__wasm_simd128__)
#include <wasm_simd128.h>

#define GV_ISA wasm128
#define GV_LANES 4
typedef v128_t lanes;

static inline lanes lanes_zero(void) { return wasm_f32x4_const(0.0F, 0.0F, 0.0F, 0.0F); }

static inline lanes lanes_load(const float *p) { return wasm_v128_load(p); }

/* The first `count` (1 to 3) lanes; the others are +0. */
static inline lanes lanes_load_part(const float *p, size_t count)
{
    if (count == 1) {
        return wasm_v128_load32_zero(p);
    }
    lanes pair = wasm_v128_load64_zero(p);
    return count == 2 ? pair : wasm_v128_load32_lane(p + 2, pair, 2);
}

static inline lanes lanes_add(lanes a, lanes b) { return wasm_f32x4_add(a, b); }

static inline lanes lanes_sub(lanes a, lanes b) { return wasm_f32x4_sub(a, b); }

static inline lanes lanes_mul(lanes a, lanes b) { return wasm_f32x4_mul(a, b); }

static inline lanes lanes_abs(lanes v) { return wasm_f32x4_abs(v); }

static inline float lanes_fold(lanes v)
{
    v = wasm_f32x4_add(v, wasm_i32x4_shuffle(v, v, 2, 3, 2, 3));
    return wasm_f32x4_extract_lane(v, 0) + wasm_f32x4_extract_lane(v, 1);
}

static inline void lanes_fold4(lanes a, lanes b, lanes c, lanes d, float *out)
{
    lanes ab = wasm_f32x4_add(wasm_i32x4_shuffle(a, b, 0, 1, 4, 5), wasm_i32x4_shuffle(a, b, 2, 3, 6, 7));
    lanes cd = wasm_f32x4_add(wasm_i32x4_shuffle(c, d, 0, 1, 4, 5), wasm_i32x4_shuffle(c, d, 2, 3, 6, 7));
    v128_t even = wasm_i32x4_shuffle(ab, cd, 0, 2, 4, 6), odd = wasm_i32x4_shuffle(ab, cd, 1, 3, 5, 7);
    wasm_v128_store(out, wasm_f32x4_add(even, odd));
}

/* For code_body.h. */

static inline void lanes_store(float *p, lanes v) { wasm_v128_store(p, v); }

static inline lanes lanes_splat(float x) { return wasm_f32x4_splat(x); }

static inline float lanes_first(lanes v) { return wasm_f32x4_extract_lane(v, 0); }

static inline lanes lanes_min(lanes a, lanes b) { return wasm_f32x4_pmin(b, a); }

static inline lanes lanes_max(lanes a, lanes b) { return wasm_f32x4_pmax(b, a); } /* a > b ? a : b */

static inline lanes lanes_xor(lanes a, lanes b) { return wasm_v128_xor(a, b); }

static inline lanes lanes_and(lanes a, lanes b) { return wasm_v128_and(a, b); }

static inline lanes lanes_below(lanes a, lanes b) { return wasm_f32x4_lt(a, b); }

static inline uint32_t lanes_bits(lanes mask) { return wasm_i32x4_bitmask(mask); }

static inline lanes lanes_swap1(lanes v) { return wasm_i32x4_shuffle(v, v, 1, 0, 3, 2); }

static inline lanes lanes_swap2(lanes v) { return wasm_i32x4_shuffle(v, v, 2, 3, 0, 1); }

static inline lanes lanes_from_words(const uint16_t *p, int32_t middle)
{
    return wasm_f32x4_convert_i32x4(wasm_i32x4_sub(wasm_u32x4_load16x4(p), wasm_i32x4_splat(middle)));
}

static inline lanes lanes_from_ints(const int32_t *p) { return wasm_f32x4_convert_i32x4(wasm_v128_load(p)); }

#ifndef GV_SMALL_MODULE
/* For stored_body.h. */

/* Exponent and fraction where those of an f32 are: the value is 2^112 too small, and no fraction is lost. */
static inline lanes lanes_from_halves(const void *p)
{
    v128_t wide = wasm_u32x4_load16x4(p);
    v128_t sign = wasm_i32x4_shl(wasm_v128_and(wide, wasm_i32x4_splat(0x8000)), 16);
    v128_t rest = wasm_i32x4_shl(wasm_v128_and(wide, wasm_i32x4_splat(0x7fff)), 13);
    return wasm_v128_or(wasm_f32x4_mul(rest, wasm_f32x4_splat(0x1p112F)), sign);
}

static inline lanes lanes_from_bytes(const void *p)
{
    v128_t words = wasm_i16x8_extend_low_i8x16(wasm_v128_load32_zero(p));
    return wasm_f32x4_convert_i32x4(wasm_i32x4_extend_low_i16x8(words));
}
#endif

typedef v128_t ints;

static inline ints ints_zero(void) { return wasm_i32x4_const(0, 0, 0, 0); }

static inline ints ints_load(const void *p) { return wasm_v128_load(p); }

static inline void ints_store(void *p, ints v) { wasm_v128_store(p, v); }

static inline ints ints_repeat(const uint8_t *p) { return ints_load(p); }

static inline ints ints_xor(ints a, ints b) { return wasm_v128_xor(a, b); }

static inline ints ints8_splat(int x) { return wasm_i8x16_splat((int8_t)x); }

static inline ints ints8_add(ints a, ints b) { return wasm_i8x16_add(a, b); }

static inline ints ints8_sub(ints a, ints b) { return wasm_i8x16_sub(a, b); }

static inline ints ints8_lookup(ints table, ints places) { return wasm_i8x16_swizzle(table, places); }

/* By one, mostly once or not at all: of a count that it does not know, LLVM 14 makes a shift of each lane. */
static inline ints ints8_shift_right(ints v, unsigned count)
{
    for (; count > 0; count--) v = wasm_u8x16_shr(v, 1);
    return v;
}

static inline ints ints8_low_nibbles(ints v) { return wasm_v128_and(v, wasm_i8x16_splat(15)); }

static inline ints ints8_high_nibbles(ints v) { return wasm_u8x16_shr(v, 4); }

/* Truncated to bytes, in order. */
static inline ints ints8_from_lanes(lanes a, lanes b, lanes c, lanes d)
{
    v128_t ab = wasm_i16x8_narrow_i32x4(wasm_i32x4_trunc_sat_f32x4(a), wasm_i32x4_trunc_sat_f32x4(b));
    v128_t cd = wasm_i16x8_narrow_i32x4(wasm_i32x4_trunc_sat_f32x4(c), wasm_i32x4_trunc_sat_f32x4(d));
    return wasm_u8x16_narrow_i16x8(ab, cd);
}

/* The four values of one nibble, four times over. */
static inline ints ints_load_nibbles(const int8_t *p) { return wasm_v128_load32_splat(p); }

static inline ints ints16_add(ints a, ints b) { return wasm_i16x8_add(a, b); }

static inline ints ints16_sub(ints a, ints b) { return wasm_i16x8_sub(a, b); }

static inline ints ints16_shift_left_8(ints v) { return wasm_i16x8_shl(v, 8); }

static inline ints ints16_shift_right_8(ints v) { return wasm_u16x8_shr(v, 8); }

/* Even and odd neighbours in turn. */
static inline void ints16_merge(ints even, ints odd, uint16_t *sums)
{
    ints_store(sums, wasm_i16x8_shuffle(even, odd, 0, 8, 1, 9, 2, 10, 3, 11));
    ints_store(sums + 8, wasm_i16x8_shuffle(even, odd, 4, 12, 5, 13, 6, 14, 7, 15));
}

static inline ints ints32_add_dot(ints sum, ints u, ints q)
{
    v128_t low = wasm_i32x4_dot_i16x8(wasm_u16x8_extend_low_u8x16(u), wasm_i16x8_extend_low_i8x16(q));
    v128_t high = wasm_i32x4_dot_i16x8(wasm_u16x8_extend_high_u8x16(u), wasm_i16x8_extend_high_i8x16(q));
    return wasm_i32x4_add(sum, wasm_i32x4_add(low, high));
}

#ifdef __wasm_relaxed_simd__
/* The relaxed dot product of signed and 7-bit bytes, which the specification leaves no choice for such operands: u <= 127, and no sum of
 * two products leaves 16 bits. */
#define GV_ISA_NAME "wasm128-relaxed"
#define ROWS_HAVE_A_DOT
#if __has_builtin(__builtin_wasm_relaxed_dot_i8x16_i7x16_add_s_i32x4)
static inline ints ints32_add_row(ints sum, ints u, ints q)
{
    return (v128_t)__builtin_wasm_relaxed_dot_i8x16_i7x16_add_s_i32x4((__i8x16)q, (__i8x16)u, (__i32x4)sum);
}
#else
/* Compilers from before relaxed SIMD was agreed on do not know the instruction: this one, which nothing else here uses, stands for it until
 * scripts/relaxed_dot.py puts it there. */
static inline ints ints32_add_row(ints sum, ints u, ints q)
{
    return (v128_t)__builtin_wasm_fma_f32x4((__f32x4)q, (__f32x4)u, (__f32x4)sum);
}
#endif
#endif

static inline ints ints32_add_distance(ints sum, ints a, ints b)
{
    ints apart = wasm_v128_or(wasm_u8x16_sub_sat(a, b), wasm_u8x16_sub_sat(b, a));
    return wasm_i32x4_add(sum, wasm_i32x4_extadd_pairwise_i16x8(wasm_u16x8_extadd_pairwise_u8x16(apart)));
}

static inline void ints32_fold4(ints a, ints b, ints c, ints d, int32_t *out)
{
    v128_t ab = wasm_i32x4_add(wasm_i32x4_shuffle(a, b, 0, 4, 2, 6), wasm_i32x4_shuffle(a, b, 1, 5, 3, 7));
    v128_t cd = wasm_i32x4_add(wasm_i32x4_shuffle(c, d, 0, 4, 2, 6), wasm_i32x4_shuffle(c, d, 1, 5, 3, 7));
    ints_store(out, wasm_i32x4_add(wasm_i32x4_shuffle(ab, cd, 0, 1, 4, 5), wasm_i32x4_shuffle(ab, cd, 2, 3, 6, 7)));
}

static inline int32_t ints32_fold(ints v)
{
    v = wasm_i32x4_add(v, wasm_i32x4_shuffle(v, v, 2, 3, 0, 1));
    return wasm_i32x4_extract_lane(v, 0) + wasm_i32x4_extract_lane(v, 1);
}

#include "kernels/kernel_body.h"
#endif
