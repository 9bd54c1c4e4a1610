/* nearest.c: see nearest.h. */
#include "index/nearest.h"
#include "base/checked.h"
#include "index/row_codes.h"
#include <math.h>
#include <string.h>

enum {
    BLOCK = GV_BOUND_ROWS
};

#define A_LITTLE_MORE 1.001f /* of what is computed in floats, to be no less */

static size_t blocks_of(size_t k) { return (k + BLOCK - 1) / BLOCK; }

bool gv_centroid_codes_room(size_t k, size_t dimension, size_t *bytes)
{
    size_t codes, bounds, pointers, size = gv_row_code_room(dimension);
    return gv_mul_size(k + sizeof(float), size, &codes) && /* and a centroid on its way */
           gv_mul_size(blocks_of(k), sizeof(GV_RowBounds), &bounds) && gv_mul_size(k, sizeof(void *), &pointers) &&
           gv_add_size(codes, bounds, &codes) && gv_add_size(codes, pointers, bytes);
}

/* `x`, or a copy of it with zeros behind. */
static const float *padded(const float *x, size_t n, size_t size, float *work)
{
    if (n == size) return x;
    memcpy(work, x, n * sizeof *work);
    memset(work + n, 0, (size - n) * sizeof *work);
    return work;
}

/* ---- centroids ---- */

/* Code centroid `c`; how many of its steps it may be off. */
static float code_centroid(GV_CentroidCodes *codes, size_t c, float *work)
{
    GV_RowBounds *bounds = &codes->bounds[c / BLOCK];
    uint8_t *code = codes->codes + c * codes->padded;
    const float *centroid = padded(codes->centroids[c], codes->dimension, codes->padded, work);
    float low, step;
    uint32_t total;
    codes->kernels->encode_row(centroid, codes->padded, code, &low, &step, &total);
    float off = A_LITTLE_MORE * gv_code_blur(centroid, (const int8_t *)code, low, step, codes->padded);
    codes->pointers[c] = code;
    bounds->base[c % BLOCK] = codes->norms[c] * (1.0f - GV_CODE_CONCEDED);
    bounds->low[c % BLOCK] = low;
    bounds->step[c % BLOCK] = step;
    bool known = GV_CODE_KNOWS(codes->norms[c]) && (step > 0.0f || off == 0.0f);
    bounds->length[c % BLOCK] = known ? sqrtf(codes->norms[c]) * A_LITTLE_MORE + off : NAN;
    return known && step > 0.0f ? off / step : 0.0f;
}

void gv_centroid_codes_make(GV_CentroidCodes *codes, const GV_Kernels *kernels, const float *const *centroids,
                            const float *norms, size_t k, size_t dimension, void *room)
{
    size_t size = gv_row_code_room(dimension);
    float root = sqrtf((float)size), *work = room, by_step = 0.0f;
    *codes = (GV_CentroidCodes){.kernels = kernels, .dimension = dimension, .padded = size, .k = (uint32_t)k};
    codes->centroids = centroids;
    codes->norms = norms;
    codes->codes = (uint8_t *)(work + size);
    codes->bounds = (GV_RowBounds *)(void *)(codes->codes + k * size);
    codes->pointers = (const uint8_t **)(void *)(codes->bounds + blocks_of(k));
    memset(codes->bounds, 0, blocks_of(k) * sizeof *codes->bounds);
    for (size_t c = 0; c < k; c++) {
        float steps = code_centroid(codes, c, work);
        by_step = steps > by_step ? steps : by_step;
    }
    codes->by_step = by_step;
    codes->slack = GV_CODE_CONCEDED + 3.0f * GV_CODE_CANCELLED * root;
}

/* ---- rows ---- */

void gv_row_code(const GV_Kernels *kernels, const float *row, float norm, size_t dimension, float *work, int8_t *bytes,
                 GV_RowCode *out)
{
    size_t size = gv_row_code_room(dimension);
    const float *x = padded(row, dimension, size, work);
    int32_t total;
    kernels->encode_query(x, size, GV_ROW_CODE_MAX, bytes, &out->step, &total);
    out->spread = out->step * (float)total;
    out->length = GV_CODE_KNOWS(norm) ? sqrtf(norm) * A_LITTLE_MORE : NAN;
    out->blur = A_LITTLE_MORE * gv_code_blur(x, bytes, 0.0f, out->step, size);
}

static float measured(const GV_CentroidCodes *codes, const float *row, uint32_t c)
{
    return codes->norms[c] - 2.0f * codes->kernels->dot(row, codes->centroids[c], codes->dimension);
}

uint32_t gv_nearest_centroid(const GV_CentroidCodes *codes, const float *row, const GV_RowCode *code,
                             const int8_t *bytes, uint32_t guess, float *nearness)
{
    GV_QueryBounds bounds = {.low = -2.0f * code->spread, .dot = -2.0f * code->step};
    bounds.step = -2.0f * code->length * codes->by_step;
    bounds.length = -2.0f * (code->blur + code->length * codes->slack);
    float best = measured(codes, row, guess);
    if (!(best < INFINITY)) {
        best = INFINITY;
        guess = 0;
    }
    for (uint32_t from = 0; from < codes->k; from += BLOCK) {
        int32_t dots[BLOCK] = {0};
        uint32_t some = codes->k - from < BLOCK ? codes->k - from : BLOCK;
        codes->kernels->dots_i8(codes->pointers + from, some, bytes, codes->padded, dots);
        bounds.base = -best;
        uint32_t near = ~codes->kernels->far_rows(dots, &codes->bounds[from / BLOCK], &bounds);
        for (near &= UINT32_MAX >> (BLOCK - some); near; near &= near - 1) {
            uint32_t c = from + (uint32_t)__builtin_ctz(near);
            float rank = measured(codes, row, c);
            if (!(rank < best || (rank == best && c < guess))) continue;
            best = rank;
            guess = c;
        }
    }
    *nearness = best;
    return guess;
}
