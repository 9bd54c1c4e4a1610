/* options.c: what was asked for at open, against the defaults and against the file. */
#include "api/db.h"
#include "base/checked.h"
#include "index/row_codes.h"
#include "base/parallel.h"
#include <stdlib.h>
#include <string.h>

void gv_open_options_init(GV_OpenOptions *options)
{
    if (!options) return;
    *options = (GV_OpenOptions){.struct_size = sizeof *options,
                                .index_type = -1,
                                .distance = -1,
                                .durability = GV_DURABILITY_COMMIT,
                                .storage = -1,
                                .checkpoint_on_close = 1};
}

void gv_search_options_init(GV_SearchOptions *options)
{
    if (!options) return;
    *options = (GV_SearchOptions){
        .struct_size = sizeof *options, .distance = -1, .with_vectors = 1, .with_metadata = 1};
}

void gv_hnsw_config_init(GV_HNSWConfig *config)
{
    if (!config) return;
    *config = (GV_HNSWConfig){.struct_size = sizeof *config, .M = 16, .ef_construction = 200, .ef_search = 50};
}

void gv_ivfpq_config_init(GV_IVFPQConfig *config)
{
    if (!config) return;
    *config = (GV_IVFPQConfig){.struct_size = sizeof *config,
                               .nlist = 64,
                               .m = 8,
                               .nbits = 8,
                               .nprobe = 4,
                               .train_iters = 15,
                               .default_rerank = 32};
}

static GV_Status check_size(const char *name, uint32_t struct_size, size_t least)
{
    if (struct_size >= least && struct_size <= 4096) return GV_OK;
    return gv_fail(GV_ERR_ARGUMENT, "%s: struct_size is %u; set it with the *_init function", name, struct_size);
}

static GV_Status check_range(const char *name, uint32_t value, uint32_t least, uint32_t most)
{
    if (value >= least && value <= most) return GV_OK;
    return gv_fail(GV_ERR_ARGUMENT, "%s is %u, allowed are %u to %u", name, value, least, most);
}

static GV_Status read_hnsw(const GV_HNSWConfig *given, GV_HNSWConfig *hnsw)
{
    gv_hnsw_config_init(hnsw);
    GV_TRY(check_size("GV_HNSWConfig", given->struct_size, 2 * sizeof(uint32_t)));
    memcpy(hnsw, given, given->struct_size < sizeof *hnsw ? given->struct_size : sizeof *hnsw);
    hnsw->struct_size = sizeof *hnsw;
    GV_TRY(check_range("M", hnsw->M, 2, 64));
    GV_TRY(check_range("ef_construction", hnsw->ef_construction, 1, 4096));
    GV_TRY(check_range("ef_search", hnsw->ef_search, 1, 65536));
    GV_TRY(check_range("use_binary_quant", hnsw->use_binary_quant, 0, 1));
    return GV_OK;
}

static GV_Status check_ivfpq(const GV_IVFPQConfig *ivfpq)
{
    GV_TRY(check_range("nlist", ivfpq->nlist, 1, 65536));
    GV_TRY(check_range("m", ivfpq->m, 1, 1024));
    GV_TRY(check_range("nbits", ivfpq->nbits, 4, 8));
    GV_TRY(check_range("nprobe", ivfpq->nprobe, 1, 65536));
    GV_TRY(check_range("train_iters", ivfpq->train_iters, 1, 1000));
    GV_TRY(check_range("default_rerank", ivfpq->default_rerank, 1, 1 << 20));
    if (GV_HAS_IVFPQ) GV_TRY(check_range("drop_vectors", ivfpq->drop_vectors, 0, 1));
    return check_range("rotate", ivfpq->rotate, 0, 1);
}

static GV_Status read_ivfpq(const GV_IVFPQConfig *given, GV_IVFPQConfig *ivfpq)
{
    gv_ivfpq_config_init(ivfpq);
    GV_TRY(check_size("GV_IVFPQConfig", given->struct_size, 2 * sizeof(uint32_t)));
    memcpy(ivfpq, given, given->struct_size < sizeof *ivfpq ? given->struct_size : sizeof *ivfpq);
    ivfpq->struct_size = sizeof *ivfpq;
    return check_ivfpq(ivfpq);
}

/* Codes of one bit are of rotated rows, which L1 does not have, and their sums of 16 bits. */
static GV_Status check_binary_quant(const GV_Settings *s)
{
    size_t padded = (size_t)gv_round_up(s->dimension, GV_CACHE_LINE);
    if (!s->hnsw.use_binary_quant || s->index_type != GV_INDEX_TYPE_HNSW) return GV_OK;
    if (s->distance == GV_DISTANCE_MANHATTAN)
        return gv_fail(GV_ERR_UNSUPPORTED, "use_binary_quant: there are no such codes for MANHATTAN");
    if (gv_scan_limit(padded) > 0) return GV_OK;
    return gv_fail(GV_ERR_UNSUPPORTED, "use_binary_quant: dimension is %u, at most 32704 is possible", s->dimension);
}

static GV_Status check_dimension(size_t dimension, bool may_be_sparse)
{
    size_t most = may_be_sparse ? GV_SPARSE_DIMENSION_MAX : GV_DIMENSION_MAX;
    if (dimension <= most) return GV_OK;
    return gv_fail(GV_ERR_ARGUMENT, "dimension is %zu, at most %zu is allowed", dimension, most);
}

GV_Status gv_check_sparse_distance(GV_DistanceType distance)
{
    if (distance == GV_DISTANCE_DOT_PRODUCT || distance == GV_DISTANCE_COSINE) return GV_OK;
    return gv_fail(GV_ERR_UNSUPPORTED, "SPARSE knows DOT_PRODUCT and COSINE, not distance %d", (int)distance);
}

static const char *index_name(uint32_t type)
{
    static const char *const names[] = {"KDTREE", "HNSW", "IVFPQ", "SPARSE", "FLAT"};
    return type < 5 ? names[type] : "unknown";
}

static const char *distance_name(uint32_t distance)
{
    static const char *const names[] = {"EUCLIDEAN", "COSINE", "DOT_PRODUCT", "MANHATTAN"};
    return distance < 4 ? names[distance] : "unknown";
}

static const char *storage_name(uint32_t storage)
{
    static const char *const names[] = {"F32", "F16", "INT8"};
    return storage < 3 ? names[storage] : "unknown";
}

/* Which indexes read rows by gv_rank(), or widen them. */
static GV_Status check_storage(const GV_Settings *s)
{
    const char *name = storage_name(s->storage);
    if (!GV_HAS_STORAGE || s->storage == GV_STORAGE_F32) return GV_OK;
    if (s->index_type != GV_INDEX_TYPE_KDTREE && s->index_type != GV_INDEX_TYPE_SPARSE) return GV_OK;
    return gv_fail(GV_ERR_UNSUPPORTED, "storage %s: %s keeps its rows as F32", name, index_name(s->index_type));
}

/* Vectors can only be dropped for codes, and before that are what is given to make codes of. */
static GV_Status check_dropping(const GV_Settings *s)
{
    if (!GV_HAS_IVFPQ || s->index_type != GV_INDEX_TYPE_IVFPQ || !s->ivfpq.drop_vectors) return GV_OK;
    if (s->distance == GV_DISTANCE_MANHATTAN)
        return gv_fail(GV_ERR_UNSUPPORTED, "vectors cannot be dropped for codes: there are none for MANHATTAN");
    if (s->storage == GV_STORAGE_F32) return GV_OK;
    return gv_fail(GV_ERR_UNSUPPORTED, "storage %s: vectors that are dropped for codes are kept as F32 until then",
                   storage_name(s->storage));
}

static GV_Status check_rows(const GV_Settings *s)
{
    bool sparse = s->index_type == GV_INDEX_TYPE_SPARSE;
    GV_TRY(sparse ? gv_check_sparse_distance(s->distance) : check_dimension(s->dimension, false));
    GV_TRY(check_dropping(s));
    return check_storage(s);
}

GV_Status gv_options_read(const GV_OpenOptions *given, GV_OpenOptions *options, GV_Configs *configs)
{
    gv_open_options_init(options);
    configs->hnsw = NULL;
    configs->ivfpq = NULL;
    if (!given) return GV_OK;
    GV_TRY(check_size("GV_OpenOptions", given->struct_size, offsetof(GV_OpenOptions, distance)));
    memcpy(options, given, given->struct_size < sizeof *options ? given->struct_size : sizeof *options);
    options->struct_size = sizeof *options;
    if (options->memory_map) options->read_only = 1;
    GV_TRY(check_dimension(options->dimension, options->index_type < 0 || options->index_type == GV_INDEX_TYPE_SPARSE));
    if (options->index_type < -1 || options->index_type > GV_INDEX_TYPE_FLAT)
        return gv_fail(GV_ERR_ARGUMENT, "index_type %d is not a GV_IndexType", options->index_type);
    if (options->distance < -1 || options->distance > GV_DISTANCE_MANHATTAN)
        return gv_fail(GV_ERR_ARGUMENT, "distance %d is not a GV_DistanceType", options->distance);
    if (options->storage < -1 || options->storage > GV_STORAGE_INT8)
        return gv_fail(GV_ERR_ARGUMENT, "storage %d is not a GV_Storage", options->storage);
    if (!GV_HAS_STORAGE && options->storage > GV_STORAGE_F32)
        return gv_fail(GV_ERR_UNSUPPORTED, "storages but F32 need gigavector.all.wasm");
    if (options->durability < 0 || options->durability > GV_DURABILITY_NONE)
        return gv_fail(GV_ERR_ARGUMENT, "durability %d is not a GV_Durability", options->durability);
    if (options->hnsw) {
        GV_TRY(read_hnsw(options->hnsw, &configs->hnsw_given));
        configs->hnsw = &configs->hnsw_given;
    }
    if (options->ivfpq) {
        GV_TRY(read_ivfpq(options->ivfpq, &configs->ivfpq_given));
        configs->ivfpq = &configs->ivfpq_given;
    }
    return GV_OK;
}

static GV_Status choose_kernels(const char *wanted, const GV_Kernels **kernels)
{
#if !defined(__EMSCRIPTEN__) && !defined(__wasm__)
    if (!wanted) wanted = getenv("GV_KERNELS");
#endif
    *kernels = gv_kernels_select(wanted);
    if (*kernels) return GV_OK;
    return gv_fail(GV_ERR_UNSUPPORTED, "kernels \"%s\" are unknown, or this machine cannot run them",
                   wanted ? wanted : "");
}

static GV_Status settle_new(const GV_OpenOptions *o, const GV_Configs *configs, GV_Settings *s)
{
    if (o->dimension < 1)
        return gv_fail(GV_ERR_ARGUMENT, "a new database needs its dimension, 1 to %d", GV_DIMENSION_MAX);
    s->dimension = (uint32_t)o->dimension;
    s->index_type = o->index_type < 0 ? GV_INDEX_TYPE_HNSW : (GV_IndexType)o->index_type;
    bool sparse = s->index_type == GV_INDEX_TYPE_SPARSE;
    s->distance = sparse ? GV_DISTANCE_DOT_PRODUCT : GV_DISTANCE_EUCLIDEAN;
    if (o->distance >= 0) s->distance = (GV_DistanceType)o->distance;
    if (GV_HAS_STORAGE && o->storage >= 0) s->storage = (GV_Storage)o->storage;
    s->seed = o->seed ? o->seed : GV_DEFAULT_SEED;
    gv_hnsw_config_init(&s->hnsw);
    gv_ivfpq_config_init(&s->ivfpq);
    if (configs->hnsw) s->hnsw = *configs->hnsw;
    if (configs->ivfpq) s->ivfpq = *configs->ivfpq;
    return GV_OK;
}

static GV_Status differs(const char *what, uint64_t asked, uint64_t stored)
{
    return gv_fail(GV_ERR_ARGUMENT, "%s: %llu asked for, the file has %llu", what, (unsigned long long)asked,
                   (unsigned long long)stored);
}

/* What the file fixes; nprobe and default_rerank are the handle's. */
static GV_Status settle_ivfpq(const GV_IVFPQConfig *ivfpq, const GV_IVFPQConfig *file)
{
    if (check_ivfpq(file) != GV_OK) return gv_fail(GV_ERR_CORRUPT, "superblock: %s", gv_last_error());
    if (!ivfpq) return GV_OK;
    if (ivfpq->nlist != file->nlist) return differs("nlist", ivfpq->nlist, file->nlist);
    if (ivfpq->m != file->m) return differs("m", ivfpq->m, file->m);
    if (ivfpq->nbits != file->nbits) return differs("nbits", ivfpq->nbits, file->nbits);
    if (ivfpq->train_iters != file->train_iters) return differs("train_iters", ivfpq->train_iters, file->train_iters);
    if (ivfpq->rotate != file->rotate) return differs("rotate", ivfpq->rotate, file->rotate);
    if (ivfpq->train_rows != file->train_rows) return differs("train_rows", ivfpq->train_rows, file->train_rows);
    if (ivfpq->auto_train != file->auto_train) return differs("auto_train", ivfpq->auto_train, file->auto_train);
    if (ivfpq->drop_vectors == file->drop_vectors) return GV_OK;
    return gv_fail(GV_ERR_ARGUMENT, "vectors: %s asked for, by the file they are %s",
                   ivfpq->drop_vectors ? "dropped" : "kept", file->drop_vectors ? "dropped" : "kept");
}

static GV_Status settle_file(const GV_OpenOptions *o, const GV_Configs *configs, const GV_Superblock *file,
                             GV_Settings *s)
{
    const GV_HNSWConfig *hnsw = configs->hnsw;
    if (o->dimension && o->dimension != file->dimension) return differs("dimension", o->dimension, file->dimension);
    if (o->index_type >= 0 && (uint32_t)o->index_type != file->index_type)
        return gv_fail(GV_ERR_ARGUMENT, "index: %s asked for, the file has %s", index_name((uint32_t)o->index_type),
                       index_name(file->index_type));
    if (o->distance >= 0 && (uint32_t)o->distance != file->distance)
        return gv_fail(GV_ERR_ARGUMENT, "distance: %s asked for, the file has %s", distance_name((uint32_t)o->distance),
                       distance_name(file->distance));
    if (GV_HAS_STORAGE && o->storage >= 0 && (uint32_t)o->storage != file->storage)
        return gv_fail(GV_ERR_ARGUMENT, "storage: %s asked for, the file has %s", storage_name((uint32_t)o->storage),
                       storage_name(file->storage));
    if (o->seed && o->seed != file->seed) return differs("seed", o->seed, file->seed);
    if (hnsw && hnsw->M != file->hnsw.M) return differs("M", hnsw->M, file->hnsw.M);
    if (hnsw && hnsw->ef_construction != file->hnsw.ef_construction)
        return differs("ef_construction", hnsw->ef_construction, file->hnsw.ef_construction);
    if (hnsw && hnsw->use_binary_quant != file->hnsw.use_binary_quant)
        return differs("use_binary_quant", hnsw->use_binary_quant, file->hnsw.use_binary_quant);
    if (hnsw && hnsw->quant_rerank != file->hnsw.quant_rerank)
        return differs("quant_rerank", hnsw->quant_rerank, file->hnsw.quant_rerank);
    if (check_range("M", file->hnsw.M, 2, 64) != GV_OK ||
        check_range("ef_construction", file->hnsw.ef_construction, 1, 4096) != GV_OK ||
        check_range("ef_search", file->hnsw.ef_search, 1, 65536) != GV_OK ||
        check_range("use_binary_quant", file->hnsw.use_binary_quant, 0, 1) != GV_OK)
        return gv_fail(GV_ERR_CORRUPT, "superblock: %s", gv_last_error());
    if (GV_HAS_IVFPQ && file->index_type == GV_INDEX_TYPE_IVFPQ) GV_TRY(settle_ivfpq(configs->ivfpq, &file->ivfpq));
    s->dimension = file->dimension;
    s->index_type = (GV_IndexType)file->index_type;
    s->distance = (GV_DistanceType)file->distance;
    if (GV_HAS_STORAGE) s->storage = (GV_Storage)file->storage;
    s->seed = file->seed;
    s->hnsw = file->hnsw;
    s->ivfpq = file->ivfpq;
    return GV_OK;
}

GV_Status gv_options_change(const GV_OpenOptions *o, const GV_Configs *configs, GV_Settings *s)
{
    bool was_sparse = s->index_type == GV_INDEX_TYPE_SPARSE;
    if (o->dimension && o->dimension != s->dimension)
        return gv_fail(GV_ERR_ARGUMENT, "dimension: %zu asked for, the rows have %u", o->dimension, s->dimension);
    if (o->index_type >= 0) s->index_type = (GV_IndexType)o->index_type;
    if (o->distance >= 0) s->distance = (GV_DistanceType)o->distance;
    if (GV_HAS_STORAGE && o->storage >= 0) s->storage = (GV_Storage)o->storage;
    if (o->seed) s->seed = o->seed;
    if (configs->hnsw) s->hnsw = *configs->hnsw;
    if (configs->ivfpq) s->ivfpq = *configs->ivfpq;
    if (was_sparse != (s->index_type == GV_INDEX_TYPE_SPARSE))
        return gv_fail(GV_ERR_ARGUMENT, "sparse rows and vectors are not converted into each other");
    GV_TRY(check_rows(s));
    return check_binary_quant(s);
}

GV_Status gv_options_settle(const GV_OpenOptions *options, const GV_Configs *configs, const GV_Superblock *file,
                            GV_Settings *settings)
{
    memset(settings, 0, sizeof *settings);
    GV_TRY(choose_kernels(options->kernels, &settings->kernels));
    settings->threads = options->threads ? options->threads : gv_cpu_count();
    if (file) GV_TRY(settle_file(options, configs, file, settings));
    else GV_TRY(settle_new(options, configs, settings));
    GV_TRY(check_rows(settings));
    return check_binary_quant(settings);
}
