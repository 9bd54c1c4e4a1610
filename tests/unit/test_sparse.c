/* test_sparse.c: without it a sparse search could miss a row that inverted lists hide, or leave a list that still names a row that
 * has gone: any calls in any order, each answer beside a look at every row of a plain array, to the bit. */
#include "base/random.h"
#include "packed.h"
#include <math.h>

enum {
    DIMENSION = 300,
    MOST = 900, /* rows at once */
    PAIRS = 24, /* of a row at most */
    CALLS = 6000,
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
static uint64_t next_id, seed, call;

static uint64_t draw(uint64_t what) { return gv_random(seed + call, what); }

/* Some indices are in many rows, most in few, as words are; now and then a row has no pairs, or equal values. */
static void draw_row(uint64_t what, bool negative, Row *row)
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
static double dot(const Row *a, const Row *b)
{
    float whole[DIMENSION] = {0};
    double sum = 0.0;
    for (uint32_t i = 0; i < a->count; i++) whole[a->indices[i]] = a->values[i];
    for (uint32_t i = 0; i < b->count; i++) sum += (double)whole[b->indices[i]] * (double)b->values[i];
    return sum;
}

static float distance_to(GV_DistanceType distance, const Row *a, const Row *b)
{
    float sum = (float)dot(a, b);
    if (distance == GV_DISTANCE_DOT_PRODUCT) return 0.0f - sum;
    double product = (double)(float)dot(a, a) * (double)(float)dot(b, b);
    if (!(product > 0.0)) return 1.0f;
    float far = 1.0f - (float)((double)sum / sqrt(product));
    return far < 0.0f ? 0.0f : far > 2.0f ? 2.0f : far;
}

static int nearer(const void *a, const void *b)
{
    const GV_Hit *x = a, *y = b;
    if (x->distance != y->distance) return x->distance < y->distance ? -1 : 1;
    return x->id < y->id ? -1 : 1;
}

static void expect(const GV_Rows *found, const Row *query, GV_DistanceType distance, size_t k, uint32_t group,
                   uint64_t but)
{
    static GV_Hit hits[MOST];
    size_t count = 0;
    for (size_t i = 0; i < row_count; i++)
        if ((group == GROUPS || rows[i].group == group) && rows[i].id != but)
            hits[count++] = (GV_Hit){.id = rows[i].id, .distance = distance_to(distance, query, &rows[i])};
    qsort(hits, count, sizeof *hits, nearer);
    if (count > k) count = k;
    CHECK(found->count == count, "call %llu: %zu hits, not %zu", (unsigned long long)call, found->count, count);
    for (size_t i = 0; i < count; i++)
        CHECK(found->ids[i] == hits[i].id && found->distances[i] == hits[i].distance,
              "call %llu: hit %zu is row %llu at %.9g, not %llu at %.9g", (unsigned long long)call, i,
              (unsigned long long)found->ids[i], (double)found->distances[i], (unsigned long long)hits[i].id,
              (double)hits[i].distance);
}

static void search(GV_Database *db, GV_DistanceType own, bool negative)
{
    GV_SearchOptions options;
    GV_Rows *found;
    Row query;
    char filter[32];
    uint32_t group = (uint32_t)(draw(1) % (3 * GROUPS));
    size_t k = draw(2) % 8 == 0 ? MOST : (size_t)(draw(2) % 12 + 1);
    bool other = draw(3) % 16 == 0;
    if (group > GROUPS) group = GROUPS;
    gv_search_options_init(&options);
    (void)snprintf(filter, sizeof filter, "group == '%u'", group);
    if (group < GROUPS) options.filter = filter;
    GV_DistanceType distance = !other ? own : own == GV_DISTANCE_COSINE ? GV_DISTANCE_DOT_PRODUCT : GV_DISTANCE_COSINE;
    if (other) options.distance = (int32_t)distance;
    if (draw(4) % 8 == 0 && row_count > 0) {
        const Row *row = &rows[draw(5) % row_count];
        CHECK_OK(gv_db_search_by_id(db, row->id, k, &options, &found));
        expect(found, row, distance, k, group, row->id);
    } else {
        draw_row(draw(6), negative, &query);
        CHECK_OK(gv_db_search_sparse(db, query.indices, query.values, query.count, k, &options, &found));
        expect(found, &query, distance, k, group, UINT64_MAX);
    }
    gv_rows_free(found);
}

static void add(GV_Database *db, bool negative)
{
    static Packed packed;
    uint32_t indices[40 * PAIRS];
    float values[40 * PAIRS];
    uint64_t starts[41] = {0}, ids[40];
    size_t count = (size_t)(draw(1) % 40);
    if (count > MOST - row_count) count = MOST - row_count;
    packed.size = 0;
    for (size_t i = 0; i < count; i++) {
        Row *row = &rows[row_count + i];
        char group[8];
        row->id = next_id + i;
        row->group = (uint32_t)(draw(50 + i) % GROUPS);
        draw_row(draw(100 + i), negative, row);
        memcpy(indices + starts[i], row->indices, row->count * sizeof *indices);
        memcpy(values + starts[i], row->values, row->count * sizeof *values);
        starts[i + 1] = starts[i] + row->count;
        (void)snprintf(group, sizeof group, "%u", row->group);
        put_count(&packed, 1);
        put_pair(&packed, "group", group);
    }
    GV_SparseRows given = {count, starts, indices, values};
    GV_PackedMetadata metadata = packed_all(&packed);
    CHECK_OK(gv_db_add_sparse(db, &given, &metadata, ids));
    for (size_t i = 0; i < count; i++)
        CHECK(ids[i] == next_id + i, "row %zu got id %llu", i, (unsigned long long)ids[i]);
    next_id += count;
    row_count += count;
}

static void check_rows(GV_Database *db)
{
    GV_CheckReport report = {.struct_size = sizeof report};
    GV_Rows *found;
    static uint64_t ids[MOST];
    CHECK_OK(gv_db_check(db, &report));
    CHECK(report.rows == row_count && report.reachable == row_count, "%llu rows", (unsigned long long)report.rows);
    for (size_t i = 0; i < row_count; i++) ids[i] = rows[i].id;
    CHECK_OK(gv_db_get_rows(db, ids, row_count, &found));
    CHECK(!found->vectors && found->starts, "rows without pairs");
    for (size_t i = 0; i < row_count; i++) {
        const uint64_t *start = found->starts + i;
        CHECK(start[1] - start[0] == rows[i].count &&
                  memcmp(found->indices + start[0], rows[i].indices, rows[i].count * sizeof(uint32_t)) == 0 &&
                  memcmp(found->values + start[0], rows[i].values, rows[i].count * sizeof(float)) == 0,
              "row %llu has other pairs", (unsigned long long)rows[i].id);
    }
    gv_rows_free(found);
}

static void open_database(GV_Vfs *vfs, GV_DistanceType distance, GV_Database **db)
{
    GV_OpenOptions options;
    gv_open_options_init(&options);
    options.dimension = DIMENSION;
    options.index_type = GV_INDEX_TYPE_SPARSE;
    options.distance = (int32_t)distance;
    options.checkpoint_on_close = call % 2 == 0;
    CHECK_OK(gv_db_open_with_vfs("sparse.gv", &options, vfs, db));
}

static void next_call(GV_Vfs *vfs, GV_Database **db, GV_DistanceType distance, bool negative)
{
    uint64_t chance = draw(0) % 100;
    Row *row = row_count > 0 ? &rows[draw(1) % row_count] : NULL;
    if (chance < 60) search(*db, distance, negative);
    else if (chance < 75) add(*db, negative);
    else if (chance < 88 && row) {
        CHECK_OK(gv_db_delete_vector_by_index(*db, row->id));
        memmove(row, row + 1, (size_t)(rows + --row_count - row) * sizeof *row);
    } else if (chance < 95 && row) {
        draw_row(draw(2), negative, row);
        CHECK_OK(gv_db_update_sparse(*db, row->id, row->indices, row->values, row->count));
    } else if (chance < 97) {
        CHECK_OK(gv_db_close(*db));
        open_database(vfs, distance, db);
    } else if (chance < 98) CHECK_OK(gv_db_compact(*db));
    else check_rows(*db);
}

static void test_life(GV_DistanceType distance, bool negative)
{
    GV_Vfs *vfs = gv_vfs_memory_new();
    GV_Database *db;
    row_count = 0;
    next_id = 0;
    open_database(vfs, distance, &db);
    for (call = 0; call < CALLS; call++) next_call(vfs, &db, distance, negative);
    check_rows(db);
    CHECK_OK(gv_db_close(db));
    gv_vfs_memory_free(vfs);
}

/* ---- refusals ---- */

static void refuse(GV_Database *db, GV_SparseRows given, const char *says)
{
    CHECK(gv_db_add_sparse(db, &given, NULL, NULL) == GV_ERR_ARGUMENT, "added");
    CHECK(strstr(gv_last_error(), says), "it says: %s", gv_last_error());
    CHECK(gv_db_count(db) == 0, "%llu rows", (unsigned long long)gv_db_count(db));
}

static void test_refusals(void)
{
    GV_Database *db = open_in_memory(100000, GV_INDEX_TYPE_SPARSE, GV_DISTANCE_DOT_PRODUCT);
    const uint64_t two[] = {0, 2}, back[] = {2, 1}, none[] = {0, 0};
    const float good[] = {1.0f, 2.0f}, endless[] = {1.0f, INFINITY}, large[] = {3e38f, 3e38f};
    float vector[2] = {1.0f, 2.0f};
    GV_Rows *found;
    GV_Hit hit;
    size_t count;
    refuse(db, (GV_SparseRows){1, two, (uint32_t[]){7, 7}, good}, "index 7 comes behind 7");
    refuse(db, (GV_SparseRows){1, two, (uint32_t[]){7, 6}, good}, "must ascend");
    refuse(db, (GV_SparseRows){1, two, (uint32_t[]){7, 100000}, good},
           "index 100000 is not below the dimension, 100000");
    refuse(db, (GV_SparseRows){1, two, (uint32_t[]){7, 8}, endless}, "the value at index 8 is infinite");
    refuse(db, (GV_SparseRows){1, two, (uint32_t[]){7, 8}, large}, "squared norm");
    refuse(db, (GV_SparseRows){1, back, (uint32_t[]){7, 8}, good}, "from pair 2 to 1");
    refuse(db, (GV_SparseRows){1, two, NULL, NULL}, "indices or values is NULL");
    CHECK(gv_db_add(db, vector, 1, 2, NULL, NULL) == GV_ERR_ARGUMENT && strstr(gv_last_error(), "SPARSE"), "a vector");
    CHECK(gv_db_search(db, vector, 2, 1, &hit, &count) == GV_ERR_ARGUMENT, "a vector was searched for");
    CHECK(gv_db_search_sparse(db, (uint32_t[]){3, 2}, good, 2, 1, NULL, &found) == GV_ERR_ARGUMENT && !found,
          "a query");
    CHECK_OK(gv_db_add_sparse(db, &(GV_SparseRows){1, none, NULL, NULL}, NULL, NULL));
    CHECK_OK(gv_db_search_sparse(db, NULL, NULL, 0, 5, NULL, &found));
    CHECK(found->count == 1 && found->distances[0] == 0.0f && found->starts[1] == 0, "%zu rows", found->count);
    gv_rows_free(found);
    GV_OpenOptions options;
    gv_open_options_init(&options);
    options.index_type = GV_INDEX_TYPE_FLAT;
    CHECK(gv_db_convert(db, &options) == GV_ERR_ARGUMENT, "sparse rows became vectors");
    CHECK_OK(gv_db_close(db));
    db = open_in_memory(2, GV_INDEX_TYPE_FLAT, GV_DISTANCE_COSINE);
    CHECK(gv_db_add_sparse(db, &(GV_SparseRows){1, none, NULL, NULL}, NULL, NULL) == GV_ERR_ARGUMENT, "added");
    CHECK_OK(gv_db_close(db));
}

/* ---- sums at the edges of what f32 can say ---- */

static void test_extremes(const float *values)
{
    const size_t kinds = 8;
    for (int distance = GV_DISTANCE_COSINE; distance <= GV_DISTANCE_DOT_PRODUCT; distance++) {
        GV_Database *db = open_in_memory(DIMENSION, GV_INDEX_TYPE_SPARSE, (GV_DistanceType)distance);
        row_count = 0;
        for (call = 0; row_count < 400; row_count++) {
            Row *row = &rows[row_count];
            *row = (Row){.id = row_count, .count = 3, .indices = {1, 2 + (uint32_t)row_count % 3, 9}};
            for (size_t i = 0; i < 3; i++) row->values[i] = values[gv_random(row_count, i) % kinds];
            if (fabsf(row->values[0]) + fabsf(row->values[1]) + fabsf(row->values[2]) > 1.8e19f) row->count = 1;
            const uint64_t starts[2] = {0, row->count};
            CHECK_OK(gv_db_add_sparse(db, &(GV_SparseRows){1, starts, row->indices, row->values}, NULL, NULL));
        }
        for (size_t i = 0; i < 100; i++) {
            GV_Rows *found;
            CHECK_OK(gv_db_search_sparse(db, rows[i].indices, rows[i].values, rows[i].count, 9, NULL, &found));
            expect(found, &rows[i], (GV_DistanceType)distance, 9, GROUPS, UINT64_MAX);
            gv_rows_free(found);
        }
        CHECK_OK(gv_db_close(db));
    }
}

/* ---- more than can be counted in 32 bits ---- */

static void test_many_pairs(void)
{
#ifdef __EMSCRIPTEN__
    enum {
        LONGEST = 65535,
        TIMES = 65540 /* together they are 2^32 pairs and some */
    };
    static uint32_t indices[LONGEST];
    static float values[LONGEST];
    static uint64_t ids[TIMES];
    const uint64_t starts[] = {0, LONGEST};
    GV_Rows *found;
    GV_Database *db = open_in_memory(LONGEST, GV_INDEX_TYPE_SPARSE, GV_DISTANCE_DOT_PRODUCT);
    for (uint32_t i = 0; i < LONGEST; i++) indices[i] = i, values[i] = 1.0f;
    CHECK_OK(gv_db_add_sparse(db, &(GV_SparseRows){1, starts, indices, values}, NULL, NULL));
    CHECK(gv_db_get_rows(db, ids, TIMES, &found) == GV_ERR_NO_MEMORY && !found, "rows of 2^32 pairs came");
    CHECK_OK(gv_db_get_rows(db, ids, 2, &found));
    CHECK(found->starts[2] == 2 * LONGEST, "%llu pairs", (unsigned long long)found->starts[2]);
    gv_rows_free(found);
    CHECK_OK(gv_db_close(db));
#else
    puts("test_many_pairs: skipped where sizes have 64 bits: there the rows would take 32 GiB");
#endif
}

static void test_all_extremes(void)
{
    test_extremes((const float[]){1.8e19f, -1.8e19f, 1e-30f, -1e-38f, 1e-45f, 0.0f, 1.0f, 3.0f});
    /* rows whose squared norms f32 has, but not to its last digit */
    test_extremes((const float[]){1e-22f, -2e-22f, 3e-22f, 7e-23f, 5e-21f, -1e-20f, 1.1e-20f, 1.0f});
}

int main(int count, char **arguments)
{
    seed = count > 1 ? strtoull(arguments[1], NULL, 10) : 1;
    test_refusals();
    test_all_extremes();
    test_many_pairs();
    test_life(GV_DISTANCE_DOT_PRODUCT, false);
    test_life(GV_DISTANCE_COSINE, false);
    test_life(GV_DISTANCE_DOT_PRODUCT, true);
    test_life(GV_DISTANCE_COSINE, true);
    return 0;
}
