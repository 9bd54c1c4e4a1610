/* stand_in.c: one store of a file in the place of another, both with the same rows in the same slots. */
#include "api/stand_in.h"

#ifndef __wasm__
/* A store takes at most as much as the one whose rows it gets. */
static bool has_room(const GV_Store *s)
{
    size_t limit = atomic_load(&s->heap.limit_bytes), used = atomic_load(&s->heap.used_bytes);
    return limit == 0 || used <= limit / 2;
}

static bool can_map(const GV_Store *s)
{
    void *at;
    if (!s->file || s->image.map || s->vfs->map(s->file, s->image_bytes, &at) != GV_OK) return false;
    s->vfs->unmap(s->file, at, s->image_bytes);
    return true;
}

/* `fresh` goes on with the file, its lock and its log. */
static void take_file(GV_Store *fresh, GV_Store *old)
{
    GV_Log *log = &old->log;
    fresh->vfs->close(fresh->file);
    fresh->file = old->file;
    old->file = NULL;
    fresh->log.deferred = log->deferred;
    gv_log_attach(&fresh->log, fresh->vfs, fresh->file, old->generation, log->start, log->end, log->next_sequence);
    fresh->recovered_groups = old->recovered_groups;
    fresh->cut_bytes = old->cut_bytes;
}

/* What the file holds, whose log is empty, takes the place of the store that it was written from. */
static GV_Status change_store(GV_Database *db, bool map)
{
    GV_Store *old = db->store, *fresh;
    GV_TRY(gv_store_read_again(db, map, &fresh));
    if (fresh->generation != old->generation || (fresh->image.map != NULL) != map) {
        gv_store_free(fresh);
        return gv_fail(GV_ERR_IO, "%s is not what was written to it just now", db->path);
    }
    take_file(fresh, old);
    gv_store_free(gv_change_store(db, fresh));
    return GV_OK;
}

GV_Status gv_stand_in(GV_Database *db)
{
    GV_Store *s = db->store;
    if (has_room(s) || !can_map(s)) return GV_OK;
    GV_Status status = gv_store_checkpoint(s, db->path, NULL);
    gv_count_call(&db->counters, GV_CALL_CHECKPOINT, status);
    return status == GV_OK ? change_store(db, true) : status;
}

void gv_stand_back(GV_Database *db)
{
    GV_Failure failure;
    if (!db->store->image.map || gv_is_closing(db)) return; /* nobody will write then */
    gv_failure_save(&failure);
    if (change_store(db, false) != GV_OK) db->store->log.failed = true;
    (void)gv_failure_restore(&failure);
}
#endif
