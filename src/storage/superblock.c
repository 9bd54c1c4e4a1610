/* superblock.c: the head of a file, by field. Offsets are those of docs/format.md. */
#include "storage/superblock.h"
#include "base/bytes.h"
#include "base/crc32c.h"

static const uint8_t magic[8] = {'G', 'I', 'G', 'A', 'V', 'E', 'C', 0};
static const uint8_t clean_magic[8] = {'G', 'V', 'C', 'L', 'E', 'A', 'N', 0};
enum {
    IVFPQ_AT = 112, /* nine words: GV_IVFPQConfig's, in order */
    STORAGE_AT = 148,
    VECTORS_AT = 152, /* kept; dropped once the index is trained; dropped */
    CHECKSUM_AT = GV_PAGE_BYTES - 4,
    CLEAN_CHECKSUM_AT = 24
};

static void encode_ivfpq(const GV_Superblock *s, uint8_t page[GV_PAGE_BYTES])
{
    const uint32_t words[] = {s->ivfpq.nlist,  s->ivfpq.m,           s->ivfpq.nbits,
                              s->ivfpq.nprobe, s->ivfpq.train_iters, s->ivfpq.default_rerank,
                              s->ivfpq.rotate, s->ivfpq.train_rows,  s->ivfpq.auto_train};
    if (!GV_HAS_IVFPQ || s->index_type != GV_INDEX_TYPE_IVFPQ) return;
    memcpy(page + IVFPQ_AT, words, sizeof words);
    gv_put_u32(page + VECTORS_AT, s->ivfpq.drop_vectors + s->is_coded);
    if (s->ivfpq.drop_vectors) gv_put_u32(page + 8, GV_FORMAT_DROPS);
}

static void encode(const GV_Superblock *s, uint8_t page[GV_PAGE_BYTES])
{
    memset(page, 0, GV_PAGE_BYTES);
    memcpy(page, magic, sizeof magic);
    gv_put_u32(page + 8, GV_FORMAT_PLAIN);
    gv_put_u32(page + 12, s->section_count);
    gv_put_u64(page + 16, s->generation);
    gv_put_u32(page + 24, s->dimension);
    gv_put_u32(page + 28, s->index_type);
    gv_put_u32(page + 32, s->distance);
    gv_put_u32(page + 36, s->slot_count);
    gv_put_u64(page + 40, s->seed);
    gv_put_u32(page + 48, s->hnsw.M);
    gv_put_u32(page + 52, s->hnsw.ef_construction);
    gv_put_u32(page + 56, s->hnsw.ef_search);
    gv_put_u32(page + 60, s->hnsw.use_binary_quant);
    gv_put_u32(page + 64, s->hnsw.quant_rerank);
    gv_put_u32(page + 68, s->table_checksum);
    gv_put_u64(page + 72, s->next_id);
    gv_put_u64(page + 80, s->live_count);
    gv_put_u64(page + 88, s->table_offset);
    gv_put_u64(page + 96, s->table_bytes);
    gv_put_u64(page + 104, s->log_start);
    encode_ivfpq(s, page);
    gv_put_u32(page + STORAGE_AT, s->storage);
    gv_put_u32(page + CHECKSUM_AT, gv_crc32c(0, page, CHECKSUM_AT));
}

static void decode_ivfpq(const uint8_t page[GV_PAGE_BYTES], GV_Superblock *s)
{
    uint32_t *const words[] = {&s->ivfpq.nlist,  &s->ivfpq.m,           &s->ivfpq.nbits,
                               &s->ivfpq.nprobe, &s->ivfpq.train_iters, &s->ivfpq.default_rerank,
                               &s->ivfpq.rotate, &s->ivfpq.train_rows,  &s->ivfpq.auto_train};
    s->ivfpq.struct_size = sizeof s->ivfpq;
    for (size_t i = 0; i < sizeof words / sizeof *words; i++) *words[i] = gv_get_u32(page + IVFPQ_AT + 4 * i);
    s->ivfpq.drop_vectors = gv_get_u32(page + VECTORS_AT);
    s->is_coded = s->index_type == GV_INDEX_TYPE_IVFPQ && s->ivfpq.drop_vectors == 2;
    if (s->is_coded) s->ivfpq.drop_vectors = 1;
}

static void decode(const uint8_t page[GV_PAGE_BYTES], GV_Superblock *s)
{
    memset(s, 0, sizeof *s);
    s->section_count = gv_get_u32(page + 12);
    s->generation = gv_get_u64(page + 16);
    s->dimension = gv_get_u32(page + 24);
    s->index_type = gv_get_u32(page + 28);
    s->distance = gv_get_u32(page + 32);
    s->slot_count = gv_get_u32(page + 36);
    s->seed = gv_get_u64(page + 40);
    s->hnsw.struct_size = sizeof s->hnsw;
    s->hnsw.M = gv_get_u32(page + 48);
    s->hnsw.ef_construction = gv_get_u32(page + 52);
    s->hnsw.ef_search = gv_get_u32(page + 56);
    s->hnsw.use_binary_quant = gv_get_u32(page + 60);
    s->hnsw.quant_rerank = gv_get_u32(page + 64);
    s->table_checksum = gv_get_u32(page + 68);
    s->next_id = gv_get_u64(page + 72);
    s->live_count = gv_get_u64(page + 80);
    s->table_offset = gv_get_u64(page + 88);
    s->table_bytes = gv_get_u64(page + 96);
    s->log_start = gv_get_u64(page + 104);
    s->storage = gv_get_u32(page + STORAGE_AT);
    if (GV_HAS_IVFPQ) decode_ivfpq(page, s);
}

GV_Status gv_superblock_write(const GV_Vfs *vfs, GV_File *file, const GV_Superblock *superblock)
{
    uint8_t pages[2 * GV_PAGE_BYTES];
    encode(superblock, pages);
    memcpy(pages + GV_PAGE_BYTES, pages, GV_PAGE_BYTES);
    return vfs->write(file, 0, pages, sizeof pages);
}

static bool is_valid(const uint8_t page[GV_PAGE_BYTES])
{
    return memcmp(page, magic, sizeof magic) == 0 && gv_get_u32(page + CHECKSUM_AT) == gv_crc32c(0, page, CHECKSUM_AT);
}

static bool has_magic(const uint8_t pages[2 * GV_PAGE_BYTES])
{
    return memcmp(pages, magic, sizeof magic) == 0 || memcmp(pages + GV_PAGE_BYTES, magic, sizeof magic) == 0;
}

static GV_Status read_pages(const GV_Vfs *vfs, GV_File *file, uint8_t pages[2 * GV_PAGE_BYTES])
{
    size_t got;
    GV_TRY(vfs->read(file, 0, pages, 2 * GV_PAGE_BYTES, &got));
    memset(pages + got, 0, 2 * GV_PAGE_BYTES - got);
    return GV_OK;
}

GV_Status gv_superblock_is_foreign(const GV_Vfs *vfs, GV_File *file, bool *foreign)
{
    uint8_t pages[2 * GV_PAGE_BYTES];
    uint64_t file_size;
    GV_TRY(vfs->size(file, &file_size));
    GV_TRY(read_pages(vfs, file, pages));
    *foreign = file_size > 0 && !has_magic(pages);
    return GV_OK;
}

/* What a checksum cannot say: is this a file we could have written? */
static GV_Status check_fields(const GV_Superblock *s, uint64_t file_size)
{
    size_t most = s->index_type == GV_INDEX_TYPE_SPARSE ? GV_SPARSE_DIMENSION_MAX : GV_DIMENSION_MAX;
    if (s->dimension < 1 || s->dimension > most)
        return gv_fail(GV_ERR_CORRUPT, "superblock: dimension %u is out of range", s->dimension);
    if (s->distance > GV_DISTANCE_MANHATTAN)
        return gv_fail(GV_ERR_UNSUPPORTED, "superblock: distance %u is not known to this version", s->distance);
    if (s->storage > (GV_HAS_STORAGE ? GV_STORAGE_INT8 : GV_STORAGE_F32))
        return gv_fail(GV_ERR_UNSUPPORTED, "superblock: storage %u is not known to this version", s->storage);
    if (s->slot_count > GV_SLOTS_MAX || s->live_count > s->slot_count || s->next_id > GV_ID_MAX ||
        s->next_id < s->live_count || s->generation == 0)
        return gv_fail(GV_ERR_CORRUPT, "superblock: %u slots, %llu live rows, next id %llu do not go together",
                       s->slot_count, (unsigned long long)s->live_count, (unsigned long long)s->next_id);
    if (s->log_start > file_size || s->log_start % GV_PAGE_BYTES != 0 || s->table_offset < GV_IMAGE_OFFSET ||
        s->table_offset > s->log_start || s->table_bytes > s->log_start - s->table_offset)
        return gv_fail(GV_ERR_CORRUPT, "superblock: image of %llu bytes in a file of %llu",
                       (unsigned long long)s->log_start, (unsigned long long)file_size);
    return GV_OK;
}

GV_Status gv_superblock_read(const GV_Vfs *vfs, GV_File *file, GV_Superblock *out, unsigned *copies)
{
    uint8_t pages[2 * GV_PAGE_BYTES];
    uint64_t file_size;
    *copies = 0;
    GV_TRY(vfs->size(file, &file_size));
    GV_TRY(read_pages(vfs, file, pages));
    bool first = is_valid(pages), second = is_valid(pages + GV_PAGE_BYTES);
    *copies = (unsigned)first + (unsigned)second;
    if (!first && !second) {
        return gv_fail(GV_ERR_CORRUPT,
                       has_magic(pages) ? "superblock: both copies are damaged, at offsets 0 and %d"
                                        : "not a GigaVector database: no superblock at offsets 0 and %d",
                       GV_PAGE_BYTES);
    }
    if (first && second && memcmp(pages, pages + GV_PAGE_BYTES, GV_PAGE_BYTES) != 0)
        return gv_fail(GV_ERR_CORRUPT, "superblock: the copies at offsets 0 and %d differ", GV_PAGE_BYTES);
    const uint8_t *page = first ? pages : pages + GV_PAGE_BYTES;
    if (gv_get_u32(page + 8) > GV_FORMAT_VERSION)
        return gv_fail(GV_ERR_UNSUPPORTED, "the file has format version %u, this library reads up to %d",
                       gv_get_u32(page + 8), GV_FORMAT_VERSION);
    decode(page, out);
    return check_fields(out, file_size);
}

GV_Status gv_clean_mark_write(const GV_Vfs *vfs, GV_File *file, uint64_t generation, uint64_t end)
{
    uint8_t sector[GV_SECTOR_BYTES] = {0};
    memcpy(sector, clean_magic, sizeof clean_magic);
    gv_put_u64(sector + 8, generation);
    gv_put_u64(sector + 16, end);
    gv_put_u32(sector + CLEAN_CHECKSUM_AT, gv_crc32c(0, sector, CLEAN_CHECKSUM_AT));
    return vfs->write(file, GV_CLEAN_MARK_OFFSET, sector, sizeof sector);
}

/* A mark that is torn or damaged counts as none: it only ever adds to what can be detected. */
GV_Status gv_clean_mark_read(const GV_Vfs *vfs, GV_File *file, uint64_t generation, uint64_t *end)
{
    uint8_t sector[GV_SECTOR_BYTES];
    size_t got;
    *end = 0;
    GV_TRY(vfs->read(file, GV_CLEAN_MARK_OFFSET, sector, sizeof sector, &got));
    if (got < sizeof sector || memcmp(sector, clean_magic, sizeof clean_magic) != 0) return GV_OK;
    if (gv_get_u32(sector + CLEAN_CHECKSUM_AT) != gv_crc32c(0, sector, CLEAN_CHECKSUM_AT)) return GV_OK;
    if (gv_get_u64(sector + 8) == generation) *end = gv_get_u64(sector + 16);
    return GV_OK;
}
