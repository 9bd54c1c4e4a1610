/* hnsw_rank.c: all distances within the graph. */
#include "index/hnsw.h"
#include <math.h>

/* ---- codes by MANHATTAN ---- */

enum {
    FINEST = 6 /* bits that a code may be finer than another: what is finer yet counts as flat */
};

static uint32_t exponent_of(float power) { return gv_float_bits(power) >> 23; }

/* How a code of steps `fine` goes with one of steps `coarse`, whose low is `above` the other's: by less than its range, and a multiple of
 * `fine`. The byte that is added before the shift is for how the lows lie to each other, and half a step to round by. */
static GV_CodeShift bring_together(float coarse, float fine, float above)
{
    float at = above / coarse;
    int down = (int)at; /* from the coarse zero to the fine one, or less than a step further: rounded up */
    down += (float)down < at;
    float further = (float)down - at;
    uint32_t right = exponent_of(coarse) - exponent_of(fine), before;
    if (right <= FINEST) {
        before = ((uint32_t)(further * (float)(2 << right)) + (1U << right)) / 2;
    } else {
        right = 7;
        before = further < 0.5f ? 0 : 128;
    }
    return (GV_CodeShift){(uint8_t)before, (uint8_t)right, (uint8_t)(down < 0 ? -down : 0),
                          (uint8_t)(down > 0 ? down : 0)};
}

/* Rows whose ranges do not meet are as far apart as their sums; and so are those of a damaged file, if they are anything. */
__attribute__((noinline)) static float l1_rank(const GV_Codes *codes, const GV_Code *target, const uint8_t *row,
                                               const GV_CodeHead *head)
{
    const uint8_t *coarse_row = row, *fine_row = (const uint8_t *)target->bytes;
    const GV_CodeHead *coarse = head, *fine = &target->head;
    if (coarse->step < fine->step) {
        coarse_row = fine_row;
        coarse = fine;
        fine_row = row;
        fine = head;
    }
    float above = coarse->low - fine->low, apart = fabsf(coarse->spread - fine->spread);
    float range = GV_ROW_CODE_MAX * coarse->step;
    if (!(fabsf(above) < range && range < INFINITY)) return apart > 0.0f ? apart : 0.0f;
    GV_CodeShift shift = bring_together(coarse->step, fine->step, above);
    uint32_t sum = codes->kernels->l1_u7(coarse_row, fine_row, &shift, codes->padded);
    int behind = shift.coarse - ((shift.before >> shift.right) + shift.fine); /* of zeros */
    sum -= (uint32_t)((codes->padded - codes->dimension) * (size_t)(behind < 0 ? -behind : behind));
    return coarse->step * (float)sum;
}

/* ---- all of them ---- */

void gv_hnsw_target_row(const GV_HNSW *hnsw, uint32_t slot, GV_Target *target)
{
    const GV_Table *table = hnsw->head.table;
    target->vector = gv_table_floats(table, slot, target->room);
    target->squared_norm = gv_table_norm(table, slot);
}

float gv_hnsw_rank(const GV_HNSW *hnsw, const GV_Target *target, uint32_t slot)
{
    const GV_Table *table = hnsw->head.table;
    if (!gv_hnsw_coded(hnsw))
        return gv_rank(&hnsw->head.metric, target->vector, target->squared_norm, gv_table_row(table, slot),
                       gv_table_norm(table, slot));
    const GV_Codes *codes = &hnsw->codes;
    if (!gv_codes_turned(codes->distance))
        return l1_rank(codes, &target->code, gv_codes_row(codes, slot), gv_codes_head(codes, slot));
    int32_t dot = codes->kernels->dot_i8(gv_codes_row(codes, slot), target->code.bytes, codes->padded);
    return gv_code_rank(codes, &target->code.head, gv_codes_head(codes, slot), dot);
}

/* gv_code_rank() of some rows, column by column, which a compiler makes vectors of. */
static void rank_codes(const GV_Codes *codes, const GV_CodeHead *a, const void *const *heads, const int32_t *dots,
                       size_t count, float *ranks)
{
    float step[GV_DEGREE_MAX], low[GV_DEGREE_MAX], spread[GV_DEGREE_MAX], norm[GV_DEGREE_MAX];
    float floor = gv_code_floor(codes);
    for (size_t i = 0; i < count; i++) {
        const GV_CodeHead *head = heads[i];
        step[i] = head->step;
        low[i] = head->low;
        spread[i] = head->spread;
        norm[i] = head->norm;
    }
    for (size_t i = 0; i < count; i++) {
        float inner = (a->step * step[i]) * (float)dots[i] + (a->low * spread[i] + low[i] * a->spread);
        inner += codes->padding * (a->low * low[i]);
        float rank = (a->norm + norm[i]) - 2.0f * inner;
        ranks[i] = rank > floor ? rank : floor;
    }
}

static void measure_codes(const GV_Codes *codes, const GV_Target *target, const void *const *rows,
                          const void *const *heads, size_t count, float *ranks)
{
    int32_t dots[GV_DEGREE_MAX];
    if (!gv_codes_turned(codes->distance)) {
        for (size_t i = 0; i < count; i++) ranks[i] = l1_rank(codes, &target->code, rows[i], heads[i]);
        return;
    }
    codes->kernels->dots_i8((const uint8_t *const *)rows, count, target->code.bytes, codes->padded, dots);
    rank_codes(codes, &target->code.head, heads, dots, count, ranks);
}

void gv_hnsw_measure_met(const GV_HNSW *hnsw, const GV_Target *target, const GV_Met *met, float *ranks)
{
    if (gv_hnsw_coded(hnsw)) measure_codes(&hnsw->codes, target, met->rows, met->heads, met->count, ranks);
    else gv_hnsw_measure(hnsw, target, met->slots, met->count, ranks);
}

void gv_hnsw_measure(const GV_HNSW *hnsw, const GV_Target *target, const uint32_t *slots, size_t count, float *ranks)
{
    const GV_Codes *codes = &hnsw->codes;
    const void *rows[GV_DEGREE_MAX], *heads[GV_DEGREE_MAX];
    if (!gv_hnsw_coded(hnsw)) {
        for (size_t i = 0; i < count; i++) ranks[i] = gv_hnsw_rank(hnsw, target, slots[i]);
        return;
    }
    GV_SlabView row_view = gv_slab_view(&codes->rows), head_view = gv_slab_view(&codes->heads);
    for (size_t from = 0, part; from < count; from += part) {
        part = count - from < GV_DEGREE_MAX ? count - from : GV_DEGREE_MAX;
        for (size_t i = 0; i < part; i++) {
            rows[i] = gv_view_at(&row_view, slots[from + i]);
            heads[i] = gv_view_at(&head_view, slots[from + i]);
        }
        measure_codes(codes, target, rows, heads, part, ranks + from);
    }
}
