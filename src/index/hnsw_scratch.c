/* hnsw_scratch.c: what walks borrow. Those at rest are kept: a search in a steady state allocates nothing. */
#include "base/checked.h"
#include "index/hnsw.h"

enum {
    SLOTS_STEP = 1 << 15, /* grow in steps, not with every row */
    POOL_STEP = 256
};

static void release_arrays(GV_Heap *heap, GV_Scratch *scratch)
{
    size_t words = scratch->word_count;
    gv_release(heap, scratch->visited, words * sizeof *scratch->visited);
    gv_release(heap, scratch->touched, (words + 1) * sizeof *scratch->touched);
    scratch->visited = NULL;
    scratch->touched = NULL;
    scratch->word_count = scratch->touched_count = 0;
}

static GV_Status fit_slots(GV_Heap *heap, GV_Scratch *scratch, size_t slots)
{
    size_t words = (size_t)gv_round_up(slots, SLOTS_STEP) / 64;
    if (words <= scratch->word_count) return GV_OK;
    release_arrays(heap, scratch);
    uint64_t *visited = gv_alloc_array(heap, words, sizeof *visited);
    uint32_t *touched = visited ? gv_alloc_array(heap, words + 1, sizeof *touched) : NULL;
    if (!touched) {
        gv_release(heap, visited, words * sizeof *visited);
        return gv_last_status();
    }
    scratch->visited = visited;
    scratch->touched = touched;
    scratch->word_count = words;
    return GV_OK;
}

static GV_Status fit_pool(GV_Heap *heap, GV_Scratch *scratch, size_t capacity)
{
    capacity = (size_t)gv_round_up(capacity, POOL_STEP);
    if (capacity <= scratch->capacity) return GV_OK;
    gv_release(heap, scratch->pool, scratch->capacity * sizeof *scratch->pool);
    scratch->capacity = 0;
    scratch->pool = gv_alloc_array(heap, capacity, sizeof *scratch->pool);
    if (!scratch->pool) return gv_last_status();
    scratch->capacity = capacity;
    return GV_OK;
}

/* Once: what a scratch needs of this does not change. */
static GV_Status fit_codes(const GV_HNSW *hnsw, GV_Heap *heap, GV_Scratch *scratch)
{
    size_t padded = hnsw->codes.padded;
    if (padded == 0) return GV_OK;
    if (!scratch->work) scratch->work = gv_alloc_lines(heap, padded * sizeof *scratch->work);
    if (!scratch->code) scratch->code = gv_alloc_lines(heap, padded);
    if (!scratch->work || !scratch->code) return gv_last_status();
    if (!hnsw->gated) return GV_OK;
    if (!scratch->scan_code) scratch->scan_code = gv_alloc_lines(heap, padded);
    if (!scratch->tables) scratch->tables = gv_alloc_lines(heap, 4 * padded);
    return scratch->scan_code && scratch->tables ? GV_OK : gv_last_status();
}

GV_Status gv_scratch_fit(const GV_HNSW *hnsw, GV_Heap *heap, GV_Scratch **scratch, size_t slots, size_t capacity)
{
    if (!*scratch) *scratch = gv_alloc(heap, sizeof **scratch);
    if (!*scratch) return gv_last_status();
    GV_TRY(fit_slots(heap, *scratch, slots));
    GV_TRY(fit_codes(hnsw, heap, *scratch));
    return fit_pool(heap, *scratch, capacity);
}

void gv_scratch_free(const GV_HNSW *hnsw, GV_Heap *heap, GV_Scratch *scratch)
{
    size_t padded = hnsw->codes.padded;
    if (!scratch) return;
    release_arrays(heap, scratch);
    gv_release_lines(heap, scratch->work, padded * sizeof *scratch->work);
    gv_release_lines(heap, scratch->code, padded);
    gv_release_lines(heap, scratch->scan_code, padded);
    gv_release_lines(heap, scratch->tables, 4 * padded);
    gv_release(heap, scratch->pool, scratch->capacity * sizeof *scratch->pool);
    gv_release(heap, scratch, sizeof *scratch);
}

GV_Status gv_scratch_take(GV_HNSW *hnsw, size_t slots, size_t capacity, GV_Scratch **out)
{
    gv_mutex_lock(&hnsw->mutex);
    GV_Scratch *scratch = hnsw->resting;
    if (scratch) hnsw->resting = scratch->next;
    gv_mutex_unlock(&hnsw->mutex);
    GV_Status status = gv_scratch_fit(hnsw, hnsw->head.scratch_heap, &scratch, slots, capacity);
    if (status != GV_OK) {
        gv_scratch_free(hnsw, hnsw->head.scratch_heap, scratch);
        scratch = NULL;
    }
    *out = scratch;
    return status;
}

void gv_scratch_give(GV_HNSW *hnsw, GV_Scratch *scratch)
{
    gv_scratch_clear(scratch);
    gv_mutex_lock(&hnsw->mutex);
    scratch->next = hnsw->resting;
    hnsw->resting = scratch;
    gv_mutex_unlock(&hnsw->mutex);
}

void gv_scratch_unvisit(GV_Scratch *scratch)
{
    for (size_t i = 0; i < scratch->touched_count; i++) scratch->visited[scratch->touched[i]] = 0;
    scratch->touched_count = 0;
}

void gv_scratch_clear(GV_Scratch *scratch)
{
    gv_scratch_unvisit(scratch);
    scratch->count = scratch->accepted = 0;
}

void gv_scratch_start(GV_Scratch *scratch, uint32_t slot, float rank)
{
    gv_scratch_clear(scratch);
    gv_scratch_visit(scratch, slot);
    scratch->pool[0] = gv_hnsw_key(rank, slot);
    scratch->count = 1;
}
