/* ivfpq.h: inverted lists of product codes (Jegou, Douze & Schmid, TPAMI 2011), for the files of this index.
 *
 * A *view* of a row is what codes are made of: scaled to length 1 (COSINE), less the mean of the training rows (not for
 * DOT_PRODUCT), turned by a random rotation if asked for, padded with zeros to `width` = m * part floats. The nearest of
 * `nlist` centroids names the view's list; what is left, the residual, is cut into m parts, and each part is named by the
 * nearest of 2^nbits words of its own book.
 *
 * With c the centroid and r the decoded residual, |q - c - r|^2 = |q - c|^2 + (|r|^2 + 2 <c, r>) - 2 <q, r>. The middle is a
 * number of the row (its *term*), and the last comes from tables that are the query's alone: they are made once, whatever
 * the number of lists visited. For DOT_PRODUCT the rank is -<q, c> - <q, r>, and terms are 0.
 *
 * Lists are chains of blocks of 32 rows. A row's place is 32 * block + its position there; a removed row's place is taken
 * by the last of its list. Until the index is trained no row has a place, and searches are scans. */
#ifndef GV_IVFPQ_H
#define GV_IVFPQ_H
#include "index/index.h"
#include "index/nearest.h"
#include "kernels/codes.h"

enum {
    GV_BLOCK_ROWS = GV_SCAN_NEIGHBOURS,
    GV_PLAN_ROWS = 2048, /* that are planned at once */
    GV_ENCODE_ROWS = 64  /* ... and by a thread */
};

/* By COSINE all rows lie on a sphere, on which their lists had better lie: of the means of cells those that are farther within are the
 * ones of wider cells, and would draw rows and searches that are not theirs. So lists are found by the directions of their centroids (spherical
 * k-means; Dhillon & Modha, Machine Learning 42, 2001), and residuals are from the centroids themselves. */
typedef struct GV_IvfSphere {
    float *room; /* all of the next; NULL: there is no sphere, by another metric */
    size_t room_count;
    float *points; /* [nlist, width]: centroids moved outward, until they are as far from the sphere's centre as rows */
    float *middle; /* [width]: what views are moved by to be seen from the centre */
    float *scales; /* [nlist]: how much farther out that is */
    float *norms;  /* [nlist]: squared, of the centroids */
} GV_IvfSphere;

typedef struct GV_IvfModel { /* what training finds; fixed from then on */
    size_t value_count;
    float *values;    /* all of the next three, as the file holds them */
    float *mean;      /* [dimension], before rotation; zeros for DOT_PRODUCT */
    float *centroids; /* [nlist, width] */
    float *books;     /* [m, part, words]: component by component */
    GV_IvfSphere sphere;
    float *norms;           /* [nlist]: squared, of what the next lead to */
    float *book_norms;      /* [m, words]: squared */
    const float **pointers; /* [nlist]: to what lists are found by: the centroids, or the points of the sphere */
    GV_CentroidCodes codes; /* of them, where that pays: codes_room is not NULL */
    void *codes_room;
    size_t codes_bytes;
} GV_IvfModel;

typedef struct GV_IvfList {
    uint32_t count;       /* rows */
    uint32_t first, last; /* blocks; GV_NO_SLOT: none */
} GV_IvfList;

typedef struct GV_IvfLists {
    GV_IvfList *lists;  /* [nlist] */
    GV_Slab blocks;     /* codes, then terms, slots and a tail: gv_block_*() */
    GV_Slab places;     /* u32 a slot: its place + 1; 0: none */
    GV_Bitset used;     /* blocks that are some list's */
    uint32_t block_end; /* all blocks ever used are below */
    uint32_t free_from; /* ... and those below this are in use */
    uint64_t row_count;
} GV_IvfLists;

typedef struct GV_BlockTail {
    uint32_t list, next, previous, zero;
} GV_BlockTail;

typedef struct GV_IvfScratch { /* borrowed by a search */
    struct GV_IvfScratch *next;
    float *view;     /* [width or more] */
    uint64_t *lists; /* [nlist]: a heap of keys */
    float *tables;   /* [m, words] */
    uint8_t *fast;   /* [nibbles, 16] */
    uint64_t *found; /* keys of candidates */
    size_t capacity;
    struct GV_IvfVisit *visits; /* of several searches that go together, in one of their scratches: ivfpq_group.c */
    uint32_t *first;            /* [nlist]: of each list's visits */
    size_t visit_room;
} GV_IvfScratch;

typedef struct GV_IVFPQ {
    GV_Index head;
    GV_IVFPQConfig config;
    uint64_t seed;
    uint32_t nlist, m, words, part;     /* m: at most the dimension */
    uint32_t nibbles;                   /* of a FastScan code: m, up to a multiple of 4; 0: codes are bytes */
    size_t turned;                      /* components that are rotated; 0: none */
    size_t width, view_room;            /* of a view; floats that making one needs */
    uint32_t *signs;                    /* of the rotation */
    size_t code_bytes;                  /* of a row in a patch: two parts a byte, or one */
    size_t terms_at, slots_at, tail_at; /* within a block */

    GV_IvfModel *model; /* NULL: not trained */
    GV_IvfLists *lists;
    GV_IvfModel *next_model; /* trained, not yet adopted; with the lists of all rows, unless their vectors are to go */
    GV_IvfLists *next_lists;
    GV_CodedRows coded; /* for the table, once the vectors are dropped */
    uint64_t placed;    /* rows in the lists whose steps are still to come: only where rows are coded */

    float *room; /* of planning: [threads, gv_encode_room()] */
    size_t room_threads;
    GV_Mutex mutex; /* of the next */
    GV_IvfScratch *resting;
} GV_IVFPQ;

/* ---- blocks ---- */

static inline uint8_t *gv_block_at(const GV_IvfLists *lists, uint32_t block)
{
    return gv_slab_at(&lists->blocks, block);
}

static inline float *gv_block_terms(const GV_IVFPQ *ivf, uint8_t *block)
{
    return (float *)(void *)(block + ivf->terms_at);
}

static inline uint32_t *gv_block_slots(const GV_IVFPQ *ivf, uint8_t *block)
{
    return (uint32_t *)(void *)(block + ivf->slots_at);
}

static inline GV_BlockTail *gv_block_tail(const GV_IVFPQ *ivf, uint8_t *block)
{
    return (GV_BlockTail *)(void *)(block + ivf->tail_at);
}

/* ---- ivfpq_model.c: views, codes ---- */

/* Values of a model of this shape; false if there are too many. */
bool gv_ivf_model_size(const GV_IVFPQ *ivf, size_t *value_count);
GV_Status gv_ivf_model_new(const GV_IVFPQ *ivf, GV_IvfModel **out);
void gv_ivf_model_free(const GV_IVFPQ *ivf, GV_IvfModel *model);

/* All that follows from the values, once these are there. GV_ERR_CORRUPT if one of them is not finite. */
GV_Status gv_ivf_model_finish(const GV_IVFPQ *ivf, GV_IvfModel *model);

/* The view of `row`; `view` is float[view_room], of which `width` are the view. */
void gv_ivf_view(const GV_IVFPQ *ivf, const float *mean, const float *row, float squared_norm, float *view);

/* The list of each of `count` <= GV_ENCODE_ROWS views; `room` is as much of gv_encode_room() as that takes. */
void gv_ivf_name_lists(const GV_IVFPQ *ivf, const GV_IvfModel *model, const float *const *views, size_t count,
                       float *room, uint32_t *lists);

/* products[words] of `part` components `x` with each word of a book. */
void gv_ivf_products(const GV_IVFPQ *ivf, const float *book, const float *x, float *products);

/* The list, term and code of rows. `room` is float[gv_encode_room()]; each row's `code` (of a patch) is zeroed first. */
typedef struct GV_Coded {
    uint32_t list;
    float term;
    uint8_t *code;
} GV_Coded;
size_t gv_encode_room(const GV_IVFPQ *ivf);
void gv_ivf_encode(const GV_IVFPQ *ivf, const GV_IvfModel *model, const uint32_t *slots, size_t count, float *room,
                   GV_Coded *out);
/* The same of views: `room` begins with them, float[count, view_room]. */
void gv_ivf_encode_views(const GV_IVFPQ *ivf, const GV_IvfModel *model, size_t count, float *room, GV_Coded *out);

/* ---- ivfpq.c ---- */

/* The room of planning is that of `threads` at least. */
GV_Status gv_ivf_fit_room(GV_IVFPQ *ivf, size_t rows);

/* ---- ivfpq_rows.c: rows that are codes ---- */

void gv_ivf_coded_init(GV_IVFPQ *ivf);

/* ---- ivfpq_lists.c ---- */

GV_Status gv_ivf_lists_new(const GV_IVFPQ *ivf, GV_IvfLists **out);
void gv_ivf_lists_free(const GV_IVFPQ *ivf, GV_IvfLists *lists);

/* Room for `rows` rows in all, on slots below `slot_end`. */
GV_Status gv_ivf_lists_reserve(const GV_IVFPQ *ivf, GV_IvfLists *lists, uint32_t slot_end, uint64_t rows);
void gv_ivf_append(const GV_IVFPQ *ivf, GV_IvfLists *lists, uint32_t slot, const GV_Coded *coded);
void gv_ivf_remove(const GV_IVFPQ *ivf, GV_IvfLists *lists, uint32_t slot); /* no-op for a row without a place */

/* What gv_ivf_append() was given for a row that has a place; its code goes to `coded->code`. */
void gv_ivf_read(const GV_IVFPQ *ivf, const GV_IvfLists *lists, uint32_t slot, GV_Coded *coded);

static inline uint32_t *gv_ivf_place(const GV_IvfLists *lists, uint32_t slot)
{
    return gv_slab_at(&lists->places, slot);
}

/* ---- ivfpq_train.c, ivfpq_search.c, ivfpq_group.c, ivfpq_scratch.c, ivfpq_save.c ---- */

extern const GV_TrainingOps gv_ivf_training;

GV_Status gv_ivf_search(GV_Index *index, const GV_Query *query, GV_TopK *top);
GV_Status gv_ivf_search_many(GV_Index *index, const GV_Query *queries, size_t count, GV_TopK *const *tops);
uint64_t gv_ivf_cost(const GV_Index *index, const GV_Query *query, size_t k, uint64_t choices);
void gv_ivf_scratch_free(const GV_IVFPQ *ivf, GV_IvfScratch *scratch);

GV_Status gv_ivf_save(GV_Index *index, GV_ImageWriter *writer);
GV_Status gv_ivf_load(GV_Index *index, GV_Image *image);
GV_Status gv_ivf_check(GV_Index *index, GV_CheckReport *report);

#endif
