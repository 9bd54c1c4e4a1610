/* codes.h: what the code kernels of kernels.h compute. A code stands for a row while a walk looks for candidates; the
 * distances that a user sees come from whole f32 rows.
 *
 * n is the padded dimension: a multiple of 64, at most 65,536. Components are finite and below 2^100 in magnitude (the
 * squared norm of a row is finite, so they are). Pointers need the alignment of their type and no more. All kernels
 * give equal bits: integers are exact, float steps are elementwise in the order written here, float sums take the order
 * of kernels.h, and nothing is fused. A range or magnitude below GV_FLAT_RANGE counts as zero: no reciprocal overflows.
 *
 * Rotation (`rotate`), x := R x for a fixed orthogonal R. gv_rotation_rounds(n) rounds; round r is
 *   1. x[i] ^= signs[r * n + i], the sign bit or 0;
 *   2. with p the largest power of two <= n, on the first p components in even rounds and on the last p in odd ones:
 *      x[i] *= gv_hadamard_scale(p), then a fast Hadamard transform: for h = 1, 2, 4, ..., p / 2 each pair (a, b) at
 *      distance h (bit h of its place clear and set) becomes (a + b, a - b);
 *   3. if p < n, the halves: (x[i], x[i + n / 2]) = ((a + b) s, (a - b) s) with s = sqrt(1 / 2).
 * Distances stay what they were, and what a quantiser loses is spread evenly over the components.
 *
 * Row code, u7 (`encode_row`): lo = min x, step = (max x - lo) / 127, u[i] = (int)((x[i] - lo) * inverse + 0.5) in
 * 0..127, inverse = 127 / (max x - lo); a flat row has step 0 and u = 0. total = sum of u.
 * Query code (`encode_query`): step = max |x| / limit, q[i] = (int)(x[i] * inverse + (limit + 0.5)) - limit in
 * -limit..limit, inverse = limit / max |x|; a zero query has step 0 and q = 0. total = sum of q. limit is 1..127: 127
 * for `dot_i8`, GV_SCAN_LIMIT or less for `scan_tables`. Then
 *   |q - x|^2 ~ |q|^2 + |x|^2 - 2 (step_x * step_q * dot_i8(u, q) + lo_x * sum(q)).
 * u is a valid int8, so `dot_i8` also takes one row code against another: with su the total of a row,
 *   <x, y> ~ step_x step_y dot_i8(u_x, u_y) + step_x lo_y su_x + step_y lo_x su_y + n lo_x lo_y.
 * `l1_u7` is the sum of |(c[i] + coarse) - ((f[i] + before >> right) + fine)| over two codes whose steps are powers of two: in steps of
 * the coarser one, to which the finer one is brought (index/hnsw_rank.c). right is 0..7; sums in brackets are bytes, modulo 256.
 *
 * Neighbour code, one bit a component (`encode_neighbour`; the estimator is RaBitQ's, arXiv:2405.12497, kept beside a
 * node's links as in SymphonyQG, arXiv:2411.12229). For a node c and a neighbour x: r = x - c, bit i is 0 where
 * r_i < 0, else 1, and s_i = -1 or +1 likewise. The kernel returns |r|_1, |r|^2 and <s, c>, from which the caller forms
 *   f = |r|^2 / |r|_1 (0 if r = 0),  A = |r|^2 + 2 f <s, c>,  F = 2 f,
 * and for a query q, whose d2(q, c) the walk knows:  d2(q, x) ~ d2(q, c) + A - F * <s, q>.
 *
 * Block of 32 neighbours (FastScan: Andre et al., "Cache locality is not enough", VLDB 2015): uint8_t codes[n / 4][16];
 * byte b of nibble m has components 4m..4m+3 of neighbour b (low four bits, component 4m lowest) and of neighbour
 * b + 16 (high four). Tables of a query code v of limit U (`scan_tables`): 16 bytes a nibble,
 *   T_m[b] = 4 U + sum over i of (bit i of b ? v[4m + i] : -v[4m + i]),  0..8U,
 * so that S = sum over m of T_m[code_m] = <s, v> + n U, exactly. A kernel looks 16 codes up in one instruction.
 * `scan_block` needs n * 2 * U <= 65,535 (gv_scan_limit) and gives for each neighbour j
 *   t = base + A[j];  e = t - F[j] * ((float)(S_j - n U) * step);  estimates[j] = e > 0 ? e : 0
 * and the mask of those j with estimates[j] < bound. base is d2(q, c), step the query code's.
 *
 * Product codes (`scan_codes`; Jegou et al., TPAMI 2011) lie in such blocks as well: uint8_t codes[nibbles][16], and 16 bytes of
 * table a nibble, each entry at most GV_FAST_ENTRY. S_j is the sum of row j's entries, exactly;
 *   estimates[j] = (base + terms[j]) + (float)S_j * step
 * and the mask is again of those with estimates[j] < bound. `fast_tables` makes such tables of float ones: with low_m the least
 * entry of table m, base is the sum of all low_m in order, and with range the largest of max_m - low_m, step = range / 63 and
 * entry = (int)((x - low_m) * (63 / range) + 0.5); a range below GV_FLAT_RANGE or above GV_WIDE_RANGE: step 0, entries 0. */
#ifndef GV_CODES_H
#define GV_CODES_H
#include "kernels/kernels.h"

#define GV_FLAT_RANGE 0x1p-100F
#define GV_WIDE_RANGE 0x1p100F
#define GV_SQRT_HALF 0x1.6a09e6p-1F

enum {
    GV_ROW_CODE_MAX = 127,
    GV_SCAN_NEIGHBOURS = 32, /* in a block */
    GV_FAST_ENTRY = 63,      /* four of these are a byte, which halves the work; finer tables find no more */
    GV_FAST_NIBBLES = 1024,  /* of these, 16 bits */
    GV_SCAN_LIMIT = 31,      /* the largest U: 8 * 31 is a byte. Recall is the same at 15 and 7, which scan faster */
};

static inline unsigned gv_rotation_rounds(size_t n) { return (n & (n - 1)) == 0 ? 3 : 4; }

/* The largest power of two <= n. */
static inline size_t gv_hadamard_size(size_t n)
{
    size_t p = 1;
    while (p <= n / 2) {
        p *= 2;
    }
    return p;
}

/* 1 / sqrt(p) for a power of two p: exact or, between powers of four, the f32 nearest to it. */
static inline float gv_hadamard_scale(size_t p)
{
    float scale = 1.0F;
    for (; p >= 4; p /= 4) {
        scale *= 0.5F;
    }
    return p == 2 ? scale * GV_SQRT_HALF : scale;
}

/* The limit of a table query of n components: 15, or for long ones 7 or less, as sums have 16 bits. 0: n is too long. */
static inline int gv_scan_limit(size_t n)
{
    int limit = 15;
    while (limit > 0 && n * 2 * (size_t)limit > UINT16_MAX) {
        limit /= 2;
    }
    return limit;
}

#endif
