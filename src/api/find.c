/* find.c: one search, under the read lock for as long as it runs: it sees one state. */
#include "api/find.h"
#include "base/checked.h"
#include <string.h>

static GV_Status read_options(const GV_SearchOptions *given, size_t k, GV_Search *search)
{
    gv_search_options_init(&search->options);
    search->filter = NULL;
    search->plan = NULL;
    if (k == 0) return gv_fail(GV_ERR_ARGUMENT, "k is 0, at least 1 is needed");
    search->k = search->reach = k;
    search->skips = search->grouped = search->listed = false;
    if (!given) return GV_OK;
    GV_SearchOptions *o = &search->options;
    if (given->struct_size < offsetof(GV_SearchOptions, ef_search) || given->struct_size > 4096)
        return gv_fail(GV_ERR_ARGUMENT, "GV_SearchOptions: struct_size is %u; set it with gv_search_options_init()",
                       given->struct_size);
    memcpy(o, given, given->struct_size < sizeof *o ? given->struct_size : sizeof *o);
    if (o->distance < -1 || o->distance > GV_DISTANCE_MANHATTAN)
        return gv_fail(GV_ERR_ARGUMENT, "distance %d is not a GV_DistanceType", o->distance);
    if (o->ef_search > 65536)
        return gv_fail(GV_ERR_ARGUMENT, "ef_search is %u, at most 65536 is allowed", o->ef_search);
    if (o->nprobe > 65536) return gv_fail(GV_ERR_ARGUMENT, "nprobe is %u, at most 65536 is allowed", o->nprobe);
    if (o->rerank > 1 << 20) return gv_fail(GV_ERR_ARGUMENT, "rerank is %u, at most 1048576 is allowed", o->rerank);
    if (!o->filter_key != !o->filter_value)
        return gv_fail(GV_ERR_ARGUMENT, "a filter needs a key and a value, the %s is missing",
                       o->filter_key ? "value" : "key");
    if (!GV_HAS_SPARSE && o->sparse) return gv_refuse_sparse();
    search->reach = o->offset < SIZE_MAX - k ? k + (size_t)o->offset : SIZE_MAX;
    return GV_OK;
}

static GV_Status begin(GV_Database *db, const GV_SearchOptions *given, size_t k, bool many, GV_Search *search)
{
    GV_TRY(read_options(given, k, search));
    const GV_SearchOptions *o = &search->options;
    if (o->filters && !many)
        return gv_fail(GV_ERR_ARGUMENT, "filters are for a batch of queries: this call takes one filter");
    if (o->filters && o->filter)
        return gv_fail(GV_ERR_ARGUMENT, "both filter and filters: one for all queries, or one for each");
    GV_FilterText text = {o->filter_key, o->filter_value, o->filter};
    return gv_expression_new(&db->scratch, &text, &search->filter);
}

GV_Status gv_search_begin(GV_Database *db, const GV_SearchOptions *given, size_t k, GV_Search *search)
{
    return begin(db, given, k, false, search);
}

GV_Status gv_search_begin_many(GV_Database *db, const GV_SearchOptions *given, size_t k, GV_Search *search)
{
    return begin(db, given, k, true, search);
}

GV_Status gv_search_check_whole(const GV_Search *search)
{
    if (search->options.offset == 0) return GV_OK;
    return gv_fail(GV_ERR_ARGUMENT, "offset is %llu: this call knows none", (unsigned long long)search->options.offset);
}

GV_Status gv_search_begin_whole(GV_Database *db, const GV_SearchOptions *given, size_t k, GV_Search *search)
{
    GV_TRY(gv_search_begin(db, given, k, search));
    return gv_search_check_whole(search);
}

void gv_search_end(GV_Database *db, GV_Search *search) { gv_expression_free(&db->scratch, search->filter); }

GV_Status gv_search_filter(GV_Database *db, const GV_Search *search, GV_Bitset *matches, const GV_Bitset **accept,
                           uint64_t *count)
{
    GV_Store *s = db->store;
    *accept = search->filter ? matches : &s->table.live;
    *count = s->table.live_count;
    return search->filter ? gv_filter(&s->terms, &db->scratch, search->filter, matches, count) : GV_OK;
}

void gv_search_page(const GV_Search *search, GV_TopK *top)
{
    size_t kept = 0, offset = search->reach - search->k - search->skips;
    for (size_t i = 0; i < top->count && search->skips; i++)
        if (top->hits[i].id != search->skipped) top->hits[kept++] = top->hits[i];
    if (search->skips) top->count = kept;
    if (offset > top->count) offset = top->count;
    top->hits += offset;
    top->count -= offset;
    if (top->count > search->k) top->count = search->k;
}

GV_Request gv_search_request(GV_Database *db, const GV_Search *search, size_t count, const GV_Bitset *matches,
                             uint64_t match_count)
{
    const GV_Store *s = db->store;
    const GV_SearchOptions *o = &search->options;
    uint64_t live = s->table.live_count;
    return (GV_Request){.count = count,
                        .k = search->reach < live ? search->reach : (size_t)live,
                        .ef = o->ef_search ? o->ef_search : db->ef_search,
                        .nprobe = o->nprobe ? o->nprobe : db->nprobe,
                        .rerank = o->rerank ? o->rerank : db->rerank,
                        .distance = o->distance < 0 ? s->settings.distance : (GV_DistanceType)o->distance,
                        .matches = matches,
                        .match_count = match_count,
                        .exact_threshold = db->exact_threshold,
                        .tally = &db->counters.tally,
                        .plan = search->plan};
}

/* ---- workspaces ---- */

GV_Workspace *gv_workspace_take(GV_Database *db)
{
    gv_mutex_lock(&db->gate);
    GV_Workspace *space = db->resting;
    if (space) db->resting = space->next;
    gv_mutex_unlock(&db->gate);
    return space;
}

void gv_workspace_give(GV_Database *db, GV_Workspace *space)
{
    if (!space) return;
    gv_mutex_lock(&db->gate);
    space->next = db->resting;
    db->resting = space;
    gv_mutex_unlock(&db->gate);
}

GV_Status gv_workspace_fit(GV_Database *db, GV_Workspace **space, size_t count, size_t size)
{
    size_t bytes, whole;
    if (!gv_mul_size(count, size, &bytes) || !gv_add_size(bytes, sizeof **space + 1024, &whole))
        return gv_fail(GV_ERR_NO_MEMORY, "out of memory: %zu hits", count);
    if (*space && (*space)->capacity_bytes >= bytes) return GV_OK;
    whole = (whole - 1) & ~(size_t)1023; /* in steps, not with every k */
    GV_Workspace *made = gv_alloc(&db->scratch, whole);
    if (!made) return gv_last_status();
    gv_workspace_free(db, *space);
    made->capacity_bytes = whole - sizeof *made;
    *space = made;
    return GV_OK;
}

void gv_workspace_free(GV_Database *db, GV_Workspace *space)
{
    if (space) gv_release(&db->scratch, space, sizeof *space + space->capacity_bytes);
}

/* ---- one query ---- */

void gv_filter_prepare(GV_Database *db, const GV_Expression *filter)
{
    bool done = !filter;
    while (!done) {
        gv_read_lock(&db->state);
        done = gv_filter_catch_up(&db->store->terms, filter, GV_TERMS_A_STEP);
        gv_read_unlock(&db->state);
    }
}

static GV_Status run(GV_Database *db, const GV_Search *search, const GV_Question *question, const GV_Bitset *matches,
                     uint64_t match_count, GV_Workspace **space, size_t *count)
{
    GV_Store *s = db->store;
    GV_Request request = gv_search_request(db, search, 1, matches, match_count);
    *count = 0;
    if (request.k == 0) return GV_OK;
    GV_TRY(gv_workspace_fit(db, space, request.k, sizeof(GV_Hit) + sizeof(uint32_t)));
    gv_request_put(&request, question);
    GV_TopK top = {.hits = (*space)->memory, .k = request.k};
    GV_TRY(gv_search(&s->table, s->index, &request, &top));
    gv_search_page(search, &top);
    if (top.hits != (*space)->memory) memmove((*space)->memory, top.hits, top.count * sizeof *top.hits);
    *count = top.count;
    return GV_OK;
}

GV_Status gv_search_question(GV_Database *db, const GV_Search *search, const GV_Question *question,
                             GV_Workspace **space, size_t *count)
{
    GV_Bitset matches = {0};
    const GV_Bitset *accept;
    uint64_t match_count;
    GV_Status status = gv_search_filter(db, search, &matches, &accept, &match_count);
    if (status == GV_OK) status = run(db, search, question, search->filter ? accept : NULL, match_count, space, count);
    gv_bitset_free(&matches, &db->scratch);
    return status;
}

GV_Status gv_question_read(const GV_Database *db, const GV_Search *search, const float *query, size_t dimension,
                           GV_Question *question)
{
    const GV_SparseRows *sparse = search->options.sparse;
    question->vector = query;
    if (!GV_HAS_SPARSE || !sparse) return gv_check_vector(db, query, dimension, 0, &question->squared_norm);
    GV_TRY(gv_check_queries(db, sparse, 1));
    return gv_sparse_question(db, search, sparse, 0, question);
}

GV_Status gv_search_one(GV_Database *db, const GV_Search *search, const float *query, size_t dimension,
                        GV_Workspace **space, size_t *count)
{
    GV_Question question;
    GV_TRY(gv_question_read(db, search, query, dimension, &question));
    return gv_search_question(db, search, &question, space, count);
}

static GV_Status search_hits(GV_Database *db, const float *query, size_t dimension, size_t k,
                             const GV_SearchOptions *options, GV_Hit *hits, size_t *hit_count)
{
    GV_Search search;
    GV_Workspace *space;
    size_t count = 0;
    uint64_t began = gv_clock_ns();
    if (!hits || !hit_count) return gv_fail(GV_ERR_ARGUMENT, "hits or hit_count is NULL");
    GV_TRY(gv_enter_search(db, &space));
    GV_Status status = gv_search_begin(db, options, k, &search);
    if (status == GV_OK) {
        gv_filter_prepare(db, search.filter);
        gv_read_lock(&db->state);
        status = gv_search_one(db, &search, query, dimension, &space, &count);
        gv_read_unlock(&db->state);
    }
    gv_search_end(db, &search);
    if (status == GV_OK) {
        if (count > 0) memcpy(hits, space->memory, count * sizeof *hits);
        *hit_count = count;
    }
    gv_count_searches(&db->counters, began, 1, status);
    gv_leave_search(db, space);
    return status;
}

GV_Status gv_db_explain(GV_Database *db, const float *query, size_t dimension, size_t k,
                        const GV_SearchOptions *options, GV_Explanation *explanation)
{
    GV_Search search;
    GV_Workspace *space;
    GV_Plan plan = {GV_WAY_FEW_ROWS, 0}; /* where there are none */
    GV_Explanation now = {0};
    size_t count = 0;
    if (!explanation) return gv_fail(GV_ERR_ARGUMENT, "explanation is NULL");
    GV_TRY(gv_enter_search(db, &space));
    GV_Status status = gv_search_begin(db, options, k, &search);
    if (status == GV_OK) {
        search.plan = &plan;
        gv_filter_prepare(db, search.filter);
        gv_read_lock(&db->state);
        now.rows = db->store->table.live_count;
        status = gv_search_one(db, &search, query, dimension, &space, &count);
        gv_read_unlock(&db->state);
    }
    gv_search_end(db, &search);
    gv_leave_search(db, space);
    now.way = (int32_t)plan.way;
    now.matches = plan.choices;
    now.hits = count;
    return status == GV_OK ? gv_hand_out("GV_Explanation", explanation, &now, sizeof now) : status;
}

GV_Status gv_db_search(GV_Database *db, const float *query, size_t dimension, size_t k, GV_Hit *hits, size_t *hit_count)
{
    return search_hits(db, query, dimension, k, NULL, hits, hit_count);
}

GV_Status gv_db_search_filtered(GV_Database *db, const float *query, size_t dimension, size_t k,
                                GV_DistanceType distance, const char *filter_key, const char *filter_value,
                                GV_Hit *hits, size_t *hit_count)
{
    GV_SearchOptions options;
    gv_search_options_init(&options);
    options.distance = (int32_t)distance;
    options.filter_key = filter_key;
    options.filter_value = filter_value;
    return search_hits(db, query, dimension, k, &options, hits, hit_count);
}
