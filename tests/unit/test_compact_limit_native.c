/* test_compact_limit_native.c: compact() within a limit that has no room for two stores. Without it a compaction could take more than was
 * allowed, make another file than one without a limit makes, show a search less than all rows while the file stands in, or leave a
 * database behind that cannot be written. */
#include "base/random.h"
#include "check.h"
#include <gigavector.h>
#include <pthread.h>
#include <stdatomic.h>
#include <stdbool.h>
#include <string.h>
#include <unistd.h>

enum {
    DIMENSION = 96,
    ROWS = 2000,
    KEPT = ROWS / 4 * 3, /* of each four rows the last is deleted */
    K = 10
};

static const char *const free_path = "compact_limit_free.gv", *const bound_path = "compact_limit_bound.gv";

static void make_row(float *row, uint64_t seed)
{
    for (uint64_t i = 0; i < DIMENSION; i++) row[i] = (float)(gv_random(seed, i) % 2001) / 1000.0f - 1.0f;
}

static GV_Database *open_file(const char *path, GV_IndexType type)
{
    GV_OpenOptions options;
    GV_Database *db;
    gv_open_options_init(&options);
    options.dimension = DIMENSION;
    options.index_type = (int32_t)type;
    options.durability = GV_DURABILITY_NONE;
    options.hnsw = &(GV_HNSWConfig){sizeof(GV_HNSWConfig), .M = 12, .ef_construction = 40, .ef_search = 50};
    CHECK_OK(gv_db_open_with_options(path, &options, &db));
    return db;
}

/* In a file that was written before, of which a part is in the log. */
static GV_Database *make(const char *path, GV_IndexType type)
{
    unlink(path);
    GV_Database *db = open_file(path, type);
    float *rows = malloc((size_t)ROWS * DIMENSION * sizeof *rows);
    uint64_t id;
    CHECK(rows, "no memory");
    for (uint64_t i = 0; i < ROWS; i++) make_row(rows + i * DIMENSION, i);
    CHECK_OK(gv_db_add_vectors(db, rows, ROWS - 1, DIMENSION));
    CHECK_OK(gv_db_save(db, NULL));
    CHECK_OK(gv_db_add_vector_with_metadata(db, rows + (size_t)(ROWS - 1) * DIMENSION, DIMENSION, "key", "value"));
    for (id = 3; id < ROWS - 1; id += 4) CHECK_OK(gv_db_delete(db, &id, 1));
    free(rows);
    return db;
}

static void limit(GV_Database *db, size_t bytes)
{
    GV_ResourceLimits limits = {.struct_size = sizeof limits, .max_memory_bytes = bytes};
    CHECK_OK(gv_db_set_resource_limits(db, &limits));
}

static void check_whole(GV_Database *db)
{
    GV_CheckReport report = {.struct_size = sizeof report};
    CHECK_OK(gv_db_check(db, &report));
    CHECK(report.rows == KEPT + 1, "%llu rows", (unsigned long long)report.rows);
}

static void check_same_files(void)
{
    FILE *files[2] = {fopen(free_path, "rb"), fopen(bound_path, "rb")};
    CHECK(files[0] && files[1], "no files");
    for (long at = 0;; at++) {
        int a = getc(files[0]), b = getc(files[1]);
        CHECK(a == b, "byte %ld is %d without a limit and %d with one", at, a, b);
        if (a == EOF) break;
    }
    fclose(files[0]);
    fclose(files[1]);
}

typedef struct Shared {
    GV_Database *db;
    size_t limit, peak;
    atomic_bool done;
    atomic_ulong looks;
} Shared;

/* Rows 0, 4, 8 ... are there all the time, each its own nearest. */
static void *search_all_the_time(void *context)
{
    Shared *s = context;
    float query[DIMENSION];
    GV_Hit hits[K];
    for (uint64_t at = 0; !s->done; at = (at + 4) % ROWS, s->looks++) {
        size_t count, used = gv_db_get_memory_usage(s->db);
        make_row(query, at);
        CHECK_OK(gv_db_search(s->db, query, DIMENSION, K, hits, &count));
        CHECK(count == K && hits[0].id == at, "row %llu: %zu hits", (unsigned long long)at, count);
        if (used > s->peak) s->peak = used;
    }
    return NULL;
}

static void compact_beside_searches(GV_Database *db, size_t limit_bytes)
{
    Shared shared = {.db = db, .limit = limit_bytes};
    pthread_t thread;
    limit(db, limit_bytes);
    CHECK(pthread_create(&thread, NULL, search_all_the_time, &shared) == 0, "no thread");
    while (shared.looks < 10) sched_yield();
    CHECK_OK(gv_db_compact(db));
    unsigned long after = shared.looks + 10;
    while (shared.looks < after) sched_yield();
    shared.done = true;
    CHECK(pthread_join(thread, NULL) == 0, "join");
    printf("%lu looks, at most %zu bytes of %zu\n", shared.looks, shared.peak, limit_bytes);
    CHECK(shared.peak <= limit_bytes, "%zu bytes, allowed are %zu", shared.peak, limit_bytes);
}

/* One with half of the memory makes the file of one with all. */
static void check_bound(GV_IndexType type)
{
    GV_Database *free_db = make(free_path, type), *bound = make(bound_path, type);
    size_t used = gv_db_get_memory_usage(bound);
    CHECK_OK(gv_db_save(free_db, NULL)); /* as the other does by itself */
    CHECK_OK(gv_db_compact(free_db));
    compact_beside_searches(bound, used / 8 * 11);
    check_same_files();
    check_whole(bound);
    float row[DIMENSION];
    make_row(row, ROWS);
    CHECK_OK(gv_db_add_vector(bound, row, DIMENSION));
    CHECK_OK(gv_db_close(free_db));
    CHECK_OK(gv_db_close(bound));
}

/* Too little even for one: all is as it was, and can be written, closed and opened. */
static void check_too_little(void)
{
    GV_Database *db = make(bound_path, GV_INDEX_TYPE_HNSW);
    float row[DIMENSION];
    make_row(row, ROWS);
    size_t used = gv_db_get_memory_usage(db);
    limit(db, used / 2);
    CHECK(gv_db_compact(db) == GV_ERR_LIMIT, "there was enough: %s", gv_last_error());
    check_whole(db);
    size_t again = gv_db_get_memory_usage(db);
    CHECK(again > (size_t)KEPT * DIMENSION * sizeof(float), "%zu bytes: not in memory again", again);
    limit(db, 0);
    CHECK_OK(gv_db_add_vector(db, row, DIMENSION));
    CHECK_OK(gv_db_delete(db, &(uint64_t){ROWS}, 1));
    CHECK_OK(gv_db_compact(db));
    check_whole(db);
    CHECK_OK(gv_db_close(db));
    db = open_file(bound_path, GV_INDEX_TYPE_HNSW);
    check_whole(db);
    CHECK_OK(gv_db_close(db));
}

/* To another index, within the limit as well. */
static void check_convert(void)
{
    GV_Database *db = make(bound_path, GV_INDEX_TYPE_HNSW);
    GV_OpenOptions options;
    gv_open_options_init(&options);
    options.index_type = GV_INDEX_TYPE_FLAT;
    limit(db, gv_db_get_memory_usage(db) / 8 * 11);
    CHECK_OK(gv_db_convert(db, &options));
    check_whole(db);
    CHECK_OK(gv_db_close(db));
}

int main(void)
{
    check_bound(GV_INDEX_TYPE_FLAT);
    check_bound(GV_INDEX_TYPE_HNSW);
    check_too_little();
    check_convert();
    unlink(free_path);
    unlink(bound_path);
    return 0;
}
