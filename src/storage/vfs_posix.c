/* vfs_posix.c: the file system natively. */
#ifndef _GNU_SOURCE
#define _GNU_SOURCE
#endif
#include "base/memory.h"
#include "storage/vfs.h"
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/file.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

struct GV_File {
    int fd;
};

/* The system's words for `error`, in `buffer`. strerror_r has two shapes; this serves both. */
static const char *words(int error, char buffer[128])
{
#if defined(__GLIBC__)
    return strerror_r(error, buffer, 128);
#else
    return strerror_r(error, buffer, 128) == 0 ? buffer : "unknown error";
#endif
}

static GV_Status fail_errno(const char *what, const char *path)
{
    char buffer[128];
    int error = errno;
    GV_Status status = error == ENOENT ? GV_ERR_NOT_FOUND : error == ENOMEM ? GV_ERR_NO_MEMORY : GV_ERR_IO;
    return gv_fail(status, "%s %s: %s", what, path, words(error, buffer));
}

static GV_Status posix_open(void *context, const char *path, GV_OpenMode mode, GV_File **out)
{
    (void)context;
    int flags = mode == GV_FILE_READ ? O_RDONLY : mode == GV_FILE_WRITE ? O_RDWR : O_RDWR | O_CREAT;
    *out = NULL;
    int fd;
    do fd = open(path, flags | O_CLOEXEC | O_NONBLOCK, 0644); /* a FIFO must not hang us */
    while (fd < 0 && errno == EINTR);
    if (fd < 0) return fail_errno("open", path);
    struct stat about;
    GV_File *file = NULL;
    if (fstat(fd, &about) != 0) (void)fail_errno("stat", path);
    else if (!S_ISREG(about.st_mode)) (void)gv_fail(GV_ERR_IO, "open %s: not a regular file", path);
    else file = gv_alloc(NULL, sizeof *file);
    if (!file) {
        (void)close(fd);
        return gv_last_status();
    }
    file->fd = fd;
    *out = file;
    return GV_OK;
}

static GV_Status posix_rename(void *context, const char *from, const char *to)
{
    (void)context;
    return rename(from, to) == 0 ? GV_OK : fail_errno("rename to", to);
}

static GV_Status posix_remove(void *context, const char *path)
{
    (void)context;
    return unlink(path) == 0 ? GV_OK : fail_errno("remove", path);
}

static GV_Status posix_sync_folder(void *context, const char *path)
{
    (void)context;
    const char *slash = strrchr(path, '/');
    size_t length = slash ? (size_t)(slash - path) : 0;
    char *folder = gv_alloc(NULL, length + 2);
    if (!folder) return gv_last_status();
    if (!slash) folder[0] = '.';
    else if (length == 0) folder[0] = '/';
    else memcpy(folder, path, length);
    GV_Status status = GV_OK;
    int fd = open(folder, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    /* EINVAL: a file system that has no notion of syncing a folder */
    if (fd < 0 || (fsync(fd) != 0 && errno != EINVAL)) status = fail_errno("sync folder", folder);
    if (fd >= 0) (void)close(fd);
    gv_free(folder);
    return status;
}

static uint64_t posix_process(void *context)
{
    (void)context;
    return (uint64_t)getpid();
}

/* A path that names nothing yet: its folder resolved, its own name behind. */
static char *resolve_new(const char *path)
{
    const char *slash = strrchr(path, '/'), *name = slash ? slash + 1 : path;
    size_t length = slash ? (size_t)(slash - path) : 0;
    char *folder = gv_alloc(NULL, length + 2), *resolved = NULL, *out = NULL;
    if (!folder) return NULL;
    if (length > 0) memcpy(folder, path, length);
    else folder[0] = slash ? '/' : '.';
    resolved = realpath(folder, NULL);
    gv_free(folder);
    if (!resolved) {
        (void)fail_errno("open", path);
        return NULL;
    }
    size_t at = strlen(resolved), size = strlen(name) + 1;
    out = gv_alloc(NULL, at + 1 + size);
    if (out) {
        memcpy(out, resolved, at);
        out[at] = '/';
        memcpy(out + at + 1, name, size);
    }
    free(resolved);
    return out;
}

static GV_Status posix_resolve(void *context, const char *path, char **out)
{
    (void)context;
    struct stat about;
    char *resolved = realpath(path, NULL);
    *out = NULL;
    if (!resolved) {
        if (errno != ENOENT) return fail_errno("open", path);
        if (lstat(path, &about) == 0 && S_ISLNK(about.st_mode))
            return gv_fail(GV_ERR_NOT_FOUND, "open %s: a link that leads nowhere", path);
        *out = resolve_new(path);
        return *out ? GV_OK : gv_last_status();
    }
    size_t size = strlen(resolved) + 1;
    *out = gv_alloc(NULL, size);
    if (*out) memcpy(*out, resolved, size);
    free(resolved);
    return *out ? GV_OK : gv_last_status();
}

static GV_Status posix_copy_mode(GV_File *file, GV_File *from)
{
    struct stat about;
    if (fstat(from->fd, &about) != 0) return fail_errno("stat", "database file");
    if (fchown(file->fd, about.st_uid, about.st_gid) != 0 && errno != EPERM)
        return fail_errno("set owner of", "database file");
    return fchmod(file->fd, about.st_mode & 07777) == 0 ? GV_OK : fail_errno("set mode of", "database file");
}

static GV_Status posix_read(GV_File *file, uint64_t offset, void *buffer, size_t size, size_t *got)
{
    *got = 0;
    while (*got < size) {
        ssize_t n = pread(file->fd, (char *)buffer + *got, size - *got, (off_t)(offset + *got));
        if (n < 0 && errno == EINTR) continue;
        if (n < 0) return fail_errno("read", "database file");
        if (n == 0) break;
        *got += (size_t)n;
    }
    return GV_OK;
}

static GV_Status posix_write(GV_File *file, uint64_t offset, const void *buffer, size_t size)
{
    for (size_t done = 0; done < size;) {
        ssize_t n = pwrite(file->fd, (const char *)buffer + done, size - done, (off_t)(offset + done));
        if (n < 0 && errno == EINTR) continue;
        if (n < 0) return fail_errno("write", "database file");
        done += (size_t)n;
    }
    return GV_OK;
}

static GV_Status posix_truncate(GV_File *file, uint64_t size)
{
    int result;
    do result = ftruncate(file->fd, (off_t)size);
    while (result != 0 && errno == EINTR);
    return result == 0 ? GV_OK : fail_errno("truncate", "database file");
}

/* A failed sync is final: the kernel may have dropped the pages, and asking again would say yes (fsync, ATC 2020). */
static GV_Status posix_sync(GV_File *file)
{
#if defined(__APPLE__)
    return fcntl(file->fd, F_FULLFSYNC) == 0 ? GV_OK : fail_errno("sync", "database file");
#else
    return fdatasync(file->fd) == 0 ? GV_OK : fail_errno("sync", "database file");
#endif
}

static GV_Status posix_size(GV_File *file, uint64_t *size)
{
    struct stat about;
    if (fstat(file->fd, &about) != 0) return fail_errno("stat", "database file");
    *size = (uint64_t)about.st_size;
    return GV_OK;
}

static GV_Status posix_lock(GV_File *file)
{
    if (flock(file->fd, LOCK_EX | LOCK_NB) == 0) return GV_OK;
    if (errno == EWOULDBLOCK) return gv_fail(GV_ERR_LOCKED, "the database is open for writing elsewhere");
    return fail_errno("lock", "database file");
}

static GV_Status posix_is_at(GV_File *file, const char *path, bool *same)
{
    struct stat ours, theirs;
    *same = false;
    if (fstat(file->fd, &ours) != 0) return fail_errno("stat", path);
    if (stat(path, &theirs) != 0) return errno == ENOENT ? GV_OK : fail_errno("stat", path);
    *same = ours.st_dev == theirs.st_dev && ours.st_ino == theirs.st_ino;
    return GV_OK;
}

static GV_Status posix_map(GV_File *file, uint64_t size, void **address)
{
    *address = NULL;
    if (size > SIZE_MAX) return gv_fail(GV_ERR_UNSUPPORTED, "map: %llu bytes", (unsigned long long)size);
    void *at = mmap(NULL, (size_t)size, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_NORESERVE, file->fd, 0);
    if (at == MAP_FAILED) return fail_errno("map", "database file");
    *address = at;
    return GV_OK;
}

static void posix_unmap(GV_File *file, void *address, uint64_t size)
{
    (void)file;
    if (address) (void)munmap(address, (size_t)size);
}

static void posix_close(GV_File *file)
{
    if (!file) return;
    (void)close(file->fd);
    gv_free(file);
}

const GV_Vfs *gv_vfs_default(void)
{
    static const GV_Vfs vfs = {
        .open = posix_open,
        .rename = posix_rename,
        .remove = posix_remove,
        .sync_folder = posix_sync_folder,
        .process = posix_process,
        .read = posix_read,
        .write = posix_write,
        .truncate = posix_truncate,
        .sync = posix_sync,
        .size = posix_size,
        .lock = posix_lock,
        .is_at = posix_is_at,
        .resolve = posix_resolve,
        .copy_mode = posix_copy_mode,
        .map = posix_map,
        .unmap = posix_unmap,
        .close = posix_close,
    };
    return &vfs;
}
