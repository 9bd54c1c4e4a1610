/* sparse_rows.h: what a SPARSE database must hold and answer: rows of pairs in a plain array, each measured by way of a vector written out,
 * all of them for each answer. */
#ifndef GV_TEST_SPARSE_ROWS_H
#define GV_TEST_SPARSE_ROWS_H
#include "base/random.h"
#include "packed.h"
#include <math.h>

enum {
    DIMENSION = 300,
    MOST = 900, /* rows at once */
    PAIRS = 24, /* of a row at most */
    GROUPS = 5
};

typedef struct Row {
    uint64_t id;
    uint32_t count, group;
    uint32_t indices[PAIRS];
    float values[PAIRS];
} Row;

static Row rows[MOST];
static size_t row_count;
static uint64_t seed, call;

static inline uint64_t draw(uint64_t what) { return gv_random(seed + call, what); }

/* Some indices are in many rows, most in few, as words are; now and then a row has no pairs, or equal values. */
static inline void draw_row(uint64_t what, bool negative, Row *row)
{
    size_t wanted = (size_t)(gv_random(what, 0) % (PAIRS + 1));
    bool flat = gv_random(what, 1) % 4 == 0;
    row->count = 0;
    for (uint32_t index = 0; index < DIMENSION && row->count < wanted; index++) {
        if (gv_random(what, 10 + index) % (index + 4) > 2) continue;
        float value = flat ? 1.0f : (float)(gv_random(what, 1000 + index) % 1000) / 250.0f;
        row->indices[row->count] = index;
        row->values[row->count++] = negative && gv_random(what, 2000 + index) % 3 == 0 ? -value : value;
    }
}

/* By way of a vector that has `a` written out. */
static inline double dot(const Row *a, const Row *b)
{
    float whole[DIMENSION] = {0};
    double sum = 0.0;
    for (uint32_t i = 0; i < a->count; i++) whole[a->indices[i]] = a->values[i];
    for (uint32_t i = 0; i < b->count; i++) sum += (double)whole[b->indices[i]] * (double)b->values[i];
    return sum;
}

static inline float distance_to(GV_DistanceType distance, const Row *a, const Row *b)
{
    float sum = (float)dot(a, b);
    if (distance == GV_DISTANCE_DOT_PRODUCT) return 0.0f - sum;
    double product = (double)(float)dot(a, a) * (double)(float)dot(b, b);
    if (!(product > 0.0)) return 1.0f;
    float far = 1.0f - (float)((double)sum / sqrt(product));
    return far < 0.0f ? 0.0f : far > 2.0f ? 2.0f : far;
}

static inline int nearer(const void *a, const void *b)
{
    const GV_Hit *x = a, *y = b;
    if (x->distance != y->distance) return x->distance < y->distance ? -1 : 1;
    return x->id < y->id ? -1 : 1;
}

/* All rows of the group (GROUPS: of any) but one, nearest first. */
static inline size_t all_by_distance(const Row *query, GV_DistanceType distance, uint32_t group, uint64_t but,
                                     GV_Hit *hits)
{
    size_t count = 0;
    for (size_t i = 0; i < row_count; i++)
        if ((group == GROUPS || rows[i].group == group) && rows[i].id != but)
            hits[count++] = (GV_Hit){.id = rows[i].id, .distance = distance_to(distance, query, &rows[i])};
    qsort(hits, count, sizeof *hits, nearer);
    return count;
}

static inline void expect_hits(const uint64_t *ids, const float *distances, const GV_Hit *hits, size_t count)
{
    for (size_t i = 0; i < count; i++)
        CHECK(ids[i] == hits[i].id && distances[i] == hits[i].distance,
              "call %llu: hit %zu is row %llu at %.9g, not %llu at %.9g", (unsigned long long)call, i,
              (unsigned long long)ids[i], (double)distances[i], (unsigned long long)hits[i].id,
              (double)hits[i].distance);
}

static inline void expect(const GV_Rows *found, const Row *query, GV_DistanceType distance, size_t k, uint32_t group,
                          uint64_t but)
{
    static GV_Hit hits[MOST];
    size_t count = all_by_distance(query, distance, group, but, hits);
    if (count > k) count = k;
    CHECK(found->count == count, "call %llu: %zu hits, not %zu", (unsigned long long)call, found->count, count);
    expect_hits(found->ids, found->distances, hits, count);
}

typedef struct Asked { /* what a call of the test's is about */
    GV_SearchOptions options;
    GV_DistanceType distance;
    uint32_t group;
    size_t k;
    Row query;
    uint64_t starts[2];
    GV_SparseRows pairs;
} Asked;

/* Rows at the distance of one of them are within. */
static inline void search_range(GV_Database *db, const Asked *a)
{
    static GV_Hit hits[MOST];
    GV_Rows *found;
    size_t count = all_by_distance(&a->query, a->distance, a->group, UINT64_MAX, hits), within = 0;
    double radius = draw(20) % 4 == 0 ? INFINITY : (double)(draw(21) % 5) - 3.0;
    if (count > 0 && draw(22) % 4 > 0)
        radius = (double)hits[draw(23) % (draw(24) % 2 ? count : count / 20 + 1)].distance;
    if (draw(25) % 16 == 0) radius = nextafter(radius, -INFINITY);
    if (draw(26) % 64 == 0) radius = -INFINITY;
    while (within < count && (double)hits[within].distance <= radius) within++;
    CHECK_OK(gv_db_range_search(db, NULL, 0, radius, a->k, &a->options, &found));
    CHECK(found->total == within && found->count == (within < a->k ? within : a->k),
          "call %llu: %zu hits of %llu within %.17g, not of %zu", (unsigned long long)call, found->count,
          (unsigned long long)found->total, radius, within);
    expect_hits(found->ids, found->distances, hits, found->count);
    gv_rows_free(found);
}

#endif
