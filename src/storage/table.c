/* table.c: rows in and out of slots. */
#include "storage/table.h"
#include "base/bytes.h"
#include "storage/metadata.h"

enum {
    ROW_CHUNK_BYTES = 1 << 18,
    COLUMN_CHUNK_BYTES = 1 << 14,
};

void gv_table_init(GV_Table *t, GV_Heap *heap, size_t dimension, GV_Storage storage)
{
    memset(t, 0, sizeof *t);
    t->heap = heap;
    t->dimension = dimension;
    t->storage = storage;
    t->row_bytes = gv_stored_bytes(storage, dimension);
    gv_slab_init(&t->rows, heap, gv_row_stride(storage, t->row_bytes), ROW_CHUNK_BYTES);
    gv_slab_init(&t->ids, heap, sizeof(uint64_t), COLUMN_CHUNK_BYTES);
    gv_slab_init(&t->norms, heap, sizeof(float), COLUMN_CHUNK_BYTES);
    gv_blobs_init(&t->metadata, heap);
    t->is_sparse = dimension == 0;
    t->ids_ascend = true;
    if (gv_table_is_sparse(t)) gv_blobs_init(&t->pairs, heap);
}

void gv_table_use_codes(GV_Table *t, const GV_CodedRows *coded)
{
    t->coded = coded;
    t->is_coded = true;
    t->row_bytes = coded->row_bytes;
}

static uint64_t *id_at(const GV_Table *t, uint32_t slot) { return gv_slab_at(&t->ids, slot); }

GV_Status gv_table_metadata_new(GV_Table *t, const uint8_t *packed, size_t size, uint8_t **out)
{
    *out = NULL;
    if (size <= 4) return GV_OK; /* no pairs */
    *out = gv_blob_copy(t->heap, packed, size);
    return *out ? GV_OK : gv_last_status();
}

void gv_table_metadata_free(GV_Table *t, const uint8_t *metadata) { gv_blob_free(&t->metadata, t->heap, metadata); }

void gv_table_free(GV_Table *t)
{
    gv_blobs_free(&t->metadata, t->heap, t->slot_count);
    if (gv_table_is_sparse(t)) gv_blobs_free(&t->pairs, t->heap, t->slot_count);
    gv_slab_free(&t->rows);
    gv_slab_free(&t->ids);
    gv_slab_free(&t->norms);
    gv_bitset_free(&t->live, t->heap);
    gv_bitset_free(&t->used, t->heap);
    gv_bitset_free(&t->leaving, t->heap);
    gv_idmap_free(&t->map, t->heap);
    gv_lazy_free(t->lazy_rows);
    gv_lazy_free(t->lazy_norms);
    t->lazy_rows = t->lazy_norms = NULL;
    t->slot_count = 0;
}

/* Ids are given out one after another, and so are slots: mostly the one is the other, or as far from the last. */
uint32_t gv_table_search_ids(const GV_Table *t, uint64_t id)
{
    size_t from = 0, to = t->slot_count;
    if (id >= t->next_id) return GV_NO_SLOT;
    if (id < to && gv_table_id(t, (uint32_t)id) == id) return (uint32_t)id;
    uint64_t behind = t->next_id - id;
    if (behind <= to && gv_table_id(t, (uint32_t)(to - behind)) == id) return (uint32_t)(to - behind);
    while (from < to) {
        size_t middle = from + (to - from) / 2, slot = gv_bitset_next_set(&t->live, middle, to);
        uint64_t found = slot < to ? gv_table_id(t, (uint32_t)slot) : GV_NO_ID;
        if (found == id && slot < to) return (uint32_t)slot;
        if (found < id) from = slot + 1;
        else to = middle;
    }
    return GV_NO_SLOT;
}

/* The map of ids that have got by without one: they are about to change. */
static GV_Status make_map(GV_Table *t, uint64_t live, GV_RwLock *lock)
{
    GV_IdMap map = {0};
    GV_TRY(gv_idmap_reserve(&map, t->heap, &t->ids, (size_t)(live > t->live_count ? live : t->live_count), NULL));
    for (size_t slot = gv_bitset_next_set(&t->live, 0, t->slot_count); slot < t->slot_count;
         slot = gv_bitset_next_set(&t->live, slot + 1, t->slot_count))
        gv_idmap_insert(&map, &t->ids, (uint32_t)slot);
    if (lock) gv_write_lock(lock);
    t->map = map;
    t->ids_ascend = false;
    if (lock) gv_write_unlock(lock);
    return GV_OK;
}

/* Where most slots are empty, a search for an id would look at many that are. */
static bool is_sparsely_filled(const GV_Table *t) { return t->live_count < t->slot_count / 2; }

GV_Status gv_table_reserve(GV_Table *t, uint32_t slot_end, uint64_t live, bool ordered, GV_RwLock *lock)
{
    if (!gv_table_is_coded(t)) GV_TRY(gv_slab_reserve(&t->rows, slot_end));
    GV_TRY(gv_slab_reserve(&t->ids, slot_end));
    GV_TRY(gv_slab_reserve(&t->norms, slot_end));
    GV_TRY(gv_slab_reserve(&t->metadata.at, slot_end));
    if (gv_table_is_sparse(t)) GV_TRY(gv_slab_reserve(&t->pairs.at, slot_end));
    GV_TRY(gv_bitset_reserve(&t->live, t->heap, slot_end, lock));
    GV_TRY(gv_bitset_reserve(&t->used, t->heap, slot_end, lock));
    if (!t->ids_ascend) return gv_idmap_reserve(&t->map, t->heap, &t->ids, (size_t)live, lock);
    return ordered && !is_sparsely_filled(t) ? GV_OK : make_map(t, live, lock);
}

uint32_t gv_table_free_slot(const GV_Table *t, uint32_t from)
{
    return from < t->slot_count ? (uint32_t)gv_bitset_next_clear(&t->used, from, t->slot_count) : from;
}

void gv_table_stage(GV_Table *t, uint32_t slot, uint64_t id, const void *row, float norm, uint8_t *metadata)
{
    if (gv_table_is_sparse(t)) *gv_blob_at(&t->pairs, slot) = row;
    else if (gv_table_is_coded(t)) t->coded->place(t->coded->owner, slot, row);
    else memcpy(gv_slab_at(&t->rows, slot), row, t->row_bytes);
    memcpy(gv_slab_at(&t->norms, slot), &norm, sizeof norm);
    *id_at(t, slot) = id;
    *gv_blob_at(&t->metadata, slot) = metadata;
    gv_table_take_slot(t, slot);
    if (slot >= t->slot_count) t->slot_count = slot + 1;
}

void gv_table_enter(GV_Table *t, uint32_t slot)
{
    if (!t->ids_ascend) gv_idmap_insert(&t->map, &t->ids, slot);
}

void gv_table_show(GV_Table *t, uint32_t slot)
{
    gv_bitset_set(&t->live, slot);
    t->live_count++;
    t->version++;
}

void gv_table_hide(GV_Table *t, uint32_t slot)
{
    gv_bitset_clear(&t->live, slot);
    t->live_count--;
    t->version++;
}

void gv_table_drop(GV_Table *t, uint32_t slot)
{
    if (!t->ids_ascend) gv_idmap_remove(&t->map, &t->ids, gv_table_id(t, slot));
    gv_table_metadata_free(t, *gv_blob_at(&t->metadata, slot));
    *gv_blob_at(&t->metadata, slot) = NULL;
    *id_at(t, slot) = GV_NO_ID;
}

void gv_table_replace_metadata(GV_Table *t, uint32_t slot, uint8_t *metadata)
{
    const uint8_t *old = *gv_blob_at(&t->metadata, slot);
    *gv_blob_at(&t->metadata, slot) = metadata;
    t->version++;
    gv_table_metadata_free(t, old);
}

void gv_table_drop_pairs(GV_Table *t, uint32_t slot)
{
    const uint8_t **at = gv_blob_at(&t->pairs, slot);
    gv_blob_free(&t->pairs, t->heap, *at);
    *at = NULL;
}
