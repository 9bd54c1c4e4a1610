/* hnsw.c: the graph's memory: made, grown, given back. */
#include "index/hnsw_build.h"
#include "base/checked.h"

enum {
    CHUNK_BYTES = 1 << 18,
    UNSEEN_STEPS = 64 /* steps whose ids may be any: updates */
};

static void hnsw_free(GV_Index *index)
{
    GV_HNSW *hnsw = (GV_HNSW *)index;
    GV_Slab *slabs[] = {&hnsw->links, &hnsw->survivors, &hnsw->upper_at, &hnsw->upper, &hnsw->sources};
    GV_Bitset *sets[] = {&hnsw->upper_used, &hnsw->present, &hnsw->ghosts, &hnsw->heads, &hnsw->followers};
    for (size_t i = 0; i < sizeof slabs / sizeof *slabs; i++) gv_slab_free(slabs[i]);
    for (size_t i = 0; i < sizeof sets / sizeof *sets; i++) gv_bitset_free(sets[i], index->heap);
    gv_build_free(hnsw);
    gv_hnsw_unwatch(hnsw);
    while (hnsw->resting) {
        GV_Scratch *scratch = hnsw->resting;
        hnsw->resting = scratch->next;
        gv_scratch_free(hnsw, index->scratch_heap, scratch);
    }
    gv_blocks_free(hnsw);
    gv_codes_free(&hnsw->codes);
    gv_mutex_destroy(&hnsw->mutex);
    gv_release(index->heap, hnsw, sizeof *hnsw);
}

GV_Status gv_hnsw_reserve_slots(GV_HNSW *hnsw, uint32_t slot_end, GV_RwLock *lock)
{
    GV_Heap *heap = hnsw->head.heap;
    GV_TRY(gv_codes_reserve(&hnsw->codes, slot_end));
    if (hnsw->gated) GV_TRY(gv_slab_reserve(&hnsw->blocks, slot_end));
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
    size_t needed = hnsw->upper_live + hnsw->levels_ahead + hnsw->levels_kept +
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

static GV_Status reserve_patch(GV_HNSW *hnsw, size_t steps, GV_Patch *patch)
{
    GV_Heap *heap = hnsw->head.heap;
    size_t words = gv_build_patch_words(hnsw, steps);
    if (patch->capacity >= words) return GV_OK;
    uint32_t *larger = gv_alloc_array(heap, words, sizeof *larger);
    if (!larger) return gv_last_status();
    gv_release(heap, patch->words, patch->capacity * sizeof *patch->words);
    *patch = (GV_Patch){.words = larger, .capacity = words};
    return GV_OK;
}

static GV_Status hnsw_reserve(GV_Index *index, uint32_t slot_end, size_t steps, GV_Patch *patch, GV_RwLock *lock)
{
    GV_HNSW *hnsw = (GV_HNSW *)index;
    GV_TRY(gv_hnsw_reserve_slots(hnsw, slot_end, lock));
    GV_TRY(gv_slab_reserve(&hnsw->sources, slot_end));
    if (!hnsw->sources_counted) {
        GV_TRY(gv_hnsw_verify(hnsw)); /* from here on links are read and written over untouched */
        count_sources(hnsw);
    }
    GV_TRY(reserve_upper(hnsw, steps));
    GV_TRY(reserve_patch(hnsw, steps, patch));
    return gv_build_reserve(hnsw, slot_end, steps);
}

/* For scans by codes. */
static const GV_Codes *hnsw_codes(const GV_Index *index)
{
    return gv_codes_turned(index->metric.distance) ? &((const GV_HNSW *)index)->codes : NULL;
}

static GV_Status hnsw_touch(const GV_Index *index, const uint32_t *slots, size_t count)
{
    const GV_HNSW *hnsw = (const GV_HNSW *)index;
    return hnsw->mapped ? gv_hnsw_touch_nodes(hnsw, slots, count) : GV_OK;
}

static void hnsw_expect(GV_Index *index, uint64_t id)
{
    ((GV_HNSW *)index)->levels_kept += gv_hnsw_draw_level((GV_HNSW *)index, id);
}

static size_t hnsw_plan(GV_Index *index, const GV_Step *steps, size_t count, GV_Patch *patch, GV_RwLock *lock)
{
    GV_HNSW *hnsw = (GV_HNSW *)index;
    patch->count = 0;
    if (!steps->removes) return gv_hnsw_insert(hnsw, steps, count, lock, patch);
    gv_hnsw_remove(hnsw, steps->slot, patch);
    return 1;
}

/* What plans a batch is a hundred times what plans a row. */
static void hnsw_settle(GV_Index *index)
{
    enum {
        ROWS_KEPT = 4
    };
    GV_HNSW *hnsw = (GV_HNSW *)index;
    hnsw->levels_kept = 0;
    if (hnsw->build && hnsw->build->capacity > ROWS_KEPT) gv_build_free(hnsw);
}

static void init_slabs(GV_HNSW *hnsw)
{
    GV_Heap *heap = hnsw->head.heap;
    gv_slab_init(&hnsw->links, heap, (size_t)gv_round_up(hnsw->degree * 4, GV_CACHE_LINE), CHUNK_BYTES);
    gv_slab_init(&hnsw->survivors, heap, gv_bit_words(hnsw->degree) * 4, CHUNK_BYTES / 8);
    gv_slab_init(&hnsw->upper_at, heap, 4, CHUNK_BYTES / 8);
    gv_slab_init(&hnsw->upper, heap, sizeof(GV_Upper) + hnsw->M * 4, CHUNK_BYTES / 8);
    gv_slab_init(&hnsw->sources, heap, 4, CHUNK_BYTES / 8);
}

GV_Status gv_hnsw_new(const GV_IndexSetup *setup, GV_Index **out)
{
    static const GV_IndexOps ops = {
        .name = "hnsw",
        .reserve = hnsw_reserve,
        .expect = hnsw_expect,
        .plan = hnsw_plan,
        .commit = gv_hnsw_commit,
        .settle = hnsw_settle,
        .replay = gv_hnsw_replay,
        .search = gv_hnsw_search,
        .codes = hnsw_codes,
        .touch = hnsw_touch,
        .order = gv_hnsw_order,
        .save = gv_hnsw_save,
        .load = gv_hnsw_load,
        .check = gv_hnsw_check,
        .shape = gv_hnsw_shape,
        .free = hnsw_free,
    };
    *out = NULL;
    GV_HNSW *hnsw = gv_alloc(setup->heap, sizeof *hnsw);
    if (!hnsw) return gv_last_status();
    if (gv_mutex_init(&hnsw->mutex) != 0) {
        gv_release(setup->heap, hnsw, sizeof *hnsw);
        return gv_fail(GV_ERR_NO_MEMORY, "hnsw: no mutex to be had");
    }
    hnsw->head = (GV_Index){&ops,        setup->table,  setup->metric, setup->heap, setup->scratch_heap,
                            setup->pool, setup->threads};
    hnsw->M = setup->hnsw.M;
    hnsw->degree = 2 * setup->hnsw.M;
    hnsw->ef_construction = setup->hnsw.ef_construction;
    hnsw->rerank = setup->hnsw.quant_rerank;
    hnsw->seed = setup->seed;
    hnsw->entry = GV_NO_SLOT;
    init_slabs(hnsw);
    GV_Status status = gv_codes_init(&hnsw->codes, setup->heap, &setup->metric, setup->seed);
    hnsw->gated = setup->hnsw.use_binary_quant && gv_hnsw_coded(hnsw);
    if (status == GV_OK && hnsw->gated) status = gv_blocks_init(hnsw);
    if (status == GV_OK) *out = &hnsw->head;
    else hnsw_free(&hnsw->head);
    return status;
}
