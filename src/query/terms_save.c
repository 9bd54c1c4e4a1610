/* terms_save.c: the declared keys and their columns into a file. What is written depends on the rows alone: values are numbered as they
 * appear, slot by slot, wherever the numbers come from. */
#include "query/terms_parts.h"
#include "query/values.h"

/* Rows that could not come into the index, for want of memory or because their values share too many hashes: with the key. */
static GV_Status list_out(const GV_Terms *t, const GV_Column *c, const GV_Key *key, GV_Heap *heap, GV_Value **out,
                          size_t *count, size_t *capacity)
{
    GV_Pair pair;
    size_t rows = 0;
    for (uint32_t slot = gv_terms_next_out(t, c, 0); slot != GV_NO_SLOT; slot = gv_terms_next_out(t, c, slot + 1))
        rows++;
    *count = 0;
    *out = gv_alloc_array(heap, rows, sizeof **out);
    if (!*out) return gv_last_status();
    *capacity = rows;
    for (uint32_t slot = gv_terms_next_out(t, c, 0); slot != GV_NO_SLOT; slot = gv_terms_next_out(t, c, slot + 1)) {
        if (!gv_terms_pair(t, slot, key->bytes, key->size, &pair)) continue;
        (*out)[(*count)++] = (GV_Value){pair.value, pair.value_size, slot};
    }
    gv_values_sort(*out, *count);
    return GV_OK;
}

/* Some number for each row's value, from 1: by terms, then those of no term. `*end`: the greatest. */
static GV_Status number_rows(const GV_Terms *t, const GV_Key *key, GV_Heap *heap, uint32_t *numbers, uint32_t *end)
{
    const GV_Column *c = gv_terms_column(t, key->bytes, key->size);
    GV_Value *out;
    size_t count, capacity = 0;
    *end = c ? c->term_end : 0;
    for (uint32_t i = 0; i < *end; i++)
        if (c->terms[i].ref != GV_FREE_TERM) gv_posting_number(t, c->terms[i].ref, i + 1, numbers);
    if (gv_terms_next_out(t, c, 0) == GV_NO_SLOT) return GV_OK;
    GV_TRY(list_out(t, c, key, heap, &out, &count, &capacity));
    for (size_t i = 0, next; i < count; i = next) {
        uint32_t term = c ? gv_column_find(t, c, out[i].bytes, out[i].size) : GV_NO_TERM;
        uint32_t number = term != GV_NO_TERM ? term + 1 : ++*end;
        for (next = i; next < count && gv_value_compare(&out[i], &out[next]) == 0; next++)
            numbers[out[next].owner] = number;
    }
    gv_release(heap, out, capacity * sizeof *out);
    return GV_OK;
}

static GV_Status renumber(GV_Heap *heap, uint32_t *numbers, size_t slots, uint32_t end)
{
    uint32_t *order = gv_alloc_array(heap, end, sizeof *order), next = 0;
    if (!order) return gv_last_status();
    for (size_t slot = 0; slot < slots; slot++) {
        if (numbers[slot] == 0) continue;
        uint32_t *number = &order[numbers[slot] - 1];
        if (*number == 0) *number = ++next;
        numbers[slot] = *number;
    }
    gv_release(heap, order, end * sizeof *order);
    return GV_OK;
}

static GV_Status put_column(GV_Terms *t, GV_ImageWriter *w, const GV_Key *key)
{
    size_t slots = t->table->slot_count;
    uint32_t end = 0, *numbers = gv_alloc_array(&w->heap, slots, sizeof *numbers);
    if (!numbers) return gv_last_status();
    gv_read_lock(&t->lock);
    GV_Status status = number_rows(t, key, &w->heap, numbers, &end);
    gv_read_unlock(&t->lock);
    if (status == GV_OK) status = renumber(&w->heap, numbers, slots, end);
    if (status == GV_OK) status = gv_image_put(w, numbers, slots * sizeof *numbers);
    gv_release(&w->heap, numbers, slots * sizeof *numbers);
    return status;
}

GV_Status gv_terms_save(GV_Terms *t, GV_ImageWriter *w)
{
    GV_Key key;
    size_t from = 0;
    if (!t->declared) return GV_OK;
    while (!gv_terms_catch_up_declared(t, &from, GV_TERMS_A_STEP)) continue;
    GV_TRY(gv_image_section(w, GV_SECTION_KEYS));
    GV_TRY(gv_image_put(w, t->declared, t->declared_bytes));
    GV_TRY(gv_image_section(w, GV_SECTION_KEY_VALUES));
    for (size_t i = 0; gv_keys_at(t->declared, i, &key); i++) GV_TRY(put_column(t, w, &key));
    return GV_OK;
}
