/* test_dropped.c: without it an index that drops its vectors could answer for rows that it does not keep, keep other rows on another kernel or
 * with more threads, change them when it is packed, or hand out a file that an older library takes for a plain one. */
#include "base/bytes.h"
#include "base/random.h"
#include "check.h"
#include "rows.h"
#include "kernels/kernels.h"
#include "packed.h"
#include <math.h>
#include <string.h>

enum {
    ROWS = 1500,
    MOST = 100, /* components */
    K = 12
};

typedef struct Shape {
    size_t dimension;
    GV_DistanceType distance;
    uint32_t nbits, m, rotate;
} Shape;

static const Shape shapes[] = {
    {32, GV_DISTANCE_EUCLIDEAN, 4, 16, 0}, {33, GV_DISTANCE_EUCLIDEAN, 4, 7, 0},   {100, GV_DISTANCE_COSINE, 4, 25, 1},
    {48, GV_DISTANCE_COSINE, 8, 12, 1},    {19, GV_DISTANCE_DOT_PRODUCT, 5, 4, 0}, {3, GV_DISTANCE_EUCLIDEAN, 6, 8, 0},
    {64, GV_DISTANCE_EUCLIDEAN, 8, 64, 1},
};

/* Rows around one of 30 centres. */
static float *make_rows(size_t count, size_t dimension, uint64_t seed)
{
    return clustered_rows(count, dimension, 30, seed);
}

static GV_OpenOptions options_of(const Shape *shape, GV_IVFPQConfig *ivfpq)
{
    GV_OpenOptions options;
    gv_open_options_init(&options);
    gv_ivfpq_config_init(ivfpq);
    ivfpq->nlist = 20;
    ivfpq->m = shape->m;
    ivfpq->nbits = shape->nbits;
    ivfpq->rotate = shape->rotate;
    ivfpq->drop_vectors = 1;
    options.index_type = GV_INDEX_TYPE_IVFPQ;
    options.dimension = shape->dimension;
    options.distance = (int32_t)shape->distance;
    options.ivfpq = ivfpq;
    return options;
}

/* Rows before training and after, some of which leave or change. */
static GV_Database *make_database(const Shape *shape, const char *kernels, uint32_t threads, const float *rows)
{
    size_t n = shape->dimension;
    GV_IVFPQConfig ivfpq;
    GV_OpenOptions options = options_of(shape, &ivfpq);
    GV_Database *db;
    options.kernels = kernels;
    options.threads = threads;
    CHECK_OK(gv_db_open_with_options(NULL, &options, &db));
    CHECK_OK(gv_db_set_exact_search_threshold(db, 0));
    CHECK_OK(gv_db_add_vectors(db, rows, ROWS / 2, n));
    CHECK_OK(gv_db_ivfpq_train(db, NULL, 0, n));
    CHECK_OK(gv_db_add_vectors(db, rows + ROWS / 2 * n, ROWS - ROWS / 2, n));
    for (uint64_t id = 3; id < ROWS; id += 5) CHECK_OK(gv_db_delete(db, &id, 1));
    for (uint64_t id = 1; id < ROWS; id += 50) CHECK_OK(gv_db_update_vector(db, id, rows + (ROWS - 1 - id) * n, n));
    for (uint64_t id = 0; id < ROWS; id += 5)
        CHECK_OK(gv_db_update_vector_metadata(db, id, (const char *const[]){"kind"},
                                              (const char *const[]){id % 10 ? "odd" : "even"}, 1));
    return db;
}

static GV_Rows *all_rows(GV_Database *db)
{
    GV_Rows *rows;
    CHECK_OK(gv_db_scroll(db, 0, 2 * ROWS, NULL, &rows));
    CHECK(rows->count == gv_db_count(db), "%zu rows", rows->count);
    return rows;
}

static void expect_same_rows(GV_Database *db, const GV_Rows *rows)
{
    GV_Rows *now = all_rows(db);
    CHECK(now->count == rows->count &&
              memcmp(now->vectors, rows->vectors, rows->count * rows->dimension * sizeof(float)) == 0 &&
              memcmp(now->ids, rows->ids, rows->count * sizeof *rows->ids) == 0,
          "other rows are kept");
    gv_rows_free(now);
}

static void check(GV_Database *db)
{
    GV_CheckReport report = {.struct_size = sizeof report};
    CHECK_OK(gv_db_check(db, &report));
    CHECK(report.faults == 0 && report.reachable == report.rows, "%llu of %llu rows are found",
          (unsigned long long)report.reachable, (unsigned long long)report.rows);
}

/* ---- answers are those of an exact scan over what is kept ---- */

/* The same hits, of which those of `flat` are by place in `rows`. */
static void expect_hits(const GV_Rows *found, const GV_Rows *exact, const GV_Rows *rows)
{
    CHECK(found->count == exact->count && found->total == exact->total, "%zu hits, not %zu", found->count,
          exact->count);
    for (size_t i = 0; i < found->count; i++) {
        size_t at = (size_t)exact->ids[i], n = rows->dimension;
        CHECK(found->ids[i] == rows->ids[at] && found->distances[i] == exact->distances[i],
              "hit %zu is row %llu at %.9g, not %llu at %.9g", i, (unsigned long long)found->ids[i],
              (double)found->distances[i], (unsigned long long)rows->ids[at], (double)exact->distances[i]);
        CHECK(memcmp(found->vectors + i * n, rows->vectors + at * n, n * sizeof(float)) == 0, "hit %zu is not its row",
              i);
    }
}

static void compare(GV_Database *db, GV_Database *flat, const GV_Rows *rows, const float *query)
{
    size_t n = rows->dimension;
    GV_Rows *found, *exact;
    GV_SearchOptions options;
    gv_search_options_init(&options);
    options.nprobe = 65536;
    options.rerank = 1 << 20;
    for (int distance = -1; distance <= GV_DISTANCE_MANHATTAN; distance++) {
        options.distance = distance;
        CHECK_OK(gv_db_search_rows(db, query, n, K, &options, &found));
        CHECK_OK(gv_db_search_rows(flat, query, n, K, &options, &exact));
        expect_hits(found, exact, rows);
        double radius = (double)exact->distances[K / 2];
        gv_rows_free(found);
        gv_rows_free(exact);
        CHECK_OK(gv_db_range_search(db, query, n, radius, 5, &options, &found));
        CHECK_OK(gv_db_range_search(flat, query, n, radius, 5, &options, &exact));
        expect_hits(found, exact, rows);
        gv_rows_free(found);
        gv_rows_free(exact);
    }
    options.distance = -1;
    CHECK_OK(gv_db_search_groups(db, query, n, 2, "kind", 100, &options, &found));
    for (size_t i = 0; i < found->count; i++)
        CHECK(found->ids[i] % 5 == 0, "row %llu has no kind", (unsigned long long)found->ids[i]);
    CHECK(found->count > 100, "%zu members", found->count);
    gv_rows_free(found);
    CHECK_OK(gv_db_search_by_id(db, rows->ids[7], 3, &options, &found));
    CHECK(found->count == 3 && found->ids[0] != rows->ids[7], "row %llu is near itself",
          (unsigned long long)found->ids[0]);
    gv_rows_free(found);
}

static void test_answers(const Shape *shape, GV_Database *db, const GV_Rows *rows)
{
    GV_OpenOptions options;
    GV_Database *flat;
    float *queries = make_rows(4, shape->dimension, 7);
    gv_open_options_init(&options);
    options.index_type = GV_INDEX_TYPE_FLAT;
    options.dimension = shape->dimension;
    options.distance = (int32_t)shape->distance;
    CHECK_OK(gv_db_open_with_options(NULL, &options, &flat));
    CHECK_OK(gv_db_add_vectors(flat, rows->vectors, rows->count, rows->dimension));
    for (size_t i = 0; i < 4; i++) compare(db, flat, rows, queries + i * shape->dimension);
    CHECK_OK(gv_db_close(flat));
    free(queries);
}

/* ---- the file ---- */

/* Every kernel and number of threads keeps the same rows. */
static void expect_same_file(const Shape *shape, const float *rows, const void *bytes, size_t size)
{
    for (size_t i = 0; gv_kernels_at(i); i++) {
        const GV_Kernels *kernels = gv_kernels_select(gv_kernels_at(i)->name);
        void *other;
        size_t other_size;
        if (!kernels) continue;
        GV_Database *db = make_database(shape, kernels->name, i % 2 ? 3 : 1, rows);
        CHECK_OK(gv_db_save_to_memory(db, &other, &other_size));
        CHECK(size == other_size && memcmp(bytes, other, size) == 0, "%s makes another file", kernels->name);
        gv_free(other);
        CHECK_OK(gv_db_close(db));
    }
}

static void test_copies(const Shape *shape, const void *bytes, size_t size, const GV_Rows *rows)
{
    GV_OpenOptions options;
    GV_Database *copy = gv_db_open_from_memory(bytes, size, shape->dimension, GV_INDEX_TYPE_IVFPQ);
    CHECK(copy, "%s", gv_last_error());
    check(copy);
    expect_same_rows(copy, rows);
    CHECK_OK(gv_db_compact(copy));
    check(copy);
    expect_same_rows(copy, rows);
    CHECK(gv_db_ivfpq_train(copy, NULL, 0, shape->dimension) == GV_ERR_UNSUPPORTED,
          "dropped vectors were learned from");
    gv_open_options_init(&options); /* the same settings: to be trained again */
    CHECK_OK(gv_db_convert(copy, &options));
    expect_same_rows(copy, rows);
    CHECK_OK(gv_db_ivfpq_train(copy, NULL, 0, shape->dimension));
    check(copy);
    CHECK_OK(gv_db_close(copy));
}

static void test_shape(const Shape *shape)
{
    void *bytes;
    size_t size;
    float *rows = make_rows(ROWS, shape->dimension, 1);
    GV_Database *db = make_database(shape, NULL, 1, rows);
    GV_Rows *kept = all_rows(db);
    check(db);
    test_answers(shape, db, kept);
    CHECK_OK(gv_db_save_to_memory(db, &bytes, &size));
    CHECK(gv_get_u32((uint8_t *)bytes + 8) == 1 && gv_get_u32((uint8_t *)bytes + 152) == 2, "version %u, vectors %u",
          gv_get_u32((uint8_t *)bytes + 8), gv_get_u32((uint8_t *)bytes + 152));
    expect_same_file(shape, rows, bytes, size);
    test_copies(shape, bytes, size, kept);
    gv_free(bytes);
    gv_rows_free(kept);
    CHECK_OK(gv_db_close(db));
    free(rows);
}

/* ---- what is kept ---- */

/* A byte for each component: what comes back is near what went in, so views are turned back as they were turned. */
static void test_nearness(size_t dimension, GV_DistanceType distance, uint32_t rotate)
{
    Shape shape = {dimension, distance, 8, (uint32_t)dimension, rotate};
    float *rows = make_rows(ROWS, dimension, 1);
    GV_Database *db = make_database(&shape, NULL, 2, rows);
    double off = 0.0, all = 0.0;
    for (uint64_t id = 2; id < ROWS; id += 5) {
        GV_Vector *kept;
        double squared = 0.0, scale = 1.0;
        CHECK_OK(gv_db_get(db, id, &kept));
        const float *row = rows + id * dimension;
        for (size_t j = 0; j < dimension; j++) squared += (double)row[j] * (double)row[j];
        if (distance == GV_DISTANCE_COSINE) scale = 1.0 / sqrt(squared);
        for (size_t j = 0; j < dimension; j++) {
            double difference = (double)row[j] * scale - (double)kept->data[j];
            off += difference * difference;
        }
        all += squared * scale * scale;
        gv_vector_free(kept);
    }
    CHECK(off < 0.01 * all, "%zu components, metric %d, rotate %u: off by %g of %g", dimension, distance, rotate, off,
          all);
    CHECK_OK(gv_db_close(db));
    free(rows);
}

/* The rows are gone from memory and from the file, also where there were none yet when it was trained. */
static void test_size(void)
{
    enum {
        N = 100
    };
    Shape shape = {N, GV_DISTANCE_EUCLIDEAN, 4, 50, 0};
    GV_IVFPQConfig ivfpq;
    GV_OpenOptions options = options_of(&shape, &ivfpq);
    GV_DatabaseInfo info = {.struct_size = sizeof info};
    float *rows = make_rows(10 * ROWS, N, 1);
    for (int early = 0; early < 2; early++) {
        GV_Database *db;
        CHECK_OK(gv_db_open_with_options(NULL, &options, &db));
        if (early) CHECK_OK(gv_db_ivfpq_train(db, rows, ROWS, N));
        CHECK_OK(gv_db_add_vectors(db, rows, 10 * ROWS, N));
        size_t before = gv_db_get_memory_usage(db), row = early ? 1 : sizeof(float);
        CHECK(early || before >= 10 * ROWS * N * row, "%zu bytes before training", before);
        if (!early) CHECK_OK(gv_db_ivfpq_train(db, rows, ROWS, N));
        CHECK_OK(gv_db_get_info(db, &info));
        CHECK(info.trained && info.memory_bytes < 10 * ROWS * 90, "%llu bytes", (unsigned long long)info.memory_bytes);
        CHECK_OK(gv_db_close(db));
    }
    free(rows);
}

/* Upserts compare what is kept: the same vector leaves the row in its place, another one moves it. */
static void test_upserts(void)
{
    Shape shape = shapes[0];
    size_t n = shape.dimension;
    float *rows = make_rows(ROWS, n, 1);
    GV_Database *db = make_database(&shape, NULL, 1, rows);
    static Packed packed;
    uint64_t id, again;
    GV_Hit hit;
    size_t count;
    packed.size = 0;
    put_count(&packed, 1);
    put_pair(&packed, "doc", "1000");
    GV_PackedMetadata metadata = packed_all(&packed);
    CHECK_OK(gv_db_upsert(db, rows, n, &metadata, "doc", &id));
    GV_Stats before = {.struct_size = sizeof before}, after = before;
    CHECK_OK(gv_db_get_stats(db, &before));
    CHECK_OK(gv_db_upsert(db, rows, n, &metadata, "doc", &again));
    CHECK(again == id, "row %llu, not %llu", (unsigned long long)again, (unsigned long long)id);
    CHECK_OK(gv_db_upsert(db, rows + 40 * n, n, &metadata, "doc", &again));
    CHECK(again == id, "row %llu, not %llu", (unsigned long long)again, (unsigned long long)id);
    CHECK_OK(gv_db_get_stats(db, &after));
    CHECK(after.nodes == before.nodes && after.free_slots == before.free_slots, "%llu rows",
          (unsigned long long)after.nodes);
    CHECK_OK(gv_db_search_filtered(db, rows + 40 * n, n, 1, GV_DISTANCE_EUCLIDEAN, "doc", "1000", &hit, &count));
    CHECK(count == 1 && hit.id == id && hit.distance < 1.0f, "%zu hits", count);
    check(db);
    CHECK_OK(gv_db_close(db));
    free(rows);
}

static void test_refusals(void)
{
    Shape shape = shapes[0];
    GV_IVFPQConfig ivfpq;
    GV_OpenOptions options = options_of(&shape, &ivfpq);
    GV_Database *db;
    options.storage = GV_STORAGE_F16;
    CHECK(gv_db_open_with_options(NULL, &options, &db) == GV_ERR_UNSUPPORTED && strstr(gv_last_error(), "F16"), "%s",
          gv_last_error());
    options.storage = -1;
    options.distance = GV_DISTANCE_MANHATTAN;
    CHECK(gv_db_open_with_options(NULL, &options, &db) == GV_ERR_UNSUPPORTED && strstr(gv_last_error(), "MANHATTAN"),
          "%s", gv_last_error());
    options.distance = -1;
    ivfpq.drop_vectors = 2;
    CHECK(gv_db_open_with_options(NULL, &options, &db) == GV_ERR_ARGUMENT &&
              strstr(gv_last_error(), "drop_vectors is 2"),
          "%s", gv_last_error());
    ivfpq.drop_vectors = 1;
    float *rows = make_rows(ROWS, shape.dimension, 1);
    db = make_database(&shape, NULL, 1, rows);
    gv_open_options_init(&options);
    options.storage = GV_STORAGE_INT8;
    CHECK(gv_db_convert(db, &options) == GV_ERR_UNSUPPORTED, "converted");
    options.index_type = GV_INDEX_TYPE_FLAT;
    CHECK_OK(gv_db_convert(db, &options));
    CHECK_OK(gv_db_close(db));
    free(rows);
}

int main(void)
{
    for (size_t i = 0; i < sizeof shapes / sizeof *shapes; i++) test_shape(&shapes[i]);
    for (uint32_t rotate = 0; rotate < 2; rotate++) {
        test_nearness(64, GV_DISTANCE_EUCLIDEAN, rotate);
        test_nearness(MOST, GV_DISTANCE_COSINE, rotate);
        test_nearness(40, GV_DISTANCE_DOT_PRODUCT, rotate);
    }
    test_size();
    test_upserts();
    test_refusals();
    printf("ok\n");
    return 0;
}
