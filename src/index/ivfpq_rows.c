/* ivfpq_rows.c: rows that are what their codes stand for, once the vectors are dropped. A row's floats are centroid + decoded residual, turned
 * back if views are turned, + mean: each step elementwise, so they are the same bits everywhere. A coded row is u32 list, f32 term, and
 * the code as a patch has it. */
#include "base/bytes.h"
#include "index/ivfpq.h"

enum {
    HEAD_BYTES = 8
};

/* ---- floats ---- */

static void hadamard(float *x, size_t p, float scale)
{
    for (size_t i = 0; i < p; i++) x[i] *= scale;
    for (size_t h = 1; h < p; h *= 2)
        for (size_t start = 0; start < p; start += 2 * h)
            for (size_t i = start; i < start + h; i++) {
                float a = x[i], b = x[i + h];
                x[i] = a + b;
                x[i + h] = a - b;
            }
}

/* The rotation of codes.h undone: each of its steps but the first of a round is its own inverse. */
static void turn_back(float *x, size_t n, const uint32_t *signs)
{
    size_t p = gv_hadamard_size(n), half = n / 2;
    float scale = gv_hadamard_scale(p);
    for (unsigned round = gv_rotation_rounds(n); round-- > 0;) {
        const uint32_t *of_round = signs + round * n;
        for (size_t i = 0; p < n && i < half; i++) {
            float a = x[i], b = x[i + half];
            x[i] = (a + b) * GV_SQRT_HALF;
            x[i + half] = (a - b) * GV_SQRT_HALF;
        }
        hadamard(round % 2 == 0 ? x : x + (n - p), p, scale);
        for (size_t i = 0; i < n; i++) x[i] = of_round[i] != 0 ? -x[i] : x[i];
    }
}

static void widen(const void *owner, const uint8_t *row, float *x)
{
    const GV_IVFPQ *ivf = owner;
    const GV_IvfModel *model = ivf->model;
    const uint8_t *code = row + HEAD_BYTES;
    const float *book = model->books;
    memcpy(x, model->centroids + gv_get_u32(row) * ivf->width, ivf->width * sizeof *x);
    for (size_t j = 0; j < ivf->m; j++, book += (size_t)ivf->part * ivf->words) {
        uint32_t word = ivf->nibbles > 0 ? code[j / 2] >> (j % 2 * 4) & 15u : code[j] & (ivf->words - 1);
        for (size_t i = 0; i < ivf->part; i++) x[j * ivf->part + i] += book[i * ivf->words + word];
    }
    if (ivf->turned > 0) turn_back(x, ivf->turned, ivf->signs);
    for (size_t i = 0; i < ivf->head.metric.dimension; i++) x[i] += model->mean[i];
}

/* ---- codes ---- */

typedef struct Encoding {
    const GV_IVFPQ *ivf;
    const float *vectors;
    uint8_t *rows;
} Encoding;

static void encode_some(void *context, size_t worker, size_t begin, size_t end)
{
    const Encoding *e = context;
    const GV_IVFPQ *ivf = e->ivf;
    const GV_Metric *metric = &ivf->head.metric;
    size_t n = metric->dimension, row_bytes = ivf->coded.row_bytes;
    float *room = ivf->room + worker * gv_encode_room(ivf);
    GV_Coded coded[GV_ENCODE_ROWS];
    for (size_t i = begin; i < end; i++) {
        const float *vector = e->vectors + i * n;
        gv_ivf_view(ivf, ivf->model->mean, vector, metric->kernels->dot(vector, vector, n),
                    room + (i - begin) * ivf->view_room);
        coded[i - begin].code = e->rows + i * row_bytes + HEAD_BYTES;
    }
    gv_ivf_encode_views(ivf, ivf->model, end - begin, room, coded);
    for (size_t i = begin; i < end; i++) {
        gv_put_u32(e->rows + i * row_bytes, coded[i - begin].list);
        memcpy(e->rows + i * row_bytes + 4, &coded[i - begin].term, sizeof(float));
    }
}

static GV_Status encode(void *owner, const float *vectors, size_t count, uint8_t *rows)
{
    GV_IVFPQ *ivf = owner;
    GV_TRY(gv_ivf_fit_room(ivf, count));
    Encoding e = {ivf, vectors, rows};
    gv_parallel(ivf->head.pool, ivf->room_threads, count, GV_ENCODE_ROWS, encode_some, &e);
    return GV_OK;
}

/* A row has one code, to the bit: an odd m leaves half a byte, which is zero. */
static bool is_row(const void *owner, const uint8_t *row)
{
    const GV_IVFPQ *ivf = owner;
    const uint8_t *code = row + HEAD_BYTES;
    if (gv_get_u32(row) >= ivf->nlist) return false;
    if (ivf->nibbles > 0) return ivf->m % 2 == 0 || code[ivf->code_bytes - 1] < 16;
    for (size_t j = 0; j < ivf->m; j++)
        if (code[j] >= ivf->words) return false;
    return true;
}

/* ---- lists ---- */

static void place(void *owner, uint32_t slot, const uint8_t *row)
{
    GV_IVFPQ *ivf = owner;
    GV_Coded coded = {.list = gv_get_u32(row), .code = (uint8_t *)(uintptr_t)(row + HEAD_BYTES)};
    memcpy(&coded.term, row + 4, sizeof coded.term);
    gv_ivf_append(ivf, ivf->lists, slot, &coded);
    ivf->placed++;
}

static void read(const void *owner, uint32_t slot, uint8_t *row)
{
    const GV_IVFPQ *ivf = owner;
    GV_Coded coded = {.code = row + HEAD_BYTES};
    gv_ivf_read(ivf, ivf->lists, slot, &coded);
    gv_put_u32(row, coded.list);
    memcpy(row + 4, &coded.term, sizeof coded.term);
}

void gv_ivf_coded_init(GV_IVFPQ *ivf)
{
    ivf->coded = (GV_CodedRows){.owner = ivf,
                                .row_bytes = HEAD_BYTES + ivf->code_bytes,
                                .room = ivf->view_room,
                                .encode = encode,
                                .is_row = is_row,
                                .widen = widen,
                                .place = place,
                                .read = read};
}
