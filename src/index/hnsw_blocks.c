/* hnsw_blocks.c: the gate of the hybrid walk: beside its links a node keeps its neighbours' 1-bit codes (RaBitQ,
 * arXiv:2405.12497), relative to itself and in FastScan order, as in SymphonyQG (arXiv:2411.12229). 32 estimates cost about
 * as much as six rows, and only neighbours that look near enough have their rows fetched: estimates decide what is
 * measured, never what is found or in which order. kernels/codes.h has the layout of a block and the formulas. */
#include "index/hnsw.h"
#include <math.h>

#define FAR_AWAY 1e30f /* what an unused place of a block is estimated at */

enum {
    CHUNK_BYTES = 1 << 18
};

static size_t code_bytes(const GV_HNSW *hnsw) { return hnsw->codes.padded / 4 * 16; }

static size_t block_bytes(const GV_HNSW *hnsw) { return code_bytes(hnsw) + 2 * GV_SCAN_NEIGHBOURS * sizeof(float); }

typedef struct Block {
    uint8_t *codes;
    float *A, *F; /* [GV_SCAN_NEIGHBOURS] */
} Block;

static Block block_at(const GV_HNSW *hnsw, uint32_t node, uint32_t index)
{
    uint8_t *codes = (uint8_t *)gv_slab_at(&hnsw->blocks, node) + index * block_bytes(hnsw);
    float *A = (float *)(void *)(codes + code_bytes(hnsw));
    return (Block){codes, A, A + GV_SCAN_NEIGHBOURS};
}

static uint32_t block_count(const GV_HNSW *hnsw)
{
    return (hnsw->degree + GV_SCAN_NEIGHBOURS - 1) / GV_SCAN_NEIGHBOURS;
}

GV_Status gv_blocks_init(GV_HNSW *hnsw)
{
    hnsw->scan_limit = gv_scan_limit(hnsw->codes.padded);
    gv_slab_init(&hnsw->blocks, hnsw->head.heap, block_count(hnsw) * block_bytes(hnsw), CHUNK_BYTES);
    hnsw->block_work = gv_alloc_lines(hnsw->head.heap, 2 * hnsw->codes.padded * sizeof *hnsw->block_work);
    return hnsw->block_work ? GV_OK : gv_last_status();
}

void gv_blocks_free(GV_HNSW *hnsw)
{
    if (!hnsw->block_work) return;
    gv_slab_free(&hnsw->blocks);
    gv_release_lines(hnsw->head.heap, hnsw->block_work, 2 * hnsw->codes.padded * sizeof *hnsw->block_work);
    hnsw->block_work = NULL;
}

/* ---- upkeep ---- */

static void decode(const GV_Codes *codes, uint32_t slot, float *x)
{
    const uint8_t *bytes = gv_codes_row(codes, slot);
    GV_CodeHead head = *gv_codes_head(codes, slot);
    for (size_t i = 0; i < codes->padded; i++) x[i] = head.low + head.step * (float)bytes[i];
}

void gv_blocks_drop(GV_HNSW *hnsw, uint32_t node, uint32_t from)
{
    if (!gv_hnsw_gated(hnsw)) return;
    for (uint32_t j = from; j < block_count(hnsw) * GV_SCAN_NEIGHBOURS; j++) {
        Block block = block_at(hnsw, node, j / GV_SCAN_NEIGHBOURS);
        block.A[j % GV_SCAN_NEIGHBOURS] = FAR_AWAY;
        block.F[j % GV_SCAN_NEIGHBOURS] = 0.0f;
    }
}

void gv_blocks_clear(GV_HNSW *hnsw, uint32_t node)
{
    if (!gv_hnsw_gated(hnsw)) return;
    memset(gv_slab_at(&hnsw->blocks, node), 0, hnsw->blocks.stride);
    gv_blocks_drop(hnsw, node, 0);
}

/* For a squared distance A + base - F <s, q>; for the negated product, of which base is -2 <c, q>, A is 0. */
void gv_blocks_write(GV_HNSW *hnsw, uint32_t node, const uint32_t *links, uint32_t from, uint32_t count)
{
    const GV_Codes *codes = &hnsw->codes;
    if (!gv_hnsw_gated(hnsw)) return;
    float *centre = hnsw->block_work, *x = centre + codes->padded;
    decode(codes, node, centre);
    for (uint32_t j = from; j < from + count; j++) {
        Block block = block_at(hnsw, node, j / GV_SCAN_NEIGHBOURS);
        uint32_t place = j % GV_SCAN_NEIGHBOURS;
        float l1, l2sq, product;
        if (links[j] >= hnsw->slot_end) { /* of a patch that nobody planned: there is no such row */
            block.A[place] = FAR_AWAY;
            block.F[place] = 0.0f;
            continue;
        }
        decode(codes, links[j], x);
        codes->kernels->encode_neighbour(x, centre, codes->padded, block.codes, place, &l1, &l2sq, &product);
        float f = l1 > 0.0f ? l2sq / l1 : 0.0f;
        block.A[place] = codes->distance == GV_DISTANCE_DOT_PRODUCT ? 0.0f : l2sq + 2.0f * f * product;
        block.F[place] = 2.0f * f;
    }
}

/* ---- the gate ---- */

void gv_gate_open(const GV_HNSW *hnsw, GV_Scratch *scratch)
{
    int32_t total;
    const GV_Codes *codes = &hnsw->codes;
    codes->kernels->encode_query(scratch->work, codes->padded, hnsw->scan_limit, scratch->scan_code,
                                 &scratch->scan_step, &total);
    codes->kernels->scan_tables(scratch->scan_code, codes->padded, hnsw->scan_limit, scratch->tables);
}

uint32_t gv_gate_pass(const GV_HNSW *hnsw, const GV_Scratch *scratch, uint32_t node, uint32_t index, float base,
                      float bound)
{
    float estimates[GV_SCAN_NEIGHBOURS];
    Block block = block_at(hnsw, node, index);
    const GV_Codes *codes = &hnsw->codes;
    if (codes->distance == GV_DISTANCE_DOT_PRODUCT && bound < INFINITY) {
        /* estimates have a floor of 0: shift both sides above it */
        float shift = fabsf(base - bound) + 0x1p-100f;
        base = (base - bound) + shift;
        bound = shift;
    }
    return codes->kernels->scan_block(block.codes, scratch->tables, codes->padded, hnsw->scan_limit, block.A, block.F,
                                      base, scratch->scan_step, bound, estimates);
}
