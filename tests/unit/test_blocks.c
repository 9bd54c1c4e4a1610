/* test_blocks.c: FastScan tables, scans and neighbour codes: as codes.h defines them, and the same bits on every
 * instruction set.
 *
 * Without this test the gate of a walk could let other neighbours through on another CPU, writing one neighbour could
 * spoil the one that shares its bytes, or a byte or 16-bit sum could overflow when every table entry is at its limit.
 * The last line is a hash of all results: native and WASM must print the same one. */
#include "code_cases.h"

/* ---- scans ---- */

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
    ScanCase c = {.v = random_codes(n, offset, -limit, limit, extreme)};
    c.tables = block_of(4 * n, offset);
    c.codes = random_codes(4 * n, offset, -128, 127, extreme);
    if (extreme) { /* half the neighbours all ones, half all zeros: sums 0 and n * 2 * limit */
        memset(at(c.codes), next_random() & 1 ? 0xf0 : 0x0f, 4 * n);
    }
    c.A = floats_of(GV_SCAN_NEIGHBOURS, offset, EMBEDDING_LIKE);
    c.F = floats_of(GV_SCAN_NEIGHBOURS, offset, EMBEDDING_LIKE);
    c.estimates = block_of(GV_SCAN_NEIGHBOURS * sizeof(float), offset * sizeof(float));
    c.base = extreme ? -0.0F : fabsf(random_float(UNIFORM));
    c.step = fabsf(random_float(EMBEDDING_LIKE)) / 16.0F;
    c.bound = extreme ? INFINITY : 1.0F;
    ((float *)at(c.A))[7] = 1e30F; /* an empty slot */
    ((float *)at(c.F))[7] = 0.0F;
    ((float *)at(c.A))[9] = -0.0F; /* with base -0 the estimate is -0 before it is cut off at +0 */
    ((float *)at(c.F))[9] = 0.0F;
    return c;
}

static void check_estimates(const ScanCase *c, size_t n, uint32_t below, const char *name)
{
    const float *A = at(c->A), *F = at(c->F), *estimates = at(c->estimates);
    for (unsigned j = 0; j < GV_SCAN_NEIGHBOURS; j++) {
        volatile float t = c->base + A[j], product = (float)signed_sum(at(c->codes), at(c->v), n, j) * c->step;
        volatile float scaled = F[j] * product, e = t - scaled;
        float expected = e > 0.0F ? e : 0.0F;
        CHECK(memcmp(&expected, &estimates[j], sizeof expected) == 0,
              "scan_block of %zu: neighbour %u is %a by %s, not %a", n, j, (double)estimates[j], name,
              (double)expected);
        CHECK((below >> j & 1) == (expected < c->bound),
              "scan_block of %zu: bit %u of %08x by %s, estimate %g, bound %g", n, j, below, name, (double)expected,
              (double)c->bound);
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
    free_blocks(blocks, sizeof blocks / sizeof blocks[0]);
}

/* ---- bounds ---- */

static void check_far_rows(size_t n, bool extreme)
{
    GV_RowBounds rows;
    GV_QueryBounds query;
    int32_t dots[GV_BOUND_ROWS];
    float *numbers[] = {rows.base, rows.low, rows.length, rows.step};
    float *of_query[] = {&query.base, &query.low, &query.length, &query.step, &query.dot};
    uint32_t expected = 0;
    for (size_t i = 0; i < 5; i++) *of_query[i] = random_float(extreme ? MIXED : UNIFORM);
    for (size_t j = 0; j < GV_BOUND_ROWS; j++) {
        dots[j] = (int32_t)(next_random() % (2 * 127 * 127 * n + 1)) - (int32_t)(127 * 127 * n);
        for (size_t i = 0; i < 4; i++) numbers[i][j] = random_float(extreme ? MIXED : UNIFORM);
    }
    rows.length[3] = NAN; /* nothing is known of this row: never far */
    rows.base[5] = INFINITY;
    rows.base[6] = -INFINITY;
    for (size_t j = 0; j < GV_BOUND_ROWS; j++) {
        volatile float by_dot = query.dot * (float)dots[j], by_step = query.step + by_dot;
        volatile float low = query.low * rows.low[j], length = query.length * rows.length[j];
        volatile float step = by_step * rows.step[j], sum = query.base + rows.base[j];
        sum = sum + low;
        sum = sum + length;
        sum = sum + step;
        expected |= (uint32_t)(sum > 0.0F) << j;
    }
    CHECK(!(expected >> 3 & 1), "row 3 is far: %08x", expected);
    for (size_t k = 0; k < kernel_count; k++) {
        uint32_t far = kernels[k]->far_rows(dots, &rows, &query);
        CHECK(far == expected, "far_rows is %08x by %s, not %08x", far, kernels[k]->name, expected);
    }
}

/* ---- neighbour codes ---- */

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
    for (unsigned j = (unsigned)(offset % 3); j < GV_SCAN_NEIGHBOURS; j += n <= SMALL_N ? 1 : 13) {
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
    free_blocks(blocks, sizeof blocks / sizeof blocks[0]);
}

/* ---- all of them ---- */

/* Every limit whose sums fit 16 bits; the number of blocks. */
static size_t check_dimension(size_t n)
{
    size_t scans = 0;
    for (size_t o = 0; o < offsets_for(n); o++) {
        for (int values = 0; values < VALUES_COUNT; values++) {
            check_encode_neighbour(n, offsets[o], (Values)values);
        }
        for (int limit = GV_SCAN_LIMIT; limit > 0; limit--) {
            if (n * 2 * (size_t)limit <= UINT16_MAX) {
                check_scan(n, limit, offsets[o], false);
                check_scan(n, limit, offsets[o], true);
                scans += 2;
            }
        }
    }
    return scans;
}

int main(void)
{
    find_kernels();
    CHECK(gv_scan_limit(384) == 15 && gv_scan_limit(2176) == 15, "15 while n * 30 is below 65,536");
    CHECK(gv_scan_limit(2240) == 7 && gv_scan_limit(4672) == 7 && gv_scan_limit(4736) == 3, "then 7, then 3");
    CHECK(gv_scan_limit(32704) == 1 && gv_scan_limit(32768) == 0, "1 for 32,704 components, none for more");
    size_t scans = 0;
    for (size_t i = 0; i < 1000; i++) check_far_rows(dimensions[i % DIMENSIONS], i % 2 == 1);
    for (size_t i = 0; i < DIMENSIONS; i++) {
        scans += check_dimension(dimensions[i]);
    }
    printf("ok: scan_tables, scan_block, far_rows, encode_neighbour: %d dimensions, %zu to %zu, %zu blocks: equal in "
           "every bit, and as defined\n",
           DIMENSIONS, dimensions[0], dimensions[DIMENSIONS - 1], scans);
    printf("hash of all scalar results: %016" PRIx64 "\n", hash);
    return 0;
}
