/* test_nearest.c: without it a bound could be too tight, and a row be given to a centroid that is not its nearest, or to another of two that
 * are as near; or too loose, and nothing be passed by. */
#include "base/random.h"
#include "check.h"
#include "index/kmeans.h"
#include "index/nearest.h"
#include <math.h>
#include <string.h>

enum {
    CENTROIDS = 150,
    ROWS = GV_ASSIGN_ROWS,
    DIMENSION_MOST = 400
};

static float centroids[CENTROIDS * DIMENSION_MOST], rows[ROWS * DIMENSION_MOST];
static float norms[CENTROIDS], sums[GV_ASSIGN_ROWS * GV_ASSIGN_CENTROIDS];
_Alignas(GV_CACHE_LINE) static char room[(CENTROIDS + 8) * (DIMENSION_MOST + 128)];
static size_t measured; /* dot products of whole rows */

static float even(uint64_t seed, uint64_t i) { return (float)(gv_random(seed, i) % 2001) / 1000.0f - 1.0f; }

typedef enum Shape {
    PLAIN,
    EQUAL,
    STEEP,
    FAR_FROM_ZERO,
    ZEROS,
    TINY,
    HUGE_VALUES,
    SHAPES
} Shape;

/* Rows near centroids, of every shape that could lead a bound astray. */
static void fill(Shape shape, size_t n)
{
    static const float scales[SHAPES] = {[TINY] = 1e-30f, [HUGE_VALUES] = 1e16f};
    float scale = scales[shape] > 0.0f ? scales[shape] : 1.0f;
    for (size_t i = 0; i < CENTROIDS * n; i++) {
        size_t c = i / n, j = i % n;
        float x = even(1, shape == EQUAL ? c / 2 * n + j : i); /* pairs of equal ones */
        if (shape == STEEP && j == 3) x *= 1e4f;
        if (shape == FAR_FROM_ZERO) x = 50.0f + 0.01f * x;
        if (shape == ZEROS && c % 3 == 0) x = c % 2 ? 0.25f : 0.0f;
        centroids[i] = x * scale;
    }
    for (size_t i = 0; i < ROWS * n; i++) {
        size_t row = i / n, near = gv_random(2, row) % CENTROIDS;
        float aside = row % 4 == 0 ? 0.0f : 0.3f * (float)(row % 4) * even(3, i);
        rows[i] = centroids[near * n + i % n] + aside * scale * (shape == FAR_FROM_ZERO ? 0.01f : 1.0f);
        if (shape == ZEROS && row % 5 == 0) rows[i] = 0.0f;
    }
}

static const GV_Kernels *counted;

static float counting_dot(const float *a, const float *b, size_t n)
{
    measured++;
    return counted->dot(a, b, n);
}

static size_t compare(const GV_Kernels *kernels, Shape shape, size_t n)
{
    const float *pointers[CENTROIDS], *row_pointers[ROWS];
    uint32_t labels[ROWS];
    float nearness[ROWS], work[DIMENSION_MOST + GV_CACHE_LINE];
    int8_t bytes[DIMENSION_MOST + GV_CACHE_LINE];
    size_t room_bytes;
    CHECK(gv_centroid_codes_room(CENTROIDS, n, &room_bytes) && room_bytes <= sizeof room, "%zu bytes", room_bytes);
    memset(room, 0xA5, sizeof room); /* what is in it must not matter */
    for (size_t c = 0; c < CENTROIDS; c++) pointers[c] = centroids + c * n;
    for (size_t c = 0; c < CENTROIDS; c++) norms[c] = kernels->dot(pointers[c], pointers[c], n);
    for (size_t i = 0; i < ROWS; i++) row_pointers[i] = rows + i * n;
    gv_assign(kernels, row_pointers, ROWS, pointers, norms, CENTROIDS, n, sums, labels, nearness);

    GV_Kernels counting = *kernels;
    GV_CentroidCodes codes;
    counted = kernels;
    counting.dot = counting_dot;
    gv_centroid_codes_make(&codes, &counting, pointers, norms, CENTROIDS, n, room);
    measured = 0;
    for (size_t i = 0; i < ROWS; i++) {
        GV_RowCode code;
        gv_row_code(kernels, row_pointers[i], kernels->dot(row_pointers[i], row_pointers[i], n), n, work, bytes, &code);
        float near;
        uint32_t guess = i % 2 ? labels[i] : (uint32_t)(gv_random(4, i) % CENTROIDS);
        uint32_t label = gv_nearest_centroid(&codes, row_pointers[i], &code, bytes, guess, &near);
        CHECK(label == labels[i] && memcmp(&near, &nearness[i], sizeof near) == 0,
              "%s, shape %d, %zu components, row %zu: %u at %g, not %u at %g", kernels->name, shape, n, i, label,
              (double)near, labels[i], (double)nearness[i]);
    }
    return measured;
}

int main(void)
{
    static const size_t dimensions[] = {1, 63, 64, 65, 128, 200, 384};
    for (Shape shape = PLAIN; shape < SHAPES; shape++)
        for (size_t d = 0; d < sizeof dimensions / sizeof *dimensions; d++) {
            fill(shape, dimensions[d]);
            for (size_t i = 0; gv_kernels_at(i); i++) {
                const GV_Kernels *kernels = gv_kernels_select(gv_kernels_at(i)->name);
                if (!kernels) continue;
                size_t measures = compare(kernels, shape, dimensions[d]);
                if (i == 0 && dimensions[d] >= 128)
                    printf("shape %d, %zu components: %.1f of %d centroids measured\n", shape, dimensions[d],
                           (double)measures / ROWS, CENTROIDS);
                CHECK(shape != PLAIN || dimensions[d] < 64 || measures < ROWS * CENTROIDS / 10,
                      "%zu of %d products were taken of %zu components", measures, ROWS * CENTROIDS, dimensions[d]);
            }
        }
    return 0;
}
