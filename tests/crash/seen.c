/* seen.c: see seen.h. */
#include "seen.h"
#include "base/random.h"
#include "record.h"
#include <stdlib.h>
#include <string.h>

static struct SeenEntry *place(const Seen *seen, uint64_t key)
{
    size_t at = (size_t)key & (seen->capacity - 1);
    while (seen->entries[at].number && seen->entries[at].key != key) at = (at + 1) & (seen->capacity - 1);
    return &seen->entries[at];
}

static void grow(Seen *seen)
{
    Seen larger = {.count = seen->count, .capacity = seen->capacity ? 2 * seen->capacity : 256};
    larger.entries = test_alloc(larger.capacity * sizeof *larger.entries);
    for (size_t i = 0; i < seen->capacity; i++)
        if (seen->entries[i].number) *place(&larger, seen->entries[i].key) = seen->entries[i];
    free(seen->entries);
    *seen = larger;
}

size_t seen_number(Seen *seen, uint64_t key, bool *is_new)
{
    if (2 * seen->count >= seen->capacity) grow(seen);
    struct SeenEntry *entry = place(seen, key);
    *is_new = entry->number == 0;
    if (entry->number == 0) *entry = (struct SeenEntry){key, ++seen->count};
    return entry->number - 1;
}

bool seen_first(Seen *seen, uint64_t key)
{
    bool is_new;
    (void)seen_number(seen, key, &is_new);
    return is_new;
}

void seen_free(Seen *seen)
{
    free(seen->entries);
    *seen = (Seen){0};
}

/* ---- hashing ---- */

static uint64_t step(uint64_t hash, uint64_t word)
{
    hash = (hash ^ word) * 0x9E3779B97F4A7C15u;
    return hash ^ hash >> 29;
}

static uint64_t word_at(const uint8_t *p)
{
    uint64_t word;
    memcpy(&word, p, sizeof word);
    return word;
}

/* Four streams at once, since a step waits for the one before in its own. */
uint64_t hash_bytes(uint64_t hash, const void *data, size_t size)
{
    const uint8_t *p = data;
    uint64_t lanes[4] = {hash, hash + 1, hash + 2, hash + 3};
    bool wide = size >= 32;
    for (; size >= 32; p += 32, size -= 32)
        for (size_t i = 0; i < 4; i++) lanes[i] = step(lanes[i], word_at(p + 8 * i));
    if (wide)
        for (size_t i = 0; i < 4; i++) hash = gv_mix64(hash ^ lanes[i]);
    for (; size >= 8; p += 8, size -= 8) hash = step(hash, word_at(p));
    for (; size > 0; p++, size--) hash = step(hash, *p);
    return gv_mix64(hash);
}
