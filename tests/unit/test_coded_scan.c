/* test_coded_scan.c: scans that look at codes first (index/coded_scan.c) give the hits of scans that do not, in every bit.
 *
 * Without it a bound could be too tight for rows that round badly, and a hit be missed without a word: rows with one large
 * component, far from the origin, all but equal, huge, tiny, zero. A FLAT database of another metric scans plainly, and so says what
 * is right; what else scans by codes is compared with it, on every instruction set. */
#include "base/random.h"
#include "kernels/kernels.h"
#include "packed.h"
#include <inttypes.h>

enum {
    ROWS = 900,
    WIDEST = 384,
    KINDS = 8,
    QUERIES = 3 * KINDS + 3,
    MOST_K = 100
};

static const size_t dimensions[] = {32, 100, 384};
static float rows[ROWS * WIDEST];

static float noise(uint64_t seed, uint64_t i) { return (float)(gv_random(seed, i) >> 40) * 0x1p-23f - 1.0f; }

/* The i-th row, or query: each kind of them in turn. */
static void fill(float *row, size_t dimension, uint64_t i)
{
    static const float scales[KINDS] = {1.0f, 1e-3f, 1.0f, 1e-2f, 1e15f, 1e-18f, 0.0f, 1e3f};
    unsigned kind = i % KINDS;
    for (uint64_t j = 0; j < dimension; j++) {
        row[j] = scales[kind] * noise(i, j);
        if (kind == 1) row[j] += noise(i / 64, j); /* all but equal to others */
        if (kind == 3) row[j] += 1000.0f;          /* far from the origin, all the same way */
    }
    if (kind == 2) /* one component stands out */
        for (uint64_t j = 0; j < dimension; j++) row[j] *= j == i % dimension ? 100.0f : 1e-4f;
    if (i % 50 == 49) fill(row, dimension, i / 2); /* a copy: a tie, to be ordered by id */
}

static GV_Database *make(size_t dimension, GV_IndexType index, GV_DistanceType distance, const char *kernels)
{
    GV_Database *db = open_with_kernels(dimension, index, distance, kernels);
    for (size_t i = 0; i < ROWS; i++) fill(rows + i * dimension, dimension, i);
    CHECK_OK(gv_db_add_vectors(db, rows, ROWS, dimension));
    for (uint64_t id = 7; id < ROWS; id += 13) CHECK_OK(gv_db_delete_vector_by_index(db, id));
    CHECK_OK(gv_db_add_vectors(db, rows + 20 * dimension, 40, dimension)); /* into slots of deleted rows */
    CHECK_OK(gv_db_set_exact_search_threshold(db, UINT64_MAX));
    return db;
}

typedef struct Pair { /* of databases that must answer alike */
    GV_Database *coded, *plain;
    size_t dimension;
    GV_DistanceType distance;
    const char *name;
} Pair;

typedef struct Hits { /* of one query */
    uint64_t ids[MOST_K];
    float distances[MOST_K];
    size_t count;
} Hits;

static void same_hits(const Pair *pair, const uint64_t *ids, const float *distances, size_t count, const Hits *right)
{
    CHECK(count == right->count && count > 0, "%s: %zu hits, not %zu", pair->name, count, right->count);
    for (size_t i = 0; i < count; i++)
        CHECK(ids[i] == right->ids[i] && memcmp(&distances[i], &right->distances[i], sizeof distances[i]) == 0,
              "%s, %zu dimensions, distance %d: hit %zu of %zu is %" PRIu64 " at %a, not %" PRIu64 " at %a", pair->name,
              pair->dimension, (int)pair->distance, i, count, ids[i], (double)distances[i], right->ids[i],
              (double)right->distances[i]);
}

static void same_within(const Pair *pair, const float *query, double radius, const GV_SearchOptions *options)
{
    GV_Rows *found, *expected;
    Hits right;
    CHECK_OK(gv_db_range_search(pair->coded, query, pair->dimension, radius, MOST_K, NULL, &found));
    CHECK_OK(gv_db_range_search(pair->plain, query, pair->dimension, radius, MOST_K, options, &expected));
    CHECK(found->total == expected->total, "%s: %" PRIu64 " rows within %g, not %" PRIu64, pair->name, found->total,
          radius, expected->total);
    right.count = expected->count;
    memcpy(right.ids, expected->ids, right.count * sizeof *right.ids);
    memcpy(right.distances, expected->distances, right.count * sizeof *right.distances);
    same_hits(pair, found->ids, found->distances, found->count, &right);
    gv_rows_free(found);
    gv_rows_free(expected);
}

/* One by one, many at once, and all within the last of them. */
static void compare_k(const Pair *pair, const float *queries, size_t k, const GV_SearchOptions *options)
{
    static uint64_t ids[QUERIES * MOST_K];
    static float distances[QUERIES * MOST_K];
    static Hits right[QUERIES];
    GV_Hit hits[MOST_K];
    size_t counts[QUERIES], count;
    CHECK_OK(gv_db_search_batch(pair->plain, queries, QUERIES, pair->dimension, k, options, ids, distances, counts));
    for (size_t q = 0; q < QUERIES; q++) {
        right[q].count = counts[q];
        memcpy(right[q].ids, ids + q * k, k * sizeof *ids);
        memcpy(right[q].distances, distances + q * k, k * sizeof *distances);
    }
    CHECK_OK(gv_db_search_batch(pair->coded, queries, QUERIES, pair->dimension, k, NULL, ids, distances, counts));
    for (size_t q = 0; q < QUERIES; q++) {
        const float *query = queries + q * pair->dimension;
        same_hits(pair, ids + q * k, distances + q * k, counts[q], &right[q]);
        CHECK_OK(gv_db_search(pair->coded, query, pair->dimension, k, hits, &count));
        for (size_t i = 0; i < count; i++) {
            ids[q * k + i] = hits[i].id;
            distances[q * k + i] = hits[i].distance;
        }
        same_hits(pair, ids + q * k, distances + q * k, count, &right[q]);
        same_within(pair, query, (double)right[q].distances[count - 1], options);
    }
}

static void compare(const Pair *pair)
{
    static const size_t ks[] = {1, 10, MOST_K};
    static float queries[QUERIES * WIDEST];
    GV_SearchOptions options;
    gv_search_options_init(&options);
    options.distance = (int32_t)pair->distance;
    for (uint64_t i = 0; i < QUERIES; i++) /* others; and rows that are there twice, the earlier one behind the later */
        fill(queries + i * pair->dimension, pair->dimension, i % 2 ? ROWS - 5 + i : 20 + i);
    for (size_t i = 0; i < sizeof ks / sizeof *ks; i++) compare_k(pair, queries, ks[i], &options);
}

static void check_metric(size_t dimension, GV_DistanceType distance, const char *kernels)
{
    Pair pair = {.dimension = dimension, .distance = distance};
    void *bytes;
    size_t size;
    pair.plain = make(dimension, GV_INDEX_TYPE_FLAT, GV_DISTANCE_MANHATTAN, kernels);
    pair.coded = make(dimension, GV_INDEX_TYPE_FLAT, distance, kernels);
    CHECK(gv_db_get_memory_usage(pair.coded) > gv_db_get_memory_usage(pair.plain) + ROWS * dimension,
          "no codes: %zu and %zu bytes", gv_db_get_memory_usage(pair.coded), gv_db_get_memory_usage(pair.plain));
    pair.name = "FLAT";
    compare(&pair);

    CHECK_OK(gv_db_save_to_memory(pair.coded, &bytes, &size));
    CHECK_OK(gv_db_close(pair.coded));
    pair.coded = gv_db_open_from_memory(bytes, size, dimension, GV_INDEX_TYPE_FLAT);
    CHECK(pair.coded, "%s", gv_last_error());
    gv_free(bytes);
    pair.name = "FLAT opened again";
    compare(&pair);
    CHECK_OK(gv_db_close(pair.coded));

    pair.coded = make(dimension, GV_INDEX_TYPE_HNSW, distance, kernels);
    pair.name = "HNSW that scans";
    compare(&pair);
    CHECK_OK(gv_db_close(pair.coded));
    CHECK_OK(gv_db_close(pair.plain));
}

int main(void)
{
    static const GV_DistanceType distances[] = {GV_DISTANCE_EUCLIDEAN, GV_DISTANCE_COSINE, GV_DISTANCE_DOT_PRODUCT};
    size_t count = 0;
    for (size_t i = 0; gv_kernels_at(i); i++) {
        const char *name = gv_kernels_at(i)->name;
        if (!gv_kernels_select(name)) {
            printf("skipped %s: not on this CPU\n", name);
            continue;
        }
        for (size_t d = 0; d < sizeof dimensions / sizeof *dimensions; d++)
            for (size_t m = 0; m < sizeof distances / sizeof *distances; m++, count++)
                check_metric(dimensions[d], distances[m], name);
    }
    printf("ok: %zu databases of each sort, %d queries: the hits of plain scans\n", count, QUERIES);
    return 0;
}
