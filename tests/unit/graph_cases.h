/* graph_cases.h: a table with a graph and nothing around them, rows in clusters, and how two graphs are compared: for
 * the tests of the graph. */
#ifndef GV_GRAPH_CASES_H
#define GV_GRAPH_CASES_H
#include "index/hnsw.h"
#include "check.h"
#include <string.h>

enum {
    K = 10,
    QUERIES = 60
};

/* ---- a table, an index and what they need ---- */

typedef struct Base {
    GV_Heap heap, scratch_heap;
    GV_Table table;
    GV_Index *index;
    GV_Patch patch;
    GV_Metric metric;
} Base;

static inline void open_with(Base *base, GV_DistanceType distance, size_t dimension, GV_HNSWConfig hnsw,
                             const char *kernels, GV_Pool *pool, uint32_t threads)
{
    memset(base, 0, sizeof *base);
    base->metric = (GV_Metric){gv_kernels_select(kernels), distance, dimension, GV_STORAGE_F32};
    gv_table_init(&base->table, &base->heap, dimension, GV_STORAGE_F32);
    GV_IndexSetup setup = {.table = &base->table,
                           .metric = base->metric,
                           .heap = &base->heap,
                           .scratch_heap = &base->scratch_heap,
                           .seed = GV_DEFAULT_SEED,
                           .hnsw = hnsw,
                           .pool = pool,
                           .threads = threads};
    CHECK_OK(gv_hnsw_new(&setup, &base->index));
}

static inline void open_threaded(Base *base, GV_DistanceType distance, size_t dimension, uint32_t m, uint32_t efc,
                                 const char *kernels, GV_Pool *pool, uint32_t threads)
{
    GV_HNSWConfig hnsw = {.M = m, .ef_construction = efc};
    open_with(base, distance, dimension, hnsw, kernels, pool, threads);
}

static inline void open_base(Base *base, GV_DistanceType distance, size_t dimension, uint32_t m, uint32_t efc,
                             const char *kernels)
{
    open_threaded(base, distance, dimension, m, efc, kernels, NULL, 1);
}

static inline void close_base(Base *base)
{
    base->index->ops->free(base->index);
    gv_release(&base->heap, base->patch.words, base->patch.capacity * sizeof *base->patch.words);
    gv_table_free(&base->table);
    CHECK(base->heap.used_bytes == 0 && base->scratch_heap.used_bytes == 0, "%zu and %zu bytes left",
          (size_t)base->heap.used_bytes, (size_t)base->scratch_heap.used_bytes);
}

static inline void reserve(Base *base, uint32_t slot_end, size_t steps)
{
    CHECK_OK(gv_table_reserve(&base->table, slot_end, base->table.live_count + steps, false, NULL));
    CHECK_OK(base->index->ops->reserve(base->index, slot_end, steps, &base->patch, NULL));
}

static inline uint32_t stage(Base *base, uint64_t id, const float *row)
{
    uint32_t slot = gv_table_free_slot(&base->table, 0);
    reserve(base, slot < base->table.slot_count ? base->table.slot_count : slot + 1, 2);
    gv_table_stage(&base->table, slot, id, row, base->metric.kernels->dot(row, row, base->metric.dimension), NULL);
    if (id >= base->table.next_id) base->table.next_id = id + 1;
    gv_table_enter(&base->table, slot);
    gv_table_show(&base->table, slot);
    return slot;
}

static inline void take_step(Base *base, uint32_t slot, bool removes)
{
    GV_Step step = {slot, removes};
    CHECK(base->index->ops->plan(base->index, &step, 1, &base->patch, NULL) == 1, "a step without a plan");
    base->index->ops->commit(base->index, &base->patch, NULL);
}

static inline uint32_t add(Base *base, uint64_t id, const float *row)
{
    uint32_t slot = stage(base, id, row);
    take_step(base, slot, false);
    return slot;
}

static inline void retire(Base *base, uint64_t id, uint32_t *slot)
{
    *slot = gv_idmap_find(&base->table.map, &base->table.ids, id);
    CHECK(*slot != GV_NO_SLOT, "row %llu is not there", (unsigned long long)id);
    reserve(base, base->table.slot_count, 1);
    gv_table_hide(&base->table, *slot);
    gv_table_drop(&base->table, *slot);
}

static inline void forget(Base *base, uint64_t id)
{
    uint32_t slot;
    retire(base, id, &slot);
    take_step(base, slot, true);
}

/* ---- data: clusters of uneven spread, as real rows have them ---- */

static inline float uniform(uint64_t seed, uint64_t i) { return (float)(gv_random(seed, i) >> 40) * 0x1p-24f - 0.5f; }

static inline float bell(uint64_t seed, uint64_t i) /* about normal */
{
    return uniform(seed, 4 * i) + uniform(seed, 4 * i + 1) + uniform(seed, 4 * i + 2) + uniform(seed, 4 * i + 3);
}

static inline float *make_rows(size_t count, size_t dimension, uint64_t seed)
{
    enum {
        CLUSTERS = 30
    };
    float *rows = malloc(count * dimension * sizeof *rows);
    CHECK(rows, "no memory for %zu rows", count);
    for (size_t i = 0; i < count; i++) {
        size_t cluster = gv_random(seed, i) % CLUSTERS;
        float spread = 0.2f + 0.5f * (float)cluster / CLUSTERS;
        for (size_t j = 0; j < dimension; j++)
            rows[i * dimension + j] = bell(99, cluster * dimension + j) + spread * bell(seed + 1, i * dimension + j);
    }
    return rows;
}

/* ---- searching ---- */

static inline size_t search(Base *base, const float *query, size_t ef, bool exact, GV_Hit *hits)
{
    GV_TopK top = {hits, K, 0};
    GV_Query q = {.vector = query,
                  .squared_norm = base->metric.kernels->dot(query, query, base->metric.dimension),
                  .ef = ef,
                  .accept = &base->table.live};
    if (exact) CHECK_OK(gv_scan(&base->table, &base->metric, &q, &top));
    else CHECK_OK(base->index->ops->search(base->index, &q, &top));
    gv_topk_sort(&top);
    return top.count;
}

static inline double recall(Base *base, const float *queries, size_t ef)
{
    GV_Hit found[K], truth[K];
    size_t right = 0, all = 0;
    for (size_t i = 0; i < QUERIES; i++) {
        size_t count = search(base, queries + i * base->metric.dimension, ef, false, found);
        size_t expected = search(base, queries + i * base->metric.dimension, ef, true, truth);
        CHECK(count <= expected, "%zu hits of %zu", count, expected);
        all += expected;
        for (size_t a = 0; a < count; a++)
            for (size_t b = 0; b < expected; b++)
                if (found[a].id == truth[b].id) {
                    CHECK(found[a].distance == truth[b].distance, "row %llu: two distances",
                          (unsigned long long)found[a].id);
                    right++;
                }
    }
    return (double)right / (double)all;
}

/* By dot product short rows are near to nobody: a few are led to by each other alone. Nor are they ever among the nearest. */
static inline void check_graph(Base *base, double least_reachable)
{
    GV_CheckReport report = {0};
    if (base->metric.distance == GV_DISTANCE_DOT_PRODUCT) least_reachable *= 0.99;
    CHECK_OK(base->index->ops->check(base->index, &report));
    CHECK(report.faults == 0, "%llu faults: %s", (unsigned long long)report.faults, gv_last_error());
    CHECK((double)report.reachable >= least_reachable * (double)base->table.live_count,
          "%llu of %llu rows are reachable", (unsigned long long)report.reachable,
          (unsigned long long)base->table.live_count);
}

/* ---- equal graphs ---- */

static inline bool same_slab(const GV_Slab *a, const GV_Slab *b, size_t count)
{
    for (size_t i = 0; i < count; i++)
        if (memcmp(gv_slab_at(a, i), gv_slab_at(b, i), a->stride) != 0) return false;
    return true;
}

static inline void check_same(const Base *a, const Base *b, const char *what)
{
    const GV_HNSW *x = (const GV_HNSW *)a->index, *y = (const GV_HNSW *)b->index;
    size_t words = ((size_t)x->slot_end + 63) / 64 * sizeof(uint64_t);
    CHECK(x->slot_end == y->slot_end && x->entry == y->entry && x->entry_level == y->entry_level, "%s: entry", what);
    CHECK(x->upper_end == y->upper_end && x->upper_live == y->upper_live, "%s: upper records", what);
    CHECK(x->present_count == y->present_count && x->head_count == y->head_count, "%s: counts", what);
    CHECK(same_slab(&x->links, &y->links, x->slot_end), "%s: links", what);
    if (x->codes.padded > 0) {
        CHECK(same_slab(&x->codes.rows, &y->codes.rows, x->slot_end), "%s: codes", what);
        CHECK(same_slab(&x->codes.heads, &y->codes.heads, x->slot_end), "%s: heads of codes", what);
    }
    CHECK(same_slab(&x->survivors, &y->survivors, x->slot_end), "%s: survivors", what);
    CHECK(same_slab(&x->upper_at, &y->upper_at, x->slot_end), "%s: layers", what);
    CHECK(same_slab(&x->upper, &y->upper, x->upper_end), "%s: upper links", what);
    CHECK(memcmp(x->present.words, y->present.words, words) == 0, "%s: who is present", what);
    CHECK(memcmp(x->ghosts.words, y->ghosts.words, words) == 0, "%s: ghosts", what);
    CHECK(memcmp(x->heads.words, y->heads.words, words) == 0, "%s: heads", what);
    CHECK(memcmp(x->followers.words, y->followers.words, words) == 0, "%s: followers", what);
    CHECK(memcmp(a->table.used.words, b->table.used.words, words) == 0, "%s: used slots", what);
}

/* A copy by way of a file in memory; what load() says of it. */
static inline GV_Status reopen(const Base *from, Base *to)
{
    const GV_HNSW *hnsw = (const GV_HNSW *)from->index;
    GV_Vfs *vfs = gv_vfs_memory_new();
    GV_File *file;
    GV_ImageWriter writer;
    GV_Superblock superblock = {.generation = 1,
                                .dimension = (uint32_t)from->metric.dimension,
                                .next_id = from->table.next_id,
                                .live_count = from->table.live_count,
                                .slot_count = from->table.slot_count};
    CHECK(vfs, "no memory");
    CHECK_OK(vfs->open(vfs->context, "graph", GV_FILE_CREATE, &file));
    CHECK_OK(gv_image_begin(&writer, vfs, file));
    CHECK_OK(gv_table_save(&from->table, &writer));
    CHECK_OK(from->index->ops->save(from->index, &writer));
    CHECK_OK(gv_image_end(&writer, &superblock));
    gv_image_writer_free(&writer);

    GV_Image image = {0};
    open_base(to, from->metric.distance, from->metric.dimension, hnsw->M, hnsw->ef_construction, NULL);
    CHECK_OK(gv_image_open(&image, &to->heap, vfs, file, &superblock));
    CHECK_OK(gv_table_load(&to->table, &image, &superblock));
    GV_Status status = to->index->ops->load(to->index, &image);
    gv_image_close(&image);
    vfs->close(file);
    gv_vfs_memory_free(vfs);
    return status;
}

/* ---- groups: rows that come, or go, in one call ---- */

typedef struct Group {
    GV_Step steps[5000];
    size_t count;
    struct {
        uint32_t *words;
        size_t count, steps;
    } patches[5000];
    size_t patch_count;
} Group;

static inline void note_step(Group *group, uint32_t slot, bool removes)
{
    CHECK(group->count < sizeof group->steps / sizeof *group->steps, "too long a group");
    group->steps[group->count++] = (GV_Step){slot, removes};
}

static inline void forget_patches(Group *group)
{
    for (size_t i = 0; i < group->patch_count; i++) free(group->patches[i].words);
    group->count = group->patch_count = 0;
}

static inline void keep_patch(Group *group, const GV_Patch *patch, size_t steps)
{
    size_t i = group->patch_count++, bytes = patch->count * sizeof *patch->words;
    group->patches[i].words = malloc(bytes + 1);
    CHECK(group->patches[i].words, "no memory for a patch");
    memcpy(group->patches[i].words, patch->words, bytes);
    group->patches[i].count = patch->count;
    group->patches[i].steps = steps;
}

/* Plan and commit what is left of a group, from step `from` on. */
static inline void run_steps(Base *base, Group *group, size_t from)
{
    for (size_t at = from; at < group->count;) {
        size_t steps = base->index->ops->plan(base->index, group->steps + at, group->count - at, &base->patch, NULL);
        CHECK(steps >= 1 && steps <= group->count - at, "%zu steps of %zu", steps, group->count - at);
        keep_patch(group, &base->patch, steps);
        base->index->ops->commit(base->index, &base->patch, NULL);
        at += steps;
    }
    base->index->ops->settle(base->index);
}

/* As a call does it: room for all, rows staged, steps run, and only then rows shown. */
static inline void add_group(Base *base, const float *rows, size_t count, Group *group)
{
    uint32_t next = 0;
    group->count = group->patch_count = 0;
    for (size_t i = 0; i < count; i++) {
        next = gv_table_free_slot(&base->table, next);
        note_step(group, next++, false);
    }
    reserve(base, next > base->table.slot_count ? next : base->table.slot_count, count);
    for (size_t i = 0; i < count; i++) {
        const float *row = rows + i * base->metric.dimension;
        float norm = base->metric.kernels->dot(row, row, base->metric.dimension);
        gv_table_stage(&base->table, group->steps[i].slot, base->table.next_id + i, row, norm, NULL);
        gv_table_enter(&base->table, group->steps[i].slot);
    }
    run_steps(base, group, 0);
    for (size_t i = 0; i < count; i++) gv_table_show(&base->table, group->steps[i].slot);
    base->table.next_id += count;
}

/* As recovery does it: row after row, each with room for one more; then `whole` patches, the rest planned again. */
static inline void recover_group(Base *copy, const float *rows, const Group *from, size_t whole)
{
    static Group group;
    group.count = group.patch_count = 0;
    for (size_t i = 0; i < from->count; i++) {
        const float *row = rows + i * copy->metric.dimension;
        uint32_t slot = gv_table_free_slot(&copy->table, 0);
        reserve(copy, slot < copy->table.slot_count ? copy->table.slot_count : slot + 1, group.count + 2);
        float norm = copy->metric.kernels->dot(row, row, copy->metric.dimension);
        gv_table_stage(&copy->table, slot, copy->table.next_id++, row, norm, NULL);
        gv_table_enter(&copy->table, slot);
        gv_table_show(&copy->table, slot);
        CHECK(slot == from->steps[i].slot, "slot %u, in the copy %u", from->steps[i].slot, slot);
        note_step(&group, slot, false);
    }
    size_t done = 0;
    for (size_t i = 0; i < whole; i++) {
        size_t steps = 0;
        memcpy(copy->patch.words, from->patches[i].words, from->patches[i].count * sizeof(uint32_t));
        copy->patch.count = from->patches[i].count;
        CHECK_OK(copy->index->ops->replay(copy->index, group.steps + done, group.count - done, &copy->patch, &steps));
        CHECK(steps == from->patches[i].steps, "patch %zu: %zu steps, not %zu", i, steps, from->patches[i].steps);
        done += steps;
    }
    run_steps(copy, &group, done);
    forget_patches(&group);
}

/* Every tenth row is one that was there before: a row of an earlier group, or of this one. */
static inline float *make_repeating_rows(size_t count, size_t dimension, uint64_t seed)
{
    float *rows = make_rows(count, dimension, seed);
    for (size_t i = 10; i < count; i += 10)
        memcpy(rows + i * dimension, rows + (gv_random(41, i) % i) * dimension, dimension * sizeof *rows);
    return rows;
}

#endif
