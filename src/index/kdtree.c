/* kdtree.c: the exact index for low dimensions. New rows are looked at one by one until there are enough of them for
 * the tree to be made anew, by the writer beside searches: planned as a call ends, put in place under the lock. */
#include "index/kdtree.h"

enum {
    LOOSE_LEAST = 256,
    LOOSE_SHARE = 16 /* one row in so many may be outside the tree */
};

typedef struct KD {
    GV_Index head;
    GV_KDTree tree, next; /* `next`: being made, or room for it */
    GV_Bitset members;    /* rows of the index: of the writer alone */
    GV_Bitset indexed;    /* those of them that lie in the tree; what is live and not here is loose */
    size_t member_count, indexed_count;
    GV_Step step;                /* that is planned */
    atomic_uint_least64_t clean; /* the table's version at which no live row was loose, if it is that still */
    bool made;                   /* `next` is a tree that holds all members as they are after it */
} KD;

static bool has_tree(const KD *kd) { return kd->head.ops->search != NULL; }

static bool is_due(const KD *kd, size_t steps)
{
    size_t loose = kd->member_count - kd->indexed_count + steps;
    return loose > LOOSE_LEAST + kd->member_count / LOOSE_SHARE || kd->tree.count > 2 * kd->member_count + LOOSE_LEAST;
}

static GV_Status kd_reserve(GV_Index *index, uint32_t slot_end, size_t steps, GV_Patch *patch, GV_RwLock *lock)
{
    KD *kd = (KD *)index;
    (void)patch;
    kd->made = false;
    if (!has_tree(kd)) return GV_OK;
    GV_TRY(gv_bitset_reserve(&kd->members, index->heap, slot_end, NULL)); /* no reader looks */
    GV_TRY(gv_bitset_reserve(&kd->indexed, index->heap, slot_end, lock));
    return is_due(kd, steps) ? gv_kd_reserve(&kd->next, index->heap, index->metric.dimension, kd->member_count + steps)
                             : GV_OK;
}

static void note_step(KD *kd, GV_Step step)
{
    bool was = gv_bitset_get(&kd->members, step.slot);
    if (step.removes && was) gv_bitset_clear(&kd->members, step.slot), kd->member_count--;
    if (!step.removes && !was) gv_bitset_set(&kd->members, step.slot), kd->member_count++;
}

static void make_next(KD *kd)
{
    size_t end = kd->members.word_count * 64;
    kd->next.count = 0;
    for (size_t slot = gv_bitset_next_set(&kd->members, 0, end); slot < end;
         slot = gv_bitset_next_set(&kd->members, slot + 1, end))
        kd->next.slots[kd->next.count++] = (uint32_t)slot;
    gv_kd_build(&kd->next, kd->head.table);
    kd->made = true;
}

static size_t kd_plan(GV_Index *index, const GV_Step *steps, size_t count, GV_Patch *patch, GV_RwLock *lock)
{
    KD *kd = (KD *)index;
    (void)lock;
    patch->count = 0;
    kd->step = *steps;
    if (!has_tree(kd)) return 1;
    note_step(kd, *steps);
    if (count == 1 && is_due(kd, 0) && kd->next.capacity >= kd->member_count) make_next(kd);
    return 1;
}

/* Trees change places; the old one is freed, or used again, when the lock has been held: nobody reads it then. */
static void put_in_place(KD *kd)
{
    GV_KDTree old = kd->tree;
    kd->tree = kd->next;
    kd->next = old;
    for (size_t i = 0; i < kd->indexed.word_count; i++) kd->indexed.words[i] = kd->members.words[i];
    kd->indexed_count = kd->member_count;
    kd->made = false;
}

static void kd_commit(GV_Index *index, const GV_Patch *patch, GV_RwLock *lock)
{
    KD *kd = (KD *)index;
    uint32_t slot = kd->step.slot;
    (void)patch;
    bool seen = lock && (kd->step.removes || kd->made); /* by readers */
    atomic_store_explicit(&kd->clean, UINT64_MAX, memory_order_relaxed);
    if (seen) gv_write_lock(lock);
    if (kd->made) put_in_place(kd);
    if (kd->step.removes) {
        if (has_tree(kd) && gv_bitset_get(&kd->indexed, slot)) gv_bitset_clear(&kd->indexed, slot), kd->indexed_count--;
        gv_table_release_slot(index->table, slot);
    }
    if (seen) gv_write_unlock(lock);
}

static void kd_settle(GV_Index *index) { gv_kd_free(&((KD *)index)->next, index->heap); }

/* Rows outside the tree, of which there are few: new, or live before the index was told. */
static void look_at_loose(KD *kd, const GV_Query *query, GV_TopK *top)
{
    uint64_t version = kd->head.table->version;
    if (atomic_load_explicit(&kd->clean, memory_order_relaxed) == version) return;
    bool clean = query->accept == &kd->head.table->live;
    const GV_Table *table = kd->head.table;
    const GV_Metric *metric = &kd->head.metric;
    for (size_t at = 0; at < query->accept->word_count; at++) {
        uint64_t rest = query->accept->words[at];
        if (at < kd->indexed.word_count) rest &= ~kd->indexed.words[at];
        if (rest) clean = false;
        for (; rest; rest &= rest - 1) {
            size_t slot = at * 64 + (size_t)__builtin_ctzll(rest);
            if (slot >= table->slot_count) return;
            float rank = gv_rank(metric, query->vector, query->squared_norm, gv_table_row(table, (uint32_t)slot),
                                 gv_table_norm(table, (uint32_t)slot));
            gv_topk_offer(top, gv_distance_of_rank(metric->distance, rank), gv_table_id(table, (uint32_t)slot));
        }
    }
    if (clean) atomic_store_explicit(&kd->clean, version, memory_order_relaxed);
}

/* With nothing offered the caller scans. */
static GV_Status kd_search(GV_Index *index, const GV_Query *query, GV_TopK *top)
{
    KD *kd = (KD *)index;
    look_at_loose(kd, query, top);
    if (!gv_kd_search(&kd->tree, index->table, &index->metric, query, &kd->indexed, top)) top->count = 0;
    return GV_OK;
}

static GV_Status kd_load(GV_Index *index, GV_Image *image)
{
    KD *kd = (KD *)index;
    GV_Table *table = index->table;
    (void)image;
    if (!has_tree(kd) || table->live_count == 0) return GV_OK;
    GV_TRY(gv_table_verify(table));
    GV_TRY(gv_bitset_reserve(&kd->members, index->heap, table->slot_count, NULL));
    GV_TRY(gv_bitset_reserve(&kd->indexed, index->heap, table->slot_count, NULL));
    GV_TRY(gv_kd_reserve(&kd->next, index->heap, table->dimension, (size_t)table->live_count));
    size_t end = table->slot_count;
    for (size_t slot = gv_bitset_next_set(&table->live, 0, end); slot < end;
         slot = gv_bitset_next_set(&table->live, slot + 1, end))
        note_step(kd, (GV_Step){(uint32_t)slot, false});
    if (kd->member_count > kd->next.capacity) return gv_fail(GV_ERR_CORRUPT, "kdtree: more live rows than counted");
    make_next(kd);
    put_in_place(kd);
    return GV_OK;
}

static GV_Status kd_check(GV_Index *index, GV_CheckReport *report)
{
    report->reachable = index->table->live_count;
    return GV_OK;
}

static void kd_free(GV_Index *index)
{
    KD *kd = (KD *)index;
    GV_Heap *heap = index->heap;
    gv_kd_free(&kd->tree, heap);
    gv_kd_free(&kd->next, heap);
    gv_bitset_free(&kd->members, heap);
    gv_bitset_free(&kd->indexed, heap);
    gv_release(heap, kd, sizeof *kd);
}

#define OPS                                                                                             \
    .name = "kdtree", .reserve = kd_reserve, .plan = kd_plan, .commit = kd_commit, .settle = kd_settle, \
    .load = kd_load, .check = kd_check, .free = kd_free

GV_Status gv_kdtree_new(const GV_IndexSetup *setup, GV_Index **out)
{
    static const GV_IndexOps tree_ops = {OPS, .search = kd_search}, scan_ops = {OPS};
    bool scans = setup->metric.distance == GV_DISTANCE_COSINE || setup->metric.dimension > GV_KD_DIMENSIONS;
    *out = NULL;
    KD *kd = gv_alloc(setup->heap, sizeof *kd);
    if (!kd) return gv_last_status();
    atomic_init(&kd->clean, UINT64_MAX);
    kd->head = (GV_Index){
        scans ? &scan_ops : &tree_ops, setup->table, setup->metric, setup->heap, setup->scratch_heap, NULL, 1};
    *out = &kd->head;
    return GV_OK;
}
