/* notation.c: every function fails on what README.md does not allow, so that a mistyped case cannot pass. */
#include "notation.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

static const char *const METRICS[] = {"euclidean", "cosine", "dot_product", "manhattan"};
static const char *const STORAGES[] = {"f32", "f16", "int8"};
static const char *const INDEXES[] = {"kdtree", "hnsw", "ivfpq", "sparse", "flat"};
static const char *const DURABILITIES[] = {"commit", "os", "none"};

#define LENGTH(array) (sizeof(array) / sizeof *(array))

static int find_word(const Json *json, const char *const *words, size_t count)
{
    if (json == NULL) return -1;
    for (size_t i = 0; i < count; i++) {
        if (json_is(json, words[i])) return (int)i;
    }
    return -2;
}

int read_metric(const Json *json) { return find_word(json, METRICS, LENGTH(METRICS)); }

bool read_count(const Json *json, uint64_t *out)
{
    if (json == NULL || json->kind != JSON_NUMBER) return false;
    if (!(json->number >= 0 && json->number <= 9007199254740992.0)) return false;
    *out = (uint64_t)json->number;
    return (double)*out == json->number;
}

uint32_t float_bits(float value)
{
    uint32_t bits;
    memcpy(&bits, &value, sizeof bits);
    return bits;
}

/* ---- vectors ---- */

static bool read_component(const Json *json, float *out)
{
    if (json_is(json, "nan")) return *out = NAN, true;
    if (json_is(json, "inf")) return *out = INFINITY, true;
    if (json_is(json, "-inf")) return *out = -INFINITY, true;
    if (json == NULL || json->kind != JSON_NUMBER) return false;
    *out = (float)json->number;
    return true;
}

static bool make_rows(Rows *out, size_t count, size_t dimension)
{
    size_t size = count * dimension * sizeof(float);
    out->count = count;
    out->dimension = dimension;
    out->data = malloc(size > 0 ? size : 1);
    return out->data != NULL;
}

static bool read_generated(const Json *json, Rows *out)
{
    uint64_t seed;
    const Json *low = json_get(json, "low"), *high = json_get(json, "high"), *scale = json_get(json, "scale");
    if (!read_count(json_get(json, "lcg"), &seed) || low == NULL || high == NULL) return false;
    uint64_t span = (uint64_t)(high->number - low->number) + 1, x = seed;
    for (size_t i = 0; i < out->count * out->dimension; i++) {
        x = x * UINT64_C(6364136223846793005) + UINT64_C(1442695040888963407);
        double whole = low->number + (double)((x >> 33) % span);
        out->data[i] = (float)(whole * (scale != NULL ? scale->number : 1.0));
    }
    return true;
}

static bool read_object_rows(const Json *json, size_t dimension, Rows *out)
{
    uint64_t count = 1, wide = dimension;
    const Json *fill = json_get(json, "fill"), *rows = json_get(json, "rows"), *dim = json_get(json, "dim");
    if ((rows != NULL && !read_count(rows, &count)) || (dim != NULL && !read_count(dim, &wide))) return false;
    if (!make_rows(out, (size_t)count, (size_t)wide)) return false;
    if (fill == NULL) return read_generated(json, out);
    float value;
    if (!read_component(fill, &value)) return false;
    for (size_t i = 0; i < out->count * out->dimension; i++) out->data[i] = value;
    return true;
}

static bool read_many(const Json *json, size_t dimension, Rows *out)
{
    Rows first, row;
    if (!read_rows(json->first, dimension, &first)) return free(first.data), false;
    bool good = make_rows(out, json->length, first.dimension);
    free(first.data);
    size_t i = 0;
    for (const Json *item = json->first; good && item != NULL; item = item->next, i++) {
        good = read_rows(item, dimension, &row) && row.count == 1 && row.dimension == out->dimension;
        if (good) memcpy(out->data + i * out->dimension, row.data, out->dimension * sizeof *row.data);
        free(row.data);
    }
    return good;
}

bool read_rows(const Json *json, size_t dimension, Rows *out)
{
    *out = (Rows){0};
    if (json == NULL) return false;
    if (json->kind == JSON_OBJECT) return read_object_rows(json, dimension, out);
    if (json->kind != JSON_ARRAY) return false;
    if (json->length == 0) return make_rows(out, 0, dimension);
    if (json->first->kind == JSON_ARRAY || json->first->kind == JSON_OBJECT) return read_many(json, dimension, out);
    if (!make_rows(out, 1, json->length)) return false;
    float *at = out->data;
    for (const Json *item = json->first; item != NULL; item = item->next) {
        if (!read_component(item, at++)) return false;
    }
    return true;
}

/* ---- metadata ---- */

static void put_u32(uint8_t **at, size_t value)
{
    for (int shift = 0; shift < 32; shift += 8) *(*at)++ = (uint8_t)(value >> shift);
}

static size_t packed_size(const Json *pairs)
{
    size_t size = 4;
    for (const Json *pair = pairs->first; pair != NULL; pair = pair->next) size += 8 + pair->key_length + pair->length;
    return size;
}

static bool pack_row(const Json *pairs, uint8_t **at)
{
    put_u32(at, pairs->length);
    for (const Json *pair = pairs->first; pair != NULL; pair = pair->next) {
        if (pair->kind != JSON_STRING) return false;
        put_u32(at, pair->key_length);
        put_u32(at, pair->length);
        memcpy(*at, pair->key, pair->key_length);
        memcpy(*at + pair->key_length, pair->text, pair->length);
        *at += pair->key_length + pair->length;
    }
    return true;
}

bool read_metadata(const Json *json, size_t count, GV_PackedMetadata *out)
{
    *out = (GV_PackedMetadata){NULL, 0};
    if (json == NULL) return true;
    const Json *cycle = json_get(json, "cycle"), *start = json; /* one object, or a list of them */
    if (cycle != NULL && cycle->kind == JSON_ARRAY) {
        start = cycle->first;
    } else if (json->kind == JSON_ARRAY) {
        if (json->length != count) return false;
        start = json->first;
    }
    const Json *row = start;
    for (size_t i = 0; i < count; i++) {
        if (row == NULL || row->kind != JSON_OBJECT) return false;
        out->size_bytes += packed_size(row);
        row = start == json || row->next == NULL ? start : row->next;
    }
    uint8_t *bytes = malloc(out->size_bytes + 1), *at = bytes;
    if (bytes == NULL) return false;
    out->bytes = bytes;
    row = start;
    for (size_t i = 0; i < count; i++) {
        if (!pack_row(row, &at)) return false;
        row = start == json || row->next == NULL ? start : row->next;
    }
    return true;
}

/* ---- distances ---- */

bool read_distance(const Json *json, uint32_t *bits)
{
    if (json == NULL) return false;
    if (json->kind == JSON_NUMBER) return *bits = float_bits((float)json->number), true;
    if (json->kind != JSON_STRING) return false;
    char *end;
    if (strncmp(json->text, "sqrt(", 5) == 0) {
        *bits = float_bits((float)sqrt(strtod(json->text + 5, &end)));
        return strcmp(end, ")") == 0;
    }
    *bits = (uint32_t)strtoul(json->text, &end, 16);
    return json->length == 8 && *end == '\0';
}

/* ---- options ---- */

static const Json *option(const Json *base, const Json *over, const char *key)
{
    const Json *found = json_get(over, key);
    if (found == NULL) found = json_get(base, key);
    return found == NULL || found->kind == JSON_NULL ? NULL : found;
}

static bool only_known(const Json *object, const char *const *known, size_t count)
{
    if (object == NULL) return true;
    for (const Json *member = object->first; member != NULL; member = member->next) {
        size_t i = 0;
        while (i < count && strcmp(member->key, known[i]) != 0) i++;
        if (i == count) return false;
    }
    return true;
}

static bool read_u32(const Json *json, uint32_t *out)
{
    uint64_t value = *out;
    if (json != NULL && (!read_count(json, &value) || value > UINT32_MAX)) return false;
    *out = (uint32_t)value;
    return true;
}

static bool read_flag(const Json *json, uint32_t *out)
{
    if (json == NULL) return true;
    *out = json->kind == JSON_TRUE;
    return json->kind == JSON_TRUE || json->kind == JSON_FALSE;
}

static bool read_hnsw(const Json *json, GV_HNSWConfig *hnsw)
{
    static const char *const known[] = {"M", "ef_construction", "ef_search", "use_binary_quant", "quant_rerank"};
    gv_hnsw_config_init(hnsw);
    return only_known(json, known, LENGTH(known)) && read_u32(json_get(json, "M"), &hnsw->M) &&
           read_u32(json_get(json, "ef_construction"), &hnsw->ef_construction) &&
           read_u32(json_get(json, "ef_search"), &hnsw->ef_search) &&
           read_u32(json_get(json, "use_binary_quant"), &hnsw->use_binary_quant) &&
           read_u32(json_get(json, "quant_rerank"), &hnsw->quant_rerank);
}

static bool read_ivfpq(const Json *json, GV_IVFPQConfig *ivfpq)
{
    static const char *const known[] = {"nlist",          "m",      "nbits",      "nprobe",     "train_iters",
                                        "default_rerank", "rotate", "train_rows", "auto_train", "drop_vectors"};
    uint32_t *const fields[] = {
        &ivfpq->nlist,          &ivfpq->m,      &ivfpq->nbits,      &ivfpq->nprobe,     &ivfpq->train_iters,
        &ivfpq->default_rerank, &ivfpq->rotate, &ivfpq->train_rows, &ivfpq->auto_train, &ivfpq->drop_vectors};
    gv_ivfpq_config_init(ivfpq);
    bool good = only_known(json, known, LENGTH(known));
    for (size_t i = 0; i < LENGTH(known); i++) good = good && read_u32(json_get(json, known[i]), fields[i]);
    return good;
}

bool read_options(const Json *base, const Json *over, Options *out)
{
    static const char *const known[] = {"path",
                                        "dimension",
                                        "index",
                                        "distance",
                                        "hnsw",
                                        "ivfpq",
                                        "storage",
                                        "seed",
                                        "durability",
                                        "checkpoint_on_close",
                                        "read_only",
                                        "memory_map",
                                        "exact_search_threshold"};
    if (!only_known(base, known, LENGTH(known)) || !only_known(over, known, LENGTH(known))) return false;
    gv_open_options_init(&out->open);
    const Json *path = option(base, over, "path"), *dimension = option(base, over, "dimension");
    const Json *durability = option(base, over, "durability"), *seed = option(base, over, "seed");
    const Json *hnsw = option(base, over, "hnsw"), *threshold = option(base, over, "exact_search_threshold");
    const Json *ivfpq = option(base, over, "ivfpq");
    uint64_t number = 0;

    if (path != NULL && (path->kind != JSON_STRING || strchr(path->text, '/') != NULL)) return false;
    out->path = path != NULL ? path->text : NULL;
    if (dimension != NULL && !read_count(dimension, &number)) return false;
    out->open.dimension = (size_t)number;
    out->open.index_type = find_word(option(base, over, "index"), INDEXES, LENGTH(INDEXES));
    out->open.distance = read_metric(option(base, over, "distance"));
    if (durability != NULL) out->open.durability = find_word(durability, DURABILITIES, LENGTH(DURABILITIES));
    out->open.storage = find_word(option(base, over, "storage"), STORAGES, LENGTH(STORAGES));
    if (out->open.storage == -2 || out->open.index_type == -2 || out->open.distance == -2 || out->open.durability == -2)
        return false;
    if (seed != NULL && !read_count(seed, &out->open.seed)) return false;
    if (hnsw != NULL && !read_hnsw(hnsw, &out->hnsw)) return false;
    if (ivfpq != NULL && !read_ivfpq(ivfpq, &out->ivfpq)) return false;
    out->open.ivfpq = ivfpq != NULL ? &out->ivfpq : NULL;
    out->open.hnsw = hnsw != NULL ? &out->hnsw : NULL;
    out->has_threshold = threshold != NULL;
    if (threshold != NULL && !read_count(threshold, &out->threshold)) return false;
    return read_flag(option(base, over, "read_only"), &out->open.read_only) &&
           read_flag(option(base, over, "memory_map"), &out->open.memory_map) &&
           read_flag(option(base, over, "checkpoint_on_close"), &out->open.checkpoint_on_close);
}
