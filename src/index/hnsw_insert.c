/* hnsw_insert.c: what the insertion of some rows will change, found out without changing anything.
 *
 * A batch is planned against the graph as it stands (ParlayANN, arXiv:2305.04359): each row looks for its neighbours, those
 * of the batch before it included, chooses its links, and is offered to the nodes it links to; all offers to one node are
 * weighed in the order of the rows. Each of these is a job that any number of threads may share, and none can tell how
 * many did. How large a batch is depends on the graph and on the steps to come, never on threads. */
#include "index/hnsw_build.h"
#include "base/memory.h"
#include <stdlib.h>

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

static void share(const GV_HNSW *hnsw, size_t count, size_t chunk, GV_Work work)
{
    const GV_HNSW *context = hnsw;
    gv_parallel(hnsw->head.pool, hnsw->build->threads, count, chunk, work, &context);
}

static const GV_HNSW *shared(void *context) { return *(const GV_HNSW **)context; }

/* ---- the batch ---- */

/* The first rows of `steps`, as many as make a batch. */
static void form_batch(GV_HNSW *hnsw, const GV_Step *steps, size_t count)
{
    GV_Build *b = hnsw->build;
    size_t most = gv_build_rows(hnsw, count), levels_most = gv_build_levels(most), levels = 0;
    uint32_t spare = hnsw->upper_capacity - hnsw->upper_live;
    if (most > hnsw->present_count / GV_BATCH_SHARE) most = hnsw->present_count / GV_BATCH_SHARE;
    if (most == 0) most = 1;
    for (b->count = 0; b->count < count && b->count < most && !steps[b->count].removes; b->count++) {
        GV_Newcomer *newcomer = &b->newcomers[b->count];
        uint32_t slot = steps[b->count].slot, level = gv_hnsw_draw_level(hnsw, gv_table_id(hnsw->head.table, slot));
        /* reserve() sees to it that there are enough, but for logs nobody wrote */
        if (level > spare - levels) level = spare - (uint32_t)levels;
        if (levels + level > levels_most) break;
        newcomer->slot = slot;
        newcomer->level = level;
        newcomer->equal = newcomer->head = GV_NO_SLOT;
        newcomer->upper_list = (uint32_t)levels;
        newcomer->candidate_count = 0;
        if (b->count == 0 || slot < b->lowest_slot) b->lowest_slot = slot;
        atomic_store_explicit(&newcomer->linked, 0, memory_order_relaxed);
        levels += level;
    }
}

void gv_hnsw_encode(GV_HNSW *hnsw, uint32_t slot, float *work)
{
    GV_Codes *codes = &hnsw->codes;
    if (gv_hnsw_coded(hnsw))
        gv_codes_encode_row(codes, gv_table_floats(hnsw->head.table, slot, work), gv_table_norm(hnsw->head.table, slot),
                            work, gv_codes_row(codes, slot), gv_codes_head(codes, slot));
}

/* A slot that had an earlier life may still be walked through. */
static void encode_batch(GV_HNSW *hnsw, GV_RwLock *lock)
{
    const GV_Build *b = hnsw->build;
    for (size_t i = 0; i < b->count; i++) {
        uint32_t slot = b->newcomers[i].slot;
        bool locks = lock && slot < hnsw->slot_end;
        if (locks) gv_write_lock(lock);
        gv_hnsw_encode(hnsw, slot, b->scratch[0]->work);
        if (locks) gv_write_unlock(lock);
    }
}

/* ---- looking for neighbours ---- */

static bool same_row(const GV_HNSW *hnsw, uint32_t a, uint32_t b)
{
    const GV_Table *table = hnsw->head.table;
    if (gv_hnsw_coded(hnsw) &&
        memcmp(gv_codes_head(&hnsw->codes, a), gv_codes_head(&hnsw->codes, b), sizeof(GV_CodeHead)) != 0)
        return false;
    return gv_table_same_rows(table, a, b);
}

static uint64_t *candidates_of(const GV_HNSW *hnsw, size_t i)
{
    return hnsw->build->candidates + i * hnsw->ef_construction;
}

/* What a walk has found, at most ef_construction nodes. */
static size_t keep_nodes(const GV_HNSW *hnsw, const GV_Scratch *scratch, uint32_t slot, uint64_t *kept)
{
    size_t count = 0;
    for (size_t i = 0; i < scratch->count && count < hnsw->ef_construction; i++) {
        uint32_t node = gv_key_slot(scratch->pool[i]);
        if (node != slot && gv_hnsw_bit(&hnsw->present, node)) kept[count++] = scratch->pool[i] & ~(uint64_t)1;
    }
    return count;
}

/* A row looks for neighbours until the next to look at is farther by so much, in squared distance, than a quarter more than it may
 * link to, ... */
#define LOOKED_AROUND 1.08f
/* ... and needs none that are farther by so much: as survivors they would push out near ones (ADR 7). */
#define FAR_NEIGHBOURS 1.3f

static void find_neighbours(const GV_HNSW *hnsw, GV_Scratch *scratch, size_t i)
{
    GV_Build *b = hnsw->build;
    GV_Newcomer *newcomer = &b->newcomers[i];
    uint64_t *candidates = candidates_of(hnsw, i);
    GV_Target target;
    gv_hnsw_target(hnsw, newcomer->slot, &target);
    uint32_t at = newcomer->level < hnsw->entry_level ? newcomer->level : hnsw->entry_level;
    for (uint32_t level = at + 1; level <= newcomer->level; level++)
        b->upper_lists[newcomer->upper_list + level - 1].count = 0;
    (void)gv_hnsw_descend(hnsw, scratch, &target, at); /* cannot fail: what is mapped has been verified */
    for (;; at--) {
        GV_Walk walk = {
            .level = at, .ef = hnsw->ef_construction, .accept = gv_hnsw_whole(hnsw) ? NULL : &hnsw->present};
        if (at == 0 && hnsw->head.metric.distance != GV_DISTANCE_DOT_PRODUCT) {
            walk.stop_at = hnsw->degree + hnsw->degree / 4;
            walk.factor = LOOKED_AROUND;
            walk.kept = FAR_NEIGHBOURS;
        }
        scratch->accepted = gv_hnsw_accepted(hnsw, walk.accept, gv_key_slot(scratch->pool[0]));
        (void)gv_hnsw_walk(hnsw, scratch, &target, &walk);
        newcomer->candidate_count = keep_nodes(hnsw, scratch, newcomer->slot, candidates);
        if (at == 0) break;
        GV_Draft *list = &b->upper_lists[newcomer->upper_list + at - 1];
        list->node = newcomer->slot;
        list->level = at;
        list->capacity = hnsw->M;
        gv_hnsw_select(hnsw, candidates, newcomer->candidate_count, scratch->pool + 1, list);
        gv_scratch_start(scratch, gv_key_slot(scratch->pool[0]), gv_key_rank(scratch->pool[0]));
    }
    newcomer->head = gv_hnsw_find_twin(hnsw, scratch, newcomer->slot, gv_hnsw_rank(hnsw, &target, newcomer->slot));
    for (size_t j = 0; j < i && newcomer->head == GV_NO_SLOT && newcomer->equal == GV_NO_SLOT; j++)
        if (same_row(hnsw, newcomer->slot, b->newcomers[j].slot)) newcomer->equal = (uint32_t)j;
    gv_scratch_clear(scratch);
}

static void find_all(void *context, size_t worker, size_t begin, size_t end)
{
    const GV_HNSW *hnsw = shared(context);
    for (size_t i = begin; i < end; i++) find_neighbours(hnsw, hnsw->build->scratch[worker], i);
}

/* Who becomes a node, and who follows one. For the rest of the planning the new nodes are taken for present. */
static void settle_roles(GV_HNSW *hnsw)
{
    GV_Build *b = hnsw->build;
    for (size_t i = 0; i < b->count; i++) {
        GV_Newcomer *newcomer = &b->newcomers[i];
        if (newcomer->equal != GV_NO_SLOT) {
            const GV_Newcomer *first = &b->newcomers[newcomer->equal];
            newcomer->head = first->head != GV_NO_SLOT ? first->head : first->slot;
        }
        if (newcomer->head != GV_NO_SLOT) {
            b->follower_count++;
            continue;
        }
        gv_bitset_set(&hnsw->present, newcomer->slot);
    }
}

static void forget_roles(GV_HNSW *hnsw)
{
    const GV_Build *b = hnsw->build;
    for (size_t i = 0; i < b->count; i++)
        if (b->newcomers[i].head == GV_NO_SLOT) gv_bitset_clear(&hnsw->present, b->newcomers[i].slot);
}

/* Links of the base layer that `node` may have once the batch is in: a head has one fewer. */
static uint32_t base_capacity(const GV_HNSW *hnsw, uint32_t node)
{
    const GV_Build *b = hnsw->build;
    bool heads = gv_hnsw_bit(&hnsw->heads, node);
    for (size_t i = 0; i < b->count && b->follower_count > 0 && !heads; i++) heads = b->newcomers[i].head == node;
    return hnsw->degree - heads;
}

/* ---- choosing links ---- */

/* Nodes of the batch before the i-th are candidates as well. */
static void add_batch(const GV_HNSW *hnsw, GV_Scratch *scratch, size_t i)
{
    GV_Build *b = hnsw->build;
    GV_Newcomer *newcomer = &b->newcomers[i];
    GV_Target target;
    gv_hnsw_target(hnsw, newcomer->slot, &target);
    uint64_t *candidates = candidates_of(hnsw, i);
    uint32_t slots[GV_BATCH_MAX] = {0};
    size_t count = 0, most = hnsw->ef_construction;
    for (size_t j = 0; j < i; j++)
        if (b->newcomers[j].head == GV_NO_SLOT) slots[count++] = b->newcomers[j].slot;
    gv_hnsw_measure(hnsw, &target, slots, count, scratch->ranks);
    for (size_t j = 0; j < count; j++) {
        uint64_t key = gv_hnsw_key(scratch->ranks[j], slots[j]);
        size_t at = newcomer->candidate_count;
        if (at == most && key > candidates[at - 1]) continue;
        if (at == most) at--;
        else newcomer->candidate_count++;
        for (; at > 0 && candidates[at - 1] > key; at--) candidates[at] = candidates[at - 1];
        candidates[at] = key;
    }
}

static void choose_links(void *context, size_t worker, size_t begin, size_t end)
{
    const GV_HNSW *hnsw = shared(context);
    GV_Build *b = hnsw->build;
    for (size_t i = begin; i < end; i++) {
        const GV_Newcomer *newcomer = &b->newcomers[i];
        GV_Draft *list = &b->lists[i];
        *list = (GV_Draft){.node = newcomer->slot, .capacity = base_capacity(hnsw, newcomer->slot)};
        if (newcomer->head != GV_NO_SLOT) continue;
        add_batch(hnsw, b->scratch[worker], i);
        gv_hnsw_select(hnsw, candidates_of(hnsw, i), newcomer->candidate_count, b->scratch[worker]->pool, list);
    }
}

/* ---- offers ---- */

enum {
    POSITION_BITS = 8,
    NEWCOMER_BITS = 16,
    NODE_BITS = 32
};

static const GV_Draft *list_of(const GV_Build *b, size_t i, uint32_t level)
{
    return level == 0 ? &b->lists[i] : &b->upper_lists[b->newcomers[i].upper_list + level - 1];
}

static uint32_t offer_level(uint64_t offer) { return (uint32_t)(offer >> (NODE_BITS + NEWCOMER_BITS + POSITION_BITS)); }

static uint32_t offer_node(uint64_t offer) { return (uint32_t)(offer >> (NEWCOMER_BITS + POSITION_BITS)); }

static size_t offer_newcomer(uint64_t offer) { return offer >> POSITION_BITS & ((1 << NEWCOMER_BITS) - 1); }

static uint32_t offer_position(uint64_t offer) { return offer & ((1 << POSITION_BITS) - 1); }

static int compare_offers(const void *a, const void *b)
{
    uint64_t x = *(const uint64_t *)a, y = *(const uint64_t *)b;
    return (x > y) - (x < y);
}

/* Each newcomer is offered to all that it links to, in the order of their nodes. */
static void gather_offers(GV_HNSW *hnsw)
{
    GV_Build *b = hnsw->build;
    size_t count = 0;
    for (size_t i = 0; i < b->count; i++) {
        if (b->newcomers[i].head != GV_NO_SLOT) continue;
        for (uint32_t level = 0; level <= b->newcomers[i].level; level++) {
            const GV_Draft *list = list_of(b, i, level);
            for (uint32_t at = 0; at < list->count; at++)
                b->offers[count++] = (((uint64_t)level << NODE_BITS | list->links[at]) << NEWCOMER_BITS | i)
                                         << POSITION_BITS |
                                     at;
        }
    }
    qsort(b->offers, count, sizeof *b->offers, compare_offers);
    b->offer_count = count;
    b->group_count = 0;
    for (size_t i = 0; i < count; i++)
        if (i == 0 ||
            b->offers[i] >> (NEWCOMER_BITS + POSITION_BITS) != b->offers[i - 1] >> (NEWCOMER_BITS + POSITION_BITS))
            b->groups[b->group_count++] = (uint32_t)i;
    b->groups[b->group_count] = (uint32_t)count;
}

/* The place in the batch of a slot, or the batch's size. Slots ascend, as a rule: most nodes are below the first. */
static size_t find_newcomer(const GV_Build *b, uint32_t slot)
{
    size_t i = slot < b->lowest_slot ? b->count : 0;
    while (i < b->count && b->newcomers[i].slot != slot) i++;
    return i;
}

/* A node's list before the batch; a newcomer's is the one it chose. */
static void read_list(const GV_HNSW *hnsw, uint32_t node, uint32_t level, GV_Draft *draft)
{
    const GV_Build *b = hnsw->build;
    bool stands = node < hnsw->slot_end && gv_hnsw_list(hnsw, node, level).capacity > 0;
    size_t i = level == 0 && gv_bitset_get(&hnsw->present, node) ? find_newcomer(b, node) : b->count;
    if (i < b->count) *draft = b->lists[i];
    else if (stands) gv_hnsw_draft(hnsw, node, level, draft);
    else *draft = (GV_Draft){.node = node, .level = level};
    if (level > 0 || i < b->count) return;
    draft->capacity = base_capacity(hnsw, node);
    if (draft->count > draft->capacity) gv_bit_clear(draft->survivors, --draft->count);
}

static void offer(const GV_HNSW *hnsw, uint64_t offered, GV_Urgency urgency, GV_Draft *draft, uint32_t *changed)
{
    const GV_Build *b = hnsw->build;
    size_t i = offer_newcomer(offered);
    GV_Newcomer *newcomer = &b->newcomers[i];
    GV_Target target;
    gv_hnsw_target(hnsw, newcomer->slot, &target);
    float rank = list_of(b, i, draft->level)->ranks[offer_position(offered)];
    uint32_t at = gv_hnsw_offer(hnsw, &target, draft, newcomer->slot, rank, urgency);
    if (at == GV_NO_SLOT) return;
    gv_bit_set(changed, at);
    if (draft->level == 0) atomic_fetch_add_explicit(&newcomer->linked, 1, memory_order_relaxed);
}

static void write_revision(GV_Revision *revision, const GV_Draft *draft)
{
    revision->node = draft->node;
    revision->level = draft->level;
    revision->count = draft->count;
    memcpy(revision->survivors, draft->survivors, sizeof revision->survivors);
    memcpy(revision->links, draft->links, draft->count * sizeof *draft->links);
}

/* Send for the list that a group of offers is for. */
static void prefetch_list(const GV_HNSW *hnsw, size_t group)
{
    uint32_t node = offer_node(hnsw->build->offers[hnsw->build->groups[group]]);
    if (node >= hnsw->slot_end) return;
    gv_prefetch(gv_slab_at(&hnsw->links, node), hnsw->links.stride);
    gv_prefetch(gv_slab_at(&hnsw->survivors, node), 1);
}

static void revise(void *context, size_t worker, size_t begin, size_t end)
{
    const GV_HNSW *hnsw = shared(context);
    const GV_Build *b = hnsw->build;
    (void)worker;
    for (size_t group = begin; group < end; group++) {
        GV_Draft draft;
        GV_Revision *revision = gv_build_revision(b, group);
        uint64_t first = b->offers[b->groups[group]];
        if (group + 2 < end) prefetch_list(hnsw, group + 2);
        memset(revision->changed, 0, sizeof revision->changed);
        read_list(hnsw, offer_node(first), offer_level(first), &draft);
        for (size_t i = b->groups[group]; i < b->groups[group + 1]; i++)
            offer(hnsw, b->offers[i], GV_OFFER_IF_BETTER, &draft, revision->changed);
        write_revision(revision, &draft);
    }
}

static size_t find_group(const GV_Build *b, uint32_t node)
{
    size_t from = 0, to = b->group_count;
    while (from < to) {
        size_t middle = (from + to) / 2;
        const GV_Revision *revision = gv_build_revision(b, middle);
        if (revision->level == 0 && revision->node < node) from = middle + 1;
        else to = middle;
    }
    return from;
}

static void read_revision(const GV_HNSW *hnsw, const GV_Revision *revision, GV_Draft *draft)
{
    *draft = (GV_Draft){.node = revision->node, .level = revision->level, .count = revision->count};
    draft->capacity = revision->level > 0 ? hnsw->M : base_capacity(hnsw, revision->node);
    memcpy(draft->links, revision->links, revision->count * sizeof *draft->links);
    memcpy(draft->survivors, revision->survivors, sizeof draft->survivors);
}

/* The nearest neighbours of the i-th newcomer take it, until `wanted` have. */
static void force_links(GV_HNSW *hnsw, size_t i, uint32_t wanted, GV_Urgency urgency)
{
    GV_Build *b = hnsw->build;
    const GV_Draft *list = &b->lists[i];
    for (uint32_t at = 0; at < list->count && b->newcomers[i].linked < wanted; at++) {
        GV_Draft draft;
        GV_Revision *revision = gv_build_revision(b, find_group(b, list->links[at]));
        GV_Target target;
        gv_hnsw_target(hnsw, list->links[at], &target);
        read_revision(hnsw, revision, &draft);
        if (gv_draft_find(&draft, b->newcomers[i].slot) < draft.count) continue;
        gv_hnsw_measure(hnsw, &target, draft.links, draft.count, draft.ranks);
        offer(hnsw, (uint64_t)i << POSITION_BITS | at, urgency, &draft, revision->changed);
        write_revision(revision, &draft);
    }
}

/* A newcomer that few want would be found by few walks. */
static void force_all(GV_HNSW *hnsw)
{
    const GV_Build *b = hnsw->build;
    for (size_t i = 0; i < b->count; i++) {
        if (b->newcomers[i].head != GV_NO_SLOT) continue;
        force_links(hnsw, i, gv_hnsw_sources_least(hnsw), GV_OFFER_FORCED);
        force_links(hnsw, i, 1, GV_OFFER_AT_ANY_COST);
    }
}

/* ---- writing it down ---- */

/* After whom the i-th newcomer joins the ring of its head: ids grow with the batch. */
static uint32_t ring_place(const GV_HNSW *hnsw, size_t i)
{
    const GV_Build *b = hnsw->build;
    uint32_t head = b->newcomers[i].head;
    for (size_t j = i; j-- > 0;)
        if (b->newcomers[j].head == head) return b->newcomers[j].slot;
    return find_newcomer(b, head) < b->count ? head : gv_ring_place(hnsw, head, b->newcomers[i].slot);
}

static void write_nodes(GV_HNSW *hnsw, GV_Patch *patch)
{
    const GV_Build *b = hnsw->build;
    for (size_t i = 0; i < b->count; i++) {
        const GV_Newcomer *newcomer = &b->newcomers[i];
        if (newcomer->head == GV_NO_SLOT) gv_patch_node(patch, newcomer->slot, newcomer->level);
        else gv_patch_join(patch, newcomer->slot, newcomer->head, ring_place(hnsw, i));
    }
    for (size_t i = 0; i < b->count; i++) {
        if (b->newcomers[i].head != GV_NO_SLOT) continue;
        for (uint32_t level = 0; level <= b->newcomers[i].level; level++) {
            const GV_Draft *list = list_of(b, i, level);
            if (list->count > 0) gv_patch_list(hnsw, patch, list);
        }
    }
}

static void write_entry(const GV_HNSW *hnsw, GV_Patch *patch)
{
    const GV_Build *b = hnsw->build;
    uint32_t entry = GV_NO_SLOT, highest = hnsw->entry_level;
    for (size_t i = 0; i < b->count; i++) {
        if (b->newcomers[i].head != GV_NO_SLOT || (hnsw->entry != GV_NO_SLOT && b->newcomers[i].level <= highest))
            continue;
        if (entry != GV_NO_SLOT && b->newcomers[i].level <= highest) continue;
        entry = b->newcomers[i].slot;
        highest = b->newcomers[i].level;
    }
    if (entry != GV_NO_SLOT) gv_patch_entry(patch, entry, highest);
}

static void write_revisions(const GV_HNSW *hnsw, GV_Patch *patch)
{
    const GV_Build *b = hnsw->build;
    for (size_t i = 0; i < b->group_count; i++) {
        GV_Draft draft;
        const GV_Revision *revision = gv_build_revision(b, i);
        read_revision(hnsw, revision, &draft);
        gv_patch_changes(hnsw, patch, &draft, revision->changed);
    }
}

size_t gv_hnsw_insert(GV_HNSW *hnsw, const GV_Step *steps, size_t count, GV_RwLock *lock, GV_Patch *patch)
{
    GV_Build *b = hnsw->build;
    form_batch(hnsw, steps, count);
    encode_batch(hnsw, lock);
    b->offer_count = b->group_count = b->follower_count = 0;
    if (hnsw->entry == GV_NO_SLOT) { /* a batch of one */
        b->lists[0].count = 0;
        for (uint32_t level = 0; level < b->newcomers[0].level; level++) b->upper_lists[level].count = 0;
    } else {
        share(hnsw, b->count, 1, find_all);
        settle_roles(hnsw);
        share(hnsw, b->count, 1, choose_links);
        gather_offers(hnsw);
        share(hnsw, b->group_count, 16, revise);
        force_all(hnsw);
    }
    write_nodes(hnsw, patch);
    write_entry(hnsw, patch);
    write_revisions(hnsw, patch);
    if (hnsw->entry != GV_NO_SLOT) forget_roles(hnsw);
    return b->count;
}
