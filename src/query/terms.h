/* terms.h: an inverted index over metadata: by key and value, the rows that have the pair.
 *
 * It is a cache and decides no answer. A key is indexed when a filter asks for it, over all rows (where they are many, when it
 * has been asked for some times: one look at each row costs less than the index). After that a write takes out what it takes
 * away, which needs no memory, and enters what it brought once it is done. Rows that are not in, for want of memory say, are
 * looked at one by one. So nothing here fails, and a write reserves nothing. docs/adr/0009 says why. In the small WebAssembly
 * module no row is ever in (terms_scan.c).
 *
 * Keys that are declared are the database's content, and their columns are in the file (docs/adr/0023): they are indexed without
 * being asked for, and a column that is in the mapped file is taken from there when a filter asks.
 *
 * Everything below is called by the writer or under the database's read lock, unless it says otherwise. */
#ifndef GV_TERMS_H
#define GV_TERMS_H
#include "storage/keys.h"
#include "storage/table.h"

#ifdef GV_SMALL_MODULE
#define GV_HAS_KEYS 0 /* the small WebAssembly module refuses files with declared keys (cmake/wasm.cmake) */
#else
#define GV_HAS_KEYS 1
#endif

enum {
    GV_COLUMNS_MOST = GV_KEYS_MOST, /* keys that are indexed; filters on more look at the rows */
    GV_TERMS_A_STEP = 1024          /* rows that come in under one hold of the locks: some 100 microseconds */
};

typedef struct GV_Column GV_Column; /* a key: terms_parts.h */

typedef struct GV_Terms {
    GV_Heap *heap;
    const GV_Table *table;
    GV_RwLock lock; /* behind the database's: shared while looking, exclusive while rows come in */
    GV_Column *columns[GV_COLUMNS_MOST];
    _Atomic uint32_t column_count;
    GV_Slab postings; /* of terms that more than one row has */
    uint32_t posting_end, free_posting;
    size_t moved_bytes; /* by rows that went, since it was last set to 0 */

    uint8_t *declared; /* the list of keys (storage/keys.h), of `heap`; NULL: none */
    size_t declared_bytes;
    /* Their columns in a mapped image that nobody writes to, as long as some may still be had there; else NULL. */
    GV_LazySection *stored;
    GV_Mutex loading;     /* of the next two; taken before `lock` */
    uint64_t stored_left; /* a bit for each that nobody has asked for */
    bool stored_lies;     /* one of them cannot be */
} GV_Terms;

/* 0, or an errno. Nothing is allocated. */
int gv_terms_init(GV_Terms *terms, GV_Heap *heap, const GV_Table *table);
void gv_terms_free(GV_Terms *terms);

/* ---- what changes the table says so ---- */

/* The metadata of `slot` is about to be replaced, dropped or moved. Under the database's write lock. */
void gv_terms_forget(GV_Terms *terms, uint32_t slot);

/* By the writer, in steps: a call has changed the table, which had version `before`; of rows and metadata it brought those
 * of `slots[count]`. */
void gv_terms_keep_up(GV_Terms *terms, uint64_t before, const uint32_t *slots, size_t count);

/* Take in at most `most` rows under `key`. False: there are more; call again, without the lock in between. Whoever is going to
 * look calls this first, in steps: looking takes in what is left in one go. */
bool gv_terms_catch_up(GV_Terms *terms, const void *key, size_t key_size, size_t most);

/* ---- keys that are declared ---- */

/* Take over `list` in the place of the one before (NULL: none). Under the database's write lock. */
void gv_terms_declare(GV_Terms *terms, uint8_t *list, size_t bytes);

/* As gv_terms_catch_up() under the declared keys from number `*from` on, which moves on. */
bool gv_terms_catch_up_declared(GV_Terms *terms, size_t *from, size_t most);

/* The list and its columns, out and in; nothing where no key is declared. By the writer, and before anyone else looks. Columns of
 * an image that is mapped stay there until they are asked for, or gv_terms_load() is called, as it must before the table
 * changes. What there is no memory for stays out. */
GV_Status gv_terms_save(GV_Terms *terms, GV_ImageWriter *writer);
GV_Status gv_terms_open(GV_Terms *terms, GV_Image *image);
GV_Status gv_terms_load(GV_Terms *terms);

/* ---- looking ---- */

typedef enum GV_LookupKind {
    GV_LOOKUP_EXISTS,  /* the row has the key */
    GV_LOOKUP_EQUALS,  /* its value is `value[value_size]`, byte for byte */
    GV_LOOKUP_HOLDS,   /* `holds` says yes to its value; each distinct value is asked about once, in no order */
    GV_LOOKUP_NUMBERS, /* its value is numeric (base/number.h) and in the range; or it is not and `holds` says yes */
} GV_LookupKind;

typedef struct GV_Lookup { /* on the value of one key: a row without the key does not meet it */
    GV_LookupKind kind;
    const void *key, *value;
    size_t key_size, value_size;
    double low, high; /* may be infinite, not NaN */
    bool low_open, high_open;
    bool (*holds)(const void *context, const uint8_t *value, size_t size); /* NUMBERS: NULL says no to all */
    const void *context;
} GV_Lookup;

/* Set the bits of the live rows that meet the condition; others stay as they are. `matches` has room for all slots. */
void gv_terms_match(GV_Terms *terms, const GV_Lookup *condition, GV_Bitset *matches);

/* Every live row is in under this key: gv_terms_find_one() is then a glance. */
bool gv_terms_is_whole(GV_Terms *terms, const void *key, size_t key_size);

/* At most how many rows meet a condition of kind EXISTS or EQUALS, at a glance. Exact but for rows that are being deleted,
 * where the key is indexed and all rows are in; else it is the number of rows. */
uint64_t gv_terms_count(GV_Terms *terms, const GV_Lookup *condition);

/* The lowest slot of a live row that meets a condition of kind EQUALS, or GV_NO_SLOT; `*more`: there are others. */
uint32_t gv_terms_find_one(GV_Terms *terms, const GV_Lookup *condition, bool *more);

/* Does a value meet the condition? Does the row in `slot`? Without the index (terms_lookup.c). */
bool gv_lookup_holds(const GV_Lookup *condition, const uint8_t *value, size_t size);
bool gv_lookup_meets(const GV_Lookup *condition, const GV_Table *table, uint32_t slot);

/* Does what is in here agree with the table? By the writer. */
bool gv_terms_check(GV_Terms *terms);

#endif
