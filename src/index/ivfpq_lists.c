/* ivfpq_lists.c: rows in and out of the lists. What is in a list depends on the calls alone, so files come out equal. */
#include "base/checked.h"
#include "index/ivfpq.h"
#include <string.h>

enum {
    CHUNK_BYTES = 1 << 18
};

GV_Status gv_ivf_lists_new(const GV_IVFPQ *ivf, GV_IvfLists **out)
{
    GV_Heap *heap = ivf->head.heap;
    *out = NULL;
    GV_IvfLists *lists = gv_alloc(heap, sizeof *lists);
    if (!lists) return gv_last_status();
    lists->lists = gv_alloc_array(heap, ivf->nlist, sizeof *lists->lists);
    if (!lists->lists) {
        gv_release(heap, lists, sizeof *lists);
        return gv_last_status();
    }
    for (size_t i = 0; i < ivf->nlist; i++) lists->lists[i] = (GV_IvfList){0, GV_NO_SLOT, GV_NO_SLOT};
    gv_slab_init(&lists->blocks, heap, (size_t)gv_round_up(ivf->tail_at + sizeof(GV_BlockTail), GV_CACHE_LINE),
                 CHUNK_BYTES);
    gv_slab_init(&lists->places, heap, sizeof(uint32_t), CHUNK_BYTES / 8);
    *out = lists;
    return GV_OK;
}

void gv_ivf_lists_free(const GV_IVFPQ *ivf, GV_IvfLists *lists)
{
    GV_Heap *heap = ivf->head.heap;
    if (!lists) return;
    gv_slab_free(&lists->blocks);
    gv_slab_free(&lists->places);
    gv_bitset_free(&lists->used, heap);
    gv_release(heap, lists->lists, ivf->nlist * sizeof *lists->lists);
    gv_release(heap, lists, sizeof *lists);
}

/* Every list has at most one block that is not full; and blocks that came free are used before new ones. */
GV_Status gv_ivf_lists_reserve(const GV_IVFPQ *ivf, GV_IvfLists *lists, uint32_t slot_end, uint64_t rows)
{
    uint64_t partial = ivf->nlist < rows ? ivf->nlist : rows, blocks = rows / GV_BLOCK_ROWS + partial;
    if (blocks > UINT32_MAX / GV_BLOCK_ROWS)
        return gv_fail(GV_ERR_LIMIT, "ivfpq: %llu blocks of %d rows", (unsigned long long)blocks, GV_BLOCK_ROWS);
    if (blocks < lists->block_end) blocks = lists->block_end;
    GV_TRY(gv_slab_reserve(&lists->places, slot_end));
    GV_TRY(gv_slab_reserve(&lists->blocks, (size_t)blocks));
    return gv_bitset_reserve(&lists->used, ivf->head.heap, (size_t)blocks, NULL);
}

/* ---- one row's code in a block ---- */

static void put_code(const GV_IVFPQ *ivf, uint8_t *block, uint32_t row, const uint8_t *code)
{
    if (ivf->nibbles == 0) {
        for (size_t j = 0; j < ivf->m; j++) block[j * GV_BLOCK_ROWS + row] = code[j];
        return;
    }
    unsigned shift = row < 16 ? 0 : 4;
    uint8_t *byte = block + row % 16;
    for (size_t j = 0; j < ivf->m; j++, byte += 16)
        *byte = (uint8_t)((*byte & (0xf0u >> shift)) | (code[j / 2] >> (j % 2 * 4) & 15u) << shift);
}

static void get_code(const GV_IVFPQ *ivf, const uint8_t *block, uint32_t row, uint8_t *code)
{
    if (ivf->nibbles == 0) {
        for (size_t j = 0; j < ivf->m; j++) code[j] = block[j * GV_BLOCK_ROWS + row];
        return;
    }
    unsigned shift = row < 16 ? 0 : 4;
    const uint8_t *byte = block + row % 16;
    for (size_t j = 0; j < ivf->m; j += 2, byte += 32) /* of an odd m the last part is zero */
        code[j / 2] = (uint8_t)((byte[0] >> shift & 15) | (byte[16] >> shift & 15) << 4);
}

/* Row `from` of one block takes the place of row `to` of another. */
static void move_code(const GV_IVFPQ *ivf, uint8_t *to_block, uint32_t to, const uint8_t *from_block, uint32_t from)
{
    if (ivf->nibbles == 0) {
        for (size_t j = 0; j < ivf->m; j++) to_block[j * GV_BLOCK_ROWS + to] = from_block[j * GV_BLOCK_ROWS + from];
        return;
    }
    unsigned shift = to < 16 ? 0 : 4, from_shift = from < 16 ? 0 : 4;
    uint8_t *byte = to_block + to % 16;
    const uint8_t *source = from_block + from % 16;
    for (size_t j = 0; j < ivf->m; j++, byte += 16, source += 16)
        *byte = (uint8_t)((*byte & (0xf0u >> shift)) | (unsigned)(*source >> from_shift & 15) << shift);
}

/* Unused rows are zero, so that equal content is equal bytes. */
static void clear_row(const GV_IVFPQ *ivf, uint8_t *block, uint32_t row)
{
    static const uint8_t zeros[GV_FAST_NIBBLES];
    put_code(ivf, block, row, zeros);
    gv_block_terms(ivf, block)[row] = 0.0f;
    gv_block_slots(ivf, block)[row] = 0;
}

/* ---- lists ---- */

static uint32_t take_block(const GV_IVFPQ *ivf, GV_IvfLists *lists, uint32_t list)
{
    uint32_t block = (uint32_t)gv_bitset_next_clear(&lists->used, lists->free_from, lists->block_end);
    gv_bitset_set(&lists->used, block);
    lists->free_from = block + 1;
    if (block == lists->block_end) lists->block_end++;
    *gv_block_tail(ivf, gv_block_at(lists, block)) = (GV_BlockTail){
        .list = list, .next = GV_NO_SLOT, .previous = lists->lists[list].last};
    return block;
}

void gv_ivf_append(const GV_IVFPQ *ivf, GV_IvfLists *lists, uint32_t slot, const GV_Coded *coded)
{
    GV_IvfList *list = &lists->lists[coded->list];
    uint32_t row = list->count % GV_BLOCK_ROWS;
    if (row == 0) {
        uint32_t block = take_block(ivf, lists, coded->list);
        if (list->last == GV_NO_SLOT) list->first = block;
        else gv_block_tail(ivf, gv_block_at(lists, list->last))->next = block;
        list->last = block;
    }
    uint8_t *block = gv_block_at(lists, list->last);
    put_code(ivf, block, row, coded->code);
    gv_block_terms(ivf, block)[row] = coded->term;
    gv_block_slots(ivf, block)[row] = slot;
    *gv_ivf_place(lists, slot) = list->last * GV_BLOCK_ROWS + row + 1;
    list->count++;
    lists->row_count++;
}

static void drop_last_block(const GV_IVFPQ *ivf, GV_IvfLists *lists, GV_IvfList *list)
{
    uint32_t block = list->last;
    GV_BlockTail *tail = gv_block_tail(ivf, gv_block_at(lists, block));
    list->last = tail->previous;
    if (list->last == GV_NO_SLOT) list->first = GV_NO_SLOT;
    else gv_block_tail(ivf, gv_block_at(lists, list->last))->next = GV_NO_SLOT;
    memset(tail, 0, sizeof *tail);
    gv_bitset_clear(&lists->used, block);
    if (block < lists->free_from) lists->free_from = block;
}

void gv_ivf_remove(const GV_IVFPQ *ivf, GV_IvfLists *lists, uint32_t slot)
{
    uint32_t place = *gv_ivf_place(lists, slot);
    if (place == 0) return;
    uint8_t *block = gv_block_at(lists, (place - 1) / GV_BLOCK_ROWS);
    uint32_t row = (place - 1) % GV_BLOCK_ROWS;
    GV_IvfList *list = &lists->lists[gv_block_tail(ivf, block)->list];
    uint8_t *last_block = gv_block_at(lists, list->last);
    uint32_t last = (list->count - 1) % GV_BLOCK_ROWS, moved = gv_block_slots(ivf, last_block)[last];
    move_code(ivf, block, row, last_block, last);
    gv_block_terms(ivf, block)[row] = gv_block_terms(ivf, last_block)[last];
    gv_block_slots(ivf, block)[row] = moved;
    *gv_ivf_place(lists, moved) = place;
    *gv_ivf_place(lists, slot) = 0;
    clear_row(ivf, last_block, last);
    list->count--;
    lists->row_count--;
    if (last == 0) drop_last_block(ivf, lists, list);
}

void gv_ivf_read(const GV_IVFPQ *ivf, const GV_IvfLists *lists, uint32_t slot, GV_Coded *coded)
{
    uint32_t place = *gv_ivf_place(lists, slot) - 1, row = place % GV_BLOCK_ROWS;
    uint8_t *block = gv_block_at(lists, place / GV_BLOCK_ROWS);
    coded->list = gv_block_tail(ivf, block)->list;
    coded->term = gv_block_terms(ivf, block)[row];
    get_code(ivf, block, row, coded->code);
}
