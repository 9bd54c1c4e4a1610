/* hnsw_build.h: what the writer plans with: the rows of one batch, and the lists they change. */
#ifndef GV_HNSW_BUILD_H
#define GV_HNSW_BUILD_H
#include "index/hnsw.h"

enum {
    GV_BATCH_MAX = 256,    /* rows planned at once, ... */
    GV_BATCH_LINKS = 8192, /* ... with at most so many base links, ... */
    GV_BATCH_SHARE = 16,   /* ... and at most one for so many nodes that are there */
    GV_BATCH_LEVELS = 4,   /* of the batch's layers above the base there is room for a quarter of its rows ... */
    GV_BATCH_LEVELS_LEAST = GV_LEVEL_MAX /* ... and for those of any one row */
};

typedef struct GV_Newcomer { /* a row that is being inserted */
    uint32_t slot, level;
    uint32_t equal;      /* an earlier row of the batch with the same vector: its place in the batch, or GV_NO_SLOT */
    uint32_t head;       /* the node it follows, having the same vector; GV_NO_SLOT: it becomes a node itself */
    uint32_t upper_list; /* its lists of layers 1, 2, ... are the build's upper_lists from here on */
    size_t candidate_count;
    atomic_uint linked; /* nodes that have taken its offer */
} GV_Newcomer;

typedef struct GV_Revision { /* of the list of a node that newcomers were offered to */
    uint32_t node, level, count;
    uint32_t survivors[GV_SURVIVOR_WORDS], changed[GV_SURVIVOR_WORDS];
    uint32_t links[];
} GV_Revision;

typedef struct GV_Build {
    size_t capacity;  /* rows */
    uint32_t threads; /* scratches */
    GV_Scratch **scratch;
    GV_Newcomer *newcomers;
    uint64_t *candidates; /* [capacity, ef_construction]: nearest first */
    GV_Draft *lists;      /* [capacity]: of the base layer */
    GV_Draft *upper_lists;
    size_t upper_capacity;
    uint64_t *offers; /* layer, node, newcomer, position in its list; sorted */
    size_t offer_capacity;
    uint32_t *groups; /* where each node's offers begin */
    uint8_t *revisions;
    size_t revision_bytes; /* one */

    size_t count, follower_count, offer_count, group_count; /* of the batch under way */
    uint32_t lowest_slot;
} GV_Build;

/* Rows that a batch of `steps` steps or more may have, and layers above the base that so many rows may have together. What
 * a batch is goes by these, not by the memory at hand, of which a recovery has another amount than the call had. */
size_t gv_build_rows(const GV_HNSW *hnsw, size_t steps);
size_t gv_build_levels(size_t rows);

static inline GV_Revision *gv_build_revision(const GV_Build *build, size_t i)
{
    return (GV_Revision *)(void *)(build->revisions + i * build->revision_bytes);
}

#endif
