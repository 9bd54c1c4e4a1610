/* slab.h: an array of fixed-stride elements in chunks, so that growth copies nothing and moves nothing.
 *
 * One writer grows it while readers read: the table of chunks is replaced by a longer one in one store, and old
 * tables are kept until the slab is freed (together they are no longer than the newest). Chunks may be borrowed
 * from a mapped file. */
#ifndef GV_SLAB_H
#define GV_SLAB_H
#include "base/memory.h"

typedef struct GV_SlabTable {
    struct GV_SlabTable *older;
    size_t capacity;
    uint8_t *chunks[]; /* [capacity]; NULL past the last chunk */
} GV_SlabTable;

typedef struct GV_SlabBlock { /* chunks that were needed together lie together: on huge pages, where there are any */
    struct GV_SlabBlock *next;
    uint8_t *memory;
    size_t bytes;
} GV_SlabBlock;

typedef struct GV_Slab {
    GV_Heap *heap;
    size_t stride;      /* bytes an element */
    size_t chunk_count; /* chunks there are */
    uint32_t shift;     /* log2 of the elements a chunk */
    GV_SlabBlock *blocks;
    _Atomic(GV_SlabTable *) table;
} GV_Slab;

/* An empty slab of `stride`-byte elements in chunks of about `chunk_bytes`. Allocates nothing. */
void gv_slab_init(GV_Slab *slab, GV_Heap *heap, size_t stride, size_t chunk_bytes);

/* Room for `count` elements; new ones are zero. Readers go on meanwhile. */
GV_Status gv_slab_reserve(GV_Slab *slab, size_t count);

/* Begin an empty slab with the `count` elements at `base`, left where they are; a last chunk that would not be full
 * is copied, so that elements may be appended. `base` must be writable and outlive the slab. */
GV_Status gv_slab_borrow(GV_Slab *slab, void *base, size_t count);

void gv_slab_free(GV_Slab *slab);

static inline size_t gv_slab_chunk_elements(const GV_Slab *slab) { return (size_t)1 << slab->shift; }

/* What is needed to reach the elements there are, held in registers by a loop that reads many; good for as long as the
 * slab is not freed. */
typedef struct GV_SlabView {
    uint8_t *const *chunks;
    size_t stride, mask;
    uint32_t shift;
} GV_SlabView;

static inline GV_SlabView gv_slab_view(const GV_Slab *slab)
{
    GV_SlabTable *table = atomic_load_explicit(&slab->table, memory_order_acquire);
    return (GV_SlabView){table ? table->chunks : NULL, slab->stride, ((size_t)1 << slab->shift) - 1, slab->shift};
}

static inline void *gv_view_at(const GV_SlabView *view, size_t i)
{
    return view->chunks[i >> view->shift] + (i & view->mask) * view->stride;
}

/* Element `i`, which must be within what was reserved. */
static inline void *gv_slab_at(const GV_Slab *slab, size_t i)
{
    GV_SlabTable *table = atomic_load_explicit(&slab->table, memory_order_acquire);
    return table->chunks[i >> slab->shift] + (i & (((size_t)1 << slab->shift) - 1)) * slab->stride;
}

#endif
