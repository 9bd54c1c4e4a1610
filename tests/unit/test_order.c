/* test_order.c: rows of a large graph that compact() puts where searches meet them. Without it a row could be lost or get another's id or
 * metadata on the way, equal rows could part, or the order could be no better than that of ids. */
#include "packed.h"
#include "rows.h"
#include <math.h>

enum {
    DIMENSION = 3,
    ROWS = 68000, /* more than compact() leaves in the order of their ids, also without those that are deleted */
    CENTRES = 50,
    TWINS = 40, /* equal rows, at the end */
    GONE = 997, /* every so many-th row is deleted */
    SAMPLE = 131,
    K = 10
};

static float *rows;
static GV_Vfs *memory;

static uint64_t first_twin(void) { return ROWS - TWINS; }

static bool is_gone(uint64_t id) { return id % GONE == 5; }

static GV_Database *make(void)
{
    static Packed metadata;
    GV_HNSWConfig hnsw;
    GV_OpenOptions options;
    GV_Database *db;
    gv_hnsw_config_init(&hnsw);
    hnsw.M = 4;
    hnsw.ef_construction = 24;
    gv_open_options_init(&options);
    options.dimension = DIMENSION;
    options.hnsw = &hnsw;
    memory = gv_vfs_memory_new();
    CHECK_OK(gv_db_open_with_vfs(NULL, &options, memory, &db));
    rows = clustered_rows(ROWS, DIMENSION, CENTRES, 11);
    for (uint64_t id = first_twin(); id < ROWS; id++)
        memcpy(rows + id * DIMENSION, rows + first_twin() * DIMENSION, DIMENSION * sizeof *rows);
    CHECK_OK(gv_db_add_vectors(db, rows, ROWS, DIMENSION));
    for (uint64_t id = 0; id < ROWS; id += SAMPLE) {
        char text[24];
        (void)snprintf(text, sizeof text, "%llu", (unsigned long long)id);
        metadata.size = 0;
        put_count(&metadata, 1);
        put_pair(&metadata, "row", text);
        GV_PackedMetadata packed = packed_all(&metadata);
        CHECK_OK(gv_db_update_metadata(db, id, &packed));
    }
    for (uint64_t id = 0; id < ROWS; id++)
        if (is_gone(id)) CHECK_OK(gv_db_delete(db, &id, 1));
    return db;
}

typedef struct Answers {
    GV_Hit hits[ROWS / SAMPLE + 1][K];
    double spread; /* mean distance of the slots of a row and those of the rows that are nearest to it */
} Answers;

static void ask(GV_Database *db, Answers *answers)
{
    double sum = 0, pairs = 0;
    for (uint64_t id = 0, i = 0; id < ROWS; id += SAMPLE, i++) {
        size_t found;
        CHECK_OK(gv_db_search(db, rows + id * DIMENSION, DIMENSION, K, answers->hits[i], &found));
        CHECK(found == K, "%zu hits", found);
        uint32_t slot = gv_table_find(&db->store->table, answers->hits[i][0].id);
        for (size_t j = 1; j < K; j++, pairs++)
            sum += fabs((double)gv_table_find(&db->store->table, answers->hits[i][j].id) - (double)slot);
    }
    answers->spread = sum / pairs;
}

static void check_rows(GV_Database *db)
{
    GV_CheckReport report = {.struct_size = sizeof report};
    CHECK_OK(gv_db_check(db, &report));
    CHECK(report.faults == 0 && report.reachable == report.rows, "%llu faults, %llu of %llu rows reachable: %s",
          (unsigned long long)report.faults, (unsigned long long)report.reachable, (unsigned long long)report.rows,
          gv_last_error());
    uint64_t left = 0;
    for (uint64_t id = 0; id < ROWS; id++) {
        GV_Vector *row = NULL;
        GV_Status status = gv_db_get(db, id, &row);
        CHECK(status == (is_gone(id) ? GV_ERR_NOT_FOUND : GV_OK), "row %llu: %d", (unsigned long long)id, (int)status);
        if (status != GV_OK) continue;
        left++;
        CHECK(memcmp(row->data, rows + id * DIMENSION, DIMENSION * sizeof(float)) == 0, "row %llu is another",
              (unsigned long long)id);
        bool described = id % SAMPLE == 0;
        CHECK(described == (row->metadata != NULL), "metadata of row %llu", (unsigned long long)id);
        if (described)
            CHECK(strtoull(row->metadata->value, NULL, 10) == id, "row %llu has the metadata of %s",
                  (unsigned long long)id, row->metadata->value);
        gv_vector_free(row);
    }
    CHECK(left == gv_db_count(db), "%llu rows", (unsigned long long)left);
}

int main(void)
{
    static Answers before, after, again;
    GV_Database *db = make(), *copy;
    void *bytes;
    size_t size;
    ask(db, &before);
    CHECK_OK(gv_db_compact(db));
    check_rows(db);
    ask(db, &after);
    CHECK(after.spread < before.spread / 4, "%.0f slots apart, %.0f before", after.spread, before.spread);
    size_t other = 0;
    for (size_t i = 0; i < ROWS / SAMPLE; i++)
        for (size_t j = 0; j < K; j++) other += after.hits[i][j].id != before.hits[i][j].id;
    CHECK(other < ROWS / SAMPLE * K / 20, "%zu of %d hits are others", other, ROWS / SAMPLE * K);
    CHECK_OK(gv_db_save_to_memory(db, &bytes, &size));
    copy = gv_db_open_from_memory(bytes, size, DIMENSION, GV_INDEX_TYPE_HNSW);
    CHECK(copy, "%s", gv_last_error());
    check_rows(copy);
    ask(copy, &again);
    CHECK(memcmp(again.hits, after.hits, sizeof after.hits) == 0, "the file answers otherwise");
    gv_free(bytes);
    CHECK_OK(gv_db_close(copy));
    CHECK_OK(gv_db_close(db));
    gv_vfs_memory_free(memory);
    printf("rows near each other lie %.0f slots apart, %.0f before\n", after.spread, before.spread);
    free(rows);
    return 0;
}
