/* wasm128.c: WebAssembly simd128, four f32 lanes. Built with -msimd128; an engine without it rejects the module. */
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

#include "kernels/kernel_body.h"
#endif
