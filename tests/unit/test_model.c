/* test_model.c: without it two features that are each right could be wrong together: any sequence of any calls, each answer beside the
 * plain array of model.h. The same calls every time; a number as argument is another seed: `for i in $(seq 100); do …/test_model $i`. */
#include "model.h"
#include <stdlib.h>

enum {
#if defined(__SANITIZE_ADDRESS__) || defined(__SANITIZE_THREAD__) || defined(__EMSCRIPTEN__)
    CALLS = 2000, /* of each kind of database; these are some times as slow */
#else
    CALLS = 13000,
#endif
    BATCH = 40
};

static const struct Kind {
    const char *name;
    GV_IndexType index;
    GV_DistanceType distance;
    bool binary;
    double recall; /* at least, of the walks' hits; 1: to the bit */
    GV_Storage storage;
    bool drops; /* vectors, when it is trained: the model then asks what is kept of a row that has just been written */
} kinds[] = {
    {"flat, euclidean", GV_INDEX_TYPE_FLAT, GV_DISTANCE_EUCLIDEAN, false, 1.0, GV_STORAGE_F32, false},
    {"flat, cosine", GV_INDEX_TYPE_FLAT, GV_DISTANCE_COSINE, false, 1.0, GV_STORAGE_F32, false},
    {"flat, f16, euclidean", GV_INDEX_TYPE_FLAT, GV_DISTANCE_EUCLIDEAN, false, 1.0, GV_STORAGE_F16, false},
    {"flat, int8, cosine", GV_INDEX_TYPE_FLAT, GV_DISTANCE_COSINE, false, 1.0, GV_STORAGE_INT8, false},
    {"kdtree, euclidean", GV_INDEX_TYPE_KDTREE, GV_DISTANCE_EUCLIDEAN, false, 1.0, GV_STORAGE_F32, false},
    {"kdtree, manhattan", GV_INDEX_TYPE_KDTREE, GV_DISTANCE_MANHATTAN, false, 1.0, GV_STORAGE_F32, false},
    {"kdtree, dot product", GV_INDEX_TYPE_KDTREE, GV_DISTANCE_DOT_PRODUCT, false, 1.0, GV_STORAGE_F32, false},
    {"kdtree, cosine", GV_INDEX_TYPE_KDTREE, GV_DISTANCE_COSINE, false, 1.0, GV_STORAGE_F32, false},
    {"hnsw, euclidean", GV_INDEX_TYPE_HNSW, GV_DISTANCE_EUCLIDEAN, false, 0.97, GV_STORAGE_F32, false},
    {"hnsw, cosine", GV_INDEX_TYPE_HNSW, GV_DISTANCE_COSINE, false, 0.97, GV_STORAGE_F32, false},
    {"hnsw, dot product", GV_INDEX_TYPE_HNSW, GV_DISTANCE_DOT_PRODUCT, false, 0.97, GV_STORAGE_F32, false},
    {"hnsw, manhattan", GV_INDEX_TYPE_HNSW, GV_DISTANCE_MANHATTAN, false, 0.97, GV_STORAGE_F32, false},
    {"hnsw, f16, manhattan", GV_INDEX_TYPE_HNSW, GV_DISTANCE_MANHATTAN, false, 0.97, GV_STORAGE_F16, false},
    {"hnsw, int8, euclidean", GV_INDEX_TYPE_HNSW, GV_DISTANCE_EUCLIDEAN, false, 0.97, GV_STORAGE_INT8, false},
    {"hnsw, binary, euclidean", GV_INDEX_TYPE_HNSW, GV_DISTANCE_EUCLIDEAN, true, 0.97, GV_STORAGE_F32, false},
    {"hnsw, binary, cosine", GV_INDEX_TYPE_HNSW, GV_DISTANCE_COSINE, true, 0.97, GV_STORAGE_F32, false},
    {"ivfpq, euclidean", GV_INDEX_TYPE_IVFPQ, GV_DISTANCE_EUCLIDEAN, false, 0.9, GV_STORAGE_F32, false},
    {"ivfpq, cosine", GV_INDEX_TYPE_IVFPQ, GV_DISTANCE_COSINE, false, 0.9, GV_STORAGE_F32, false},
    {"ivfpq, int8, dot product", GV_INDEX_TYPE_IVFPQ, GV_DISTANCE_DOT_PRODUCT, false, 0.9, GV_STORAGE_INT8, false},
    {"ivfpq without vectors, euclidean", GV_INDEX_TYPE_IVFPQ, GV_DISTANCE_EUCLIDEAN, false, 0.9, GV_STORAGE_F32, true},
    {"ivfpq without vectors, cosine", GV_INDEX_TYPE_IVFPQ, GV_DISTANCE_COSINE, false, 0.9, GV_STORAGE_F32, true},
};

typedef struct Run {
    const struct Kind *kind;
    GV_Vfs *vfs;
    GV_Database *db;
    Model model;
    uint64_t seed, call;
    uint64_t searches, wanted, found; /* hits of walks: those of the array, and those that came */
    uint64_t unreachable;             /* rows, at all checks together */
    size_t trained_on;                /* rows, at the last training; 0: none */
} Run;

static uint64_t draw(Run *r, uint64_t what) { return gv_random(r->seed + r->call, what); }

static void open_database(Run *r)
{
    GV_OpenOptions options;
    GV_HNSWConfig hnsw;
    GV_IVFPQConfig ivfpq;
    gv_ivfpq_config_init(&ivfpq);
    ivfpq.nlist = 16;
    ivfpq.m = 4;
    ivfpq.nprobe = 8;
    ivfpq.drop_vectors = r->kind->drops;
    gv_open_options_init(&options);
    gv_hnsw_config_init(&hnsw);
    hnsw.use_binary_quant = r->kind->binary;
    hnsw.ef_construction = 60;
    options.dimension = MODEL_DIMENSION;
    options.index_type = (int32_t)r->kind->index;
    options.distance = (int32_t)r->kind->distance;
    options.storage = (int32_t)r->kind->storage;
    options.checkpoint_on_close = r->call % 3 != 0;
    if (r->kind->index == GV_INDEX_TYPE_HNSW) options.hnsw = &hnsw;
    if (r->kind->index == GV_INDEX_TYPE_IVFPQ) options.ivfpq = &ivfpq;
    CHECK_OK(gv_db_open_with_vfs("model.gv", &options, r->vfs, &r->db));
    CHECK_OK(gv_db_set_exact_search_threshold(r->db, 0)); /* the index answers wherever it can */
}

/* ---- writes ---- */

/* What the database keeps of it. */
static void round_vector(const Run *r, float *vector)
{
    float row[MODEL_DIMENSION];
    gv_store_row(r->kind->storage, vector, MODEL_DIMENSION, row);
    gv_widen_row(r->kind->storage, row, MODEL_DIMENSION, vector);
}

/* The same where only the database knows. */
static void ask_vector(const Run *r, Item *item)
{
    GV_Vector *kept;
    if (!r->kind->drops) return;
    CHECK_OK(gv_db_get(r->db, item->id, &kept));
    memcpy(item->vector, kept->data, sizeof item->vector);
    gv_vector_free(kept);
}

static Item new_item(Run *r, uint64_t i)
{
    Item item = {.doc = (unsigned)(draw(r, 3 * i + 100) % (3 * MODEL_MOST))};
    item.group = (unsigned)(draw(r, 3 * i + 101) % MODEL_GROUPS);
    item.price = (unsigned)(draw(r, 3 * i + 102) % 1000);
    model_vector(draw(r, 3 * i + 103), item.vector);
    return item;
}

static Item *find_doc(Run *r, unsigned doc)
{
    for (size_t i = 0; i < r->model.count; i++)
        if (r->model.items[i].doc == doc) return &r->model.items[i];
    return NULL;
}

/* Rows whose documents are new, by add; or of any documents, by upsert. */
static void write_rows(Run *r, size_t count, bool upserts)
{
    static Packed packed;
    static Item items[BATCH];
    float rows[BATCH * MODEL_DIMENSION];
    uint64_t ids[BATCH];
    size_t taken = 0;
    packed.size = 0;
    for (size_t i = 0; i < count && r->model.count + taken < MODEL_MOST; i++) {
        Item item = new_item(r, i);
        bool again = !upserts && find_doc(r, item.doc);
        for (size_t j = 0; j < taken; j++) again = again || items[j].doc == item.doc;
        if (again) continue;
        memcpy(rows + taken * MODEL_DIMENSION, item.vector, sizeof item.vector);
        model_pack(&item, &packed);
        items[taken++] = item;
    }
    GV_PackedMetadata metadata = packed_all(&packed);
    if (upserts) CHECK_OK(gv_db_upsert_many(r->db, rows, taken, MODEL_DIMENSION, &metadata, "doc", ids));
    else CHECK_OK(gv_db_add(r->db, rows, taken, MODEL_DIMENSION, &metadata, ids));
    for (size_t i = 0; i < taken; i++) {
        Item *old = upserts ? find_doc(r, items[i].doc) : NULL;
        round_vector(r, items[i].vector);
        items[i].id = old ? old->id : r->model.next_id++;
        CHECK(ids[i] == items[i].id, "row %zu got id %llu, not %llu", i, (unsigned long long)ids[i],
              (unsigned long long)items[i].id);
        ask_vector(r, &items[i]);
        *(old ? old : &r->model.items[r->model.count++]) = items[i];
    }
}

static Item *some_item(Run *r) { return &r->model.items[draw(r, 1) % r->model.count]; }

static void delete_some(Run *r, size_t count)
{
    uint64_t ids[BATCH + 1];
    if (count > r->model.count) count = r->model.count;
    size_t from = (size_t)(draw(r, 1) % (r->model.count - count + 1));
    for (size_t i = 0; i < count; i++) ids[i] = r->model.items[from + i].id;
    ids[count] = r->model.next_id;
    CHECK(gv_db_delete(r->db, ids, count + 1) == GV_ERR_NOT_FOUND, "a row that was never there was deleted");
    CHECK_OK(gv_db_delete(r->db, ids, count));
    for (size_t i = 0; i < count; i++) model_remove(&r->model, model_find(&r->model, ids[i]));
}

static void delete_matching(Run *r)
{
    GV_SearchOptions options;
    Filter filter = {.kind = 3, .a = (unsigned)(draw(r, 1) % MODEL_GROUPS), .b = 900};
    uint64_t deleted, count = 0;
    (void)snprintf(filter.text, sizeof filter.text, "group != 'g%u' AND price >= 900", filter.a);
    gv_search_options_init(&options);
    options.filter = filter.text;
    CHECK_OK(gv_db_delete_matching(r->db, &options, &deleted));
    for (size_t i = r->model.count; i-- > 0;) {
        if (!model_passes(&r->model.items[i], &filter)) continue;
        model_remove(&r->model, &r->model.items[i]);
        count++;
    }
    CHECK(deleted == count, "%llu deleted, not %llu", (unsigned long long)deleted, (unsigned long long)count);
}

static void change_row(Run *r, bool vector)
{
    static Packed packed;
    Item *item = some_item(r), fresh = new_item(r, 0);
    if (vector) {
        memcpy(item->vector, fresh.vector, sizeof item->vector);
        CHECK_OK(gv_db_update_vector(r->db, item->id, item->vector, MODEL_DIMENSION));
        round_vector(r, item->vector);
        ask_vector(r, item);
        return;
    }
    packed.size = 0;
    item->group = fresh.group;
    item->price = fresh.price;
    model_pack(item, &packed);
    GV_PackedMetadata metadata = packed_all(&packed);
    CHECK_OK(gv_db_update_metadata(r->db, item->id, &metadata));
}

/* ---- questions ---- */

static void expect_hits(const GV_Rows *rows, const Answer *answer, size_t from, size_t count)
{
    CHECK(rows->count == count, "%zu rows, not %zu", rows->count, count);
    for (size_t i = 0; i < count; i++)
        CHECK(rows->ids[i] == answer->hits[from + i].id && rows->distances[i] == answer->hits[from + i].distance,
              "hit %zu is row %llu at %.9g, not %llu at %.9g", i, (unsigned long long)rows->ids[i],
              (double)rows->distances[i], (unsigned long long)answer->hits[from + i].id,
              (double)answer->hits[from + i].distance);
}

/* What a walk found: as many rows as there are, each at its distance, in order, and all within the filter. */
static void count_hits(Run *r, const GV_Rows *rows, const Answer *answer, size_t from, size_t count)
{
    size_t at = 0;
    CHECK(rows->count == count, "%zu rows, not %zu", rows->count, count);
    for (size_t i = 0; i < count; i++) {
        while (at < answer->count && answer->hits[at].id != rows->ids[i]) at++;
        CHECK(at < answer->count && rows->distances[i] == answer->hits[at].distance,
              "hit %zu, row %llu, is out of place", i, (unsigned long long)rows->ids[i]);
        r->found += rows->distances[i] <= answer->hits[from + count - 1].distance;
    }
    r->wanted += count;
}

/* A query and a filter, drawn; the options say so. */
static void draw_question(Run *r, float *query, Filter *filter, GV_SearchOptions *options)
{
    *filter = model_filter(draw(r, 2));
    model_vector(draw(r, 8), query);
    gv_search_options_init(options);
    if (filter->kind) options->filter = filter->text;
}

static void search(Run *r)
{
    static Answer answer;
    GV_SearchOptions options;
    GV_Rows *rows;
    float query[MODEL_DIMENSION];
    Filter filter;
    size_t k = (size_t)(draw(r, 3) % 20 + 1), offset = draw(r, 4) % 8 == 0 ? (size_t)(draw(r, 5) % 9) : 0;
    bool other = draw(r, 6) % 16 == 0;
    GV_DistanceType distance = other ? (GV_DistanceType)(draw(r, 7) % 4) : r->kind->distance;
    draw_question(r, query, &filter, &options);
    options.distance = (int32_t)distance;
    options.offset = offset;
    model_ask(&r->model, distance, query, &filter, &answer);
    CHECK_OK(gv_db_search_rows(r->db, query, MODEL_DIMENSION, k, &options, &rows));
    size_t left = answer.count > offset ? answer.count - offset : 0, count = k < left ? k : left;
    bool exact = r->kind->recall == 1.0 || distance != r->kind->distance;
    if (exact) expect_hits(rows, &answer, offset, count);
    else if (count > 0) count_hits(r, rows, &answer, offset, count);
    else CHECK(rows->count == 0, "%zu rows, not 0", rows->count);
    gv_rows_free(rows);
    r->searches++;
}

static void search_range(Run *r)
{
    static Answer answer;
    GV_SearchOptions options;
    GV_Rows *rows;
    float query[MODEL_DIMENSION];
    Filter filter;
    size_t most = (size_t)(draw(r, 3) % 50 + 1), within = 0;
    draw_question(r, query, &filter, &options);
    model_ask(&r->model, r->kind->distance, query, &filter, &answer);
    double radius = answer.count ? (double)answer.hits[draw(r, 4) % answer.count].distance : 1.0;
    while (within < answer.count && (double)answer.hits[within].distance <= radius) within++;
    CHECK_OK(gv_db_range_search(r->db, query, MODEL_DIMENSION, radius, most, &options, &rows));
    CHECK(rows->total == within, "%llu within, not %zu", (unsigned long long)rows->total, within);
    expect_hits(rows, &answer, 0, within < most ? within : most);
    gv_rows_free(rows);
}

static void look_at_rows(Run *r)
{
    GV_Rows *rows;
    GV_SearchOptions options;
    Filter filter = model_filter(draw(r, 2));
    uint64_t from = draw(r, 3) % (r->model.next_id + 1), count = 0, matching;
    size_t limit = (size_t)(draw(r, 4) % 30 + 1), at = 0;
    gv_search_options_init(&options);
    if (filter.kind) options.filter = filter.text;
    CHECK_OK(gv_db_scroll(r->db, from, limit, &options, &rows));
    for (size_t i = 0; i < r->model.count; i++) {
        const Item *item = &r->model.items[i];
        if (!model_passes(item, &filter)) continue;
        count++;
        if (item->id < from || at == limit) continue;
        CHECK(at < rows->count && rows->ids[at] == item->id &&
                  memcmp(rows->vectors + at * MODEL_DIMENSION, item->vector, sizeof item->vector) == 0,
              "row %llu is not in its place of a page", (unsigned long long)item->id);
        at++;
    }
    CHECK(at == rows->count, "a page of %zu rows, not %zu", rows->count, at);
    gv_rows_free(rows);
    CHECK_OK(gv_db_count_matching(r->db, filter.kind ? filter.text : NULL, &matching));
    CHECK(matching == count && gv_db_count(r->db) == r->model.count, "%llu rows match, not %llu",
          (unsigned long long)matching, (unsigned long long)count);
    CHECK(gv_db_contains(r->db, from) == (model_find(&r->model, from) != NULL), "row %llu", (unsigned long long)from);
}

static void check_all(Run *r)
{
    GV_CheckReport report = {.struct_size = sizeof report};
    CHECK_OK(gv_db_check(r->db, &report));
    /* two nodes that only lead to each other are possible: docs/adr/0005 */
    CHECK(report.rows == r->model.count && report.reachable * 100 >= report.rows * 99,
          "%llu rows, %llu reachable, not %zu", (unsigned long long)report.rows, (unsigned long long)report.reachable,
          r->model.count);
    r->unreachable += report.rows - report.reachable;
}

/* ---- any of them ---- */

/* Lists and codes learned from nine rows say little of the six hundred that come later: whoever outgrows a training trains again, as
 * gv_db_ivfpq_train() says. */
static bool outgrown(const Run *r) { return r->trained_on > 0 && r->model.count > 2 * r->trained_on; }

/* Dropped vectors are learned from once; another database of what is kept learns again. */
static void start_over(Run *r)
{
    GV_OpenOptions options;
    gv_open_options_init(&options);
    CHECK(gv_db_ivfpq_train(r->db, NULL, 0, MODEL_DIMENSION) == GV_ERR_UNSUPPORTED, "what is dropped was learned from");
    CHECK_OK(gv_db_convert(r->db, &options));
    check_all(r);
    look_at_rows(r);
}

static void train(Run *r)
{
    if (r->kind->drops && r->trained_on > 0) start_over(r);
    CHECK_OK(gv_db_ivfpq_train(r->db, NULL, 0, MODEL_DIMENSION));
    r->trained_on = r->model.count;
    for (size_t i = 0; i < r->model.count; i++) ask_vector(r, &r->model.items[i]);
}

static void next_call(Run *r)
{
    uint64_t chance = draw(r, 0) % 1000;
    size_t many = (size_t)(draw(r, 9) % BATCH + 1);
    bool full = r->model.count > MODEL_MOST - BATCH, empty = r->model.count == 0;
    if (outgrown(r)) train(r);
    if (chance < 450) search(r);
    else if (chance < 500) search_range(r);
    else if (chance < 560) look_at_rows(r);
    else if (chance < 700 && !full) write_rows(r, 1, false);
    else if (chance < 720 && !full) write_rows(r, many, false);
    else if (chance < 800 && !full) write_rows(r, chance % 4 ? 1 : many, true);
    else if (empty || chance < 560) search(r);
    else if (chance < 880) delete_some(r, chance % 4 && !full ? 1 : many);
    else if (chance < 930) change_row(r, true);
    else if (chance < 970) change_row(r, false);
    else if (chance < 974) delete_matching(r);
    else if (chance < 980) check_all(r);
    else if (chance < 983) CHECK_OK(gv_db_compact(r->db));
    else if (chance < 985 && r->kind->index == GV_INDEX_TYPE_IVFPQ) train(r);
    else if (chance < 987) CHECK_OK(gv_db_save(r->db, NULL));
    else if (chance < 992) {
        CHECK_OK(gv_db_close(r->db));
        open_database(r);
    } else search(r);
}

static void run(const struct Kind *kind, uint64_t seed)
{
    static Run r;
    r = (Run){.kind = kind, .seed = seed, .vfs = gv_vfs_memory_new()};
    CHECK(r.vfs, "%s", gv_last_error());
    open_database(&r);
    for (r.call = 0; r.call < CALLS; r.call++) next_call(&r);
    check_all(&r);
    double recall = r.wanted ? (double)r.found / (double)r.wanted : 1.0;
    printf("%-24s %d calls, %llu searches, %zu rows at the end, recall of walks %.4f, %llu rows not reached\n",
           kind->name, CALLS, (unsigned long long)r.searches, r.model.count, recall, (unsigned long long)r.unreachable);
    CHECK(recall >= kind->recall, "recall %.4f, at least %.2f is wanted", recall, kind->recall);
    CHECK_OK(gv_db_close(r.db));
    gv_vfs_memory_free(r.vfs);
}

int main(int count, char **arguments)
{
    uint64_t seed = count > 1 ? strtoull(arguments[1], NULL, 10) : 1795722605;
    printf("seed %llu\n", (unsigned long long)seed);
    fflush(stdout);
    for (size_t i = 0; i < sizeof kinds / sizeof *kinds; i++) run(&kinds[i], gv_mix64(seed + i));
    return 0;
}
