/* range.c: rows by other questions than for the k nearest: within a radius, near a row, in order of ids. */
#include "api/find.h"
#include <string.h>

/* ---- within a radius ---- */

/* Under the read lock. */
static GV_Status find_within(GV_Database *db, const GV_Search *search, const GV_Question *question, double radius,
                             GV_Workspace **space, size_t *count, uint64_t *total)
{
    GV_Bitset matches = {0};
    const GV_Bitset *accept;
    uint64_t choices;
    *count = 0;
    *total = 0;
    GV_Status status = gv_search_filter(db, search, &matches, &accept, &choices);
    if (status == GV_OK && choices > 0) {
        GV_Request request = gv_search_request(db, search, 1, search->filter ? accept : NULL, choices);
        GV_TopK top = {.k = request.k < choices ? request.k : (size_t)choices};
        gv_request_put(&request, question);
        status = gv_workspace_fit(db, space, top.k, sizeof(GV_Hit) + sizeof(uint32_t));
        if (status == GV_OK) {
            top.hits = (*space)->memory;
            status = gv_search_within(&db->store->table, db->store->index, &request, radius, &top, total);
        }
        if (status == GV_OK) gv_topk_sort(&top);
        *count = top.count;
    }
    gv_bitset_free(&matches, &db->scratch);
    return status;
}

typedef struct Within { /* what gv_db_range_search() asks for */
    const float *query;
    size_t dimension;
    double radius;
} Within;

static GV_Status range_rows(GV_Database *db, const GV_Search *search, const void *asked, GV_Workspace **space,
                            GV_Rows **out)
{
    const Within *within = asked;
    GV_Question question;
    size_t count;
    uint64_t total;
    GV_TRY(gv_search_check_whole(search));
    GV_TRY(gv_question_read(db, search, within->query, within->dimension, &question));
    GV_TRY(find_within(db, search, &question, within->radius, space, &count, &total));
    GV_TRY(gv_rows_of_space(db, search, *space, count, out));
    (*out)->total = total;
    return GV_OK;
}

GV_Status gv_db_range_search(GV_Database *db, const float *query, size_t dimension, double radius, size_t max_results,
                             const GV_SearchOptions *options, GV_Rows **out)
{
    if (!out) return gv_fail(GV_ERR_ARGUMENT, "out is NULL");
    *out = NULL;
    if (max_results == 0) return gv_fail(GV_ERR_ARGUMENT, "max_results is 0, at least 1 is needed");
    if (radius != radius) return gv_fail(GV_ERR_ARGUMENT, "radius is NaN");
    return gv_answer_rows(db, options, max_results, range_rows, &(Within){query, dimension, radius}, out);
}

/* ---- near a row ---- */

/* The row itself is found as well, and left out. */
static GV_Status near_row(GV_Database *db, const GV_Search *given, const void *asked, GV_Workspace **space,
                          GV_Rows **out)
{
    const GV_Table *table = &db->store->table;
    GV_Search search = *given;
    search.skipped = *(const uint64_t *)asked;
    search.skips = search.reach < SIZE_MAX;
    search.reach += search.skips;
    uint32_t slot = gv_table_find(table, search.skipped);
    size_t count;
    if (slot == GV_NO_SLOT) return gv_fail(GV_ERR_NOT_FOUND, "no row has id %llu", (unsigned long long)search.skipped);
    GV_TRY(gv_table_touch(table, slot));
    GV_Question question = {.squared_norm = gv_table_norm(table, slot)};
    if (gv_table_is_sparse(table)) {
        int32_t distance = search.options.distance;
        question.pairs = gv_table_pairs(table, slot);
        if (distance >= 0) GV_TRY(gv_check_sparse_distance((GV_DistanceType)distance));
    }
    float *room;
    GV_TRY(gv_room_new(table, &db->scratch, &room));
    if (!gv_table_is_sparse(table)) question.vector = gv_table_floats(table, slot, room);
    GV_Status status = gv_search_question(db, &search, &question, space, &count);
    gv_room_free(table, &db->scratch, room);
    return status == GV_OK ? gv_rows_of_space(db, &search, *space, count, out) : status;
}

GV_Status gv_db_search_by_id(GV_Database *db, uint64_t id, size_t k, const GV_SearchOptions *options, GV_Rows **out)
{
    if (!out) return gv_fail(GV_ERR_ARGUMENT, "out is NULL");
    *out = NULL;
    return gv_answer_rows(db, options, k < GV_SLOTS_MAX ? k : GV_SLOTS_MAX, near_row, &id, out);
}

/* ---- in order of ids ---- */

/* The first `top->k` accepted rows with ids from `from` on, as hits at distance 0. Ids are looked up one after another as long
 * as that is less than a look at every slot; what is left beyond many gaps is chosen from all. */
static void find_page(const GV_Table *table, const GV_Bitset *accept, uint64_t from, GV_TopK *top)
{
    uint64_t end = table->next_id, patience = table->slot_count / 8 + top->k;
    for (; from < end && top->count < top->k && patience > 0; from++, patience--) {
        uint32_t slot = gv_table_find(table, from);
        if (slot != GV_NO_SLOT && gv_bitset_get(accept, slot)) top->hits[top->count++] = (GV_Hit){from, 0.0f};
    }
    if (top->count == top->k || from == end) return;
    GV_TopK rest = {.hits = top->hits + top->count, .k = top->k - top->count};
    for (size_t slot = gv_bitset_next_set(accept, 0, table->slot_count); slot < table->slot_count;
         slot = gv_bitset_next_set(accept, slot + 1, table->slot_count)) {
        uint64_t id = gv_table_id(table, (uint32_t)slot);
        if (id >= from) gv_topk_offer(&rest, 0.0f, id);
    }
    gv_topk_sort(&rest);
    top->count += rest.count;
}

/* Under the read lock. */
static GV_Status scroll_rows(GV_Database *db, const GV_Search *search, uint64_t from, GV_Workspace **space,
                             GV_Rows **out)
{
    const GV_Table *table = &db->store->table;
    GV_Bitset matches = {0};
    const GV_Bitset *accept;
    uint64_t choices;
    GV_Status status = gv_search_filter(db, search, &matches, &accept, &choices);
    GV_TopK top = {.k = search->k < choices ? search->k : (size_t)choices};
    if (status == GV_OK && top.k > 0) status = gv_workspace_fit(db, space, top.k, sizeof(GV_Hit) + sizeof(uint32_t));
    if (status == GV_OK && top.k > 0) {
        top.hits = (*space)->memory;
        find_page(table, accept, from, &top);
    }
    gv_bitset_free(&matches, &db->scratch);
    return status == GV_OK ? gv_rows_of_space(db, search, *space, top.count, out) : status;
}

GV_Status gv_db_scroll(GV_Database *db, uint64_t from_id, size_t limit, const GV_SearchOptions *options, GV_Rows **out)
{
    GV_Search search;
    GV_Workspace *space;
    if (!out) return gv_fail(GV_ERR_ARGUMENT, "out is NULL");
    *out = NULL;
    if (limit == 0) return gv_fail(GV_ERR_ARGUMENT, "limit is 0, at least 1 is needed");
    GV_TRY(gv_enter_search(db, &space));
    GV_Status status = gv_search_begin_whole(db, options, limit, &search);
    if (status == GV_OK) {
        search.listed = true;
        gv_filter_prepare(db, search.filter);
        gv_read_lock(&db->state);
        status = scroll_rows(db, &search, from_id, &space, out);
        gv_read_unlock(&db->state);
    }
    gv_search_end(db, &search);
    gv_leave_search(db, space);
    return status;
}
