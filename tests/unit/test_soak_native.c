/* test_soak_native.c: everything at once, for as long as one likes: eight threads search, page, group, add, delete, upsert, update,
 * declare keys, save, check, compact and convert one database, which is closed while a compaction may be under way, opened again, and compared
 * with what was promised. Without it calls that are each right beside one other could be wrong beside three. Two seconds, or as
 * many as the argument says: ./build.sh soak [seconds], under the thread sanitizer. */
#include "packed.h"
#include "base/random.h"
#include <pthread.h>
#include <stdatomic.h>
#include <time.h>
#include <unistd.h>

enum {
    DIMENSION = 40, /* rows have codes */
    KEPT = 64,      /* rows that nobody deletes: ids 0 .. */
    BATCH = 24,
    K = 10,
    READERS = 5,
    WRITERS = 3,
    CYCLE_MS = 700
};

static GV_Database *db;
static atomic_bool stop, last, ended, drops;
static atomic_size_t reads, writes, compactions, cut_short;

static void fill(float *row, uint64_t seed)
{
    for (uint64_t j = 0; j < DIMENSION; j++) row[j] = (float)(gv_random(seed, j) >> 44) / 1e5f - 5.0f;
}

static void pack_rows(Packed *packed, const char *kind, uint64_t first, size_t count)
{
    char name[24];
    packed->size = 0;
    for (size_t i = 0; i < count; i++) {
        (void)snprintf(name, sizeof name, "n%llu", (unsigned long long)(first + i));
        put_count(packed, 2);
        put_pair(packed, "kind", kind);
        put_pair(packed, "name", name);
    }
}

/* ---- readers ---- */

static void check_rows(const GV_Rows *rows, size_t least)
{
    CHECK(rows->count >= least, "%zu rows, at least %zu are always there", rows->count, least);
    for (size_t i = 1; i < rows->count && rows->distances && !rows->groups; i++)
        CHECK(rows->distances[i - 1] <= rows->distances[i], "hits %zu and %zu are out of order", i - 1, i);
}

/* Each of the calls that read rows, in turn. */
static void read_once(uint64_t seed)
{
    GV_SearchOptions options;
    GV_Rows *rows = NULL;
    float query[DIMENSION];
    fill(query, seed);
    gv_search_options_init(&options);
    if (seed % 2) options.filter = "kind == 'kept'";
    switch (seed % 5) {
    case 0: CHECK_OK(gv_db_search_groups(db, query, DIMENSION, 3, "kind", 1, &options, &rows)); break;
    case 1: CHECK_OK(gv_db_scroll(db, seed % KEPT, K, &options, &rows)); break;
    case 2: CHECK_OK(gv_db_search_by_id(db, seed % KEPT, K, &options, &rows)); break;
    case 3: CHECK_OK(gv_db_range_search(db, query, DIMENSION, 1e9, KEPT, &options, &rows)); break;
    default: CHECK_OK(gv_db_search_rows(db, query, DIMENSION, K, &options, &rows));
    }
    check_rows(rows, seed % 5 == 1 || seed % 5 == 0 ? 1 : K);
    gv_rows_free(rows);
}

static void read_many(uint64_t seed)
{
    enum {
        QUERIES = 20
    };
    float queries[QUERIES * DIMENSION], distances[QUERIES * K];
    uint64_t ids[QUERIES * K];
    size_t counts[QUERIES];
    GV_SearchOptions options;
    gv_search_options_init(&options);
    options.filter = "kind == 'kept'";
    options.threads = 1 + (uint32_t)(seed % 2);
    for (uint64_t i = 0; i < QUERIES; i++) fill(queries + i * DIMENSION, seed + i);
    CHECK_OK(gv_db_search_batch(db, queries, QUERIES, DIMENSION, K, &options, ids, distances, counts));
    for (size_t i = 0; i < QUERIES * K; i++)
        CHECK(counts[i / K] == K && ids[i] < KEPT, "hit %zu is row %llu", i, (unsigned long long)ids[i]);
}

static void check_keys(void)
{
    char **keys;
    size_t count;
    CHECK_OK(gv_db_indexed_keys(db, &keys, &count));
    CHECK(count <= 2 && (count == 0 || strcmp(keys[0], "name") == 0), "%zu keys are declared", count);
    gv_free((void *)keys);
}

static void *read_loop(void *context)
{
    uint64_t reader = (uint64_t)(size_t)context, seed = reader * 100000000;
    while (!stop) {
        seed++;
        if (reader == 0) read_many(seed);
        else read_once(seed);
        if (reader == 2) check_keys();
        if (reader == 1) CHECK(gv_db_count(db) % BATCH == KEPT % BATCH, "a batch is half there");
        reads++;
    }
    return NULL;
}

/* ---- writers ---- */

static void *add_loop(void *context)
{
    static Packed packed;
    static float rows[BATCH * DIMENSION];
    uint64_t ids[BATCH], seed = 1;
    (void)context;
    for (; !stop; seed += BATCH) {
        for (size_t i = 0; i < BATCH; i++) fill(rows + i * DIMENSION, 900000000 + seed + i);
        pack_rows(&packed, "temp", seed, BATCH);
        GV_PackedMetadata metadata = packed_all(&packed);
        CHECK_OK(gv_db_upsert_many(db, rows, BATCH, DIMENSION, &metadata, "name", ids));
        if (seed % 3 == 0) CHECK_OK(gv_db_upsert_many(db, rows, BATCH, DIMENSION, &metadata, "name", ids));
        if (seed % 5 != 0) CHECK_OK(gv_db_delete(db, ids, BATCH));
        if (seed % 7 == 0) {
            GV_SearchOptions options;
            gv_search_options_init(&options);
            options.filter = "kind == 'temp'";
            CHECK_OK(gv_db_delete_matching(db, &options, NULL));
        }
        writes++;
    }
    return NULL;
}

static const char *const declared[] = {"name", "kind"};

/* Kept rows change vectors and metadata, and stay kept. */
static void *change_loop(void *context)
{
    static Packed packed;
    float row[DIMENSION];
    (void)context;
    for (uint64_t seed = 1; !stop; seed++) {
        uint64_t id = seed % KEPT;
        fill(row, seed);
        CHECK_OK(gv_db_update_vector(db, id, row, DIMENSION));
        pack_rows(&packed, "kept", 1000000000 + seed, 1);
        GV_PackedMetadata metadata = packed_all(&packed);
        CHECK_OK(gv_db_update_metadata(db, id, &metadata));
        if (seed % 50 == 0) CHECK_OK(gv_db_save(db, NULL));
        if (seed % 20 == 0) CHECK_OK(gv_db_index_keys(db, declared, (size_t)(seed / 20 % 3)));
        writes++;
    }
    return NULL;
}

/* The last call is a compaction, which the close may cut short. */
static void *care_loop(void *context)
{
    GV_CheckReport report = {.struct_size = sizeof report};
    GV_Stats stats = {.struct_size = sizeof stats};
    (void)context;
    for (uint64_t turn = 0; !stop; turn++) {
        if (drops && turn == 1) CHECK_OK(gv_db_ivfpq_train(db, NULL, 0, DIMENSION));
        CHECK_OK(turn % 3 == 0 ? gv_db_check(db, &report) : gv_db_compact(db));
        CHECK_OK(gv_db_get_stats(db, &stats));
        CHECK(gv_db_get_memory_usage(db) > 0, "no memory?");
        compactions++;
    }
    last = true;
    GV_Status status = gv_db_compact(db);
    CHECK(status == GV_OK || status == GV_ERR_ARGUMENT, "%s", gv_last_error());
    cut_short += status != GV_OK;
    ended = true;
    return NULL;
}

/* ---- cycles ---- */

static const struct Kind {
    const char *name;
    GV_IndexType index;
    bool binary;
    GV_Storage storage;
    bool drops;
} kinds[] = {
    {"hnsw", GV_INDEX_TYPE_HNSW, false, GV_STORAGE_F32, false},
    {"hnsw, binary, int8", GV_INDEX_TYPE_HNSW, true, GV_STORAGE_INT8, false},
    {"flat", GV_INDEX_TYPE_FLAT, false, GV_STORAGE_F32, false},
    {"ivfpq, f16", GV_INDEX_TYPE_IVFPQ, false, GV_STORAGE_F16, false},
    {"ivfpq without vectors", GV_INDEX_TYPE_IVFPQ, false, GV_STORAGE_F32, true},
};

static void open_database(const char *path, const struct Kind *kind)
{
    GV_OpenOptions options;
    GV_HNSWConfig hnsw;
    GV_IVFPQConfig ivfpq;
    gv_open_options_init(&options);
    gv_hnsw_config_init(&hnsw);
    gv_ivfpq_config_init(&ivfpq);
    hnsw.use_binary_quant = kind->binary;
    hnsw.ef_construction = 60;
    ivfpq.nlist = 4;
    ivfpq.auto_train = kind->drops ? 0 : KEPT;
    ivfpq.drop_vectors = drops = kind->drops;
    options.dimension = DIMENSION;
    options.index_type = (int32_t)kind->index;
    options.storage = (int32_t)kind->storage;
    options.durability = GV_DURABILITY_OS;
    options.hnsw = &hnsw;
    options.ivfpq = &ivfpq;
    CHECK_OK(gv_db_open_with_options(path, &options, &db));
    CHECK_OK(gv_db_set_exact_search_threshold(db, 0));
}

static void add_kept(void)
{
    static Packed packed;
    static float rows[KEPT * DIMENSION];
    for (size_t i = 0; i < KEPT; i++) fill(rows + i * DIMENSION, i);
    pack_rows(&packed, "kept", 2000000000, KEPT);
    GV_PackedMetadata metadata = packed_all(&packed);
    CHECK_OK(gv_db_add(db, rows, KEPT, DIMENSION, &metadata, NULL));
}

static void sleep_ms(long ms)
{
    struct timespec wait = {ms / 1000, ms % 1000 * 1000000};
    (void)nanosleep(&wait, NULL);
}

/* A call that closing may meet has begun, or is over: none may begin once a handle is being closed. */
static void wait_for_compaction(void)
{
    for (bool begun = false; !begun && !ended;) {
        gv_mutex_lock(&db->gate);
        begun = last && db->draft != NULL;
        gv_mutex_unlock(&db->gate);
    }
}

static void cycle(const char *path, const struct Kind *kind)
{
    void *(*const writers[WRITERS - 1])(void *) = {add_loop, change_loop};
    pthread_t threads[READERS + WRITERS - 1], care;
    GV_CheckReport report = {.struct_size = sizeof report};
    uint64_t kept;
    size_t started = 0;
    unlink(path);
    open_database(path, kind);
    add_kept();
    stop = last = ended = false;
    for (size_t i = 0; i < READERS; i++)
        CHECK(pthread_create(&threads[started++], NULL, read_loop, (void *)i) == 0, "thread");
    for (size_t i = 0; i < WRITERS - 1; i++)
        CHECK(pthread_create(&threads[started++], NULL, writers[i], NULL) == 0, "thread");
    CHECK(pthread_create(&care, NULL, care_loop, NULL) == 0, "thread");
    sleep_ms(CYCLE_MS);
    stop = true;
    for (size_t i = 0; i < started; i++) pthread_join(threads[i], NULL);
    wait_for_compaction();
    CHECK_OK(gv_db_close(db));
    pthread_join(care, NULL);
    open_database(path, kind);
    CHECK_OK(gv_db_check(db, &report));
    CHECK_OK(gv_db_count_matching(db, "kind == 'kept'", &kept));
    CHECK(kept == KEPT && report.rows % BATCH == KEPT % BATCH, "%llu kept rows of %llu", (unsigned long long)kept,
          (unsigned long long)report.rows);
    CHECK_OK(gv_db_close(db));
    unlink(path);
}

int main(int count, char **arguments)
{
    long seconds = count > 1 ? strtol(arguments[1], NULL, 10) : 2;
    time_t end = time(NULL) + seconds;
    char path[64];
    size_t cycles = 0;
    snprintf(path, sizeof path, "soak-%ld.gv", (long)getpid());
    do {
        cycle(path, &kinds[cycles % (sizeof kinds / sizeof *kinds)]);
        cycles++;
    } while (time(NULL) < end || cycles < sizeof kinds / sizeof *kinds);
    printf("%zu databases of 5 kinds, %d threads: %zu reads, %zu rounds of writes, %zu checks and compactions, "
           "%zu cut short by a close\n",
           cycles, READERS + WRITERS, (size_t)reads, (size_t)writes, (size_t)compactions, (size_t)cut_short);
    return 0;
}
