/* topk.c: a bounded max-heap of hits. */
#include "base/topk.h"

static void sift_down(GV_Hit *hits, size_t count, size_t at)
{
    GV_Hit moved = hits[at];
    for (size_t child; (child = 2 * at + 1) < count; at = child) {
        if (child + 1 < count && gv_hit_before(hits[child], hits[child + 1])) child++;
        if (!gv_hit_before(moved, hits[child])) break;
        hits[at] = hits[child];
    }
    hits[at] = moved;
}

void gv_topk_offer(GV_TopK *top, float distance, uint64_t id)
{
    GV_Hit hit = {id, distance};
    if (top->count == top->k) {
        if (!gv_hit_before(hit, top->hits[0])) return;
        top->hits[0] = hit;
        sift_down(top->hits, top->k, 0);
        return;
    }
    size_t at = top->count++;
    for (size_t parent; at > 0 && gv_hit_before(top->hits[parent = (at - 1) / 2], hit); at = parent)
        top->hits[at] = top->hits[parent];
    top->hits[at] = hit;
}

void gv_topk_sort(GV_TopK *top)
{
    for (size_t rest = top->count; rest > 1; rest--) {
        GV_Hit worst = top->hits[0];
        top->hits[0] = top->hits[rest - 1];
        sift_down(top->hits, rest - 1, 0);
        top->hits[rest - 1] = worst;
    }
}
