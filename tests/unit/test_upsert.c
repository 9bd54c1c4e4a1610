/* test_upsert.c: without it a row written again could be there twice, lose its id, or take another row's place, and a refused
 * call could leave half of itself behind. Any calls in any order, beside a model; then what must be refused. */
#include "base/random.h"
#include "packed.h"
#include <math.h>
#include <string.h>

enum {
    DIMENSION = 5,
    KEYS = 60, /* values that the key may have */
    CALLS = 600,
    MOST = 12 /* rows a call */
};

typedef struct Row {
    float vector[DIMENSION];
    uint64_t id;
    unsigned version;
    bool live;
} Row;

static Row rows[KEYS]; /* by value */

static void value_of(size_t key, char text[16]) { (void)snprintf(text, 16, "doc-%zu", key); }

static GV_Database *make(GV_IndexType index)
{
    GV_Database *db = open_in_memory(DIMENSION, index, GV_DISTANCE_EUCLIDEAN);
    CHECK_OK(gv_db_set_exact_search_threshold(db, 0));
    memset(rows, 0, sizeof rows);
    return db;
}

static void fill(float *row, uint64_t seed)
{
    for (uint64_t i = 0; i < DIMENSION; i++) row[i] = (float)(gv_random(seed % 97, i) % 17) - 8.0f; /* many are equal */
}

static void compare(GV_Database *db, const char *what)
{
    size_t live = 0;
    for (size_t key = 0; key < KEYS; key++) {
        char text[16], version[16];
        GV_Vector *got;
        if (!rows[key].live) continue;
        live++;
        value_of(key, text);
        (void)snprintf(version, sizeof version, "%u", rows[key].version);
        CHECK_OK(gv_db_get(db, rows[key].id, &got));
        CHECK(memcmp(got->data, rows[key].vector, sizeof rows[key].vector) == 0, "%s: vector of %s", what, text);
        CHECK(strcmp(got->metadata->value, text) == 0 && strcmp(got->metadata->next->value, version) == 0 &&
                  !got->metadata->next->next,
              "%s: metadata of %s", what, text);
        gv_vector_free(got);
    }
    CHECK(gv_db_count(db) == live, "%s: %llu rows, not %zu", what, (unsigned long long)gv_db_count(db), live);
    GV_CheckReport report = {.struct_size = sizeof report};
    CHECK_OK(gv_db_check(db, &report));
    CHECK(report.reachable == live, "%s: %llu of %zu rows are reached", what, (unsigned long long)report.reachable,
          live);
}

static void upsert_some(GV_Database *db, uint64_t seed, uint64_t *next_id)
{
    static Packed packed;
    float vectors[MOST * DIMENSION];
    uint64_t ids[MOST];
    size_t count = 1 + (size_t)(gv_random(seed, 1) % MOST), first = (size_t)(gv_random(seed, 2) % KEYS);
    packed.size = 0;
    for (size_t i = 0; i < count; i++) {
        Row *row = &rows[(first + i * 7) % KEYS];
        char text[16], version[16];
        float *vector = vectors + i * DIMENSION;
        if (gv_random(seed, 10 + i) % 3 == 0 && row->live) memcpy(vector, row->vector, sizeof row->vector);
        else fill(vector, seed + i);
        if (!row->live) row->id = (*next_id)++;
        row->version += (unsigned)(gv_random(seed, 40 + i) % 2);
        row->live = true;
        memcpy(row->vector, vector, sizeof row->vector);
        value_of((first + i * 7) % KEYS, text);
        (void)snprintf(version, sizeof version, "%u", row->version);
        put_count(&packed, 2);
        put_pair(&packed, "doc", text);
        put_pair(&packed, "version", version);
    }
    GV_PackedMetadata metadata = packed_all(&packed);
    if (count == 1) CHECK_OK(gv_db_upsert(db, vectors, DIMENSION, &metadata, "doc", ids));
    else CHECK_OK(gv_db_upsert_many(db, vectors, count, DIMENSION, &metadata, "doc", ids));
    for (size_t i = 0; i < count; i++)
        CHECK(ids[i] == rows[(first + i * 7) % KEYS].id, "row %zu of seed %llu got id %llu", i,
              (unsigned long long)seed, (unsigned long long)ids[i]);
}

static void check_any_calls(GV_IndexType index)
{
    GV_Database *db = make(index);
    uint64_t next_id = 0;
    for (uint64_t call = 0; call < CALLS; call++) {
        size_t key = (size_t)(gv_random(call, 3) % KEYS);
        if (call % 4 == 3 && rows[key].live) {
            CHECK_OK(gv_db_delete_vector_by_index(db, rows[key].id));
            rows[key].live = false;
        } else {
            upsert_some(db, call, &next_id);
        }
        if (call % 20 == 0) compare(db, "any calls");
    }
    compare(db, "at the end");
    CHECK_OK(gv_db_close(db));
}

/* A thousand rows replaced at once, among others: the graph finds all of them where they are now. */
static void check_many_at_once(void)
{
    enum {
        MANY = 1000
    };
    GV_Database *db = make(GV_INDEX_TYPE_HNSW);
    static float vectors[MANY * DIMENSION];
    static uint64_t ids[MANY];
    static Packed packed;
    for (int round = 0; round < 3; round++) {
        packed.size = 0;
        for (size_t i = 0; i < MANY; i++) {
            char text[16];
            for (uint64_t j = 0; j < DIMENSION; j++)
                vectors[i * DIMENSION + j] = (float)(gv_random(i + (size_t)round * MANY, j) % 100003);
            value_of(i, text);
            put_count(&packed, 1);
            put_pair(&packed, "doc", text);
        }
        GV_PackedMetadata metadata = packed_all(&packed);
        CHECK_OK(gv_db_upsert_many(db, vectors, MANY, DIMENSION, &metadata, "doc", ids));
        for (size_t i = 0; i < MANY; i++)
            CHECK(ids[i] == i, "round %d: row %zu is %llu", round, i, (unsigned long long)ids[i]);
    }
    size_t found = 0, count;
    for (size_t i = 0; i < MANY; i++) {
        GV_Hit hit;
        CHECK_OK(gv_db_search(db, vectors + i * DIMENSION, DIMENSION, 1, &hit, &count));
        found += count == 1 && hit.id == i && hit.distance == 0.0f;
    }
    CHECK(found > MANY - 5, "%zu of %d rows are found", found, MANY);
    CHECK(gv_db_count(db) == MANY, "%llu rows", (unsigned long long)gv_db_count(db));
    CHECK_OK(gv_db_close(db));
}

/* ---- what is refused ---- */

static void refuse(GV_Database *db, const float *vectors, size_t count, const char *const *values, const char *key,
                   GV_Status status, const char *sentence)
{
    static Packed packed;
    uint64_t before = gv_db_count(db);
    packed.size = 0;
    for (size_t i = 0; i < count; i++) {
        put_count(&packed, values[i] != NULL);
        if (values[i]) put_pair(&packed, "doc", values[i]);
    }
    GV_PackedMetadata metadata = packed_all(&packed);
    GV_Status got = gv_db_upsert_many(db, vectors, count, DIMENSION, &metadata, key, NULL);
    CHECK(got == status, "%d, not %d: %s", (int)got, (int)status, gv_last_error());
    CHECK(strstr(gv_last_error(), sentence), "\"%s\" lacks \"%s\"", gv_last_error(), sentence);
    CHECK(gv_db_count(db) == before, "a refused call added rows");
}

static void check_refusals(void)
{
    GV_Database *db = make(GV_INDEX_TYPE_FLAT);
    float vectors[2 * DIMENSION] = {1, 2, 3, 4, 5, 6, 7, 8, 9, 10};
    const char *const same[] = {"a", "a"}, *const none[] = {"a", NULL}, *const good[] = {"a", "b"};
    const char *const twice[] = {"t"};
    GV_ResourceLimits limits = {.struct_size = sizeof limits, .max_vectors = 1};
    refuse(db, vectors, 2, same, "doc", GV_ERR_ARGUMENT, "rows 0 and 1 have the same value of key \"doc\"");
    refuse(db, vectors, 2, none, "doc", GV_ERR_ARGUMENT, "metadata of row 1 has no key \"doc\"");
    refuse(db, vectors, 2, good, "dok", GV_ERR_ARGUMENT, "metadata of row 0 has no key \"dok\"");
    refuse(db, vectors, 2, good, NULL, GV_ERR_ARGUMENT, "key is NULL");
    vectors[7] = INFINITY;
    refuse(db, vectors, 2, good, "doc", GV_ERR_ARGUMENT, "vector 1: component 2 is infinite");
    vectors[7] = 7;
    CHECK_OK(gv_db_set_resource_limits(db, &limits));
    refuse(db, vectors, 2, good, "doc", GV_ERR_LIMIT, "max_vectors is 1");
    limits.max_vectors = 0;
    CHECK_OK(gv_db_set_resource_limits(db, &limits));
    CHECK(gv_db_upsert(db, vectors, DIMENSION - 1, NULL, "doc", NULL) == GV_ERR_ARGUMENT, "another dimension");
    CHECK(gv_db_upsert(db, vectors, DIMENSION, NULL, "doc", NULL) == GV_ERR_ARGUMENT, "no metadata");
    for (int i = 0; i < 2; i++) CHECK_OK(gv_db_add_vector_with_metadata(db, vectors, DIMENSION, "doc", "t"));
    refuse(db, vectors, 1, twice, "doc", GV_ERR_ARGUMENT, "rows 0 and 1 both have the value that row 0 has of key");
    CHECK_OK(gv_db_upsert_many(db, vectors, 0, DIMENSION, NULL, "doc", NULL));
    CHECK_OK(gv_db_close(db));
}

int main(void)
{
    check_any_calls(GV_INDEX_TYPE_FLAT);
    check_any_calls(GV_INDEX_TYPE_HNSW);
    check_many_at_once();
    check_refusals();
    return 0;
}
