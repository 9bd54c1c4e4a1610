/* record.c: each call is counted, perhaps failed, handed to the memory file system, and written down. */
#include "record.h"
#include "check.h"
#include <string.h>

struct GV_File {
    Recorder *recorder;
    GV_File *inner; /* the memory file system's */
    unsigned file;
};

void *test_alloc(size_t size)
{
    void *memory = calloc(1, size ? size : 1);
    CHECK(memory, "%zu bytes", size);
    return memory;
}

/* ---- writing down ---- */

static Operation *note(Recorder *r, RecordKind kind)
{
    static Operation unread;
    if (r->files_only) return &unread;
    if (r->count == r->capacity) {
        r->capacity = r->capacity ? 2 * r->capacity : 256;
        r->operations = realloc(r->operations, r->capacity * sizeof *r->operations);
        CHECK(r->operations, "%zu operations", r->capacity);
    }
    Operation *operation = &r->operations[r->count++];
    *operation = (Operation){.kind = kind};
    return operation;
}

void record_mark(Recorder *r, int value) { note(r, RECORD_MARK)->value = value; }

void record_loss(Recorder *r) { note(r, RECORD_LOSS); }

static void copy_path(char to[RECORD_NAME], const char *path)
{
    CHECK(strlen(path) < RECORD_NAME, "%s", path);
    strcpy(to, path);
}

static size_t find_name(const Recorder *r, const char *path)
{
    size_t i = 0;
    while (i < RECORD_NAMES && strcmp(r->names[i].path, path) != 0) i++;
    return i;
}

static unsigned new_file(Recorder *r, const char *path)
{
    size_t at = find_name(r, "");
    CHECK(at < RECORD_NAMES, "more than %d files", RECORD_NAMES);
    copy_path(r->names[at].path, path);
    Operation *operation = note(r, RECORD_CREATE);
    operation->file = r->names[at].file = r->file_count++;
    copy_path(operation->name, path);
    return operation->file;
}

/* ---- failing ---- */

static GV_Status pass(Recorder *r, const char *what)
{
    if (r->dead) return gv_fail(GV_ERR_IO, "%s: the process is dead", what);
    r->calls++;
    bool fails = r->fail_at && (r->fail_on ? r->calls >= r->fail_at : r->calls == r->fail_at);
    if (!fails) return GV_OK;
    r->failed++;
    return gv_fail(GV_ERR_IO, "%s: made to fail, call %llu", what, (unsigned long long)r->calls);
}

/* ---- the table ---- */

static GV_Status record_open(void *context, const char *path, GV_OpenMode mode, GV_File **out)
{
    Recorder *r = context;
    GV_File *inner;
    *out = NULL;
    GV_TRY(pass(r, "open"));
    GV_TRY(r->memory->open(r->memory->context, path, mode, &inner));
    GV_File *file = test_alloc(sizeof *file);
    size_t at = find_name(r, path);
    *file = (GV_File){r, inner, at < RECORD_NAMES ? r->names[at].file : new_file(r, path)};
    *out = file;
    return GV_OK;
}

static GV_Status record_rename(void *context, const char *from, const char *to)
{
    Recorder *r = context;
    GV_TRY(pass(r, "rename"));
    GV_TRY(r->memory->rename(r->memory->context, from, to));
    size_t at = find_name(r, from), replaced = find_name(r, to);
    if (replaced < RECORD_NAMES) r->names[replaced].path[0] = 0;
    copy_path(r->names[at].path, to);
    Operation *operation = note(r, RECORD_RENAME);
    copy_path(operation->name, from);
    copy_path(operation->to, to);
    return GV_OK;
}

static GV_Status record_remove(void *context, const char *path)
{
    Recorder *r = context;
    GV_TRY(pass(r, "remove"));
    GV_TRY(r->memory->remove(r->memory->context, path));
    r->names[find_name(r, path)].path[0] = 0;
    copy_path(note(r, RECORD_REMOVE)->name, path);
    return GV_OK;
}

static GV_Status record_sync_folder(void *context, const char *path)
{
    Recorder *r = context;
    (void)path;
    GV_Status status = pass(r, "sync_folder");
    if (status == GV_OK) note(r, RECORD_SYNC_FOLDER);
    else if (!r->dead) r->sync_failed = true;
    return status;
}

static uint64_t record_process(void *context)
{
    (void)context;
    return 0;
}

static GV_Status record_read(GV_File *file, uint64_t offset, void *buffer, size_t size, size_t *got)
{
    Recorder *r = file->recorder;
    *got = 0;
    GV_TRY(pass(r, "read"));
    return r->memory->read(file->inner, offset, buffer, size, got);
}

static GV_Status write_through(GV_File *file, uint64_t offset, const void *buffer, size_t size)
{
    Recorder *r = file->recorder;
    GV_TRY(r->memory->write(file->inner, offset, buffer, size));
    if (r->files_only) return GV_OK;
    Operation *operation = note(r, RECORD_WRITE);
    operation->file = file->file;
    operation->offset = offset;
    operation->size = size;
    operation->data = test_alloc(size);
    memcpy(operation->data, buffer, size);
    return GV_OK;
}

static GV_Status record_write(GV_File *file, uint64_t offset, const void *buffer, size_t size)
{
    Recorder *r = file->recorder;
    GV_Status status = pass(r, "write");
    if (status == GV_OK && r->die_in_write > 0 && --r->die_in_write == 0) {
        GV_TRY(write_through(file, offset, buffer, size / 2));
        r->dead = true;
        return pass(r, "write");
    }
    if (status == GV_OK) return write_through(file, offset, buffer, size);
    if (r->dead || size < 2) return status;
    GV_Failure failure;
    gv_failure_save(&failure);
    (void)write_through(file, offset, buffer, size / 2);
    return gv_failure_restore(&failure);
}

static GV_Status record_truncate(GV_File *file, uint64_t size)
{
    Recorder *r = file->recorder;
    GV_TRY(pass(r, "truncate"));
    GV_TRY(r->memory->truncate(file->inner, size));
    Operation *operation = note(r, RECORD_TRUNCATE);
    operation->file = file->file;
    operation->size = size;
    return GV_OK;
}

static GV_Status record_sync(GV_File *file)
{
    Recorder *r = file->recorder;
    GV_Status status = pass(r, "sync");
    if (status == GV_OK) note(r, RECORD_SYNC)->file = file->file;
    else if (!r->dead) r->sync_failed = true;
    return status;
}

static GV_Status record_size(GV_File *file, uint64_t *size)
{
    GV_TRY(pass(file->recorder, "size"));
    return file->recorder->memory->size(file->inner, size);
}

static GV_Status record_lock(GV_File *file)
{
    GV_TRY(pass(file->recorder, "lock"));
    return file->recorder->memory->lock(file->inner);
}

static GV_Status record_is_at(GV_File *file, const char *path, bool *same)
{
    GV_TRY(pass(file->recorder, "is_at"));
    return file->recorder->memory->is_at(file->inner, path, same);
}

static GV_Status record_map(GV_File *file, uint64_t size, void **address)
{
    return file->recorder->memory->map(file->inner, size, address);
}

static void record_unmap(GV_File *file, void *address, uint64_t size)
{
    file->recorder->memory->unmap(file->inner, address, size);
}

static void record_close(GV_File *file)
{
    if (!file) return;
    file->recorder->memory->close(file->inner);
    free(file);
}

void record_init(Recorder *r)
{
    memset(r, 0, sizeof *r);
    r->memory = gv_vfs_memory_new();
    CHECK(r->memory, "%s", gv_last_error());
    r->vfs = (GV_Vfs){
        .context = r,
        .open = record_open,
        .rename = record_rename,
        .remove = record_remove,
        .sync_folder = record_sync_folder,
        .process = record_process,
        .read = record_read,
        .write = record_write,
        .truncate = record_truncate,
        .sync = record_sync,
        .size = record_size,
        .lock = record_lock,
        .is_at = record_is_at,
        .map = record_map,
        .unmap = record_unmap,
        .close = record_close,
    };
}

void record_free(Recorder *r)
{
    for (size_t i = 0; i < r->count; i++) free(r->operations[i].data);
    free(r->operations);
    gv_vfs_memory_free(r->memory);
    memset(r, 0, sizeof *r);
}

/* ---- once more ---- */

static GV_Status repeat(Recorder *r, const Operation *o, GV_File **file)
{
    switch (o->kind) {
    case RECORD_CREATE: return r->vfs.open(r, o->name, GV_FILE_CREATE, file);
    case RECORD_WRITE: return r->vfs.write(*file, o->offset, o->data, (size_t)o->size);
    case RECORD_TRUNCATE: return r->vfs.truncate(*file, o->size);
    case RECORD_RENAME: return r->vfs.rename(r, o->name, o->to);
    case RECORD_REMOVE: return r->vfs.remove(r, o->name);
    default: return GV_OK;
    }
}

void record_repeat(Recorder *r, const Operation *operations, size_t count)
{
    GV_File **files = test_alloc(count * sizeof *files); /* each operation creates one, at most */
    for (size_t i = 0; i < count; i++) CHECK_OK(repeat(r, &operations[i], &files[operations[i].file]));
    for (size_t i = 0; i < count; i++)
        if (files[i]) r->vfs.close(files[i]);
    free(files);
}

/* ---- files of a memory file system ---- */

void record_put(GV_Vfs *memory, const char *path, const void *bytes, size_t size)
{
    GV_File *file;
    CHECK_OK(memory->open(memory->context, path, GV_FILE_CREATE, &file));
    CHECK_OK(memory->truncate(file, 0));
    CHECK_OK(memory->write(file, 0, bytes, size));
    memory->close(file);
}

uint8_t *record_copy(const GV_Vfs *memory, const char *path, size_t *size)
{
    GV_File *file;
    uint64_t there;
    if (memory->open(memory->context, path, GV_FILE_READ, &file) != GV_OK) return NULL;
    CHECK_OK(memory->size(file, &there));
    uint8_t *bytes = test_alloc((size_t)there);
    CHECK_OK(memory->read(file, 0, bytes, (size_t)there, size));
    CHECK(*size == there, "%zu bytes read of %llu", *size, (unsigned long long)there);
    memory->close(file);
    return bytes;
}
