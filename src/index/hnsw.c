/* hnsw.c: the graph's memory: made, grown, given back. */
#include "index/hnsw.h"
#include "base/checked.h"

enum {
    CHUNK_BYTES = 1 << 18,
    UNSEEN_STEPS = 64 /* steps whose ids may be any: updates */
};

static void hnsw_free(GV_Index *index)
{
    GV_HNSW *hnsw = (GV_HNSW *)index;
    GV_Slab *slabs[] = {&hnsw->links,      &hnsw->survivors, &hnsw->upper_at, &hnsw->upper,
                        &hnsw->link_ranks, &hnsw->born,      &hnsw->sources};
    GV_Bitset *sets[] = {&hnsw->upper_used, &hnsw->present, &hnsw->ghosts, &hnsw->heads, &hnsw->followers};
    for (size_t i = 0; i < sizeof slabs / sizeof *slabs; i++) gv_slab_free(slabs[i]);
    for (size_t i = 0; i < sizeof sets / sizeof *sets; i++) gv_bitset_free(sets[i], index->heap);
    gv_release(index->heap, hnsw->pending, hnsw->pending_capacity * sizeof *hnsw->pending);
    gv_scratch_free(index->heap, hnsw->writer);
    while (hnsw->resting) {
        GV_Scratch *scratch = hnsw->resting;
        hnsw->resting = scratch->next;
        gv_scratch_free(index->scratch_heap, scratch);
    }
    gv_mutex_destroy(&hnsw->mutex);
    gv_release(index->heap, hnsw, sizeof *hnsw);
}

GV_Status gv_hnsw_reserve_slots(GV_HNSW *hnsw, uint32_t slot_end, GV_RwLock *lock)
{
    GV_Heap *heap = hnsw->head.heap;
    GV_TRY(gv_slab_reserve(&hnsw->links, slot_end));
    GV_TRY(gv_slab_reserve(&hnsw->survivors, slot_end));
    GV_TRY(gv_slab_reserve(&hnsw->upper_at, slot_end));
    GV_TRY(gv_bitset_reserve(&hnsw->present, heap, slot_end, lock));
    GV_TRY(gv_bitset_reserve(&hnsw->ghosts, heap, slot_end, lock));
    GV_TRY(gv_bitset_reserve(&hnsw->heads, heap, slot_end, lock));
    return gv_bitset_reserve(&hnsw->followers, heap, slot_end, lock);
}

/* Upper records for `steps` insertions: of the next ids, and of some that may be any: an updated row keeps its id. */
static GV_Status reserve_upper(GV_HNSW *hnsw, size_t steps)
{
    for (uint64_t end = hnsw->head.table->next_id + steps; hnsw->id_end < end; hnsw->id_end++)
        hnsw->levels_ahead += gv_hnsw_draw_level(hnsw, hnsw->id_end);
    size_t needed = hnsw->upper_live + hnsw->levels_ahead +
                    GV_LEVEL_MAX * (steps < UNSEEN_STEPS ? steps : UNSEEN_STEPS);
    if (needed <= hnsw->upper_capacity) return GV_OK;
    if (needed >= GV_NO_SLOT) return gv_fail(GV_ERR_LIMIT, "hnsw: more than %zu upper records", needed);
    GV_TRY(gv_slab_reserve(&hnsw->upper, needed));
    GV_TRY(gv_bitset_reserve(&hnsw->upper_used, hnsw->head.heap, needed, NULL));
    hnsw->upper_capacity = (uint32_t)needed;
    return GV_OK;
}

/* Every base link of every node, once after loading; from then on commits keep count. */
static void count_sources(GV_HNSW *hnsw)
{
    for (size_t node = gv_bitset_next_set(&hnsw->present, 0, hnsw->slot_end); node < hnsw->slot_end;
         node = gv_bitset_next_set(&hnsw->present, node + 1, hnsw->slot_end)) {
        GV_List list = gv_hnsw_list(hnsw, (uint32_t)node, 0);
        for (uint32_t i = 0; i < list.capacity && list.links[i] != node; i++)
            gv_hnsw_count_source(hnsw, list.links[i], 1);
    }
    hnsw->sources_counted = true;
}

static GV_Status reserve_patch(GV_HNSW *hnsw, GV_Patch *patch)
{
    GV_Heap *heap = hnsw->head.heap;
    size_t words = gv_hnsw_patch_words(hnsw), ranks = gv_hnsw_patch_ranks(hnsw);
    if (patch->capacity < words) {
        uint32_t *larger = gv_alloc_array(heap, words, sizeof *larger);
        if (!larger) return gv_last_status();
        gv_release(heap, patch->words, patch->capacity * sizeof *patch->words);
        *patch = (GV_Patch){.words = larger, .capacity = words};
    }
    if (hnsw->pending_capacity < ranks) {
        hnsw->pending = gv_alloc_array(heap, ranks, sizeof *hnsw->pending);
        if (!hnsw->pending) return gv_last_status();
        hnsw->pending_capacity = ranks;
    }
    return GV_OK;
}

static GV_Status hnsw_reserve(GV_Index *index, uint32_t slot_end, size_t steps, GV_Patch *patch, GV_RwLock *lock)
{
    GV_HNSW *hnsw = (GV_HNSW *)index;
    GV_TRY(gv_hnsw_reserve_slots(hnsw, slot_end, lock));
    GV_TRY(gv_slab_reserve(&hnsw->link_ranks, slot_end));
    GV_TRY(gv_slab_reserve(&hnsw->born, slot_end));
    GV_TRY(gv_slab_reserve(&hnsw->sources, slot_end));
    if (!hnsw->sources_counted) count_sources(hnsw);
    GV_TRY(reserve_upper(hnsw, steps));
    GV_TRY(reserve_patch(hnsw, patch));
    return gv_scratch_fit(index->heap, &hnsw->writer, slot_end, gv_hnsw_pool_size(hnsw->ef_construction), true);
}

static void init_slabs(GV_HNSW *hnsw)
{
    GV_Heap *heap = hnsw->head.heap;
    gv_slab_init(&hnsw->links, heap, (size_t)gv_round_up(hnsw->degree * 4, GV_CACHE_LINE), CHUNK_BYTES);
    gv_slab_init(&hnsw->survivors, heap, gv_bit_words(hnsw->degree) * 4, CHUNK_BYTES / 8);
    gv_slab_init(&hnsw->upper_at, heap, 4, CHUNK_BYTES / 8);
    gv_slab_init(&hnsw->upper, heap, sizeof(GV_Upper) + hnsw->M * 4, CHUNK_BYTES / 8);
    gv_slab_init(&hnsw->link_ranks, heap, 4 + hnsw->degree * 4, CHUNK_BYTES);
    gv_slab_init(&hnsw->born, heap, 4, CHUNK_BYTES / 8);
    gv_slab_init(&hnsw->sources, heap, 4, CHUNK_BYTES / 8);
}

GV_Status gv_hnsw_new(const GV_IndexSetup *setup, GV_Index **out)
{
    static const GV_IndexOps ops = {
        .name = "hnsw",
        .reserve = hnsw_reserve,
        .insert = gv_hnsw_insert,
        .remove = gv_hnsw_remove,
        .commit = gv_hnsw_commit,
        .replay = gv_hnsw_replay,
        .search = gv_hnsw_search,
        .save = gv_hnsw_save,
        .load = gv_hnsw_load,
        .check = gv_hnsw_check,
        .free = hnsw_free,
    };
    *out = NULL;
    GV_HNSW *hnsw = gv_alloc(setup->heap, sizeof *hnsw);
    if (!hnsw) return gv_last_status();
    if (gv_mutex_init(&hnsw->mutex) != 0) {
        gv_release(setup->heap, hnsw, sizeof *hnsw);
        return gv_fail(GV_ERR_NO_MEMORY, "hnsw: no mutex to be had");
    }
    hnsw->head = (GV_Index){&ops, setup->table, setup->metric, setup->heap, setup->scratch_heap};
    hnsw->M = setup->hnsw.M;
    hnsw->degree = 2 * setup->hnsw.M;
    hnsw->ef_construction = setup->hnsw.ef_construction;
    hnsw->seed = setup->seed;
    hnsw->entry = GV_NO_SLOT;
    hnsw->clock = 1;
    init_slabs(hnsw);
    *out = &hnsw->head;
    return GV_OK;
}
