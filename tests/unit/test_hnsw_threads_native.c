/* test_hnsw_threads_native.c: without it, a graph could depend on how many threads planned it, or two of them could write
 * to the same place: the thread sanitizer runs this one. */
#include "graph_cases.h"

static void test_threads(GV_DistanceType distance, size_t dimension)
{
    enum {
        ROWS = 2500,
        FIRST = 1000
    };
    static const uint32_t threads[] = {1, 2, 8};
    static Group group;
    float *rows = make_repeating_rows(ROWS, dimension, 1);
    Base bases[3];
    GV_Pool pool;
    CHECK(gv_pool_init(&pool) == 0, "no pool");
    for (size_t i = 0; i < 3; i++) {
        open_threaded(&bases[i], distance, dimension, 8, 60, NULL, &pool, threads[i]);
        add_group(&bases[i], rows, FIRST, &group);
        forget_patches(&group);
        for (uint64_t id = 0; id < FIRST; id += 3) forget(&bases[i], id);
        add_group(&bases[i], rows + FIRST * dimension, ROWS - FIRST, &group);
        CHECK(group.patch_count < group.count / 10, "%zu batches of %zu rows", group.patch_count, group.count);
        forget_patches(&group);
        CHECK(((GV_HNSW *)bases[i].index)->head_count > 0, "no equal rows");
        if (i > 0) check_same(&bases[0], &bases[i], "on other threads");
    }
    check_graph(&bases[0], 0.999);
    for (size_t i = 0; i < 3; i++) close_base(&bases[i]);
    gv_pool_destroy(&pool);
    free(rows);
}

int main(void)
{
    test_threads(GV_DISTANCE_EUCLIDEAN, 24);
    test_threads(GV_DISTANCE_COSINE, 64);
    return 0;
}
