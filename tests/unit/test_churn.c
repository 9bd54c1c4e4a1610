/* test_churn.c: without it an index could rot as rows come and go: ten turnovers of all rows, oldest first and at random, and then as good,
 * as whole and as small as one that is built from the rows that are left. */
#include "base/random.h"
#include "packed.h"
#include <stdlib.h>

enum {
    DIMENSION = 32,
    ROWS = 2000,
    PART = 100, /* rows that go and come at a time */
#if defined(__SANITIZE_ADDRESS__) || defined(__SANITIZE_THREAD__)
    TURNOVERS = 2, /* these are ten times as slow */
#else
    TURNOVERS = 10,
#endif
    QUERIES = 200,
    K = 10
};

typedef struct Figures {
    double recall;
    uint64_t reachable;
    size_t memory, image;
} Figures;

/* Clustered, as embeddings are. */
static void make_row(float *row, uint64_t seed)
{
    uint64_t cluster = gv_mix64(seed) % 40;
    for (uint64_t i = 0; i < DIMENSION; i++)
        row[i] = (float)(gv_random(cluster + 1000000, i) % 2001) / 1000.0f +
                 (float)(gv_random(seed, i) % 601) / 1000.0f;
}

static void add_rows(GV_Database *db, uint64_t from, const uint64_t *seeds, size_t count)
{
    float *rows = malloc(count * DIMENSION * sizeof *rows);
    CHECK(rows, "no memory");
    for (size_t i = 0; i < count; i++) make_row(rows + i * DIMENSION, seeds ? seeds[i] : from + i);
    CHECK_OK(gv_db_add_vectors(db, rows, count, DIMENSION));
    free(rows);
}

/* Hits of the walk among those of the scan. */
static double recall_of(GV_Database *db)
{
    size_t found = 0;
    for (uint64_t q = 0; q < QUERIES; q++) {
        float query[DIMENSION];
        GV_Hit walked[K], exact[K];
        size_t count;
        make_row(query, 5000000 + q);
        CHECK_OK(gv_db_set_exact_search_threshold(db, ROWS));
        CHECK_OK(gv_db_search(db, query, DIMENSION, K, exact, &count));
        CHECK_OK(gv_db_set_exact_search_threshold(db, 0));
        CHECK_OK(gv_db_search(db, query, DIMENSION, K, walked, &count));
        CHECK(count == K, "%zu hits", count);
        for (size_t i = 0; i < K; i++) found += walked[i].distance <= exact[K - 1].distance;
    }
    return (double)found / (QUERIES * K);
}

static Figures figures_of(GV_Database *db)
{
    void *bytes;
    Figures f = {.memory = gv_db_get_memory_usage(db)};
    GV_CheckReport report = {.struct_size = sizeof report};
    CHECK_OK(gv_db_check(db, &report));
    CHECK(report.rows == ROWS, "%llu rows", (unsigned long long)report.rows);
    f.reachable = report.reachable;
    f.recall = recall_of(db);
#ifndef __EMSCRIPTEN__ /* a handle on memory belongs to the host's file system, which these tests do not have */
    CHECK_OK(gv_db_save_to_memory(db, &bytes, &f.image));
    gv_free(bytes);
#else
    (void)bytes;
#endif
    return f;
}

static void tell(const char *what, Figures f)
{
    printf("%-22s recall@10 %.4f, %llu of %d rows reachable, %zu bytes in memory, image of %zu\n", what, f.recall,
           (unsigned long long)f.reachable, ROWS, f.memory, f.image);
    fflush(stdout);
}

static void turn_over(GV_DistanceType distance, bool oldest_first, const char *name)
{
    GV_Database *db = open_in_memory(DIMENSION, GV_INDEX_TYPE_HNSW, distance);
    static uint64_t live[ROWS + PART]; /* ids, and the seeds of their rows */
    Figures first = {0}, last = {0};
    uint64_t next = ROWS;
    add_rows(db, 0, NULL, ROWS);
    for (uint64_t i = 0; i < ROWS; i++) live[i] = i;
    for (int turn = 0; turn < TURNOVERS; turn++) {
        for (int part = 0; part < ROWS / PART; part++) {
            uint64_t gone[PART];
            for (size_t i = 0, left = ROWS; i < PART; i++, left--) {
                size_t at = oldest_first ? 0 : (size_t)(gv_random(next, i) % left);
                gone[i] = live[at];
                memmove(live + at, live + at + 1, (left - at - 1) * sizeof *live);
            }
            CHECK_OK(gv_db_delete(db, gone, PART));
            add_rows(db, next, NULL, PART);
            for (size_t i = 0; i < PART; i++) live[ROWS - PART + i] = next++;
        }
        last = figures_of(db);
        if (turn == 0) first = last;
    }
    tell(name, first);
    tell("  ten turnovers on", last);
    GV_Database *fresh = open_in_memory(DIMENSION, GV_INDEX_TYPE_HNSW, distance);
    add_rows(fresh, 0, live, ROWS);
    Figures best = figures_of(fresh);
    tell("  the same rows, new", best);
    CHECK(last.recall >= best.recall - 0.01, "recall %.4f, built anew %.4f", last.recall, best.recall);
    CHECK(last.reachable == ROWS, "%llu rows are reachable", (unsigned long long)last.reachable);
    CHECK(last.memory <= first.memory + first.memory / 50, "%zu bytes, after one turnover %zu", last.memory,
          first.memory);
    CHECK(last.image <= first.image + first.image / 50, "an image of %zu, after one turnover %zu", last.image,
          first.image);
    CHECK_OK(gv_db_close(db));
    CHECK_OK(gv_db_close(fresh));
}

int main(void)
{
    turn_over(GV_DISTANCE_EUCLIDEAN, true, "oldest first");
    turn_over(GV_DISTANCE_EUCLIDEAN, false, "at random");
    turn_over(GV_DISTANCE_COSINE, false, "at random, cosine");
    return 0;
}
