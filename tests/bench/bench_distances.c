/* bench_distances.c: how much a search measures, in distances, which no clock and no neighbour disturbs.
 *
 *   bench_distances DATABASE QUERIES.npy K EF ...      one object of JSON: for each ef what a query took on average
 *
 * The linker puts __wrap_gv_kernels_select() in the place of the function that chooses the kernels (CMakeLists.txt), so
 * that a database opened here measures by kernels that count: "codes" are rows measured by their 7-bit code, "bits" the
 * neighbours estimated by 1-bit codes, "rows" distances of whole f32 rows (a query's own norm among them). */
#include "kernels/kernels.h"
#include <gigavector.h>
#include <inttypes.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum {
    BLOCK = 32, /* neighbours that one scan_block estimates */
    HEADER_MAX = 4096
};

/* ---- kernels that count: searches here are of one thread ---- */

static struct {
    uint64_t codes, bits, rows;
} counted;
static const GV_Kernels *real;
static GV_Kernels counting;

const GV_Kernels *__real_gv_kernels_select(const char *wanted);
const GV_Kernels *__wrap_gv_kernels_select(const char *wanted);

static float l2sq(const float *a, const float *b, size_t n) { return counted.rows++, real->l2sq(a, b, n); }
static float dot(const float *a, const float *b, size_t n) { return counted.rows++, real->dot(a, b, n); }
static float l1(const float *a, const float *b, size_t n) { return counted.rows++, real->l1(a, b, n); }

static void l2sq_many(const float *const *rows, size_t row_count, const float *const *queries, size_t query_count,
                      size_t n, float *out)
{
    counted.rows += row_count * query_count;
    real->l2sq_many(rows, row_count, queries, query_count, n, out);
}

static void dot_many(const float *const *rows, size_t row_count, const float *const *queries, size_t query_count,
                     size_t n, float *out)
{
    counted.rows += row_count * query_count;
    real->dot_many(rows, row_count, queries, query_count, n, out);
}

static int32_t dot_i8(const uint8_t *u, const int8_t *q, size_t n) { return counted.codes++, real->dot_i8(u, q, n); }

static void dots_i8(const uint8_t *const *rows, size_t count, const int8_t *q, size_t n, int32_t *dots)
{
    counted.codes += count;
    real->dots_i8(rows, count, q, n, dots);
}

static uint32_t scan_block(const uint8_t *codes, const uint8_t *tables, size_t n, int limit, const float *A,
                           const float *F, float base, float step, float bound, float *estimates)
{
    counted.bits += BLOCK;
    return real->scan_block(codes, tables, n, limit, A, F, base, step, bound, estimates);
}

const GV_Kernels *__wrap_gv_kernels_select(const char *wanted)
{
    real = __real_gv_kernels_select(wanted);
    if (!real) return NULL;
    counting = *real;
    counting.l2sq = l2sq;
    counting.dot = dot;
    counting.l1 = l1;
    counting.l2sq_many = l2sq_many;
    counting.dot_many = dot_many;
    counting.dot_i8 = dot_i8;
    counting.dots_i8 = dots_i8;
    counting.scan_block = scan_block;
    return &counting;
}

/* ---- the work ---- */

static void give_up(const char *what, const char *why)
{
    fprintf(stderr, "%s: %s\n", what, why);
    exit(1);
}

static void need(int status, const char *what)
{
    if (status != GV_OK) give_up(what, gv_last_error());
}

static void *space(size_t count, size_t size)
{
    void *memory = calloc(count, size);
    if (!memory) give_up("calloc", "no memory");
    return memory;
}

/* The floats of a .npy file as NumPy writes it (format 1, little-endian, C order), and their number. */
static float *read_floats(const char *path, size_t *count)
{
    unsigned char head[10];
    char text[HEADER_MAX] = {0};
    FILE *file = fopen(path, "rb");
    if (!file || fread(head, 1, sizeof head, file) != sizeof head) give_up(path, "cannot be read");
    size_t length = head[8] + 256u * head[9];
    if (length >= sizeof text || fread(text, 1, length, file) != length) give_up(path, "no .npy header");
    if (!strstr(text, "'<f4'") || !strstr(text, "'fortran_order': False")) give_up(path, "not float32 in C order");
    long start = ftell(file);
    if (fseek(file, 0, SEEK_END) != 0) give_up(path, "cannot be read");
    *count = (size_t)(ftell(file) - start) / sizeof(float);
    float *floats = space(*count, sizeof *floats);
    if (fseek(file, start, SEEK_SET) != 0 || fread(floats, sizeof *floats, *count, file) != *count)
        give_up(path, "is too short");
    fclose(file);
    return floats;
}

int main(int argc, char **argv)
{
    if (argc < 5) {
        fputs("usage: bench_distances DATABASE QUERIES.npy K EF ...\n", stderr);
        return 2;
    }
    GV_OpenOptions open_options;
    gv_open_options_init(&open_options);
    open_options.read_only = 1;
    GV_Database *db;
    need(gv_db_open_with_options(argv[1], &open_options, &db), argv[1]);
    GV_DatabaseInfo info = {.struct_size = sizeof info};
    need(gv_db_get_info(db, &info), "info");

    size_t floats, k = strtoul(argv[3], NULL, 10);
    float *queries = read_floats(argv[2], &floats);
    size_t count = floats / info.dimension;
    if (count == 0 || k == 0) give_up(argv[2], "nothing to ask");
    uint64_t *ids = space(count * k, sizeof *ids);
    float *distances = space(count * k, sizeof *distances);
    for (int i = 4; i < argc; i++) {
        GV_SearchOptions options;
        gv_search_options_init(&options);
        options.ef_search = (uint32_t)strtoul(argv[i], NULL, 10);
        memset(&counted, 0, sizeof counted);
        need(gv_db_search_batch(db, queries, count, info.dimension, k, &options, ids, distances, NULL), "search");
        printf("%s\"%s\": {\"codes\": %.2f, \"bits\": %.2f, \"rows\": %.2f}", i == 4 ? "{" : ",\n ", argv[i],
               (double)counted.codes / (double)count, (double)counted.bits / (double)count,
               (double)counted.rows / (double)count);
    }
    puts("}");
    free(queries);
    free(ids);
    free(distances);
    need(gv_db_close(db), "close");
    return 0;
}
