/* ivfpq_group.c: several queries at once. What one search reads, centroids and codes, comes from far away and is looked at once; together
 * they read centroids by tiles and each list once for all that visit it. Each finds what it finds alone, to the bit. */
#include "index/ivfpq_search.h"

enum {
    CENTROIDS_AT_ONCE = 16,
    VISITS_MOST = 1 << 16
};

typedef struct Group {
    const GV_IVFPQ *ivf;
    GV_IvfSearch searches[GV_SCAN_MOST]; /* those that have something to search for, ... */
    GV_TopK *tops[GV_SCAN_MOST];         /* ... and where their hits go */
    size_t count;
    GV_IvfVisit *visits;
    uint32_t *first; /* [nlist]: the first visit of each list, or GV_NO_SLOT */
} Group;

/* ---- centroids ---- */

static void rank_some(Group *g, const uint32_t *lists, const float *const *centroids, size_t count)
{
    const float *views[GV_SCAN_MOST];
    float dots[CENTROIDS_AT_ONCE * GV_SCAN_MOST];
    for (size_t j = 0; j < g->count; j++) views[j] = g->searches[j].scratch->view;
    g->ivf->head.metric.kernels->dot_many(centroids, count, views, g->count, g->ivf->width, dots);
    for (size_t j = 0; j < g->count; j++) gv_ivf_rank_lists(&g->searches[j], lists, count, dots + j, g->count);
}

static void rank_lists(Group *g)
{
    const GV_IVFPQ *ivf = g->ivf;
    uint32_t lists[CENTROIDS_AT_ONCE];
    const float *centroids[CENTROIDS_AT_ONCE];
    size_t count = 0;
    for (uint32_t i = 0; i < ivf->nlist; i++) {
        if (ivf->lists->lists[i].count == 0) continue;
        lists[count] = i;
        centroids[count++] = ivf->model->pointers[i];
        if (count < CENTROIDS_AT_ONCE) continue;
        rank_some(g, lists, centroids, count);
        count = 0;
    }
    if (count > 0) rank_some(g, lists, centroids, count);
}

/* ---- lists ---- */

/* Each search scans the list nearest to it, which gives it a bound, and puts its name down for the others. */
static GV_Status plan_visits(Group *g)
{
    uint32_t visits = 0;
    GV_IvfNear near;
    for (uint32_t i = 0; i < g->ivf->nlist; i++) g->first[i] = GV_NO_SLOT;
    for (size_t j = 0; j < g->count; j++) {
        GV_IvfSearch *s = &g->searches[j];
        gv_ivf_make_tables(s, g->searches[0].scratch);
        if (gv_ivf_next_list(s, &near)) GV_TRY(gv_ivf_scan_list(s, near));
        for (size_t i = 1; i < s->query->nprobe && gv_ivf_next_list(s, &near); i++) {
            g->visits[visits] = (GV_IvfVisit){near.near, (uint32_t)j, g->first[near.list]};
            g->first[near.list] = visits++;
        }
    }
    return GV_OK;
}

static GV_Status visit_list(Group *g, uint32_t list)
{
    GV_IvfBlocks blocks = gv_ivf_blocks(g->ivf, list);
    while (gv_ivf_next_block(g->ivf, &blocks))
        for (uint32_t v = g->first[list]; v != GV_NO_SLOT; v = g->visits[v].next) {
            const GV_IvfVisit *visit = &g->visits[v];
            GV_TRY(gv_ivf_scan_block(&g->searches[visit->search], blocks.block, blocks.rows, visit->near));
        }
    return GV_OK;
}

/* The first list from `list` on that somebody visits; or nlist. */
static uint32_t next_visited(const Group *g, uint32_t list)
{
    while (list < g->ivf->nlist && g->first[list] == GV_NO_SLOT) list++;
    return list;
}

static GV_Status visit_lists(Group *g)
{
    uint32_t end = g->ivf->nlist;
    GV_TRY(plan_visits(g));
    for (uint32_t list = next_visited(g, 0), next; list < end; list = next) {
        next = next_visited(g, list + 1);
        if (next < end) gv_ivf_prefetch_block(g->ivf, g->ivf->lists->lists[next].first);
        GV_TRY(visit_list(g, list));
    }
    for (size_t j = 0; j < g->count; j++) GV_TRY(gv_ivf_end(&g->searches[j], g->tops[j]));
    return GV_OK;
}

/* ---- a group ---- */

static GV_Status run(Group *g, size_t nprobe)
{
    GV_IvfScratch *scratch = g->searches[0].scratch;
    GV_TRY(gv_ivf_scratch_fit_visits(g->ivf, scratch, g->count * nprobe));
    g->visits = scratch->visits;
    g->first = scratch->first;
    rank_lists(g);
    return visit_lists(g);
}

static GV_Status search_group(GV_IVFPQ *ivf, const GV_Query *queries, size_t count, size_t nprobe, GV_TopK *const *tops)
{
    Group g;
    GV_Status status = GV_OK;
    g.ivf = ivf;
    g.count = 0;
    for (size_t i = 0; i < count && status == GV_OK; i++) {
        GV_IvfSearch *s = &g.searches[g.count];
        status = gv_ivf_begin(ivf, &queries[i], tops[i]->k, g.count == 0, s);
        if (status == GV_OK && s->wanted > 0) g.tops[g.count++] = tops[i];
        else if (status == GV_OK) gv_ivf_scratch_give(ivf, s->scratch);
    }
    if (status == GV_OK && g.count > 0) status = run(&g, nprobe);
    while (g.count > 0)
        gv_ivf_scratch_give(ivf, g.searches[--g.count].scratch); /* that with tables is the next to be taken */
    return status;
}

GV_Status gv_ivf_search_many(GV_Index *index, const GV_Query *queries, size_t count, GV_TopK *const *tops)
{
    GV_IVFPQ *ivf = (GV_IVFPQ *)index;
    size_t nprobe = queries[0].nprobe < ivf->nlist ? queries[0].nprobe : ivf->nlist, most = VISITS_MOST / nprobe, part;
    if (!ivf->model) return GV_OK;
    for (size_t from = 0; from < count; from += part) {
        part = count - from < most ? count - from : most;
        if (part == 1) GV_TRY(gv_ivf_search(index, &queries[from], tops[from]));
        else GV_TRY(search_group(ivf, queries + from, part, nprobe, tops + from));
    }
    return GV_OK;
}
