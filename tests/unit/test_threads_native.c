/* test_threads_native.c: without it, a race between searches and a writer would show as a wrong hit once a month. Run it
 * under the thread sanitizer (./build.sh tsan). Searching threads check what must hold at every instant: the right number of
 * hits, in order, of rows that a batch made visible together or not at all; then the handle is closed under load. */
#include "base/random.h"
#include "check.h"
#include <gigavector.h>
#include <pthread.h>
#include <stdatomic.h>
#include <stdbool.h>
#include <string.h>
#include <unistd.h>

enum {
    DIMENSION = 16,
    BATCH = 64,
    ROUNDS = 40,
    SEARCHERS = 3,
    QUERIES = 40,
    K = 10
};

static GV_Database *db;
static atomic_bool stop;
static atomic_size_t searches;

static void fill(float *row, uint64_t seed)
{
    for (uint64_t j = 0; j < DIMENSION; j++) row[j] = (float)(gv_random(seed, j) >> 44) / 1e5f;
}

static void check_order(const GV_Rows *rows)
{
    for (size_t i = 1; i < rows->count; i++)
        CHECK(rows->distances[i - 1] < rows->distances[i] ||
                  (rows->distances[i - 1] == rows->distances[i] && rows->ids[i - 1] < rows->ids[i]),
              "hits %zu and %zu are out of order", i - 1, i);
}

static void *search_loop(void *context)
{
    uint64_t seed = (uint64_t)(size_t)context * 1000000;
    GV_SearchOptions options;
    gv_search_options_init(&options);
    while (!stop) {
        float query[DIMENSION];
        GV_Rows *rows;
        fill(query, ++seed);
        bool filtered = seed % 3 == 0;
        options.filter_key = filtered ? "kind" : NULL;
        options.filter_value = filtered ? "kept" : NULL;
        options.filter = seed % 3 == 1 ? "EXISTS kind AND NOT kind != 'kept'" : NULL;
        CHECK_OK(gv_db_search_rows(db, query, DIMENSION, K, &options, &rows));
        CHECK(rows->count == K, "%zu hits", rows->count); /* BATCH rows of each kind are always there */
        check_order(rows);
        gv_rows_free(rows);
        searches++;
    }
    return NULL;
}

/* A filter that is evaluated once for many queries must not miss what changes between them: rows of the other kind come and
 * go, in slots that the filter has seen or not, and lose their metadata. */
static void *batch_loop(void *context)
{
    static float queries[QUERIES * DIMENSION];
    static uint64_t ids[QUERIES * K];
    static float distances[QUERIES * K];
    size_t counts[QUERIES];
    GV_SearchOptions options;
    (void)context;
    gv_search_options_init(&options);
    options.filter_key = "kind";
    options.filter_value = "kept";
    for (uint64_t i = 0; i < QUERIES; i++) fill(queries + i * DIMENSION, 77000000 + i);
    for (uint32_t round = 0; !stop; round++) {
        options.threads = 1 + round % 3;
        CHECK_OK(gv_db_search_batch(db, queries, QUERIES, DIMENSION, K, &options, ids, distances, counts));
        for (size_t i = 0; i < QUERIES * K; i++)
            CHECK(counts[i / K] == K && ids[i] < BATCH, "hit %zu is row %llu, which is not kept", i,
                  (unsigned long long)ids[i]);
        searches += QUERIES;
    }
    return NULL;
}

/* Batches are whole: the count moves by BATCH only. */
static void *count_loop(void *context)
{
    (void)context;
    while (!stop) {
        uint64_t count = gv_db_count(db);
        CHECK(count % BATCH == 0, "%llu rows are visible", (unsigned long long)count);
        CHECK(gv_db_get_memory_usage(db) > 0, "no memory?");
        (void)gv_db_contains(db, count / 2);
    }
    return NULL;
}

static void add_batch(uint64_t seed, const char *kind, uint64_t ids[BATCH])
{
    static float rows[BATCH * DIMENSION];
    uint8_t packed[BATCH * 20], *at = packed;
    for (uint64_t i = 0; i < BATCH; i++) {
        static const uint8_t head[12] = {1, 0, 0, 0, 4, 0, 0, 0, 4, 0, 0, 0};
        fill(rows + i * DIMENSION, seed + i);
        memcpy(at, head, sizeof head);
        memcpy(at + 12, "kind", 4);
        memcpy(at + 16, kind, 4);
        at += 20;
    }
    GV_PackedMetadata metadata = {packed, sizeof packed};
    CHECK_OK(gv_db_add(db, rows, BATCH, DIMENSION, &metadata, ids));
}

static void write_rounds(void)
{
    uint64_t ids[BATCH];
    float row[DIMENSION];
    for (uint64_t round = 0; round < ROUNDS; round++) {
        add_batch(5000000 + round * BATCH, "temp", ids);
        for (size_t i = 0; i + 1 < BATCH; i += 7) {
            fill(row, round * 31 + i);
            CHECK_OK(gv_db_update_vector(db, ids[i], row, DIMENSION));
            CHECK_OK(gv_db_update_metadata(db, ids[i + 1], NULL));
        }
        if (round % 4 == 3) CHECK_OK(gv_db_save(db, NULL));
        CHECK_OK(gv_db_delete(db, ids, BATCH));
    }
}

static void run(GV_IndexType index, const char *path)
{
    GV_OpenOptions options;
    GV_CheckReport report = {.struct_size = sizeof report};
    pthread_t threads[SEARCHERS + 2];
    uint64_t ids[BATCH];
    gv_open_options_init(&options);
    options.dimension = DIMENSION;
    options.index_type = (int32_t)index;
    options.durability = GV_DURABILITY_OS;
    unlink(path);
    CHECK_OK(gv_db_open_with_options(path, &options, &db));
    CHECK_OK(gv_db_set_exact_search_threshold(db, 0)); /* the graph, also while it is small */
    add_batch(1, "kept", ids);
    stop = false;
    searches = 0;
    for (size_t i = 0; i < SEARCHERS; i++)
        CHECK(pthread_create(&threads[i], NULL, search_loop, (void *)i) == 0, "thread");
    CHECK(pthread_create(&threads[SEARCHERS], NULL, count_loop, NULL) == 0, "thread");
    CHECK(pthread_create(&threads[SEARCHERS + 1], NULL, batch_loop, NULL) == 0, "thread");
    write_rounds();
    stop = true;
    for (size_t i = 0; i <= SEARCHERS + 1; i++) pthread_join(threads[i], NULL);
    CHECK_OK(gv_db_check(db, &report));
    CHECK(report.rows == BATCH && report.reachable == BATCH, "%llu of %llu rows are reachable",
          (unsigned long long)report.reachable, (unsigned long long)report.rows);
    CHECK_OK(gv_db_close(db));
    printf("index %d: %zu searches beside %d batches\n", (int)index, (size_t)searches, ROUNDS);
    unlink(path);
}

/* ---- close ---- */

static void *search_until_closed(void *context)
{
    atomic_bool *closing = context;
    float query[DIMENSION];
    GV_Hit hits[K];
    size_t count;
    fill(query, 3);
    while (!*closing) CHECK_OK(gv_db_search(db, query, DIMENSION, K, hits, &count));
    return NULL;
}

/* A search that is under way when close() is called ends as if nothing had happened. */
static void test_close_waits(void)
{
    for (int round = 0; round < 50; round++) {
        static atomic_bool closing;
        pthread_t thread;
        uint64_t ids[BATCH];
        closing = false;
        db = gv_db_open(NULL, DIMENSION, GV_INDEX_TYPE_FLAT);
        CHECK(db, "%s", gv_last_error());
        add_batch(1, "kept", ids);
        CHECK(pthread_create(&thread, NULL, search_until_closed, &closing) == 0, "thread");
        closing = true; /* no new search may begin once close() has been called: that is the caller's part */
        pthread_join(thread, NULL);
        CHECK_OK(gv_db_close(db));
    }
}

/* ---- readers ---- */

static void *refresh_loop(void *context)
{
    GV_Database *reader = context;
    while (!stop) CHECK_OK(gv_db_refresh(reader));
    return NULL;
}

/* A reader that refreshes while it is searched sees whole states, none older than the one before. */
static void test_refresh(const char *path)
{
    GV_OpenOptions options;
    GV_Database *reader;
    pthread_t thread;
    uint64_t ids[BATCH], seen = 0;
    float query[DIMENSION];
    GV_Hit hits[K];
    size_t count;
    gv_open_options_init(&options);
    options.dimension = DIMENSION;
    options.durability = GV_DURABILITY_OS;
    unlink(path);
    CHECK_OK(gv_db_open_with_options(path, &options, &db));
    add_batch(1, "kept", ids);
    options.read_only = 1;
    CHECK_OK(gv_db_open_with_options(path, &options, &reader));
    stop = false;
    fill(query, 1);
    CHECK(pthread_create(&thread, NULL, refresh_loop, reader) == 0, "thread");
    for (uint64_t round = 1; round < 30; round++) {
        add_batch(round * 1000, "more", ids);
        if (round % 10 == 0) CHECK_OK(gv_db_save(db, NULL));
        uint64_t now = gv_db_count(reader);
        CHECK(now >= seen && now % BATCH == 0, "%llu rows after %llu", (unsigned long long)now,
              (unsigned long long)seen);
        seen = now;
        CHECK_OK(gv_db_search(reader, query, DIMENSION, K, hits, &count));
        CHECK(count == K && hits[0].id == 0 && hits[0].distance == 0, "row 0 is lost");
    }
    stop = true;
    pthread_join(thread, NULL);
    CHECK_OK(gv_db_refresh(reader));
    CHECK(gv_db_count(reader) == gv_db_count(db), "the reader lags behind");
    CHECK_OK(gv_db_close(reader));
    CHECK_OK(gv_db_close(db));
    unlink(path);
}

int main(void)
{
    char path[64];
    snprintf(path, sizeof path, "threads-%ld.gv", (long)getpid());
    run(GV_INDEX_TYPE_FLAT, path);
    run(GV_INDEX_TYPE_HNSW, path);
    test_close_waits();
    test_refresh(path);
    puts("threads: 4 groups passed");
    return 0;
}
