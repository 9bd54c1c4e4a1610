/* pack.c: whole images into files: the first one, checkpoints, copies. */
#include "api/store.h"
#include "storage/superblock.h"
#include <string.h>

GV_Status gv_store_write_image(GV_Store *s, GV_File *file, const GV_Vfs *vfs, uint64_t generation,
                               uint64_t *image_bytes)
{
    GV_Superblock superblock = {
        .generation = generation,
        .dimension = s->settings.dimension,
        .index_type = (uint32_t)s->settings.index_type,
        .distance = (uint32_t)s->settings.distance,
        .storage = (uint32_t)s->settings.storage,
        .seed = s->settings.seed,
        .hnsw = s->settings.hnsw,
        .ivfpq = s->settings.ivfpq,
        .is_coded = gv_table_is_coded(&s->table),
        .next_id = s->table.next_id,
        .live_count = s->table.live_count,
        .slot_count = s->table.slot_count,
    };
    GV_ImageWriter writer;
    GV_Status status = gv_image_begin(&writer, vfs, file);
    if (status == GV_OK) status = gv_table_save(&s->table, &writer);
    if (GV_HAS_KEYS && status == GV_OK) status = gv_terms_save(&s->terms, &writer);
    if (status == GV_OK && s->index->ops->save) status = s->index->ops->save(s->index, &writer);
    if (status == GV_OK) status = gv_image_end(&writer, &superblock);
    gv_image_writer_free(&writer);
    *image_bytes = superblock.log_start;
    return status;
}

/* "path.new": where the image is written before it takes its name. A crash leaves it behind; the next one reuses it. */
static char *new_name(const char *path)
{
    size_t length = strlen(path);
    char *name = gv_alloc(NULL, length + 5);
    if (!name) return NULL;
    memcpy(name, path, length);
    memcpy(name + length, ".new", 5);
    return name;
}

/* Is `path` still the file `current` (NULL: no file)? Only who holds the lock of path.new renames to `path`, so the
 * answer stays true until its holder has done so. */
static GV_Status check_current(const GV_Vfs *vfs, const char *path, GV_File *current)
{
    bool same = false;
    GV_File *other = NULL;
    GV_Status status = current ? vfs->is_at(current, path, &same) : vfs->open(vfs->context, path, GV_FILE_READ, &other);
    if (!current && status == GV_ERR_NOT_FOUND) return GV_OK;
    vfs->close(other);
    if (status != GV_OK) return status;
    return same ? GV_OK : gv_fail(GV_ERR_LOCKED, "%s was written elsewhere just now", path);
}

/* Write, lock and sync the new file beside `path`, which is `current` now. On failure there is none left. */
static GV_Status write_new(GV_Store *s, const char *name, const char *path, GV_File *current, uint64_t generation,
                           GV_File **out, uint64_t *image_bytes)
{
    const GV_Vfs *vfs = s->vfs;
    GV_File *file;
    bool ours = false, locked = false;
    GV_TRY(vfs->open(vfs->context, name, GV_FILE_CREATE, &file));
    GV_Status status = vfs->lock(file);
    locked = status == GV_OK;
    if (status == GV_OK) status = vfs->is_at(file, name, &ours);
    if (status == GV_OK && !ours) status = gv_fail(GV_ERR_LOCKED, "%s is being written elsewhere", name);
    if (status == GV_OK) status = check_current(vfs, path, current);
    if (status == GV_OK && current && vfs->copy_mode) status = vfs->copy_mode(file, current);
    if (status == GV_OK) status = vfs->truncate(file, 0);
    if (status == GV_OK) status = gv_store_write_image(s, file, vfs, generation, image_bytes);
    if (status == GV_OK) status = vfs->sync(file);
    if (status == GV_OK) {
        *out = file;
        return GV_OK;
    }
    GV_Failure failure;
    gv_failure_save(&failure);
    if (locked && ours) (void)vfs->remove(vfs->context, name);
    vfs->close(file);
    return gv_failure_restore(&failure);
}

/* The new file takes the name `path`. It stays open and locked in `*out` once `*renamed`, whatever the status. */
static GV_Status replace(GV_Store *s, const char *path, GV_File *current, uint64_t generation, GV_File **out,
                         uint64_t *image_bytes, bool *renamed)
{
    *renamed = false;
    char *name = new_name(path);
    if (!name) return gv_last_status();
    GV_Status status = write_new(s, name, path, current, generation, out, image_bytes);
    if (status == GV_OK) {
        status = s->vfs->rename(s->vfs->context, name, path);
        *renamed = status == GV_OK;
        if (!*renamed) {
            GV_Failure failure;
            gv_failure_save(&failure);
            (void)s->vfs->remove(s->vfs->context, name);
            s->vfs->close(*out);
            status = gv_failure_restore(&failure);
        }
    }
    if (*renamed) status = s->vfs->sync_folder(s->vfs->context, path);
    gv_free(name);
    return status;
}

GV_Status gv_store_checkpoint(GV_Store *s, const char *path, GV_File *held)
{
    bool ours = true, renamed;
    GV_File *file = NULL;
    uint64_t image_bytes = 0;
    if (s->log.failed) return gv_log_begin(&s->log);
    if (s->file) GV_TRY(s->vfs->is_at(s->file, path, &ours));
    if (!ours) return gv_fail(GV_ERR_IO, "%s is no longer the open database: it was moved, replaced or removed", path);
    GV_Status status = replace(s, path, s->file ? s->file : held, s->generation + 1, &file, &image_bytes, &renamed);
    if (!renamed) return status;
    if (s->file) s->vfs->close(s->file);
    s->file = file;
    s->generation++;
    s->image_bytes = image_bytes;
    s->superblock_copies = 2;
    gv_log_attach(&s->log, s->vfs, file, s->generation, image_bytes, image_bytes, 1);
    if (status != GV_OK) s->log.failed = true; /* which of the two files a power cut would leave is unknown */
    return status;
}

/* Keep other writers out of a file that is about to be replaced. `*held` may be NULL: there was none. What is not a
 * database is not replaced: its path is a slip, and its contents may be dear to someone. */
static GV_Status hold_target(GV_Store *s, const char *path, GV_File **held)
{
    bool same = false, foreign = false;
    *held = NULL;
    if (s->file) GV_TRY(s->vfs->is_at(s->file, path, &same));
    if (same) return gv_fail(GV_ERR_ARGUMENT, "%s is the open database itself: save it without a path", path);
    GV_Status status = s->vfs->open(s->vfs->context, path, GV_FILE_WRITE, held);
    if (status == GV_ERR_NOT_FOUND) return GV_OK;
    if (status == GV_OK) status = s->vfs->lock(*held);
    if (status == GV_OK) status = gv_superblock_is_foreign(s->vfs, *held, &foreign);
    if (foreign) status = gv_fail(GV_ERR_ARGUMENT, "%s is not a GigaVector database: it is not overwritten", path);
    if (status == GV_OK) return GV_OK;
    s->vfs->close(*held);
    *held = NULL;
    return status;
}

static GV_Status save_to(GV_Store *s, const char *path)
{
    GV_File *held, *file = NULL;
    uint64_t image_bytes;
    bool renamed;
    GV_TRY(hold_target(s, path, &held));
    GV_Status status = replace(s, path, held, s->generation + 1, &file, &image_bytes, &renamed);
    if (renamed) s->vfs->close(file);
    s->vfs->close(held);
    return status;
}

GV_Status gv_store_save_as(GV_Store *s, const char *path)
{
    char *resolved;
    if (!s->vfs->resolve) return save_to(s, path);
    GV_TRY(s->vfs->resolve(s->vfs->context, path, &resolved));
    GV_Status status = save_to(s, resolved);
    gv_free(resolved);
    return status;
}

bool gv_store_wants_checkpoint(const GV_Store *s)
{
    const uint64_t least = 64 << 20;
    if (!s->log.vfs || s->log.failed) return false;
    uint64_t bytes = s->log.end - s->log.start;
    return bytes > least && bytes > s->image_bytes / 2;
}
