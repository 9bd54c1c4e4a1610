/* hnsw_walk.c: the walk through one layer, which inserts, removals and searches share. */
#include "index/hnsw.h"
#include <math.h>

enum {
    POOL_FACTOR = 4, /* candidates that do not count may fill the pool to this many times ef ... */
    POOL_EXTRA = 64, /* ... and these */
    PREFETCH_BYTES = 8192
};

size_t gv_hnsw_pool_size(size_t ef) { return POOL_FACTOR * ef + POOL_EXTRA; }

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

bool gv_hnsw_stands_in(const GV_HNSW *hnsw, const GV_Bitset *accept, uint32_t slot)
{
    if (gv_bitset_get(&hnsw->followers, slot)) return false; /* its head answers for it */
    if (gv_bitset_get(&hnsw->heads, slot)) return ring_accepted(hnsw, accept, slot);
    return gv_hnsw_bit(accept, slot);
}

/* ---- the pool ---- */

static void drop_last(const GV_HNSW *hnsw, GV_Scratch *scratch, const GV_Bitset *accept)
{
    scratch->accepted -= gv_hnsw_accepted(hnsw, accept, gv_key_slot(scratch->pool[--scratch->count]));
}

/* Enter `key` among `count` sorted keys, each of which is moved as it is passed: a search for the place, each step of which has to
 * wait for the one before, takes longer. Returns the place. Far ones go by memmove(), but in WebAssembly, where it is never
 * quicker. */
static size_t enter(uint64_t *keys, size_t count, uint64_t key)
{
    enum {
        AT_ONCE = 8,
        FAR = 32
    };
#ifndef __wasm__
    size_t end = count;
    while (end >= FAR && keys[end - FAR] > key) end -= FAR;
    if (end < count) memmove(keys + end + 1, keys + end, (count - end) * sizeof *keys);
    count = end;
#endif
    for (; count >= AT_ONCE && keys[count - AT_ONCE] > key; count -= AT_ONCE) {
        uint64_t moved[AT_ONCE];
        memcpy(moved, keys + count - AT_ONCE, sizeof moved);
        memcpy(keys + count - AT_ONCE + 1, moved, sizeof moved);
    }
    for (; count > 0 && keys[count - 1] > key; count--) keys[count] = keys[count - 1];
    keys[count] = key;
    return count;
}

/* Enter a candidate that is not refused. Once `ef` that count are there, the last of the pool is one. Returns its
 * position. */
static size_t pool_insert(const GV_HNSW *hnsw, GV_Scratch *scratch, const GV_Walk *walk, size_t most, uint64_t key)
{
    uint64_t *pool = scratch->pool;
    if (scratch->count == most) drop_last(hnsw, scratch, walk->accept);
    size_t at = enter(pool, scratch->count++, key);
    if (!gv_hnsw_accepted(hnsw, walk->accept, gv_key_slot(key))) return at;
    if (++scratch->accepted > walk->ef) drop_last(hnsw, scratch, walk->accept);
    if (scratch->accepted == walk->ef && scratch->accepted < scratch->count)
        while (!gv_hnsw_accepted(hnsw, walk->accept, gv_key_slot(pool[scratch->count - 1]))) scratch->count--;
    return at;
}

/* ---- the walk ---- */

typedef struct Course { /* of one walk */
    const GV_HNSW *hnsw;
    GV_Scratch *scratch;
    const GV_Target *target;
    const GV_Walk *walk;
    size_t most;                            /* candidates that the pool has room for */
    size_t cursor;                          /* all before it are expanded */
    uint64_t stop, last;                    /* no key above is expanded; is kept */
    GV_Met *met, *waiting;                  /* at this expansion; earlier, and not measured yet */
    GV_SlabView links, rows, heads, blocks; /* rows: codes, where there are any */
    size_t row_bytes;
} Course;

static Course set_out(const GV_HNSW *hnsw, GV_Scratch *scratch, const GV_Target *target, const GV_Walk *walk)
{
    bool coded = gv_hnsw_coded(hnsw);
    Course c = {hnsw, scratch, target, walk, gv_hnsw_pool_size(walk->ef), .stop = UINT64_MAX, .last = UINT64_MAX};
    c.met = &scratch->met[0];
    c.waiting = &scratch->met[1];
    c.waiting->count = 0;
    c.links = gv_slab_view(&hnsw->links);
    c.rows = gv_slab_view(coded ? &hnsw->codes.rows : &hnsw->head.table->rows);
    c.heads = gv_slab_view(coded ? &hnsw->codes.heads : &hnsw->head.table->norms);
    if (walk->gated) c.blocks = gv_slab_view(&hnsw->blocks);
    c.row_bytes = c.rows.stride < PREFETCH_BYTES ? c.rows.stride : PREFETCH_BYTES;
    return c;
}

/* If this walk has not met `link`, it is the `count`-th to measure. Returns the count. */
static inline size_t meet(const Course *c, uint32_t link, size_t count)
{
    if (link >= c->hnsw->slot_end) return count;
    c->met->slots[count] = link;
    return count + gv_scratch_visit(c->scratch, link); /* no branch: it could not be foretold */
}

/* Send for the rows of what has been met. */
static void send_for(const Course *c, GV_Met *met)
{
    const GV_SlabView rows = c->rows, heads = c->heads;
    for (size_t i = 0; i < met->count; i++) {
        met->rows[i] = gv_view_at(&rows, met->slots[i]);
        met->heads[i] = gv_view_at(&heads, met->slots[i]);
        gv_prefetch(met->heads[i], 1);
        gv_prefetch(met->rows[i], c->row_bytes);
    }
}

/* The rank of the stop_at-th best that counts. */
static float stop_rank(const Course *c)
{
    const GV_Scratch *scratch = c->scratch;
    size_t at = c->walk->stop_at - 1;
    if (scratch->accepted < scratch->count) {
        size_t left = c->walk->stop_at;
        for (at = 0; (left -= gv_hnsw_accepted(c->hnsw, c->walk->accept, gv_key_slot(scratch->pool[at]))) > 0;) at++;
    }
    return gv_key_rank(scratch->pool[at]);
}

/* Once there are so many, by their rank. */
static void set_limits(Course *c)
{
    const GV_Walk *walk = c->walk;
    c->stop = c->last = UINT64_MAX;
    if (walk->factor == 0.0f || c->scratch->accepted < walk->stop_at) return;
    float rank = stop_rank(c);
    c->stop = c->last = gv_hnsw_key(walk->factor * rank + walk->slack, 0) | UINT32_MAX;
    if (walk->kept > 0.0f) c->last = gv_hnsw_key(walk->kept * rank + walk->slack, 0) | UINT32_MAX;
}

/* The key above which a candidate would be refused: not worth keeping, or `ef` nearer ones that count are there. */
static uint64_t key_bound(const Course *c)
{
    const GV_Scratch *scratch = c->scratch;
    uint64_t worst = scratch->pool[scratch->count - 1];
    bool full = scratch->accepted == c->walk->ef || scratch->count == c->most;
    return full && worst < c->last ? worst : c->last;
}

static float rank_bound(const Course *c)
{
    uint64_t bound = key_bound(c);
    return bound == UINT64_MAX ? INFINITY : gv_key_rank(bound);
}

/* The links of `node` that this walk has not met. */
static size_t fresh_links(const Course *c, uint32_t node)
{
    GV_List list = gv_hnsw_list(c->hnsw, node, c->walk->level);
    size_t count = 0;
    for (uint32_t i = 0; i < list.capacity && list.links[i] != node; i++) count = meet(c, list.links[i], count);
    return count;
}

/* The same, less those that do not look near enough, and which a later node may show in a better light. */
static size_t near_links(const Course *c, uint32_t node, float base)
{
    GV_List list = gv_hnsw_list(c->hnsw, node, 0);
    float bound = rank_bound(c);
    size_t count = 0;
    for (uint32_t from = 0; from < list.capacity; from += GV_SCAN_NEIGHBOURS) {
        uint32_t mask = gv_gate_pass(c->hnsw, c->scratch, node, from / GV_SCAN_NEIGHBOURS, base, bound);
        for (; mask; mask &= mask - 1) {
            uint32_t i = from + (uint32_t)__builtin_ctz(mask);
            if (i < list.capacity && list.links[i] != node) count = meet(c, list.links[i], count);
        }
    }
    return count;
}

static void prefetch_links(const Course *c, uint32_t node)
{
    if (c->walk->level > 0) return;
    gv_prefetch(gv_view_at(&c->links, node), c->links.stride);
    if (c->walk->gated) gv_prefetch(gv_view_at(&c->blocks, node), c->blocks.stride);
}

/* ... of the `count` candidates from the cursor on. */
static void prefetch_next(const Course *c, size_t count)
{
    const GV_Scratch *scratch = c->scratch;
    for (size_t at = c->cursor; at < scratch->count && at < c->cursor + count; at++)
        prefetch_links(c, gv_key_slot(scratch->pool[at]));
}

/* Measure what waits, and enter what is near enough. */
static void settle(Course *c)
{
    GV_Scratch *scratch = c->scratch;
    const GV_Met *met = c->waiting;
    uint64_t near[GV_DEGREE_MAX], bound = key_bound(c);
    size_t count = 0;
    gv_hnsw_measure_met(c->hnsw, c->target, met, scratch->ranks);
    for (size_t i = 0; i < met->count; i++) { /* no branch here either */
        near[count] = gv_hnsw_key(scratch->ranks[i], met->slots[i]);
        count += near[count] <= bound;
    }
    for (size_t i = 0; i < count; i++) {
        if (near[i] > key_bound(c)) continue; /* which comes down as nearer ones enter */
        size_t at = pool_insert(c->hnsw, scratch, c->walk, c->most, near[i]);
        if (at > c->cursor) continue;
        c->cursor = at;
        prefetch_links(c, gv_key_slot(near[i])); /* likely to be the next */
    }
    c->waiting->count = 0;
    set_limits(c);
}

/* Is there a candidate that is worth a look? Then the cursor is at the nearest. */
static bool find_next(Course *c)
{
    const GV_Scratch *scratch = c->scratch;
    while (c->cursor < scratch->count && scratch->pool[c->cursor] & 1) c->cursor++;
    return c->cursor < scratch->count && scratch->pool[c->cursor] <= c->stop;
}

/* Send for what the candidate at the cursor leads to. Until that is here, what was sent for before is measured. */
static GV_Status expand(Course *c)
{
    const GV_HNSW *hnsw = c->hnsw;
    uint64_t key = c->scratch->pool[c->cursor];
    uint32_t node = gv_key_slot(key);
    c->scratch->pool[c->cursor++] |= 1;
    if (hnsw->mapped) GV_TRY(gv_hnsw_touch_list(hnsw, node, c->walk->level));
    GV_Met *met = c->met;
    met->count = c->walk->gated ? near_links(c, node, gv_key_rank(key)) : fresh_links(c, node);
    send_for(c, met);
    prefetch_next(c, 2);
    if (hnsw->mapped) GV_TRY(gv_hnsw_touch_nodes(hnsw, met->slots, met->count));
    if (c->waiting->count > 0) settle(c);
    c->met = c->waiting;
    c->waiting = met;
    return GV_OK;
}

GV_Status gv_hnsw_walk(const GV_HNSW *hnsw, GV_Scratch *scratch, const GV_Target *target, const GV_Walk *walk)
{
    Course c = set_out(hnsw, scratch, target, walk);
    for (;;) {
        bool more = find_next(&c);
        if (c.waiting->count > 0 && !(more && walk->ahead)) settle(&c); /* there may be a nearer one among them */
        else if (more) GV_TRY(expand(&c));
        else return GV_OK;
    }
}

GV_Status gv_hnsw_descend(const GV_HNSW *hnsw, GV_Scratch *scratch, const GV_Target *target, uint32_t level)
{
    if (hnsw->mapped) GV_TRY(gv_hnsw_touch_nodes(hnsw, &hnsw->entry, 1));
    gv_scratch_start(scratch, hnsw->entry, gv_hnsw_rank(hnsw, target, hnsw->entry));
    for (uint32_t above = hnsw->entry_level; above > level; above--) {
        GV_Walk walk = {.level = above, .ef = 1};
        scratch->accepted = 1;
        GV_TRY(gv_hnsw_walk(hnsw, scratch, target, &walk));
        gv_scratch_start(scratch, gv_key_slot(scratch->pool[0]), gv_key_rank(scratch->pool[0]));
    }
    return GV_OK;
}
