/* bitset.h: one bit a slot. */
#ifndef GV_BITSET_H
#define GV_BITSET_H
#include "base/lock.h"
#include "base/memory.h"

typedef struct GV_Bitset {
    uint64_t *words;
    size_t word_count;
} GV_Bitset;

static inline bool gv_bitset_get(const GV_Bitset *set, size_t i) { return (set->words[i >> 6] >> (i & 63)) & 1; }

static inline void gv_bitset_set(GV_Bitset *set, size_t i) { set->words[i >> 6] |= (uint64_t)1 << (i & 63); }

static inline void gv_bitset_clear(GV_Bitset *set, size_t i) { set->words[i >> 6] &= ~((uint64_t)1 << (i & 63)); }

/* Room for `bits`, the new ones 0. The words move only under the write lock `lock` (NULL: nobody else looks). */
GV_Status gv_bitset_reserve(GV_Bitset *set, GV_Heap *heap, size_t bits, GV_RwLock *lock);

/* The first 0 at or after `from`, or `end` if there is none before it; and the first 1. */
size_t gv_bitset_next_clear(const GV_Bitset *set, size_t from, size_t end);
size_t gv_bitset_next_set(const GV_Bitset *set, size_t from, size_t end);

size_t gv_bitset_count(const GV_Bitset *set);
void gv_bitset_free(GV_Bitset *set, GV_Heap *heap);

#endif
