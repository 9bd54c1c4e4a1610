/* hnsw_rank.c: all distances within the graph. */
#include "index/hnsw.h"
#include <math.h>
#include <string.h>

/* ---- codes by MANHATTAN ---- */

enum {
    FINEST = 6 /* bits that a code may be finer than another: what is finer yet counts as flat */
};

static uint32_t exponent_of(float power)
{
    uint32_t bits;
    memcpy(&bits, &power, sizeof bits);
    return bits >> 23;
}

/* How `fine` goes with `coarse`, whose low is `above` fine's, by less than its range. The lows are multiples of fine's step. */
static GV_CodeShift bring_together(const GV_CodeHead *coarse, const GV_CodeHead *fine, float above)
{
    GV_CodeShift shift = {.right = 7};
    int down; /* from the coarse zero to the fine one, in coarse steps */
    if (coarse->step > (float)(1 << FINEST) * fine->step) {
        down = (int)floorf((above - 0.5f * GV_ROW_CODE_MAX * fine->step) / coarse->step + 0.5f);
    } else {
        uint32_t right = exponent_of(coarse->step) - exponent_of(fine->step);
        int steps = (int)(above / fine->step), mask = (1 << right) - 1;
        shift.right = (uint8_t)right;
        shift.before = (uint8_t)((-steps & mask) + (mask + 1) / 2);
        down = (steps + mask) >> right;
    }
    shift.coarse = (uint8_t)(down > 0 ? down : 0);
    shift.fine = (uint8_t)(down < 0 ? -down : 0);
    return shift;
}

/* Rows whose ranges do not meet are as far apart as their sums; and so are those of a damaged file, if they are anything. */
static float l1_rank(const GV_Codes *codes, const GV_Code *a, const GV_Code *b)
{
    const GV_Code *coarse = a->head.step < b->head.step ? b : a, *fine = coarse == a ? b : a;
    float above = coarse->head.low - fine->head.low, apart = fabsf(a->head.spread - b->head.spread);
    float range = GV_ROW_CODE_MAX * coarse->head.step;
    if (!(fabsf(above) < range && range < INFINITY && fine->head.step >= 0.0f)) return apart > 0.0f ? apart : 0.0f;
    GV_CodeShift shift = bring_together(&coarse->head, &fine->head, above);
    uint32_t sum = codes->kernels->l1_u7((const uint8_t *)coarse->bytes, (const uint8_t *)fine->bytes, &shift,
                                         codes->padded);
    int behind = shift.coarse - ((shift.before >> shift.right) + shift.fine); /* of zeros */
    sum -= (uint32_t)((codes->padded - codes->dimension) * (size_t)(behind < 0 ? -behind : behind));
    return coarse->head.step * (float)sum;
}

/* ---- all of them ---- */

float gv_hnsw_rank(const GV_HNSW *hnsw, const GV_Target *target, uint32_t slot)
{
    const GV_Table *table = hnsw->head.table;
    if (!gv_hnsw_coded(hnsw))
        return gv_rank(&hnsw->head.metric, target->vector, target->squared_norm, gv_table_row(table, slot),
                       gv_table_norm(table, slot));
    const GV_Codes *codes = &hnsw->codes;
    if (!gv_codes_turned(codes->distance)) {
        GV_Code code = gv_codes_at(codes, slot);
        return l1_rank(codes, &target->code, &code);
    }
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
    for (size_t i = 0; i < count && !gv_codes_turned(codes->distance); i++) {
        GV_Code code = {*(const GV_CodeHead *)heads[i], rows[i]};
        ranks[i] = l1_rank(codes, &target->code, &code);
    }
    if (!gv_codes_turned(codes->distance)) return;
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
