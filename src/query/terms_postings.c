/* terms_postings.c: the rows of a term: one slot in the term itself, else a sorted array, or a bit a slot where that is less.
 *
 * An array is at most as long as a set of bits would be, so that what a row moves when it goes is bounded. Only an addition
 * changes the form or gives memory back, since that may take memory. */
#include "query/terms_parts.h"
#include <string.h>

enum {
    DENSE_FROM = 32,    /* bits where more than a slot in so many is in */
    SPARSE_BELOW = 64,  /* an array again where fewer than one in so many are */
    DENSE_LEAST = 64,   /* slots */
    FIRST_CAPACITY = 4, /* of an array */
    SPACIOUS_FACTOR = 4 /* an array that could hold so many times its slots is made shorter */
};

static GV_Posting *posting_of(const GV_Terms *t, uint32_t ref)
{
    return gv_slab_at(&t->postings, ref & ~GV_SHARED_TERM);
}

static void release(GV_Terms *t, GV_Posting *p)
{
    if (p->dense) gv_bitset_free(&p->bits, t->heap);
    else gv_release(t->heap, p->slots, p->capacity * sizeof *p->slots);
}

static GV_Status resize(GV_Terms *t, GV_Posting *p, uint32_t capacity)
{
    uint32_t *slots = gv_alloc_array(t->heap, capacity, sizeof *slots);
    if (!slots) return gv_last_status();
    memcpy(slots, p->slots, p->count * sizeof *slots);
    gv_release(t->heap, p->slots, p->capacity * sizeof *slots);
    p->slots = slots;
    p->capacity = capacity;
    return GV_OK;
}

static GV_Status make_dense(GV_Terms *t, GV_Posting *p)
{
    GV_Posting dense = {.count = p->count, .witness = p->slots[0], .dense = true};
    size_t words = ((size_t)t->table->slot_count + 63) / 64;
    dense.bits.words = gv_alloc_array(t->heap, words, sizeof *dense.bits.words);
    if (!dense.bits.words) return gv_last_status();
    dense.bits.word_count = words;
    for (uint32_t i = 0; i < p->count; i++) gv_bitset_set(&dense.bits, p->slots[i]);
    release(t, p);
    *p = dense;
    return GV_OK;
}

static GV_Status make_sparse(GV_Terms *t, GV_Posting *p)
{
    GV_Posting sparse = {.capacity = p->count + p->count / 2 + 1};
    size_t end = p->bits.word_count * 64;
    sparse.slots = gv_alloc_array(t->heap, sparse.capacity, sizeof *sparse.slots);
    if (!sparse.slots) return gv_last_status();
    for (size_t slot = gv_bitset_next_set(&p->bits, 0, end); slot < end && sparse.count < p->count;
         slot = gv_bitset_next_set(&p->bits, slot + 1, end))
        sparse.slots[sparse.count++] = (uint32_t)slot;
    release(t, p);
    *p = sparse;
    return GV_OK;
}

/* In the place of the one row that the term had. Takes `made` over, also when it fails. */
static GV_Status share(GV_Terms *t, uint32_t *ref, GV_Posting made)
{
    uint32_t number = t->free_posting ? t->free_posting - 1 : t->posting_end;
    GV_Status status = GV_OK;
    if (number >= GV_SHARED_TERM - 1) status = gv_fail(GV_ERR_LIMIT, "more than %u values in rows", number);
    if (status == GV_OK) status = gv_slab_reserve(&t->postings, (size_t)number + 1);
    if (status != GV_OK) {
        release(t, &made);
        return status;
    }
    GV_Posting *p = gv_slab_at(&t->postings, number);
    if (t->free_posting) t->free_posting = p->witness;
    else t->posting_end++;
    *p = made;
    *ref = number | GV_SHARED_TERM;
    return GV_OK;
}

GV_Status gv_posting_reserve(GV_Terms *t, uint32_t *ref, uint32_t count)
{
    uint32_t slots = t->table->slot_count;
    GV_Posting p = {.dense = count >= DENSE_LEAST && count > slots / DENSE_FROM, .witness = *ref};
    if (p.dense) {
        GV_TRY(gv_bitset_reserve(&p.bits, t->heap, slots, NULL));
    } else {
        p.capacity = count;
        p.slots = gv_alloc_array(t->heap, count, sizeof *p.slots);
        if (!p.slots) return gv_last_status();
    }
    return share(t, ref, p);
}

void gv_posting_put(const GV_Terms *t, uint32_t ref, uint32_t slot)
{
    GV_Posting *p = posting_of(t, ref);
    if (p->dense) gv_bitset_set(&p->bits, slot);
    else p->slots[p->count] = slot;
    p->count++;
}

/* A posting for the two rows of a term that had one. */
static GV_Status make_shared(GV_Terms *t, uint32_t *ref, uint32_t slot)
{
    uint32_t other = *ref;
    GV_TRY(gv_posting_reserve(t, ref, FIRST_CAPACITY));
    gv_posting_put(t, *ref, other < slot ? other : slot);
    gv_posting_put(t, *ref, other < slot ? slot : other);
    return GV_OK;
}

/* The place of the first slot at or after `slot`. */
static uint32_t place_of(const GV_Posting *p, uint32_t slot)
{
    uint32_t from = 0, to = p->count;
    if (p->slots[to - 1] < slot) return to; /* mostly they come in order */
    while (from < to) {
        uint32_t middle = from + (to - from) / 2;
        if (p->slots[middle] < slot) from = middle + 1;
        else to = middle;
    }
    return from;
}

/* Room for `slot`, in the form that suits it. */
static GV_Status make_room(GV_Terms *t, GV_Posting *p, uint32_t slot)
{
    uint32_t slots = t->table->slot_count;
    if (p->dense && p->count < slots / SPARSE_BELOW && make_sparse(t, p) != GV_OK) return gv_last_status();
    if (!p->dense && p->count >= DENSE_LEAST && p->count > slots / DENSE_FROM) GV_TRY(make_dense(t, p));
    if (p->dense) return gv_bitset_reserve(&p->bits, t->heap, (size_t)slot + 1, NULL);
    if (p->count == p->capacity || p->capacity / SPACIOUS_FACTOR > p->count)
        return resize(t, p, p->count + p->count / 2 + 1);
    return GV_OK;
}

GV_Status gv_posting_add(GV_Terms *t, uint32_t *ref, uint32_t slot)
{
    if (!(*ref & GV_SHARED_TERM)) return *ref != slot ? make_shared(t, ref, slot) : GV_ERR_CORRUPT;
    GV_Posting *p = posting_of(t, *ref);
    GV_TRY(make_room(t, p, slot));
    if (p->dense) {
        if (gv_bitset_get(&p->bits, slot)) return GV_ERR_CORRUPT;
        gv_bitset_set(&p->bits, slot);
    } else {
        uint32_t at = place_of(p, slot);
        if (at < p->count && p->slots[at] == slot) return GV_ERR_CORRUPT;
        memmove(p->slots + at + 1, p->slots + at, (p->count - at) * sizeof *p->slots);
        p->slots[at] = slot;
    }
    p->count++;
    return GV_OK;
}

void gv_posting_free(GV_Terms *t, uint32_t ref)
{
    if (!(ref & GV_SHARED_TERM)) return;
    GV_Posting *p = posting_of(t, ref);
    release(t, p);
    *p = (GV_Posting){.witness = t->free_posting};
    t->free_posting = (ref & ~GV_SHARED_TERM) + 1;
}

static void take_out(GV_Terms *t, GV_Posting *p, uint32_t slot)
{
    p->count--;
    if (!p->dense) {
        uint32_t at = place_of(p, slot);
        memmove(p->slots + at, p->slots + at + 1, (p->count - at) * sizeof *p->slots);
        t->moved_bytes += (p->count - at) * sizeof *p->slots;
        return;
    }
    size_t end = p->bits.word_count * 64;
    gv_bitset_clear(&p->bits, slot);
    if (p->witness != slot) return;
    size_t next = gv_bitset_next_set(&p->bits, slot, end);
    if (next == end) next = gv_bitset_next_set(&p->bits, 0, end);
    t->moved_bytes += (next > slot ? next - slot : end) / 8;
    p->witness = (uint32_t)next;
}

bool gv_posting_remove(GV_Terms *t, uint32_t *ref, uint32_t slot)
{
    if (!(*ref & GV_SHARED_TERM)) return true;
    take_out(t, posting_of(t, *ref), slot);
    if (gv_posting_count(t, *ref) > 1) return false;
    uint32_t last = gv_posting_next(t, *ref, 0);
    gv_posting_free(t, *ref);
    *ref = last;
    return false;
}

bool gv_posting_has(const GV_Terms *t, uint32_t ref, uint32_t slot) { return gv_posting_next(t, ref, slot) == slot; }

uint32_t gv_posting_count(const GV_Terms *t, uint32_t ref)
{
    return ref & GV_SHARED_TERM ? posting_of(t, ref)->count : 1;
}

uint32_t gv_posting_witness(const GV_Terms *t, uint32_t ref)
{
    if (!(ref & GV_SHARED_TERM)) return ref;
    const GV_Posting *p = posting_of(t, ref);
    return p->dense ? p->witness : p->slots[0];
}

uint32_t gv_posting_next(const GV_Terms *t, uint32_t ref, uint32_t from)
{
    if (!(ref & GV_SHARED_TERM)) return ref >= from ? ref : GV_NO_SLOT;
    const GV_Posting *p = posting_of(t, ref);
    if (p->dense) {
        size_t end = p->bits.word_count * 64, slot = gv_bitset_next_set(&p->bits, from, end);
        return slot < end ? (uint32_t)slot : GV_NO_SLOT;
    }
    uint32_t at = place_of(p, from);
    return at < p->count ? p->slots[at] : GV_NO_SLOT;
}

void gv_posting_number(const GV_Terms *t, uint32_t ref, uint32_t number, uint32_t *numbers)
{
    if (!(ref & GV_SHARED_TERM)) {
        numbers[ref] = number;
        return;
    }
    const GV_Posting *p = posting_of(t, ref);
    for (uint32_t i = 0; !p->dense && i < p->count; i++) numbers[p->slots[i]] = number;
    size_t end = p->dense ? p->bits.word_count * 64 : 0;
    for (size_t slot = gv_bitset_next_set(&p->bits, 0, end); slot < end;
         slot = gv_bitset_next_set(&p->bits, slot + 1, end))
        numbers[slot] = number;
}

static void match_slot(const GV_Terms *t, uint32_t slot, GV_Bitset *matches)
{
    if (gv_bitset_get(&t->table->live, slot)) gv_bitset_set(matches, slot);
}

void gv_posting_match(const GV_Terms *t, uint32_t ref, GV_Bitset *matches)
{
    if (!(ref & GV_SHARED_TERM)) {
        match_slot(t, ref, matches);
        return;
    }
    const GV_Posting *p = posting_of(t, ref);
    if (!p->dense) {
        for (uint32_t i = 0; i < p->count; i++) match_slot(t, p->slots[i], matches);
        return;
    }
    const uint64_t *live = t->table->live.words;
    size_t words = ((size_t)t->table->slot_count + 63) / 64;
    if (words > p->bits.word_count) words = p->bits.word_count;
    for (size_t i = 0; i < words; i++) matches->words[i] |= p->bits.words[i] & live[i];
}
