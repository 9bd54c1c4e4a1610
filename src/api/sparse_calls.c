/* sparse_calls.c: the calls that bring sparse rows in, and search by them. The small WebAssembly module cannot open a database of such rows
 * (index/index_list.c), and has of these calls the names only. */
#include "api/find.h"
#include "api/write.h"
#include <string.h>

GV_Status gv_refuse_sparse(void) { return gv_fail(GV_ERR_UNSUPPORTED, "sparse rows need gigavector.all.wasm"); }

#if GV_HAS_SPARSE

/* ---- checks ---- */

static GV_Status check_sparse_database(const GV_Database *db)
{
    if (db->is_sparse) return GV_OK;
    return gv_fail(GV_ERR_ARGUMENT, "the database has vectors, not (index, value) pairs: its index is not SPARSE");
}

GV_Status gv_check_shape(const GV_Database *db, const GV_SparseRows *rows)
{
    GV_TRY(check_sparse_database(db));
    if (rows->count > 0 && !rows->starts) return gv_fail(GV_ERR_ARGUMENT, "sparse rows: starts is NULL");
    for (size_t i = 0; i < rows->count; i++)
        if (rows->starts[i] > rows->starts[i + 1] || rows->starts[i + 1] > SIZE_MAX / 8)
            return gv_fail(GV_ERR_ARGUMENT, "sparse rows: row %zu goes from pair %llu to %llu", i,
                           (unsigned long long)rows->starts[i], (unsigned long long)rows->starts[i + 1]);
    if (rows->count == 0 || rows->starts[rows->count] == 0 || (rows->indices && rows->values)) return GV_OK;
    return gv_fail(GV_ERR_ARGUMENT, "sparse rows: indices or values is NULL");
}

static GV_SparseRow row_at(const GV_SparseRows *rows, size_t index)
{
    size_t start = (size_t)rows->starts[index], count = (size_t)(rows->starts[index + 1] - rows->starts[index]);
    return count > 0 ? (GV_SparseRow){rows->indices + start, rows->values + start, count} : (GV_SparseRow){0};
}

GV_Status gv_check_sparse(const GV_Database *db, const GV_SparseRows *rows, size_t index, float *norm)
{
    GV_SparseRow row = row_at(rows, index);
    return gv_sparse_check(&row, db->dimension, index, norm);
}

uint8_t *gv_pairs_new(GV_Database *db, const GV_SparseRows *rows, size_t index)
{
    GV_SparseRow row = row_at(rows, index);
    uint8_t *blob = gv_blob_new(db->store->table.heap, row.count * 8);
    if (!blob || row.count == 0) return blob;
    memcpy(blob + 4, row.indices, row.count * sizeof *row.indices);
    memcpy(blob + 4 + row.count * sizeof *row.indices, row.values, row.count * sizeof *row.values);
    return blob;
}

bool gv_pairs_equal(const GV_Table *table, uint32_t slot, const GV_SparseRows *rows, size_t index)
{
    GV_SparseRow stored = gv_table_pairs(table, slot), row = row_at(rows, index);
    if (stored.count != row.count) return false;
    return row.count == 0 || (memcmp(stored.indices, row.indices, row.count * sizeof *row.indices) == 0 &&
                              memcmp(stored.values, row.values, row.count * sizeof *row.values) == 0);
}

/* ---- writing ---- */

GV_Status gv_db_add_sparse(GV_Database *db, const GV_SparseRows *rows, const GV_PackedMetadata *metadata, uint64_t *ids)
{
    if (!rows) return gv_fail(GV_ERR_ARGUMENT, "rows is NULL");
    GV_Addition addition = {.sparse = rows, .count = rows->count, .packed = metadata};
    GV_TRY(gv_enter_writer(db));
    GV_Status status = gv_check_shape(db, rows);
    if (status == GV_OK) status = gv_add_rows(db, &addition, ids);
    gv_count_call(&db->counters, GV_CALL_ADD, status);
    gv_leave(db);
    return status;
}

static GV_Status update_sparse(GV_Database *db, uint64_t id, const GV_SparseRows *row)
{
    float norm;
    GV_TRY(gv_check_shape(db, row));
    GV_TRY(gv_check_sparse(db, row, 0, &norm));
    GV_TRY(gv_begin_write(db));
    uint8_t *pairs = gv_pairs_new(db, row, 0);
    GV_Status status = pairs ? gv_update_row(db, id, NULL, pairs, norm) : gv_last_status();
    gv_end_write(db);
    return status;
}

GV_Status gv_db_update_sparse(GV_Database *db, uint64_t id, const uint32_t *indices, const float *values, size_t count)
{
    const uint64_t starts[2] = {0, count};
    GV_SparseRows row = {.count = 1, .starts = starts, .indices = indices, .values = values};
    GV_TRY(gv_enter_writer(db));
    GV_Status status = update_sparse(db, id, &row);
    gv_count_call(&db->counters, GV_CALL_UPDATE, status);
    gv_leave(db);
    return status;
}

/* ---- searching ---- */

GV_Status gv_check_queries(const GV_Database *db, const GV_SparseRows *rows, size_t count)
{
    GV_TRY(gv_check_shape(db, rows));
    if (rows->count == count) return GV_OK;
    return gv_fail(GV_ERR_ARGUMENT, "options.sparse has %zu rows, expected %zu: one for each query", rows->count,
                   count);
}

GV_Status gv_sparse_question(const GV_Database *db, const GV_Search *search, const GV_SparseRows *rows, size_t index,
                             GV_Question *question)
{
    int32_t asked = search->options.distance;
    GV_TRY(gv_check_sparse_distance(asked < 0 ? db->store->settings.distance : (GV_DistanceType)asked));
    question->vector = NULL;
    question->pairs = row_at(rows, index);
    return gv_check_sparse(db, rows, index, &question->squared_norm);
}

static GV_Status near_pairs(GV_Database *db, const GV_Search *search, const void *asked, GV_Workspace **space,
                            GV_Rows **out)
{
    const GV_SparseRows *query = asked;
    GV_Question question;
    size_t count;
    GV_TRY(gv_check_shape(db, query));
    GV_TRY(gv_sparse_question(db, search, query, 0, &question));
    GV_TRY(gv_search_question(db, search, &question, space, &count));
    return gv_rows_of_space(db, search, *space, count, out);
}

GV_Status gv_db_search_sparse(GV_Database *db, const uint32_t *indices, const float *values, size_t count, size_t k,
                              const GV_SearchOptions *options, GV_Rows **out)
{
    const uint64_t starts[2] = {0, count};
    GV_SparseRows query = {.count = 1, .starts = starts, .indices = indices, .values = values};
    if (!out) return gv_fail(GV_ERR_ARGUMENT, "out is NULL");
    *out = NULL;
    return gv_answer_rows(db, options, k, near_pairs, &query, out);
}

#else

GV_Status gv_db_add_sparse(GV_Database *db, const GV_SparseRows *rows, const GV_PackedMetadata *metadata, uint64_t *ids)
{
    (void)db, (void)rows, (void)metadata, (void)ids;
    return gv_refuse_sparse();
}

GV_Status gv_db_upsert_sparse(GV_Database *db, const GV_SparseRows *rows, const GV_PackedMetadata *metadata,
                              const char *key, uint64_t *ids)
{
    (void)db, (void)rows, (void)metadata, (void)key, (void)ids;
    return gv_refuse_sparse();
}

GV_Status gv_db_update_sparse(GV_Database *db, uint64_t id, const uint32_t *indices, const float *values, size_t count)
{
    (void)db, (void)id, (void)indices, (void)values, (void)count;
    return gv_refuse_sparse();
}

GV_Status gv_db_search_sparse(GV_Database *db, const uint32_t *indices, const float *values, size_t count, size_t k,
                              const GV_SearchOptions *options, GV_Rows **out)
{
    (void)db, (void)indices, (void)values, (void)count, (void)k, (void)options, (void)out;
    return gv_refuse_sparse();
}

#endif
