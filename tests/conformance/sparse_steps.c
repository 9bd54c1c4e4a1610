/* sparse_steps.c: the steps whose rows are pairs: {"indices": [...], "values": [...]} in the place of a vector. */
#include "notation.h"
#include "steps.h"
#include <stdlib.h>

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

bool step_search_sparse(Run *run, const Json *step)
{
    SparseRow row;
    uint64_t k;
    GV_Rows *rows = NULL;
    GV_SearchOptions options;
    const Json *filter = json_get(step, "filter");
    gv_search_options_init(&options);
    options.distance = read_metric(json_get(step, "distance"));
    if (filter != NULL) options.filter = filter->text;
    bool good = read_row(json_get(step, "search"), &row) && read_count(json_get(step, "k"), &k);
    if (!good) {
        run_fail(run, "the case is malformed: search");
    } else {
        GV_Status status = gv_db_search_sparse(run->db, row.indices, row.values, row.count, (size_t)k, &options, &rows);
        good = run_settle(run, step, status);
        if (good && status == GV_OK)
            good = run_compare_hits(run, "gv_db_search_sparse()", json_get(step, "hits"), rows);
        if (status != GV_OK && rows != NULL) good = run_fail(run, "a failed search gave rows");
    }
    gv_rows_free(rows);
    free_row(&row);
    return good;
}
