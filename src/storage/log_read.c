/* log_read.c: finding the whole groups of a log tail, telling a torn end from damage, and reading frames again. */
#include "storage/frame.h"
#include "storage/log.h"

typedef struct Reader {
    const GV_Vfs *vfs;
    GV_File *file;
    GV_Heap *heap;
    uint64_t generation, end; /* of the file, or of the part to read */
    uint8_t *frame;           /* header and payload of the frame last read */
    size_t capacity;
} Reader;

static GV_Status reader_room(Reader *r, size_t size)
{
    if (size <= r->capacity) return GV_OK;
    uint8_t *wider = gv_alloc(r->heap, size);
    if (!wider) return gv_last_status();
    gv_release(r->heap, r->frame, r->capacity);
    r->frame = wider;
    r->capacity = size;
    return GV_OK;
}

/* Read the frame at `at`; `*valid` says whether there is one, whole and with the right checksum. `*cost` grows by what
 * was read. */
static GV_Status read_frame(Reader *r, uint64_t at, GV_FrameHeader *header, bool *valid, uint64_t *cost)
{
    uint8_t head[GV_FRAME_HEADER_BYTES];
    size_t got;
    *valid = false;
    *header = (GV_FrameHeader){0};
    if (at > r->end || r->end - at < sizeof head) return GV_OK;
    GV_TRY(r->vfs->read(r->file, at, head, sizeof head, &got));
    if (got < sizeof head || !gv_frame_parse(head, header)) return GV_OK;
    size_t size = gv_frame_bytes(header->payload_bytes);
    if (size > r->end - at) return GV_OK;
    GV_TRY(reader_room(r, size));
    GV_TRY(r->vfs->read(r->file, at, r->frame, size, &got));
    *cost += size;
    /* the header again, from the bytes that the checksum covers: a writer may be at work beside a reader */
    *valid = got == size && gv_frame_parse(r->frame, header) && gv_frame_bytes(header->payload_bytes) == size &&
             gv_get_u32(r->frame + 32) == gv_frame_checksum(r->generation, r->frame, header->payload_bytes);
    return GV_OK;
}

static bool is_magic(const uint8_t *p) { return gv_get_u32(p) == GV_FRAME_MAGIC; }

/* Behind a bad frame at `bad`: does a later valid frame say that the file had been synced past it? Candidates are looked
 * at with a budget, so that a file made of false headers cannot cost more than a few times its size. */
static GV_Status proves_damage(Reader *r, uint64_t bad, uint64_t sequence, bool *damaged)
{
    enum {
        WINDOW = 1 << 14
    };
    uint64_t cost = 0, budget = 4 * (r->end - bad) + (1 << 20);
    uint8_t *window = gv_alloc(r->heap, WINDOW);
    if (!window) return gv_last_status();
    GV_Status status = GV_OK;
    *damaged = false;
    for (uint64_t from = bad + 8; from + GV_FRAME_HEADER_BYTES <= r->end && !*damaged && status == GV_OK;
         from += WINDOW) {
        size_t got;
        status = r->vfs->read(r->file, from, window, WINDOW, &got);
        for (size_t i = 0; i + 4 <= got && status == GV_OK && !*damaged; i += 8) {
            if (!is_magic(window + i)) continue;
            GV_FrameHeader header;
            bool valid;
            status = read_frame(r, from + i, &header, &valid, &cost);
            if (status != GV_OK) break;
            if (cost > budget) *damaged = true; /* not a file we wrote: refuse it rather than go on */
            if (valid && header.sequence >= sequence && header.synced_to > bad) *damaged = true;
        }
    }
    gv_release(r->heap, window, WINDOW);
    return status;
}

GV_Status gv_log_scan(const GV_Vfs *vfs, GV_File *file, GV_Heap *heap, uint64_t generation, uint64_t start,
                      uint64_t file_size, uint64_t clean_end, GV_LogScan *out)
{
    Reader r = {.vfs = vfs, .file = file, .heap = heap, .generation = generation, .end = file_size};
    *out = (GV_LogScan){.end = start, .next_sequence = 1};
    if (clean_end > file_size)
        return gv_fail(GV_ERR_CORRUPT, "log: the file ends at offset %llu, but was closed at %llu",
                       (unsigned long long)file_size, (unsigned long long)clean_end);
    GV_Status status = GV_OK;
    uint64_t at = start, sequence = 1, cost = 0;
    while (at < file_size) {
        GV_FrameHeader header;
        bool valid, damaged = at < clean_end;
        status = read_frame(&r, at, &header, &valid, &cost);
        if (status != GV_OK) break;
        if (!valid || header.sequence != sequence || header.synced_to > at) {
            if (!damaged) status = proves_damage(&r, at, sequence, &damaged);
            if (status == GV_OK && damaged) {
                /* a reader may have met a frame that its writer was just writing: look once more */
                status = read_frame(&r, at, &header, &valid, &cost);
                if (status == GV_OK && valid && header.sequence == sequence && header.synced_to <= at) continue;
                if (status == GV_OK)
                    status = gv_fail(GV_ERR_CORRUPT, "log: the frame at offset %llu is damaged",
                                     (unsigned long long)at);
            }
            break;
        }
        at += gv_frame_bytes(header.payload_bytes);
        sequence++;
        if (header.flags & GV_FRAME_COMMIT) {
            out->end = at;
            out->next_sequence = sequence;
            out->groups += header.type != GV_FRAME_PATCH;
        }
    }
    gv_release(heap, r.frame, r.capacity);
    out->cut_bytes = file_size - out->end;
    if (status == GV_OK && clean_end > out->end)
        status = gv_fail(GV_ERR_CORRUPT, "log: the group at offset %llu is not whole, but the file was closed at %llu",
                         (unsigned long long)out->end, (unsigned long long)clean_end);
    return status;
}

GV_Status gv_log_replay(const GV_Vfs *vfs, GV_File *file, GV_Heap *heap, uint64_t generation, uint64_t start,
                        uint64_t end, GV_FrameVisitor visit, void *context)
{
    Reader r = {.vfs = vfs, .file = file, .heap = heap, .generation = generation, .end = end};
    GV_Status status = GV_OK;
    uint64_t cost = 0;
    for (uint64_t at = start; at < end && status == GV_OK;) {
        GV_FrameHeader header;
        bool valid;
        status = read_frame(&r, at, &header, &valid, &cost);
        if (status == GV_OK && !valid)
            status = gv_fail(GV_ERR_CORRUPT, "log: the frame at offset %llu changed while it was read",
                             (unsigned long long)at);
        if (status != GV_OK) break;
        status = visit(context, (GV_FrameType)header.type, header.flags & GV_FRAME_COMMIT,
                       r.frame + GV_FRAME_HEADER_BYTES, header.payload_bytes);
        if (status == GV_ERR_CORRUPT)
            (void)gv_fail(status, "log: the frame at offset %llu: %s", (unsigned long long)at, gv_last_error());
        at += gv_frame_bytes(header.payload_bytes);
    }
    gv_release(heap, r.frame, r.capacity);
    return status;
}
