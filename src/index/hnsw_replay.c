/* hnsw_replay.c: a patch that comes from a file: each operation is checked against the graph as it stands, and against
 * the step it belongs to, before it is carried out. Link values need no check: walks check them. */
#include "index/hnsw_patch.h"

typedef struct Step {
    uint32_t slot;
    bool removes;
} Step;

static GV_Status corrupt(const char *what, const GV_Op *op)
{
    return gv_fail(GV_ERR_CORRUPT, "a patch %s: operation %d of slot %u", what, (int)op->code, op->words[0]);
}

static bool is_node(const GV_HNSW *hnsw, uint32_t slot)
{
    return slot < hnsw->slot_end && gv_hnsw_bit(&hnsw->present, slot);
}

static bool is_follower(const GV_HNSW *hnsw, uint32_t slot)
{
    return slot < hnsw->slot_end && gv_hnsw_bit(&hnsw->followers, slot);
}

static bool is_head(const GV_HNSW *hnsw, uint32_t slot)
{
    return is_node(hnsw, slot) && gv_bitset_get(&hnsw->heads, slot);
}

/* The slot of an insertion, before it has become anything. */
static bool is_new(const GV_HNSW *hnsw, Step step, uint32_t slot)
{
    return !step.removes && slot == step.slot && !is_node(hnsw, slot) && !is_follower(hnsw, slot);
}

static bool list_fits(const GV_HNSW *hnsw, const GV_Op *op)
{
    if (!is_node(hnsw, op->words[0])) return false;
    uint32_t capacity = gv_hnsw_list(hnsw, op->words[0], op->level).capacity;
    return op->code == GV_OP_LIST ? op->number <= capacity : op->number < capacity;
}

static bool join_fits(const GV_HNSW *hnsw, Step step, const GV_Op *op)
{
    uint32_t head = op->words[1], after = op->words[2];
    if (!is_new(hnsw, step, op->words[0]) || !is_node(hnsw, head)) return false;
    return after == head || (is_head(hnsw, head) && is_follower(hnsw, after) && gv_ring_head(hnsw, after) == head);
}

/* Who heads followers stays; and a removal takes its own slot, or the ghost that its last follower leaves. */
static bool remove_fits(const GV_HNSW *hnsw, Step step, uint32_t slot)
{
    return step.removes && is_node(hnsw, slot) && !is_head(hnsw, slot) &&
           (slot == step.slot || gv_bitset_get(&hnsw->ghosts, slot));
}

static bool entry_fits(const GV_HNSW *hnsw, const GV_Op *op)
{
    uint32_t slot = op->words[0];
    return slot == GV_NO_SLOT || (is_node(hnsw, slot) && gv_hnsw_level(hnsw, slot) == op->level);
}

static bool fits(const GV_HNSW *hnsw, Step step, const GV_Op *op)
{
    uint32_t slot = op->words[0];
    switch (op->code) {
    case GV_OP_NODE: return is_new(hnsw, step, slot) && op->level <= hnsw->upper_capacity - hnsw->upper_live;
    case GV_OP_LIST:
    case GV_OP_LINK: return list_fits(hnsw, op);
    case GV_OP_ENTRY: return entry_fits(hnsw, op);
    case GV_OP_JOIN: return join_fits(hnsw, step, op);
    case GV_OP_LEAVE: return step.removes && slot == step.slot && is_follower(hnsw, slot);
    case GV_OP_GHOST:
        return step.removes && slot == step.slot && is_head(hnsw, slot) && !gv_bitset_get(&hnsw->ghosts, slot);
    case GV_OP_REMOVE: return remove_fits(hnsw, step, slot);
    }
    return false;
}

/* What must hold once the patch is done: the step has happened, and there is an entry point if there is a node. */
static bool is_done(const GV_HNSW *hnsw, Step step)
{
    bool in = is_node(hnsw, step.slot) || is_follower(hnsw, step.slot);
    bool ghost = in && gv_hnsw_bit(&hnsw->ghosts, step.slot);
    if (step.removes ? in && !ghost : !in) return false;
    if (hnsw->present_count == 0) return hnsw->entry == GV_NO_SLOT;
    return is_node(hnsw, hnsw->entry);
}

GV_Status gv_hnsw_replay(GV_Index *index, uint32_t slot, bool removes, const GV_Patch *patch)
{
    GV_HNSW *hnsw = (GV_HNSW *)index;
    Step step = {slot, removes};
    GV_Op op;
    size_t at = 0;
    hnsw->pending_count = hnsw->pending_next = 0;
    gv_patch_tick(hnsw);
    while (gv_patch_next(hnsw, patch, &at, &op)) {
        if (!fits(hnsw, step, &op)) return corrupt("does not fit the graph", &op);
        gv_patch_carry_out(hnsw, &op);
    }
    if (at < patch->count) return gv_fail(GV_ERR_CORRUPT, "a patch has no operation at word %zu", at);
    if (!is_done(hnsw, step)) return gv_fail(GV_ERR_CORRUPT, "a patch leaves its step on slot %u undone", slot);
    return GV_OK;
}
