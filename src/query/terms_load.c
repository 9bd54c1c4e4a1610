/* terms_load.c: the columns of declared keys from a file, which has the number of each row's value: postings are made of that, and
 * of all rows with one value only the first is looked at. A file may have been made by anyone: numbers are checked, that what
 * they stand for is there as well. That other rows have the value they are said to have is for gv_terms_check() to see; writes
 * that meet one that has not make the column anew (gv_column_clear()). */
#include "base/checked.h"
#include "query/terms_parts.h"

typedef struct Loading {
    GV_Terms *terms;
    GV_Column *column;       /* seen by nobody yet */
    const uint32_t *numbers; /* [slots of the table] */
    uint32_t slots, values;
    uint32_t *counts; /* [values]: rows */
    uint64_t *keys;   /* [values]: of those that are numeric */
    size_t key_count;
} Loading;

static GV_Status corrupt(uint32_t slot)
{
    return gv_fail(GV_ERR_CORRUPT, "section %d: the number of slot %u cannot be", GV_SECTION_KEY_VALUES, slot);
}

/* Values are numbered as they appear, and rows that are not live have none. */
static GV_Status count_values(Loading *l)
{
    const GV_Bitset *live = &l->terms->table->live;
    uint32_t values = 0;
    for (uint32_t slot = 0; slot < l->slots; slot++) {
        uint32_t number = l->numbers[slot];
        if (number == 0) continue;
        if (number > values + 1 || !gv_bitset_get(live, slot)) return corrupt(slot);
        values += number > values;
    }
    l->values = values;
    return GV_OK;
}

/* How many rows each value has; the first of them stands in its term. */
static void count_rows(Loading *l)
{
    for (uint32_t slot = 0, first = 0; slot < l->slots; slot++) {
        uint32_t number = l->numbers[slot];
        if (number == 0) continue;
        if (number > first) l->column->terms[first++].ref = slot;
        l->counts[number - 1]++;
    }
}

static GV_Status read_values(Loading *l)
{
    bool numeric;
    for (uint32_t term = 0; term < l->values; term++) {
        uint32_t slot = l->column->terms[term].ref;
        if (!gv_column_read(l->terms, l->column, term, &l->keys[l->key_count], &numeric)) return corrupt(slot);
        l->key_count += numeric;
    }
    return GV_OK;
}

static GV_Status link_values(Loading *l)
{
    GV_Column *c = l->column;
    for (uint32_t term = 0; term < l->values; term++) {
        uint32_t slot = c->terms[term].ref;
        GV_Status status = gv_column_link(l->terms, c, term);
        if (status == GV_ERR_CORRUPT) return corrupt(slot);
        if (status == GV_ERR_UNSUPPORTED) c->left_out = true;
        else c->rows += l->counts[term];
    }
    return GV_OK;
}

static GV_Status fill_numbers(Loading *l)
{
    GV_Column *c = l->column;
    size_t kept = 0;
    for (size_t i = 0; i < l->key_count; i++)
        if (c->terms[(uint32_t)l->keys[i]].ref != GV_FREE_TERM) l->keys[kept++] = l->keys[i];
    c->numeric_count = (uint32_t)kept;
    return gv_numbers_fill(&c->numbers, l->terms->heap, l->keys, kept);
}

/* All that takes long, in no lock of the index. */
static GV_Status make_terms(Loading *l)
{
    GV_Column *c = l->column;
    GV_Heap *heap = l->terms->heap;
    GV_TRY(count_values(l));
    GV_TRY(gv_column_reserve(l->terms, c, l->values));
    l->counts = gv_alloc_array(heap, l->values, sizeof *l->counts);
    l->keys = gv_alloc_array(heap, l->values, sizeof *l->keys);
    if (!l->counts || !l->keys) return gv_last_status();
    count_rows(l);
    GV_TRY(read_values(l));
    GV_TRY(link_values(l));
    GV_TRY(fill_numbers(l));
    return gv_bitset_reserve(&c->indexed, heap, l->slots, NULL);
}

/* The rows of each value: under the lock, since columns share the room for postings. */
static GV_Status make_postings(Loading *l)
{
    GV_Terms *t = l->terms;
    GV_Column *c = l->column;
    for (uint32_t term = 0; term < l->values; term++)
        if (l->counts[term] > 1 && c->terms[term].ref != GV_FREE_TERM)
            GV_TRY(gv_posting_reserve(t, &c->terms[term].ref, l->counts[term]));
    for (size_t i = 0; i < ((size_t)l->slots + 63) / 64; i++) c->indexed.words[i] = t->table->live.words[i];
    for (uint32_t slot = 0; slot < l->slots; slot++) {
        if (l->numbers[slot] == 0) continue;
        uint32_t ref = c->terms[l->numbers[slot] - 1].ref;
        if (ref == GV_FREE_TERM) gv_bitset_clear(&c->indexed, slot);
        else if (ref & GV_SHARED_TERM) gv_posting_put(t, ref, slot);
    }
    c->version = t->table->version;
    return GV_OK;
}

static GV_Status attach(Loading *l)
{
    GV_Terms *t = l->terms;
    gv_write_lock(&t->lock);
    GV_Status status = make_postings(l);
    GV_Column **place = status == GV_OK ? gv_terms_place(t, true) : NULL;
    if (place) *place = l->column;
    else gv_column_free(t, l->column);
    gv_write_unlock(&t->lock);
    return status;
}

static GV_Status load_column(GV_Terms *t, const GV_Key *key, const uint32_t *numbers)
{
    Loading l = {.terms = t, .numbers = numbers, .slots = t->table->slot_count};
    l.column = gv_column_new(t, key->bytes, key->size);
    if (!l.column) return gv_last_status();
    GV_Status status = make_terms(&l);
    if (status == GV_OK) status = attach(&l);
    else gv_column_free(t, l.column); /* it has no postings yet */
    gv_release(t->heap, l.counts, l.values * sizeof *l.counts);
    gv_release(t->heap, l.keys, l.values * sizeof *l.keys);
    return status;
}

/* ---- the mapped image ---- */

/* By who has `loading`, or is alone. */
static GV_Status load_stored(GV_Terms *t, size_t number)
{
    GV_Key key;
    size_t slots = t->table->slot_count, first = number * slots;
    t->stored_left &= ~((uint64_t)1 << number);
    if (!gv_keys_at(t->declared, number, &key)) return GV_OK;
    if (slots > 0) GV_TRY(gv_lazy_verify(t->stored, first, first + slots - 1));
    const void *numbers = t->stored->bytes + first * sizeof(uint32_t);
    return load_column(t, &key, numbers);
}

void gv_terms_load_stored(GV_Terms *t, const void *key, size_t size)
{
    size_t number = gv_keys_find(t->declared, key, size);
    if (number == SIZE_MAX) return;
    gv_mutex_lock(&t->loading);
    if (t->stored_left >> number & 1 && load_stored(t, number) == GV_ERR_CORRUPT) t->stored_lies = true;
    gv_mutex_unlock(&t->loading);
}

/* What there is no memory for is looked at, as what was never indexed. */
static GV_Status unless_no_memory(GV_Status status)
{
    return status == GV_ERR_NO_MEMORY || status == GV_ERR_LIMIT ? GV_OK : status;
}

GV_Status gv_terms_load(GV_Terms *t)
{
    for (size_t number = 0; GV_HAS_MAPS && t->stored_left; number++)
        if (t->stored_left >> number & 1) GV_TRY(unless_no_memory(load_stored(t, number)));
    return GV_OK;
}

/* ---- the image ---- */

static GV_Status misfit(void)
{
    return gv_fail(GV_ERR_CORRUPT, "sections %d and %d are not a list of keys and their columns", GV_SECTION_KEYS,
                   GV_SECTION_KEY_VALUES);
}

static GV_Status load_list(GV_Terms *t, GV_Image *image, const GV_Section *section)
{
    size_t size = (size_t)section->size, found = 0;
    if (section->size > GV_METADATA_ROW_MAX) return misfit();
    uint8_t *list = gv_alloc(t->heap, size);
    if (!list) return gv_last_status();
    gv_terms_declare(t, list, size);
    GV_TRY(gv_image_read(image, section, 0, list, size));
    return gv_keys_check(list, size, &found) == GV_OK && found == size ? GV_OK : misfit();
}

static GV_Status read_columns(GV_Terms *t, GV_Image *image, const GV_Section *section)
{
    GV_Key key;
    size_t slots = t->table->slot_count;
    uint32_t *numbers = gv_alloc_array(t->heap, slots, sizeof *numbers);
    GV_Status status = numbers ? GV_OK : unless_no_memory(gv_last_status());
    for (size_t i = 0; numbers && status == GV_OK && gv_keys_at(t->declared, i, &key); i++) {
        status = gv_image_read(image, section, i * (uint64_t)slots * sizeof *numbers, numbers, slots * sizeof *numbers);
        if (status == GV_OK) status = unless_no_memory(load_column(t, &key, numbers));
    }
    gv_release(t->heap, numbers, slots * sizeof *numbers);
    return status;
}

GV_Status gv_terms_open(GV_Terms *t, GV_Image *image)
{
    const GV_Section *keys = gv_image_find(image, GV_SECTION_KEYS);
    const GV_Section *values = gv_image_find(image, GV_SECTION_KEY_VALUES);
    if (!keys && !values) return GV_OK;
    if (!keys || !values) return misfit();
    GV_TRY(load_list(t, image, keys));
    size_t count = gv_keys_count(t->declared);
    if (count == 0 || values->size != (uint64_t)t->table->slot_count * count * sizeof(uint32_t)) return misfit();
    if (!GV_HAS_MAPS || !image->map) return read_columns(t, image, values);
    GV_TRY(gv_lazy_watch(image, values, sizeof(uint32_t), &t->stored));
    t->stored_left = UINT64_MAX >> (GV_KEYS_MOST - count);
    return GV_OK;
}
