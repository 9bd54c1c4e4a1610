/* frame.h: one frame of the log, as bytes. Its header:
 *
 *    0  u32 magic            16  u64 synced_to: the file was synced up to here when this frame was written
 *    4  u16 type             24  u32 payload bytes (then zeros to a multiple of 8)
 *    6  u16 flags            28  u32 zero
 *    8  u64 sequence, from 1 in each generation
 *   32  u32 CRC32C of the generation (u64), bytes 0 to 31, and the padded payload     36  u32 zero */
#ifndef GV_FRAME_H
#define GV_FRAME_H
#include "base/bytes.h"
#include "base/checked.h"
#include "base/crc32c.h"
#include "storage/format.h"
#include <stdbool.h>

#define GV_FRAME_MAGIC 0x464C5647u /* "GVLF" */

typedef struct GV_FrameHeader {
    uint16_t type, flags;
    uint64_t sequence, synced_to;
    uint32_t payload_bytes;
} GV_FrameHeader;

static inline size_t gv_frame_bytes(size_t payload_bytes)
{
    return GV_FRAME_HEADER_BYTES + (size_t)gv_round_up(payload_bytes, 8);
}

static inline uint32_t gv_frame_checksum(uint64_t generation, const uint8_t *frame, size_t payload_bytes)
{
    uint8_t seed[8];
    gv_put_u64(seed, generation);
    uint32_t crc = gv_crc32c(gv_crc32c(0, seed, sizeof seed), frame, 32);
    return gv_crc32c(crc, frame + GV_FRAME_HEADER_BYTES, (size_t)gv_round_up(payload_bytes, 8));
}

/* Write the header before a payload whose padding is zero already. */
static inline void gv_frame_seal(uint8_t *frame, const GV_FrameHeader *h, uint64_t generation)
{
    gv_put_u32(frame, GV_FRAME_MAGIC);
    gv_put_u16(frame + 4, h->type);
    gv_put_u16(frame + 6, h->flags);
    gv_put_u64(frame + 8, h->sequence);
    gv_put_u64(frame + 16, h->synced_to);
    gv_put_u32(frame + 24, h->payload_bytes);
    gv_put_u32(frame + 28, 0);
    gv_put_u32(frame + 32, gv_frame_checksum(generation, frame, h->payload_bytes));
    gv_put_u32(frame + 36, 0);
}

/* The header at `frame`, if it could be one: the checksum is not looked at. */
static inline bool gv_frame_parse(const uint8_t *frame, GV_FrameHeader *h)
{
    if (gv_get_u32(frame) != GV_FRAME_MAGIC || gv_get_u32(frame + 28) != 0 || gv_get_u32(frame + 36) != 0) return false;
    *h = (GV_FrameHeader){gv_get_u16(frame + 4), gv_get_u16(frame + 6), gv_get_u64(frame + 8), gv_get_u64(frame + 16),
                          gv_get_u32(frame + 24)};
    return h->payload_bytes <= GV_FRAME_PAYLOAD_MAX;
}

#endif
