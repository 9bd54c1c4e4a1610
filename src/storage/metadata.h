/* metadata.h: the packed form of a row's pairs (GV_PackedMetadata), checked, built and read. */
#ifndef GV_METADATA_H
#define GV_METADATA_H
#include "base/memory.h"

/* Size of the packed row that starts at `bytes`, or 0 if it does not fit in `available`. */
size_t gv_metadata_row_size(const uint8_t *bytes, size_t available);

/* GV_ERR_ARGUMENT unless `row[size]` is one packed row with unique, non-empty UTF-8 keys and no NUL; `index` names
 * the row in the message. */
GV_Status gv_metadata_check(const uint8_t *row, size_t size, size_t index);

typedef struct GV_Pair { /* not ended by NULs */
    const uint8_t *key, *value;
    size_t key_size, value_size;
} GV_Pair;

typedef struct GV_Pairs { /* those of a row that are still to come */
    const uint8_t *row;
    size_t size, at;
    uint32_t left;
} GV_Pairs;

/* One pair after the other: `for (GV_Pairs p = gv_metadata_pairs(row, size); gv_metadata_next(&p, &pair);)`. A row may come
 * from a file: where it does not parse, it ends. `row` NULL with `size` 0: no pair. */
GV_Pairs gv_metadata_pairs(const uint8_t *row, size_t size);
bool gv_metadata_next(GV_Pairs *pairs, GV_Pair *pair);

/* The first pair with this key, which is the one that counts. */
bool gv_metadata_find(const uint8_t *row, size_t size, const void *key, size_t key_size, GV_Pair *pair);

/* Pack `count` pairs of C strings: `*row` for gv_free(), or NULL with a failure. */
GV_Status gv_metadata_pack(const char *const *keys, const char *const *values, size_t count, uint8_t **row,
                           size_t *size);

/* A linked list made of a packed row, for gv_metadata_list_free(). GV_ERR_CORRUPT if it does not parse. */
GV_Status gv_metadata_list(const uint8_t *row, size_t size, GV_Metadata **out);
void gv_metadata_list_free(GV_Metadata *list);

#endif
