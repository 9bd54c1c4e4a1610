/* test_hnsw.c: without it, a graph that misses neighbours, loses them to deletes or equal rows, replays a log into
 * another graph, or changes over a reopen would still answer, and only its recall would say so. */
#include "graph_cases.h"

static void test_recall(void)
{
    static const struct {
        GV_DistanceType distance;
        size_t rows, dimension;
        uint32_t m;
        double least;
    } cases[] = {
        {GV_DISTANCE_EUCLIDEAN, 4000, 24, 16, 0.98}, {GV_DISTANCE_COSINE, 4000, 24, 16, 0.98},
        {GV_DISTANCE_MANHATTAN, 4000, 24, 16, 0.98}, {GV_DISTANCE_DOT_PRODUCT, 4000, 24, 16, 0.90},
        {GV_DISTANCE_EUCLIDEAN, 2000, 1, 16, 0.98},  {GV_DISTANCE_EUCLIDEAN, 2000, 3, 5, 0.95},
        {GV_DISTANCE_EUCLIDEAN, 2000, 20, 32, 0.98}, {GV_DISTANCE_EUCLIDEAN, 1500, 20, 64, 0.98},
        {GV_DISTANCE_EUCLIDEAN, 2000, 8, 2, 0.40},
    };
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        Base base;
        size_t n = cases[i].rows, d = cases[i].dimension;
        float *rows = make_rows(n, d, 1), *queries = make_rows(QUERIES, d, 2);
        open_base(&base, cases[i].distance, d, cases[i].m, 100, NULL);
        for (size_t row = 0; row < n; row++) add(&base, row, rows + row * d);
        double found = recall(&base, queries, 60);
        printf("distance %d, %zu x %zu, M %u: recall %.3f\n", (int)cases[i].distance, n, d, cases[i].m, found);
        CHECK(found >= cases[i].least, "recall %.3f, distance %d, %zu x %zu, M %u", found, (int)cases[i].distance, n, d,
              cases[i].m);
        check_graph(&base, cases[i].m == 2 ? 0.9 : 0.99);
        close_base(&base);
        free(queries);
        free(rows);
    }
}

static void test_deletes(void)
{
    enum {
        ROWS = 5000,
        DIMENSION = 24
    };
    float *rows = make_rows(ROWS, DIMENSION, 1), *queries = make_rows(QUERIES, DIMENSION, 2);
    Base base, fresh;
    open_base(&base, GV_DISTANCE_EUCLIDEAN, DIMENSION, 16, 100, NULL);
    open_base(&fresh, GV_DISTANCE_EUCLIDEAN, DIMENSION, 16, 100, NULL);
    for (size_t i = 0; i < ROWS; i++) add(&base, i, rows + i * DIMENSION);
    for (size_t i = 0; i < ROWS; i++) {
        if (gv_random(5, i) & 1) forget(&base, i);
        else add(&fresh, i, rows + i * DIMENSION);
    }
    check_graph(&base, 0.999);
    for (size_t ef = 16; ef <= 64; ef *= 2) {
        double left = recall(&base, queries, ef), best = recall(&fresh, queries, ef);
        printf("after deleting half, ef %zu: recall %.3f, fresh %.3f\n", ef, left, best);
        CHECK(left >= best - 0.02, "recall %.3f after deletes, %.3f fresh, ef %zu", left, best, ef);
    }
    for (size_t i = 0; i < ROWS; i++) /* slots are used again, by other rows */
        if (gv_random(5, i) & 1) add(&base, ROWS + i, rows + i * DIMENSION);
    CHECK(base.table.slot_count == ROWS, "%u slots for %d rows", base.table.slot_count, (int)ROWS);
    check_graph(&base, 0.999);
    double churned = recall(&base, queries, 32);
    CHECK(churned >= 0.95, "recall %.3f after a churn", churned);
    close_base(&fresh);
    close_base(&base);
    free(queries);
    free(rows);
}

static void test_empty_and_up_again(void)
{
    enum {
        ROWS = 300,
        DIMENSION = 5
    };
    float *rows = make_rows(ROWS, DIMENSION, 1);
    GV_Hit hits[K];
    Base base;
    open_base(&base, GV_DISTANCE_EUCLIDEAN, DIMENSION, 4, 20, NULL);
    for (int round = 0; round < 3; round++) {
        uint64_t first = (uint64_t)round * ROWS;
        for (size_t i = 0; i < ROWS; i++) add(&base, first + i, rows + i * DIMENSION);
        check_graph(&base, 0.99);
        for (size_t left = ROWS; left > 0; left--) { /* always the entry point */
            uint64_t id = gv_table_id(&base.table, ((GV_HNSW *)base.index)->entry);
            forget(&base, id);
            check_graph(&base, left > 40 ? 0.97 : 0.0);
        }
        CHECK(((GV_HNSW *)base.index)->entry == GV_NO_SLOT && ((GV_HNSW *)base.index)->upper_live == 0, "not empty");
        CHECK(search(&base, rows, 10, false, hits) == 0, "hits in an empty graph");
    }
    close_base(&base);
    free(rows);
}

/* Thousands of equal rows among others. */
static void test_twins(GV_DistanceType distance)
{
    enum {
        OTHERS = 2000,
        TWINS = 3000,
        DIMENSION = 12
    };
    float *rows = make_rows(OTHERS + 1, DIMENSION, 1), *queries = make_rows(QUERIES, DIMENSION, 2);
    const float *twin = rows + OTHERS * DIMENSION;
    GV_Hit hits[K];
    Base base;
    open_base(&base, distance, DIMENSION, 8, 60, NULL);
    uint64_t id = 0;
    for (size_t i = 0; i < OTHERS; i++) add(&base, id++, rows + i * DIMENSION);
    uint64_t head = id;
    for (size_t i = 0; i < TWINS; i++) add(&base, id++, twin);
    CHECK(((GV_HNSW *)base.index)->present_count == OTHERS + 1, "%u nodes", ((GV_HNSW *)base.index)->present_count);
    check_graph(&base, 0.999);
    double found = recall(&base, queries, 60);
    CHECK(found >= 0.9, "recall %.3f beside equal rows", found);
    if (distance != GV_DISTANCE_DOT_PRODUCT) {
        CHECK(search(&base, twin, 20, false, hits) == K, "not %d hits", (int)K);
        for (size_t i = 0; i < K; i++)
            CHECK(hits[i].id == head + i, "hit %zu is %llu", i, (unsigned long long)hits[i].id);
    }
    forget(&base, head); /* a ghost now, for the rest */
    forget(&base, head + 2);
    add(&base, head + 2, twin); /* an old id comes between its neighbours */
    check_graph(&base, 0.999);
    if (distance != GV_DISTANCE_DOT_PRODUCT) {
        CHECK(search(&base, twin, 20, false, hits) == K, "not %d hits", (int)K);
        for (size_t i = 0; i < K; i++)
            CHECK(hits[i].id == head + 1 + i, "hit %zu is %llu", i, (unsigned long long)hits[i].id);
    }
    for (uint64_t i = 1; i < TWINS; i++) forget(&base, head + i);
    const GV_HNSW *hnsw = (const GV_HNSW *)base.index;
    CHECK(hnsw->present_count == OTHERS && hnsw->head_count == 0, "%u nodes, %u heads", hnsw->present_count,
          hnsw->head_count);
    CHECK(gv_bitset_count(&base.table.used) == OTHERS, "%zu slots in use", gv_bitset_count(&base.table.used));
    CHECK(gv_bitset_count(&hnsw->followers) == 0 && gv_bitset_count(&hnsw->ghosts) == 0, "roles left over");
    check_graph(&base, 0.999);
    close_base(&base);
    free(queries);
    free(rows);
}

/* A day's work: rows, equal rows, deletes of both, rows in freed slots. `each` sees every step's patch. */
typedef void (*EachStep)(void *context, uint32_t slot, bool removes, uint64_t id, const float *row,
                         const GV_Patch *patch);

static void work(Base *base, const float *rows, uint64_t from, uint64_t to, EachStep each, void *context)
{
    for (uint64_t i = from; i < to; i++) {
        const float *row = rows + (i % 10 == 3 ? i / 100 : i) * base->metric.dimension;
        uint32_t slot = add(base, i, row);
        if (each) each(context, slot, false, i, row, &base->patch);
        uint64_t gone = gv_random(11, i) % (i + 1);
        if (i % 3 == 0 || gv_idmap_find(&base->table.map, &base->table.ids, gone) == GV_NO_SLOT) continue;
        retire(base, gone, &slot);
        take_step(base, slot, true);
        if (each) each(context, slot, true, gone, NULL, &base->patch);
    }
}

static void replay_step(void *context, uint32_t slot, bool removes, uint64_t id, const float *row,
                        const GV_Patch *patch)
{
    Base *copy = context;
    uint32_t at;
    if (removes) retire(copy, id, &at);
    else at = stage(copy, id, row);
    CHECK(at == slot, "slot %u, and %u in the copy", slot, at);
    memcpy(copy->patch.words, patch->words, patch->count * sizeof *patch->words);
    copy->patch.count = patch->count;
    GV_Step step = {slot, removes};
    size_t done = 0;
    CHECK_OK(copy->index->ops->replay(copy->index, &step, 1, &copy->patch, &done));
    CHECK(done == 1, "%zu steps of one", done);
}

/* One graph is planned, one replayed from its patches, one saved and loaded midway: all go on alike. */
static void test_one_graph(void)
{
    enum {
        ROWS = 3000,
        DIMENSION = 10
    };
    float *rows = make_rows(ROWS, DIMENSION, 1);
    Base planned, replayed, reopened;
    open_base(&planned, GV_DISTANCE_COSINE, DIMENSION, 6, 40, NULL);
    open_base(&replayed, GV_DISTANCE_COSINE, DIMENSION, 6, 40, NULL);
    work(&planned, rows, 0, ROWS / 2, replay_step, &replayed);
    check_same(&planned, &replayed, "replayed");
    CHECK(((GV_HNSW *)planned.index)->head_count > 0 && planned.table.slot_count < planned.table.next_id,
          "the work is too easy");
    CHECK_OK(reopen(&planned, &reopened));
    check_same(&planned, &reopened, "reopened");
    work(&planned, rows, ROWS / 2, ROWS, replay_step, &replayed);
    work(&reopened, rows, ROWS / 2, ROWS, NULL, NULL);
    check_same(&planned, &replayed, "replayed further");
    check_same(&planned, &reopened, "reopened and gone on");
    check_graph(&planned, 0.99);
    close_base(&reopened);
    close_base(&replayed);
    close_base(&planned);
    free(rows);
}

typedef struct Recording { /* of a day's work */
    struct {
        uint64_t id;
        const float *row; /* NULL: removed */
        uint32_t *words;
        size_t count;
    } steps[800];
    size_t count;
} Recording;

static void record(void *context, uint32_t slot, bool removes, uint64_t id, const float *row, const GV_Patch *patch)
{
    Recording *recording = context;
    size_t bytes = patch->count * sizeof *patch->words, i = recording->count++;
    (void)slot, (void)removes;
    CHECK(i < sizeof recording->steps / sizeof *recording->steps, "too long a day");
    recording->steps[i].id = id;
    recording->steps[i].row = row;
    recording->steps[i].count = patch->count;
    recording->steps[i].words = malloc(bytes + 1);
    CHECK(recording->steps[i].words, "no memory");
    memcpy(recording->steps[i].words, patch->words, bytes);
}

static void tear(GV_Patch *patch, uint64_t seed)
{
    for (uint64_t i = 0, flips = 1 + seed % 3; i < flips && patch->count > 0; i++) {
        uint64_t draw = gv_random(22, seed * 4 + i);
        if (draw % 7 == 0) patch->count = (size_t)(draw >> 8) % patch->count;
        else patch->words[(draw >> 8) % patch->count] ^= (uint32_t)1 << ((draw >> 3) % 32);
    }
}

/* Check, search and change a graph that may be anything. */
static void live_on(Base *base)
{
    enum {
        ROWS = 40
    };
    size_t dimension = base->metric.dimension;
    float *rows = make_rows(ROWS, dimension, 3);
    GV_Hit hits[K];
    GV_CheckReport report = {0};
    (void)base->index->ops->check(base->index, &report);
    for (size_t i = 0; i < ROWS; i++) {
        (void)search(base, rows + i * dimension, 30, false, hits);
        add(base, base->table.next_id, rows + i * dimension);
        size_t slot = gv_bitset_next_set(&base->table.live, gv_random(31, i) % base->table.slot_count,
                                         base->table.slot_count);
        if (slot < base->table.slot_count) forget(base, gv_table_id(&base->table, (uint32_t)slot));
    }
    free(rows);
}

/* Replay up to a step whose patch has been changed at random, and on if that was taken; then search. True if taken. */
static bool replay_torn(const Recording *recording, uint64_t seed, size_t dimension)
{
    Base copy;
    GV_Hit hits[K];
    bool taken = true;
    size_t torn = gv_random(23, seed) % recording->count;
    open_base(&copy, GV_DISTANCE_EUCLIDEAN, dimension, 3, 20, NULL);
    for (size_t i = 0; i < recording->count && taken; i++) {
        uint32_t slot;
        const float *row = recording->steps[i].row;
        if (row) slot = stage(&copy, recording->steps[i].id, row);
        else retire(&copy, recording->steps[i].id, &slot);
        memcpy(copy.patch.words, recording->steps[i].words, recording->steps[i].count * sizeof(uint32_t));
        copy.patch.count = recording->steps[i].count;
        if (i == torn) tear(&copy.patch, seed);
        GV_Step step = {slot, !row};
        size_t done;
        taken = copy.index->ops->replay(copy.index, &step, 1, &copy.patch, &done) == GV_OK;
        CHECK(taken || i >= torn, "a whole patch was refused: %s", gv_last_error());
        CHECK(taken || gv_last_status() == GV_ERR_CORRUPT, "refused with %s", gv_status_name(gv_last_status()));
    }
    for (size_t i = 0; i < 20; i++) (void)search(&copy, recording->steps[0].row + i * dimension, 30, false, hits);
    if (taken) live_on(&copy);
    close_base(&copy);
    return taken;
}

/* Patches that nobody planned are refused, or taken without harm to memory (this test means most under ASan). */
static void test_torn_patches(void)
{
    enum {
        ROWS = 250,
        DIMENSION = 6,
        TRIALS = 600
    };
    float *rows = make_rows(ROWS, DIMENSION, 1);
    static Recording recording;
    Base base;
    open_base(&base, GV_DISTANCE_EUCLIDEAN, DIMENSION, 3, 20, NULL);
    work(&base, rows, 0, ROWS, record, &recording);
    size_t taken = 0;
    for (uint64_t seed = 0; seed < TRIALS; seed++) taken += replay_torn(&recording, seed, DIMENSION);
    printf("torn patches: %zu taken, %zu refused\n", taken, TRIALS - taken);
    CHECK(taken > TRIALS / 20 && taken < TRIALS * 9 / 10, "%zu of %d torn patches were taken", taken, (int)TRIALS);
    for (size_t i = 0; i < recording.count; i++) free(recording.steps[i].words);
    close_base(&base);
    free(rows);
}

static void flip(void *bytes, size_t size, uint64_t draw)
{
    if (size > 0) ((uint8_t *)bytes)[(draw >> 8) % size] ^= (uint8_t)(1 << (draw & 7));
}

/* Files that nobody saved: refused, or opened, searched and changed without harm to memory. */
static void test_torn_files(size_t dimension)
{
    enum {
        ROWS = 200,
        TRIALS = 400
    };
    float *rows = make_rows(ROWS, dimension, 1);
    size_t taken = 0;
    for (uint64_t seed = 0; seed < TRIALS; seed++) {
        Base base, copy;
        open_base(&base, GV_DISTANCE_EUCLIDEAN, dimension, 3, 20, NULL);
        work(&base, rows, 0, ROWS, NULL, NULL);
        GV_HNSW *hnsw = (GV_HNSW *)base.index;
        for (uint64_t i = 0; i < 1 + seed % 3; i++) {
            uint64_t draw = gv_random(24, seed * 4 + i);
            size_t slot = (size_t)(draw >> 32) % hnsw->slot_end;
            GV_Bitset *sets[] = {&hnsw->heads, &hnsw->followers, &hnsw->ghosts};
            switch (draw % (hnsw->codes.padded > 0 ? 8 : 6)) {
            case 0: flip(gv_slab_at(&hnsw->links, slot), hnsw->degree * 4, draw >> 8); break;
            case 1: flip(gv_slab_at(&hnsw->survivors, slot), hnsw->survivors.stride, draw >> 8); break;
            case 2: flip(gv_slab_at(&hnsw->upper_at, slot), 4, draw >> 8); break;
            case 3: flip(gv_slab_at(&hnsw->upper, slot % hnsw->upper_end), hnsw->upper.stride, draw >> 8); break;
            case 4: flip(sets[slot % 3]->words, hnsw->slot_end / 8, draw >> 8); break;
            case 6: flip(gv_codes_row(&hnsw->codes, (uint32_t)slot), hnsw->codes.padded, draw >> 8); break;
            case 7: flip(gv_codes_head(&hnsw->codes, (uint32_t)slot), sizeof(GV_CodeHead), draw >> 8); break;
            default: flip(draw & 8 ? &hnsw->entry : &hnsw->entry_level, 4, draw >> 8); break;
            }
        }
        GV_Status status = reopen(&base, &copy);
        CHECK(status == GV_OK || status == GV_ERR_CORRUPT, "%s: %s", gv_status_name(status), gv_last_error());
        if (status == GV_OK) live_on(&copy);
        taken += status == GV_OK;
        close_base(&copy);
        close_base(&base);
    }
    printf("torn files: %zu taken, %zu refused\n", taken, TRIALS - taken);
    CHECK(taken > TRIALS / 10 && taken < TRIALS * 9 / 10, "%zu of %d torn files were taken", taken, (int)TRIALS);
    free(rows);
}

int main(void)
{
    test_recall();
    test_deletes();
    test_empty_and_up_again();
    for (int distance = 0; distance < 4; distance++) test_twins((GV_DistanceType)distance);
    test_one_graph();
    test_torn_patches();
    test_torn_files(6);
    test_torn_files(40);
    return 0;
}
