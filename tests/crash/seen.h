/* seen.h: which keys there have been, numbered in the order they came in. A key is a hash of 64 bits. */
#ifndef GV_TEST_SEEN_H
#define GV_TEST_SEEN_H
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

typedef struct Seen { /* {0}: none yet */
    struct SeenEntry {
        uint64_t key;
        size_t number; /* from 1; 0: an empty place */
    } *entries;        /* open addressing */
    size_t count, capacity;
} Seen;

/* The number of `key`, from 0; `*is_new`: it was not there before this call. */
size_t seen_number(Seen *seen, uint64_t key, bool *is_new);
bool seen_first(Seen *seen, uint64_t key);
void seen_free(Seen *seen);

/* Go on from `hash` with these bytes. Nothing outside the process may depend on which number this is. */
uint64_t hash_bytes(uint64_t hash, const void *data, size_t size);

#endif
