/* faults.c: a call that failed changed nothing, in the handle and in the file, and the next one works. */
#include "faults.h"
#include "base/memory.h"
#include "check.h"

#define MAIN "main.gv"
#define COPY "copy.gv"

/* ---- memory ---- */

uint64_t memory_allocations, memory_live, memory_fail_at, memory_failed;
bool memory_fail_on;

static void *allocate(size_t bytes)
{
    memory_allocations++;
    if (memory_fail_at &&
        (memory_fail_on ? memory_allocations >= memory_fail_at : memory_allocations == memory_fail_at)) {
        memory_failed++;
        return NULL;
    }
    memory_live++;
    return calloc(1, bytes);
}

static void release(void *memory)
{
    memory_live--;
    free(memory);
}

void faults_hook_memory(void)
{
    static const GV_MemoryHooks hooks = {allocate, release};
    gv_memory_set_hooks(&hooks);
}

/* ---- one run ---- */

static const Step steps[] = {
    {STEP_OPEN, 1, 0},    {STEP_ADD, 1, 0},    {STEP_ADD, 20, 40},  {STEP_READ, 0, 0},    {STEP_UPDATE, 0, 0},
    {STEP_TRAIN, 0, 0},   {STEP_PAIRS, 0, 9},  {STEP_PAIRS, 0, 0},  {STEP_DELETE, 2, 0},  {STEP_READ, 0, 0},
    {STEP_SAVE, 0, 0},    {STEP_ADD, 3, 0},    {STEP_COPY, 0, 0},   {STEP_ADD, 1, 5000},  {STEP_COPY, 0, 0},
    {STEP_CLOSE, 0, 0},   {STEP_OPEN, 0, 0},   {STEP_FLUSH, 0, 0},  {STEP_UPDATE, 0, 0},  {STEP_ADD, 40, 0},
    {STEP_DELETE, 10, 0}, {STEP_ADD, 12, 0},   {STEP_READ, 0, 0},   {STEP_FLUSH, 0, 0},   {STEP_UPDATE, 0, 0},
    {STEP_CLOSE, 0, 0},   {STEP_OPEN, 1, 0},   {STEP_READ, 0, 0},   {STEP_ADD, 2, 0},     {STEP_ADD, 3, 100000},
    {STEP_CLOSE, 0, 0},   {STEP_OPEN, 1, 0},   {STEP_UPSERT, 1, 0}, {STEP_UPSERT, 12, 6}, {STEP_COMPACT, 0, 0},
    {STEP_READ, 0, 0},    {STEP_UPDATE, 0, 0}, {STEP_CLOSE, 0, 0},
};
enum {
    STEPS = sizeof steps / sizeof *steps
};

typedef struct Run {
    const Fault *fault;
    uint64_t number;
    bool on;
    Recorder recorder;
    Session session;
    const Step *step;
    bool made;         /* the file: an open succeeded */
    uint64_t copied;   /* digest of the copy; 0: there is none */
    uint64_t hits;     /* of the fault, before */
    uint64_t failures; /* calls that answered with an error */
    bool was_sync;     /* one of them for a sync: what it was to do may be in the file */
    Model instead;     /* ... and this is then what the file holds */
} Run;

static const char *where(const Run *run)
{
    static char text[160];
    snprintf(text, sizeof text, "%s %llu%s, index %d, durability %d, step %d (%s)", run->fault->name,
             (unsigned long long)run->number, run->on ? " and on" : "", (int)run->session.index_type,
             (int)run->session.durability, (int)(run->step - steps), step_names[run->step->kind]);
    return text;
}

static void disarm(Run *run) { run->fault->arm(&run->recorder, 0, false); }

/* What the bytes that are there now would open as; 0: no such file. */
static uint64_t surviving(const Run *run, const char *path)
{
    size_t size;
    uint64_t digest;
    GV_Database *db;
    uint8_t *bytes = record_copy(run->recorder.memory, path, &size);
    if (!bytes) return 0;
    GV_Vfs *vfs = gv_vfs_memory_new();
    CHECK(vfs, "%s", gv_last_error());
    record_put(vfs, path, bytes, size);
    free(bytes);
    CHECK(session_open(vfs, path, run->session.index_type, GV_DURABILITY_OS, false, &db) == GV_OK, "%s: %s: %s",
          where(run), path, gv_last_error());
    CHECK(contents_digest(db, &digest) == GV_OK, "%s: %s", where(run), gv_last_error());
    CHECK(contents_check(db, NULL) == GV_OK, "%s: %s", where(run), gv_last_error());
    CHECK_OK(gv_db_close(db));
    gv_vfs_memory_free(vfs);
    return digest;
}

static void check_handle(Run *run)
{
    uint64_t digest;
    if (!run->session.db) return;
    CHECK(contents_search(run->session.db, &digest) == GV_OK, "%s: search: %s", where(run), gv_last_error());
    CHECK(contents_digest(run->session.db, &digest) == GV_OK, "%s: read: %s", where(run), gv_last_error());
    CHECK(digest == model_digest(&run->session.model), "%s: the handle has changed", where(run));
}

/* Returns whether the file holds what a call was to do that a failed sync ended. */
static bool check_file(Run *run)
{
    uint64_t found = surviving(run, MAIN), known = model_digest(&run->session.model);
    if (found == 0) CHECK(!run->made, "%s: the file is gone", where(run));
    bool is_instead = found != known && run->was_sync && found == model_digest(&run->instead);
    CHECK(found == 0 || found == known || is_instead, "%s: the file has changed", where(run));
    uint64_t copy = surviving(run, COPY);
    CHECK(copy == run->copied || (run->step->kind == STEP_COPY && run->recorder.sync_failed && copy == known),
          "%s: the copy has changed", where(run));
    run->copied = copy;
    return is_instead;
}

static GV_Status carry_out(Run *run)
{
    run->recorder.sync_failed = false;
    GV_Status status = session_step(&run->session, run->step);
    if (status == GV_OK && run->step->kind == STEP_OPEN) run->made = true;
    if (status == GV_OK && run->step->kind == STEP_COPY) run->copied = model_digest(&run->session.model);
    if (status != GV_OK && run->recorder.sync_failed && !run->was_sync) {
        run->was_sync = true;
        run->instead = run->session.model;
        model_apply(&run->instead, run->step);
    }
    return status;
}

/* What is left is opened again, and is one of the states it may be. */
static void start_over(Run *run)
{
    uint64_t digest;
    Step open = {STEP_OPEN, 1, 0};
    bool is_instead = check_file(run);
    Model model = is_instead ? run->instead : run->session.model;
    if (run->session.db) (void)gv_db_close(run->session.db);
    run->session.db = NULL;
    CHECK(session_step(&run->session, &open) == GV_OK, "%s: open after it: %s", where(run), gv_last_error());
    run->made = true;
    run->session.model = model;
    CHECK_OK(contents_digest(run->session.db, &digest));
    CHECK(digest == model_digest(&model), "%s: opened again it differs", where(run));
}

/* It was one call that failed, and nothing fails any more. */
static void try_again(Run *run)
{
    StepKind kind = run->step->kind;
    bool writes = kind >= STEP_ADD && kind <= STEP_FLUSH, was_sync = run->recorder.sync_failed;
    if (kind == STEP_CLOSE) return; /* closed it is, and the next step opens it */
    bool is_instead = check_file(run);
    GV_Status status = is_instead ? gv_db_flush(run->session.db) : carry_out(run);
    CHECK(status != GV_OK || !(was_sync && writes), "%s: written after a failed sync", where(run));
    if (status == GV_OK) return;
    CHECK(status == GV_ERR_IO && was_sync, "%s: again: %s", where(run), gv_last_error());
    check_handle(run);
    start_over(run);
    if (!is_instead) CHECK(carry_out(run) == GV_OK, "%s: after a new start: %s", where(run), gv_last_error());
}

static void one_step(Run *run)
{
    uint64_t before = run->fault->hits(&run->recorder);
    GV_Status status = carry_out(run);
    uint64_t hits = run->fault->hits(&run->recorder);
    if (status == GV_OK) return;
    CHECK(hits > before || (run->on && hits > run->hits), "%s: failed by itself: %s", where(run), gv_last_error());
    CHECK(status == run->fault->status || (run->failures > 0 && status == GV_ERR_IO), "%s: %s: %s", where(run),
          gv_status_name(status), gv_last_error());
    run->failures++;
    if (run->fault->reads_go_on) check_handle(run);
    disarm(run);
    check_handle(run);
    (void)check_file(run);
    if (run->on) run->fault->arm(&run->recorder, 1, true);
    else try_again(run);
}

/* False: the workload ran through, the number is past all calls. */
static bool one_run(const Fault *fault, uint64_t number, bool on, GV_IndexType index_type, GV_Durability durability,
                    uint64_t *failures)
{
    static Run run;
    uint64_t live = memory_live;
    run = (Run){.fault = fault, .number = number, .on = on};
    record_init(&run.recorder);
    run.session = (Session){
        .vfs = &run.recorder.vfs, .path = MAIN, .copy = COPY, .index_type = index_type, .durability = durability};
    run.hits = fault->hits(&run.recorder);
    fault->arm(&run.recorder, number, on);
    for (run.step = steps; run.step < steps + STEPS; run.step++) {
        one_step(&run);
        if (on && run.failures > 0 && !run.session.db) break;
    }
    if (run.step == steps + STEPS) run.step--;
    bool hit = fault->hits(&run.recorder) > run.hits;
    disarm(&run);
    start_over(&run);
    CHECK_OK(gv_db_close(run.session.db));
    record_free(&run.recorder);
    CHECK(memory_live == live, "%s %llu: %llu allocations are lost", fault->name, (unsigned long long)number,
          (unsigned long long)(memory_live - live));
    *failures += run.failures;
    return hit;
}

void faults_sweep(const Fault *fault)
{
    enum {
        INDEXES = 6
    };
    static const GV_IndexType indexes[] = {GV_INDEX_TYPE_FLAT,   GV_INDEX_TYPE_HNSW,   GV_INDEX_TYPE_IVFPQ,
                                           GV_INDEX_TYPE_KDTREE, GV_INDEX_TYPE_SPARSE, (GV_IndexType)WORKLOAD_DROPPED};
    static const char *const names[] = {"flat", "hnsw", "ivfpq", "kdtree", "sparse", "ivfpq without vectors"};
    static const GV_Durability durabilities[] = {GV_DURABILITY_COMMIT, GV_DURABILITY_OS};
    for (int i = 0; i < 4 * INDEXES; i++) {
        uint64_t number = 1, failures = 0;
        bool on = i >= 2 * INDEXES, os = i / INDEXES % 2;
        if (os && i % INDEXES >= 2) continue; /* what that means is not the index's part */
        while (one_run(fault, number, on, indexes[i % INDEXES], durabilities[os], &failures)) number++;
        CHECK(number > 100, "only %llu", (unsigned long long)number);
        printf("%s, %s, %s, %s: each of %llu made to fail, %llu calls answered so, nothing changed, nothing lost\n",
               fault->name, names[i % INDEXES], os ? "os" : "commit", on ? "and all after it" : "once",
               (unsigned long long)number - 1, (unsigned long long)failures);
        fflush(stdout);
    }
}
