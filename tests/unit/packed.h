/* packed.h: metadata as bytes, one pair a call; and a database in memory that asks no host for anything. */
#ifndef GV_TEST_PACKED_H
#define GV_TEST_PACKED_H
#include "api/db.h"
#include "base/bytes.h"
#include "check.h"
#include <gigavector.h>
#include <stdbool.h>
#include <string.h>

/* `kernels`: as of GV_OpenOptions. */
static inline GV_Database *open_with_kernels(size_t dimension, GV_IndexType index, GV_DistanceType distance,
                                             const char *kernels)
{
    static GV_Vfs *vfs; /* of all that are opened: they keep nothing in it */
    GV_OpenOptions options;
    GV_Database *db;
    gv_open_options_init(&options);
    options.dimension = dimension;
    options.index_type = (int32_t)index;
    options.distance = (int32_t)distance;
    options.kernels = kernels;
    if (!vfs) vfs = gv_vfs_memory_new();
    CHECK(vfs, "%s", gv_last_error());
    CHECK_OK(gv_db_open_with_vfs(NULL, &options, vfs, &db));
    return db;
}

static inline GV_Database *open_in_memory(size_t dimension, GV_IndexType index, GV_DistanceType distance)
{
    return open_with_kernels(dimension, index, distance, NULL);
}

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
