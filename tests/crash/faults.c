/* faults.c: a call that failed changed nothing, in the handle and in the file, and the next one works. */
#include "faults.h"
#include "base/memory.h"
#include "check.h"
#include "seen.h"
#include <string.h>

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
    {STEP_OPEN, 1, 0},     {STEP_ADD, 1, 0},     {STEP_ADD, 20, 40},  {STEP_READ, 0, 0},   {STEP_KEYS, 2, 0},
    {STEP_UPDATE, 0, 0},   {STEP_TRAIN, 0, 0},   {STEP_PAIRS, 0, 9},  {STEP_PAIRS, 0, 0},  {STEP_DELETE, 2, 0},
    {STEP_READ, 0, 0},     {STEP_SAVE, 0, 0},    {STEP_ADD, 3, 0},    {STEP_COPY, 0, 0},   {STEP_ADD, 1, 5000},
    {STEP_COPY, 0, 0},     {STEP_CLOSE, 0, 0},   {STEP_OPEN, 0, 0},   {STEP_FLUSH, 0, 0},  {STEP_UPDATE, 0, 0},
    {STEP_ADD, 40, 0},     {STEP_DELETE, 10, 0}, {STEP_ADD, 12, 0},   {STEP_READ, 0, 0},   {STEP_FLUSH, 0, 0},
    {STEP_UPDATE, 0, 0},   {STEP_CLOSE, 0, 0},   {STEP_OPEN, 1, 0},   {STEP_READ, 0, 0},   {STEP_ADD, 2, 0},
    {STEP_ADD, 3, 100000}, {STEP_CLOSE, 0, 0},   {STEP_OPEN, 1, 0},   {STEP_UPSERT, 1, 0}, {STEP_UPSERT, 12, 6},
    {STEP_COMPACT, 0, 0},  {STEP_READ, 0, 0},    {STEP_UPDATE, 0, 0}, {STEP_CLOSE, 0, 0},
};
enum {
    STEPS = sizeof steps / sizeof *steps
};

typedef struct Run {
    const Fault *fault;
    uint64_t number; /* 0: nothing fails */
    bool on;
    Recorder recorder;
    Session session;
    const Step *first, *step;
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
    snprintf(text, sizeof text, "%s %llu%s, index %d, durability %d, from step %d, step %d (%s)", run->fault->name,
             (unsigned long long)run->number, run->on ? " and on" : "", (int)run->session.index_type,
             (int)run->session.durability, (int)(run->first - steps), (int)(run->step - steps),
             step_names[run->step->kind]);
    return text;
}

static bool has_hit(const Run *run) { return run->fault->hits(&run->recorder) > run->hits; }

static void disarm(Run *run) { run->fault->arm(&run->recorder, 0, false); }

/* What bytes open as follows from them alone: a file that has been opened is known by its hash. */
static struct {
    uint64_t bytes, digest;
} survivors[4 * STEPS];
static size_t survivor_count;

static size_t find_survivor(uint64_t bytes)
{
    size_t at = 0;
    while (at < survivor_count && survivors[at].bytes != bytes) at++;
    return at;
}

static uint64_t open_bytes(const Run *run, const char *path, const uint8_t *bytes, size_t size)
{
    uint64_t digest;
    GV_Database *db;
    GV_Vfs *vfs = gv_vfs_memory_new();
    CHECK(vfs, "%s", gv_last_error());
    record_put(vfs, path, bytes, size);
    CHECK(session_open(vfs, path, run->session.index_type, GV_DURABILITY_OS, false, &db) == GV_OK, "%s: %s: %s",
          where(run), path, gv_last_error());
    CHECK(contents_digest(db, &digest) == GV_OK, "%s: %s", where(run), gv_last_error());
    CHECK(contents_check(db, NULL) == GV_OK, "%s: %s", where(run), gv_last_error());
    CHECK_OK(gv_db_close(db));
    gv_vfs_memory_free(vfs);
    return digest;
}

/* What the bytes that are there now would open as; 0: no such file. */
static uint64_t surviving(const Run *run, const char *path)
{
    size_t size;
    uint8_t *bytes = record_copy(run->recorder.memory, path, &size);
    if (!bytes) return 0;
    uint64_t hash = hash_bytes(size, bytes, size);
    size_t at = find_survivor(hash);
    if (at == survivor_count) {
        uint64_t digest = open_bytes(run, path, bytes, size);
        at = survivor_count < sizeof survivors / sizeof *survivors ? survivor_count++ : 0;
        survivors[at].bytes = hash;
        survivors[at].digest = digest;
    }
    free(bytes);
    return survivors[at].digest;
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
    CHECK(hits > before || (run->on && has_hit(run)), "%s: failed by itself: %s", where(run), gv_last_error());
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

/* ---- what follows from files alone ---- */

/* The run in which nothing fails, and all that its steps behind each close can depend on: a closed database is its
 * files. So a run may begin there, and end where it comes to the same: what follows has been seen. */
typedef struct Closed {
    size_t operations; /* that made the files */
    uint64_t files, copied;
    Model model;
    bool made;
} Closed;
static Closed closed[STEPS];
static Operation *operations;
static size_t operation_count;

static Closed closed_now(const Run *run)
{
    const Recorder *r = &run->recorder;
    Closed now = {.operations = r->count, .copied = run->copied, .model = run->session.model, .made = run->made};
    for (size_t i = 0; i < RECORD_NAMES; i++) { /* in whatever order */
        size_t size;
        uint8_t *bytes = r->names[i].path[0] ? record_copy(r->memory, r->names[i].path, &size) : NULL;
        if (!bytes) continue;
        now.files += hash_bytes(hash_bytes(size, r->names[i].path, RECORD_NAME), bytes, size);
        free(bytes);
    }
    return now;
}

static bool same_model(const Model *a, const Model *b)
{
    return a->count == b->count && a->next_id == b->next_id && a->changes == b->changes &&
           memcmp(a->rows, b->rows, a->count * sizeof *a->rows) == 0;
}

/* Asked where nothing fails any more: what was to fail once has, or there were not so many calls. */
static bool goes_on_as_ever(Run *run)
{
    bool fails_on = run->on && has_hit(run);
    if (run->step->kind != STEP_CLOSE || run->session.db || fails_on) return false;
    disarm(run);
    Closed now = closed_now(run);
    const Closed *ever = &closed[run->step - steps];
    bool same = now.files == ever->files && now.copied == ever->copied && now.made == ever->made &&
                same_model(&now.model, &ever->model);
    CHECK(same || has_hit(run), "%s: other files, and nothing failed", where(run));
    return same;
}

/* ---- runs ---- */

/* As all is when the steps up to `first` have been carried out. */
static void begin(Run *run, const Fault *fault, const Session *session, const Step *first)
{
    *run = (Run){.fault = fault, .session = *session, .first = first, .step = first};
    record_init(&run->recorder);
    run->session.vfs = &run->recorder.vfs;
    if (first == steps) return;
    const Closed *before = &closed[first - 1 - steps];
    record_repeat(&run->recorder, operations, before->operations);
    run->copied = before->copied;
    run->session.model = before->model;
    run->made = before->made;
}

static void end(Run *run, uint64_t live)
{
    if (run->step == steps + STEPS) run->step--;
    disarm(run);
    start_over(run);
    CHECK_OK(gv_db_close(run->session.db));
    record_free(&run->recorder);
    CHECK(memory_live == live, "%s: %llu allocations are lost", where(run), (unsigned long long)(memory_live - live));
}

/* Nothing fails: what a run may be compared with, and begin with. */
static void scout(const Fault *fault, const Session *session)
{
    static Run run;
    uint64_t live = memory_live;
    survivor_count = 0;
    begin(&run, fault, session, steps);
    for (; run.step < steps + STEPS; run.step++) {
        one_step(&run);
        CHECK(run.failures == 0, "%s: failed by itself: %s", where(&run), gv_last_error());
        (void)surviving(&run, MAIN);
        (void)surviving(&run, COPY);
        if (run.step->kind == STEP_CLOSE) closed[run.step - steps] = closed_now(&run);
    }
    operations = run.recorder.operations;
    operation_count = run.recorder.count;
    run.recorder.operations = NULL;
    run.recorder.count = run.recorder.capacity = 0;
    end(&run, live);
}

static void forget_operations(void)
{
    for (size_t i = 0; i < operation_count; i++) free(operations[i].data);
    free(operations);
}

/* False: the steps up to a close ran through, the number is past all their calls. */
static bool one_run(const Fault *fault, const Session *session, const Step *first, uint64_t number, bool on,
                    uint64_t *failures)
{
    static Run run;
    uint64_t live = memory_live;
    begin(&run, fault, session, first);
    run.recorder.files_only = true;
    run.number = number;
    run.on = on;
    run.hits = fault->hits(&run.recorder);
    fault->arm(&run.recorder, number, on);
    for (; run.step < steps + STEPS; run.step++) {
        one_step(&run);
        if (on && run.failures > 0 && !run.session.db) break;
        if (goes_on_as_ever(&run)) break;
    }
    bool hit = has_hit(&run);
    end(&run, live);
    *failures += run.failures;
    return hit;
}

/* Each call, from each open to the close: as many as there are in the whole workload. */
static void sweep(const Fault *fault, const Session *session, const char *index, bool on)
{
    uint64_t calls = 0, failures = 0;
    for (const Step *first = steps; first < steps + STEPS; first++) {
        if (first->kind != STEP_OPEN) continue;
        uint64_t number = 1;
        while (one_run(fault, session, first, number, on, &failures)) number++;
        calls += number - 1;
    }
    CHECK(calls >= 100, "only %llu", (unsigned long long)calls);
    printf("%s, %s, %s, %s: each of %llu made to fail, %llu calls answered so, nothing changed, nothing lost\n",
           fault->name, index, session->durability == GV_DURABILITY_OS ? "os" : "commit",
           on ? "and all after it" : "once", (unsigned long long)calls, (unsigned long long)failures);
    fflush(stdout);
}

void faults_sweep(const Fault *fault)
{
    static const struct {
        const char *index;
        GV_IndexType type;
        GV_Durability durability;
    } settings[] = {
        {"flat", GV_INDEX_TYPE_FLAT, GV_DURABILITY_COMMIT},
        {"hnsw", GV_INDEX_TYPE_HNSW, GV_DURABILITY_COMMIT},
        {"ivfpq", GV_INDEX_TYPE_IVFPQ, GV_DURABILITY_COMMIT},
        {"kdtree", GV_INDEX_TYPE_KDTREE, GV_DURABILITY_COMMIT},
        {"sparse", GV_INDEX_TYPE_SPARSE, GV_DURABILITY_COMMIT},
        {"ivfpq without vectors", (GV_IndexType)WORKLOAD_DROPPED, GV_DURABILITY_COMMIT},
        {"flat", GV_INDEX_TYPE_FLAT, GV_DURABILITY_OS}, /* what that means is not the other indexes' part */
        {"hnsw", GV_INDEX_TYPE_HNSW, GV_DURABILITY_OS},
    };
    for (size_t i = 0; i < sizeof settings / sizeof *settings; i++) {
        const Session session = {
            .path = MAIN, .copy = COPY, .index_type = settings[i].type, .durability = settings[i].durability};
        scout(fault, &session);
        sweep(fault, &session, settings[i].index, false);
        sweep(fault, &session, settings[i].index, true);
        forget_operations();
    }
}
