/* test_sparse_edges.c: without it what is no sparse row or query could be let in, and rows could be missed whose sums f32 cannot say. */
#include "sparse_rows.h"

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
    CHECK_OK(gv_db_add(db, vector, 0, 2, NULL, NULL)); /* an empty list, in a language that does not know of what */
    CHECK_OK(gv_db_search_batch(db, vector, 0, 2, 1, NULL, NULL, NULL, NULL));
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

/* What each call says of options whose pairs are not those of a query. */
static void refuse_query(GV_Database *db, const GV_SparseRows *sparse, size_t count, int32_t distance, GV_Status status,
                         const char *says)
{
    GV_SearchOptions options;
    GV_Explanation explanation = {.struct_size = sizeof explanation};
    GV_Rows *found, *many[4];
    uint64_t ids[4];
    float distances[4];
    gv_search_options_init(&options);
    options.sparse = sparse;
    options.distance = distance;
    for (int i = 0; i < 6; i++) {
        GV_Status got = i == 0   ? gv_db_search_rows(db, NULL, 0, 1, &options, &found)
                        : i == 1 ? gv_db_range_search(db, NULL, 0, 1.0, 1, &options, &found)
                        : i == 2 ? gv_db_search_groups(db, NULL, 0, 1, "group", 1, &options, &found)
                        : i == 3 ? gv_db_explain(db, NULL, 0, 1, &options, &explanation)
                        : i == 4 ? gv_db_search_batch(db, NULL, count, 0, 1, &options, ids, distances, NULL)
                                 : gv_db_search_batch_rows(db, NULL, count, 0, 1, &options, many);
        if (i < 4 && count != 1) continue;
        CHECK(got == status && strstr(gv_last_error(), says), "call %d: %d, %s", i, (int)got, gv_last_error());
        CHECK(i > 2 || !found, "call %d gave rows", i);
        for (size_t j = 0; i == 5 && j < count; j++) CHECK(!many[j], "rows of query %zu", j);
    }
}

static void test_refused_queries(void)
{
    GV_Database *db = open_in_memory(100, GV_INDEX_TYPE_SPARSE, GV_DISTANCE_COSINE);
    const uint64_t one[] = {0, 1}, three[] = {0, 1, 2, 3}, back[] = {0, 2, 1};
    const uint32_t indices[] = {7, 100, 7};
    const float values[] = {1.0f, 2.0f, NAN};
    GV_Status bad = GV_ERR_ARGUMENT;
    for (int full = 0; full < 2; full++) {
        refuse_query(db, &(GV_SparseRows){3, three, indices, values}, 1, -1, bad, "3 rows, expected 1");
        refuse_query(db, &(GV_SparseRows){3, three, indices, values}, 2, -1, bad, "3 rows, expected 2");
        refuse_query(db, &(GV_SparseRows){3, three, indices, values}, 3, -1, bad,
                     "sparse row 1: index 100 is not below");
        refuse_query(db, &(GV_SparseRows){2, back, indices, values}, 2, -1, bad, "row 1 goes from pair 2 to 1");
        refuse_query(db, &(GV_SparseRows){1, one, indices, NULL}, 1, -1, bad, "indices or values is NULL");
        refuse_query(db, &(GV_SparseRows){1, one, indices + 2, values + 2}, 1, -1, bad, "index 7 is NaN");
        refuse_query(db, &(GV_SparseRows){1, one, indices, values}, 1, GV_DISTANCE_EUCLIDEAN, GV_ERR_UNSUPPORTED,
                     "SPARSE knows DOT_PRODUCT and COSINE");
        refuse_query(db, NULL, 1, -1, bad, "a SPARSE database has no vectors");
        CHECK_OK(gv_db_add_sparse(db, &(GV_SparseRows){1, one, indices, values}, NULL, NULL));
    }
    GV_SearchOptions options;
    GV_Rows *found;
    gv_search_options_init(&options);
    options.distance = GV_DISTANCE_MANHATTAN;
    CHECK(gv_db_search_by_id(db, 0, 1, &options, &found) == GV_ERR_UNSUPPORTED && !found, "a metric without pairs");
    CHECK_OK(gv_db_close(db));
    db = open_in_memory(2, GV_INDEX_TYPE_FLAT, GV_DISTANCE_COSINE);
    refuse_query(db, &(GV_SparseRows){1, one, indices, values}, 1, -1, bad, "its index is not SPARSE");
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
            Asked asked = {.distance = (GV_DistanceType)distance, .group = GROUPS, .k = 9, .query = rows[i]};
            asked.starts[1] = rows[i].count;
            asked.pairs = (GV_SparseRows){1, asked.starts, asked.query.indices, asked.query.values};
            gv_search_options_init(&asked.options);
            asked.options.sparse = &asked.pairs;
            call = i;
            search_range(db, &asked);
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

int main(void)
{
    test_refusals();
    test_refused_queries();
    test_all_extremes();
    test_many_pairs();
    return 0;
}
