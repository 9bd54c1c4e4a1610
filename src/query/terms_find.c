/* terms_find.c: which rows meet a condition on the value of a key. */
#include "query/terms_parts.h"

static bool term_meets(const GV_Terms *t, const GV_Lookup *c, const GV_Column *column, uint32_t term)
{
    size_t size;
    const uint8_t *value = gv_column_value(t, column, term, &size);
    return value && gv_lookup_holds(c, value, size);
}

static void match_range(const GV_Terms *t, const GV_Lookup *c, const GV_Column *column, GV_Bitset *matches)
{
    uint64_t first = gv_number_key(c->low) >> 32, last = gv_number_key(c->high) >> 32, key;
    GV_Place place = gv_numbers_from(&column->numbers, first << 32);
    while (gv_numbers_next(&column->numbers, &place, &key) && key >> 32 <= last) {
        uint32_t term = (uint32_t)key;
        bool edge = key >> 32 == first || key >> 32 == last;
        if (!edge || term_meets(t, c, column, term)) gv_posting_match(t, column->terms[term].ref, matches);
    }
}

/* Of all terms, or of those that are not numeric. */
static void match_values(const GV_Terms *t, const GV_Lookup *c, const GV_Column *column, bool numeric,
                         GV_Bitset *matches)
{
    for (uint32_t i = 0; i < column->term_end; i++) {
        const GV_Term *term = &column->terms[i];
        if (term->ref == GV_FREE_TERM || (!numeric && term->link & GV_NUMERIC_TERM)) continue;
        if (c->kind == GV_LOOKUP_EXISTS || term_meets(t, c, column, i)) gv_posting_match(t, term->ref, matches);
    }
}

static void match_column(const GV_Terms *t, const GV_Lookup *c, const GV_Column *column, GV_Bitset *matches)
{
    uint32_t term;
    switch (c->kind) {
    case GV_LOOKUP_EQUALS:
        term = gv_column_find(t, column, c->value, c->value_size);
        if (term != GV_NO_TERM) gv_posting_match(t, column->terms[term].ref, matches);
        break;
    case GV_LOOKUP_NUMBERS:
        match_range(t, c, column, matches);
        if (c->holds && column->term_count > column->numeric_count) match_values(t, c, column, false, matches);
        break;
    case GV_LOOKUP_EXISTS:
    case GV_LOOKUP_HOLDS: match_values(t, c, column, true, matches); break;
    }
}

/* The next row that is not in and meets the condition. */
static uint32_t next_out(const GV_Terms *t, const GV_Lookup *c, const GV_Column *column, uint32_t from)
{
    uint32_t slot = gv_terms_next_out(t, column, from);
    while (slot != GV_NO_SLOT && !gv_lookup_meets(c, t->table, slot)) slot = gv_terms_next_out(t, column, slot + 1);
    return slot;
}

/* The column, with all rows in it if there is memory, and the lock. NULL: look at the rows. */
static const GV_Column *enter(GV_Terms *t, const GV_Lookup *c)
{
    (void)gv_terms_catch_up(t, c->key, c->key_size, SIZE_MAX);
    gv_read_lock(&t->lock);
    return gv_terms_column(t, c->key, c->key_size);
}

void gv_terms_match(GV_Terms *t, const GV_Lookup *c, GV_Bitset *matches)
{
    const GV_Column *column = enter(t, c);
    if (column) match_column(t, c, column, matches);
    for (uint32_t slot = next_out(t, c, column, 0); slot != GV_NO_SLOT; slot = next_out(t, c, column, slot + 1))
        gv_bitset_set(matches, slot);
    gv_read_unlock(&t->lock);
}

bool gv_terms_is_whole(GV_Terms *t, const void *key, size_t key_size)
{
    gv_read_lock(&t->lock);
    const GV_Column *column = gv_terms_column(t, key, key_size);
    bool whole = column && gv_terms_next_out(t, column, 0) == GV_NO_SLOT;
    gv_read_unlock(&t->lock);
    return whole;
}

uint64_t gv_terms_count(GV_Terms *t, const GV_Lookup *c)
{
    const GV_Column *column = enter(t, c);
    uint64_t count = t->table->live_count;
    if (column && gv_terms_next_out(t, column, 0) == GV_NO_SLOT) {
        uint32_t term = c->kind == GV_LOOKUP_EQUALS ? gv_column_find(t, column, c->value, c->value_size) : GV_NO_TERM;
        count = c->kind == GV_LOOKUP_EXISTS ? column->rows : 0;
        if (term != GV_NO_TERM) count = gv_posting_count(t, column->terms[term].ref);
    }
    gv_read_unlock(&t->lock);
    return count;
}

/* The next live row of a term. */
static uint32_t next_live(const GV_Terms *t, uint32_t ref, uint32_t from)
{
    uint32_t slot = gv_posting_next(t, ref, from);
    while (slot != GV_NO_SLOT && !gv_bitset_get(&t->table->live, slot)) slot = gv_posting_next(t, ref, slot + 1);
    return slot;
}

uint32_t gv_terms_find_one(GV_Terms *t, const GV_Lookup *c, bool *more)
{
    const GV_Column *column = enter(t, c);
    uint32_t term = column ? gv_column_find(t, column, c->value, c->value_size) : GV_NO_TERM;
    uint32_t in = GV_NO_SLOT, second = GV_NO_SLOT, out = next_out(t, c, column, 0);
    if (term != GV_NO_TERM) in = next_live(t, column->terms[term].ref, 0);
    if (in != GV_NO_SLOT) second = next_live(t, column->terms[term].ref, in + 1);
    if (second == GV_NO_SLOT && out != GV_NO_SLOT) second = in != GV_NO_SLOT ? out : next_out(t, c, column, out + 1);
    *more = second != GV_NO_SLOT;
    gv_read_unlock(&t->lock);
    return in < out ? in : out; /* GV_NO_SLOT is the greatest */
}
