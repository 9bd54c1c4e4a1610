/* random.h: all randomness, as a pure function of a seed and a number: nothing to store, nothing to share. */
#ifndef GV_RANDOM_H
#define GV_RANDOM_H
#include <stdint.h>

/* SplitMix64's output function (Steele, Lea & Flood, OOPSLA 2014): a bijection whose output looks random. */
static inline uint64_t gv_mix64(uint64_t x)
{
    x += 0x9E3779B97F4A7C15u;
    x = (x ^ (x >> 30)) * 0xBF58476D1CE4E5B9u;
    x = (x ^ (x >> 27)) * 0x94D049BB133111EBu;
    return x ^ (x >> 31);
}

/* Draw number `i` of the stream `seed`. */
static inline uint64_t gv_random(uint64_t seed, uint64_t i)
{
    return gv_mix64(gv_mix64(seed) ^ (i * 0xD1342543DE82EF95u));
}

#endif
