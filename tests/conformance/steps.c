/* steps.c: the steps that open, write and look up; search_steps.c has the searches.
 *
 * Where the library offers a call in several forms, the number of the step decides which one is used: they must leave
 * the same bytes. */
#include "steps.h"

#include "api/db.h"
#include "notation.h"
#include <inttypes.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

bool run_fail(const Run *run, const char *format, ...)
{
    va_list arguments;
    va_start(arguments, format);
    fflush(stdout);
    fprintf(stderr, "FAIL %s (%s), step %zu: ", run->name, run->kernels != NULL ? run->kernels : "default", run->step);
    vfprintf(stderr, format, arguments);
    fputc('\n', stderr);
    va_end(arguments);
    return false;
}

static bool malformed(const Run *run, const char *what) { return run_fail(run, "the case is malformed: %s", what); }

bool run_settle(const Run *run, const Json *step, GV_Status status)
{
    const Json *error = json_get(step, "error"), *has = json_get(step, "message_has");
    const char *expected = error != NULL && error->kind == JSON_STRING ? error->text : "GV_OK";
    const char *sentence = status == GV_OK ? "" : gv_last_error();
    if (strcmp(gv_status_name(status), expected) != 0) {
        return run_fail(run, "expected %s, got %s: %s", expected, gv_status_name(status), sentence);
    }
    if (status != GV_OK && gv_last_status() != status) {
        return run_fail(run, "%s was returned, but gv_last_status() is %s", gv_status_name(status),
                        gv_status_name(gv_last_status()));
    }
    if (status != GV_OK && sentence[0] == '\0') return run_fail(run, "%s without a sentence", expected);
    if (has != NULL && strstr(sentence, has->text) == NULL) {
        return run_fail(run, "the sentence lacks \"%s\": %s", has->text, sentence);
    }
    return true;
}

size_t run_dimension(const Run *run)
{
    uint64_t dimension = 0;
    return read_count(json_get(run->open, "dimension"), &dimension) ? (size_t)dimension : 0;
}

/* ---- open and close ---- */

static GV_Status open_with(Run *run, Options *options, GV_Database **out)
{
    char path[512];
    *out = NULL;
    options->open.kernels = run->kernels;
    GV_Status status = gv_db_open_with_vfs(place_path(&run->place, options->path, path), &options->open, run->place.vfs,
                                           out);
    if (status == GV_OK && options->has_threshold) {
        status = gv_db_set_exact_search_threshold(*out, options->threshold);
    }
    return status;
}

bool run_open(Run *run, const Json *step, const Json *over)
{
    Options options;
    GV_DatabaseInfo info = {.struct_size = sizeof info};
    if (!read_options(run->open, over, &options)) return malformed(run, "options");
    GV_Status status = open_with(run, &options, &run->db);
    if (!run_settle(run, step, status)) return false;
    if (status != GV_OK) return run->db == NULL ? true : run_fail(run, "a failed open gave a handle");
    if (gv_db_get_info(run->db, &info) != GV_OK) return run_fail(run, "info: %s", gv_last_error());
    if (run->kernels != NULL && strcmp(info.kernels, run->kernels) != 0) {
        return run_fail(run, "asked for the kernels %s, got %s", run->kernels, info.kernels);
    }
    return true;
}

bool run_close(Run *run)
{
    GV_Database *db = run->db;
    run->db = NULL;
    return gv_db_close(db) == GV_OK ? true : run_fail(run, "close: %s", gv_last_error());
}

static bool step_close(Run *run, const Json *step)
{
    (void)step;
    return run_close(run);
}

static bool step_reopen(Run *run, const Json *step)
{
    return run_close(run) && run_open(run, step, json_get(step, "reopen"));
}

static bool step_open_another(Run *run, const Json *step)
{
    Options options;
    GV_Database *other = NULL;
    if (!read_options(NULL, json_get(step, "open_another"), &options)) return malformed(run, "options");
    GV_Status status = open_with(run, &options, &other);
    bool good = run_settle(run, step, status);
    if (status != GV_OK && other != NULL) good = run_fail(run, "a failed open gave a handle");
    if (gv_db_close(other) != GV_OK) good = run_fail(run, "close: %s", gv_last_error());
    return good;
}

static bool step_save(Run *run, const Json *step)
{
    char path[512];
    const Json *name = json_get(step, "save");
    if (name->kind != JSON_STRING && name->kind != JSON_TRUE) return malformed(run, "save");
    const char *file = name->kind == JSON_STRING ? name->text : NULL;
    return run_settle(run, step, gv_db_save(run->db, place_path(&run->place, file, path)));
}

static bool step_flush(Run *run, const Json *step) { return run_settle(run, step, gv_db_flush(run->db)); }

static bool step_compact(Run *run, const Json *step) { return run_settle(run, step, gv_db_compact(run->db)); }

/* ---- write ---- */

static uint64_t next_id(const Run *run)
{
    GV_DatabaseInfo info = {.struct_size = sizeof info};
    return gv_db_get_info(run->db, &info) == GV_OK ? info.next_id : UINT64_MAX;
}

/* The pairs of one row as arrays; false if there are too many or one holds a NUL, which only bytes can express. */
enum {
    PAIRS_MAX = 128
};

static bool as_strings(const Json *pairs, const char *keys[PAIRS_MAX], const char *values[PAIRS_MAX], size_t *count)
{
    *count = 0;
    if (pairs == NULL) return true;
    for (const Json *pair = pairs->first; pair != NULL; pair = pair->next, (*count)++) {
        if (*count == PAIRS_MAX || pair->kind != JSON_STRING) return false;
        if (strlen(pair->key) != pair->key_length || strlen(pair->text) != pair->length) return false;
        keys[*count] = pair->key;
        values[*count] = pair->text;
    }
    return true;
}

/* One of the forms with few words. */
static GV_Status add_thin(Run *run, const Rows *row, const char *const *keys, const char *const *values, size_t count)
{
    if (count == 0) return gv_db_add_vector(run->db, row->data, row->dimension);
    if (count == 1) {
        return gv_db_add_vector_with_metadata(run->db, row->data, row->dimension, keys[0], values[0]);
    }
    return gv_db_add_vector_with_rich_metadata(run->db, row->data, row->dimension, keys, values, count);
}

static GV_Status add_full(Run *run, const Rows *rows, const GV_PackedMetadata *packed, uint64_t *ids)
{
    return gv_db_add(run->db, rows->data, rows->count, rows->dimension, packed->bytes != NULL ? packed : NULL, ids);
}

/* Ids must be consecutive from `first`; `ids` NULL: those that the database says it gave. */
static bool compare_ids(const Run *run, const uint64_t *ids, size_t count, uint64_t before, uint64_t first)
{
    for (size_t i = 0; i < count; i++) {
        uint64_t got = ids != NULL ? ids[i] : before + i;
        if (got != first + i) return run_fail(run, "expected id %" PRIu64 ", got %" PRIu64, first + i, got);
        if (!gv_db_contains(run->db, got)) return run_fail(run, "id %" PRIu64 " was added and is not there", got);
    }
    uint64_t after = next_id(run);
    if (after != before + count) return run_fail(run, "the next id is %" PRIu64 " after %zu rows", after, count);
    return true;
}

static bool step_add(Run *run, const Json *step)
{
    if (is_sparse_row(json_get(step, "add"))) return step_add_sparse(run, step);
    Rows rows = {0};
    GV_PackedMetadata packed = {NULL, 0};
    const char *keys[PAIRS_MAX], *values[PAIRS_MAX];
    size_t pairs;
    uint64_t id = UINT64_MAX, expected = 0, before = next_id(run);
    const Json *metadata = json_get(step, "metadata"), *wanted = json_get(step, "id");
    bool good = read_rows(json_get(step, "add"), run_dimension(run), &rows) && rows.count == 1 &&
                read_metadata(metadata, 1, &packed);
    if (!good) {
        malformed(run, "add");
    } else {
        bool thin = run->step % 2 == 1 && as_strings(metadata, keys, values, &pairs);
        GV_Status status = thin ? add_thin(run, &rows, keys, values, pairs) : add_full(run, &rows, &packed, &id);
        good = run_settle(run, step, status);
        if (good && status == GV_OK && wanted != NULL) {
            good = read_count(wanted, &expected) && compare_ids(run, thin ? NULL : &id, 1, before, expected);
        }
    }
    free((void *)packed.bytes);
    free(rows.data);
    return good;
}

static bool step_add_many(Run *run, const Json *step)
{
    Rows rows = {0};
    GV_PackedMetadata packed = {NULL, 0};
    uint64_t *ids = NULL, expected = 0, before = next_id(run);
    const Json *metadata = json_get(step, "metadata"), *wanted = json_get(step, "ids");
    bool good = read_rows(json_get(step, "add_many"), run_dimension(run), &rows) &&
                read_metadata(metadata, rows.count, &packed) && (ids = calloc(rows.count + 1, sizeof *ids)) != NULL;
    if (!good) {
        malformed(run, "add_many");
    } else {
        bool thin = run->step % 2 == 1 && metadata == NULL;
        GV_Status status = thin ? gv_db_add_vectors(run->db, rows.data, rows.count, rows.dimension)
                                : add_full(run, &rows, &packed, ids);
        good = run_settle(run, step, status);
        if (good && status == GV_OK && wanted != NULL) {
            good = read_count(wanted->first, &expected) &&
                   compare_ids(run, thin ? NULL : ids, rows.count, before, expected);
        }
    }
    free(ids);
    free((void *)packed.bytes);
    free(rows.data);
    return good;
}

static bool step_delete(Run *run, const Json *step)
{
    uint64_t id;
    if (!read_count(json_get(step, "delete"), &id)) return malformed(run, "delete");
    GV_Status status = run->step % 2 == 1 ? gv_db_delete_vector_by_index(run->db, id) : gv_db_delete(run->db, &id, 1);
    if (!run_settle(run, step, status)) return false;
    if (status == GV_OK && gv_db_contains(run->db, id)) return run_fail(run, "the row is still there");
    return true;
}

static bool step_delete_many(Run *run, const Json *step)
{
    const Json *list = json_get(step, "delete_many");
    uint64_t *ids = calloc(list->length + 1, sizeof *ids);
    size_t count = 0;
    bool good = ids != NULL && list->kind == JSON_ARRAY;
    for (const Json *id = list->first; good && id != NULL; id = id->next) good = read_count(id, &ids[count++]);
    good = good ? run_settle(run, step, gv_db_delete(run->db, ids, count)) : malformed(run, "delete_many");
    free(ids);
    return good;
}

static bool step_update_vector(Run *run, const Json *step)
{
    if (json_get(step, "vector") != NULL && is_sparse_row(json_get(step, "vector")))
        return step_update_sparse(run, step);
    uint64_t id;
    Rows row = {0};
    bool good = read_count(json_get(step, "update_vector"), &id) &&
                read_rows(json_get(step, "vector"), run_dimension(run), &row) && row.count == 1;
    good = good ? run_settle(run, step, gv_db_update_vector(run->db, id, row.data, row.dimension))
                : malformed(run, "update_vector");
    free(row.data);
    return good;
}

static bool step_train(Run *run, const Json *step)
{
    Rows rows = {0};
    const Json *given = json_get(step, "train");
    bool own = given->kind == JSON_TRUE; /* on the rows it has */
    if (!own && !read_rows(given, run_dimension(run), &rows)) return malformed(run, "train");
    size_t dimension = own ? run_dimension(run) : rows.dimension;
    bool good = run_settle(run, step, gv_db_ivfpq_train(run->db, rows.data, rows.count, dimension));
    free(rows.data);
    return good;
}

static bool step_update_metadata(Run *run, const Json *step)
{
    uint64_t id;
    GV_PackedMetadata packed = {NULL, 0};
    const char *keys[PAIRS_MAX], *values[PAIRS_MAX];
    size_t pairs;
    const Json *metadata = json_get(step, "metadata");
    bool good = read_count(json_get(step, "update_metadata"), &id) && read_metadata(metadata, 1, &packed);
    if (!good) {
        malformed(run, "update_metadata");
    } else if (run->step % 2 == 1 && as_strings(metadata, keys, values, &pairs)) {
        good = run_settle(run, step, gv_db_update_vector_metadata(run->db, id, keys, values, pairs));
    } else {
        good = run_settle(run, step, gv_db_update_metadata(run->db, id, packed.bytes != NULL ? &packed : NULL));
    }
    free((void *)packed.bytes);
    return good;
}

static bool step_limits(Run *run, const Json *step)
{
    GV_ResourceLimits limits = {.struct_size = sizeof limits}, back = {.struct_size = sizeof back};
    const Json *given = json_get(step, "limits");
    const Json *vectors = json_get(given, "max_vectors"), *memory = json_get(given, "max_memory_bytes");
    bool good = given->kind == JSON_OBJECT && (vectors == NULL || read_count(vectors, &limits.max_vectors)) &&
                (memory == NULL || read_count(memory, &limits.max_memory_bytes));
    if (!good) return malformed(run, "limits");
    GV_Status status = gv_db_set_resource_limits(run->db, &limits);
    if (!run_settle(run, step, status) || status != GV_OK) return status != GV_OK;
    good = gv_db_get_resource_limits(run->db, &back) == GV_OK && back.max_vectors == limits.max_vectors &&
           back.max_memory_bytes == limits.max_memory_bytes;
    return good ? true : run_fail(run, "the limits read back differ");
}

/* ---- look up ---- */

static bool compare_metadata(const Run *run, const Json *expected, const GV_Metadata *got)
{
    const Json *pair = expected != NULL ? expected->first : NULL;
    for (size_t i = 0; pair != NULL || got != NULL; pair = pair->next, got = got->next, i++) {
        if (pair == NULL) return run_fail(run, "pair %zu is one too many: %s", i, got->key);
        if (got == NULL) return run_fail(run, "pair %zu is missing: %s", i, pair->key);
        if (strcmp(got->key, pair->key) != 0 || strcmp(got->value, pair->text) != 0) {
            return run_fail(run, "pair %zu: expected %s = %s, got %s = %s", i, pair->key, pair->text, got->key,
                            got->value);
        }
    }
    return true;
}

static bool step_get(Run *run, const Json *step)
{
    uint64_t id;
    Rows row = {0};
    GV_Vector *got = NULL;
    if (!read_count(json_get(step, "get"), &id)) return malformed(run, "get");
    GV_Status status = gv_db_get(run->db, id, &got);
    if (!run_settle(run, step, status)) return gv_vector_free(got), false;
    if (status != GV_OK) return got == NULL ? true : run_fail(run, "a failed get gave a vector");

    bool good = read_rows(json_get(step, "vector"), run_dimension(run), &row) ? true : malformed(run, "get");
    if (good && row.dimension != got->dimension) {
        good = run_fail(run, "expected dimension %zu, got %zu", row.dimension, got->dimension);
    }
    for (size_t i = 0; good && i < row.dimension; i++) {
        if (float_bits(got->data[i]) == float_bits(row.data[i])) continue;
        good = run_fail(run, "component %zu: expected %.9g, got %.9g", i, (double)row.data[i], (double)got->data[i]);
    }
    good = good && compare_metadata(run, json_get(step, "metadata"), got->metadata);
    free(row.data);
    gv_vector_free(got);
    return good;
}

static bool step_contains(Run *run, const Json *step)
{
    uint64_t id;
    const Json *is = json_get(step, "is");
    if (!read_count(json_get(step, "contains"), &id) || is == NULL) return malformed(run, "contains");
    int got = gv_db_contains(run->db, id);
    return got == (is->kind == JSON_TRUE) ? true : run_fail(run, "contains(%" PRIu64 ") is %d", id, got);
}

static bool step_count(Run *run, const Json *step)
{
    uint64_t expected, got = gv_db_count(run->db);
    if (!read_count(json_get(step, "count"), &expected)) return malformed(run, "count");
    return got == expected ? true : run_fail(run, "expected %" PRIu64 " rows, got %" PRIu64, expected, got);
}

static bool step_count_matching(Run *run, const Json *step)
{
    uint64_t expected = 0, got = UINT64_MAX;
    const Json *filter = json_get(step, "count_matching"), *is = json_get(step, "is");
    if (filter->kind != JSON_STRING || (is != NULL && !read_count(is, &expected)))
        return malformed(run, "count_matching");
    GV_Status status = gv_db_count_matching(run->db, filter->text, &got);
    if (!run_settle(run, step, status)) return false;
    if (gv_filter_check(filter->text) != status) return run_fail(run, "gv_filter_check() says otherwise");
    if (status != GV_OK) return got == UINT64_MAX ? true : run_fail(run, "a failed call wrote a count");
    return got == expected ? true : run_fail(run, "expected %" PRIu64 " matches, got %" PRIu64, expected, got);
}

static bool step_check(Run *run, const Json *step)
{
    GV_CheckReport report = {.struct_size = sizeof report};
    if (!run_settle(run, step, gv_db_check(run->db, &report))) return false;
    bool good = report.faults == 0 && report.rows == gv_db_count(run->db) && report.reachable == report.rows &&
                report.superblock_copies == 2;
    return good ? true
                : run_fail(run, "check: %" PRIu64 " faults, %" PRIu64 " of %" PRIu64 " rows reachable, %u superblocks",
                           report.faults, report.reachable, report.rows, (unsigned)report.superblock_copies);
}

/* ---- which step is it? ---- */

static bool is_for_c(const Json *only)
{
    if (only == NULL) return true;
    for (const Json *name = only->first; name != NULL; name = name->next) {
        if (json_is(name, "c")) return true;
    }
    return false;
}

bool run_step(Run *run, const Json *step)
{
    static const struct {
        const char *name;
        bool (*run)(Run *run, const Json *step);
    } kinds[] = {
        {"add", step_add},
        {"add_many", step_add_many},
        {"search", step_search},
        {"search_batch", step_search_batch},
        {"upsert", step_upsert},
        {"range_search", step_range_search},
        {"search_groups", step_search_groups},
        {"delete", step_delete},
        {"delete_many", step_delete_many},
        {"update_vector", step_update_vector},
        {"update_metadata", step_update_metadata},
        {"index_keys", step_index_keys},
        {"indexed_keys", step_indexed_keys},
        {"train", step_train},
        {"get", step_get},
        {"contains", step_contains},
        {"count", step_count},
        {"count_matching", step_count_matching},
        {"limits", step_limits},
        {"flush", step_flush},
        {"compact", step_compact},
        {"save", step_save},
        {"check", step_check},
        {"close", step_close},
        {"reopen", step_reopen},
        {"open_another", step_open_another},
    };
    if (!is_for_c(json_get(step, "only"))) return true;
    for (size_t i = 0; i < sizeof kinds / sizeof *kinds; i++) {
        if (json_get(step, kinds[i].name) != NULL) return kinds[i].run(run, step);
    }
    return malformed(run, "a step of no known kind");
}
