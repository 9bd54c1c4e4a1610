/* bytes.h: little-endian integers at any address, whatever the host; and the order of strings of bytes. */
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

/* By bytes, then by length, like strcmp(): negative, 0 or positive. */
static inline int gv_compare_bytes(const uint8_t *a, size_t a_size, const uint8_t *b, size_t b_size)
{
    size_t shared = a_size < b_size ? a_size : b_size;
    int order = shared > 0 ? memcmp(a, b, shared) : 0;
    return order != 0 ? order : (a_size > b_size) - (a_size < b_size);
}

static inline void gv_put_u16(void *p, uint16_t v) { memcpy(p, &v, sizeof v); }

static inline void gv_put_u32(void *p, uint32_t v) { memcpy(p, &v, sizeof v); }

static inline void gv_put_u64(void *p, uint64_t v) { memcpy(p, &v, sizeof v); }

#endif
