/* kmeans.c: see kmeans.h. */
#include "index/kmeans.h"
#include "base/checked.h"
#include "base/random.h"
#include "index/nearest.h"
#include <math.h>
#include <string.h>

enum {
    START_ROWS = 16,   /* that the start looks at, for each centroid */
    START_CHUNK = 256, /* rows */
    SPLITS_MOST = 64,  /* a round */
    SHORT_CENTROIDS = 16,
    OF_THREAD = GV_ASSIGN_ROWS * GV_ASSIGN_CENTROIDS /* floats of room */
};
_Static_assert((int)OF_THREAD >= (int)GV_NEAREST_DIMENSION, "a thread codes a row there");

typedef struct Run {
    const GV_KMeans *job;
    const float *rows; /* those of the job; short ones copied, to lie together */
    size_t stride;
    float *columns; /* [dimension, k], for short rows */
    float *centroids;
    const float **pointers; /* [k]: to them */
    float *norms;           /* [k] */
    uint32_t *labels;       /* [count] */
    float *row_norms;       /* [count]: squared */
    float *far;      /* [count]: squared distance of a row from its centroid; in the start, from the nearest so far */
    uint32_t *order; /* [count]: rows by label, then by number */
    size_t *ends;    /* [k + 1]: where the rows of a label end in it */
    float *sums;     /* [threads, GV_ASSIGN_ROWS * GV_ASSIGN_CENTROIDS] */
    _Atomic size_t changes;
    size_t start_count; /* rows that the start looks at */
    uint32_t started;   /* centroids that it has found */
    /* where codes pay: */
    GV_CentroidCodes codes;
    void *codes_room;
    GV_RowCode *row_codes; /* [count] */
    int8_t *row_bytes;     /* [count, gv_row_code_room()] */
} Run;

static const float *row_at(const Run *r, size_t i) { return r->rows + i * r->stride; }

static float *centroid_at(const Run *r, size_t c) { return r->centroids + c * r->job->dimension; }

/* ---- assigning ---- */

/* The first centroid of those that are nearest: each lane finds its own, which compilers do in registers. */
static uint32_t nearest(const float *sums, const float *norms, size_t count, float *nearness)
{
    enum {
        LANES = 16
    };
    float least[LANES], best = INFINITY;
    uint32_t at[LANES], label = 0, c = 0;
    for (size_t i = 0; i < LANES; i++) {
        least[i] = INFINITY;
        at[i] = 0;
    }
    for (; c + LANES <= count; c += LANES) {
        for (size_t i = 0; i < LANES; i++) {
            float near = norms[c + i] - 2.0f * sums[c + i];
            at[i] = near < least[i] ? c : at[i];
            least[i] = near < least[i] ? near : least[i];
        }
    }
    for (uint32_t i = 0; i < LANES; i++) {
        if (least[i] > best || (least[i] == best && at[i] + i >= label)) continue;
        best = least[i];
        label = at[i] + i;
    }
    for (; c < count; c++) {
        float near = norms[c] - 2.0f * sums[c];
        if (!(near < best)) continue;
        best = near;
        label = c;
    }
    *nearness = best;
    return label;
}

void gv_assign(const GV_Kernels *kernels, const float *const *rows, size_t count, const float *const *centroids,
               const float *norms, size_t k, size_t dimension, float *sums, uint32_t *labels, float *nearness)
{
    for (size_t i = 0; i < count; i++) {
        labels[i] = 0;
        nearness[i] = INFINITY;
    }
    for (size_t from = 0; from < k; from += GV_ASSIGN_CENTROIDS) {
        size_t some = k - from < GV_ASSIGN_CENTROIDS ? k - from : GV_ASSIGN_CENTROIDS;
        kernels->dot_many(rows, count, centroids + from, some, dimension, sums);
        for (size_t i = 0; i < count; i++) {
            float near;
            uint32_t label = (uint32_t)from + nearest(sums + i * some, norms + from, some, &near);
            if (!(near < nearness[i])) continue;
            nearness[i] = near;
            labels[i] = label;
        }
    }
}

static void assign_rows(void *context, size_t worker, size_t begin, size_t end)
{
    Run *r = context;
    const GV_KMeans *job = r->job;
    const float *rows[GV_ASSIGN_ROWS] = {0};
    uint32_t labels[GV_ASSIGN_ROWS];
    float nearness[GV_ASSIGN_ROWS];
    size_t count = end - begin, changes = 0;
    for (size_t i = 0; i < count; i++) rows[i] = row_at(r, begin + i);
    gv_assign(job->kernels, rows, count, r->pointers, r->norms, job->k, job->dimension, r->sums + worker * OF_THREAD,
              labels, nearness);
    for (size_t i = 0; i < count; i++) {
        changes += labels[i] != r->labels[begin + i];
        r->labels[begin + i] = labels[i];
        r->far[begin + i] = nearness[i] + r->row_norms[begin + i];
    }
    r->changes += changes;
}

static bool has_codes(const GV_KMeans *job) { return !job->is_short && gv_centroid_codes_pay(job->k, job->dimension); }

static int8_t *bytes_at(const Run *r, size_t row) { return r->row_bytes + row * gv_row_code_room(r->job->dimension); }

/* What is known of rows before the first round, and stays. */
static void know_rows(void *context, size_t worker, size_t begin, size_t end)
{
    Run *r = context;
    const GV_KMeans *job = r->job;
    float *work = r->sums + worker * OF_THREAD;
    for (size_t i = begin; i < end; i++) {
        const float *row = row_at(r, i);
        r->row_norms[i] = job->kernels->dot(row, row, job->dimension);
        if (!has_codes(job)) continue;
        gv_row_code(job->kernels, row, r->row_norms[i], job->dimension, work, bytes_at(r, i), &r->row_codes[i]);
    }
}

static void assign_coded(void *context, size_t worker, size_t begin, size_t end)
{
    Run *r = context;
    size_t changes = 0;
    (void)worker;
    for (size_t row = begin; row < end; row++) {
        const GV_RowCode *code = &r->row_codes[row];
        float nearness;
        uint32_t label = gv_nearest_centroid(&r->codes, row_at(r, row), code, bytes_at(r, row), r->labels[row],
                                             &nearness);
        changes += label != r->labels[row];
        r->labels[row] = label;
        r->far[row] = nearness + r->row_norms[row];
    }
    r->changes += changes;
}

/* Rows of few components: centroids as columns, sixteen at a time, which the compiler keeps in registers. */
static void assign_short(void *context, size_t worker, size_t begin, size_t end)
{
    Run *r = context;
    size_t n = r->job->dimension, k = r->job->k, changes = 0;
    (void)worker;
    for (size_t row = begin; row < end; row++) {
        const float *x = row_at(r, row);
        float nearness = INFINITY;
        uint32_t label = 0;
        for (size_t from = 0; from < k; from += SHORT_CENTROIDS) {
            float near[SHORT_CENTROIDS];
            memcpy(near, r->norms + from, sizeof near);
            for (size_t i = 0; i < n; i++) {
                float twice = 2.0f * x[i];
                for (size_t c = 0; c < SHORT_CENTROIDS; c++) near[c] -= twice * r->columns[i * k + from + c];
            }
            uint32_t least = gv_first_least(near);
            if (!(near[least] < nearness)) continue;
            nearness = near[least];
            label = (uint32_t)from + least;
        }
        changes += label != r->labels[row];
        r->labels[row] = label;
        r->far[row] = nearness + r->row_norms[row];
    }
    r->changes += changes;
}

static void assign_all(Run *r)
{
    const GV_KMeans *job = r->job;
    for (size_t c = 0; job->is_short && c < job->k; c++)
        for (size_t i = 0; i < job->dimension; i++) r->columns[i * job->k + c] = centroid_at(r, c)[i];
    r->changes = 0;
    GV_Work assign = job->is_short ? assign_short : assign_rows;
    if (has_codes(job)) {
        gv_centroid_codes_make(&r->codes, job->kernels, r->pointers, r->norms, job->k, job->dimension, r->codes_room);
        assign = assign_coded;
    }
    gv_parallel(job->pool, job->threads, job->count, GV_ASSIGN_ROWS, assign, r);
}

/* ---- moving ---- */

static void sort_by_label(Run *r)
{
    const GV_KMeans *job = r->job;
    memset(r->ends, 0, (job->k + 1) * sizeof *r->ends);
    for (size_t i = 0; i < job->count; i++) r->ends[r->labels[i] + 1]++;
    for (uint32_t c = 0; c < job->k; c++) r->ends[c + 1] += r->ends[c];
    for (size_t i = 0; i < job->count; i++) r->order[r->ends[r->labels[i]]++] = (uint32_t)i;
}

/* A centroid without rows takes the one that is farthest from its own: the first of several. */
static void split(Run *r)
{
    const GV_KMeans *job = r->job;
    unsigned splits = 0;
    for (uint32_t c = 0; c < job->k && splits < SPLITS_MOST; c++) {
        if (r->ends[c] > (c > 0 ? r->ends[c - 1] : 0)) continue;
        size_t farthest = 0;
        for (size_t i = 1; i < job->count; i++)
            if (r->far[i] > r->far[farthest]) farthest = i;
        if (!(r->far[farthest] > 0.0f)) return;
        r->labels[farthest] = c;
        r->far[farthest] = 0.0f;
        splits++;
    }
    if (splits > 0) sort_by_label(r);
}

static void move_centroids(void *context, size_t worker, size_t begin, size_t end)
{
    Run *r = context;
    size_t n = r->job->dimension;
    (void)worker;
    for (size_t c = begin; c < end; c++) {
        size_t from = c > 0 ? r->ends[c - 1] : 0, count = r->ends[c] - from;
        float *centroid = centroid_at(r, c);
        if (count == 0) continue;
        memset(centroid, 0, n * sizeof *centroid);
        for (size_t i = 0; i < count; i++) {
            const float *row = row_at(r, r->order[from + i]);
            for (size_t j = 0; j < n; j++) centroid[j] += row[j];
        }
        float share = 1.0f / (float)count;
        for (size_t j = 0; j < n; j++) centroid[j] *= share;
        r->norms[c] = r->job->kernels->dot(centroid, centroid, n);
    }
}

static void improve(Run *r)
{
    const GV_KMeans *job = r->job;
    for (uint32_t round = 0; round < job->rounds; round++) {
        assign_all(r);
        if (r->changes == 0 && round > 0) return;
        sort_by_label(r);
        split(r);
        gv_parallel(job->pool, job->threads, job->k, 1, move_centroids, r);
    }
}

/* ---- the start ---- */

static size_t start_row(const Run *r, size_t i) { return (size_t)((uint64_t)i * r->job->count / r->start_count); }

static void measure_start(void *context, size_t worker, size_t begin, size_t end)
{
    Run *r = context;
    const GV_KMeans *job = r->job;
    (void)worker;
    for (size_t i = begin; i < end; i++) {
        float far = job->kernels->l2sq(row_at(r, start_row(r, i)), centroid_at(r, r->started - 1), job->dimension);
        if (far < r->far[i]) r->far[i] = far;
    }
}

/* A row drawn with a chance that grows with its squared distance from all chosen so far; false if all are there. */
static bool draw(const Run *r, size_t *drawn)
{
    double total = 0.0, sum = 0.0;
    size_t last = r->start_count;
    for (size_t i = 0; i < r->start_count; i++) total += (double)r->far[i];
    double target = (double)(gv_random(r->job->seed, r->started) >> 11) * 0x1p-53 * total;
    for (size_t i = 0; i < r->start_count; i++) {
        if (!(r->far[i] > 0.0f)) continue;
        last = i;
        sum += (double)r->far[i];
        if (sum > target) break;
    }
    *drawn = last;
    return last < r->start_count;
}

static void choose(Run *r, size_t i)
{
    const GV_KMeans *job = r->job;
    memcpy(centroid_at(r, r->started++), row_at(r, start_row(r, i)), job->dimension * sizeof(float));
    gv_parallel(job->pool, job->threads, r->start_count, START_CHUNK, measure_start, r);
}

static void start(Run *r)
{
    const GV_KMeans *job = r->job;
    size_t most = (size_t)job->k * START_ROWS, next;
    r->start_count = job->count < most ? job->count : most;
    for (size_t i = 0; i < r->start_count; i++) r->far[i] = INFINITY;
    if (r->start_count == 0) return; /* there are rows and centroids */
    choose(r, (size_t)(gv_random(job->seed, 0) % r->start_count));
    while (r->started < job->k && draw(r, &next)) choose(r, next);
    for (uint32_t c = r->started; c < job->k; c++)
        memcpy(centroid_at(r, c), centroid_at(r, 0), job->dimension * sizeof(float));
    for (uint32_t c = 0; c < job->k; c++) {
        r->pointers[c] = centroid_at(r, c);
        r->norms[c] = job->kernels->dot(r->pointers[c], r->pointers[c], job->dimension);
    }
}

/* ---- both ---- */

/* Bytes a centroid, a row, and a thread. */
enum {
    OF_CENTROID = sizeof(float *) + sizeof(size_t) + sizeof(float),
    OF_ROW = 2 * sizeof(float) + 2 * sizeof(uint32_t)
};

/* Bytes of what codes take, behind all else, at a whole cache line. */
static bool code_room(const GV_KMeans *job, size_t *of_centroids, size_t *bytes)
{
    size_t rows;
    *of_centroids = *bytes = 0;
    if (!has_codes(job)) return true;
    return gv_centroid_codes_room(job->k, job->dimension, of_centroids) &&
           gv_mul_size(job->count, gv_row_code_room(job->dimension) + sizeof(GV_RowCode), &rows) &&
           gv_add_size(rows, *of_centroids + 2 * GV_CACHE_LINE, bytes);
}

bool gv_kmeans_room(const GV_KMeans *job, size_t *bytes)
{
    size_t rows, centroids, sums, columns = 0, of_centroids, codes, k = job->k;
    if (!gv_mul_size(job->count, OF_ROW, &rows) || !gv_mul_size(k, OF_CENTROID, &centroids) ||
        !gv_mul_size(job->threads, OF_THREAD * sizeof(float), &sums) ||
        (job->is_short && !gv_mul_size((k + job->count) * sizeof(float), job->dimension, &columns)) ||
        !gv_add_size(sums, columns, &sums) || !gv_add_size(rows, centroids, bytes) ||
        !gv_add_size(*bytes, sums + 2 * sizeof(size_t), bytes) || !code_room(job, &of_centroids, &codes) ||
        !gv_add_size(*bytes, codes, bytes))
        return false;
    *bytes = (size_t)gv_round_up(*bytes, 8);
    return true;
}

static void place_codes(Run *r)
{
    const GV_KMeans *job = r->job;
    size_t of_centroids, all;
    uintptr_t end = (uintptr_t)(r->order + job->count); /* rows that have codes have no columns */
    code_room(job, &of_centroids, &all);                /* gv_kmeans_room() has */
    char *at = (char *)(r->order + job->count) + (gv_round_up(end, GV_CACHE_LINE) - end);
    r->codes_room = at;
    r->row_bytes = (int8_t *)at + gv_round_up(of_centroids, GV_CACHE_LINE);
    r->row_codes = (GV_RowCode *)(void *)(r->row_bytes + job->count * gv_row_code_room(job->dimension));
}

/* Each short row lies in a cache line of its own, which every round would fetch. */
static void gather(Run *r)
{
    const GV_KMeans *job = r->job;
    float *together = r->columns + (size_t)job->k * job->dimension;
    for (size_t i = 0; i < job->count; i++)
        memcpy(together + i * job->dimension, row_at(r, i), job->dimension * sizeof *together);
    r->rows = together;
    r->stride = job->dimension;
}

void gv_kmeans(const GV_KMeans *job, float *centroids)
{
    Run r = {.job = job, .rows = job->rows, .stride = job->stride, .centroids = centroids};
    r.pointers = job->room;
    r.ends = (size_t *)(void *)(r.pointers + job->k);
    r.sums = (float *)(r.ends + job->k + 1);
    r.norms = r.sums + (size_t)job->threads * OF_THREAD;
    r.far = r.norms + job->k;
    r.row_norms = r.far + job->count;
    r.labels = (uint32_t *)(void *)(r.row_norms + job->count);
    r.order = r.labels + job->count;
    r.columns = (float *)(void *)(r.order + job->count);
    memset(r.labels, 0, job->count * sizeof *r.labels);
    if (has_codes(job)) place_codes(&r);
    if (job->is_short) gather(&r);
    gv_parallel(job->pool, job->threads, job->count, GV_ASSIGN_ROWS, know_rows, &r);
    start(&r);
    improve(&r);
}
