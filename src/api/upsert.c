/* upsert.c: rows that replace those with the same value of one key, or are added: one group, all or nothing.
 *
 * What takes another row's place is first linked into the index, in a slot of its own and seen by nobody; then all rows of the
 * call change places in one step; then those that have left are taken out of the index. */
#include "api/write.h"
#include "query/values.h"
#include "storage/metadata.h"
#include <string.h>

typedef struct Item {      /* one row of the call */
    const uint8_t *packed; /* its metadata */
    size_t packed_size;
    float norm;
    uint32_t slot;     /* that it goes to; GV_NO_SLOT: the vector stays as it is */
    uint32_t old;      /* of the row that it replaces, or GV_NO_SLOT */
    uint8_t *metadata; /* of the table's heap; NULL once the table owns it, or for what is there already */
    uint8_t *pairs;    /* the same, of a sparse row */
} Item;

typedef struct Upsert {
    const float *rows;           /* [count, dimension]; NULL where rows are sparse */
    const GV_SparseRows *sparse; /* or NULL */
    size_t count, dimension;
    const char *key;
    size_t key_size;
    Item *items;          /* [count] */
    GV_Value *values;     /* [count], sorted; owner: the item */
    uint32_t *slots;      /* [count], of what was written */
    GV_StoredRows stored; /* `rows`, where they are vectors */
    size_t added, moved;
} Upsert;

static const float *row_of(const Upsert *u, size_t i) { return u->rows + i * u->dimension; }

static bool is_added(const Item *item) { return item->old == GV_NO_SLOT; }

static bool is_moved(const Item *item) { return item->old != GV_NO_SLOT && item->slot != GV_NO_SLOT; }

/* ---- checks ---- */

static GV_Status check_items(GV_Database *db, Upsert *u, const GV_PackedMetadata *packed)
{
    size_t at = 0;
    for (size_t i = 0; i < u->count; i++) {
        Item *item = &u->items[i];
        if (GV_HAS_SPARSE && u->sparse) GV_TRY(gv_check_sparse(db, u->sparse, i, &item->norm));
        else GV_TRY(gv_check_vector(db, row_of(u, i), u->dimension, i, &item->norm));
        item->packed = packed->bytes + at;
        GV_TRY(gv_check_packed(packed, i, u->count, &at, &item->packed_size));
        GV_Pair pair;
        if (!gv_metadata_find(item->packed, item->packed_size, u->key, u->key_size, &pair))
            return gv_fail(GV_ERR_ARGUMENT, "metadata of row %zu has no key \"%s\"", i, u->key);
        item->old = item->slot = GV_NO_SLOT;
        u->values[i] = (GV_Value){pair.value, pair.value_size, i};
    }
    gv_values_sort(u->values, u->count);
    for (size_t i = 1; i < u->count; i++)
        if (gv_value_compare(&u->values[i - 1], &u->values[i]) == 0)
            return gv_fail(GV_ERR_ARGUMENT, "rows %zu and %zu have the same value of key \"%s\"",
                           u->values[i - 1].owner, u->values[i].owner, u->key);
    return GV_OK;
}

/* The index over metadata is brought up to date before the writer goes to work, in steps. */
static void prepare_key(GV_Database *db, const Upsert *u)
{
    bool done = false;
    while (!done) {
        gv_read_lock(&db->state);
        done = gv_terms_catch_up(&db->store->terms, u->key, u->key_size, GV_TERMS_A_STEP);
        gv_read_unlock(&db->state);
    }
}

/* The rows that the items replace, by the index over metadata. False: some value is that of several rows. */
static bool look_rows_up(GV_Terms *terms, Upsert *u)
{
    GV_Lookup look = {.kind = GV_LOOKUP_EQUALS, .key = u->key, .key_size = u->key_size};
    bool more = false;
    for (size_t i = 0; i < u->count && !more; i++) {
        look.value = u->values[i].bytes;
        look.value_size = u->values[i].size;
        u->items[u->values[i].owner].old = gv_terms_find_one(terms, &look, &more);
    }
    return !more;
}

/* The same by one look at every live row's metadata, however many items there are. */
static GV_Status scan_rows(const GV_Table *table, Upsert *u)
{
    for (size_t i = 0; i < u->count; i++) u->items[i].old = GV_NO_SLOT;
    for (size_t slot = gv_bitset_next_set(&table->live, 0, table->slot_count); slot < table->slot_count;
         slot = gv_bitset_next_set(&table->live, slot + 1, table->slot_count)) {
        size_t size;
        GV_Pair pair;
        const uint8_t *packed = gv_table_metadata(table, (uint32_t)slot, &size);
        if (!gv_metadata_find(packed, size, u->key, u->key_size, &pair)) continue;
        const GV_Value *found = gv_values_find(u->values, u->count, pair.value, pair.value_size);
        if (!found) continue;
        Item *item = &u->items[found->owner];
        if (item->old != GV_NO_SLOT)
            return gv_fail(GV_ERR_ARGUMENT, "rows %llu and %llu both have the value that row %zu has of key \"%s\"",
                           (unsigned long long)gv_table_id(table, item->old),
                           (unsigned long long)gv_table_id(table, (uint32_t)slot), found->owner, u->key);
        item->old = (uint32_t)slot;
    }
    return GV_OK;
}

static GV_Status find_rows(GV_Store *s, Upsert *u)
{
    if (gv_terms_is_whole(&s->terms, u->key, u->key_size) && look_rows_up(&s->terms, u)) return GV_OK;
    return scan_rows(&s->table, u);
}

/* ---- reserve ---- */

static bool same_vector(const GV_Table *table, const Upsert *u, size_t i)
{
    uint32_t old = u->items[i].old;
    if (GV_HAS_SPARSE && u->sparse) return gv_pairs_equal(table, old, u->sparse, i);
    if (gv_table_is_coded(table)) return gv_coded_equals(table->coded, old, gv_stored_row_at(&u->stored, i));
    return memcmp(gv_table_row(table, old), gv_stored_row_at(&u->stored, i), table->row_bytes) == 0;
}

static bool same_metadata(const GV_Table *table, const Item *item)
{
    size_t size;
    const uint8_t *stored = gv_table_metadata(table, item->old, &size);
    return stored && size == item->packed_size && memcmp(stored, item->packed, size) == 0;
}

/* In the order in which recovery will ask for them: those that move, then those that are added. */
static GV_Status choose_slots(const GV_Table *table, Upsert *u, uint32_t *slot_end)
{
    uint32_t next = 0;
    for (int added = 0; added < 2; added++) {
        for (size_t i = 0; i < u->count; i++) {
            Item *item = &u->items[i];
            if (is_added(item) != (added == 1) || (!added && same_vector(table, u, i))) continue;
            item->slot = next = gv_table_free_slot(table, next);
            if (next >= GV_SLOTS_MAX) return gv_fail(GV_ERR_LIMIT, "the format holds at most %u rows", GV_SLOTS_MAX);
            next++;
            if (added) u->added++;
            else u->moved++;
        }
    }
    *slot_end = next > table->slot_count ? next : table->slot_count;
    return GV_OK;
}

static GV_Status round_rows(GV_Database *db, Upsert *u)
{
    if (GV_HAS_SPARSE && u->sparse) return GV_OK;
    GV_TRY(gv_stored_rows_new(db, &db->store->table, u->rows, u->count, &u->stored));
    for (size_t i = 0; i < u->count && u->stored.made; i++)
        GV_TRY(gv_stored_rows_put(db, &u->stored, i, row_of(u, i), i, &u->items[i].norm));
    return GV_OK;
}

static GV_Status reserve(GV_Database *db, Upsert *u)
{
    GV_Store *s = db->store;
    GV_Table *table = &s->table;
    uint32_t slot_end = 0;
    GV_TRY(choose_slots(table, u, &slot_end));
    GV_TRY(gv_check_room(db, u->added));
    for (size_t i = 0; i < u->count && s->index->ops->expect; i++)
        if (is_moved(&u->items[i])) s->index->ops->expect(s->index, gv_table_id(table, u->items[i].old));
    bool ordered = u->moved == 0 && slot_end == table->slot_count + u->added;
    size_t steps = u->added + 2 * u->moved;
    GV_TRY(gv_store_reserve(s, slot_end, table->live_count + u->added, steps, ordered, &db->state));
    if (u->moved > 0) GV_TRY(gv_bitset_reserve(&table->leaving, table->heap, slot_end, NULL));
    for (size_t i = 0; i < u->count; i++) {
        Item *item = &u->items[i];
        if (GV_HAS_SPARSE && u->sparse && item->slot != GV_NO_SLOT && !(item->pairs = gv_pairs_new(db, u->sparse, i)))
            return gv_last_status();
        if (item->slot == GV_NO_SLOT && same_metadata(table, item)) continue;
        GV_TRY(gv_table_metadata_new(table, item->packed, item->packed_size, &item->metadata));
    }
    return GV_OK;
}

/* ---- log ---- */

static const void *bytes_of(const Upsert *u, size_t i, size_t *size)
{
    return gv_row_bytes(&u->stored, i, u->items[i].pairs, size);
}

/* Records of one kind together: they share frames. */
static GV_Status log_items(GV_Database *db, const Upsert *u)
{
    GV_Log *log = &db->store->log;
    const GV_Table *table = &db->store->table;
    GV_Status status = GV_OK;
    uint64_t id = table->next_id;
    if (!log->vfs) return GV_OK;
    GV_TRY(gv_log_begin(log));
    for (size_t i = 0, size; i < u->count && status == GV_OK; i++) {
        if (!is_moved(&u->items[i])) continue;
        const void *row = bytes_of(u, i, &size);
        status = gv_record_update(log, gv_table_id(table, u->items[i].old), row, size);
    }
    for (size_t i = 0; i < u->count && status == GV_OK; i++) {
        const Item *item = &u->items[i];
        if (!is_added(item) && item->metadata)
            status = gv_record_metadata(log, gv_table_id(table, item->old), item->packed, item->packed_size);
    }
    for (size_t i = 0, size; i < u->count && status == GV_OK; i++) {
        const Item *item = &u->items[i];
        if (!is_added(item)) continue;
        const void *row = bytes_of(u, i, &size);
        status = gv_record_row(log, id++, row, size, item->packed, item->packed_size);
    }
    return gv_commit_group(db, status);
}

/* ---- apply ---- */

/* Put the rows that have slots into them, seen by nobody yet, and note their steps in. */
static void stage_items(GV_Database *db, Upsert *u, bool added)
{
    GV_Store *s = db->store;
    GV_Table *table = &s->table;
    uint64_t id = table->next_id;
    size_t step = gv_rows_per_step(u->dimension), held = 0, size;
    for (size_t i = 0; i < u->count; i++) {
        Item *item = &u->items[i];
        if (item->slot == GV_NO_SLOT || is_added(item) != added) continue;
        if (held == 0) gv_write_lock(&db->state);
        uint64_t row_id = added ? id++ : gv_table_id(table, item->old);
        gv_table_stage(table, item->slot, row_id, bytes_of(u, i, &size), item->norm, item->metadata);
        item->pairs = NULL;
        if (added) gv_table_enter(table, item->slot);
        else gv_bitset_set(&table->leaving, item->old);
        item->metadata = NULL;
        gv_store_step(s, item->slot, false);
        held = (held + 1) % step;
        if (held == 0) gv_write_unlock(&db->state);
    }
    if (held > 0) gv_write_unlock(&db->state);
}

/* In one step all rows of the call are there, in the places of those that leave. */
static void change_places(GV_Database *db, Upsert *u)
{
    GV_Store *s = db->store;
    GV_Table *table = &s->table;
    gv_write_lock(&db->state);
    for (size_t i = 0; i < u->count; i++) {
        Item *item = &u->items[i];
        if (is_moved(item)) {
            gv_table_hide(table, item->old);
            (void)gv_store_drop_row(s, item->old);
            gv_table_enter(table, item->slot);
            gv_bitset_clear(&table->leaving, item->old);
        }
        if (item->slot != GV_NO_SLOT) gv_table_show(table, item->slot);
        else if (item->metadata) gv_store_replace_metadata(s, item->old, item->metadata);
        item->metadata = NULL;
    }
    table->next_id += u->added;
    gv_write_unlock(&db->state);
}

static void apply(GV_Database *db, Upsert *u, uint64_t *ids)
{
    GV_Store *s = db->store;
    const GV_Table *table = &s->table;
    uint64_t id = table->next_id, before = table->version;
    for (size_t i = 0; i < u->count && ids; i++)
        ids[i] = is_added(&u->items[i]) ? id++ : gv_table_id(table, u->items[i].old);
    stage_items(db, u, false);
    stage_items(db, u, true);
    for (size_t i = 0; i < u->count; i++)
        if (is_moved(&u->items[i])) gv_store_step(s, u->items[i].old, true);
    (void)gv_store_run_some(s, 0, u->added + u->moved, &db->state);
    change_places(db, u);
    gv_store_run_steps(s, u->added + u->moved, &db->state);
    for (size_t i = 0; i < u->count; i++)
        u->slots[i] = u->items[i].slot != GV_NO_SLOT ? u->items[i].slot : u->items[i].old;
    gv_terms_keep_up(&s->terms, before, u->slots, u->count);
}

/* ---- the call ---- */

static GV_Status write_items(GV_Database *db, Upsert *u, uint64_t *ids)
{
    prepare_key(db, u);
    GV_TRY(gv_begin_write(db));
    GV_Status status = find_rows(db->store, u);
    if (status == GV_OK) status = round_rows(db, u);
    if (status == GV_OK) status = reserve(db, u);
    if (status == GV_OK) status = log_items(db, u);
    if (status == GV_OK) apply(db, u, ids);
    else if (db->store->index->ops->settle) db->store->index->ops->settle(db->store->index);
    for (size_t i = 0; i < u->count; i++) {
        GV_Table *table = &db->store->table;
        gv_table_metadata_free(table, u->items[i].metadata);
        if (GV_HAS_SPARSE) gv_blob_free(&table->pairs, table->heap, u->items[i].pairs);
    }
    gv_stored_rows_free(db, &u->stored);
    gv_end_write(db);
    return status;
}

static GV_Status upsert_checked(GV_Database *db, Upsert *u, const GV_PackedMetadata *packed, uint64_t *ids)
{
    GV_Heap *heap = &db->scratch;
    if (GV_HAS_SPARSE && u->sparse) GV_TRY(gv_check_shape(db, u->sparse));
    else GV_TRY(gv_check_width(db, u->dimension, u->count));
    if (!u->key) return gv_fail(GV_ERR_ARGUMENT, "key is NULL");
    if (u->count == 0) return GV_OK;
    if (!u->rows && !u->sparse) return gv_fail(GV_ERR_ARGUMENT, "rows is NULL");
    if (!packed || !packed->bytes) return gv_fail(GV_ERR_ARGUMENT, "metadata of row 0 has no key \"%s\"", u->key);
    if (u->count > GV_SLOTS_MAX)
        return gv_fail(GV_ERR_LIMIT, "%zu rows in one call, at most %u are possible", u->count, GV_SLOTS_MAX);
    u->key_size = strlen(u->key);
    u->items = gv_alloc_array(heap, u->count, sizeof *u->items);
    u->values = gv_alloc_array(heap, u->count, sizeof *u->values);
    u->slots = gv_alloc_array(heap, u->count, sizeof *u->slots);
    GV_Status status = u->items && u->values && u->slots ? check_items(db, u, packed) : gv_last_status();
    if (status == GV_OK) status = write_items(db, u, ids);
    gv_release(heap, u->items, u->count * sizeof *u->items);
    gv_release(heap, u->values, u->count * sizeof *u->values);
    gv_release(heap, u->slots, u->count * sizeof *u->slots);
    return status;
}

static GV_Status upsert(GV_Database *db, Upsert *u, const GV_PackedMetadata *metadata, uint64_t *ids)
{
    GV_TRY(gv_enter_writer(db));
    GV_Status status = upsert_checked(db, u, metadata, ids);
    gv_count_call(&db->counters, GV_CALL_UPSERT, status);
    gv_leave(db);
    return status;
}

GV_Status gv_db_upsert_many(GV_Database *db, const float *rows, size_t count, size_t dimension,
                            const GV_PackedMetadata *metadata, const char *key, uint64_t *ids)
{
    Upsert u = {.rows = rows, .count = count, .dimension = dimension, .key = key};
    return upsert(db, &u, metadata, ids);
}

GV_Status gv_db_upsert(GV_Database *db, const float *data, size_t dimension, const GV_PackedMetadata *metadata,
                       const char *key, uint64_t *id)
{
    return gv_db_upsert_many(db, data, 1, dimension, metadata, key, id);
}

#if GV_HAS_SPARSE
GV_Status gv_db_upsert_sparse(GV_Database *db, const GV_SparseRows *rows, const GV_PackedMetadata *metadata,
                              const char *key, uint64_t *ids)
{
    if (!rows) return gv_fail(GV_ERR_ARGUMENT, "rows is NULL");
    Upsert u = {.sparse = rows, .count = rows->count, .key = key};
    return upsert(db, &u, metadata, ids);
}
#endif
