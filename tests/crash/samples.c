/* samples.c: see samples.h. */
#include "samples.h"
#include "api/db.h"
#include "base/bytes.h"
#include "base/memory.h"
#include "check.h"
#include "record.h"
#include "reseal.h"
#include "storage/superblock.h"
#include <string.h>

/* ---- making ---- */

static const Step image_steps[] = {
    {STEP_OPEN, 1, 0},   {STEP_ADD, 24, 0},   {STEP_ADD, 3, 30}, {STEP_TRAIN, 0, 0},
    {STEP_DELETE, 4, 0}, {STEP_UPDATE, 0, 0}, {STEP_KEYS, 2, 0}, {STEP_SAVE, 0, 0},
};
static const Step log_steps[] = {
    {STEP_ADD, 1, 0},    {STEP_UPDATE, 0, 0}, {STEP_DELETE, 2, 0}, {STEP_ADD, 6, 12}, {STEP_PAIRS, 0, 20},
    {STEP_DELETE, 5, 0}, {STEP_PAIRS, 0, 5},  {STEP_UPSERT, 6, 3}, {STEP_KEYS, 1, 0},
};

static void add_state(Sample *sample, Session *session)
{
    CHECK(sample->state_count < SAMPLE_STATES, "%zu states", sample->state_count);
    CHECK_OK(contents_digest(session->db, &sample->states[sample->state_count]));
    CHECK_OK(contents_search(session->db, &sample->hits[sample->state_count++]));
}

void sample_make(Sample *sample, GV_IndexType index_type, SampleKind kind)
{
    static const char *const names[][SAMPLE_KINDS] = {
        [GV_INDEX_TYPE_FLAT] = {"flat, packed", "flat, closed", "flat, killed"},
        [GV_INDEX_TYPE_HNSW] = {"hnsw, packed", "hnsw, closed", "hnsw, killed"},
        [GV_INDEX_TYPE_SPARSE] = {"sparse, packed", "sparse, closed", "sparse, killed"},
        [GV_INDEX_TYPE_IVFPQ] = {"ivfpq, packed", "ivfpq, closed", "ivfpq, killed"},
        [WORKLOAD_DROPPED] = {"ivfpq dropped, packed", "ivfpq dropped, closed", "ivfpq dropped, killed"},
    };
    GV_Vfs *vfs = gv_vfs_memory_new();
    CHECK(vfs, "%s", gv_last_error());
    Session session = {.vfs = vfs, .path = "sample", .index_type = index_type, .durability = GV_DURABILITY_COMMIT};
    GV_DatabaseInfo info = {.struct_size = sizeof info};
    *sample = (Sample){.name = names[index_type][kind], .index_type = index_type, .kind = kind};
    for (size_t i = 0; i < sizeof image_steps / sizeof *image_steps; i++)
        CHECK_OK(session_step(&session, &image_steps[i]));
    add_state(sample, &session);
    if (kind != SAMPLE_PACKED) {
        CHECK_OK(session_step(&session, &(Step){STEP_CLOSE, 0, 0}));
        CHECK_OK(session_step(&session, &(Step){STEP_OPEN, 0, 0}));
        for (size_t i = 0; i < sizeof log_steps / sizeof *log_steps; i++) {
            CHECK_OK(session_step(&session, &log_steps[i]));
            add_state(sample, &session);
        }
    }
    CHECK_OK(gv_db_get_info(session.db, &info));
    sample->log_start = info.image_bytes;
    if (kind == SAMPLE_KILLED) sample->bytes = record_copy(vfs, "sample", &sample->size);
    CHECK_OK(session_step(&session, &(Step){STEP_CLOSE, 0, 0}));
    if (kind != SAMPLE_KILLED) sample->bytes = record_copy(vfs, "sample", &sample->size);
    gv_vfs_memory_free(vfs);
    sample->synced_to = sample->log_start;
    for (size_t at = (size_t)sample->log_start; at < sample->size; at = next_frame(sample->bytes, sample->size, at))
        sample->synced_to = gv_get_u64(sample->bytes + at + 16);
}

void sample_free(Sample *sample) { free(sample->bytes); }

/* ---- reading in place ---- */

struct GV_File {
    BytesVfs *owner;
};

static GV_Status bytes_open(void *context, const char *path, GV_OpenMode mode, GV_File **out)
{
    (void)path;
    *out = NULL;
    if (mode != GV_FILE_READ) return gv_fail(GV_ERR_IO, "for reading only");
    *out = test_alloc(sizeof **out);
    (*out)->owner = context;
    return GV_OK;
}

static GV_Status bytes_read(GV_File *file, uint64_t offset, void *buffer, size_t size, size_t *got)
{
    BytesVfs *owner = file->owner;
    size_t from = offset < owner->size ? (size_t)offset : owner->size;
    *got = size < owner->size - from ? size : owner->size - from;
    if (*got > 0) memcpy(buffer, owner->bytes + from, *got);
    if (owner->read && *got > 0) memset(owner->read + from, 1, *got);
    return GV_OK;
}

static GV_Status bytes_size(GV_File *file, uint64_t *size)
{
    *size = file->owner->size;
    return GV_OK;
}

static uint64_t bytes_process(void *context)
{
    (void)context;
    return 0;
}

static void bytes_unmap(GV_File *file, void *address, uint64_t size)
{
    (void)file;
    (void)address;
    (void)size;
}

static void bytes_close(GV_File *file) { free(file); }

/* What a reader does not call stays NULL: to call it would be a crash, and a finding. */
void bytes_vfs_init(BytesVfs *vfs, const uint8_t *bytes, size_t size)
{
    *vfs = (BytesVfs){.bytes = bytes, .size = size};
    vfs->vfs = (GV_Vfs){.context = vfs,
                        .open = bytes_open,
                        .process = bytes_process,
                        .read = bytes_read,
                        .size = bytes_size,
                        .unmap = bytes_unmap,
                        .close = bytes_close};
}

/* ---- judging ---- */

char verdict_reason[512];

static Verdict refused(void)
{
    GV_Status status = gv_last_status();
    snprintf(verdict_reason, sizeof verdict_reason, "%s: %s", gv_status_name(status), gv_last_error());
    CHECK(status == GV_ERR_CORRUPT || status == GV_ERR_UNSUPPORTED, "damage is reported as %s", verdict_reason);
    bool tells_where = strstr(verdict_reason, "offset") || strstr(verdict_reason, "superblock") ||
                       strstr(verdict_reason, "section") || status == GV_ERR_UNSUPPORTED;
    CHECK(tells_where, "no word of where: %s", verdict_reason);
    return VERDICT_ERROR;
}

static Verdict judge_open(const Sample *sample, GV_Database *db)
{
    uint64_t digest, hits;
    if (contents_search(db, &hits) != GV_OK) return refused();
    if (contents_digest(db, &digest) != GV_OK) return refused();
    GV_Status checked = contents_check(db, NULL);
    Verdict verdict = VERDICT_WRONG;
    for (size_t i = 0; i < sample->state_count; i++)
        if (digest == sample->states[i] && hits == sample->hits[i])
            verdict = i == sample->state_count - 1 ? VERDICT_RIGHT : VERDICT_EARLIER;
    if (verdict == VERDICT_WRONG) snprintf(verdict_reason, sizeof verdict_reason, "contents that never were");
    else if (checked != GV_OK) return refused(); /* the answers were right, and yet it was noticed */
    return verdict;
}

Verdict sample_judge(const Sample *sample, const GV_Vfs *vfs, const char *path, bool memory_map)
{
    GV_Database *db;
    GV_OpenOptions options;
    gv_open_options_init(&options);
    options.read_only = 1;
    options.memory_map = memory_map;
    verdict_reason[0] = 0;
    if (gv_db_open_with_vfs(path, &options, vfs, &db) != GV_OK) return refused();
    CHECK_OK(gv_db_set_exact_search_threshold(db, 0));
    Verdict verdict = judge_open(sample, db);
    CHECK_OK(gv_db_close(db));
    return verdict;
}

/* ---- exercising ---- */

static void search_all_metrics(GV_Database *db, size_t dimension, const float *query)
{
    const uint32_t indices[] = {1, 2, 5};
    GV_Rows *rows;
    for (int distance = GV_DISTANCE_COSINE; distance <= GV_DISTANCE_DOT_PRODUCT; distance++) {
        GV_SearchOptions options;
        gv_search_options_init(&options);
        options.distance = distance;
        if (gv_db_search_sparse(db, indices, (const float[]){1, 2, 3}, 3, 8, &options, &rows) == GV_OK)
            gv_rows_free(rows);
    }
    for (int distance = GV_DISTANCE_EUCLIDEAN; distance <= GV_DISTANCE_MANHATTAN; distance++) {
        GV_Hit hits[8];
        size_t count = 0;
        (void)gv_db_search_filtered(db, query, dimension, 8, (GV_DistanceType)distance, "tag", "65", hits, &count);
        (void)gv_db_search_filtered(db, query, dimension, 8, (GV_DistanceType)distance, NULL, NULL, hits, &count);
        CHECK(count <= 8, "%zu hits", count);
        uint64_t matches = 0;
        (void)gv_db_count_matching(db, "tag < 80 OR tag CONTAINS '9' AND NOT tag PREFIX 'a'", &matches);
        CHECK(matches <= gv_db_count(db), "%llu matches", (unsigned long long)matches);
    }
}

void sample_read(const GV_Vfs *vfs, const char *path)
{
    GV_Database *db;
    GV_OpenOptions options;
    GV_CheckReport report = {.struct_size = sizeof report};
    float row[MODEL_DIMENSION] = {1, 2, 3};
    gv_open_options_init(&options);
    options.memory_map = 1;
    options.dimension = MODEL_DIMENSION;
    if (gv_db_open_with_vfs(path, &options, vfs, &db) != GV_OK) return;
    CHECK_OK(gv_db_set_exact_search_threshold(db, 0));
    search_all_metrics(db, MODEL_DIMENSION, row);
    for (uint64_t id = 0; id < 40; id++) {
        GV_Vector *vector;
        if (gv_db_get(db, id, &vector) == GV_OK) gv_vector_free(vector);
    }
    (void)gv_db_check(db, &report);
    CHECK_OK(gv_db_close(db));
}

static void write_some(GV_Database *db, size_t dimension, const float *row, uint64_t next_id)
{
    for (uint64_t id = 0; id < next_id && id < 40; id++) {
        GV_Vector *vector;
        if (gv_db_get(db, id, &vector) == GV_OK) gv_vector_free(vector);
        if (id % 4 == 1) (void)gv_db_update_vector(db, id, row, dimension);
        if (id % 4 == 1) (void)gv_db_update_sparse(db, id, (const uint32_t[]){0, 3}, (const float[]){1, 2}, 2);
        if (id % 4 == 2) (void)gv_db_delete(db, &id, 1);
        if (id % 16 == 3) (void)gv_db_update_vector_metadata(db, id, NULL, NULL, 0);
    }
    for (int i = 0; i < 3; i++) (void)gv_db_add_vector(db, row, dimension);
}

bool sample_exercise(const uint8_t *bytes, size_t size)
{
    GV_Database *db;
    GV_OpenOptions options;
    GV_DatabaseInfo info = {.struct_size = sizeof info};
    GV_CheckReport report = {.struct_size = sizeof report};
    GV_Vfs *vfs = gv_vfs_memory_new();
    CHECK(vfs, "%s", gv_last_error());
    record_put(vfs, "hostile", bytes, size);
    gv_open_options_init(&options);
    options.durability = GV_DURABILITY_OS;
    bool opened = gv_db_open_with_vfs("hostile", &options, vfs, &db) == GV_OK;
    if (!opened) {
        (void)refused();
    } else {
        CHECK_OK(gv_db_set_exact_search_threshold(db, 0));
        CHECK_OK(gv_db_get_info(db, &info));
        size_t dimension = (size_t)info.dimension;
        if (info.index_type == GV_INDEX_TYPE_SPARSE) dimension = MODEL_DIMENSION; /* there are no vectors */
        float *row = test_alloc(dimension * sizeof *row);
        for (size_t i = 0; i < dimension; i++) row[i] = (float)(i % 5) - 2.0f;
        search_all_metrics(db, dimension, row);
        (void)gv_db_check(db, &report);
        write_some(db, dimension, row, info.next_id);
        search_all_metrics(db, dimension, row);
        (void)gv_db_check(db, &report);
        (void)gv_db_close(db);
        free(row);
        if (gv_db_open_with_vfs("hostile", &options, vfs, &db) == GV_OK) (void)gv_db_close(db);
    }
    gv_vfs_memory_free(vfs);
    return opened;
}

/* ---- how much is allocated ---- */

static size_t used, peak, refuse_above = SIZE_MAX;

static void *watched_allocate(size_t bytes)
{
    enum {
        HEAD = 16
    };
    if (bytes > refuse_above) CHECK(false, "%zu bytes asked for at once, while %zu were in use", bytes, used);
    uint8_t *memory = calloc(1, bytes + HEAD);
    if (!memory) return NULL;
    memcpy(memory, &bytes, sizeof bytes);
    used += bytes;
    if (used > peak) peak = used;
    return memory + HEAD;
}

static void watched_release(void *memory)
{
    enum {
        HEAD = 16
    };
    size_t bytes;
    memcpy(&bytes, (uint8_t *)memory - HEAD, sizeof bytes);
    used -= bytes;
    free((uint8_t *)memory - HEAD);
}

void memory_watch(void)
{
    static const GV_MemoryHooks hooks = {watched_allocate, watched_release};
    gv_memory_set_hooks(&hooks);
}

void memory_expect_bounded(size_t file_size)
{
    const size_t most = 2 * file_size + ((size_t)64 << 20);
    CHECK(peak <= most, "%zu bytes were in use for a file of %zu", peak, file_size);
    CHECK(used == 0, "%zu bytes are lost", used);
    peak = 0;
    refuse_above = most;
}
