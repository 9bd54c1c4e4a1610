/* terms.c: the life of the index over metadata: rows come in, rows go. */
#include "query/terms_parts.h"
#include <string.h>

enum {
    POSTING_CHUNK_BYTES = 1 << 12,
    EMPTY_COLUMNS_MOST = 64 /* more, and more than the others: all is made anew without them */
};

int gv_terms_init(GV_Terms *t, GV_Heap *heap, const GV_Table *table)
{
    memset(t, 0, sizeof *t);
    t->heap = heap;
    t->table = table;
    t->version = UINT64_MAX;
    gv_slab_init(&t->postings, heap, sizeof(GV_Posting), POSTING_CHUNK_BYTES);
    return gv_rwlock_init(&t->lock);
}

static void clear(GV_Terms *t)
{
    for (uint32_t i = 0; i < t->chain_count; i++) {
        for (GV_Column *c = t->columns[i], *next; c; c = next) {
            next = c->next;
            gv_column_free(t, c);
        }
    }
    gv_release(t->heap, (void *)t->columns, t->chain_count * sizeof *t->columns);
    gv_slab_free(&t->postings);
    gv_bitset_free(&t->indexed, t->heap);
    t->columns = NULL;
    t->chain_count = t->column_count = t->empty_columns = 0;
    t->posting_end = t->free_posting = 0;
}

void gv_terms_free(GV_Terms *t)
{
    clear(t);
    gv_rwlock_destroy(&t->lock);
}

/* ---- rows ---- */

static GV_Pairs pairs_of(const GV_Terms *t, uint32_t slot)
{
    size_t size;
    const uint8_t *row = gv_table_metadata(t->table, slot, &size);
    return gv_metadata_pairs(row, size);
}

static void remove_row(GV_Terms *t, uint32_t slot)
{
    GV_Pair pair;
    t->turn++;
    for (GV_Pairs pairs = pairs_of(t, slot); gv_metadata_next(&pairs, &pair);) gv_terms_remove_pair(t, &pair, slot);
}

static GV_Status add_row(GV_Terms *t, uint32_t slot)
{
    GV_Status status = GV_OK;
    GV_Pair pair;
    t->turn++;
    for (GV_Pairs pairs = pairs_of(t, slot); status == GV_OK && gv_metadata_next(&pairs, &pair);)
        status = gv_terms_add_pair(t, &pair, slot);
    if (status != GV_OK) remove_row(t, slot);
    return status;
}

void gv_terms_forget(GV_Terms *t, uint32_t slot)
{
    if (slot >= t->indexed.word_count * 64 || !gv_bitset_get(&t->indexed, slot)) return;
    remove_row(t, slot);
    gv_bitset_clear(&t->indexed, slot);
}

/* ---- catching up ---- */

static bool is_current(const GV_Terms *t) { return t->version == t->table->version; }

uint32_t gv_terms_next_out(const GV_Terms *t, uint32_t from)
{
    const GV_Bitset *live = &t->table->live, *in = &t->indexed;
    size_t end = t->table->slot_count;
    for (size_t slot = from; slot < end; slot = (slot | 63) + 1) {
        size_t word = slot >> 6;
        uint64_t out = live->words[word] & ~(word < in->word_count ? in->words[word] : 0);
        out = out >> (slot & 63) << (slot & 63);
        if (out) return (uint32_t)(word * 64 + (size_t)__builtin_ctzll(out));
    }
    return GV_NO_SLOT;
}

/* Returns whether no row is left that could come in. */
static bool take_rows(GV_Terms *t, size_t most)
{
    t->left_out = false;
    if (t->empty_columns > EMPTY_COLUMNS_MOST && t->empty_columns > t->column_count / 2) clear(t);
    GV_Status status = gv_bitset_reserve(&t->indexed, t->heap, t->table->slot_count, NULL);
    for (uint32_t slot = gv_terms_next_out(t, 0); slot != GV_NO_SLOT; slot = gv_terms_next_out(t, slot + 1)) {
        if (status == GV_OK && most == 0) return false;
        if (status == GV_OK) status = add_row(t, slot);
        if (status == GV_OK) {
            gv_bitset_set(&t->indexed, slot);
            most--;
            continue;
        }
        t->left_out = true;
        if (status != GV_ERR_UNSUPPORTED) break; /* no memory: the others would not fare better */
        status = GV_OK;
    }
    t->version = t->table->version;
    return true;
}

bool gv_terms_catch_up(GV_Terms *t, size_t most)
{
    gv_read_lock(&t->lock);
    bool done = is_current(t);
    gv_read_unlock(&t->lock);
    if (done) return true;
    GV_Failure failure; /* what fails in here is no call's failure */
    gv_failure_save(&failure);
    gv_write_lock(&t->lock);
    atomic_store_explicit(&t->in_use, true, memory_order_relaxed);
    done = is_current(t) || take_rows(t, most);
    gv_write_unlock(&t->lock);
    (void)gv_failure_restore(&failure);
    return done;
}

void gv_terms_enter(GV_Terms *t)
{
    gv_read_lock(&t->lock);
    if (is_current(t)) return;
    gv_read_unlock(&t->lock);
    (void)gv_terms_catch_up(t, SIZE_MAX);
    gv_read_lock(&t->lock);
}

void gv_terms_leave(GV_Terms *t) { gv_read_unlock(&t->lock); }
