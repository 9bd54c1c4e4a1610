/* bench_calls.c: what a call costs inside C, on a database so small that the search itself is next to nothing: what
 * bench_overhead.py takes off the times it sees from Python. Prints one line of JSON, in nanoseconds a call.
 *
 *   bench_calls DIMENSION ROWS K QUERIES... */
#define _POSIX_C_SOURCE 200809L
#include <gigavector.h>
#include <stdio.h>
#include <stdlib.h>
#include <time.h>

enum {
    PASSES = 15
};

static void need(int status)
{
    if (status == GV_OK) return;
    fprintf(stderr, "%s: %s\n", gv_status_name(status), gv_last_error());
    exit(1);
}

static double now_ns(void)
{
    struct timespec t;
    clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &t);
    return (double)t.tv_sec * 1e9 + (double)t.tv_nsec;
}

static float *numbers(size_t count)
{
    float *values = malloc(count * sizeof *values);
    if (!values) exit(1);
    for (size_t i = 0; i < count; i++) values[i] = (float)(i * 2654435761u % 1000) / 1000.0f;
    return values;
}

static double time_batch(GV_Database *db, const float *queries, size_t count, size_t dimension, size_t k)
{
    uint64_t *ids = malloc(count * k * sizeof *ids);
    float *distances = malloc(count * k * sizeof *distances);
    double best = 1e18;
    size_t rounds = 2000 / count + 1;
    if (!ids || !distances) exit(1);
    for (int pass = 0; pass < PASSES; pass++) {
        double start = now_ns();
        for (size_t i = 0; i < rounds; i++)
            need(gv_db_search_batch(db, queries, count, dimension, k, NULL, ids, distances, NULL));
        double took = (now_ns() - start) / (double)rounds;
        if (took < best) best = took;
    }
    free(ids);
    free(distances);
    return best;
}

static double time_rows(GV_Database *db, const float *query, size_t dimension, size_t k)
{
    double best = 1e18;
    for (int pass = 0; pass < PASSES; pass++) {
        double start = now_ns();
        for (int i = 0; i < 2000; i++) {
            GV_Rows *rows;
            need(gv_db_search_rows(db, query, dimension, k, NULL, &rows));
            gv_rows_free(rows);
        }
        double took = (now_ns() - start) / 2000;
        if (took < best) best = took;
    }
    return best;
}

int main(int argc, char **argv)
{
    if (argc < 5) {
        fprintf(stderr, "usage: bench_calls DIMENSION ROWS K QUERIES...\n");
        return 2;
    }
    size_t dimension = strtoul(argv[1], NULL, 10), rows = strtoul(argv[2], NULL, 10), k = strtoul(argv[3], NULL, 10);
    GV_Database *db = gv_db_open(NULL, dimension, GV_INDEX_TYPE_FLAT);
    float *data = numbers(rows * dimension);
    if (!db) need(gv_last_status());
    for (size_t i = 0; i < rows; i++) {
        static const char *const keys[] = {"title", "lang"}, *const values[] = {"A title of some length", "en"};
        need(gv_db_add_vector_with_rich_metadata(db, data + i * dimension, dimension, keys, values, 2));
    }
    printf("{\"rows\": %.0f", time_rows(db, data, dimension, k));
    for (int i = 4; i < argc; i++) {
        size_t count = strtoul(argv[i], NULL, 10);
        float *queries = numbers(count * dimension);
        printf(", \"%zu\": %.0f", count, time_batch(db, queries, count, dimension, k));
        free(queries);
    }
    puts("}");
    free(data);
    return gv_db_close(db) == GV_OK ? 0 : 1;
}
