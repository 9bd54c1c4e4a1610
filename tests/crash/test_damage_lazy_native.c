/* test_damage_lazy_native.c: without it a search could follow links, read codes or trust rings of a mapped file that
 * nobody has verified: the files of the other damage tests are so small that all of it is read when they are opened.
 *
 * test_damage_lazy_native [seed] */
#include "api/db.h"
#include "base/bytes.h"
#include "base/random.h"
#include "check.h"
#include "record.h"
#include "reseal.h"
#include "storage/format.h"
#include <fcntl.h>
#include <string.h>
#include <unistd.h>

enum {
    DIMENSION = 48,
    ROWS = 9000, /* several chunks of every column */
    LOGGED = 60,
    EQUAL_EVERY = 10, /* of so many rows one equals an earlier one */
    QUERIES = 60,
    K = 10,
    ATTACKS = 150
};

static uint64_t seed = 20240721;
static char folder[256], path[280], copy_path[280];

typedef struct File {
    const char *name;
    GV_DistanceType distance;
    bool rings; /* some rows are equal; without them links are read by expansions alone */
    uint8_t *bytes;
    size_t size;
    GV_Hit hits[2 * QUERIES][K]; /* those of the file, opened as usual */
    size_t counts[2 * QUERIES];
} File;

static void make_row(const File *file, uint64_t i, float *row)
{
    if (file->rings && i % EQUAL_EVERY == EQUAL_EVERY - 1)
        i = gv_random(seed, i) % (i / 4 + 1); /* some have many equals */
    for (uint64_t j = 0; j < DIMENSION; j++)
        row[j] = (float)(gv_random(seed + 1, i % 40 * DIMENSION + j) % 1000) / 500.0f +
                 (float)(gv_random(seed + 2, i * DIMENSION + j) % 1000) / 1000.0f;
}

static void add_rows(const File *file, GV_Database *db, uint64_t from, size_t count)
{
    float *rows = test_alloc(count * DIMENSION * sizeof *rows);
    for (size_t i = 0; i < count; i++) make_row(file, from + i, rows + i * DIMENSION);
    CHECK_OK(gv_db_add(db, rows, count, DIMENSION, NULL, NULL));
    free(rows);
}

static GV_Status search(const File *file, GV_Database *db, size_t i, GV_Hit *hits, size_t *count)
{
    float query[DIMENSION];
    GV_SearchOptions options;
    make_row(file, i % QUERIES * (ROWS / QUERIES) + 1, query);
    *count = 0;
    if (i < QUERIES) return gv_db_search(db, query, DIMENSION, K, hits, count);
    gv_search_options_init(&options); /* more of the graph */
    options.ef_search = 200;
    GV_Rows *rows;
    GV_Status status = gv_db_search_rows(db, query, DIMENSION, K, &options, &rows);
    for (; status == GV_OK && *count < rows->count; ++*count)
        hits[*count] = (GV_Hit){.id = rows->ids[*count], .distance = rows->distances[*count]};
    if (status == GV_OK) gv_rows_free(rows);
    return status;
}

static GV_Database *open_file(bool map, GV_Status *status)
{
    GV_Database *db = NULL;
    GV_OpenOptions options;
    gv_open_options_init(&options);
    options.read_only = 1;
    options.memory_map = map;
    *status = gv_db_open_with_options(path, &options, &db);
    if (*status == GV_OK) CHECK_OK(gv_db_set_exact_search_threshold(db, 0));
    return db;
}

static void put_file(const uint8_t *bytes, size_t size)
{
    int fd = open(path, O_RDWR | O_CREAT | O_TRUNC, 0600);
    CHECK(fd >= 0, "%s", path);
    CHECK(write(fd, bytes, size) == (ssize_t)size, "%zu bytes", size);
    close(fd);
}

/* A file with and without a log tail, with deleted rows and rings of equal ones; and what it answers when it is read. */
static void make_file(File *file, GV_DistanceType distance, bool rings, bool killed)
{
    GV_Vfs *vfs = gv_vfs_memory_new();
    GV_OpenOptions options;
    GV_Database *db;
    GV_Status status;
    CHECK(vfs, "%s", gv_last_error());
    *file = (File){.name = killed ? "killed" : "closed", .distance = distance, .rings = rings};
    gv_open_options_init(&options);
    options.dimension = DIMENSION;
    options.index_type = GV_INDEX_TYPE_HNSW;
    options.distance = (int32_t)distance;
    options.durability = GV_DURABILITY_OS;
    CHECK_OK(gv_db_open_with_vfs("file", &options, vfs, &db));
    add_rows(file, db, 0, ROWS);
    for (uint64_t id = 5; id < ROWS; id += 17) CHECK_OK(gv_db_delete(db, &id, 1));
    CHECK_OK(gv_db_save(db, NULL));
    if (killed) add_rows(file, db, ROWS, LOGGED);
    for (uint64_t id = 6; killed && id < ROWS; id += 17 * 9) CHECK_OK(gv_db_delete(db, &id, 1));
    if (killed) file->bytes = record_copy(vfs, "file", &file->size);
    CHECK_OK(gv_db_close(db));
    if (!killed) file->bytes = record_copy(vfs, "file", &file->size);
    gv_vfs_memory_free(vfs);
    put_file(file->bytes, file->size);
    db = open_file(false, &status);
    CHECK(db, "%s", gv_last_error());
    for (size_t i = 0; i < 2 * QUERIES; i++) CHECK_OK(search(file, db, i, file->hits[i], &file->counts[i]));
    CHECK_OK(gv_db_close(db));
}

/* Every search answers as the undamaged file does, or fails by GV_ERR_CORRUPT, and says where. Returns how many failed. */
static size_t search_all(const File *file, GV_Database *db, const char *what)
{
    size_t refused = 0;
    for (size_t i = 0; i < 2 * QUERIES; i++) {
        GV_Hit hits[K];
        size_t count;
        GV_Status status = search(file, db, i, hits, &count);
        refused += status != GV_OK;
        CHECK(status == GV_OK || (status == GV_ERR_CORRUPT && strstr(gv_last_error(), "at offset")), "%s: %s: %s: %s",
              file->name, what, gv_status_name(status), gv_last_error());
        if (status != GV_OK) continue;
        CHECK(count == file->counts[i], "%s: %s: search %zu has %zu hits", file->name, what, i, count);
        for (size_t j = 0; j < count; j++)
            CHECK(hits[j].id == file->hits[i][j].id && hits[j].distance == file->hits[i][j].distance,
                  "%s: %s: search %zu, hit %zu: row %llu", file->name, what, i, j, (unsigned long long)hits[j].id);
    }
    return refused;
}

static void check_refused(const File *file, GV_Status status, const char *what, uint32_t section)
{
    CHECK(status == GV_ERR_CORRUPT, "%s: section %u damaged, and %s says %s", file->name, section, what,
          gv_status_name(status));
}

/* One bit of a block, mapped: by a search, or by what reads everything, it is noticed. Returns whether the file opened,
 * and how many searches noticed. */
static bool damage_block(const File *file, uint32_t section, size_t at, size_t *refused)
{
    GV_Status status;
    GV_CheckReport report = {.struct_size = sizeof report};
    uint8_t now = (uint8_t)(file->bytes[at] ^ 1u << gv_random(seed, at) % 8);
    int fd = open(path, O_RDWR);
    CHECK(pwrite(fd, &now, 1, (off_t)at) == 1, "byte %zu", at);
    GV_Database *db = open_file(true, &status);
    if (db) {
        *refused += search_all(file, db, "damaged");
        check_refused(file, gv_db_save(db, copy_path), "save", section);
        CHECK(access(copy_path, F_OK) != 0, "a damaged file has been copied: %s", copy_path);
        check_refused(file, gv_db_check(db, &report), "check", section);
        CHECK_OK(gv_db_close(db));
    } else {
        check_refused(file, status, "open", section);
    }
    CHECK(pwrite(fd, &file->bytes[at], 1, (off_t)at) == 1, "byte %zu", at);
    close(fd);
    return db != NULL;
}

/* Each block of what stays in the mapping. Where there is no log, most are looked at by searches alone. */
static void damage_section(const File *file, GV_SectionType type, bool searches_read, bool killed)
{
    size_t table = (size_t)gv_get_u64(file->bytes + 88), sections = gv_get_u32(file->bytes + 12);
    size_t blocks = 0, opened = 0, refused = 0;
    for (size_t i = 0; i < sections; i++) {
        const uint8_t *entry = file->bytes + table + 32 * i;
        uint64_t offset = gv_get_u64(entry + 8), size = gv_get_u64(entry + 16);
        if (gv_get_u32(entry) != (uint32_t)type) continue;
        for (uint64_t from = 0; from < size; from += GV_BLOCK_BYTES, blocks++) {
            uint64_t length = size - from < GV_BLOCK_BYTES ? size - from : GV_BLOCK_BYTES;
            opened += damage_block(file, (uint32_t)type, (size_t)(offset + from + gv_random(seed, from) % length),
                                   &refused);
        }
    }
    printf("%s, distance %d, section %d: %zu blocks damaged, %zu files opened, %zu searches refused\n", file->name,
           (int)file->distance, (int)type, blocks, opened, refused);
    fflush(stdout);
    if (blocks < 2 || killed) return; /* the last is always read */
    CHECK(opened > 0, "section %d is read when the file is opened", (int)type);
    CHECK((refused > 0) == searches_read, "section %d: %zu searches refused", (int)type, refused);
}

static const GV_SectionType lazy[] = {GV_SECTION_LINKS, GV_SECTION_CODES, GV_SECTION_CODE_HEADS,
                                      GV_SECTION_ROWS,  GV_SECTION_NORMS, GV_SECTION_SURVIVORS};

/* Small numbers in sections that are not read at once, and right checksums: any answer will do, as long as there is one. */
static void attack(const File *file)
{
    uint8_t *bytes = test_alloc(file->size);
    size_t table = (size_t)gv_get_u64(file->bytes + 88), sections = gv_get_u32(file->bytes + 12), opened = 0;
    uint64_t draws = 0;
    for (int round = 0; round < ATTACKS; round++) {
        memcpy(bytes, file->bytes, file->size);
        for (size_t i = 0; i < sections; i++) {
            const uint8_t *entry = file->bytes + table + 32 * i;
            uint64_t offset = gv_get_u64(entry + 8), words = gv_get_u64(entry + 16) / 4;
            uint32_t type = gv_get_u32(entry);
            bool links = type == GV_SECTION_LINKS;
            if (!links && (round % 3 != 0 || (type != GV_SECTION_CODE_HEADS && type != GV_SECTION_SURVIVORS))) continue;
            for (uint64_t count = round % 2 ? 3 : words / (links ? 40 : 400); count > 0; count--) {
                uint64_t draw = gv_random(seed, draws++);
                gv_put_u32(bytes + offset + 4 * (gv_random(seed, draws++) % words),
                           (uint32_t)(draw % 4 ? (draw >> 8) % (ROWS + 2) : draw >> 16));
            }
        }
        reseal_sections(bytes, file->size);
        put_file(bytes, file->size);
        GV_Status status;
        GV_Database *db = open_file(true, &status);
        opened += db != NULL;
        for (size_t i = 0; db && i < 2 * QUERIES; i++) {
            GV_Hit hits[K];
            size_t count;
            (void)search(file, db, i, hits, &count);
            CHECK(count <= K, "%zu hits", count);
        }
        if (db) CHECK_OK(gv_db_close(db));
    }
    printf("%s, distance %d: %d files with false numbers, %zu opened\n", file->name, (int)file->distance, ATTACKS,
           opened);
    free(bytes);
}

static void test_file(GV_DistanceType distance, bool rings, bool killed)
{
    GV_Status status;
    File file;
    make_file(&file, distance, rings, killed);
    GV_Database *db = open_file(true, &status);
    CHECK(db, "%s", gv_last_error());
    CHECK(search_all(&file, db, "mapped") == 0, "%s", gv_last_error());
    GV_CheckReport report = {.struct_size = sizeof report};
    CHECK_OK(gv_db_check(db, &report));
    CHECK(search_all(&file, db, "mapped and checked") == 0, "%s", gv_last_error());
    CHECK_OK(gv_db_close(db));
    for (size_t i = 0; i < sizeof lazy / sizeof *lazy; i++)
        damage_section(&file, lazy[i], lazy[i] != GV_SECTION_SURVIVORS, killed);
    attack(&file);
    free(file.bytes);
}

int main(int argc, char **argv)
{
    const char *parent = getenv("TMPDIR");
    if (argc > 1) seed = strtoull(argv[1], NULL, 10);
    snprintf(folder, sizeof folder, "%s/gigavector-lazy-XXXXXX", parent ? parent : ".");
    CHECK(mkdtemp(folder), "no folder %s", folder);
    snprintf(path, sizeof path, "%s/sample.gv", folder);
    snprintf(copy_path, sizeof copy_path, "%s/copy.gv", folder);
    test_file(GV_DISTANCE_COSINE, true, false);
    test_file(GV_DISTANCE_COSINE, true, true);
    test_file(GV_DISTANCE_EUCLIDEAN, false, false);
    test_file(GV_DISTANCE_MANHATTAN, true, false);
    (void)unlink(path);
    CHECK(rmdir(folder) == 0, "%s is not empty", folder);
    return 0;
}
