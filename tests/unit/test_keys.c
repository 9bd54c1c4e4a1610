/* test_keys.c: without it a declared key could be forgotten, indexed late, missing in a file, or in one whose bytes say who has filtered by
 * what: the list through all that a database goes through, and files beside those of databases with another history. */
#include "api/db.h"
#include "base/random.h"
#include "packed.h"
#include "query/terms_parts.h"

enum {
    DIMENSION = 4,
    MANY = 33000, /* rows: an undeclared key is not indexed at once any more */
    BATCH = 500
};

static GV_Vfs *vfs;

static GV_Status open_as(const char *path, GV_IndexType type, uint32_t threads, bool read_only, GV_Database **db)
{
    GV_OpenOptions options;
    gv_open_options_init(&options);
    options.dimension = DIMENSION;
    options.index_type = (int32_t)type;
    options.durability = GV_DURABILITY_OS;
    options.checkpoint_on_close = 0;
    options.read_only = read_only;
    options.threads = threads;
    return gv_db_open_with_vfs(path, &options, vfs, db);
}

static GV_Database *open_file(const char *path)
{
    GV_Database *db;
    CHECK_OK(open_as(path, GV_INDEX_TYPE_FLAT, 1, false, &db));
    return db;
}

static void reopen(GV_Database **db, const char *path)
{
    CHECK_OK(gv_db_close(*db));
    *db = open_file(path);
}

/* ---- rows ---- */

static void put_row(Packed *packed, uint64_t id)
{
    char text[32];
    put_count(packed, id % 7 ? 3 : 1);
    snprintf(text, sizeof text, "row %llu", (unsigned long long)id);
    put_pair(packed, "id", text);
    if (id % 7 == 0) return;
    snprintf(text, sizeof text, "s%llu", (unsigned long long)(gv_random(1, id) % 5));
    put_pair(packed, "section", text);
    snprintf(text, sizeof text, id % 5 ? "%llu.5" : "none %llu", (unsigned long long)(gv_random(2, id) % 300));
    put_pair(packed, "size", text);
}

static void add_rows(GV_Database *db, uint64_t from, size_t count)
{
    static float rows[BATCH * DIMENSION];
    static Packed packed;
    for (size_t at = 0, part; at < count; at += part) {
        part = count - at < BATCH ? count - at : BATCH;
        packed.size = 0;
        for (size_t i = 0; i < part; i++) put_row(&packed, from + at + i);
        for (size_t i = 0; i < part * DIMENSION; i++) rows[i] = (float)(gv_random(from + at, i) % 100);
        GV_PackedMetadata metadata = packed_all(&packed);
        CHECK_OK(gv_db_add(db, rows, part, DIMENSION, &metadata, NULL));
    }
}

static void change_some(GV_Database *db)
{
    static const char *const keys[] = {"section", "other"}, *const values[] = {"moved", "x"};
    const float vector[DIMENSION] = {7, 7, 7, 7};
    const uint64_t gone[] = {3, 4, 50, 51, 52};
    CHECK_OK(gv_db_delete(db, gone, 5));
    CHECK_OK(gv_db_update_vector_metadata(db, 10, keys, values, 2));
    CHECK_OK(gv_db_update_vector_metadata(db, 11, NULL, NULL, 0));
    CHECK_OK(gv_db_update_vector(db, 12, vector, DIMENSION));
}

/* ---- keys ---- */

static void expect_keys(GV_Database *db, const char *wanted)
{
    char **keys, found[256] = "";
    size_t count;
    CHECK_OK(gv_db_indexed_keys(db, &keys, &count));
    for (size_t i = 0; i < count; i++) {
        strcat(found, i ? " " : "");
        strcat(found, keys[i]);
    }
    gv_free((void *)keys);
    CHECK(strcmp(found, wanted) == 0, "keys are \"%s\", not \"%s\"", found, wanted);
}

static bool is_whole(GV_Database *db, const char *key)
{
    return gv_terms_is_whole(&db->store->terms, key, strlen(key));
}

static void expect_whole(GV_Database *db, const char *when)
{
    GV_CheckReport report = {.struct_size = sizeof report};
    CHECK(is_whole(db, "section") && is_whole(db, "size"), "%s: rows are not in", when);
    CHECK(!is_whole(db, "id"), "%s: a key that was not declared is indexed", when);
    CHECK_OK(gv_db_check(db, &report));
}

static const char *const two[] = {"section", "size"};

static void declare_two(GV_Database *db) { CHECK_OK(gv_db_index_keys(db, two, 2)); }

/* ---- tests ---- */

static void refuse(GV_Database *db, const char *const *keys, size_t count, const char *sentence)
{
    CHECK(gv_db_index_keys(db, keys, count) == GV_ERR_ARGUMENT, "%s: accepted", sentence);
    CHECK(strstr(gv_last_error(), sentence), "\"%s\" does not say \"%s\"", gv_last_error(), sentence);
    expect_keys(db, "section size");
}

static void test_lists(void)
{
    const char *many[65], *const empty[] = {"a", ""}, *const twice[] = {"a", "b", "a"}, *const none[] = {"a", NULL};
    const char *const wrong[] = {"\xC3"}, *const other[] = {"size", "ä b", "x"};
    char names[65][16];
    char **keys;
    size_t count;
    GV_Database *db = open_file("lists");
    expect_keys(db, "");
    declare_two(db);
    uint64_t bytes = db->store->log.end;
    declare_two(db);
    CHECK(db->store->log.end == bytes, "the same list is logged again");
    for (int i = 0; i < 65; i++) {
        snprintf(names[i], sizeof names[i], "k%d", i);
        many[i] = names[i];
    }
    refuse(db, many, 65, "65 keys, at most 64");
    refuse(db, empty, 2, "key 1 is empty");
    refuse(db, twice, 3, "keys 0 and 2 are the same");
    refuse(db, none, 2, "key 1 is NULL");
    refuse(db, wrong, 1, "key 0 is not UTF-8");
    refuse(db, NULL, 1, "keys is NULL, count is 1");
    char *large = malloc(600000);
    CHECK(large, "no memory");
    memset(large, 'k', 599999);
    large[599999] = 0;
    const char *const larges[] = {large, large + 1};
    refuse(db, larges, 2, "bytes allowed for all");
    free(large);
    CHECK(gv_db_indexed_keys(db, NULL, &count) == GV_ERR_ARGUMENT, "NULL is accepted");
    CHECK(gv_db_indexed_keys(db, &keys, NULL) == GV_ERR_ARGUMENT, "NULL is accepted");
    reopen(&db, "lists"); /* from the log */
    expect_keys(db, "section size");
    CHECK_OK(gv_db_index_keys(db, other, 3));
    CHECK_OK(gv_db_save(db, NULL));
    reopen(&db, "lists"); /* from the image */
    expect_keys(db, "size ä b x");
    GV_Database *reader;
    CHECK_OK(open_as("lists", GV_INDEX_TYPE_FLAT, 1, true, &reader));
    CHECK(gv_db_index_keys(reader, two, 2) == GV_ERR_READ_ONLY, "a reader declares");
    declare_two(db);
    expect_keys(reader, "size ä b x");
    CHECK_OK(gv_db_refresh(reader));
    expect_keys(reader, "section size");
    CHECK_OK(gv_db_close(reader));
    CHECK_OK(gv_db_index_keys(db, many, 64));
    CHECK_OK(gv_db_index_keys(db, NULL, 0));
    expect_keys(db, "");
    CHECK_OK(gv_db_save(db, NULL));
    reopen(&db, "lists");
    expect_keys(db, "");
    CHECK_OK(gv_db_close(db));
}

/* A declared key is indexed from the declaration on, whoever filters, and after all that a database goes through. */
static void test_life(void)
{
    uint64_t count;
    GV_Database *db = open_file("life");
    declare_two(db);
    add_rows(db, 0, 1000);
    expect_whole(db, "added");
    add_rows(db, 1000, MANY - 1000);
    expect_whole(db, "many added");
    change_some(db);
    expect_whole(db, "changed");
    CHECK_OK(gv_db_count_matching(db, "section == \"moved\"", &count));
    CHECK(count == 1, "%llu rows have moved", (unsigned long long)count);
    CHECK_OK(gv_db_index_keys(db, two, 1)); /* what is no longer declared stays where it is */
    expect_whole(db, "declared less");
    CHECK_OK(gv_db_close(db));
}

static void test_files(void)
{
    GV_OpenOptions options;
    GV_Database *db = open_file("files");
    add_rows(db, 0, MANY);
    declare_two(db);
    expect_whole(db, "declared");
    CHECK_OK(gv_db_save(db, NULL));
    reopen(&db, "files");
    expect_whole(db, "opened");
    add_rows(db, MANY, 60);
    change_some(db);
    expect_whole(db, "changed");
    reopen(&db, "files"); /* an image and a log */
    uint64_t count;
    CHECK_OK(gv_db_count_matching(db, "size < 10 AND section == \"s1\"", &count)); /* takes in what the log brought */
    expect_whole(db, "recovered");
    CHECK_OK(gv_db_compact(db));
    expect_keys(db, "section size");
    expect_whole(db, "compacted");
    gv_open_options_init(&options);
    options.distance = GV_DISTANCE_COSINE;
    CHECK_OK(gv_db_convert(db, &options));
    expect_keys(db, "section size");
    expect_whole(db, "converted");
    reopen(&db, "files");
    expect_whole(db, "converted and opened");
    CHECK_OK(gv_db_close(db));
}

/* ---- bytes ---- */

static void filter_by_all(GV_Database *db)
{
    static const char *const filters[] = {"id == \"row 5\"", "size > 3", "section == \"s2\" OR size == 1.5",
                                          "EXISTS other"};
    uint64_t count;
    for (int i = 0; i < 40; i++) CHECK_OK(gv_db_count_matching(db, filters[i % 4], &count));
}

typedef struct Bytes {
    void *bytes;
    size_t size;
} Bytes;

static Bytes image_of(GV_Database *db)
{
    Bytes b;
    CHECK_OK(gv_db_save_to_memory(db, &b.bytes, &b.size));
    return b;
}

/* The same rows and the same list, by other ways. */
static Bytes make_bytes(const char *path, GV_IndexType type, uint32_t threads, bool early, bool filters, bool opens)
{
    GV_Database *db;
    CHECK_OK(open_as(path, type, threads, false, &db));
    if (early) declare_two(db);
    add_rows(db, 0, 400);
    if (filters) filter_by_all(db);
    change_some(db);
    add_rows(db, 400, 100);
    if (filters) filter_by_all(db);
    if (opens) {
        CHECK_OK(gv_db_close(db));
        CHECK_OK(open_as(path, type, threads, false, &db));
    }
    if (!early) declare_two(db);
    if (filters) filter_by_all(db);
    Bytes b = image_of(db);
    CHECK_OK(gv_db_close(db));
    return b;
}

static void test_bytes(GV_IndexType type)
{
    Bytes first = {0};
    for (int way = 0; way < 12; way++) {
        char path[32];
        snprintf(path, sizeof path, "bytes %d %d", (int)type, way);
        Bytes b = make_bytes(path, type, 1 + (uint32_t)way % 2, way & 2, way & 4, way & 8);
        if (!first.bytes) {
            first = b;
            continue;
        }
        CHECK(b.size == first.size && memcmp(b.bytes, first.bytes, b.size) == 0, "way %d makes other bytes", way);
        gv_free(b.bytes);
    }
    gv_free(first.bytes);
}

/* Declared keys have a place, whatever else has been asked for. */
static void test_places(void)
{
    const char *key = "last", *const keys[] = {"last"};
    char text[32];
    uint64_t count;
    GV_Database *db = open_file("places");
    static Packed packed;
    const float vector[DIMENSION] = {1, 2, 3, 4};
    put_count(&packed, 70);
    for (int i = 0; i < 69; i++) {
        snprintf(text, sizeof text, "k%d", i);
        put_pair(&packed, text, "v");
    }
    put_pair(&packed, key, "v");
    GV_PackedMetadata metadata = packed_all(&packed);
    CHECK_OK(gv_db_add(db, vector, 1, DIMENSION, &metadata, NULL));
    for (int i = 0; i < 69; i++) {
        snprintf(text, sizeof text, "k%d == \"v\"", i);
        CHECK_OK(gv_db_count_matching(db, text, &count));
    }
    CHECK(db->store->terms.column_count == GV_COLUMNS_MOST, "%u keys", db->store->terms.column_count);
    CHECK_OK(gv_db_count_matching(db, "last == \"v\"", &count));
    CHECK(!is_whole(db, key) && is_whole(db, "k63"), "more keys than there are places for");
    CHECK_OK(gv_db_index_keys(db, keys, 1));
    CHECK(is_whole(db, key), "a declared key has no place");
    for (int i = 0; i < 69; i++) {
        snprintf(text, sizeof text, "k%d == \"v\"", i);
        CHECK_OK(gv_db_count_matching(db, text, &count));
        CHECK(count == 1 && is_whole(db, key), "a declared key has given way");
    }
    CHECK_OK(gv_db_close(db));
}

static void expect_same(Bytes a, Bytes b)
{
    CHECK(a.size == b.size && memcmp(a.bytes, b.bytes, a.size) == 0, "the bytes differ");
    gv_free(a.bytes);
    gv_free(b.bytes);
}

/* Values made to come to one chain: the index has not all of them, the file has. */
static void test_collisions(void)
{
    enum {
        VALUES = 200
    };
    const char *const keys[] = {"k"};
    const float vector[DIMENSION] = {1, 2, 3, 4};
    uint64_t count;
    GV_Database *db = open_file("chain");
    CHECK_OK(gv_db_index_keys(db, keys, 1));
    for (size_t i = 0, tried = 0; i < VALUES; tried++) {
        char value[24];
        const char *const values[] = {value};
        snprintf(value, sizeof value, "%zu", tried);
        if (gv_terms_hash(value, strlen(value)) % 1024) continue;
        for (int twice = 0; twice < 2; twice++)
            CHECK_OK(gv_db_add_vector_with_rich_metadata(db, vector, DIMENSION, keys, values, 1));
        i++;
    }
    CHECK_OK(gv_db_save(db, NULL));
    Bytes before = image_of(db);
    reopen(&db, "chain");
    expect_same(before, image_of(db));
    CHECK(!is_whole(db, "k") && gv_terms_column(&db->store->terms, "k", 1)->rows == 2 * GV_CHAIN_MOST, "rows are in");
    CHECK_OK(gv_db_count_matching(db, "k >= 0 AND EXISTS k", &count));
    CHECK(count == 2 * VALUES, "%llu rows", (unsigned long long)count);
    for (uint64_t id = 0; id < 2 * VALUES; id += 2) CHECK_OK(gv_db_delete(db, &id, 1));
    CHECK_OK(gv_db_count_matching(db, "k >= 0", &count));
    CHECK(count == VALUES, "%llu rows", (unsigned long long)count);
    CHECK_OK(gv_db_close(db));
}

/* Rows that there is no memory for are out of the index, and in the file all the same. */
static void test_left_out(void)
{
    const char *const keys[] = {"section"};
    GV_Database *db = open_file("out");
    CHECK_OK(gv_db_index_keys(db, keys, 1));
    add_rows(db, 0, 300);
    GV_ResourceLimits limits = {.struct_size = sizeof limits};
    Bytes whole = image_of(db);
    reopen(&db, "out"); /* all is in the log: nothing is in */
    limits.max_memory_bytes = gv_db_get_memory_usage(db);
    CHECK_OK(gv_db_set_resource_limits(db, &limits));
    Bytes without = image_of(db);
    CHECK(!is_whole(db, "section"), "there was memory");
    expect_same(whole, without);
    CHECK_OK(gv_db_close(db));
}

int main(void)
{
    vfs = gv_vfs_memory_new();
    CHECK(vfs, "%s", gv_last_error());
    test_lists();
    test_life();
    test_files();
    test_bytes(GV_INDEX_TYPE_FLAT);
    test_bytes(GV_INDEX_TYPE_HNSW);
    test_places();
    test_collisions();
    test_left_out();
    gv_vfs_memory_free(vfs);
    printf("declared keys: kept, indexed at once, the same bytes by 12 ways\n");
    return 0;
}
