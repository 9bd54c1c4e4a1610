/* terms_parts.h: what GV_Terms is made of, for the terms_*.c files.
 *
 * A column is a key. Its terms are the distinct values of the key, found by hash through chains; a value's bytes are not
 * kept: they are read from the metadata of a row that has it. A term's rows are its posting: a slot in the term itself, or
 * a sorted array, or one bit a slot. Terms whose value is numeric are in the column's numbers as well. */
#ifndef GV_TERMS_PARTS_H
#define GV_TERMS_PARTS_H
#include "query/terms.h"
#include "storage/metadata.h"

#define GV_NOT_INDEXED UINT64_MAX /* as a version: they never were */
#define GV_NO_TERM UINT32_MAX
#define GV_FREE_TERM UINT32_MAX             /* as a ref */
#define GV_SHARED_TERM ((uint32_t)1 << 31)  /* in a ref: the rest is the number of a posting, not a slot */
#define GV_NUMERIC_TERM ((uint32_t)1 << 31) /* in a link */

enum {
    GV_CHAIN_MOST = 64 /* values met in one chain: a row that would make it longer, which takes design, stays out */
};

typedef struct GV_Term {
    uint32_t hash;
    uint32_t ref;  /* a slot, or GV_SHARED_TERM and the number of a posting */
    uint32_t link; /* 1 + the next term of the chain, or of the free ones; 0: none. And GV_NUMERIC_TERM */
} GV_Term;

typedef struct GV_Posting {
    union {
        uint32_t *slots; /* [count of capacity], ascending */
        GV_Bitset bits;
    };
    uint32_t count;    /* 0: free, and `witness` is 1 + the next free one */
    uint32_t capacity; /* of slots */
    uint32_t witness;  /* dense: one of its slots */
    bool dense;
} GV_Posting;

typedef struct GV_Leaf {
    uint64_t *keys; /* ascending; at least one */
    uint32_t count, capacity;
} GV_Leaf;

/* Numeric terms in the order of their values, as near as a float tells them apart: a key is the float's bits, made to ascend
 * with it, then the number of the term. Whoever comes to a float on the edge of a range looks at the value itself. */
typedef struct GV_Numbers {
    GV_Leaf *leaves;
    uint32_t count, capacity;
} GV_Numbers;

struct GV_Column {
    GV_Bitset indexed; /* slots whose metadata has been seen */
    uint64_t version;  /* the table's, when all rows had been seen last; GV_NOT_INDEXED */
    uint32_t asked;    /* for, while it is not indexed */
    bool left_out;     /* some of those could not come in */
    uint64_t rows;     /* that have the key */
    GV_Term *terms;    /* [term_end of term_capacity] */
    uint32_t term_end, term_capacity, term_count, free_term;
    uint32_t *chains; /* 1 + the first term; [chain_count], a power of two */
    uint32_t chain_count, numeric_count;
    GV_Numbers numbers;
    uint32_t key_size;
    uint8_t key[];
};

/* ---- terms.c ---- */

GV_Column *gv_terms_column(const GV_Terms *terms, const void *key, size_t size);

/* The first live row at or after `from` that is not in, or GV_NO_SLOT. `column` NULL: no row is. */
uint32_t gv_terms_next_out(const GV_Terms *terms, const GV_Column *column, uint32_t from);

/* A column without rows; NULL with a failure. */
GV_Column *gv_column_new(GV_Terms *terms, const void *key, size_t size);

/* Where to put the pointer to one more; NULL: nowhere. One that is declared takes the place of one that is not. */
GV_Column **gv_terms_place(GV_Terms *terms, bool declared);

/* ---- terms_load.c ---- */

/* Take the column of this key from the mapped image, if it is there. In no lock but the database's. */
void gv_terms_load_stored(GV_Terms *terms, const void *key, size_t size);

/* ---- terms_values.c ---- */

uint32_t gv_terms_hash(const void *bytes, size_t size);

/* Enter or take out a row's value. Adding may fail, and has then changed nothing that shows; with GV_ERR_UNSUPPORTED
 * where a chain has become too long. GV_ERR_CORRUPT, or false: the column came with a file, and is not that of these rows. */
GV_Status gv_column_add(GV_Terms *terms, GV_Column *column, const GV_Pair *pair, uint32_t slot);
bool gv_column_remove(GV_Terms *terms, GV_Column *column, const GV_Pair *pair, uint32_t slot);

/* `count` terms at once, into a column without: once the `ref` of each is a slot that has its value, all values are read (false: there is none), then
 * all are linked, in order. `*number`, if it is one, is for the column's numbers. GV_ERR_CORRUPT: the value is that of another term;
 * GV_ERR_UNSUPPORTED as above, and the term is a free one. */
GV_Status gv_column_reserve(GV_Terms *terms, GV_Column *column, uint32_t count);
bool gv_column_read(const GV_Terms *terms, GV_Column *column, uint32_t term, uint64_t *number, bool *numeric);
GV_Status gv_column_link(const GV_Terms *terms, GV_Column *column, uint32_t term);

/* The term of this value, or GV_NO_TERM. */
uint32_t gv_column_find(const GV_Terms *terms, const GV_Column *column, const void *value, size_t size);

/* The pair with this key of the row in `slot`; false: there is none. */
bool gv_terms_pair(const GV_Terms *terms, uint32_t slot, const void *key, size_t key_size, GV_Pair *pair);

/* The value of a term, and its size; NULL if the metadata of its row is not what it was. */
const uint8_t *gv_column_value(const GV_Terms *terms, const GV_Column *column, uint32_t term, size_t *size);
void gv_column_clear(GV_Terms *terms, GV_Column *column); /* as if it had never been indexed */
void gv_column_free(GV_Terms *terms, GV_Column *column);

/* ---- terms_postings.c: `ref` is that of a term in use ---- */

/* GV_ERR_CORRUPT: it is there. */
GV_Status gv_posting_add(GV_Terms *terms, uint32_t *ref, uint32_t slot);
/* Whether none is left: the ref is then free to be forgotten. */
bool gv_posting_remove(GV_Terms *terms, uint32_t *ref, uint32_t slot);
bool gv_posting_has(const GV_Terms *terms, uint32_t ref, uint32_t slot);
uint32_t gv_posting_count(const GV_Terms *terms, uint32_t ref);
uint32_t gv_posting_witness(const GV_Terms *terms, uint32_t ref);             /* some slot of it, at once */
uint32_t gv_posting_next(const GV_Terms *terms, uint32_t ref, uint32_t from); /* the first at or after; GV_NO_SLOT */
void gv_posting_match(const GV_Terms *terms, uint32_t ref, GV_Bitset *matches);
void gv_posting_free(GV_Terms *terms, uint32_t ref);
/* Set `numbers[slot]` for each slot of it. */
void gv_posting_number(const GV_Terms *terms, uint32_t ref, uint32_t number, uint32_t *numbers);

/* Make the term whose only slot is `*ref` one of `count` slots, above 1, which are then put in: in ascending order, that one first. */
GV_Status gv_posting_reserve(GV_Terms *terms, uint32_t *ref, uint32_t count);
void gv_posting_put(const GV_Terms *terms, uint32_t ref, uint32_t slot);

/* ---- terms_numbers.c ---- */

/* The key of a number, without its term. */
uint64_t gv_number_key(double number);

GV_Status gv_numbers_add(GV_Numbers *numbers, GV_Heap *heap, uint64_t key);
bool gv_numbers_remove(GV_Numbers *numbers, GV_Heap *heap, uint64_t key); /* false: it was not there */

/* Into no numbers: these, which are put in order for it. */
GV_Status gv_numbers_fill(GV_Numbers *numbers, GV_Heap *heap, uint64_t *keys, size_t count);

typedef struct GV_Place {
    uint32_t leaf, at;
} GV_Place;

/* The first key at or after `key`; and the one at a place, which moves on. False: there is none. */
GV_Place gv_numbers_from(const GV_Numbers *numbers, uint64_t key);
bool gv_numbers_next(const GV_Numbers *numbers, GV_Place *place, uint64_t *key);
void gv_numbers_free(GV_Numbers *numbers, GV_Heap *heap);

#endif
