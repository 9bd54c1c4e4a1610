/* test_declared.c: without it a file whose columns of declared keys are false, all checksums right, could crash a reader or a writer, or
 * be refused where it is only wrong: numbers that cannot be are refused, those that could are found by a check, and writes live with them. */
#include "api/db.h"
#include "base/bytes.h"
#include "base/random.h"
#include "check.h"
#include "record.h"
#include "reseal.h"
#include "samples.h"
#include "storage/format.h"
#include <string.h>

enum {
    ROWS = 40
};

static uint8_t *file;
static size_t file_size, columns; /* where those begin */
static uint32_t slots;

static GV_Status open_bytes(GV_Vfs *vfs, GV_Database **db)
{
    GV_OpenOptions options;
    gv_open_options_init(&options);
    options.durability = GV_DURABILITY_OS;
    options.dimension = 1;
    options.index_type = GV_INDEX_TYPE_FLAT;
    return gv_db_open_with_vfs("file", &options, vfs, db);
}

/* Two keys; the metadata of row i is {"a": i % 4, "b": i}, and of every fifth nothing; row 7 is deleted. */
static void make_file(void)
{
    static const char *const keys[] = {"a", "b"};
    const float vector = 1.0f;
    const uint64_t gone = 7;
    GV_Vfs *vfs = gv_vfs_memory_new();
    GV_Database *db;
    CHECK(vfs, "no memory");
    CHECK_OK(open_bytes(vfs, &db));
    CHECK_OK(gv_db_index_keys(db, keys, 2));
    for (int i = 0; i < ROWS; i++) {
        char a[16], b[16];
        const char *const values[] = {a, b};
        snprintf(a, sizeof a, "%d", i % 4);
        snprintf(b, sizeof b, "%d", i);
        CHECK_OK(gv_db_add_vector_with_rich_metadata(db, &vector, 1, keys, values, i % 5 ? 2 : 0));
    }
    CHECK_OK(gv_db_delete(db, &gone, 1));
    CHECK_OK(gv_db_save(db, NULL));
    CHECK_OK(gv_db_close(db));
    file = record_copy(vfs, "file", &file_size);
    slots = gv_get_u32(file + 36);
    const uint8_t *table = file + gv_get_u64(file + 88);
    for (uint32_t i = 0; i < gv_get_u32(file + 12); i++)
        if (gv_get_u32(table + 32 * i) == GV_SECTION_KEY_VALUES) columns = (size_t)gv_get_u64(table + 32 * i + 8);
    CHECK(columns > 0 && slots == ROWS, "no columns, or %u slots", slots);
    gv_vfs_memory_free(vfs);
}

static void write_all(GV_Database *db)
{
    static const char *const keys[] = {"b", "a"}, *const values[] = {"3", "1"};
    const float vector = 2.0f;
    uint64_t count;
    for (uint64_t id = 0; id < ROWS; id++) {
        if (!gv_db_contains(db, id)) continue;
        if (id % 3 == 0) CHECK_OK(gv_db_delete(db, &id, 1));
        if (id % 3 == 1) CHECK_OK(gv_db_update_vector_metadata(db, id, keys, values, 2));
        if (id % 3 == 2) CHECK_OK(gv_db_update_vector(db, id, &vector, 1));
        CHECK_OK(gv_db_add_vector_with_rich_metadata(db, &vector, 1, keys, values, id % 2 + 1));
        CHECK_OK(gv_db_count_matching(db, "a < 3 AND b > 1", &count));
    }
    CHECK_OK(gv_db_save(db, NULL));
}

/* What becomes of the file with `count` numbers of column `key` changed: whether it opens; then it is found out, and may be written to. */
static GV_Status try_numbers(uint32_t key, uint32_t changes[][2], size_t count)
{
    GV_CheckReport report = {.struct_size = sizeof report};
    uint8_t *bytes = test_alloc(file_size);
    GV_Vfs *vfs = gv_vfs_memory_new();
    GV_Database *db;
    memcpy(bytes, file, file_size);
    for (size_t i = 0; i < count; i++)
        gv_put_u32(bytes + columns + 4 * ((size_t)key * slots + changes[i][0]), changes[i][1]);
    reseal_sections(bytes, file_size);
    record_put(vfs, "file", bytes, file_size);
    GV_Status status = open_bytes(vfs, &db);
    if (status == GV_OK) {
        CHECK(gv_db_check(db, &report) == (count > 0 ? GV_ERR_CORRUPT : GV_OK), "a false column is not found");
        write_all(db);
        CHECK_OK(gv_db_close(db));
    }
    gv_vfs_memory_free(vfs);
    free(bytes);
    return status;
}

static void refuse(uint32_t key, uint32_t slot, uint32_t number)
{
    uint32_t change[1][2] = {{slot, number}};
    CHECK(try_numbers(key, change, 1) == GV_ERR_CORRUPT, "key %u, slot %u: %u is believed", key, slot, number);
}

int main(void)
{
    make_file();
    CHECK_OK(try_numbers(0, NULL, 0));
    refuse(0, 1, 2); /* the first number is 1 */
    refuse(0, 1, 0x80000001u);
    refuse(0, 39, 5); /* a value that stands there already */
    refuse(0, 39, 6); /* out of order */
    refuse(0, 7, 1);  /* no live row */
    refuse(0, 0, 1);  /* a row without the key, the first of its value */
    refuse(1, 39, UINT32_MAX);
    uint32_t lies[][2] = {{20, 1}, {22, 0}, {38, 4}, {11, 1}, {35, 3}};
    for (size_t i = 0; i < sizeof lies / sizeof *lies; i++) CHECK_OK(try_numbers(0, &lies[i], 1));
    CHECK_OK(try_numbers(0, lies, 5));
    uint64_t opened = 0, tried = 0;
    for (uint64_t seed = 0; seed < 400; seed++) { /* values that others have: of both kinds of postings */
        uint32_t changes[3][2];
        for (uint64_t i = 0; i < 3; i++) {
            changes[i][0] = (uint32_t)(gv_random(seed, 2 * i) % slots);
            changes[i][1] = (uint32_t)(gv_random(seed, 2 * i + 1) % 40);
        }
        if (seed % 2 == 0) changes[0][1] %= 5, changes[1][1] %= 5, changes[2][1] %= 5;
        uint32_t key = (uint32_t)(seed % 2), same = 0;
        for (int i = 0; i < 3; i++) /* some say what is there */
            same += gv_get_u32(file + columns + 4 * ((size_t)key * slots + changes[i][0])) == changes[i][1];
        if (same > 0) continue;
        tried++;
        opened += try_numbers(key, changes, 3) == GV_OK;
    }
    printf("false columns: %llu of %llu opened and lived with\n", (unsigned long long)opened,
           (unsigned long long)tried);
    free(file);
    return 0;
}
