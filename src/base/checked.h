/* checked.h: size arithmetic that says when it would wrap. */
#ifndef GV_CHECKED_H
#define GV_CHECKED_H
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

static inline bool gv_add_size(size_t a, size_t b, size_t *sum) { return !__builtin_add_overflow(a, b, sum); }

static inline bool gv_mul_size(size_t a, size_t b, size_t *product) { return !__builtin_mul_overflow(a, b, product); }

static inline bool gv_add_u64(uint64_t a, uint64_t b, uint64_t *sum) { return !__builtin_add_overflow(a, b, sum); }

static inline bool gv_mul_u64(uint64_t a, uint64_t b, uint64_t *product)
{
    return !__builtin_mul_overflow(a, b, product);
}

/* `value` up to the next multiple of `step`, a power of two. The caller keeps clear of the end of the type. */
static inline uint64_t gv_round_up(uint64_t value, uint64_t step) { return (value + step - 1) & ~(step - 1); }

#endif
