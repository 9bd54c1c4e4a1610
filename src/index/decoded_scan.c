/* decoded_scan.c: the exact search over rows that are codes: each accepted row is decoded once, and compared with all queries. Hits are
 * those of scan.c over the floats, to the bit. */
#include "index/index.h"

static void compare(const GV_Metric *metric, const GV_Query *query, const float *row, float norm, uint64_t id,
                    double radius, GV_TopK *top, uint64_t *total)
{
    float rank = gv_rank(metric, query->vector, query->squared_norm, row, norm);
    if (!total && rank > gv_rank_limit(metric->distance, top)) return;
    float distance = gv_distance_of_rank(metric->distance, rank);
    if ((double)distance > radius) return;
    if (total) ++*total;
    gv_topk_offer(top, distance, id);
}

GV_Status gv_decoded_scan(const GV_Index *index, const GV_Metric *metric, const GV_Query *queries, size_t count,
                          double radius, GV_TopK *const *tops, uint64_t *total)
{
    const GV_Table *table = index->table;
    GV_SlotCursor cursor = gv_first_slots(table, queries[0].accept);
    float *room;
    if (total) *total = 0;
    GV_TRY(gv_room_new(table, index->scratch_heap, &room));
    for (uint32_t slot = gv_next_slot(&cursor); slot != GV_NO_SLOT; slot = gv_next_slot(&cursor)) {
        const float *row = gv_table_floats(table, slot, room);
        float norm = gv_table_norm(table, slot);
        for (size_t i = 0; i < count; i++)
            compare(metric, &queries[i], row, norm, gv_table_id(table, slot), radius, tops[i], total);
    }
    gv_room_free(table, index->scratch_heap, room);
    return GV_OK;
}
