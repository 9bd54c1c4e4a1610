/* test_sparse.c: without it a sparse search could miss a row that inverted lists hide, or leave a list that still names a row that
 * has gone: any calls in any order, each answer beside a look at every row of a plain array, to the bit. */
#include "sparse_rows.h"

enum {
    CALLS = 6000
};

static uint64_t next_id;

static uint32_t group_of(uint64_t id)
{
    size_t i = 0;
    while (rows[i].id != id) i++;
    return rows[i].group;
}

static void search_groups(GV_Database *db, const Asked *a)
{
    static GV_Hit hits[MOST];
    GV_Rows *found;
    size_t size = (size_t)(draw(30) % 40 + 1), k = (size_t)(draw(31) % GROUPS + 1), at = 0;
    size_t count = all_by_distance(&a->query, a->distance, a->group, UINT64_MAX, hits);
    bool seen[GROUPS] = {false};
    CHECK_OK(gv_db_search_groups(db, NULL, 0, k, "group", size, &a->options, &found));
    for (size_t i = 0, groups = 0; i < count && groups < k; i++) {
        uint32_t group = group_of(hits[i].id);
        if (seen[group]) continue;
        seen[group] = true;
        for (size_t j = i, members = 0; j < count && members < size; j++) {
            if (group_of(hits[j].id) != group) continue;
            CHECK(at < found->count && found->groups[at] == groups, "call %llu: a row of group %zu is not there",
                  (unsigned long long)call, groups);
            expect_hits(found->ids + at, found->distances + at, &hits[j], 1);
            at++, members++;
        }
        groups++;
    }
    CHECK(at == found->count, "call %llu: %zu rows, not %zu", (unsigned long long)call, found->count, at);
    gv_rows_free(found);
}

/* As arrays and as rows, on threads; the first query is the one that was asked for. */
static void search_batch(GV_Database *db, Asked *a, bool negative)
{
    enum {
        QUERIES = 7,
        WIDE = 12
    };
    Row queries[QUERIES];
    uint32_t indices[QUERIES * PAIRS];
    float values[QUERIES * PAIRS], distances[QUERIES * WIDE];
    uint64_t starts[QUERIES + 1] = {0}, ids[QUERIES * WIDE];
    size_t counts[QUERIES], count = (size_t)(draw(40) % (QUERIES + 1)), k = a->k < WIDE ? a->k : WIDE;
    GV_Rows *found[QUERIES];
    for (size_t i = 0; i < count; i++) {
        queries[i] = a->query;
        if (i > 0) draw_row(draw(41 + i), negative, &queries[i]);
        memcpy(indices + starts[i], queries[i].indices, queries[i].count * sizeof *indices);
        memcpy(values + starts[i], queries[i].values, queries[i].count * sizeof *values);
        starts[i + 1] = starts[i] + queries[i].count;
    }
    a->options.sparse = &(GV_SparseRows){count, starts, indices, values};
    a->options.threads = (uint32_t)(draw(50) % 4);
    CHECK_OK(gv_db_search_batch(db, NULL, count, 0, k, &a->options, ids, distances, counts));
    CHECK_OK(gv_db_search_batch_rows(db, NULL, count, 0, k, &a->options, found));
    for (size_t i = 0; i < count; i++) {
        expect(found[i], &queries[i], a->distance, k, a->group, UINT64_MAX);
        GV_Rows row = {.count = counts[i], .ids = ids + i * k, .distances = distances + i * k};
        expect(&row, &queries[i], a->distance, k, a->group, UINT64_MAX);
        if (counts[i] < k) CHECK(row.ids[counts[i]] == UINT64_MAX && isinf(row.distances[counts[i]]), "no padding");
        gv_rows_free(found[i]);
    }
}

static void explain(GV_Database *db, const Asked *a, GV_DistanceType own)
{
    static GV_Hit hits[MOST];
    GV_Explanation got = {.struct_size = sizeof got};
    size_t count = all_by_distance(&a->query, a->distance, a->group, UINT64_MAX, hits);
    bool zero = a->distance == GV_DISTANCE_COSINE && dot(&a->query, &a->query) == 0.0;
    GV_Way way = a->distance != own ? GV_WAY_OTHER_METRIC : zero ? GV_WAY_ZERO_VECTOR : GV_WAY_INDEX;
    CHECK_OK(gv_db_explain(db, NULL, 0, a->k, &a->options, &got));
    CHECK(got.rows == row_count && got.matches == count && got.hits == (count < a->k ? count : a->k),
          "call %llu: %llu of %llu rows", (unsigned long long)call, (unsigned long long)got.matches,
          (unsigned long long)got.rows);
    CHECK(count == 0 || got.way == (int32_t)way, "call %llu: way %d, not %d", (unsigned long long)call, got.way, way);
}

static void page(GV_Database *db, const Asked *a)
{
    GV_Rows *found;
    uint64_t from = draw(60) % (next_id + 2);
    size_t at = 0, wanted = 0;
    CHECK_OK(gv_db_scroll(db, from, a->k, &a->options, &found));
    for (size_t i = 0; i < row_count; i++) {
        if (rows[i].id < from || (a->group < GROUPS && rows[i].group != a->group) || wanted++ >= a->k) continue;
        CHECK(at < found->count && found->ids[at] == rows[i].id &&
                  found->starts[at + 1] - found->starts[at] == rows[i].count,
              "call %llu: row %llu of a page, not %llu", (unsigned long long)call, (unsigned long long)found->ids[at],
              (unsigned long long)rows[i].id);
        at++;
    }
    CHECK(at == found->count, "call %llu: a page of %zu", (unsigned long long)call, at);
    gv_rows_free(found);
}

static void search(GV_Database *db, GV_DistanceType own, bool negative)
{
    Asked a = {.distance = own, .group = (uint32_t)(draw(1) % (3 * GROUPS))};
    GV_Rows *found;
    char filter[32];
    a.k = draw(2) % 8 == 0 ? MOST : (size_t)(draw(2) % 12 + 1);
    if (a.group > GROUPS) a.group = GROUPS;
    gv_search_options_init(&a.options);
    (void)snprintf(filter, sizeof filter, "group == '%u'", a.group);
    if (a.group < GROUPS) a.options.filter = filter;
    if (draw(3) % 16 == 0) {
        a.distance = own == GV_DISTANCE_COSINE ? GV_DISTANCE_DOT_PRODUCT : GV_DISTANCE_COSINE;
        a.options.distance = (int32_t)a.distance;
    }
    draw_row(draw(6), negative, &a.query);
    a.starts[1] = a.query.count;
    a.pairs = (GV_SparseRows){1, a.starts, a.query.indices, a.query.values};
    switch (draw(4) % 16) {
    case 0:
    case 1:
        if (row_count == 0) return;
        a.query = rows[draw(5) % row_count];
        CHECK_OK(gv_db_search_by_id(db, a.query.id, a.k, &a.options, &found));
        expect(found, &a.query, a.distance, a.k, a.group, a.query.id);
        break;
    case 2: page(db, &a); return;
    case 3:
    case 4: search_batch(db, &a, negative); return;
    case 5:
    case 6:
        a.options.sparse = &a.pairs;
        search_groups(db, &a);
        return;
    case 7:
        a.options.sparse = &a.pairs;
        explain(db, &a, own);
        return;
    case 8:
        a.options.sparse = &a.pairs;
        CHECK_OK(gv_db_search_rows(db, NULL, 0, a.k, &a.options, &found));
        expect(found, &a.query, a.distance, a.k, a.group, UINT64_MAX);
        break;
    case 9:
    case 10:
    case 11:
    case 12:
        a.options.sparse = &a.pairs;
        search_range(db, &a);
        return;
    default:
        CHECK_OK(gv_db_search_sparse(db, a.query.indices, a.query.values, a.query.count, a.k, &a.options, &found));
        expect(found, &a.query, a.distance, a.k, a.group, UINT64_MAX);
    }
    gv_rows_free(found);
}

static void add(GV_Database *db, bool negative)
{
    static Packed packed;
    uint32_t indices[40 * PAIRS];
    float values[40 * PAIRS];
    uint64_t starts[41] = {0}, ids[40];
    size_t count = (size_t)(draw(1) % 40);
    if (count > MOST - row_count) count = MOST - row_count;
    packed.size = 0;
    for (size_t i = 0; i < count; i++) {
        Row *row = &rows[row_count + i];
        char group[8];
        row->id = next_id + i;
        row->group = (uint32_t)(draw(50 + i) % GROUPS);
        draw_row(draw(100 + i), negative, row);
        memcpy(indices + starts[i], row->indices, row->count * sizeof *indices);
        memcpy(values + starts[i], row->values, row->count * sizeof *values);
        starts[i + 1] = starts[i] + row->count;
        (void)snprintf(group, sizeof group, "%u", row->group);
        put_count(&packed, 1);
        put_pair(&packed, "group", group);
    }
    GV_SparseRows given = {count, starts, indices, values};
    GV_PackedMetadata metadata = packed_all(&packed);
    CHECK_OK(gv_db_add_sparse(db, &given, &metadata, ids));
    for (size_t i = 0; i < count; i++)
        CHECK(ids[i] == next_id + i, "row %zu got id %llu", i, (unsigned long long)ids[i]);
    next_id += count;
    row_count += count;
}

static void check_rows(GV_Database *db)
{
    GV_CheckReport report = {.struct_size = sizeof report};
    GV_Rows *found;
    static uint64_t ids[MOST];
    CHECK_OK(gv_db_check(db, &report));
    CHECK(report.rows == row_count && report.reachable == row_count, "%llu rows", (unsigned long long)report.rows);
    for (size_t i = 0; i < row_count; i++) ids[i] = rows[i].id;
    CHECK_OK(gv_db_get_rows(db, ids, row_count, &found));
    CHECK(!found->vectors && found->starts, "rows without pairs");
    for (size_t i = 0; i < row_count; i++) {
        const uint64_t *start = found->starts + i;
        CHECK(start[1] - start[0] == rows[i].count &&
                  memcmp(found->indices + start[0], rows[i].indices, rows[i].count * sizeof(uint32_t)) == 0 &&
                  memcmp(found->values + start[0], rows[i].values, rows[i].count * sizeof(float)) == 0,
              "row %llu has other pairs", (unsigned long long)rows[i].id);
    }
    gv_rows_free(found);
}

static void open_database(GV_Vfs *vfs, GV_DistanceType distance, GV_Database **db)
{
    GV_OpenOptions options;
    gv_open_options_init(&options);
    options.dimension = DIMENSION;
    options.index_type = GV_INDEX_TYPE_SPARSE;
    options.distance = (int32_t)distance;
    options.checkpoint_on_close = call % 2 == 0;
    CHECK_OK(gv_db_open_with_vfs("sparse.gv", &options, vfs, db));
}

static void next_call(GV_Vfs *vfs, GV_Database **db, GV_DistanceType distance, bool negative)
{
    uint64_t chance = draw(0) % 100;
    Row *row = row_count > 0 ? &rows[draw(1) % row_count] : NULL;
    if (chance < 60) search(*db, distance, negative);
    else if (chance < 75) add(*db, negative);
    else if (chance < 88 && row) {
        CHECK_OK(gv_db_delete_vector_by_index(*db, row->id));
        memmove(row, row + 1, (size_t)(rows + --row_count - row) * sizeof *row);
    } else if (chance < 95 && row) {
        draw_row(draw(2), negative, row);
        CHECK_OK(gv_db_update_sparse(*db, row->id, row->indices, row->values, row->count));
    } else if (chance < 97) {
        CHECK_OK(gv_db_close(*db));
        open_database(vfs, distance, db);
    } else if (chance < 98) CHECK_OK(gv_db_compact(*db));
    else check_rows(*db);
}

static void test_life(GV_DistanceType distance, bool negative)
{
    GV_Vfs *vfs = gv_vfs_memory_new();
    GV_Database *db;
    row_count = 0;
    next_id = 0;
    open_database(vfs, distance, &db);
    for (call = 0; call < CALLS; call++) next_call(vfs, &db, distance, negative);
    check_rows(db);
    CHECK_OK(gv_db_close(db));
    gv_vfs_memory_free(vfs);
}

int main(int count, char **arguments)
{
    seed = count > 1 ? strtoull(arguments[1], NULL, 10) : 1;
    test_life(GV_DISTANCE_DOT_PRODUCT, false);
    test_life(GV_DISTANCE_COSINE, false);
    test_life(GV_DISTANCE_DOT_PRODUCT, true);
    test_life(GV_DISTANCE_COSINE, true);
    return 0;
}
