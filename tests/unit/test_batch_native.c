/* test_batch_native.c: without it, a batch over threads could answer otherwise than the same queries one by one, a filter could
 * be evaluated for every query again, and a search could ask for memory each time. */
#include "base/memory.h"
#include "base/random.h"
#include "check.h"
#include <stdatomic.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

enum {
    DIMENSION = 24,
    ROWS = 1500,
    QUERIES = 100,
    MOST_K = 40
};

static float queries[QUERIES * DIMENSION];

static void fill(float *row, uint64_t seed)
{
    for (uint64_t j = 0; j < DIMENSION; j++) row[j] = (float)(gv_random(seed, j) >> 44) / 1e5f - 5.0f;
}

/* Every 16th row is a copy of another, so that equal distances are there to be ordered by id. Copies that come after deletes lie
 * in the slots of old rows: before the row that they are copies of, which has the smaller id. */
static GV_Database *make(GV_IndexType index, GV_DistanceType distance)
{
    GV_OpenOptions options;
    GV_Database *db;
    float row[DIMENSION];
    gv_open_options_init(&options);
    options.dimension = DIMENSION;
    options.index_type = (int32_t)index;
    options.distance = (int32_t)distance;
    CHECK_OK(gv_db_open_with_options(NULL, &options, &db));
    for (uint64_t i = 0; i < ROWS; i++) {
        fill(row, i % 16 == 15 ? i / 2 : i);
        CHECK_OK(gv_db_add_vector_with_metadata(db, row, DIMENSION, "part", i % 3 == 0 ? "third" : "rest"));
    }
    for (uint64_t id = 5; id < ROWS; id += 11) CHECK_OK(gv_db_delete_vector_by_index(db, id));
    for (uint64_t i = 0; i < QUERIES; i++) {
        fill(row, ROWS - 2 - i);
        CHECK_OK(gv_db_add_vector_with_metadata(db, row, DIMENSION, "part", "third"));
    }
    return db;
}

/* ---- the same answers ---- */

typedef struct Answers {
    uint64_t ids[QUERIES * MOST_K];
    float distances[QUERIES * MOST_K];
    size_t counts[QUERIES];
} Answers;

/* What the i-th query of a batch with these options asks for by itself. */
static GV_SearchOptions of_query(const GV_SearchOptions *o, size_t i)
{
    GV_SearchOptions own = *o;
    if (o->filters) own.filter = o->filters[i];
    own.filters = NULL;
    return own;
}

static GV_Rows *alone[QUERIES]; /* what each query found by itself */

static void ask_alone(GV_Database *db, size_t k, const GV_SearchOptions *o)
{
    for (size_t i = 0; i < QUERIES; i++) {
        GV_SearchOptions own = of_query(o, i);
        gv_rows_free(alone[i]);
        CHECK_OK(gv_db_search_rows(db, queries + i * DIMENSION, DIMENSION, k, &own, &alone[i]));
    }
}

static size_t text_bytes(const GV_Rows *rows) { return rows->metadata ? rows->metadata_bytes : 0; }

/* gv_db_search_batch_rows() gives what each query found by itself, in every part. */
static void compare_rows(GV_Database *db, size_t k, const GV_SearchOptions *o, const char *what)
{
    static GV_Rows *all[QUERIES];
    CHECK_OK(gv_db_search_batch_rows(db, queries, QUERIES, DIMENSION, k, o, all));
    for (size_t i = 0; i < QUERIES; i++) {
        GV_Rows *one = alone[i], *same = all[i];
        CHECK(same && same->count == one->count && same->dimension == DIMENSION &&
                  text_bytes(same) == text_bytes(one) && !same->vectors == !one->vectors &&
                  !same->metadata == !one->metadata,
              "%s, query %zu: rows of another form", what, i);
        size_t n = one->count;
        CHECK(memcmp(same->ids, one->ids, n * sizeof *one->ids) == 0, "%s, query %zu: other rows", what, i);
        CHECK(memcmp(same->distances, one->distances, n * sizeof(float)) == 0, "%s, query %zu: distances", what, i);
        CHECK(!one->vectors || memcmp(same->vectors, one->vectors, n * DIMENSION * sizeof(float)) == 0,
              "%s, query %zu: other vectors", what, i);
        CHECK(!one->metadata || memcmp(same->metadata, one->metadata, text_bytes(one)) == 0,
              "%s, query %zu: other metadata", what, i);
        gv_rows_free(same);
    }
}

static void compare(GV_Database *db, size_t k, GV_SearchOptions *o, const char *what)
{
    static const uint32_t threads[] = {0, 1, 2, 3, 8, 1000};
    static Answers found;
    ask_alone(db, k, o);
    for (size_t t = 0; t < sizeof threads / sizeof *threads; t++) {
        memset(&found, 7, sizeof found);
        o->threads = threads[t];
        CHECK_OK(gv_db_search_batch(db, queries, QUERIES, DIMENSION, k, o, found.ids, found.distances, found.counts));
        compare_rows(db, k, o, what);
        for (size_t i = 0; i < QUERIES; i++) {
            size_t n = alone[i]->count;
            CHECK(found.counts[i] == n, "%s, %u threads, query %zu: %zu hits, not %zu", what, o->threads, i,
                  found.counts[i], n);
            CHECK(memcmp(found.ids + i * k, alone[i]->ids, n * sizeof(uint64_t)) == 0 &&
                      memcmp(found.distances + i * k, alone[i]->distances, n * sizeof(float)) == 0,
                  "%s, %u threads, query %zu: other hits", what, o->threads, i);
            for (size_t j = n; j < k; j++)
                CHECK(found.ids[i * k + j] == UINT64_MAX && found.distances[i * k + j] > 1e38f, "%s: no padding", what);
        }
    }
}

/* One of four for each query, NULL among them. */
static const char *const *some_filters(void)
{
    static const char *const kinds[] = {"part == 'third'", NULL, "part == 'nowhere'", "NOT part == 'third'"};
    static const char *filters[QUERIES];
    for (size_t i = 0; i < QUERIES; i++) filters[i] = kinds[i * 7 / 3 % 4];
    return filters;
}

static void test_same_answers(GV_IndexType index, GV_DistanceType distance)
{
    GV_SearchOptions options;
    GV_Database *db = make(index, distance);
    for (int exact = 0; exact < 2; exact++) {
        CHECK_OK(gv_db_set_exact_search_threshold(db, exact ? ROWS : 0));
        gv_search_options_init(&options);
        compare(db, 10, &options, "plain");
        compare(db, 1, &options, "k = 1");
        options.distance = (distance + 1) % 4;
        compare(db, MOST_K, &options, "another metric");
        options.filter_key = "part";
        options.filter_value = "third";
        options.distance = -1;
        compare(db, 10, &options, "filtered");
        options.with_vectors = 0;
        ask_alone(db, 10, &options);
        compare_rows(db, 10, &options, "filtered, without vectors");
        options.filter = "NOT part == 'third'";
        compare(db, 10, &options, "a pair against an expression");
        options.filter_key = options.filter_value = NULL;
        compare(db, 10, &options, "an expression");
        options.filter_key = "part";
        options.filter_value = "nowhere";
        options.filter = NULL;
        compare(db, 10, &options, "no match");
        options.filter_key = options.filter_value = NULL;
        options.filters = some_filters();
        compare(db, 10, &options, "a filter each");
        options.filter_key = "part";
        options.filter_value = "rest";
        compare(db, 3, &options, "a filter each, and a pair");
    }
    CHECK_OK(gv_db_close(db));
}

/* The call fails with the first that is none, named by its query; and where there is one query, or a filter for all beside. */
static void test_bad_filters(void)
{
    static const char *bad[QUERIES];
    static Answers answers;
    GV_SearchOptions options;
    GV_Rows *rows;
    GV_Hit hit;
    size_t count;
    GV_Database *db = make(GV_INDEX_TYPE_FLAT, GV_DISTANCE_EUCLIDEAN);
    memcpy(bad, some_filters(), sizeof bad);
    bad[40] = bad[70] = "part ==";
    gv_search_options_init(&options);
    options.filters = bad;
    for (options.threads = 1; options.threads < 4; options.threads++) {
        CHECK(gv_db_search_batch(db, queries, QUERIES, DIMENSION, 5, &options, answers.ids, answers.distances, NULL) ==
                      GV_ERR_BAD_FILTER &&
                  strstr(gv_last_error(), "query 40: "),
              "%s", gv_last_error());
    }
    CHECK(gv_db_search_rows(db, queries, DIMENSION, 5, &options, &rows) == GV_ERR_ARGUMENT, "filters for one query");
    options.filter = "part == 'rest'";
    CHECK(gv_db_search_batch(db, queries, QUERIES, DIMENSION, 5, &options, answers.ids, answers.distances, NULL) ==
              GV_ERR_ARGUMENT,
          "a filter and filters");
    CHECK_OK(gv_db_search(db, queries, DIMENSION, 1, &hit, &count));
    CHECK_OK(gv_db_close(db));
}

/* Norms from 0 to almost too large, and opposite vectors: a shared scan may only leave out rows by their dot products that a
 * single one leaves out by their distances. */
static void test_extreme_cosines(size_t row_count)
{
    static const float scales[] = {1.0f, 1e-6f, 1e-12f, 1e-18f, 1e-22f, 1e-30f, 0.0f, 1e6f, 1e12f, 1e16f};
    static const size_t ks[] = {1, 7, MOST_K};
    size_t scale_count = sizeof scales / sizeof *scales;
    static float kept[QUERIES * DIMENSION];
    GV_SearchOptions options;
    float row[DIMENSION];
    GV_Database *db = gv_db_open(NULL, DIMENSION, GV_INDEX_TYPE_FLAT);
    CHECK(db, "%s", gv_last_error());
    for (uint64_t i = 0; i < row_count; i++) {
        fill(row, i / 30 % 2 ? i : 3); /* many in one direction or against it: distances that differ in the last bit */
        for (size_t j = 0; j < DIMENSION; j++) row[j] *= scales[i % scale_count] * (i / scale_count % 3 ? -1.0f : 1.0f);
        CHECK_OK(gv_db_add_vector(db, row, DIMENSION));
    }
    memcpy(kept, queries, sizeof kept);
    for (size_t i = 0; i < QUERIES; i++) {
        float sign = i / 4 % 4 < 2 ? -1.0f : 1.0f; /* whole tiles of queries against a row */
        if (i / 4 % 2 == 0) fill(queries + i * DIMENSION, 3);
        for (size_t j = 0; j < DIMENSION; j++) queries[i * DIMENSION + j] *= sign * scales[i / 8 % scale_count];
    }
    gv_search_options_init(&options);
    for (options.distance = 0; options.distance < 4; options.distance++)
        for (size_t i = 0; i < sizeof ks / sizeof *ks; i++) compare(db, ks[i], &options, "extreme norms");
    memcpy(queries, kept, sizeof kept);
    CHECK_OK(gv_db_close(db));
}

/* Nothing to find, and nothing asked. */
static void test_empty(void)
{
    GV_SearchOptions options;
    GV_Rows *none = NULL;
    GV_Database *db = gv_db_open(NULL, DIMENSION, GV_INDEX_TYPE_FLAT);
    CHECK(db, "%s", gv_last_error());
    gv_search_options_init(&options);
    compare(db, 10, &options, "empty");
    CHECK_OK(gv_db_search_batch_rows(db, NULL, 0, DIMENSION, 10, NULL, &none));
    CHECK_OK(gv_db_search_batch_rows(db, NULL, 0, DIMENSION, 10, NULL, NULL));
    CHECK(!none, "rows of no query");
    CHECK_OK(gv_db_close(db));
}

/* ---- the first failure ---- */

static void test_first_failure(void)
{
    static Answers found;
    static float bad[QUERIES * DIMENSION];
    GV_SearchOptions options;
    GV_Database *db = make(GV_INDEX_TYPE_FLAT, GV_DISTANCE_EUCLIDEAN);
    gv_search_options_init(&options);
    memcpy(bad, queries, sizeof bad);
    bad[71 * DIMENSION + 2] = bad[38 * DIMENSION + 3] = (float)(1e30 * 1e30);
    bad[38 * DIMENSION + 1] = (float)(1e30 * 1e30) * 0.0f;
    for (options.threads = 1; options.threads < 9; options.threads++) {
        CHECK(gv_db_search_batch(db, bad, QUERIES, DIMENSION, 5, &options, found.ids, found.distances, NULL) ==
                  GV_ERR_ARGUMENT,
              "a NaN passed");
        CHECK(strcmp(gv_last_error(), "vector 38: component 1 is NaN") == 0, "%u threads: %s", options.threads,
              gv_last_error());
        GV_Rows *rows[QUERIES];
        memset(rows, 7, sizeof rows);
        CHECK(gv_db_search_batch_rows(db, bad, QUERIES, DIMENSION, 5, &options, rows) == GV_ERR_ARGUMENT,
              "a NaN passed");
        for (size_t i = 0; i < QUERIES; i++) CHECK(!rows[i], "rows of query %zu in a call that failed", i);
    }
    CHECK(gv_db_search_batch(db, bad, QUERIES, DIMENSION - 1, 5, &options, found.ids, found.distances, NULL) ==
              GV_ERR_ARGUMENT,
          "a wrong dimension passed");
    CHECK(strcmp(gv_last_error(), "expected vector of dim 24, got 23") == 0, "%s", gv_last_error());
    CHECK_OK(gv_db_close(db));
}

/* ---- memory ---- */

static atomic_size_t allocations;

static void *count_and_allocate(size_t bytes)
{
    allocations++;
    return calloc(1, bytes);
}

static void search_all(GV_Database *db, const GV_SearchOptions *options)
{
    static Answers found;
    GV_Hit hits[10];
    size_t count;
    CHECK_OK(gv_db_search_batch(db, queries, QUERIES, DIMENSION, 10, options, found.ids, found.distances, NULL));
    for (size_t i = 0; i < QUERIES && !options->filter_key; i++)
        CHECK_OK(gv_db_search(db, queries + i * DIMENSION, DIMENSION, 10, hits, &count));
}

static void test_no_allocation(GV_IndexType index)
{
    static const GV_MemoryHooks counting = {count_and_allocate, free};
    GV_SearchOptions options;
    GV_Database *db = make(index, GV_DISTANCE_EUCLIDEAN);
    gv_search_options_init(&options);
    gv_memory_set_hooks(&counting);
    search_all(db, &options); /* what it needs is borrowed from now on */
    allocations = 0;
    search_all(db, &options);
    CHECK(allocations == 0, "index %d: %zu allocations in a steady state", (int)index, (size_t)allocations);
    options.filter_key = "part";
    options.filter_value = "third";
    search_all(db, &options);
    allocations = 0;
    search_all(db, &options);
    CHECK(allocations == 2, "index %d: %zu allocations for a filter, a tree and a bitmap are needed", (int)index,
          (size_t)allocations);
    options.filter = "NOT part IN ('first', 'second') AND EXISTS part";
    allocations = 0;
    search_all(db, &options);
    CHECK(allocations == 4, "index %d: %zu allocations for an expression, a tree and three bitmaps are needed",
          (int)index, (size_t)allocations);
    gv_memory_set_hooks(NULL);
    CHECK_OK(gv_db_close(db));
}

/* ---- a forked child searches alone ---- */

static void test_forked_child(void)
{
    int status;
    GV_SearchOptions options;
    GV_Database *db = make(GV_INDEX_TYPE_HNSW, GV_DISTANCE_COSINE);
    gv_search_options_init(&options);
    options.threads = 4;
    search_all(db, &options); /* the threads are there */
    fflush(stdout);
    pid_t child = fork();
    CHECK(child >= 0, "fork");
    if (child == 0) {
        alarm(60);
        compare(db, 10, &options, "in a child");
        CHECK_OK(gv_db_close(db));
        _exit(0);
    }
    CHECK(waitpid(child, &status, 0) == child && status == 0, "the child ended with %d", status);
    CHECK_OK(gv_db_close(db));
}

int main(void)
{
    for (uint64_t i = 0; i < QUERIES; i++) fill(queries + i * DIMENSION, i % 4 ? 100000 + i : ROWS - 2 - i);
    memset(queries, 0, DIMENSION * sizeof *queries); /* from which cosine sees all rows equally far */
    for (int distance = 0; distance < 4; distance++) {
        test_same_answers(GV_INDEX_TYPE_FLAT, (GV_DistanceType)distance);
        test_same_answers(GV_INDEX_TYPE_HNSW, (GV_DistanceType)distance);
    }
    test_extreme_cosines(ROWS);
    test_extreme_cosines(MOST_K - 10); /* fewer than are asked for, and all of one direction or against it */
    test_extreme_cosines(6);           /* the last has a norm of 0 and dot products of either sign: a distance of 1 */
    test_extreme_cosines(MOST_K + 5);  /* nearly all: the limit is 2 */
    test_empty();
    test_first_failure();
    test_bad_filters();
    test_no_allocation(GV_INDEX_TYPE_FLAT);
    test_no_allocation(GV_INDEX_TYPE_HNSW);
    test_forked_child();
    puts("batch: 18 groups passed");
    return 0;
}
