/* row_codes.h: rows as 7-bit codes, which is what walks and pruning compare.
 *
 * A row is turned by a fixed random rotation (cosine: after scaling to length 1), padded to a multiple of 64, and kept
 * as u_i = round((x_i - low) / step), 0 to 127, so x_i is about low + step * u_i. The squared distance of two rows so
 * decoded takes one integer product of bytes:
 *
 *   <x, y> = step_x step_y <u, v> + low_x spread_y + low_y spread_x + n low_x low_y,   spread = step * sum(u)
 *   d2     = |x|^2 + |y|^2 - 2 <x, y>
 *
 * A query is the same with signed bytes, low 0 and spread sum(q). Norms are those of the decoded row: errors then grow
 * with the distance, not with the length of the rows. Codes order candidates; what a user sees is measured on full rows.
 *
 * A rotation does not keep L1. By MANHATTAN rows are coded as they are, and queries as rows: step is the least power of two that will do, low
 * a multiple of it, the bytes behind the dimension are 0, spread is the sum of the decoded row and norm 0 (hnsw_rank.c compares them). Such codes are for
 * walks alone (ADR 22). */
#ifndef GV_ROW_CODES_H
#define GV_ROW_CODES_H
#include "base/slab.h"
#include "kernels/codes.h"
#include "kernels/metric.h"
#include <math.h>

enum {
    GV_CODES_DIMENSION = 32 /* at least */
};

typedef struct GV_CodeHead {
    float step, low, spread, norm;
} GV_CodeHead;

typedef struct GV_Code { /* of a row, or of a query */
    GV_CodeHead head;
    const int8_t *bytes;
} GV_Code;

typedef struct GV_Codes {
    const GV_Kernels *kernels;
    GV_Heap *heap;
    GV_DistanceType distance;
    size_t dimension;
    size_t padded;   /* bytes a code; 0: rows of this database have none */
    uint32_t *signs; /* of the rotation: [rounds, padded] */
    float padding;   /* `padded` as a float */
    GV_Slab rows;    /* u8[padded] a slot: whole cache lines */
    GV_Slab heads;   /* GV_CodeHead a slot */
} GV_Codes;

/* Are they of rotated rows, and compared by products? Scans by codes (coded_scan.h) and the gate (hnsw_blocks.c) know no others. */
static inline bool gv_codes_turned(GV_DistanceType distance) { return distance != GV_DISTANCE_MANHATTAN; }

/* Codes from 32 dimensions on: below, the rows are as short. */
GV_Status gv_codes_init(GV_Codes *codes, GV_Heap *heap, const GV_Metric *metric, uint64_t seed);
void gv_codes_free(GV_Codes *codes);

/* Room for slots below `slot_end`. */
GV_Status gv_codes_reserve(GV_Codes *codes, uint32_t slot_end);

/* The code of `row` into `bytes[padded]`; `work` is float[padded], and may hold the row. */
void gv_codes_encode_row(const GV_Codes *codes, const float *row, float squared_norm, float *work, uint8_t *bytes,
                         GV_CodeHead *head);
/* The code of a query into `bytes[padded]`; the rotated query stays in `work`, where it is rotated. */
void gv_codes_encode_query(const GV_Codes *codes, const float *query, float squared_norm, float *work, int8_t *bytes,
                           GV_CodeHead *head);

static inline uint8_t *gv_codes_row(const GV_Codes *codes, uint32_t slot) { return gv_slab_at(&codes->rows, slot); }

static inline GV_CodeHead *gv_codes_head(const GV_Codes *codes, uint32_t slot)
{
    return gv_slab_at(&codes->heads, slot);
}

static inline GV_Code gv_codes_at(const GV_Codes *codes, uint32_t slot)
{
    return (GV_Code){*gv_codes_head(codes, slot), (const int8_t *)gv_codes_row(codes, slot)};
}

/* For bounds on what codes may be off by. What sums of floats lose of a length or a product, and of the size of terms that cancel; and
 * whether a squared norm is one whose squares keep their digits: of others nothing is known. */
#define GV_CODE_CONCEDED 0x1p-14f
#define GV_CODE_CANCELLED 0x1p-19f
#define GV_CODE_KNOWS(squared) ((squared) > 0x1p-64f && (squared) < 0x1p64f)

/* How far `x` is from what its code stands for: |x - (low + step * bytes)|. In partial sums, which a compiler makes vectors of. */
static inline float gv_code_blur(const float *x, const int8_t *bytes, float low, float step, size_t n)
{
    enum {
        LANES = 8
    };
    float sums[LANES] = {0}, total = 0.0f;
    for (size_t at = 0; at < n; at += LANES)
        for (size_t lane = 0; lane < LANES; lane++) {
            float off = x[at + lane] - (low + step * (float)bytes[at + lane]);
            sums[lane] += off * off;
        }
    for (size_t lane = 0; lane < LANES; lane++) total += sums[lane];
    return sqrtf(total);
}

/* The least that a rank can be, and what a sum that overflowed both ways counts as: a NaN's bits would differ by target. */
static inline float gv_code_floor(const GV_Codes *codes)
{
    return codes->distance == GV_DISTANCE_DOT_PRODUCT ? -INFINITY : 0.0f;
}

/* <x, y> of two decoded rows whose integer product is `dot`: the same bits whichever comes first. */
static inline float gv_code_inner(const GV_Codes *codes, const GV_CodeHead *a, const GV_CodeHead *b, int32_t dot)
{
    float inner = (a->step * b->step) * (float)dot + (a->low * b->spread + b->low * a->spread);
    return inner + codes->padding * (a->low * b->low);
}

/* The rank of two codes whose integer product is `dot`: the same bits whichever comes first. */
static inline float gv_code_rank(const GV_Codes *codes, const GV_CodeHead *a, const GV_CodeHead *b, int32_t dot)
{
    float rank = (a->norm + b->norm) - 2.0f * gv_code_inner(codes, a, b, dot), floor = gv_code_floor(codes);
    return rank > floor ? rank : floor;
}

#endif
