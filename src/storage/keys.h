/* keys.h: a list of metadata keys as the file and the log have it: u32 count, then for each u32 bytes and the key. */
#ifndef GV_KEYS_H
#define GV_KEYS_H
#include "base/memory.h"

enum {
    GV_KEYS_MOST = 64
};

typedef struct GV_Key { /* not ended by a NUL */
    const uint8_t *bytes;
    size_t size;
} GV_Key;

/* Is there a list at the beginning of `bytes[available]`? GV_ERR_ARGUMENT unless it has at most GV_KEYS_MOST keys, each UTF-8
 * without NUL, not empty, and there once. `*size` is that of the list. */
GV_Status gv_keys_check(const uint8_t *bytes, size_t available, size_t *size);

/* Of a list that has been checked, or NULL, which has none: its keys, and key `number`; false behind the last. */
size_t gv_keys_count(const uint8_t *list);
bool gv_keys_at(const uint8_t *list, size_t number, GV_Key *key);

/* The number of a key; SIZE_MAX: it is not in the list. */
size_t gv_keys_find(const uint8_t *list, const void *key, size_t size);

#endif
