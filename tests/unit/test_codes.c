/* test_codes.c: every code kernel computes what codes.h defines, and the same bits on every instruction set.
 *
 * Without this test a walk could follow other candidates on another CPU, a file written on one could be worse than
 * noise on another, or a byte sum could overflow for the one query in a million that reaches its limit. Every array is
 * a heap block of exactly its size, so the address sanitizer sees one byte too many.
 * The last line is a hash of all results: native and WASM must print the same one. */
#include "kernels/codes.h"
#include "check.h"
#include <inttypes.h>
#include <math.h>
#include <stdbool.h>
#include <string.h>

enum {
    SEED = 20261124,
    MAX_TABLES = 8,
    ROWS = 11, /* two groups of four and three more */
    MODEL_N = 448,
};

typedef enum Values {
    UNIFORM,
    EMBEDDING_LIKE,
    MIXED,
    FLAT,
    ZERO,
    MINUS_ZERO,
    TINY,
    NEARLY_FLAT,
    HUGE_VALUES,
    EXTREMES,
    VALUES_COUNT
} Values;
static const char *const values_names[VALUES_COUNT] = {"uniform", "embedding-like", "mixed",       "flat", "zero",
                                                       "-0",      "tiny",           "nearly flat", "huge", "extreme"};

static const GV_Kernels *kernels[MAX_TABLES]; /* scalar first */
static size_t kernel_count;
static uint64_t random_state = SEED, hash = UINT64_C(0xcbf29ce484222325);

static uint64_t next_random(void)
{
    random_state += UINT64_C(0x9e3779b97f4a7c15); /* splitmix64 */
    uint64_t z = random_state;
    z = (z ^ (z >> 30)) * UINT64_C(0xbf58476d1ce4e5b9);
    z = (z ^ (z >> 27)) * UINT64_C(0x94d049bb133111eb);
    return z ^ (z >> 31);
}

static float random_float(Values values)
{
    uint64_t r = next_random();
    float unit = (float)((int32_t)(r & 0xffffff) - 0x800000) / 8388608.0F; /* [-1, 1) */
    int power = (int)(r >> 40 & 0x7f);
    switch (values) {
    case EMBEDDING_LIKE: return ldexpf(unit, -(power % 12));
    case MIXED: return power % 16 == 0 ? -0.0F : ldexpf(unit, power - 80);
    case FLAT: return 0.7F;
    case ZERO: return 0.0F;
    case MINUS_ZERO: return r & 1 << 25 ? -0.0F : 0.0F;
    case TINY: return ldexpf(unit, -126 - power % 20); /* mostly denormal */
    case NEARLY_FLAT: return ldexpf(unit, -101) * 4.0F; /* about GV_FLAT_RANGE */
    case HUGE_VALUES: return ldexpf(unit, 80 + power % 8);
    case EXTREMES: return r & 1 << 25 ? 1.0F : -1.0F;
    case UNIFORM:
    case VALUES_COUNT: break;
    }
    return unit;
}

/* A heap block that ends where the array ends, `offset` elements after the start of the allocation. */
typedef struct Block {
    void *start;
    size_t offset, bytes;
} Block;

static Block block_of(size_t bytes, size_t offset)
{
    Block block = {malloc(bytes + offset), offset, bytes};
    CHECK(block.start != NULL, "malloc(%zu)", bytes + offset);
    memset(block.start, 0x5a, bytes + offset);
    return block;
}

static void *at(Block block) { return (char *)block.start + block.offset; }

static Block floats_of(size_t n, size_t offset, Values values)
{
    Block block = block_of(n * sizeof(float), offset * sizeof(float));
    float *x = at(block);
    for (size_t i = 0; i < n; i++) {
        x[i] = random_float(values);
    }
    return block;
}

static void add_to_hash(const void *data, size_t bytes)
{
    for (size_t i = 0; i < bytes; i++) { /* FNV-1a */
        hash = (hash ^ ((const uint8_t *)data)[i]) * UINT64_C(0x100000001b3);
    }
}

/* What kernel k wrote must be what scalar (k = 0) wrote: kept in `reference` by the first call. */
static void same_bits(size_t k, const void *data, Block reference, const char *what, size_t n, const char *values)
{
    if (k == 0) {
        memcpy(at(reference), data, reference.bytes);
        add_to_hash(data, reference.bytes);
    }
    const uint8_t *a = data, *b = at(reference);
    for (size_t i = 0; i < reference.bytes; i++) {
        CHECK(a[i] == b[i], "%s of %zu %s values: byte %zu is %u by %s, %u by scalar (seed %d)", what, n, values, i, a[i],
              kernels[k]->name, b[i], SEED);
    }
}

static double dot_in_double(const float *a, const float *b, size_t n)
{
    double sum = 0.0;
    for (size_t i = 0; i < n; i++) {
        sum += (double)a[i] * (double)b[i];
    }
    return sum;
}

/* ---- rotation ---- */

static Block random_signs(size_t n, size_t offset)
{
    size_t count = n * gv_rotation_rounds(n);
    Block block = block_of(count * sizeof(uint32_t), offset * sizeof(uint32_t));
    uint32_t *signs = at(block);
    for (size_t i = 0; i < count; i++) {
        signs[i] = (uint32_t)(next_random() >> 63) << 31;
    }
    return block;
}

/* The definition in f64, the transform as a matrix: entry (i, j) is -1 to the number of bits that i and j share. */
static void model_rotation(double *x, size_t n, const uint32_t *signs)
{
    static double copy[MODEL_N];
    size_t p = 64;
    while (2 * p <= n) {
        p *= 2;
    }
    for (unsigned round = 0; round < (p == n ? 3 : 4); round++, signs += n) {
        for (size_t i = 0; i < n; i++) {
            copy[i] = x[i] = signs[i] ? -x[i] : x[i];
        }
        size_t start = round % 2 == 0 ? 0 : n - p;
        for (size_t i = 0; i < p; i++) {
            double sum = 0.0;
            for (size_t j = 0; j < p; j++) {
                sum += __builtin_parityll(i & j) ? -copy[start + j] : copy[start + j];
            }
            x[start + i] = sum / sqrt((double)p);
        }
        for (size_t i = 0; p < n && i < n / 2; i++) {
            double a = x[i], b = x[i + n / 2];
            x[i] = (a + b) / sqrt(2.0);
            x[i + n / 2] = (a - b) / sqrt(2.0);
        }
    }
}

static void check_rotation_by_model(const float *x, const float *rotated, size_t n, const uint32_t *signs)
{
    static double model[MODEL_N];
    for (size_t i = 0; i < n; i++) {
        model[i] = (double)x[i];
    }
    model_rotation(model, n, signs);
    double norm = sqrt(dot_in_double(x, x, n));
    for (size_t i = 0; i < n; i++) {
        CHECK(fabs(model[i] - (double)rotated[i]) <= 1e-6 * norm, "rotation of %zu: component %zu is %g, by model %g", n,
              i, (double)rotated[i], model[i]);
    }
}

static void check_rotation(size_t n, size_t offset, Values values)
{
    Block signs = random_signs(n, offset), reference = block_of(n * sizeof(float), 0);
    Block x = floats_of(n, offset, values), y = floats_of(n, 0, values);
    Block x_rotated = block_of(n * sizeof(float), offset * sizeof(float)), y_rotated = block_of(n * sizeof(float), 0);
    for (size_t k = 0; k < kernel_count; k++) {
        memcpy(at(y_rotated), at(y), y.bytes);
        kernels[k]->rotate(at(y_rotated), n, at(signs));
        memcpy(at(x_rotated), at(x), x.bytes);
        kernels[k]->rotate(at(x_rotated), n, at(signs));
        same_bits(k, at(x_rotated), reference, "rotate", n, values_names[values]);
    }
    double xx = dot_in_double(at(x), at(x), n), yy = dot_in_double(at(y), at(y), n);
    double norm = sqrt(dot_in_double(at(x_rotated), at(x_rotated), n));
    double change = dot_in_double(at(x_rotated), at(y_rotated), n) - dot_in_double(at(x), at(y), n);
    if (values != TINY) { /* where each step rounds by a good part of the value */
        CHECK(fabs(norm - sqrt(xx)) <= 1e-5 * sqrt(xx), "rotation of %zu %s values: norm %g from %g", n,
              values_names[values], norm, sqrt(xx));
        CHECK(fabs(change) <= 1e-5 * sqrt(xx * yy), "rotation of %zu %s values: a dot product of rows of norms %g and %g "
              "changed by %g", n, values_names[values], sqrt(xx), sqrt(yy), change);
        if (n <= MODEL_N) {
            check_rotation_by_model(at(x), at(x_rotated), n, at(signs));
        }
    }
    Block *blocks[] = {&signs, &reference, &x, &y, &x_rotated, &y_rotated};
    for (size_t i = 0; i < sizeof blocks / sizeof blocks[0]; i++) {
        free(blocks[i]->start);
    }
}

/* ---- scalar codes ---- */

static void check_sum(size_t n, size_t offset, Values values)
{
    Block x = floats_of(n, offset, values), ones = block_of(n * sizeof(float), 0);
    for (size_t i = 0; i < n; i++) {
        ((float *)at(ones))[i] = 1.0F;
    }
    for (size_t k = 0; k < kernel_count; k++) {
        float sum = kernels[k]->sum(at(x), n), as_dot = kernels[0]->dot(at(x), at(ones), n); /* x * 1 is x */
        CHECK(memcmp(&sum, &as_dot, sizeof sum) == 0, "sum of %zu %s values: %a by %s, the dot product with ones is %a",
              n, values_names[values], (double)sum, kernels[k]->name, (double)as_dot);
    }
    free(x.start);
    free(ones.start);
}

typedef struct RowCode {
    float lo, step;
    uint32_t total;
} RowCode;

static void check_row_code(const float *x, const uint8_t *u, const RowCode *code, size_t n)
{
    float low = x[0], high = x[0];
    uint64_t total = 0;
    for (size_t i = 0; i < n; i++) {
        low = fminf(low, x[i]);
        high = fmaxf(high, x[i]);
        total += u[i];
    }
    bool flat = high - low < GV_FLAT_RANGE;
    float step = flat ? 0.0F : (high - low) / 127.0F;
    CHECK(code->lo == low && !(code->lo == 0.0F && signbit(code->lo)), "lo %a, minimum %a", (double)code->lo, (double)low);
    CHECK(code->step == step && code->total == total, "step %a of %a, total %u of %" PRIu64, (double)code->step,
          (double)step, code->total, total);
    for (size_t i = 0; i < n; i++) {
        double error = fabs((double)x[i] - ((double)low + (double)step * u[i]));
        double largest = flat ? (double)GV_FLAT_RANGE : 0.5001 * (double)step + 2e-7 * (double)fabsf(x[i]);
        CHECK(u[i] <= 127 && error <= largest, "component %zu: %g coded as %u, off by %g", i, (double)x[i], u[i], error);
    }
}

static void check_encode_row(size_t n, size_t offset, Values values)
{
    Block x = floats_of(n, offset, values), u = block_of(n, offset);
    Block u_reference = block_of(n, 0), reference = block_of(sizeof(RowCode), 0);
    for (size_t k = 0; k < kernel_count; k++) {
        RowCode code;
        memset(at(u), 0xaa, n);
        kernels[k]->encode_row(at(x), n, at(u), &code.lo, &code.step, &code.total);
        same_bits(k, at(u), u_reference, "encode_row", n, values_names[values]);
        same_bits(k, &code, reference, "header of encode_row", n, values_names[values]);
        check_row_code(at(x), at(u), &code, n);
    }
    free(x.start);
    free(u.start);
    free(u_reference.start);
    free(reference.start);
}

typedef struct QueryCode {
    float step;
    int32_t total;
} QueryCode;

static void check_query_code(const float *x, int limit, const int8_t *q, const QueryCode *code, size_t n)
{
    float high = 0.0F;
    int64_t total = 0;
    for (size_t i = 0; i < n; i++) {
        high = fmaxf(high, fabsf(x[i]));
        total += q[i];
    }
    bool zero = high < GV_FLAT_RANGE;
    float step = zero ? 0.0F : high / (float)limit;
    CHECK(code->step == step && code->total == total, "limit %d: step %a of %a, total %d of %" PRId64, limit,
          (double)code->step, (double)step, code->total, total);
    for (size_t i = 0; i < n; i++) {
        double error = fabs((double)x[i] - (double)step * q[i]), largest = zero ? (double)high : 0.5001 * (double)step;
        CHECK(q[i] >= -limit && q[i] <= limit && error <= largest && (!zero || q[i] == 0),
              "component %zu: %g coded as %d of %d, off by %g", i, (double)x[i], q[i], limit, error);
    }
}

static void check_encode_query(size_t n, size_t offset, Values values)
{
    static const int limits[] = {127, 31, 15, 7, 3, 1};
    for (size_t l = 0; l < sizeof limits / sizeof limits[0]; l++) {
        Block x = floats_of(n, offset, values), q = block_of(n, offset);
        Block q_reference = block_of(n, 0), reference = block_of(sizeof(QueryCode), 0);
        for (size_t k = 0; k < kernel_count; k++) {
            QueryCode code;
            memset(at(q), 0xaa, n);
            kernels[k]->encode_query(at(x), n, limits[l], at(q), &code.step, &code.total);
            same_bits(k, at(q), q_reference, "encode_query", n, values_names[values]);
            same_bits(k, &code, reference, "header of encode_query", n, values_names[values]);
            check_query_code(at(x), limits[l], at(q), &code, n);
        }
        free(x.start);
        free(q.start);
        free(q_reference.start);
        free(reference.start);
    }
}

/* Random, or (extreme) all at the ends of their ranges, where 16-bit products would saturate first. */
static Block random_codes(size_t n, size_t offset, int lowest, int highest, bool extreme)
{
    Block block = block_of(n, offset);
    int8_t *codes = at(block);
    int toss = (int)(next_random() & 1);
    for (size_t i = 0; i < n; i++) {
        int width = highest - lowest + 1, random = lowest + (int)(next_random() % (uint64_t)width);
        codes[i] = (int8_t)(extreme ? (toss ? highest : lowest) : random);
    }
    return block;
}

static void check_dots(size_t n, size_t offset, bool extreme)
{
    Block q = random_codes(n, offset, extreme ? -128 : -127, 127, extreme), rows[ROWS];
    const uint8_t *row[ROWS];
    int64_t expected[ROWS];
    for (size_t r = 0; r < ROWS; r++) {
        rows[r] = random_codes(n, (offset + r) % 5, extreme ? 127 : 0, 127, extreme);
        row[r] = at(rows[r]);
        expected[r] = 0;
        for (size_t i = 0; i < n; i++) {
            expected[r] += (int64_t)row[r][i] * ((int8_t *)at(q))[i];
        }
    }
    for (size_t k = 0; k < kernel_count; k++) {
        for (size_t count = 0; count <= ROWS; count++) {
            Block dots = block_of(count * sizeof(int32_t), 0);
            kernels[k]->dots_i8(row, count, at(q), n, at(dots));
            for (size_t r = 0; r < count; r++) {
                int32_t dot = kernels[k]->dot_i8(row[r], at(q), n), together = ((int32_t *)at(dots))[r];
                CHECK(dot == expected[r] && together == expected[r],
                      "dot of %zu: %d alone, %d as row %zu of %zu by %s, expected %" PRId64, n, dot, together, r, count,
                      kernels[k]->name, expected[r]);
            }
            free(dots.start);
        }
    }
    add_to_hash(expected, sizeof expected);
    for (size_t r = 0; r < ROWS; r++) {
        free(rows[r].start);
    }
    free(q.start);
}

/* ---- blocks ---- */

static unsigned nibble_of(const uint8_t *codes, size_t m, unsigned j)
{
    return j < 16 ? codes[16 * m + j] & 15U : codes[16 * m + j - 16] >> 4;
}

/* <s, v> for neighbour j, by the bits themselves. */
static int64_t signed_sum(const uint8_t *codes, const int8_t *v, size_t n, unsigned j)
{
    int64_t sum = 0;
    for (size_t i = 0; i < n; i++) {
        sum += nibble_of(codes, i / 4, j) >> (i % 4) & 1 ? v[i] : -v[i];
    }
    return sum;
}

typedef struct ScanCase {
    Block v, tables, codes, A, F, estimates;
    float base, step, bound;
} ScanCase;

static ScanCase scan_case(size_t n, int limit, size_t offset, bool extreme)
{
    ScanCase c = {.v = random_codes(n, offset, -limit, limit, extreme), .base = fabsf(random_float(MIXED))};
    c.tables = block_of(4 * n, offset);
    c.codes = random_codes(4 * n, offset, -128, 127, extreme);
    if (extreme) { /* half the neighbours all ones, half all zeros: sums 0 and n * 2 * limit */
        memset(at(c.codes), next_random() & 1 ? 0xf0 : 0x0f, 4 * n);
    }
    c.A = floats_of(GV_SCAN_NEIGHBOURS, offset, EMBEDDING_LIKE);
    c.F = floats_of(GV_SCAN_NEIGHBOURS, offset, EMBEDDING_LIKE);
    c.estimates = block_of(GV_SCAN_NEIGHBOURS * sizeof(float), offset * sizeof(float));
    c.base = extreme ? 0.0F : fabsf(random_float(UNIFORM));
    c.step = fabsf(random_float(EMBEDDING_LIKE)) / 16.0F;
    c.bound = extreme ? INFINITY : 1.0F;
    ((float *)at(c.A))[7] = 1e30F; /* an empty slot */
    ((float *)at(c.F))[7] = 0.0F;
    ((float *)at(c.A))[9] = -0.0F;
    return c;
}

static void check_estimates(const ScanCase *c, size_t n, uint32_t below, const char *name)
{
    const float *A = at(c->A), *F = at(c->F), *estimates = at(c->estimates);
    for (unsigned j = 0; j < GV_SCAN_NEIGHBOURS; j++) {
        volatile float t = c->base + A[j], product = (float)signed_sum(at(c->codes), at(c->v), n, j) * c->step;
        volatile float scaled = F[j] * product, e = t - scaled;
        float expected = e > 0.0F ? e : 0.0F;
        CHECK(memcmp(&expected, &estimates[j], sizeof expected) == 0, "scan_block of %zu: neighbour %u is %a by %s, not %a",
              n, j, (double)estimates[j], name, (double)expected);
        CHECK((below >> j & 1) == (expected < c->bound), "scan_block of %zu: bit %u of %08x by %s, estimate %g, bound %g",
              n, j, below, name, (double)expected, (double)c->bound);
    }
}

static void check_scan(size_t n, int limit, size_t offset, bool extreme)
{
    ScanCase c = scan_case(n, limit, offset, extreme);
    Block reference = block_of(c.estimates.bytes, 0), tables_reference = block_of(4 * n, 0);
    const int8_t *v = at(c.v);
    for (size_t k = 0; k < kernel_count; k++) {
        kernels[k]->scan_tables(v, n, limit, at(c.tables));
        same_bits(k, at(c.tables), tables_reference, "scan_tables", n, extreme ? "extreme" : "random");
        for (size_t place = 0; place < 4 * n; place++) {
            int entry = 4 * limit;
            for (size_t i = 0; i < 4; i++) {
                entry += place % 16 >> i & 1 ? v[place / 16 * 4 + i] : -v[place / 16 * 4 + i];
            }
            CHECK(((uint8_t *)at(c.tables))[place] == entry, "table byte %zu is %u by %s, not %d", place,
                  ((uint8_t *)at(c.tables))[place], kernels[k]->name, entry);
        }
        uint32_t below = kernels[k]->scan_block(at(c.codes), at(c.tables), n, limit, at(c.A), at(c.F), c.base, c.step,
                                                c.bound, at(c.estimates));
        check_estimates(&c, n, below, kernels[k]->name);
        same_bits(k, at(c.estimates), reference, "scan_block", n, extreme ? "extreme" : "random");
    }
    Block *blocks[] = {&c.v, &c.tables, &c.codes, &c.A, &c.F, &c.estimates, &reference, &tables_reference};
    for (size_t i = 0; i < sizeof blocks / sizeof blocks[0]; i++) {
        free(blocks[i]->start);
    }
}

typedef struct Neighbour {
    float l1, l2sq, sc;
} Neighbour;

static void check_neighbour_code(const float *x, const float *c, size_t n, const uint8_t *codes, const uint8_t *before,
                                 unsigned j, const Neighbour *got)
{
    double l1 = 0.0, l2sq = 0.0, sc = 0.0, size = 0.0;
    for (size_t i = 0; i < n; i++) {
        volatile float r = x[i] - c[i];
        bool bit = nibble_of(codes, i / 4, j) >> (i % 4) & 1;
        CHECK(bit == (r >= 0.0F), "bit %zu of neighbour %u is %d, r is %g", i, j, bit, (double)r);
        l1 += fabs((double)r);
        l2sq += (double)r * (double)r;
        sc += bit ? (double)c[i] : -(double)c[i];
        size += fabs((double)c[i]);
    }
    for (size_t m = 0; m < n / 4; m++) {
        for (unsigned other = 0; other < GV_SCAN_NEIGHBOURS; other++) {
            CHECK(other == j || nibble_of(codes, m, other) == nibble_of(before, m, other),
                  "neighbour %u was written with neighbour %u, nibble %zu", other, j, m);
        }
    }
    double tiny = (double)n * 1e-44; /* the smallest denormal, n times */
    CHECK(fabs(l1 - (double)got->l1) <= 1e-4 * l1 + tiny, "|r|_1 is %g, not %g", (double)got->l1, l1);
    CHECK(fabs(l2sq - (double)got->l2sq) <= 1e-4 * l2sq + tiny, "|r|^2 is %g, not %g", (double)got->l2sq, l2sq);
    CHECK(fabs(sc - (double)got->sc) <= 1e-4 * size + tiny, "<s, c> is %g, not %g", (double)got->sc, sc);
}

static void check_encode_neighbour(size_t n, size_t offset, Values values)
{
    if (values == HUGE_VALUES) { /* squares would overflow: a finite norm is promised */
        values = MIXED;
    }
    Block x = floats_of(n, offset, values), c = floats_of(n, offset / 2, values), codes = block_of(4 * n, offset);
    Block before = random_codes(4 * n, 0, -128, 127, false);
    Block reference = block_of(4 * n, 0), sums_reference = block_of(sizeof(Neighbour), 0);
    memcpy(at(x), at(c), 20 * sizeof(float)); /* r = 0 is bit 1 */
    for (unsigned j = (unsigned)(offset % 3); j < GV_SCAN_NEIGHBOURS; j += n <= MODEL_N ? 1 : 13) {
        for (size_t k = 0; k < kernel_count; k++) {
            Neighbour got;
            memcpy(at(codes), at(before), 4 * n);
            kernels[k]->encode_neighbour(at(x), at(c), n, at(codes), j, &got.l1, &got.l2sq, &got.sc);
            same_bits(k, at(codes), reference, "encode_neighbour", n, values_names[values]);
            same_bits(k, &got, sums_reference, "sums of encode_neighbour", n, values_names[values]);
            if (k == 0) {
                check_neighbour_code(at(x), at(c), n, at(codes), at(before), j, &got);
            }
        }
    }
    Block *blocks[] = {&x, &c, &codes, &before, &reference, &sums_reference};
    for (size_t i = 0; i < sizeof blocks / sizeof blocks[0]; i++) {
        free(blocks[i]->start);
    }
}

/* ---- all of them ---- */

static void find_kernels(void)
{
    kernels[kernel_count++] = gv_kernels_select("scalar");
    CHECK(kernels[0] != NULL, "scalar runs anywhere");
    for (size_t i = 0; gv_kernels_at(i) != NULL; i++) {
        const char *name = gv_kernels_at(i)->name;
        const GV_Kernels *kernel = gv_kernels_select(name);
        if (kernel == NULL) {
            printf("skipped: %s: this CPU or its operating system does not support it\n", name);
            continue;
        }
        printf("testing: %s\n", name);
        if (kernel != kernels[0]) {
            CHECK(kernel_count < MAX_TABLES, "more than %d kernels", MAX_TABLES);
            kernels[kernel_count++] = kernel;
        }
    }
}

static size_t check_dimension(size_t n)
{
    static const size_t offsets[] = {0, 1, 3, 15};
    size_t scans = 0;
    for (size_t o = 0; o < (n <= MODEL_N ? 4 : 2); o++) {
        for (int values = 0; values < VALUES_COUNT; values++) {
            check_rotation(n, offsets[o], (Values)values);
            check_sum(n, offsets[o], (Values)values);
            check_encode_row(n, offsets[o], (Values)values);
            check_encode_query(n, offsets[o], (Values)values);
            check_encode_neighbour(n, offsets[o], (Values)values);
        }
        for (int extreme = 0; extreme < 2; extreme++) {
            check_dots(n, offsets[o], extreme);
            for (int limit = GV_SCAN_LIMIT; limit > 0; limit /= 2) {
                if (n * 2 * (size_t)limit <= UINT16_MAX) {
                    check_scan(n, limit, offsets[o], extreme);
                    scans++;
                }
            }
        }
    }
    return scans;
}

int main(void)
{
    static const size_t dimensions[] = {64,  128,  192,  256,  320,  384,  448,  512,  576,   704,
                                        768, 1024, 1088, 1536, 2048, 4096, 4160, 8192, 16448, 65536};
    find_kernels();
    CHECK(gv_scan_limit(384) == 15 && gv_scan_limit(2176) == 15 && gv_scan_limit(2240) == 7 && gv_scan_limit(4672) == 7 &&
              gv_scan_limit(4736) == 3 && gv_scan_limit(32704) == 1 && gv_scan_limit(32768) == 0,
          "the largest limit of 15, 7, 3, 1 whose sums fit 16 bits");
    for (size_t p = 64; p <= 65536; p *= 2) {
        CHECK(gv_hadamard_scale(p) == (float)(1.0 / sqrt((double)p)), "scale of %zu", p);
        CHECK(gv_hadamard_size(p) == p && gv_hadamard_size(p + 64) == (p == 64 ? 128 : p), "size of %zu and beyond", p);
    }
    size_t count = sizeof dimensions / sizeof dimensions[0], scans = 0;
    for (size_t i = 0; i < count; i++) {
        scans += check_dimension(dimensions[i]);
    }
    printf("ok: %zu dimensions, 64 to %zu, %d kinds of values, %zu blocks: equal in every bit, and as defined\n", count,
           dimensions[count - 1], VALUES_COUNT, scans);
    printf("hash of all scalar results: %016" PRIx64 "\n", hash);
    return 0;
}
