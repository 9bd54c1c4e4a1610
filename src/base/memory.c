/* memory.c: counted, limited allocation over one replaceable pair of functions. */
#if defined(__linux__)
#define _DEFAULT_SOURCE /* madvise() */
#include <sys/mman.h>
#endif
#include "base/checked.h"
#include "base/memory.h"
#include <stdlib.h>

static void *system_allocate(size_t bytes) { return calloc(1, bytes); }

static GV_MemoryHooks hooks = {system_allocate, free};

void gv_memory_set_hooks(const GV_MemoryHooks *wanted)
{
    hooks = wanted ? *wanted : (GV_MemoryHooks){system_allocate, free};
}

/* Count `bytes` before they exist, so that two threads cannot pass the limit together. */
static bool account(GV_Heap *heap, size_t bytes)
{
    if (!heap) return true;
    size_t limit = atomic_load_explicit(&heap->limit_bytes, memory_order_relaxed);
    size_t before = atomic_fetch_add_explicit(&heap->used_bytes, bytes, memory_order_relaxed);
    if (limit == 0 || (before <= limit && bytes <= limit - before)) return true;
    atomic_fetch_sub_explicit(&heap->used_bytes, bytes, memory_order_relaxed);
    gv_fail(GV_ERR_LIMIT, "memory limit: %zu bytes in use, %zu more needed, max_memory_bytes is %zu", before, bytes,
            limit);
    return false;
}

static void unaccount(GV_Heap *heap, size_t bytes)
{
    if (heap) atomic_fetch_sub_explicit(&heap->used_bytes, bytes, memory_order_relaxed);
}

void *gv_alloc(GV_Heap *heap, size_t bytes)
{
    if (!account(heap, bytes)) return NULL;
    void *memory = hooks.allocate(bytes ? bytes : 1);
    if (!memory) {
        unaccount(heap, bytes);
        gv_fail(GV_ERR_NO_MEMORY, "out of memory: %zu bytes", bytes);
    }
    return memory;
}

void gv_release(GV_Heap *heap, void *memory, size_t bytes)
{
    if (!memory) return;
    hooks.release(memory);
    unaccount(heap, bytes);
}

/* One line more than asked for; the word before the aligned address remembers the real one. */
void *gv_alloc_lines(GV_Heap *heap, size_t bytes)
{
    size_t padded;
    if (!gv_add_size(bytes, GV_CACHE_LINE + sizeof(void *), &padded)) {
        gv_fail(GV_ERR_NO_MEMORY, "out of memory: %zu bytes", bytes);
        return NULL;
    }
    uint8_t *raw = gv_alloc(heap, padded);
    if (!raw) return NULL;
    uintptr_t at = ((uintptr_t)raw + sizeof(void *) + GV_CACHE_LINE - 1) & ~(uintptr_t)(GV_CACHE_LINE - 1);
    void **aligned = (void **)at;
    aligned[-1] = raw;
    return aligned;
}

void gv_release_lines(GV_Heap *heap, void *memory, size_t bytes)
{
    if (memory) gv_release(heap, ((void **)memory)[-1], bytes + GV_CACHE_LINE + sizeof(void *));
}

void gv_advise_huge_pages(void *memory, size_t bytes)
{
#if defined(MADV_HUGEPAGE)
    const uintptr_t page = (uintptr_t)1 << 21, from = ((uintptr_t)memory + page - 1) & ~(page - 1);
    const uintptr_t to = ((uintptr_t)memory + bytes) & ~(page - 1);
    if (to > from) (void)madvise((void *)from, to - from, MADV_HUGEPAGE);
#else
    (void)memory, (void)bytes;
#endif
}

void *gv_alloc_array(GV_Heap *heap, size_t count, size_t size)
{
    size_t bytes;
    if (!gv_mul_size(count, size, &bytes)) {
        gv_fail(GV_ERR_NO_MEMORY, "out of memory: %zu elements of %zu bytes", count, size);
        return NULL;
    }
    return gv_alloc(heap, bytes);
}

void gv_free(void *memory)
{
    if (memory) hooks.release(memory);
}
