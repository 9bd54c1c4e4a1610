/* test_ivfpq.c: without it k-means could hang on equal rows or differ between kernels, table look-ups could be off by one
 * entry, and inverted lists could lose rows, find few, or keep some of them after deletes. */
#include "index/ivfpq.h"
#include "index/kmeans.h"
#include "base/random.h"
#include "check.h"
#include "rows.h"
#include "kernels/codes.h"
#include <string.h>

enum {
    ROWS = 3000,
    QUERIES = 40,
    K = 10
};

/* ---- values ---- */

/* Rows around one of 40 centres. */
static float *make_rows(size_t count, size_t dimension, uint64_t seed)
{
    return clustered_rows(count, dimension, 40, seed);
}

/* ---- kernels ---- */

static void test_tables(const GV_Kernels *kernels, size_t nibbles)
{
    uint8_t codes[16 * 64], fast[16 * 64], fast_scalar[16 * 64];
    float tables[16 * 64], again[16 * 64], terms[GV_BLOCK_ROWS], got[GV_BLOCK_ROWS], expected[GV_BLOCK_ROWS];
    float base, step, base_scalar, step_scalar;
    const GV_Kernels *scalar = gv_kernels_select("scalar");
    for (uint64_t round = 0; round < 20; round++) {
        float spread = round == 3 ? 0.0f : round == 4 ? 1e30f : 1.0f; /* flat; too wide, once squared or so */
        for (size_t i = 0; i < 16 * nibbles; i++) {
            codes[i] = (uint8_t)gv_random(round, i);
            tables[i] = ((float)(gv_random(round + 50, i) % 4001) - 1000.0f) * spread * (round == 4 ? 1e8f : 1.0f);
        }
        if (round == 4) tables[5] = 3e38f; /* beyond GV_WIDE_RANGE */
        memcpy(again, tables, sizeof tables);
        kernels->fast_tables(tables, nibbles, fast, &base, &step);
        scalar->fast_tables(again, nibbles, fast_scalar, &base_scalar, &step_scalar);
        CHECK(memcmp(fast, fast_scalar, 16 * nibbles) == 0 && memcmp(&base, &base_scalar, sizeof base) == 0 &&
                  memcmp(&step, &step_scalar, sizeof step) == 0,
              "fast_tables of %zu by %s, round %llu", nibbles, kernels->name, (unsigned long long)round);
        if (round == 5) memset(fast, GV_FAST_ENTRY, 16 * nibbles); /* the largest sums */
        for (size_t i = 0; i < GV_BLOCK_ROWS; i++) terms[i] = (float)i * 3.25f;
        float bound = 100.0f + (float)nibbles;
        uint32_t mask = kernels->scan_codes(codes, fast, nibbles, terms, -7.5f, 0.01f, bound, got);
        uint32_t wanted = scalar->scan_codes(codes, fast, nibbles, terms, -7.5f, 0.01f, bound, expected);
        CHECK(mask == wanted && memcmp(got, expected, sizeof got) == 0, "scan_codes of %zu by %s: %08x, not %08x",
              nibbles, kernels->name, mask, wanted);
        for (unsigned i = 0; i < GV_BLOCK_ROWS; i++) {
            uint32_t sum = 0;
            for (size_t m = 0; m < nibbles; m++)
                sum += fast[16 * m + (codes[16 * m + i % 16] >> (i < 16 ? 0 : 4) & 15)];
            CHECK(got[i] == (-7.5f + terms[i]) + (float)sum * 0.01f, "row %u of %zu by %s", i, nibbles, kernels->name);
        }
    }
}

/* ---- k-means ---- */

static void run_kmeans(GV_KMeans *job, float *centroids)
{
    size_t bytes;
    CHECK(gv_kmeans_room(job, &bytes), "too many");
    job->room = malloc(bytes);
    CHECK(job->room, "no memory");
    memset(job->room, 0xA5, bytes); /* what is in it must not matter */
    gv_kmeans(job, centroids);
    free(job->room);
}

static double error_of(const float *rows, size_t count, const float *centroids, size_t k, size_t n)
{
    double total = 0.0;
    const GV_Kernels *kernels = gv_kernels_select("scalar");
    for (size_t i = 0; i < count; i++) {
        float least = INFINITY;
        for (size_t c = 0; c < k; c++) {
            float far = kernels->l2sq(rows + i * n, centroids + c * n, n);
            if (far < least) least = far;
        }
        total += (double)least;
    }
    return total;
}

static void test_kmeans(size_t count, size_t distinct, uint32_t k, bool is_short)
{
    enum {
        N = 12
    };
    float *rows = make_rows(count, N, 5), *first = malloc(k * N * sizeof *first),
          *other = malloc(k * N * sizeof *other);
    CHECK(first && other, "no memory");
    for (size_t i = distinct; i < count; i++) memcpy(rows + i * N, rows + i % distinct * N, N * sizeof *rows);
    GV_Pool pool;
    CHECK(gv_pool_init(&pool) == 0, "no pool");
    GV_KMeans job = {.kernels = gv_kernels_select("scalar"),
                     .threads = 1,
                     .rows = rows,
                     .count = count,
                     .stride = N,
                     .dimension = N,
                     .k = k,
                     .rounds = 12,
                     .seed = 3,
                     .is_short = is_short};
    run_kmeans(&job, first);
    double error = error_of(rows, count, first, k, N), one = error_of(rows, count, rows, 1, N);
    CHECK(distinct > k ? error < 0.5 * one : error < 1e-6 * one + 1e-9,
          "%zu rows, %zu distinct, %u centroids: error %g", count, distinct, k, error);
    for (size_t i = 0; gv_kernels_at(i); i++) {
        job.kernels = gv_kernels_select(gv_kernels_at(i)->name);
        if (!job.kernels) continue;
        job.threads = 3;
        job.pool = &pool;
        run_kmeans(&job, other);
        CHECK(memcmp(first, other, k * N * sizeof *first) == 0, "%s and three threads differ", job.kernels->name);
    }
    gv_pool_destroy(&pool);
    free(rows);
    free(first);
    free(other);
}

/* ---- a database ---- */

static GV_Database *open_lists(size_t dimension, int distance, uint32_t nbits, uint32_t m, bool rotate,
                               uint32_t threads)
{
    GV_OpenOptions options;
    GV_IVFPQConfig ivfpq;
    GV_Database *db;
    gv_open_options_init(&options);
    gv_ivfpq_config_init(&ivfpq);
    ivfpq.nlist = 32;
    ivfpq.m = m;
    ivfpq.nbits = nbits;
    ivfpq.nprobe = 6;
    ivfpq.rotate = rotate;
    options.index_type = GV_INDEX_TYPE_IVFPQ;
    options.dimension = dimension;
    options.distance = distance;
    options.threads = threads;
    options.ivfpq = &ivfpq;
    CHECK_OK(gv_db_open_with_options(NULL, &options, &db));
    CHECK_OK(gv_db_set_exact_search_threshold(db, 0));
    return db;
}

static void search(GV_Database *db, const float *query, size_t dimension, uint32_t nprobe, uint32_t rerank,
                   const char *filter, GV_Hit *hits, size_t expected)
{
    GV_SearchOptions options;
    uint64_t ids[K];
    float distances[K];
    size_t count;
    gv_search_options_init(&options);
    options.nprobe = nprobe;
    options.rerank = rerank;
    options.filter = filter;
    CHECK_OK(gv_db_search_batch(db, query, 1, dimension, K, &options, ids, distances, &count));
    CHECK(count == expected, "%zu hits, not %zu", count, expected);
    for (size_t i = 0; i < count; i++) hits[i] = (GV_Hit){ids[i], distances[i]};
}

/* Recall, where all is visited and measured 1. */
static double recall(GV_Database *db, const float *queries, size_t dimension, uint32_t nprobe, uint32_t rerank,
                     const char *filter)
{
    size_t same = 0;
    for (size_t q = 0; q < QUERIES; q++) {
        GV_Hit exact[K] = {{0}}, found[K] = {{0}};
        search(db, queries + q * dimension, dimension, 65536, 1 << 20, filter, exact, K);
        search(db, queries + q * dimension, dimension, nprobe, rerank, filter, found, K);
        for (size_t i = 0; i < K; i++)
            for (size_t j = 0; j < K; j++) same += found[i].id == exact[j].id && found[i].distance == exact[j].distance;
    }
    return (double)same / (QUERIES * K);
}

/* Queries that go together find what each finds alone; one of them is zero, and one too large for sums of products. */
static void check_together(GV_Database *db, const float *queries, size_t dimension, uint32_t nprobe, uint32_t rerank,
                           const char *filter)
{
    GV_SearchOptions options;
    uint64_t ids[QUERIES * K];
    float distances[QUERIES * K];
    size_t counts[QUERIES];
    float *asked = malloc(QUERIES * dimension * sizeof *asked);
    CHECK(asked, "no memory");
    memcpy(asked, queries, QUERIES * dimension * sizeof *asked);
    for (size_t i = 0; i < dimension; i++) {
        asked[3 * dimension + i] = 0.0f;
        asked[5 * dimension + i] *= 1e16f;
    }
    gv_search_options_init(&options);
    options.nprobe = nprobe;
    options.rerank = rerank;
    options.filter = filter;
    CHECK_OK(gv_db_search_batch(db, asked, QUERIES, dimension, K, &options, ids, distances, counts));
    for (size_t q = 0; q < QUERIES; q++) {
        GV_Hit alone[K] = {{0}};
        search(db, asked + q * dimension, dimension, nprobe, rerank, filter, alone, counts[q]);
        for (size_t i = 0; i < counts[q]; i++)
            CHECK(alone[i].id == ids[q * K + i] &&
                      memcmp(&alone[i].distance, &distances[q * K + i], sizeof alone[i].distance) == 0,
                  "hit %zu of query %zu is another one beside other queries", i, q);
    }
    free(asked);
}

static void check(GV_Database *db)
{
    GV_CheckReport report = {.struct_size = sizeof report};
    CHECK_OK(gv_db_check(db, &report));
    CHECK(report.faults == 0 && report.reachable == report.rows, "%llu of %llu rows are found",
          (unsigned long long)report.reachable, (unsigned long long)report.rows);
}

static void test_life(size_t dimension, int distance, uint32_t nbits, uint32_t m, bool rotate, double least)
{
    GV_Database *db = open_lists(dimension, distance, nbits, m, rotate, 1);
    GV_Database *other = open_lists(dimension, distance, nbits, m, rotate, 3);
    float *rows = make_rows(ROWS, dimension, 1), *queries = make_rows(QUERIES, dimension, 7);
    GV_Database *both[] = {db, other};
    for (size_t i = 0; i < 2; i++) {
        CHECK_OK(gv_db_add_vectors(both[i], rows, ROWS / 2, dimension));
        CHECK_OK(gv_db_ivfpq_train(both[i], rows, ROWS, dimension));
        CHECK_OK(gv_db_add_vectors(both[i], rows + ROWS / 2 * dimension, ROWS - ROWS / 2, dimension));
        check(both[i]);
    }
    double before = recall(db, queries, dimension, 6, 60, NULL);
    CHECK(before >= least, "recall is %.3f at dimension %zu, metric %d, %u bits", before, dimension, distance, nbits);
    for (size_t i = 0; i < 2; i++) {
        for (uint64_t id = 0; id < ROWS; id += 2) CHECK_OK(gv_db_delete(both[i], &id, 1));
        for (uint64_t id = 1; id < 300; id += 2)
            CHECK_OK(gv_db_update_vector(both[i], id, rows + (id + 500) * dimension, dimension));
        CHECK_OK(gv_db_add_vectors(both[i], rows, 200, dimension));
        check(both[i]);
    }
    for (uint32_t nprobe = 1; nprobe <= 64; nprobe *= 4) check_together(db, queries, dimension, nprobe, 20, NULL);
    double after = recall(db, queries, dimension, 6, 60, NULL);
    CHECK(after >= least, "recall is %.3f after deletes, at dimension %zu, metric %d, %u bits", after, dimension,
          distance, nbits);
    void *bytes, *other_bytes;
    size_t size, other_size;
    CHECK_OK(gv_db_save_to_memory(db, &bytes, &size));
    CHECK_OK(gv_db_save_to_memory(other, &other_bytes, &other_size));
    CHECK(size == other_size && memcmp(bytes, other_bytes, size) == 0, "three threads make another file");
    GV_Database *copy = gv_db_open_from_memory(bytes, size, dimension, GV_INDEX_TYPE_IVFPQ);
    CHECK(copy, "%s", gv_last_error());
    CHECK_OK(gv_db_set_exact_search_threshold(copy, 0));
    check(copy);
    for (size_t q = 0; q < QUERIES; q++) {
        GV_Hit mine[K] = {{0}}, theirs[K] = {{0}};
        search(db, queries + q * dimension, dimension, 3, 12, NULL, mine, K);
        search(copy, queries + q * dimension, dimension, 3, 12, NULL, theirs, K);
        CHECK(memcmp(mine, theirs, sizeof mine) == 0, "the copy answers otherwise");
    }
    gv_free(bytes);
    gv_free(other_bytes);
    for (uint64_t id = 0; id < ROWS + 200; id++) /* down to nothing, and up again */
        if (gv_db_contains(copy, id)) CHECK_OK(gv_db_delete(copy, &id, 1));
    check(copy);
    GV_Hit none[K];
    search(copy, queries, dimension, 3, 12, NULL, none, 0);
    CHECK_OK(gv_db_add_vectors(copy, rows, 50, dimension));
    search(copy, queries, dimension, 1, 1, NULL, none, K);
    check(copy);
    CHECK_OK(gv_db_close(copy));
    CHECK_OK(gv_db_close(db));
    CHECK_OK(gv_db_close(other));
    free(rows);
    free(queries);
}

/* A filter that one row in twenty passes is not starved by few lists. */
static void test_filter(void)
{
    enum {
        N = 16
    };
    GV_Database *db = open_lists(N, GV_DISTANCE_EUCLIDEAN, 4, 8, false, 1);
    float *rows = make_rows(ROWS, N, 1), *queries = make_rows(QUERIES, N, 7);
    for (size_t i = 0; i < ROWS; i++)
        CHECK_OK(gv_db_add_vector_with_metadata(db, rows + i * N, N, "kind", i % 20 == 0 ? "rare" : "common"));
    CHECK_OK(gv_db_ivfpq_train(db, NULL, 0, N));
    double found = recall(db, queries, N, 2, 40, "kind == \"rare\"");
    CHECK(found >= 0.8, "recall is %.3f with a filter", found);
    check_together(db, queries, N, 2, 40, "kind == \"rare\"");
    check_together(db, queries, N, 2, 3000, "kind == \"rare\"");
    CHECK_OK(gv_db_close(db));
    free(rows);
    free(queries);
}

/* Rows so large that products overflow are found all the same, by scans. */
static void test_huge(void)
{
    float rows[8][4], query[4] = {1e18f, -1e18f, 1e18f, 1e18f};
    GV_Hit hits[8];
    GV_Database *db = open_lists(4, GV_DISTANCE_EUCLIDEAN, 4, 2, false, 1);
    for (size_t i = 0; i < 8; i++)
        for (size_t j = 0; j < 4; j++) rows[i][j] = (i + j) % 3 ? 5e18f : -5e18f;
    CHECK_OK(gv_db_ivfpq_train(db, rows[0], 8, 4));
    CHECK_OK(gv_db_add_vectors(db, rows[0], 8, 4));
    size_t count;
    CHECK_OK(gv_db_search(db, query, 4, 8, hits, &count));
    CHECK(count == 8, "%zu hits", count);
    check(db);
    CHECK_OK(gv_db_close(db));
}

int main(void)
{
    for (size_t i = 0; gv_kernels_at(i); i++) {
        const GV_Kernels *kernels = gv_kernels_select(gv_kernels_at(i)->name);
        for (size_t nibbles = 4; kernels && nibbles <= 64; nibbles += 4) test_tables(kernels, nibbles);
    }
    for (int is_short = 0; is_short < 2; is_short++) {
        test_kmeans(2000, 2000, 16, is_short);
        test_kmeans(256, 10, 64, is_short);
        test_kmeans(3, 3, 16, is_short);
        test_kmeans(500, 1, 32, is_short);
    }
    test_kmeans(700, 700, 301, false);
    test_life(32, GV_DISTANCE_EUCLIDEAN, 4, 16, false, 0.85);
    test_life(48, GV_DISTANCE_COSINE, 4, 24, true, 0.85);
    test_life(20, GV_DISTANCE_DOT_PRODUCT, 8, 5, false, 0.6);
    test_life(17, GV_DISTANCE_EUCLIDEAN, 6, 3, false, 0.6);
    test_life(3, GV_DISTANCE_EUCLIDEAN, 4, 8, false, 0.9);
    test_filter();
    test_huge();
    printf("ok\n");
    return 0;
}
