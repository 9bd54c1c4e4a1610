/* terms.c: the life of the index over metadata: keys, and rows that come and go. */
#include "query/terms_parts.h"
#include <string.h>

enum {
    POSTING_CHUNK_BYTES = 1 << 12,
    MANY_ROWS = 1 << 15,
    ASKED_LEAST = 15 /* calls that many rows are worth; a search makes two, the first of which goes in steps */
};

int gv_terms_init(GV_Terms *t, GV_Heap *heap, const GV_Table *table)
{
    memset(t, 0, sizeof *t);
    t->heap = heap;
    t->table = table;
    gv_slab_init(&t->postings, heap, sizeof(GV_Posting), POSTING_CHUNK_BYTES);
    int error = gv_rwlock_init(&t->lock);
    if (error) return error;
    error = gv_mutex_init(&t->loading);
    if (error) gv_rwlock_destroy(&t->lock);
    return error;
}

void gv_terms_free(GV_Terms *t)
{
    for (uint32_t i = 0; i < t->column_count; i++) gv_column_free(t, t->columns[i]);
    gv_slab_free(&t->postings);
    gv_lazy_free(t->stored);
    gv_release(t->heap, t->declared, t->declared_bytes);
    gv_mutex_destroy(&t->loading);
    gv_rwlock_destroy(&t->lock);
}

/* ---- keys ---- */

GV_Column *gv_terms_column(const GV_Terms *t, const void *key, size_t size)
{
    for (uint32_t i = 0; i < t->column_count; i++)
        if (t->columns[i]->key_size == size && memcmp(t->columns[i]->key, key, size) == 0) return t->columns[i];
    return NULL;
}

static bool is_declared(const GV_Terms *t, const void *key, size_t size)
{
    return gv_keys_find(t->declared, key, size) != SIZE_MAX;
}

/* A key that no row has gives way to another; to one that is declared any does that is not. */
GV_Column **gv_terms_place(GV_Terms *t, bool declared)
{
    GV_Column **place = NULL;
    if (t->column_count < GV_COLUMNS_MOST) return &t->columns[t->column_count++];
    for (uint32_t i = 0; i < GV_COLUMNS_MOST; i++) {
        const GV_Column *c = t->columns[i];
        if (is_declared(t, c->key, c->key_size)) continue;
        if (c->rows == 0 || (declared && !place)) place = &t->columns[i];
        if (c->rows == 0) break;
    }
    if (place) gv_column_free(t, *place);
    return place;
}

GV_Column *gv_column_new(GV_Terms *t, const void *key, size_t size)
{
    GV_Column *c = gv_alloc(t->heap, sizeof *c + size);
    if (!c) return NULL;
    c->version = GV_NOT_INDEXED;
    c->key_size = (uint32_t)size;
    memcpy(c->key, key, size);
    return c;
}

/* The column of a key, made if there is none; NULL if it cannot be. */
static GV_Column *column_of(GV_Terms *t, const void *key, size_t size)
{
    GV_Column *c = gv_terms_column(t, key, size), **place;
    if (c || size > GV_METADATA_ROW_MAX) return c;
    c = gv_column_new(t, key, size);
    if (!c) return NULL;
    place = gv_terms_place(t, is_declared(t, key, size));
    if (place) return *place = c;
    gv_column_free(t, c);
    return NULL;
}

void gv_terms_declare(GV_Terms *t, uint8_t *list, size_t bytes)
{
    gv_lazy_free(t->stored); /* which goes by the numbers of the keys */
    t->stored = NULL;
    gv_release(t->heap, t->declared, t->declared_bytes);
    t->declared = list;
    t->declared_bytes = bytes;
}

/* ---- rows ---- */

static GV_Status take_row(GV_Terms *t, GV_Column *c, uint32_t slot)
{
    GV_Pair pair;
    GV_TRY(gv_bitset_reserve(&c->indexed, t->heap, t->table->slot_count, NULL));
    GV_Status status = GV_OK;
    if (gv_terms_pair(t, slot, c->key, c->key_size, &pair)) status = gv_column_add(t, c, &pair, slot);
    if (status == GV_OK) gv_bitset_set(&c->indexed, slot);
    if (status == GV_ERR_CORRUPT) gv_column_clear(t, c); /* it is made anew of the rows */
    return status;
}

static bool is_in(const GV_Column *c, uint32_t slot)
{
    return slot < c->indexed.word_count * 64 && gv_bitset_get(&c->indexed, slot);
}

void gv_terms_forget(GV_Terms *t, uint32_t slot)
{
    size_t size;
    GV_Pair pair;
    const uint8_t *row = gv_table_metadata(t->table, slot, &size);
    for (uint32_t i = 0; i < t->column_count; i++) {
        GV_Column *c = t->columns[i];
        if (!is_in(c, slot)) continue;
        bool sound = !gv_metadata_find(row, size, c->key, c->key_size, &pair) || gv_column_remove(t, c, &pair, slot);
        if (sound) gv_bitset_clear(&c->indexed, slot);
        else gv_column_clear(t, c);
    }
}

uint32_t gv_terms_next_out(const GV_Terms *t, const GV_Column *c, uint32_t from)
{
    if (c && c->version == t->table->version && !c->left_out) return GV_NO_SLOT;
    size_t in_words = c ? c->indexed.word_count : 0, end = t->table->slot_count;
    for (size_t slot = from; slot < end; slot = (slot | 63) + 1) {
        size_t word = slot >> 6;
        uint64_t out = t->table->live.words[word] & ~(word < in_words ? c->indexed.words[word] : 0);
        out = out >> (slot & 63) << (slot & 63);
        if (out) return (uint32_t)(word * 64 + (size_t)__builtin_ctzll(out));
    }
    return GV_NO_SLOT;
}

/* Returns whether no row is left that could come in. */
static bool take_rows(GV_Terms *t, GV_Column *c, size_t most)
{
    bool left_out = false;
    for (uint32_t slot = gv_terms_next_out(t, c, 0); slot != GV_NO_SLOT; slot = gv_terms_next_out(t, c, slot + 1)) {
        if (most == 0) return false;
        GV_Status status = take_row(t, c, slot);
        if (status == GV_ERR_CORRUPT) return false;
        if (status == GV_OK) most--;
        else left_out = true;
        if (status != GV_OK && status != GV_ERR_UNSUPPORTED) break; /* no memory: the others would not fare better */
    }
    c->left_out = left_out;
    c->version = t->table->version;
    return true;
}

/* To look at many rows some times costs less than to index them, unless it was asked for; and who does not go in steps had better
 * leave it to those who do. */
static bool is_worth_it(const GV_Terms *t, GV_Column *c, bool in_steps)
{
    if (c->version != GV_NOT_INDEXED || t->table->live_count < MANY_ROWS) return true;
    if (is_declared(t, c->key, c->key_size)) return in_steps;
    return ++c->asked >= (in_steps ? ASKED_LEAST : 2 * ASKED_LEAST);
}

bool gv_terms_catch_up(GV_Terms *t, const void *key, size_t size, size_t most)
{
    gv_read_lock(&t->lock);
    GV_Column *c = gv_terms_column(t, key, size);
    bool done = c && c->version == t->table->version;
    gv_read_unlock(&t->lock);
    if (done) return true;
    GV_Failure failure; /* what fails in here is no call's failure */
    gv_failure_save(&failure);
    if (GV_HAS_MAPS && !c && t->stored) gv_terms_load_stored(t, key, size);
    gv_write_lock(&t->lock);
    c = column_of(t, key, size);
    done = !c || !is_worth_it(t, c, most < SIZE_MAX) || take_rows(t, c, most);
    gv_write_unlock(&t->lock);
    (void)gv_failure_restore(&failure);
    return done;
}

bool gv_terms_catch_up_declared(GV_Terms *t, size_t *from, size_t most)
{
    GV_Key key;
    if (!gv_keys_at(t->declared, *from, &key)) return true;
    *from += gv_terms_catch_up(t, key.bytes, key.size, most);
    return false;
}

static void take_slots(GV_Terms *t, GV_Column *c, const uint32_t *slots, size_t count)
{
    if (c->version == GV_NOT_INDEXED) return;
    for (size_t i = 0; i < count; i++)
        if (!is_in(c, slots[i]) && take_row(t, c, slots[i]) != GV_OK) c->left_out = true;
}

void gv_terms_keep_up(GV_Terms *t, uint64_t before, const uint32_t *slots, size_t count)
{
    GV_Failure failure;
    if (t->column_count == 0) return;
    gv_failure_save(&failure);
    for (size_t i = 0, end; i < count; i = end) {
        end = count - i < GV_TERMS_A_STEP ? count : i + GV_TERMS_A_STEP;
        gv_write_lock(&t->lock);
        for (uint32_t j = 0; j < t->column_count; j++) take_slots(t, t->columns[j], slots + i, end - i);
        gv_write_unlock(&t->lock);
    }
    gv_write_lock(&t->lock);
    for (uint32_t j = 0; j < t->column_count; j++)
        if (t->columns[j]->version == before) t->columns[j]->version = t->table->version;
    gv_write_unlock(&t->lock);
    (void)gv_failure_restore(&failure);
}
