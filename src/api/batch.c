/* batch.c: many queries in one call, arrays or rows out. Chunks of queries go to threads, each chunk under a read lock of its own;
 * a filter for all is evaluated once, and again only if the rows have changed meanwhile. Queries with filters of their own are
 * chunks of one. */
#include "api/find.h"
#include <math.h>
#include <string.h>

typedef struct Batch {
    GV_Database *db;
    GV_Search search;
    const float *queries;
    size_t dimension;
    uint64_t *ids; /* the caller's, as the next three: arrays, or rows */
    float *distances;
    size_t *counts;
    GV_Rows **rows;
    GV_Workspace *spaces[GV_THREADS_MAX]; /* by worker */

    GV_Mutex mutex; /* of what follows */
    GV_Bitset matches;
    uint64_t match_count, version; /* of the table that was filtered */
    bool filtered;
    _Atomic size_t failed_at; /* the first query that failed so far; SIZE_MAX: none */
    GV_Failure failure;
} Batch;

/* ---- the filter ---- */

static GV_Status match_rows(Batch *b)
{
    const GV_Table *table = &b->db->store->table;
    GV_Heap *heap = &b->db->scratch;
    if (b->filtered && b->version == table->version)
        return gv_bitset_reserve(&b->matches, heap, table->slot_count, NULL); /* rows may have been staged */
    b->filtered = false;
    for (size_t i = 0; i < b->matches.word_count; i++) b->matches.words[i] = 0;
    GV_TRY(gv_filter(&b->db->store->terms, heap, b->search.filter, &b->matches, &b->match_count));
    b->version = table->version;
    b->filtered = true;
    return GV_OK;
}

/* `*matches` of the state under the caller's read lock. When they are out of date, a writer has been in since they were
 * used, and everyone who used them has left: they may be changed in place. */
static GV_Status up_to_date(Batch *b, const GV_Bitset **matches)
{
    *matches = NULL;
    if (!b->search.filter) return GV_OK;
    gv_mutex_lock(&b->mutex);
    GV_Status status = match_rows(b);
    gv_mutex_unlock(&b->mutex);
    *matches = &b->matches;
    return status;
}

/* ---- a chunk ---- */

typedef struct Room { /* of a chunk, in a workspace */
    GV_Hit *hits;     /* [count, k] */
    uint32_t *slots;  /* [k] */
    float *queries;   /* [count, stride]: each from the beginning of a cache line; NULL for one query */
    size_t stride;    /* floats */
} Room;

/* Queries that share a scan meet every row: loads of theirs should not span two cache lines. */
static GV_Status fit_chunk(GV_Database *db, GV_Workspace **space, size_t count, size_t k, size_t dimension, Room *room)
{
    size_t line = GV_CACHE_LINE, a_hit = count * sizeof(GV_Hit) + sizeof(uint32_t);
    room->stride = (dimension * sizeof(float) + line - 1) / line * line / sizeof(float);
    size_t bytes = count > 1 ? count * room->stride * sizeof(float) + line : 0; /* at most 64 queries of 256 KiB */
    GV_TRY(gv_workspace_fit(db, space, k, a_hit + (bytes + k - 1) / k));
    room->hits = (*space)->memory;
    room->slots = (uint32_t *)(room->hits + count * k);
    uintptr_t behind = (uintptr_t)(room->slots + k);
    room->queries = count > 1 ? (float *)((behind + line - 1) / line * line) : NULL;
    return GV_OK;
}

/* Queries that share a scan are copied into the room. */
static GV_Status find_hits(Batch *b, const GV_Search *search, const float *queries, GV_Request *request,
                           GV_Workspace **space, GV_TopK *tops, Room *room)
{
    size_t k = request->k;
    GV_TRY(fit_chunk(b->db, space, request->count, k, b->dimension, room));
    for (size_t i = 0; i < request->count; i++) {
        tops[i] = (GV_TopK){.hits = room->hits + i * k, .k = k};
        if (!room->queries) continue;
        memcpy(room->queries + i * room->stride, queries + i * b->dimension, b->dimension * sizeof(float));
    }
    request->vectors = room->queries ? room->queries : queries;
    request->stride = room->stride;
    GV_TRY(gv_search(&b->db->store->table, b->db->store->index, request, tops));
    for (size_t i = 0; i < request->count; i++) gv_search_page(search, &tops[i]);
    return GV_OK;
}

typedef struct Chunk { /* what one is about */
    const GV_Search *search;
    size_t first; /* query */
    size_t count; /* of queries; once they are answered, those before the first that is not valid */
    GV_Workspace **space;
    GV_TopK *tops;
    GV_Rows **rows; /* NULL: none are asked for */
} Chunk;

/* Is the query at `at` one? */
static GV_Status check_query(const Batch *b, size_t at, GV_Question *question)
{
    const GV_SparseRows *sparse = b->search.options.sparse;
    if (GV_HAS_SPARSE && sparse) return gv_sparse_question(b->db, &b->search, sparse, at, question);
    question->vector = b->queries + at * b->dimension;
    return gv_check_vector(b->db, question->vector, b->dimension, at, &question->squared_norm);
}

/* Under the read lock: the hits of a chunk's valid queries among `matches` (NULL: all rows); their rows as well. */
static GV_Status search_chunk(Batch *b, Chunk *chunk, const GV_Bitset *matches, uint64_t match_count)
{
    GV_Database *db = b->db;
    GV_Store *s = db->store;
    const GV_Search *search = chunk->search;
    GV_TopK *tops = chunk->tops;
    GV_Question first, *question = &first, others;
    float norms[GV_SCAN_MOST];
    size_t valid = 0;
    for (; valid < chunk->count; valid++, question = &others) {
        if (check_query(b, chunk->first + valid, question) != GV_OK) break;
        norms[valid] = question->squared_norm;
    }
    chunk->count = valid;
    GV_Request request = gv_search_request(db, search, valid, matches, match_count);
    for (size_t i = 0; i < valid; i++) tops[i] = (GV_TopK){0};
    if (valid == 0) return GV_OK;
    gv_request_put(&request, &first);
    request.squared_norms = norms;
    Room room = {0};
    if (request.k > 0) GV_TRY(find_hits(b, search, first.vector, &request, chunk->space, tops, &room));
    for (size_t i = 0; i < valid && chunk->rows; i++)
        GV_TRY(gv_rows_of_hits(&s->table, search, tops[i].hits, tops[i].count, room.slots, &chunk->rows[i]));
    return GV_OK;
}

static GV_Status search_filtered(Batch *b, Chunk *chunk)
{
    GV_Bitset own = {0};
    const GV_Bitset *matches;
    uint64_t match_count;
    GV_Status status;
    if (!b->search.options.filters) {
        GV_TRY(up_to_date(b, &matches));
        return search_chunk(b, chunk, matches, b->match_count);
    }
    status = gv_search_filter(b->db, chunk->search, &own, &matches, &match_count);
    if (status == GV_OK) status = search_chunk(b, chunk, chunk->search->filter ? matches : NULL, match_count);
    gv_bitset_free(&own, &b->db->scratch);
    return status;
}

static void put_hits(const Batch *b, size_t at, const GV_TopK *top)
{
    size_t k = b->search.k;
    uint64_t *ids = b->ids + at * k;
    float *distances = b->distances + at * k;
    for (size_t j = 0; j < top->count; j++) {
        ids[j] = top->hits[j].id;
        distances[j] = top->hits[j].distance;
    }
    for (size_t j = top->count; j < k; j++) {
        ids[j] = UINT64_MAX;
        distances[j] = INFINITY;
    }
    if (b->counts) b->counts[at] = top->count;
}

/* Keep this thread's failure if no earlier query has one: the call fails with the same one on any number of threads. */
static void note_failure(Batch *b, size_t at)
{
    gv_mutex_lock(&b->mutex);
    if (at < b->failed_at) {
        gv_failure_save(&b->failure);
        b->failed_at = at;
    }
    gv_mutex_unlock(&b->mutex);
}

/* The filter of the query at `at` into `search`, if queries have their own. */
static GV_Status read_filter(const Batch *b, size_t at, GV_Search *search)
{
    GV_Database *db = b->db;
    const GV_SearchOptions *o = &b->search.options;
    if (!o->filters) return GV_OK;
    GV_FilterText text = {o->filter_key, o->filter_value, o->filters[at]};
    search->filter = NULL;
    if (gv_expression_new(&db->scratch, &text, &search->filter) != GV_OK) {
        GV_Failure failure;
        gv_failure_save(&failure);
        return gv_fail(failure.status, "query %zu: %s", at, failure.sentence);
    }
    gv_filter_prepare(db, search->filter);
    return GV_OK;
}

/* Under the read lock, from the query at `begin` on. */
static GV_Status answer_chunk(Batch *b, size_t begin, Chunk *chunk)
{
    size_t asked = chunk->count;
    GV_TRY(search_filtered(b, chunk));
    if (chunk->count < asked) {
        GV_Question bad;
        if (check_query(b, begin + chunk->count, &bad) != GV_OK) note_failure(b, begin + chunk->count);
    }
    return GV_OK;
}

/* GV_Work. */
static void run_chunk(void *context, size_t worker, size_t begin, size_t end)
{
    Batch *b = context;
    GV_Database *db = b->db;
    GV_TopK tops[GV_SCAN_MOST];
    GV_Search search = b->search;
    uint64_t began = gv_clock_ns();
    if (begin > b->failed_at) return;
    if (worker > 0 && !b->spaces[worker]) b->spaces[worker] = gv_workspace_take(db);
    Chunk chunk = {&search, begin, end - begin, &b->spaces[worker], tops, b->rows ? b->rows + begin : NULL};
    GV_Status status = read_filter(b, begin, &search);
    gv_read_lock(&db->state);
    if (status == GV_OK) status = answer_chunk(b, begin, &chunk);
    gv_read_unlock(&db->state);
    if (status != GV_OK) note_failure(b, begin);
    if (search.filter != b->search.filter) gv_expression_free(&db->scratch, search.filter);
    gv_count_searches(&db->counters, began, chunk.count, status);
    for (size_t i = 0; i < chunk.count && status == GV_OK && !b->rows; i++) put_hits(b, begin + i, &tops[i]);
}

/* ---- the call ---- */

/* How many queries go together, on `threads` threads: of pairs one. The dimension is the database's, or this fails. */
static GV_Status plan(Batch *b, size_t query_count, size_t threads, size_t *chunk)
{
    GV_Database *db = b->db;
    const GV_Bitset *matches;
    gv_read_lock(&db->state);
    GV_Store *s = db->store;
    const GV_SparseRows *sparse = GV_HAS_SPARSE ? b->search.options.sparse : NULL;
    GV_Status status = sparse ? gv_check_queries(db, sparse, query_count)
                              : gv_check_width(db, b->dimension, query_count);
    *chunk = 1;
    if (status == GV_OK && query_count > 0 && ((!b->queries && !sparse) || (!b->rows && (!b->ids || !b->distances))))
        status = gv_fail(GV_ERR_ARGUMENT, "queries, ids or distances is NULL");
    if (status == GV_OK && query_count > 1 && !sparse && !b->search.options.filters) {
        status = up_to_date(b, &matches);
        GV_Request request = gv_search_request(db, &b->search, 1, matches, b->match_count);
        if (status == GV_OK && request.k > 0) *chunk = gv_search_block(&s->table, s->index, &request);
    }
    gv_read_unlock(&db->state);
    size_t share = query_count / threads + (query_count % threads != 0);
    if (*chunk > share && share > 0) *chunk = share;
    return status;
}

static GV_Status run_batch(Batch *b, size_t query_count)
{
    uint32_t asked = b->search.options.threads;
    size_t chunk, threads = asked < 1 ? 1 : asked > GV_THREADS_MAX ? GV_THREADS_MAX : asked;
    if (gv_mutex_init(&b->mutex)) return gv_fail(GV_ERR_NO_MEMORY, "no memory for locks");
    gv_filter_prepare(b->db, b->search.filter);
    GV_Status status = plan(b, query_count, threads, &chunk);
    if (status == GV_OK) {
        gv_parallel(&b->db->pool, threads, query_count, chunk, run_chunk, b);
        if (b->failed_at != SIZE_MAX) status = gv_failure_restore(&b->failure);
    }
    gv_bitset_free(&b->matches, &b->db->scratch);
    gv_mutex_destroy(&b->mutex);
    return status;
}

/* `batch` says what to search, and where to put it. */
static GV_Status search_all(Batch *batch, size_t query_count, size_t k, const GV_SearchOptions *options)
{
    GV_Database *db = batch->db;
    GV_TRY(gv_enter_search(db, &batch->spaces[0]));
    batch->failed_at = SIZE_MAX;
    GV_Status status = gv_search_begin_many(db, options, k, &batch->search);
    if (status == GV_OK) status = run_batch(batch, query_count);
    gv_search_end(db, &batch->search);
    for (size_t i = 1; i < GV_THREADS_MAX; i++) gv_workspace_give(db, batch->spaces[i]);
    gv_leave_search(db, batch->spaces[0]);
    return status;
}

GV_Status gv_db_search_batch(GV_Database *db, const float *queries, size_t query_count, size_t dimension, size_t k,
                             const GV_SearchOptions *options, uint64_t *ids, float *distances, size_t *counts)
{
    Batch batch = {
        .db = db, .queries = queries, .dimension = dimension, .ids = ids, .distances = distances, .counts = counts};
    return search_all(&batch, query_count, k, options);
}

GV_Status gv_db_search_batch_rows(GV_Database *db, const float *queries, size_t query_count, size_t dimension, size_t k,
                                  const GV_SearchOptions *options, GV_Rows **out)
{
    if (query_count > 0 && !out) return gv_fail(GV_ERR_ARGUMENT, "out is NULL");
    for (size_t i = 0; i < query_count; i++) out[i] = NULL;
    GV_Rows *none = NULL;
    Batch batch = {.db = db, .queries = queries, .dimension = dimension, .rows = query_count > 0 ? out : &none};
    GV_Status status = search_all(&batch, query_count, k, options);
    for (size_t i = 0; i < query_count && status != GV_OK; i++) {
        gv_rows_free(out[i]);
        out[i] = NULL;
    }
    return status;
}
