/* terms_scan.c: for the small WebAssembly module, the index over metadata that has no row in it: all are looked at, one by one. The
 * answers are those of terms.c and its parts, which the module that pages load has no room for. */
#include "query/terms.h"
#include <string.h>

int gv_terms_init(GV_Terms *t, GV_Heap *heap, const GV_Table *table)
{
    memset(t, 0, sizeof *t);
    t->heap = heap;
    t->table = table;
    return 0;
}

void gv_terms_free(GV_Terms *t) { (void)t; }

void gv_terms_forget(GV_Terms *t, uint32_t slot)
{
    (void)t;
    (void)slot;
}

void gv_terms_keep_up(GV_Terms *t, uint64_t before, const uint32_t *slots, size_t count)
{
    (void)t;
    (void)before;
    (void)slots;
    (void)count;
}

bool gv_terms_catch_up(GV_Terms *t, const void *key, size_t key_size, size_t most)
{
    (void)t;
    (void)key;
    (void)key_size;
    (void)most;
    return true;
}

static uint32_t next_that_meets(const GV_Terms *t, const GV_Lookup *c, size_t from)
{
    size_t end = t->table->slot_count, slot = gv_bitset_next_set(&t->table->live, from, end);
    while (slot < end && !gv_lookup_meets(c, t->table, (uint32_t)slot))
        slot = gv_bitset_next_set(&t->table->live, slot + 1, end);
    return slot < end ? (uint32_t)slot : GV_NO_SLOT;
}

void gv_terms_match(GV_Terms *t, const GV_Lookup *c, GV_Bitset *matches)
{
    for (uint32_t slot = next_that_meets(t, c, 0); slot != GV_NO_SLOT; slot = next_that_meets(t, c, slot + 1))
        gv_bitset_set(matches, slot);
}

bool gv_terms_is_whole(GV_Terms *t, const void *key, size_t key_size)
{
    (void)t;
    (void)key;
    (void)key_size;
    return false;
}

uint64_t gv_terms_count(GV_Terms *t, const GV_Lookup *c)
{
    (void)c;
    return t->table->live_count;
}

uint32_t gv_terms_find_one(GV_Terms *t, const GV_Lookup *c, bool *more)
{
    uint32_t slot = next_that_meets(t, c, 0);
    *more = slot != GV_NO_SLOT && next_that_meets(t, c, slot + 1) != GV_NO_SLOT;
    return slot;
}

bool gv_terms_check(GV_Terms *t)
{
    (void)t;
    return true;
}
