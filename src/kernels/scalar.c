/* scalar.c: plain C, and the reference: the order of kernels.h as it is written there, sharing no line with the other
 * kernels. A compiler may keep several partial sums in one vector register; no sum changes its order by that. */
#include "base/float_bits.h"
#include "kernels/codes.h"
#include "kernels/kernel_list.h"
#include "kernels/stored.h"
#include <math.h>
#include <string.h>

enum {
    STRIPES = 32
};

#define ALWAYS_INLINE static inline __attribute__((always_inline))

typedef float (*term_fn)(float a, float b); /* what one pair of elements adds to its sum; always inlined */

ALWAYS_INLINE float squared_difference(float a, float b)
{
    float difference = a - b;
    return difference * difference;
}

ALWAYS_INLINE float product(float a, float b) { return a * b; }

ALWAYS_INLINE float absolute_difference(float a, float b) { return fabsf(a - b); }

ALWAYS_INLINE float sum_of_terms(const float *a, const float *b, size_t n, term_fn term)
{
    float partial[STRIPES] = {0};
    for (; n >= STRIPES; n -= STRIPES, a += STRIPES, b += STRIPES) {
        for (size_t i = 0; i < STRIPES; i++) {
            partial[i] += term(a[i], b[i]);
        }
    }
    for (size_t i = 0; i < n; i++) {
        partial[i] += term(a[i], b[i]);
    }
    for (size_t half = STRIPES / 2; half > 0; half /= 2) {
        for (size_t i = 0; i < half; i++) {
            partial[i] += partial[i + half];
        }
    }
    return partial[0];
}

static float l2sq(const float *a, const float *b, size_t n) { return sum_of_terms(a, b, n, squared_difference); }

static float dot(const float *a, const float *b, size_t n) { return sum_of_terms(a, b, n, product); }

static float l1(const float *a, const float *b, size_t n) { return sum_of_terms(a, b, n, absolute_difference); }

typedef float (*component_fn)(const uint8_t *row, size_t i);

ALWAYS_INLINE float component_f16(const uint8_t *row, size_t i)
{
    float x;
    gv_widen_components(GV_STORAGE_F16, row + i * sizeof(uint16_t), 1, &x);
    return x;
}

ALWAYS_INLINE float component_int8(const uint8_t *row, size_t i)
{
    float scale;
    memcpy(&scale, row, sizeof scale);
    return (float)(int8_t)row[GV_STORED_SCALE + i] * scale;
}

ALWAYS_INLINE float sum_of_stored(const float *a, const uint8_t *b, size_t n, component_fn component, term_fn term)
{
    float partial[STRIPES] = {0};
    for (size_t i = 0; i < n; i++) {
        partial[i % STRIPES] += term(a[i], component(b, i));
    }
    for (size_t half = STRIPES / 2; half > 0; half /= 2) {
        for (size_t i = 0; i < half; i++) {
            partial[i] += partial[i + half];
        }
    }
    return partial[0];
}

#define STORED_SUMS(name, term)                                       \
    static float name##_f16(const float *a, const void *b, size_t n)  \
    {                                                                 \
        return sum_of_stored(a, b, n, component_f16, term);           \
    }                                                                 \
    static float name##_int8(const float *a, const void *b, size_t n) \
    {                                                                 \
        return sum_of_stored(a, b, n, component_int8, term);          \
    }

STORED_SUMS(l2sq, squared_difference)
STORED_SUMS(dot, product)
STORED_SUMS(l1, absolute_difference)

ALWAYS_INLINE void sums_of_terms(const float *const *rows, size_t row_count, const float *const *queries,
                                 size_t query_count, size_t n, float *out, term_fn term)
{
    for (size_t i = 0; i < row_count; i++) {
        for (size_t j = 0; j < query_count; j++) {
            out[i * query_count + j] = sum_of_terms(queries[j], rows[i], n, term);
        }
    }
}

static void l2sq_many(const float *const *rows, size_t row_count, const float *const *queries, size_t query_count,
                      size_t n, float *out)
{
    sums_of_terms(rows, row_count, queries, query_count, n, out, squared_difference);
}

static void dot_many(const float *const *rows, size_t row_count, const float *const *queries, size_t query_count,
                     size_t n, float *out)
{
    sums_of_terms(rows, row_count, queries, query_count, n, out, product);
}

static void l1_many(const float *const *rows, size_t row_count, const float *const *queries, size_t query_count,
                    size_t n, float *out)
{
    sums_of_terms(rows, row_count, queries, query_count, n, out, absolute_difference);
}

ALWAYS_INLINE float first(float a, float b)
{
    (void)b;
    return a;
}

ALWAYS_INLINE float signed_centre(float x, float c) { return x - c < 0.0F ? -c : c; }

static float sum_of(const float *x, size_t n) { return sum_of_terms(x, x, n, first); }

static void hadamard(float *x, size_t p)
{
    for (size_t h = 1; h < p; h *= 2) {
        for (size_t start = 0; start < p; start += 2 * h) {
            for (size_t i = start; i < start + h; i++) {
                float a = x[i], b = x[i + h];
                x[i] = a + b;
                x[i + h] = a - b;
            }
        }
    }
}

static void flip_sign(float *x, uint32_t sign) { *x = gv_float_of_bits(gv_float_bits(*x) ^ sign); }

static void rotate(float *x, size_t n, const uint32_t *signs)
{
    size_t p = gv_hadamard_size(n), half = n / 2;
    float scale = gv_hadamard_scale(p);
    for (unsigned round = 0; round < gv_rotation_rounds(n); round++, signs += n) {
        float *part = round % 2 == 0 ? x : x + (n - p);
        for (size_t i = 0; i < n; i++) {
            flip_sign(&x[i], signs[i]);
        }
        for (size_t i = 0; i < p; i++) {
            part[i] *= scale;
        }
        hadamard(part, p);
        for (size_t i = 0; p < n && i < half; i++) {
            float a = x[i], b = x[i + half];
            x[i] = (a + b) * GV_SQRT_HALF;
            x[i + half] = (a - b) * GV_SQRT_HALF;
        }
    }
}

static void encode_row(const float *x, size_t n, uint8_t *u, float *lo, float *step, uint32_t *total)
{
    float low = x[0], high = x[0];
    for (size_t i = 1; i < n; i++) {
        low = x[i] < low ? x[i] : low;
        high = x[i] > high ? x[i] : high;
    }
    *lo = low + 0.0F; /* a zero is +0, whichever came first */
    *step = 0.0F;
    *total = 0;
    float range = high - low, inverse = 0.0F;
    if (range >= GV_FLAT_RANGE) {
        *step = range / GV_ROW_CODE_MAX;
        inverse = GV_ROW_CODE_MAX / range;
    }
    for (size_t i = 0; i < n; i++) {
        u[i] = (uint8_t)((x[i] - *lo) * inverse + 0.5F);
        *total += u[i];
    }
}

static void encode_query(const float *x, size_t n, int limit, int8_t *q, float *step, int32_t *total)
{
    float high = 0.0F;
    for (size_t i = 0; i < n; i++) {
        high = fabsf(x[i]) > high ? fabsf(x[i]) : high;
    }
    *step = 0.0F;
    *total = 0;
    float inverse = 0.0F, shift = (float)limit + 0.5F;
    if (high >= GV_FLAT_RANGE) {
        *step = high / (float)limit;
        inverse = (float)limit / high;
    }
    for (size_t i = 0; i < n; i++) {
        q[i] = (int8_t)((int)(x[i] * inverse + shift) - limit);
        *total += q[i];
    }
}

static int32_t dot_i8(const uint8_t *u, const int8_t *q, size_t n)
{
    int32_t sum = 0;
    for (size_t i = 0; i < n; i++) {
        sum += u[i] * q[i];
    }
    return sum;
}

static void dots_i8(const uint8_t *const *rows, size_t count, const int8_t *q, size_t n, int32_t *dots)
{
    for (size_t i = 0; i < count; i++) {
        dots[i] = dot_i8(rows[i], q, n);
    }
}

static uint32_t l1_u7(const uint8_t *coarse, const uint8_t *fine, const GV_CodeShift *shift, size_t n)
{
    uint32_t sum = 0;
    for (size_t i = 0; i < n; i++) {
        uint8_t f = (uint8_t)(fine[i] + shift->before), c = (uint8_t)(coarse[i] + shift->coarse);
        f = (uint8_t)((f >> shift->right) + shift->fine);
        sum += c > f ? (uint32_t)(c - f) : (uint32_t)(f - c);
    }
    return sum;
}

static void scan_tables(const int8_t *v, size_t n, int limit, uint8_t *tables)
{
    for (size_t m = 0; m < n / 4; m++) {
        for (unsigned b = 0; b < 16; b++) {
            int entry = 4 * limit;
            for (unsigned i = 0; i < 4; i++) {
                entry += b >> i & 1 ? v[4 * m + i] : -v[4 * m + i];
            }
            tables[16 * m + b] = (uint8_t)entry;
        }
    }
}

static uint32_t scan_block(const uint8_t *codes, const uint8_t *tables, size_t n, int limit, const float *A,
                           const float *F, float base, float step, float bound, float *estimates)
{
    int32_t sums[GV_SCAN_NEIGHBOURS];
    for (size_t b = 0; b < 16; b++) { /* two neighbours at a time: their sums stay in registers */
        int32_t low = 0, high = 0;
        for (size_t i = 0; i < 4 * n; i += 16) {
            low += tables[i + (codes[i + b] & 15)];
            high += tables[i + (codes[i + b] >> 4)];
        }
        sums[b] = low;
        sums[b + 16] = high;
    }
    uint32_t below = 0;
    for (size_t j = 0; j < GV_SCAN_NEIGHBOURS; j++) {
        float t = base + A[j];
        float e = t - F[j] * ((float)(sums[j] - (int32_t)n * limit) * step);
        estimates[j] = e > 0.0F ? e : 0.0F;
        below |= (uint32_t)(estimates[j] < bound) << j;
    }
    return below;
}

static uint32_t far_rows(const int32_t *dots, const GV_RowBounds *rows, const GV_QueryBounds *query)
{
    uint32_t far = 0;
    for (size_t j = 0; j < GV_BOUND_ROWS; j++) {
        float by_step = query->step + query->dot * (float)dots[j];
        float sum = query->base + rows->base[j];
        sum += query->low * rows->low[j];
        sum += query->length * rows->length[j];
        sum += by_step * rows->step[j];
        far |= (uint32_t)(sum > 0.0F) << j;
    }
    return far;
}

static void fast_tables(float *tables, size_t count, uint8_t *fast, float *base, float *step)
{
    float range = 0.0F;
    *base = *step = 0.0F;
    for (size_t m = 0; m < count; m++) {
        float low = tables[16 * m], high = low;
        for (size_t i = 1; i < 16; i++) {
            float x = tables[16 * m + i];
            low = x < low ? x : low;
            high = x > high ? x : high;
        }
        for (size_t i = 0; i < 16; i++) tables[16 * m + i] -= low;
        range = high - low > range ? high - low : range;
        *base += low;
    }
    bool flat = !(range >= GV_FLAT_RANGE && range <= GV_WIDE_RANGE);
    float inverse = flat ? 0.0F : GV_FAST_ENTRY / range;
    if (!flat) *step = range / GV_FAST_ENTRY;
    for (size_t i = 0; i < 16 * count; i++) {
        float x = tables[i] * inverse + 0.5F;
        fast[i] = x > 0.0F ? (uint8_t)x : 0; /* NaN: 0 */
    }
}

static uint32_t scan_codes(const uint8_t *codes, const uint8_t *tables, size_t nibbles, const float *terms, float base,
                           float step, float bound, float *estimates)
{
    uint32_t below = 0;
    for (size_t j = 0; j < GV_SCAN_NEIGHBOURS; j++) {
        uint32_t sum = 0;
        for (size_t i = 0; i < 16 * nibbles; i += 16) {
            sum += tables[i + (codes[i + j % 16] >> (j < 16 ? 0 : 4) & 15)];
        }
        estimates[j] = (base + terms[j]) + (float)sum * step;
        below |= (uint32_t)(estimates[j] < bound) << j;
    }
    return below;
}

static void encode_neighbour(const float *x, const float *c, size_t n, uint8_t *codes, unsigned j, float *r1, float *r2,
                             float *sc)
{
    unsigned shift = j < 16 ? 0 : 4;
    for (size_t m = 0; m < n / 4; m++) {
        unsigned nibble = 0;
        for (size_t i = 0; i < 4; i++) {
            nibble |= (x[4 * m + i] - c[4 * m + i] < 0.0F ? 0U : 1U) << i;
        }
        uint8_t *byte = &codes[16 * m + j % 16];
        *byte = (uint8_t)((*byte & (0xf0U >> shift)) | nibble << shift);
    }
    *r1 = l1(x, c, n);
    *r2 = l2sq(x, c, n);
    *sc = sum_of_terms(x, c, n, signed_centre);
}

const GV_Kernels gv_kernels_scalar = {.name = "scalar",
                                      .l2sq = l2sq,
                                      .dot = dot,
                                      .l1 = l1,
                                      .l2sq_many = l2sq_many,
                                      .dot_many = dot_many,
                                      .l1_many = l1_many,
                                      .f16 = {l2sq_f16, dot_f16, l1_f16},
                                      .int8 = {l2sq_int8, dot_int8, l1_int8},
                                      .sum = sum_of,
                                      .rotate = rotate,
                                      .encode_row = encode_row,
                                      .encode_query = encode_query,
                                      .dot_i8 = dot_i8,
                                      .dots_i8 = dots_i8,
                                      .l1_u7 = l1_u7,
                                      .scan_tables = scan_tables,
                                      .scan_block = scan_block,
                                      .far_rows = far_rows,
                                      .fast_tables = fast_tables,
                                      .scan_codes = scan_codes,
                                      .encode_neighbour = encode_neighbour};
