/* write.h: what the calls that change rows share (write.c). All but the first three run between gv_begin_write() and
 * gv_end_write(). */
#ifndef GV_WRITE_H
#define GV_WRITE_H
#include "api/stored_rows.h"

/* Rows that are written under one hold of the state lock: some microseconds' worth. `dimension` 0: of sparse ones. */
size_t gv_rows_per_step(size_t dimension);

/* A row as its record and gv_table_stage() take it: a vector as it is stored, or a blob of pairs (else NULL). */
static inline const void *gv_row_bytes(const GV_StoredRows *vectors, size_t index, const uint8_t *pairs, size_t *size)
{
    bool sparse = GV_HAS_SPARSE && pairs;
    *size = sparse ? 4 + (size_t)gv_get_u32(pairs) : vectors->row_bytes;
    return sparse ? pairs : gv_stored_row_at(vectors, index);
}

/* Check the packed metadata of row `index` of `count`, at `*at`, which moves behind its `*size` bytes. */
GV_Status gv_check_packed(const GV_PackedMetadata *packed, size_t index, size_t count, size_t *at, size_t *size);

/* GV_ERR_LIMIT unless there may be `count` rows more. */
GV_Status gv_check_room(GV_Database *db, size_t count);

GV_Status gv_find_live(GV_Database *db, uint64_t id, uint32_t *slot);

/* End a group whose records are in: on success it is as durable as was asked for. */
GV_Status gv_commit_group(GV_Database *db, GV_Status records);

typedef struct GV_Addition { /* of `count` rows: vectors, or sparse rows */
    const float *rows;       /* [count, dimension]; NULL where rows are sparse */
    const GV_SparseRows *sparse;
    size_t count;
    const GV_PackedMetadata *packed;
    float *norms;         /* [count] */
    uint32_t *slots;      /* [count] */
    uint8_t **metadata;   /* [count], of the table's heap; NULL once the table owns them */
    uint8_t **pairs;      /* the same where rows are sparse; else all NULL */
    GV_StoredRows stored; /* `rows`, where they are vectors */
} GV_Addition;

/* Add the rows of `addition`, whose first four members are set. */
GV_Status gv_add_rows(GV_Database *db, GV_Addition *addition, uint64_t *ids);

/* A vector, or the pairs `pairs` in its place, which are taken over, goes into the place of row `id`. */
GV_Status gv_update_row(GV_Database *db, uint64_t id, const float *vector, uint8_t *pairs, float norm);

/* Row `index` of sparse rows: checked, with its squared norm. */
GV_Status gv_check_sparse(const GV_Database *db, const GV_SparseRows *rows, size_t index, float *norm);

/* The database has sparse rows, and these are well shaped, whatever they hold. */
GV_Status gv_check_shape(const GV_Database *db, const GV_SparseRows *rows);

/* Are they the pairs of this slot? */
bool gv_pairs_equal(const GV_Table *table, uint32_t slot, const GV_SparseRows *rows, size_t index);

/* As a blob of the table; NULL with a failure. */
uint8_t *gv_pairs_new(GV_Database *db, const GV_SparseRows *rows, size_t index);

/* Delete these rows, all or none. `slots[2 * count]` is room to work in. */
GV_Status gv_delete_rows(GV_Database *db, const uint64_t *ids, size_t count, uint32_t *slots);

#endif
