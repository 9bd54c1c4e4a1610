/* disk.c: see disk.h. */
#include "disk.h"
#include "check.h"
#include <string.h>

void disk_init(Disk *disk) { memset(disk, 0, sizeof *disk); }

void disk_free(Disk *disk)
{
    for (size_t i = 0; i < DISK_FILES; i++) {
        free(disk->files[i].synced.bytes);
        free((void *)disk->files[i].pending);
        free(disk->files[i].fates);
    }
}

/* ---- names ---- */

static size_t find(const DiskNames *names, const char *path)
{
    size_t i = 0;
    while (i < names->count && strcmp(names->at[i].path, path) != 0) i++;
    return i;
}

static void forget(DiskNames *names, const char *path)
{
    size_t at = find(names, path);
    if (at < names->count) names->at[at] = names->at[--names->count];
}

static void apply_name(DiskNames *names, const Operation *operation)
{
    size_t at = find(names, operation->name);
    switch (operation->kind) {
    case RECORD_CREATE:
        CHECK(names->count < RECORD_NAMES, "%zu names", names->count);
        strcpy(names->at[names->count].path, operation->name);
        names->at[names->count++].file = operation->file;
        break;
    case RECORD_RENAME: {
        unsigned file = names->at[at].file;
        CHECK(at < names->count, "%s is renamed but not there", operation->name);
        forget(names, operation->name);
        forget(names, operation->to);
        strcpy(names->at[names->count].path, operation->to);
        names->at[names->count++].file = file;
        break;
    }
    case RECORD_REMOVE: forget(names, operation->name); break;
    default: CHECK(false, "kind %d is not the folder's", operation->kind);
    }
}

DiskNames disk_names(const Disk *disk, size_t kept)
{
    DiskNames names = disk->names;
    for (size_t i = 0; i < kept; i++) apply_name(&names, disk->folder[i]);
    return names;
}

/* ---- contents ---- */

static void resize(DiskBytes *content, size_t wanted)
{
    if (!content->bytes || wanted > content->capacity) {
        content->capacity = wanted >= 2 * content->capacity ? wanted + 1 : 2 * content->capacity;
        content->bytes = realloc(content->bytes, content->capacity);
        CHECK(content->bytes, "%zu bytes", content->capacity);
    }
    if (wanted > content->size) memset(content->bytes + content->size, 0, wanted - content->size);
    content->size = wanted;
}

/* The part of a write that lies in its sector `i`, counted from the one it begins in. */
static bool sector_part(const Operation *write, size_t i, size_t *from, size_t *to)
{
    uint64_t base = write->offset / DISK_SECTOR * DISK_SECTOR + (uint64_t)i * DISK_SECTOR;
    uint64_t end = write->offset + write->size;
    if (base >= end) return false;
    *from = (size_t)(base > write->offset ? base - write->offset : 0);
    *to = (size_t)((base + DISK_SECTOR < end ? base + DISK_SECTOR : end) - write->offset);
    return true;
}

static void apply_sectors(const Operation *write, Fate fate, DiskBytes *content)
{
    size_t old = content->size, from, to;
    if (fate.kind == FATE_HOLES && write->offset + write->size > content->size)
        resize(content, (size_t)(write->offset + write->size));
    for (size_t i = 0; sector_part(write, i, &from, &to); i++) {
        if (fate.kind != FATE_CLIPPED && i >= fate.first && !(fate.sectors >> (i % 64) & 1)) continue;
        size_t end = (size_t)write->offset + to;
        if (fate.kind == FATE_CLIPPED) {
            if (write->offset + from >= old) break;
            if (end > old) to -= end - old, end = old;
        }
        if (end > content->size) resize(content, end);
        memcpy(content->bytes + write->offset + from, write->data + from, to - from);
    }
}

static void apply(const Operation *operation, Fate fate, DiskBytes *content)
{
    if (fate.kind == FATE_DROPPED) return;
    if (operation->kind == RECORD_TRUNCATE) {
        resize(content, (size_t)operation->size);
    } else if (fate.kind != FATE_KEPT) {
        apply_sectors(operation, fate, content);
    } else {
        size_t end = (size_t)(operation->offset + operation->size);
        if (end > content->size) resize(content, end);
        if (operation->size > 0) memcpy(content->bytes + operation->offset, operation->data, (size_t)operation->size);
    }
}

static void add_pending(DiskFile *file, const Operation *operation)
{
    if (file->count == file->capacity) {
        file->capacity = file->capacity ? 2 * file->capacity : 16;
        file->pending = realloc((void *)file->pending, file->capacity * sizeof *file->pending);
        file->fates = realloc(file->fates, file->capacity * sizeof *file->fates);
        CHECK(file->pending && file->fates, "%zu pending", file->capacity);
    }
    file->fates[file->count] = (Fate){FATE_KEPT, 0, 0};
    file->pending[file->count++] = operation;
}

static void settle(DiskFile *file)
{
    for (size_t i = 0; i < file->count; i++) apply(file->pending[i], file->fates[i], &file->synced);
    file->count = 0;
}

static void settle_folder(Disk *disk)
{
    disk->names = disk_names(disk, disk->folder_count);
    disk->folder_count = 0;
}

void disk_lose(Disk *disk)
{
    for (size_t i = 0; i < disk->file_count; i++) {
        if (disk->files[i].count > 0) disk->files[i].fates[0].kind = FATE_DROPPED;
        settle(&disk->files[i]);
    }
    settle_folder(disk);
}

void disk_step(Disk *disk, const Operation *operation)
{
    switch (operation->kind) {
    case RECORD_MARK: break;
    case RECORD_CREATE:
        CHECK(operation->file < DISK_FILES, "file %u", operation->file);
        disk->file_count = operation->file + 1;
        /* fall through */
    case RECORD_RENAME:
    case RECORD_REMOVE:
        CHECK(disk->folder_count < sizeof disk->folder / sizeof *disk->folder, "%zu pending", disk->folder_count);
        disk->folder[disk->folder_count++] = operation;
        break;
    case RECORD_WRITE:
    case RECORD_TRUNCATE: add_pending(&disk->files[operation->file], operation); break;
    case RECORD_SYNC: settle(&disk->files[operation->file]); break;
    case RECORD_SYNC_FOLDER: settle_folder(disk); break;
    case RECORD_LOSS: disk_lose(disk); break;
    }
}

/* ---- images ---- */

void disk_image(const Disk *disk, const DiskNames *names, DiskImage *image)
{
    image->count = names->count;
    for (size_t i = 0; i < names->count; i++) {
        const DiskFile *file = &disk->files[names->at[i].file];
        DiskBytes *content = &image->files[i].content;
        strcpy(image->files[i].path, names->at[i].path);
        content->size = 0;
        resize(content, file->synced.size);
        if (content->size > 0) memcpy(content->bytes, file->synced.bytes, content->size);
        for (size_t j = 0; j < file->count; j++) apply(file->pending[j], file->fates[j], content);
    }
}

void disk_image_free(DiskImage *image)
{
    for (size_t i = 0; i < RECORD_NAMES; i++) free(image->files[i].content.bytes);
    *image = (DiskImage){0};
}
