/* kdtree.h: a balanced k-d tree (Bentley 1975) over the rows, as a cache: what is not in it is looked at one by one, so
 * answers are exact whatever it holds, nothing of it is in the file, and loading builds it. */
#ifndef GV_KDTREE_H
#define GV_KDTREE_H
#include "index/index.h"

enum {
    GV_KD_LEAF = 16,      /* rows at most in a leaf */
    GV_KD_DIMENSIONS = 64 /* at most: beyond them boxes prune nothing, and every search is a scan */
};

typedef struct GV_KDTree { /* node i has children 2i + 1 and 2i + 2, which halve its part of `slots` */
    uint32_t *slots;       /* [capacity] */
    float *boxes;          /* [nodes][2][dimension]: least and greatest components */
    float *rows;           /* copies: of a leaf that begins at slots[b], from b * dimension, component by component */
    size_t capacity, box_floats, row_floats, count;
} GV_KDTree;

/* How many nodes a tree of `count` rows has room for. */
size_t gv_kd_nodes(size_t count);

GV_Status gv_kd_reserve(GV_KDTree *tree, GV_Heap *heap, size_t dimension, size_t count);
void gv_kd_free(GV_KDTree *tree, GV_Heap *heap);

/* Order tree->slots[0 .. count) and make the boxes; there is room. */
void gv_kd_build(GV_KDTree *tree, const GV_Table *table);

/* Offer the accepted rows of the tree whose bit in `indexed` is set, but those that cannot be among the best. False:
 * too many had to be looked at, a scan is cheaper. */
bool gv_kd_search(const GV_KDTree *tree, const GV_Table *table, const GV_Metric *metric, const GV_Query *query,
                  const GV_Bitset *indexed, GV_TopK *top);

#endif
