/* records.c: what the log's frames hold. Little-endian, packed, no padding:
 *
 *   ADD       u64 id, u32 metadata bytes, the row, metadata (one packed row, or nothing)
 *   DELETE    u64 id
 *   UPDATE    u64 id, the row, as it is stored; or u32 bytes of the next two, u32 indices, as many f32 values
 *   METADATA  u64 id, u32 metadata bytes, metadata
 *   TRAIN     u64 bytes in all, u64 of them before these, u32 of them here, these: f32 values
 *   KEYS      the list of keys that are declared, from here on (storage/keys.h)
 *   PATCH     u32 words, u32[words]: one step of the group before, in the index's own language */
#include "api/store.h"
#include "base/bytes.h"

GV_Status gv_record_row(GV_Log *log, uint64_t id, const void *row, size_t row_bytes, const uint8_t *metadata,
                        size_t size)
{
    uint8_t *record;
    GV_TRY(gv_log_record(log, GV_FRAME_ADD, 12 + row_bytes + size, &record));
    gv_put_u64(record, id);
    gv_put_u32(record + 8, (uint32_t)size);
    memcpy(record + 12, row, row_bytes);
    if (size > 0) memcpy(record + 12 + row_bytes, metadata, size);
    return GV_OK;
}

GV_Status gv_record_delete(GV_Log *log, uint64_t id)
{
    uint8_t *record;
    GV_TRY(gv_log_record(log, GV_FRAME_DELETE, 8, &record));
    gv_put_u64(record, id);
    return GV_OK;
}

GV_Status gv_record_update(GV_Log *log, uint64_t id, const void *row, size_t row_bytes)
{
    uint8_t *record;
    GV_TRY(gv_log_record(log, GV_FRAME_UPDATE, 8 + row_bytes, &record));
    gv_put_u64(record, id);
    memcpy(record + 8, row, row_bytes);
    return GV_OK;
}

GV_Status gv_record_metadata(GV_Log *log, uint64_t id, const uint8_t *metadata, size_t size)
{
    uint8_t *record;
    GV_TRY(gv_log_record(log, GV_FRAME_METADATA, 12 + size, &record));
    gv_put_u64(record, id);
    gv_put_u32(record + 8, (uint32_t)size);
    if (size > 0) memcpy(record + 12, metadata, size);
    return GV_OK;
}

GV_Status gv_record_keys(GV_Log *log, const uint8_t *list, size_t size)
{
    uint8_t *record;
    GV_TRY(gv_log_record(log, GV_FRAME_KEYS, size, &record));
    memcpy(record, list, size);
    return GV_OK;
}

GV_Status gv_record_patch(GV_Log *log, const GV_Patch *patch)
{
    uint8_t *record;
    GV_TRY(gv_log_record(log, GV_FRAME_PATCH, 4 + patch->count * sizeof *patch->words, &record));
    gv_put_u32(record, (uint32_t)patch->count);
    if (patch->count > 0) memcpy(record + 4, patch->words, patch->count * sizeof *patch->words);
    return GV_OK;
}

GV_Status gv_record_training(GV_Log *log, const void *values, size_t bytes)
{
    enum {
        PIECE = GV_FRAME_TARGET_BYTES / 2
    };
    uint8_t *record;
    for (size_t at = 0; at < bytes; at += PIECE) {
        size_t part = bytes - at < PIECE ? bytes - at : PIECE;
        GV_TRY(gv_log_record(log, GV_FRAME_TRAIN, 20 + part, &record));
        gv_put_u64(record, bytes);
        gv_put_u64(record + 8, at);
        gv_put_u32(record + 16, (uint32_t)part);
        memcpy(record + 20, (const uint8_t *)values + at, part);
    }
    return GV_OK;
}
