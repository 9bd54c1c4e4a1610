/* bytes.h: little-endian integers at any address, whatever the host. */
#ifndef GV_BYTES_H
#define GV_BYTES_H
#include <stdint.h>
#include <string.h>

#if defined(__BYTE_ORDER__) && __BYTE_ORDER__ == __ORDER_BIG_ENDIAN__
#error "rows and links are used in place: a big-endian target needs its own storage layer"
#endif

static inline uint16_t gv_get_u16(const void *p)
{
    uint16_t v;
    memcpy(&v, p, sizeof v);
    return v;
}

static inline uint32_t gv_get_u32(const void *p)
{
    uint32_t v;
    memcpy(&v, p, sizeof v);
    return v;
}

static inline uint64_t gv_get_u64(const void *p)
{
    uint64_t v;
    memcpy(&v, p, sizeof v);
    return v;
}

static inline void gv_put_u16(void *p, uint16_t v) { memcpy(p, &v, sizeof v); }

static inline void gv_put_u32(void *p, uint32_t v) { memcpy(p, &v, sizeof v); }

static inline void gv_put_u64(void *p, uint64_t v) { memcpy(p, &v, sizeof v); }

#endif
