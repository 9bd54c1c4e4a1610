/* packed.h: metadata as bytes, for tests: one pair a call. */
#ifndef GV_TEST_PACKED_H
#define GV_TEST_PACKED_H
#include "base/bytes.h"
#include "check.h"
#include <gigavector.h>
#include <stdbool.h>
#include <string.h>

typedef struct Packed {
    uint8_t bytes[1 << 16];
    size_t size;
} Packed;

static inline void put_count(Packed *p, uint32_t pairs)
{
    gv_put_u32(p->bytes + p->size, pairs);
    p->size += 4;
}

static inline void put_pair(Packed *p, const char *key, const char *value)
{
    size_t key_size = strlen(key), value_size = strlen(value);
    CHECK(p->size + key_size + value_size + 8 <= sizeof p->bytes, "no room behind %zu bytes", p->size);
    gv_put_u32(p->bytes + p->size, (uint32_t)key_size);
    gv_put_u32(p->bytes + p->size + 4, (uint32_t)value_size);
    memcpy(p->bytes + p->size + 8, key, key_size);
    memcpy(p->bytes + p->size + 8 + key_size, value, value_size);
    p->size += 8 + key_size + value_size;
}

static inline GV_PackedMetadata packed_all(const Packed *p) { return (GV_PackedMetadata){p->bytes, p->size}; }

#endif
