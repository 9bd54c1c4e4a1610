/* test_powercut.c: without it nobody would know that a sync is missing, or that two writes are in the wrong order, until
 * the power fails: every disk that a power cut at any point of a workload may leave is opened and compared with a model.
 *
 * test_powercut [factor [seed]]: `factor` multiplies the samples, for a long run. */
#include "api/db.h"
#include "base/random.h"
#include "check.h"
#include "images.h"
#include "storage/superblock.h"
#include "workload.h"
#include <string.h>

#define MAIN "main.gv"
#define COPY "copy.gv"

typedef struct Scenario {
    const char *name;
    GV_IndexType index_type;
    GV_Durability durability;
    const Step *steps;
    size_t count;
} Scenario;

typedef struct Run { /* a scenario carried out and written down */
    const Scenario *scenario;
    Recorder recorder;
    Model *models;                       /* [count]: after each step */
    uint64_t *digests;                   /* [count] */
    uint64_t *unreachable;               /* [count]: rows that a walk of the live graph does not find */
    uint64_t *graphs;                    /* [count]: contents_image() of the handle, or of the last there was */
    uint64_t latest, latest_unreachable; /* of them, while recording */
    int *copies;                         /* [count]: the step whose state the copy holds, -1: there is none */
} Run;

typedef struct Cut { /* a point in it, and the bounds for what an image of it may hold */
    const Run *run;
    size_t point;
    int done, under_way; /* steps; -1: none */
    int least;           /* the newest step whose state must be there, -1: none */
    uint64_t seed, images;
} Cut;

/* ---- recording ---- */

static bool settles(const Scenario *scenario, StepKind kind)
{
    return scenario->durability == GV_DURABILITY_COMMIT || kind == STEP_OPEN || kind == STEP_FLUSH ||
           kind == STEP_SAVE || kind == STEP_COMPACT || kind == STEP_CLOSE || kind == STEP_LOSS;
}

static void look(Run *run, GV_Database *db)
{
    bool dead = run->recorder.dead;
    run->recorder.dead = false; /* the check reads the file */
    CHECK_OK(contents_check(db, &run->latest_unreachable));
    run->latest = contents_image(db);
    run->recorder.dead = dead;
}

static void kill_process(Run *run, Session *session)
{
    look(run, session->db);
    run->recorder.dead = true;
    run->recorder.die_in_write = 0;
    (void)gv_db_close(session->db);
    session->db = NULL;
    run->recorder.dead = false;
}

static void lose(Run *run)
{
    Disk disk;
    DiskImage image;
    disk_init(&disk);
    record_loss(&run->recorder);
    for (size_t i = 0; i < run->recorder.count; i++) disk_step(&disk, &run->recorder.operations[i]);
    DiskNames names = disk_names(&disk, 0);
    disk_image(&disk, &names, &image);
    for (size_t i = 0; i < image.count; i++)
        record_put(run->recorder.memory, image.files[i].path, image.files[i].bytes, image.files[i].size);
    disk_image_free(&image);
    disk_free(&disk);
}

static void carry_out(Run *run, Session *session, const Step *step, const Model *settled)
{
    Step call = {STEP_SAVE, step->a, 0};
    switch (step->kind) {
    case STEP_KILL_IN_ADD: call.kind = STEP_ADD; /* fall through */
    case STEP_KILL_IN_SAVE:
        run->recorder.die_in_write = step->b;
        (void)session_step(session, &call); /* its own write may be through */
        /* fall through */
    case STEP_KILL: kill_process(run, session); break;
    case STEP_LOSS:
        kill_process(run, session);
        lose(run);
        session->model = *settled;
        break;
    default: CHECK_OK(session_step(session, step));
    }
}

static void record_run(Run *run, const Scenario *scenario)
{
    Model settled = {0};
    uint64_t settled_graph = 0, settled_unreachable = 0;
    *run = (Run){.scenario = scenario};
    record_init(&run->recorder);
    run->models = test_alloc(scenario->count * sizeof *run->models);
    run->digests = test_alloc(scenario->count * sizeof *run->digests);
    run->unreachable = test_alloc(scenario->count * sizeof *run->unreachable);
    run->graphs = test_alloc(scenario->count * sizeof *run->graphs);
    run->copies = test_alloc(scenario->count * sizeof *run->copies);
    Session session = {.vfs = &run->recorder.vfs,
                       .path = MAIN,
                       .copy = COPY,
                       .index_type = scenario->index_type,
                       .durability = scenario->durability};
    for (size_t i = 0; i < scenario->count; i++) {
        const Step *step = &scenario->steps[i];
        record_mark(&run->recorder, 2 * (int)i);
        carry_out(run, &session, step, &settled);
        record_mark(&run->recorder, 2 * (int)i + 1);
        run->models[i] = session.model;
        run->digests[i] = model_digest(&session.model);
        if (session.db) look(run, session.db);
        if (step->kind == STEP_LOSS) run->latest = settled_graph, run->latest_unreachable = settled_unreachable;
        run->graphs[i] = run->latest;
        run->unreachable[i] = run->latest_unreachable;
        run->copies[i] = step->kind == STEP_COPY ? (int)i : i > 0 ? run->copies[i - 1] : -1;
        if (settles(scenario, step->kind)) {
            settled = session.model;
            settled_graph = run->latest;
            settled_unreachable = run->latest_unreachable;
        }
    }
    CHECK(!session.db, "%s: the last step is to close", scenario->name);
}

static void run_free(Run *run)
{
    record_free(&run->recorder);
    free(run->models);
    free(run->digests);
    free(run->unreachable);
    free(run->graphs);
    free(run->copies);
}

/* ---- one image ---- */

static void explain(const Cut *cut, const Disk *disk)
{
    const Scenario *scenario = cut->run->scenario;
    fprintf(stderr, "%s, point %zu: done step %d, under way step %d (%s), seed %llu\n", scenario->name, cut->point,
            cut->done, cut->under_way, cut->under_way < 0 ? "-" : step_names[scenario->steps[cut->under_way].kind],
            (unsigned long long)cut->seed);
    images_print(disk);
}

#define EXPECT(condition, ...)                         \
    do {                                               \
        if (!(condition)) {                            \
            explain(cut, disk);                        \
            CHECK(false, #condition ": " __VA_ARGS__); \
        }                                              \
    } while (0)

static bool has(const DiskImage *image, const char *path)
{
    for (size_t i = 0; i < image->count; i++)
        if (strcmp(image->files[i].path, path) == 0) return true;
    return false;
}

/* The newest step in `least .. most` that left what the database holds, `graph` 0: whatever its index looks like. */
static int match(const Cut *cut, uint64_t digest, uint64_t graph, int least, int most)
{
    for (int i = most; i >= least && i >= 0; i--)
        if (cut->run->digests[i] == digest && (!graph || cut->run->graphs[i] == graph)) return i;
    return -1;
}

/* Life goes on: more writes, a close, and all of it is there again. */
static void go_on(const Cut *cut, const Disk *disk, Session *session)
{
    static const Step steps[] = {{STEP_ADD, 2, 3}, {STEP_UPDATE, 0, 0}, {STEP_DELETE, 1, 0}, {STEP_CLOSE, 0, 0}};
    uint64_t digest;
    for (size_t i = 0; i < sizeof steps / sizeof *steps; i++)
        EXPECT(session_step(session, &steps[i]) == GV_OK, "%s: %s", step_names[steps[i].kind], gv_last_error());
    EXPECT(session_step(session, &(Step){STEP_OPEN, 1, 0}) == GV_OK, "open again: %s", gv_last_error());
    EXPECT(contents_digest(session->db, &digest) == GV_OK, "%s", gv_last_error());
    EXPECT(digest == model_digest(&session->model), "what was written after recovery is not there");
    EXPECT(contents_check(session->db, NULL) == GV_OK, "%s", gv_last_error());
    EXPECT(session_step(session, &(Step){STEP_CLOSE, 0, 0}) == GV_OK, "%s", gv_last_error());
}

static void check_main(const Cut *cut, const Disk *disk, const DiskImage *image, GV_Vfs *vfs)
{
    const Run *run = cut->run;
    uint64_t digest, unreachable;
    if (!has(image, MAIN)) {
        EXPECT(cut->done < 0, "the file is gone");
        return;
    }
    int most = cut->under_way > cut->done ? cut->under_way : cut->done;
    Session session = {
        .vfs = vfs, .path = MAIN, .index_type = run->scenario->index_type, .durability = GV_DURABILITY_OS};
    Step open = {STEP_OPEN, gv_random(cut->seed, cut->images) % 2, 0};
    EXPECT(session_step(&session, &open) == GV_OK, "%s", gv_last_error());
    EXPECT(contents_digest(session.db, &digest) == GV_OK, "%s", gv_last_error());
    int least = cut->least < 0 ? 0 : cut->least, step = match(cut, digest, 0, least, most);
    EXPECT(step >= 0, "not a state of steps %d to %d", least, most);
    step = match(cut, digest, contents_image(session.db), least, most);
    EXPECT(step >= 0, "the rows of a step of %d to %d, but not its graph", least, most);
    EXPECT(contents_check(session.db, &unreachable) == GV_OK, "%s", gv_last_error());
    EXPECT(unreachable == run->unreachable[step], "%llu rows are not reachable, and %llu before",
           (unsigned long long)unreachable, (unsigned long long)run->unreachable[step]);
    EXPECT(contents_search(session.db, &digest) == GV_OK, "%s", gv_last_error());
    session.model = run->models[step];
    go_on(cut, disk, &session);
}

static void check_copy(const Cut *cut, const Disk *disk, const DiskImage *image, GV_Vfs *vfs)
{
    const Run *run = cut->run;
    int done = cut->done < 0 ? -1 : run->copies[cut->done];
    int under_way = cut->under_way < 0 ? -1 : run->copies[cut->under_way];
    GV_Database *db;
    uint64_t digest;
    if (!has(image, COPY)) {
        EXPECT(done < 0, "the copy is gone");
        return;
    }
    EXPECT(session_open(vfs, COPY, run->scenario->index_type, GV_DURABILITY_COMMIT, true, &db) == GV_OK, "copy: %s",
           gv_last_error());
    EXPECT(contents_digest(db, &digest) == GV_OK, "copy: %s", gv_last_error());
    EXPECT((done >= 0 && digest == run->digests[done]) || (under_way >= 0 && digest == run->digests[under_way]),
           "the copy is neither that of step %d nor that of step %d", done, under_way);
    EXPECT(contents_check(db, NULL) == GV_OK, "copy: %s", gv_last_error());
    EXPECT(gv_db_close(db) == GV_OK, "copy: %s", gv_last_error());
}

/* After a clean close that leaves a log, the mark that lets damage be told from a torn end is on the disk too. */
static void check_mark(const Cut *cut, const Disk *disk, GV_Vfs *vfs)
{
    if (cut->done < 0 || cut->run->scenario->steps[cut->done].kind != STEP_CLOSE) return;
    GV_File *file;
    GV_Superblock superblock;
    unsigned copies;
    uint64_t size, end;
    CHECK_OK(vfs->open(vfs->context, MAIN, GV_FILE_READ, &file));
    EXPECT(gv_superblock_read(vfs, file, &superblock, &copies) == GV_OK && copies == 2, "%s", gv_last_error());
    CHECK_OK(vfs->size(file, &size));
    CHECK_OK(gv_clean_mark_read(vfs, file, superblock.generation, &end));
    vfs->close(file);
    EXPECT(size == superblock.log_start || end == size, "closed at %llu, the mark says %llu", (unsigned long long)size,
           (unsigned long long)end);
}

static void check_image(void *context, const DiskImage *image, const Disk *disk)
{
    Cut *cut = context;
    GV_Vfs *vfs = gv_vfs_memory_new();
    CHECK(vfs, "%s", gv_last_error());
    for (size_t i = 0; i < image->count; i++)
        record_put(vfs, image->files[i].path, image->files[i].bytes, image->files[i].size);
    if (has(image, MAIN)) check_mark(cut, disk, vfs);
    check_copy(cut, disk, image, vfs);
    check_main(cut, disk, image, vfs);
    gv_vfs_memory_free(vfs);
    cut->images++;
}

/* ---- all points ---- */

static bool at_mark(Cut *cut, int value)
{
    const Scenario *scenario = cut->run->scenario;
    int step = value / 2;
    if (value % 2 == 0) {
        cut->under_way = step;
        return false;
    }
    cut->done = step;
    cut->under_way = -1;
    if (settles(scenario, scenario->steps[step].kind)) cut->least = step;
    return true;
}

static uint64_t cut_everywhere(const Run *run, uint64_t seed, unsigned factor)
{
    Disk disk;
    Cut cut = {.run = run, .done = -1, .under_way = -1, .least = -1, .seed = seed};
    disk_init(&disk);
    for (cut.point = 0; cut.point < run->recorder.count; cut.point++) {
        const Operation *operation = &run->recorder.operations[cut.point];
        if (operation->kind == RECORD_MARK && !at_mark(&cut, operation->value)) continue;
        disk_step(&disk, operation);
        (void)images_each(&disk, gv_random(seed, cut.point), factor, check_image, &cut);
    }
    disk_free(&disk);
    return cut.images;
}

/* ---- what is done ---- */

static const Step commit_steps[] = {
    {STEP_OPEN, 1, 0},    {STEP_ADD, 1, 0},          {STEP_ADD, 1, 0},         {STEP_ADD, 1, 30},
    {STEP_ADD, 9, 20},    {STEP_UPDATE, 0, 0},       {STEP_PAIRS, 0, 10},      {STEP_DELETE, 1, 0},
    {STEP_ADD, 8, 0},     {STEP_TRAIN, 0, 0},        {STEP_FLUSH, 0, 0},       {STEP_SAVE, 0, 0},
    {STEP_ADD, 1, 0},     {STEP_DELETE, 2, 0},       {STEP_COPY, 0, 0},        {STEP_UPDATE, 0, 0},
    {STEP_ADD, 2, 900},   {STEP_COPY, 0, 0},         {STEP_CLOSE, 0, 0},       {STEP_OPEN, 0, 0},
    {STEP_ADD, 4, 0},     {STEP_PAIRS, 0, 0},        {STEP_UPDATE, 0, 0},      {STEP_CLOSE, 0, 0},
    {STEP_OPEN, 0, 0},    {STEP_ADD, 1, 0},          {STEP_DELETE, 3, 0},      {STEP_CLOSE, 0, 0},
    {STEP_OPEN, 0, 0},    {STEP_ADD, 3, 0},          {STEP_KILL, 0, 0},        {STEP_OPEN, 0, 0},
    {STEP_UPSERT, 1, 0},  {STEP_UPSERT, 9, 7},       {STEP_KILL, 0, 0},        {STEP_OPEN, 0, 0},
    {STEP_UPSERT, 30, 0}, {STEP_UPDATE, 0, 0},       {STEP_UPSERT, 4, 0},      {STEP_KILL, 0, 0},
    {STEP_OPEN, 1, 0},    {STEP_UPDATE, 0, 0},       {STEP_KILL_IN_ADD, 6, 1}, {STEP_OPEN, 1, 0},
    {STEP_ADD, 1, 0},     {STEP_KILL_IN_ADD, 40, 2}, {STEP_OPEN, 1, 0},        {STEP_KILL_IN_SAVE, 0, 5},
    {STEP_OPEN, 1, 0},    {STEP_DELETE, 3, 0},       {STEP_SAVE, 0, 0},        {STEP_SAVE, 0, 0},
    {STEP_UPDATE, 0, 0},  {STEP_CLOSE, 0, 0},        {STEP_OPEN, 1, 0},        {STEP_DELETE, 12, 0},
    {STEP_COMPACT, 0, 0}, {STEP_UPDATE, 0, 0},       {STEP_UPSERT, 6, 0},      {STEP_KILL, 0, 0},
    {STEP_OPEN, 0, 0},    {STEP_COMPACT, 0, 0},      {STEP_COMPACT, 0, 0},     {STEP_ADD, 2, 0},
    {STEP_CLOSE, 0, 0},
};

static const Step os_steps[] = {
    {STEP_OPEN, 0, 0},        {STEP_ADD, 1, 0},    {STEP_ADD, 3, 40},        {STEP_UPDATE, 0, 0}, {STEP_ADD, 6, 0},
    {STEP_TRAIN, 0, 0},       {STEP_DELETE, 1, 0}, {STEP_PAIRS, 0, 5},       {STEP_FLUSH, 0, 0},  {STEP_ADD, 2, 0},
    {STEP_PAIRS, 0, 10},      {STEP_SAVE, 0, 0},   {STEP_ADD, 9, 0},         {STEP_ADD, 1, 700},  {STEP_COPY, 0, 0},
    {STEP_DELETE, 1, 0},      {STEP_FLUSH, 0, 0},  {STEP_DELETE, 1, 0},      {STEP_DELETE, 1, 0}, {STEP_DELETE, 1, 0},
    {STEP_LOSS, 0, 0},        {STEP_OPEN, 0, 0},   {STEP_DELETE, 1, 0},      {STEP_ADD, 4, 0},    {STEP_FLUSH, 0, 0},
    {STEP_UPDATE, 0, 0},      {STEP_UPDATE, 0, 0}, {STEP_UPDATE, 0, 0},      {STEP_LOSS, 0, 0},   {STEP_OPEN, 0, 0},
    {STEP_UPDATE, 0, 0},      {STEP_ADD, 1, 0},    {STEP_CLOSE, 0, 0},       {STEP_OPEN, 0, 0},   {STEP_ADD, 2, 0},
    {STEP_PAIRS, 0, 3},       {STEP_KILL, 0, 0},   {STEP_OPEN, 0, 0},        {STEP_ADD, 1, 0},    {STEP_DELETE, 2, 0},
    {STEP_KILL_IN_ADD, 4, 1}, {STEP_OPEN, 0, 0},   {STEP_ADD, 20, 0},        {STEP_ADD, 1, 0},    {STEP_SAVE, 0, 0},
    {STEP_UPDATE, 0, 0},      {STEP_DELETE, 2, 0}, {STEP_COMPACT, 0, 0},     {STEP_ADD, 3, 0},    {STEP_LOSS, 0, 0},
    {STEP_OPEN, 0, 0},        {STEP_DELETE, 9, 0}, {STEP_KILL_IN_ADD, 2, 2}, {STEP_OPEN, 1, 0},   {STEP_ADD, 2, 0},
    {STEP_COPY, 0, 0},        {STEP_CLOSE, 0, 0},
};

/* What waits in the buffer is lost with the process too. */
static const Step none_steps[] = {
    {STEP_OPEN, 0, 0},   {STEP_ADD, 4, 0},  {STEP_UPDATE, 0, 0}, {STEP_FLUSH, 0, 0}, {STEP_ADD, 5, 0},
    {STEP_DELETE, 2, 0}, {STEP_LOSS, 0, 0}, {STEP_OPEN, 0, 0},   {STEP_ADD, 1, 0},   {STEP_PAIRS, 0, 4},
    {STEP_FLUSH, 0, 0},  {STEP_ADD, 2, 0},  {STEP_UPDATE, 0, 0}, {STEP_CLOSE, 0, 0}, {STEP_OPEN, 1, 0},
    {STEP_ADD, 9, 0},    {STEP_COPY, 0, 0}, {STEP_DELETE, 4, 0}, {STEP_SAVE, 0, 0},  {STEP_ADD, 1, 0},
    {STEP_LOSS, 0, 0},   {STEP_OPEN, 1, 0}, {STEP_ADD, 2, 0},    {STEP_CLOSE, 0, 0},
};

/* Groups of more than one frame. */
static const Step large_steps[] = {
    {STEP_OPEN, 1, 0},     {STEP_ADD, 2, 0},  {STEP_ADD, 3, 150000},   {STEP_ADD, 1, 0},         {STEP_DELETE, 2, 0},
    {STEP_ADD, 3, 150000}, {STEP_SAVE, 0, 0}, {STEP_PAIRS, 0, 100000}, {STEP_UPSERT, 5, 150000}, {STEP_CLOSE, 0, 0},
};

#define STEPS(array) array, sizeof array / sizeof *array
static const Scenario scenarios[] = {
    {"flat, commit", GV_INDEX_TYPE_FLAT, GV_DURABILITY_COMMIT, STEPS(commit_steps)},
    {"hnsw, commit", GV_INDEX_TYPE_HNSW, GV_DURABILITY_COMMIT, STEPS(commit_steps)},
    {"ivfpq, commit", GV_INDEX_TYPE_IVFPQ, GV_DURABILITY_COMMIT, STEPS(commit_steps)},
    {"ivfpq, os", GV_INDEX_TYPE_IVFPQ, GV_DURABILITY_OS, STEPS(os_steps)},
    {"ivfpq dropped, commit", (GV_IndexType)WORKLOAD_DROPPED, GV_DURABILITY_COMMIT, STEPS(commit_steps)},
    {"ivfpq dropped, os", (GV_IndexType)WORKLOAD_DROPPED, GV_DURABILITY_OS, STEPS(os_steps)},
    {"sparse, commit", GV_INDEX_TYPE_SPARSE, GV_DURABILITY_COMMIT, STEPS(commit_steps)},
    {"flat, os", GV_INDEX_TYPE_FLAT, GV_DURABILITY_OS, STEPS(os_steps)},
    {"hnsw, os", GV_INDEX_TYPE_HNSW, GV_DURABILITY_OS, STEPS(os_steps)},
    {"hnsw, none", GV_INDEX_TYPE_HNSW, GV_DURABILITY_NONE, STEPS(none_steps)},
    {"large groups, commit", GV_INDEX_TYPE_HNSW, GV_DURABILITY_COMMIT, STEPS(large_steps)},
};

/* A workload of any calls in any order, and of any deaths. */
static size_t draw_steps(uint64_t seed, GV_Durability durability, Step *steps, size_t count)
{
    bool is_open = false;
    for (size_t i = 0; i < count; i++) {
        uint64_t draw = gv_random(seed, i);
        uint32_t chance = (uint32_t)draw % 100, size = (uint32_t)(draw >> 32) % 8 + 1,
                 write = (uint32_t)(draw >> 40) % 4;
        bool may_kill = durability != GV_DURABILITY_NONE; /* what waits in the buffer would be lost */
        if (!is_open) steps[i] = (Step){STEP_OPEN, size % 2, 0};
        else if (i + 1 == count) steps[i] = (Step){STEP_CLOSE, 0, 0};
        else if (chance < 35) steps[i] = (Step){STEP_ADD, size, size % 2 ? 0 : 10 * size};
        else if (chance < 48) steps[i] = (Step){STEP_UPDATE, 0, 0};
        else if (chance < 53) steps[i] = (Step){STEP_PAIRS, 0, size};
        else if (chance < 59) steps[i] = (Step){STEP_UPSERT, 2 * size, size % 2 ? 0 : size};
        else if (chance < 70) steps[i] = (Step){STEP_DELETE, 2 * size, 0};
        else if (chance < 75) steps[i] = (Step){STEP_FLUSH, 0, 0};
        else if (chance < 78) steps[i] = (Step){STEP_SAVE, 0, 0};
        else if (chance < 79) steps[i] = (Step){STEP_COMPACT, 0, 0};
        else if (chance < 80) steps[i] = (Step){STEP_TRAIN, 0, 0};
        else if (chance < 82) steps[i] = (Step){STEP_COPY, 0, 0};
        else if (chance < 86) steps[i] = (Step){STEP_LOSS, 0, 0};
        else if (chance < 93 && may_kill)
            steps[i] = (Step){chance % 2 ? STEP_KILL_IN_ADD : STEP_KILL_IN_SAVE, size,
                              1 + write * (chance % 2 ? 1 : 3)};
        else if (chance < 95 && may_kill) steps[i] = (Step){STEP_KILL, 0, 0};
        else steps[i] = (Step){STEP_CLOSE, 0, 0};
        is_open = steps[i].kind != STEP_CLOSE && steps[i].kind < STEP_KILL;
    }
    return is_open ? count - 1 : count; /* a last open is not needed */
}

static uint64_t run_scenario(const Scenario *scenario, uint64_t seed, unsigned factor)
{
    Run run;
    record_run(&run, scenario);
    uint64_t images = cut_everywhere(&run, seed, factor);
    printf("%-24s %3zu calls, %4zu operations, %6llu images\n", scenario->name, scenario->count,
           run.recorder.count - 2 * scenario->count, (unsigned long long)images);
    fflush(stdout);
    run_free(&run);
    return images;
}

int main(int argc, char **argv)
{
    unsigned factor = argc > 1 ? (unsigned)strtoul(argv[1], NULL, 10) : 1;
    uint64_t seed = argc > 2 ? strtoull(argv[2], NULL, 10) : 20240607, total = 0;
    if (factor == 0) factor = 1;
    for (size_t i = 0; i < sizeof scenarios / sizeof *scenarios; i++)
        total += run_scenario(&scenarios[i], seed, factor);
    for (uint64_t i = 0; i < 3 * (uint64_t)factor; i++) {
        Step steps[32];
        char name[64];
        GV_Durability durability = (GV_Durability)(i % 3);
        Scenario drawn = {name, i % 5 == 4 ? GV_INDEX_TYPE_FLAT : GV_INDEX_TYPE_HNSW, durability, steps, 0};
        drawn.count = draw_steps(seed + i, durability, steps, sizeof steps / sizeof *steps);
        snprintf(name, sizeof name, "drawn by %llu", (unsigned long long)(seed + i));
        total += run_scenario(&drawn, seed + i, 1);
    }
    printf("power cut: %llu images, 0 failures (factor %u, seed %llu)\n", (unsigned long long)total, factor,
           (unsigned long long)seed);
    CHECK(total >= 5000, "only %llu images", (unsigned long long)total);
    return 0;
}
