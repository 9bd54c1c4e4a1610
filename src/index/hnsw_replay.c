/* hnsw_replay.c: a patch that comes from a file: each operation is checked against the graph as it stands, and against
 * the step it belongs to, before it is carried out. Link values need no check: walks check them. */
#include "index/hnsw_patch.h"

/* The steps that a patch may carry out, and how many of them it has. */
typedef struct Replay {
    GV_HNSW *hnsw;
    const GV_Step *steps;
    size_t count, done;
} Replay;

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

/* Is the next step this one? */
static bool is_next(const Replay *r, uint32_t slot, bool removes)
{
    return r->done < r->count && r->steps[r->done].slot == slot && r->steps[r->done].removes == removes;
}

/* The slot of the next insertion, before it has become anything. */
static bool is_new(const Replay *r, uint32_t slot)
{
    return is_next(r, slot, false) && !is_node(r->hnsw, slot) && !is_follower(r->hnsw, slot);
}

static bool list_fits(const GV_HNSW *hnsw, const GV_Op *op)
{
    if (!is_node(hnsw, op->words[0])) return false;
    uint32_t capacity = gv_hnsw_list(hnsw, op->words[0], op->level).capacity;
    return capacity > 0 && op->number < capacity + (op->code == GV_OP_LIST); /* 0: the node is not in that layer */
}

static bool join_fits(const Replay *r, const GV_Op *op)
{
    uint32_t head = op->words[1], after = op->words[2];
    if (!is_new(r, op->words[0]) || !is_node(r->hnsw, head)) return false;
    return after == head ||
           (is_head(r->hnsw, head) && is_follower(r->hnsw, after) && gv_ring_head(r->hnsw, after) == head);
}

/* Who heads followers stays; and a removal takes its own slot, or the ghost that its last follower leaves. */
static bool remove_fits(const Replay *r, uint32_t slot)
{
    if (!is_node(r->hnsw, slot) || is_head(r->hnsw, slot)) return false;
    return is_next(r, slot, true) ||
           (r->done > 0 && r->steps[r->done - 1].removes && gv_bitset_get(&r->hnsw->ghosts, slot));
}

static bool entry_fits(const GV_HNSW *hnsw, const GV_Op *op)
{
    uint32_t slot = op->words[0];
    return slot == GV_NO_SLOT || (is_node(hnsw, slot) && gv_hnsw_level(hnsw, slot) == op->level);
}

static bool fits(const Replay *r, const GV_Op *op)
{
    const GV_HNSW *hnsw = r->hnsw;
    uint32_t slot = op->words[0];
    switch (op->code) {
    case GV_OP_NODE: return is_new(r, slot) && op->level <= hnsw->upper_capacity - hnsw->upper_live;
    case GV_OP_LIST:
    case GV_OP_LINK: return list_fits(hnsw, op);
    case GV_OP_ENTRY: return entry_fits(hnsw, op);
    case GV_OP_JOIN: return join_fits(r, op);
    case GV_OP_LEAVE: return is_next(r, slot, true) && is_follower(hnsw, slot);
    case GV_OP_GHOST: return is_next(r, slot, true) && is_head(hnsw, slot) && !gv_bitset_get(&hnsw->ghosts, slot);
    case GV_OP_REMOVE: return remove_fits(r, slot);
    }
    return false;
}

/* Carry out an operation that fits; those that stand for a step count. */
static void carry_out(Replay *r, const GV_Op *op)
{
    uint32_t slot = op->words[0];
    bool begins = op->code == GV_OP_NODE || op->code == GV_OP_JOIN;
    bool ends = op->code == GV_OP_LEAVE || op->code == GV_OP_GHOST || op->code == GV_OP_REMOVE;
    if (begins) gv_hnsw_encode(r->hnsw, slot, gv_build_scratch(r->hnsw)->work);
    r->done += begins || (ends && is_next(r, slot, true));
    gv_patch_carry_out(r->hnsw, op);
}

/* What must hold once the patch is done: its steps have happened, and there is an entry point if there is a node. */
static bool is_done(const Replay *r)
{
    const GV_HNSW *hnsw = r->hnsw;
    for (size_t i = 0; i < r->done; i++) {
        uint32_t slot = r->steps[i].slot;
        bool in = is_node(hnsw, slot) || is_follower(hnsw, slot);
        bool ghost = in && gv_hnsw_bit(&hnsw->ghosts, slot);
        if (r->steps[i].removes ? in && !ghost : !in) return false;
    }
    if (hnsw->present_count == 0) return hnsw->entry == GV_NO_SLOT;
    return is_node(hnsw, hnsw->entry);
}

GV_Status gv_hnsw_replay(GV_Index *index, const GV_Step *steps, size_t count, const GV_Patch *patch, size_t *done)
{
    Replay r = {.hnsw = (GV_HNSW *)index, .steps = steps, .count = count};
    GV_Op op;
    size_t at = 0;
    while (gv_patch_next(r.hnsw, patch, &at, &op)) {
        if (!fits(&r, &op)) return corrupt("does not fit the graph", &op);
        carry_out(&r, &op);
    }
    if (at < patch->count) return gv_fail(GV_ERR_CORRUPT, "a patch has no operation at word %zu", at);
    if (r.done == 0 || !is_done(&r))
        return gv_fail(GV_ERR_CORRUPT, "a patch leaves its step on slot %u undone", steps[0].slot);
    *done = r.done;
    return GV_OK;
}
