/* test_kdtree.c: without it, a tree that prunes a row it must not would go unseen: every answer is compared with a flat
 * database's, bit for bit, through adds, deletes, and updates, on rows with ties, huge and tiny values. */
#include "check.h"
#include <gigavector.h>
#include <stdlib.h>
#include <string.h>

enum {
    ROWS = 3000,
    MOST = 70,
    K = 10
};

static uint64_t state = 7;

static uint32_t next(uint32_t below)
{
    state = state * 6364136223846793005u + 1442695040888963407u;
    return (uint32_t)(state >> 33) % below;
}

static void fill(float *row, size_t n, int kind)
{
    static const float scales[] = {1.0f, 1.0f, 1e17f, 1e-22f};
    for (size_t d = 0; d < n; d++) {
        float x = kind == 1 ? (float)next(4) : (float)next(1 << 20) / (float)(1 << 19) - 1.0f;
        row[d] = x * scales[kind];
    }
}

static GV_Database *open_one(GV_IndexType type, GV_DistanceType distance, size_t n)
{
    GV_OpenOptions options;
    GV_Database *db = NULL;
    gv_open_options_init(&options);
    options.dimension = n;
    options.index_type = (int32_t)type;
    options.distance = (int32_t)distance;
    CHECK_OK(gv_db_open_with_options(NULL, &options, &db));
    CHECK_OK(gv_db_set_exact_search_threshold(db, 0));
    return db;
}

static void compare(GV_Database *tree, GV_Database *flat, size_t n, int kind)
{
    float query[MOST];
    for (int i = 0; i < 60; i++) {
        GV_Hit a[K], b[K];
        size_t a_count = 0, b_count = 0;
        fill(query, n, kind);
        CHECK_OK(gv_db_search(tree, query, n, K, a, &a_count));
        CHECK_OK(gv_db_search(flat, query, n, K, b, &b_count));
        CHECK(a_count == b_count, "%zu hits, %zu expected", a_count, b_count);
        for (size_t j = 0; j < a_count; j++)
            CHECK(a[j].id == b[j].id && a[j].distance == b[j].distance, "kind %d, dim %zu, hit %zu: %llu, not %llu",
                  kind, n, j, (unsigned long long)a[j].id, (unsigned long long)b[j].id);
    }
}

static void test_equal(GV_DistanceType distance, size_t n, int kind)
{
    GV_Database *dbs[2] = {open_one(GV_INDEX_TYPE_KDTREE, distance, n), open_one(GV_INDEX_TYPE_FLAT, distance, n)};
    float *rows = malloc(ROWS * n * sizeof *rows);
    for (size_t i = 0; i < ROWS; i++) fill(rows + i * n, n, kind);
    for (size_t i = 0; i < 2; i++) {
        CHECK_OK(gv_db_add(dbs[i], rows, ROWS / 2, n, NULL, NULL));
        for (size_t at = ROWS / 2; at < ROWS; at += 75) CHECK_OK(gv_db_add(dbs[i], rows + at * n, 75, n, NULL, NULL));
    }
    compare(dbs[0], dbs[1], n, kind);
    for (uint64_t id = 0; id < ROWS; id += 3)
        for (size_t i = 0; i < 2; i++)
            if (id % 2) CHECK_OK(gv_db_delete_vector_by_index(dbs[i], id));
            else CHECK_OK(gv_db_update_vector(dbs[i], id, rows + (ROWS - 1 - id) * n, n));
    compare(dbs[0], dbs[1], n, kind);
    for (size_t i = 0; i < 2; i++) CHECK_OK(gv_db_add(dbs[i], rows, 100, n, NULL, NULL));
    compare(dbs[0], dbs[1], n, kind);
    for (size_t i = 0; i < 2; i++) CHECK_OK(gv_db_close(dbs[i]));
    free(rows);
}

int main(void)
{
    static const size_t dimensions[] = {1, 2, 3, 8, 16, 33, MOST};
    for (int distance = 0; distance < 4; distance++)
        for (size_t d = 0; d < sizeof dimensions / sizeof *dimensions; d++)
            for (int kind = 0; kind < 4; kind++) test_equal((GV_DistanceType)distance, dimensions[d], kind);
    puts("kdtree: 112 groups passed");
    return 0;
}
