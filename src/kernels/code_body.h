/* code_body.h: the code loops of codes.h, written once over `lanes` (GV_LANES floats) and `ints` (a register of the same
 * size; intsN_* sees it as integers of N bits). kernel_body.h includes this after the operations, hence no include guard.
 * An `ints` has 4 * GV_LANES bytes: the codes of four `lanes`, or GV_LANES / 4 nibbles of a block, 16 bytes each. */
#include "kernels/codes.h"

enum {
    INTS_BYTES = 4 * GV_LANES,
    BUTTERFLY_REGISTERS = GV_LANES == 16 ? 4 : 8,
    BUTTERFLY_FLOATS = BUTTERFLY_REGISTERS * GV_LANES, /* 64 or 32: n and its halves are whole multiples of 32 */
};

ALWAYS_INLINE lanes only_first(lanes a, lanes b)
{
    (void)b;
    return a;
}

static float sum_of(const float *x, size_t n) { return sum_of_terms(x, x, n, only_first); }

/* ---- rotation ---- */

static const uint32_t sign_if_bit[4][16] = {
#define SIGN 0x80000000
    {0, SIGN, 0, SIGN, 0, SIGN, 0, SIGN, 0, SIGN, 0, SIGN, 0, SIGN, 0, SIGN},
    {0, 0, SIGN, SIGN, 0, 0, SIGN, SIGN, 0, 0, SIGN, SIGN, 0, 0, SIGN, SIGN},
    {0, 0, 0, 0, SIGN, SIGN, SIGN, SIGN, 0, 0, 0, 0, SIGN, SIGN, SIGN, SIGN},
    {0, 0, 0, 0, 0, 0, 0, 0, SIGN, SIGN, SIGN, SIGN, SIGN, SIGN, SIGN, SIGN},
#undef SIGN
};

ALWAYS_INLINE lanes load_signs(const uint32_t *signs) { return lanes_load((const float *)(const void *)signs); }

/* Strides below the width of a register: a + b where the lane's bit is clear; a - b, as a + -b, where it is set. */
ALWAYS_INLINE lanes butterflies_within(lanes v)
{
    v = lanes_add(lanes_swap1(v), lanes_xor(v, load_signs(sign_if_bit[0])));
    v = lanes_add(lanes_swap2(v), lanes_xor(v, load_signs(sign_if_bit[1])));
#if GV_LANES >= 8
    v = lanes_add(lanes_swap4(v), lanes_xor(v, load_signs(sign_if_bit[2])));
#endif
#if GV_LANES >= 16
    v = lanes_add(lanes_swap8(v), lanes_xor(v, load_signs(sign_if_bit[3])));
#endif
    return v;
}

#define BUTTERFLY(a, b)                     \
    do {                                    \
        lanes difference = lanes_sub(a, b); \
        a = lanes_add(a, b);                \
        b = difference;                     \
    } while (0)
#define BUTTERFLIES_4(a, b, c, d) \
    BUTTERFLY(a, b);              \
    BUTTERFLY(c, d);              \
    BUTTERFLY(a, c);              \
    BUTTERFLY(b, d)
#define BUTTERFLIES_8(a, b, c, d, e, f, g, h) \
    BUTTERFLIES_4(a, b, c, d);                \
    BUTTERFLIES_4(e, f, g, h);                \
    BUTTERFLY(a, e);                          \
    BUTTERFLY(b, f);                          \
    BUTTERFLY(c, g);                          \
    BUTTERFLY(d, h)

#define LOAD_SIGNED(r)               \
    lanes v##r = butterflies_within( \
        lanes_mul(lanes_xor(lanes_load(x + GV_LANES * (r)), load_signs(signs + GV_LANES * (r))), lanes_splat(scale)))
#define STORE(r) lanes_store(x + GV_LANES * (r), v##r)

/* Signs, scale and all strides below BUTTERFLY_FLOATS, in one pass over p floats. */
ALWAYS_INLINE void hadamard_first(float *x, size_t p, const uint32_t *signs, float scale)
{
    for (const float *end = x + p; x < end; x += BUTTERFLY_FLOATS, signs += BUTTERFLY_FLOATS) {
        LOAD_SIGNED(0);
        LOAD_SIGNED(1);
        LOAD_SIGNED(2);
        LOAD_SIGNED(3);
#if GV_LANES == 16
        BUTTERFLIES_4(v0, v1, v2, v3);
#else
        LOAD_SIGNED(4);
        LOAD_SIGNED(5);
        LOAD_SIGNED(6);
        LOAD_SIGNED(7);
        BUTTERFLIES_8(v0, v1, v2, v3, v4, v5, v6, v7);
        STORE(4);
        STORE(5);
        STORE(6);
        STORE(7);
#endif
        STORE(0);
        STORE(1);
        STORE(2);
        STORE(3);
    }
}

#define LOAD_AT(r) lanes v##r = lanes_load(x + start + (r) * h)
#define STORE_AT(r) lanes_store(x + start + (r) * h, v##r)

/* One, two or three strides from h on, in one pass: `radix` 2, 4 or 8, known where this is inlined. */
ALWAYS_INLINE void hadamard_pass(float *x, size_t p, size_t h, size_t radix)
{
    for (size_t block = 0; block < p; block += radix * h) {
        for (size_t start = block; start < block + h; start += GV_LANES) {
            LOAD_AT(0);
            LOAD_AT(1);
            if (radix == 2) {
                BUTTERFLY(v0, v1);
            } else {
                LOAD_AT(2);
                LOAD_AT(3);
                if (radix == 4) {
                    BUTTERFLIES_4(v0, v1, v2, v3);
                } else {
                    LOAD_AT(4);
                    LOAD_AT(5);
                    LOAD_AT(6);
                    LOAD_AT(7);
                    BUTTERFLIES_8(v0, v1, v2, v3, v4, v5, v6, v7);
                    STORE_AT(4);
                    STORE_AT(5);
                    STORE_AT(6);
                    STORE_AT(7);
                }
                STORE_AT(2);
                STORE_AT(3);
            }
            STORE_AT(0);
            STORE_AT(1);
        }
    }
}

static void hadamard_rest(float *x, size_t p)
{
    for (size_t h = BUTTERFLY_FLOATS; h < p;) {
        size_t blocks = p / h; /* 8 and 32 and more: three strides at once; 16: two and two */
        if (blocks == 2) {
            hadamard_pass(x, p, h, 2);
            h *= 2;
        } else if (blocks == 4 || blocks == 16) {
            hadamard_pass(x, p, h, 4);
            h *= 4;
        } else {
            hadamard_pass(x, p, h, 8);
            h *= 8;
        }
    }
}

static void flip_signs(float *x, size_t n, const uint32_t *signs)
{
    for (size_t i = 0; i < n; i += GV_LANES) {
        lanes_store(x + i, lanes_xor(lanes_load(x + i), load_signs(signs + i)));
    }
}

static void butterfly_of_halves(float *x, size_t n)
{
    float *upper = x + n / 2;
    lanes scale = lanes_splat(GV_SQRT_HALF);
    for (size_t i = 0; i < n / 2; i += GV_LANES) {
        lanes a = lanes_load(x + i), b = lanes_load(upper + i);
        BUTTERFLY(a, b);
        lanes_store(x + i, lanes_mul(a, scale));
        lanes_store(upper + i, lanes_mul(b, scale));
    }
}

static void rotate(float *x, size_t n, const uint32_t *signs)
{
    size_t p = gv_hadamard_size(n);
    float scale = gv_hadamard_scale(p);
    unsigned rounds = gv_rotation_rounds(n);
    for (unsigned round = 0; round < rounds; round++, signs += n) {
        size_t start = round % 2 == 0 ? 0 : n - p, aside = round % 2 == 0 ? p : 0;
        flip_signs(x + aside, n - p, signs + aside);
        hadamard_first(x + start, p, signs + start, scale);
        hadamard_rest(x + start, p);
        if (p < n) {
            butterfly_of_halves(x, n);
        }
    }
}

/* ---- scalar codes ---- */

#define FOLD_LANES(operation, v)          \
    do {                                  \
        FOLD_HALVES(operation, v)         \
        v = operation(v, lanes_swap2(v)); \
        v = operation(v, lanes_swap1(v)); \
    } while (0)
#if GV_LANES == 16
#define FOLD_HALVES(operation, v)     \
    v = operation(v, lanes_swap8(v)); \
    v = operation(v, lanes_swap4(v));
#elif GV_LANES == 8
#define FOLD_HALVES(operation, v) v = operation(v, lanes_swap4(v));
#else
#define FOLD_HALVES(operation, v)
#endif

/* (int)((x[i] - origin) * inverse + shift), 0..254, of one `ints` of components */
ALWAYS_INLINE ints quantised(const float *x, lanes origin, lanes inverse, lanes shift)
{
#define QUANTISED(r) lanes_add(lanes_mul(lanes_sub(lanes_load(x + GV_LANES * (r)), origin), inverse), shift)
    return ints8_from_lanes(QUANTISED(0), QUANTISED(1), QUANTISED(2), QUANTISED(3));
#undef QUANTISED
}

static void encode_row(const float *x, size_t n, uint8_t *u, float *lo, float *step, uint32_t *total)
{
    lanes low = lanes_load(x), high = low;
    for (size_t i = 0; i < n; i += 2 * GV_LANES) {
        lanes a = lanes_load(x + i), b = lanes_load(x + i + GV_LANES);
        low = lanes_min(low, lanes_min(a, b));
        high = lanes_max(high, lanes_max(a, b));
    }
    FOLD_LANES(lanes_min, low);
    FOLD_LANES(lanes_max, high);
    *lo = lanes_first(low) + 0.0F; /* a zero is +0, whichever came first */
    float range = lanes_first(high) - *lo;
    bool flat = !(range >= GV_FLAT_RANGE);
    *step = flat ? 0.0F : range / GV_ROW_CODE_MAX;
    lanes inverse = lanes_splat(flat ? 0.0F : GV_ROW_CODE_MAX / range);
    lanes origin = lanes_splat(*lo), shift = lanes_splat(0.5F);
    ints sum = ints_zero();
    for (size_t i = 0; i < n; i += INTS_BYTES) {
        ints codes = quantised(x + i, origin, inverse, shift);
        ints_store(u + i, codes);
        sum = ints32_add_dot(sum, codes, ints8_splat(1));
    }
    *total = (uint32_t)ints32_fold(sum);
}

static void encode_query(const float *x, size_t n, int limit, int8_t *q, float *step, int32_t *total)
{
    lanes high = lanes_zero();
    for (size_t i = 0; i < n; i += 2 * GV_LANES) {
        lanes a = lanes_load(x + i), b = lanes_load(x + i + GV_LANES);
        high = lanes_max(high, lanes_max(lanes_abs(a), lanes_abs(b)));
    }
    FOLD_LANES(lanes_max, high);
    float range = lanes_first(high);
    bool flat = !(range >= GV_FLAT_RANGE);
    *step = flat ? 0.0F : range / (float)limit;
    lanes inverse = lanes_splat(flat ? 0.0F : (float)limit / range);
    lanes shift = lanes_splat((float)limit + 0.5F);
    ints sum = ints_zero();
    for (size_t i = 0; i < n; i += INTS_BYTES) {
        ints shifted = quantised(x + i, lanes_zero(), inverse, shift);
        ints_store(q + i, ints8_sub(shifted, ints8_splat(limit)));
        sum = ints32_add_dot(sum, shifted, ints8_splat(1));
    }
    *total = ints32_fold(sum) - (int32_t)n * limit;
}

#ifndef ROWS_HAVE_A_DOT
/* u is of a row: at most 127 */
ALWAYS_INLINE ints ints32_add_row(ints sum, ints u, ints q) { return ints32_add_dot(sum, u, q); }
#endif

static int32_t dot_i8(const uint8_t *u, const int8_t *q, size_t n)
{
    ints sum = ints_zero();
    for (size_t i = 0; i < n; i += INTS_BYTES) {
        sum = ints32_add_row(sum, ints_load(u + i), ints_load(q + i));
    }
    return ints32_fold(sum);
}

/* Four rows share one load of the query and one fold. */
static void dots_i8(const uint8_t *const *rows, size_t count, const int8_t *q, size_t n, int32_t *dots)
{
    size_t row = 0;
    for (; row + 4 <= count; row += 4) {
        const uint8_t *a = rows[row], *b = rows[row + 1], *c = rows[row + 2], *d = rows[row + 3];
        ints sum_a = ints_zero(), sum_b = sum_a, sum_c = sum_a, sum_d = sum_a;
        for (size_t i = 0; i < n; i += INTS_BYTES) {
            ints part = ints_load(q + i);
            sum_a = ints32_add_row(sum_a, ints_load(a + i), part);
            sum_b = ints32_add_row(sum_b, ints_load(b + i), part);
            sum_c = ints32_add_row(sum_c, ints_load(c + i), part);
            sum_d = ints32_add_row(sum_d, ints_load(d + i), part);
        }
        ints32_fold4(sum_a, sum_b, sum_c, sum_d, dots + row);
    }
    for (; row < count; row++) {
        dots[row] = dot_i8(rows[row], q, n);
    }
}

static uint32_t l1_u7(const uint8_t *coarse, const uint8_t *fine, const GV_CodeShift *shift, size_t n)
{
    ints sum = ints_zero(), before = ints8_splat(shift->before);
    ints add_fine = ints8_splat(shift->fine), add_coarse = ints8_splat(shift->coarse);
    for (size_t i = 0; i < n; i += INTS_BYTES) {
        ints f = ints8_shift_right(ints8_add(ints_load(fine + i), before), shift->right);
        sum = ints32_add_distance(sum, ints8_add(ints_load(coarse + i), add_coarse), ints8_add(f, add_fine));
    }
    return (uint32_t)ints32_fold(sum);
}

/* ---- one-bit codes ---- */

/* Entry b of a table takes v_i (place i of the nibble) or -v_i (place 4 + i) as bit i of b is set or clear. */
static const uint8_t choose_by_bit[4][16] = {
    {4, 0, 4, 0, 4, 0, 4, 0, 4, 0, 4, 0, 4, 0, 4, 0},
    {5, 5, 1, 1, 5, 5, 1, 1, 5, 5, 1, 1, 5, 5, 1, 1},
    {6, 6, 6, 6, 2, 2, 2, 2, 6, 6, 6, 6, 2, 2, 2, 2},
    {7, 7, 7, 7, 7, 7, 7, 7, 3, 3, 3, 3, 3, 3, 3, 3},
};
static const uint8_t upper_places[16] = {0, 0, 0, 0, 255, 255, 255, 255, 0, 0, 0, 0, 255, 255, 255, 255};

static void scan_tables(const int8_t *v, size_t n, int limit, uint8_t *tables)
{
    ints negative = ints_repeat(upper_places), middle = ints8_splat(4 * limit);
    ints choose0 = ints_repeat(choose_by_bit[0]), choose1 = ints_repeat(choose_by_bit[1]);
    ints choose2 = ints_repeat(choose_by_bit[2]), choose3 = ints_repeat(choose_by_bit[3]);
    for (size_t i = 0; i < n; i += GV_LANES) {
        ints places = ints_load_nibbles(v + i);
        places = ints8_sub(ints_xor(places, negative), negative); /* -v = ~v + 1 */
        ints low = ints8_add(ints8_lookup(places, choose0), ints8_lookup(places, choose1));
        ints high = ints8_add(ints8_lookup(places, choose2), ints8_lookup(places, choose3));
        ints_store(tables + 4 * i, ints8_add(ints8_add(low, high), middle));
    }
}

/* The table sums of a block. Of two neighbours that share 16 bits the odd one is summed apart, the even one together with
 * it, modulo 2^16, and then parted. */
typedef struct Sums {
    ints low, high, odd_low, odd_high;
} Sums;

/* Look `group` registers up, whose entries may be added as bytes before they are widened. */
ALWAYS_INLINE void add_group(Sums *s, const uint8_t *codes, const uint8_t *tables, size_t group)
{
    ints add_low = ints_zero(), add_high = add_low;
    for (size_t g = 0; g < group; g++) {
        ints code = ints_load(codes + g * INTS_BYTES), table = ints_load(tables + g * INTS_BYTES);
        add_low = ints8_add(add_low, ints8_lookup(table, ints8_low_nibbles(code)));
        add_high = ints8_add(add_high, ints8_lookup(table, ints8_high_nibbles(code)));
    }
    s->low = ints16_add(s->low, add_low);
    s->high = ints16_add(s->high, add_high);
    s->odd_low = ints16_add(s->odd_low, ints16_shift_right_8(add_low));
    s->odd_high = ints16_add(s->odd_high, ints16_shift_right_8(add_high));
}

ALWAYS_INLINE void part_sums(const Sums *s, uint16_t *sums)
{
    ints16_merge(ints16_sub(s->low, ints16_shift_left_8(s->odd_low)), s->odd_low, sums);
    ints16_merge(ints16_sub(s->high, ints16_shift_left_8(s->odd_high)), s->odd_high, sums + 16);
}

ALWAYS_INLINE void scan_sums(const uint8_t *codes, const uint8_t *tables, size_t n, size_t group, uint16_t *sums)
{
    Sums s = {ints_zero(), ints_zero(), ints_zero(), ints_zero()};
    for (const uint8_t *end = codes + 4 * n; codes < end; codes += group * INTS_BYTES, tables += group * INTS_BYTES)
        add_group(&s, codes, tables, group);
    part_sums(&s, sums);
}

#ifndef GV_SMALL_MODULE /* which has no index that reads product codes */
/* One table less its least entry, in place. */
ALWAYS_INLINE float lower_table(float *table, float *range)
{
    lanes low = lanes_load(table), high = low;
    for (size_t i = GV_LANES; i < 16; i += GV_LANES) {
        lanes v = lanes_load(table + i);
        low = lanes_min(low, v);
        high = lanes_max(high, v);
    }
    FOLD_LANES(lanes_min, low);
    FOLD_LANES(lanes_max, high);
    for (size_t i = 0; i < 16; i += GV_LANES) lanes_store(table + i, lanes_sub(lanes_load(table + i), low));
    float wide = lanes_first(high) - lanes_first(low);
    *range = wide > *range ? wide : *range;
    return lanes_first(low);
}

static void fast_tables(float *tables, size_t count, uint8_t *fast, float *base, float *step)
{
    float range = 0.0F, lowest = 0.0F;
    for (size_t m = 0; m < count; m++) lowest += lower_table(tables + 16 * m, &range);
    bool flat = !(range >= GV_FLAT_RANGE && range <= GV_WIDE_RANGE);
    lanes inverse = lanes_splat(flat ? 0.0F : GV_FAST_ENTRY / range), shift = lanes_splat(0.5F);
    *base = lowest;
    *step = flat ? 0.0F : range / GV_FAST_ENTRY;
    for (size_t i = 0; i < 16 * count; i += INTS_BYTES)
        ints_store(fast + i, quantised(tables + i, lanes_zero(), inverse, shift));
}

/* As scan_sums(), four registers at a time and then one: for any whole number of registers, entries up to 63. */
static uint32_t scan_codes(const uint8_t *codes, const uint8_t *tables, size_t nibbles, const float *terms, float base,
                           float step, float bound, float *estimates)
{
    enum {
        GROUP = 4,
        GROUP_BYTES = GROUP * INTS_BYTES
    };
    uint16_t sums[GV_SCAN_NEIGHBOURS];
    Sums s = {ints_zero(), ints_zero(), ints_zero(), ints_zero()};
    size_t at = 0, end = 16 * nibbles;
    for (; end - at >= GROUP_BYTES; at += GROUP_BYTES) add_group(&s, codes + at, tables + at, GROUP);
    for (; at < end; at += INTS_BYTES) add_group(&s, codes + at, tables + at, 1);
    part_sums(&s, sums);
    uint32_t below = 0;
    for (size_t j = 0; j < GV_SCAN_NEIGHBOURS; j += GV_LANES) {
        lanes product = lanes_mul(lanes_from_words(sums + j, 0), lanes_splat(step));
        lanes e = lanes_add(lanes_add(lanes_splat(base), lanes_load(terms + j)), product);
        lanes_store(estimates + j, e);
        below |= lanes_bits(lanes_below(e, lanes_splat(bound))) << j;
    }
    return below;
}
#endif

static uint32_t scan_block(const uint8_t *codes, const uint8_t *tables, size_t n, int limit, const float *A,
                           const float *F, float base, float step, float bound, float *estimates)
{
    uint16_t sums[GV_SCAN_NEIGHBOURS];
    if (limit <= 7) {
        scan_sums(codes, tables, n, 4, sums);
    } else if (limit <= 15) {
        scan_sums(codes, tables, n, 2, sums);
    } else {
        scan_sums(codes, tables, n, 1, sums);
    }
    int32_t middle = (int32_t)n * limit;
    uint32_t below = 0;
    for (size_t j = 0; j < GV_SCAN_NEIGHBOURS; j += GV_LANES) {
        lanes product = lanes_mul(lanes_from_words(sums + j, middle), lanes_splat(step));
        lanes t = lanes_add(lanes_splat(base), lanes_load(A + j));
        lanes e = lanes_max(lanes_sub(t, lanes_mul(lanes_load(F + j), product)), lanes_zero());
        lanes_store(estimates + j, e);
        below |= lanes_bits(lanes_below(e, lanes_splat(bound))) << j;
    }
    return below;
}

static uint32_t far_rows(const int32_t *dots, const GV_RowBounds *rows, const GV_QueryBounds *query)
{
    uint32_t far = 0;
    for (size_t j = 0; j < GV_BOUND_ROWS; j += GV_LANES) {
        lanes by_step = lanes_add(lanes_splat(query->step),
                                  lanes_mul(lanes_splat(query->dot), lanes_from_ints(dots + j)));
        lanes sum = lanes_add(lanes_splat(query->base), lanes_load(rows->base + j));
        sum = lanes_add(sum, lanes_mul(lanes_splat(query->low), lanes_load(rows->low + j)));
        sum = lanes_add(sum, lanes_mul(lanes_splat(query->length), lanes_load(rows->length + j)));
        sum = lanes_add(sum, lanes_mul(by_step, lanes_load(rows->step + j)));
        far |= lanes_bits(lanes_below(lanes_zero(), sum)) << j;
    }
    return far;
}

ALWAYS_INLINE lanes signed_centre(lanes x, lanes c)
{
    lanes negative = lanes_below(lanes_sub(x, c), lanes_zero());
    return lanes_xor(c, lanes_and(negative, lanes_splat(-0.0F)));
}

static void encode_neighbour(const float *x, const float *c, size_t n, uint8_t *codes, unsigned j, float *r1, float *r2,
                             float *sc)
{
    unsigned shift = j < 16 ? 0 : 4;
    uint8_t *byte = codes + j % 16;
    for (size_t i = 0; i < n; i += GV_LANES) {
        unsigned bits = ~lanes_bits(lanes_below(lanes_sub(lanes_load(x + i), lanes_load(c + i)), lanes_zero()));
        for (unsigned m = 0; m < GV_LANES / 4; m++, byte += 16, bits >>= 4) {
            *byte = (uint8_t)((*byte & (0xf0U >> shift)) | (bits & 15) << shift);
        }
    }
    *r1 = l1(x, c, n);
    *r2 = l2sq(x, c, n);
    *sc = sum_of_terms(x, c, n, signed_centre);
}
