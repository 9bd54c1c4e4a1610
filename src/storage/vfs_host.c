/* vfs_host.c: the file system of a WASM module: a few functions that the JavaScript host passes in.
 *
 * They are imports of the module "env". Offsets and sizes of files travel as doubles, exact up to 2^53, so that the
 * host needs no BigInt; larger ones stay larger and the host refuses them. A negative answer is a GV_Status, whose
 * sentence the host keeps until it is fetched by gv_host_message(). Files are numbers of the host's choice, from 0. */
#include "storage/vfs.h"

#define HOST(name) __attribute__((import_module("env"), import_name(#name))) name

int32_t HOST(gv_host_open)(const char *path, int32_t mode); /* the file's number */
int32_t HOST(gv_host_rename)(const char *from, const char *to);
int32_t HOST(gv_host_remove)(const char *path);
int32_t HOST(gv_host_sync_folder)(const char *path);
double HOST(gv_host_process)(void);
double HOST(gv_host_read)(int32_t file, double offset, void *buffer, size_t size); /* bytes read */
int32_t HOST(gv_host_write)(int32_t file, double offset, const void *buffer, size_t size);
int32_t HOST(gv_host_truncate)(int32_t file, double size);
int32_t HOST(gv_host_sync)(int32_t file);
double HOST(gv_host_size)(int32_t file);
int32_t HOST(gv_host_lock)(int32_t file);
int32_t HOST(gv_host_is_at)(int32_t file, const char *path); /* 1 or 0 */
int32_t HOST(gv_host_copy_mode)(int32_t file, int32_t from);
void HOST(gv_host_close)(int32_t file);
void HOST(gv_host_message)(char *buffer, size_t size); /* at most `size` bytes, NUL included */

enum {
    SENTENCE_BYTES = 1024
};

/* A GV_File is the host's number, plus one so that 0 stays NULL: nothing to allocate, so opening cannot fail here. */
static GV_File *to_file(int32_t number) { return (GV_File *)((uintptr_t)number + 1); }

static int32_t number_of(const GV_File *file) { return (int32_t)((uintptr_t)file - 1); }

/* What the host answered, as a status: anything negative is a failure with the host's own sentence. */
static GV_Status checked(double answer)
{
    if (answer >= 0) return GV_OK;
    char sentence[SENTENCE_BYTES] = "";
    gv_host_message(sentence, sizeof sentence);
    return gv_fail((GV_Status)(int32_t)answer, "%s", sentence);
}

static GV_Status host_open(void *context, const char *path, GV_OpenMode mode, GV_File **out)
{
    (void)context;
    *out = NULL;
    int32_t number = gv_host_open(path, (int32_t)mode);
    GV_TRY(checked(number));
    *out = to_file(number);
    return GV_OK;
}

static GV_Status host_rename(void *context, const char *from, const char *to)
{
    (void)context;
    return checked(gv_host_rename(from, to));
}

static GV_Status host_remove(void *context, const char *path)
{
    (void)context;
    return checked(gv_host_remove(path));
}

static GV_Status host_sync_folder(void *context, const char *path)
{
    (void)context;
    return checked(gv_host_sync_folder(path));
}

static uint64_t host_process(void *context)
{
    (void)context;
    return (uint64_t)gv_host_process();
}

static GV_Status host_read(GV_File *file, uint64_t offset, void *buffer, size_t size, size_t *got)
{
    *got = 0;
    double bytes = gv_host_read(number_of(file), (double)offset, buffer, size);
    GV_TRY(checked(bytes));
    *got = (size_t)bytes;
    return GV_OK;
}

static GV_Status host_write(GV_File *file, uint64_t offset, const void *buffer, size_t size)
{
    return checked(gv_host_write(number_of(file), (double)offset, buffer, size));
}

static GV_Status host_truncate(GV_File *file, uint64_t size)
{
    return checked(gv_host_truncate(number_of(file), (double)size));
}

static GV_Status host_sync(GV_File *file) { return checked(gv_host_sync(number_of(file))); }

static GV_Status host_size(GV_File *file, uint64_t *size)
{
    *size = 0;
    double bytes = gv_host_size(number_of(file));
    GV_TRY(checked(bytes));
    *size = (uint64_t)bytes;
    return GV_OK;
}

static GV_Status host_lock(GV_File *file) { return checked(gv_host_lock(number_of(file))); }

static GV_Status host_is_at(GV_File *file, const char *path, bool *same)
{
    *same = false;
    int32_t answer = gv_host_is_at(number_of(file), path);
    GV_TRY(checked(answer));
    *same = answer == 1;
    return GV_OK;
}

static GV_Status host_map(GV_File *file, uint64_t size, void **address)
{
    (void)file;
    (void)size;
    *address = NULL;
    return gv_fail(GV_ERR_UNSUPPORTED, "a WebAssembly module cannot map files into its memory");
}

static void host_unmap(GV_File *file, void *address, uint64_t size)
{
    (void)file;
    (void)address;
    (void)size;
}

static GV_Status host_copy_mode(GV_File *file, GV_File *from)
{
    return checked(gv_host_copy_mode(number_of(file), number_of(from)));
}

static void host_close(GV_File *file)
{
    if (file) gv_host_close(number_of(file));
}

const GV_Vfs *gv_vfs_default(void)
{
    static const GV_Vfs host = {
        .context = NULL,
        .open = host_open,
        .rename = host_rename,
        .remove = host_remove,
        .sync_folder = host_sync_folder,
        .copy_mode = host_copy_mode,
        .process = host_process,
        .read = host_read,
        .write = host_write,
        .truncate = host_truncate,
        .sync = host_sync,
        .size = host_size,
        .lock = host_lock,
        .is_at = host_is_at,
        .map = host_map,
        .unmap = host_unmap,
        .close = host_close,
    };
    return &host;
}
