/* open.c: from a path and options to a handle. */
#include "api/db.h"
#include "storage/superblock.h"
#include <string.h>

typedef struct Opening { /* what opening a file needs to know */
    const GV_Vfs *vfs;
    const char *path;
    const GV_OpenOptions *options;
    const GV_Configs *configs;
    GV_Pool *pool; /* the handle's */
} Opening;

static GV_Status settle(const Opening *o, const GV_Superblock *file, GV_Settings *settings)
{
    GV_TRY(gv_options_settle(o->options, o->configs, file, settings));
    settings->pool = o->pool;
    return GV_OK;
}

/* Image, then log, into a new store. `file` is the store's from here on, or closed. */
static GV_Status load_content(GV_Store *s, const Opening *o, const GV_Superblock *superblock)
{
    uint64_t file_size, clean_end;
    GV_LogScan scan;
    GV_TRY(o->vfs->size(s->file, &file_size));
    if (o->options->memory_map && o->vfs->map(s->file, superblock->log_start, (void **)&s->image.map) == GV_OK)
        s->image.map_size = superblock->log_start;
    GV_TRY(gv_image_open(&s->image, &s->heap, o->vfs, s->file, superblock));
    GV_TRY(gv_table_load(&s->table, &s->image, superblock));
    if (GV_HAS_KEYS) GV_TRY(gv_terms_open(&s->terms, &s->image));
    if (s->index->ops->load) GV_TRY(s->index->ops->load(s->index, &s->image));
    if (!s->image.map) gv_image_close(&s->image);
    GV_TRY(gv_clean_mark_read(o->vfs, s->file, s->generation, &clean_end));
    GV_TRY(gv_log_scan(o->vfs, s->file, &s->heap, s->generation, superblock->log_start, file_size, clean_end, &scan));
    if (GV_HAS_KEYS && scan.groups > 0)
        GV_TRY(gv_terms_load(&s->terms)); /* columns are of the rows as the image has them */
    GV_TRY(gv_store_recover(s, superblock->log_start, scan.end));
    s->recovered_groups = scan.groups;
    s->cut_bytes = scan.cut_bytes;
    s->log.start = superblock->log_start;
    s->log.end = scan.end;
    if (o->options->read_only) return GV_OK; /* a log without a file system: nothing is ever written to it */
    if (scan.cut_bytes > 0) GV_TRY(o->vfs->truncate(s->file, scan.end));
    if (file_size > superblock->log_start) GV_TRY(o->vfs->sync(s->file)); /* what is shown from now on is on the disk */
    gv_log_attach(&s->log, o->vfs, s->file, s->generation, superblock->log_start, scan.end, scan.next_sequence);
    return GV_OK;
}

static GV_Status load_file(const Opening *o, GV_File *file, GV_Store **out)
{
    GV_Superblock superblock;
    GV_Settings settings;
    GV_Store *s = NULL;
    unsigned copies;
    GV_Status status = gv_superblock_read(o->vfs, file, &superblock, &copies);
    if (status == GV_OK) status = settle(o, &superblock, &settings);
    if (status == GV_OK) status = gv_store_new(&settings, o->vfs, &s);
    if (status != GV_OK) {
        o->vfs->close(file);
        return status;
    }
    s->file = file;
    s->generation = superblock.generation;
    s->image_bytes = superblock.log_start;
    s->superblock_copies = copies;
    status = load_content(s, o, &superblock);
    if (status != GV_OK) {
        gv_store_free(s);
        return status;
    }
    *out = s;
    return GV_OK;
}

/* A new database is made as a checkpoint of nothing: the file appears whole or not at all. */
static GV_Status create_file(const Opening *o, GV_File *held, GV_Store **out)
{
    GV_Settings settings;
    GV_TRY(settle(o, NULL, &settings));
    GV_TRY(gv_store_new(&settings, o->vfs, out));
    GV_Status status = gv_store_checkpoint(*out, o->path, held);
    if (status == GV_OK) return GV_OK;
    gv_store_free(*out);
    *out = NULL;
    return status;
}

/* Open and lock the file that has the name now: a checkpoint elsewhere may rename another there in between.
 * `*file` NULL: there is none yet (or an empty one, held by `*held` while ours takes its place). */
static GV_Status lock_file(const Opening *o, GV_File **file, GV_File **held)
{
    *file = *held = NULL;
    for (int tries = 0; tries < 100; tries++) {
        GV_File *candidate;
        bool same = false;
        uint64_t size = 0;
        GV_Status status = o->vfs->open(o->vfs->context, o->path, GV_FILE_WRITE, &candidate);
        if (status == GV_ERR_NOT_FOUND) return GV_OK;
        if (status != GV_OK) return status;
        status = o->vfs->lock(candidate);
        if (status == GV_ERR_LOCKED) (void)gv_fail(status, "%s: %s", o->path, gv_last_error());
        if (status == GV_OK) status = o->vfs->is_at(candidate, o->path, &same);
        if (status == GV_OK) status = o->vfs->size(candidate, &size);
        if (status == GV_OK && same) {
            *(size > 0 ? file : held) = candidate;
            return GV_OK;
        }
        o->vfs->close(candidate);
        if (status != GV_OK) return status;
    }
    return gv_fail(GV_ERR_LOCKED, "%s is being replaced again and again", o->path);
}

static GV_Status open_writer(const Opening *o, GV_Store **out)
{
    GV_File *file, *held;
    GV_TRY(lock_file(o, &file, &held));
    if (file) return load_file(o, file, out);
    GV_Status status = create_file(o, held, out);
    o->vfs->close(held);
    return status;
}

static GV_Status open_reader(const Opening *o, GV_Store **out)
{
    GV_File *file;
    GV_TRY(o->vfs->open(o->vfs->context, o->path, GV_FILE_READ, &file));
    return load_file(o, file, out);
}

static GV_Status open_store(const Opening *o, GV_Store **out)
{
    *out = NULL;
    if (o->path) return o->options->read_only ? open_reader(o, out) : open_writer(o, out);
    if (o->options->read_only) return gv_fail(GV_ERR_ARGUMENT, "a database in memory cannot be opened read-only");
    GV_Settings settings;
    GV_TRY(settle(o, NULL, &settings));
    return gv_store_new(&settings, o->vfs, out);
}

#ifndef __wasm__
GV_Status gv_store_read_again(GV_Database *db, bool map, GV_Store **out)
{
    GV_OpenOptions options;
    GV_Configs configs = {0};
    gv_open_options_init(&options);
    options.kernels = db->kernels->name;
    options.threads = db->options.threads;
    options.read_only = 1;
    options.memory_map = map;
    Opening o = {db->vfs, db->path, &options, &configs, &db->pool};
    return open_reader(&o, out);
}
#endif

static GV_Status copy_path(const Opening *o, char **out)
{
    if (o->vfs->resolve) return o->vfs->resolve(o->vfs->context, o->path, out);
    size_t size = strlen(o->path) + 1;
    *out = gv_alloc(NULL, size);
    if (!*out) return gv_last_status();
    memcpy(*out, o->path, size);
    return GV_OK;
}

static GV_Status new_handle(const Opening *o, GV_Database **out)
{
    GV_Database *db = gv_alloc(NULL, sizeof *db);
    if (!db) return gv_last_status();
    if (o->path && copy_path(o, &db->path) != GV_OK) {
        gv_free(db);
        return gv_last_status();
    }
    db->vfs = o->vfs;
    db->options = *o->options;
    db->options.hnsw = NULL;
    db->options.ivfpq = NULL;
    db->options.kernels = NULL;
    db->read_only = o->options->read_only != 0;
    db->process = o->vfs->process(o->vfs->context);
    db->limits.struct_size = sizeof db->limits;
    db->exact_threshold = 1000;
    /* these fail only where the system is out of everything */
    if (gv_mutex_init(&db->gate) || gv_mutex_init(&db->writer) || gv_rwlock_init(&db->state) ||
        gv_pool_init(&db->pool)) {
        gv_free(db->path);
        gv_free(db);
        return gv_fail(GV_ERR_NO_MEMORY, "no memory for locks");
    }
    *out = db;
    return GV_OK;
}

GV_Status gv_db_open_with_vfs(const char *path, const GV_OpenOptions *given, const GV_Vfs *vfs, GV_Database **out)
{
    if (!out) return gv_fail(GV_ERR_ARGUMENT, "open: out is NULL");
    *out = NULL;
    GV_OpenOptions options;
    GV_Configs configs;
    if (path && !*path) return gv_fail(GV_ERR_ARGUMENT, "open: the path is empty");
    GV_TRY(gv_options_read(given, &options, &configs));
    Opening o = {vfs, path, &options, &configs, NULL};
    GV_Database *db = NULL;
    GV_TRY(new_handle(&o, &db));
    o.path = db->path;
    o.pool = &db->pool;
    GV_Status status = open_store(&o, &db->store);
    if (status != GV_OK) {
        gv_handle_free(db);
        return status;
    }
    db->store->log.deferred = options.durability == GV_DURABILITY_NONE;
    const GV_Settings *settings = &db->store->settings;
    db->kernels = settings->kernels;
    db->dimension = settings->dimension;
    db->is_sparse = settings->index_type == GV_INDEX_TYPE_SPARSE;
    db->ef_search = configs.hnsw ? configs.hnsw->ef_search : settings->hnsw.ef_search;
    db->nprobe = configs.ivfpq ? configs.ivfpq->nprobe : settings->ivfpq.nprobe;
    db->rerank = configs.ivfpq ? configs.ivfpq->default_rerank : settings->ivfpq.default_rerank;
    if (!options.read_only) gv_auto_train(db);
    *out = db;
    return GV_OK;
}

GV_Status gv_db_open_with_options(const char *filepath, const GV_OpenOptions *options, GV_Database **out)
{
    return gv_db_open_with_vfs(filepath, options, gv_vfs_default(), out);
}

static GV_Database *open_plain(const char *filepath, size_t dimension, GV_IndexType index_type,
                               const GV_HNSWConfig *hnsw, const GV_IVFPQConfig *ivfpq, bool map)
{
    GV_OpenOptions options;
    gv_open_options_init(&options);
    options.dimension = dimension;
    options.index_type = (int32_t)index_type;
    options.hnsw = hnsw;
    options.ivfpq = ivfpq;
    options.memory_map = map;
    GV_Database *db;
    return gv_db_open_with_options(filepath, &options, &db) == GV_OK ? db : NULL;
}

GV_Database *gv_db_open(const char *filepath, size_t dimension, GV_IndexType index_type)
{
    return open_plain(filepath, dimension, index_type, NULL, NULL, false);
}

GV_Database *gv_db_open_with_hnsw_config(const char *filepath, size_t dimension, GV_IndexType index_type,
                                         const GV_HNSWConfig *config)
{
    return open_plain(filepath, dimension, index_type, config, NULL, false);
}

GV_Database *gv_db_open_with_ivfpq_config(const char *filepath, size_t dimension, GV_IndexType index_type,
                                          const GV_IVFPQConfig *config)
{
    return open_plain(filepath, dimension, index_type, NULL, config, false);
}

GV_Database *gv_db_open_mmap(const char *filepath, size_t dimension, GV_IndexType index_type)
{
    return open_plain(filepath, dimension, index_type, NULL, NULL, true);
}

/* The bytes become a file in memory, opened as any other; the handle then forgets the file. */
GV_Database *gv_db_open_from_memory(const void *data, size_t size_bytes, size_t dimension, GV_IndexType index_type)
{
    GV_OpenOptions options;
    gv_open_options_init(&options);
    options.dimension = dimension;
    options.index_type = (int32_t)index_type;
    GV_Database *db = NULL;
    GV_File *file = NULL;
    if (!data) {
        (void)gv_fail(GV_ERR_ARGUMENT, "open_from_memory: data is NULL");
        return NULL;
    }
    GV_Vfs *vfs = gv_vfs_memory_new();
    GV_Status status = vfs ? vfs->open(vfs->context, "image", GV_FILE_CREATE, &file) : gv_last_status();
    if (status == GV_OK) status = vfs->write(file, 0, data, size_bytes);
    if (status == GV_OK && size_bytes == 0) status = gv_fail(GV_ERR_CORRUPT, "not a GigaVector database: no bytes");
    if (file) vfs->close(file);
    if (status == GV_OK) status = gv_db_open_with_vfs("image", &options, vfs, &db);
    if (status == GV_OK) {
        GV_Store *s = db->store;
        vfs->close(s->file);
        s->file = NULL;
        s->log.vfs = NULL;
        s->generation = 0;
        s->vfs = db->vfs = gv_vfs_default();
        db->process = db->vfs->process(db->vfs->context);
        gv_free(db->path);
        db->path = NULL;
    }
    gv_vfs_memory_free(vfs);
    return db;
}
