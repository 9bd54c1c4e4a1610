/* find.c: searches and look-ups, each under the read lock for as long as it runs: it sees one state. */
#include "api/db.h"
#include "query/search.h"
#include "storage/metadata.h"
#include <math.h>
#include <string.h>

/* ---- a search, checked ---- */

typedef struct Search {
    GV_SearchOptions options;
    size_t k;
    GV_Hit *hits; /* [capacity], of db->scratch */
    size_t capacity;
    size_t count; /* of the latest query */
} Search;

static GV_Status read_options(const GV_SearchOptions *given, size_t k, Search *search)
{
    gv_search_options_init(&search->options);
    if (k == 0) return gv_fail(GV_ERR_ARGUMENT, "k is 0, at least 1 is needed");
    search->k = k;
    if (!given) return GV_OK;
    GV_SearchOptions *o = &search->options;
    if (given->struct_size < offsetof(GV_SearchOptions, ef_search) || given->struct_size > 4096)
        return gv_fail(GV_ERR_ARGUMENT, "GV_SearchOptions: struct_size is %u; set it with gv_search_options_init()",
                       given->struct_size);
    memcpy(o, given, given->struct_size < sizeof *o ? given->struct_size : sizeof *o);
    if (o->distance < -1 || o->distance > GV_DISTANCE_MANHATTAN)
        return gv_fail(GV_ERR_ARGUMENT, "distance %d is not a GV_DistanceType", o->distance);
    if (o->ef_search > 65536)
        return gv_fail(GV_ERR_ARGUMENT, "ef_search is %u, at most 65536 is allowed", o->ef_search);
    if (!o->filter_key != !o->filter_value)
        return gv_fail(GV_ERR_ARGUMENT, "a filter needs a key and a value, the %s is missing",
                       o->filter_key ? "value" : "key");
    return GV_OK;
}

static GV_Status make_room(GV_Database *db, Search *search, size_t k)
{
    if (k <= search->capacity) return GV_OK;
    GV_Hit *hits = gv_alloc_array(&db->scratch, k, sizeof *hits);
    if (!hits) return gv_last_status();
    gv_release(&db->scratch, search->hits, search->capacity * sizeof *hits);
    search->hits = hits;
    search->capacity = k;
    return GV_OK;
}

static void end_search(GV_Database *db, Search *search)
{
    gv_release(&db->scratch, search->hits, search->capacity * sizeof *search->hits);
}

/* One query under the read lock; `matches` are the rows that pass the filter, if there is one. */
static GV_Status run(GV_Database *db, Search *search, const float *query, float norm, const GV_Bitset *matches,
                     uint64_t match_count)
{
    GV_Store *s = db->store;
    const GV_SearchOptions *o = &search->options;
    uint64_t live = s->table.live_count;
    size_t k = search->k < live ? search->k : (size_t)live;
    search->count = 0;
    if (k == 0) return GV_OK;
    GV_TRY(make_room(db, search, k));
    GV_TopK top = {.hits = search->hits, .k = k};
    GV_Request request = {.vector = query,
                          .squared_norm = norm,
                          .k = k,
                          .ef = o->ef_search ? o->ef_search : db->ef_search,
                          .distance = o->distance < 0 ? s->settings.distance : (GV_DistanceType)o->distance,
                          .matches = matches,
                          .match_count = match_count,
                          .exact_threshold = db->exact_threshold};
    GV_TRY(gv_search(&s->table, s->index, &request, &top));
    search->count = top.count;
    return GV_OK;
}

static GV_Status run_filtered(GV_Database *db, Search *search, const float *query, float norm)
{
    const GV_SearchOptions *o = &search->options;
    if (!o->filter_key) return run(db, search, query, norm, NULL, 0);
    GV_Heap *heap = &db->scratch;
    GV_Bitset matches = {0};
    uint64_t count;
    GV_Status status = gv_filter_pair(&db->store->table, heap, o->filter_key, o->filter_value, &matches, &count);
    if (status == GV_OK) status = run(db, search, query, norm, &matches, count);
    gv_bitset_free(&matches, heap);
    return status;
}

/* ---- batches: arrays out ---- */

static GV_Status search_batch(GV_Database *db, const float *queries, size_t query_count, size_t dimension,
                              Search *search, uint64_t *ids, float *distances, size_t *counts)
{
    GV_Status status = GV_OK;
    size_t k = search->k;
    for (size_t i = 0; i < query_count && status == GV_OK; i++) {
        const float *query = queries + i * dimension;
        float norm;
        gv_read_lock(&db->state);
        status = gv_check_vector(db, query, dimension, i, &norm);
        if (status == GV_OK) status = run_filtered(db, search, query, norm);
        gv_read_unlock(&db->state);
        for (size_t j = 0; j < k && status == GV_OK; j++) {
            bool is_hit = j < search->count;
            ids[i * k + j] = is_hit ? search->hits[j].id : UINT64_MAX;
            distances[i * k + j] = is_hit ? search->hits[j].distance : INFINITY;
        }
        if (counts) counts[i] = search->count;
    }
    return status;
}

static GV_Status check_dimension(GV_Database *db, size_t dimension)
{
    gv_read_lock(&db->state);
    uint32_t ours = db->store->settings.dimension;
    gv_read_unlock(&db->state);
    return dimension == ours ? GV_OK : gv_fail(GV_ERR_ARGUMENT, "expected vector of dim %u, got %zu", ours, dimension);
}

GV_Status gv_db_search_batch(GV_Database *db, const float *queries, size_t query_count, size_t dimension, size_t k,
                             const GV_SearchOptions *options, uint64_t *ids, float *distances, size_t *counts)
{
    Search search = {0};
    GV_TRY(gv_enter(db));
    GV_Status status = read_options(options, k, &search);
    if (status == GV_OK) status = check_dimension(db, dimension);
    if (status == GV_OK && query_count > 0 && (!queries || !ids || !distances))
        status = gv_fail(GV_ERR_ARGUMENT, "queries, ids or distances is NULL");
    if (status == GV_OK) status = search_batch(db, queries, query_count, dimension, &search, ids, distances, counts);
    end_search(db, &search);
    gv_leave(db);
    return status;
}

/* ---- one query: hits out ---- */

static GV_Status search_hits(GV_Database *db, const float *query, size_t dimension, size_t k,
                             const GV_SearchOptions *options, GV_Hit *hits, size_t *hit_count)
{
    Search search = {0};
    float norm;
    if (!hits || !hit_count) return gv_fail(GV_ERR_ARGUMENT, "hits or hit_count is NULL");
    GV_TRY(gv_enter(db));
    GV_Status status = read_options(options, k, &search);
    gv_read_lock(&db->state);
    if (status == GV_OK) status = gv_check_vector(db, query, dimension, 0, &norm);
    if (status == GV_OK) status = run_filtered(db, &search, query, norm);
    gv_read_unlock(&db->state);
    if (status == GV_OK) {
        if (search.count > 0) memcpy(hits, search.hits, search.count * sizeof *hits);
        *hit_count = search.count;
    }
    end_search(db, &search);
    gv_leave(db);
    return status;
}

GV_Status gv_db_search(GV_Database *db, const float *query, size_t dimension, size_t k, GV_Hit *hits, size_t *hit_count)
{
    return search_hits(db, query, dimension, k, NULL, hits, hit_count);
}

GV_Status gv_db_search_filtered(GV_Database *db, const float *query, size_t dimension, size_t k,
                                GV_DistanceType distance, const char *filter_key, const char *filter_value,
                                GV_Hit *hits, size_t *hit_count)
{
    GV_SearchOptions options;
    gv_search_options_init(&options);
    options.distance = (int32_t)distance;
    options.filter_key = filter_key;
    options.filter_value = filter_value;
    return search_hits(db, query, dimension, k, &options, hits, hit_count);
}

/* ---- rows out ---- */

typedef struct Wanted { /* the parts of GV_Rows to fill */
    bool distances, vectors, metadata;
} Wanted;

void gv_rows_free(GV_Rows *rows)
{
    if (!rows) return;
    gv_free(rows->ids);
    gv_free(rows->distances);
    gv_free(rows->vectors);
    gv_free(rows->metadata);
    gv_free(rows);
}

static GV_Rows *new_rows(size_t count, size_t dimension, Wanted wanted)
{
    GV_Rows *rows = gv_alloc(NULL, sizeof *rows);
    if (!rows) return NULL;
    rows->count = count;
    rows->dimension = dimension;
    rows->ids = gv_alloc_array(NULL, count, sizeof *rows->ids);
    if (wanted.distances) rows->distances = gv_alloc_array(NULL, count, sizeof *rows->distances);
    if (wanted.vectors) rows->vectors = gv_alloc_array(NULL, count, dimension * sizeof *rows->vectors);
    if (rows->ids && (!wanted.distances || rows->distances) && (!wanted.vectors || rows->vectors)) return rows;
    gv_rows_free(rows);
    return NULL;
}

static const uint8_t no_pairs[4];

/* The packed row of a slot, checked when it may come straight from a file. */
static GV_Status packed_row(const GV_Table *table, uint32_t slot, const uint8_t **packed, size_t *size)
{
    *packed = gv_table_metadata(table, slot, size);
    if (!*packed) {
        *packed = no_pairs;
        *size = sizeof no_pairs;
    } else if (gv_metadata_row_size(*packed, *size) != *size) {
        return gv_fail(GV_ERR_CORRUPT, "metadata of row %llu does not parse",
                       (unsigned long long)gv_table_id(table, slot));
    }
    return GV_OK;
}

static GV_Status copy_metadata(const GV_Table *table, const uint32_t *slots, GV_Rows *rows)
{
    const uint8_t *packed;
    size_t size, total = 0;
    for (size_t i = 0; i < rows->count; i++) {
        GV_TRY(packed_row(table, slots[i], &packed, &size));
        total += size;
    }
    uint8_t *at = rows->metadata = gv_alloc(NULL, total);
    if (!at) return gv_last_status();
    rows->metadata_bytes = total;
    for (size_t i = 0; i < rows->count; i++) {
        GV_TRY(packed_row(table, slots[i], &packed, &size));
        memcpy(at, packed, size);
        at += size;
    }
    return GV_OK;
}

/* Copy rows by slot, under the read lock. */
static GV_Status copy_rows(const GV_Table *table, const uint32_t *slots, GV_Rows *rows)
{
    for (size_t i = 0; i < rows->count; i++) {
        rows->ids[i] = gv_table_id(table, slots[i]);
        if (!rows->vectors) continue;
        GV_TRY(gv_table_touch(table, slots[i]));
        memcpy(rows->vectors + i * rows->dimension, gv_table_row(table, slots[i]), rows->dimension * sizeof(float));
    }
    return GV_OK;
}

/* The slots of `ids`, or GV_ERR_NOT_FOUND for the first that is not live. */
static GV_Status find_slots(const GV_Table *table, const uint64_t *ids, size_t count, uint32_t *slots)
{
    for (size_t i = 0; i < count; i++) {
        slots[i] = gv_table_find(table, ids[i]);
        if (slots[i] == GV_NO_SLOT) return gv_fail(GV_ERR_NOT_FOUND, "no row has id %llu", (unsigned long long)ids[i]);
    }
    return GV_OK;
}

/* Under the read lock. `hits` gives distances as well (or is NULL, and `ids` names the rows). */
static GV_Status take_rows(GV_Database *db, const uint64_t *ids, const GV_Hit *hits, size_t count, Wanted wanted,
                           GV_Rows **out)
{
    const GV_Store *s = db->store;
    uint32_t *slots = gv_alloc_array(&db->scratch, count, sizeof *slots);
    if (!slots) return gv_last_status();
    GV_Rows *rows = new_rows(count, s->settings.dimension, wanted);
    GV_Status status = rows ? GV_OK : gv_last_status();
    for (size_t i = 0; i < count && status == GV_OK; i++)
        status = find_slots(&s->table, hits ? &hits[i].id : &ids[i], 1, &slots[i]);
    if (status == GV_OK) status = copy_rows(&s->table, slots, rows);
    if (status == GV_OK && wanted.metadata) status = copy_metadata(&s->table, slots, rows);
    for (size_t i = 0; i < count && status == GV_OK && wanted.distances; i++) rows->distances[i] = hits[i].distance;
    gv_release(&db->scratch, slots, count * sizeof *slots);
    if (status == GV_OK) *out = rows;
    else gv_rows_free(rows);
    return status;
}

GV_Status gv_db_search_rows(GV_Database *db, const float *query, size_t dimension, size_t k,
                            const GV_SearchOptions *options, GV_Rows **out)
{
    Search search = {0};
    float norm;
    if (!out) return gv_fail(GV_ERR_ARGUMENT, "out is NULL");
    *out = NULL;
    GV_TRY(gv_enter(db));
    GV_Status status = read_options(options, k, &search);
    gv_read_lock(&db->state);
    if (status == GV_OK) status = gv_check_vector(db, query, dimension, 0, &norm);
    if (status == GV_OK) status = run_filtered(db, &search, query, norm);
    Wanted wanted = {true, search.options.with_vectors != 0, search.options.with_metadata != 0};
    if (status == GV_OK) status = take_rows(db, NULL, search.hits, search.count, wanted, out);
    gv_read_unlock(&db->state);
    end_search(db, &search);
    gv_leave(db);
    return status;
}

GV_Status gv_db_get_rows(GV_Database *db, const uint64_t *ids, size_t count, GV_Rows **out)
{
    if (!out || (count > 0 && !ids)) return gv_fail(GV_ERR_ARGUMENT, "ids or out is NULL");
    *out = NULL;
    GV_TRY(gv_enter(db));
    gv_read_lock(&db->state);
    GV_Status status = take_rows(db, ids, NULL, count, (Wanted){false, true, true}, out);
    gv_read_unlock(&db->state);
    gv_leave(db);
    return status;
}

void gv_vector_free(GV_Vector *vector)
{
    if (!vector) return;
    gv_metadata_list_free(vector->metadata);
    gv_free(vector->data);
    gv_free(vector);
}

static GV_Status get_vector(const GV_Table *table, uint64_t id, GV_Vector *vector)
{
    uint32_t slot;
    const uint8_t *packed;
    size_t size;
    GV_TRY(find_slots(table, &id, 1, &slot));
    GV_TRY(gv_table_touch(table, slot));
    GV_TRY(packed_row(table, slot, &packed, &size));
    vector->dimension = table->dimension;
    vector->data = gv_alloc_array(NULL, table->dimension, sizeof *vector->data);
    if (!vector->data) return gv_last_status();
    memcpy(vector->data, gv_table_row(table, slot), table->dimension * sizeof *vector->data);
    return gv_metadata_list(packed, size, &vector->metadata);
}

GV_Status gv_db_get(GV_Database *db, uint64_t id, GV_Vector **out)
{
    if (!out) return gv_fail(GV_ERR_ARGUMENT, "out is NULL");
    *out = NULL;
    GV_TRY(gv_enter(db));
    GV_Vector *vector = gv_alloc(NULL, sizeof *vector);
    GV_Status status = vector ? GV_OK : gv_last_status();
    gv_read_lock(&db->state);
    if (status == GV_OK) status = get_vector(&db->store->table, id, vector);
    gv_read_unlock(&db->state);
    if (status == GV_OK) *out = vector;
    else gv_vector_free(vector);
    gv_leave(db);
    return status;
}

int gv_db_contains(GV_Database *db, uint64_t id)
{
    if (gv_enter(db) != GV_OK) return 0;
    gv_read_lock(&db->state);
    int found = gv_table_find(&db->store->table, id) != GV_NO_SLOT;
    gv_read_unlock(&db->state);
    gv_leave(db);
    return found;
}

uint64_t gv_db_count(GV_Database *db)
{
    if (gv_enter(db) != GV_OK) return 0;
    gv_read_lock(&db->state);
    uint64_t count = db->store->table.live_count;
    gv_read_unlock(&db->state);
    gv_leave(db);
    return count;
}
