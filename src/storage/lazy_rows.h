/* lazy_rows.h: which blocks of the rows in a mapped file have been verified. */
#ifndef GV_LAZY_ROWS_H
#define GV_LAZY_ROWS_H
#include "storage/image.h"

typedef struct GV_LazyRows GV_LazyRows;

/* Watch over the rows of `section`, `stride` bytes each; the image, its map and its checksums must outlive it. On failure
 * `*out` may be part-made: free it all the same. */
GV_Status gv_lazy_rows_new(GV_Heap *heap, const GV_Image *image, const GV_Section *section, size_t stride,
                           GV_LazyRows **out);
void gv_lazy_rows_free(GV_LazyRows *lazy, GV_Heap *heap);

/* Verify the blocks that hold the row at its first touch. GV_ERR_CORRUPT names the offset. Any number of threads. */
GV_Status gv_lazy_rows_touch(GV_LazyRows *lazy, uint32_t slot);

#endif
