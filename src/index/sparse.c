/* sparse.c: rows in and out of inverted lists, one step a patch. Memory for a list may fail to come when a row is in the log already: such
 * a row stays out, and searches look at it. */
#include "index/sparse.h"
#include "base/random.h"
#include <string.h>

enum {
    LIST_LEAST = 4,
    BUCKETS_LEAST = 64,
    PAIRS_A_HOLD = 256 /* of the lock */
};

/* ---- lists ---- */

static size_t bucket_of(const GV_Sparse *s, uint32_t index) { return gv_mix64(index) & (s->bucket_count - 1); }

GV_SparseList *gv_sparse_list(const GV_Sparse *s, uint32_t index)
{
    if (s->bucket_count == 0) return NULL;
    for (size_t at = bucket_of(s, index); s->buckets[at] != 0; at = (at + 1) & (s->bucket_count - 1))
        if (s->lists[s->buckets[at] - 1].index == index) return &s->lists[s->buckets[at] - 1];
    return NULL;
}

static void enter_list(GV_Sparse *s, size_t list)
{
    size_t at = bucket_of(s, s->lists[list].index);
    while (s->buckets[at] != 0) at = (at + 1) & (s->bucket_count - 1);
    s->buckets[at] = (uint32_t)list + 1;
}

static bool grow_lists(GV_Sparse *s)
{
    GV_Heap *heap = s->head.heap;
    size_t capacity = s->list_capacity ? 2 * s->list_capacity : BUCKETS_LEAST / 2, buckets = 2 * capacity;
    GV_SparseList *lists = gv_alloc_array(heap, capacity, sizeof *lists);
    uint32_t *table = gv_alloc_array(heap, buckets, sizeof *table);
    if (!lists || !table) {
        gv_release(heap, lists, capacity * sizeof *lists);
        gv_release(heap, table, buckets * sizeof *table);
        return false;
    }
    if (s->list_count > 0) memcpy(lists, s->lists, s->list_count * sizeof *lists);
    gv_release(heap, s->lists, s->list_capacity * sizeof *lists);
    gv_release(heap, s->buckets, s->bucket_count * sizeof *table);
    s->lists = lists;
    s->list_capacity = capacity;
    s->buckets = table;
    s->bucket_count = buckets;
    for (size_t i = 0; i < s->list_count; i++) enter_list(s, i);
    return true;
}

static size_t list_bytes(const GV_SparseList *list) { return (size_t)list->capacity * 8; }

static bool grow_list(GV_Sparse *s, GV_SparseList *list)
{
    GV_SparseList larger = *list;
    larger.capacity = list->capacity ? list->capacity + list->capacity / 2 : LIST_LEAST;
    larger.slots = gv_alloc_array(s->head.heap, larger.capacity, 8);
    if (!larger.slots) return false;
    if (list->count > 0) {
        memcpy(larger.slots, list->slots, list->count * sizeof *list->slots);
        memcpy(gv_list_values(&larger), gv_list_values(list), list->count * sizeof(float));
    }
    gv_release(s->head.heap, list->slots, list_bytes(list));
    *list = larger;
    return true;
}

static bool append(GV_Sparse *s, uint32_t index, uint32_t slot, float value)
{
    GV_SparseList *list = gv_sparse_list(s, index);
    if (!list) {
        if (s->list_count == s->list_capacity && !grow_lists(s)) return false;
        list = &s->lists[s->list_count];
        *list = (GV_SparseList){.index = index};
        enter_list(s, s->list_count++);
    }
    if (list->count == list->capacity && !grow_list(s, list)) return false;
    list->slots[list->count] = slot;
    gv_list_values(list)[list->count++] = value;
    if (fabsf(value) > list->greatest) list->greatest = fabsf(value);
    return true;
}

static void take_out(GV_Sparse *s, uint32_t index, uint32_t slot)
{
    GV_SparseList *list = gv_sparse_list(s, index);
    uint32_t at = 0;
    if (!list) return;
    while (at < list->count && list->slots[at] != slot) at++;
    if (at == list->count) return; /* the row never came as far */
    list->slots[at] = list->slots[--list->count];
    gv_list_values(list)[at] = gv_list_values(list)[list->count];
}

/* What a list keeps of a value: by COSINE that of the row made one long. */
static float kept_value(const GV_Sparse *s, uint32_t slot, float value)
{
    if (s->head.metric.distance != GV_DISTANCE_COSINE) return value;
    float norm = gv_table_norm(s->head.table, slot);
    return norm > 0.0f ? (float)((double)value / sqrt((double)norm)) : 0.0f;
}

/* ---- steps ---- */

static GV_Status sparse_reserve(GV_Index *index, uint32_t slot_end, size_t steps, GV_Patch *patch, GV_RwLock *lock)
{
    (void)steps, (void)patch;
    return gv_bitset_reserve(&((GV_Sparse *)index)->indexed, index->heap, slot_end, lock);
}

static size_t sparse_plan(GV_Index *index, const GV_Step *steps, size_t count, GV_Patch *patch, GV_RwLock *lock)
{
    (void)count, (void)lock;
    patch->count = 0;
    ((GV_Sparse *)index)->step = *steps;
    return 1;
}

/* Nobody sees the row before all of its pairs are in, nor once the first has gone: the lock may be given up between them. */
static bool move_pairs(GV_Sparse *s, GV_RwLock *lock)
{
    uint32_t slot = s->step.slot;
    GV_SparseRow row = gv_table_pairs(s->head.table, slot);
    bool whole = true;
    if (s->step.removes) gv_bitset_clear(&s->indexed, slot);
    else if (gv_sparse_is_tiny(s->head.metric.distance, gv_table_norm(s->head.table, slot))) return true;
    for (size_t i = 0; i < row.count && whole; i++) {
        if (lock && i > 0 && i % PAIRS_A_HOLD == 0) {
            gv_write_unlock(lock);
            gv_write_lock(lock);
        }
        if (s->step.removes) take_out(s, row.indices[i], slot);
        else whole = append(s, row.indices[i], slot, kept_value(s, slot, row.values[i]));
    }
    if (!s->step.removes && whole) gv_bitset_set(&s->indexed, slot);
    return whole;
}

static void sparse_commit(GV_Index *index, const GV_Patch *patch, GV_RwLock *lock)
{
    GV_Sparse *s = (GV_Sparse *)index;
    (void)patch;
    if (lock) gv_write_lock(lock);
    (void)move_pairs(s, lock);
    if (s->step.removes) {
        gv_table_drop_pairs(index->table, s->step.slot);
        gv_table_release_slot(index->table, s->step.slot);
    }
    if (lock) gv_write_unlock(lock);
}

/* ---- whole files ---- */

static GV_Status sparse_load(GV_Index *index, GV_Image *image)
{
    GV_Sparse *s = (GV_Sparse *)index;
    GV_Table *table = index->table;
    (void)image;
    GV_TRY(gv_table_verify(table));
    GV_TRY(gv_bitset_reserve(&s->indexed, index->heap, table->slot_count, NULL));
    for (size_t slot = gv_bitset_next_set(&table->live, 0, table->slot_count); slot < table->slot_count;
         slot = gv_bitset_next_set(&table->live, slot + 1, table->slot_count)) {
        s->step = (GV_Step){(uint32_t)slot, false};
        if (!move_pairs(s, NULL)) return gv_last_status();
    }
    return GV_OK;
}

static bool has_pair(const GV_SparseRow *row, uint32_t index)
{
    size_t from = 0, to = row->count;
    while (from < to) {
        size_t middle = (from + to) / 2;
        if (row->indices[middle] < index) from = middle + 1;
        else to = middle;
    }
    return from < row->count && row->indices[from] == index;
}

/* As many entries as the rows have pairs, each of a row that has it: then every pair is in its list. */
static GV_Status sparse_check(GV_Index *index, GV_CheckReport *report)
{
    const GV_Sparse *s = (const GV_Sparse *)index;
    const GV_Table *table = index->table;
    uint64_t pairs = 0, wrong = 0;
    for (uint32_t slot = 0; slot < table->slot_count; slot++)
        if (gv_bitset_get(&s->indexed, slot)) pairs += gv_table_pairs(table, slot).count;
    for (size_t i = 0; i < s->list_count; i++) {
        const GV_SparseList *list = &s->lists[i];
        for (uint32_t at = 0; at < list->count; at++) {
            if (!gv_bitset_get(&s->indexed, list->slots[at])) continue; /* of a row that is looked at */
            GV_SparseRow row = gv_table_pairs(table, list->slots[at]);
            wrong += !has_pair(&row, list->index);
            report->links++;
        }
    }
    report->reachable = table->live_count;
    if (wrong == 0 && report->links == pairs) return GV_OK;
    report->faults++;
    return gv_fail(GV_ERR_CORRUPT, "sparse: %llu entries for %llu pairs, %llu of them wrong",
                   (unsigned long long)report->links, (unsigned long long)pairs, (unsigned long long)wrong);
}

static void sparse_free(GV_Index *index)
{
    GV_Sparse *s = (GV_Sparse *)index;
    GV_Heap *heap = index->heap;
    for (size_t i = 0; i < s->list_count; i++) gv_release(heap, s->lists[i].slots, list_bytes(&s->lists[i]));
    gv_release(heap, s->lists, s->list_capacity * sizeof *s->lists);
    gv_release(heap, s->buckets, s->bucket_count * sizeof *s->buckets);
    gv_bitset_free(&s->indexed, heap);
    gv_sparse_scratch_free(s, s->resting);
    gv_mutex_destroy(&s->mutex);
    gv_release(heap, s, sizeof *s);
}

static GV_Status search_sparse(GV_Index *index, const GV_SparseQuery *query, GV_TopK *top, GV_SparseFound *found)
{
    return gv_sparse_search((GV_Sparse *)index, query, top, found);
}

GV_Status gv_sparse_new(const GV_IndexSetup *setup, GV_Index **out)
{
    static const GV_IndexOps ops = {
        .name = "sparse",
        .reserve = sparse_reserve,
        .plan = sparse_plan,
        .commit = sparse_commit,
        .search_sparse = search_sparse,
        .load = sparse_load,
        .check = sparse_check,
        .free = sparse_free,
    };
    *out = NULL;
    GV_Sparse *s = gv_alloc(setup->heap, sizeof *s);
    if (!s) return gv_last_status();
    if (gv_mutex_init(&s->mutex)) {
        gv_release(setup->heap, s, sizeof *s);
        return gv_fail(GV_ERR_NO_MEMORY, "no memory for locks");
    }
    s->head = (GV_Index){&ops, setup->table, setup->metric, setup->heap, setup->scratch_heap, NULL, 1};
    *out = &s->head;
    return GV_OK;
}
