/* groups.c: the nearest groups of rows, by the value of one key. */
#include "api/find.h"
#include "index/sparse.h"
#include "query/values.h"
#include "storage/metadata.h"
#include <stdlib.h>
#include <string.h>

enum {
    WIDEN = 4,        /* the next search is for so many times the rows */
    FIRST_LEAST = 64, /* and the first for at least these */
};

typedef struct Member { /* a row of a group */
    GV_Hit hit;
    size_t group; /* until the groups are in order, its number is of another order */
} Member;

typedef struct Grouping {
    GV_Database *db;
    GV_Search search;
    GV_Question question;
    const char *key;
    size_t key_size, k, group_size;
    GV_Bitset matches;
    const GV_Bitset *accept;
    uint64_t choices; /* rows that pass the filter */

    GV_Value *values; /* of the hits that have the key, sorted; then of the groups chosen, sorted; owner: the hit */
    size_t value_count, value_capacity;
    GV_Value *chosen; /* [chosen_count]: a value of each group, owner: its nearest hit, in that order */
    size_t chosen_count, chosen_capacity;
    Member *members;
    size_t member_count, member_capacity;
} Grouping;

/* Room for `needed` elements in the array that the pointer at `array` points to. */
static GV_Status grow(GV_Heap *heap, void *array, size_t *capacity, size_t used, size_t needed, size_t size)
{
    void *old;
    if (needed <= *capacity) return GV_OK;
    size_t wanted = needed > 2 * *capacity ? needed : 2 * *capacity;
    void *larger = gv_alloc_array(heap, wanted, size);
    if (!larger) return gv_last_status();
    memcpy(&old, array, sizeof old);
    if (used > 0) memcpy(larger, old, used * size);
    gv_release(heap, old, *capacity * size);
    memcpy(array, &larger, sizeof larger);
    *capacity = wanted;
    return GV_OK;
}

static const uint8_t *value_of(const Grouping *g, uint32_t slot, size_t *size)
{
    GV_Pair pair;
    const uint8_t *packed = gv_table_metadata(&g->db->store->table, slot, size);
    if (!gv_metadata_find(packed, *size, g->key, g->key_size, &pair)) return NULL;
    *size = pair.value_size;
    return pair.value;
}

/* ---- which groups ---- */

static int by_owner(const void *a, const void *b)
{
    size_t x = ((const GV_Value *)a)->owner, y = ((const GV_Value *)b)->owner;
    return (x > y) - (x < y);
}

/* Sort the values of the hits, and choose the groups whose first hits come first. */
static GV_Status choose_groups(Grouping *g, const GV_Hit *hits, size_t count)
{
    const GV_Table *table = &g->db->store->table;
    GV_Heap *heap = &g->db->scratch;
    g->value_count = g->chosen_count = 0;
    GV_TRY(grow(heap, &g->values, &g->value_capacity, 0, count, sizeof *g->values));
    for (size_t i = 0; i < count; i++) {
        size_t size;
        const uint8_t *value = value_of(g, gv_table_find(table, hits[i].id), &size);
        if (value) g->values[g->value_count++] = (GV_Value){value, size, i};
    }
    gv_values_sort(g->values, g->value_count);
    GV_TRY(grow(heap, &g->chosen, &g->chosen_capacity, 0, g->value_count, sizeof *g->chosen));
    for (size_t i = 0; i < g->value_count; i++)
        if (i == 0 || gv_value_compare(&g->values[i - 1], &g->values[i]) != 0)
            g->chosen[g->chosen_count++] = g->values[i];
    if (g->chosen_count > 1) qsort(g->chosen, g->chosen_count, sizeof *g->chosen, by_owner);
    return GV_OK;
}

/* Search wider and wider, until there are k groups or all rows have been seen. `*whole`: they have. */
static GV_Status find_groups(Grouping *g, GV_Workspace **space, size_t *count, bool *whole)
{
    GV_Store *s = g->db->store;
    size_t reach = g->k > SIZE_MAX / 4 / g->group_size ? SIZE_MAX / 4 : 2 * g->k * g->group_size;
    if (reach < FIRST_LEAST) reach = FIRST_LEAST;
    for (;; reach = reach > SIZE_MAX / WIDEN ? SIZE_MAX : WIDEN * reach) {
        g->search.reach = reach;
        *whole = reach >= g->choices;
        GV_Request request = gv_search_request(g->db, &g->search, 1, g->search.filter ? g->accept : NULL, g->choices);
        *count = 0;
        if (g->choices == 0) return choose_groups(g, NULL, 0);
        GV_TRY(gv_workspace_fit(g->db, space, request.k, sizeof(GV_Hit) + sizeof(uint32_t)));
        gv_request_put(&request, &g->question);
        GV_TopK top = {.hits = (*space)->memory, .k = request.k};
        GV_TRY(gv_search(&s->table, s->index, &request, &top));
        GV_TRY(choose_groups(g, top.hits, top.count));
        *count = top.count;
        if (g->chosen_count >= g->k || *whole) break;
    }
    if (g->chosen_count > g->k) g->chosen_count = g->k;
    return GV_OK;
}

/* ---- their rows ---- */

static GV_Status add_member(Grouping *g, GV_Hit hit, size_t group)
{
    GV_TRY(grow(&g->db->scratch, &g->members, &g->member_capacity, g->member_count, g->member_count + 1,
                sizeof *g->members));
    g->members[g->member_count++] = (Member){hit, group};
    return GV_OK;
}

/* The hits of each group, as far as they go; `*full`: for each that is enough. */
static GV_Status take_hits(Grouping *g, const GV_Hit *hits, bool *full)
{
    *full = true;
    for (size_t group = 0; group < g->chosen_count; group++) {
        const GV_Value *first = gv_values_find(g->values, g->value_count, g->chosen[group].bytes,
                                               g->chosen[group].size);
        const GV_Value *end = g->values + g->value_count, *at = first;
        for (; at < end && gv_value_compare(at, first) == 0 && (size_t)(at - first) < g->group_size; at++)
            GV_TRY(add_member(g, hits[at->owner], group));
        if ((size_t)(at - first) < g->group_size) *full = false;
    }
    return GV_OK;
}

/* `room` is float[gv_table_room()]. */
static float distance_of(const Grouping *g, const GV_Metric *metric, uint32_t slot, float *room)
{
    const GV_Table *table = &g->db->store->table;
    const GV_Question *q = &g->question;
    if (GV_HAS_SPARSE && !q->vector)
        return gv_sparse_distance(metric->distance, &q->pairs, q->squared_norm, table, slot);
    float rank = gv_rank(metric, q->vector, q->squared_norm, gv_table_ranked(table, slot, room),
                         gv_table_norm(table, slot));
    return gv_distance_of_rank(metric->distance, rank);
}

/* One row, if it is of a group that was chosen. */
static GV_Status scan_member(Grouping *g, const GV_Metric *metric, uint32_t slot, float *room)
{
    const GV_Table *table = &g->db->store->table;
    size_t size;
    const uint8_t *value = value_of(g, slot, &size);
    const GV_Value *found = value ? gv_values_find(g->values, g->chosen_count, value, size) : NULL;
    if (!found) return GV_OK;
    GV_TRY(gv_table_touch(table, slot));
    return add_member(g, (GV_Hit){gv_table_id(table, slot), distance_of(g, metric, slot, room)}, found->owner);
}

/* All rows of the groups chosen. */
static GV_Status scan_members(Grouping *g)
{
    const GV_Store *s = g->db->store;
    const GV_Table *table = &s->table;
    GV_Request request = gv_search_request(g->db, &g->search, 1, NULL, 0);
    GV_Metric metric = s->metric;
    float *room;
    metric.distance = request.distance;
    g->member_count = 0;
    memcpy(g->values, g->chosen, g->chosen_count * sizeof *g->values);
    for (size_t i = 0; i < g->chosen_count; i++) g->values[i].owner = i;
    gv_values_sort(g->values, g->chosen_count);
    GV_TRY(gv_room_new(table, &g->db->scratch, &room));
    GV_Status status = GV_OK;
    for (size_t at = gv_bitset_next_set(g->accept, 0, table->slot_count); at < table->slot_count && status == GV_OK;
         at = gv_bitset_next_set(g->accept, at + 1, table->slot_count))
        status = scan_member(g, &metric, (uint32_t)at, room);
    gv_room_free(table, &g->db->scratch, room);
    return status;
}

static int by_group(const void *a, const void *b)
{
    const Member *x = a, *y = b;
    if (x->group != y->group) return x->group < y->group ? -1 : 1;
    return gv_hit_before(x->hit, y->hit) ? -1 : 1;
}

/* Leave group_size rows of each group, groups in the order of their nearest rows: a scan may have found nearer ones. */
static void order_members(Grouping *g)
{
    size_t kept = 0, within = 0;
    Member *m = g->members;
    if (g->member_count > 1) qsort(m, g->member_count, sizeof *m, by_group);
    for (size_t i = 0; i < g->member_count; i++) {
        within = i > 0 && m[i].group == m[i - 1].group ? within + 1 : 0;
        if (within < g->group_size) m[kept++] = m[i];
    }
    g->member_count = kept;
}

static int by_first(const void *a, const void *b)
{
    const Member *x = a, *y = b;
    return gv_hit_before(x->hit, y->hit) ? -1 : 1;
}

/* The members in the order in which they are given out: hits and group numbers. */
static GV_Status lay_out(Grouping *g, GV_Hit *hits, uint32_t *groups)
{
    Member *firsts = gv_alloc_array(&g->db->scratch, g->member_count, sizeof *firsts);
    size_t count = 0, at = 0;
    if (!firsts) return gv_last_status();
    for (size_t i = 0; i < g->member_count; i++)
        if (i == 0 || g->members[i].group != g->members[i - 1].group) firsts[count++] = (Member){g->members[i].hit, i};
    if (count > 1) qsort(firsts, count, sizeof *firsts, by_first);
    for (size_t i = 0; i < count; i++) {
        size_t from = firsts[i].group, group = g->members[from].group;
        for (; from < g->member_count && g->members[from].group == group; from++) {
            groups[at] = (uint32_t)i;
            hits[at++] = g->members[from].hit;
        }
    }
    gv_release(&g->db->scratch, firsts, g->member_count * sizeof *firsts);
    return GV_OK;
}

/* ---- the call ---- */

static GV_Status group_rows(Grouping *g, GV_Workspace **space, GV_Rows **out)
{
    size_t count;
    bool whole, full;
    GV_TRY(find_groups(g, space, &count, &whole));
    GV_TRY(take_hits(g, count > 0 ? (*space)->memory : NULL, &full));
    if (!full && !whole) GV_TRY(scan_members(g));
    order_members(g);
    GV_Workspace *numbers = NULL; /* groups stay while slots are written over what is behind the hits */
    GV_TRY(gv_workspace_fit(g->db, space, g->member_count + 1, sizeof(GV_Hit) + sizeof(uint32_t)));
    GV_Status status = gv_workspace_fit(g->db, &numbers, g->member_count + 1, sizeof(uint32_t));
    if (status == GV_OK && g->member_count > 0) status = lay_out(g, (*space)->memory, (uint32_t *)numbers->memory);
    if (status == GV_OK) status = gv_rows_of_space(g->db, &g->search, *space, g->member_count, out);
    if (status == GV_OK && g->member_count > 0)
        memcpy((*out)->groups, numbers->memory, g->member_count * sizeof(uint32_t));
    gv_workspace_free(g->db, numbers);
    return status;
}

/* Under the read lock. */
static GV_Status search_groups(Grouping *g, const float *query, size_t dimension, GV_Workspace **space, GV_Rows **out)
{
    GV_Database *db = g->db;
    GV_Heap *heap = &db->scratch;
    GV_Status status = gv_question_read(db, &g->search, query, dimension, &g->question);
    if (status == GV_OK) status = gv_search_filter(db, &g->search, &g->matches, &g->accept, &g->choices);
    if (status == GV_OK) status = group_rows(g, space, out);
    gv_bitset_free(&g->matches, heap);
    gv_release(heap, g->values, g->value_capacity * sizeof *g->values);
    gv_release(heap, g->chosen, g->chosen_capacity * sizeof *g->chosen);
    gv_release(heap, g->members, g->member_capacity * sizeof *g->members);
    return status;
}

GV_Status gv_db_search_groups(GV_Database *db, const float *query, size_t dimension, size_t k, const char *key,
                              size_t group_size, const GV_SearchOptions *options, GV_Rows **out)
{
    GV_Workspace *space;
    Grouping g = {.db = db, .key = key};
    uint64_t began = gv_clock_ns();
    if (!out) return gv_fail(GV_ERR_ARGUMENT, "out is NULL");
    *out = NULL;
    if (!key) return gv_fail(GV_ERR_ARGUMENT, "key is NULL");
    if (group_size == 0) return gv_fail(GV_ERR_ARGUMENT, "group_size is 0, at least 1 is needed");
    g.key_size = strlen(key);
    g.group_size = group_size < GV_SLOTS_MAX ? group_size : GV_SLOTS_MAX;
    GV_TRY(gv_enter_search(db, &space));
    GV_Status status = gv_search_begin_whole(db, options, k, &g.search);
    if (status == GV_OK) {
        g.k = k;
        g.search.grouped = true;
        gv_filter_prepare(db, g.search.filter);
        gv_read_lock(&db->state);
        status = search_groups(&g, query, dimension, &space, out);
        gv_read_unlock(&db->state);
    }
    gv_search_end(db, &g.search);
    gv_count_searches(&db->counters, began, 1, status);
    gv_leave_search(db, space);
    return status;
}
