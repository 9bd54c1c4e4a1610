/* hnsw_pivots.c: where searches begin. The nodes of a layer are a random sample of the graph, and measuring all of a
 * small one, in a row, costs less than going down through the layers and ends nearer. Which layer, follows from how many
 * nodes each has; the order of the list means nothing, since the nearest is taken by rank and slot. */
#include "index/hnsw.h"

static uint32_t best_level(const GV_Pivots *pivots)
{
    uint32_t level = 0;
    while (level < GV_LEVEL_MAX && pivots->level_counts[level] > GV_PIVOTS_MAX) level++;
    return level;
}

static void collect(GV_HNSW *hnsw)
{
    GV_Pivots *pivots = &hnsw->pivots;
    pivots->level = best_level(pivots);
    pivots->count = 0;
    size_t slot = gv_bitset_next_set(&hnsw->present, 0, hnsw->slot_end);
    for (; slot < hnsw->slot_end && pivots->count < GV_PIVOTS_MAX;
         slot = gv_bitset_next_set(&hnsw->present, slot + 1, hnsw->slot_end))
        if (pivots->level == 0 || gv_hnsw_level(hnsw, (uint32_t)slot) >= pivots->level)
            pivots->slots[pivots->count++] = (uint32_t)slot;
}

void gv_pivots_find(GV_HNSW *hnsw)
{
    GV_Pivots *pivots = &hnsw->pivots;
    memset(pivots->level_counts, 0, sizeof pivots->level_counts);
    size_t slot = gv_bitset_next_set(&hnsw->present, 0, hnsw->slot_end);
    for (; slot < hnsw->slot_end; slot = gv_bitset_next_set(&hnsw->present, slot + 1, hnsw->slot_end))
        for (uint32_t level = gv_hnsw_level(hnsw, (uint32_t)slot) + 1; level-- > 0;) pivots->level_counts[level]++;
    collect(hnsw);
}

void gv_pivots_add(GV_HNSW *hnsw, uint32_t node, uint32_t level)
{
    GV_Pivots *pivots = &hnsw->pivots;
    for (uint32_t i = 0; i <= level; i++) pivots->level_counts[i]++;
    if (level < pivots->level) return;
    if (best_level(pivots) != pivots->level || pivots->count == GV_PIVOTS_MAX) collect(hnsw);
    else pivots->slots[pivots->count++] = node;
}

void gv_pivots_remove(GV_HNSW *hnsw, uint32_t node, uint32_t level)
{
    GV_Pivots *pivots = &hnsw->pivots;
    for (uint32_t i = 0; i <= level; i++) pivots->level_counts[i]--;
    if (best_level(pivots) != pivots->level || pivots->level_counts[pivots->level] >= GV_PIVOTS_MAX) {
        collect(hnsw);
        return;
    }
    for (uint32_t i = 0; i < pivots->count; i++)
        if (pivots->slots[i] == node) {
            pivots->slots[i] = pivots->slots[--pivots->count];
            return;
        }
}
