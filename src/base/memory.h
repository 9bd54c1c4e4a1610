/* memory.h: every allocation of the library goes through here, is counted, may be limited, and may fail.
 *
 * Memory comes zeroed, so that padding written to disk is zero. Sizes are given back at release: no headers. */
#ifndef GV_MEMORY_H
#define GV_MEMORY_H
#include "base/status.h"
#include <stdatomic.h>

/* What one owner (a database, a scratch pool) has allocated. A zero GV_Heap is ready for use. */
typedef struct GV_Heap {
    atomic_size_t used_bytes;
    atomic_size_t limit_bytes; /* 0: none. Passing it is GV_ERR_LIMIT, not GV_ERR_NO_MEMORY */
} GV_Heap;

/* `bytes` of zeroed memory, or NULL with the failure recorded (return gv_last_status()). `heap` NULL: not counted. */
void *gv_alloc(GV_Heap *heap, size_t bytes);
/* The same, at a multiple of GV_CACHE_LINE. */
void *gv_alloc_lines(GV_Heap *heap, size_t bytes);
/* `count * size` bytes, refusing a product that wraps. */
void *gv_alloc_array(GV_Heap *heap, size_t count, size_t size);

/* Give back memory of the function's twin, with the same heap and size. NULL is a no-op. */
void gv_release(GV_Heap *heap, void *memory, size_t bytes);
void gv_release_lines(GV_Heap *heap, void *memory, size_t bytes);

/* What lies in whole huge pages of fresh memory will be on them, if the system gives any to those who ask. */
void gv_advise_huge_pages(void *memory, size_t bytes);

enum {
    GV_CACHE_LINE = 64
};

/* Send for the cache lines of `bytes` at `from`, up to the second cache: far more lines can be under way to it than to the
 * first (24 on a Zen 4, half as many on others), and rows that lie anywhere are waited for by the number under way. */
static inline void gv_prefetch(const void *from, size_t bytes)
{
#ifdef __wasm__ /* cannot ask */
    (void)from;
    (void)bytes;
#else
    enum {
        SECOND_CACHE = 2
    };
    for (size_t at = 0; at < bytes; at += GV_CACHE_LINE) __builtin_prefetch((const char *)from + at, 0, SECOND_CACHE);
    /* An effect: GCC leaves out calls of a function that has none, and a prefetch is none to it. */
    __asm__ volatile("");
#endif
}

/* The hook beneath: zeroing allocation and its free. Tests put failing ones here; NULL restores calloc and free. */
typedef struct GV_MemoryHooks {
    void *(*allocate)(size_t bytes);
    void (*release)(void *memory);
} GV_MemoryHooks;
void gv_memory_set_hooks(const GV_MemoryHooks *hooks);

#endif
