/* table_image.c: the table's sections of the image, out and in. */
#include "storage/table.h"

/* ---- saving ---- */

GV_Status gv_table_save(const GV_Table *t, GV_ImageWriter *w)
{
    GV_TRY(gv_table_verify(t));
    GV_TRY(gv_image_section(w, GV_SECTION_ROWS));
    if (!gv_table_is_coded(t)) GV_TRY(gv_image_put_slab(w, &t->rows, t->slot_count));
    GV_TRY(gv_image_section(w, GV_SECTION_IDS));
    GV_TRY(gv_image_put_slab(w, &t->ids, t->slot_count));
    GV_TRY(gv_image_section(w, GV_SECTION_NORMS));
    GV_TRY(gv_image_put_slab(w, &t->norms, t->slot_count));
    if (gv_table_is_sparse(t))
        GV_TRY(gv_blobs_save(&t->pairs, w, t->slot_count, GV_SECTION_PAIRS_AT, GV_SECTION_PAIRS));
    return gv_blobs_save(&t->metadata, w, t->slot_count, GV_SECTION_METADATA_AT, GV_SECTION_METADATA);
}

/* ---- loading ---- */

/* Do the ids of live rows ascend with their slots? They do until a slot is used again. */
static bool ids_ascend(const GV_Table *t, uint32_t slot_count)
{
    uint64_t least = 0;
    for (uint32_t slot = 0; slot < slot_count; slot++) {
        uint64_t id = gv_table_id(t, slot);
        if (id == GV_NO_ID) continue;
        if (id < least) return false;
        least = id + 1;
    }
    return true;
}

enum {
    DIRECT_SPAN = 4 /* entries a row that a direct map may have */
};

/* Rows of a mapping are read, and at once: few writes come, with a refresh. */
static GV_Status make_map(GV_Table *t, const GV_Image *image, const GV_Superblock *s)
{
    if (image->map && s->next_id / DIRECT_SPAN <= s->live_count)
        return gv_idmap_make_direct(&t->map, t->heap, (size_t)s->next_id);
    return gv_idmap_reserve(&t->map, t->heap, &t->ids, (size_t)s->live_count, NULL);
}

static GV_Status load_ids(GV_Table *t, GV_Image *image, const GV_Superblock *s)
{
    GV_TRY(gv_mapped_load_slab(image, GV_SECTION_IDS, &t->ids, s->slot_count));
    GV_TRY(gv_bitset_reserve(&t->live, t->heap, s->slot_count, NULL));
    GV_TRY(gv_bitset_reserve(&t->used, t->heap, s->slot_count, NULL));
    t->ids_ascend = ids_ascend(t, s->slot_count);
    if (!t->ids_ascend) GV_TRY(make_map(t, image, s));
    for (uint32_t slot = 0; slot < s->slot_count; slot++) {
        uint64_t id = gv_table_id(t, slot);
        if (id == GV_NO_ID) continue;
        if (id >= s->next_id || t->live_count == s->live_count ||
            (!t->ids_ascend && !gv_idmap_try_insert(&t->map, &t->ids, slot)))
            return gv_fail(GV_ERR_CORRUPT, "section %d: slot %u has id %llu, which cannot be", GV_SECTION_IDS, slot,
                           (unsigned long long)id);
        gv_table_take_slot(t, slot);
        gv_table_show(t, slot);
    }
    if (t->live_count != s->live_count)
        return gv_fail(GV_ERR_CORRUPT, "section %d: %llu live rows, the superblock says %llu", GV_SECTION_IDS,
                       (unsigned long long)t->live_count, (unsigned long long)s->live_count);
    return GV_OK;
}

/* Whatever a file says, no search meets a row that cannot be. */
static GV_Status load_pairs(GV_Table *t, GV_Image *image, const GV_Superblock *s)
{
    GV_TRY(gv_blobs_load(&t->pairs, t->heap, image, GV_SECTION_PAIRS_AT, GV_SECTION_PAIRS, &t->ids, s->slot_count));
    for (uint32_t slot = 0; slot < s->slot_count; slot++) {
        size_t size;
        float norm;
        const uint8_t *blob = gv_blob(&t->pairs, slot, &size);
        if (!blob && gv_table_id(t, slot) == GV_NO_ID) continue;
        if (!gv_sparse_is_row(blob, size, s->dimension, &norm))
            return gv_fail(GV_ERR_CORRUPT, "section %d: the pairs of slot %u cannot be", GV_SECTION_PAIRS, slot);
    }
    return GV_OK;
}

/* Norms beside codes are read whole, as the codes are. */
static GV_Status load_rows(GV_Table *t, GV_Image *image, uint32_t slot_count)
{
    if (gv_table_is_coded(t)) {
        GV_TRY(gv_image_load_slab(image, GV_SECTION_ROWS, &t->rows, 0));
        return gv_mapped_load_slab(image, GV_SECTION_NORMS, &t->norms, slot_count);
    }
    GV_TRY(gv_lazy_load_slab(image, GV_SECTION_ROWS, &t->rows, slot_count, &t->lazy_rows));
    return gv_lazy_load_slab(image, GV_SECTION_NORMS, &t->norms, slot_count, &t->lazy_norms);
}

GV_Status gv_table_load(GV_Table *t, GV_Image *image, const GV_Superblock *s)
{
    t->is_coded = GV_HAS_IVFPQ && s->is_coded;
    GV_TRY(load_rows(t, image, s->slot_count));
    GV_TRY(load_ids(t, image, s));
    t->slot_count = s->slot_count;
    t->next_id = s->next_id;
    if (gv_table_is_sparse(t)) GV_TRY(load_pairs(t, image, s));
    return gv_blobs_load(&t->metadata, t->heap, image, GV_SECTION_METADATA_AT, GV_SECTION_METADATA, &t->ids,
                         s->slot_count);
}
