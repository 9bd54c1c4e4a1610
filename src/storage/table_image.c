/* table_image.c: the table's sections of the image, out and in. */
#include "base/bytes.h"
#include "storage/table.h"

/* ---- saving ---- */

static GV_Status save_metadata(const GV_Table *t, GV_ImageWriter *w)
{
    uint64_t offset = 0;
    GV_TRY(gv_image_section(w, GV_SECTION_METADATA_AT));
    for (uint32_t slot = 0; slot < t->slot_count; slot++) {
        uint8_t at[8];
        size_t size;
        bool has = gv_table_metadata(t, slot, &size);
        gv_put_u64(at, has ? offset + 1 : 0);
        GV_TRY(gv_image_put(w, at, sizeof at));
        if (has) offset += size + 4;
    }
    GV_TRY(gv_image_section(w, GV_SECTION_METADATA));
    for (uint32_t slot = 0; slot < t->slot_count; slot++) {
        size_t size;
        const uint8_t *packed = gv_table_metadata(t, slot, &size);
        if (packed) GV_TRY(gv_image_put(w, packed - 4, size + 4));
    }
    return GV_OK;
}

GV_Status gv_table_save(const GV_Table *t, GV_ImageWriter *w)
{
    GV_TRY(gv_table_verify(t));
    GV_TRY(gv_image_section(w, GV_SECTION_ROWS));
    GV_TRY(gv_image_put_slab(w, &t->rows, t->slot_count));
    GV_TRY(gv_image_section(w, GV_SECTION_IDS));
    GV_TRY(gv_image_put_slab(w, &t->ids, t->slot_count));
    GV_TRY(gv_image_section(w, GV_SECTION_NORMS));
    GV_TRY(gv_image_put_slab(w, &t->norms, t->slot_count));
    return save_metadata(t, w);
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

static GV_Status load_ids(GV_Table *t, GV_Image *image, const GV_Superblock *s)
{
    GV_TRY(gv_mapped_load_slab(image, GV_SECTION_IDS, &t->ids, s->slot_count));
    GV_TRY(gv_bitset_reserve(&t->live, t->heap, s->slot_count, NULL));
    GV_TRY(gv_bitset_reserve(&t->used, t->heap, s->slot_count, NULL));
    t->ids_ascend = image->map && ids_ascend(t, s->slot_count);
    if (!t->ids_ascend) GV_TRY(gv_idmap_reserve(&t->map, t->heap, &t->ids, (size_t)s->live_count, NULL));
    for (uint32_t slot = 0; slot < s->slot_count; slot++) {
        uint64_t id = gv_table_id(t, slot);
        if (id == GV_NO_ID) continue;
        if (id >= s->next_id || t->live_count == s->live_count ||
            (!t->ids_ascend && gv_idmap_find(&t->map, &t->ids, id) != GV_NO_SLOT))
            return gv_fail(GV_ERR_CORRUPT, "section %d: slot %u has id %llu, which cannot be", GV_SECTION_IDS, slot,
                           (unsigned long long)id);
        gv_bitset_set(&t->used, slot);
        if (!t->ids_ascend) gv_table_enter(t, slot);
        gv_table_show(t, slot);
    }
    if (t->live_count != s->live_count)
        return gv_fail(GV_ERR_CORRUPT, "section %d: %llu live rows, the superblock says %llu", GV_SECTION_IDS,
                       (unsigned long long)t->live_count, (unsigned long long)s->live_count);
    return GV_OK;
}

/* The whole section in one piece: read, or in the mapping once verified. */
static GV_Status load_metadata_bytes(GV_Table *t, GV_Image *image, const GV_Section *section)
{
    if (section->size > SIZE_MAX / 2)
        return gv_fail(GV_ERR_NO_MEMORY, "metadata of %llu bytes", (unsigned long long)section->size);
    t->metadata_base_bytes = (size_t)section->size;
    if (image->map && section->offset + section->size <= image->map_size) {
        t->metadata_borrowed = true;
        t->metadata_base = image->map + section->offset;
        return gv_image_verify(image, section);
    }
    t->metadata_base = gv_alloc(t->heap, t->metadata_base_bytes);
    if (!t->metadata_base) {
        t->metadata_base_bytes = 0;
        return gv_last_status();
    }
    return gv_image_read(image, section, 0, t->metadata_base, t->metadata_base_bytes);
}

static GV_Status load_metadata(GV_Table *t, GV_Image *image, uint32_t slot_count)
{
    const GV_Section *at_section = gv_image_find(image, GV_SECTION_METADATA_AT);
    const GV_Section *section = gv_image_find(image, GV_SECTION_METADATA);
    if (!at_section || !section) return gv_fail(GV_ERR_CORRUPT, "the file has no metadata sections");
    GV_Slab offsets;
    gv_slab_init(&offsets, t->heap, sizeof(uint64_t), 1 << 14);
    GV_Status status = gv_mapped_load_slab(image, GV_SECTION_METADATA_AT, &offsets, slot_count);
    if (status == GV_OK) status = gv_slab_reserve(&t->metadata, slot_count);
    if (status == GV_OK) status = load_metadata_bytes(t, image, section);
    for (uint32_t slot = 0; slot < slot_count && status == GV_OK; slot++) {
        uint64_t at = *(const uint64_t *)gv_slab_at(&offsets, slot);
        if (at == 0) continue;
        uint64_t rest = at - 1 <= section->size ? section->size - (at - 1) : 0;
        const uint8_t *stored = t->metadata_base + (rest ? at - 1 : 0);
        if (rest < 4 || gv_get_u32(stored) > rest - 4 || gv_table_id(t, slot) == GV_NO_ID)
            status = gv_fail(GV_ERR_CORRUPT, "section %d: slot %u points to offset %llu", GV_SECTION_METADATA_AT, slot,
                             (unsigned long long)at);
        else *(const uint8_t **)gv_slab_at(&t->metadata, slot) = stored;
    }
    gv_slab_free(&offsets);
    return status;
}

GV_Status gv_table_load(GV_Table *t, GV_Image *image, const GV_Superblock *s)
{
    GV_TRY(gv_lazy_load_slab(image, GV_SECTION_ROWS, &t->rows, s->slot_count, &t->lazy_rows));
    GV_TRY(gv_lazy_load_slab(image, GV_SECTION_NORMS, &t->norms, s->slot_count, &t->lazy_norms));
    GV_TRY(load_ids(t, image, s));
    t->slot_count = s->slot_count;
    t->next_id = s->next_id;
    return load_metadata(t, image, s->slot_count);
}
