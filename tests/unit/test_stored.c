/* test_stored.c: vectors kept as f16 and int8: rounded to the nearest, back exactly, the same again, and compared to the same bits by
 * every kernel as the floats they stand for. Without it a file could change what its rows say each time it is compacted, or
 * distances differ by machine. */
#include "kernels/stored.h"
#include "base/bytes.h"
#include "base/random.h"
#include "check.h"
#include "kernels/kernels.h"
#include <math.h>
#include <stdbool.h>
#include <string.h>

enum {
    MOST = 400,
    ROWS = 2000
};

static const GV_Storage narrow[] = {GV_STORAGE_F16, GV_STORAGE_INT8};

static uint32_t bits_of(float x)
{
    uint32_t bits;
    memcpy(&bits, &x, sizeof bits);
    return bits;
}

/* From -1 to 1. */
static float uniform(uint64_t seed, uint64_t i)
{
    return (float)((double)(int64_t)(gv_random(seed, i) >> 11) * 0x1p-52 - 1.0);
}

static double half_value(unsigned half)
{
    int exponent = half >> 10 & 31, fraction = half & 1023;
    double size = exponent > 0 ? ldexp(1024 + fraction, exponent - 25) : ldexp(fraction, -24);
    return half & 0x8000 ? -size : size;
}

static uint16_t stored_half(float x)
{
    uint16_t half;
    gv_store_row(GV_STORAGE_F16, &x, 1, &half);
    return half;
}

static void test_every_half(void)
{
    for (unsigned i = 0; i < 65536; i++) {
        uint16_t half = (uint16_t)i;
        float x;
        if ((half >> 10 & 31) == 31) continue; /* infinities and NaN */
        gv_widen_row(GV_STORAGE_F16, &half, 1, &x);
        CHECK((double)x == half_value(half) && (signbit(x) != 0) == (half >> 15 != 0), "half %x is %a", half,
              (double)x);
        CHECK(stored_half(x) == half, "half %x comes back as %x", half, stored_half(x));
    }
}

/* The nearest of three neighbours, ties to an even fraction. */
static void check_nearest(float x)
{
    uint16_t half = stored_half(x);
    double off = fabs(half_value(half) - (double)x);
    for (int step = -1; step <= 1; step += 2) {
        unsigned other = (half & 0x7fffu) + (unsigned)step;
        if (other > 0x7bff) continue; /* below zero, or infinite */
        double beside = fabs(half_value(other | (half & 0x8000u)) - (double)x);
        CHECK(off < beside || (off == beside && half % 2 == 0), "%a becomes %a", (double)x, half_value(half));
    }
}

static void test_rounding_to_half(void)
{
    for (uint64_t i = 0; i < 200000; i++) check_nearest(ldexpf(uniform(1, i), (int)(i % 44) - 28));
    for (unsigned half = 0; half < 0x7bff; half++) /* ties */
        check_nearest((float)((half_value(half) + half_value(half + 1)) / 2));
    CHECK(gv_storage_holds(GV_STORAGE_F16, 65519.996f) && stored_half(65519.996f) == 0x7bff, "the largest");
    CHECK(!gv_storage_holds(GV_STORAGE_F16, -65520.0f), "what would become infinite");
    CHECK(gv_storage_holds(GV_STORAGE_INT8, 1e19f), "int8 has a scale");
}

static void make_row(uint64_t seed, size_t n, float *x)
{
    int exponent = (int)(gv_random(seed, 0) % 80) - 40;
    for (size_t i = 0; i < n; i++) x[i] = ldexpf(uniform(seed, i + 1), exponent);
}

static void test_levels(void)
{
    static float x[MOST], y[MOST];
    static uint8_t row[MOST * 4], again[MOST * 4];
    for (uint64_t seed = 1; seed <= ROWS; seed++) {
        size_t n = 1 + gv_random(seed, 1000) % MOST;
        float high = 0.0f, scale;
        make_row(seed, n, x);
        if (seed % 50 == 0) memset(x, 0, sizeof x);
        if (seed % 51 == 0) x[n / 2] = 0x1p-133f;
        for (size_t i = 0; i < n; i++) high = fmaxf(high, fabsf(x[i]));
        gv_store_row(GV_STORAGE_INT8, x, n, row);
        memcpy(&scale, row, sizeof scale);
        CHECK((bits_of(scale) & 255) == 0, "scale %a has more than 16 bits", (double)scale);
        CHECK(scale <= fmaxf(high / 127 * (1.0f + 0x1p-15f), 0x1p-126f), "scale %a is loose: %a", (double)scale,
              (double)high);
        gv_widen_row(GV_STORAGE_INT8, row, n, y);
        for (size_t i = 0; i < n; i++) {
            double level = (double)(int8_t)row[GV_STORED_SCALE + i];
            CHECK((double)y[i] == level * (double)scale, "a product that was rounded");
            double off = fabs((double)y[i] - (double)x[i]), most = (double)scale * 0.5001;
            CHECK(off <= most || (scale == 0.0f && off < 0x1p-127), "row %d: %a becomes %a", (int)seed, (double)x[i],
                  (double)y[i]);
        }
        gv_store_row(GV_STORAGE_INT8, y, n, again);
        CHECK(memcmp(row, again, gv_stored_bytes(GV_STORAGE_INT8, n)) == 0, "row %d is not the same again", (int)seed);
    }
}

/* The row ends where its memory does, so that a sanitizer sees a read behind it. */
static void check_sums(const GV_Kernels *kernels, GV_Storage storage, const float *a, const float *x, size_t n)
{
    const GV_StoredSums *sums = storage == GV_STORAGE_F16 ? &kernels->f16 : &kernels->int8;
    const GV_Kernels *reference = gv_kernels_select("scalar");
    static float wide[MOST];
    void *row = malloc(gv_stored_bytes(storage, n) + (n == 0));
    CHECK(row, "no memory");
    gv_store_row(storage, x, n, row);
    gv_widen_row(storage, row, n, wide);
    CHECK(bits_of(sums->l2sq(a, row, n)) == bits_of(reference->l2sq(a, wide, n)), "%s l2sq, %zu", kernels->name, n);
    CHECK(bits_of(sums->dot(a, row, n)) == bits_of(reference->dot(a, wide, n)), "%s dot, %zu", kernels->name, n);
    CHECK(bits_of(sums->l1(a, row, n)) == bits_of(reference->l1(a, wide, n)), "%s l1, %zu", kernels->name, n);
    free(row);
}

static void test_kernels(void)
{
    const GV_Kernels *kernels;
    static float a[MOST], x[MOST];
    size_t tested = 0;
    for (size_t t = 0; (kernels = gv_kernels_at(t)) != NULL; t++) {
        if (!gv_kernels_select(kernels->name)) {
            printf("SKIPPED: this CPU cannot run the %s kernels\n", kernels->name);
            continue;
        }
        for (size_t s = 0; s < sizeof narrow / sizeof *narrow; s++)
            for (size_t n = 0; n < MOST; n++)
                for (uint64_t turn = 0; turn < 3; turn++) {
                    make_row(7 + turn, n, a);
                    for (size_t i = 0; i < n; i++) x[i] = ldexpf(uniform(n + turn, i), turn == 2 ? -14 : 3);
                    check_sums(kernels, narrow[s], a, x, n);
                    tested++;
                }
    }
    printf("%zu sums of each kind\n", tested);
}

int main(void)
{
    test_every_half();
    test_rounding_to_half();
    test_levels();
    test_kernels();
    return 0;
}
