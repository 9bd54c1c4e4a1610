/* log.h: the log tail: frames of records, in commit groups, behind the packed image.
 *
 * Writing: begin, records, commit or abort. A frame takes records of one type until it is full; the last frame of a group
 * carries the commit flag. Reading: scan finds how far whole groups reach, replay hands their frames on. */
#ifndef GV_LOG_H
#define GV_LOG_H
#include "base/memory.h"
#include "storage/format.h"
#include "storage/vfs.h"

typedef struct GV_Log {
    const GV_Vfs *vfs; /* NULL: no file, nothing is logged */
    GV_File *file;
    GV_Heap *heap;
    uint64_t generation; /* seeds every checksum: a frame of another generation is no frame */
    uint64_t start;      /* first byte of the log in the file */
    uint64_t end;        /* end of the last whole group, written or still in the buffer */
    uint64_t written;    /* what the file holds; the buffer follows */
    uint64_t synced;     /* what is known to be on the disk */
    uint64_t next_sequence;
    bool deferred;   /* GV_DURABILITY_NONE: frames may wait in the buffer */
    bool failed;     /* a sync or a clean-up failed: the file's state is unknown, no more writes */
    uint8_t *buffer; /* closed frames, then the open one */
    size_t fill, capacity;
    size_t frame_at;         /* where the open frame begins in the buffer; SIZE_MAX: none is open */
    uint64_t group_sequence; /* for abort */
} GV_Log;

/* Take over the log of a file from `start` to `end` (whole groups), the next frame being `next_sequence`. */
void gv_log_attach(GV_Log *log, const GV_Vfs *vfs, GV_File *file, uint64_t generation, uint64_t start, uint64_t end,
                   uint64_t next_sequence);

/* Begin a commit group. GV_ERR_IO if the log has failed. */
GV_Status gv_log_begin(GV_Log *log);

/* Room for a record of `size` bytes in the group; fill it before the next call. */
GV_Status gv_log_record(GV_Log *log, GV_FrameType type, size_t size, uint8_t **record);

/* End the group: it is in the file, and on the disk if `sync`; then gv_log_begin() may be called again. After a failure
 * the group is gone, or (failed sync, failed clean-up) the log has failed. */
GV_Status gv_log_commit(GV_Log *log, bool sync);

/* Drop the group begun. */
void gv_log_abort(GV_Log *log);

/* Hand waiting frames to the file, and sync it. */
GV_Status gv_log_sync(GV_Log *log);

void gv_log_free(GV_Log *log); /* the buffer; not the file */

/* ---- reading ---- */

typedef struct GV_LogScan {
    uint64_t end; /* end of the last whole group */
    uint64_t next_sequence;
    uint64_t groups;
    uint64_t cut_bytes; /* bytes behind `end`: a torn write */
} GV_LogScan;

/* Find the whole groups between `start` and `file_size`. `clean_end` is what a clean-close mark covers (0: none).
 * GV_ERR_CORRUPT with the offset where a frame is damaged that is known to have been synced. */
GV_Status gv_log_scan(const GV_Vfs *vfs, GV_File *file, GV_Heap *heap, uint64_t generation, uint64_t start,
                      uint64_t file_size, uint64_t clean_end, GV_LogScan *out);

/* Called for each frame in order. `payload` is borrowed for the call. */
typedef GV_Status (*GV_FrameVisitor)(void *context, GV_FrameType type, bool commits, const uint8_t *payload,
                                     size_t size);

/* Visit the frames from `start` to `end`, which gv_log_scan() found whole. A failure gets the frame's offset. */
GV_Status gv_log_replay(const GV_Vfs *vfs, GV_File *file, GV_Heap *heap, uint64_t generation, uint64_t start,
                        uint64_t end, GV_FrameVisitor visit, void *context);

#endif
