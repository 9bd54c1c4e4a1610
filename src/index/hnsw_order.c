/* hnsw_order.c: an order of rows in which those that one search comes by lie together.
 *
 * Breadth first from the entry point: a node's links become neighbours in memory, and so do those of nodes that are near. Reordering
 * of graphs for searches is that of Coleman et al., arXiv:2104.03221; docs/adr/0024 has what it is worth here. */
#include "index/hnsw.h"

GV_Status gv_hnsw_breadth_first(const GV_HNSW *hnsw, bool all_layers, GV_Bitset *seen, uint32_t *queue, size_t *count)
{
    size_t end = 0;
    if (hnsw->entry != GV_NO_SLOT) {
        gv_bitset_set(seen, hnsw->entry);
        queue[end++] = hnsw->entry;
    }
    for (size_t at = 0; at < end; at++) {
        uint32_t node = queue[at], highest = all_layers ? gv_hnsw_level(hnsw, node) : 0;
        if (hnsw->mapped) GV_TRY(gv_hnsw_touch_list(hnsw, node, 0));
        for (uint32_t level = 0; level <= highest; level++) {
            GV_List list = gv_hnsw_list(hnsw, node, level);
            for (uint32_t i = 0; i < list.capacity && list.links[i] != node; i++) {
                uint32_t link = list.links[i];
                if (link >= hnsw->slot_end || gv_bitset_get(seen, link)) continue;
                gv_bitset_set(seen, link);
                queue[end++] = link;
            }
        }
    }
    *count = end;
    return GV_OK;
}

GV_Status gv_hnsw_order(const GV_Index *index, uint32_t *slots)
{
    const GV_HNSW *hnsw = (const GV_HNSW *)index;
    const GV_Bitset *live = &index->table->live;
    GV_Bitset seen = {0};
    size_t met, count = 0, end = index->table->slot_count;
    GV_TRY(gv_bitset_reserve(&seen, index->scratch_heap, end, NULL));
    GV_Status status = gv_hnsw_breadth_first(hnsw, false, &seen, slots, &met);
    if (status == GV_OK) {
        for (size_t i = 0; i < met; i++)
            if (gv_bitset_get(live, slots[i])) slots[count++] = slots[i];
        /* followers, which are not nodes, and what nothing leads to */
        for (size_t slot = gv_bitset_next_set(live, 0, end); slot < end; slot = gv_bitset_next_set(live, slot + 1, end))
            if (!gv_bitset_get(&seen, slot)) slots[count++] = (uint32_t)slot;
    }
    gv_bitset_free(&seen, index->scratch_heap);
    return status;
}
