/* stored_rows.c: see stored_rows.h. */
#include "api/stored_rows.h"
#include <float.h>

GV_Status gv_stored_rows_new(GV_Database *db, const GV_Table *table, const float *vectors, size_t count,
                             GV_StoredRows *rows)
{
    *rows = (GV_StoredRows){.rows = (const uint8_t *)vectors, .row_bytes = table->row_bytes, .count = count};
    rows->storage = table->storage;
    if (table->storage == GV_STORAGE_F32) return GV_OK;
    rows->made = gv_alloc_array(&db->scratch, count, rows->row_bytes);
    rows->room = gv_alloc_array(&db->scratch, table->dimension, sizeof *rows->room);
    rows->rows = rows->made;
    return rows->made && rows->room ? GV_OK : gv_last_status();
}

void gv_stored_rows_free(GV_Database *db, GV_StoredRows *rows)
{
    gv_release(&db->scratch, rows->made, rows->count * rows->row_bytes);
    gv_release(&db->scratch, rows->room, db->dimension * sizeof *rows->room);
    *rows = (GV_StoredRows){0};
}

GV_Status gv_stored_rows_put(GV_Database *db, GV_StoredRows *rows, size_t index, const float *vector, uint64_t number,
                             float *norm)
{
    size_t n = db->dimension;
    if (!rows->made) return GV_OK;
    for (size_t i = 0; i < n; i++)
        if (!gv_storage_holds(rows->storage, vector[i]))
            return gv_fail(GV_ERR_ARGUMENT, "vector %llu: component %zu is beyond 65504, the most that F16 has",
                           (unsigned long long)number, i);
    uint8_t *row = rows->made + index * rows->row_bytes;
    gv_store_row(rows->storage, vector, n, row);
    gv_widen_row(rows->storage, row, n, rows->room);
    *norm = db->kernels->dot(rows->room, rows->room, n);
    if (*norm <= FLT_MAX) return GV_OK;
    return gv_fail(GV_ERR_ARGUMENT, "vector %llu: its squared norm, once stored, is too large for a 32-bit float",
                   (unsigned long long)number);
}
