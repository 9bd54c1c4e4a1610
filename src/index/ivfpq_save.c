/* ivfpq_save.c: the index's sections of the image, and their way back. A file may have been made by anyone: chains, places
 * and counts are checked here, so that searches and writes may go by them. */
#include "base/checked.h"
#include "index/ivfpq.h"

enum {
    HEADER_WORDS = 4 /* 1 once trained, blocks, zeros */
};

GV_Status gv_ivf_save(GV_Index *index, GV_ImageWriter *writer)
{
    const GV_IVFPQ *ivf = (const GV_IVFPQ *)index;
    const GV_IvfLists *lists = ivf->lists;
    uint32_t header[HEADER_WORDS] = {ivf->model != NULL, lists ? lists->block_end : 0, 0, 0};
    GV_TRY(gv_image_section(writer, GV_SECTION_IVFPQ));
    GV_TRY(gv_image_put(writer, header, sizeof header));
    if (!ivf->model) return GV_OK;
    GV_TRY(gv_image_section(writer, GV_SECTION_IVF_MODEL));
    GV_TRY(gv_image_put(writer, ivf->model->values, ivf->model->value_count * sizeof(float)));
    GV_TRY(gv_image_section(writer, GV_SECTION_IVF_LISTS));
    GV_TRY(gv_image_put(writer, lists->lists, ivf->nlist * sizeof *lists->lists));
    GV_TRY(gv_image_section(writer, GV_SECTION_IVF_BLOCKS));
    return gv_image_put_slab(writer, &lists->blocks, lists->block_end);
}

/* ---- loading ---- */

static GV_Status corrupt(GV_SectionType section, const char *what, uint32_t where)
{
    return gv_fail(GV_ERR_CORRUPT, "section %d: %s, %u", (int)section, what, where);
}

/* The rows of a block are live, and each is in one place. */
static GV_Status place_rows(const GV_IVFPQ *ivf, GV_IvfLists *lists, uint32_t block, uint32_t count)
{
    const GV_Table *table = ivf->head.table;
    const uint32_t *slots = gv_block_slots(ivf, gv_block_at(lists, block));
    for (uint32_t i = 0; i < count; i++) {
        if (slots[i] >= table->slot_count || !gv_bitset_get(&table->live, slots[i]) ||
            *gv_ivf_place(lists, slots[i]) != 0)
            return corrupt(GV_SECTION_IVF_BLOCKS, "a row that cannot be in a list, block", block);
        *gv_ivf_place(lists, slots[i]) = block * GV_BLOCK_ROWS + i + 1;
    }
    lists->row_count += count;
    return GV_OK;
}

static GV_Status follow_list(const GV_IVFPQ *ivf, GV_IvfLists *lists, uint32_t number)
{
    const GV_IvfList *list = &lists->lists[number];
    uint32_t at = list->first, before = GV_NO_SLOT;
    for (uint32_t left = list->count; left > 0;) {
        if (at >= lists->block_end || gv_bitset_get(&lists->used, at))
            return corrupt(GV_SECTION_IVF_LISTS, "a chain that leads nowhere, list", number);
        const GV_BlockTail *tail = gv_block_tail(ivf, gv_block_at(lists, at));
        uint32_t rows = left < GV_BLOCK_ROWS ? left : GV_BLOCK_ROWS;
        if (tail->list != number || tail->previous != before || tail->zero != 0)
            return corrupt(GV_SECTION_IVF_BLOCKS, "a block of another list, block", at);
        gv_bitset_set(&lists->used, at);
        GV_TRY(place_rows(ivf, lists, at, rows));
        left -= rows;
        before = at;
        at = tail->next;
    }
    return at == GV_NO_SLOT && list->last == before
               ? GV_OK
               : corrupt(GV_SECTION_IVF_LISTS, "a chain without end, list", number);
}

static GV_Status load_model(GV_IVFPQ *ivf, GV_Image *image)
{
    const GV_Section *section = gv_image_find(image, GV_SECTION_IVF_MODEL);
    size_t count;
    if (!section || !gv_ivf_model_size(ivf, &count) || section->size != (uint64_t)count * sizeof(float))
        return gv_fail(GV_ERR_CORRUPT, "section %d: not the values of %u lists of %zu components", GV_SECTION_IVF_MODEL,
                       ivf->nlist, ivf->width);
    GV_TRY(gv_ivf_model_new(ivf, &ivf->model));
    GV_TRY(gv_image_read(image, section, 0, ivf->model->values, count * sizeof(float)));
    return gv_ivf_model_finish(ivf, ivf->model);
}

static GV_Status load_lists(GV_IVFPQ *ivf, GV_Image *image, uint32_t block_end)
{
    const GV_Table *table = ivf->head.table;
    const GV_Section *section = gv_image_find(image, GV_SECTION_IVF_LISTS);
    GV_TRY(gv_ivf_lists_new(ivf, &ivf->lists));
    GV_IvfLists *lists = ivf->lists;
    size_t bytes = ivf->nlist * sizeof *lists->lists;
    if (!section || section->size != bytes) return corrupt(GV_SECTION_IVF_LISTS, "not so many lists:", ivf->nlist);
    if (block_end > UINT32_MAX / GV_BLOCK_ROWS) return corrupt(GV_SECTION_IVFPQ, "so many blocks:", block_end);
    GV_TRY(gv_image_read(image, section, 0, lists->lists, bytes));
    GV_TRY(gv_mapped_load_slab(image, GV_SECTION_IVF_BLOCKS, &lists->blocks, block_end));
    lists->block_end = block_end;
    GV_TRY(gv_bitset_reserve(&lists->used, ivf->head.heap, block_end, NULL));
    GV_TRY(gv_slab_reserve(&lists->places, table->slot_count));
    for (uint32_t i = 0; i < ivf->nlist; i++) GV_TRY(follow_list(ivf, lists, i));
    if (lists->row_count != table->live_count)
        return corrupt(GV_SECTION_IVF_LISTS, "not all live rows are in a list, but", (uint32_t)lists->row_count);
    return GV_OK;
}

GV_Status gv_ivf_load(GV_Index *index, GV_Image *image)
{
    GV_IVFPQ *ivf = (GV_IVFPQ *)index;
    uint32_t header[HEADER_WORDS];
    const GV_Section *section = gv_image_find(image, GV_SECTION_IVFPQ);
    if (!section || section->size != sizeof header)
        return gv_fail(GV_ERR_CORRUPT, "the file has no section %d of an IVFPQ index", GV_SECTION_IVFPQ);
    GV_TRY(gv_image_read(image, section, 0, header, sizeof header));
    if (header[0] > 1 || header[2] != 0 || header[3] != 0 || (header[0] == 0 && header[1] != 0) ||
        (header[0] == 1 && index->metric.distance == GV_DISTANCE_MANHATTAN))
        return corrupt(GV_SECTION_IVFPQ, "a header that cannot be, first word", header[0]);
    if (gv_table_is_coded(index->table) != (header[0] == 1 && ivf->config.drop_vectors))
        return corrupt(GV_SECTION_IVFPQ,
                       "vectors where codes are, or none where there are no codes; trained:", header[0]);
    if (header[0] == 0) return GV_OK;
    GV_TRY(load_model(ivf, image));
    GV_TRY(load_lists(ivf, image, header[1]));
    if (gv_table_is_coded(index->table)) gv_table_use_codes(index->table, &ivf->coded);
    return GV_OK;
}

/* ---- checking ---- */

/* Every live row is where its place says. */
GV_Status gv_ivf_check(GV_Index *index, GV_CheckReport *report)
{
    const GV_IVFPQ *ivf = (const GV_IVFPQ *)index;
    const GV_Table *table = index->table;
    report->reachable = table->live_count;
    if (!ivf->model) return GV_OK;
    report->reachable = 0;
    for (size_t at = gv_bitset_next_set(&table->live, 0, table->slot_count); at < table->slot_count;
         at = gv_bitset_next_set(&table->live, at + 1, table->slot_count)) {
        uint32_t place = *gv_ivf_place(ivf->lists, (uint32_t)at);
        if (place == 0 || (place - 1) / GV_BLOCK_ROWS >= ivf->lists->block_end) continue;
        uint8_t *block = gv_block_at(ivf->lists, (place - 1) / GV_BLOCK_ROWS);
        report->reachable += gv_block_slots(ivf, block)[(place - 1) % GV_BLOCK_ROWS] == at &&
                             gv_block_tail(ivf, block)->list < ivf->nlist;
    }
    if (report->reachable == table->live_count && ivf->lists->row_count == table->live_count) return GV_OK;
    if (report->faults++ == 0)
        (void)gv_fail(GV_ERR_CORRUPT, "ivfpq: %llu of %llu live rows are in a list",
                      (unsigned long long)report->reachable, (unsigned long long)table->live_count);
    return GV_OK;
}
