/* terms_values.c: the distinct values of a key, each with its rows. */
#include "base/bytes.h"
#include "base/number.h"
#include "base/random.h"
#include "query/terms_parts.h"
#include <stddef.h>
#include <string.h>

enum {
    CHAINS_LEAST = 4,
    TERMS_LEAST = 4
};

uint32_t gv_terms_hash(const void *bytes, size_t size)
{
    const uint64_t factor = 0x9E3779B97F4A7C15u;
    const uint8_t *at = bytes;
    uint64_t hash = size * factor, rest = 0;
    for (; size >= 8; at += 8, size -= 8) {
        hash = (hash ^ gv_get_u64(at)) * factor;
        hash ^= hash >> 32;
    }
    if (size > 0) memcpy(&rest, at, size);
    return (uint32_t)gv_mix64(hash ^ rest);
}

void gv_column_clear(GV_Terms *t, GV_Column *c)
{
    for (uint32_t i = 0; i < c->term_end; i++)
        if (c->terms[i].ref != GV_FREE_TERM) gv_posting_free(t, c->terms[i].ref);
    gv_numbers_free(&c->numbers, t->heap);
    gv_release(t->heap, c->terms, c->term_capacity * sizeof *c->terms);
    gv_release(t->heap, c->chains, c->chain_count * sizeof *c->chains);
    gv_bitset_free(&c->indexed, t->heap);
    memset(c, 0, offsetof(GV_Column, key_size));
    c->version = GV_NOT_INDEXED;
}

void gv_column_free(GV_Terms *t, GV_Column *c)
{
    gv_column_clear(t, c);
    gv_release(t->heap, c, sizeof *c + c->key_size);
}

/* ---- values ---- */

bool gv_terms_pair(const GV_Terms *t, uint32_t slot, const void *key, size_t key_size, GV_Pair *pair)
{
    size_t size;
    const uint8_t *row = gv_table_metadata(t->table, slot, &size);
    return gv_metadata_find(row, size, key, key_size, pair);
}

const uint8_t *gv_column_value(const GV_Terms *t, const GV_Column *c, uint32_t term, size_t *size)
{
    GV_Pair pair;
    if (!gv_terms_pair(t, gv_posting_witness(t, c->terms[term].ref), c->key, c->key_size, &pair)) return NULL;
    *size = pair.value_size;
    return pair.value;
}

static uint32_t first_of_chain(const GV_Column *c, uint32_t hash)
{
    return c->chain_count ? c->chains[hash & (c->chain_count - 1)] - 1 : GV_NO_TERM;
}

static uint32_t next_of_chain(const GV_Column *c, uint32_t term)
{
    return (c->terms[term].link & ~GV_NUMERIC_TERM) - 1; /* 0 becomes GV_NO_TERM */
}

/* `*length`: of the chain, as far as it was walked. */
static uint32_t find(const GV_Terms *t, const GV_Column *c, uint32_t hash, const void *value, size_t size, int *length)
{
    uint32_t term = first_of_chain(c, hash);
    for (; term != GV_NO_TERM; term = next_of_chain(c, term), ++*length) {
        size_t found;
        if (c->terms[term].hash != hash) continue;
        const uint8_t *there = gv_column_value(t, c, term, &found);
        if (there && found == size && memcmp(there, value, size) == 0) break;
    }
    return term;
}

uint32_t gv_column_find(const GV_Terms *t, const GV_Column *c, const void *value, size_t size)
{
    int length = 0;
    return find(t, c, gv_terms_hash(value, size), value, size, &length);
}

/* The term of this value by the row that has it, or GV_NO_TERM. */
static uint32_t find_holder(const GV_Terms *t, const GV_Column *c, const GV_Pair *pair, uint32_t slot)
{
    uint32_t hash = gv_terms_hash(pair->value, pair->value_size), term = first_of_chain(c, hash);
    while (term != GV_NO_TERM && (c->terms[term].hash != hash || !gv_posting_has(t, c->terms[term].ref, slot)))
        term = next_of_chain(c, term);
    return term;
}

static void link_term(GV_Column *c, uint32_t term)
{
    uint32_t *chain = &c->chains[c->terms[term].hash & (c->chain_count - 1)];
    c->terms[term].link = (c->terms[term].link & GV_NUMERIC_TERM) | *chain;
    *chain = term + 1;
}

static GV_Status make_chains(GV_Terms *t, GV_Column *c, uint32_t count)
{
    uint32_t *chains = gv_alloc_array(t->heap, count, sizeof *chains);
    if (!chains) return gv_last_status();
    gv_release(t->heap, c->chains, c->chain_count * sizeof *chains);
    c->chains = chains;
    c->chain_count = count;
    for (uint32_t i = 0; i < c->term_end; i++)
        if (c->terms[i].ref != GV_FREE_TERM) link_term(c, i);
    return GV_OK;
}

/* Room for one more term: its number. */
static GV_Status room_for_term(GV_Terms *t, GV_Column *c, uint32_t *term)
{
    if (c->term_count >= c->chain_count) GV_TRY(make_chains(t, c, c->chain_count ? 2 * c->chain_count : CHAINS_LEAST));
    *term = c->free_term ? c->free_term - 1 : c->term_end;
    if (*term < c->term_capacity) return GV_OK;
    uint32_t capacity = c->term_end + c->term_end / 4 + TERMS_LEAST; /* little to spare: there may be one a row */
    GV_Term *terms = gv_alloc_array(t->heap, capacity, sizeof *terms);
    if (!terms) return gv_last_status();
    if (c->term_end > 0) memcpy(terms, c->terms, c->term_end * sizeof *terms);
    gv_release(t->heap, c->terms, c->term_capacity * sizeof *terms);
    c->terms = terms;
    c->term_capacity = capacity;
    return GV_OK;
}

static bool number_of(const GV_Pair *pair, uint32_t term, uint64_t *key)
{
    double number;
    if (!gv_number_read(pair->value, pair->value_size, &number)) return false;
    *key = gv_number_key(number) | term;
    return true;
}

static GV_Status add_term(GV_Terms *t, GV_Column *c, const GV_Pair *pair, uint32_t hash, uint32_t slot)
{
    uint32_t term;
    uint64_t key;
    GV_TRY(room_for_term(t, c, &term));
    bool numeric = number_of(pair, term, &key);
    if (numeric) GV_TRY(gv_numbers_add(&c->numbers, t->heap, key));
    if (c->free_term) c->free_term = c->terms[term].link;
    else c->term_end++;
    c->terms[term] = (GV_Term){hash, slot, numeric ? GV_NUMERIC_TERM : 0};
    c->numeric_count += numeric;
    c->term_count++;
    link_term(c, term);
    return GV_OK;
}

static void unlink_term(GV_Column *c, uint32_t term)
{
    uint32_t *chain = &c->chains[c->terms[term].hash & (c->chain_count - 1)];
    while ((*chain & ~GV_NUMERIC_TERM) != term + 1) chain = &c->terms[(*chain & ~GV_NUMERIC_TERM) - 1].link;
    *chain = (*chain & GV_NUMERIC_TERM) | (c->terms[term].link & ~GV_NUMERIC_TERM);
}

static bool remove_term(GV_Terms *t, GV_Column *c, const GV_Pair *pair, uint32_t term)
{
    uint64_t key;
    if (c->terms[term].link & GV_NUMERIC_TERM) {
        if (!number_of(pair, term, &key) || !gv_numbers_remove(&c->numbers, t->heap, key)) return false;
        c->numeric_count--;
    }
    unlink_term(c, term);
    c->terms[term] = (GV_Term){0, GV_FREE_TERM, c->free_term};
    c->free_term = term + 1;
    c->term_count--;
    return true;
}

/* ---- terms of a file ---- */

GV_Status gv_column_reserve(GV_Terms *t, GV_Column *c, uint32_t count)
{
    uint32_t chains = CHAINS_LEAST;
    while (chains < count) chains *= 2;
    GV_TRY(make_chains(t, c, chains));
    c->terms = gv_alloc_array(t->heap, count, sizeof *c->terms);
    if (!c->terms) return gv_last_status();
    c->term_end = c->term_capacity = count;
    return GV_OK;
}

bool gv_column_read(const GV_Terms *t, GV_Column *c, uint32_t term, uint64_t *number, bool *numeric)
{
    GV_Pair pair;
    if (!gv_terms_pair(t, c->terms[term].ref, c->key, c->key_size, &pair)) return false;
    c->terms[term].hash = gv_terms_hash(pair.value, pair.value_size);
    *numeric = number_of(&pair, term, number);
    if (*numeric) c->terms[term].link = GV_NUMERIC_TERM;
    return true;
}

/* What the terms behind this one will look at, before they do: it may be anywhere. */
static void send_for_chains(const GV_Column *c, uint32_t term)
{
    enum {
        AHEAD = 16
    };
    if (c->term_end - term <= AHEAD) return;
    uint32_t first = first_of_chain(c, c->terms[term + AHEAD / 2].hash);
    gv_prefetch(&c->chains[c->terms[term + AHEAD].hash & (c->chain_count - 1)], 1);
    if (first != GV_NO_TERM) gv_prefetch(&c->terms[first], 1);
}

GV_Status gv_column_link(const GV_Terms *t, GV_Column *c, uint32_t term)
{
    int length = 0;
    size_t size;
    send_for_chains(c, term);
    for (uint32_t other = first_of_chain(c, c->terms[term].hash); other != GV_NO_TERM;
         other = next_of_chain(c, other), length++) {
        size_t found;
        if (c->terms[other].hash != c->terms[term].hash) continue;
        const uint8_t *value = gv_column_value(t, c, term, &size), *there = gv_column_value(t, c, other, &found);
        if (found == size && memcmp(there, value, size) == 0) return GV_ERR_CORRUPT;
    }
    if (length < GV_CHAIN_MOST) {
        link_term(c, term);
        c->term_count++;
        return GV_OK;
    }
    c->terms[term] = (GV_Term){0, GV_FREE_TERM, c->free_term};
    c->free_term = term + 1;
    return GV_ERR_UNSUPPORTED;
}

/* ---- rows ---- */

GV_Status gv_column_add(GV_Terms *t, GV_Column *c, const GV_Pair *pair, uint32_t slot)
{
    int length = 0;
    uint32_t hash = gv_terms_hash(pair->value, pair->value_size);
    uint32_t term = find(t, c, hash, pair->value, pair->value_size, &length);
    if (length >= GV_CHAIN_MOST) return GV_ERR_UNSUPPORTED;
    if (term == GV_NO_TERM) GV_TRY(add_term(t, c, pair, hash, slot));
    else GV_TRY(gv_posting_add(t, &c->terms[term].ref, slot));
    c->rows++;
    return GV_OK;
}

bool gv_column_remove(GV_Terms *t, GV_Column *c, const GV_Pair *pair, uint32_t slot)
{
    uint32_t term = find_holder(t, c, pair, slot);
    if (term == GV_NO_TERM) return false;
    c->rows--;
    return !gv_posting_remove(t, &c->terms[term].ref, slot) || remove_term(t, c, pair, term);
}
