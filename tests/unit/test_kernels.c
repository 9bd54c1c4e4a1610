/* test_kernels.c: every kernel gives the bits of the canonical order of sums, at every dimension.
 *
 * Without this test a kernel could fuse a multiply-add, fold in another order or read past a row, and hits would then
 * depend on the CPU that computed them or on how many were asked for at once, or a search at the end of a mapped file would crash.
 * The last line is a hash of all reference results: native and WASM must print the same one. */
#define _DEFAULT_SOURCE /* MAP_ANONYMOUS is not in POSIX */
#include "kernels/kernels.h"
#include "check.h"
#include <inttypes.h>
#include <math.h>
#include <stdbool.h>
#include <stdint.h>
#include <string.h>
#if !defined(__wasm__)
#include <sys/mman.h>
#include <unistd.h>
#endif
#if defined(__aarch64__)
#include <setjmp.h>
#include <signal.h>
#endif

enum {
    MAX_N = 4096,
    SLACK = 64,
    MAX_TABLES = 8,
    SUMS = 3,
    SEED = 20240607
};

typedef float (*sum_fn)(const float *, const float *, size_t);
typedef struct Tables {
    const GV_Kernels *table[MAX_TABLES]; /* those that run here; the reference first */
    size_t count;
} Tables;

static const char *const sum_names[SUMS] = {"l2sq", "dot", "l1"};
static float buffer_a[MAX_N + SLACK], buffer_b[MAX_N + SLACK];
static uint64_t hash = UINT64_C(0xcbf29ce484222325);

static sum_fn sum_of(const GV_Kernels *table, size_t which)
{
    return which == 0 ? table->l2sq : which == 1 ? table->dot : table->l1;
}

/* The bits of `value`; every NaN as the same one, since WebAssembly leaves its sign and payload open. */
static uint32_t bits_of(float value)
{
    uint32_t bits;
    memcpy(&bits, &value, sizeof bits);
    return isnan(value) ? UINT32_C(0x7fc00000) : bits;
}

static float float_of(uint32_t bits)
{
    float value;
    memcpy(&value, &bits, sizeof value);
    return value;
}

/* The canonical order in its plainest form. Volatile: each step is rounded to f32, whatever flags it is built with. */
static float model_partial(const float *a, const float *b, size_t n, size_t stripe, size_t which)
{
    volatile float sum = 0.0F;
    for (size_t i = stripe; i < n; i += 32) {
        volatile float difference = a[i] - b[i];
        volatile float term = difference * difference;
        if (which == 1) {
            term = a[i] * b[i];
        } else if (which == 2) {
            term = difference < 0.0F ? -difference : difference;
        }
        sum = sum + term;
    }
    return sum;
}

/* Partials stripe, stripe + step, stripe + 2 step, ...: the tree read from its root. */
static float model_fold(const float *a, const float *b, size_t n, size_t stripe, size_t step, size_t which)
{
    if (step == 32) {
        return model_partial(a, b, n, stripe, which);
    }
    volatile float low = model_fold(a, b, n, stripe, step * 2, which);
    volatile float high = model_fold(a, b, n, stripe + step, step * 2, which);
    volatile float sum = low + high;
    return sum;
}

static uint64_t next_random(uint64_t *state)
{
    *state += UINT64_C(0x9e3779b97f4a7c15); /* splitmix64 */
    uint64_t z = *state;
    z = (z ^ (z >> 30)) * UINT64_C(0xbf58476d1ce4e5b9);
    z = (z ^ (z >> 27)) * UINT64_C(0x94d049bb133111eb);
    return z ^ (z >> 31);
}

typedef enum Values {
    UNIFORM,
    EMBEDDING_LIKE,
    MIXED,
    DENORMAL,
    HUGE_VALUES,
    VALUES_COUNT
} Values;
static const char *const values_names[VALUES_COUNT] = {"uniform", "embedding-like", "mixed", "denormal", "huge"};

static float random_value(uint64_t *state, Values values)
{
    uint64_t r = next_random(state);
    uint32_t sign = (uint32_t)(r >> 63) << 31, mantissa = (uint32_t)r & UINT32_C(0x7fffff);
    uint32_t pick = (uint32_t)(r >> 32) & 0xffff;
    uint32_t exponent = 0;
    switch (values) {
    case UNIFORM: /* [-1, 1) in steps of 2^-23 */ return (float)((int32_t)(r & 0xffffff) - 0x800000) / 8388608.0F;
    case EMBEDDING_LIKE: /* 2^-12 .. 2^0 */ exponent = 115 + pick % 12; break;
    case MIXED: /* 2^-63 .. 2^60: no sum overflows; one in 16 is -0 or +0, one in 16 denormal */
        if (pick % 16 == 0) {
            return float_of(sign);
        }
        exponent = pick % 16 == 1 ? 0 : 64 + (pick >> 4) % 123;
        break;
    case DENORMAL: /* and just above: 0 .. 2^-124 */ exponent = pick % 3; break;
    case HUGE_VALUES: /* up to the largest finite f32: sums overflow, and infinities of both signs meet in `dot` */
        exponent = 180 + pick % 75;
        break;
    case VALUES_COUNT: break;
    }
    return float_of(sign | exponent << 23 | mantissa);
}

/* NaN everywhere, then rows at the given offsets: one element too many, read into any sum, is seen. */
static void fill(size_t n, size_t offset_a, size_t offset_b, Values values, uint64_t *state)
{
    for (size_t i = 0; i < MAX_N + SLACK; i++) {
        buffer_a[i] = buffer_b[i] = NAN;
    }
    for (size_t i = 0; i < n; i++) {
        buffer_a[offset_a + i] = random_value(state, values);
        buffer_b[offset_b + i] = random_value(state, values);
    }
}

static void add_to_hash(uint32_t bits)
{
    for (int byte = 0; byte < 4; byte++) { /* FNV-1a */
        hash = (hash ^ (bits >> (8 * byte) & 0xff)) * UINT64_C(0x100000001b3);
    }
}

static void compare_all(const Tables *tables, const float *a, const float *b, size_t n, const char *what)
{
    for (size_t which = 0; which < SUMS; which++) {
        float reference = sum_of(tables->table[0], which)(a, b, n);
        float model = model_fold(a, b, n, 0, 1, which);
        CHECK(bits_of(reference) == bits_of(model), "%s of %zu %s values: scalar %a, model %a (seed %d)",
              sum_names[which], n, what, (double)reference, (double)model, SEED);
        for (size_t t = 1; t < tables->count; t++) {
            float sum = sum_of(tables->table[t], which)(a, b, n);
            CHECK(bits_of(sum) == bits_of(reference), "%s of %zu %s values: %s %a, scalar %a (seed %d)",
                  sum_names[which], n, what, tables->table[t]->name, (double)sum, (double)reference, SEED);
        }
        add_to_hash(bits_of(reference));
    }
}

static size_t compare_dimension(const Tables *tables, size_t n, uint64_t *state)
{
    static const size_t offsets[][2] = {{0, 0}, {1, 0}, {0, 3}, {5, 7}, {9, 2}, {15, 15}};
    size_t cases = 0;
    for (int values = 0; values < VALUES_COUNT; values++) {
        for (size_t o = 0; o < sizeof offsets / sizeof offsets[0]; o++, cases++) {
            fill(n, offsets[o][0], offsets[o][1], (Values)values, state);
            compare_all(tables, buffer_a + offsets[o][0], buffer_b + offsets[o][1], n, values_names[values]);
        }
    }
    return cases;
}

/* ---- several rows and queries at once ---- */

enum {
    TILE_N = 1100,
    ROWS = 9, /* one more than two tiles of any kernel */
    QUERIES = 6
};

static float tile_rows[ROWS][TILE_N + SLACK], tile_queries[QUERIES][TILE_N + SLACK];

static GV_Sums sums_of(const GV_Kernels *table, size_t which)
{
    return which == 0 ? table->l2sq_many : which == 1 ? table->dot_many : table->l1_many;
}

static void compare_many(const GV_Kernels *reference, const GV_Kernels *table, size_t rows, size_t queries, size_t n)
{
    const float *row[ROWS], *query[QUERIES];
    for (size_t i = 0; i < rows; i++) row[i] = tile_rows[i] + i % 3; /* off the alignment of a register, some of them */
    for (size_t j = 0; j < queries; j++) query[j] = tile_queries[j] + j % 2;
    for (size_t which = 0; which < SUMS; which++) {
        float out[ROWS * QUERIES + 1];
        out[rows * queries] = 4711.0F;
        sums_of(table, which)(row, rows, query, queries, n, out);
        for (size_t i = 0; i < rows; i++) {
            for (size_t j = 0; j < queries; j++) {
                float one = sum_of(reference, which)(query[j], row[i], n), many = out[i * queries + j];
                CHECK(bits_of(many) == bits_of(one),
                      "%s of %zu values, row %zu of %zu, query %zu of %zu: %s %a, alone %a", sum_names[which], n, i,
                      rows, j, queries, table->name, (double)many, (double)one);
            }
        }
        CHECK(out[rows * queries] == 4711.0F, "%s of %zu x %zu wrote behind the last sum", sum_names[which], rows,
              queries);
    }
}

/* What is behind a vector is NaN: one element too many is seen. */
static void fill_tiles(size_t n, Values values, uint64_t *state)
{
    for (size_t v = 0; v < ROWS + QUERIES; v++) {
        float *vector = v < ROWS ? tile_rows[v] : tile_queries[v - ROWS];
        size_t offset = v < ROWS ? v % 3 : (v - ROWS) % 2;
        for (size_t i = 0; i < TILE_N + SLACK; i++) vector[i] = NAN;
        for (size_t i = 0; i < n; i++) vector[offset + i] = random_value(state, values);
    }
}

static void many_at_once(const Tables *tables, uint64_t *state)
{
    size_t compared = 0;
    for (size_t n = 0; n <= TILE_N; n += n < 100 ? 1 : 97) {
        fill_tiles(n, (Values)(n % VALUES_COUNT), state);
        for (size_t t = 0; t < tables->count; t++) {
            for (size_t rows = 0; rows <= ROWS; rows++) {
                for (size_t queries = 0; queries <= QUERIES; queries++, compared++)
                    compare_many(tables->table[0], tables->table[t], rows, queries, n);
            }
        }
    }
    printf("ok: %zu times some rows with some queries at once: the bits of each pair alone\n", compared);
}

#if !defined(__wasm__)
/* A page's last floats, followed by a page that may not be touched. */
static float *end_of_readable(size_t bytes)
{
    size_t page = (size_t)sysconf(_SC_PAGESIZE);
    size_t readable = (bytes + page - 1) / page * page;
    char *start = mmap(NULL, readable + page, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    CHECK(start != MAP_FAILED, "mmap of %zu bytes", readable + page);
    CHECK(mprotect(start + readable, page, PROT_NONE) == 0, "mprotect");
    return (float *)(void *)(start + readable);
}

static void rows_at_the_end_of_a_page(const Tables *tables, uint64_t *state)
{
    float *end_a = end_of_readable(300 * sizeof(float)), *end_b = end_of_readable(300 * sizeof(float));
    for (size_t n = 0; n <= 257; n++) {
        for (size_t i = 1; i <= n; i++) {
            end_a[-(ptrdiff_t)i] = random_value(state, UNIFORM);
            end_b[-(ptrdiff_t)i] = random_value(state, UNIFORM);
        }
        compare_all(tables, end_a - n, end_b - n, n, "end-of-page");
        for (size_t t = 0; t < tables->count; t++) {
            const float *row = end_a - n, *query = end_b - n;
            float sum;
            tables->table[t]->dot_many(&row, 1, &query, 1, n, &sum);
            CHECK(bits_of(sum) == bits_of(tables->table[0]->dot(query, row, n)), "dot_many at the end of a page, %zu",
                  n);
        }
    }
    puts("ok: rows of 0..257 elements at the end of a page, the next one unreadable");
}
#endif

#if defined(__aarch64__)
static sigjmp_buf before_the_instruction;

static void not_an_instruction(int number)
{
    (void)number;
    siglongjmp(before_the_instruction, 1);
}

/* One dot product of bytes, as a number: the assembler need not know it. */
static bool runs_a_dot_product(void)
{
    struct sigaction caught = {.sa_handler = not_an_instruction}, before;
    CHECK(sigaction(SIGILL, &caught, &before) == 0, "sigaction");
    volatile bool runs = false;
    if (sigsetjmp(before_the_instruction, 1) == 0) {
        __asm__ volatile(".inst 0x4e809400" ::: "v0"); /* sdot v0.4s, v0.16b, v0.16b */
        runs = true;
    }
    CHECK(sigaction(SIGILL, &before, NULL) == 0, "sigaction");
    return runs;
}
#endif

/* A second opinion on cpu.c: from the compiler's own run-time library, or by trying. */
static bool expected_to_run(const char *name)
{
#if defined(__aarch64__)
    if (strcmp(name, "neon-dot") == 0) {
        return runs_a_dot_product();
    }
    if (strcmp(name, "neon") == 0) {
        return true;
    }
#endif
#if defined(__x86_64__)
    __builtin_cpu_init();
    if (strcmp(name, "avx512") == 0) {
        return __builtin_cpu_supports("avx512f") && __builtin_cpu_supports("avx512bw") &&
               __builtin_cpu_supports("avx512vl") && __builtin_cpu_supports("avx512dq") &&
               __builtin_cpu_supports("avx512vnni");
    }
    if (strcmp(name, "avx2") == 0) {
        return __builtin_cpu_supports("avx2");
    }
    if (strcmp(name, "sse41") == 0) {
        return __builtin_cpu_supports("sse4.1");
    }
#endif
    return strcmp(name, "scalar") == 0 || strcmp(name, "wasm128") == 0;
}

static Tables tables_that_run_here(void)
{
#if defined(__x86_64__)
    static const char *const order[] = {"avx512", "avx2", "sse41", "scalar"};
#elif defined(__aarch64__)
    static const char *const order[] = {"neon-dot", "neon", "scalar"};
#elif defined(__wasm_simd128__)
    static const char *const order[] = {"wasm128", "scalar"};
#else
    static const char *const order[] = {"scalar"};
#endif
    Tables tables = {{gv_kernels_select("scalar")}, 1};
    CHECK(tables.table[0] != NULL, "scalar runs anywhere");
    bool best_seen = false;
    size_t built = 0;
    for (const GV_Kernels *table; (table = gv_kernels_at(built)) != NULL; built++) {
        const GV_Kernels *chosen = gv_kernels_select(table->name);
        CHECK(built < sizeof order / sizeof order[0] && strcmp(table->name, order[built]) == 0,
              "kernel %zu is %s: not the best first", built, table->name);
        CHECK((chosen != NULL) == expected_to_run(table->name), "cpu.c is wrong about %s", table->name);
        if (chosen == NULL) {
            printf("skipped: %s: this CPU or its operating system does not support it\n", table->name);
            continue;
        }
        CHECK(chosen == table, "asked for %s, got %s", table->name, chosen->name);
        CHECK(best_seen || gv_kernels_select(NULL) == table, "%s is the best here, but select(NULL) gives %s",
              table->name, gv_kernels_select(NULL)->name);
        printf("testing: %s%s\n", table->name, best_seen ? "" : " (chosen by default)");
        best_seen = true;
        if (table != tables.table[0]) {
            CHECK(tables.count < MAX_TABLES, "more than %d kernels", MAX_TABLES);
            tables.table[tables.count++] = table;
        }
    }
    CHECK(built > 0 && gv_kernels_at(built - 1) == tables.table[0], "scalar is the last of %zu", built);
    CHECK(gv_kernels_at(built + 1) == NULL, "past the last is NULL");
    return tables;
}

int main(void)
{
    static const size_t big[] = {384, 768, 1024, 1536, MAX_N};
    CHECK(gv_kernels_select("nope") == NULL, "an unknown kernel is refused");
    CHECK(gv_kernels_select("") == NULL, "so is a nameless one");
    Tables tables = tables_that_run_here();

    uint64_t state = SEED;
    size_t cases = 0;
    for (size_t n = 0; n <= 257; n++) {
        cases += compare_dimension(&tables, n, &state);
    }
    for (size_t i = 0; i < sizeof big / sizeof big[0]; i++) {
        cases += compare_dimension(&tables, big[i], &state);
    }
    uint64_t portable_hash = hash; /* before what only some targets run */
    printf("ok: %zu pairs of rows, dimensions 0..257, 384, 768, 1024, 1536, %d: l2sq, dot and l1 equal in every bit\n",
           cases, MAX_N);
    many_at_once(&tables, &state);
#if defined(__wasm__)
    puts("skipped: rows at the end of a page: WebAssembly has no page protection");
#else
    rows_at_the_end_of_a_page(&tables, &state);
#endif
    printf("hash of all scalar results: %016" PRIx64 "\n", portable_hash);
    return 0;
}
