/* hnsw_select.c: which neighbours a node is linked to.
 *
 * The heuristic of the paper: nearest first, a candidate survives unless a survivor is at least as near to it as the
 * node is. Then the list is filled with the nearest of those pruned: a full list costs little and finds more. Later
 * links are judged against the survivors alone, so that one costs a few distances and not a new selection. */
#include "index/hnsw.h"

bool gv_hnsw_covers(const GV_HNSW *hnsw, float between, float rank)
{
    return between < rank || (between == 0.0f && hnsw->head.metric.distance != GV_DISTANCE_DOT_PRODUCT);
}

enum {
    MEASURED_AT_ONCE = 4 /* most candidates are covered by one of the first survivors */
};

/* ---- a new list ---- */

static bool covered(const GV_HNSW *hnsw, const GV_Draft *survivors, uint32_t slot, float rank)
{
    GV_Target target;
    gv_hnsw_target(hnsw, slot, &target);
    float between[MEASURED_AT_ONCE];
    for (uint32_t i = 0, part; i < survivors->count; i += part) {
        part = survivors->count - i < MEASURED_AT_ONCE ? survivors->count - i : MEASURED_AT_ONCE;
        gv_hnsw_measure(hnsw, &target, survivors->links + i, part, between);
        for (uint32_t j = 0; j < part; j++)
            if (gv_hnsw_covers(hnsw, between[j], rank)) return true;
    }
    return false;
}

static void append(GV_Draft *draft, uint32_t slot, float rank)
{
    draft->links[draft->count] = slot;
    draft->ranks[draft->count++] = rank;
}

void gv_hnsw_select(const GV_HNSW *hnsw, const uint64_t *candidates, size_t count, GV_Draft *draft)
{
    uint64_t pruned[GV_DEGREE_MAX];
    size_t pruned_count = 0;
    draft->count = 0;
    for (size_t i = 0; i < count && draft->count < draft->capacity; i++) {
        uint32_t slot = gv_key_slot(candidates[i]);
        float rank = gv_key_rank(candidates[i]);
        if (!covered(hnsw, draft, slot, rank)) append(draft, slot, rank);
        else if (pruned_count < draft->capacity) pruned[pruned_count++] = candidates[i];
    }
    memset(draft->survivors, 0, sizeof draft->survivors);
    for (uint32_t i = 0; i < draft->count; i++) gv_bit_set(draft->survivors, i);
    for (size_t i = 0; i < pruned_count && draft->count < draft->capacity; i++)
        append(draft, gv_key_slot(pruned[i]), gv_key_rank(pruned[i]));
}

/* ---- a list that is there ---- */

void gv_hnsw_draft(const GV_HNSW *hnsw, uint32_t node, uint32_t level, GV_Draft *draft)
{
    GV_List list = gv_hnsw_list(hnsw, node, level);
    draft->node = node;
    draft->level = level;
    draft->capacity = list.capacity;
    draft->count = 0;
    memset(draft->survivors, 0, sizeof draft->survivors);
    while (draft->count < list.capacity && list.links[draft->count] != node &&
           list.links[draft->count] < hnsw->slot_end) {
        draft->links[draft->count] = list.links[draft->count];
        draft->count++;
    }
    if (list.capacity > 0) memcpy(draft->survivors, list.survivors, gv_bit_words(list.capacity) * sizeof(uint32_t));
    GV_Target target;
    gv_hnsw_target(hnsw, node, &target);
    gv_hnsw_measure(hnsw, &target, draft->links, draft->count, draft->ranks);
}

/* A link that survives and leads to a node that is still there. */
static bool is_survivor(const GV_HNSW *hnsw, const GV_Draft *draft, uint32_t i)
{
    return gv_bit_get(draft->survivors, i) && gv_bitset_get(&hnsw->present, draft->links[i]);
}

/* The position to give up: one that is free or leads nowhere; else the farthest filler; else the farthest. A link stays if
 * no more than `least` lead to its node: GV_NO_SLOT if all do. */
static uint32_t weakest(const GV_HNSW *hnsw, const GV_Draft *draft, uint32_t least)
{
    uint32_t filler = GV_NO_SLOT, farthest = GV_NO_SLOT;
    uint64_t filler_key = 0, farthest_key = 0;
    if (draft->count < draft->capacity) return draft->count;
    for (uint32_t i = 0; i < draft->count; i++) {
        uint64_t key = gv_hnsw_key(draft->ranks[i], draft->links[i]);
        bool fills = !gv_bit_get(draft->survivors, i);
        if (!gv_bitset_get(&hnsw->present, draft->links[i])) return i;
        if (key < farthest_key && !(fills && key >= filler_key)) continue;
        if (gv_hnsw_is_needed(hnsw, draft, i, least)) continue;
        if (key >= farthest_key) {
            farthest = i;
            farthest_key = key;
        }
        if (fills && key >= filler_key) {
            filler = i;
            filler_key = key;
        }
    }
    return filler != GV_NO_SLOT ? filler : farthest;
}

bool gv_hnsw_survives(const GV_HNSW *hnsw, const GV_Target *row, GV_Draft *draft, float rank)
{
    uint32_t at[GV_DEGREE_MAX], links[GV_DEGREE_MAX], count = 0;
    float between[GV_DEGREE_MAX];
    links[0] = GV_NO_SLOT;
    for (uint32_t i = 0; i < draft->count; i++) {
        if (!is_survivor(hnsw, draft, i)) continue;
        at[count] = i;
        links[count++] = draft->links[i];
    }
    gv_hnsw_measure(hnsw, row, links, count, between);
    for (uint32_t i = 0; i < count; i++)
        if (draft->ranks[at[i]] <= rank && gv_hnsw_covers(hnsw, between[i], rank)) return false;
    for (uint32_t i = 0; i < count; i++)
        if (draft->ranks[at[i]] > rank && gv_hnsw_covers(hnsw, between[i], draft->ranks[at[i]]))
            gv_bit_clear(draft->survivors, at[i]);
    return true;
}

uint32_t gv_hnsw_offer(const GV_HNSW *hnsw, const GV_Target *target, GV_Draft *draft, uint32_t slot, float rank,
                       GV_Urgency urgency)
{
    uint32_t before[GV_SURVIVOR_WORDS],
        at = gv_draft_find(draft, slot); /* left over from an earlier life of the slot */
    if (draft->capacity == 0) return GV_NO_SLOT;
    memcpy(before, draft->survivors, sizeof before);
    bool survivor = gv_hnsw_survives(hnsw, target, draft, rank), takes = true;
    if (at == draft->count)
        at = weakest(hnsw, draft, urgency == GV_OFFER_AT_ANY_COST ? 1 : gv_hnsw_sources_least(hnsw));
    if (at != GV_NO_SLOT && urgency == GV_OFFER_IF_BETTER && at < draft->count && draft->links[at] != slot &&
        gv_bitset_get(&hnsw->present, draft->links[at])) {
        bool nearer = rank < draft->ranks[at], filler = !gv_bit_get(draft->survivors, at);
        takes = filler ? survivor || nearer : survivor && nearer;
    }
    if (at == GV_NO_SLOT || !takes) {
        memcpy(draft->survivors, before, sizeof before);
        return GV_NO_SLOT;
    }
    draft->links[at] = slot;
    draft->ranks[at] = rank;
    if (survivor) gv_bit_set(draft->survivors, at);
    else gv_bit_clear(draft->survivors, at);
    if (at == draft->count) draft->count++;
    return at;
}
