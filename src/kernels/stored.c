/* stored.c: rows rounded to what they are kept as, back, and compared (stored.h). */
#include "kernels/stored.h"
#include "base/bytes.h"
#include "base/float_bits.h"
#include "kernels/metric.h"

enum {
    F16_BITS = 13, /* of an f32's fraction that binary16 has no room for */
    SCALE_BITS = 8 /* of a scale's that are zero */
};
#define F16_OVERFLOW 65520.0f /* rounds to 65536, which binary16 does not have */
#define F16_NORMAL 0x1p-14f
#define SCALE_LEAST 0x1p-126f

static uint16_t half_of(float x)
{
    uint32_t sign = gv_float_bits(x) >> 16 & 0x8000u, bits = gv_float_bits(fabsf(x));
    /* steps of 2^-24, as those of the floats from 1/2 on: the addition rounds */
    if (fabsf(x) < F16_NORMAL) return (uint16_t)(sign | (gv_float_bits(fabsf(x) + 0.5f) - gv_float_bits(0.5f)));
    bits += (1u << (F16_BITS - 1)) - 1 + (bits >> F16_BITS & 1);
    return (uint16_t)(sign | (bits - ((127u - 15u) << 23)) >> F16_BITS);
}

static float float_of_half(uint16_t half)
{
    uint32_t sign = (half & 0x8000u) << 16, exponent = half >> 10 & 31, fraction = half & 1023;
    if (exponent > 0) return gv_float_of_bits(sign | (exponent + 127 - 15) << 23 | fraction << F16_BITS);
    return gv_float_of_bits(sign | gv_float_bits((float)fraction * 0x1p-24f));
}

static float scale_of(const float *x, size_t n)
{
    float high = 0.0f;
    for (size_t i = 0; i < n; i++) high = fabsf(x[i]) > high ? fabsf(x[i]) : high;
    uint32_t bits = gv_float_bits(high / 127.0f), step = 1u << SCALE_BITS;
    float scale = gv_float_of_bits((bits + step - 1) & ~(step - 1));
    if (scale < SCALE_LEAST) scale = SCALE_LEAST;
    return high / scale >= 0.5f ? scale : 0.0f;
}

static int8_t level_of(float x, float scale)
{
    float level = scale > 0.0f ? x / scale : 0.0f;
    return (int8_t)(level < 0.0f ? level - 0.5f : level + 0.5f);
}

bool gv_storage_holds(GV_Storage storage, float x) { return storage != GV_STORAGE_F16 || fabsf(x) < F16_OVERFLOW; }

void gv_store_components(GV_Storage storage, const float *x, size_t n, void *row)
{
    uint8_t *bytes = row;
    if (storage == GV_STORAGE_F16) {
        for (size_t i = 0; i < n; i++) {
            uint16_t half = half_of(x[i]);
            memcpy(bytes + i * sizeof half, &half, sizeof half);
        }
        return;
    }
    float scale = scale_of(x, n);
    memcpy(bytes, &scale, sizeof scale);
    for (size_t i = 0; i < n; i++) bytes[GV_STORED_SCALE + i] = (uint8_t)level_of(x[i], scale);
}

void gv_widen_components(GV_Storage storage, const void *row, size_t n, float *x)
{
    const uint8_t *bytes = row;
    if (storage == GV_STORAGE_F16) {
        for (size_t i = 0; i < n; i++) x[i] = float_of_half(gv_get_u16(bytes + i * sizeof(uint16_t)));
        return;
    }
    float scale;
    memcpy(&scale, bytes, sizeof scale);
    for (size_t i = 0; i < n; i++) x[i] = (float)(int8_t)bytes[GV_STORED_SCALE + i] * scale;
}

static float stored_sum(const GV_Metric *metric, const float *a, const void *b)
{
    const GV_StoredSums *sums = metric->storage == GV_STORAGE_F16 ? &metric->kernels->f16 : &metric->kernels->int8;
    switch (metric->distance) {
    case GV_DISTANCE_COSINE:
    case GV_DISTANCE_DOT_PRODUCT: return sums->dot(a, b, metric->dimension);
    case GV_DISTANCE_MANHATTAN: return sums->l1(a, b, metric->dimension);
    case GV_DISTANCE_EUCLIDEAN: break;
    }
    return sums->l2sq(a, b, metric->dimension);
}

float gv_rank_stored(const GV_Metric *metric, const float *a, float a_squared_norm, const void *b, float b_squared_norm)
{
    return gv_rank_of_sum(metric->distance, stored_sum(metric, a, b), a_squared_norm, b_squared_norm);
}
