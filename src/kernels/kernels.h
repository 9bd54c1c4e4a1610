/* kernels.h: the table of distance and code kernels and the choice among them.
 *
 * One order for every float sum, whatever the width of a register: element i belongs to partial sum i mod 32,
 * products are rounded before they are added (no fused multiply-add), and the 32 partials are folded by halves
 * (partial[i] += partial[i + half] for half = 16, 8, 4, 2, 1). So all kernels return the same bits for every n.
 *
 * Rows need the alignment of a float and no more, n may be 0, and nothing past a[n - 1] is read. Sums of finite
 * components may overflow to infinity, and `dot` then to NaN (whose bits are the one thing not promised). */
#ifndef GV_KERNELS_H
#define GV_KERNELS_H
#include <stddef.h>
#include <stdint.h>

enum {
    GV_TILE_QUERIES = 4
};

typedef void (*GV_Sums)(const float *const *rows, size_t row_count, const float *const *queries, size_t query_count,
                        size_t n, float *out);

enum {
    GV_BOUND_ROWS = 32
};

typedef struct GV_RowBounds { /* of a block of rows (index/coded_scan.c), column by column */
    float base[GV_BOUND_ROWS], low[GV_BOUND_ROWS], length[GV_BOUND_ROWS], step[GV_BOUND_ROWS];
} GV_RowBounds;

/* A row is far if base + row.base + low * row.low + length * row.length + (step + dot * its dot) * row.step, added in this order, is
 * above 0. */
typedef struct GV_QueryBounds {
    float base, low, length, step, dot;
} GV_QueryBounds;

/* Sums between a vector and a row that is kept as something else than f32 (stored.h): the bits of those with the floats that the row
 * stands for. */
typedef struct GV_StoredSums {
    float (*l2sq)(const float *a, const void *b, size_t n);
    float (*dot)(const float *a, const void *b, size_t n);
    float (*l1)(const float *a, const void *b, size_t n);
} GV_StoredSums;

typedef struct GV_CodeShift { /* how the finer of two row codes goes with the coarser one: codes.h */
    uint8_t before, right, fine, coarse;
} GV_CodeShift;

typedef struct GV_Kernels {
    const char *name; /* "scalar", "sse41", "avx2", "avx512", "neon", "neon-dot", "wasm128", "wasm128-relaxed" */
    float (*l2sq)(const float *a, const float *b, size_t n); /* sum of squared differences */
    float (*dot)(const float *a, const float *b, size_t n);
    float (*l1)(const float *a, const float *b, size_t n); /* sum of absolute differences */

    /* The same bits for every row with every query, several at a time: out[i * query_count + j] is of rows[i] and queries[j].
     * Best where query_count is a multiple of GV_TILE_QUERIES. */
    GV_Sums l2sq_many, dot_many, l1_many;

    GV_StoredSums f16, int8;

    /* Codes that stand for rows during a walk: codes.h has the formulas and layouts. n is a multiple of 64. */
    float (*sum)(const float *x, size_t n);
    void (*rotate)(float *x, size_t n, const uint32_t *signs); /* in place; gv_rotation_rounds(n) rounds of n signs */
    void (*encode_row)(const float *x, size_t n, uint8_t *u, float *lo, float *step, uint32_t *total);
    void (*encode_query)(const float *x, size_t n, int limit, int8_t *q, float *step, int32_t *total);
    int32_t (*dot_i8)(const uint8_t *u, const int8_t *q, size_t n); /* u in 0..127 */
    void (*dots_i8)(const uint8_t *const *rows, size_t count, const int8_t *q, size_t n, int32_t *dots);
    uint32_t (*l1_u7)(const uint8_t *coarse, const uint8_t *fine, const GV_CodeShift *shift, size_t n);
    void (*scan_tables)(const int8_t *v, size_t n, int limit, uint8_t *tables); /* 4 n bytes */
    uint32_t (*scan_block)(const uint8_t *codes, const uint8_t *tables, size_t n, int limit, const float *A,
                           const float *F, float base, float step, float bound, float *estimates);
    /* Bit j: is row j of a block beyond what the query looks for? Integer products of its code and of the query's: `dots`. */
    uint32_t (*far_rows)(const int32_t *dots, const GV_RowBounds *rows, const GV_QueryBounds *query);
    /* Tables of floats, 16 entries each, `count` (a multiple of 4) of them, as bytes for the next; `tables` are spoilt. */
    void (*fast_tables)(float *tables, size_t count, uint8_t *fast, float *base, float *step);
    /* A block of 32 product codes of `nibbles` (a multiple of 4, at most GV_FAST_NIBBLES) four-bit parts each. */
    uint32_t (*scan_codes)(const uint8_t *codes, const uint8_t *tables, size_t nibbles, const float *terms, float base,
                           float step, float bound, float *estimates);
    /* Writes slot j (0..31) of a block and no other neighbour's bits. */
    void (*encode_neighbour)(const float *x, const float *c, size_t n, uint8_t *codes, unsigned j, float *l1,
                             float *l2sq, float *sc);
} GV_Kernels;

/* The best table this CPU runs; or, when `wanted` is not NULL, that one.
 * NULL if `wanted` is unknown or unsupported here: the caller reports it and never falls back silently. */
const GV_Kernels *gv_kernels_select(const char *wanted);

/* The i-th table built into this binary, best first, whether or not this CPU runs it; NULL past the last. */
const GV_Kernels *gv_kernels_at(size_t i);

#endif
