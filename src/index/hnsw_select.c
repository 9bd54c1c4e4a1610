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

/* ---- a new list ---- */

static void append(GV_Draft *draft, uint32_t slot, float rank)
{
    draft->links[draft->count] = slot;
    draft->ranks[draft->count++] = rank;
}

/* Keep those of the keys that the survivor `slot` does not cover. Returns how many. */
static size_t sift(const GV_HNSW *hnsw, uint32_t slot, uint64_t *keys, size_t count)
{
    uint32_t slots[GV_DEGREE_MAX]; /* as many as are measured at once */
    float between[GV_DEGREE_MAX];
    GV_Target target;
    size_t left = 0;
    gv_hnsw_target(hnsw, slot, &target);
    for (size_t from = 0, part; from < count; from += part) {
        part = count - from < GV_DEGREE_MAX ? count - from : GV_DEGREE_MAX;
        for (size_t i = 0; i < part; i++) slots[i] = gv_key_slot(keys[from + i]);
        gv_hnsw_measure(hnsw, &target, slots, part, between);
        for (size_t i = 0; i < part; i++) { /* no branch: it could not be foretold */
            uint64_t key = keys[from + i];
            keys[left] = key;
            left += !gv_hnsw_covers(hnsw, between[i], gv_key_rank(key));
        }
    }
    return left;
}

void gv_hnsw_select(const GV_HNSW *hnsw, const uint64_t *candidates, size_t count, uint64_t *left, GV_Draft *draft)
{
    size_t left_count = count;
    memcpy(left, candidates, count * sizeof *left);
    draft->count = 0;
    while (left_count > 0 && draft->count < draft->capacity) {
        uint64_t nearest = *left++;
        append(draft, gv_key_slot(nearest), gv_key_rank(nearest));
        left_count = sift(hnsw, gv_key_slot(nearest), left, left_count - 1);
    }
    memset(draft->survivors, 0, sizeof draft->survivors);
    for (uint32_t i = 0; i < draft->count; i++) gv_bit_set(draft->survivors, i);
    uint32_t survivor = 0, survivors = draft->count;
    for (size_t i = 0; i < count && draft->count < draft->capacity; i++) {
        uint32_t slot = gv_key_slot(candidates[i]);
        if (survivor < survivors && draft->links[survivor] == slot) survivor++;
        else append(draft, slot, gv_key_rank(candidates[i]));
    }
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

/* The position of the farthest link of those whose survivor bits are `bit`. A link stays if no more than `least` lead to its
 * node: GV_NO_SLOT if all do. */
static uint32_t farthest(const GV_HNSW *hnsw, const GV_Draft *draft, bool bit, uint32_t least)
{
    for (uint64_t below = UINT64_MAX;;) {
        uint64_t most = 0;
        for (uint32_t i = 0; i < draft->count; i++) { /* no branch: it could not be foretold */
            uint64_t key = gv_hnsw_key(draft->ranks[i], draft->links[i]);
            bool asked = (gv_bit_get(draft->survivors, i) == bit) & (key < below);
            key &= (uint64_t)0 - asked;
            most = key > most ? key : most;
        }
        if (most == 0) return GV_NO_SLOT;
        uint32_t at = gv_draft_find(draft, gv_key_slot(most));
        if (!gv_hnsw_is_needed(hnsw, draft, at, least)) return at;
        below = most;
    }
}

/* The position to give up: one that is free or leads nowhere; else the farthest filler; else the farthest. */
static uint32_t weakest(const GV_HNSW *hnsw, const GV_Draft *draft, uint32_t least)
{
    if (draft->count < draft->capacity) return draft->count;
    for (uint32_t i = 0; i < draft->count && !gv_hnsw_whole(hnsw); i++)
        if (!gv_bitset_get(&hnsw->present, draft->links[i])) return i;
    uint32_t filler = farthest(hnsw, draft, false, least);
    return filler != GV_NO_SLOT ? filler : farthest(hnsw, draft, true, least);
}

/* Where the survivors are that lead to nodes which are still there, and these. Returns how many. */
static uint32_t find_survivors(const GV_HNSW *hnsw, const GV_Draft *draft, uint32_t *at, uint32_t *links)
{
    uint32_t count = 0;
    for (uint32_t i = 0; i < draft->count; i++) { /* nor here */
        at[count] = i;
        links[count] = draft->links[i];
        count += gv_bit_get(draft->survivors, i);
    }
    if (gv_hnsw_whole(hnsw)) return count;
    uint32_t left = 0;
    for (uint32_t i = 0; i < count; i++) {
        at[left] = at[i];
        links[left] = links[i];
        left += gv_bitset_get(&hnsw->present, links[i]);
    }
    return left;
}

bool gv_hnsw_survives(const GV_HNSW *hnsw, const GV_Target *row, GV_Draft *draft, float rank)
{
    uint32_t at[GV_DEGREE_MAX], links[GV_DEGREE_MAX], count = find_survivors(hnsw, draft, at, links);
    float between[GV_DEGREE_MAX];
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
