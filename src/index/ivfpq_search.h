/* ivfpq_search.h: a search of inverted lists in its steps: alone (ivfpq_search.c), or together with others (ivfpq_group.c).
 *
 * begin, rank every list, make tables, scan some of the nearest lists in any order, end: what is found does not depend on the order,
 * nor on which searches share what they read. */
#ifndef GV_IVFPQ_SEARCH_H
#define GV_IVFPQ_SEARCH_H
#include "index/ivfpq.h"

enum {
    GV_IVF_FIRST_LISTS = 24 /* kept in order; a heap has the others, if they are wanted */
};

typedef struct GV_IvfVisit { /* of a search to a list, among those that share the list */
    float near;
    uint32_t search, next; /* next: GV_NO_SLOT after the last */
} GV_IvfVisit;

typedef struct GV_IvfSearch {
    const GV_IVFPQ *ivf;
    const GV_Query *query;
    GV_IvfScratch *scratch;
    size_t wanted;    /* candidates */
    size_t count;     /* in scratch->found */
    float bound;      /* candidates are below */
    float base, step; /* of the tables that are scanned */
    bool dot;
    float middle;      /* product of the view and the sphere's middle, where there is a sphere */
    size_t list_count; /* in scratch->lists */
    bool heaped;       /* ... which are a heap by now, the first ones taken out */
    uint64_t first[GV_IVF_FIRST_LISTS];
    size_t first_count, first_at;
} GV_IvfSearch;

/* Takes a scratch, which gv_ivf_scratch_give() gives back, with tables or, where four-bit codes do without after a while, not. `wanted` is 0 where there is nothing to search for, and where sums of products
 * might overflow: the exact scan has the answer then. */
GV_Status gv_ivf_begin(GV_IVFPQ *ivf, const GV_Query *query, size_t k, bool tables, GV_IvfSearch *s);

/* Each of some lists has rows, and dots[i * stride] is the product of its centroid and the query's view. */
void gv_ivf_rank_lists(GV_IvfSearch *s, const uint32_t *lists, size_t count, const float *dots, size_t stride);

/* After the lists are ranked: the view is spoilt. In the tables of `room`, where codes are of four bits: it may be another search's. */
void gv_ivf_make_tables(GV_IvfSearch *s, GV_IvfScratch *room);

typedef struct GV_IvfNear { /* a list, and how near it is */
    uint32_t list;
    float near;
} GV_IvfNear;

/* The nearest list that has not been taken yet; false: there is none. */
bool gv_ivf_next_list(GV_IvfSearch *s, GV_IvfNear *next);

GV_Status gv_ivf_scan_list(GV_IvfSearch *s, GV_IvfNear near);

/* The `rows` of a block, of a list that is so near. */
GV_Status gv_ivf_scan_block(GV_IvfSearch *s, uint8_t *block, uint32_t rows, float near);

/* Lists until there are enough candidates, which are measured in full. */
GV_Status gv_ivf_end(GV_IvfSearch *s, GV_TopK *top);

/* The whole of a block is sent for: blocks lie anywhere, and each is too short for the hardware to see where it goes. */
static inline void gv_ivf_prefetch_block(const GV_IVFPQ *ivf, uint32_t number)
{
    gv_prefetch(gv_block_at(ivf->lists, number), ivf->tail_at + 1);
}

typedef struct GV_IvfBlocks { /* of a list, from the first to the last */
    uint32_t left, at;        /* rows, and the block that has the next of them */
    uint8_t *block;           /* the present one, ... */
    uint32_t rows;            /* ... and how many rows it has */
} GV_IvfBlocks;

static inline GV_IvfBlocks gv_ivf_blocks(const GV_IVFPQ *ivf, uint32_t list)
{
    return (GV_IvfBlocks){.left = ivf->lists->lists[list].count, .at = ivf->lists->lists[list].first};
}

static inline bool gv_ivf_next_block(const GV_IVFPQ *ivf, GV_IvfBlocks *b)
{
    if (b->left == 0) return false;
    b->block = gv_block_at(ivf->lists, b->at);
    b->rows = b->left < GV_BLOCK_ROWS ? b->left : GV_BLOCK_ROWS;
    b->left -= b->rows;
    b->at = gv_block_tail(ivf, b->block)->next;
    if (b->at != GV_NO_SLOT) gv_ivf_prefetch_block(ivf, b->at);
    return true;
}

/* ---- ivfpq_scratch.c ---- */

GV_Status gv_ivf_scratch_take(GV_IVFPQ *ivf, size_t capacity, bool tables, GV_IvfScratch **out);
void gv_ivf_scratch_give(GV_IVFPQ *ivf, GV_IvfScratch *scratch);

/* Room for `capacity` candidates, of which `count` are kept. */
GV_Status gv_ivf_scratch_fit(const GV_IVFPQ *ivf, GV_IvfScratch *scratch, size_t capacity, size_t count);

/* Room for visits, and for the first of each list. */
GV_Status gv_ivf_scratch_fit_visits(const GV_IVFPQ *ivf, GV_IvfScratch *scratch, size_t visits);

#endif
