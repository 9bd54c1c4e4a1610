/* test_compact_native.c: without it compact() could keep what it should give back, lose a row, show a search half of the change, or hold
 * up a close: sizes and bytes beside those of a database that never knew the deleted rows, searches while it runs, a close within. */
#include "base/random.h"
#include "check.h"
#include <gigavector.h>
#include <pthread.h>
#include <stdatomic.h>
#include <stdbool.h>
#include <string.h>
#include <time.h>

enum {
    DIMENSION = 24,
    ROWS = 2400,
    K = 10
};

static void pause_a_moment(void) { nanosleep(&(struct timespec){.tv_nsec = 200000}, NULL); }

static void make_row(float *row, uint64_t seed)
{
    for (uint64_t i = 0; i < DIMENSION; i++) row[i] = (float)(gv_random(seed, i) % 2001) / 1000.0f - 1.0f;
}

static GV_Database *make(GV_IndexType type, uint64_t from, uint64_t to)
{
    GV_Database *db = gv_db_open(NULL, DIMENSION, type);
    float *rows = malloc((to - from) * DIMENSION * sizeof *rows);
    CHECK(db && rows, "%s", gv_last_error());
    for (uint64_t i = from; i < to; i++) make_row(rows + (i - from) * DIMENSION, i);
    CHECK_OK(gv_db_add_vectors(db, rows, to - from, DIMENSION));
    free(rows);
    return db;
}

static void delete_rows(GV_Database *db, uint64_t from, uint64_t to)
{
    static uint64_t ids[ROWS];
    for (uint64_t id = from; id < to; id++) ids[id - from] = id;
    CHECK_OK(gv_db_delete(db, ids, (size_t)(to - from)));
}

static GV_Stats stats_of(GV_Database *db)
{
    GV_Stats stats = {.struct_size = sizeof stats};
    CHECK_OK(gv_db_get_stats(db, &stats));
    return stats;
}

/* Rows that went and came leave the graph, the memory and the file that a database has which never had them. */
static void check_sizes(GV_IndexType type)
{
    GV_Database *churned = make(type, 0, ROWS), *lean = make(type, 0, ROWS / 4);
    void *bytes[2];
    size_t sizes[2];
    size_t full = gv_db_get_memory_usage(churned);
    delete_rows(churned, ROWS / 4, ROWS);
    CHECK_OK(gv_db_compact(churned));
    GV_Stats stats = stats_of(churned);
    CHECK(stats.free_slots == 0 && stats.tombstones == 0, "%llu free", (unsigned long long)stats.free_slots);
    size_t after = gv_db_get_memory_usage(churned), wanted = gv_db_get_memory_usage(lean);
    CHECK(after < full / 4 * 3 && after <= wanted + 1024, "%zu bytes, %zu before, %zu lean", after, full, wanted);
    CHECK_OK(gv_db_save_to_memory(churned, &bytes[0], &sizes[0]));
    CHECK_OK(gv_db_save_to_memory(lean, &bytes[1], &sizes[1]));
    CHECK(sizes[0] == sizes[1], "%zu bytes, %zu lean", sizes[0], sizes[1]);
    const size_t superblocks = 8192; /* which know the next id */
    CHECK(memcmp((char *)bytes[0] + superblocks, (char *)bytes[1] + superblocks, sizes[0] - superblocks) == 0,
          "the image differs from that of the same rows, added");
    gv_free(bytes[0]);
    gv_free(bytes[1]);
    uint64_t id;
    float row[DIMENSION];
    make_row(row, 7);
    CHECK_OK(gv_db_add(churned, row, 1, DIMENSION, NULL, &id));
    CHECK(id == ROWS, "row %llu", (unsigned long long)id);
    CHECK_OK(gv_db_close(churned));
    CHECK_OK(gv_db_close(lean));
}

static void check_limit(void)
{
    GV_Database *db = make(GV_INDEX_TYPE_HNSW, 0, ROWS);
    GV_ResourceLimits limits = {.struct_size = sizeof limits};
    limits.max_memory_bytes = gv_db_get_memory_usage(db) * 3 / 2;
    CHECK_OK(gv_db_set_resource_limits(db, &limits));
    CHECK(gv_db_compact(db) == GV_ERR_LIMIT, "half the memory was enough");
    CHECK(gv_db_count(db) == ROWS, "rows are gone");
    limits.max_memory_bytes *= 4; /* what linking borrows is much beside so few rows */
    CHECK_OK(gv_db_set_resource_limits(db, &limits));
    CHECK_OK(gv_db_compact(db));
    float row[DIMENSION] = {1};
    limits.max_memory_bytes = 1;
    CHECK_OK(gv_db_set_resource_limits(db, &limits)); /* of the new store */
    CHECK(gv_db_add_vector(db, row, DIMENSION) == GV_ERR_LIMIT, "the limit was lost");
    CHECK_OK(gv_db_close(db));
}

/* ---- beside searches ---- */

typedef struct Shared {
    GV_Database *db;
    atomic_bool done;
    atomic_ulong looks;
    GV_Status status;
} Shared;

/* Rows 0, 2, 4 ... are there all the time, each its own nearest. */
static void *search_all_the_time(void *context)
{
    Shared *s = context;
    float query[DIMENSION];
    GV_Hit hits[K];
    for (uint64_t at = 0; !s->done; at = (at + 2) % ROWS) {
        size_t count;
        make_row(query, at);
        CHECK_OK(gv_db_search(s->db, query, DIMENSION, K, hits, &count));
        CHECK(count == K && hits[0].id == at && hits[0].distance == 0.0f, "row %llu: %zu hits, the first %llu",
              (unsigned long long)at, count, (unsigned long long)hits[0].id);
        CHECK(gv_db_contains(s->db, at), "row %llu", (unsigned long long)at);
        CHECK(gv_db_get_memory_usage(s->db) > 0, "no memory");
        s->looks++;
    }
    return NULL;
}

static void check_searches(void)
{
    Shared shared = {.db = make(GV_INDEX_TYPE_HNSW, 0, ROWS)};
    pthread_t threads[2];
    for (int i = 0; i < 2; i++)
        CHECK(pthread_create(&threads[i], NULL, search_all_the_time, &shared) == 0, "thread %d", i);
    for (uint64_t id = 1; id < 200; id += 2) {
        delete_rows(shared.db, id, id + 1);
        if (id % 50 == 1) CHECK_OK(gv_db_compact(shared.db));
    }
    while (shared.looks < 100) pause_a_moment();
    shared.done = true;
    for (int i = 0; i < 2; i++) CHECK(pthread_join(threads[i], NULL) == 0, "thread %d", i);
    printf("%lu looks beside 4 compactions\n", shared.looks);
    CHECK_OK(gv_db_close(shared.db));
}

/* ---- a close within ---- */

static void *compact_once(void *context)
{
    Shared *s = context;
    s->status = gv_db_compact(s->db);
    return NULL;
}

/* It has begun when memory grows: from then on the close waits for it, and it gives up. */
static void check_close(void)
{
    Shared shared = {.db = make(GV_INDEX_TYPE_HNSW, 0, 2 * ROWS)};
    pthread_t thread;
    size_t before = gv_db_get_memory_usage(shared.db);
    CHECK(pthread_create(&thread, NULL, compact_once, &shared) == 0, "no thread");
    while (gv_db_get_memory_usage(shared.db) < before + before / 8) pause_a_moment();
    CHECK_OK(gv_db_close(shared.db));
    CHECK(pthread_join(thread, NULL) == 0, "join");
    CHECK(shared.status == GV_ERR_ARGUMENT, "the compaction ended with %d", (int)shared.status);
}

int main(void)
{
    check_sizes(GV_INDEX_TYPE_FLAT);
    check_sizes(GV_INDEX_TYPE_HNSW);
    check_limit();
    check_searches();
    check_close();
    return 0;
}
