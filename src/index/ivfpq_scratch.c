/* ivfpq_scratch.c: what a search borrows, and what several that go together share. */
#include "index/ivfpq_search.h"
#include <string.h>

static size_t table_count(const GV_IVFPQ *ivf)
{
    return (size_t)(ivf->nibbles > ivf->m ? ivf->nibbles : ivf->m) * ivf->words; /* those behind m stay zero */
}

void gv_ivf_scratch_free(const GV_IVFPQ *ivf, GV_IvfScratch *scratch)
{
    GV_Heap *heap = ivf->head.scratch_heap;
    if (!scratch) return;
    gv_release_lines(heap, scratch->view, ivf->view_room * sizeof *scratch->view);
    gv_release(heap, scratch->lists, ivf->nlist * sizeof *scratch->lists);
    gv_release_lines(heap, scratch->tables, table_count(ivf) * sizeof *scratch->tables);
    gv_release_lines(heap, scratch->fast, 16 * (size_t)ivf->nibbles);
    gv_release(heap, scratch->found, scratch->capacity * sizeof *scratch->found);
    gv_release(heap, scratch->visits, scratch->visit_room * sizeof *scratch->visits);
    gv_release(heap, scratch->first, ivf->nlist * sizeof *scratch->first);
    gv_release(heap, scratch, sizeof *scratch);
}

static GV_Status fit(const GV_IVFPQ *ivf, bool tables, GV_IvfScratch **scratch)
{
    GV_Heap *heap = ivf->head.scratch_heap;
    if (!*scratch) *scratch = gv_alloc(heap, sizeof **scratch);
    GV_IvfScratch *s = *scratch;
    if (!s) return gv_last_status();
    if (!s->view) s->view = gv_alloc_lines(heap, ivf->view_room * sizeof *s->view);
    if (!s->lists) s->lists = gv_alloc_array(heap, ivf->nlist, sizeof *s->lists);
    tables = tables || ivf->nibbles == 0;
    if (tables && !s->tables) s->tables = gv_alloc_lines(heap, table_count(ivf) * sizeof *s->tables);
    if (!s->fast) s->fast = gv_alloc_lines(heap, 16 * (size_t)ivf->nibbles);
    return s->view && s->lists && (s->tables || !tables) && s->fast ? GV_OK : gv_last_status();
}

GV_Status gv_ivf_scratch_fit(const GV_IVFPQ *ivf, GV_IvfScratch *s, size_t capacity, size_t count)
{
    GV_Heap *heap = ivf->head.scratch_heap;
    if (capacity <= s->capacity) return GV_OK;
    uint64_t *found = gv_alloc_array(heap, capacity, sizeof *found);
    if (!found) return gv_last_status();
    if (count > 0) memcpy(found, s->found, count * sizeof *found);
    gv_release(heap, s->found, s->capacity * sizeof *found);
    s->found = found;
    s->capacity = capacity;
    return GV_OK;
}

GV_Status gv_ivf_scratch_take(GV_IVFPQ *ivf, size_t capacity, bool tables, GV_IvfScratch **out)
{
    gv_mutex_lock(&ivf->mutex);
    GV_IvfScratch *scratch = ivf->resting;
    if (scratch) ivf->resting = scratch->next;
    gv_mutex_unlock(&ivf->mutex);
    GV_Status status = fit(ivf, tables, &scratch);
    if (status == GV_OK) status = gv_ivf_scratch_fit(ivf, scratch, capacity, 0);
    if (status != GV_OK) {
        gv_ivf_scratch_free(ivf, scratch);
        scratch = NULL;
    }
    *out = scratch;
    return status;
}

void gv_ivf_scratch_give(GV_IVFPQ *ivf, GV_IvfScratch *scratch)
{
    gv_mutex_lock(&ivf->mutex);
    scratch->next = ivf->resting;
    ivf->resting = scratch;
    gv_mutex_unlock(&ivf->mutex);
}

GV_Status gv_ivf_scratch_fit_visits(const GV_IVFPQ *ivf, GV_IvfScratch *s, size_t visits)
{
    GV_Heap *heap = ivf->head.scratch_heap;
    if (!s->first) s->first = gv_alloc_array(heap, ivf->nlist, sizeof *s->first);
    if (!s->first) return gv_last_status();
    if (visits <= s->visit_room) return GV_OK;
    GV_IvfVisit *room = gv_alloc_array(heap, visits, sizeof *room);
    if (!room) return gv_last_status();
    gv_release(heap, s->visits, s->visit_room * sizeof *s->visits);
    s->visits = room;
    s->visit_room = visits;
    return GV_OK;
}
