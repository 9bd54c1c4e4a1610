/* care.c: numbers, limits and the check of everything. */
#include "api/db.h"
#include <string.h>

static size_t memory_of(GV_Database *db)
{
    gv_mutex_lock(&db->gate);
    size_t draft = db->draft ? atomic_load(&db->draft->heap.used_bytes) : 0;
    gv_mutex_unlock(&db->gate);
    return draft + atomic_load(&db->store->heap.used_bytes) + atomic_load(&db->store->scratch_heap.used_bytes) +
           atomic_load(&db->scratch.used_bytes);
}

GV_Status gv_hand_out(const char *name, void *to, const void *from, size_t size)
{
    uint32_t theirs;
    memcpy(&theirs, to, sizeof theirs);
    if (theirs < 2 * sizeof theirs || theirs > 4096)
        return gv_fail(GV_ERR_ARGUMENT, "%s: struct_size is %u; set it to sizeof", name, theirs);
    size_t part = theirs < size ? theirs : size;
    memcpy((uint8_t *)to + sizeof theirs, (const uint8_t *)from + sizeof theirs, part - sizeof theirs);
    return GV_OK;
}

GV_Status gv_db_get_info(GV_Database *db, GV_DatabaseInfo *info)
{
    if (!info) return gv_fail(GV_ERR_ARGUMENT, "info is NULL");
    GV_TRY(gv_enter(db));
    gv_mutex_lock(&db->writer); /* the log moves under it */
    gv_read_lock(&db->state);
    const GV_Store *s = db->store;
    GV_DatabaseInfo now = {
        .index_type = (int32_t)s->settings.index_type,
        .distance = (int32_t)s->settings.distance,
        .read_only = db->read_only,
        .dimension = s->settings.dimension,
        .count = s->table.live_count,
        .next_id = s->table.next_id,
        .generation = s->generation,
        .image_bytes = s->image_bytes,
        .log_bytes = s->log.end - s->log.start,
        .recovered_groups = s->recovered_groups,
        .cut_bytes = s->cut_bytes,
        .memory_bytes = memory_of(db),
        .seed = s->settings.seed,
        .kernels = s->settings.kernels->name,
        .storage = (int32_t)s->settings.storage,
        .vectors_dropped = gv_table_is_coded(&s->table),
        .trained = !s->index->ops->training || s->index->ops->training->is_trained(s->index),
    };
    gv_read_unlock(&db->state);
    gv_mutex_unlock(&db->writer);
    gv_leave(db);
    return gv_hand_out("GV_DatabaseInfo", info, &now, sizeof now);
}

/* Under the read lock. */
static GV_Status read_shape(const GV_Store *s, GV_Stats *now)
{
    const GV_Table *table = &s->table;
    uint64_t used = table->used_count;
    now->nodes = table->live_count;
    now->tombstones = used - table->live_count;
    now->free_slots = table->slot_count - used;
    return s->index->ops->shape ? s->index->ops->shape(s->index, now) : GV_OK;
}

GV_Status gv_db_get_stats(GV_Database *db, GV_Stats *stats)
{
    if (!stats) return gv_fail(GV_ERR_ARGUMENT, "stats is NULL");
    GV_TRY(gv_enter(db));
    const GV_Counters *c = &db->counters;
    GV_Stats now = {.searches = c->searches,
                    .walks = c->tally.walks,
                    .scans = c->tally.scans,
                    .scanned_rows = c->tally.scanned_rows,
                    .adds = c->calls[GV_CALL_ADD],
                    .upserts = c->calls[GV_CALL_UPSERT],
                    .updates = c->calls[GV_CALL_UPDATE],
                    .deletes = c->calls[GV_CALL_DELETE],
                    .checkpoints = c->calls[GV_CALL_CHECKPOINT]};
    for (size_t i = 0; i < GV_LATENCIES; i++) now.latencies[i] = c->latencies[i];
    gv_read_lock(&db->state);
    GV_Status status = read_shape(db->store, &now);
    gv_read_unlock(&db->state);
    gv_leave(db);
    return status == GV_OK ? gv_hand_out("GV_Stats", stats, &now, sizeof now) : status;
}

size_t gv_db_get_memory_usage(GV_Database *db)
{
    if (gv_enter(db) != GV_OK) return 0;
    gv_read_lock(&db->state);
    size_t bytes = memory_of(db);
    gv_read_unlock(&db->state);
    gv_leave(db);
    return bytes;
}

GV_Status gv_db_get_resource_limits(GV_Database *db, GV_ResourceLimits *limits)
{
    if (!limits) return gv_fail(GV_ERR_ARGUMENT, "limits is NULL");
    GV_TRY(gv_enter(db));
    gv_mutex_lock(&db->gate);
    GV_ResourceLimits now = db->limits;
    gv_mutex_unlock(&db->gate);
    gv_leave(db);
    return gv_hand_out("GV_ResourceLimits", limits, &now, sizeof now);
}

GV_Status gv_db_set_resource_limits(GV_Database *db, const GV_ResourceLimits *limits)
{
    GV_ResourceLimits wanted = {0};
    if (!limits) return gv_fail(GV_ERR_ARGUMENT, "limits is NULL");
    if (limits->struct_size < 2 * sizeof(uint32_t) || limits->struct_size > 4096)
        return gv_fail(GV_ERR_ARGUMENT, "GV_ResourceLimits: struct_size is %u; set it to sizeof", limits->struct_size);
    memcpy(&wanted, limits, limits->struct_size < sizeof wanted ? limits->struct_size : sizeof wanted);
    wanted.struct_size = sizeof wanted;
    if (wanted.max_memory_bytes > SIZE_MAX) wanted.max_memory_bytes = 0; /* no process could pass it */
    GV_TRY(gv_enter(db));
    gv_mutex_lock(&db->gate);
    db->limits = wanted;
    gv_mutex_unlock(&db->gate);
    gv_read_lock(&db->state);
    atomic_store(&db->store->heap.limit_bytes, (size_t)wanted.max_memory_bytes);
    gv_read_unlock(&db->state);
    gv_leave(db);
    return GV_OK;
}

GV_Status gv_db_set_exact_search_threshold(GV_Database *db, uint64_t rows)
{
    GV_TRY(gv_enter(db));
    db->exact_threshold = rows;
    gv_leave(db);
    return GV_OK;
}

/* ---- check ---- */

static void fault(GV_CheckReport *report, const char *what, uint64_t at)
{
    if (report->faults++ == 0) (void)gv_fail(GV_ERR_CORRUPT, "%s %llu", what, (unsigned long long)at);
}

static float squared_norm(const GV_Table *t, const GV_Kernels *kernels, uint32_t slot, float *room)
{
    const float *row = gv_table_floats(t, slot, room);
    if (!gv_table_is_sparse(t)) return kernels->dot(row, row, t->dimension);
    GV_SparseRow pairs = gv_table_pairs(t, slot);
    return (float)gv_sparse_dot(&pairs, &pairs);
}

/* `room` is float[gv_table_room()]. */
static GV_Status check_rows(const GV_Table *t, const GV_Kernels *kernels, float *room, GV_CheckReport *report)
{
    uint64_t live = 0;
    for (uint32_t slot = 0; slot < t->slot_count; slot++) {
        bool is_live = gv_bitset_get(&t->live, slot);
        uint64_t id = gv_table_id(t, slot);
        live += is_live;
        if (is_live != (id != GV_NO_ID)) fault(report, "a slot that is half alive:", slot);
        if (!is_live) continue;
        if (id >= t->next_id || gv_table_find(t, id) != slot) fault(report, "the id map loses row", id);
        if (!gv_bitset_get(&t->used, slot)) fault(report, "a live slot that is not in use:", slot);
        GV_Status status = gv_table_touch(t, slot);
        if (status != GV_OK) return status;
        float norm = squared_norm(t, kernels, slot, room), stored = gv_table_norm(t, slot);
        if (memcmp(&norm, &stored, sizeof norm) != 0) fault(report, "a stored norm that is not its row's, of row", id);
    }
    if (live != t->live_count || (!t->ids_ascend && t->map.count != live))
        fault(report, "the count of live rows is off:", t->live_count);
    return GV_OK;
}

static GV_Status check_table(GV_Store *s, GV_CheckReport *report)
{
    float *room;
    GV_TRY(gv_room_new(&s->table, &s->scratch_heap, &room));
    GV_Status status = check_rows(&s->table, s->settings.kernels, room, report);
    gv_room_free(&s->table, &s->scratch_heap, room);
    return status;
}

/* What is on the disk, block by block, beside what is in memory. */
static GV_Status check_file(GV_Store *s)
{
    GV_Superblock superblock;
    GV_Image image = {0};
    GV_TRY(gv_superblock_read(s->vfs, s->file, &superblock, &s->superblock_copies));
    GV_TRY(gv_image_open(&image, &s->scratch_heap, s->vfs, s->file, &superblock));
    GV_Status status = GV_OK;
    for (size_t i = 0; i < image.section_count && status == GV_OK; i++)
        status = gv_image_verify(&image, &image.sections[i]);
    gv_image_close(&image);
    return status;
}

GV_Status gv_db_check(GV_Database *db, GV_CheckReport *report)
{
    if (!report) return gv_fail(GV_ERR_ARGUMENT, "report is NULL");
    GV_TRY(gv_enter(db));
    gv_mutex_lock(&db->writer);
    GV_Store *s = db->store;
    GV_CheckReport found = {.rows = s->table.live_count, .reachable = s->table.live_count};
    GV_Status status = s->file ? check_file(s) : GV_OK;
    found.superblock_copies = s->superblock_copies;
    if (status == GV_OK) status = check_table(s, &found);
    if (status == GV_OK && !gv_terms_check(&s->terms))
        fault(&found, "the index over metadata is off, rows:", found.rows);
    if (status == GV_OK && s->index->ops->check) status = s->index->ops->check(s->index, &found);
    if (status == GV_OK && found.faults > 0) status = gv_last_status();
    GV_Failure failure;
    gv_failure_save(&failure);
    GV_Status handed = gv_hand_out("GV_CheckReport", report, &found, sizeof found);
    gv_mutex_unlock(&db->writer);
    gv_leave(db);
    return status == GV_OK ? handed : gv_failure_restore(&failure);
}
