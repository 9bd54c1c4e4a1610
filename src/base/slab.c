/* slab.c: growth of chunked arrays. */
#include "base/slab.h"
#include "base/checked.h"
#include <string.h>

enum {
    BLOCK_BYTES_MAX = 1 << 26 /* a larger piece may not be had in one */
};

void gv_slab_init(GV_Slab *slab, GV_Heap *heap, size_t stride, size_t chunk_bytes)
{
    memset(slab, 0, sizeof *slab);
    slab->heap = heap;
    slab->stride = stride;
    slab->shift = 4;
    while (slab->shift < 20 && ((size_t)2 << slab->shift) * stride <= chunk_bytes) slab->shift++;
}

static size_t table_bytes(size_t capacity) { return sizeof(GV_SlabTable) + capacity * sizeof(uint8_t *); }

static GV_Status grow_table(GV_Slab *slab, size_t chunk_count)
{
    GV_SlabTable *old = atomic_load_explicit(&slab->table, memory_order_relaxed);
    if (old && chunk_count <= old->capacity) return GV_OK;
    size_t capacity = old ? old->capacity : 8;
    while (capacity < chunk_count) capacity *= 2;
    GV_SlabTable *table = gv_alloc(slab->heap, table_bytes(capacity));
    if (!table) return gv_last_status();
    table->older = old;
    table->capacity = capacity;
    if (old) memcpy(table->chunks, old->chunks, slab->chunk_count * sizeof *table->chunks);
    atomic_store_explicit(&slab->table, table, memory_order_release);
    return GV_OK;
}

static GV_Status add_block(GV_Slab *slab, size_t chunk_count, size_t chunk_bytes)
{
    GV_SlabBlock *block = gv_alloc(slab->heap, sizeof *block);
    if (!block) return gv_last_status();
    block->bytes = chunk_count * chunk_bytes;
    block->memory = gv_alloc_lines(slab->heap, block->bytes);
    if (!block->memory) {
        gv_release(slab->heap, block, sizeof *block);
        return gv_last_status();
    }
    gv_advise_huge_pages(block->memory, block->bytes);
    block->next = slab->blocks;
    slab->blocks = block;
    GV_SlabTable *table = atomic_load_explicit(&slab->table, memory_order_relaxed);
    for (size_t i = 0; i < chunk_count; i++) table->chunks[slab->chunk_count++] = block->memory + i * chunk_bytes;
    return GV_OK;
}

GV_Status gv_slab_reserve(GV_Slab *slab, size_t count)
{
    size_t elements = gv_slab_chunk_elements(slab), bytes;
    size_t needed = count / elements + (count % elements != 0);
    if (needed <= slab->chunk_count) return GV_OK;
    if (!gv_mul_size(elements, slab->stride, &bytes) || needed > SIZE_MAX / 64)
        return gv_fail(GV_ERR_NO_MEMORY, "out of memory: %zu elements of %zu bytes", count, slab->stride);
    GV_TRY(grow_table(slab, needed));
    while (slab->chunk_count < needed) {
        size_t most = bytes < BLOCK_BYTES_MAX ? BLOCK_BYTES_MAX / bytes : 1, missing = needed - slab->chunk_count;
        GV_TRY(add_block(slab, missing < most ? missing : most, bytes));
    }
    return GV_OK;
}

GV_Status gv_slab_borrow(GV_Slab *slab, void *base, size_t count)
{
    size_t elements = gv_slab_chunk_elements(slab), whole = count / elements, rest = count % elements;
    GV_TRY(grow_table(slab, whole + 1));
    GV_SlabTable *table = atomic_load_explicit(&slab->table, memory_order_relaxed);
    for (size_t i = 0; i < whole; i++) table->chunks[i] = (uint8_t *)base + i * elements * slab->stride;
    slab->chunk_count = whole;
    if (rest == 0) return GV_OK;
    GV_TRY(gv_slab_reserve(slab, count));
    memcpy(table->chunks[whole], (uint8_t *)base + whole * elements * slab->stride, rest * slab->stride);
    return GV_OK;
}

void gv_slab_free(GV_Slab *slab)
{
    GV_SlabTable *table = atomic_load_explicit(&slab->table, memory_order_relaxed);
    while (slab->blocks) {
        GV_SlabBlock *block = slab->blocks;
        slab->blocks = block->next;
        gv_release_lines(slab->heap, block->memory, block->bytes);
        gv_release(slab->heap, block, sizeof *block);
    }
    while (table) {
        GV_SlabTable *older = table->older;
        gv_release(slab->heap, table, table_bytes(table->capacity));
        table = older;
    }
    atomic_store_explicit(&slab->table, NULL, memory_order_relaxed);
    slab->chunk_count = 0;
}
