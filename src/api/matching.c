/* matching.c: a write on all rows that meet a condition. */
#include "api/find.h"
#include "api/write.h"

static GV_Status delete_matches(GV_Database *db, const GV_Bitset *matches, uint64_t count)
{
    const GV_Table *table = &db->store->table;
    uint64_t *ids = gv_alloc_array(&db->scratch, (size_t)count, sizeof *ids);
    uint32_t *slots = gv_alloc_array(&db->scratch, (size_t)count, 2 * sizeof *slots);
    GV_Status status = ids && slots ? GV_OK : gv_last_status();
    size_t at = 0, slot = status == GV_OK ? gv_bitset_next_set(matches, 0, table->slot_count) : table->slot_count;
    for (; slot < table->slot_count; slot = gv_bitset_next_set(matches, slot + 1, table->slot_count))
        ids[at++] = gv_table_id(table, (uint32_t)slot);
    if (status == GV_OK) status = gv_delete_rows(db, ids, (size_t)count, slots);
    gv_release(&db->scratch, ids, (size_t)count * sizeof *ids);
    gv_release(&db->scratch, slots, (size_t)count * 2 * sizeof *slots);
    return status;
}

/* By the writer: the rows that match stay the same until they are deleted. */
static GV_Status delete_matching(GV_Database *db, const GV_SearchOptions *options, uint64_t *deleted)
{
    GV_Search search;
    GV_Bitset matches = {0};
    const GV_Bitset *accept;
    uint64_t count = 0;
    GV_Status status = gv_search_begin_whole(db, options, 1, &search);
    if (status == GV_OK && !search.filter)
        status = gv_fail(GV_ERR_ARGUMENT, "a filter is needed: without one this would delete every row");
    if (status == GV_OK) {
        gv_filter_prepare(db, search.filter);
        status = gv_begin_write(db);
    }
    if (status == GV_OK) {
        status = gv_search_filter(db, &search, &matches, &accept, &count);
        if (status == GV_OK && count > 0) status = delete_matches(db, accept, count);
        gv_end_write(db);
    }
    gv_search_end(db, &search);
    gv_bitset_free(&matches, &db->scratch);
    if (status == GV_OK && deleted) *deleted = count;
    return status;
}

GV_Status gv_db_delete_matching(GV_Database *db, const GV_SearchOptions *options, uint64_t *deleted)
{
    GV_TRY(gv_enter_writer(db));
    GV_Status status = delete_matching(db, options, deleted);
    gv_count_call(&db->counters, GV_CALL_DELETE, status);
    gv_leave(db);
    return status;
}
