/* ivfpq_model.c: what training has found, and the codes it gives rows (ivfpq.h has the formulas). */
#include "base/checked.h"
#include "index/ivfpq.h"
#include "index/kmeans.h"
#include <float.h>
#include <string.h>

/* ---- the model ---- */

bool gv_ivf_model_size(const GV_IVFPQ *ivf, size_t *value_count)
{
    size_t centroids, all;
    return gv_mul_size(ivf->nlist, ivf->width, &centroids) &&
           gv_add_size(centroids, ivf->width * ivf->words + ivf->head.metric.dimension, value_count) &&
           gv_mul_size(*value_count, sizeof(float), &all);
}

static GV_Status new_sphere(const GV_IVFPQ *ivf, GV_IvfSphere *sphere)
{
    size_t points = (size_t)ivf->nlist * ivf->width; /* gv_ivf_model_size() has found room for more */
    if (ivf->head.metric.distance != GV_DISTANCE_COSINE) return GV_OK;
    sphere->room_count = points + ivf->view_room + 2 * (size_t)ivf->nlist;
    sphere->room = gv_alloc_array(ivf->head.heap, sphere->room_count, sizeof *sphere->room);
    if (!sphere->room) return gv_last_status();
    sphere->points = sphere->room;
    sphere->middle = sphere->points + points;
    sphere->scales = sphere->middle + ivf->view_room;
    sphere->norms = sphere->scales + ivf->nlist;
    return GV_OK;
}

GV_Status gv_ivf_model_new(const GV_IVFPQ *ivf, GV_IvfModel **out)
{
    GV_Heap *heap = ivf->head.heap;
    size_t count;
    *out = NULL;
    if (!gv_ivf_model_size(ivf, &count))
        return gv_fail(GV_ERR_NO_MEMORY, "ivfpq: %u centroids of %zu components", ivf->nlist, ivf->width);
    GV_IvfModel *model = gv_alloc(heap, sizeof *model);
    if (!model) return gv_last_status();
    model->value_count = count;
    model->values = gv_alloc_array(heap, count, sizeof *model->values);
    model->norms = gv_alloc_array(heap, ivf->nlist, sizeof *model->norms);
    model->book_norms = gv_alloc_array(heap, (size_t)ivf->m * ivf->words, sizeof *model->book_norms);
    model->pointers = gv_alloc_array(heap, ivf->nlist, sizeof *model->pointers);
    bool is_coded = gv_centroid_codes_pay(ivf->nlist, ivf->width);
    if (is_coded && !gv_centroid_codes_room(ivf->nlist, ivf->width, &model->codes_bytes)) {
        gv_ivf_model_free(ivf, model);
        return gv_fail(GV_ERR_NO_MEMORY, "ivfpq: codes of %u centroids", ivf->nlist);
    }
    if (is_coded) model->codes_room = gv_alloc_lines(heap, model->codes_bytes);
    GV_Status sphere = new_sphere(ivf, &model->sphere);
    if (sphere != GV_OK || !model->values || !model->norms || !model->book_norms || !model->pointers ||
        (is_coded && !model->codes_room)) {
        GV_Status status = gv_last_status();
        gv_ivf_model_free(ivf, model);
        return status;
    }
    model->mean = model->values;
    model->centroids = model->mean + ivf->head.metric.dimension;
    model->books = model->centroids + ivf->nlist * ivf->width;
    *out = model;
    return GV_OK;
}

void gv_ivf_model_free(const GV_IVFPQ *ivf, GV_IvfModel *model)
{
    GV_Heap *heap = ivf->head.heap;
    if (!model) return;
    gv_release(heap, model->values, model->value_count * sizeof *model->values);
    gv_release(heap, model->norms, ivf->nlist * sizeof *model->norms);
    gv_release(heap, model->book_norms, (size_t)ivf->m * ivf->words * sizeof *model->book_norms);
    gv_release(heap, (void *)model->pointers, ivf->nlist * sizeof *model->pointers);
    gv_release_lines(heap, model->codes_room, model->codes_bytes);
    gv_release(heap, model->sphere.room, model->sphere.room_count * sizeof *model->sphere.room);
    gv_release(heap, model, sizeof *model);
}

/* A centroid of zero rows, which have no direction, stays where it is. */
static void find_points(const GV_IVFPQ *ivf, GV_IvfModel *model)
{
    const GV_Kernels *kernels = ivf->head.metric.kernels;
    GV_IvfSphere *sphere = &model->sphere;
    size_t width = ivf->width;
    gv_ivf_view(ivf, model->mean, model->mean, 0.0f, sphere->middle); /* the zero vector's: the centre */
    for (size_t j = 0; j < width; j++) sphere->middle[j] = 0.0f - sphere->middle[j];
    for (size_t i = 0; i < ivf->nlist; i++) {
        const float *centroid = model->centroids + i * width;
        float *point = sphere->points + i * width;
        for (size_t j = 0; j < width; j++) point[j] = centroid[j] + sphere->middle[j];
        float squared = kernels->dot(point, point, width);
        float scale = squared > 0x1p-20f && squared < 0x1p80f ? (float)(1.0 / sqrt((double)squared)) : 1.0f;
        for (size_t j = 0; j < width; j++) point[j] = point[j] * scale - sphere->middle[j];
        sphere->scales[i] = scale;
        sphere->norms[i] = kernels->dot(centroid, centroid, width);
    }
}

GV_Status gv_ivf_model_finish(const GV_IVFPQ *ivf, GV_IvfModel *model)
{
    for (size_t i = 0; i < model->value_count; i++)
        if (!(model->values[i] >= -FLT_MAX && model->values[i] <= FLT_MAX))
            return gv_fail(GV_ERR_CORRUPT, "section %d: value %zu of %zu is not finite", GV_SECTION_IVF_MODEL, i,
                           model->value_count);
    if (model->sphere.room) find_points(ivf, model);
    for (size_t i = 0; i < ivf->nlist; i++) {
        const float *point = (model->sphere.room ? model->sphere.points : model->centroids) + i * ivf->width;
        model->pointers[i] = point;
        model->norms[i] = ivf->head.metric.kernels->dot(point, point, ivf->width);
    }
    if (model->codes_room)
        gv_centroid_codes_make(&model->codes, ivf->head.metric.kernels, model->pointers, model->norms, ivf->nlist,
                               ivf->width, model->codes_room);
    for (size_t j = 0; j < ivf->m; j++) {
        const float *book = model->books + j * ivf->part * ivf->words;
        float *norms = model->book_norms + j * ivf->words;
        memset(norms, 0, ivf->words * sizeof *norms);
        for (size_t i = 0; i < ivf->part; i++)
            for (size_t w = 0; w < ivf->words; w++) norms[w] += book[i * ivf->words + w] * book[i * ivf->words + w];
    }
    return GV_OK;
}

/* ---- views and codes ---- */

void gv_ivf_view(const GV_IVFPQ *ivf, const float *mean, const float *row, float squared_norm, float *view)
{
    const GV_Metric *metric = &ivf->head.metric;
    size_t n = metric->dimension;
    float scale = 1.0f;
    if (metric->distance == GV_DISTANCE_COSINE)
        scale = squared_norm > 0.0f ? (float)(1.0 / sqrt((double)squared_norm)) : 0.0f;
    for (size_t i = 0; i < n; i++) view[i] = row[i] * scale - mean[i];
    memset(view + n, 0, (ivf->view_room - n) * sizeof *view);
    if (ivf->turned > 0) metric->kernels->rotate(view, ivf->turned, ivf->signs);
}

void gv_ivf_name_lists(const GV_IVFPQ *ivf, const GV_IvfModel *model, const float *const *views, size_t count,
                       float *room, uint32_t *lists)
{
    const GV_Kernels *kernels = ivf->head.metric.kernels;
    float nearness[GV_ENCODE_ROWS];
    if (!model->codes_room) {
        gv_assign(kernels, views, count, model->pointers, model->norms, ivf->nlist, ivf->width, room, lists, nearness);
        return;
    }
    int8_t *bytes = (int8_t *)(room + gv_row_code_room(ivf->width));
    for (size_t i = 0; i < count; i++) {
        GV_RowCode code;
        float norm = kernels->dot(views[i], views[i], ivf->width);
        gv_row_code(kernels, views[i], norm, ivf->width, room, bytes, &code);
        lists[i] = gv_nearest_centroid(&model->codes, views[i], &code, bytes, 0, nearness);
    }
}

/* Sixteen words at a time stay in registers; every sum goes component by component. */
void gv_ivf_products(const GV_IVFPQ *ivf, const float *book, const float *x, float *products)
{
    for (size_t from = 0; from < ivf->words; from += 16) {
        float sums[16] = {0};
        for (size_t i = 0; i < ivf->part; i++) {
            const float *words = book + i * ivf->words + from;
            for (size_t w = 0; w < 16; w++) sums[w] += x[i] * words[w];
        }
        memcpy(products + from, sums, sizeof sums);
    }
}

/* Floats of room that naming lists takes: a row and the bytes of its code, or products of many. */
static size_t naming_room(const GV_IVFPQ *ivf)
{
    size_t row = gv_row_code_room(ivf->width);
    return gv_centroid_codes_pay(ivf->nlist, ivf->width) ? row + row / sizeof(float)
                                                         : (size_t)GV_ASSIGN_ROWS * GV_ASSIGN_CENTROIDS;
}

size_t gv_encode_room(const GV_IVFPQ *ivf)
{
    return GV_ENCODE_ROWS * ivf->view_room + naming_room(ivf) + ivf->width + ivf->words;
}

/* The word that is nearest to `x`: the first of several. */
static uint32_t nearest_word(const GV_IVFPQ *ivf, const GV_IvfModel *model, size_t j, const float *x, float *products)
{
    const float *norms = model->book_norms + j * ivf->words;
    gv_ivf_products(ivf, model->books + j * ivf->part * ivf->words, x, products);
    uint32_t best = 0;
    float least = INFINITY;
    for (uint32_t from = 0; from < ivf->words; from += 16) {
        float near[16];
        for (size_t w = 0; w < 16; w++) near[w] = norms[from + w] - 2.0f * products[from + w];
        uint32_t first = gv_first_least(near);
        if (!(near[first] < least)) continue;
        least = near[first];
        best = from + first;
    }
    return best;
}

/* `residual` becomes what the code stands for. */
static void encode_residual(const GV_IVFPQ *ivf, const GV_IvfModel *model, float *residual, float *products,
                            uint8_t *code)
{
    memset(code, 0, ivf->code_bytes);
    for (size_t j = 0; j < ivf->m; j++) {
        float *x = residual + j * ivf->part;
        uint32_t word = nearest_word(ivf, model, j, x, products);
        const float *book = model->books + j * ivf->part * ivf->words + word;
        for (size_t i = 0; i < ivf->part; i++) x[i] = book[i * ivf->words];
        if (ivf->nibbles > 0) code[j / 2] = (uint8_t)(code[j / 2] | word << (j % 2 * 4));
        else code[j] = (uint8_t)word;
    }
}

void gv_ivf_encode(const GV_IVFPQ *ivf, const GV_IvfModel *model, const uint32_t *slots, size_t count, float *room,
                   GV_Coded *out)
{
    const GV_Table *table = ivf->head.table;
    for (size_t i = 0; i < count; i++) {
        float *view = room + i * ivf->view_room;
        gv_ivf_view(ivf, model->mean, gv_table_floats(table, slots[i], view), gv_table_norm(table, slots[i]), view);
    }
    gv_ivf_encode_views(ivf, model, count, room, out);
}

void gv_ivf_encode_views(const GV_IVFPQ *ivf, const GV_IvfModel *model, size_t count, float *room, GV_Coded *out)
{
    const GV_Kernels *kernels = ivf->head.metric.kernels;
    float *views = room, *sums = views + GV_ENCODE_ROWS * ivf->view_room;
    float *residual = sums + naming_room(ivf), *products = residual + ivf->width;
    const float *pointers[GV_ENCODE_ROWS] = {0};
    uint32_t labels[GV_ENCODE_ROWS];
    for (size_t i = 0; i < count; i++) pointers[i] = views + i * ivf->view_room;
    gv_ivf_name_lists(ivf, model, pointers, count, sums, labels);
    for (size_t i = 0; i < count; i++) {
        const float *centroid = model->centroids + labels[i] * ivf->width;
        for (size_t c = 0; c < ivf->width; c++) residual[c] = pointers[i][c] - centroid[c];
        encode_residual(ivf, model, residual, products, out[i].code);
        out[i].list = labels[i];
        out[i].term = 0.0f;
        if (ivf->head.metric.distance == GV_DISTANCE_DOT_PRODUCT) continue;
        float term = kernels->dot(residual, residual, ivf->width) + 2.0f * kernels->dot(centroid, residual, ivf->width);
        out[i].term = term == term ? term : INFINITY; /* the bits of a NaN would differ by target */
    }
}
