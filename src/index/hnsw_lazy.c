/* hnsw_lazy.c: a graph whose file is mapped: links, codes and what goes with them stay in the mapping, and each block is
 * verified before it is first read; so is each ring, which whoever follows it trusts. */
#include "index/hnsw.h"

static GV_Status broken_ring(uint32_t head)
{
    return gv_fail(GV_ERR_CORRUPT, "section %d: a broken ring of equal rows, slot %u", GV_SECTION_LINKS, head);
}

/* The ring of `head` is a ring, of followers of its own; `*seen` counts them and may not pass `all`. */
static GV_Status check_ring(const GV_HNSW *hnsw, uint32_t head, size_t *seen, size_t all)
{
    GV_LazySection *links = hnsw->lazy[GV_LAZY_LINKS];
    GV_TRY(gv_lazy_touch(links, head));
    uint32_t first = gv_ring_first(hnsw, head), member = first, before = GV_NO_SLOT;
    do {
        if (member >= hnsw->slot_end || !gv_bitset_get(&hnsw->followers, member) || ++*seen > all)
            return broken_ring(head);
        GV_TRY(gv_lazy_touch(links, member));
        if (gv_ring_head(hnsw, member) != head || (before != GV_NO_SLOT && gv_ring_previous(hnsw, member) != before))
            return broken_ring(head);
        before = member;
        member = gv_ring_next(hnsw, member);
    } while (member != first);
    return gv_ring_previous(hnsw, first) == before ? GV_OK : broken_ring(head);
}

GV_Status gv_rings_check(const GV_HNSW *hnsw)
{
    size_t seen = 0, all = gv_bitset_count(&hnsw->followers);
    for (size_t head = gv_bitset_next_set(&hnsw->heads, 0, hnsw->slot_end); head < hnsw->slot_end;
         head = gv_bitset_next_set(&hnsw->heads, head + 1, hnsw->slot_end))
        GV_TRY(check_ring(hnsw, (uint32_t)head, &seen, all));
    if (seen == all) return GV_OK;
    return gv_fail(GV_ERR_CORRUPT, "section %d: followers without a head, %zu of %zu", GV_SECTION_TWINS, all - seen,
                   all);
}

GV_Status gv_hnsw_watch_rings(GV_HNSW *hnsw)
{
    if (!hnsw->mapped) return gv_rings_check(hnsw);
    hnsw->ring_words = hnsw->head_count > 0 ? hnsw->slot_end / 64 + 1 : 0;
    hnsw->rings_good = gv_alloc(hnsw->head.heap, hnsw->ring_words * sizeof *hnsw->rings_good);
    return hnsw->rings_good ? GV_OK : gv_last_status();
}

/* A head of later than the file is right already. */
static GV_Status touch_ring(const GV_HNSW *hnsw, uint32_t head)
{
    size_t word = head >> 6, seen = 0;
    uint64_t bit = (uint64_t)1 << (head & 63);
    if (word >= hnsw->ring_words || atomic_load_explicit(&hnsw->rings_good[word], memory_order_relaxed) & bit)
        return GV_OK;
    GV_TRY(check_ring(hnsw, head, &seen, gv_bitset_count(&hnsw->followers)));
    (void)atomic_fetch_or_explicit(&hnsw->rings_good[word], bit, memory_order_relaxed);
    return GV_OK;
}

GV_Status gv_hnsw_touch_list(const GV_HNSW *hnsw, uint32_t node, uint32_t level)
{
    if (level > 0) return GV_OK;
    GV_TRY(gv_lazy_touch(hnsw->lazy[GV_LAZY_BLOCKS], node));
    return gv_lazy_touch(hnsw->lazy[GV_LAZY_LINKS], node);
}

GV_Status gv_hnsw_touch_nodes(const GV_HNSW *hnsw, const uint32_t *slots, size_t count)
{
    for (size_t i = 0; i < count; i++) {
        uint32_t slot = slots[i];
        if (!gv_hnsw_coded(hnsw)) GV_TRY(gv_table_touch(hnsw->head.table, slot));
        GV_TRY(gv_lazy_touch(hnsw->lazy[GV_LAZY_CODES], slot));
        GV_TRY(gv_lazy_touch(hnsw->lazy[GV_LAZY_CODE_HEADS], slot));
        if (hnsw->head_count > 0 && gv_bitset_get(&hnsw->heads, slot)) GV_TRY(touch_ring(hnsw, slot));
    }
    return GV_OK;
}

GV_Status gv_hnsw_verify(const GV_HNSW *hnsw)
{
    if (!hnsw->mapped) return GV_OK;
    for (size_t i = 0; i < GV_LAZY_COUNT; i++) GV_TRY(gv_lazy_verify_all(hnsw->lazy[i]));
    GV_TRY(gv_rings_check(hnsw));
    for (size_t i = 0; i < hnsw->ring_words; i++)
        atomic_store_explicit(&hnsw->rings_good[i], ~(uint64_t)0, memory_order_relaxed);
    return GV_OK;
}

void gv_hnsw_unwatch(GV_HNSW *hnsw)
{
    for (size_t i = 0; i < GV_LAZY_COUNT; i++) gv_lazy_free(hnsw->lazy[i]);
    gv_release(hnsw->head.heap, (void *)(uintptr_t)hnsw->rings_good, hnsw->ring_words * sizeof *hnsw->rings_good);
}
