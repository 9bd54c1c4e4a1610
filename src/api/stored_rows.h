/* stored_rows.h: the vectors of a write as the table keeps them (kernels/stored.h): the caller's own where that is f32. */
#ifndef GV_STORED_ROWS_H
#define GV_STORED_ROWS_H
#include "api/db.h"

typedef struct GV_StoredRows {
    const uint8_t *rows; /* [count, row_bytes] */
    size_t row_bytes, count;
    GV_Storage storage;
    const GV_CodedRows *coded; /* NULL: rows are not codes */
    uint8_t *made;             /* those rows, unless they are the caller's */
    float *room;               /* [room_floats], to widen one */
    size_t room_floats;
} GV_StoredRows;

#if GV_HAS_STORAGE
/* For `table`, by the writer, since only a writer changes the storage. Where rows are codes they are made here, of `vectors` unless that is
 * NULL. gv_stored_rows_free() also after a failure. */
GV_Status gv_stored_rows_new(GV_Database *db, const GV_Table *table, const float *vectors, size_t count,
                             GV_StoredRows *rows);
void gv_stored_rows_free(GV_Database *db, GV_StoredRows *rows);

/* Round a vector that gv_check_vector() has passed, unless they are kept as they are; `*norm` becomes that of the stored row. The
 * caller calls it vector `number`. */
GV_Status gv_stored_rows_put(GV_Database *db, GV_StoredRows *rows, size_t index, const float *vector, uint64_t number,
                             float *norm);

#else
static inline GV_Status gv_stored_rows_new(GV_Database *db, const GV_Table *table, const float *vectors, size_t count,
                                           GV_StoredRows *rows)
{
    (void)db;
    *rows = (GV_StoredRows){.rows = (const uint8_t *)vectors, .row_bytes = table->row_bytes, .count = count};
    return GV_OK;
}

static inline void gv_stored_rows_free(GV_Database *db, GV_StoredRows *rows) { (void)db, (void)rows; }

static inline GV_Status gv_stored_rows_put(GV_Database *db, GV_StoredRows *rows, size_t index, const float *vector,
                                           uint64_t number, float *norm)
{
    (void)db, (void)rows, (void)index, (void)vector, (void)number, (void)norm;
    return GV_OK;
}
#endif

static inline const void *gv_stored_row_at(const GV_StoredRows *rows, size_t index)
{
    return rows->rows + index * rows->row_bytes;
}

#endif
