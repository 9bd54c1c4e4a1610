/* test_upsert_native.c: without it a search could see half of an upsert, or miss a row while it is being replaced: one thread
 * writes two rows again and again, others ask for them, by the graph and by a scan. */
#include "base/random.h"
#include "packed.h"
#include <pthread.h>
#include <stdatomic.h>
#include <string.h>

enum {
    DIMENSION = 16,
    OTHERS = 3000, /* rows that stay, far away */
    ROUNDS = 1500,
    READERS = 2
};

typedef struct Shared {
    GV_Database *db;
    atomic_bool done;
    atomic_ulong looks;
    bool filtered; /* readers go by a filter, which a scan answers */
} Shared;

static void near_corner(float *row, uint64_t seed)
{
    for (uint64_t i = 0; i < DIMENSION; i++) row[i] = 1000.0f + (float)(gv_random(seed, i) % 1000) / 1000.0f;
}

static void write_pair(GV_Database *db, unsigned version)
{
    static Packed packed;
    float rows[2 * DIMENSION];
    uint64_t ids[2];
    char text[16];
    packed.size = 0;
    (void)snprintf(text, sizeof text, "%u", version);
    for (size_t i = 0; i < 2; i++) {
        near_corner(rows + i * DIMENSION, version % 3 == 1 ? 2 * version + i : 0); /* often equal, or as before */
        put_count(&packed, 3);
        put_pair(&packed, "name", i == 0 ? "one" : "other");
        put_pair(&packed, "version", text);
        put_pair(&packed, "part", "pair");
    }
    GV_PackedMetadata metadata = packed_all(&packed);
    CHECK_OK(gv_db_upsert_many(db, rows, 2, DIMENSION, &metadata, "name", ids));
    CHECK(ids[0] == OTHERS && ids[1] == OTHERS + 1, "rows %llu and %llu", (unsigned long long)ids[0],
          (unsigned long long)ids[1]);
}

static size_t pair_value(const GV_Rows *rows, size_t at, const char *key, char text[16])
{
    size_t row_end = at + 4;
    *text = 0;
    for (uint32_t pairs = gv_get_u32(rows->metadata + at); pairs > 0; pairs--) {
        size_t key_size = gv_get_u32(rows->metadata + row_end), size = gv_get_u32(rows->metadata + row_end + 4);
        if (key_size == strlen(key) && memcmp(rows->metadata + row_end + 8, key, key_size) == 0) {
            memcpy(text, rows->metadata + row_end + 8 + key_size, size);
            text[size] = 0;
        }
        row_end += 8 + key_size + size;
    }
    return row_end;
}

static void *read_pairs(void *context)
{
    Shared *s = context;
    float query[DIMENSION];
    GV_SearchOptions options;
    gv_search_options_init(&options);
    if (s->filtered) options.filter_key = "part", options.filter_value = "pair";
    for (uint64_t seed = 0; !s->done; seed++) {
        GV_Rows *rows;
        char first[16], second[16];
        near_corner(query, seed);
        CHECK_OK(gv_db_search_rows(s->db, query, DIMENSION, 2, &options, &rows));
        CHECK(rows->count == 2 && rows->ids[0] + rows->ids[1] == 2 * OTHERS + 1 && rows->ids[0] != rows->ids[1],
              "rows %llu and %llu", (unsigned long long)rows->ids[0], (unsigned long long)rows->ids[1]);
        CHECK(rows->distances[1] < 100.0f, "a row of the pair is missing");
        pair_value(rows, pair_value(rows, 0, "version", first), "version", second);
        CHECK(*first && strcmp(first, second) == 0, "versions %s and %s", first, second);
        gv_rows_free(rows);
        s->looks++;
    }
    return NULL;
}

static void check_readers(bool filtered)
{
    Shared shared = {.filtered = filtered};
    pthread_t threads[READERS];
    float row[DIMENSION];
    shared.db = gv_db_open(NULL, DIMENSION, GV_INDEX_TYPE_HNSW);
    CHECK(shared.db, "%s", gv_last_error());
    CHECK_OK(gv_db_set_exact_search_threshold(shared.db, 0));
    for (uint64_t id = 0; id < OTHERS; id++) {
        for (uint64_t i = 0; i < DIMENSION; i++) row[i] = (float)(gv_random(id, i) % 100);
        CHECK_OK(gv_db_add_vector(shared.db, row, DIMENSION));
    }
    write_pair(shared.db, 0);
    for (size_t i = 0; i < READERS; i++)
        CHECK(pthread_create(&threads[i], NULL, read_pairs, &shared) == 0, "thread %zu", i);
    for (unsigned version = 1; version < ROUNDS; version++) write_pair(shared.db, version);
    while (shared.looks < 100) write_pair(shared.db, ROUNDS);
    shared.done = true;
    for (size_t i = 0; i < READERS; i++) CHECK(pthread_join(threads[i], NULL) == 0, "thread %zu", i);
    printf("%s: %lu looks at %d versions\n", filtered ? "filtered" : "walked", shared.looks, ROUNDS);
    GV_CheckReport report = {.struct_size = sizeof report};
    CHECK_OK(gv_db_check(shared.db, &report));
    CHECK_OK(gv_db_close(shared.db));
}

int main(void)
{
    check_readers(false);
    check_readers(true);
    return 0;
}
