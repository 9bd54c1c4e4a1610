/* ivfpq_search.c: one query: the nearest lists, their codes, and the best of them by full rows.
 *
 * Candidates are gathered below a bound, which falls as better ones are found: when their place is full, those beyond the
 * wanted number go, except such as tie with the last; the bound is then just above it. Lists are visited until there
 * are `nprobe` of them and enough candidates, so that a filter does not starve a search. */
#include "index/ivfpq_search.h"
#include "base/float_bits.h"
#include <string.h>

/* ---- keys: a float that orders as an integer, then a number ---- */

static uint64_t key_of(float x, uint32_t number)
{
    return (uint64_t)gv_float_order(x == x ? x + 0.0f : INFINITY) << 32 | number;
}

static void sift(uint64_t *heap, size_t count, size_t at)
{
    uint64_t key = heap[at];
    for (size_t child; (child = 2 * at + 1) < count; at = child) {
        if (child + 1 < count && heap[child + 1] < heap[child]) child++;
        if (key <= heap[child]) break;
        heap[at] = heap[child];
    }
    heap[at] = key;
}

static uint64_t pop(uint64_t *heap, size_t *count)
{
    uint64_t least = heap[0];
    heap[0] = heap[--*count];
    if (*count > 0) sift(heap, *count, 0);
    return least;
}

/* The key of rank `n` of `count` > n keys, which are put in another order (Hoare's quickselect, median of three). */
static uint64_t select_key(uint64_t *keys, size_t count, size_t n)
{
    ptrdiff_t low = 0, high = (ptrdiff_t)count - 1, wanted = (ptrdiff_t)n;
    while (low < high) {
        uint64_t a = keys[low], b = keys[low + (high - low) / 2], c = keys[high];
        uint64_t pivot = a < b ? (b < c ? b : a < c ? c : a) : (a < c ? a : b < c ? c : b);
        ptrdiff_t i = low, j = high;
        while (i <= j) {
            while (keys[i] < pivot) i++;
            while (keys[j] > pivot) j--;
            if (i > j) break;
            uint64_t swapped = keys[i];
            keys[i++] = keys[j];
            keys[j--] = swapped;
        }
        if (wanted <= j) high = j;
        else if (wanted >= i) low = i;
        else break; /* between them all are the pivot */
    }
    return keys[n];
}

/* ---- a search ---- */

enum {
    DECODED_COST = 8 /* of a row that is a code, to one that is not */
};

/* Keep the `GV_IVF_FIRST_LISTS` least keys in order. */
static void insert_first(GV_IvfSearch *s, uint64_t key)
{
    uint64_t *first = s->first;
    size_t at = s->first_count < GV_IVF_FIRST_LISTS ? s->first_count++ : GV_IVF_FIRST_LISTS - 1;
    for (; at > 0 && first[at - 1] > key; at--) first[at] = first[at - 1];
    first[at] = key;
}

/* For DOT_PRODUCT -<q, c>, else |q - c|^2 less the |q|^2 that all lists share. */
void gv_ivf_rank_lists(GV_IvfSearch *s, const uint32_t *lists, size_t count, const float *dots, size_t stride)
{
    const float *norms = s->ivf->model->norms;
    uint64_t *keys = s->scratch->lists + s->list_count;
    bool dot = s->dot;
    for (size_t i = 0; i < count; i++)
        keys[i] = key_of(dot ? -dots[i * stride] : norms[lists[i]] - 2.0f * dots[i * stride], lists[i]);
    for (size_t i = 0; i < count; i++)
        if (s->first_count < GV_IVF_FIRST_LISTS || keys[i] < s->first[GV_IVF_FIRST_LISTS - 1]) insert_first(s, keys[i]);
    s->list_count += count;
}

/* Beyond the first few lists, a heap has them. */
static bool next_key(GV_IvfSearch *s, uint64_t *key)
{
    uint64_t *keys = s->scratch->lists;
    if (s->first_at < s->first_count) {
        *key = s->first[s->first_at++];
        return true;
    }
    if (!s->heaped) {
        size_t kept = 0;
        for (size_t i = 0; i < s->list_count; i++)
            if (s->first_count > 0 && keys[i] > s->first[s->first_count - 1]) keys[kept++] = keys[i];
        s->list_count = kept;
        for (size_t i = kept / 2; i-- > 0;) sift(keys, kept, i);
        s->heaped = true;
    }
    if (s->list_count == 0) return false;
    *key = pop(keys, &s->list_count);
    return true;
}

/* How near the centroid of a list is, of which the rank is known: of its point on the sphere, scale * (centroid + middle) - middle. */
static float nearness(const GV_IvfSearch *s, uint32_t list, float rank)
{
    const GV_IvfModel *model = s->ivf->model;
    const GV_IvfSphere *sphere = &model->sphere;
    if (!sphere->room) return rank;
    float dot = (model->norms[list] - rank) * 0.5f, scale = sphere->scales[list];
    return sphere->norms[list] - 2.0f * ((dot - (scale - 1.0f) * s->middle) / scale);
}

bool gv_ivf_next_list(GV_IvfSearch *s, GV_IvfNear *next)
{
    uint64_t key;
    if (!next_key(s, &key)) return false;
    *next = (GV_IvfNear){(uint32_t)key, nearness(s, (uint32_t)key, gv_float_of_order((uint32_t)(key >> 32)))};
    return true;
}

/* -2 <q, r> (or -<q, r>) part by part. */
void gv_ivf_make_tables(GV_IvfSearch *s, GV_IvfScratch *room)
{
    const GV_IVFPQ *ivf = s->ivf;
    float *tables = ivf->nibbles > 0 ? room->tables : s->scratch->tables;
    float factor = s->dot ? -1.0f : -2.0f, *view = s->scratch->view;
    for (size_t i = 0; i < ivf->width; i++) view[i] *= factor;
    for (size_t j = 0; j < ivf->m; j++)
        gv_ivf_products(ivf, ivf->model->books + j * ivf->part * ivf->words, view + j * ivf->part,
                        tables + j * ivf->words);
    if (ivf->nibbles > 0)
        ivf->head.metric.kernels->fast_tables(tables, ivf->nibbles, s->scratch->fast, &s->base, &s->step);
}

/* Codes of a byte: a look-up each, part by part. */
static uint32_t scan_bytes(const GV_IvfSearch *s, const uint8_t *codes, const float *terms, float base,
                           float *estimates)
{
    const GV_IVFPQ *ivf = s->ivf;
    const float *table = s->scratch->tables;
    uint32_t below = 0;
    for (size_t i = 0; i < GV_BLOCK_ROWS; i++) estimates[i] = base + terms[i];
    for (size_t j = 0; j < ivf->m; j++, codes += GV_BLOCK_ROWS, table += ivf->words)
        for (size_t i = 0; i < GV_BLOCK_ROWS; i++) estimates[i] += table[codes[i] & (ivf->words - 1)];
    for (size_t i = 0; i < GV_BLOCK_ROWS; i++) below |= (uint32_t)(estimates[i] < s->bound) << i;
    return below;
}

/* Drop all candidates beyond the wanted number that do not tie with its last, and lower the bound. */
static void prune(GV_IvfSearch *s)
{
    if (s->count <= s->wanted) return;
    uint64_t *found = s->scratch->found, last = select_key(found, s->count, s->wanted - 1) | 0xffffffffu;
    size_t kept = 0;
    for (size_t i = 0; i < s->count; i++)
        if (found[i] <= last) found[kept++] = found[i];
    s->count = kept;
    s->bound = gv_float_of_order((uint32_t)(last >> 32) + 1); /* the next float: what ties may come in */
}

static GV_Status make_place(GV_IvfSearch *s)
{
    if (s->scratch->capacity - s->count >= GV_BLOCK_ROWS) return GV_OK;
    prune(s);
    if (s->scratch->capacity - s->count >= s->scratch->capacity / 4) return GV_OK;
    return gv_ivf_scratch_fit(s->ivf, s->scratch, 2 * s->scratch->capacity, s->count);
}

GV_Status gv_ivf_scan_block(GV_IvfSearch *s, uint8_t *block, uint32_t rows, float near)
{
    const GV_IVFPQ *ivf = s->ivf;
    const uint32_t *slots = gv_block_slots(ivf, block);
    const float *terms = gv_block_terms(ivf, block);
    float estimates[GV_BLOCK_ROWS], base = near + s->base;
    uint32_t below = ivf->nibbles > 0 ? ivf->head.metric.kernels->scan_codes(block, s->scratch->fast, ivf->nibbles,
                                                                             terms, base, s->step, s->bound, estimates)
                                      : scan_bytes(s, block, terms, base, estimates);
    if (rows < GV_BLOCK_ROWS) below &= (1u << rows) - 1;
    if (below == 0) return GV_OK;
    GV_TRY(make_place(s));
    for (; below != 0; below &= below - 1) {
        unsigned i = (unsigned)__builtin_ctz(below);
        if (slots[i] / 64 >= s->query->accept->word_count || !gv_bitset_get(s->query->accept, slots[i])) continue;
        s->scratch->found[s->count++] = key_of(estimates[i], slots[i]);
    }
    return GV_OK;
}

GV_Status gv_ivf_scan_list(GV_IvfSearch *s, GV_IvfNear near)
{
    GV_IvfBlocks blocks = gv_ivf_blocks(s->ivf, near.list);
    while (gv_ivf_next_block(s->ivf, &blocks)) GV_TRY(gv_ivf_scan_block(s, blocks.block, blocks.rows, near.near));
    return GV_OK;
}

static GV_Status rerank(const GV_IvfSearch *s, GV_TopK *top)
{
    enum {
        AHEAD = 4
    };
    const GV_Table *table = s->ivf->head.table;
    const GV_Metric *metric = &s->ivf->head.metric;
    const uint64_t *found = s->scratch->found;
    bool normed = metric->distance == GV_DISTANCE_COSINE; /* else it is not worth a miss of the cache */
    for (size_t i = 0; i < s->count && i < AHEAD; i++) gv_table_prefetch(table, (uint32_t)found[i]);
    for (size_t i = 0; i < s->count; i++) {
        uint32_t slot = (uint32_t)found[i];
        if (i + AHEAD < s->count) gv_table_prefetch(table, (uint32_t)found[i + AHEAD]);
        GV_TRY(gv_table_touch(table, slot));
        const void *row = gv_table_ranked(table, slot, s->scratch->view); /* which the tables have been made of */
        float rank = gv_rank(metric, s->query->vector, s->query->squared_norm, row,
                             normed ? gv_table_norm(table, slot) : 0.0f);
        float distance = gv_distance_of_rank(metric->distance, rank);
        if (!gv_topk_refuses(top, distance)) gv_topk_offer(top, distance, gv_table_id(table, slot));
    }
    return GV_OK;
}

GV_Status gv_ivf_end(GV_IvfSearch *s, GV_TopK *top)
{
    GV_IvfNear near;
    while (s->count < s->wanted && gv_ivf_next_list(s, &near)) GV_TRY(gv_ivf_scan_list(s, near));
    prune(s);
    return rerank(s, top);
}

GV_Status gv_ivf_begin(GV_IVFPQ *ivf, const GV_Query *query, size_t k, bool tables, GV_IvfSearch *s)
{
    enum {
        SPARE = 2 * GV_BLOCK_ROWS
    };
    const GV_Metric *metric = &ivf->head.metric;
    size_t wanted = query->rerank > k ? query->rerank : k;
    if (wanted > ivf->lists->row_count) wanted = (size_t)ivf->lists->row_count;
    *s = (GV_IvfSearch){.ivf = ivf, .query = query, .bound = INFINITY};
    s->dot = metric->distance == GV_DISTANCE_DOT_PRODUCT;
    GV_TRY(gv_ivf_scratch_take(ivf, 2 * wanted + SPARE, tables, &s->scratch));
    float *view = s->scratch->view;
    gv_ivf_view(ivf, ivf->model->mean, query->vector, query->squared_norm, view);
    if (metric->kernels->dot(view, view, ivf->width) <= 0x1p80f) s->wanted = wanted;
    if (ivf->model->sphere.room) s->middle = metric->kernels->dot(view, ivf->model->sphere.middle, ivf->width);
    return GV_OK;
}

static GV_Status run(GV_IvfSearch *s, GV_TopK *top)
{
    const GV_IVFPQ *ivf = s->ivf;
    const GV_IvfList *lists = ivf->lists->lists;
    const GV_IvfModel *model = ivf->model;
    GV_IvfNear near;
    for (uint32_t i = 0; i < ivf->nlist; i++) {
        if (lists[i].count == 0) continue;
        float dot = ivf->head.metric.kernels->dot(s->scratch->view, model->pointers[i], ivf->width);
        gv_ivf_rank_lists(s, &i, 1, &dot, 1);
    }
    gv_ivf_make_tables(s, s->scratch);
    for (size_t visited = 0; visited < s->query->nprobe && gv_ivf_next_list(s, &near); visited++) {
        if (s->first_at < s->first_count) gv_ivf_prefetch_block(ivf, lists[(uint32_t)s->first[s->first_at]].first);
        GV_TRY(gv_ivf_scan_list(s, near));
    }
    return gv_ivf_end(s, top);
}

GV_Status gv_ivf_search(GV_Index *index, const GV_Query *query, GV_TopK *top)
{
    GV_IVFPQ *ivf = (GV_IVFPQ *)index;
    GV_IvfSearch s;
    if (!ivf->model) return GV_OK;
    GV_TRY(gv_ivf_begin(ivf, query, top->k, true, &s));
    GV_Status status = s.wanted > 0 ? run(&s, top) : GV_OK;
    gv_ivf_scratch_give(ivf, s.scratch);
    return status;
}

/* Lists that are visited hold about so many rows, a filter makes it more, and a code costs a fraction of a row, the more so where rows
 * must be decoded. */
uint64_t gv_ivf_cost(const GV_Index *index, const GV_Query *query, size_t k, uint64_t choices)
{
    const GV_IVFPQ *ivf = (const GV_IVFPQ *)index;
    if (!ivf->model) return UINT64_MAX;
    uint64_t rows = ivf->lists->row_count, wanted = query->rerank > k ? query->rerank : k;
    uint64_t nprobe = query->nprobe < ivf->nlist ? query->nprobe : ivf->nlist, codes = rows / ivf->nlist * nprobe;
    uint64_t filtered = choices > 0 ? (uint64_t)((double)rows * (double)wanted / (double)choices) : rows;
    if (codes < filtered) codes = filtered;
    if (codes > rows) codes = rows;
    uint64_t quick = ivf->nlist + codes / (ivf->nibbles > 0 ? 16 : 4);
    return 2 * wanted + (gv_table_is_coded(index->table) ? quick / DECODED_COST : quick);
}
