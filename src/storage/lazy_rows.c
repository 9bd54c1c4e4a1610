/* lazy_rows.c: rows left in a mapped file: each block is verified when it is first touched. */
#include "storage/lazy_rows.h"
#include "base/crc32c.h"

struct GV_LazyRows {
    const uint8_t *rows;   /* the section, in the mapping */
    uint64_t offset, size; /* of the section */
    size_t stride, block_count;
    const uint32_t *checksums; /* the image's */
    _Atomic uint8_t *state;    /* a block: 0 not looked at, 1 good */
};

GV_Status gv_lazy_rows_new(GV_Heap *heap, const GV_Image *image, const GV_Section *section, size_t stride,
                           GV_LazyRows **out)
{
    GV_LazyRows *lazy = *out = gv_alloc(heap, sizeof *lazy);
    if (!lazy) return gv_last_status();
    *lazy = (GV_LazyRows){.rows = image->map + section->offset,
                          .offset = section->offset,
                          .size = section->size,
                          .stride = stride,
                          .block_count = (size_t)gv_block_count(section->size),
                          .checksums = image->checksums + section->first_block};
    lazy->state = gv_alloc(heap, lazy->block_count);
    return lazy->state ? GV_OK : gv_last_status();
}

static GV_Status touch_block(GV_LazyRows *lazy, size_t block)
{
    if (atomic_load_explicit(&lazy->state[block], memory_order_relaxed)) return GV_OK;
    uint64_t from = (uint64_t)block * GV_BLOCK_BYTES, rest = lazy->size - from;
    size_t size = rest < GV_BLOCK_BYTES ? (size_t)rest : GV_BLOCK_BYTES;
    if (gv_crc32c(0, lazy->rows + from, size) != lazy->checksums[block])
        return gv_fail(GV_ERR_CORRUPT, "section %d: the block at offset %llu does not match its checksum",
                       GV_SECTION_ROWS, (unsigned long long)(lazy->offset + from));
    atomic_store_explicit(&lazy->state[block], 1, memory_order_relaxed);
    return GV_OK;
}

GV_Status gv_lazy_rows_touch(GV_LazyRows *lazy, uint32_t slot)
{
    uint64_t from = (uint64_t)slot * lazy->stride;
    if (from >= lazy->size) return GV_OK; /* added since the image was made: in memory */
    for (uint64_t block = from / GV_BLOCK_BYTES; block <= (from + lazy->stride - 1) / GV_BLOCK_BYTES; block++)
        GV_TRY(touch_block(lazy, (size_t)block));
    return GV_OK;
}

void gv_lazy_rows_free(GV_LazyRows *lazy, GV_Heap *heap)
{
    if (!lazy) return;
    gv_release(heap, (void *)(uintptr_t)lazy->state, lazy->block_count);
    gv_release(heap, lazy, sizeof *lazy);
}
