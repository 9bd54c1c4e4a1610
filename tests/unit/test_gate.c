/* test_gate.c: without it, the 1-bit codes beside the links could stand for other neighbours after a delete or an update, or
 * differ between kernels, and the hybrid walk would only be a little worse. */
#include "graph_cases.h"

enum {
    ROWS = 2500
};

static void open_gated(Base *base, GV_DistanceType distance, size_t dimension, uint32_t m, const char *kernels)
{
    GV_HNSWConfig hnsw = {.M = m, .ef_construction = 60, .use_binary_quant = 1};
    open_with(base, distance, dimension, hnsw, kernels, NULL, 1);
    CHECK(gv_hnsw_gated((GV_HNSW *)base->index), "no gate");
}

/* One row in ten is equal to an earlier one. */
static const float *row_of(const float *rows, uint64_t id, size_t dimension)
{
    return rows + (id % 10 == 3 ? id / 100 : id) * dimension;
}

static float *a_day(Base *base, size_t dimension, bool reuses)
{
    float *rows = make_rows(ROWS, dimension, 1);
    for (uint64_t id = 0; id < ROWS; id++) {
        add(base, id, row_of(rows, id, dimension));
        if (reuses && id % 3 == 2) forget(base, id - 2);
    }
    for (uint64_t id = 1; id < ROWS; id += 4)
        if (gv_idmap_find(&base->table.map, &base->table.ids, id) != GV_NO_SLOT) forget(base, id);
    return rows;
}

/* ---- blocks ---- */

/* What the block of `node` holds is what writing it anew would make of its links. */
static void check_block(GV_HNSW *hnsw, uint32_t node, uint8_t *before)
{
    size_t bytes = hnsw->blocks.stride;
    GV_List list = gv_hnsw_list(hnsw, node, 0);
    uint32_t count = 0;
    while (count < list.capacity && list.links[count] != node) count++;
    memcpy(before, gv_slab_at(&hnsw->blocks, node), bytes);
    gv_blocks_write(hnsw, node, list.links, 0, count);
    gv_blocks_drop(hnsw, node, count);
    CHECK(memcmp(before, gv_slab_at(&hnsw->blocks, node), bytes) == 0, "the block of node %u, of %u links, is stale",
          node, count);
}

static void test_blocks(GV_DistanceType distance, size_t dimension, uint32_t m)
{
    Base base;
    open_gated(&base, distance, dimension, m, NULL);
    float *rows = a_day(&base, dimension, false);
    GV_HNSW *hnsw = (GV_HNSW *)base.index;
    uint8_t *before = malloc(hnsw->blocks.stride);
    size_t nodes = 0;
    CHECK(before, "no memory");
    for (uint32_t slot = 0; slot < hnsw->slot_end; slot++) {
        if (!gv_bitset_get(&hnsw->present, slot)) continue;
        check_block(hnsw, slot, before);
        nodes++;
    }
    CHECK(nodes > ROWS / 2 && hnsw->head_count > 0, "%zu nodes, %u heads", nodes, hnsw->head_count);
    free(before);
    free(rows);
    close_base(&base);
}

/* ---- searches ---- */

/* Recall of the gated walk beside that of the same graph without a gate; and every hit is where it is said to be. */
static void test_recall(GV_DistanceType distance, size_t dimension, uint32_t m)
{
    Base base;
    open_gated(&base, distance, dimension, m, NULL);
    float *rows = a_day(&base, dimension, true), *queries = make_rows(QUERIES, dimension, 7);
    GV_HNSW *hnsw = (GV_HNSW *)base.index;
    double gated = recall(&base, queries, 64);
    hnsw->gated = false;
    double plain = recall(&base, queries, 64);
    hnsw->gated = true;
    printf("distance %d, dimension %zu, M %u: recall %.3f with the gate, %.3f without\n", (int)distance, dimension, m,
           gated, plain);
    CHECK(gated > 0.9 && gated > plain - 0.05, "the gate costs too much");
    free(queries);
    free(rows);
    close_base(&base);
}

static void test_kernels(GV_DistanceType distance, size_t dimension)
{
    Base scalar, best;
    open_gated(&scalar, distance, dimension, 20, "scalar");
    open_gated(&best, distance, dimension, 20, NULL);
    float *rows = a_day(&scalar, dimension, true), *same = a_day(&best, dimension, true);
    float *queries = make_rows(QUERIES, dimension, 7);
    const GV_HNSW *x = (const GV_HNSW *)scalar.index, *y = (const GV_HNSW *)best.index;
    check_same(&scalar, &best, best.metric.kernels->name);
    CHECK(same_slab(&x->blocks, &y->blocks, x->slot_end), "%s: blocks", best.metric.kernels->name);
    for (size_t i = 0; i < QUERIES; i++) {
        GV_Hit a[K], b[K];
        size_t found = search(&scalar, queries + i * dimension, 20, false, a);
        CHECK(search(&best, queries + i * dimension, 20, false, b) == found, "query %zu: the counts differ", i);
        for (size_t j = 0; j < found; j++)
            CHECK(a[j].id == b[j].id && a[j].distance == b[j].distance, "query %zu, hit %zu: %llu and %llu", i, j,
                  (unsigned long long)a[j].id, (unsigned long long)b[j].id);
    }
    free(queries);
    free(same);
    free(rows);
    close_base(&best);
    close_base(&scalar);
}

int main(void)
{
    static const GV_DistanceType metrics[] = {GV_DISTANCE_EUCLIDEAN, GV_DISTANCE_COSINE, GV_DISTANCE_DOT_PRODUCT};
    for (size_t i = 0; i < sizeof metrics / sizeof *metrics; i++) {
        test_blocks(metrics[i], 48, 5);
        test_blocks(metrics[i], 100, 24);
        test_recall(metrics[i], 48, 16);
        test_recall(metrics[i], 100, 40);
        test_kernels(metrics[i], 70);
    }
    return 0;
}
