/* hnsw_walk.c: the walk through one layer, which inserts, removals and searches share, and the search itself. */
#include "index/hnsw.h"

enum {
    POOL_FACTOR = 4, /* candidates that do not count may fill the pool to this many times ef ... */
    POOL_EXTRA = 64, /* ... and these */
    PREFETCH_BYTES = 8192
};

size_t gv_hnsw_pool_size(size_t ef) { return POOL_FACTOR * ef + POOL_EXTRA; }

static bool ring_accepted(const GV_HNSW *hnsw, const GV_Bitset *accept, uint32_t head)
{
    if (gv_hnsw_bit(accept, head)) return true;
    uint32_t first = gv_ring_first(hnsw, head), follower = first;
    do {
        if (gv_hnsw_bit(accept, follower)) return true;
        follower = gv_ring_next(hnsw, follower);
    } while (follower != first);
    return false;
}

bool gv_hnsw_accepted(const GV_HNSW *hnsw, const GV_Bitset *accept, uint32_t slot)
{
    if (!accept) return true;
    if (hnsw->head_count > 0) {
        if (gv_bitset_get(&hnsw->followers, slot)) return false; /* its head answers for it */
        if (gv_bitset_get(&hnsw->heads, slot)) return ring_accepted(hnsw, accept, slot);
    }
    return gv_hnsw_bit(accept, slot);
}

/* How many of the sorted `keys` are below `key`. No branch depends on the data. */
static size_t lower_bound(const uint64_t *keys, size_t count, uint64_t key)
{
    const uint64_t *base = keys;
    while (count > 1) {
        size_t half = count / 2;
        base = base[half - 1] < key ? base + half : base;
        count -= half;
    }
    return (size_t)(base - keys) + (count == 1 && *base < key);
}

static void drop_last(const GV_HNSW *hnsw, GV_Scratch *scratch, const GV_Bitset *accept)
{
    scratch->accepted -= gv_hnsw_accepted(hnsw, accept, gv_key_slot(scratch->pool[--scratch->count]));
}

/* Enter a candidate, unless `ef` nearer ones that count are there. Once that many are, the last of the pool is one.
 * Returns its position, or `count` if it was refused. */
static size_t pool_insert(const GV_HNSW *hnsw, GV_Scratch *scratch, const GV_Walk *walk, uint64_t key)
{
    uint64_t *pool = scratch->pool;
    size_t limit = gv_hnsw_pool_size(walk->ef);
    bool full = scratch->accepted == walk->ef || scratch->count == limit;
    if (full && key > pool[scratch->count - 1]) return scratch->count;
    if (scratch->count == limit) drop_last(hnsw, scratch, walk->accept);
    size_t at = lower_bound(pool, scratch->count, key);
    memmove(pool + at + 1, pool + at, (scratch->count - at) * sizeof *pool);
    pool[at] = key;
    scratch->count++;
    if (!gv_hnsw_accepted(hnsw, walk->accept, gv_key_slot(key))) return at;
    if (++scratch->accepted > walk->ef) drop_last(hnsw, scratch, walk->accept);
    if (scratch->accepted == walk->ef)
        while (!gv_hnsw_accepted(hnsw, walk->accept, gv_key_slot(pool[scratch->count - 1]))) scratch->count--;
    return at;
}

/* The links of `node` that this walk has not met, in scratch->slots, with their rows on the way to the cache. */
static size_t fresh_links(const GV_HNSW *hnsw, GV_Scratch *scratch, uint32_t node, uint32_t level)
{
    const GV_Table *table = hnsw->head.table;
    GV_List list = gv_hnsw_list(hnsw, node, level);
    size_t count = 0;
    for (uint32_t i = 0; i < list.capacity; i++) {
        uint32_t link = list.links[i];
        if (link == node) break;
        if (link >= hnsw->slot_end) continue;
        scratch->slots[count] = link;
        count += gv_scratch_visit(scratch, link);
    }
    for (size_t i = 0; i < count; i++) {
        const char *row = (const char *)gv_table_row(table, scratch->slots[i]);
        for (size_t at = 0; at < PREFETCH_BYTES && at < table->rows.stride; at += GV_CACHE_LINE)
            __builtin_prefetch(row + at);
    }
    return count;
}

static GV_Status measure(const GV_HNSW *hnsw, GV_Scratch *scratch, const GV_Target *target, size_t count)
{
    for (size_t i = 0; i < count; i++) {
        uint32_t slot = scratch->slots[i];
        GV_TRY(gv_table_touch(hnsw->head.table, slot));
        scratch->slot_ranks[i] = gv_hnsw_rank(hnsw, target, slot);
        if (scratch->ranks) scratch->ranks[slot] = scratch->slot_ranks[i];
    }
    return GV_OK;
}

static void prefetch_links(const GV_HNSW *hnsw, uint32_t node)
{
    const char *links = gv_slab_at(&hnsw->links, node);
    for (size_t at = 0; at < hnsw->links.stride; at += GV_CACHE_LINE) __builtin_prefetch(links + at);
}

GV_Status gv_hnsw_walk(const GV_HNSW *hnsw, GV_Scratch *scratch, const GV_Target *target, const GV_Walk *walk)
{
    size_t cursor = 0; /* all before it are expanded */
    while (cursor < scratch->count) {
        if (scratch->pool[cursor] & 1) {
            cursor++;
            continue;
        }
        uint32_t node = gv_key_slot(scratch->pool[cursor]);
        scratch->pool[cursor++] |= 1;
        size_t count = fresh_links(hnsw, scratch, node, walk->level);
        GV_TRY(measure(hnsw, scratch, target, count));
        for (size_t i = 0; i < count; i++) {
            uint32_t slot = scratch->slots[i];
            size_t at = pool_insert(hnsw, scratch, walk, gv_hnsw_key(scratch->slot_ranks[i], slot));
            if (at > cursor) continue;
            cursor = at;
            if (walk->level == 0) prefetch_links(hnsw, slot); /* likely to be the next */
        }
    }
    return GV_OK;
}

GV_Status gv_hnsw_descend(const GV_HNSW *hnsw, GV_Scratch *scratch, const GV_Target *target, uint32_t level)
{
    GV_TRY(gv_table_touch(hnsw->head.table, hnsw->entry));
    gv_scratch_start(scratch, hnsw->entry, gv_hnsw_rank(hnsw, target, hnsw->entry));
    for (uint32_t above = hnsw->entry_level; above > level; above--) {
        GV_Walk walk = {above, 1, NULL};
        scratch->accepted = 1;
        GV_TRY(gv_hnsw_walk(hnsw, scratch, target, &walk));
        gv_scratch_start(scratch, gv_key_slot(scratch->pool[0]), gv_key_rank(scratch->pool[0]));
    }
    return GV_OK;
}

/* Offer a head's ring: its members are all as far, and come in order of ids. */
static void offer_ring(const GV_HNSW *hnsw, const GV_Query *query, GV_TopK *top, uint32_t head, float distance)
{
    uint32_t first = gv_ring_first(hnsw, head), follower = first;
    size_t offered = 0;
    do {
        if (gv_hnsw_bit(query->accept, follower)) {
            gv_topk_offer(top, distance, gv_table_id(hnsw->head.table, follower));
            if (++offered == top->k) return;
        }
        follower = gv_ring_next(hnsw, follower);
    } while (follower != first);
}

static void offer_pool(const GV_HNSW *hnsw, const GV_Scratch *scratch, const GV_Query *query, GV_TopK *top)
{
    for (size_t i = 0; i < scratch->count; i++) {
        uint32_t slot = gv_key_slot(scratch->pool[i]);
        float distance = gv_distance_of_rank(hnsw->head.metric.distance, gv_key_rank(scratch->pool[i]));
        if (gv_topk_refuses(top, distance)) return;
        if (!gv_hnsw_accepted(hnsw, query->accept, slot)) continue;
        if (gv_hnsw_bit(query->accept, slot)) gv_topk_offer(top, distance, gv_table_id(hnsw->head.table, slot));
        if (hnsw->head_count > 0 && gv_bitset_get(&hnsw->heads, slot)) offer_ring(hnsw, query, top, slot, distance);
    }
}

GV_Status gv_hnsw_search(GV_Index *index, const GV_Query *query, GV_TopK *top)
{
    GV_HNSW *hnsw = (GV_HNSW *)index;
    if (hnsw->entry == GV_NO_SLOT) return GV_OK;
    GV_Target target = {query->vector, query->squared_norm};
    GV_Walk walk = {0, query->ef, query->accept};
    GV_Scratch *scratch;
    GV_TRY(gv_scratch_take(hnsw, hnsw->slot_end, gv_hnsw_pool_size(query->ef), &scratch));
    GV_Status status = gv_hnsw_descend(hnsw, scratch, &target, 0);
    if (status == GV_OK) {
        scratch->accepted = gv_hnsw_accepted(hnsw, query->accept, gv_key_slot(scratch->pool[0]));
        status = gv_hnsw_walk(hnsw, scratch, &target, &walk);
    }
    if (status == GV_OK) offer_pool(hnsw, scratch, query, top);
    gv_scratch_give(hnsw, scratch);
    return status;
}
