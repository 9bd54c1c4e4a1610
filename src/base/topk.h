/* topk.h: the k best hits seen so far: by distance, then by id. */
#ifndef GV_TOPK_H
#define GV_TOPK_H
#include "base/status.h"

typedef struct GV_TopK {
    GV_Hit *hits;    /* [k], the caller's; a max-heap until gv_topk_sort() */
    size_t k, count; /* k > 0 */
} GV_TopK;

static inline bool gv_hit_before(GV_Hit a, GV_Hit b)
{
    return a.distance < b.distance || (a.distance == b.distance && a.id < b.id);
}

/* Would a hit at `distance` be refused whatever its id? A cheap test before the id is fetched. */
static inline bool gv_topk_refuses(const GV_TopK *top, float distance)
{
    return top->count == top->k && distance > top->hits[0].distance;
}

void gv_topk_offer(GV_TopK *top, float distance, uint64_t id);

/* Nearest first; nothing may be offered afterwards. */
void gv_topk_sort(GV_TopK *top);

#endif
