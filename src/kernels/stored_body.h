/* stored_body.h: the distance loops for rows that are not kept as f32 (kernels/stored.h); included by kernel_body.h. Components are
 * widened as they are read, which is exact: the bits are those of the sum over the widened row. */
#include "kernels/stored.h"

typedef lanes (*widen_fn)(const uint8_t *p, lanes scale); /* GV_LANES components; always inlined */

ALWAYS_INLINE lanes widen_f16(const uint8_t *p, lanes scale)
{
    (void)scale;
    return lanes_from_halves(p);
}

ALWAYS_INLINE lanes widen_int8(const uint8_t *p, lanes scale) { return lanes_mul(lanes_from_bytes(p), scale); }

#define ADD_STORED(r) \
    acc##r = lanes_add(acc##r, term(lanes_load(a + GV_LANES * (r)), widen(b + GV_LANES * (r) * size, scale)));

/* `size`: bytes a component. What the last elements leave of a stripe is filled up with zeros, which add nothing: a sum that
 * starts at +0 is never -0. */
ALWAYS_INLINE float sum_of_stored(const float *a, const uint8_t *b, size_t size, lanes scale, size_t n, widen_fn widen,
                                  term_fn term)
{
    EACH_REGISTER(ZERO)
    for (; n >= STRIPES; n -= STRIPES, a += STRIPES, b += STRIPES * size) {
        EACH_REGISTER(ADD_STORED)
    }
    if (n > 0) {
        float last_a[STRIPES] = {0};
        uint8_t last_b[STRIPES * sizeof(uint16_t)] = {0};
        memcpy(last_a, a, n * sizeof *a);
        memcpy(last_b, b, n * size);
        a = last_a;
        b = last_b;
        EACH_REGISTER(ADD_STORED)
    }
    FOLD_REGISTERS;
    return lanes_fold(acc0);
}

#define STORED_SUMS(name, term)                                                                                    \
    static float name##_f16(const float *a, const void *b, size_t n)                                               \
    {                                                                                                              \
        return sum_of_stored(a, b, sizeof(uint16_t), lanes_zero(), n, widen_f16, term);                            \
    }                                                                                                              \
    static float name##_int8(const float *a, const void *b, size_t n)                                              \
    {                                                                                                              \
        float scale;                                                                                               \
        memcpy(&scale, b, sizeof scale);                                                                           \
        return sum_of_stored(a, (const uint8_t *)b + GV_STORED_SCALE, 1, lanes_splat(scale), n, widen_int8, term); \
    }

STORED_SUMS(l2sq, squared_difference)
STORED_SUMS(dot, product)
STORED_SUMS(l1, absolute_difference)
