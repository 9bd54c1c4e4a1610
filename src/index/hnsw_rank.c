/* hnsw_rank.c: all distances within the graph. */
#include "index/hnsw.h"

float gv_hnsw_rank(const GV_HNSW *hnsw, const GV_Target *target, uint32_t slot)
{
    const GV_Table *table = hnsw->head.table;
    if (!gv_hnsw_coded(hnsw))
        return gv_rank(&hnsw->head.metric, target->vector, target->squared_norm, gv_table_row(table, slot),
                       gv_table_norm(table, slot));
    const GV_Codes *codes = &hnsw->codes;
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
