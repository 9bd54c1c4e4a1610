/* ivfpq_train.c: a model from rows, and all rows of the table in its lists, beside what searches use meanwhile. */
#include "base/checked.h"
#include "index/ivfpq.h"
#include "index/kmeans.h"
#include <string.h>

enum {
    ROWS_A_LIST = 128, /* that training looks at unless told, ... */
    ROWS_LEAST = 16384,
    ROWS_A_WORD = 256 /* ... and for the books */
};

typedef struct Training {
    GV_IVFPQ *ivf;
    GV_IvfModel *model;
    const float *given;        /* [.., dimension]; NULL: rows of the table */
    const uint32_t *slots;     /* of the live rows, where none are given */
    size_t given_count, count; /* all; of those looked at */
    float *norms;              /* [count]: squared */
    float *views;              /* [count, view_room] */
    float *words;              /* [threads, words * part] */
    uint8_t *room;             /* of k-means: for the lists, or one a thread for the books */
    size_t book_room;          /* bytes of one */
} Training;

/* ---- what is looked at ---- */

static size_t sample_size(const GV_IVFPQ *ivf, size_t given)
{
    size_t most = ivf->config.train_rows, plenty = (size_t)ivf->nlist * ROWS_A_LIST;
    if (most == 0) most = plenty > ROWS_LEAST ? plenty : ROWS_LEAST;
    return given < most ? given : most;
}

/* `room` is float[dimension]. */
static const float *sample_row(const Training *t, size_t i, float *room)
{
    size_t at = (size_t)((uint64_t)i * t->given_count / t->count);
    if (t->given) return t->given + at * t->ivf->head.metric.dimension;
    return gv_table_floats(t->ivf->head.table, t->slots[at], room);
}

/* The mean of the rows as views see them, before rotation. */
static void find_mean(Training *t)
{
    const GV_Metric *metric = &t->ivf->head.metric;
    float *mean = t->model->mean;
    if (metric->distance == GV_DISTANCE_DOT_PRODUCT) return;
    for (size_t i = 0; i < t->count; i++) {
        const float *row = sample_row(t, i, t->views); /* which are to come */
        float scale = 1.0f;
        if (metric->distance == GV_DISTANCE_COSINE)
            scale = t->norms[i] > 0.0f ? (float)(1.0 / sqrt((double)t->norms[i])) : 0.0f;
        for (size_t j = 0; j < metric->dimension; j++) mean[j] += row[j] * scale;
    }
    for (size_t j = 0; j < metric->dimension; j++) mean[j] *= 1.0f / (float)t->count;
}

static void make_views(void *context, size_t worker, size_t begin, size_t end)
{
    Training *t = context;
    (void)worker;
    for (size_t i = begin; i < end; i++) {
        float *view = t->views + i * t->ivf->view_room;
        gv_ivf_view(t->ivf, t->model->mean, sample_row(t, i, view), t->norms[i], view);
    }
}

/* ---- centroids and books ---- */

static GV_KMeans job_of(const Training *t)
{
    const GV_Index *head = &t->ivf->head;
    return (GV_KMeans){.kernels = head->metric.kernels,
                       .room = t->room,
                       .pool = head->pool,
                       .threads = (uint32_t)t->ivf->room_threads,
                       .rows = t->views,
                       .count = t->count,
                       .stride = t->ivf->view_room,
                       .dimension = t->ivf->width,
                       .k = t->ivf->nlist,
                       .rounds = t->ivf->config.train_iters,
                       .seed = t->ivf->seed};
}

/* Views become residuals: those the books are made from, moved to the front. */
static void subtract_centroids(void *context, size_t worker, size_t begin, size_t end)
{
    Training *t = context;
    const GV_IVFPQ *ivf = t->ivf;
    const float *rows[GV_ENCODE_ROWS] = {0};
    uint32_t labels[GV_ENCODE_ROWS];
    for (size_t i = begin; i < end; i++) rows[i - begin] = t->views + i * ivf->view_room;
    gv_ivf_name_lists(ivf, t->model, rows, end - begin, ivf->room + worker * gv_encode_room(ivf), labels);
    for (size_t i = begin; i < end; i++) {
        float *view = t->views + i * ivf->view_room;
        const float *centroid = t->model->centroids + labels[i - begin] * ivf->width;
        for (size_t j = 0; j < ivf->width; j++) view[j] -= centroid[j];
    }
}

static size_t book_rows(const GV_IVFPQ *ivf, size_t count)
{
    size_t most = (size_t)ROWS_A_WORD * ivf->words;
    return count < most ? count : most;
}

static size_t choose_residuals(Training *t)
{
    size_t most = book_rows(t->ivf, t->count), room = t->ivf->view_room;
    for (size_t i = 1; i < most; i++)
        memcpy(t->views + i * room, t->views + (size_t)((uint64_t)i * t->count / most) * room, room * sizeof(float));
    return most;
}

/* Of book `j`; its room is the thread's. */
static GV_KMeans book_job(const Training *t, size_t j)
{
    GV_KMeans job = job_of(t);
    job.pool = NULL;
    job.threads = 1;
    job.rows = t->views + j * t->ivf->part;
    job.count = book_rows(t->ivf, t->count);
    job.dimension = t->ivf->part;
    job.k = t->ivf->words;
    job.seed += j + 1;
    job.is_short = true;
    return job;
}

static void make_books(void *context, size_t worker, size_t begin, size_t end)
{
    Training *t = context;
    const GV_IVFPQ *ivf = t->ivf;
    size_t size = (size_t)ivf->words * ivf->part;
    float *words = t->words + worker * size;
    for (size_t j = begin; j < end; j++) {
        GV_KMeans job = book_job(t, j);
        job.room = t->room + worker * t->book_room;
        gv_kmeans(&job, words);
        float *book = t->model->books + j * size;
        for (size_t w = 0; w < ivf->words; w++)
            for (size_t i = 0; i < ivf->part; i++) book[i * ivf->words + w] = words[w * ivf->part + i];
    }
}

static GV_Status find_model(Training *t)
{
    GV_IVFPQ *ivf = t->ivf;
    find_mean(t);
    gv_parallel(ivf->head.pool, ivf->head.threads, t->count, GV_ENCODE_ROWS, make_views, t);
    GV_KMeans job = job_of(t);
    gv_kmeans(&job, t->model->centroids);
    GV_TRY(gv_ivf_model_finish(ivf, t->model));
    t->count = choose_residuals(t);
    gv_parallel(ivf->head.pool, ivf->room_threads, t->count, GV_ENCODE_ROWS, subtract_centroids, t);
    gv_parallel(ivf->head.pool, ivf->room_threads, ivf->m, 1, make_books, t);
    return gv_ivf_model_finish(ivf, t->model);
}

/* ---- the lists of a new model ---- */

typedef struct Filing { /* of all live rows */
    GV_IVFPQ *ivf;
    const GV_IvfModel *model;
    const uint32_t *slots; /* [count] */
    size_t count;
    GV_Coded *coded; /* [count] */
    uint8_t *codes;  /* [count, code_bytes] */
    size_t *ends;    /* [nlist + 1] */
    uint32_t *order; /* [count]: by list, then by slot */
} Filing;

static void encode_rows(void *context, size_t worker, size_t begin, size_t end)
{
    Filing *f = context;
    for (size_t i = begin; i < end; i++) f->coded[i].code = f->codes + i * f->ivf->code_bytes;
    gv_ivf_encode(f->ivf, f->model, f->slots + begin, end - begin, f->ivf->room + worker * gv_encode_room(f->ivf),
                  f->coded + begin);
}

/* List by list: the blocks of each lie together. */
static void file_rows(Filing *f, GV_IvfLists *lists)
{
    GV_IVFPQ *ivf = f->ivf;
    gv_parallel(ivf->head.pool, ivf->room_threads, f->count, GV_ENCODE_ROWS, encode_rows, f);
    for (size_t i = 0; i < f->count; i++) f->ends[f->coded[i].list + 1]++;
    for (size_t i = 0; i < ivf->nlist; i++) f->ends[i + 1] += f->ends[i];
    for (size_t i = 0; i < f->count; i++) f->order[f->ends[f->coded[i].list]++] = (uint32_t)i;
    for (size_t i = 0; i < f->count; i++) {
        uint32_t at = f->order[i];
        gv_ivf_append(ivf, lists, f->slots[at], &f->coded[at]);
    }
}

static GV_Status new_lists(GV_IVFPQ *ivf, const GV_IvfModel *model, const uint32_t *slots, size_t count,
                           GV_IvfLists **out)
{
    GV_Heap *heap = ivf->head.scratch_heap;
    Filing f = {.ivf = ivf, .model = model, .slots = slots, .count = count};
    GV_TRY(gv_ivf_lists_new(ivf, out));
    GV_Status status = gv_ivf_lists_reserve(ivf, *out, ivf->head.table->slot_count, count);
    f.coded = gv_alloc_array(heap, count, sizeof *f.coded);
    f.codes = gv_alloc_array(heap, count, ivf->code_bytes);
    f.order = gv_alloc_array(heap, count, sizeof *f.order);
    f.ends = gv_alloc_array(heap, (size_t)ivf->nlist + 1, sizeof *f.ends);
    if (status == GV_OK && (!f.coded || !f.codes || !f.order || !f.ends)) status = gv_last_status();
    if (status == GV_OK) file_rows(&f, *out);
    gv_release(heap, f.coded, count * sizeof *f.coded);
    gv_release(heap, f.codes, count * ivf->code_bytes);
    gv_release(heap, f.order, count * sizeof *f.order);
    gv_release(heap, f.ends, ((size_t)ivf->nlist + 1) * sizeof *f.ends);
    return status;
}

/* ---- the training operations ---- */

static void discard(GV_Index *index)
{
    GV_IVFPQ *ivf = (GV_IVFPQ *)index;
    gv_ivf_model_free(ivf, ivf->next_model);
    gv_ivf_lists_free(ivf, ivf->next_lists);
    ivf->next_model = NULL;
    ivf->next_lists = NULL;
}

static GV_Status live_slots(const GV_IVFPQ *ivf, uint32_t **out, size_t *count)
{
    const GV_Table *table = ivf->head.table;
    size_t at = 0;
    *count = (size_t)table->live_count;
    *out = gv_alloc_array(ivf->head.scratch_heap, *count, sizeof **out);
    if (!*out) return gv_last_status();
    for (size_t slot = gv_bitset_next_set(&table->live, 0, table->slot_count); slot < table->slot_count;
         slot = gv_bitset_next_set(&table->live, slot + 1, table->slot_count))
        (*out)[at++] = (uint32_t)slot;
    return GV_OK;
}

static GV_Status reserve_room(GV_IVFPQ *ivf)
{
    size_t threads = ivf->head.threads > GV_THREADS_MAX ? GV_THREADS_MAX : ivf->head.threads;
    size_t floats = gv_encode_room(ivf);
    if (threads == 0) threads = 1;
    gv_release(ivf->head.heap, ivf->room, ivf->room_threads * floats * sizeof *ivf->room);
    ivf->room_threads = 0;
    ivf->room = gv_alloc_array(ivf->head.heap, threads * floats, sizeof *ivf->room);
    if (!ivf->room) return gv_last_status();
    ivf->room_threads = threads;
    return GV_OK;
}

static GV_Status train(Training *t)
{
    GV_IVFPQ *ivf = t->ivf;
    GV_Heap *heap = ivf->head.scratch_heap;
    size_t count = sample_size(ivf, t->given_count), books = ivf->room_threads * ivf->words * ivf->part, room, of_books;
    GV_Status status = GV_OK;
    t->count = count;
    GV_KMeans lists_job = job_of(t), books_job = book_job(t, 0);
    if (!gv_kmeans_room(&lists_job, &room) || !gv_kmeans_room(&books_job, &t->book_room) ||
        !gv_mul_size(t->book_room, ivf->room_threads, &of_books))
        return gv_fail(GV_ERR_NO_MEMORY, "train_ivfpq: %zu rows are too many for this machine", count);
    if (room < of_books) room = of_books;
    t->norms = gv_alloc_array(heap, count, sizeof *t->norms);
    t->views = gv_alloc_array(heap, count, ivf->view_room * sizeof *t->views);
    t->words = gv_alloc_array(heap, books, sizeof *t->words);
    t->room = gv_alloc(heap, room);
    if (!t->norms || !t->views || !t->words || !t->room) status = gv_last_status();
    for (size_t i = 0; i < count && status == GV_OK; i++) {
        const float *row = sample_row(t, i, t->views);
        t->norms[i] = ivf->head.metric.kernels->dot(row, row, ivf->head.metric.dimension);
    }
    if (status == GV_OK) status = find_model(t);
    gv_release(heap, t->norms, count * sizeof *t->norms);
    gv_release(heap, t->views, count * ivf->view_room * sizeof *t->views);
    gv_release(heap, t->words, books * sizeof *t->words);
    gv_release(heap, t->room, room);
    return status;
}

static GV_Status check_trainable(const GV_IVFPQ *ivf)
{
    if (ivf->head.metric.distance == GV_DISTANCE_MANHATTAN)
        return gv_fail(GV_ERR_UNSUPPORTED,
                       "train_ivfpq: there are no codes for MANHATTAN; its searches are exact scans");
    if (!gv_table_is_coded(ivf->head.table)) return GV_OK;
    return gv_fail(
        GV_ERR_UNSUPPORTED,
        "train_ivfpq: the vectors of these %llu rows are dropped for codes; convert() makes a database to be "
        "trained of what is kept",
        (unsigned long long)ivf->head.table->live_count);
}

/* `values` NULL: found by training. */
static GV_Status prepare(GV_IVFPQ *ivf, const float *rows, size_t count, const void *values)
{
    uint32_t *slots;
    size_t live;
    GV_TRY(check_trainable(ivf));
    GV_TRY(gv_table_verify(ivf->head.table));
    GV_TRY(reserve_room(ivf));
    GV_TRY(live_slots(ivf, &slots, &live));
    GV_Status status = gv_ivf_model_new(ivf, &ivf->next_model);
    if (status == GV_OK && values) {
        memcpy(ivf->next_model->values, values, ivf->next_model->value_count * sizeof(float));
        status = gv_ivf_model_finish(ivf, ivf->next_model);
    } else if (status == GV_OK) {
        Training t = {.ivf = ivf, .model = ivf->next_model, .given = rows, .slots = slots};
        t.given_count = rows ? count : live;
        status = t.given_count > 0 ? train(&t)
                                   : gv_fail(GV_ERR_ARGUMENT, "train_ivfpq: there are no rows to learn from");
    }
    bool files = values || !ivf->config.drop_vectors; /* else the rows go into lists of another index */
    if (status == GV_OK && files) status = new_lists(ivf, ivf->next_model, slots, live, &ivf->next_lists);
    gv_release(ivf->head.scratch_heap, slots, live * sizeof *slots);
    if (status != GV_OK) discard(&ivf->head);
    return status;
}

static GV_Status learn(GV_Index *index, const float *rows, size_t count)
{
    return prepare((GV_IVFPQ *)index, rows, count, NULL);
}

static GV_Status restore(GV_Index *index, const void *values, size_t bytes)
{
    GV_IVFPQ *ivf = (GV_IVFPQ *)index;
    size_t count;
    if (!gv_ivf_model_size(ivf, &count) || count * sizeof(float) != bytes)
        return gv_fail(GV_ERR_CORRUPT, "a training of %zu bytes is not of this index", bytes);
    return prepare(ivf, NULL, 0, values);
}

static const void *values_of(const GV_Index *index, size_t *bytes)
{
    const GV_IVFPQ *ivf = (const GV_IVFPQ *)index;
    const GV_IvfModel *model = ivf->next_model ? ivf->next_model : ivf->model;
    *bytes = model->value_count * sizeof(float);
    return model->values;
}

static void adopt(GV_Index *index, GV_RwLock *lock)
{
    GV_IVFPQ *ivf = (GV_IVFPQ *)index;
    GV_IvfModel *model = ivf->model;
    GV_IvfLists *lists = ivf->lists;
    if (lock) gv_write_lock(lock);
    ivf->model = ivf->next_model;
    ivf->lists = ivf->next_lists;
    if (ivf->config.drop_vectors) gv_table_use_codes(index->table, &ivf->coded);
    if (lock) gv_write_unlock(lock);
    ivf->next_model = model;
    ivf->next_lists = lists;
    discard(index);
    index->ops->settle(index);
}

static bool is_trained(const GV_Index *index) { return ((const GV_IVFPQ *)index)->model != NULL; }

const GV_TrainingOps gv_ivf_training = {learn, restore, values_of, adopt, discard, is_trained};
