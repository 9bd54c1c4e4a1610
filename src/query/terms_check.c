/* terms_check.c: the index over metadata beside the table it was made of. */
#include "base/number.h"
#include "query/terms_parts.h"

/* Each pair of a row is in the posting of its value, and a numeric value among the numbers. `*count`: of the pairs. */
static bool row_is_in(GV_Terms *t, uint32_t slot, uint64_t *count)
{
    size_t size, found;
    GV_Pair pair;
    const uint8_t *row = gv_table_metadata(t->table, slot, &size);
    t->turn++;
    for (GV_Pairs pairs = gv_metadata_pairs(row, size); gv_metadata_next(&pairs, &pair);) {
        GV_Column *c = gv_terms_column(t, pair.key, pair.key_size);
        if (!c) return false;
        if (!gv_column_is_first(t, c)) continue;
        uint32_t term = gv_column_find(t, c, pair.value, pair.value_size);
        if (term == GV_NO_TERM || !gv_posting_has(t, c->terms[term].ref, slot)) return false;
        const uint8_t *value = gv_column_value(t, c, term, &found);
        if (!value || found != pair.value_size) return false;
        double number;
        uint64_t key;
        bool numeric = gv_number_parse((const char *)value, found, &number);
        if (numeric != ((c->terms[term].link & GV_NUMERIC_TERM) != 0)) return false;
        if (numeric) {
            GV_Place place = gv_numbers_from(&c->numbers, gv_number_key(number) | term);
            if (!gv_numbers_next(&c->numbers, &place, &key) || key != (gv_number_key(number) | term)) return false;
        }
        ++*count;
    }
    return true;
}

/* The column's own counts agree. `*count`: the rows of its terms. */
static bool column_is_sound(const GV_Terms *t, const GV_Column *c, uint64_t *count)
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
    *count += rows;
    return rows == c->rows && terms == c->term_count && numbers == c->numeric_count;
}

bool gv_terms_check(GV_Terms *t)
{
    uint64_t pairs = 0, rows = 0;
    size_t end = t->indexed.word_count * 64;
    for (size_t slot = gv_bitset_next_set(&t->indexed, 0, end); slot < end;
         slot = gv_bitset_next_set(&t->indexed, slot + 1, end))
        if (slot >= t->table->slot_count || !row_is_in(t, (uint32_t)slot, &pairs)) return false;
    for (uint32_t i = 0; i < t->chain_count; i++)
        for (const GV_Column *c = t->columns[i]; c; c = c->next)
            if (!column_is_sound(t, c, &rows)) return false;
    return pairs == rows;
}
