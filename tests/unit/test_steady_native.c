/* test_steady_native.c: without it, a search could leak a few bytes that no one-shot test sees, or the counted memory could
 * drift away from what is really allocated. 100,000 searches of every kind, and 2,000 rounds of churn. */
#include "base/random.h"
#include "check.h"
#include <gigavector.h>
#if defined(__GLIBC__) && !defined(__SANITIZE_ADDRESS__) && !defined(__SANITIZE_THREAD__)
#include <malloc.h>
#define REAL_COUNT 1
#else
#define REAL_COUNT 0
#endif

enum {
    DIMENSION = 40, /* enough for codes */
    ROWS = 3000,
    SEARCHES = 100000,
    WARM_UP = 2000,
    K = 10
};

static void fill(float *row, uint64_t seed)
{
    for (uint64_t j = 0; j < DIMENSION; j++) row[j] = (float)(gv_random(seed, j) >> 44) / 1e5f;
}

/* Bytes that malloc() has given out, where it can be asked; else only what the library counts is held steady. */
static size_t allocated(void)
{
#if REAL_COUNT
    struct mallinfo2 about = mallinfo2();
    return about.uordblks + about.hblkhd;
#else
    return 0;
#endif
}

static void search(GV_Database *db, uint64_t i)
{
    float query[DIMENSION];
    GV_Hit hits[K];
    GV_Rows *rows;
    GV_Vector *vector;
    size_t count;
    fill(query, 1000000 + i);
    switch (i % 5) {
    case 0:
        CHECK_OK(gv_db_search_filtered(db, query, DIMENSION, K, GV_DISTANCE_EUCLIDEAN, "parity", "odd", hits, &count));
        break;
    case 1:
        CHECK_OK(gv_db_search_rows(db, query, DIMENSION, K, NULL, &rows));
        gv_rows_free(rows);
        break;
    case 2:
        CHECK_OK(gv_db_get(db, i % ROWS, &vector));
        gv_vector_free(vector);
        break;
    case 3:
        CHECK(gv_db_search(db, query, DIMENSION + 1, K, hits, &count) == GV_ERR_ARGUMENT, "a wrong dimension");
        break;
    default: CHECK_OK(gv_db_search(db, query, DIMENSION, K, hits, &count));
    }
}

static void test_searches(GV_IndexType index)
{
    float row[DIMENSION];
    GV_Database *db = gv_db_open(NULL, DIMENSION, index);
    CHECK(db, "%s", gv_last_error());
    for (uint64_t i = 0; i < ROWS; i++) {
        fill(row, i);
        CHECK_OK(gv_db_add_vector_with_metadata(db, row, DIMENSION, "parity", i % 2 ? "odd" : "even"));
    }
    for (uint64_t i = 0; i < WARM_UP; i++) search(db, i);
    size_t counted = gv_db_get_memory_usage(db), real = allocated();
    for (uint64_t i = 0; i < SEARCHES / (index == GV_INDEX_TYPE_FLAT ? 10 : 1); i++) search(db, i);
    CHECK(gv_db_get_memory_usage(db) == counted, "%zu bytes counted, %zu before", gv_db_get_memory_usage(db), counted);
    CHECK(allocated() == real, "%zu bytes allocated, %zu before", allocated(), real);
    printf("index %d: %zu bytes counted, before and after\n", (int)index, counted);
    CHECK_OK(gv_db_close(db));
}

/* Rows come and go: memory stays within what the first rounds needed. */
static void test_churn(void)
{
    float row[DIMENSION];
    size_t settled = 0;
    GV_Database *db = gv_db_open(NULL, DIMENSION, GV_INDEX_TYPE_HNSW);
    CHECK(db, "%s", gv_last_error());
    for (uint64_t i = 0; i < 500 + 5000; i++) {
        fill(row, i);
        CHECK_OK(gv_db_add_vector_with_metadata(db, row, DIMENSION, "n", "some text"));
        if (i >= 500) CHECK_OK(gv_db_delete_vector_by_index(db, i - 500));
        if (i == 1500) settled = gv_db_get_memory_usage(db);
    }
    size_t now = gv_db_get_memory_usage(db);
    CHECK(now <= settled + settled / 10, "%zu bytes after 10 turnovers, %zu after 2", now, settled);
    CHECK_OK(gv_db_close(db));
}

int main(void)
{
    puts(REAL_COUNT ? "counted memory and malloc()'s own figure"
                    : "counted memory only: malloc() cannot be asked here");
    test_searches(GV_INDEX_TYPE_FLAT);
    test_searches(GV_INDEX_TYPE_HNSW);
    test_churn();
    puts("steady: 3 groups passed");
    return 0;
}
