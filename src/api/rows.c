/* rows.c: rows copied out of a database: the hits of a search, or by id; and what can be asked about one. */
#include "api/find.h"
#include "base/checked.h"
#include "storage/metadata.h"
#include <string.h>

/* ---- many rows, in one piece of memory ---- */

typedef struct Wanted { /* the parts of GV_Rows to fill */
    bool distances, vectors, metadata, groups;
    size_t pairs; /* in place of vectors, of all rows */
    bool sparse;
} Wanted;

void gv_rows_free(GV_Rows *rows) { gv_free(rows); }

/* The arrays stand behind the struct, widest elements first. */
static GV_Rows *new_rows(size_t count, size_t dimension, size_t metadata_bytes, Wanted wanted)
{
    size_t a_row = sizeof(uint64_t) + (wanted.distances ? sizeof(float) : 0), bytes;
    if (wanted.groups) a_row += sizeof(uint32_t);
    if (wanted.vectors) a_row += dimension * sizeof(float); /* at most 65535 of them */
    if (wanted.sparse) a_row += sizeof(uint64_t);
    if (!gv_mul_size(count + wanted.sparse, a_row, &bytes) ||
        !gv_add_size(bytes, metadata_bytes + sizeof(GV_Rows) + 8 * wanted.pairs, &bytes)) {
        gv_fail(GV_ERR_NO_MEMORY, "out of memory: %zu rows of %zu bytes", count, a_row);
        return NULL;
    }
    GV_Rows *rows = gv_alloc(NULL, bytes);
    if (!rows) return NULL;
    rows->count = count;
    rows->total = count;
    rows->dimension = dimension;
    rows->ids = (uint64_t *)(rows + 1);
    if (wanted.sparse) rows->starts = rows->ids + count;
    float *at = (float *)(rows->ids + count + (wanted.sparse ? count + 1 : 0));
    if (wanted.distances) rows->distances = at;
    if (wanted.distances) at += count;
    if (wanted.vectors) rows->vectors = at;
    if (wanted.vectors) at += count * dimension;
    if (wanted.sparse) rows->indices = (uint32_t *)at;
    if (wanted.sparse) rows->values = at + wanted.pairs;
    if (wanted.sparse) at += 2 * wanted.pairs;
    if (wanted.groups) rows->groups = (uint32_t *)at;
    if (wanted.groups) at += count;
    if (wanted.metadata) rows->metadata = (uint8_t *)at;
    rows->metadata_bytes = metadata_bytes;
    return rows;
}

static const uint8_t no_pairs[4];

/* The packed row of a slot, checked when it may come straight from a file. */
static GV_Status packed_row(const GV_Table *table, uint32_t slot, const uint8_t **packed, size_t *size)
{
    *packed = gv_table_metadata(table, slot, size);
    if (!*packed) {
        *packed = no_pairs;
        *size = sizeof no_pairs;
    } else if (*size == 0 || gv_metadata_row_size(*packed, *size) != *size) { /* which is 0 of what is no row */
        return gv_fail(GV_ERR_CORRUPT, "metadata of row %llu does not parse",
                       (unsigned long long)gv_table_id(table, slot));
    }
    return GV_OK;
}

static GV_Status measure_metadata(const GV_Table *table, const uint32_t *slots, size_t count, size_t *total)
{
    const uint8_t *packed;
    size_t size;
    *total = 0;
    for (size_t i = 0; i < count; i++) {
        GV_TRY(packed_row(table, slots[i], &packed, &size));
        if (!gv_add_size(*total, size, total))
            return gv_fail(GV_ERR_NO_MEMORY, "out of memory: metadata of %zu rows", count);
    }
    return *total <= SIZE_MAX / 2 ? GV_OK : gv_fail(GV_ERR_NO_MEMORY, "out of memory: metadata of %zu rows", count);
}

static void copy_metadata(const GV_Table *table, const uint32_t *slots, GV_Rows *rows)
{
    uint8_t *at = rows->metadata;
    for (size_t i = 0; i < rows->count; i++) {
        size_t size;
        const uint8_t *packed = gv_table_metadata(table, slots[i], &size);
        if (!packed) {
            packed = no_pairs;
            size = sizeof no_pairs;
        }
        memcpy(at, packed, size);
        at += size;
    }
}

/* A row may be asked for any number of times: the sum may be more than there is memory for, or numbers. */
static GV_Status count_pairs(const GV_Table *table, const uint32_t *slots, size_t count, size_t *pairs)
{
    *pairs = 0;
    for (size_t i = 0; i < count; i++)
        if (!gv_add_size(*pairs, gv_table_pairs(table, slots[i]).count, pairs) || *pairs > SIZE_MAX / 32)
            return gv_fail(GV_ERR_NO_MEMORY, "out of memory: pairs of %zu rows", count);
    return GV_OK;
}

static void copy_pairs(const GV_Table *table, const uint32_t *slots, GV_Rows *rows)
{
    size_t at = 0;
    for (size_t i = 0; i < rows->count; i++) {
        GV_SparseRow row = gv_table_pairs(table, slots[i]);
        if (row.count > 0) memcpy(rows->indices + at, row.indices, row.count * sizeof *row.indices);
        if (row.count > 0) memcpy(rows->values + at, row.values, row.count * sizeof *row.values);
        at += row.count;
        rows->starts[i + 1] = at;
    }
}

/* The floats of a row. Where rows are codes, `room` has them first, who have more than the row. */
static GV_Status copy_floats(const GV_Table *table, uint32_t slot, float *room, float *out)
{
    GV_TRY(gv_table_touch(table, slot));
    if (gv_table_is_coded(table)) memcpy(out, gv_table_floats(table, slot, room), table->dimension * sizeof *out);
    else gv_widen_row(table->storage, gv_table_row(table, slot), table->dimension, out);
    return GV_OK;
}

/* That room, for as long as an answer is made. */
static GV_Status coded_room(const GV_Table *table, float **room)
{
    *room = NULL;
    return gv_table_is_coded(table) ? gv_room_new(table, NULL, room) : GV_OK;
}

static void free_coded_room(const GV_Table *table, float *room)
{
    if (gv_table_is_coded(table)) gv_room_free(table, NULL, room);
}

/* Copy rows by slot, under the read lock. */
static GV_Status copy_rows(const GV_Table *table, const uint32_t *slots, GV_Rows *rows)
{
    float *room;
    GV_TRY(coded_room(table, &room));
    GV_Status status = GV_OK;
    for (size_t i = 0; i < rows->count && status == GV_OK; i++) {
        rows->ids[i] = gv_table_id(table, slots[i]);
        if (rows->vectors) status = copy_floats(table, slots[i], room, rows->vectors + i * rows->dimension);
    }
    free_coded_room(table, room);
    return status;
}

/* The slot of a live row, or GV_ERR_NOT_FOUND. */
static GV_Status find_slot(const GV_Table *table, uint64_t id, uint32_t *slot)
{
    *slot = gv_table_find(table, id);
    return *slot != GV_NO_SLOT ? GV_OK : gv_fail(GV_ERR_NOT_FOUND, "no row has id %llu", (unsigned long long)id);
}

/* Under the read lock. `hits` gives distances as well; they are NULL where only slots are known. */
static GV_Status take_rows(const GV_Table *table, const uint32_t *slots, const GV_Hit *hits, size_t count,
                           Wanted wanted, GV_Rows **out)
{
    size_t metadata_bytes = 0;
    wanted.sparse = wanted.vectors && gv_table_is_sparse(table);
    wanted.vectors = wanted.vectors && !gv_table_is_sparse(table);
    if (wanted.sparse) GV_TRY(count_pairs(table, slots, count, &wanted.pairs));
    if (wanted.metadata) GV_TRY(measure_metadata(table, slots, count, &metadata_bytes));
    GV_Rows *rows = new_rows(count, table->dimension, metadata_bytes, wanted);
    if (!rows) return gv_last_status();
    GV_Status status = copy_rows(table, slots, rows);
    if (status != GV_OK) {
        gv_rows_free(rows);
        return status;
    }
    if (wanted.sparse) copy_pairs(table, slots, rows);
    if (wanted.metadata) copy_metadata(table, slots, rows);
    for (size_t i = 0; i < count && wanted.distances; i++) rows->distances[i] = hits[i].distance;
    *out = rows;
    return GV_OK;
}

GV_Status gv_rows_of_hits(const GV_Table *table, const GV_Search *search, const GV_Hit *hits, size_t count,
                          uint32_t *slots, GV_Rows **out)
{
    for (size_t i = 0; i < count; i++) GV_TRY(find_slot(table, hits[i].id, &slots[i]));
    Wanted wanted = {.distances = !search->listed,
                     .vectors = search->options.with_vectors != 0,
                     .metadata = search->options.with_metadata != 0,
                     .groups = search->grouped};
    return take_rows(table, slots, hits, count, wanted, out);
}

GV_Status gv_rows_of_space(GV_Database *db, const GV_Search *search, GV_Workspace *space, size_t count, GV_Rows **out)
{
    GV_Hit *hits = count > 0 ? space->memory : NULL;
    uint32_t *slots = count > 0 ? (uint32_t *)(hits + count) : NULL; /* there is room */
    return gv_rows_of_hits(&db->store->table, search, hits, count, slots, out);
}

GV_Status gv_answer_rows(GV_Database *db, const GV_SearchOptions *options, size_t k, GV_Answer answer,
                         const void *asked, GV_Rows **out)
{
    GV_Search search;
    GV_Workspace *space;
    uint64_t began = gv_clock_ns();
    GV_TRY(gv_enter_search(db, &space));
    GV_Status status = gv_search_begin(db, options, k, &search);
    if (status == GV_OK) {
        gv_filter_prepare(db, search.filter);
        gv_read_lock(&db->state);
        status = answer(db, &search, asked, &space, out);
        gv_read_unlock(&db->state);
    }
    gv_search_end(db, &search);
    gv_count_searches(&db->counters, began, 1, status);
    gv_leave_search(db, space);
    return status;
}

typedef struct Near { /* what gv_db_search_rows() asks for */
    const float *query;
    size_t dimension;
} Near;

static GV_Status near_vector(GV_Database *db, const GV_Search *search, const void *asked, GV_Workspace **space,
                             GV_Rows **out)
{
    const Near *near = asked;
    size_t count;
    GV_TRY(gv_search_one(db, search, near->query, near->dimension, space, &count));
    return gv_rows_of_space(db, search, *space, count, out);
}

GV_Status gv_db_search_rows(GV_Database *db, const float *query, size_t dimension, size_t k,
                            const GV_SearchOptions *options, GV_Rows **out)
{
    if (!out) return gv_fail(GV_ERR_ARGUMENT, "out is NULL");
    *out = NULL;
    return gv_answer_rows(db, options, k, near_vector, &(Near){query, dimension}, out);
}

/* Under the read lock. */
static GV_Status get_rows(GV_Database *db, const uint64_t *ids, size_t count, GV_Workspace **space, GV_Rows **out)
{
    const GV_Table *table = &db->store->table;
    GV_TRY(gv_workspace_fit(db, space, count, sizeof(uint32_t)));
    uint32_t *slots = (uint32_t *)(*space)->memory;
    for (size_t i = 0; i < count; i++) GV_TRY(find_slot(table, ids[i], &slots[i]));
    return take_rows(table, slots, NULL, count, (Wanted){.vectors = true, .metadata = true}, out);
}

GV_Status gv_db_get_rows(GV_Database *db, const uint64_t *ids, size_t count, GV_Rows **out)
{
    GV_Workspace *space;
    if (!out || (count > 0 && !ids)) return gv_fail(GV_ERR_ARGUMENT, "ids or out is NULL");
    *out = NULL;
    GV_TRY(gv_enter_search(db, &space));
    gv_read_lock(&db->state);
    GV_Status status = get_rows(db, ids, count, &space, out);
    gv_read_unlock(&db->state);
    gv_leave_search(db, space);
    return status;
}

/* ---- one row ---- */

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
    GV_TRY(find_slot(table, id, &slot));
    if (gv_table_is_sparse(table))
        return gv_fail(GV_ERR_UNSUPPORTED, "row %llu is sparse: gv_db_get_rows() has its pairs",
                       (unsigned long long)id);
    GV_TRY(packed_row(table, slot, &packed, &size));
    vector->dimension = table->dimension;
    vector->data = gv_alloc_array(NULL, table->dimension, sizeof *vector->data);
    if (!vector->data) return gv_last_status();
    float *room;
    GV_TRY(coded_room(table, &room));
    GV_Status status = copy_floats(table, slot, room, vector->data);
    free_coded_room(table, room);
    GV_TRY(status);
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

/* Under the read lock. */
static GV_Status count_matching(GV_Database *db, const GV_Expression *filter, uint64_t *count)
{
    GV_Bitset matches = {0};
    *count = db->store->table.live_count;
    GV_Status status = filter ? gv_filter(&db->store->terms, &db->scratch, filter, &matches, count) : GV_OK;
    gv_bitset_free(&matches, &db->scratch);
    return status;
}

GV_Status gv_db_count_matching(GV_Database *db, const char *filter, uint64_t *count)
{
    GV_Expression *expression;
    uint64_t found = 0;
    if (!count) return gv_fail(GV_ERR_ARGUMENT, "count is NULL");
    GV_TRY(gv_enter(db));
    GV_Status status = gv_expression_new(&db->scratch, &(GV_FilterText){.expression = filter}, &expression);
    if (status == GV_OK) {
        gv_filter_prepare(db, expression);
        gv_read_lock(&db->state);
        status = count_matching(db, expression, &found);
        gv_read_unlock(&db->state);
    }
    gv_expression_free(&db->scratch, expression);
    gv_leave(db);
    if (status == GV_OK) *count = found;
    return status;
}

GV_Status gv_filter_check(const char *filter)
{
    return filter ? gv_expression_check(filter) : gv_fail(GV_ERR_ARGUMENT, "filter is NULL");
}
