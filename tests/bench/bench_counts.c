/* bench_counts.c: fixed work whose counts must not grow unnoticed. Times differ from run to run; what is counted here is
 * the same on every machine and every kernel, so counts.py compares it with baseline.json to the last digit.
 *
 *   bench_counts [KERNELS [ROWS [SET]]]      one object of JSON: set.name: count
 *
 * Under callgrind, counts.py reads what the functions work_*() took: they are the phases, and stay calls. */
#include <gigavector.h>
#include <inttypes.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define PHASE __attribute__((noinline)) /* and not static: it has a name in the profile */

enum {
    K = 10,
    QUERIES = 200,
    ROWS = 4000,
    CLUSTERS = 40
};

typedef struct Work {
    const char *name;
    size_t dimension, rows;
    GV_DistanceType distance;
    bool hybrid;
    float *base, *queries; /* [rows, dimension], [QUERIES, dimension] */
    uint64_t *truth;       /* [QUERIES, K] */
} Work;

static const uint32_t EFS[] = {16, 50, 100};
enum {
    EF_COUNT = sizeof EFS / sizeof *EFS
};

void work_build(GV_Database *db, const Work *work);
void work_search(GV_Database *db, const Work *work, uint32_t ef, uint64_t *ids);
void work_delete(GV_Database *db, const Work *work);
void work_scan(GV_Database *flat, Work *work);

static void need(int status, const char *what)
{
    if (status == GV_OK) return;
    fprintf(stderr, "%s: %s: %s\n", what, gv_status_name(status), gv_last_error());
    exit(1);
}

static void *space(size_t count, size_t size)
{
    void *memory = calloc(count, size);
    if (!memory) {
        fprintf(stderr, "no memory for %zu times %zu bytes\n", count, size);
        exit(1);
    }
    return memory;
}

/* ---- the data: sums of uniform integers, so that no libm and no rounding decides ---- */

static uint64_t next_random(uint64_t *state) /* splitmix64 */
{
    uint64_t x = *state += UINT64_C(0x9E3779B97F4A7C15);
    x = (x ^ (x >> 30)) * UINT64_C(0xBF58476D1CE4E5B9);
    x = (x ^ (x >> 27)) * UINT64_C(0x94D049BB133111EB);
    return x ^ (x >> 31);
}

static int32_t bell(uint64_t *state) /* about normal, sd 149 */
{
    uint64_t x = next_random(state);
    int32_t sum = 0;
    for (int i = 0; i < 4; i++) sum += (int32_t)(x >> (16 * i) & 255);
    return sum - 510;
}

static void fill(float *rows, size_t count, size_t dimension, const int32_t *centres, uint64_t *state)
{
    for (size_t i = 0; i < count; i++) {
        const int32_t *centre = centres + next_random(state) % CLUSTERS * dimension;
        for (size_t j = 0; j < dimension; j++)
            rows[i * dimension + j] = (float)(2 * centre[j] + 5 * bell(state)) / 1024;
    }
}

static void make_data(Work *work)
{
    uint64_t state = work->dimension;
    int32_t *centres = space(CLUSTERS * work->dimension, sizeof *centres);
    for (size_t i = 0; i < CLUSTERS * work->dimension; i++) centres[i] = bell(&state);
    work->base = space(work->rows * work->dimension, sizeof *work->base);
    work->queries = space(QUERIES * work->dimension, sizeof *work->queries);
    work->truth = space((size_t)QUERIES * K, sizeof *work->truth);
    fill(work->base, work->rows, work->dimension, centres, &state);
    fill(work->queries, QUERIES, work->dimension, centres, &state);
    free(centres);
}

/* ---- the phases ---- */

/* NULL if this library has no such index. */
static GV_Database *open_index(const Work *work, GV_IndexType type, const char *kernels)
{
    GV_HNSWConfig config;
    gv_hnsw_config_init(&config);
    config.use_binary_quant = work->hybrid;
    GV_OpenOptions options;
    gv_open_options_init(&options);
    options.threads = 1; /* instructions are counted by the caller */
    options.index_type = type;
    options.dimension = work->dimension;
    options.distance = work->distance;
    options.kernels = kernels;
    if (type == GV_INDEX_TYPE_HNSW) options.hnsw = &config;
    GV_Database *db;
    GV_Status status = gv_db_open_with_options(NULL, &options, &db);
    if (status == GV_ERR_UNSUPPORTED && work->hybrid) return NULL;
    need(status, "open");
    need(gv_db_set_exact_search_threshold(db, 0), "set_exact_search_threshold");
    return db;
}

static void add(GV_Database *db, const Work *work)
{
    need(gv_db_add(db, work->base, work->rows, work->dimension, NULL, NULL), "add");
}

static void search(GV_Database *db, const Work *work, uint32_t ef, uint64_t *ids)
{
    static float distances[QUERIES * K];
    GV_SearchOptions options;
    gv_search_options_init(&options);
    options.ef_search = ef;
    need(gv_db_search_batch(db, work->queries, QUERIES, work->dimension, K, &options, ids, distances, NULL), "search");
}

PHASE void work_build(GV_Database *db, const Work *work) { add(db, work); }

PHASE void work_search(GV_Database *db, const Work *work, uint32_t ef, uint64_t *ids) { search(db, work, ef, ids); }

PHASE void work_scan(GV_Database *flat, Work *work) { search(flat, work, 0, work->truth); }

PHASE void work_delete(GV_Database *db, const Work *work)
{
    for (uint64_t id = 0; id < work->rows; id += 4) need(gv_db_delete(db, &id, 1), "delete");
}

/* ---- the counts ---- */

static const char *separator = "{\n";

static void print_count(const Work *work, const char *name, uint64_t count)
{
    printf("%s  \"%s.%s\": %" PRIu64, separator, work->name, name, count);
    separator = ",\n";
}

static void print_search(GV_Database *db, const Work *work, const char *when)
{
    static uint64_t ids[QUERIES * K];
    for (size_t e = 0; e < EF_COUNT; e++) {
        work_search(db, work, EFS[e], ids);
        uint64_t found = 0, sum = 0; /* the sum changes with any hit and any order: equal kernels, equal sums */
        for (size_t i = 0; i < (size_t)QUERIES * K; i++) {
            sum = sum * 31 + ids[i];
            for (size_t j = 0; j < K; j++) found += ids[i] == work->truth[i / K * K + j];
        }
        char name[64];
        snprintf(name, sizeof name, "%shits_ef_%" PRIu32, when, EFS[e]);
        print_count(work, name, found);
        snprintf(name, sizeof name, "%schecksum_ef_%" PRIu32, when, EFS[e]);
        print_count(work, name, sum & UINT32_MAX);
        /* What the walks did (nodes expanded, rows measured) is printed here, once the index counts it. */
    }
}

static void print_sizes(GV_Database *db, const Work *work)
{
    void *bytes;
    size_t size_bytes;
    print_count(work, "memory_bytes", gv_db_get_memory_usage(db));
    need(gv_db_save_to_memory(db, &bytes, &size_bytes), "save");
    print_count(work, "file_bytes", size_bytes);
    gv_free(bytes);
}

static void run(Work *work, const char *kernels)
{
    GV_Database *db = open_index(work, GV_INDEX_TYPE_HNSW, kernels);
    if (!db) return; /* counts.py asks for every count of the baseline, so this cannot pass unseen */
    make_data(work);
    work->hybrid = false; /* of the scan below there is one kind only */
    GV_Database *flat = open_index(work, GV_INDEX_TYPE_FLAT, kernels);
    add(flat, work);
    work_scan(flat, work);

    work_build(db, work);
    print_sizes(db, work);
    print_search(db, work, "");
    work_delete(db, work);
    work_delete(flat, work);
    search(flat, work, 0, work->truth);
    print_search(db, work, "deleted_");
    need(gv_db_close(db), "close");
    need(gv_db_close(flat), "close");
    free(work->base);
    free(work->queries);
    free(work->truth);
}

int main(int argc, char **argv)
{
    const char *kernels = argc > 1 && strcmp(argv[1], "best") != 0 ? argv[1] : NULL;
    size_t rows = argc > 2 ? strtoul(argv[2], NULL, 10) : ROWS;
    if (rows < 2 * (size_t)K) {
        fprintf(stderr, "at least %d rows are needed, got %zu\n", 2 * K, rows);
        return 2;
    }
    Work works[] = {
        {.name = "l2_128", .dimension = 128, .rows = rows, .distance = GV_DISTANCE_EUCLIDEAN},
        {.name = "cosine_384", .dimension = 384, .rows = rows / 2, .distance = GV_DISTANCE_COSINE},
        {.name = "hybrid_l2_128", .dimension = 128, .rows = rows, .distance = GV_DISTANCE_EUCLIDEAN, .hybrid = true},
        {.name = "hybrid_cosine_384",
         .dimension = 384,
         .rows = rows / 2,
         .distance = GV_DISTANCE_COSINE,
         .hybrid = true},
    };
    for (size_t i = 0; i < sizeof works / sizeof *works; i++)
        if (argc < 4 || strcmp(argv[3], works[i].name) == 0) run(&works[i], kernels);
    puts(separator[0] == '{' ? "{}" : "\n}");
    return 0;
}
