/* hnsw_patch.h: the operations of a patch, for those that read it (hnsw_patch.c says what they mean). */
#ifndef GV_HNSW_PATCH_H
#define GV_HNSW_PATCH_H
#include "index/hnsw.h"
#include <assert.h>

typedef enum GV_OpCode {
    GV_OP_NODE = 1,
    GV_OP_LIST = 2,
    GV_OP_LINK = 3,
    GV_OP_ENTRY = 4,
    GV_OP_JOIN = 5,
    GV_OP_LEAVE = 6,
    GV_OP_GHOST = 7,
    GV_OP_REMOVE = 8,
} GV_OpCode;

typedef struct GV_Op {
    GV_OpCode code;
    uint32_t level, number;
    const uint32_t *words; /* operands */
    const uint32_t *bits;  /* of LIST and LINK */
} GV_Op;

/* The operation at `*at`, which moves on; false at the end, and early (`*at` short of it) where there is none. */
bool gv_patch_next(const GV_HNSW *hnsw, const GV_Patch *patch, size_t *at, GV_Op *op);

/* Carry out one operation, which must be possible. */
void gv_patch_carry_out(GV_HNSW *hnsw, const GV_Op *op);

#endif
