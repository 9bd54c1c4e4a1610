/* hnsw_patch.c: the language of patches: written by the planners, carried out by commit().
 *
 * An operation is a word `code | level << 8 | number << 16`, then its operands:
 *   NODE    slot                        a new node of layers 0 to `level`, its lists empty
 *   LIST    node, links[number], bits   a whole list, packed from the front
 *   LINK    node, value, bits           the link at position `number`
 *   ENTRY   slot                        the entry point, of `level`; GV_NO_SLOT: the graph is empty
 *   JOIN    slot, head, after           a follower enters a ring
 *   LEAVE   slot                        a follower leaves its ring, and its slot is free
 *   GHOST   slot                        a removed head stays for its followers
 *   REMOVE  slot                        a node leaves the graph, and its slot is free
 * `bits` are the survivor bits of the list, a word for each 32 of its capacity (that of the layer). */
#include "index/hnsw_patch.h"

/* ---- writing ---- */

static void put(GV_Patch *patch, uint32_t word)
{
    assert(patch->count < patch->capacity);
    patch->words[patch->count++] = word;
}

static void put_many(GV_Patch *patch, const uint32_t *words, size_t count)
{
    for (size_t i = 0; i < count; i++) put(patch, words[i]);
}

static void put_head(GV_Patch *patch, GV_OpCode code, uint32_t level, uint32_t number)
{
    put(patch, (uint32_t)code | level << 8 | number << 16);
}

void gv_patch_list(const GV_HNSW *hnsw, GV_Patch *patch, const GV_Draft *draft)
{
    put_head(patch, GV_OP_LIST, draft->level, draft->count);
    put(patch, draft->node);
    put_many(patch, draft->links, draft->count);
    put_many(patch, draft->survivors, gv_bit_words(gv_hnsw_degree_at(hnsw, draft->level)));
}

void gv_patch_link(const GV_HNSW *hnsw, GV_Patch *patch, const GV_Draft *draft, uint32_t position)
{
    put_head(patch, GV_OP_LINK, draft->level, position);
    put(patch, draft->node);
    put(patch, draft->links[position]);
    put_many(patch, draft->survivors, gv_bit_words(gv_hnsw_degree_at(hnsw, draft->level)));
}

void gv_patch_changes(const GV_HNSW *hnsw, GV_Patch *patch, const GV_Draft *draft, const uint32_t *changed)
{
    size_t degree = gv_hnsw_degree_at(hnsw, draft->level), count = 0;
    for (uint32_t i = 0; i < draft->count; i++) count += gv_bit_get(changed, i);
    if (count * (3 + gv_bit_words(degree)) >= gv_patch_list_words(degree)) {
        gv_patch_list(hnsw, patch, draft);
        return;
    }
    for (uint32_t i = 0; i < draft->count; i++)
        if (gv_bit_get(changed, i)) gv_patch_link(hnsw, patch, draft, i);
}

static void put_one(GV_Patch *patch, GV_OpCode code, uint32_t level, uint32_t slot)
{
    put_head(patch, code, level, 0);
    put(patch, slot);
}

void gv_patch_node(GV_Patch *patch, uint32_t slot, uint32_t level) { put_one(patch, GV_OP_NODE, level, slot); }

void gv_patch_entry(GV_Patch *patch, uint32_t slot, uint32_t level) { put_one(patch, GV_OP_ENTRY, level, slot); }

void gv_patch_leave(GV_Patch *patch, uint32_t slot) { put_one(patch, GV_OP_LEAVE, 0, slot); }

void gv_patch_ghost(GV_Patch *patch, uint32_t slot) { put_one(patch, GV_OP_GHOST, 0, slot); }

void gv_patch_remove(GV_Patch *patch, uint32_t slot) { put_one(patch, GV_OP_REMOVE, 0, slot); }

void gv_patch_join(GV_Patch *patch, uint32_t slot, uint32_t head, uint32_t after)
{
    put_one(patch, GV_OP_JOIN, 0, slot);
    put(patch, head);
    put(patch, after);
}

/* ---- reading ---- */

bool gv_patch_next(const GV_HNSW *hnsw, const GV_Patch *patch, size_t *at, GV_Op *op)
{
    static const uint8_t operands[] = {[GV_OP_NODE] = 1, [GV_OP_LIST] = 1,  [GV_OP_LINK] = 2,  [GV_OP_ENTRY] = 1,
                                       [GV_OP_JOIN] = 3, [GV_OP_LEAVE] = 1, [GV_OP_GHOST] = 1, [GV_OP_REMOVE] = 1};
    if (*at >= patch->count) return false;
    uint32_t head = patch->words[*at];
    op->code = (GV_OpCode)(head & 0xFF);
    op->level = head >> 8 & 0xFF;
    op->number = head >> 16;
    if (op->code < GV_OP_NODE || op->code > GV_OP_REMOVE || op->level > GV_LEVEL_MAX) return false;
    size_t size = operands[op->code];
    if (op->code == GV_OP_LIST) size += op->number;
    op->words = patch->words + *at + 1;
    op->bits = op->words + size;
    if (op->code == GV_OP_LIST || op->code == GV_OP_LINK) size += gv_bit_words(gv_hnsw_degree_at(hnsw, op->level));
    if (size > patch->count - *at - 1) return false;
    *at += 1 + size;
    return true;
}

/* ---- carrying out ---- */

static void commit_node(GV_HNSW *hnsw, uint32_t slot, uint32_t level)
{
    uint32_t *links = gv_slab_at(&hnsw->links, slot), *up = gv_slab_at(&hnsw->upper_at, slot);
    for (uint32_t i = 0; i < hnsw->degree; i++) links[i] = slot;
    memset(gv_slab_at(&hnsw->survivors, slot), 0, hnsw->survivors.stride);
    *up = GV_NO_SLOT;
    for (uint32_t i = 0; i < level; i++) {
        uint32_t at = (uint32_t)gv_bitset_next_clear(&hnsw->upper_used, 0, hnsw->upper_capacity);
        GV_Upper *record = gv_slab_at(&hnsw->upper, at);
        gv_bitset_set(&hnsw->upper_used, at);
        hnsw->upper_live++;
        if (at >= hnsw->upper_end) hnsw->upper_end = at + 1;
        *record = (GV_Upper){.next = GV_NO_SLOT, .node = slot};
        for (uint32_t j = 0; j < hnsw->M; j++) record->links[j] = slot;
        *up = at;
        up = &record->next;
    }
    gv_bitset_set(&hnsw->present, slot);
    hnsw->present_count++;
    gv_pivots_add(hnsw, slot, level);
    gv_blocks_clear(hnsw, slot);
}

/* A place in the list of `node`, which names the node itself when it is empty. */
static void change_source(GV_HNSW *hnsw, uint32_t node, uint32_t from, uint32_t to)
{
    if (from != node) gv_hnsw_count_source(hnsw, from, -1);
    if (to != node) gv_hnsw_count_source(hnsw, to, 1);
}

static void commit_list(GV_HNSW *hnsw, const GV_Op *op)
{
    uint32_t node = op->words[0];
    GV_List list = gv_hnsw_list(hnsw, node, op->level);
    for (uint32_t i = 0; i < list.capacity; i++) {
        uint32_t link = i < op->number ? op->words[1 + i] : node;
        if (op->level == 0) change_source(hnsw, node, list.links[i], link);
        list.links[i] = link;
    }
    memcpy(list.survivors, op->bits, gv_bit_words(gv_hnsw_degree_at(hnsw, op->level)) * sizeof(uint32_t));
    if (op->level > 0) return;
    gv_blocks_write(hnsw, node, list.links, 0, op->number);
    gv_blocks_drop(hnsw, node, op->number);
}

static void commit_link(GV_HNSW *hnsw, const GV_Op *op)
{
    uint32_t node = op->words[0];
    GV_List list = gv_hnsw_list(hnsw, node, op->level);
    if (op->level == 0) change_source(hnsw, node, list.links[op->number], op->words[1]);
    list.links[op->number] = op->words[1];
    memcpy(list.survivors, op->bits, gv_bit_words(gv_hnsw_degree_at(hnsw, op->level)) * sizeof(uint32_t));
    if (op->level == 0) gv_blocks_write(hnsw, node, list.links, op->number, 1);
}

static void commit_remove(GV_HNSW *hnsw, uint32_t slot)
{
    GV_List list = gv_hnsw_list(hnsw, slot, 0);
    for (uint32_t i = 0; i < list.capacity && list.links[i] != slot; i++) gv_hnsw_count_source(hnsw, list.links[i], -1);
    uint32_t level = gv_hnsw_level(hnsw, slot);
    gv_bitset_clear(&hnsw->present, slot);
    hnsw->present_count--;
    gv_pivots_remove(hnsw, slot, level);
    uint32_t *up = gv_slab_at(&hnsw->upper_at, slot), at = *up;
    *up = GV_NO_SLOT;
    while (at != GV_NO_SLOT) {
        GV_Upper *record = gv_slab_at(&hnsw->upper, at);
        gv_bitset_clear(&hnsw->upper_used, at);
        hnsw->upper_live--;
        at = record->next;
        memset(record, 0, hnsw->upper.stride);
    }
    gv_bitset_clear(&hnsw->ghosts, slot);
    gv_table_release_slot(hnsw->head.table, slot);
}

/* A slot comes to life. Links left over from an earlier life of it now lead to another row than they were made for. */
static void begin_life(GV_HNSW *hnsw, uint32_t slot)
{
    while (slot >= hnsw->slot_end) *(uint32_t *)gv_slab_at(&hnsw->upper_at, hnsw->slot_end++) = GV_NO_SLOT;
    for (uint64_t id = gv_table_id(hnsw->head.table, slot); hnsw->id_begin <= id && hnsw->id_begin < hnsw->id_end;)
        hnsw->levels_ahead -= gv_hnsw_draw_level(hnsw, hnsw->id_begin++);
}

void gv_patch_carry_out(GV_HNSW *hnsw, const GV_Op *op)
{
    uint32_t slot = op->words[0];
    switch (op->code) {
    case GV_OP_NODE:
        begin_life(hnsw, slot);
        commit_node(hnsw, slot, op->level);
        break;
    case GV_OP_LIST: commit_list(hnsw, op); break;
    case GV_OP_LINK: commit_link(hnsw, op); break;
    case GV_OP_ENTRY:
        hnsw->entry = slot;
        hnsw->entry_level = op->level;
        break;
    case GV_OP_JOIN:
        begin_life(hnsw, slot);
        *(uint32_t *)gv_slab_at(&hnsw->upper_at, slot) = GV_NO_SLOT;
        gv_ring_join(hnsw, slot, op->words[1], op->words[2]);
        break;
    case GV_OP_LEAVE:
        gv_ring_leave(hnsw, slot);
        gv_table_release_slot(hnsw->head.table, slot);
        break;
    case GV_OP_GHOST: gv_bitset_set(&hnsw->ghosts, slot); break;
    case GV_OP_REMOVE: commit_remove(hnsw, slot); break;
    }
}

/* Whatever part of a patch has been carried out, what searches walk is a graph. */
void gv_hnsw_commit(GV_Index *index, const GV_Patch *patch, GV_RwLock *lock)
{
    enum {
        WORDS_AT_ONCE = 8192
    };
    GV_HNSW *hnsw = (GV_HNSW *)index;
    GV_Op op;
    for (size_t at = 0; at < patch->count;) {
        size_t end = at + WORDS_AT_ONCE;
        if (lock) gv_write_lock(lock);
        while (at < end && gv_patch_next(hnsw, patch, &at, &op)) gv_patch_carry_out(hnsw, &op);
        if (lock) gv_write_unlock(lock);
    }
}

/* ---- how long a patch may be ---- */

size_t gv_patch_list_words(size_t degree) { return 2 + degree + gv_bit_words(degree); }

/* Room for an insertion, which writes a list and at most a link for each of its own, and for the repair of about as
 * many lists as the degree is; what a removal finds beyond that it leaves alone. */
size_t gv_patch_layer_words(size_t degree) { return degree * (degree + 8); }

size_t gv_hnsw_patch_words(const GV_HNSW *hnsw)
{
    return 16 + gv_patch_layer_words(hnsw->degree) + GV_LEVEL_MAX * gv_patch_layer_words(hnsw->M);
}
