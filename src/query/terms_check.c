/* terms_check.c: the index over metadata beside the table it was made of. */
#include "base/number.h"
#include "query/terms_parts.h"

/* Is the term among the numbers just where its value is numeric? */
static bool number_is_in(const GV_Column *c, uint32_t term, const GV_Pair *pair)
{
    double number;
    uint64_t key;
    bool numeric = gv_number_read(pair->value, pair->value_size, &number);
    if (numeric != ((c->terms[term].link & GV_NUMERIC_TERM) != 0)) return false;
    if (!numeric) return true;
    GV_Place place = gv_numbers_from(&c->numbers, gv_number_key(number) | term);
    return gv_numbers_next(&c->numbers, &place, &key) && key == (gv_number_key(number) | term);
}

/* Each row that has the key is in the posting of its value. */
static bool rows_are_in(const GV_Terms *t, const GV_Column *c)
{
    uint64_t rows = 0;
    size_t end = c->indexed.word_count * 64;
    for (size_t slot = gv_bitset_next_set(&c->indexed, 0, end); slot < end;
         slot = gv_bitset_next_set(&c->indexed, slot + 1, end)) {
        GV_Pair pair;
        if (slot >= t->table->slot_count || !gv_bitset_get(&t->table->live, slot)) return false;
        if (!gv_terms_pair(t, (uint32_t)slot, c->key, c->key_size, &pair)) continue;
        uint32_t term = gv_column_find(t, c, pair.value, pair.value_size);
        if (term == GV_NO_TERM || !gv_posting_has(t, c->terms[term].ref, (uint32_t)slot)) return false;
        if (!number_is_in(c, term, &pair)) return false;
        rows++;
    }
    return rows == c->rows;
}

/* The column's own counts agree, and its numbers ascend. */
static bool counts_agree(const GV_Terms *t, const GV_Column *c)
{
    uint64_t rows = 0, last = 0, key;
    uint32_t terms = 0, numbers = 0;
    for (uint32_t i = 0; i < c->term_end; i++) {
        if (c->terms[i].ref == GV_FREE_TERM) continue;
        rows += gv_posting_count(t, c->terms[i].ref);
        terms++;
    }
    for (GV_Place place = {0}; gv_numbers_next(&c->numbers, &place, &key); numbers++) {
        if (numbers > 0 && key <= last) return false;
        last = key;
    }
    return rows == c->rows && terms == c->term_count && numbers == c->numeric_count;
}

bool gv_terms_check(GV_Terms *t)
{
    size_t from = 0;
    while (GV_HAS_MAPS && t->stored && !gv_terms_catch_up_declared(t, &from, GV_TERMS_A_STEP)) continue;
    gv_mutex_lock(&t->loading);
    bool sound = !t->stored_lies;
    gv_mutex_unlock(&t->loading);
    gv_read_lock(&t->lock);
    for (uint32_t i = 0; i < t->column_count && sound; i++)
        sound = counts_agree(t, t->columns[i]) && rows_are_in(t, t->columns[i]);
    gv_read_unlock(&t->lock);
    return sound;
}
