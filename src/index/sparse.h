/* sparse.h: inverted lists of sparse rows: for every index that rows have, who has it and with what value (Zobel & Moffat, ACM
 * Computing Surveys 2006). A cache, as the k-d tree is: a row that is not in the lists is looked at, so answers are exact whatever they
 * hold, nothing of them is in the file, and loading builds them. */
#ifndef GV_SPARSE_H
#define GV_SPARSE_H
#include "index/index.h"

typedef struct GV_SparseList {
    uint32_t index, count, capacity;
    float greatest;  /* of all values that ever were in it, by magnitude */
    uint32_t *slots; /* [capacity], then as many values */
} GV_SparseList;

static inline float *gv_list_values(const GV_SparseList *list) { return (float *)(list->slots + list->capacity); }

typedef struct GV_SparseScratch GV_SparseScratch;

typedef struct GV_Sparse {
    GV_Index head;
    GV_SparseList *lists; /* [list_capacity] */
    uint32_t *buckets;    /* [bucket_count], a power of two: list + 1 by its index, or 0; open addressing */
    size_t list_count, list_capacity, bucket_count;
    GV_Bitset indexed; /* rows whose every pair is in its list */
    GV_Step step;      /* that is planned */
    GV_Mutex mutex;    /* of `resting` */
    GV_SparseScratch *resting;
} GV_Sparse;

GV_SparseList *gv_sparse_list(const GV_Sparse *sparse, uint32_t index);

/* By COSINE, rows this short have dot products of which f32 keeps few digits: sums of lists do not follow those. Such rows are looked
 * at, as are all for such a query. */
static inline bool gv_sparse_is_tiny(GV_DistanceType distance, float squared_norm)
{
    return distance == GV_DISTANCE_COSINE && squared_norm > 0.0f && squared_norm < 0x1p-64f;
}

/* The distance of a stored row from a query. */
static inline float gv_sparse_distance(GV_DistanceType distance, const GV_SparseRow *query, float squared_norm,
                                       const GV_Table *table, uint32_t slot)
{
    GV_SparseRow row = gv_table_pairs(table, slot);
    return gv_rank_of_sum(distance, (float)gv_sparse_dot(query, &row), squared_norm, gv_table_norm(table, slot));
}

/* Offer the nearest accepted rows to `top`: all there are, exactly, by any metric that sparse rows have. */
GV_Status gv_sparse_search(GV_Sparse *sparse, const GV_SparseQuery *query, GV_TopK *top, GV_SparseFound *found);
void gv_sparse_scratch_free(GV_Sparse *sparse, GV_SparseScratch *scratch);

#endif
