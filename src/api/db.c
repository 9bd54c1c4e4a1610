/* db.c: the life of a handle: calls in and out, the writer's turn, saving, closing. */
#include "api/find.h"
#include "storage/superblock.h"
#include <string.h>

const char *gv_version(void) { return GV_VERSION; }

enum {
    KEPT_BYTES = 1 << 20 /* a workspace that has grown beyond this is freed with its call */
};

GV_Status gv_enter_search(GV_Database *db, GV_Workspace **space)
{
    if (!db) return gv_fail(GV_ERR_ARGUMENT, "the database handle is NULL");
    GV_Status status = GV_OK;
    gv_mutex_lock(&db->gate);
    uint32_t most = db->limits.max_concurrent_operations;
    if (db->closing) {
        status = gv_fail(GV_ERR_ARGUMENT, "the database is being closed");
    } else if (most && db->calls >= most) {
        status = gv_fail(GV_ERR_LIMIT, "%llu calls are under way, max_concurrent_operations is %u",
                         (unsigned long long)db->calls, most);
    } else {
        db->calls++;
        if (space && (*space = db->resting) != NULL) db->resting = (*space)->next;
    }
    gv_mutex_unlock(&db->gate);
    return status;
}

void gv_leave_search(GV_Database *db, GV_Workspace *space)
{
    if (space && space->capacity_bytes > KEPT_BYTES) {
        gv_workspace_free(db, space);
        space = NULL;
    }
    gv_mutex_lock(&db->gate);
    if (space) {
        space->next = db->resting;
        db->resting = space;
    }
    if (--db->calls == 0 && db->closing) gv_mutex_wake(&db->gate);
    gv_mutex_unlock(&db->gate);
}

GV_Status gv_enter(GV_Database *db) { return gv_enter_search(db, NULL); }

void gv_leave(GV_Database *db) { gv_leave_search(db, NULL); }

static GV_Status check_may_write(const GV_Database *db)
{
    if (db->read_only) return gv_fail(GV_ERR_READ_ONLY, "the database was opened read-only");
    if (db->process == db->vfs->process(db->vfs->context)) return GV_OK;
    return gv_fail(GV_ERR_READ_ONLY, "the database was opened by another process; a forked child may not write");
}

GV_Status gv_enter_writer(GV_Database *db)
{
    GV_TRY(gv_enter(db));
    GV_Status status = check_may_write(db);
    if (status != GV_OK) gv_leave(db);
    return status;
}

GV_Status gv_begin_write(GV_Database *db)
{
    gv_mutex_lock(&db->writer);
    if (!db->store->log.failed) return GV_OK;
    GV_Status status = gv_log_begin(&db->store->log);
    gv_mutex_unlock(&db->writer);
    return status;
}

void gv_end_write(GV_Database *db)
{
    GV_Store *s = db->store;
    /* A failed checkpoint takes nothing away from the write that was acknowledged: it is tried again later. */
    if (gv_store_wants_checkpoint(s) && s->log.end - s->log.start >= db->checkpoint_after) {
        GV_Status status = gv_store_checkpoint(s, db->path, NULL);
        gv_count_call(&db->counters, GV_CALL_CHECKPOINT, status);
        db->checkpoint_after = status == GV_OK ? 0 : 2 * (s->log.end - s->log.start);
    }
    gv_mutex_unlock(&db->writer);
}

/* ---- stores ---- */

GV_Store *gv_change_store(GV_Database *db, GV_Store *fresh)
{
    GV_Store *old = db->store;
    gv_mutex_lock(&db->gate);
    atomic_store(&fresh->heap.limit_bytes, (size_t)db->limits.max_memory_bytes);
    gv_mutex_unlock(&db->gate);
    gv_write_lock(&db->state);
    fresh->table.version = old->table.version + 1; /* whoever filtered the old rows sees that */
    db->store = fresh;
    gv_write_unlock(&db->state);
    return old;
}

bool gv_is_closing(GV_Database *db)
{
    gv_mutex_lock(&db->gate);
    bool closing = db->closing;
    gv_mutex_unlock(&db->gate);
    return closing;
}

/* ---- save, flush, refresh ---- */

GV_Status gv_db_save(GV_Database *db, const char *filepath)
{
    GV_TRY(gv_enter(db));
    GV_Status status;
    if (!filepath && !db->path) {
        status = gv_fail(GV_ERR_ARGUMENT, "the database is in memory: name a path to save it to");
    } else if (!filepath) {
        status = check_may_write(db);
        if (status == GV_OK) status = gv_begin_write(db);
        if (status == GV_OK) {
            status = gv_store_checkpoint(db->store, db->path, NULL);
            gv_count_call(&db->counters, GV_CALL_CHECKPOINT, status);
            gv_mutex_unlock(&db->writer);
        }
    } else {
        gv_mutex_lock(&db->writer); /* a reader may save a copy too */
        status = *filepath ? gv_store_save_as(db->store, filepath)
                           : gv_fail(GV_ERR_ARGUMENT, "save: the path is empty");
        gv_mutex_unlock(&db->writer);
    }
    gv_leave(db);
    return status;
}

static GV_Status save_to_memory(GV_Database *db, void **data, size_t *size_bytes)
{
    GV_File *file = NULL;
    uint64_t image_bytes;
    GV_Vfs *vfs = gv_vfs_memory_new();
    GV_Status status = vfs ? vfs->open(vfs->context, "image", GV_FILE_CREATE, &file) : gv_last_status();
    if (status == GV_OK) status = gv_store_write_image(db->store, file, vfs, db->store->generation + 1, &image_bytes);
    if (status == GV_OK) *data = gv_vfs_memory_take(vfs, "image", size_bytes);
    if (file) vfs->close(file);
    gv_vfs_memory_free(vfs);
    return status;
}

GV_Status gv_db_save_to_memory(GV_Database *db, void **data, size_t *size_bytes)
{
    if (!data || !size_bytes) return gv_fail(GV_ERR_ARGUMENT, "save_to_memory: data or size_bytes is NULL");
    *data = NULL;
    *size_bytes = 0;
    GV_TRY(gv_enter(db));
    gv_mutex_lock(&db->writer);
    GV_Status status = save_to_memory(db, data, size_bytes);
    gv_mutex_unlock(&db->writer);
    gv_leave(db);
    return status;
}

GV_Status gv_db_flush(GV_Database *db)
{
    GV_TRY(gv_enter_writer(db));
    GV_Status status = gv_begin_write(db);
    if (status == GV_OK) {
        if (db->store->log.vfs) status = gv_log_sync(&db->store->log);
        gv_mutex_unlock(&db->writer);
    }
    gv_leave(db);
    return status;
}

static GV_Status refresh(GV_Database *db)
{
    if (!db->read_only) return gv_fail(GV_ERR_ARGUMENT, "refresh: this handle is the writer, it is always up to date");
    GV_OpenOptions options = db->options;
    options.kernels = db->kernels->name;
    options.dimension = db->dimension;
    GV_Database *fresh;
    GV_TRY(gv_db_open_with_vfs(db->path, &options, db->vfs, &fresh));
    if (GV_HAS_SPARSE && fresh->is_sparse != db->is_sparse) {
        (void)gv_db_close(fresh);
        return gv_fail(GV_ERR_ARGUMENT, "refresh: another database is in the file, which has %s",
                       db->is_sparse ? "vectors" : "sparse rows");
    }
    fresh->store->settings.pool = fresh->store->index->pool = &db->pool;
    gv_mutex_lock(&db->writer);
    fresh->store = gv_change_store(db, fresh->store);
    gv_mutex_unlock(&db->writer);
    return gv_db_close(fresh);
}

GV_Status gv_db_refresh(GV_Database *db)
{
    GV_TRY(gv_enter(db));
    GV_Status status = refresh(db);
    gv_leave(db);
    return status;
}

/* ---- close ---- */

void gv_handle_free(GV_Database *db)
{
    for (GV_Workspace *next; db->resting; db->resting = next) {
        next = db->resting->next;
        gv_workspace_free(db, db->resting);
    }
    gv_pool_destroy(&db->pool);
    gv_mutex_destroy(&db->gate);
    gv_mutex_destroy(&db->writer);
    gv_rwlock_destroy(&db->state);
    gv_free(db->path);
    gv_free(db);
}

/* What a clean close owes the file. The log already holds every acknowledged write: a checkpoint that fails leaves it. */
static GV_Status settle(GV_Database *db)
{
    GV_Store *s = db->store;
    if (db->read_only || !s->log.vfs || db->process != db->vfs->process(db->vfs->context)) return GV_OK;
    if (s->log.end == s->log.start) return GV_OK;
    if (db->options.checkpoint_on_close && gv_store_checkpoint(s, db->path, NULL) == GV_OK) return GV_OK;
    GV_TRY(gv_log_sync(&s->log));
    GV_TRY(gv_clean_mark_write(s->vfs, s->file, s->generation, s->log.end));
    return s->vfs->sync(s->file);
}

GV_Status gv_db_close(GV_Database *db)
{
    if (!db) return GV_OK;
    gv_mutex_lock(&db->gate);
    if (db->closing) {
        gv_mutex_unlock(&db->gate);
        return gv_fail(GV_ERR_ARGUMENT, "the database is being closed already");
    }
    db->closing = true;
    while (db->calls > 0) gv_mutex_wait(&db->gate);
    gv_mutex_unlock(&db->gate);
    GV_Status status = settle(db);
    GV_Failure failure;
    gv_failure_save(&failure);
    gv_store_free(db->store);
    gv_handle_free(db);
    return status == GV_OK ? GV_OK : gv_failure_restore(&failure);
}
