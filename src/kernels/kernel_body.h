/* kernel_body.h: the distance loops (and, by tile_body.h, code_body.h and stored_body.h, those for many rows, for codes and for narrow rows), written once
 * over `lanes`, a register of GV_LANES floats. Each vector ISA's file includes this once, after defining GV_ISA, GV_LANES
 * and the lanes_* operations; hence no include guard.
 *
 * The order of every sum is the one that kernels.h promises: lane l of register acc<r> is partial r * GV_LANES + l.
 * In the tail, partials that meet no element are left alone, which equals adding 0 to them: a partial starts at +0,
 * and no sum that starts there is ever -0. The registers are named rather than an array that loops index, since gcc
 * keeps such an array in memory once the tail has branches. */
#include "kernels/kernel_list.h"

enum {
    STRIPES = 32
};

#define ADD_TO(r, s) (acc##r = lanes_add(acc##r, acc##s))
#if GV_LANES == 16
#define EACH_REGISTER(X) X(0) X(1)
#define FOLD_REGISTERS ADD_TO(0, 1)
#define TILE_ROWS 4
#elif GV_LANES == 8
#define EACH_REGISTER(X) X(0) X(1) X(2) X(3)
#define FOLD_REGISTERS ADD_TO(0, 2), ADD_TO(1, 3), ADD_TO(0, 1)
#define TILE_ROWS 2
#elif GV_LANES == 4
#define EACH_REGISTER(X) X(0) X(1) X(2) X(3) X(4) X(5) X(6) X(7)
#define FOLD_REGISTERS ADD_TO(0, 4), ADD_TO(1, 5), ADD_TO(2, 6), ADD_TO(3, 7), ADD_TO(0, 2), ADD_TO(1, 3), ADD_TO(0, 1)
#define TILE_ROWS 2
#else
#error "GV_LANES: 4, 8 or 16"
#endif

#define ALWAYS_INLINE static inline __attribute__((always_inline))

typedef lanes (*term_fn)(lanes a, lanes b); /* what one pair of elements adds to its sum; always inlined */

ALWAYS_INLINE lanes squared_difference(lanes a, lanes b)
{
    lanes difference = lanes_sub(a, b);
    return lanes_mul(difference, difference);
}

ALWAYS_INLINE lanes product(lanes a, lanes b) { return lanes_mul(a, b); }

ALWAYS_INLINE lanes absolute_difference(lanes a, lanes b) { return lanes_abs(lanes_sub(a, b)); }

#define ZERO(r) lanes acc##r = lanes_zero();

#define ADD_WHOLE(r) acc##r = lanes_add(acc##r, term(lanes_load(a + GV_LANES * (r)), lanes_load(b + GV_LANES * (r))));

/* For the last n < 32 elements: a whole register while they fill it, then one in part, then out. */
#define ADD_TAIL(r)                                                   \
    if (n < GV_LANES * ((r) + 1)) {                                   \
        size_t rest = n - GV_LANES * (r);                             \
        if (rest > 0) {                                               \
            lanes last_a = lanes_load_part(a + GV_LANES * (r), rest); \
            lanes last_b = lanes_load_part(b + GV_LANES * (r), rest); \
            acc##r = lanes_add(acc##r, term(last_a, last_b));         \
        }                                                             \
        break;                                                        \
    }                                                                 \
    ADD_WHOLE(r)

ALWAYS_INLINE float sum_of_terms(const float *a, const float *b, size_t n, term_fn term)
{
    EACH_REGISTER(ZERO)
    for (; n >= STRIPES; n -= STRIPES, a += STRIPES, b += STRIPES) {
        EACH_REGISTER(ADD_WHOLE)
    }
    if (n > 0) {
        do {
            EACH_REGISTER(ADD_TAIL)
        } while (0);
    }
    FOLD_REGISTERS; /* by halves: registers first, then within one */
    return lanes_fold(acc0);
}

static float l2sq(const float *a, const float *b, size_t n) { return sum_of_terms(a, b, n, squared_difference); }

static float dot(const float *a, const float *b, size_t n) { return sum_of_terms(a, b, n, product); }

static float l1(const float *a, const float *b, size_t n) { return sum_of_terms(a, b, n, absolute_difference); }

#include "kernels/tile_body.h"

#include "kernels/code_body.h"

#ifndef GV_SMALL_MODULE
#include "kernels/stored_body.h"
#endif

#define TABLE_OF(isa) gv_kernels_##isa
#define TABLE_NAME(isa) TABLE_OF(isa) /* the detour expands GV_ISA first */
#ifndef GV_ISA_NAME
#define STRING_OF(isa) #isa
#define STRING(isa) STRING_OF(isa)
#define GV_ISA_NAME STRING(GV_ISA)
#endif

const GV_Kernels TABLE_NAME(GV_ISA) = {.name = GV_ISA_NAME,
                                       .l2sq = l2sq,
                                       .dot = dot,
                                       .l1 = l1,
                                       .l2sq_many = l2sq_many,
                                       .dot_many = dot_many,
                                       .l1_many = l1_many,
                                       .sum = sum_of,
                                       .rotate = rotate,
                                       .encode_row = encode_row,
                                       .encode_query = encode_query,
                                       .dot_i8 = dot_i8,
                                       .dots_i8 = dots_i8,
                                       .l1_u7 = l1_u7,
                                       .scan_tables = scan_tables,
                                       .scan_block = scan_block,
                                       .far_rows = far_rows,
#ifndef GV_SMALL_MODULE
                                       .f16 = {l2sq_f16, dot_f16, l1_f16},
                                       .int8 = {l2sq_int8, dot_int8, l1_int8},
                                       .fast_tables = fast_tables,
                                       .scan_codes = scan_codes,
#endif
                                       .encode_neighbour = encode_neighbour};
