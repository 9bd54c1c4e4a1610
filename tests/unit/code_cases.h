/* code_cases.h: values, blocks of memory and the list of kernels for test_codes.c and test_blocks.c, which compare every
 * code kernel with its definition in codes.h and, bit for bit, with scalar. Every array is a heap block of exactly its
 * size, so the address sanitizer sees one byte too many. */
#ifndef GV_CODE_CASES_H
#define GV_CODE_CASES_H
#include "kernels/codes.h"
#include "check.h"
#include <inttypes.h>
#include <math.h>
#include <stdbool.h>
#include <string.h>

enum {
    SEED = 20261124,
    MAX_TABLES = 8,
    SMALL_N = 448, /* what is checked more closely */
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

static inline uint64_t next_random(void)
{
    random_state += UINT64_C(0x9e3779b97f4a7c15); /* splitmix64 */
    uint64_t z = random_state;
    z = (z ^ (z >> 30)) * UINT64_C(0xbf58476d1ce4e5b9);
    z = (z ^ (z >> 27)) * UINT64_C(0x94d049bb133111eb);
    return z ^ (z >> 31);
}

static inline float random_float(Values values)
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
    case TINY: return ldexpf(unit, -126 - power % 20);  /* mostly denormal */
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

static inline Block block_of(size_t bytes, size_t offset)
{
    Block block = {malloc(bytes + offset), offset, bytes};
    CHECK(block.start != NULL, "malloc(%zu)", bytes + offset);
    memset(block.start, 0x5a, bytes + offset);
    return block;
}

static inline void *at(Block block) { return (char *)block.start + block.offset; }

static inline Block floats_of(size_t n, size_t offset, Values values)
{
    Block block = block_of(n * sizeof(float), offset * sizeof(float));
    float *x = at(block);
    for (size_t i = 0; i < n; i++) {
        x[i] = random_float(values);
    }
    return block;
}

static inline void add_to_hash(const void *data, size_t bytes)
{
    for (size_t i = 0; i < bytes; i++) { /* FNV-1a */
        hash = (hash ^ ((const uint8_t *)data)[i]) * UINT64_C(0x100000001b3);
    }
}

/* What kernel k wrote must be what scalar (k = 0) wrote: kept in `reference` by the first call. */
static inline void same_bits(size_t k, const void *data, Block reference, const char *what, size_t n,
                             const char *values)
{
    if (k == 0) {
        memcpy(at(reference), data, reference.bytes);
        add_to_hash(data, reference.bytes);
    }
    const uint8_t *a = data, *b = at(reference);
    for (size_t i = 0; i < reference.bytes; i++) {
        CHECK(a[i] == b[i], "%s of %zu %s values: byte %zu is %u by %s, %u by scalar (seed %d)", what, n, values, i,
              a[i], kernels[k]->name, b[i], SEED);
    }
}

static inline double dot_in_double(const float *a, const float *b, size_t n)
{
    double sum = 0.0;
    for (size_t i = 0; i < n; i++) {
        sum += (double)a[i] * (double)b[i];
    }
    return sum;
}

/* Random, or (extreme) all at the ends of their ranges, where 16-bit products would saturate first. */
static inline Block random_codes(size_t n, size_t offset, int lowest, int highest, bool extreme)
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

static inline void find_kernels(void)
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

static const size_t dimensions[] = {64,  128,  192,  256,  320,  384,  448,  512,  576,   704,
                                    768, 1024, 1088, 1536, 2048, 4096, 4160, 8192, 16448, 65536};
enum {
    DIMENSIONS = sizeof dimensions / sizeof dimensions[0],
};

/* From the start of a cache line and off it; each case takes the first `offsets_for(n)`. */
static const size_t offsets[] = {0, 1, 3, 15};

static inline size_t offsets_for(size_t n) { return n <= SMALL_N ? 4 : 2; }

static inline void free_blocks(Block **blocks, size_t count)
{
    for (size_t i = 0; i < count; i++) {
        free(blocks[i]->start);
    }
}

#endif
