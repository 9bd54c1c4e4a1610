/* blobs.h: a column of pieces of bytes, one a slot or none, each behind its size: metadata, sparse rows. */
#ifndef GV_BLOBS_H
#define GV_BLOBS_H
#include "base/bytes.h"
#include "base/slab.h"
#include "storage/image.h"

typedef struct GV_Blobs {
    GV_Slab at;    /* const uint8_t *: u32 size, and the bytes; NULL: none */
    uint8_t *base; /* those that came with the image, in one piece; not freed one by one */
    size_t base_bytes;
    bool borrowed; /* ... and it lies in the mapping */
} GV_Blobs;

void gv_blobs_init(GV_Blobs *blobs, GV_Heap *heap);
void gv_blobs_free(GV_Blobs *blobs, GV_Heap *heap, uint32_t slot_count);

static inline const uint8_t **gv_blob_at(const GV_Blobs *blobs, uint32_t slot) { return gv_slab_at(&blobs->at, slot); }

/* The bytes of a slot: NULL and 0 if it has none. */
static inline const uint8_t *gv_blob(const GV_Blobs *blobs, uint32_t slot, size_t *size)
{
    const uint8_t *stored = *gv_blob_at(blobs, slot);
    *size = stored ? gv_get_u32(stored) : 0;
    return stored ? stored + 4 : NULL;
}

/* `size` bytes as a column holds them, to be filled in, or a copy of these; NULL with a failure. */
uint8_t *gv_blob_new(GV_Heap *heap, size_t size);
uint8_t *gv_blob_copy(GV_Heap *heap, const uint8_t *bytes, size_t size);
void gv_blob_free(const GV_Blobs *blobs, GV_Heap *heap, const uint8_t *stored);

/* Both sections: where each slot's piece begins, plus 1 (u64; 0: none), and the pieces. */
GV_Status gv_blobs_save(const GV_Blobs *blobs, GV_ImageWriter *writer, uint32_t slot_count, GV_SectionType at,
                        GV_SectionType bytes);

/* Into an empty column; `ids` says which slots may have any. */
GV_Status gv_blobs_load(GV_Blobs *blobs, GV_Heap *heap, GV_Image *image, GV_SectionType at, GV_SectionType bytes,
                        const GV_Slab *ids, uint32_t slot_count);

#endif
