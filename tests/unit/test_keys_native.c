/* test_keys_native.c: without it the columns of declared keys could be made by looking at all rows of a mapped file, be loaded by two
 * searches at once, hide damage, or answer with it: a file, mapped, its first filters from many threads, and its bytes changed. */
#include "api/db.h"
#include "packed.h"
#include <pthread.h>
#include <stdlib.h>
#include <unistd.h>

enum {
    ROWS = 40000, /* so many that an undeclared key is not indexed at once */
    BATCH = 1000,
    THREADS = 4
};

static char path[64], copy[80];

static GV_Database *open_as(bool mapped, bool read_only)
{
    GV_OpenOptions options;
    GV_Database *db;
    gv_open_options_init(&options);
    options.dimension = 2;
    options.index_type = GV_INDEX_TYPE_FLAT;
    options.durability = GV_DURABILITY_OS;
    options.memory_map = mapped;
    options.read_only = read_only;
    options.checkpoint_on_close = 0;
    CHECK_OK(gv_db_open_with_options(path, &options, &db));
    return db;
}

static void add_rows(GV_Database *db, uint64_t from, uint64_t count)
{
    static float rows[2 * BATCH];
    static Packed packed;
    for (uint64_t at = from; at < from + count; at += BATCH) {
        packed.size = 0;
        for (uint64_t i = at; i < at + BATCH; i++) {
            char text[32];
            put_count(&packed, 2);
            snprintf(text, sizeof text, "%llu", (unsigned long long)i);
            put_pair(&packed, "number", text);
            put_pair(&packed, "colour", i % 3 ? "red" : "green");
        }
        GV_PackedMetadata metadata = packed_all(&packed);
        CHECK_OK(gv_db_add(db, rows, BATCH, 2, &metadata, NULL));
    }
}

static uint64_t count_of(GV_Database *db, const char *filter)
{
    uint64_t count;
    CHECK_OK(gv_db_count_matching(db, filter, &count));
    return count;
}

static bool is_whole(GV_Database *db, const char *key)
{
    return gv_terms_is_whole(&db->store->terms, key, strlen(key));
}

static GV_Status check(GV_Database *db)
{
    GV_CheckReport report = {.struct_size = sizeof report};
    return gv_db_check(db, &report);
}

static void *filter(void *argument)
{
    GV_Database *db = argument;
    for (int i = 0; i < 3; i++) {
        CHECK(count_of(db, "number < 100 OR number >= 39900") == 200, "another number of rows");
        CHECK(count_of(db, "colour == \"green\"") == 13334, "another number of rows");
        CHECK(count_of(db, "NOT EXISTS other") == ROWS, "another number of rows");
    }
    return NULL;
}

static void test_mapped(void)
{
    pthread_t threads[THREADS];
    GV_Database *db = open_as(true, true);
    CHECK(!is_whole(db, "number"), "loaded before anyone asks");
    for (int i = 0; i < THREADS; i++) CHECK(pthread_create(&threads[i], NULL, filter, db) == 0, "no thread");
    for (int i = 0; i < THREADS; i++) CHECK(pthread_join(threads[i], NULL) == 0, "no thread");
    CHECK(is_whole(db, "number") && is_whole(db, "colour"), "not loaded");
    CHECK_OK(check(db));
    CHECK_OK(gv_db_close(db));
}

/* What a mapped reader saves has the same columns, asked for or not. */
static void test_copy(void)
{
    void *bytes[2];
    size_t sizes[2];
    GV_Database *mapped = open_as(true, true), *read = open_as(false, true);
    CHECK(is_whole(read, "number"), "not loaded");
    CHECK_OK(gv_db_save_to_memory(mapped, &bytes[0], &sizes[0]));
    CHECK_OK(gv_db_save_to_memory(read, &bytes[1], &sizes[1]));
    CHECK(sizes[0] == sizes[1] && memcmp(bytes[0], bytes[1], sizes[0]) == 0, "the copies differ");
    gv_free(bytes[0]);
    gv_free(bytes[1]);
    CHECK_OK(gv_db_save(mapped, copy));
    CHECK_OK(gv_db_close(mapped));
    CHECK_OK(gv_db_close(read));
}

/* With a log behind the image. */
static void test_log(void)
{
    static const char *const keys[] = {"number", "colour"}, *const values[] = {"-7", "blue"};
    const uint64_t gone[] = {5, 6, 7};
    GV_Database *db = open_as(false, false), *reader = open_as(true, true);
    add_rows(db, ROWS, BATCH);
    CHECK_OK(gv_db_delete(db, gone, 3));
    CHECK_OK(gv_db_update_vector_metadata(db, 8, keys, values, 2));
    CHECK(count_of(reader, "number < 10") == 10, "a reader sees what is not his");
    CHECK_OK(gv_db_refresh(reader));
    CHECK(count_of(reader, "number < 10") == 7 && count_of(reader, "colour == \"blue\"") == 1, "refreshed");
    CHECK_OK(check(reader));
    CHECK_OK(gv_db_index_keys(db, keys, 1));
    CHECK_OK(gv_db_refresh(reader));
    CHECK(reader->store->terms.declared_bytes == 4 + 4 + 6, "a list of %zu bytes", reader->store->terms.declared_bytes);
    CHECK_OK(gv_db_index_keys(db, keys, 2));
    CHECK_OK(gv_db_save(db, NULL));
    CHECK_OK(gv_db_refresh(reader));
    CHECK(count_of(reader, "number < 10") == 7 && is_whole(reader, "number"), "refreshed");
    CHECK_OK(check(reader));
    CHECK_OK(gv_db_close(db));
    CHECK_OK(gv_db_close(reader));
}

/* A damaged column is made anew of the rows, and whoever asks for a check is told. */
static void test_damage(void)
{
    char byte = 99;
    FILE *file = fopen(path, "r+b");
    CHECK(file, "%s", path);
    GV_Database *db = open_as(true, true);
    const GV_Section *section = gv_image_find(&db->store->image, GV_SECTION_KEY_VALUES);
    CHECK(section, "no columns in the file");
    CHECK(fseek(file, (long)section->offset + 1001, SEEK_SET) == 0 && fwrite(&byte, 1, 1, file) == 1, "not written");
    CHECK(fclose(file) == 0, "not written");
    CHECK(count_of(db, "number < 10") == 7 && count_of(db, "colour == \"blue\"") == 1, "another number of rows");
    CHECK(check(db) == GV_ERR_CORRUPT, "nobody has noticed");
    CHECK_OK(gv_db_close(db));
}

int main(void)
{
    static const char *const keys[] = {"number", "colour"};
    const char *folder = getenv("TMPDIR");
    snprintf(path, sizeof path, "%s/gv-keys-%ld.gv", folder && strlen(folder) < 32 ? folder : ".", (long)getpid());
    snprintf(copy, sizeof copy, "%s.copy", path);
    GV_Database *db = open_as(false, false);
    CHECK_OK(gv_db_index_keys(db, keys, 2));
    add_rows(db, 0, ROWS);
    CHECK_OK(gv_db_save(db, NULL));
    CHECK_OK(gv_db_close(db));
    test_mapped();
    test_copy();
    test_log();
    test_damage();
    CHECK(remove(path) == 0 && remove(copy) == 0, "%s stays", path);
    printf("declared keys in a mapped file: loaded when asked for, and not believed when damaged\n");
    return 0;
}
