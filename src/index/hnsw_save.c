/* hnsw_save.c: the graph's sections of the image, and their way back. A file may have been made by anyone: what walks
 * trust (records, rings, the entry point) is checked here; links are checked by whoever reads them. */
#include "index/hnsw.h"

enum {
    HEADER_WORDS = 4, /* entry, its level, records ever given out, zero */
    SET_COUNT = 3     /* bits a slot in TWINS: heads, followers, ghosts */
};

/* ---- saving ---- */

static GV_Status put_sets(const GV_HNSW *hnsw, GV_ImageWriter *writer)
{
    const GV_Bitset *sets[SET_COUNT] = {&hnsw->heads, &hnsw->followers, &hnsw->ghosts};
    GV_TRY(gv_image_section(writer, GV_SECTION_TWINS));
    for (size_t i = 0; i < SET_COUNT; i++)
        GV_TRY(gv_image_put(writer, sets[i]->words, (hnsw->slot_end + 63) / 64 * sizeof(uint64_t)));
    return GV_OK;
}

GV_Status gv_hnsw_save(GV_Index *index, GV_ImageWriter *writer)
{
    const GV_HNSW *hnsw = (const GV_HNSW *)index;
    uint32_t header[HEADER_WORDS] = {hnsw->entry, hnsw->entry_level, hnsw->upper_end, 0};
    GV_TRY(gv_hnsw_verify(hnsw));
    GV_TRY(gv_image_section(writer, GV_SECTION_HNSW));
    GV_TRY(gv_image_put(writer, header, sizeof header));
    GV_TRY(gv_image_section(writer, GV_SECTION_LINKS));
    GV_TRY(gv_image_put_slab(writer, &hnsw->links, hnsw->slot_end));
    if (gv_hnsw_coded(hnsw)) {
        GV_TRY(gv_image_section(writer, GV_SECTION_CODES));
        GV_TRY(gv_image_put_slab(writer, &hnsw->codes.rows, hnsw->slot_end));
        GV_TRY(gv_image_section(writer, GV_SECTION_CODE_HEADS));
        GV_TRY(gv_image_put_slab(writer, &hnsw->codes.heads, hnsw->slot_end));
    }
    if (gv_hnsw_gated(hnsw)) {
        GV_TRY(gv_image_section(writer, GV_SECTION_BLOCKS));
        GV_TRY(gv_image_put_slab(writer, &hnsw->blocks, hnsw->slot_end));
    }
    GV_TRY(gv_image_section(writer, GV_SECTION_SURVIVORS));
    GV_TRY(gv_image_put_slab(writer, &hnsw->survivors, hnsw->slot_end));
    GV_TRY(gv_image_section(writer, GV_SECTION_UPPER_AT));
    GV_TRY(gv_image_put_slab(writer, &hnsw->upper_at, hnsw->slot_end));
    GV_TRY(gv_image_section(writer, GV_SECTION_UPPER));
    GV_TRY(gv_image_put_slab(writer, &hnsw->upper, hnsw->upper_end));
    return put_sets(hnsw, writer);
}

/* ---- loading ---- */

static GV_Status corrupt(GV_SectionType section, const char *what, uint32_t slot)
{
    return gv_fail(GV_ERR_CORRUPT, "section %d: %s, slot %u", (int)section, what, slot);
}

static GV_Status load_sets(GV_HNSW *hnsw, GV_Image *image, uint32_t slots)
{
    GV_Bitset *sets[SET_COUNT] = {&hnsw->heads, &hnsw->followers, &hnsw->ghosts};
    const GV_Section *section = gv_image_find(image, GV_SECTION_TWINS);
    size_t bytes = ((size_t)slots + 63) / 64 * sizeof(uint64_t);
    if (!section || section->size != SET_COUNT * bytes)
        return corrupt(GV_SECTION_TWINS, "not three bits a slot, of so many", slots);
    for (size_t i = 0; i < SET_COUNT; i++) GV_TRY(gv_image_read(image, section, i * bytes, sets[i]->words, bytes));
    for (size_t i = 0; i < SET_COUNT; i++)
        if (gv_bitset_next_set(sets[i], slots, sets[i]->word_count * 64) < sets[i]->word_count * 64)
            return corrupt(GV_SECTION_TWINS, "bits past the last", slots);
    return GV_OK;
}

/* Live rows and ghosts are nodes, unless they follow one. */
static GV_Status find_present(GV_HNSW *hnsw, uint32_t slots)
{
    GV_Table *table = hnsw->head.table;
    for (uint32_t slot = 0; slot < slots; slot++) {
        bool live = gv_bitset_get(&table->live, slot), follows = gv_bitset_get(&hnsw->followers, slot);
        bool heads = gv_bitset_get(&hnsw->heads, slot), ghost = gv_bitset_get(&hnsw->ghosts, slot);
        if ((follows && (heads || ghost || !live)) || (ghost && (live || !heads)) || (heads && !live && !ghost))
            return corrupt(GV_SECTION_TWINS, "roles that do not go together", slot);
        if (ghost) gv_table_take_slot(table, slot);
        if (follows || !(live || ghost)) continue;
        gv_bitset_set(&hnsw->present, slot);
        hnsw->present_count++;
        hnsw->head_count += heads;
    }
    return GV_OK;
}

/* Each record is of one node's chain, and a node's chain is its own. */
static GV_Status claim_records(GV_HNSW *hnsw, uint32_t slots)
{
    for (uint32_t slot = 0; slot < slots; slot++) {
        uint32_t at = *(const uint32_t *)gv_slab_at(&hnsw->upper_at, slot), level = 0;
        if (at != GV_NO_SLOT && !gv_bitset_get(&hnsw->present, slot))
            return corrupt(GV_SECTION_UPPER_AT, "a layer of no node", slot);
        for (; at != GV_NO_SLOT; level++) {
            if (at >= hnsw->upper_end || gv_bitset_get(&hnsw->upper_used, at) || level == GV_LEVEL_MAX)
                return corrupt(GV_SECTION_UPPER_AT, "a chain of layers that cannot be", slot);
            const GV_Upper *record = gv_slab_at(&hnsw->upper, at);
            if (record->node != slot) return corrupt(GV_SECTION_UPPER, "a layer of another node", slot);
            gv_bitset_set(&hnsw->upper_used, at);
            hnsw->upper_live++;
            at = record->next;
        }
    }
    return GV_OK;
}

static GV_Status check_entry(const GV_HNSW *hnsw, uint32_t slots)
{
    bool none = hnsw->entry == GV_NO_SLOT;
    if (none != (hnsw->present_count == 0)) return corrupt(GV_SECTION_HNSW, "no entry point", slots);
    if (none) return GV_OK;
    if (hnsw->entry < slots && gv_bitset_get(&hnsw->present, hnsw->entry) &&
        gv_hnsw_level(hnsw, hnsw->entry) == hnsw->entry_level)
        return GV_OK;
    return corrupt(GV_SECTION_HNSW, "an entry point that is not one", hnsw->entry);
}

/* What a search reads a little of. */
static GV_Status load_lazily(GV_HNSW *hnsw, GV_Image *image, uint32_t slots)
{
    const struct {
        GV_LazyPart part;
        GV_SectionType section;
        GV_Slab *slab;
    } parts[] = {{GV_LAZY_LINKS, GV_SECTION_LINKS, &hnsw->links},
                 {GV_LAZY_SURVIVORS, GV_SECTION_SURVIVORS, &hnsw->survivors},
                 {GV_LAZY_CODES, GV_SECTION_CODES, &hnsw->codes.rows},
                 {GV_LAZY_CODE_HEADS, GV_SECTION_CODE_HEADS, &hnsw->codes.heads},
                 {GV_LAZY_BLOCKS, GV_SECTION_BLOCKS, &hnsw->blocks}};
    hnsw->mapped = image->map != NULL;
    for (size_t i = 0; i < sizeof parts / sizeof *parts; i++)
        if (parts[i].slab->stride > 0) /* there is no such column otherwise */
            GV_TRY(gv_lazy_load_slab(image, parts[i].section, parts[i].slab, slots, &hnsw->lazy[parts[i].part]));
    return GV_OK;
}

GV_Status gv_hnsw_load(GV_Index *index, GV_Image *image)
{
    GV_HNSW *hnsw = (GV_HNSW *)index;
    uint32_t header[HEADER_WORDS], slots = index->table->slot_count;
    const GV_Section *section = gv_image_find(image, GV_SECTION_HNSW);
    const GV_Section *upper = gv_image_find(image, GV_SECTION_UPPER);
    if (!section || !upper || section->size != sizeof header)
        return gv_fail(GV_ERR_CORRUPT, "the file has no graph sections");
    GV_TRY(gv_image_read(image, section, 0, header, sizeof header));
    hnsw->entry = header[0];
    hnsw->entry_level = header[1];
    hnsw->upper_end = hnsw->upper_capacity = header[2];
    if (upper->size != (uint64_t)hnsw->upper_end * hnsw->upper.stride || header[3] != 0)
        return corrupt(GV_SECTION_UPPER, "not as many records as the header says", hnsw->upper_end);
    GV_TRY(load_lazily(hnsw, image, slots));
    GV_TRY(gv_mapped_load_slab(image, GV_SECTION_UPPER_AT, &hnsw->upper_at, slots));
    GV_TRY(gv_mapped_load_slab(image, GV_SECTION_UPPER, &hnsw->upper, hnsw->upper_end));
    GV_TRY(gv_hnsw_reserve_slots(hnsw, slots, NULL));
    GV_TRY(gv_bitset_reserve(&hnsw->upper_used, index->heap, hnsw->upper_end, NULL));
    GV_TRY(load_sets(hnsw, image, slots));
    GV_TRY(find_present(hnsw, slots));
    GV_TRY(claim_records(hnsw, slots));
    hnsw->slot_end = slots;
    hnsw->id_begin = hnsw->id_end = index->table->next_id;
    gv_pivots_find(hnsw);
    GV_TRY(gv_hnsw_watch_rings(hnsw));
    return check_entry(hnsw, slots);
}
