/* workload.c: see workload.h. */
#include "workload.h"
#include "api/db.h"
#include "base/bytes.h"
#include "base/random.h"
#include "check.h"
#include "record.h"
#include "seen.h"
#include "storage/format.h"
#include <string.h>

const char *const step_names[] = {"open",  "add",   "delete", "update",      "pairs",        "upsert",
                                  "keys",  "flush", "save",   "compact",     "train",        "copy",
                                  "close", "read",  "kill",   "kill in add", "kill in save", "loss"};

/* ---- what rows are made of ---- */

/* One vector in eight is equal to others, which an index must stand. */
static void model_vector(uint32_t tag, float vector[MODEL_DIMENSION])
{
    uint64_t seed = tag % 8 == 0 ? tag % 3 : tag;
    for (uint64_t i = 0; i < MODEL_DIMENSION; i++) vector[i] = (float)(gv_random(seed, i) % 33) - 16.0f;
}

static uint8_t *put_text(uint8_t *to, const char *text, size_t size)
{
    memcpy(to, text, size);
    return to + size;
}

/* The packed pairs of a row; returns their size. `to` NULL: the size only. */
static size_t model_metadata(const ModelRow *row, uint8_t *to)
{
    char tag[16];
    size_t digits = (size_t)snprintf(tag, sizeof tag, "%u", row->pairs);
    size_t size = 4 + (row->pairs ? 8 + 3 + digits : 0) + (row->padding ? 8 + 3 + row->padding : 0);
    if (!to) return size;
    gv_put_u32(to, (uint32_t)(row->pairs != 0) + (uint32_t)(row->padding != 0));
    to += 4;
    if (row->pairs) {
        gv_put_u32(to, 3);
        gv_put_u32(to + 4, (uint32_t)digits);
        to = put_text(put_text(to + 8, "tag", 3), tag, digits);
    }
    if (row->padding) {
        gv_put_u32(to, 3);
        gv_put_u32(to + 4, row->padding);
        memset(put_text(to + 8, "pad", 3), 'a' + (int)(row->id % 26), row->padding);
    }
    return size;
}

/* ---- what a step does ---- */

typedef struct Request {
    uint64_t ids[REQUEST_ROWS];
    ModelRow rows[REQUEST_ROWS];
    size_t count;
} Request;

enum {
    NEW_ID = MODEL_ROWS * 1024 /* more than any */
};

/* The row `at` again, if it has a key to be found by and this is not the third of three; else a new one. Of those that are
 * there one in four keeps its vector. */
static void plan_upsert(const Model *model, const Step *step, size_t at, uint32_t tag, ModelRow *row)
{
    *row = (ModelRow){.id = NEW_ID, .vector = tag, .pairs = tag};
    if (at < model->count && model->rows[at].pairs && tag % 3 != 0) {
        *row = model->rows[at];
        if (tag % 4 != 0) row->vector = tag;
    }
    row->padding = step->b;
}

/* The rows that a step is about, drawn from what the model has been through. */
static void plan(const Model *model, const Step *step, Request *request)
{
    uint64_t seed = model->changes;
    bool adds = step->kind == STEP_ADD;
    bool changes = step->kind > STEP_ADD && step->kind <= STEP_PAIRS;
    request->count = adds || step->kind == STEP_DELETE ? step->a : 1;
    if (step->kind == STEP_UPSERT) request->count = step->a;
    if (changes && request->count > model->count) request->count = model->count;
    CHECK(request->count <= REQUEST_ROWS, "%zu rows", request->count);
    size_t start = model->count > 0 ? (size_t)(gv_random(seed, 1) % model->count) : 0;
    for (size_t i = 0; i < request->count; i++) {
        uint32_t tag = model->changes * 64 + (uint32_t)i;
        ModelRow *row = &request->rows[i];
        *row = changes ? model->rows[(start + i) % model->count] : (ModelRow){.id = model->next_id + i};
        if (adds || step->kind == STEP_UPDATE) row->vector = tag;
        if (adds || step->kind == STEP_PAIRS) {
            row->pairs = tag % 3 ? tag : 0;
            row->padding = step->b;
        }
        if (step->kind == STEP_UPSERT) {
            size_t at = i <= model->count ? (start + i) % (model->count + 1) : model->count;
            plan_upsert(model, step, at, tag, row);
        }
        request->ids[i] = row->id;
    }
    uint64_t next = model->next_id;
    for (size_t i = 0; i < request->count && step->kind == STEP_UPSERT; i++)
        if (request->ids[i] == NEW_ID) request->ids[i] = request->rows[i].id = next++;
}

static size_t find_row(const Model *model, uint64_t id)
{
    size_t at = 0;
    while (at < model->count && model->rows[at].id < id) at++;
    return at;
}

static void apply_request(Model *model, const Step *step, const Request *request)
{
    for (size_t i = 0; i < request->count; i++) {
        size_t at = find_row(model, request->ids[i]);
        ModelRow *row = &model->rows[at];
        switch (step->kind) {
        case STEP_ADD:
            CHECK(model->count < MODEL_ROWS, "%zu rows", model->count);
            model->rows[model->count++] = request->rows[i];
            model->next_id++;
            break;
        case STEP_DELETE: memmove(row, row + 1, (--model->count - at) * sizeof *row); break;
        case STEP_UPDATE:
        case STEP_PAIRS: *row = request->rows[i]; break;
        case STEP_UPSERT:
            CHECK(at < MODEL_ROWS, "%zu rows", at);
            if (at == model->count) model->count++, model->next_id++;
            *row = request->rows[i];
            break;
        default: break;
        }
    }
}

void model_apply(Model *model, const Step *step)
{
    if (step->kind >= STEP_ADD && step->kind <= STEP_UPSERT) {
        Request request;
        plan(model, step, &request);
        apply_request(model, step, &request);
    }
    if (step->kind == STEP_KEYS) model->keys = step->a;
    model->changes++;
}

/* ---- carrying it out ---- */

/* Vectors are what the model says. */
static bool vectors_count = true;

static GV_IndexType index_of(GV_IndexType index_type)
{
    return (int)index_type == WORKLOAD_DROPPED ? GV_INDEX_TYPE_IVFPQ : index_type;
}

GV_Status session_open(const GV_Vfs *vfs, const char *path, GV_IndexType index_type, GV_Durability durability,
                       bool checkpoint_on_close, GV_Database **out)
{
    GV_OpenOptions options;
    GV_HNSWConfig hnsw;
    GV_IVFPQConfig ivfpq;
    gv_open_options_init(&options);
    gv_hnsw_config_init(&hnsw);
    hnsw.M = 4; /* small, so that few rows make upper layers and pruned lists */
    hnsw.ef_construction = 24;
    gv_ivfpq_config_init(&ivfpq);
    ivfpq.nlist = 4;
    ivfpq.m = 3;
    ivfpq.nbits = 4;
    ivfpq.train_iters = 3;
    ivfpq.default_rerank = 4 * MODEL_ROWS; /* hits are exact, so that they follow from the rows alone */
    ivfpq.auto_train = 20;
    options.dimension = MODEL_DIMENSION;
    options.index_type = (int32_t)index_of(index_type);
    vectors_count = (int)index_type != WORKLOAD_DROPPED;
    if (!vectors_count) ivfpq.drop_vectors = 1, ivfpq.auto_train = 0;
    /* exact for what model_vector() makes, so that one index shows what becomes of narrow rows */
    if (index_type == GV_INDEX_TYPE_IVFPQ) options.storage = GV_STORAGE_F16;
    options.durability = (int32_t)durability;
    options.checkpoint_on_close = checkpoint_on_close;
    options.hnsw = &hnsw;
    options.ivfpq = &ivfpq;
    GV_TRY(gv_db_open_with_vfs(path, &options, vfs, out));
    return gv_db_set_exact_search_threshold(*out, 0);
}

/* ---- sparse rows: a vector without its zeros ---- */

static bool is_sparse(GV_Database *db)
{
    GV_DatabaseInfo info = {.struct_size = sizeof info};
    CHECK_OK(gv_db_get_info(db, &info));
    return info.index_type == GV_INDEX_TYPE_SPARSE;
}

typedef struct Pairs {
    uint64_t starts[REQUEST_ROWS + 1];
    uint32_t indices[REQUEST_ROWS * MODEL_DIMENSION];
    float values[REQUEST_ROWS * MODEL_DIMENSION];
} Pairs;

static GV_SparseRows pairs_of(const float *vectors, size_t count, Pairs *pairs)
{
    size_t at = 0;
    pairs->starts[0] = 0;
    for (size_t i = 0; i < count; i++) {
        for (uint32_t j = 0; j < MODEL_DIMENSION; j++) {
            if (vectors[i * MODEL_DIMENSION + j] == 0.0f) continue;
            pairs->indices[at] = j;
            pairs->values[at++] = vectors[i * MODEL_DIMENSION + j];
        }
        pairs->starts[i + 1] = at;
    }
    return (GV_SparseRows){count, pairs->starts, pairs->indices, pairs->values};
}

static void vector_of(const GV_Rows *rows, size_t row, float vector[MODEL_DIMENSION])
{
    memset(vector, 0, MODEL_DIMENSION * sizeof *vector);
    for (uint64_t at = rows->starts[row]; at < rows->starts[row + 1]; at++)
        if (rows->indices[at] < MODEL_DIMENSION) vector[rows->indices[at]] = rows->values[at];
}

/* The nearest by any kind of rows. */
static GV_Status search_by(GV_Database *db, const float *query, size_t k, const GV_SearchOptions *options,
                           GV_Rows **rows)
{
    Pairs pairs;
    if (!is_sparse(db)) return gv_db_search_rows(db, query, MODEL_DIMENSION, k, options, rows);
    GV_SparseRows sparse = pairs_of(query, 1, &pairs);
    return gv_db_search_sparse(db, sparse.indices, sparse.values, (size_t)pairs.starts[1], k, options, rows);
}

/* ---- writes ---- */

/* Add the rows, or write them by their tags. */
static GV_Status add(GV_Database *db, const Request *request, bool upserts)
{
    float vectors[REQUEST_ROWS * MODEL_DIMENSION];
    uint64_t ids[REQUEST_ROWS];
    size_t size = 0, at = 0;
    for (size_t i = 0; i < request->count; i++) size += model_metadata(&request->rows[i], NULL);
    uint8_t *packed = test_alloc(size);
    for (size_t i = 0; i < request->count; i++) {
        model_vector(request->rows[i].vector, vectors + i * MODEL_DIMENSION);
        at += model_metadata(&request->rows[i], packed + at);
    }
    GV_PackedMetadata metadata = {packed, size};
    GV_Status status;
    if (is_sparse(db)) {
        Pairs pairs;
        GV_SparseRows rows = pairs_of(vectors, request->count, &pairs);
        status = upserts ? gv_db_upsert_sparse(db, &rows, &metadata, "tag", ids)
                         : gv_db_add_sparse(db, &rows, &metadata, ids);
    } else {
        status = upserts ? gv_db_upsert_many(db, vectors, request->count, MODEL_DIMENSION, &metadata, "tag", ids)
                         : gv_db_add(db, vectors, request->count, MODEL_DIMENSION, &metadata, ids);
    }
    free(packed);
    for (size_t i = 0; status == GV_OK && i < request->count; i++)
        CHECK(ids[i] == request->ids[i], "row got id %llu, not %llu", (unsigned long long)ids[i],
              (unsigned long long)request->ids[i]);
    return status;
}

static GV_Status replace_vector(GV_Database *db, const ModelRow *row, uint64_t id)
{
    float vector[MODEL_DIMENSION];
    Pairs pairs;
    model_vector(row->vector, vector);
    if (!is_sparse(db)) return gv_db_update_vector(db, id, vector, MODEL_DIMENSION);
    GV_SparseRows sparse = pairs_of(vector, 1, &pairs);
    return gv_db_update_sparse(db, id, sparse.indices, sparse.values, (size_t)pairs.starts[1]);
}

static GV_Status replace_pairs(GV_Database *db, const ModelRow *row)
{
    size_t size = model_metadata(row, NULL);
    uint8_t *packed = test_alloc(size);
    GV_PackedMetadata metadata = {packed, model_metadata(row, packed)};
    GV_Status status = gv_db_update_metadata(db, row->id, &metadata);
    free(packed);
    return status;
}

#ifdef __EMSCRIPTEN__ /* a handle on memory belongs to the host's file system, which these tests do not have */
static GV_Status read_from_memory(Session *s)
{
    uint64_t digest;
    return contents_digest(s->db, &digest);
}
#else
static GV_Status read_from_memory(Session *s)
{
    void *bytes;
    size_t size;
    uint64_t ours = 0, theirs = 1;
    GV_TRY(contents_digest(s->db, &ours));
    GV_TRY(gv_db_save_to_memory(s->db, &bytes, &size));
    GV_Database *db = gv_db_open_from_memory(bytes, size, 0, index_of(s->index_type));
    gv_free(bytes);
    if (!db) return gv_last_status();
    GV_Status status = contents_digest(db, &theirs);
    GV_Status closed = gv_db_close(db);
    if (status != GV_OK) return status;
    CHECK(ours == theirs, "a copy in memory differs");
    return closed;
}
#endif

static GV_Status read_all(Session *s)
{
    float queries[2 * MODEL_DIMENSION], distances[6];
    uint64_t ids[6], digest;
    size_t counts[2];
    GV_Rows *rows;
    GV_SearchOptions options;
    gv_search_options_init(&options);
    options.filter_key = "tag";
    options.filter_value = "65";
    model_vector(1, queries);
    model_vector(8, queries + MODEL_DIMENSION);
    GV_TRY(contents_search(s->db, &digest));
    bool sparse = is_sparse(s->db);
    if (!sparse) GV_TRY(gv_db_search_batch(s->db, queries, 2, MODEL_DIMENSION, 3, NULL, ids, distances, counts));
    GV_TRY(search_by(s->db, queries, 3, &options, &rows));
    gv_rows_free(rows);
    options.filter = "tag IN (65, '66') OR NOT EXISTS tag";
    if (!sparse) GV_TRY(gv_db_search_batch(s->db, queries, 2, MODEL_DIMENSION, 3, &options, ids, distances, counts));
    GV_TRY(gv_db_count_matching(s->db, options.filter, &digest));
    GV_TRY(contents_check(s->db, NULL));
    GV_Vector *vector;
    if (s->model.count > 0 && !sparse) {
        GV_TRY(gv_db_get(s->db, s->model.rows[0].id, &vector));
        gv_vector_free(vector);
    }
    return read_from_memory(s);
}

static GV_Status train(Session *s)
{
    GV_DatabaseInfo info = {.struct_size = sizeof info};
    GV_TRY(gv_db_get_info(s->db, &info));
    if (vectors_count || info.count == 0) return GV_OK;
    if (info.trained) return gv_db_flush(s->db); /* whose last sync may have failed: then the handle says so */
    return gv_db_ivfpq_train(s->db, NULL, 0, MODEL_DIMENSION);
}

static const char *const key_names[] = {"tag", "pad"};

static GV_Status perform(Session *s, const Step *step, const Request *request)
{
    GV_Status status;
    switch (step->kind) {
    case STEP_OPEN: return session_open(s->vfs, s->path, s->index_type, s->durability, step->a != 0, &s->db);
    case STEP_ADD: return add(s->db, request, false);
    case STEP_UPSERT: return add(s->db, request, true);
    case STEP_DELETE: return gv_db_delete(s->db, request->ids, request->count);
    case STEP_UPDATE: return replace_vector(s->db, &request->rows[0], request->ids[0]);
    case STEP_PAIRS: return replace_pairs(s->db, &request->rows[0]);
    case STEP_KEYS: return gv_db_index_keys(s->db, key_names, step->a);
    case STEP_FLUSH: return gv_db_flush(s->db);
    case STEP_SAVE: return gv_db_save(s->db, NULL);
    case STEP_COMPACT: return gv_db_compact(s->db);
    case STEP_TRAIN: return train(s);
    case STEP_COPY: return gv_db_save(s->db, s->copy);
    case STEP_CLOSE:
        status = gv_db_close(s->db);
        s->db = NULL;
        return status;
    case STEP_READ: return read_all(s);
    case STEP_KILL:
    case STEP_KILL_IN_ADD:
    case STEP_KILL_IN_SAVE:
    case STEP_LOSS: break;
    }
    CHECK(false, "step %d is not a call", (int)step->kind);
    return GV_OK;
}

GV_Status session_step(Session *s, const Step *step)
{
    Request request;
    plan(&s->model, step, &request);
    if (request.count > 0) GV_TRY(perform(s, step, &request)); /* with no rows there is nothing to change */
    model_apply(&s->model, step);
    return GV_OK;
}

/* ---- what a database holds ---- */

static uint64_t digest_row(uint64_t digest, uint64_t id, const float *vector, const uint8_t *packed, size_t size)
{
    digest = gv_mix64(digest ^ id);
    if (vectors_count) digest = hash_bytes(digest, vector, MODEL_DIMENSION * sizeof *vector);
    return hash_bytes(gv_mix64(digest ^ size), packed, size);
}

uint64_t model_digest(const Model *model)
{
    uint64_t digest = gv_mix64(model->next_id);
    for (size_t i = 0; i < model->count; i++) {
        float vector[MODEL_DIMENSION];
        size_t size = model_metadata(&model->rows[i], NULL);
        uint8_t *packed = test_alloc(size);
        model_vector(model->rows[i].vector, vector);
        (void)model_metadata(&model->rows[i], packed);
        digest = digest_row(digest, model->rows[i].id, vector, packed, size);
        free(packed);
    }
    for (uint32_t i = 0; i < model->keys; i++) digest = hash_bytes(digest, key_names[i], strlen(key_names[i]));
    return digest;
}

static GV_Status digest_keys(GV_Database *db, uint64_t *digest)
{
    char **keys;
    size_t count;
    GV_TRY(gv_db_indexed_keys(db, &keys, &count));
    for (size_t i = 0; i < count; i++) *digest = hash_bytes(*digest, keys[i], strlen(keys[i]));
    gv_free((void *)keys);
    return GV_OK;
}

/* The packed row at `at`: its size by its own words. */
static size_t packed_size(const GV_Rows *rows, size_t at)
{
    size_t end = at + 4;
    CHECK(end <= rows->metadata_bytes, "metadata ends at %zu", rows->metadata_bytes);
    for (uint32_t pairs = gv_get_u32(rows->metadata + at); pairs > 0; pairs--) {
        CHECK(rows->metadata_bytes - end >= 8, "metadata ends at %zu", rows->metadata_bytes);
        size_t key = gv_get_u32(rows->metadata + end), value = gv_get_u32(rows->metadata + end + 4);
        CHECK(key <= rows->metadata_bytes && value <= rows->metadata_bytes - key, "a pair of %zu + %zu", key, value);
        end += 8 + key + value;
        CHECK(end <= rows->metadata_bytes, "metadata ends at %zu", rows->metadata_bytes);
    }
    return end - at;
}

static uint64_t digest_rows(uint64_t digest, const GV_Rows *rows)
{
    size_t at = 0;
    for (size_t i = 0; i < rows->count; i++) {
        size_t size = packed_size(rows, at);
        float sparse[MODEL_DIMENSION];
        const float *vector = rows->starts ? sparse : rows->vectors + i * MODEL_DIMENSION;
        if (rows->starts) vector_of(rows, i, sparse);
        digest = digest_row(digest, rows->ids[i], vector, rows->metadata + at, size);
        at += size;
    }
    CHECK(at == rows->metadata_bytes, "metadata: %zu bytes of %zu", at, rows->metadata_bytes);
    return digest;
}

GV_Status contents_digest(GV_Database *db, uint64_t *digest)
{
    GV_DatabaseInfo info = {.struct_size = sizeof info};
    GV_TRY(gv_db_get_info(db, &info));
    uint64_t *ids = test_alloc((size_t)info.count * sizeof *ids);
    size_t found = 0;
    GV_Status status = GV_OK;
    GV_Rows *rows = NULL;
    for (uint64_t id = 0; id < info.next_id && found < info.count; id++)
        if (gv_db_contains(db, id)) ids[found++] = id;
    if (found != info.count)
        status = gv_fail(GV_ERR_CORRUPT, "%zu of %llu rows are found", found, (unsigned long long)info.count);
    *digest = gv_mix64(info.next_id);
    if (status == GV_OK && found > 0) status = gv_db_get_rows(db, ids, found, &rows);
    free(ids);
    if (status != GV_OK) return status;
    if (rows) *digest = digest_rows(*digest, rows);
    gv_rows_free(rows);
    return digest_keys(db, digest);
}

GV_Status contents_search(GV_Database *db, uint64_t *digest)
{
    float query[MODEL_DIMENSION];
    GV_Hit hits[5] = {0};
    size_t count, wanted = (size_t)gv_db_count(db);
    model_vector(1000003, query);
    if (is_sparse(db)) {
        GV_Rows *rows;
        GV_TRY(search_by(db, query, 5, NULL, &rows));
        count = rows->count;
        for (size_t i = 0; i < count && i < 5; i++)
            hits[i] = (GV_Hit){.id = rows->ids[i], .distance = rows->distances[i]};
        gv_rows_free(rows);
    } else {
        GV_TRY(gv_db_search(db, query, MODEL_DIMENSION, 5, hits, &count));
    }
    if (wanted > 5) wanted = 5;
    CHECK(count == wanted, "%zu hits, not %zu", count, wanted);
    *digest = 1;
    for (size_t i = 0; i < count; i++) {
        CHECK(i == 0 || hits[i - 1].distance < hits[i].distance ||
                  (hits[i - 1].distance == hits[i].distance && hits[i - 1].id < hits[i].id),
              "hits %zu and %zu are out of order", i - 1, i);
        *digest = gv_mix64(*digest ^ hits[i].id);
        *digest = hash_bytes(*digest, &hits[i].distance, sizeof hits[i].distance);
    }
    return GV_OK;
}

GV_Status contents_check(GV_Database *db, uint64_t *unreachable)
{
    GV_CheckReport report = {.struct_size = sizeof report};
    GV_TRY(gv_db_check(db, &report));
    if (unreachable) *unreachable = report.rows - report.reachable;
    return report.faults == 0 ? GV_OK : gv_fail(GV_ERR_CORRUPT, "%llu faults", (unsigned long long)report.faults);
}

uint64_t contents_image(GV_Database *db)
{
    void *bytes;
    size_t size;
    CHECK_OK(gv_db_save_to_memory(db, &bytes, &size));
    uint64_t digest = hash_bytes(size, (uint8_t *)bytes + GV_IMAGE_OFFSET, size - GV_IMAGE_OFFSET);
    gv_free(bytes);
    return digest;
}
