/* terms.h: an inverted index over metadata: by key and value, the rows that have the pair.
 *
 * It is a cache and never decides an answer: made when a filter first asks, kept by removing what a write takes away (which
 * needs no memory) and by taking in later what it brought. Rows that are not in it, for want of memory say, are looked at
 * one by one. So nothing here fails, and a write need not reserve anything. docs/adr/0009 says why. */
#ifndef GV_TERMS_H
#define GV_TERMS_H
#include "storage/table.h"

typedef struct GV_Column GV_Column; /* terms_parts.h */

enum {
    GV_TERMS_A_STEP = 256 /* rows that come in under one hold of the locks: some 100 microseconds */
};

typedef struct GV_Terms {
    GV_Heap *heap;
    const GV_Table *table;
    GV_RwLock lock;      /* behind the database's locks; held shared while looking, exclusive while rows come in */
    _Atomic bool in_use; /* somebody has filtered */
    bool left_out;       /* some of the rows that were there at `version` could not come in */
    uint64_t version;    /* the table's, when all rows had been seen last */
    GV_Bitset indexed;   /* slots whose metadata is in here */
    GV_Column **columns; /* chains, by hash of the key: [chain_count], a power of two */
    uint32_t chain_count, column_count, empty_columns;
    uint64_t turn;    /* a number for each row that comes or goes */
    GV_Slab postings; /* of terms that more than one row has */
    uint32_t posting_end, free_posting;
    size_t moved_bytes; /* by rows that went, since it was last set to 0 */
} GV_Terms;

/* 0, or an errno. Nothing is allocated. */
int gv_terms_init(GV_Terms *terms, GV_Heap *heap, const GV_Table *table);
void gv_terms_free(GV_Terms *terms);

/* ---- what changes the table says so ---- */

/* The metadata of `slot` is about to be replaced, dropped or moved. Under the database's write lock. */
void gv_terms_forget(GV_Terms *terms, uint32_t slot);

/* Take in at most `most` rows that filters may see and that are not in. False: there may be more. By the writer, or under
 * the database's read lock. */
bool gv_terms_catch_up(GV_Terms *terms, size_t most);

/* Are filters in use, so that whoever adds rows had better take them in as well? */
static inline bool gv_terms_in_use(GV_Terms *terms)
{
    return atomic_load_explicit(&terms->in_use, memory_order_relaxed);
}

/* ---- looking: by the writer, or under the database's read lock, and between these two ---- */

void gv_terms_enter(GV_Terms *terms);
void gv_terms_leave(GV_Terms *terms);

typedef enum GV_ConditionKind {
    GV_CONDITION_EXISTS,  /* the row has the key */
    GV_CONDITION_EQUALS,  /* its value is `value[value_size]`, byte for byte */
    GV_CONDITION_HOLDS,   /* `holds` says yes to its value; each distinct value is asked about once, and in no order */
    GV_CONDITION_NUMBERS, /* its value is numeric (base/number.h) and in the range; or it is not and `holds` says yes */
} GV_ConditionKind;

typedef struct GV_Condition { /* on the value of one key: a row without the key does not meet it */
    GV_ConditionKind kind;
    const void *key, *value;
    size_t key_size, value_size;
    double low, high; /* may be infinite, not NaN */
    bool low_open, high_open;
    bool (*holds)(const void *context, const uint8_t *value, size_t size); /* NUMBERS: NULL says no to all */
    const void *context;
} GV_Condition;

/* Set the bits of the live rows that meet the condition; others stay as they are. `matches` has room for all slots. */
void gv_terms_match(const GV_Terms *terms, const GV_Condition *condition, GV_Bitset *matches);

/* How many rows meet a condition of kind EXISTS or EQUALS, at a glance. Rows that are being deleted may be counted still. */
uint64_t gv_terms_count(const GV_Terms *terms, const GV_Condition *condition);

/* The lowest slot of a live row that meets a condition of kind EQUALS, or GV_NO_SLOT; `*more`: there are others. */
uint32_t gv_terms_find_one(const GV_Terms *terms, const GV_Condition *condition, bool *more);

/* Is the row in `slot` one that meets the condition? Without the index. */
bool gv_condition_meets(const GV_Condition *condition, const GV_Table *table, uint32_t slot);

/* Does what is in here agree with the table? Between enter and leave, by the writer. */
bool gv_terms_check(GV_Terms *terms);

#endif
