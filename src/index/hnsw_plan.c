/* hnsw_plan.c: what an insertion will change, found out without changing anything. */
#include "index/hnsw.h"

uint32_t gv_hnsw_draw_level(const GV_HNSW *hnsw, uint64_t id)
{
    uint64_t draw = gv_random(hnsw->seed, id), heads = UINT64_MAX / hnsw->M;
    uint32_t level = 0;
    for (; level < GV_LEVEL_MAX && draw < heads; draw = gv_mix64(draw)) level++;
    return level;
}

uint32_t gv_hnsw_level(const GV_HNSW *hnsw, uint32_t node)
{
    uint32_t level = 0, at = *(const uint32_t *)gv_slab_at(&hnsw->upper_at, node);
    for (; at != GV_NO_SLOT; level++) at = ((const GV_Upper *)gv_slab_at(&hnsw->upper, at))->next;
    return level;
}

/* Offer the new node `mine` to the `i`-th node that it links to. Does that one link back? */
static bool offer_link(GV_HNSW *hnsw, const GV_Target *target, const GV_Draft *mine, uint32_t i, bool force,
                       GV_Patch *patch)
{
    GV_Draft theirs;
    gv_hnsw_draft(hnsw, mine->links[i], mine->level, &theirs);
    uint32_t at = gv_hnsw_offer(hnsw, hnsw->writer, target, &theirs, mine->node, mine->ranks[i], force);
    if (at != GV_NO_SLOT) gv_patch_link(hnsw, patch, &theirs, at);
    return at != GV_NO_SLOT;
}

/* Give the new node its links of one layer, from the pool, and offer it to all it links to. */
static void link_level(GV_HNSW *hnsw, const GV_Target *target, uint32_t slot, uint32_t level, GV_Patch *patch)
{
    GV_Draft mine = {.node = slot, .level = level, .capacity = gv_hnsw_degree_at(hnsw, level)};
    bool linked = false;
    gv_hnsw_select(hnsw, hnsw->writer, &mine);
    gv_patch_list(hnsw, patch, &mine);
    for (uint32_t i = 0; i < mine.count; i++) linked |= offer_link(hnsw, target, &mine, i, false, patch);
    /* nobody wants it: the nearest that can must */
    for (uint32_t i = 0; i < mine.count && !linked; i++) linked = offer_link(hnsw, target, &mine, i, true, patch);
}

void gv_hnsw_insert(GV_Index *index, uint32_t slot, GV_Patch *patch)
{
    GV_HNSW *hnsw = (GV_HNSW *)index;
    GV_Scratch *scratch = hnsw->writer;
    GV_Target target = gv_hnsw_target(hnsw, slot);
    uint32_t level = gv_hnsw_draw_level(hnsw, gv_table_id(index->table, slot));
    uint32_t spare = hnsw->upper_capacity - hnsw->upper_live;
    if (level > spare) level = spare; /* reserve() sees to it that there are enough, but for logs nobody wrote */
    gv_patch_begin(hnsw, patch);
    gv_patch_node(patch, slot, level);
    if (hnsw->entry == GV_NO_SLOT) {
        gv_patch_entry(patch, slot, level);
        return;
    }
    uint32_t at = level < hnsw->entry_level ? level : hnsw->entry_level;
    (void)gv_hnsw_descend(hnsw, scratch, &target, at); /* cannot fail: the rows of a writer are not mapped */
    for (;; at--) {
        GV_Walk walk = {at, hnsw->ef_construction, &hnsw->present};
        scratch->accepted = gv_hnsw_accepted(hnsw, walk.accept, gv_key_slot(scratch->pool[0]));
        (void)gv_hnsw_walk(hnsw, scratch, &target, &walk);
        if (at == 0) break;
        link_level(hnsw, &target, slot, at, patch);
        gv_scratch_start(scratch, gv_key_slot(scratch->pool[0]), gv_key_rank(scratch->pool[0]));
    }
    uint32_t twin = gv_hnsw_find_twin(hnsw, scratch, slot);
    if (twin != GV_NO_SLOT) {
        gv_patch_begin(hnsw, patch);
        gv_patch_join(patch, slot, twin, gv_ring_place(hnsw, twin, slot));
    } else {
        link_level(hnsw, &target, slot, 0, patch);
        if (level > hnsw->entry_level) gv_patch_entry(patch, slot, level);
    }
    gv_scratch_clear(scratch);
}
