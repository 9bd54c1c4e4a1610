/* bench_serve.c: what a program that serves searches sees: how long a search takes while others write beside it, and how long a file takes to open after a clean close and after its writer was killed.
 *
 *   bench_serve latency FOLDER [rows] [dimension]      p50 and p99 alone, and beside an add, deletes, checkpoints, a compaction
 *   bench_serve open FOLDER [rows] [dimension]         open times, and the first 100 queries after each */
#define _GNU_SOURCE
#include <gigavector.h>
#include <pthread.h>
#include <signal.h>
#include <stdatomic.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

static void need(int status, const char *what)
{
    if (status == GV_OK) return;
    fprintf(stderr, "%s: %s: %s\n", what, gv_status_name(status), gv_last_error());
    exit(1);
}

static double now_us(void)
{
    struct timespec t;
    clock_gettime(CLOCK_MONOTONIC, &t);
    return (double)t.tv_sec * 1e6 + (double)t.tv_nsec / 1e3;
}

/* Rows around 500 centres: a walk has something to find. */
static float *make_rows(size_t count, size_t dimension, uint64_t seed)
{
    float *rows = malloc(count * dimension * sizeof *rows);
    if (!rows) exit(1);
    for (size_t i = 0; i < count; i++) {
        uint64_t centre = (i * 2654435761u) % 500, x = (i + 1) * 0x9E3779B97F4A7C15u + seed,
                 c = centre * 0x9E3779B97F4A7C15u;
        for (size_t j = 0; j < dimension; j++) {
            x = x * 6364136223846793005u + 1442695040888963407u;
            c = c * 6364136223846793005u + 1442695040888963407u;
            rows[i * dimension + j] = (float)(int32_t)(c >> 32) / 2e9f + (float)(int32_t)(x >> 32) / 4e9f;
        }
    }
    return rows;
}

static GV_Database *open_file(const char *path, size_t dimension, bool map)
{
    GV_OpenOptions options;
    gv_open_options_init(&options);
    options.dimension = dimension;
    options.index_type = GV_INDEX_TYPE_HNSW;
    options.distance = GV_DISTANCE_COSINE;
    options.memory_map = map;
    GV_Database *db;
    need(gv_db_open_with_options(path, &options, &db), "open");
    return db;
}

/* ---- latency ---- */

typedef struct Searcher {
    GV_Database *db;
    const float *queries;
    size_t dimension, query_count;
    double *times; /* [capacity], in microseconds */
    size_t count, capacity;
    atomic_bool stop;
} Searcher;

static void *search_on(void *context)
{
    Searcher *s = context;
    GV_Hit hits[10];
    size_t n;
    s->count = 0;
    while (!s->stop && s->count < s->capacity) {
        double start = now_us();
        need(gv_db_search(s->db, s->queries + (s->count % s->query_count) * s->dimension, s->dimension, 10, hits, &n),
             "search");
        s->times[s->count++] = now_us() - start;
    }
    return NULL;
}

static int by_value(const void *a, const void *b)
{
    double x = *(const double *)a, y = *(const double *)b;
    return (x > y) - (x < y);
}

static double report(Searcher *s, const char *what, double alone)
{
    qsort(s->times, s->count, sizeof *s->times, by_value);
    double p99 = s->times[s->count * 99 / 100];
    printf("%-34s %7zu searches  p50 %8.1f us  p99 %8.1f us  worst %8.1f us", what, s->count, s->times[s->count / 2],
           p99, s->times[s->count - 1]);
    if (alone > 0) printf("  p99 %.2f times alone", p99 / alone);
    putchar('\n');
    fflush(stdout);
    return p99;
}

static void beside(Searcher *s, void (*work)(GV_Database *, const float *, size_t, size_t), const float *rows,
                   size_t count, const char *what, double alone)
{
    pthread_t thread;
    s->stop = false;
    if (pthread_create(&thread, NULL, search_on, s) != 0) exit(1);
    work(s->db, rows, count, s->dimension);
    s->stop = true;
    pthread_join(thread, NULL);
    report(s, what, alone);
}

static void add_all(GV_Database *db, const float *rows, size_t count, size_t dimension)
{
    need(gv_db_add(db, rows, count, dimension, NULL, NULL), "add");
}

static void checkpoints(GV_Database *db, const float *rows, size_t count, size_t dimension)
{
    (void)rows;
    (void)dimension;
    for (size_t i = 0; i < count; i++) need(gv_db_save(db, NULL), "save");
}

/* The last `count` rows, a hundred a call. */
static void delete_last(GV_Database *db, const float *rows, size_t count, size_t dimension)
{
    enum {
        A_CALL = 100
    };
    uint64_t ids[A_CALL], end = gv_db_count(db);
    (void)rows;
    (void)dimension;
    for (uint64_t id = end - count; id < end; id += A_CALL) {
        for (uint64_t i = 0; i < A_CALL; i++) ids[i] = id + i;
        need(gv_db_delete(db, ids, A_CALL), "delete");
    }
}

static void compact(GV_Database *db, const float *rows, size_t count, size_t dimension)
{
    (void)rows;
    (void)count;
    (void)dimension;
    need(gv_db_compact(db), "compact");
}

static void wait_a_while(GV_Database *db, const float *rows, size_t count, size_t dimension)
{
    (void)db;
    (void)rows;
    (void)dimension;
    sleep((unsigned)count);
}

static void latency(const char *folder, size_t rows, size_t dimension)
{
    char path[4096];
    snprintf(path, sizeof path, "%s/latency.gv", folder);
    unlink(path);
    float *data = make_rows(rows + 20000 + 1000, dimension, 1);
    GV_Database *db = open_file(path, dimension, false);
    need(gv_db_add(db, data, rows, dimension, NULL, NULL), "add");
    Searcher s = {.db = db,
                  .queries = data + (rows + 20000) * dimension,
                  .dimension = dimension,
                  .query_count = 1000,
                  .capacity = 1 << 22};
    s.times = malloc(s.capacity * sizeof *s.times);
    if (!s.times) exit(1);
    pthread_t thread;
    s.capacity = 20000;
    if (pthread_create(&thread, NULL, search_on, &s) != 0) exit(1);
    wait_a_while(db, NULL, 0, 0);
    pthread_join(thread, NULL);
    double alone = report(&s, "alone", 0);
    s.capacity = 1 << 22;
    beside(&s, add_all, data + rows * dimension, 20000, "while one call adds 20,000 rows", alone);
    beside(&s, delete_last, NULL, 20000, "while 200 calls delete these", alone);
    beside(&s, checkpoints, NULL, 20, "while 20 checkpoints run", alone);
    beside(&s, compact, NULL, 0, "while the database is compacted", alone);
    need(gv_db_close(db), "close");
    unlink(path);
    free(s.times);
    free(data);
}

/* ---- open ---- */

/* Queries near rows from all over the file. */
static void time_open(const char *path, size_t dimension, bool map, const char *what, const float *rows, size_t count)
{
    enum {
        QUERIES = 100
    };
    GV_DatabaseInfo info = {.struct_size = sizeof info};
    GV_Hit hits[10];
    size_t n;
    double start = now_us(), searched = 0;
    GV_Database *db = open_file(path, dimension, map);
    double opened = now_us();
    for (size_t i = 0; i < QUERIES; i++) {
        need(gv_db_search(db, rows + i * (count / QUERIES) * dimension, dimension, 10, hits, &n), "search");
        if (i == 0) searched = now_us();
    }
    double ended = now_us();
    need(gv_db_get_info(db, &info), "info");
    printf("%-24s open %8.1f ms, first search %6.2f ms, first %d %7.1f ms, memory %7.1f MiB, %llu rows, %llu groups "
           "replayed, log %.1f MiB\n",
           what, (opened - start) / 1e3, (searched - opened) / 1e3, QUERIES, (ended - opened) / 1e3,
           (double)info.memory_bytes / 1048576.0, (unsigned long long)info.count,
           (unsigned long long)info.recovered_groups, (double)info.log_bytes / 1048576.0);
    fflush(stdout);
    need(gv_db_close(db), "close");
}

static void open_times(const char *folder, size_t rows, size_t dimension)
{
    char path[4096], copy[4200], command[9000];
    snprintf(path, sizeof path, "%s/open.gv", folder);
    snprintf(copy, sizeof copy, "%s.copy", path);
    unlink(path);
    float *data = make_rows(rows, dimension, 2);
    fflush(stdout);
    pid_t child = fork();
    if (child == 0) { /* the writer: it is killed when everything is acknowledged, before it can close */
        GV_OpenOptions options;
        gv_open_options_init(&options);
        options.dimension = dimension;
        options.index_type = GV_INDEX_TYPE_HNSW;
        options.distance = GV_DISTANCE_COSINE;
        options.durability = GV_DURABILITY_OS;
        GV_Database *db;
        need(gv_db_open_with_options(path, &options, &db), "open");
        for (size_t i = 0; i < rows; i += 1000)
            need(gv_db_add(db, data + i * dimension, rows - i < 1000 ? rows - i : 1000, dimension, NULL, NULL), "add");
        raise(SIGKILL);
    }
    int status;
    if (child < 0 || waitpid(child, &status, 0) != child || !WIFSIGNALED(status)) exit(1);
    snprintf(command, sizeof command, "cp '%s' '%s'", path, copy);
    if (system(command) != 0) exit(1);
    time_open(copy, dimension, true, "mapped, writer killed", data, rows);
    time_open(path, dimension, false, "writer killed", data, rows);
    time_open(path, dimension, false, "clean close", data, rows);
    time_open(path, dimension, true, "clean close, mapped", data, rows);
    unlink(path);
    unlink(copy);
    free(data);
}

int main(int argc, char **argv)
{
    size_t rows = argc > 3 ? strtoul(argv[3], NULL, 10) : 0, dimension = argc > 4 ? strtoul(argv[4], NULL, 10) : 384;
    if (argc > 2 && strcmp(argv[1], "latency") == 0) latency(argv[2], rows ? rows : 40000, dimension);
    else if (argc > 2 && strcmp(argv[1], "open") == 0) open_times(argv[2], rows ? rows : 100000, dimension);
    else {
        fprintf(stderr, "usage: bench_serve latency|open FOLDER [rows] [dimension]\n");
        return 2;
    }
    return 0;
}
