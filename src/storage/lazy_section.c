/* lazy_section.c: see lazy_section.h. */
#include "storage/lazy_section.h"
#include "base/checked.h"
#include "base/crc32c.h"

GV_Status gv_lazy_watch(const GV_Image *image, const GV_Section *section, size_t stride, GV_LazySection **out)
{
    GV_LazySection *lazy = *out = gv_alloc(image->heap, sizeof *lazy);
    if (!lazy) return gv_last_status();
    *lazy = (GV_LazySection){.bytes = image->map + section->offset,
                             .section = *section,
                             .stride = stride,
                             .block_count = (size_t)gv_block_count(section->size),
                             .checksums = image->checksums + section->first_block,
                             .heap = image->heap};
    lazy->state = gv_alloc(image->heap, lazy->block_count);
    return lazy->state ? GV_OK : gv_last_status();
}

GV_Status gv_lazy_load_slab(GV_Image *image, GV_SectionType type, GV_Slab *slab, size_t count, GV_LazySection **out)
{
    *out = NULL;
    const GV_Section *section = image->map ? gv_image_find(image, type) : NULL;
    uint64_t wanted;
    if (!section || !gv_mul_u64(count, slab->stride, &wanted) || section->size != wanted ||
        section->offset + wanted > image->map_size)
        return gv_image_load_slab(image, type, slab, count); /* or its failure */
    GV_TRY(gv_lazy_watch(image, section, slab->stride, out));
    /* the last, part-filled chunk is copied by gv_slab_borrow(): now is its first touch */
    size_t whole = count & ~(gv_slab_chunk_elements(slab) - 1);
    if (whole < count) GV_TRY(gv_lazy_verify(*out, whole, count - 1));
    return gv_slab_borrow(slab, image->map + section->offset, count);
}

GV_Status gv_mapped_load_slab(GV_Image *image, GV_SectionType type, GV_Slab *slab, size_t count)
{
    GV_LazySection *lazy;
    GV_Status status = gv_lazy_load_slab(image, type, slab, count, &lazy);
    if (status == GV_OK) status = gv_lazy_verify_all(lazy);
    gv_lazy_free(lazy);
    return status;
}

static GV_Status verify_block(GV_LazySection *lazy, size_t block)
{
    if (atomic_load_explicit(&lazy->state[block], memory_order_relaxed)) return GV_OK;
    uint64_t from = (uint64_t)block * GV_BLOCK_BYTES, rest = lazy->section.size - from;
    size_t size = rest < GV_BLOCK_BYTES ? (size_t)rest : GV_BLOCK_BYTES;
    if (gv_crc32c(0, lazy->bytes + from, size) != lazy->checksums[block])
        return gv_fail(GV_ERR_CORRUPT, "section %u: the block at offset %llu does not match its checksum",
                       lazy->section.type, (unsigned long long)(lazy->section.offset + from));
    atomic_store_explicit(&lazy->state[block], 1, memory_order_relaxed);
    return GV_OK;
}

GV_Status gv_lazy_verify(GV_LazySection *lazy, size_t first, size_t last)
{
    uint64_t from = (uint64_t)first * lazy->stride, to = (uint64_t)last * lazy->stride + lazy->stride - 1;
    if (from >= lazy->section.size) return GV_OK;
    if (to >= lazy->section.size) to = lazy->section.size - 1;
    for (uint64_t block = from / GV_BLOCK_BYTES; block <= to / GV_BLOCK_BYTES; block++)
        GV_TRY(verify_block(lazy, (size_t)block));
    return GV_OK;
}

GV_Status gv_lazy_verify_all(GV_LazySection *lazy)
{
    for (size_t block = 0; lazy && block < lazy->block_count; block++) GV_TRY(verify_block(lazy, block));
    return GV_OK;
}

void gv_lazy_free(GV_LazySection *lazy)
{
    if (!lazy) return;
    gv_release(lazy->heap, (void *)(uintptr_t)lazy->state, lazy->block_count);
    gv_release(lazy->heap, lazy, sizeof *lazy);
}
