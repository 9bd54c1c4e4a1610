/* float_bits.h: floats as integers: by their bits; and, negative ones too, in the same order, as the upper half of keys. */
#ifndef GV_FLOAT_BITS_H
#define GV_FLOAT_BITS_H
#include <stdint.h>
#include <string.h>

static inline uint32_t gv_float_bits(float x)
{
    uint32_t bits;
    memcpy(&bits, &x, sizeof bits);
    return bits;
}

static inline float gv_float_of_bits(uint32_t bits)
{
    float x;
    memcpy(&x, &bits, sizeof x);
    return x;
}

static inline uint32_t gv_float_order(float x)
{
    uint32_t bits = gv_float_bits(x);
    return bits ^ ((uint32_t)((int32_t)bits >> 31) | 0x80000000u);
}

static inline float gv_float_of_order(uint32_t order)
{
    return gv_float_of_bits(order ^ (order >> 31 ? 0x80000000u : 0xFFFFFFFFu));
}

#endif
