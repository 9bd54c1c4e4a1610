/* test_kill_native.c: without it a write could be acknowledged before it is in the file, or recovery could fail on what a
 * killed process leaves, and only users would see it: a writer is killed 300 times, each time on the same real file.
 *
 * test_kill_native [kills [seed]]: when the kill comes depends on the clock, what is written on the seed alone. */
#include "api/db.h"
#include "base/random.h"
#include "check.h"
#include "workload.h"
#include <signal.h>
#include <string.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

enum {
    CALLS_MAX = 600, /* of one writer, if it is let live */
    ROWS_MAX = 250   /* about which the workload keeps the database */
};

static const char SENT = 's', ACKNOWLEDGED = 'a';

typedef struct Place {
    char folder[256], path[280], copy[280];
    GV_IndexType index_type;
    Session shadow; /* goes through the acknowledged calls beside it, in memory, and is never killed */
    uint64_t kills, sent, acknowledged, extra, in_save, cut; /* totals */
} Place;

/* What comes next: a function of the model and of whether the database is open, here and in the writer alike. */
static Step next_step(const Model *model, bool is_open, uint64_t seed)
{
    uint64_t draw = gv_random(seed, model->changes);
    uint32_t size = (uint32_t)(draw >> 32) % 16 + 1, chance = (uint32_t)draw % 100;
    if (!is_open) return (Step){STEP_OPEN, size % 2, 0};
    if (model->count > ROWS_MAX && chance < 45) return (Step){STEP_DELETE, 4 * size, 0};
    if (chance < 35 || model->count == 0) return (Step){STEP_ADD, 1, size % 4 ? 0 : 30 * size};
    if (chance < 45) return (Step){STEP_ADD, 4 * size, 0};
    if (chance < 60) return (Step){STEP_UPDATE, 0, 0};
    if (chance < 66) return (Step){STEP_PAIRS, 0, size};
    if (chance < 67) return (Step){STEP_KEYS, size % 3, 0};
    if (chance < 73) return (Step){STEP_UPSERT, size, size % 2 ? 0 : size};
    if (chance < 80) return (Step){STEP_DELETE, size, 0};
    if (chance < 85) return (Step){STEP_FLUSH, 0, 0};
    if (chance < 90) return (Step){STEP_SAVE, 0, 0};
    if (chance < 92) return (Step){STEP_COMPACT, 0, 0};
    if (chance < 93) return (Step){STEP_TRAIN, 0, 0};
    if (chance < 95) return (Step){STEP_COPY, 0, 0};
    return (Step){STEP_CLOSE, 0, 0};
}

static void tell(int pipe_end, char what)
{
    if (write(pipe_end, &what, 1) != 1) _exit(4);
}

static _Noreturn void write_until_killed(const Place *place, const Model *model, GV_Durability durability,
                                         uint64_t seed, int pipe_end)
{
    Session session = {.vfs = gv_vfs_default(),
                       .path = place->path,
                       .copy = place->copy,
                       .index_type = place->index_type,
                       .durability = durability,
                       .model = *model};
    for (int i = 0; i < CALLS_MAX; i++) {
        Step step = next_step(&session.model, session.db != NULL, seed);
        tell(pipe_end, SENT);
        if (session_step(&session, &step) != GV_OK) {
            fprintf(stderr, "writer: %s: %s\n", step_names[step.kind], gv_last_error());
            _exit(3);
        }
        tell(pipe_end, ACKNOWLEDGED);
    }
    _exit(0);
}

static void wait_a_while(uint64_t draw)
{
    struct timespec time = {0, (long)(draw % 50000000)};
    if (draw % 4 == 0) time.tv_nsec /= 16;
    (void)nanosleep(&time, NULL);
}

/* Run a writer, kill it, and count what it said. */
static void run_writer(Place *place, const Model *model, GV_Durability durability, uint64_t seed, uint64_t draw,
                       uint64_t *sent, uint64_t *acknowledged)
{
    int ends[2], status;
    char said;
    CHECK(pipe(ends) == 0, "no pipe");
    fflush(stdout);
    pid_t writer = fork();
    CHECK(writer >= 0, "no process");
    if (writer == 0) {
        close(ends[0]);
        write_until_killed(place, model, durability, seed, ends[1]);
    }
    close(ends[1]);
    wait_a_while(draw);
    kill(writer, SIGKILL);
    CHECK(waitpid(writer, &status, 0) == writer, "the writer is lost");
    CHECK(WIFSIGNALED(status) || WEXITSTATUS(status) == 0, "the writer ended with %d", WEXITSTATUS(status));
    place->kills += WIFSIGNALED(status);
    *sent = *acknowledged = 0;
    while (read(ends[0], &said, 1) == 1) ++*(said == SENT ? sent : acknowledged);
    close(ends[0]);
    CHECK(*sent == *acknowledged || *sent == *acknowledged + 1, "%llu sent, %llu acknowledged",
          (unsigned long long)*sent, (unsigned long long)*acknowledged);
}

/* Open what the dead left, now as a reader, which cuts nothing, and now as a writer. */
static GV_Database *open_after(Place *place, uint64_t draw)
{
    GV_Database *db;
    GV_DatabaseInfo info = {.struct_size = sizeof info};
    GV_OpenOptions options;
    gv_open_options_init(&options);
    options.read_only = draw % 2;
    options.checkpoint_on_close = draw % 8 == 0;
    options.kernels = "scalar";
    CHECK_OK(gv_db_open_with_options(place->path, &options, &db));
    CHECK_OK(gv_db_set_exact_search_threshold(db, 0));
    CHECK_OK(gv_db_get_info(db, &info));
    place->cut += info.cut_bytes > 0;
    return db;
}

static void check_copy(const Place *place)
{
    if (access(place->copy, F_OK) != 0) return;
    GV_Database *db;
    CHECK_OK(session_open(gv_vfs_default(), place->copy, place->index_type, GV_DURABILITY_OS, false, &db));
    CHECK_OK(contents_check(db, NULL));
    CHECK_OK(gv_db_close(db));
}

/* The shadow takes the next call that the writer took. */
static Step follow(Place *place, uint64_t seed)
{
    Step step = next_step(&place->shadow.model, place->shadow.db != NULL, seed);
    CHECK_OK(session_step(&place->shadow, &step));
    return step;
}

/* The file holds what the shadow holds, in the very same slots and links. */
static void compare(Place *place, uint64_t draw)
{
    Session *shadow = &place->shadow;
    uint64_t digest, unreachable;
    if (!shadow->db)
        CHECK_OK(session_open(shadow->vfs, shadow->path, shadow->index_type, shadow->durability, true, &shadow->db));
    GV_Database *db = open_after(place, draw);
    CHECK_OK(contents_digest(db, &digest));
    CHECK(digest == model_digest(&shadow->model), "the rows are not those of the model");
    CHECK(contents_image(db) == contents_image(shadow->db), "the index is not what it was before the kill");
    CHECK_OK(contents_check(db, &unreachable));
    CHECK_OK(contents_search(db, &digest));
    CHECK_OK(gv_db_close(db));
    CHECK_OK(gv_db_close(shadow->db));
    shadow->db = NULL;
    check_copy(place);
}

/* Of the call under way when the writer was killed: is it there? A change is if the file is not what the shadow is: the
 * rows alone do not tell, since a vector may be replaced by an equal one. Of other calls nothing shows. */
static bool is_through(const Place *place, const Step *step)
{
    GV_Database *db;
    GV_OpenOptions options;
    if (step->kind == STEP_OPEN) return access(place->path, F_OK) == 0;
    bool rebuilds = step->kind == STEP_COMPACT || step->kind == STEP_TRAIN;
    if ((step->kind < STEP_ADD || step->kind > STEP_KEYS) && !rebuilds) return true;
    gv_open_options_init(&options);
    options.read_only = 1;
    CHECK_OK(gv_db_open_with_options(place->path, &options, &db));
    bool differs = contents_image(db) != contents_image(place->shadow.db);
    CHECK_OK(gv_db_close(db));
    return differs;
}

static void one_round(Place *place, uint64_t seed, uint64_t round)
{
    uint64_t sent, acknowledged, draw = gv_random(seed ^ 0x6B696C6C, round);
    GV_Durability durability = draw >> 60 < 8 ? GV_DURABILITY_OS : GV_DURABILITY_COMMIT;
    run_writer(place, &place->shadow.model, durability, seed, gv_random(draw, 1), &sent, &acknowledged);
    for (uint64_t i = 0; i < acknowledged; i++) (void)follow(place, seed);
    place->sent += sent;
    place->acknowledged += acknowledged;
    if (sent > acknowledged) {
        Step step = next_step(&place->shadow.model, place->shadow.db != NULL, seed);
        place->in_save += step.kind == STEP_SAVE || step.kind == STEP_COMPACT || step.kind == STEP_TRAIN ||
                          step.kind == STEP_COPY || step.kind == STEP_CLOSE;
        if (is_through(place, &step)) {
            (void)follow(place, seed);
            place->extra += step.kind >= STEP_ADD && step.kind <= STEP_KEYS;
        }
    }
    if (access(place->path, F_OK) != 0) CHECK(acknowledged == 0 && round < 50, "%s is gone", place->path);
    else compare(place, draw);
}

static void kill_many(GV_IndexType index_type, const char *name, uint64_t kills, uint64_t seed)
{
    const char *parent = getenv("TMPDIR");
    Place place = {.index_type = index_type};
    GV_Vfs *memory = gv_vfs_memory_new();
    CHECK(memory, "%s", gv_last_error());
    place.shadow = (Session){.vfs = memory,
                             .path = "shadow",
                             .copy = "shadow copy",
                             .index_type = index_type,
                             .durability = GV_DURABILITY_OS};
    snprintf(place.folder, sizeof place.folder, "%s/gigavector-kill-XXXXXX", parent ? parent : ".");
    CHECK(mkdtemp(place.folder), "no folder %s", place.folder);
    snprintf(place.path, sizeof place.path, "%s/%s.gv", place.folder, name);
    snprintf(place.copy, sizeof place.copy, "%s/copy.gv", place.folder);
    for (uint64_t round = 0; place.kills < kills; round++) one_round(&place, seed, round);
    printf("%s: %llu kills, %llu calls sent, %llu acknowledged, %llu changes found that were not, %llu kills in a "
           "checkpoint or copy, %llu torn ends, %zu rows at the end\n",
           name, (unsigned long long)place.kills, (unsigned long long)place.sent,
           (unsigned long long)place.acknowledged, (unsigned long long)place.extra, (unsigned long long)place.in_save,
           (unsigned long long)place.cut, place.shadow.model.count);
    const char *const leftovers[] = {"", ".new"};
    for (size_t i = 0; i < 2; i++) {
        char path[300];
        snprintf(path, sizeof path, "%s%s", place.path, leftovers[i]);
        (void)unlink(path);
        snprintf(path, sizeof path, "%s%s", place.copy, leftovers[i]);
        (void)unlink(path);
    }
    CHECK(rmdir(place.folder) == 0, "%s is not empty", place.folder);
    gv_vfs_memory_free(memory);
}

int main(int argc, char **argv)
{
    uint64_t kills = argc > 1 ? strtoull(argv[1], NULL, 10) : 400;
    uint64_t seed = argc > 2 ? strtoull(argv[2], NULL, 10) : (uint64_t)time(NULL) % 1000000;
    printf("seed %llu\n", (unsigned long long)seed);
    kill_many(GV_INDEX_TYPE_FLAT, "flat", kills / 5, seed);
    kill_many(GV_INDEX_TYPE_IVFPQ, "ivfpq", kills / 5, seed + 2);
    kill_many((GV_IndexType)WORKLOAD_DROPPED, "ivfpq without vectors", kills / 5, seed + 4);
    kill_many(GV_INDEX_TYPE_SPARSE, "sparse", kills / 5, seed + 3);
    kill_many(GV_INDEX_TYPE_HNSW, "hnsw", kills - 4 * (kills / 5), seed + 1);
    return 0;
}
