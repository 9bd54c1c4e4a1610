/* coded_rows.h: rows that are kept as codes, by the index that makes these: their table has no vectors. The floats that a code stands for
 * *are* the row. A *coded row* is its bytes wherever a row is written: into the log, and on the way into the index. */
#ifndef GV_CODED_ROWS_H
#define GV_CODED_ROWS_H
#include "base/status.h"
#include <stdbool.h>
#include <stddef.h>

enum {
    GV_CODED_ROW_MAX = 2048 /* bytes */
};

typedef struct GV_CodedRows { /* what a table asks of the index */
    void *owner;              /* that */
    size_t row_bytes;         /* of a coded row, at most GV_CODED_ROW_MAX; equal rows have equal ones */
    size_t room;              /* floats that widening one writes, of which the first `dimension` are the row */

    /* rows[count] coded rows of vectors[count, dimension]. By the writer; may run out of memory. */
    GV_Status (*encode)(void *owner, const float *vectors, size_t count, uint8_t *rows);

    /* May these bytes, which come from a file, be a coded row? */
    bool (*is_row)(const void *owner, const uint8_t *row);
    void (*widen)(const void *owner, const uint8_t *row, float *room);

    /* The row of a slot goes into the index, before any step says so (index.h), under the write lock. Memory has been reserved. */
    void (*place)(void *owner, uint32_t slot, const uint8_t *row);

    /* The coded row of a slot that has one: of a live row, or a staged one. */
    void (*read)(const void *owner, uint32_t slot, uint8_t *row);
} GV_CodedRows;

/* The floats of a slot's row, in `room`. */
const float *gv_coded_floats(const GV_CodedRows *coded, uint32_t slot, float *room);

/* Is `row` the coded row of this slot? */
bool gv_coded_equals(const GV_CodedRows *coded, uint32_t slot, const void *row);

#endif
