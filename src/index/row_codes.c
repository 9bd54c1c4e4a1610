/* row_codes.c: see row_codes.h. */
#include "index/row_codes.h"
#include "base/checked.h"
#include "base/float_bits.h"
#include "base/random.h"
#include <string.h>

enum {
    CHUNK_BYTES = 1 << 18
};

static size_t sign_bytes(const GV_Codes *codes)
{
    if (!gv_codes_turned(codes->distance)) return 0;
    return gv_rotation_rounds(codes->padded) * codes->padded * sizeof *codes->signs;
}

GV_Status gv_codes_init(GV_Codes *codes, GV_Heap *heap, const GV_Metric *metric, uint64_t seed)
{
    *codes = (GV_Codes){
        .kernels = metric->kernels, .heap = heap, .distance = metric->distance, .dimension = metric->dimension};
    if (metric->dimension < GV_CODES_DIMENSION) return GV_OK;
    codes->padded = (size_t)gv_round_up(metric->dimension, GV_CACHE_LINE);
    codes->padding = (float)codes->padded;
    codes->signs = gv_alloc(heap, sign_bytes(codes));
    if (!codes->signs) return gv_last_status();
    for (size_t i = 0; i < sign_bytes(codes) / sizeof *codes->signs; i++)
        codes->signs[i] = (uint32_t)(gv_random(seed, i) >> 32) & 0x80000000u;
    gv_slab_init(&codes->rows, heap, codes->padded, CHUNK_BYTES);
    gv_slab_init(&codes->heads, heap, sizeof(GV_CodeHead), CHUNK_BYTES / 8);
    return GV_OK;
}

void gv_codes_free(GV_Codes *codes)
{
    if (codes->padded == 0) return;
    gv_slab_free(&codes->rows);
    gv_slab_free(&codes->heads);
    gv_release(codes->heap, codes->signs, sign_bytes(codes));
    codes->signs = NULL;
}

GV_Status gv_codes_reserve(GV_Codes *codes, uint32_t slot_end)
{
    if (codes->padded == 0) return GV_OK;
    GV_TRY(gv_slab_reserve(&codes->rows, slot_end));
    return gv_slab_reserve(&codes->heads, slot_end);
}

/* The row as the metric sees it, turned. */
static void rotate(const GV_Codes *codes, const float *row, float squared_norm, float *work)
{
    float scale = 1.0f;
    if (codes->distance == GV_DISTANCE_COSINE)
        scale = squared_norm > 0.0f ? (float)(1.0 / sqrt((double)squared_norm)) : 0.0f;
    for (size_t i = 0; i < codes->dimension; i++) work[i] = row[i] * scale;
    memset(work + codes->dimension, 0, (codes->padded - codes->dimension) * sizeof *work);
    codes->kernels->rotate(work, codes->padded, codes->signs);
}

/* The least power of two that is no less than `x`, or 0. */
static float power_above(float x) { return gv_float_of_bits((gv_float_bits(x) + 0x7fffff) & 0x7f800000); }

#define STEPS_MOST 126.0f /* in a row's range: low is up to one below its least component */

/* By L1. */
static void encode_plain(const GV_Codes *codes, const float *row, uint8_t *bytes, GV_CodeHead *head)
{
    float low = row[0], high = low, step, per_step;
    uint32_t total = 0;
    for (size_t i = 0; i < codes->dimension; i++) {
        low = row[i] < low ? row[i] : low;
        high = row[i] > high ? row[i] : high;
    }
    step = high - low < GV_FLAT_RANGE ? 0.0f : power_above((high - low) / STEPS_MOST);
    per_step = step > 0.0f ? 1.0f / step : 0.0f;
    if (step > 0.0f) low = floorf(low * per_step) * step;
    memset(bytes, 0, codes->padded);
    for (size_t i = 0; i < codes->dimension; i++) total += bytes[i] = (uint8_t)((row[i] - low) * per_step + 0.5f);
    *head = (GV_CodeHead){step, low, (float)codes->dimension * low + step * (float)total, 0.0f};
}

void gv_codes_encode_row(const GV_Codes *codes, const float *row, float squared_norm, float *work, uint8_t *bytes,
                         GV_CodeHead *head)
{
    uint32_t total;
    if (!gv_codes_turned(codes->distance)) {
        encode_plain(codes, row, bytes, head);
        return;
    }
    rotate(codes, row, squared_norm, work);
    codes->kernels->encode_row(work, codes->padded, bytes, &head->low, &head->step, &total);
    head->spread = head->step * (float)total;
    head->norm = 0.0f;
    if (codes->distance == GV_DISTANCE_DOT_PRODUCT) return;
    int32_t dot = codes->kernels->dot_i8(bytes, (const int8_t *)bytes, codes->padded);
    float inner = gv_code_inner(codes, head, head, dot);
    /* from the zero vector all rows are at cosine distance 1: half of 1 + 1 */
    head->norm = codes->distance == GV_DISTANCE_COSINE && !(squared_norm > 0.0f) ? 1.0f : inner;
}

void gv_codes_encode_query(const GV_Codes *codes, const float *query, float squared_norm, float *work, int8_t *bytes,
                           GV_CodeHead *head)
{
    int32_t total;
    if (!gv_codes_turned(codes->distance)) {
        encode_plain(codes, query, (uint8_t *)bytes, head);
        return;
    }
    rotate(codes, query, squared_norm, work);
    codes->kernels->encode_query(work, codes->padded, 127, bytes, &head->step, &total);
    head->low = 0.0f;
    head->spread = codes->kernels->sum(work, codes->padded);
    head->norm = codes->distance == GV_DISTANCE_DOT_PRODUCT ? 0.0f : codes->kernels->dot(work, work, codes->padded);
}
