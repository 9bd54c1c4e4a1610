/* query_steps.c: rows written by a key, keys that are declared, and all rows within a radius. */
#include "notation.h"
#include "steps.h"

#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

static bool compare_ids(const Run *run, const Json *list, const uint64_t *ids, size_t count)
{
    const Json *wanted = list != NULL ? list->first : NULL;
    for (size_t i = 0; i < count; i++, wanted = wanted->next) {
        uint64_t expected;
        if (wanted == NULL || !read_count(wanted, &expected)) return run_fail(run, "the case is malformed: ids");
        if (ids[i] != expected)
            return run_fail(run, "row %zu: expected id %" PRIu64 ", got %" PRIu64, i, expected, ids[i]);
    }
    return true;
}

bool step_upsert(Run *run, const Json *step)
{
    Rows rows = {0};
    GV_PackedMetadata packed = {NULL, 0};
    uint64_t *ids = NULL;
    const Json *key = json_get(step, "key");
    bool good = read_rows(json_get(step, "upsert"), run_dimension(run), &rows) && key != NULL &&
                read_metadata(json_get(step, "metadata"), rows.count, &packed) &&
                (ids = calloc(rows.count + 1, sizeof *ids)) != NULL;
    if (!good) {
        run_fail(run, "the case is malformed: upsert");
    } else {
        GV_Status status = rows.count == 1 ? gv_db_upsert(run->db, rows.data, rows.dimension, &packed, key->text, ids)
                                           : gv_db_upsert_many(run->db, rows.data, rows.count, rows.dimension, &packed,
                                                               key->text, ids);
        good = run_settle(run, step, status);
        if (good && status == GV_OK) good = compare_ids(run, json_get(step, "ids"), ids, rows.count);
    }
    free(ids);
    free((void *)packed.bytes);
    free(rows.data);
    return good;
}

bool step_index_keys(Run *run, const Json *step)
{
    const char *keys[80];
    size_t count = 0;
    for (const Json *key = json_get(step, "index_keys")->first; key != NULL && count < 80; key = key->next)
        keys[count++] = key->text;
    return run_settle(run, step, gv_db_index_keys(run->db, keys, count));
}

bool step_indexed_keys(Run *run, const Json *step)
{
    char **keys;
    size_t count, at = 0;
    GV_Status status = gv_db_indexed_keys(run->db, &keys, &count);
    if (!run_settle(run, step, status)) return false;
    const Json *wanted = json_get(step, "indexed_keys")->first;
    for (; wanted != NULL && at < count && strcmp(wanted->text, keys[at]) == 0; wanted = wanted->next) at++;
    bool good = wanted == NULL && at == count;
    if (!good) run_fail(run, "%zu keys are declared, number %zu is \"%s\"", count, at, at < count ? keys[at] : "none");
    gv_free((void *)keys);
    return good;
}

bool step_range_search(Run *run, const Json *step)
{
    if (is_sparse_row(json_get(step, "range_search"))) return step_range_search_sparse(run, step);
    Rows query = {0};
    GV_SearchOptions options;
    GV_Rows *rows = NULL;
    uint64_t most, total = 0;
    uint32_t bits;
    float radius = 0;
    const Json *filter = json_get(step, "filter"), *wanted = json_get(step, "total");
    gv_search_options_init(&options);
    options.distance = read_metric(json_get(step, "distance"));
    if (filter != NULL && filter->kind == JSON_STRING) options.filter = filter->text;
    else if (filter != NULL) options.filter_key = filter->first->text, options.filter_value = filter->first->next->text;
    bool good = read_rows(json_get(step, "range_search"), run_dimension(run), &query) && query.count == 1 &&
                read_count(json_get(step, "max_results"), &most) && read_distance(json_get(step, "radius"), &bits) &&
                (wanted == NULL || read_count(wanted, &total));
    if (!good) {
        run_fail(run, "the case is malformed: range_search");
    } else {
        memcpy(&radius, &bits, sizeof radius);
        GV_Status status = gv_db_range_search(run->db, query.data, query.dimension, radius, (size_t)most, &options,
                                              &rows);
        good = run_settle(run, step, status);
        if (good && status == GV_OK) good = run_compare_hits(run, "gv_db_range_search()", json_get(step, "hits"), rows);
        if (good && status == GV_OK && rows->total != total)
            good = run_fail(run, "expected %" PRIu64 " rows within, got %" PRIu64, total, rows->total);
    }
    gv_rows_free(rows);
    free(query.data);
    return good;
}
