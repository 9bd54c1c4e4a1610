/* copied_rows.h: the rows of one table as another keeps them, for a compaction: vectors as they are, rounded, coded, or decoded. */
#ifndef GV_COPIED_ROWS_H
#define GV_COPIED_ROWS_H
#include "api/stored_rows.h"

typedef struct GV_CopiedRows {
    GV_Database *db;
    const GV_Table *from, *to;
    const uint64_t *ids; /* [count]: the rows, in the order in which they are asked for */
    size_t count;
    size_t batch;         /* rows that are coded together */
    float *vectors;       /* [batch, dimension]: those */
    float *room;          /* to widen a row of `from` */
    GV_StoredRows stored; /* the batch, or one row, as `to` keeps it */
} GV_CopiedRows;

#if GV_HAS_STORAGE
/* gv_copied_rows_free() also after a failure. Both tables stay as they are but for rows that come to `to`. */
GV_Status gv_copied_rows_new(GV_Database *db, const GV_Table *from, const GV_Table *to, const uint64_t *ids,
                             size_t count, GV_CopiedRows *rows);
void gv_copied_rows_free(GV_CopiedRows *rows);

/* Row `i`, which is at `slot` of `from`: its bytes for gv_table_stage(), until the next is asked for. `*norm` is its squared norm there,
 * and becomes that in `to`. Rows are asked for one after another. */
GV_Status gv_copied_row(GV_CopiedRows *rows, size_t i, uint32_t slot, const void **row, float *norm);

#else
static inline GV_Status gv_copied_rows_new(GV_Database *db, const GV_Table *from, const GV_Table *to,
                                           const uint64_t *ids, size_t count, GV_CopiedRows *rows)
{
    (void)db, (void)to, (void)ids, (void)count;
    rows->from = from;
    return GV_OK;
}

static inline void gv_copied_rows_free(GV_CopiedRows *rows) { (void)rows; }

static inline GV_Status gv_copied_row(GV_CopiedRows *rows, size_t i, uint32_t slot, const void **row, float *norm)
{
    (void)i, (void)norm;
    *row = gv_table_row(rows->from, slot);
    return GV_OK;
}
#endif

#endif
