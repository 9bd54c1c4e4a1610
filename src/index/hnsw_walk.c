/* hnsw_walk.c: the walk through one layer, which inserts, removals and searches share. */
#include "index/hnsw.h"

enum {
    POOL_FACTOR = 4, /* candidates that do not count may fill the pool to this many times ef ... */
    POOL_EXTRA = 64, /* ... and these */
    PREFETCH_BYTES = 8192,
    MEASURED_AT_ONCE = 64
};

size_t gv_hnsw_pool_size(size_t ef) { return POOL_FACTOR * ef + POOL_EXTRA; }

/* ---- distances ---- */

float gv_hnsw_rank(const GV_HNSW *hnsw, const GV_Target *target, uint32_t slot)
{
    const GV_Table *table = hnsw->head.table;
    if (!gv_hnsw_coded(hnsw))
        return gv_rank(&hnsw->head.metric, target->vector, target->squared_norm, gv_table_row(table, slot),
                       gv_table_norm(table, slot));
    const GV_Codes *codes = &hnsw->codes;
    int32_t dot = codes->kernels->dot_i8(gv_codes_row(codes, slot), target->code.bytes, codes->padded);
    return gv_code_rank(codes, &target->code.head, gv_codes_head(codes, slot), dot);
}

/* gv_code_rank() of some rows, column by column, which a compiler makes vectors of. */
static void rank_codes(const GV_Codes *codes, const GV_CodeHead *a, const GV_CodeHead *const *heads,
                       const int32_t *dots, size_t count, float *ranks)
{
    float step[MEASURED_AT_ONCE], low[MEASURED_AT_ONCE], spread[MEASURED_AT_ONCE], norm[MEASURED_AT_ONCE];
    float floor = gv_code_floor(codes);
    for (size_t i = 0; i < count; i++) {
        step[i] = heads[i]->step;
        low[i] = heads[i]->low;
        spread[i] = heads[i]->spread;
        norm[i] = heads[i]->norm;
    }
    for (size_t i = 0; i < count; i++) {
        float inner = (a->step * step[i]) * (float)dots[i] + (a->low * spread[i] + low[i] * a->spread);
        inner += codes->padding * (a->low * low[i]);
        float rank = (a->norm + norm[i]) - 2.0f * inner;
        ranks[i] = rank > floor ? rank : floor;
    }
}

static void measure_codes(const GV_HNSW *hnsw, const GV_Target *target, const uint32_t *slots, size_t count,
                          float *ranks)
{
    const GV_Codes *codes = &hnsw->codes;
    const uint8_t *rows[MEASURED_AT_ONCE];
    const GV_CodeHead *heads[MEASURED_AT_ONCE];
    int32_t dots[MEASURED_AT_ONCE];
    for (size_t i = 0; i < count; i++) {
        rows[i] = gv_codes_row(codes, slots[i]);
        heads[i] = gv_codes_head(codes, slots[i]);
    }
    codes->kernels->dots_i8(rows, count, target->code.bytes, codes->padded, dots);
    rank_codes(codes, &target->code.head, heads, dots, count, ranks);
}

void gv_hnsw_measure(const GV_HNSW *hnsw, const GV_Target *target, const uint32_t *slots, size_t count, float *ranks)
{
    if (!gv_hnsw_coded(hnsw)) {
        for (size_t i = 0; i < count; i++) ranks[i] = gv_hnsw_rank(hnsw, target, slots[i]);
        return;
    }
    for (size_t from = 0, part; from < count; from += part) {
        part = count - from < MEASURED_AT_ONCE ? count - from : MEASURED_AT_ONCE;
        measure_codes(hnsw, target, slots + from, part, ranks + from);
    }
}

static GV_Status touch(const GV_HNSW *hnsw, uint32_t slot)
{
    return gv_hnsw_coded(hnsw) ? GV_OK : gv_table_touch(hnsw->head.table, slot);
}

static void prefetch(const void *memory, size_t bytes)
{
    const char *from = memory;
    for (size_t at = 0; at < bytes && at < PREFETCH_BYTES; at += GV_CACHE_LINE) __builtin_prefetch(from + at);
}

static void prefetch_row(const GV_HNSW *hnsw, uint32_t slot)
{
    if (gv_hnsw_coded(hnsw)) {
        __builtin_prefetch(gv_codes_head(&hnsw->codes, slot));
        prefetch(gv_codes_row(&hnsw->codes, slot), hnsw->codes.padded);
    } else {
        prefetch(gv_table_row(hnsw->head.table, slot), hnsw->head.table->rows.stride);
    }
}

/* ---- what counts ---- */

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

/* ---- the pool ---- */

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

/* Move keys[at .. count) one place up: mostly a short way, where a call of memmove() would be most of the cost. */
static void make_place(uint64_t *keys, size_t at, size_t count)
{
    enum {
        AT_ONCE = 8
    };
    for (; count - at >= AT_ONCE; count -= AT_ONCE) {
        uint64_t moved[AT_ONCE];
        memcpy(moved, keys + count - AT_ONCE, sizeof moved);
        memcpy(keys + count - AT_ONCE + 1, moved, sizeof moved);
    }
    for (; count > at; count--) keys[count] = keys[count - 1];
}

/* Has the pool no room for `key`, as `ef` nearer ones that count are there? */
static bool refuses(const GV_Scratch *scratch, const GV_Walk *walk, size_t most, uint64_t key)
{
    return (scratch->accepted == walk->ef || scratch->count == most) && key > scratch->pool[scratch->count - 1];
}

/* Enter a candidate that is not refused. Once `ef` that count are there, the last of the pool is one. Returns its
 * position. */
static size_t pool_insert(const GV_HNSW *hnsw, GV_Scratch *scratch, const GV_Walk *walk, size_t most, uint64_t key)
{
    uint64_t *pool = scratch->pool;
    if (scratch->count == most) drop_last(hnsw, scratch, walk->accept);
    size_t at = lower_bound(pool, scratch->count, key);
    make_place(pool, at, scratch->count);
    pool[at] = key;
    scratch->count++;
    if (!gv_hnsw_accepted(hnsw, walk->accept, gv_key_slot(key))) return at;
    if (++scratch->accepted > walk->ef) drop_last(hnsw, scratch, walk->accept);
    if (scratch->accepted == walk->ef && scratch->accepted < scratch->count)
        while (!gv_hnsw_accepted(hnsw, walk->accept, gv_key_slot(pool[scratch->count - 1]))) scratch->count--;
    return at;
}

/* The last key that is worth a look: by the stop_at-th best that counts, once there are so many. */
static uint64_t last_key(const GV_HNSW *hnsw, const GV_Scratch *scratch, const GV_Walk *walk)
{
    size_t at = walk->stop_at - 1;
    if (walk->factor == 0.0f || scratch->accepted < walk->stop_at) return UINT64_MAX;
    if (scratch->accepted < scratch->count) {
        size_t left = walk->stop_at;
        for (at = 0; (left -= gv_hnsw_accepted(hnsw, walk->accept, gv_key_slot(scratch->pool[at]))) > 0;) at++;
    }
    return gv_hnsw_key(walk->factor * gv_key_rank(scratch->pool[at]) + walk->slack, 0) | UINT32_MAX;
}

/* ---- the walk ---- */

/* The links of `node` that this walk has not met, in scratch->slots, with their rows on the way to the cache. */
static size_t fresh_links(const GV_HNSW *hnsw, GV_Scratch *scratch, uint32_t node, uint32_t level)
{
    GV_List list = gv_hnsw_list(hnsw, node, level);
    size_t count = 0;
    for (uint32_t i = 0; i < list.capacity; i++) {
        uint32_t link = list.links[i];
        if (link == node) break;
        if (link >= hnsw->slot_end) continue;
        scratch->slots[count] = link;
        if (!gv_scratch_visit(scratch, link)) continue;
        count++;
        prefetch_row(hnsw, link);
    }
    return count;
}

static void prefetch_links(const GV_HNSW *hnsw, uint32_t node)
{
    prefetch(gv_slab_at(&hnsw->links, node), hnsw->links.stride);
}

void gv_hnsw_start(const GV_HNSW *hnsw, GV_Scratch *scratch, const GV_Walk *walk, size_t count)
{
    size_t most = gv_hnsw_pool_size(walk->ef);
    gv_scratch_clear(scratch);
    for (size_t i = 0; i < count; i++) {
        uint32_t slot = scratch->slots[i];
        uint64_t key = gv_hnsw_key(scratch->ranks[i], slot);
        if (gv_scratch_visit(scratch, slot) && !refuses(scratch, walk, most, key))
            (void)pool_insert(hnsw, scratch, walk, most, key);
    }
}

GV_Status gv_hnsw_walk(const GV_HNSW *hnsw, GV_Scratch *scratch, const GV_Target *target, const GV_Walk *walk)
{
    size_t cursor = 0, most = gv_hnsw_pool_size(walk->ef); /* all before the cursor are expanded */
    uint64_t last = UINT64_MAX;
    while (cursor < scratch->count) {
        uint64_t key = scratch->pool[cursor];
        if (key & 1) {
            cursor++;
            continue;
        }
        if (key > last) break;
        uint32_t node = gv_key_slot(key);
        scratch->pool[cursor++] |= 1;
        size_t count = fresh_links(hnsw, scratch, node, walk->level);
        if (walk->level == 0 && cursor < scratch->count) prefetch_links(hnsw, gv_key_slot(scratch->pool[cursor]));
        if (!gv_hnsw_coded(hnsw))
            for (size_t i = 0; i < count; i++) GV_TRY(touch(hnsw, scratch->slots[i]));
        gv_hnsw_measure(hnsw, target, scratch->slots, count, scratch->ranks);
        for (size_t i = 0; i < count; i++) {
            uint32_t slot = scratch->slots[i];
            uint64_t found = gv_hnsw_key(scratch->ranks[i], slot);
            if (found > last || refuses(scratch, walk, most, found)) continue;
            size_t at = pool_insert(hnsw, scratch, walk, most, found);
            if (at > cursor) continue;
            cursor = at;
            if (walk->level == 0) prefetch_links(hnsw, slot); /* likely to be the next */
        }
        last = last_key(hnsw, scratch, walk);
    }
    return GV_OK;
}

GV_Status gv_hnsw_descend(const GV_HNSW *hnsw, GV_Scratch *scratch, const GV_Target *target, uint32_t level)
{
    GV_TRY(touch(hnsw, hnsw->entry));
    gv_scratch_start(scratch, hnsw->entry, gv_hnsw_rank(hnsw, target, hnsw->entry));
    for (uint32_t above = hnsw->entry_level; above > level; above--) {
        GV_Walk walk = {.level = above, .ef = 1};
        scratch->accepted = 1;
        GV_TRY(gv_hnsw_walk(hnsw, scratch, target, &walk));
        gv_scratch_start(scratch, gv_key_slot(scratch->pool[0]), gv_key_rank(scratch->pool[0]));
    }
    return GV_OK;
}
