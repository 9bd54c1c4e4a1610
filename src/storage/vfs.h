/* vfs.h: the one table through which all I/O goes: POSIX, memory, a JavaScript host, and faults in tests.
 *
 * Every function but close() reports failure by gv_fail(): GV_ERR_IO with the host's own words, GV_ERR_NOT_FOUND where
 * a path names nothing, GV_ERR_LOCKED, GV_ERR_UNSUPPORTED. Paths are UTF-8 (bytes, on POSIX) and end with a NUL. */
#ifndef GV_VFS_H
#define GV_VFS_H
#include "base/status.h"

typedef struct GV_File GV_File; /* an open file; each implementation has its own */

typedef enum GV_OpenMode {
    GV_FILE_READ = 0,   /* must exist */
    GV_FILE_WRITE = 1,  /* must exist; read and write */
    GV_FILE_CREATE = 2, /* read and write; created empty if it does not exist, never truncated */
} GV_OpenMode;

typedef struct GV_Vfs {
    void *context; /* handed to the functions on paths */

    GV_Status (*open)(void *context, const char *path, GV_OpenMode mode, GV_File **out);
    GV_Status (*rename)(void *context, const char *from, const char *to); /* atomic; replaces `to` */
    GV_Status (*remove)(void *context, const char *path);
    GV_Status (*sync_folder)(void *context, const char *path); /* of the folder that holds `path` */
    uint64_t (*process)(void *context); /* id of the calling process: a forked child may not write */

    /* `path` made absolute and free of links, for gv_free(), so that neither a chdir() nor a rename over a link can miss
     * the file. NULL where paths are so already. */
    GV_Status (*resolve)(void *context, const char *path, char **out);

    GV_Status (*read)(GV_File *file, uint64_t offset, void *buffer, size_t size,
                      size_t *got);                                                      /* short only at the end */
    GV_Status (*write)(GV_File *file, uint64_t offset, const void *buffer, size_t size); /* all of it, or failure */
    GV_Status (*truncate)(GV_File *file, uint64_t size);
    GV_Status (*sync)(GV_File *file); /* data and size are on the disk when it returns */
    GV_Status (*size)(GV_File *file, uint64_t *size);
    GV_Status (*lock)(GV_File *file); /* exclusive, without waiting: GV_ERR_LOCKED; held until close() */
    GV_Status (*is_at)(GV_File *file, const char *path, bool *same); /* does `path` still name this very file? */
    GV_Status (*map)(GV_File *file, uint64_t size, void **address);  /* private, copy on write; may be unsupported */
    void (*unmap)(GV_File *file, void *address, uint64_t size);
    GV_Status (*copy_mode)(GV_File *file, GV_File *from); /* who may read and write it. NULL: the host has no modes */
    void (*close)(GV_File *file);                         /* NULL is a no-op */
} GV_Vfs;

/* The file system of this target: POSIX natively, the JavaScript host's in a WASM module. */
const GV_Vfs *gv_vfs_default(void);

/* A new file system in memory (of gv_malloc), empty; and its end. */
GV_Vfs *gv_vfs_memory_new(void);
void gv_vfs_memory_free(GV_Vfs *vfs);

/* Take the bytes of a file out of it, for gv_free(); the file is empty afterwards. NULL: no such file. */
void *gv_vfs_memory_take(GV_Vfs *vfs, const char *path, size_t *size);

#endif
