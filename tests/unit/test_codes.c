/* test_codes.c: rotation, row and query codes and their dot products: as codes.h defines them, and the same bits on every
 * instruction set.
 *
 * Without this test a walk could follow other candidates on another CPU, a row coded on one could be noise on another,
 * or a 16-bit product could saturate for the one row in a million at the end of its range.
 * The last line is a hash of all results: native and WASM must print the same one. */
#include "code_cases.h"

enum {
    ROWS = 11, /* two groups of four and three more */
};

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
    static double copy[SMALL_N];
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
    static double model[SMALL_N];
    for (size_t i = 0; i < n; i++) {
        model[i] = (double)x[i];
    }
    model_rotation(model, n, signs);
    double norm = sqrt(dot_in_double(x, x, n));
    for (size_t i = 0; i < n; i++) {
        CHECK(fabs(model[i] - (double)rotated[i]) <= 1e-6 * norm, "rotation of %zu: component %zu is %g, by model %g",
              n, i, (double)rotated[i], model[i]);
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
        CHECK(fabs(change) <= 1e-5 * sqrt(xx * yy),
              "rotation of %zu %s values: a dot product of rows of norms %g and %g "
              "changed by %g",
              n, values_names[values], sqrt(xx), sqrt(yy), change);
        if (n <= SMALL_N) {
            check_rotation_by_model(at(x), at(x_rotated), n, at(signs));
        }
    }
    Block *blocks[] = {&signs, &reference, &x, &y, &x_rotated, &y_rotated};
    free_blocks(blocks, sizeof blocks / sizeof blocks[0]);
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
    }
    for (size_t i = 0; i < n; i++) total += u[i]; /* apart: in the loop above, gcc 12 for AArch64 gives up on it */
    bool flat = high - low < GV_FLAT_RANGE;
    float step = flat ? 0.0F : (high - low) / 127.0F;
    CHECK(code->lo == low && !(code->lo == 0.0F && signbit(code->lo)), "lo %a, minimum %a", (double)code->lo,
          (double)low);
    CHECK(code->step == step && code->total == total, "step %a of %a, total %u of %" PRIu64, (double)code->step,
          (double)step, code->total, total);
    for (size_t i = 0; i < n; i++) {
        double error = fabs((double)x[i] - ((double)low + (double)step * u[i]));
        double largest = flat ? (double)GV_FLAT_RANGE : 0.5001 * (double)step + 2e-7 * (double)fabsf(x[i]);
        CHECK(u[i] <= 127 && error <= largest, "component %zu: %g coded as %u, off by %g", i, (double)x[i], u[i],
              error);
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
    }
    for (size_t i = 0; i < n; i++) total += q[i];
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

/* ---- L1 of row codes ---- */

/* How the finer code is brought to the steps of the coarser one, and at the ends of what bytes hold. */
static const GV_CodeShift shifts[] = {{0, 0, 0, 0},  {0, 0, 0, 127}, {0, 0, 128, 0}, {1, 1, 0, 3},
                                      {2, 1, 63, 0}, {95, 6, 0, 90}, {0, 7, 5, 0},   {255, 0, 255, 255}};

static void check_l1(size_t n, size_t offset, bool extreme)
{
    Block coarse = random_codes(n, offset, 0, 127, extreme), fine = random_codes(n, offset / 2, 0, 127, false);
    const uint8_t *c = at(coarse), *f = at(fine);
    for (size_t s = 0; s < sizeof shifts / sizeof shifts[0]; s++) {
        const GV_CodeShift *shift = &shifts[s];
        int64_t expected = 0;
        for (size_t i = 0; i < n; i++) {
            unsigned moved = ((f[i] + shift->before) & 255U) >> shift->right;
            int apart = (int)((c[i] + shift->coarse) & 255U) - (int)((moved + shift->fine) & 255U);
            expected += apart < 0 ? -apart : apart;
        }
        for (size_t k = 0; k < kernel_count; k++) {
            uint32_t sum = kernels[k]->l1_u7(c, f, shift, n);
            CHECK(sum == expected, "l1 of %zu, shift %zu: %u by %s, expected %" PRId64, n, s, sum, kernels[k]->name,
                  expected);
        }
        add_to_hash(&expected, sizeof expected);
    }
    free(coarse.start);
    free(fine.start);
}

/* ---- all of them ---- */

static void check_dimension(size_t n)
{
    for (size_t o = 0; o < offsets_for(n); o++) {
        for (int values = 0; values < VALUES_COUNT; values++) {
            check_rotation(n, offsets[o], (Values)values);
            check_sum(n, offsets[o], (Values)values);
            check_encode_row(n, offsets[o], (Values)values);
            check_encode_query(n, offsets[o], (Values)values);
        }
        check_l1(n, offsets[o], false);
        check_l1(n, offsets[o], true);
        check_dots(n, offsets[o], false);
        check_dots(n, offsets[o], true);
    }
}

int main(void)
{
    find_kernels();
    for (size_t p = 64; p <= 65536; p *= 2) {
        CHECK(gv_hadamard_scale(p) == (float)(1.0 / sqrt((double)p)), "scale of %zu", p);
        CHECK(gv_hadamard_size(p) == p && gv_hadamard_size(p + 64) == (p == 64 ? 128 : p), "size of %zu and beyond", p);
    }
    for (size_t i = 0; i < DIMENSIONS; i++) {
        check_dimension(dimensions[i]);
    }
    printf("ok: rotate, sum, encode_row, encode_query, dot_i8, dots_i8, l1_u7: %d dimensions, %zu to %zu, %d kinds of "
           "values: "
           "equal in every bit, and as defined\n",
           DIMENSIONS, dimensions[0], dimensions[DIMENSIONS - 1], VALUES_COUNT);
    printf("hash of all scalar results: %016" PRIx64 "\n", hash);
    return 0;
}
