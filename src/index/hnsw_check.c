/* hnsw_check.c: is the graph what it should be, does a walk reach every row, and what shape is it of? */
#include "index/hnsw.h"

static void fault(GV_CheckReport *report, const char *what, uint32_t slot)
{
    if (report->faults++ == 0) (void)gv_fail(GV_ERR_CORRUPT, "hnsw: %s, slot %u", what, slot);
}

/* Links to removed nodes, and to slots used again since, are no fault: repair may miss some. */
static void check_list(const GV_HNSW *hnsw, uint32_t node, uint32_t level, GV_CheckReport *report)
{
    GV_List list = gv_hnsw_list(hnsw, node, level);
    uint32_t count = 0;
    while (count < list.capacity && list.links[count] != node) count++;
    for (uint32_t i = 0; i < list.capacity; i++) {
        uint32_t link = list.links[i];
        if (i >= count && link != node) fault(report, "a link behind the end of its list", node);
        if (i < count && link >= hnsw->slot_end) fault(report, "a link to no slot", node);
        if (i >= count && gv_bit_get(list.survivors, i)) fault(report, "a survivor that is no link", node);
        for (uint32_t j = 0; j < i && i < count; j++)
            if (list.links[j] == link) fault(report, "a link that is there twice", node);
    }
    if (level == 0) report->links += count;
}

static void check_nodes(const GV_HNSW *hnsw, GV_CheckReport *report)
{
    uint32_t count = 0, heads = 0, highest = 0;
    for (uint32_t slot = 0; slot < hnsw->slot_end; slot++) {
        bool live = gv_hnsw_bit(&hnsw->head.table->live, slot), present = gv_bitset_get(&hnsw->present, slot);
        bool follows = gv_bitset_get(&hnsw->followers, slot), ghost = gv_bitset_get(&hnsw->ghosts, slot);
        if (live != ((present && !ghost) || follows) || (present && follows))
            fault(report, "a row in the wrong role", slot);
        if (!present) continue;
        uint32_t level = gv_hnsw_level(hnsw, slot);
        for (uint32_t at = 0; at <= level; at++) check_list(hnsw, slot, at, report);
        if (level > highest) highest = level;
        heads += gv_bitset_get(&hnsw->heads, slot);
        count++;
    }
    if (count != hnsw->present_count || heads != hnsw->head_count) fault(report, "a count of nodes that is off", count);
    if (count > 0 &&
        (hnsw->entry >= hnsw->slot_end || hnsw->entry_level != highest || gv_hnsw_level(hnsw, hnsw->entry) != highest))
        fault(report, "an entry point that is not of the highest layer", hnsw->entry);
}

/* Rows that a node stands for: itself, and those equal to it. */
static uint64_t rows_of(const GV_HNSW *hnsw, uint32_t node)
{
    uint64_t rows = gv_hnsw_bit(&hnsw->head.table->live, node);
    if (!gv_bitset_get(&hnsw->heads, node)) return rows;
    uint32_t first = gv_ring_first(hnsw, node), member = first;
    do {
        rows++;
        member = gv_ring_next(hnsw, member);
    } while (member != first);
    return rows;
}

/* Over the base layer, from the entry point and from all that the layers above lead to. */
static GV_Status count_reachable(const GV_HNSW *hnsw, GV_Bitset *seen, uint32_t *queue, uint64_t *rows)
{
    size_t count;
    GV_TRY(gv_hnsw_breadth_first(hnsw, true, seen, queue, &count));
    for (size_t i = 0; i < count; i++)
        if (gv_bitset_get(&hnsw->present, queue[i])) *rows += rows_of(hnsw, queue[i]);
    return GV_OK;
}

GV_Status gv_hnsw_check(GV_Index *index, GV_CheckReport *report)
{
    const GV_HNSW *hnsw = (const GV_HNSW *)index;
    GV_Bitset seen = {0};
    GV_TRY(gv_hnsw_verify(hnsw));
    check_nodes(hnsw, report);
    report->reachable = 0;
    if (hnsw->entry == GV_NO_SLOT) return GV_OK;
    uint32_t *queue = gv_alloc_array(index->scratch_heap, hnsw->slot_end, sizeof *queue);
    if (!queue) return gv_last_status();
    GV_Status status = gv_bitset_reserve(&seen, index->scratch_heap, hnsw->slot_end, NULL);
    if (status == GV_OK) status = count_reachable(hnsw, &seen, queue, &report->reachable);
    gv_bitset_free(&seen, index->scratch_heap);
    gv_release(index->scratch_heap, queue, hnsw->slot_end * sizeof *queue);
    return status;
}

/* The mean is of nodes at even steps through the slots: those of live rows, since `present` is the writer's while it plans. */
GV_Status gv_hnsw_shape(GV_Index *index, GV_Stats *stats)
{
    enum {
        SAMPLE_MOST = 1024
    };
    const GV_HNSW *hnsw = (const GV_HNSW *)index;
    uint64_t nodes = 0, links = 0;
    uint32_t step = hnsw->slot_end / SAMPLE_MOST + 1;
    stats->levels = hnsw->entry == GV_NO_SLOT ? 0 : hnsw->entry_level;
    stats->nodes = hnsw->present_count;
    for (uint32_t slot = 0; slot < hnsw->slot_end; slot += step) {
        if (!gv_hnsw_bit(&index->table->live, slot) || gv_hnsw_bit(&hnsw->followers, slot)) continue;
        if (hnsw->mapped) GV_TRY(gv_hnsw_touch_list(hnsw, slot, 0));
        GV_List list = gv_hnsw_list(hnsw, slot, 0);
        uint32_t count = 0;
        while (count < list.capacity && list.links[count] != slot) count++;
        links += count;
        nodes++;
    }
    stats->mean_degree = nodes > 0 ? (double)links / (double)nodes : 0.0;
    return GV_OK;
}
