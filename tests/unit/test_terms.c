/* test_terms.c: without it a filter could miss rows, or find those that were deleted, moved to another slot or given other
 * metadata: random changes, and after each the answers of the index over metadata beside those of a model that knows
 * nothing of it. With memory to spare, with allocations that fail, and within a limit. */
#include "api/db.h"
#include "base/bytes.h"
#include "base/number.h"
#include "base/random.h"
#include "check.h"
#include "storage/metadata.h"
#include <math.h>
#include <string.h>

enum {
    DIMENSION = 4,
    ROWS_MOST = 3000,
    KEYS = 6,
    TEXT = 24,
    BATCH = 400
};

typedef struct ModelRow {
    bool live;
    uint32_t mask;           /* the keys it has */
    char values[KEYS][TEXT]; /* by key */
} ModelRow;

static const char *const key_names[KEYS] = {"id", "price", "tag", "rare", "mixed", ""};
static ModelRow model[ROWS_MOST]; /* by id */
static size_t id_count, live_count;
static uint64_t seed, draws;

static uint32_t draw(uint32_t below) { return (uint32_t)(gv_random(seed, draws++) % below); }

/* ---- memory that fails ---- */

static uint32_t fail_one_in; /* 0: none */
static bool may_fail;        /* in this run */
static uint64_t failed;

static void *allocate(size_t bytes)
{
    if (fail_one_in && draw(fail_one_in) == 0) {
        failed++;
        return NULL;
    }
    return calloc(1, bytes);
}

/* ---- rows ---- */

static void draw_pairs(ModelRow *row, uint64_t id)
{
    static const char *const odd[] = {"1e2", "100",   "100.0", "-0",       "0",         "x",
                                      "",    "1e400", "-5",    "16777217", "16777216.5"};
    row->mask = draw(8) == 0 ? 0 : 1 + draw((1 << KEYS) - 1);
    snprintf(row->values[0], TEXT, draw(4) ? "row-%llu" : "%llu", (unsigned long long)id);
    snprintf(row->values[1], TEXT, "%d.%02u", (int)draw(400) - 100, draw(100));
    snprintf(row->values[2], TEXT, "t%u", draw(10) ? draw(3) : draw(30));
    snprintf(row->values[3], TEXT, "%s", draw(50) ? "no" : "yes");
    snprintf(row->values[4], TEXT, "%s", odd[draw(sizeof odd / sizeof *odd)]);
    snprintf(row->values[5], TEXT, "e%u", draw(500));
}

static uint8_t *pack(const ModelRow *rows, size_t count, GV_PackedMetadata *packed)
{
    uint8_t *bytes = NULL, *row;
    packed->size_bytes = 0;
    for (size_t i = 0; i < count; i++) {
        const char *keys[KEYS], *values[KEYS];
        size_t pairs = 0, size;
        for (int k = 0; k < KEYS; k++) {
            if (!(rows[i].mask >> k & 1)) continue;
            keys[pairs] = key_names[k];
            values[pairs++] = rows[i].values[k];
        }
        CHECK_OK(gv_metadata_pack(keys, values, pairs, &row, &size));
        bytes = realloc(bytes, packed->size_bytes + size);
        CHECK(bytes, "no memory");
        memcpy(bytes + packed->size_bytes, row, size);
        packed->size_bytes += size;
        gv_free(row);
    }
    packed->bytes = bytes;
    return bytes;
}

static uint64_t draw_live(void)
{
    for (;;) {
        uint32_t id = draw((uint32_t)id_count);
        if (model[id].live) return id;
    }
}

/* ---- conditions ---- */

typedef struct Asked { /* what a callback was asked about */
    const char *part;
    size_t count;
} Asked;

static bool contains(const void *context, const uint8_t *value, size_t size)
{
    Asked *asked = *(Asked *const *)context;
    size_t length = strlen(asked->part);
    asked->count++;
    for (size_t i = 0; i + length <= size; i++)
        if (memcmp(value + i, asked->part, length) == 0) return true;
    return false;
}

static bool expected(const GV_Lookup *c, int key, const ModelRow *row)
{
    const char *value = row->values[key];
    double number;
    if (!row->live || !(row->mask >> key & 1)) return false;
    switch (c->kind) {
    case GV_LOOKUP_EXISTS: return true;
    case GV_LOOKUP_EQUALS: return strlen(value) == c->value_size && memcmp(value, c->value, c->value_size) == 0;
    case GV_LOOKUP_HOLDS: return strstr(value, (*(Asked *const *)c->context)->part) != NULL;
    case GV_LOOKUP_NUMBERS:
        if (gv_number_read((const uint8_t *)value, strlen(value), &number))
            return (c->low_open ? number > c->low : number >= c->low) &&
                   (c->high_open ? number < c->high : number <= c->high);
        return c->holds && strstr(value, (*(Asked *const *)c->context)->part) != NULL;
    }
    return false;
}

static void compare(GV_Database *db, const GV_Lookup *c, int key)
{
    GV_Store *s = db->store;
    GV_Bitset matches = {.word_count = ROWS_MOST / 16}; /* of our own: the hook may fail */
    uint64_t count = 0, first = GV_NO_SLOT;
    matches.words = calloc(matches.word_count, sizeof *matches.words);
    CHECK(matches.words, "no memory");
    gv_terms_match(&s->terms, c, &matches);
    for (uint64_t id = 0; id < id_count; id++) {
        uint32_t slot = gv_table_find(&s->table, id);
        CHECK((slot != GV_NO_SLOT) == model[id].live, "row %d is not what the model says", (int)id);
        if (slot == GV_NO_SLOT) continue;
        bool wanted = expected(c, key, &model[id]);
        CHECK(gv_bitset_get(&matches, slot) == wanted, "seed %d: kind %d of key '%s': row %d: %s", (int)seed, c->kind,
              key_names[key], (int)id, model[id].values[key]);
        count += wanted;
        if (wanted && slot < first) first = slot;
    }
    CHECK(gv_bitset_count(&matches) == count, "seed %d: %d rows, %d expected", (int)seed,
          (int)gv_bitset_count(&matches), (int)count);
    if (c->kind == GV_LOOKUP_EXISTS || c->kind == GV_LOOKUP_EQUALS) {
        uint64_t at_most = gv_terms_count(&s->terms, c);
        CHECK(at_most == count || (may_fail && at_most > count), "seed %d: %d rows at most, %d there are", (int)seed,
              (int)at_most, (int)count);
    }
    if (c->kind == GV_LOOKUP_EQUALS) {
        bool more;
        CHECK(gv_terms_find_one(&s->terms, c, &more) == first, "seed %d: another row is found first", (int)seed);
        CHECK(more == (count > 1), "seed %d: %d rows, more: %d", (int)seed, (int)count, more);
    }
    free(matches.words);
}

static void ask(GV_Database *db)
{
    static const char *const parts[] = {"1", "t1", "row-1", "no", "", "x"};
    Asked asked = {parts[draw(6)], 0};
    Asked *context = &asked;
    int key = (int)draw(KEYS);
    GV_Lookup c = {.kind = (GV_LookupKind)draw(4),
                   .key = key_names[key],
                   .key_size = strlen(key_names[key]),
                   .holds = draw(2) ? contains : NULL,
                   .context = &context};
    const ModelRow *some = &model[draw((uint32_t)id_count)];
    c.value = some->values[key];
    c.value_size = strlen(some->values[key]);
    c.low = draw(5) ? (double)draw(300) / 2 - 100 : -INFINITY;
    c.high = draw(5) ? c.low + draw(100) : INFINITY;
    if (draw(8) == 0) c.low = c.high = draw(2) ? 16777217.0 : 16777216.5;
    c.low_open = draw(2);
    c.high_open = draw(2);
    if (c.kind == GV_LOOKUP_HOLDS) c.holds = contains;
    compare(db, &c, key);
}

/* ---- changes: the model follows those that succeed ---- */

static uint32_t declared; /* keys, by the bits of their numbers; not the last, which is empty */

static void declare_keys(GV_Database *db)
{
    const char *keys[KEYS];
    uint32_t wanted = draw(1 << (KEYS - 1)), count = 0;
    for (int k = 0; k < KEYS; k++)
        if (wanted >> k & 1) keys[count++] = key_names[k];
    if (gv_db_index_keys(db, keys, count) == GV_OK) declared = wanted;
}

/* The columns of an image number the values as they appear. */
static void check_column(const uint8_t *numbers, const uint8_t *ids, size_t slots, int key)
{
    static const char *seen[ROWS_MOST];
    uint32_t values = 0;
    for (size_t slot = 0; slot < slots; slot++) {
        uint64_t id = gv_get_u64(ids + 8 * slot);
        uint32_t number = gv_get_u32(numbers + 4 * slot);
        bool has = id != UINT64_MAX && model[id].mask >> key & 1;
        CHECK(has == (number > 0) && number <= values + 1, "key %d, slot %zu: number %u", key, slot, number);
        if (!has) continue;
        if (number <= values) {
            CHECK(strcmp(seen[number - 1], model[id].values[key]) == 0, "key %d, slot %zu: not value %u", key, slot,
                  number);
            continue;
        }
        for (uint32_t i = 0; i < values; i++)
            CHECK(strcmp(seen[i], model[id].values[key]) != 0, "key %d, slot %zu: value %u again", key, slot, i);
        seen[values++] = model[id].values[key];
    }
}

static void check_image(GV_Database *db)
{
    void *image;
    size_t size;
    CHECK_OK(gv_db_save_to_memory(db, &image, &size));
    const uint8_t *bytes = image, *entry = bytes + gv_get_u64(bytes + 88), *parts[GV_SECTION_KEY_VALUES + 1] = {0};
    for (uint32_t i = 0; i < gv_get_u32(bytes + 12); i++, entry += 32)
        if (gv_get_u32(entry) <= GV_SECTION_KEY_VALUES) parts[gv_get_u32(entry)] = bytes + gv_get_u64(entry + 8);
    CHECK((parts[GV_SECTION_KEYS] != NULL) == (declared != 0), "a list, or none, where there is the other");
    size_t slots = gv_get_u32(bytes + 36), column = 0;
    for (int k = 0; k < KEYS; k++)
        if (declared >> k & 1)
            check_column(parts[GV_SECTION_KEY_VALUES] + 4 * slots * column++, parts[GV_SECTION_IDS], slots, k);
    gv_free(image);
}

static void add_rows(GV_Database *db, size_t count)
{
    static ModelRow rows[BATCH];
    static float vectors[BATCH * DIMENSION];
    GV_PackedMetadata packed;
    if (id_count + count > ROWS_MOST) return;
    for (size_t i = 0; i < count; i++) {
        draw_pairs(&rows[i], id_count + i);
        rows[i].live = true;
        for (size_t j = 0; j < DIMENSION; j++) vectors[i * DIMENSION + j] = (float)draw(100);
    }
    uint32_t kept = fail_one_in;
    fail_one_in = 0;
    uint8_t *bytes = pack(rows, count, &packed);
    fail_one_in = kept;
    if (gv_db_add(db, vectors, count, DIMENSION, &packed, NULL) == GV_OK) {
        memcpy(model + id_count, rows, count * sizeof *rows);
        id_count += count;
        live_count += count;
    }
    free(bytes);
}

static void delete_rows(GV_Database *db, size_t count)
{
    static uint64_t ids[BATCH];
    size_t found = 0;
    for (uint64_t id = draw_live(); id < id_count && found < count; id++)
        if (model[id].live) ids[found++] = id;
    if (gv_db_delete(db, ids, found) != GV_OK) return;
    for (size_t i = 0; i < found; i++) model[ids[i]].live = false;
    live_count -= found;
}

static void update_pairs(GV_Database *db)
{
    uint64_t id = draw_live();
    ModelRow row;
    GV_PackedMetadata packed;
    draw_pairs(&row, id);
    row.live = true;
    uint32_t kept = fail_one_in;
    fail_one_in = 0;
    uint8_t *bytes = pack(&row, 1, &packed);
    fail_one_in = kept;
    if (gv_db_update_metadata(db, id, &packed) == GV_OK) model[id] = row;
    free(bytes);
}

static GV_Database *open_file(GV_Vfs *vfs, GV_IndexType type)
{
    GV_OpenOptions options;
    gv_open_options_init(&options);
    options.dimension = DIMENSION;
    options.index_type = (int32_t)type;
    options.durability = GV_DURABILITY_OS;
    options.checkpoint_on_close = draw(2) == 0;
    GV_Database *db;
    CHECK_OK(gv_db_open_with_vfs("file", &options, vfs, &db));
    return db;
}

static void reopen(GV_Database **db, GV_Vfs *vfs, GV_IndexType type)
{
    fail_one_in = 0;
    CHECK_OK(gv_db_close(*db));
    *db = open_file(vfs, type);
}

static void check_all(GV_Database *db)
{
    GV_CheckReport report = {.struct_size = sizeof report};
    uint32_t kept = fail_one_in;
    fail_one_in = 0;
    CHECK_OK(gv_db_check(db, &report));
    fail_one_in = kept;
}

static void run(GV_IndexType type, size_t steps, uint32_t fails)
{
    static const float vector[DIMENSION] = {1, 2, 3, 4};
    GV_Vfs *vfs = gv_vfs_memory_new();
    CHECK(vfs, "no memory");
    GV_Database *db = open_file(vfs, type);
    memset(model, 0, sizeof model);
    id_count = live_count = 0;
    declared = 0;
    may_fail = fails > 0;
    add_rows(db, 50);
    for (size_t i = 0; i < steps; i++) {
        fail_one_in = fails && draw(4) ? fails : 0;
        uint32_t what = draw(100);
        if (what < 25) add_rows(db, 1 + draw(draw(6) ? 4 : BATCH));
        else if (what < 45 && live_count > 20) delete_rows(db, 1 + draw(draw(8) ? 5 : BATCH / 2));
        else if (what < 70 && live_count > 0) update_pairs(db);
        else if (what < 80 && live_count > 0) (void)gv_db_update_vector(db, draw_live(), vector, DIMENSION);
        else if (what < 83) reopen(&db, vfs, type);
        else if (what < 86) declare_keys(db);
        else if (what < 88) (void)gv_db_save(db, NULL);
        for (int j = 0; j < 3; j++) ask(db);
        if (i % 8 == 0) check_all(db);
        if (i % 32 == 0 && !fail_one_in) check_image(db);
    }
    fail_one_in = 0;
    check_image(db);
    for (int j = 0; j < 50; j++) ask(db);
    check_all(db);
    delete_rows(db, BATCH);
    while (live_count > 0) delete_rows(db, BATCH);
    for (int j = 0; j < 20; j++) ask(db);
    check_all(db);
    CHECK_OK(gv_db_close(db));
    gv_vfs_memory_free(vfs);
}

/* Within a limit that leaves no room for the index, all filters answer all the same. */
static void test_limit(void)
{
    GV_Vfs *vfs = gv_vfs_memory_new();
    CHECK(vfs, "no memory");
    memset(model, 0, sizeof model);
    id_count = live_count = 0;
    may_fail = true;
    GV_Database *db = open_file(vfs, GV_INDEX_TYPE_FLAT);
    for (int i = 0; i < 5; i++) add_rows(db, BATCH);
    for (size_t spare = 0; spare < 40000; spare += 1 + spare / 3) {
        GV_ResourceLimits limits = {.struct_size = sizeof limits,
                                    .max_memory_bytes = gv_db_get_memory_usage(db) + spare};
        CHECK_OK(gv_db_set_resource_limits(db, &limits));
        for (int j = 0; j < 20; j++) ask(db);
        check_all(db);
    }
    CHECK_OK(gv_db_close(db));
    gv_vfs_memory_free(vfs);
}

int main(void)
{
    GV_MemoryHooks hooks = {allocate, free};
    gv_memory_set_hooks(&hooks);
    for (seed = 1; seed <= 12; seed++) {
        draws = 0;
        run(seed % 4 ? GV_INDEX_TYPE_FLAT : GV_INDEX_TYPE_HNSW, 250, seed % 3 == 0 ? 2 + (uint32_t)seed * 4 : 0);
    }
    test_limit();
    printf("12 runs, %llu allocations failed: the index over metadata answers as the model\n",
           (unsigned long long)failed);
    return 0;
}
