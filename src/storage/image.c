/* image.c: the packed image. Section table: one 32-byte entry a section, then one u32 checksum a block of all sections.
 * A block is GV_BLOCK_BYTES of its section, the last one shorter; padding between sections is zero and not covered. */
#include "storage/image.h"
#include "base/bytes.h"
#include "base/checked.h"
#include "base/crc32c.h"

enum {
    ENTRY_BYTES = 32
};

#ifdef GV_SMALL_MODULE
#define LAST_OF_TABLE GV_SECTION_PAIRS /* declared keys come with the index over metadata */
#define UNKNOWN_TO "unknown to this version: it may need gigavector.all.wasm"
#else
#define LAST_OF_TABLE GV_SECTION_KEY_VALUES
#define UNKNOWN_TO "unknown to this version"
#endif

/* ---- writing ---- */

GV_Status gv_image_begin(GV_ImageWriter *w, const GV_Vfs *vfs, GV_File *file)
{
    memset(w, 0, sizeof *w);
    w->vfs = vfs;
    w->file = file;
    w->at = GV_IMAGE_OFFSET;
    w->buffer = gv_alloc(&w->heap, GV_BLOCK_BYTES);
    return w->buffer ? GV_OK : gv_last_status();
}

static GV_Status add_checksum(GV_ImageWriter *w, uint32_t checksum)
{
    if (w->checksum_count == w->checksum_capacity) {
        size_t capacity = w->checksum_capacity ? 2 * w->checksum_capacity : 256;
        uint32_t *wider = gv_alloc_array(&w->heap, capacity, sizeof *wider);
        if (!wider) return gv_last_status();
        if (w->checksums) memcpy(wider, w->checksums, w->checksum_count * sizeof *wider);
        gv_release(&w->heap, w->checksums, w->checksum_capacity * sizeof *wider);
        w->checksums = wider;
        w->checksum_capacity = capacity;
    }
    w->checksums[w->checksum_count++] = checksum;
    return GV_OK;
}

static GV_Status write_block(GV_ImageWriter *w)
{
    if (w->fill == 0) return GV_OK;
    GV_TRY(add_checksum(w, gv_crc32c(0, w->buffer, w->fill)));
    GV_TRY(w->vfs->write(w->file, w->at, w->buffer, w->fill));
    w->at += w->fill;
    w->fill = 0;
    return GV_OK;
}

static GV_Status pad_to_page(GV_ImageWriter *w)
{
    static const uint8_t zeros[GV_PAGE_BYTES];
    size_t padding = (size_t)(gv_round_up(w->at, GV_PAGE_BYTES) - w->at);
    if (padding > 0) GV_TRY(w->vfs->write(w->file, w->at, zeros, padding));
    w->at += padding;
    return GV_OK;
}

static GV_Status end_section(GV_ImageWriter *w)
{
    if (w->section_count == 0) return GV_OK;
    GV_TRY(write_block(w));
    GV_Section *section = &w->sections[w->section_count - 1];
    section->size = w->at - section->offset;
    return pad_to_page(w);
}

GV_Status gv_image_section(GV_ImageWriter *w, GV_SectionType type)
{
    GV_TRY(end_section(w));
    if (w->section_count == GV_SECTIONS_MAX)
        return gv_fail(GV_ERR_LIMIT, "image: more than %d sections", GV_SECTIONS_MAX);
    w->sections[w->section_count++] = (GV_Section){
        .type = (uint32_t)type, .flags = GV_SECTION_REQUIRED, .offset = w->at, .first_block = w->checksum_count};
    return GV_OK;
}

GV_Status gv_image_put(GV_ImageWriter *w, const void *data, size_t size)
{
    const uint8_t *p = data;
    while (size > 0) {
        size_t part = GV_BLOCK_BYTES - w->fill;
        if (part > size) part = size;
        memcpy(w->buffer + w->fill, p, part);
        w->fill += part;
        p += part;
        size -= part;
        if (w->fill == GV_BLOCK_BYTES) GV_TRY(write_block(w));
    }
    return GV_OK;
}

GV_Status gv_image_put_slab(GV_ImageWriter *w, const GV_Slab *slab, size_t count)
{
    size_t step = gv_slab_chunk_elements(slab);
    for (size_t i = 0; i < count; i += step) {
        size_t part = count - i < step ? count - i : step;
        GV_TRY(gv_image_put(w, gv_slab_at(slab, i), part * slab->stride));
    }
    return GV_OK;
}

GV_Status gv_image_end(GV_ImageWriter *w, GV_Superblock *superblock)
{
    GV_TRY(end_section(w));
    size_t size = w->section_count * ENTRY_BYTES + w->checksum_count * sizeof(uint32_t);
    uint8_t *table = gv_alloc(&w->heap, size);
    if (!table) return gv_last_status();
    for (size_t i = 0; i < w->section_count; i++) {
        uint8_t *entry = table + i * ENTRY_BYTES;
        gv_put_u32(entry, w->sections[i].type);
        gv_put_u32(entry + 4, w->sections[i].flags);
        gv_put_u64(entry + 8, w->sections[i].offset);
        gv_put_u64(entry + 16, w->sections[i].size);
        gv_put_u64(entry + 24, w->sections[i].first_block);
    }
    if (w->checksum_count > 0) memcpy(table + w->section_count * ENTRY_BYTES, w->checksums, w->checksum_count * 4);
    superblock->section_count = (uint32_t)w->section_count;
    superblock->table_offset = w->at;
    superblock->table_bytes = size;
    superblock->table_checksum = gv_crc32c(0, table, size);
    GV_Status status = w->vfs->write(w->file, w->at, table, size);
    gv_release(&w->heap, table, size);
    if (status != GV_OK) return status;
    w->at += size;
    GV_TRY(pad_to_page(w));
    superblock->log_start = w->at;
    static const uint8_t no_mark[GV_PAGE_BYTES];
    GV_TRY(w->vfs->write(w->file, GV_CLEAN_MARK_OFFSET, no_mark, sizeof no_mark));
    return gv_superblock_write(w->vfs, w->file, superblock);
}

void gv_image_writer_free(GV_ImageWriter *w)
{
    gv_release(&w->heap, w->buffer, GV_BLOCK_BYTES);
    gv_release(&w->heap, w->checksums, w->checksum_capacity * sizeof *w->checksums);
    w->buffer = NULL;
    w->checksums = NULL;
}

/* ---- reading ---- */

static bool is_known(uint32_t type)
{
    return (type >= GV_SECTION_ROWS && type <= LAST_OF_TABLE) ||
           (type >= GV_SECTION_HNSW && type <= GV_SECTION_BLOCKS) ||
           (type >= GV_SECTION_IVFPQ && type <= GV_SECTION_IVF_BLOCKS);
}

/* Sections lie one behind the other within the image, and so do their checksums within the table. */
static GV_Status read_sections(GV_Image *image, const uint8_t *table, const GV_Superblock *s)
{
    uint64_t at = GV_IMAGE_OFFSET, blocks = 0;
    image->checksum_count = (size_t)(s->table_bytes - (uint64_t)s->section_count * ENTRY_BYTES) / 4;
    for (uint32_t i = 0; i < s->section_count; i++) {
        const uint8_t *entry = table + (size_t)i * ENTRY_BYTES;
        GV_Section section = {gv_get_u32(entry), gv_get_u32(entry + 4), gv_get_u64(entry + 8), gv_get_u64(entry + 16),
                              gv_get_u64(entry + 24)};
        if (section.offset < at || section.offset % GV_PAGE_BYTES != 0 || section.offset > s->table_offset ||
            section.size > s->table_offset - section.offset || section.first_block != blocks ||
            gv_block_count(section.size) > image->checksum_count - blocks)
            return gv_fail(GV_ERR_CORRUPT, "section table at offset %llu: section %u does not fit the image",
                           (unsigned long long)s->table_offset, i);
        if ((section.flags & GV_SECTION_REQUIRED) && !is_known(section.type))
            return gv_fail(GV_ERR_UNSUPPORTED, "the file has a required section of type %u, " UNKNOWN_TO, section.type);
        at = section.offset + section.size;
        blocks += gv_block_count(section.size);
        image->sections[image->section_count++] = section;
    }
    if (blocks != image->checksum_count)
        return gv_fail(GV_ERR_CORRUPT, "section table at offset %llu: %zu checksums for %llu blocks",
                       (unsigned long long)s->table_offset, image->checksum_count, (unsigned long long)blocks);
    return GV_OK;
}

GV_Status gv_image_open(GV_Image *image, GV_Heap *heap, const GV_Vfs *vfs, GV_File *file, const GV_Superblock *s)
{
    *image = (GV_Image){.vfs = vfs, .file = file, .heap = heap, .map = image->map, .map_size = image->map_size};
    unsigned long long at = s->table_offset;
    if (s->section_count > GV_SECTIONS_MAX || s->table_bytes < (uint64_t)s->section_count * ENTRY_BYTES ||
        s->table_bytes > SIZE_MAX / 2)
        return gv_fail(GV_ERR_CORRUPT, "section table at offset %llu: %u sections in %llu bytes", at, s->section_count,
                       (unsigned long long)s->table_bytes);
    size_t size = (size_t)s->table_bytes, got;
    uint8_t *table = gv_alloc(heap, size);
    if (!table) return gv_last_status();
    GV_Status status = vfs->read(file, s->table_offset, table, size, &got);
    if (status == GV_OK && (got < size || gv_crc32c(0, table, size) != s->table_checksum))
        status = gv_fail(GV_ERR_CORRUPT, "section table at offset %llu: checksum does not match", at);
    if (status == GV_OK) status = read_sections(image, table, s);
    if (status == GV_OK && !(image->block = gv_alloc(heap, GV_BLOCK_BYTES))) status = gv_last_status();
    if (status == GV_OK && !(image->checksums = gv_alloc_array(heap, image->checksum_count, 4)))
        status = gv_last_status();
    if (status == GV_OK && image->checksum_count > 0)
        memcpy(image->checksums, table + s->section_count * ENTRY_BYTES, image->checksum_count * 4);
    gv_release(heap, table, size);
    if (status != GV_OK) gv_image_close(image);
    return status;
}

void gv_image_close(GV_Image *image)
{
    gv_release(image->heap, image->block, GV_BLOCK_BYTES);
    gv_release(image->heap, image->checksums, image->checksum_count * 4);
    image->block = NULL;
    image->checksums = NULL;
    image->section_count = 0;
}

const GV_Section *gv_image_find(const GV_Image *image, GV_SectionType type)
{
    for (size_t i = 0; i < image->section_count; i++)
        if (image->sections[i].type == (uint32_t)type) return &image->sections[i];
    return NULL;
}

/* Block `index` of a section, read into image->block and verified. */
static GV_Status read_block(GV_Image *image, const GV_Section *section, uint64_t index, size_t *size)
{
    uint64_t from = index * GV_BLOCK_BYTES, rest = section->size - from;
    *size = rest < GV_BLOCK_BYTES ? (size_t)rest : GV_BLOCK_BYTES;
    size_t got;
    GV_TRY(image->vfs->read(image->file, section->offset + from, image->block, *size, &got));
    if (got == *size && gv_crc32c(0, image->block, got) == image->checksums[section->first_block + index]) return GV_OK;
    return gv_fail(GV_ERR_CORRUPT, "section %u: the block at offset %llu does not match its checksum", section->type,
                   (unsigned long long)(section->offset + from));
}

GV_Status gv_image_read(GV_Image *image, const GV_Section *section, uint64_t offset, void *out, size_t size)
{
    if (offset > section->size || size > section->size - offset)
        return gv_fail(GV_ERR_CORRUPT, "section %u at offset %llu: %llu bytes, where %zu more are needed",
                       section->type, (unsigned long long)section->offset, (unsigned long long)section->size, size);
    uint8_t *to = out;
    while (size > 0) {
        size_t within = (size_t)(offset % GV_BLOCK_BYTES), block_size;
        GV_TRY(read_block(image, section, offset / GV_BLOCK_BYTES, &block_size));
        size_t part = block_size - within < size ? block_size - within : size;
        memcpy(to, image->block + within, part);
        to += part;
        offset += part;
        size -= part;
    }
    return GV_OK;
}

/* Where section byte `offset` belongs in a slab, and how many bytes follow it in the same chunk. */
static uint8_t *slab_bytes(GV_Slab *slab, uint64_t offset, size_t *room)
{
    uint64_t chunk_bytes = (uint64_t)gv_slab_chunk_elements(slab) * slab->stride, within = offset % chunk_bytes;
    *room = (size_t)(chunk_bytes - within);
    return (uint8_t *)gv_slab_at(slab, (size_t)(offset / chunk_bytes) * gv_slab_chunk_elements(slab)) + within;
}

GV_Status gv_image_load_slab(GV_Image *image, GV_SectionType type, GV_Slab *slab, size_t count)
{
    const GV_Section *section = gv_image_find(image, type);
    uint64_t wanted;
    if (!section || !gv_mul_u64(count, slab->stride, &wanted) || section->size != wanted)
        return gv_fail(GV_ERR_CORRUPT, "section %u: %llu bytes, where %zu elements of %zu are needed", (unsigned)type,
                       section ? (unsigned long long)section->size : 0ULL, count, slab->stride);
    GV_TRY(gv_slab_reserve(slab, count));
    for (uint64_t offset = 0; offset < section->size;) {
        size_t size;
        GV_TRY(read_block(image, section, offset / GV_BLOCK_BYTES, &size));
        for (size_t done = 0; done < size;) {
            size_t room, part;
            uint8_t *to = slab_bytes(slab, offset + done, &room);
            part = size - done < room ? size - done : room;
            memcpy(to, image->block + done, part);
            done += part;
        }
        offset += size;
    }
    return GV_OK;
}

GV_Status gv_image_verify(GV_Image *image, const GV_Section *section)
{
    for (uint64_t i = 0; i < gv_block_count(section->size); i++) {
        size_t size;
        GV_TRY(read_block(image, section, i, &size));
    }
    return GV_OK;
}
