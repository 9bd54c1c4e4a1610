/* metadata.h: the packed form of a row's pairs (GV_PackedMetadata), checked, built and read. */
#ifndef GV_METADATA_H
#define GV_METADATA_H
#include "base/memory.h"

/* Size of the packed row that starts at `bytes`, or 0 if it does not fit in `available`. */
size_t gv_metadata_row_size(const uint8_t *bytes, size_t available);

/* GV_ERR_ARGUMENT unless `row[size]` is one packed row with unique, non-empty UTF-8 keys and no NUL; `index` names
 * the row in the message. */
GV_Status gv_metadata_check(const uint8_t *row, size_t size, size_t index);

/* The value of `key` in this row, or NULL. A row that does not parse (it may come from a file) has no pair. */
const uint8_t *gv_metadata_find(const uint8_t *row, size_t size, const char *key, size_t key_size, size_t *value_size);

/* Is the value of `key` in this row exactly `value`? */
bool gv_metadata_matches(const uint8_t *row, size_t size, const char *key, size_t key_size, const char *value,
                         size_t value_size);

/* Pack `count` pairs of C strings: `*row` for gv_free(), or NULL with a failure. */
GV_Status gv_metadata_pack(const char *const *keys, const char *const *values, size_t count, uint8_t **row,
                           size_t *size);

/* A linked list made of a packed row, for gv_metadata_list_free(). GV_ERR_CORRUPT if it does not parse. */
GV_Status gv_metadata_list(const uint8_t *row, size_t size, GV_Metadata **out);
void gv_metadata_list_free(GV_Metadata *list);

#endif
