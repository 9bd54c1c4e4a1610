/* scan.c: the exact search, limited by memory bandwidth alone: every accepted row, in order of slots. */
#include "index/index.h"

enum {
    PREFETCH_BYTES = 1024
};

typedef struct Cursor { /* over the accepted slots */
    const GV_Bitset *accept;
    uint32_t end;
    size_t at;     /* word */
    uint64_t rest; /* of its bits */
} Cursor;

static uint32_t next_slot(Cursor *cursor)
{
    while (cursor->rest == 0) {
        if (++cursor->at >= cursor->accept->word_count) return GV_NO_SLOT;
        cursor->rest = cursor->accept->words[cursor->at];
    }
    size_t slot = cursor->at * 64 + (size_t)__builtin_ctzll(cursor->rest);
    cursor->rest &= cursor->rest - 1;
    return slot < cursor->end ? (uint32_t)slot : GV_NO_SLOT;
}

/* Rows that follow one another are sent for by the hardware; one that does not, here. */
static void prefetch(const GV_Table *table, uint32_t slot)
{
    const char *row = (const char *)gv_table_row(table, slot);
    for (size_t at = 0; at < PREFETCH_BYTES && at < table->rows.stride; at += GV_CACHE_LINE)
        __builtin_prefetch(row + at);
}

GV_Status gv_scan(const GV_Table *table, const GV_Metric *metric, const GV_Query *query, GV_TopK *top)
{
    Cursor cursor = {query->accept, table->slot_count, 0, query->accept->word_count ? query->accept->words[0] : 0};
    for (uint32_t slot = next_slot(&cursor), next; slot != GV_NO_SLOT; slot = next) {
        next = next_slot(&cursor);
        if (next != GV_NO_SLOT && next != slot + 1) prefetch(table, next);
        GV_TRY(gv_table_touch(table, slot));
        float rank = gv_rank(metric, query->vector, query->squared_norm, gv_table_row(table, slot),
                             gv_table_norm(table, slot));
        float distance = gv_distance_of_rank(metric->distance, rank);
        if (!gv_topk_refuses(top, distance)) gv_topk_offer(top, distance, gv_table_id(table, slot));
    }
    return GV_OK;
}
