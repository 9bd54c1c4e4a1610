/* copied_rows.c: see copied_rows.h. */
#include "api/copied_rows.h"

enum {
    BATCH_ROWS = 4096, /* at most, and in bytes; but one row at least */
    BATCH_BYTES = 1 << 22
};

/* Vectors become codes: some at once, on all threads. */
static bool encodes(const GV_CopiedRows *rows) { return gv_table_is_coded(rows->to) && !gv_table_is_coded(rows->from); }

GV_Status gv_copied_rows_new(GV_Database *db, const GV_Table *from, const GV_Table *to, const uint64_t *ids,
                             size_t count, GV_CopiedRows *rows)
{
    size_t dimension = from->dimension;
    *rows = (GV_CopiedRows){.db = db, .from = from, .to = to, .ids = ids, .count = count, .batch = 1};
    GV_TRY(gv_room_new(from, &db->scratch, &rows->room));
    if (encodes(rows)) {
        rows->batch = BATCH_BYTES / (dimension * sizeof(float));
        if (rows->batch > BATCH_ROWS) rows->batch = BATCH_ROWS;
        if (rows->batch > count) rows->batch = count;
        if (rows->batch < 1) rows->batch = 1;
        rows->vectors = gv_alloc_array(&db->scratch, rows->batch * dimension, sizeof *rows->vectors);
        if (!rows->vectors) return gv_last_status();
    }
    return gv_stored_rows_new(db, to, NULL, rows->batch, &rows->stored);
}

void gv_copied_rows_free(GV_CopiedRows *rows)
{
    GV_Heap *scratch = &rows->db->scratch;
    gv_stored_rows_free(rows->db, &rows->stored);
    if (rows->vectors) gv_release(scratch, rows->vectors, rows->batch * rows->from->dimension * sizeof *rows->vectors);
    gv_room_free(rows->from, scratch, rows->room);
}

/* Those from row `i` on. */
static GV_Status encode_batch(GV_CopiedRows *rows, size_t i)
{
    size_t n = rows->from->dimension, some = rows->count - i < rows->batch ? rows->count - i : rows->batch;
    for (size_t j = 0; j < some; j++) {
        uint32_t slot = gv_table_find(rows->from, rows->ids[i + j]);
        memcpy(rows->vectors + j * n, gv_table_floats(rows->from, slot, rows->room), n * sizeof(float));
    }
    const GV_CodedRows *coded = rows->to->coded;
    return coded->encode(coded->owner, rows->vectors, some, rows->stored.made);
}

static GV_Status encoded_row(GV_CopiedRows *rows, size_t i, const void **row, float *norm)
{
    size_t at = i % rows->batch;
    if (at == 0) GV_TRY(encode_batch(rows, i));
    *row = gv_stored_row_at(&rows->stored, at);
    return gv_stored_rows_put(rows->db, &rows->stored, at, NULL, rows->ids[i], norm);
}

GV_Status gv_copied_row(GV_CopiedRows *rows, size_t i, uint32_t slot, const void **row, float *norm)
{
    const GV_Table *from = rows->from;
    if (encodes(rows)) return encoded_row(rows, i, row, norm);
    *row = rows->stored.made;
    if (gv_table_is_coded(rows->to)) { /* by the same model: the code is the row */
        from->coded->read(from->coded->owner, slot, rows->stored.made);
        return GV_OK;
    }
    if (!gv_table_is_coded(from) && from->storage == rows->to->storage) {
        *row = gv_table_row(from, slot);
        return GV_OK;
    }
    const float *floats = gv_table_floats(from, slot, rows->room);
    if (!rows->stored.made) *row = floats;
    return gv_stored_rows_put(rows->db, &rows->stored, 0, floats, gv_table_id(from, slot), norm);
}
