/* vfs_memory.c: files in memory, for gv_db_open_from_memory(), gv_db_save_to_memory() and tests. One thread at a time. */
#include "base/checked.h"
#include "base/memory.h"
#include "storage/vfs.h"
#include <string.h>

typedef struct Node { /* a file: alive while it has a name or is open */
    struct Node *next;
    char *name; /* NULL once removed or replaced */
    uint8_t *bytes;
    size_t size, capacity;
    unsigned open_count;
    bool locked;
} Node;

typedef struct Folder {
    GV_Vfs vfs;
    Node *nodes;
} Folder;

struct GV_File {
    Folder *folder;
    Node *node;
    bool writable, holds_lock;
};

static Node *find(Folder *folder, const char *path)
{
    for (Node *node = folder->nodes; node; node = node->next)
        if (node->name && strcmp(node->name, path) == 0) return node;
    return NULL;
}

static void free_node(Node *node)
{
    gv_free(node->name);
    gv_free(node->bytes);
    gv_free(node);
}

static void drop_if_gone(Folder *folder, Node *node)
{
    if (node->name || node->open_count > 0) return;
    for (Node **at = &folder->nodes; *at; at = &(*at)->next)
        if (*at == node) {
            *at = node->next;
            break;
        }
    free_node(node);
}

static void forget_name(Folder *folder, Node *node)
{
    gv_free(node->name);
    node->name = NULL;
    drop_if_gone(folder, node);
}

static char *copy_name(const char *path)
{
    size_t size = strlen(path) + 1;
    char *name = gv_alloc(NULL, size);
    if (name) memcpy(name, path, size);
    return name;
}

static GV_Status memory_open(void *context, const char *path, GV_OpenMode mode, GV_File **out)
{
    Folder *folder = context;
    *out = NULL;
    Node *node = find(folder, path);
    if (!node && mode != GV_FILE_CREATE) return gv_fail(GV_ERR_NOT_FOUND, "open %s: no such file", path);
    GV_File *file = gv_alloc(NULL, sizeof *file);
    if (!file) return gv_last_status();
    if (!node) {
        node = gv_alloc(NULL, sizeof *node);
        char *name = node ? copy_name(path) : NULL;
        if (!name) {
            gv_free(node);
            gv_free(file);
            return gv_last_status();
        }
        node->name = name;
        node->next = folder->nodes;
        folder->nodes = node;
    }
    node->open_count++;
    *file = (GV_File){folder, node, mode != GV_FILE_READ, false};
    *out = file;
    return GV_OK;
}

static GV_Status memory_rename(void *context, const char *from, const char *to)
{
    Folder *folder = context;
    Node *node = find(folder, from), *replaced = find(folder, to);
    if (!node) return gv_fail(GV_ERR_NOT_FOUND, "rename %s: no such file", from);
    if (node == replaced) return GV_OK;
    char *name = copy_name(to);
    if (!name) return gv_last_status();
    if (replaced) forget_name(folder, replaced);
    gv_free(node->name);
    node->name = name;
    return GV_OK;
}

static GV_Status memory_remove(void *context, const char *path)
{
    Node *node = find(context, path);
    if (!node) return gv_fail(GV_ERR_NOT_FOUND, "remove %s: no such file", path);
    forget_name(context, node);
    return GV_OK;
}

static GV_Status memory_sync_folder(void *context, const char *path)
{
    (void)context;
    (void)path;
    return GV_OK;
}

static uint64_t memory_process(void *context)
{
    (void)context;
    return 0;
}

static GV_Status memory_read(GV_File *file, uint64_t offset, void *buffer, size_t size, size_t *got)
{
    const Node *node = file->node;
    size_t from = offset < node->size ? (size_t)offset : node->size;
    *got = size < node->size - from ? size : node->size - from;
    if (*got > 0) memcpy(buffer, node->bytes + from, *got);
    return GV_OK;
}

/* Give the file `size` bytes, the new ones zero. */
static GV_Status resize(Node *node, uint64_t size)
{
    if (size > SIZE_MAX / 2) return gv_fail(GV_ERR_NO_MEMORY, "file in memory of %llu bytes", (unsigned long long)size);
    size_t wanted = (size_t)size;
    if (wanted > node->capacity) {
        size_t capacity = node->capacity + node->capacity / 2;
        if (capacity < wanted) capacity = wanted;
        uint8_t *bytes = gv_alloc(NULL, capacity);
        if (!bytes) return gv_last_status();
        if (node->size > 0) memcpy(bytes, node->bytes, node->size);
        gv_free(node->bytes);
        node->bytes = bytes;
        node->capacity = capacity;
    } else if (wanted > node->size) {
        memset(node->bytes + node->size, 0, wanted - node->size);
    }
    node->size = wanted;
    return GV_OK;
}

static GV_Status memory_write(GV_File *file, uint64_t offset, const void *buffer, size_t size)
{
    uint64_t end;
    if (!file->writable) return gv_fail(GV_ERR_IO, "write: the file was opened for reading");
    if (!gv_add_u64(offset, size, &end)) return gv_fail(GV_ERR_IO, "write: offset out of range");
    if (end > file->node->size) GV_TRY(resize(file->node, end));
    if (size > 0) memcpy(file->node->bytes + offset, buffer, size);
    return GV_OK;
}

static GV_Status memory_truncate(GV_File *file, uint64_t size) { return resize(file->node, size); }

static GV_Status memory_sync(GV_File *file)
{
    (void)file;
    return GV_OK;
}

static GV_Status memory_size(GV_File *file, uint64_t *size)
{
    *size = file->node->size;
    return GV_OK;
}

static GV_Status memory_lock(GV_File *file)
{
    if (file->holds_lock) return GV_OK;
    if (file->node->locked) return gv_fail(GV_ERR_LOCKED, "the database is open for writing elsewhere");
    file->node->locked = file->holds_lock = true;
    return GV_OK;
}

static GV_Status memory_is_at(GV_File *file, const char *path, bool *same)
{
    *same = find(file->folder, path) == file->node;
    return GV_OK;
}

static GV_Status memory_map(GV_File *file, uint64_t size, void **address)
{
    (void)file;
    (void)size;
    *address = NULL;
    return gv_fail(GV_ERR_UNSUPPORTED, "files in memory are not mapped");
}

static void memory_unmap(GV_File *file, void *address, uint64_t size)
{
    (void)file;
    (void)address;
    (void)size;
}

static void memory_close(GV_File *file)
{
    if (!file) return;
    if (file->holds_lock) file->node->locked = false;
    file->node->open_count--;
    drop_if_gone(file->folder, file->node);
    gv_free(file);
}

GV_Vfs *gv_vfs_memory_new(void)
{
    Folder *folder = gv_alloc(NULL, sizeof *folder);
    if (!folder) return NULL;
    folder->vfs = (GV_Vfs){
        .context = folder,
        .open = memory_open,
        .rename = memory_rename,
        .remove = memory_remove,
        .sync_folder = memory_sync_folder,
        .process = memory_process,
        .read = memory_read,
        .write = memory_write,
        .truncate = memory_truncate,
        .sync = memory_sync,
        .size = memory_size,
        .lock = memory_lock,
        .is_at = memory_is_at,
        .map = memory_map,
        .unmap = memory_unmap,
        .close = memory_close,
    };
    return &folder->vfs;
}

void gv_vfs_memory_free(GV_Vfs *vfs)
{
    if (!vfs) return;
    Folder *folder = vfs->context;
    for (Node *node = folder->nodes, *next; node; node = next) {
        next = node->next;
        free_node(node);
    }
    gv_free(folder);
}

void *gv_vfs_memory_take(GV_Vfs *vfs, const char *path, size_t *size)
{
    Node *node = find(vfs->context, path);
    if (!node) return NULL;
    void *bytes = node->bytes;
    *size = node->size;
    node->bytes = NULL;
    node->size = node->capacity = 0;
    return bytes;
}
