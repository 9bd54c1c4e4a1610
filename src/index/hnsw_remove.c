/* hnsw_remove.c: what a removal will change: who linked to the node is linked to its neighbours instead.
 *
 * Nobody keeps a list of the links that lead to a node. Most come from nodes near it, so they are looked for among
 * its own links and the nodes that a short walk around it expands (as IP-DiskANN does, arXiv:2502.13826). A link that
 * is missed leads to a tombstone, and once the slot is used again, to a stranger; both are harmless. */
#include "index/hnsw.h"

typedef struct Repair { /* of a list that named the node, and of one layer */
    GV_Draft draft;
    uint32_t holes[GV_DEGREE_MAX]; /* positions that lead nowhere, the last first to be filled */
    size_t hole_count;
    uint64_t keys[GV_DEGREE_MAX]; /* what may be linked instead, nearest first; + 1: a survivor where it comes from */
    size_t key_count;
    uint32_t changed[GV_SURVIVOR_WORDS]; /* positions */
} Repair;

static bool links_to(const GV_HNSW *hnsw, uint32_t node, uint32_t level, uint32_t slot)
{
    GV_List list = gv_hnsw_list(hnsw, node, level);
    for (uint32_t i = 0; i < list.capacity; i++)
        if (list.links[i] == slot) return true;
    return false;
}

/* Nodes that link to `slot`, the target: among those it links to, and those nearest to it. At most `limit`. */
static size_t find_sources(GV_HNSW *hnsw, const GV_Target *target, uint32_t slot, uint32_t level, uint32_t *sources,
                           size_t limit)
{
    GV_Scratch *scratch = gv_build_scratch(hnsw);
    GV_Walk walk = {.level = level, .ef = gv_hnsw_degree_at(hnsw, level), .accept = &hnsw->present};
    GV_List list = gv_hnsw_list(hnsw, slot, level);
    size_t count = 0;
    gv_scratch_start(scratch, slot, gv_hnsw_rank(hnsw, target, slot));
    scratch->accepted = 1;
    (void)gv_hnsw_walk(hnsw, scratch, target, &walk);
    for (size_t i = 0; i < list.capacity + scratch->count && count < limit; i++) {
        uint32_t node = i < list.capacity ? list.links[i] : gv_key_slot(scratch->pool[i - list.capacity]);
        if (node == slot || node >= hnsw->slot_end || !gv_bitset_get(&hnsw->present, node)) continue;
        if (i >= list.capacity && links_to(hnsw, slot, level, node)) continue; /* seen already */
        if (links_to(hnsw, node, level, slot)) sources[count++] = node;
    }
    return count;
}

/* Links to `slot`, and to nodes that went before and were missed, are to be replaced. Was one of them a survivor? */
static bool open_holes(const GV_HNSW *hnsw, Repair *repair, uint32_t slot)
{
    GV_Draft *draft = &repair->draft;
    bool lost_survivor = false;
    for (uint32_t i = draft->count; i-- > 0;) {
        if (draft->links[i] != slot && gv_bitset_get(&hnsw->present, draft->links[i])) continue;
        repair->holes[repair->hole_count++] = i;
        lost_survivor |= gv_bit_get(draft->survivors, i);
        gv_bit_clear(draft->survivors, i);
    }
    return lost_survivor;
}

static size_t insert_key(uint64_t *keys, size_t count, uint64_t key)
{
    size_t at = count;
    for (; at > 0 && keys[at - 1] > key; at--) keys[at] = keys[at - 1];
    keys[at] = key;
    return count + 1;
}

/* The links of the node that goes, `candidates`, which this node does not have. */
static void find_replacements(const GV_HNSW *hnsw, Repair *repair, const GV_Draft *candidates)
{
    const GV_Draft *draft = &repair->draft;
    GV_Target target;
    gv_hnsw_target(hnsw, draft->node, &target);
    for (uint32_t i = 0; i < candidates->count; i++) {
        uint32_t other = candidates->links[i];
        bool fit = other != draft->node && gv_bitset_get(&hnsw->present, other);
        for (uint32_t j = 0; j < draft->count && fit; j++) fit = draft->links[j] != other;
        if (!fit) continue;
        uint64_t key = gv_hnsw_key(gv_hnsw_rank(hnsw, &target, other), other);
        repair->key_count = insert_key(repair->keys, repair->key_count, key | gv_bit_get(candidates->survivors, i));
    }
}

static bool survives(const GV_HNSW *hnsw, GV_Draft *draft, uint32_t slot, float rank)
{
    GV_Target row;
    gv_hnsw_target(hnsw, slot, &row);
    return gv_hnsw_survives(hnsw, &row, draft, rank);
}

/* Fillers that `slot`, the target, covered, and that nothing covers any more, survive again, the nearest first. */
static void promote_fillers(const GV_HNSW *hnsw, const GV_Target *target, Repair *repair)
{
    GV_Draft *draft = &repair->draft;
    uint64_t fillers[GV_DEGREE_MAX];
    size_t count = 0, hole = repair->hole_count;
    for (uint32_t i = 0; i < draft->count; i++) {
        if (hole > 0 && repair->holes[hole - 1] == i) {
            hole--;
            continue;
        }
        if (gv_bit_get(draft->survivors, i)) continue;
        float between = gv_hnsw_rank(hnsw, target, draft->links[i]);
        if (gv_hnsw_covers(hnsw, between, draft->ranks[i]))
            count = insert_key(fillers, count, gv_hnsw_key(draft->ranks[i], i));
    }
    for (size_t i = 0; i < count; i++) {
        uint32_t at = gv_key_slot(fillers[i]);
        if (survives(hnsw, draft, draft->links[at], draft->ranks[at])) gv_bit_set(draft->survivors, at);
    }
}

/* A hole, or else the farthest filler that is not the last link to its node, or else none. */
static uint32_t place_for_survivor(const GV_HNSW *hnsw, Repair *repair)
{
    const GV_Draft *draft = &repair->draft;
    uint32_t farthest = GV_NO_SLOT;
    if (repair->hole_count > 0) return repair->holes[--repair->hole_count];
    for (uint32_t i = 0; i < draft->count; i++)
        if (!gv_bit_get(draft->survivors, i) && !gv_hnsw_is_needed(hnsw, draft, i, gv_hnsw_sources_least(hnsw)) &&
            (farthest == GV_NO_SLOT || draft->ranks[i] > draft->ranks[farthest]))
            farthest = i;
    return farthest;
}

static void set_link(Repair *repair, uint32_t at, uint64_t key, bool survivor)
{
    GV_Draft *draft = &repair->draft;
    draft->links[at] = gv_key_slot(key);
    draft->ranks[at] = gv_key_rank(key);
    if (survivor) gv_bit_set(draft->survivors, at);
    else gv_bit_clear(draft->survivors, at);
    gv_bit_set(repair->changed, at);
}

/* Link the survivors of the list of the node that goes that survive here too; keep the others. */
static void add_survivors(const GV_HNSW *hnsw, Repair *repair)
{
    size_t kept = 0;
    for (size_t i = 0; i < repair->key_count; i++) {
        uint64_t key = repair->keys[i];
        uint32_t at = GV_NO_SLOT;
        if ((key & 1) && survives(hnsw, &repair->draft, gv_key_slot(key), gv_key_rank(key)))
            at = place_for_survivor(hnsw, repair);
        if (at == GV_NO_SLOT) repair->keys[kept++] = key;
        else set_link(repair, at, key, true);
    }
    repair->key_count = kept;
}

/* The nearest replacements fill the holes; for want of them the last link moves there. */
static void fill_holes(const GV_HNSW *hnsw, Repair *repair)
{
    GV_Draft *draft = &repair->draft;
    for (size_t i = 0; i < repair->key_count && repair->hole_count > 0; i++) {
        uint64_t key = repair->keys[i];
        bool survivor = survives(hnsw, draft, gv_key_slot(key), gv_key_rank(key));
        set_link(repair, repair->holes[--repair->hole_count], key, survivor);
    }
    for (size_t i = 0; i < repair->hole_count; i++) { /* the last hole first: what moves is a link */
        uint32_t at = repair->holes[i], last = --draft->count;
        set_link(repair, at, gv_hnsw_key(draft->ranks[last], draft->links[last]), gv_bit_get(draft->survivors, last));
        gv_bit_clear(draft->survivors, last);
    }
}

/* Which of the candidates has a list gained? */
static void note_adopted(const Repair *repair, const GV_Draft *candidates, uint32_t *adopted)
{
    for (uint32_t i = 0; i < candidates->count; i++)
        for (uint32_t j = 0; j < repair->draft.count; j++)
            if (gv_bit_get(repair->changed, j) && repair->draft.links[j] == candidates->links[i])
                gv_bit_set(adopted, i);
}

/* Relink `node`, which linked to candidates->node, by links of that one. */
static void repair_list(GV_HNSW *hnsw, const GV_Target *target, uint32_t node, const GV_Draft *candidates,
                        uint32_t *adopted, GV_Patch *patch)
{
    Repair repair;
    repair.hole_count = repair.key_count = 0;
    memset(repair.changed, 0, sizeof repair.changed);
    gv_hnsw_draft(hnsw, node, candidates->level, &repair.draft);
    uint32_t before = repair.draft.count;
    find_replacements(hnsw, &repair, candidates);
    if (open_holes(hnsw, &repair, candidates->node)) {
        promote_fillers(hnsw, target, &repair);
        add_survivors(hnsw, &repair);
    }
    fill_holes(hnsw, &repair);
    note_adopted(&repair, candidates, adopted);
    if (repair.draft.count < before) gv_patch_list(hnsw, patch, &repair.draft);
    else gv_patch_changes(hnsw, patch, &repair.draft, repair.changed);
}

/* `orphan` is linked to by few, and the node that goes is one of them: its nearest neighbour outside `busy`, the lists
 * repaired already, takes it. */
static void adopt(GV_HNSW *hnsw, uint32_t orphan, uint32_t leaving, const uint32_t *busy, size_t busy_count,
                  GV_Patch *patch)
{
    GV_Draft theirs, list;
    GV_Target target;
    gv_hnsw_target(hnsw, orphan, &target);
    uint64_t best = UINT64_MAX;
    gv_hnsw_draft(hnsw, orphan, 0, &theirs);
    for (uint32_t i = 0; i < theirs.count; i++) {
        uint32_t node = theirs.links[i];
        bool fit = node != leaving && gv_bitset_get(&hnsw->present, node);
        for (size_t j = 0; j < busy_count && fit; j++) fit = busy[j] != node;
        uint64_t key = gv_hnsw_key(theirs.ranks[i], node);
        if (fit && key < best) best = key;
    }
    if (best == UINT64_MAX) return;
    gv_hnsw_draft(hnsw, gv_key_slot(best), 0, &list);
    uint32_t at = gv_hnsw_offer(hnsw, &target, &list, orphan, gv_key_rank(best), GV_OFFER_AT_ANY_COST);
    if (at != GV_NO_SLOT) gv_patch_link(hnsw, patch, &list, at);
}

static void repair_level(GV_HNSW *hnsw, uint32_t slot, uint32_t level, GV_Patch *patch)
{
    uint32_t sources[2 * GV_DEGREE_MAX + GV_DEGREE_MAX], adopted[GV_SURVIVOR_WORDS] = {0};
    GV_Draft mine;
    size_t degree = gv_hnsw_degree_at(hnsw, level), end = patch->count + gv_patch_layer_words(degree);
    GV_Target target;
    gv_hnsw_target(hnsw, slot, &target);
    size_t count = find_sources(hnsw, &target, slot, level, sources, 2 * degree), words = gv_patch_list_words(degree);
    gv_hnsw_draft(hnsw, slot, level, &mine);
    for (size_t i = 0; i < count && patch->count + words <= end; i++)
        repair_list(hnsw, &target, sources[i], &mine, adopted, patch);
    for (uint32_t i = 0; i < mine.count && level == 0 && patch->count + words <= end; i++)
        if (!gv_bit_get(adopted, i) && gv_hnsw_is_needed(hnsw, &mine, i, gv_hnsw_sources_least(hnsw))) {
            size_t before = patch->count;
            adopt(hnsw, mine.links[i], slot, sources, count, patch);
            if (patch->count > before) sources[count++] = patch->words[before + 1]; /* busy from now on */
        }
    gv_scratch_clear(gv_build_scratch(hnsw));
}

/* The highest of the nodes that stay, the lowest slot among equals. Seldom needed, so it looks at all. */
static void plan_entry(const GV_HNSW *hnsw, uint32_t leaving, GV_Patch *patch)
{
    uint32_t best = GV_NO_SLOT, best_level = 0;
    size_t slot = gv_bitset_next_set(&hnsw->present, 0, hnsw->slot_end);
    for (; slot < hnsw->slot_end; slot = gv_bitset_next_set(&hnsw->present, slot + 1, hnsw->slot_end)) {
        if (slot == leaving) continue;
        uint32_t level = gv_hnsw_level(hnsw, (uint32_t)slot);
        if (best != GV_NO_SLOT && level <= best_level) continue;
        best = (uint32_t)slot;
        best_level = level;
    }
    gv_patch_entry(patch, best, best_level);
}

static void plan_removal(GV_HNSW *hnsw, uint32_t slot, GV_Patch *patch)
{
    gv_patch_remove(patch, slot);
    for (uint32_t level = gv_hnsw_level(hnsw, slot) + 1; level-- > 0;) repair_level(hnsw, slot, level, patch);
    if (slot == hnsw->entry) plan_entry(hnsw, slot, patch);
}

void gv_hnsw_remove(GV_HNSW *hnsw, uint32_t slot, GV_Patch *patch)
{
    if (gv_bitset_get(&hnsw->followers, slot)) {
        uint32_t head = gv_ring_head(hnsw, slot);
        bool last = gv_ring_next(hnsw, slot) == slot;
        gv_patch_leave(patch, slot);
        if (last && gv_bitset_get(&hnsw->ghosts, head)) plan_removal(hnsw, head, patch);
    } else if (gv_bitset_get(&hnsw->heads, slot)) {
        gv_patch_ghost(patch, slot);
    } else {
        plan_removal(hnsw, slot, patch);
    }
}
