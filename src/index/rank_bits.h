/* rank_bits.h: floats, negative ones too, as integers in the same order: the upper half of keys. */
#ifndef GV_RANK_BITS_H
#define GV_RANK_BITS_H
#include <stdint.h>
#include <string.h>

static inline uint32_t gv_rank_bits(float rank)
{
    uint32_t bits;
    memcpy(&bits, &rank, sizeof bits);
    return bits ^ ((uint32_t)((int32_t)bits >> 31) | 0x80000000u);
}

static inline float gv_rank_of_bits(uint32_t bits)
{
    float rank;
    bits ^= (bits >> 31) ? 0x80000000u : 0xFFFFFFFFu;
    memcpy(&rank, &bits, sizeof rank);
    return rank;
}

#endif
