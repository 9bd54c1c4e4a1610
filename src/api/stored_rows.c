/* stored_rows.c: see stored_rows.h. */
#include "api/stored_rows.h"
#include <float.h>

GV_Status gv_stored_rows_new(GV_Database *db, const GV_Table *table, const float *vectors, size_t count,
                             GV_StoredRows *rows)
{
    *rows = (GV_StoredRows){.rows = (const uint8_t *)vectors, .row_bytes = table->row_bytes, .count = count};
    rows->storage = table->storage;
    rows->coded = gv_table_is_coded(table) ? table->coded : NULL;
    rows->room_floats = gv_table_room(table);
    if (rows->room_floats == 0) return GV_OK;
    rows->made = gv_alloc_array(&db->scratch, count, rows->row_bytes);
    rows->room = gv_alloc_array(&db->scratch, rows->room_floats, sizeof *rows->room);
    rows->rows = rows->made;
    if (!rows->made || !rows->room) return gv_last_status();
    return rows->coded && vectors ? rows->coded->encode(rows->coded->owner, vectors, count, rows->made) : GV_OK;
}

void gv_stored_rows_free(GV_Database *db, GV_StoredRows *rows)
{
    gv_release(&db->scratch, rows->made, rows->count * rows->row_bytes);
    gv_release(&db->scratch, rows->room, rows->room_floats * sizeof *rows->room);
    *rows = (GV_StoredRows){0};
}

static GV_Status store_row(GV_StoredRows *rows, size_t index, const float *vector, size_t n, uint64_t number)
{
    uint8_t *row = rows->made + index * rows->row_bytes;
    for (size_t i = 0; i < n; i++)
        if (!gv_storage_holds(rows->storage, vector[i]))
            return gv_fail(GV_ERR_ARGUMENT, "vector %llu: component %zu is beyond 65504, the most that F16 has",
                           (unsigned long long)number, i);
    gv_store_row(rows->storage, vector, n, row);
    gv_widen_row(rows->storage, row, n, rows->room);
    return GV_OK;
}

GV_Status gv_stored_rows_put(GV_Database *db, GV_StoredRows *rows, size_t index, const float *vector, uint64_t number,
                             float *norm)
{
    size_t n = db->dimension;
    if (!rows->made) return GV_OK;
    if (rows->coded) rows->coded->widen(rows->coded->owner, rows->made + index * rows->row_bytes, rows->room);
    else GV_TRY(store_row(rows, index, vector, n, number));
    *norm = db->kernels->dot(rows->room, rows->room, n);
    if (*norm <= FLT_MAX) return GV_OK;
    return gv_fail(GV_ERR_ARGUMENT, "vector %llu: its squared norm, once stored, is too large for a 32-bit float",
                   (unsigned long long)number);
}
