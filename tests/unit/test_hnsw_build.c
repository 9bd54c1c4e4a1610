/* test_hnsw_build.c: without it, rows planned in batches could become another graph on another kernel or after a kill,
 * searches could begin at nodes that are gone, and distances that were estimated from codes could reach the user. */
#include "graph_cases.h"
#include <math.h>

/* ---- the tests ---- */

/* A kill leaves a group with some of its patches. */
static void test_recovery(GV_DistanceType distance, size_t dimension, uint32_t m)
{
    enum {
        FIRST = 2000
    };
    static const size_t sizes[] = {2, 99, 103, 135, 700};
    static Group first, group;
    for (size_t size = 0; size < sizeof sizes / sizeof *sizes; size++) {
        size_t count = sizes[size];
        float *rows = make_repeating_rows(FIRST + count, dimension, 1 + count), *more = rows + FIRST * dimension;
        Base base;
        open_base(&base, distance, dimension, m, 40, NULL);
        add_group(&base, rows, FIRST, &first);
        for (uint64_t id = 0; id < FIRST; id += 7) forget(&base, id);
        add_group(&base, more, count, &group);
        size_t kept[] = {0, 1, group.patch_count / 2, group.patch_count};
        for (size_t k = 0; k < sizeof kept / sizeof *kept; k++) {
            Base copy;
            open_base(&copy, distance, dimension, m, 40, NULL);
            recover_group(&copy, rows, &first, k % 2 ? first.patch_count : first.patch_count / 3);
            for (uint64_t id = 0; id < FIRST; id += 7) forget(&copy, id);
            recover_group(&copy, more, &group, kept[k]);
            check_same(&base, &copy, "recovered");
            close_base(&copy);
        }
        forget_patches(&first);
        forget_patches(&group);
        close_base(&base);
        free(rows);
    }
}

/* ---- where searches begin ---- */

static void check_pivots(const Base *base, const char *when)
{
    const GV_HNSW *hnsw = (const GV_HNSW *)base->index;
    const GV_Pivots *pivots = &hnsw->pivots;
    uint32_t counts[GV_LEVEL_MAX + 1] = {0}, level = 0;
    for (uint32_t slot = 0; slot < hnsw->slot_end; slot++)
        for (uint32_t at = 0; gv_bitset_get(&hnsw->present, slot) && at <= gv_hnsw_level(hnsw, slot); at++)
            counts[at]++;
    while (counts[level] > GV_PIVOTS_MAX) level++;
    CHECK(memcmp(counts, pivots->level_counts, sizeof counts) == 0, "%s: nodes of a layer", when);
    CHECK(pivots->level == level && pivots->count == counts[level], "%s: %u pivots of layer %u, not %u of %u", when,
          pivots->count, pivots->level, counts[level], level);
    for (uint32_t i = 0; i < pivots->count; i++) {
        uint32_t slot = pivots->slots[i];
        CHECK(gv_hnsw_bit(&hnsw->present, slot) && gv_hnsw_level(hnsw, slot) >= level, "%s: %u is no pivot", when,
              slot);
        for (uint32_t j = 0; j < i; j++) CHECK(pivots->slots[j] != slot, "%s: %u is a pivot twice", when, slot);
    }
}

/* Up past the pivots of two layers, down again, and through a file midway, which may order them otherwise. */
static void test_pivots(void)
{
    enum {
        ROWS = 3000,
        DIMENSION = 8
    };
    static Group group;
    float *rows = make_repeating_rows(ROWS, DIMENSION, 1);
    Base base, copy;
    open_base(&base, GV_DISTANCE_EUCLIDEAN, DIMENSION, 2, 20, NULL);
    check_pivots(&base, "empty");
    for (size_t from = 0; from < ROWS; from += 100) {
        add_group(&base, rows + from * DIMENSION, 100, &group);
        forget_patches(&group);
        check_pivots(&base, "grown");
    }
    CHECK(((GV_HNSW *)base.index)->pivots.level >= 2, "too small a graph");
    for (uint64_t id = 0; id < ROWS; id++) {
        forget(&base, id);
        if (id % 50 == 0 || id > ROWS - 20) check_pivots(&base, "after a delete");
        if (id % 500 != 250) continue;
        CHECK_OK(reopen(&base, &copy));
        check_pivots(&copy, "reopened");
        for (size_t i = 0; i < QUERIES; i++) {
            GV_Hit hits[K], again[K];
            size_t count = search(&base, rows + i * DIMENSION, 20, false, hits);
            CHECK(search(&copy, rows + i * DIMENSION, 20, false, again) == count, "query %zu: other hits", i);
            for (size_t j = 0; j < count; j++)
                CHECK(hits[j].id == again[j].id && hits[j].distance == again[j].distance, "query %zu: another hit", i);
        }
        close_base(&copy);
    }
    close_base(&base);
    free(rows);
}

/* ---- codes ---- */

/* Hits come in order, at the distances of full rows; and are all there is where as many are asked for. */
static void test_exact(GV_DistanceType distance, size_t dimension)
{
    enum {
        ROWS = 900
    };
    static Group group;
    float *rows = make_repeating_rows(ROWS, dimension, 1), *queries = make_rows(QUERIES, dimension, 2);
    Base base;
    open_base(&base, distance, dimension, 16, 60, NULL);
    CHECK(((GV_HNSW *)base.index)->codes.padded > 0, "no codes");
    CHECK((base.index->ops->codes(base.index) != NULL) == (distance != GV_DISTANCE_MANHATTAN),
          "no scan is by codes of L1");
    add_group(&base, rows, ROWS, &group);
    forget_patches(&group);
    for (size_t i = 0; i < QUERIES; i++) {
        const float *query = queries + i * dimension;
        float norm = base.metric.kernels->dot(query, query, dimension);
        GV_Hit hits[K], all[K];
        size_t count = search(&base, query, 20, false, hits);
        CHECK(count == K, "query %zu: %zu hits", i, count);
        for (size_t j = 0; j < count; j++) {
            uint32_t slot = gv_table_find(&base.table, hits[j].id);
            float rank = gv_rank(&base.metric, query, norm, gv_table_row(&base.table, slot),
                                 gv_table_norm(&base.table, slot));
            CHECK(hits[j].distance == gv_distance_of_rank(distance, rank), "query %zu, hit %zu: %g", i, j,
                  (double)hits[j].distance);
            CHECK(j == 0 || hits[j - 1].distance < hits[j].distance ||
                      (hits[j - 1].distance == hits[j].distance && hits[j - 1].id < hits[j].id),
                  "query %zu: hit %zu is out of order", i, j);
        }
        if (distance == GV_DISTANCE_DOT_PRODUCT) continue; /* some rows are led to by nobody */
        count = search(&base, query, ROWS, false, hits);
        CHECK(search(&base, query, ROWS, true, all) == count, "query %zu: %zu hits of all", i, count);
        for (size_t j = 0; j < count; j++)
            CHECK(hits[j].id == all[j].id && hits[j].distance == all[j].distance, "query %zu: hit %zu of all", i, j);
    }
    double found = recall(&base, queries, 60);
    printf("distance %d, dimension %zu: recall %.3f\n", (int)distance, dimension, found);
    CHECK(found >= (distance == GV_DISTANCE_DOT_PRODUCT ? 0.9 : 0.97), "recall %.3f", found);
    close_base(&base);
    free(queries);
    free(rows);
}

static void test_kernels(GV_DistanceType distance, size_t dimension)
{
    enum {
        ROWS = 700,
        FIRST = 400
    };
    static Group group;
    float *rows = make_repeating_rows(ROWS, dimension, 1), *queries = make_rows(QUERIES, dimension, 2);
    Base first, base;
    for (size_t i = 0; gv_kernels_at(i); i++) {
        const char *name = gv_kernels_at(i)->name;
        Base *at = i == 0 ? &first : &base;
        if (!gv_kernels_select(name)) name = "scalar"; /* not on this CPU */
        open_base(at, distance, dimension, 6, 40, name);
        add_group(at, rows, FIRST, &group);
        forget_patches(&group);
        for (uint64_t id = 0; id < FIRST; id += 4) forget(at, id);
        add_group(at, rows + FIRST * dimension, ROWS - FIRST, &group);
        forget_patches(&group);
        if (i == 0) continue;
        check_same(&first, &base, name);
        for (size_t q = 0; q < QUERIES; q++) {
            GV_Hit hits[K], others[K];
            size_t count = search(&first, queries + q * dimension, 16, false, hits);
            CHECK(search(&base, queries + q * dimension, 16, false, others) == count, "%s: other hits", name);
            for (size_t j = 0; j < count; j++)
                CHECK(hits[j].id == others[j].id && hits[j].distance == others[j].distance, "%s: another hit", name);
        }
        close_base(&base);
    }
    close_base(&first);
    free(queries);
    free(rows);
}

/* Rows as long as a squared norm allows: sums of their codes overflow, and ranks are the same bits all the same, measured one
 * by one or many at once, from either side. */
static void test_huge_rows(GV_DistanceType distance)
{
    enum {
        ROWS = 100,
        DIMENSION = 64
    };
    static Group group;
    float *rows = make_rows(ROWS, DIMENSION, 1);
    for (size_t i = 0; i < ROWS; i++) {
        float *row = rows + i * DIMENSION, norm = gv_kernels_select(NULL)->dot(row, row, DIMENSION);
        if (i % 2) memset(row, 0, DIMENSION * sizeof *row);
        if (i % 2) row[i % DIMENSION] = 1.8e19f;
        for (size_t j = 0; i % 2 == 0 && j < DIMENSION; j++) row[j] *= 1.7e19f / sqrtf(norm);
    }
    Base base;
    open_base(&base, distance, DIMENSION, 8, 40, NULL);
    add_group(&base, rows, ROWS, &group);
    forget_patches(&group);
    const GV_HNSW *hnsw = (const GV_HNSW *)base.index;
    for (uint32_t a = 0; a < ROWS; a++) {
        uint32_t slots[ROWS];
        float ranks[ROWS];
        GV_Target target;
        gv_hnsw_target(hnsw, a, &target);
        for (uint32_t b = 0; b < ROWS; b++) slots[b] = b;
        gv_hnsw_measure(hnsw, &target, slots, ROWS, ranks);
        for (uint32_t b = 0; b < ROWS; b++) {
            float one = gv_hnsw_rank_between(hnsw, a, b), back = gv_hnsw_rank_between(hnsw, b, a);
            CHECK(gv_float_bits(one) == gv_float_bits(ranks[b]) && gv_float_bits(one) == gv_float_bits(back),
                  "ranks of %u and %u: %g, %g, %g", a, b, (double)one, (double)ranks[b], (double)back);
            CHECK(one == one, "no rank of %u and %u", a, b);
        }
    }
    close_base(&base);
    free(rows);
}

/* By MANHATTAN two codes compare in steps of the coarser one: rows of ranges that are alike, far apart, a hundred times as wide, flat, and
 * away from zero are as far from each other as they are, but for the rounding of each component. */
static void test_ranks_by_l1(size_t dimension)
{
    enum {
        ROWS = 120
    };
    static const float scales[] = {1.0f, 1.7f, 0.03f, 40.0f, 0.0f, 3e-7f}, centres[] = {0.0f, 0.3f, -90.0f, 1e6f};
    static Group group;
    float *rows = make_rows(ROWS, dimension, 3);
    for (size_t i = 0; i < ROWS * dimension; i++)
        rows[i] = rows[i] * scales[i / dimension % 6] + centres[i / dimension % 4];
    Base base;
    open_base(&base, GV_DISTANCE_MANHATTAN, dimension, 8, 40, NULL);
    add_group(&base, rows, ROWS, &group);
    forget_patches(&group);
    const GV_HNSW *hnsw = (const GV_HNSW *)base.index;
    for (uint32_t a = 0; a < ROWS; a++) {
        for (uint32_t b = 0; b < ROWS; b++) {
            float coded = gv_hnsw_rank_between(hnsw, a, b);
            float full = base.metric.kernels->l1(rows + a * dimension, rows + b * dimension, dimension);
            float steps = gv_codes_head(&hnsw->codes, a)->step + gv_codes_head(&hnsw->codes, b)->step;
            CHECK(fabsf(coded - full) <= (float)dimension * steps + 1e-5f * full, "rows %u and %u: %g, by codes %g", a,
                  b, (double)full, (double)coded);
            CHECK(a != b || coded == 0.0f, "row %u is %g from itself", a, (double)coded);
        }
    }
    close_base(&base);
    free(rows);
}

/* ---- patches that nobody planned ---- */

static void tear(GV_Patch *patch, uint64_t seed)
{
    for (uint64_t i = 0, flips = 1 + seed % 3; i < flips && patch->count > 0; i++) {
        uint64_t draw = gv_random(22, seed * 4 + i);
        if (draw % 7 == 0) patch->count = (size_t)(draw >> 8) % patch->count;
        else patch->words[(draw >> 8) % patch->count] ^= (uint32_t)1 << ((draw >> 3) % 32);
    }
}

/* A patch of several rows with bits flipped: refused, or taken without harm to memory; what it left undone is planned. */
static void test_torn_batches(void)
{
    enum {
        FIRST = 400,
        MORE = 60,
        DIMENSION = 36,
        TRIALS = 300
    };
    static Group first, group, rest;
    float *rows = make_repeating_rows(FIRST + MORE, DIMENSION, 1), *more = rows + (size_t)FIRST * DIMENSION;
    GV_Hit hits[K];
    size_t taken = 0;
    for (uint64_t seed = 0; seed < TRIALS; seed++) {
        Base base, copy;
        open_base(&base, GV_DISTANCE_COSINE, DIMENSION, 3, 20, NULL);
        open_base(&copy, GV_DISTANCE_COSINE, DIMENSION, 3, 20, NULL);
        add_group(&base, rows, FIRST, &first);
        add_group(&base, more, MORE, &group);
        CHECK(group.patches[0].steps > 1, "no batch");
        recover_group(&copy, rows, &first, first.patch_count);
        rest.count = rest.patch_count = 0;
        for (size_t i = 0; i < MORE; i++)
            note_step(&rest, stage(&copy, copy.table.next_id, more + i * DIMENSION), false);
        reserve(&copy, copy.table.slot_count, MORE);
        memcpy(copy.patch.words, group.patches[0].words, group.patches[0].count * sizeof(uint32_t));
        copy.patch.count = group.patches[0].count;
        tear(&copy.patch, seed);
        size_t done = 0;
        GV_Status status = copy.index->ops->replay(copy.index, rest.steps, rest.count, &copy.patch, &done);
        CHECK(status == GV_OK || status == GV_ERR_CORRUPT, "%s", gv_last_error());
        if (status == GV_OK) {
            run_steps(&copy, &rest, done);
            for (size_t i = 0; i < MORE; i++) (void)search(&copy, rows + i * DIMENSION, 30, false, hits);
            for (uint64_t id = FIRST / 2; id < FIRST + MORE; id++) forget(&copy, id);
            taken++;
        }
        forget_patches(&rest);
        forget_patches(&first);
        forget_patches(&group);
        close_base(&copy);
        close_base(&base);
    }
    printf("torn batches: %zu taken, %zu refused\n", taken, (size_t)TRIALS - taken);
    CHECK(taken > TRIALS / 20 && taken < TRIALS * 19 / 20, "%zu of %d torn batches were taken", taken, (int)TRIALS);
    free(rows);
}

int main(void)
{
    static const size_t dimensions[] = {37, 64, 100, 384};
    test_recovery(GV_DISTANCE_EUCLIDEAN, 40, 16);
    test_recovery(GV_DISTANCE_MANHATTAN, 6, 2);
    test_recovery(GV_DISTANCE_COSINE, 33, 2);
    test_pivots();
    test_ranks_by_l1(33);
    test_ranks_by_l1(128);
    for (int distance = 0; distance < 4; distance++) {
        test_huge_rows((GV_DistanceType)distance);
        test_exact((GV_DistanceType)distance, 32);
        test_exact((GV_DistanceType)distance, 100);
        for (size_t i = 0; i < sizeof dimensions / sizeof *dimensions; i++)
            test_kernels((GV_DistanceType)distance, dimensions[i]);
    }
    test_torn_batches();
    return 0;
}
