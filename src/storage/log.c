/* log.c: appending commit groups to the log tail. */
#include "storage/log.h"
#include "storage/frame.h"

enum {
    DEFERRED_BYTES = 1 << 20
};

void gv_log_attach(GV_Log *log, const GV_Vfs *vfs, GV_File *file, uint64_t generation, uint64_t start, uint64_t end,
                   uint64_t next_sequence)
{
    log->vfs = vfs;
    log->file = file;
    log->generation = generation;
    log->start = start;
    log->end = log->written = log->synced = end;
    log->next_sequence = next_sequence;
    log->failed = false;
    log->fill = 0;
    log->frame_at = SIZE_MAX;
}

static GV_Status fail_failed(void)
{
    return gv_fail(GV_ERR_IO,
                   "an earlier write to the database file failed; what it holds is unknown until it is opened again");
}

GV_Status gv_log_begin(GV_Log *log)
{
    if (log->failed) return fail_failed();
    log->group_sequence = log->next_sequence;
    return GV_OK;
}

static GV_Status grow(GV_Log *log, size_t needed)
{
    if (needed <= log->capacity) return GV_OK;
    size_t capacity = log->capacity ? log->capacity : 1 << 14;
    while (capacity < needed) capacity *= 2;
    uint8_t *buffer = gv_alloc(log->heap, capacity);
    if (!buffer) return gv_last_status();
    if (log->fill > 0) memcpy(buffer, log->buffer, log->fill);
    gv_release(log->heap, log->buffer, log->capacity);
    log->buffer = buffer;
    log->capacity = capacity;
    return GV_OK;
}

static GV_Status write_out(GV_Log *log)
{
    if (log->fill == 0) return GV_OK;
    GV_TRY(log->vfs->write(log->file, log->written, log->buffer, log->fill));
    log->written += log->fill;
    log->fill = 0;
    return GV_OK;
}

/* Seal the open frame; hand what is due to the file. */
static GV_Status close_frame(GV_Log *log, uint16_t flags)
{
    uint8_t *frame = log->buffer + log->frame_at;
    size_t payload = log->fill - log->frame_at - GV_FRAME_HEADER_BYTES;
    GV_FrameHeader header = {gv_get_u16(frame + 4), flags, log->next_sequence, log->synced, (uint32_t)payload};
    size_t padded = gv_frame_bytes(payload);
    memset(frame + GV_FRAME_HEADER_BYTES + payload, 0, padded - GV_FRAME_HEADER_BYTES - payload);
    gv_frame_seal(frame, &header, log->generation);
    log->next_sequence++;
    log->fill = log->frame_at + padded;
    log->frame_at = SIZE_MAX;
    return log->deferred && log->fill < DEFERRED_BYTES ? GV_OK : write_out(log);
}

GV_Status gv_log_record(GV_Log *log, GV_FrameType type, size_t size, uint8_t **record)
{
    if (log->frame_at != SIZE_MAX) {
        size_t payload = log->fill - log->frame_at - GV_FRAME_HEADER_BYTES;
        bool same = gv_get_u16(log->buffer + log->frame_at + 4) == (uint16_t)type;
        if (!same || payload + size > GV_FRAME_TARGET_BYTES) GV_TRY(close_frame(log, 0));
    }
    bool opens = log->frame_at == SIZE_MAX;
    GV_TRY(grow(log, log->fill + size + GV_FRAME_HEADER_BYTES + 8));
    if (opens) {
        log->frame_at = log->fill;
        gv_put_u16(log->buffer + log->fill + 4, (uint16_t)type);
        log->fill += GV_FRAME_HEADER_BYTES;
    }
    *record = log->buffer + log->fill;
    log->fill += size;
    return GV_OK;
}

GV_Status gv_log_commit(GV_Log *log, bool sync)
{
    GV_Status status = log->frame_at == SIZE_MAX ? GV_OK : close_frame(log, GV_FRAME_COMMIT);
    if (status != GV_OK) {
        gv_log_abort(log);
        return status;
    }
    if (sync) GV_TRY(gv_log_sync(log));
    log->end = log->written + log->fill;
    return GV_OK;
}

/* The file keeps exactly the groups before this one, less those that still wait in the buffer; what a failed write left
 * behind them goes too, or the log has failed. */
void gv_log_abort(GV_Log *log)
{
    log->next_sequence = log->group_sequence;
    log->frame_at = SIZE_MAX;
    if (log->written > log->end) log->written = log->end;
    log->fill = (size_t)(log->end - log->written);
    if (log->vfs->truncate(log->file, log->written) != GV_OK) log->failed = true;
}

GV_Status gv_log_sync(GV_Log *log)
{
    if (log->failed) return fail_failed();
    uint64_t end = log->written + log->fill;
    GV_Status status = write_out(log);
    if (status == GV_OK) status = log->vfs->sync(log->file);
    if (status != GV_OK) {
        log->failed = true;
        return status;
    }
    log->synced = end;
    return GV_OK;
}

void gv_log_free(GV_Log *log)
{
    gv_release(log->heap, log->buffer, log->capacity);
    log->buffer = NULL;
    log->capacity = log->fill = 0;
}
