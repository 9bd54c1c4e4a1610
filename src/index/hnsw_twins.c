/* hnsw_twins.c: rows that are, bit for bit, a row of the graph already.
 *
 * Linked, they would be each other's nearest neighbours and nobody else's, and a few dozen would cut themselves off.
 * So only the first, the head, is a node. The others, its followers, form a ring in order of ids, through places that
 * the link lists have to spare: the head's last link is the ring's first member, and a follower, which needs no
 * links, keeps its head, the next and the previous member. No ring costs memory, and joining or leaving touches at
 * most four rows. What follows trusts these places: load() checks them, or who touches them first (hnsw_lazy.c), and no patch may write them otherwise. */
#include "index/hnsw.h"

enum {
    TO_HEAD = 0,
    TO_NEXT = 1,
    TO_PREVIOUS = 2
};

static uint32_t *places(const GV_HNSW *hnsw, uint32_t slot) { return gv_slab_at(&hnsw->links, slot); }

static uint32_t *first_place(const GV_HNSW *hnsw, uint32_t head) { return places(hnsw, head) + hnsw->degree - 1; }

uint32_t gv_ring_first(const GV_HNSW *hnsw, uint32_t head) { return *first_place(hnsw, head); }

uint32_t gv_ring_next(const GV_HNSW *hnsw, uint32_t follower) { return places(hnsw, follower)[TO_NEXT]; }

uint32_t gv_ring_previous(const GV_HNSW *hnsw, uint32_t follower) { return places(hnsw, follower)[TO_PREVIOUS]; }

uint32_t gv_ring_head(const GV_HNSW *hnsw, uint32_t follower) { return places(hnsw, follower)[TO_HEAD]; }

uint32_t gv_hnsw_find_twin(const GV_HNSW *hnsw, const GV_Scratch *scratch, uint32_t slot, float same)
{
    const GV_Table *table = hnsw->head.table;
    for (size_t i = 0; i < scratch->count; i++) {
        uint32_t node = gv_key_slot(scratch->pool[i]);
        float rank = gv_key_rank(scratch->pool[i]);
        if (rank > same) break;
        if (rank < same || !gv_bitset_get(&hnsw->present, node)) continue;
        if (gv_table_same_rows(table, node, slot)) return node;
    }
    return GV_NO_SLOT;
}

/* A follower that leaves has no id any more, for recovery plans when it has lost it. */
static uint64_t id_in_ring(const GV_Table *table, uint32_t slot)
{
    return gv_hnsw_bit(&table->leaving, slot) ? GV_NO_ID : gv_table_id(table, slot);
}

uint32_t gv_ring_place(const GV_HNSW *hnsw, uint32_t head, uint32_t slot)
{
    const GV_Table *table = hnsw->head.table;
    if (!gv_bitset_get(&hnsw->heads, head)) return head;
    uint32_t first = gv_ring_first(hnsw, head), after = places(hnsw, first)[TO_PREVIOUS];
    while (id_in_ring(table, after) > gv_table_id(table, slot)) {
        if (after == first) return head;
        after = places(hnsw, after)[TO_PREVIOUS];
    }
    return after;
}

void gv_ring_join(GV_HNSW *hnsw, uint32_t slot, uint32_t head, uint32_t after)
{
    uint32_t *mine = places(hnsw, slot), *first = first_place(hnsw, head);
    for (uint32_t i = 0; i < hnsw->degree; i++) mine[i] = slot;
    memset(gv_slab_at(&hnsw->survivors, slot), 0, hnsw->survivors.stride);
    mine[TO_HEAD] = head;
    if (!gv_bitset_get(&hnsw->heads, head)) {
        gv_bitset_set(&hnsw->heads, head);
        hnsw->head_count++;
        gv_bit_clear(gv_slab_at(&hnsw->survivors, head), hnsw->degree - 1);
        if (*first != head) gv_hnsw_count_source(hnsw, *first, -1); /* the link that stood there */
        *first = slot;
        gv_blocks_drop(hnsw, head, hnsw->degree - 1);
    } else {
        uint32_t next = after == head ? *first : gv_ring_next(hnsw, after);
        uint32_t previous = places(hnsw, next)[TO_PREVIOUS];
        mine[TO_NEXT] = next;
        mine[TO_PREVIOUS] = previous;
        places(hnsw, previous)[TO_NEXT] = slot;
        places(hnsw, next)[TO_PREVIOUS] = slot;
        if (after == head) *first = slot;
    }
    gv_bitset_set(&hnsw->followers, slot);
}

void gv_ring_leave(GV_HNSW *hnsw, uint32_t slot)
{
    uint32_t *mine = places(hnsw, slot), head = mine[TO_HEAD], next = mine[TO_NEXT], previous = mine[TO_PREVIOUS];
    uint32_t *first = first_place(hnsw, head);
    if (next == slot) {
        gv_bitset_clear(&hnsw->heads, head);
        hnsw->head_count--;
        *first = head;
    } else {
        places(hnsw, previous)[TO_NEXT] = next;
        places(hnsw, next)[TO_PREVIOUS] = previous;
        if (*first == slot) *first = next;
    }
    for (uint32_t i = TO_HEAD; i <= TO_PREVIOUS; i++) mine[i] = slot;
    gv_bitset_clear(&hnsw->followers, slot);
}
