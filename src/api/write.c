/* write.c: the calls that change rows. Each checks everything, reserves all memory, appends one group to the log, syncs as
 * asked, and then applies, which cannot fail. */
#include "api/write.h"
#include "storage/metadata.h"
#include <float.h>
#include <stdlib.h>
#include <string.h>

/* ---- checks ---- */

GV_Status gv_check_dimension(const GV_Database *db, size_t dimension)
{
    if (db->is_sparse)
        return gv_fail(GV_ERR_ARGUMENT,
                       "a SPARSE database has no vectors: its rows and queries are (index, value) pairs");
    if (dimension == db->dimension) return GV_OK;
    return gv_fail(GV_ERR_ARGUMENT, "expected vector of dim %u, got %zu", db->dimension, dimension);
}

GV_Status gv_check_vector(const GV_Database *db, const float *row, size_t dimension, size_t index, float *norm)
{
    GV_TRY(gv_check_dimension(db, dimension));
    if (!row) return gv_fail(GV_ERR_ARGUMENT, "vector %zu is NULL", index);
    *norm = db->kernels->dot(row, row, dimension);
    if (*norm <= FLT_MAX) return GV_OK; /* a NaN or an infinity would show in the sum of squares */
    for (size_t i = 0; i < dimension; i++)
        if (!(row[i] >= -FLT_MAX && row[i] <= FLT_MAX))
            return gv_fail(GV_ERR_ARGUMENT, "vector %zu: component %zu is %s", index, i,
                           row[i] != row[i] ? "NaN" : "infinite");
    return gv_fail(GV_ERR_ARGUMENT, "vector %zu: its squared norm is too large for a 32-bit float", index);
}

GV_Status gv_check_packed(const GV_PackedMetadata *packed, size_t index, size_t count, size_t *at, size_t *size)
{
    *size = gv_metadata_row_size(packed->bytes + *at, packed->size_bytes - *at);
    if (*size == 0)
        return gv_fail(GV_ERR_ARGUMENT, "metadata of row %zu does not fit its %zu bytes", index, packed->size_bytes);
    GV_TRY(gv_metadata_check(packed->bytes + *at, *size, index));
    *at += *size;
    if (index < count - 1 || *at == packed->size_bytes) return GV_OK;
    return gv_fail(GV_ERR_ARGUMENT, "metadata: %zu bytes are left over behind %zu rows", packed->size_bytes - *at,
                   count);
}

GV_Status gv_check_room(GV_Database *db, size_t count)
{
    gv_mutex_lock(&db->gate);
    uint64_t most = db->limits.max_vectors;
    gv_mutex_unlock(&db->gate);
    const GV_Table *table = &db->store->table;
    if (most && (count > most || table->live_count > most - count))
        return gv_fail(GV_ERR_LIMIT, "%llu rows, %zu more asked for, max_vectors is %llu",
                       (unsigned long long)table->live_count, count, (unsigned long long)most);
    size_t used = atomic_load(&db->store->heap.used_bytes), limit = atomic_load(&db->store->heap.limit_bytes);
    if (limit && used > limit) /* set below what is in use: even a row that needs no new memory is refused */
        return gv_fail(GV_ERR_LIMIT, "memory limit: %zu bytes in use, max_memory_bytes is %zu", used, limit);
    if (count > GV_ID_MAX - table->next_id) return gv_fail(GV_ERR_LIMIT, "no ids are left for %zu rows", count);
    return GV_OK;
}

GV_Status gv_find_live(GV_Database *db, uint64_t id, uint32_t *slot)
{
    *slot = gv_table_find(&db->store->table, id);
    if (*slot != GV_NO_SLOT) return GV_OK;
    return gv_fail(GV_ERR_NOT_FOUND, "no row has id %llu", (unsigned long long)id);
}

size_t gv_rows_per_step(size_t dimension)
{
    enum {
        STEP_BYTES = 1 << 16
    };
    size_t rows = STEP_BYTES / ((dimension > 0 ? dimension : 1) * sizeof(float));
    return rows > 64 ? 64 : rows > 0 ? rows : 1;
}

static bool wants_sync(const GV_Database *db) { return db->options.durability == GV_DURABILITY_COMMIT; }

GV_Status gv_commit_group(GV_Database *db, GV_Status records)
{
    GV_Log *log = &db->store->log;
    if (!log->vfs) return GV_OK;
    if (records == GV_OK) return gv_log_commit(log, wants_sync(db));
    gv_log_abort(log);
    return records;
}

/* ---- add ---- */

static bool is_sparse(const GV_Addition *a) { return GV_HAS_SPARSE && a->sparse; }

static const void *bytes_of(const GV_Addition *a, size_t i, size_t *size)
{
    return gv_row_bytes(&a->stored, i, is_sparse(a) ? a->pairs[i] : NULL, size);
}

static GV_Status check_rows(GV_Database *db, GV_Addition *a)
{
    size_t dimension = db->dimension;
    for (size_t i = 0; i < a->count; i++) {
        if (is_sparse(a)) GV_TRY(gv_check_sparse(db, a->sparse, i, &a->norms[i]));
        else GV_TRY(gv_check_vector(db, a->rows + i * dimension, dimension, i, &a->norms[i]));
    }
    if (!a->packed) return GV_OK;
    size_t at = 0, size;
    for (size_t i = 0; i < a->count; i++) GV_TRY(gv_check_packed(a->packed, i, a->count, &at, &size));
    return GV_OK;
}

static GV_Status round_rows(GV_Database *db, GV_Addition *a)
{
    if (is_sparse(a)) return GV_OK;
    GV_TRY(gv_stored_rows_new(db, &db->store->table, a->rows, a->count, &a->stored));
    for (size_t i = 0; i < a->count && a->stored.made; i++)
        GV_TRY(gv_stored_rows_put(db, &a->stored, i, a->rows + i * db->dimension, i, &a->norms[i]));
    return GV_OK;
}

static GV_Status reserve_rows(GV_Database *db, GV_Addition *a)
{
    GV_Store *s = db->store;
    uint32_t next = 0;
    for (size_t i = 0; i < a->count; i++) {
        a->slots[i] = next = gv_table_free_slot(&s->table, next);
        if (next >= GV_SLOTS_MAX) return gv_fail(GV_ERR_LIMIT, "the format holds at most %u rows", GV_SLOTS_MAX);
        next++;
    }
    uint32_t slot_end = next > s->table.slot_count ? next : s->table.slot_count;
    bool ordered = a->slots[0] >= s->table.slot_count;
    GV_TRY(gv_store_reserve(s, slot_end, s->table.live_count + a->count, a->count, ordered, &db->state));
    for (size_t i = 0, at = 0; a->packed && i < a->count; i++) {
        const uint8_t *row = a->packed->bytes + at;
        size_t size = gv_metadata_row_size(row, a->packed->size_bytes - at);
        GV_TRY(gv_table_metadata_new(&s->table, row, size, &a->metadata[i]));
        at += size;
    }
    for (size_t i = 0; is_sparse(a) && i < a->count; i++)
        if (!(a->pairs[i] = gv_pairs_new(db, a->sparse, i))) return gv_last_status();
    return GV_OK;
}

static GV_Status log_rows(GV_Database *db, const GV_Addition *a)
{
    GV_Log *log = &db->store->log;
    if (!log->vfs) return GV_OK;
    GV_TRY(gv_log_begin(log));
    GV_Status status = GV_OK;
    for (size_t i = 0, at = 0; i < a->count && status == GV_OK; i++) {
        const uint8_t *row = a->packed ? a->packed->bytes + at : NULL;
        size_t size = a->packed ? gv_metadata_row_size(row, a->packed->size_bytes - at) : 0;
        size_t row_size;
        const void *bytes = bytes_of(a, i, &row_size);
        status = gv_record_row(log, db->store->table.next_id + i, bytes, row_size, row, size > 4 ? size : 0);
        at += size;
    }
    return gv_commit_group(db, status);
}

/* All rows are staged before any is linked, as recovery does it. Searches see them only when the last one is in. */
static void apply_rows(GV_Database *db, GV_Addition *a, uint64_t *ids)
{
    GV_Store *s = db->store;
    size_t dimension = s->table.dimension, row_size;
    uint64_t before = s->table.version;
    for (size_t i = 0, step = gv_rows_per_step(dimension); i < a->count; i++) {
        if (i % step == 0) gv_write_lock(&db->state);
        const void *row = bytes_of(a, i, &row_size);
        gv_table_stage(&s->table, a->slots[i], s->table.next_id + i, row, a->norms[i], a->metadata[i]);
        gv_table_enter(&s->table, a->slots[i]);
        if (i % step == step - 1 || i == a->count - 1) gv_write_unlock(&db->state);
        a->metadata[i] = NULL;
        if (is_sparse(a)) a->pairs[i] = NULL;
        gv_store_step(s, a->slots[i], false);
        if (ids) ids[i] = s->table.next_id + i;
    }
    gv_store_run_steps(s, 0, &db->state);
    gv_write_lock(&db->state);
    for (size_t i = 0; i < a->count; i++) gv_table_show(&s->table, a->slots[i]);
    s->table.next_id += a->count;
    gv_write_unlock(&db->state);
    gv_terms_keep_up(&s->terms, before, a->slots, a->count);
}

static GV_Status add_rows(GV_Database *db, GV_Addition *a, uint64_t *ids)
{
    GV_TRY(check_rows(db, a));
    GV_TRY(gv_begin_write(db));
    GV_Table *table = &db->store->table;
    GV_Status status = gv_check_room(db, a->count);
    if (status == GV_OK) status = round_rows(db, a);
    if (status == GV_OK) status = reserve_rows(db, a);
    if (status == GV_OK) status = log_rows(db, a);
    if (status == GV_OK) apply_rows(db, a, ids);
    for (size_t i = 0; i < a->count; i++) gv_table_metadata_free(table, a->metadata[i]);
    for (size_t i = 0; is_sparse(a) && i < a->count; i++) gv_blob_free(&table->pairs, table->heap, a->pairs[i]);
    gv_stored_rows_free(db, &a->stored);
    gv_end_write(db);
    return status;
}

GV_Status gv_add_rows(GV_Database *db, GV_Addition *a, uint64_t *ids)
{
    GV_Heap *heap = &db->scratch;
    size_t count = a->count, pairs = is_sparse(a) ? count : 0;
    GV_Status status = GV_OK;
    if (a->packed && !a->packed->bytes && a->packed->size_bytes > 0)
        return gv_fail(GV_ERR_ARGUMENT, "metadata: bytes is NULL, size_bytes %zu", a->packed->size_bytes);
    if (count == 0) return GV_OK;
    if (count > GV_SLOTS_MAX)
        return gv_fail(GV_ERR_LIMIT, "%zu rows in one call, at most %u are possible", count, GV_SLOTS_MAX);
    a->norms = gv_alloc_array(heap, count, sizeof *a->norms);
    a->slots = gv_alloc_array(heap, count, sizeof *a->slots);
    a->metadata = gv_alloc_array(heap, count, sizeof *a->metadata);
    if (pairs > 0) a->pairs = gv_alloc_array(heap, pairs, sizeof *a->pairs);
    if (!a->norms || !a->slots || !a->metadata || (pairs > 0 && !a->pairs)) status = gv_last_status();
    if (status == GV_OK) status = add_rows(db, a, ids);
    gv_release(heap, a->norms, count * sizeof *a->norms);
    gv_release(heap, a->slots, count * sizeof *a->slots);
    gv_release(heap, (void *)a->metadata, count * sizeof *a->metadata);
    gv_release(heap, (void *)a->pairs, pairs * sizeof *a->pairs);
    return status;
}

static GV_Status add_vectors(GV_Database *db, const float *rows, size_t count, size_t dimension,
                             const GV_PackedMetadata *metadata, uint64_t *ids)
{
    GV_Addition a = {.rows = rows, .count = count, .packed = metadata};
    GV_TRY(gv_check_width(db, dimension, count));
    if (count > 0 && !rows) return gv_fail(GV_ERR_ARGUMENT, "rows is NULL");
    return gv_add_rows(db, &a, ids);
}

GV_Status gv_db_add(GV_Database *db, const float *rows, size_t count, size_t dimension,
                    const GV_PackedMetadata *metadata, uint64_t *ids)
{
    GV_TRY(gv_enter_writer(db));
    GV_Status status = add_vectors(db, rows, count, dimension, metadata, ids);
    if (status == GV_OK) gv_auto_train(db);
    gv_count_call(&db->counters, GV_CALL_ADD, status);
    gv_leave(db);
    return status;
}

GV_Status gv_db_add_vector(GV_Database *db, const float *data, size_t dimension)
{
    return gv_db_add(db, data, 1, dimension, NULL, NULL);
}

GV_Status gv_db_add_vectors(GV_Database *db, const float *data, size_t count, size_t dimension)
{
    return gv_db_add(db, data, count, dimension, NULL, NULL);
}

GV_Status gv_db_add_vector_with_metadata(GV_Database *db, const float *data, size_t dimension, const char *key,
                                         const char *value)
{
    return gv_db_add_vector_with_rich_metadata(db, data, dimension, &key, &value, 1);
}

GV_Status gv_db_add_vector_with_rich_metadata(GV_Database *db, const float *data, size_t dimension,
                                              const char *const *keys, const char *const *values, size_t count)
{
    uint8_t *row;
    GV_PackedMetadata packed = {0};
    GV_TRY(gv_metadata_pack(keys, values, count, &row, &packed.size_bytes));
    packed.bytes = row;
    GV_Status status = gv_db_add(db, data, 1, dimension, &packed, NULL);
    gv_free(row);
    return status;
}

/* ---- delete ---- */

static int compare_slots(const void *a, const void *b)
{
    uint32_t x = *(const uint32_t *)a, y = *(const uint32_t *)b;
    return (x > y) - (x < y);
}

static GV_Status check_ids(GV_Database *db, const uint64_t *ids, size_t count, uint32_t *slots, uint32_t *sorted)
{
    for (size_t i = 0; i < count; i++) GV_TRY(gv_find_live(db, ids[i], &slots[i]));
    memcpy(sorted, slots, count * sizeof *sorted);
    qsort(sorted, count, sizeof *sorted, compare_slots);
    for (size_t i = 1; i < count; i++)
        if (sorted[i] == sorted[i - 1])
            return gv_fail(GV_ERR_ARGUMENT, "id %llu is listed twice",
                           (unsigned long long)gv_table_id(&db->store->table, sorted[i]));
    return GV_OK;
}

static GV_Status log_deletes(GV_Database *db, const uint64_t *ids, size_t count)
{
    GV_Log *log = &db->store->log;
    if (!log->vfs) return GV_OK;
    GV_TRY(gv_log_begin(log));
    GV_Status status = GV_OK;
    for (size_t i = 0; i < count && status == GV_OK; i++) status = gv_record_delete(log, ids[i]);
    return gv_commit_group(db, status);
}

enum {
    DROPS_A_STEP = 64,
    DROP_BYTES = 1 << 12 /* moved for a row, the index over metadata aside: so many more are as good as another row */
};

GV_Status gv_delete_rows(GV_Database *db, const uint64_t *ids, size_t count, uint32_t *slots)
{
    GV_Store *s = db->store;
    uint32_t *sorted = slots + count;
    GV_TRY(check_ids(db, ids, count, slots, sorted));
    GV_TRY(gv_store_reserve(s, s->table.slot_count, s->table.live_count, count, true, &db->state));
    GV_TRY(log_deletes(db, ids, count));
    uint64_t before = s->table.version;
    gv_write_lock(&db->state);
    for (size_t i = 0; i < count; i++) gv_table_hide(&s->table, slots[i]);
    gv_write_unlock(&db->state);
    for (size_t i = 0; i < count;) {
        gv_write_lock(&db->state);
        for (size_t work = 0; i < count && work < DROPS_A_STEP * DROP_BYTES; i++) {
            work += DROP_BYTES + gv_store_drop_row(s, slots[i]);
            gv_store_step(s, slots[i], true);
        }
        gv_write_unlock(&db->state);
    }
    gv_store_run_steps(s, 0, &db->state);
    gv_terms_keep_up(&s->terms, before, NULL, 0);
    return GV_OK;
}

static GV_Status delete_checked(GV_Database *db, const uint64_t *ids, size_t count)
{
    if (count == 0) return GV_OK;
    if (!ids) return gv_fail(GV_ERR_ARGUMENT, "ids is NULL");
    GV_Heap *heap = &db->scratch;
    uint32_t *slots = gv_alloc_array(heap, count, 2 * sizeof *slots);
    if (!slots) return gv_last_status();
    GV_Status status = gv_begin_write(db);
    if (status == GV_OK) {
        status = gv_delete_rows(db, ids, count, slots);
        gv_end_write(db);
    }
    gv_release(heap, slots, count * 2 * sizeof *slots);
    return status;
}

GV_Status gv_db_delete(GV_Database *db, const uint64_t *ids, size_t count)
{
    GV_TRY(gv_enter_writer(db));
    GV_Status status = delete_checked(db, ids, count);
    gv_count_call(&db->counters, GV_CALL_DELETE, status);
    gv_leave(db);
    return status;
}

GV_Status gv_db_delete_vector_by_index(GV_Database *db, uint64_t id) { return gv_db_delete(db, &id, 1); }

/* ---- update ---- */

/* The new row goes to a slot of its own and takes the id over in one step: a search sees the one or the other. */
static GV_Status update_row(GV_Database *db, uint64_t id, const void *row, size_t row_size, float norm)
{
    GV_Store *s = db->store;
    GV_Log *log = &s->log;
    uint32_t old, slot = gv_table_free_slot(&s->table, 0);
    GV_TRY(gv_find_live(db, id, &old));
    if (slot >= GV_SLOTS_MAX) return gv_fail(GV_ERR_LIMIT, "the format holds at most %u rows", GV_SLOTS_MAX);
    uint32_t slot_end = slot >= s->table.slot_count ? slot + 1 : s->table.slot_count;
    GV_TRY(gv_store_reserve(s, slot_end, s->table.live_count + 1, 2, false, &db->state));
    if (log->vfs) {
        GV_TRY(gv_log_begin(log));
        GV_TRY(gv_commit_group(db, gv_record_update(log, id, row, row_size)));
    }
    uint64_t before = s->table.version;
    gv_write_lock(&db->state);
    gv_table_stage(&s->table, slot, id, row, norm, NULL);
    gv_store_swap_row(s, old, slot);
    gv_write_unlock(&db->state);
    gv_store_step(s, slot, false);
    gv_store_step(s, old, true);
    gv_store_run_steps(s, 0, &db->state);
    gv_terms_keep_up(&s->terms, before, &slot, 1);
    return GV_OK;
}

GV_Status gv_update_row(GV_Database *db, uint64_t id, const float *vector, uint8_t *pairs, float norm)
{
    GV_Table *table = &db->store->table;
    GV_StoredRows stored = {0};
    GV_Status status = pairs ? GV_OK : gv_stored_rows_new(db, table, vector, 1, &stored);
    if (status == GV_OK && !pairs) status = gv_stored_rows_put(db, &stored, 0, vector, 0, &norm);
    size_t size;
    const void *row = gv_row_bytes(&stored, 0, pairs, &size);
    if (status == GV_OK) status = update_row(db, id, row, size, norm);
    gv_stored_rows_free(db, &stored);
    if (GV_HAS_SPARSE && status != GV_OK) gv_blob_free(&table->pairs, table->heap, pairs);
    return status;
}

GV_Status gv_db_update_vector(GV_Database *db, uint64_t id, const float *data, size_t dimension)
{
    float norm;
    GV_TRY(gv_enter_writer(db));
    GV_Status status = gv_check_vector(db, data, dimension, 0, &norm);
    if (status == GV_OK) status = gv_begin_write(db);
    if (status == GV_OK) {
        status = gv_update_row(db, id, data, NULL, norm);
        gv_end_write(db);
    }
    gv_count_call(&db->counters, GV_CALL_UPDATE, status);
    gv_leave(db);
    return status;
}

static GV_Status update_pairs(GV_Database *db, uint64_t id, const uint8_t *packed, size_t size)
{
    GV_Store *s = db->store;
    uint32_t slot;
    uint8_t *metadata;
    GV_TRY(gv_find_live(db, id, &slot));
    GV_TRY(gv_table_metadata_new(&s->table, packed, size, &metadata));
    GV_Status status = s->log.vfs ? gv_log_begin(&s->log) : GV_OK;
    if (status == GV_OK && s->log.vfs)
        status = gv_commit_group(db, gv_record_metadata(&s->log, id, packed, size > 4 ? size : 0));
    if (status != GV_OK) {
        gv_table_metadata_free(&s->table, metadata);
        return status;
    }
    uint64_t before = s->table.version;
    gv_write_lock(&db->state);
    gv_store_replace_metadata(s, slot, metadata);
    gv_write_unlock(&db->state);
    gv_terms_keep_up(&s->terms, before, &slot, 1);
    return GV_OK;
}

GV_Status gv_db_update_metadata(GV_Database *db, uint64_t id, const GV_PackedMetadata *metadata)
{
    const uint8_t *packed = metadata ? metadata->bytes : NULL;
    size_t size = packed ? metadata->size_bytes : 0;
    GV_TRY(gv_enter_writer(db));
    GV_Status status = packed ? gv_metadata_check(packed, size, 0) : GV_OK;
    if (status == GV_OK) status = gv_begin_write(db);
    if (status == GV_OK) {
        status = update_pairs(db, id, packed, size);
        gv_end_write(db);
    }
    gv_count_call(&db->counters, GV_CALL_UPDATE, status);
    gv_leave(db);
    return status;
}

GV_Status gv_db_update_vector_metadata(GV_Database *db, uint64_t id, const char *const *keys, const char *const *values,
                                       size_t count)
{
    uint8_t *row;
    GV_PackedMetadata packed = {0};
    GV_TRY(gv_metadata_pack(keys, values, count, &row, &packed.size_bytes));
    packed.bytes = row;
    GV_Status status = gv_db_update_metadata(db, id, &packed);
    gv_free(row);
    return status;
}
