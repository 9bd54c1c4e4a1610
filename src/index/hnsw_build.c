/* hnsw_build.c: the writer's memory, made before a call is logged, so that planning cannot fail. */
#include "index/hnsw_build.h"
#include "base/checked.h"

size_t gv_build_rows(const GV_HNSW *hnsw, size_t steps)
{
    size_t most = GV_BATCH_LINKS / hnsw->degree;
    if (most > GV_BATCH_MAX) most = GV_BATCH_MAX;
    return steps < most ? steps : most;
}

size_t gv_build_levels(size_t rows) { return rows / GV_BATCH_LEVELS + GV_BATCH_LEVELS_LEAST; }

static size_t revision_bytes(const GV_HNSW *hnsw) { return sizeof(GV_Revision) + hnsw->degree * sizeof(uint32_t); }

static void free_arrays(GV_HNSW *hnsw, GV_Build *b)
{
    GV_Heap *heap = hnsw->head.heap;
    gv_release(heap, b->newcomers, b->capacity * sizeof *b->newcomers);
    gv_release(heap, b->candidates, b->capacity * hnsw->ef_construction * sizeof *b->candidates);
    gv_release(heap, b->lists, b->capacity * sizeof *b->lists);
    gv_release(heap, b->upper_lists, b->upper_capacity * sizeof *b->upper_lists);
    gv_release(heap, b->offers, b->offer_capacity * sizeof *b->offers);
    gv_release(heap, b->groups, (b->offer_capacity + 1) * sizeof *b->groups);
    gv_release(heap, b->revisions, b->offer_capacity * b->revision_bytes);
}

void gv_build_free(GV_HNSW *hnsw)
{
    GV_Build *b = hnsw->build;
    if (!b) return;
    free_arrays(hnsw, b);
    for (uint32_t i = 0; b->scratch && i < b->threads; i++) gv_scratch_free(hnsw, hnsw->head.heap, b->scratch[i]);
    gv_release(hnsw->head.heap, (void *)b->scratch, b->threads * sizeof *b->scratch);
    gv_release(hnsw->head.heap, b, sizeof *b);
    hnsw->build = NULL;
}

static GV_Status make_arrays(GV_HNSW *hnsw, GV_Build *b, size_t capacity)
{
    GV_Heap *heap = hnsw->head.heap;
    b->upper_capacity = gv_build_levels(capacity);
    b->offer_capacity = capacity * hnsw->degree + b->upper_capacity * hnsw->M;
    b->revision_bytes = revision_bytes(hnsw);
    b->capacity = capacity;
    b->newcomers = gv_alloc_array(heap, capacity, sizeof *b->newcomers);
    b->candidates = gv_alloc_array(heap, capacity * hnsw->ef_construction, sizeof *b->candidates);
    b->lists = gv_alloc_array(heap, capacity, sizeof *b->lists);
    b->upper_lists = gv_alloc_array(heap, b->upper_capacity, sizeof *b->upper_lists);
    b->offers = gv_alloc_array(heap, b->offer_capacity, sizeof *b->offers);
    b->groups = gv_alloc_array(heap, b->offer_capacity + 1, sizeof *b->groups);
    b->revisions = gv_alloc_array(heap, b->offer_capacity, b->revision_bytes);
    bool whole = b->newcomers && b->candidates && b->lists && b->upper_lists && b->offers && b->groups && b->revisions;
    return whole ? GV_OK : gv_last_status();
}

/* A new build with room for `capacity` rows; `*out` is part-made on failure. */
static GV_Status new_build(GV_HNSW *hnsw, size_t capacity)
{
    GV_Build *b = hnsw->build = gv_alloc(hnsw->head.heap, sizeof *b);
    if (!b) return gv_last_status();
    b->threads = capacity > 1 && hnsw->head.threads > 1 ? hnsw->head.threads : 1;
    if (b->threads > capacity) b->threads = (uint32_t)capacity;
    b->scratch = gv_alloc_array(hnsw->head.heap, b->threads, sizeof *b->scratch);
    if (!b->scratch) return gv_last_status();
    return make_arrays(hnsw, b, capacity);
}

GV_Status gv_build_reserve(GV_HNSW *hnsw, uint32_t slot_end, size_t steps)
{
    size_t capacity = gv_build_rows(hnsw, steps ? steps : 1);
    GV_Status status = GV_OK;
    if (hnsw->build && hnsw->build->capacity < capacity) {
        /* recovery asks for one row more at a time */
        size_t doubled = gv_build_rows(hnsw, 2 * hnsw->build->capacity);
        capacity = capacity > doubled ? capacity : doubled;
        gv_build_free(hnsw);
    }
    if (!hnsw->build) status = new_build(hnsw, capacity);
    for (uint32_t i = 0; status == GV_OK && i < hnsw->build->threads; i++)
        status = gv_scratch_fit(hnsw, hnsw->head.heap, &hnsw->build->scratch[i], slot_end,
                                gv_hnsw_pool_size(hnsw->ef_construction));
    if (status != GV_OK) {
        GV_Failure failure;
        gv_failure_save(&failure);
        gv_build_free(hnsw);
        return gv_failure_restore(&failure);
    }
    return GV_OK;
}

GV_Scratch *gv_build_scratch(const GV_HNSW *hnsw) { return hnsw->build->scratch[0]; }

size_t gv_build_patch_words(const GV_HNSW *hnsw, size_t steps)
{
    size_t rows = gv_build_rows(hnsw, steps ? steps : 1), levels = gv_build_levels(rows);
    size_t bits = gv_bit_words(hnsw->degree);
    size_t words = 16 + rows * (2 + gv_patch_list_words(hnsw->degree) + hnsw->degree * (3 + bits)) +
                   levels * (gv_patch_list_words(hnsw->M) + hnsw->M * (3 + bits));
    size_t removal = gv_hnsw_patch_words(hnsw);
    return words > removal ? words : removal;
}
