/* compact.c: the live rows in a store of their own, without what deletes and updates have left behind: no free slots, an index
 * made anew, perhaps another one, the smallest file. Searches go on in the old store until the new one takes its place, in
 * one step.
 *
 * Rows come into the new index in the order of their ids, as in a new database. Many of a graph lie in the order in which searches come by
 * them (docs/adr/0024), others in that of their ids. */
#include "api/copied_rows.h"
#include "api/stand_in.h"
#include "api/write.h"
#include <stdlib.h>

enum {
    STEPS_A_TURN = 4096,   /* between two looks at whether the database is being closed */
    ORDERED_FROM = 1 << 16 /* rows: fewer are in a cache, and ids that ascend with the slots need no map */
};

typedef struct Compaction {
    GV_Database *db;
    GV_Store *from, *to;
    GV_Settings settings; /* of `to` */
    bool converts;        /* they are not those of `from` */
    bool learned;         /* the index of `from` has learned what that of `to` goes by: its vectors are dropped */
    uint64_t *ids;        /* [count], of the live rows, ascending */
    uint32_t *places;     /* by slot of `from`: the slot in `to`. NULL: row i goes to slot i */
    size_t count;
} Compaction;

static GV_Status check_wanted(GV_Database *db)
{
    return gv_is_closing(db) ? gv_fail(GV_ERR_ARGUMENT, "the database is being closed") : GV_OK;
}

static int compare_ids(const void *a, const void *b)
{
    uint64_t x = *(const uint64_t *)a, y = *(const uint64_t *)b;
    return (x > y) - (x < y);
}

static void list_ids(Compaction *c)
{
    const GV_Table *table = &c->from->table;
    size_t at = 0;
    for (size_t slot = gv_bitset_next_set(&table->live, 0, table->slot_count); slot < table->slot_count;
         slot = gv_bitset_next_set(&table->live, slot + 1, table->slot_count))
        c->ids[at++] = gv_table_id(table, (uint32_t)slot);
    if (at > 1) qsort(c->ids, at, sizeof *c->ids, compare_ids);
}

/* Where rows go that searches of the index they come from meet together. */
static GV_Status choose_places(Compaction *c)
{
    const GV_Index *index = c->from->index;
    size_t slots = c->from->table.slot_count;
    if (!index->ops->order || !c->to->index->ops->order || c->count < ORDERED_FROM) return GV_OK;
    uint32_t *order = gv_alloc_array(&c->db->scratch, slots, sizeof *order);
    if (!order) return gv_last_status();
    GV_Status status = index->ops->order(index, order);
    if (status == GV_OK) {
        c->places = gv_alloc_array(&c->db->scratch, slots, sizeof *c->places);
        if (!c->places) status = gv_last_status();
    }
    if (status == GV_OK)
        for (size_t i = 0; i < c->count; i++) c->places[order[i]] = (uint32_t)i;
    gv_release(&c->db->scratch, order, slots * sizeof *order);
    return status;
}

/* What an index was trained to, it need not learn again. */
static GV_Status copy_training(Compaction *c)
{
    const GV_TrainingOps *training = c->from->index->ops->training;
    size_t bytes;
    if (c->converts || !training || !(c->learned || training->is_trained(c->from->index))) return GV_OK;
    const void *values = training->values(c->from->index, &bytes);
    GV_TRY(training->restore(c->to->index, values, bytes));
    training->adopt(c->to->index, NULL);
    return GV_OK;
}

static GV_Status copy_keys(Compaction *c)
{
    const GV_Terms *from = &c->from->terms;
    if (!GV_HAS_KEYS || !from->declared) return GV_OK;
    uint8_t *list = gv_alloc(&c->to->heap, from->declared_bytes);
    if (!list) return gv_last_status();
    memcpy(list, from->declared, from->declared_bytes);
    gv_terms_declare(&c->to->terms, list, from->declared_bytes);
    return GV_OK;
}

/* So that the first filter need not. */
static GV_Status index_keys(Compaction *c)
{
    size_t from = 0;
    while (GV_HAS_KEYS && !gv_terms_catch_up_declared(&c->to->terms, &from, STEPS_A_TURN)) GV_TRY(check_wanted(c->db));
    return GV_OK;
}

/* Copies of all rows, in a table that nobody sees yet. */
static GV_Status copy_rows(Compaction *c, GV_CopiedRows *rows)
{
    const GV_Table *from = &c->from->table;
    GV_Table *to = &c->to->table;
    GV_TRY(gv_store_reserve(c->to, (uint32_t)c->count, c->count, c->count, !c->places, NULL));
    for (size_t i = 0; i < c->count; i++) {
        uint32_t slot = gv_table_find(from, c->ids[i]), place = c->places ? c->places[slot] : (uint32_t)i;
        size_t size;
        uint8_t *metadata;
        const uint8_t *packed = gv_table_metadata(from, slot, &size);
        GV_TRY(gv_table_metadata_new(to, packed, size, &metadata));
        const void *row = NULL;
        float norm = gv_table_norm(from, slot);
        GV_Status status = GV_OK;
        if (gv_table_is_sparse(from)) {
            const uint8_t *pairs = gv_blob(&from->pairs, slot, &size);
            row = gv_blob_copy(to->heap, pairs, size);
            if (!row) status = gv_last_status();
        } else status = gv_copied_row(rows, i, slot, &row, &norm);
        if (status != GV_OK) {
            gv_table_metadata_free(to, metadata);
            return status;
        }
        gv_table_stage(to, place, c->ids[i], row, norm, metadata);
        gv_table_enter(to, place);
        gv_store_step(c->to, place, false);
    }
    to->next_id = from->next_id;
    return GV_OK;
}

static GV_Status copy_table(Compaction *c)
{
    GV_CopiedRows rows;
    GV_Status status = gv_copied_rows_new(c->db, &c->from->table, &c->to->table, c->ids, c->count, &rows);
    if (status == GV_OK) status = copy_rows(c, &rows);
    gv_copied_rows_free(&rows);
    return status;
}

static GV_Status link_rows(Compaction *c)
{
    for (size_t at = 0; at < c->count;) {
        GV_TRY(check_wanted(c->db));
        at = gv_store_run_some(c->to, at, at + STEPS_A_TURN < c->count ? at + STEPS_A_TURN : c->count, NULL);
    }
    gv_store_run_steps(c->to, c->count, NULL);
    for (size_t i = 0; i < c->count; i++) gv_table_show(&c->to->table, (uint32_t)i);
    return GV_OK;
}

/* The file becomes that of the new store, packed. `*done`: it has, though perhaps with a failure. */
static GV_Status move_file(Compaction *c, bool *done)
{
    GV_Store *from = c->from, *to = c->to;
    *done = true;
    if (!from->file) return GV_OK;
    to->file = from->file;
    to->generation = from->generation;
    GV_Status status = gv_store_checkpoint(to, c->db->path, NULL);
    gv_count_call(&c->db->counters, GV_CALL_CHECKPOINT, status);
    *done = to->generation != from->generation;
    if (*done) from->file = NULL;
    else to->file = NULL;
    return status;
}

/* For who asks how much memory is in use. */
static void show_draft(GV_Database *db, GV_Store *draft)
{
    gv_mutex_lock(&db->gate);
    db->draft = draft;
    gv_mutex_unlock(&db->gate);
}

/* The new store may take what the old one leaves of the limit. */
static GV_Status make_store(Compaction *c)
{
    GV_TRY(gv_store_new(&c->settings, c->from->vfs, &c->to));
    c->to->log.deferred = c->from->log.deferred;
    size_t limit = atomic_load(&c->from->heap.limit_bytes), used = atomic_load(&c->from->heap.used_bytes);
    if (limit) atomic_store(&c->to->heap.limit_bytes, limit > used ? limit - used : 1);
    show_draft(c->db, c->to);
    return GV_OK;
}

/* By the writer. */
static GV_Status compact(Compaction *c)
{
    GV_Heap *scratch = &c->db->scratch;
    bool done = false;
    size_t slots = c->from->table.slot_count;
    c->count = (size_t)c->from->table.live_count;
    c->ids = gv_alloc_array(scratch, c->count + 1, sizeof *c->ids);
    GV_Status status = c->ids ? make_store(c) : gv_last_status();
    if (status == GV_OK) {
        list_ids(c);
        status = choose_places(c);
        if (status == GV_OK) status = copy_training(c);
        if (status == GV_OK) status = copy_keys(c);
        if (status == GV_OK) status = copy_table(c);
    }
    if (status == GV_OK) status = link_rows(c);
    if (status == GV_OK) status = index_keys(c);
    if (status == GV_OK) status = move_file(c, &done);
    show_draft(c->db, NULL);
    if (done) {
        c->to = gv_change_store(c->db, c->to);
        c->db->checkpoint_after = 0;
    }
    GV_Failure failure;
    gv_failure_save(&failure);
    gv_store_free(c->to); /* by now the old one */
    gv_release(scratch, c->ids, (c->count + 1) * sizeof *c->ids);
    gv_release(scratch, c->places, slots * sizeof *c->places);
    return status == GV_OK ? GV_OK : gv_failure_restore(&failure);
}

/* By the writer. */
static GV_Status change(GV_Database *db, const GV_OpenOptions *options, const GV_Configs *configs, bool converts)
{
    Compaction c = {.db = db, .settings = db->store->settings, .converts = converts};
    GV_TRY(gv_options_change(options, configs, &c.settings));
    GV_TRY(gv_stand_in(db));
    c.from = db->store;
    GV_Status status = compact(&c);
    if (db->store == c.from) { /* they have not changed places */
        gv_stand_back(db);
        return status;
    }
    if (configs->hnsw) db->ef_search = configs->hnsw->ef_search;
    if (configs->ivfpq) db->nprobe = configs->ivfpq->nprobe;
    if (configs->ivfpq) db->rerank = configs->ivfpq->default_rerank;
    return status;
}

static GV_Status rebuild(GV_Database *db, const GV_OpenOptions *given, bool converts)
{
    GV_OpenOptions options;
    GV_Configs configs;
    GV_TRY(gv_enter_writer(db));
    GV_Status status = gv_options_read(given, &options, &configs);
    if (status == GV_OK) status = gv_begin_write(db);
    if (status == GV_OK) {
        status = change(db, &options, &configs, converts);
        gv_mutex_unlock(&db->writer);
    }
    if (status == GV_OK && converts) gv_auto_train(db);
    gv_leave(db);
    return status;
}

#if GV_HAS_IVFPQ
GV_Status gv_drop_vectors(GV_Database *db)
{
    Compaction c = {.db = db, .from = db->store, .settings = db->store->settings, .learned = true};
    return compact(&c);
}
#endif

GV_Status gv_db_compact(GV_Database *db) { return rebuild(db, NULL, false); }

GV_Status gv_db_convert(GV_Database *db, const GV_OpenOptions *options) { return rebuild(db, options, true); }
