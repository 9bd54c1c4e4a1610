/* sparse_steps.c: the steps whose rows are pairs: {"indices": [...], "values": [...]} in the place of a vector. */
#include "notation.h"
#include "steps.h"

#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

typedef struct SparseRow { /* for free() of both arrays */
    uint32_t *indices;
    float *values;
    size_t count;
} SparseRow;

bool is_sparse_row(const Json *spec) { return spec->kind == JSON_OBJECT && json_get(spec, "indices") != NULL; }

static void free_row(SparseRow *row)
{
    free(row->indices);
    free(row->values);
}

static bool read_row(const Json *spec, SparseRow *row)
{
    Rows values = {0};
    const Json *indices = json_get(spec, "indices"), *given = json_get(spec, "values");
    *row = (SparseRow){0};
    if (indices->kind != JSON_ARRAY || given == NULL || given->kind != JSON_ARRAY) return false;
    if (given->length > 0 && !read_rows(given, given->length, &values)) return false;
    row->values = values.data;
    row->indices = calloc(indices->length + 1, sizeof *row->indices);
    bool good = row->indices != NULL && given->length == indices->length;
    for (const Json *index = indices->first; good && index != NULL; index = index->next) {
        uint64_t number;
        good = read_count(index, &number) && number <= UINT32_MAX;
        if (good) row->indices[row->count++] = (uint32_t)number;
    }
    return good;
}

bool step_add_sparse(Run *run, const Json *step)
{
    SparseRow row;
    GV_PackedMetadata packed = {NULL, 0};
    uint64_t id = UINT64_MAX, expected;
    const Json *wanted = json_get(step, "id");
    bool good = read_row(json_get(step, "add"), &row) && read_metadata(json_get(step, "metadata"), 1, &packed);
    if (!good) {
        run_fail(run, "the case is malformed: add");
    } else {
        const uint64_t starts[2] = {0, row.count};
        GV_SparseRows rows = {1, starts, row.indices, row.values};
        GV_Status status = gv_db_add_sparse(run->db, &rows, packed.bytes != NULL ? &packed : NULL, &id);
        good = run_settle(run, step, status);
        if (good && status == GV_OK && wanted != NULL && (!read_count(wanted, &expected) || id != expected))
            good = run_fail(run, "the row got id %llu", (unsigned long long)id);
    }
    free((void *)packed.bytes);
    free_row(&row);
    return good;
}

bool step_update_sparse(Run *run, const Json *step)
{
    SparseRow row;
    uint64_t id;
    bool good = read_row(json_get(step, "vector"), &row) && read_count(json_get(step, "update_vector"), &id);
    if (!good) run_fail(run, "the case is malformed: update_vector");
    else good = run_settle(run, step, gv_db_update_sparse(run->db, id, row.indices, row.values, row.count));
    free_row(&row);
    return good;
}

static void read_search(const Json *step, GV_SearchOptions *options)
{
    const Json *filter = json_get(step, "filter");
    gv_search_options_init(options);
    options->distance = read_metric(json_get(step, "distance"));
    if (filter != NULL) options->filter = filter->text;
}

/* Settle a call that gave rows, or none, and compare them with `hits`. */
static bool settle_rows(Run *run, const Json *step, const char *call, GV_Status status, const Json *hits,
                        const GV_Rows *rows)
{
    bool good = run_settle(run, step, status);
    if (good && status == GV_OK) good = run_compare_hits(run, call, hits, rows);
    if (status != GV_OK && rows != NULL) good = run_fail(run, "%s failed and gave rows", call);
    return good;
}

bool step_search_sparse(Run *run, const Json *step)
{
    SparseRow row;
    uint64_t k;
    GV_Rows *rows = NULL, *again = NULL;
    GV_SearchOptions options;
    const Json *hits = json_get(step, "hits");
    read_search(step, &options);
    bool good = read_row(json_get(step, "search"), &row) && read_count(json_get(step, "k"), &k);
    if (!good) {
        run_fail(run, "the case is malformed: search");
    } else {
        const uint64_t starts[2] = {0, row.count};
        const GV_SparseRows query = {1, starts, row.indices, row.values};
        GV_Status status = gv_db_search_sparse(run->db, row.indices, row.values, row.count, (size_t)k, &options, &rows);
        good = settle_rows(run, step, "gv_db_search_sparse()", status, hits, rows);
        options.sparse = &query;
        status = gv_db_search_rows(run->db, NULL, 0, (size_t)k, &options, &again);
        good = good && settle_rows(run, step, "gv_db_search_rows()", status, hits, again);
    }
    gv_rows_free(again);
    gv_rows_free(rows);
    free_row(&row);
    return good;
}

bool step_range_search_sparse(Run *run, const Json *step)
{
    SparseRow row;
    GV_SearchOptions options;
    GV_Rows *rows = NULL;
    uint64_t most, total = 0;
    uint32_t bits;
    float radius;
    const Json *wanted = json_get(step, "total");
    read_search(step, &options);
    bool good = read_row(json_get(step, "range_search"), &row) && read_count(json_get(step, "max_results"), &most) &&
                read_distance(json_get(step, "radius"), &bits) && (wanted == NULL || read_count(wanted, &total));
    if (!good) {
        run_fail(run, "the case is malformed: range_search");
    } else {
        const uint64_t starts[2] = {0, row.count};
        const GV_SparseRows query = {1, starts, row.indices, row.values};
        options.sparse = &query;
        memcpy(&radius, &bits, sizeof radius);
        GV_Status status = gv_db_range_search(run->db, NULL, 0, radius, (size_t)most, &options, &rows);
        good = settle_rows(run, step, "gv_db_range_search()", status, json_get(step, "hits"), rows);
        if (good && status == GV_OK && rows->total != total)
            good = run_fail(run, "expected %" PRIu64 " rows within, got %" PRIu64, total, rows->total);
    }
    gv_rows_free(rows);
    free_row(&row);
    return good;
}

/* The rows of each group in turn: they are to be numbered by it. */
static bool compare_groups(const Run *run, const Json *groups, const GV_Rows *rows)
{
    size_t at = 0, number = 0;
    for (const Json *hits = groups->first; hits != NULL; hits = hits->next, number++) {
        GV_Rows part = {.ids = rows->ids + at, .distances = rows->distances + at};
        for (; at < rows->count && rows->groups[at] == number; at++) part.count++;
        if (!run_compare_hits(run, "gv_db_search_groups()", hits, &part)) return false;
    }
    return at == rows->count ? true : run_fail(run, "more groups than %zu", number);
}

bool step_search_groups(Run *run, const Json *step)
{
    SparseRow row;
    GV_SearchOptions options;
    GV_Rows *rows = NULL;
    uint64_t k, size;
    const Json *key = json_get(step, "key"), *groups = json_get(step, "groups");
    read_search(step, &options);
    bool good = read_row(json_get(step, "search_groups"), &row) && read_count(json_get(step, "k"), &k) && key != NULL &&
                read_count(json_get(step, "group_size"), &size) && (groups != NULL || json_get(step, "error") != NULL);
    if (!good) {
        run_fail(run, "the case is malformed: search_groups");
    } else {
        const uint64_t starts[2] = {0, row.count};
        const GV_SparseRows query = {1, starts, row.indices, row.values};
        options.sparse = &query;
        GV_Status status = gv_db_search_groups(run->db, NULL, 0, (size_t)k, key->text, (size_t)size, &options, &rows);
        good = run_settle(run, step, status);
        if (good && status == GV_OK) good = compare_groups(run, groups, rows);
    }
    gv_rows_free(rows);
    free_row(&row);
    return good;
}

typedef struct Batch { /* for free_batch() */
    GV_SparseRows queries;
    uint64_t *starts, *ids;
    uint32_t *indices;
    float *values, *distances;
    size_t *counts;
} Batch;

static void free_batch(Batch *b)
{
    free(b->starts);
    free(b->ids);
    free(b->indices);
    free(b->values);
    free(b->distances);
    free(b->counts);
}

static bool read_batch(const Json *list, size_t k, Batch *b)
{
    size_t count = list->length, pairs = 0;
    for (const Json *spec = list->first; spec != NULL; spec = spec->next)
        if (is_sparse_row(spec)) pairs += json_get(spec, "indices")->length;
    *b = (Batch){.starts = calloc(count + 1, sizeof *b->starts),
                 .ids = calloc(count * k + 1, sizeof *b->ids),
                 .indices = calloc(pairs + 1, sizeof *b->indices),
                 .values = calloc(pairs + 1, sizeof *b->values),
                 .distances = calloc(count * k + 1, sizeof *b->distances),
                 .counts = calloc(count + 1, sizeof *b->counts)};
    if (!b->starts || !b->ids || !b->indices || !b->values || !b->distances || !b->counts) return false;
    b->queries = (GV_SparseRows){count, b->starts, b->indices, b->values};
    size_t i = 0;
    for (const Json *spec = list->first; spec != NULL; spec = spec->next, i++) {
        SparseRow row = {0};
        bool good = is_sparse_row(spec) && read_row(spec, &row);
        for (size_t j = 0; good && j < row.count; j++) {
            b->indices[b->starts[i] + j] = row.indices[j];
            b->values[b->starts[i] + j] = row.values[j];
        }
        b->starts[i + 1] = b->starts[i] + row.count;
        free_row(&row);
        if (!good) return false;
    }
    return true;
}

static bool compare_batch(Run *run, const Json *step, const Batch *b, size_t k)
{
    size_t i = 0;
    for (const Json *hits = json_get(step, "hits")->first; hits != NULL; hits = hits->next, i++) {
        if (i == b->queries.count) return run_fail(run, "the case is malformed: hits");
        const GV_Rows row = {.ids = b->ids + i * k, .distances = b->distances + i * k, .count = b->counts[i]};
        if (!run_compare_hits(run, "gv_db_search_batch()", hits, &row)) return false;
    }
    return i == b->queries.count ? true : run_fail(run, "hits of %zu queries, not of %zu", i, b->queries.count);
}

bool step_search_batch_sparse(Run *run, const Json *step)
{
    GV_SearchOptions options;
    Batch b = {0};
    uint64_t k;
    read_search(step, &options);
    options.threads = (uint32_t)(run->step % 3);
    bool good = read_count(json_get(step, "k"), &k) && read_batch(json_get(step, "search_batch"), (size_t)k, &b) &&
                (json_get(step, "hits") != NULL || json_get(step, "error") != NULL);
    if (!good) {
        run_fail(run, "the case is malformed: search_batch");
    } else {
        options.sparse = &b.queries;
        GV_Status status = gv_db_search_batch(run->db, NULL, b.queries.count, 0, (size_t)k, &options, b.ids,
                                              b.distances, b.counts);
        good = run_settle(run, step, status);
        if (good && status == GV_OK) good = compare_batch(run, step, &b, (size_t)k);
    }
    free_batch(&b);
    return good;
}
