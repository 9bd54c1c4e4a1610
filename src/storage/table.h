/* table.h: the rows, by slot: vector, or (index, value) pairs where rows are sparse; id, squared norm, metadata; which are live.
 *
 * A slot is internal and may be used again; an id is the user's and never is. One writer changes the table; what
 * readers may see changes only under the write lock of the database. */
#ifndef GV_TABLE_H
#define GV_TABLE_H
#include "base/bitset.h"
#include "base/idmap.h"
#include "base/slab.h"
#include "kernels/metric.h"
#include "storage/blobs.h"
#include "storage/coded_rows.h"
#include "storage/format.h"
#include "storage/image.h"
#include "storage/lazy_section.h"
#include "storage/sparse_row.h"

typedef struct GV_Table {
    GV_Heap *heap;
    size_t dimension;
    GV_Storage storage; /* of the rows */
    size_t row_bytes;   /* of one */
    GV_Slab rows;       /* gv_row_stride() bytes, padded with zeros */
    GV_Slab ids;        /* u64; GV_NO_ID where no live row is */
    GV_Slab norms;      /* f32: dot(x, x) */
    GV_Blobs metadata;  /* packed rows */
    GV_Blobs pairs;     /* sparse rows, which are in place of vectors; only with `is_sparse` */
    bool is_sparse;
    GV_Bitset live;              /* rows that searches may return */
    GV_Bitset used;              /* slots that may not be given out: live ones, and dead ones an index still needs */
    _Atomic uint32_t used_count; /* of them: who asks need not wait for the writer, whose the bits are */
    GV_Bitset leaving;   /* rows whose places others take with the write under way: what is planned does without them */
    GV_IdMap map;        /* live ids, unless ... */
    bool ids_ascend;     /* ... they ascend with the slots, as they do until one is used again: there is no map then */
    uint32_t slot_count; /* slots ever given out: all below are within every column */
    uint64_t live_count, next_id;
    uint64_t version; /* moves with what a filter may see: which rows are live, and their metadata */
    GV_LazySection *lazy_rows, *lazy_norms; /* NULL unless mapped */
    bool is_coded;                          /* rows are codes, which an index keeps, and `rows` is empty */
    const GV_CodedRows *coded;              /* by that index: NULL until it is there */
} GV_Table;

#ifdef GV_SMALL_MODULE
#define GV_HAS_SPARSE 0 /* the small WebAssembly module has no such rows (cmake/wasm.cmake) */
#else
#define GV_HAS_SPARSE 1
#endif

static inline bool gv_table_is_sparse(const GV_Table *table) { return GV_HAS_SPARSE && table->is_sparse; }

static inline bool gv_table_is_coded(const GV_Table *table) { return GV_HAS_IVFPQ && table->is_coded; }

/* The row as it is stored; not where rows are codes. */
static inline const void *gv_table_row(const GV_Table *table, uint32_t slot) { return gv_slab_at(&table->rows, slot); }

/* Floats of room to widen a row: none where rows are what they stand for. */
static inline size_t gv_table_room(const GV_Table *table)
{
    if (gv_table_is_coded(table)) return table->coded->room;
    return GV_HAS_STORAGE && table->storage != GV_STORAGE_F32 ? table->dimension : 0;
}

/* That room, of `heap`: NULL where none is needed. Give it back to the same heap. */
static inline GV_Status gv_room_new(const GV_Table *table, GV_Heap *heap, float **room)
{
    size_t floats = gv_table_room(table);
    *room = floats > 0 ? gv_alloc_array(heap, floats, sizeof **room) : NULL;
    return *room || floats == 0 ? GV_OK : gv_last_status();
}

static inline void gv_room_free(const GV_Table *table, GV_Heap *heap, float *room)
{
    if (GV_HAS_STORAGE) gv_release(heap, room, gv_table_room(table) * sizeof *room);
}

/* Do two slots hold the same row, byte for byte? */
static inline bool gv_table_same_rows(const GV_Table *table, uint32_t a, uint32_t b)
{
    return memcmp(gv_table_row(table, a), gv_table_row(table, b), table->row_bytes) == 0;
}

/* The floats that it stands for: in the table, or in `room[gv_table_room()]`. */
static inline const float *gv_table_floats(const GV_Table *table, uint32_t slot, float *room)
{
    if (gv_table_is_coded(table)) return gv_coded_floats(table->coded, slot, room);
    return gv_row_floats(table->storage, gv_table_row(table, slot), table->dimension, room);
}

/* The row as gv_rank() takes it: as it is stored, or the floats that its code stands for. */
static inline const void *gv_table_ranked(const GV_Table *table, uint32_t slot, float *room)
{
    return gv_table_is_coded(table) ? gv_coded_floats(table->coded, slot, room) : gv_table_row(table, slot);
}

static inline float gv_table_norm(const GV_Table *table, uint32_t slot)
{
    return *(const float *)gv_slab_at(&table->norms, slot);
}

static inline uint64_t gv_table_id(const GV_Table *table, uint32_t slot)
{
    return *(const uint64_t *)gv_slab_at(&table->ids, slot);
}

/* Send for a row before it is read. */
static inline void gv_table_prefetch(const GV_Table *table, uint32_t slot)
{
    if (!gv_table_is_coded(table)) gv_prefetch(gv_table_row(table, slot), table->rows.stride);
}

/* The packed metadata of a slot: NULL and 0 if it has none. */
static inline const uint8_t *gv_table_metadata(const GV_Table *table, uint32_t slot, size_t *size)
{
    return gv_blob(&table->metadata, slot, size);
}

/* Of a slot in use, where rows are sparse. */
static inline GV_SparseRow gv_table_pairs(const GV_Table *table, uint32_t slot)
{
    size_t size;
    const uint8_t *blob = gv_blob(&table->pairs, slot, &size);
    return gv_sparse_row(blob, size);
}

/* `dimension` 0: rows are sparse. */
void gv_table_init(GV_Table *table, GV_Heap *heap, size_t dimension, GV_Storage storage);
void gv_table_free(GV_Table *table);

/* From here on rows are codes, for which `coded` is asked: of a table without rows, or loaded as one of codes. */
void gv_table_use_codes(GV_Table *table, const GV_CodedRows *coded);

/* ---- writing: reserve may fail, the rest cannot ---- */

/* Room for slots below `slot_end` and for `live` live rows. What readers use is swapped under `lock` (may be NULL). `ordered`: rows to come
 * have ids above all that there are, in slots behind them. */
GV_Status gv_table_reserve(GV_Table *table, uint32_t slot_end, uint64_t live, bool ordered, GV_RwLock *lock);

/* The lowest free slot at or after `from`; the caller goes on from it for the next. May be the slot behind the last. */
uint32_t gv_table_free_slot(const GV_Table *table, uint32_t from);

/* A copy of a packed row, as a column holds it; NULL with a failure. `size` 0: *out is NULL, which is no failure. */
GV_Status gv_table_metadata_new(GV_Table *table, const uint8_t *packed, size_t size, uint8_t **out);
void gv_table_metadata_free(GV_Table *table, const uint8_t *metadata);

/* Put a row into a free slot, not live yet. `row` is as it is stored, or coded. Takes `metadata` over. Where rows are sparse `row` is a blob of pairs, taken over as well. */
void gv_table_stage(GV_Table *table, uint32_t slot, uint64_t id, const void *row, float norm, uint8_t *metadata);

/* In two steps each, since the first of a batch may take long and the second is what readers see: enter a staged row in the
 * id map, then show it; hide a live row, then drop its id and metadata. Its slot stays used until the index gives it up.
 * Whoever looks up an id must see that the row is live. */
void gv_table_enter(GV_Table *table, uint32_t slot);
void gv_table_show(GV_Table *table, uint32_t slot);
void gv_table_hide(GV_Table *table, uint32_t slot);
void gv_table_drop(GV_Table *table, uint32_t slot);

/* The slot that has `id`, where ids ascend and there is no map. */
uint32_t gv_table_search_ids(const GV_Table *table, uint64_t id);

/* The slot of the live row `id`, or GV_NO_SLOT. */
static inline uint32_t gv_table_find(const GV_Table *table, uint64_t id)
{
    uint32_t slot = table->ids_ascend ? gv_table_search_ids(table, id) : gv_idmap_find(&table->map, &table->ids, id);
    return slot != GV_NO_SLOT && gv_bitset_get(&table->live, slot) ? slot : GV_NO_SLOT;
}

/* The slot may not be given out; it may again. */
static inline void gv_table_take_slot(GV_Table *table, uint32_t slot)
{
    atomic_fetch_add_explicit(&table->used_count, !gv_bitset_get(&table->used, slot), memory_order_relaxed);
    gv_bitset_set(&table->used, slot);
}

static inline void gv_table_release_slot(GV_Table *table, uint32_t slot)
{
    atomic_fetch_sub_explicit(&table->used_count, gv_bitset_get(&table->used, slot), memory_order_relaxed);
    gv_bitset_clear(&table->used, slot);
}

/* The pairs of a dead row that no reader may look at any more: before its slot is released. */
void gv_table_drop_pairs(GV_Table *table, uint32_t slot);

/* Replace the metadata of a live row, freeing the old. Takes `metadata` over. */
void gv_table_replace_metadata(GV_Table *table, uint32_t slot, uint8_t *metadata);

/* ---- the image ---- */

GV_Status gv_table_save(const GV_Table *table, GV_ImageWriter *writer);

/* Fill an empty table with `slot_count` slots of an image. With image->map set the rows and their norms stay in the mapping
 * and are verified block by block as they are touched. */
GV_Status gv_table_load(GV_Table *table, GV_Image *image, const GV_Superblock *superblock);

/* Call before reading a norm alone, which a query may be the first to touch. */
static inline GV_Status gv_table_touch_norm(const GV_Table *table, uint32_t slot)
{
    return gv_lazy_touch(table->lazy_norms, slot);
}

/* Call before reading a row or its norm, which a query may be the first to touch; before reading all. */
static inline GV_Status gv_table_touch(const GV_Table *table, uint32_t slot)
{
    if (!table->lazy_rows) return GV_OK;
    GV_TRY(gv_table_touch_norm(table, slot));
    return gv_lazy_touch(table->lazy_rows, slot);
}

static inline GV_Status gv_table_verify(const GV_Table *table)
{
    GV_TRY(gv_lazy_verify_all(table->lazy_norms));
    return gv_lazy_verify_all(table->lazy_rows);
}

#endif
