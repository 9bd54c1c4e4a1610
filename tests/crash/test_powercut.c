/* test_powercut.c: without it nobody would know that a sync is missing, or that two writes are in the wrong order, until
 * the power fails: every disk that a power cut at any point of a workload may leave is opened and compared with a model.
 *
 * test_powercut [factor [seed]]: `factor` multiplies the samples, for a long run. */
#include "api/db.h"
#include "base/random.h"
#include "check.h"
#include "images.h"
#include "scenarios.h"
#include "seen.h"
#include "storage/superblock.h"
#include "workload.h"
#include <string.h>

#define MAIN "main.gv"
#define COPY "copy.gv"

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

typedef struct Found { /* what an image holds: the same bytes hold the same, at whatever point they are come upon */
    uint64_t copy;     /* contents_digest() of the copy */
    uint64_t digest, graph, unreachable;
} Found;

typedef struct Cut { /* a point in it, and the bounds for what an image of it may hold */
    const Run *run;
    size_t point;
    int done, under_way;          /* steps; -1: none */
    int least;                    /* the newest step whose state must be there, -1: none */
    uint64_t seed, images, lives; /* lives: of those that were opened and gone on with */
    Seen known;                   /* images, by their hash */
    Found *found;                 /* [known.capacity]: by their number */
    Seen done_with;               /* what one_more() has said yes to */
} Cut;

typedef struct Visit { /* of one image, at one point */
    const DiskImage *image;
    const Disk *disk;
    Found *found;
    bool is_new;
    GV_Vfs *vfs; /* its files, NULL: not needed yet */
} Visit;

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
    DiskImage image = {0};
    disk_init(&disk);
    record_loss(&run->recorder);
    for (size_t i = 0; i < run->recorder.count; i++) disk_step(&disk, &run->recorder.operations[i]);
    DiskNames names = disk_names(&disk, 0);
    disk_image(&disk, &names, &image);
    for (size_t i = 0; i < image.count; i++)
        record_put(run->recorder.memory, image.files[i].path, image.files[i].content.bytes,
                   image.files[i].content.size);
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

static void hold(const Cut *cut, const Disk *disk, GV_Database *db, Found *found)
{
    EXPECT(contents_digest(db, &found->digest) == GV_OK, "%s", gv_last_error());
    found->graph = contents_image(db);
    EXPECT(contents_check(db, &found->unreachable) == GV_OK, "%s", gv_last_error());
}

/* The step whose state was found. */
static int judge(const Cut *cut, const Disk *disk, const Found *found)
{
    int most = cut->under_way > cut->done ? cut->under_way : cut->done;
    int least = cut->least < 0 ? 0 : cut->least, step = match(cut, found->digest, 0, least, most);
    EXPECT(step >= 0, "not a state of steps %d to %d", least, most);
    step = match(cut, found->digest, found->graph, least, most);
    EXPECT(step >= 0, "the rows of a step of %d to %d, but not its graph", least, most);
    EXPECT(found->unreachable == cut->run->unreachable[step], "%llu rows are not reachable, and %llu before",
           (unsigned long long)found->unreachable, (unsigned long long)cut->run->unreachable[step]);
    return step;
}

static GV_Vfs *files_of(Visit *visit)
{
    const DiskImage *image = visit->image;
    if (visit->vfs) return visit->vfs;
    visit->vfs = gv_vfs_memory_new();
    CHECK(visit->vfs, "%s", gv_last_error());
    for (size_t i = 0; i < image->count; i++)
        record_put(visit->vfs, image->files[i].path, image->files[i].content.bytes, image->files[i].content.size);
    return visit->vfs;
}

/* Not yet done with this image: `what` is all that follows from more than its bytes. */
static bool one_more(Cut *cut, const Visit *visit, uint64_t what)
{
    return seen_first(&cut->done_with, gv_mix64(visit->image->hash) ^ gv_mix64(what));
}

static void check_main(Cut *cut, Visit *visit)
{
    const Disk *disk = visit->disk;
    Step open = {STEP_OPEN, gv_random(cut->seed, cut->images) % 2, 0};
    if (!has(visit->image, MAIN)) {
        EXPECT(cut->done < 0, "the file is gone");
        return;
    }
    int step = visit->is_new ? -1 : judge(cut, disk, visit->found);
    if (!visit->is_new && !one_more(cut, visit, 2 * (uint64_t)step + open.a)) return;
    Session session = {.vfs = files_of(visit),
                       .path = MAIN,
                       .index_type = cut->run->scenario->index_type,
                       .durability = GV_DURABILITY_OS};
    Found found = {.copy = visit->found->copy};
    uint64_t hits;
    EXPECT(session_step(&session, &open) == GV_OK, "%s", gv_last_error());
    hold(cut, disk, session.db, &found);
    if (visit->is_new) {
        *visit->found = found;
        step = judge(cut, disk, &found);
        (void)one_more(cut, visit, 2 * (uint64_t)step + open.a);
    }
    EXPECT(memcmp(&found, visit->found, sizeof found) == 0, "the same bytes were found to hold something else");
    EXPECT(contents_search(session.db, &hits) == GV_OK, "%s", gv_last_error());
    session.model = cut->run->models[step];
    cut->lives++;
    go_on(cut, disk, &session);
}

static void check_copy(const Cut *cut, Visit *visit)
{
    const Run *run = cut->run;
    const Disk *disk = visit->disk;
    int done = cut->done < 0 ? -1 : run->copies[cut->done];
    int under_way = cut->under_way < 0 ? -1 : run->copies[cut->under_way];
    GV_Database *db;
    uint64_t *digest = &visit->found->copy;
    if (!has(visit->image, COPY)) {
        EXPECT(done < 0, "the copy is gone");
        return;
    }
    if (visit->is_new) {
        EXPECT(session_open(files_of(visit), COPY, run->scenario->index_type, GV_DURABILITY_COMMIT, true, &db) == GV_OK,
               "copy: %s", gv_last_error());
        EXPECT(contents_digest(db, digest) == GV_OK, "copy: %s", gv_last_error());
        EXPECT(contents_check(db, NULL) == GV_OK, "copy: %s", gv_last_error());
        EXPECT(gv_db_close(db) == GV_OK, "copy: %s", gv_last_error());
    }
    EXPECT((done >= 0 && *digest == run->digests[done]) || (under_way >= 0 && *digest == run->digests[under_way]),
           "the copy is neither that of step %d nor that of step %d", done, under_way);
}

/* After a clean close that leaves a log, the mark that lets damage be told from a torn end is on the disk too. */
static void check_mark(Cut *cut, Visit *visit)
{
    const Disk *disk = visit->disk;
    if (!has(visit->image, MAIN)) return;
    if (cut->done < 0 || cut->run->scenario->steps[cut->done].kind != STEP_CLOSE) return;
    if (!one_more(cut, visit, UINT64_MAX)) return;
    GV_Vfs *vfs = files_of(visit);
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

/* An image that an earlier point had too is judged by what it was found to hold, and opened only for another life. */
static void check_image(void *context, const DiskImage *image, const Disk *disk)
{
    Cut *cut = context;
    Visit visit = {.image = image, .disk = disk};
    size_t capacity = cut->known.capacity, number = seen_number(&cut->known, image->hash, &visit.is_new);
    if (cut->known.capacity > capacity) cut->found = realloc(cut->found, cut->known.capacity * sizeof *cut->found);
    CHECK(cut->found, "%zu images", cut->known.capacity);
    visit.found = &cut->found[number];
    if (visit.is_new) *visit.found = (Found){0};
    check_mark(cut, &visit);
    check_copy(cut, &visit);
    check_main(cut, &visit);
    gv_vfs_memory_free(visit.vfs);
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
    printf("%-24s %3zu calls, %4zu operations, %6llu images, %5zu distinct, %5llu lives\n", run->scenario->name,
           run->scenario->count, run->recorder.count - 2 * run->scenario->count, (unsigned long long)cut.images,
           cut.known.count, (unsigned long long)cut.lives);
    fflush(stdout);
    seen_free(&cut.known);
    seen_free(&cut.done_with);
    free(cut.found);
    return cut.images;
}

/* ---- all scenarios ---- */

static uint64_t run_scenario(const Scenario *scenario, uint64_t seed, unsigned factor)
{
    Run run;
    record_run(&run, scenario);
    uint64_t images = cut_everywhere(&run, seed, factor);
    run_free(&run);
    return images;
}

int main(int argc, char **argv)
{
    unsigned factor = argc > 1 ? (unsigned)strtoul(argv[1], NULL, 10) : 1;
    uint64_t seed = argc > 2 ? strtoull(argv[2], NULL, 10) : 20240607, total = 0;
    if (factor == 0) factor = 1;
    for (size_t i = 0; i < scenario_count; i++) total += run_scenario(&scenarios[i], seed, factor);
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
