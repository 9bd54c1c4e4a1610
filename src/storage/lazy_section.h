/* lazy_section.h: a section of fixed-stride elements that stays in the mapped file: each of its blocks is verified when
 * it is first touched, by whoever is about to read it. */
#ifndef GV_LAZY_SECTION_H
#define GV_LAZY_SECTION_H
#include "storage/image.h"
#include <stdatomic.h>

#ifdef __wasm__
#define GV_HAS_MAPS 0 /* no file is mapped there */
#else
#define GV_HAS_MAPS 1
#endif

typedef struct GV_LazySection {
    const uint8_t *bytes; /* in the mapping */
    GV_Section section;
    size_t stride, block_count;
    const uint32_t *checksums; /* the image's */
    GV_Heap *heap;
    _Atomic uint8_t *state; /* a block: 0 not looked at, 1 good */
} GV_LazySection;

/* Fill an empty slab with the `count` elements that the section of `type` must hold. Of an image that is mapped they stay
 * where they are, under the watch of `*out`: the image, its map and its checksums must outlive both. Of any other they
 * are read and verified, and `*out` is NULL. After a failure `*out` is to be freed all the same. */
GV_Status gv_lazy_load_slab(GV_Image *image, GV_SectionType type, GV_Slab *slab, size_t count, GV_LazySection **out);
void gv_lazy_free(GV_LazySection *lazy);

/* Watch a section of a mapped image whose size has been checked. After a failure `*out` is to be freed all the same. */
GV_Status gv_lazy_watch(const GV_Image *image, const GV_Section *section, size_t stride, GV_LazySection **out);

/* The same for a section that is read as a whole anyway: left in the mapping as well, but verified at once. */
GV_Status gv_mapped_load_slab(GV_Image *image, GV_SectionType type, GV_Slab *slab, size_t count);

/* Verify what holds elements `first` and all up to `last` of the section. GV_ERR_CORRUPT names the offset. Any number of
 * threads. Elements past the section were added since: they are in memory. */
GV_Status gv_lazy_verify(GV_LazySection *lazy, size_t first, size_t last);

/* Verify all of it. NULL: nothing is left in a mapping. */
GV_Status gv_lazy_verify_all(GV_LazySection *lazy);

/* Call before an element is read, or written over, that may not have been touched before. NULL: as above. */
static inline GV_Status gv_lazy_touch(GV_LazySection *lazy, size_t i)
{
    if (!lazy) return GV_OK;
    uint64_t from = (uint64_t)i * lazy->stride, to = from + lazy->stride - 1;
    if (to < lazy->section.size && to - from < GV_BLOCK_BYTES &&
        atomic_load_explicit(&lazy->state[from / GV_BLOCK_BYTES], memory_order_relaxed) &&
        atomic_load_explicit(&lazy->state[to / GV_BLOCK_BYTES], memory_order_relaxed))
        return GV_OK;
    return gv_lazy_verify(lazy, i, i);
}

#endif
