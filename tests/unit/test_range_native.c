/* test_range_native.c: without it a range search could lose memory it was refused, or give its answer half: every allocation of it
 * fails in turn. That it finds all rows and no other is for the bindings' tests, beside the ordinary search. */
#include "base/memory.h"
#include "base/random.h"
#include "check.h"
#include <gigavector.h>
#include <math.h>
#include <stdlib.h>

enum {
    ROWS = 200,
    DIMENSION = 16
};

static long allowed; /* allocations that still succeed; below 0: all */

static void *allocate(size_t bytes)
{
    if (allowed == 0) return NULL;
    if (allowed > 0) allowed--;
    return calloc(1, bytes);
}

static GV_Database *make(float *rows)
{
    GV_Database *db = gv_db_open(NULL, DIMENSION, GV_INDEX_TYPE_FLAT);
    CHECK(db, "%s", gv_last_error());
    for (size_t i = 0; i < ROWS * DIMENSION; i++) rows[i] = (float)(gv_mix64(i) % 2001) / 1000.0f - 1.0f;
    for (size_t i = 0; i < ROWS; i++)
        CHECK_OK(gv_db_add_vector_with_metadata(db, rows + i * DIMENSION, DIMENSION, "part", i % 2 ? "odd" : "even"));
    return db;
}

int main(void)
{
    static const GV_MemoryHooks failing = {allocate, free};
    static float rows[ROWS * DIMENSION];
    GV_SearchOptions options;
    GV_Rows *found;
    size_t refused = 0;
    allowed = -1;
    gv_memory_set_hooks(&failing);
    GV_Database *db = make(rows);
    size_t before = gv_db_get_memory_usage(db);
    gv_search_options_init(&options);
    options.filter = "part == 'odd' AND NOT part == 'even'";
    for (allowed = 0;; refused++) {
        long given = (long)refused;
        allowed = given;
        GV_Status status = gv_db_range_search(db, rows, DIMENSION, INFINITY, 1000, &options, &found);
        if (status == GV_OK) break;
        CHECK(status == GV_ERR_NO_MEMORY && !found, "%ld allocations: %s", given, gv_last_error());
        CHECK(refused < 100, "it never succeeds");
    }
    allowed = -1;
    CHECK(refused > 3, "only %zu allocations were refused", refused);
    CHECK(found->count == ROWS / 2 && found->vectors && found->metadata, "%zu rows", found->count);
    gv_rows_free(found);
    CHECK(gv_db_get_memory_usage(db) < before + (64u << 10), "memory went from %zu to %zu", before,
          gv_db_get_memory_usage(db));
    CHECK(gv_db_range_search(db, rows, DIMENSION, NAN, 1, NULL, &found) == GV_ERR_ARGUMENT, "a radius of NaN");
    CHECK(gv_db_range_search(db, rows, DIMENSION, 1.0, 0, NULL, &found) == GV_ERR_ARGUMENT, "no results");
    CHECK_OK(gv_db_close(db));
    gv_memory_set_hooks(NULL);
    return 0;
}
