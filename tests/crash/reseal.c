/* reseal.c: by the offsets of docs/format.md. */
#include "reseal.h"
#include "base/bytes.h"
#include "base/crc32c.h"
#include "storage/format.h"
#include "storage/frame.h"

enum {
    GENERATION_AT = 16,
    SECTIONS_AT = 12,
    TABLE_CHECKSUM_AT = 68,
    TABLE_AT = 88,
    TABLE_BYTES_AT = 96,
    ENTRY_BYTES = 32,
    MARK_CHECKSUM_AT = 24,
};

void reseal_superblock(uint8_t *bytes)
{
    gv_put_u32(bytes + GV_PAGE_BYTES - 4, gv_crc32c(0, bytes, GV_PAGE_BYTES - 4));
    memcpy(bytes + GV_PAGE_BYTES, bytes, GV_PAGE_BYTES);
}

void reseal_table(uint8_t *bytes, size_t size)
{
    uint64_t at = gv_get_u64(bytes + TABLE_AT), length = gv_get_u64(bytes + TABLE_BYTES_AT);
    if (at <= size && length <= size - at)
        gv_put_u32(bytes + TABLE_CHECKSUM_AT, gv_crc32c(0, bytes + at, (size_t)length));
    reseal_superblock(bytes);
}

void reseal_sections(uint8_t *bytes, size_t size)
{
    uint32_t sections = gv_get_u32(bytes + SECTIONS_AT);
    uint8_t *table = bytes + gv_get_u64(bytes + TABLE_AT);
    for (uint32_t i = 0; i < sections; i++) {
        const uint8_t *entry = table + (size_t)i * ENTRY_BYTES;
        size_t at = (size_t)gv_get_u64(entry + 8), length = (size_t)gv_get_u64(entry + 16);
        size_t block = (size_t)gv_get_u64(entry + 24);
        for (size_t from = 0; from < length; from += GV_BLOCK_BYTES, block++) {
            size_t part = length - from < GV_BLOCK_BYTES ? length - from : GV_BLOCK_BYTES;
            gv_put_u32(table + (size_t)sections * ENTRY_BYTES + 4 * block, gv_crc32c(0, bytes + at + from, part));
        }
    }
    reseal_table(bytes, size);
}

void reseal_frame(uint8_t *bytes, size_t size, size_t at)
{
    size_t payload = gv_get_u32(bytes + at + 24);
    if (payload > size || gv_frame_bytes(payload) > size - at) return;
    gv_put_u32(bytes + at + 32, gv_frame_checksum(gv_get_u64(bytes + GENERATION_AT), bytes + at, payload));
}

void reseal_mark(uint8_t *bytes)
{
    uint8_t *mark = bytes + GV_CLEAN_MARK_OFFSET;
    gv_put_u32(mark + MARK_CHECKSUM_AT, gv_crc32c(0, mark, MARK_CHECKSUM_AT));
}

size_t next_frame(const uint8_t *bytes, size_t size, size_t at)
{
    size_t next = at + gv_frame_bytes(gv_get_u32(bytes + at + 24));
    return next < size ? next : size;
}
