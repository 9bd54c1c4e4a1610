/* format.h: the bytes on disk: numbers, names and limits that docs/format.md specifies.
 *
 *   0      superblock, copy A (one 4 KiB page)
 *   4096   superblock, copy B
 *   8192   clean-close mark (the one thing ever written in place, in a sector of its own)
 *   12288  packed image: sections, each at a multiple of 4 KiB, then the section table
 *   ...    log tail, from the superblock's log_start to the end of the file */
#ifndef GV_FORMAT_H
#define GV_FORMAT_H
#include "kernels/stored.h"
#include <gigavector.h>

#ifdef GV_SMALL_MODULE
#define GV_HAS_IVFPQ 0 /* nor rows that are codes: not in the small WebAssembly module (cmake/wasm.cmake) */
#else
#define GV_HAS_IVFPQ 1
#endif

enum {
    GV_FORMAT_VERSION = GV_HAS_IVFPQ, /* the newest that is read; may change freely until the first release */
    GV_FORMAT_PLAIN = 0,
    GV_FORMAT_DROPS = 1, /* of an index that drops its vectors: who knows version 0 alone would look for them */
    GV_PAGE_BYTES = 4096,
    GV_SECTOR_BYTES = 512,
    GV_CLEAN_MARK_OFFSET = 8192,
    GV_IMAGE_OFFSET = 12288,
    GV_BLOCK_BYTES = 65536, /* what one checksum of a section covers */
    GV_FRAME_HEADER_BYTES = 40,
    GV_FRAME_TARGET_BYTES = 1 << 18, /* a frame is closed when a record would take it past this */
    GV_FRAME_PAYLOAD_MAX = 1 << 21,  /* one record of the largest row with the largest metadata fits */
    GV_DIMENSION_MAX = 65535,
    GV_METADATA_ROW_MAX = (1 << 20) - 64, /* bytes of one row's packed metadata */
};

#define GV_SPARSE_DIMENSION_MAX ((size_t)INT32_MAX)
#define GV_SLOTS_MAX ((uint32_t)INT32_MAX)  /* walks keep a slot and a bit in 32 bits */
#define GV_ID_MAX ((uint64_t)INT64_MAX)     /* fits a signed 64-bit column in NumPy */
#define GV_DEFAULT_SEED 0x6769676176656374u /* "gigavect" */

/* Section types. Bit 31 of `flags`: a reader that does not know the type must refuse the file. */
typedef enum GV_SectionType {
    GV_SECTION_ROWS = 1,        /* rows as they are stored (kernels/stored.h), `row stride` bytes a slot */
    GV_SECTION_IDS = 2,         /* u64 a slot; UINT64_MAX: no live row */
    GV_SECTION_NORMS = 3,       /* f32 a slot: the squared norm, canonical dot(x, x) */
    GV_SECTION_METADATA_AT = 4, /* u64 a slot: offset in METADATA of its packed row, plus 1; 0: none */
    GV_SECTION_METADATA = 5,    /* packed rows, each a u32 size and that many bytes */
    GV_SECTION_PAIRS_AT = 6,    /* SPARSE: as METADATA_AT, of PAIRS; every live row has some, perhaps empty */
    GV_SECTION_PAIRS = 7,       /* sparse rows, each a u32 size, then u32 indices and as many f32 values */
    GV_SECTION_KEYS = 8,        /* the keys that are declared to be indexed (keys.h); if there are any, as the next */
    GV_SECTION_KEY_VALUES = 9,  /* for each key u32 a slot: the number of its value, from 1; 0: none */
    GV_SECTION_HNSW = 16,       /* entry point, counts */
    GV_SECTION_LINKS = 17,      /* u32 base links, fixed stride a slot */
    GV_SECTION_SURVIVORS = 18,  /* which of them the heuristic chose */
    GV_SECTION_UPPER_AT = 19,   /* u32 a slot: its first upper record */
    GV_SECTION_UPPER = 20,      /* upper records */
    GV_SECTION_TWINS = 21,      /* rings of equal rows */
    GV_SECTION_CODES = 22,      /* u8 codes of the rows, fixed stride a slot */
    GV_SECTION_CODE_HEADS = 23, /* four f32 a slot: step, low, spread, squared norm */
    GV_SECTION_BLOCKS = 24,     /* 1-bit codes of each node's neighbours, fixed stride a slot; with use_binary_quant */
    GV_SECTION_IVFPQ = 32,      /* whether it is trained, counts */
    GV_SECTION_IVF_MODEL = 33,  /* f32: mean, centroids, books; once trained, as the next two */
    GV_SECTION_IVF_LISTS = 34,  /* three u32 a list: rows, first and last block */
    GV_SECTION_IVF_BLOCKS = 35, /* codes, terms, slots of 32 rows, and a tail: fixed stride a block */
} GV_SectionType;
#define GV_SECTION_REQUIRED 0x80000000u

/* Log frame types. */
typedef enum GV_FrameType {
    GV_FRAME_ADD = 1,      /* rows and their metadata */
    GV_FRAME_DELETE = 2,   /* ids */
    GV_FRAME_UPDATE = 3,   /* one id and its new row */
    GV_FRAME_METADATA = 4, /* one id and its new metadata */
    GV_FRAME_TRAIN = 6,    /* what an index was trained to, piece by piece: a group of its own */
    GV_FRAME_KEYS = 7,     /* the keys that are declared to be indexed, all of them */
    GV_FRAME_PATCH = 5,    /* what the group before did to the index; without it the index repeats the work */
} GV_FrameType;
enum {
    GV_FRAME_COMMIT = 1
}; /* flag: the last frame of its group */

/* Bytes a slot of rows of `bytes`: a whole number of cache lines, or, below one, a power of two: no row straddles a line without need.
 * INT8 has a scale in front, which would take a line of its own: its rows lie close together. */
static inline size_t gv_row_stride(GV_Storage storage, size_t bytes)
{
    size_t power = 4;
    if (GV_HAS_STORAGE && storage == GV_STORAGE_INT8) return (bytes + 3) & ~(size_t)3;
    while (power < bytes && power < 64) power *= 2;
    return bytes > 64 ? (bytes + 63) & ~(size_t)63 : power;
}

#endif
