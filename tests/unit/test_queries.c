/* test_queries.c: without it a range search could miss rows or keep the wrong ones, a page repeat or skip a row, a group hold
 * another group's rows, and a delete by filter take what does not match. Each beside a model that looks at every row. */
#include "base/random.h"
#include "packed.h"
#include <math.h>
#include <stdlib.h>
#include <string.h>

enum {
    DIMENSION = 8,
    ROWS = 900,
    COLOURS = 40
};

typedef struct Found {
    uint64_t id;
    float distance;
    int colour; /* -1: the row has none */
} Found;

static Found all[ROWS]; /* of the latest look, sorted */
static size_t all_count;

static int colour_of(uint64_t id) { return id % 7 == 0 ? -1 : (int)(gv_random(id, 99) % COLOURS); }

static const char *part_of(uint64_t id) { return id % 3 == 0 ? "third" : "rest"; }

static void fill(float *row, uint64_t seed)
{
    for (uint64_t j = 0; j < DIMENSION; j++) row[j] = (float)(gv_random(seed, j) % 9) - 4.0f;
}

static GV_Database *make(GV_IndexType index, GV_DistanceType distance)
{
    GV_Database *db = open_in_memory(DIMENSION, index, distance);
    for (uint64_t id = 0; id < ROWS; id++) {
        static Packed packed;
        char colour[16];
        float row[DIMENSION];
        GV_PackedMetadata metadata;
        fill(row, id % 5 == 4 ? id - 1 : id);
        packed.size = 0;
        put_count(&packed, colour_of(id) < 0 ? 1 : 2);
        put_pair(&packed, "part", part_of(id));
        (void)snprintf(colour, sizeof colour, "c%d", colour_of(id));
        if (colour_of(id) >= 0) put_pair(&packed, "colour", colour);
        metadata = packed_all(&packed);
        CHECK_OK(gv_db_add(db, row, 1, DIMENSION, &metadata, NULL));
    }
    for (uint64_t id = 3; id < ROWS; id += 13) CHECK_OK(gv_db_delete_vector_by_index(db, id));
    return db;
}

static int nearer(const void *a, const void *b)
{
    const Found *x = a, *y = b;
    if (x->distance != y->distance) return x->distance < y->distance ? -1 : 1;
    return x->id < y->id ? -1 : 1;
}

/* Every row there is by its distance, as the library says it one row at a time: that it says it right is another test's part. */
static void look(GV_Database *db, const float *query, int32_t distance, bool filtered)
{
    GV_SearchOptions options;
    GV_Rows *rows;
    gv_search_options_init(&options);
    options.distance = distance;
    CHECK_OK(gv_db_search_rows(db, query, DIMENSION, ROWS, &options, &rows));
    all_count = 0;
    for (size_t i = 0; i < rows->count; i++) {
        if (filtered && strcmp(part_of(rows->ids[i]), "third") != 0) continue;
        all[all_count++] = (Found){rows->ids[i], rows->distances[i], colour_of(rows->ids[i])};
    }
    gv_rows_free(rows);
    qsort(all, all_count, sizeof *all, nearer);
}

static GV_SearchOptions options_for(int32_t distance, bool filtered)
{
    GV_SearchOptions options;
    gv_search_options_init(&options);
    options.distance = distance;
    if (filtered) options.filter_key = "part", options.filter_value = "third";
    return options;
}

static void expect(const GV_Rows *rows, size_t from, size_t count, const char *what)
{
    CHECK(rows->count == count, "%s: %zu rows, not %zu", what, rows->count, count);
    for (size_t i = 0; i < count; i++)
        CHECK(rows->ids[i] == all[from + i].id && rows->distances[i] == all[from + i].distance,
              "%s: row %zu is %llu at %g, not %llu at %g", what, i, (unsigned long long)rows->ids[i],
              (double)rows->distances[i], (unsigned long long)all[from + i].id, (double)all[from + i].distance);
}

/* ---- ranges ---- */

static void check_ranges(GV_Database *db, const float *query, int32_t distance, bool filtered)
{
    GV_SearchOptions options = options_for(distance, filtered);
    GV_Rows *rows;
    look(db, query, distance, filtered);
    for (size_t at = 0; at < all_count; at += 61) {
        float radius = all[at].distance; /* the bound itself is in */
        size_t within = at;
        while (within < all_count && all[within].distance <= radius) within++;
        CHECK_OK(gv_db_range_search(db, query, DIMENSION, radius, ROWS, &options, &rows));
        expect(rows, 0, within, "range");
        CHECK(rows->total == within, "total %llu of %zu", (unsigned long long)rows->total, within);
        gv_rows_free(rows);
        CHECK_OK(gv_db_range_search(db, query, DIMENSION, radius, 5, &options, &rows));
        expect(rows, 0, within < 5 ? within : 5, "range of 5");
        CHECK(rows->total == within, "total %llu of %zu", (unsigned long long)rows->total, within);
        gv_rows_free(rows);
    }
    CHECK_OK(gv_db_range_search(db, query, DIMENSION, INFINITY, SIZE_MAX, &options, &rows));
    expect(rows, 0, all_count, "all");
    gv_rows_free(rows);
    CHECK_OK(gv_db_range_search(db, query, DIMENSION, -INFINITY, 3, &options, &rows));
    CHECK(rows->count == 0 && rows->total == 0, "nothing is that near");
    gv_rows_free(rows);
}

/* ---- pages of a search, and a row's neighbours ---- */

static void check_offsets(GV_Database *db, const float *query, bool filtered)
{
    GV_SearchOptions options = options_for(-1, filtered);
    GV_Rows *rows;
    look(db, query, -1, filtered);
    for (uint64_t offset = 0; offset < all_count + 40; offset += 37) {
        size_t left = offset < all_count ? all_count - (size_t)offset : 0, k = left < 20 ? left : 20;
        uint64_t ids[40];
        float distances[40];
        size_t counts[2];
        options.offset = offset;
        CHECK_OK(gv_db_search_rows(db, query, DIMENSION, 20, &options, &rows));
        expect(rows, (size_t)offset, k, "a page");
        float two[2 * DIMENSION];
        memcpy(two, query, DIMENSION * sizeof *query);
        memcpy(two + DIMENSION, query, DIMENSION * sizeof *query);
        CHECK_OK(gv_db_search_batch(db, two, 2, DIMENSION, 20, &options, ids, distances, counts));
        for (size_t i = 0; i < 40; i++) {
            bool hit = i % 20 < k;
            CHECK(ids[i] == (hit ? rows->ids[i % 20] : UINT64_MAX), "batch page at %llu: hit %zu",
                  (unsigned long long)offset, i);
        }
        CHECK(counts[0] == k && counts[1] == k, "batch page: %zu and %zu hits", counts[0], counts[1]);
        gv_rows_free(rows);
    }
    options.offset = UINT64_MAX;
    CHECK_OK(gv_db_search_rows(db, query, DIMENSION, 20, &options, &rows));
    CHECK(rows->count == 0, "%zu rows behind all", rows->count);
    gv_rows_free(rows);
}

static void check_by_id(GV_Database *db, uint64_t id, bool filtered)
{
    GV_SearchOptions options = options_for(-1, filtered);
    GV_Rows *rows;
    GV_Vector *row;
    size_t kept = 0;
    CHECK_OK(gv_db_get(db, id, &row));
    look(db, row->data, -1, filtered);
    gv_vector_free(row);
    for (size_t i = 0; i < all_count; i++)
        if (all[i].id != id) all[kept++] = all[i];
    all_count = kept;
    CHECK_OK(gv_db_search_by_id(db, id, 9, &options, &rows));
    expect(rows, 0, 9, "near a row");
    gv_rows_free(rows);
    options.offset = 4;
    CHECK_OK(gv_db_search_by_id(db, id, 9, &options, &rows));
    expect(rows, 4, 9, "near a row, from the 4th on");
    gv_rows_free(rows);
    options.offset = 0;
    CHECK_OK(gv_db_search_by_id(db, id, SIZE_MAX, &options, &rows));
    expect(rows, 0, all_count, "all but a row");
    gv_rows_free(rows);
}

/* ---- groups ---- */

/* Group by group from the sorted rows: the first of a colour is its nearest. */
static void check_groups(GV_Database *db, const float *query, size_t k, size_t size, bool filtered)
{
    GV_SearchOptions options = options_for(-1, filtered);
    GV_Rows *rows;
    size_t at = 0, groups = 0;
    bool seen[COLOURS] = {false};
    look(db, query, -1, filtered);
    CHECK_OK(gv_db_search_groups(db, query, DIMENSION, k, "colour", size, &options, &rows));
    for (size_t i = 0; i < all_count && groups < k; i++) {
        if (all[i].colour < 0 || seen[all[i].colour]) continue;
        seen[all[i].colour] = true;
        size_t members = 0;
        for (size_t j = i; j < all_count && members < size; j++) {
            if (all[j].colour != all[i].colour) continue;
            CHECK(at < rows->count && rows->ids[at] == all[j].id && rows->distances[at] == all[j].distance &&
                      rows->groups[at] == groups,
                  "k %zu, size %zu: row %zu of %zu", k, size, at, rows->count);
            members++;
            at++;
        }
        groups++;
    }
    CHECK(at == rows->count, "k %zu, size %zu: %zu rows, not %zu", k, size, rows->count, at);
    gv_rows_free(rows);
}

static void check_no_groups(GV_Database *db, const float *query)
{
    GV_Rows *rows;
    CHECK_OK(gv_db_search_groups(db, query, DIMENSION, 3, "no such key", 2, NULL, &rows));
    CHECK(rows->count == 0, "%zu rows", rows->count);
    gv_rows_free(rows);
}

/* ---- in order of ids ---- */

static void check_scroll(GV_Database *db, size_t limit, bool filtered)
{
    GV_SearchOptions options = options_for(-1, filtered);
    uint64_t from = 0, id = 0;
    GV_Rows *rows;
    for (;;) {
        CHECK_OK(gv_db_scroll(db, from, limit, &options, &rows));
        size_t count = rows->count;
        for (size_t i = 0; i < count; i++, id++) {
            while (!gv_db_contains(db, id) || (filtered && strcmp(part_of(id), "third") != 0)) id++;
            CHECK(rows->ids[i] == id, "row %llu, not %llu", (unsigned long long)rows->ids[i], (unsigned long long)id);
            from = id + 1;
        }
        CHECK(!rows->distances, "a page has no distances");
        gv_rows_free(rows);
        if (count < limit) break;
    }
    for (; id < ROWS; id++)
        CHECK(!gv_db_contains(db, id) || (filtered && strcmp(part_of(id), "third") != 0), "row %llu was missed",
              (unsigned long long)id);
}

/* Most ids are gone, and the slots of what came later are in no order. */
static void check_scroll_of_few(void)
{
    GV_Database *db = open_in_memory(1, GV_INDEX_TYPE_FLAT, GV_DISTANCE_EUCLIDEAN);
    GV_Rows *rows;
    uint64_t seen = 0;
    for (uint64_t id = 0; id < 4000; id++) {
        float x = (float)id;
        CHECK_OK(gv_db_add_vector(db, &x, 1));
        if (id >= 20 && id % 400 != 0) CHECK_OK(gv_db_delete_vector_by_index(db, id - 7));
    }
    uint64_t count = gv_db_count(db);
    for (uint64_t from = 0;; seen++) {
        CHECK_OK(gv_db_scroll(db, from, 1, NULL, &rows));
        if (rows->count == 0) break;
        CHECK(rows->ids[0] >= from && rows->vectors[0] == (float)rows->ids[0], "id %llu from %llu",
              (unsigned long long)rows->ids[0], (unsigned long long)from);
        from = rows->ids[0] + 1;
        gv_rows_free(rows);
    }
    gv_rows_free(rows);
    CHECK(seen == count, "%llu of %llu rows", (unsigned long long)seen, (unsigned long long)count);
    CHECK_OK(gv_db_close(db));
}

/* ---- delete by filter, errors, counts ---- */

static void check_delete(GV_Database *db)
{
    GV_SearchOptions options = options_for(-1, true);
    uint64_t third = 0, before = gv_db_count(db), deleted = 7;
    for (uint64_t id = 0; id < ROWS; id += 3) third += (uint64_t)gv_db_contains(db, id);
    CHECK(gv_db_delete_matching(db, NULL, &deleted) == GV_ERR_ARGUMENT && deleted == 7, "no filter");
    CHECK_OK(gv_db_delete_matching(db, &options, &deleted));
    CHECK(deleted == third && gv_db_count(db) == before - third, "%llu deleted", (unsigned long long)deleted);
    for (uint64_t id = 0; id < ROWS; id += 3) CHECK(!gv_db_contains(db, id), "row %llu", (unsigned long long)id);
    CHECK_OK(gv_db_delete_matching(db, &options, &deleted));
    CHECK(deleted == 0, "%llu deleted of none", (unsigned long long)deleted);
}

static void check_errors(GV_Database *db, const float *query)
{
    GV_Rows *rows = (GV_Rows *)(uintptr_t)8;
    GV_SearchOptions paged = options_for(-1, false);
    paged.offset = 1;
    CHECK(gv_db_range_search(db, query, DIMENSION, NAN, 3, NULL, &rows) == GV_ERR_ARGUMENT && !rows, "NaN");
    CHECK(gv_db_range_search(db, query, DIMENSION, 1, 0, NULL, &rows) == GV_ERR_ARGUMENT, "max_results 0");
    CHECK(gv_db_range_search(db, query, DIMENSION - 1, 1, 1, NULL, &rows) == GV_ERR_ARGUMENT, "dimension");
    CHECK(gv_db_range_search(db, query, DIMENSION, 1, 1, &paged, &rows) == GV_ERR_ARGUMENT, "offset");
    CHECK(gv_db_range_search(db, query, DIMENSION, 1, 1, NULL, NULL) == GV_ERR_ARGUMENT, "out");
    CHECK(gv_db_search_by_id(db, 3, 1, NULL, &rows) == GV_ERR_NOT_FOUND, "a deleted row");
    CHECK(gv_db_search_by_id(db, 2, 0, NULL, &rows) == GV_ERR_ARGUMENT, "k 0");
    CHECK(gv_db_search_groups(db, query, DIMENSION, 0, "colour", 1, NULL, &rows) == GV_ERR_ARGUMENT, "k 0");
    CHECK(gv_db_search_groups(db, query, DIMENSION, 1, "colour", 0, NULL, &rows) == GV_ERR_ARGUMENT, "group_size 0");
    CHECK(gv_db_search_groups(db, query, DIMENSION, 1, NULL, 1, NULL, &rows) == GV_ERR_ARGUMENT, "no key");
    CHECK(gv_db_search_groups(db, query, DIMENSION, 1, "colour", 1, &paged, &rows) == GV_ERR_ARGUMENT, "offset");
    CHECK(gv_db_scroll(db, 0, 0, NULL, &rows) == GV_ERR_ARGUMENT && !rows, "limit 0");
    CHECK(gv_db_get_stats(db, NULL) == GV_ERR_ARGUMENT, "no stats");
}

static void check_counts(GV_IndexType index)
{
    GV_Database *db = make(index, GV_DISTANCE_EUCLIDEAN);
    GV_Stats a = {.struct_size = sizeof a}, b = {.struct_size = sizeof b};
    float query[2 * DIMENSION] = {0};
    uint64_t ids[4], slow = 0;
    float distances[4];
    GV_Hit hit;
    size_t count;
    CHECK_OK(gv_db_get_stats(db, &a));
    CHECK(a.adds == ROWS && a.deletes == (ROWS - 3 + 12) / 13 && a.searches == 0 && a.updates == 0, "%llu adds",
          (unsigned long long)a.adds);
    CHECK_OK(gv_db_search(db, query, DIMENSION, 1, &hit, &count));
    CHECK_OK(gv_db_search_batch(db, query, 2, DIMENSION, 2, NULL, ids, distances, NULL));
    CHECK(gv_db_search(db, query, DIMENSION, 0, &hit, &count) == GV_ERR_ARGUMENT, "k 0");
    CHECK_OK(gv_db_update_vector(db, 0, query, DIMENSION));
    CHECK_OK(gv_db_get_stats(db, &b));
    CHECK(b.searches == 3 && b.updates == 1 && b.scans == 2 && b.scanned_rows == 3 * gv_db_count(db),
          "%llu searches, %llu scans of %llu rows", (unsigned long long)b.searches, (unsigned long long)b.scans,
          (unsigned long long)b.scanned_rows);
    for (size_t i = 0; i < sizeof b.latencies / sizeof *b.latencies; i++) slow += b.latencies[i];
    CHECK(slow == 3 || slow == 0, "%llu latencies", (unsigned long long)slow); /* 0: no clock */
    CHECK_OK(gv_db_set_exact_search_threshold(db, 0));
    CHECK_OK(gv_db_search(db, query, DIMENSION, 1, &hit, &count));
    CHECK_OK(gv_db_get_stats(db, &b));
    bool graph = index == GV_INDEX_TYPE_HNSW;
    CHECK(b.walks == graph && b.scans == 3 - (uint64_t)graph, "%llu walks", (unsigned long long)b.walks);
    CHECK(graph ? b.nodes < ROWS && b.levels > 0 && b.mean_degree > 4 && b.mean_degree <= 32
                : b.nodes == gv_db_count(db) && b.levels == 0 && b.mean_degree == 0,
          "%llu nodes of degree %g", (unsigned long long)b.nodes, b.mean_degree);
    CHECK(b.tombstones + b.free_slots > 0, "rows were deleted");
    CHECK_OK(gv_db_close(db));
}

static void check_index(GV_IndexType index, GV_DistanceType distance)
{
    GV_Database *db = make(index, distance);
    float query[DIMENSION];
    for (uint64_t seed = 5000; seed < 5002; seed++) {
        fill(query, seed);
        for (int filtered = 0; filtered < 2; filtered++) {
            check_ranges(db, query, -1, filtered);
            check_ranges(db, query, GV_DISTANCE_DOT_PRODUCT, filtered);
            check_offsets(db, query, filtered);
            check_by_id(db, 6, filtered);
            check_by_id(db, 8, filtered);
            for (size_t k = 1; k < 60; k = 3 * k + 1)
                for (size_t size = 1; size < 80; size *= 4) check_groups(db, query, k, size, filtered);
            check_scroll(db, 1, filtered);
            check_scroll(db, 100, filtered);
            check_scroll(db, SIZE_MAX, filtered);
        }
    }
    check_no_groups(db, query);
    check_errors(db, query);
    check_delete(db);
    CHECK_OK(gv_db_close(db));
}

int main(void)
{
    check_index(GV_INDEX_TYPE_FLAT, GV_DISTANCE_EUCLIDEAN);
    check_index(GV_INDEX_TYPE_FLAT, GV_DISTANCE_DOT_PRODUCT);
    check_index(GV_INDEX_TYPE_HNSW, GV_DISTANCE_COSINE);
    check_scroll_of_few();
    check_counts(GV_INDEX_TYPE_FLAT);
    check_counts(GV_INDEX_TYPE_HNSW);
    return 0;
}
