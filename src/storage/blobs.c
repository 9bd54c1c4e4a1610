/* blobs.c: pieces of bytes by slot, in memory and in the image. */
#include "storage/blobs.h"
#include "base/idmap.h"
#include "storage/lazy_section.h"

enum {
    CHUNK_BYTES = 1 << 14
};

void gv_blobs_init(GV_Blobs *b, GV_Heap *heap) { gv_slab_init(&b->at, heap, sizeof(uint8_t *), CHUNK_BYTES); }

uint8_t *gv_blob_new(GV_Heap *heap, size_t size)
{
    uint8_t *stored = gv_alloc(heap, size + 4);
    if (stored) gv_put_u32(stored, (uint32_t)size);
    return stored;
}

uint8_t *gv_blob_copy(GV_Heap *heap, const uint8_t *bytes, size_t size)
{
    uint8_t *stored = gv_blob_new(heap, size);
    if (stored && size > 0) memcpy(stored + 4, bytes, size);
    return stored;
}

void gv_blob_free(const GV_Blobs *b, GV_Heap *heap, const uint8_t *stored)
{
    uintptr_t at = (uintptr_t)stored, base = (uintptr_t)b->base;
    if (!stored || (at >= base && at - base < b->base_bytes)) return;
    gv_release(heap, (void *)at, (size_t)gv_get_u32(stored) + 4);
}

void gv_blobs_free(GV_Blobs *b, GV_Heap *heap, uint32_t slot_count)
{
    for (uint32_t slot = 0; slot < slot_count && slot >> b->at.shift < b->at.chunk_count; slot++)
        gv_blob_free(b, heap, *gv_blob_at(b, slot));
    if (!b->borrowed) gv_release(heap, b->base, b->base_bytes);
    gv_slab_free(&b->at);
}

/* ---- the image ---- */

GV_Status gv_blobs_save(const GV_Blobs *b, GV_ImageWriter *w, uint32_t slot_count, GV_SectionType at,
                        GV_SectionType bytes)
{
    uint64_t offset = 0;
    size_t size;
    GV_TRY(gv_image_section(w, at));
    for (uint32_t slot = 0; slot < slot_count; slot++) {
        uint8_t place[8];
        bool has = gv_blob(b, slot, &size);
        gv_put_u64(place, has ? offset + 1 : 0);
        GV_TRY(gv_image_put(w, place, sizeof place));
        if (has) offset += size + 4;
    }
    GV_TRY(gv_image_section(w, bytes));
    for (uint32_t slot = 0; slot < slot_count; slot++) {
        const uint8_t *packed = gv_blob(b, slot, &size);
        if (packed) GV_TRY(gv_image_put(w, packed - 4, size + 4));
    }
    return GV_OK;
}

/* The whole section in one piece: read, or in the mapping once verified. */
static GV_Status load_bytes(GV_Blobs *b, GV_Heap *heap, GV_Image *image, const GV_Section *section)
{
    if (section->size > SIZE_MAX / 2)
        return gv_fail(GV_ERR_NO_MEMORY, "a section of %llu bytes", (unsigned long long)section->size);
    b->base_bytes = (size_t)section->size;
    if (image->map && section->offset + section->size <= image->map_size) {
        b->borrowed = true;
        b->base = image->map + section->offset;
        return gv_image_verify(image, section);
    }
    b->base = gv_alloc(heap, b->base_bytes);
    if (!b->base) {
        b->base_bytes = 0;
        return gv_last_status();
    }
    return gv_image_read(image, section, 0, b->base, b->base_bytes);
}

GV_Status gv_blobs_load(GV_Blobs *b, GV_Heap *heap, GV_Image *image, GV_SectionType at, GV_SectionType bytes,
                        const GV_Slab *ids, uint32_t slot_count)
{
    const GV_Section *section = gv_image_find(image, bytes);
    if (!gv_image_find(image, at) || !section)
        return gv_fail(GV_ERR_CORRUPT, "the file has no sections %d and %d", at, bytes);
    GV_Slab offsets;
    gv_slab_init(&offsets, heap, sizeof(uint64_t), CHUNK_BYTES);
    GV_Status status = gv_mapped_load_slab(image, at, &offsets, slot_count);
    if (status == GV_OK) status = gv_slab_reserve(&b->at, slot_count);
    if (status == GV_OK) status = load_bytes(b, heap, image, section);
    for (uint32_t slot = 0; slot < slot_count && status == GV_OK; slot++) {
        uint64_t from = *(const uint64_t *)gv_slab_at(&offsets, slot);
        if (from == 0) continue;
        uint64_t rest = from - 1 <= section->size ? section->size - (from - 1) : 0;
        const uint8_t *stored = b->base + (rest ? from - 1 : 0);
        if (rest < 4 || gv_get_u32(stored) > rest - 4 || *(const uint64_t *)gv_slab_at(ids, slot) == GV_NO_ID)
            status = gv_fail(GV_ERR_CORRUPT, "section %d: slot %u points to offset %llu", at, slot,
                             (unsigned long long)from);
        else *gv_blob_at(b, slot) = stored;
    }
    gv_slab_free(&offsets);
    return status;
}
