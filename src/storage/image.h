/* image.h: writing and reading the packed image: sections at page boundaries, a checksum for each 64 KiB block. */
#ifndef GV_IMAGE_H
#define GV_IMAGE_H
#include "base/slab.h"
#include "storage/format.h"
#include "storage/superblock.h"
#include "storage/vfs.h"

/* ---- writing: begin, sections one after the other, end ---- */

enum {
    GV_SECTIONS_MAX = 32
};

typedef struct GV_Section {
    uint32_t type, flags;
    uint64_t offset, size; /* bytes of the file */
    uint64_t first_block;  /* index of its first checksum in the table of all blocks */
} GV_Section;

typedef struct GV_ImageWriter {
    const GV_Vfs *vfs;
    GV_File *file;
    GV_Heap heap;
    uint64_t at;     /* where the buffer goes */
    uint8_t *buffer; /* one block, or part of it */
    size_t fill;
    uint32_t *checksums; /* one a block, all sections */
    size_t checksum_count, checksum_capacity;
    GV_Section sections[GV_SECTIONS_MAX];
    size_t section_count;
} GV_ImageWriter;

GV_Status gv_image_begin(GV_ImageWriter *writer, const GV_Vfs *vfs, GV_File *file);
GV_Status gv_image_section(GV_ImageWriter *writer, GV_SectionType type); /* ends the one before; all are required */
GV_Status gv_image_put(GV_ImageWriter *writer, const void *data, size_t size);
GV_Status gv_image_put_slab(GV_ImageWriter *writer, const GV_Slab *slab, size_t count);
/* Tables, then both superblocks with `superblock`'s offsets filled in. Nothing is synced. */
GV_Status gv_image_end(GV_ImageWriter *writer, GV_Superblock *superblock);
void gv_image_writer_free(GV_ImageWriter *writer);

/* ---- reading ---- */

/* Blocks, and so checksums, of a section of `size` bytes. */
static inline uint64_t gv_block_count(uint64_t size) { return size / GV_BLOCK_BYTES + (size % GV_BLOCK_BYTES != 0); }

typedef struct GV_Image {
    const GV_Vfs *vfs;
    GV_File *file;
    GV_Heap *heap;
    GV_Section sections[GV_SECTIONS_MAX];
    size_t section_count;
    uint32_t *checksums;
    size_t checksum_count;
    uint8_t *map; /* the file mapped, or NULL */
    uint64_t map_size;
    uint8_t *block; /* a block being verified */
} GV_Image;

/* Read and verify the section table that `superblock` names. */
GV_Status gv_image_open(GV_Image *image, GV_Heap *heap, const GV_Vfs *vfs, GV_File *file,
                        const GV_Superblock *superblock);
void gv_image_close(GV_Image *image); /* not the file, not the map */

/* The section of this type, or NULL. */
const GV_Section *gv_image_find(const GV_Image *image, GV_SectionType type);

/* Bytes `offset .. offset + size` of a section, verified. GV_ERR_CORRUPT past its end or where a block is damaged. */
GV_Status gv_image_read(GV_Image *image, const GV_Section *section, uint64_t offset, void *out, size_t size);

/* Fill an empty slab with the `count` elements that the section of `type` must hold, no more, no fewer. */
GV_Status gv_image_load_slab(GV_Image *image, GV_SectionType type, GV_Slab *slab, size_t count);

/* Verify every block of a section. */
GV_Status gv_image_verify(GV_Image *image, const GV_Section *section);

#endif
