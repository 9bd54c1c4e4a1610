/* search_steps.c: every search is asked in each form that can say it, and all must give the same bits. */
#include "notation.h"
#include "steps.h"

#include <inttypes.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

typedef struct Query { /* what a search step asks, but for the vectors */
    size_t k;
    GV_SearchOptions options;
    bool plain; /* k alone: what gv_db_search() can say */
} Query;

typedef struct Answer { /* hits of one query */
    const uint64_t *ids;
    const float *distances;
    size_t count;
} Answer;

static bool read_query(const Json *step, Query *out)
{
    uint64_t k, ef_search = 0, lists = 0, ranked = 0;
    const Json *distance = json_get(step, "distance"), *filter = json_get(step, "filter");
    const Json *ef = json_get(step, "ef_search"), *nprobe = json_get(step, "nprobe");
    const Json *rerank = json_get(step, "rerank");
    gv_search_options_init(&out->options);
    out->plain = distance == NULL && filter == NULL && ef == NULL && nprobe == NULL && rerank == NULL;
    if (!read_count(json_get(step, "k"), &k) || (ef != NULL && !read_count(ef, &ef_search))) return false;
    out->k = (size_t)k;
    if ((nprobe != NULL && !read_count(nprobe, &lists)) || (rerank != NULL && !read_count(rerank, &ranked)))
        return false;
    out->options.ef_search = (uint32_t)ef_search;
    out->options.nprobe = (uint32_t)lists;
    out->options.rerank = (uint32_t)ranked;
    out->options.distance = read_metric(distance);
    if (out->options.distance == -2) return false;
    if (filter == NULL) return true;
    if (filter->kind == JSON_STRING) return out->options.filter = filter->text, true;
    if (filter->kind != JSON_ARRAY || filter->length < 1 || filter->length > 2) return false;
    out->options.filter_key = filter->first->text;
    out->options.filter_value = filter->first->next != NULL ? filter->first->next->text : NULL;
    return true;
}

static bool compare_hits(const Run *run, const char *call, const Json *hits, const Answer *got)
{
    if (hits == NULL || hits->kind != JSON_ARRAY) return run_fail(run, "the case is malformed: hits");
    size_t i = 0;
    for (const Json *hit = hits->first; hit != NULL && i < got->count; hit = hit->next, i++) {
        uint64_t id;
        uint32_t bits;
        if (!read_count(hit->first, &id) || !read_distance(hit->first->next, &bits)) {
            return run_fail(run, "the case is malformed: hit %zu", i);
        }
        if (id != got->ids[i] || bits != float_bits(got->distances[i])) {
            return run_fail(
                run, "%s, hit %zu: expected id %" PRIu64 " at %08" PRIx32 ", got %" PRIu64 " at %08" PRIx32 " (%.9g)",
                call, i, id, bits, got->ids[i], float_bits(got->distances[i]), (double)got->distances[i]);
        }
    }
    if (got->count == hits->length) return true;
    return run_fail(run, "%s: expected %zu hits, got %zu", call, hits->length, got->count);
}

bool run_compare_hits(const Run *run, const char *call, const Json *hits, const GV_Rows *got)
{
    return compare_hits(run, call, hits, &(Answer){got->ids, got->distances, got->count});
}

static bool same_answer(const Run *run, const char *call, const Answer *a, const Answer *b)
{
    bool same = a->count == b->count;
    for (size_t i = 0; same && i < a->count; i++) {
        same = a->ids[i] == b->ids[i] && float_bits(a->distances[i]) == float_bits(b->distances[i]);
    }
    return same ? true : run_fail(run, "%s differs from gv_db_search_rows()", call);
}

static void print_hits(const Answer *got)
{
    putchar('[');
    for (size_t i = 0; i < got->count; i++) {
        printf("%s[%" PRIu64 ", \"%08" PRIx32 "\"]", i > 0 ? ", " : "", got->ids[i], float_bits(got->distances[i]));
    }
    putchar(']');
}

/* Vectors and metadata that come with hits are those of the rows themselves. */
static bool compare_contents(const Run *run, const GV_Rows *got)
{
    GV_Rows *rows = NULL;
    if (gv_db_get_rows(run->db, got->ids, got->count, &rows) != GV_OK) {
        return run_fail(run, "gv_db_get_rows: %s", gv_last_error());
    }
    bool same = rows->count == got->count && rows->metadata_bytes == got->metadata_bytes &&
                rows->dimension == got->dimension;
    if (same && got->count > 0) {
        same = memcmp(rows->vectors, got->vectors, got->count * got->dimension * sizeof(float)) == 0 &&
               memcmp(rows->metadata, got->metadata, got->metadata_bytes) == 0;
    }
    gv_rows_free(rows);
    return same ? true : run_fail(run, "vectors or metadata of the hits differ from those of the rows");
}

/* gv_db_search() and gv_db_search_filtered(), where they can say it. */
static bool search_thin(const Run *run, const Json *step, const Query *query, const Rows *vector,
                        const Answer *expected)
{
    size_t room = query->k > 0 ? query->k : 1, count = 0;
    GV_DatabaseInfo info = {.struct_size = sizeof info};
    GV_Hit *hits = calloc(room, sizeof *hits);
    uint64_t *ids = calloc(room, sizeof *ids);
    float *distances = calloc(room, sizeof *distances);
    bool good = hits != NULL && ids != NULL && distances != NULL && gv_db_get_info(run->db, &info) == GV_OK;
    for (int form = 0; good && form < 2; form++) {
        const GV_SearchOptions *options = &query->options;
        int distance = options->distance >= 0 ? options->distance : info.distance;
        if (form == 0 && !query->plain) continue;
        GV_Status status = form == 0 ? gv_db_search(run->db, vector->data, vector->dimension, query->k, hits, &count)
                                     : gv_db_search_filtered(run->db, vector->data, vector->dimension, query->k,
                                                             (GV_DistanceType)distance, options->filter_key,
                                                             options->filter_value, hits, &count);
        good = run_settle(run, step, status);
        if (!good || status != GV_OK) continue;
        for (size_t i = 0; i < count; i++) ids[i] = hits[i].id, distances[i] = hits[i].distance;
        good = same_answer(run, form == 0 ? "gv_db_search()" : "gv_db_search_filtered()",
                           &(Answer){ids, distances, count}, expected);
    }
    free(distances);
    free(ids);
    free(hits);
    return good;
}

/* One query by gv_db_search_rows(); `hits` NULL: compare with nothing. `*out` is for gv_rows_free(). */
static bool search_rows(const Run *run, const Json *step, const Query *query, const Rows *vector, const Json *hits,
                        GV_Rows **out)
{
    *out = NULL;
    GV_Status status = gv_db_search_rows(run->db, vector->data, vector->dimension, query->k, &query->options, out);
    if (!run_settle(run, step, status)) return false;
    if (status != GV_OK) return *out == NULL ? true : run_fail(run, "a failed search gave rows");
    Answer answer = {(*out)->ids, (*out)->distances, (*out)->count};
    if (hits != NULL && !compare_hits(run, "gv_db_search_rows()", hits, &answer)) return false;
    return compare_contents(run, *out);
}

/* All queries in one call; compared with `hits` (a list of lists) if not NULL, and each with a call of its own. */
static bool search_batch(const Run *run, const Json *step, const Query *query, const Rows *vectors, const Json *hits,
                         bool print)
{
    size_t room = vectors->count * query->k + 1;
    uint64_t *ids = calloc(room, sizeof *ids);
    float *distances = calloc(room, sizeof *distances);
    size_t *counts = calloc(vectors->count + 1, sizeof *counts);
    bool good = ids != NULL && distances != NULL && counts != NULL;
    GV_Status status = gv_db_search_batch(run->db, vectors->data, vectors->count, vectors->dimension, query->k,
                                          query->plain && run->step % 2 == 1 ? NULL : &query->options, ids, distances,
                                          counts);
    good = good && run_settle(run, step, status);
    const Json *list = hits != NULL ? hits->first : NULL;
    for (size_t q = 0; good && status == GV_OK && q < vectors->count; q++) {
        size_t at = q * query->k;
        Answer got = {ids + at, distances + at, counts[q]};
        Rows one = {vectors->data + q * vectors->dimension, 1, vectors->dimension};
        GV_Rows *rows = NULL;
        for (size_t i = counts[q]; good && i < query->k; i++) {
            good = ids[at + i] == UINT64_MAX && isinf(distances[at + i]) && distances[at + i] > 0;
            if (!good) run_fail(run, "gv_db_search_batch(): query %zu is not padded", q);
        }
        good = good && (hits == NULL || compare_hits(run, "gv_db_search_batch()", list, &got));
        good = good && search_rows(run, step, query, &one, NULL, &rows) &&
               same_answer(run, "gv_db_search_batch()", &(Answer){rows->ids, rows->distances, rows->count}, &got);
        gv_rows_free(rows);
        if (print) fputs(q > 0 ? ", " : "", stdout), print_hits(&got);
        list = list != NULL ? list->next : NULL;
    }
    free(counts);
    free(distances);
    free(ids);
    return good;
}

static bool is_printed(const Run *run, const Json *step)
{
    const Json *recorded = json_get(step, "recorded");
    return run->record && recorded != NULL && recorded->kind == JSON_TRUE;
}

bool step_search(Run *run, const Json *step)
{
    if (is_sparse_row(json_get(step, "search"))) return step_search_sparse(run, step);
    Query query;
    Rows vector = {0};
    GV_Rows *rows = NULL;
    bool print = is_printed(run, step);
    const Json *hits = print ? NULL : json_get(step, "hits");
    bool good = read_query(step, &query) && read_rows(json_get(step, "search"), run_dimension(run), &vector) &&
                vector.count == 1 && (hits != NULL || print || json_get(step, "error") != NULL);
    if (!good) {
        run_fail(run, "the case is malformed: search");
    } else {
        good = search_rows(run, step, &query, &vector, hits, &rows);
        Answer answer = {0};
        if (good && rows != NULL) answer = (Answer){rows->ids, rows->distances, rows->count};
        good = good && search_batch(run, step, &query, &vector, NULL, false);
        good = good && (query.options.ef_search > 0 || query.options.nprobe > 0 || query.options.rerank > 0 ||
                        query.options.filter != NULL || search_thin(run, step, &query, &vector, &answer));
        if (good && print) {
            printf("{\"case\": \"%s\", \"step\": %zu, \"hits\": ", run->name, run->step);
            print_hits(&answer);
            puts("}");
        }
    }
    gv_rows_free(rows);
    free(vector.data);
    return good;
}

bool step_search_batch(Run *run, const Json *step)
{
    const Json *given = json_get(step, "search_batch");
    if (given->kind == JSON_ARRAY && given->first != NULL && is_sparse_row(given->first))
        return step_search_batch_sparse(run, step);
    Query query;
    Rows vectors = {0};
    bool print = is_printed(run, step);
    const Json *hits = print ? NULL : json_get(step, "hits");
    bool good = read_query(step, &query) && read_rows(json_get(step, "search_batch"), run_dimension(run), &vectors) &&
                (hits != NULL || print || json_get(step, "error") != NULL) &&
                (hits == NULL || hits->length == vectors.count);
    if (!good) {
        run_fail(run, "the case is malformed: search_batch");
    } else {
        if (print) printf("{\"case\": \"%s\", \"step\": %zu, \"hits\": [", run->name, run->step);
        good = search_batch(run, step, &query, &vectors, hits, print);
        if (print) puts("]}");
    }
    free(vectors.data);
    return good;
}
