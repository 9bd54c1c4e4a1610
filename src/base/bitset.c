/* bitset.c: growth and scans of one bit a slot. */
#include "base/bitset.h"
#include <string.h>

GV_Status gv_bitset_reserve(GV_Bitset *set, GV_Heap *heap, size_t bits, GV_RwLock *lock)
{
    size_t needed = (bits + 63) / 64;
    if (needed <= set->word_count) return GV_OK;
    size_t count = set->word_count < 16 ? 16 : set->word_count;
    while (count < needed) count *= 2;
    uint64_t *words = gv_alloc_array(heap, count, sizeof *words);
    if (!words) return gv_last_status();
    uint64_t *old = set->words;
    size_t old_count = set->word_count;
    if (lock) gv_write_lock(lock);
    if (old) memcpy(words, old, old_count * sizeof *words);
    set->words = words;
    set->word_count = count;
    if (lock) gv_write_unlock(lock);
    gv_release(heap, old, old_count * sizeof *words);
    return GV_OK;
}

/* First bit equal to 1 in the words XORed with `flip`. */
static size_t next(const GV_Bitset *set, size_t from, size_t end, uint64_t flip)
{
    while (from < end) {
        size_t word = from >> 6;
        if (word >= set->word_count) return flip ? from : end;
        uint64_t rest = (set->words[word] ^ flip) >> (from & 63);
        if (rest) {
            from += (size_t)__builtin_ctzll(rest);
            return from < end ? from : end;
        }
        from = (word + 1) << 6;
    }
    return end;
}

size_t gv_bitset_next_clear(const GV_Bitset *set, size_t from, size_t end)
{
    return next(set, from, end, ~(uint64_t)0);
}

size_t gv_bitset_next_set(const GV_Bitset *set, size_t from, size_t end) { return next(set, from, end, 0); }

static uint64_t ones(uint64_t x)
{
#if defined(__wasm__) || defined(__POPCNT__)
    return (uint64_t)__builtin_popcountll(x);
#else /* no instruction for it that is sure to be there: in steps that a compiler does for several words at once */
    x -= x >> 1 & 0x5555555555555555u;
    x = (x & 0x3333333333333333u) + (x >> 2 & 0x3333333333333333u);
    x = (x + (x >> 4)) & 0x0F0F0F0F0F0F0F0Fu;
    x += x >> 8;
    x += x >> 16;
    return (x + (x >> 32)) & 0x7F;
#endif
}

size_t gv_bitset_count(const GV_Bitset *set)
{
    uint64_t count = 0;
    for (size_t i = 0; i < set->word_count; i++) count += ones(set->words[i]);
    return (size_t)count;
}

void gv_bitset_free(GV_Bitset *set, GV_Heap *heap)
{
    gv_release(heap, set->words, set->word_count * sizeof *set->words);
    set->words = NULL;
    set->word_count = 0;
}
