/* idmap.h: id -> slot, by open addressing over 4-byte entries; the ids themselves are read from the id column. Or one entry an id: made in a
 * tenth of the time, for those that no ids are entered in after that. */
#ifndef GV_IDMAP_H
#define GV_IDMAP_H
#include "base/lock.h"
#include "base/slab.h"

#define GV_NO_SLOT UINT32_MAX
#define GV_NO_ID UINT64_MAX

typedef struct GV_IdMap {
    uint32_t *entries; /* slot + 1; 0 where empty */
    size_t capacity;   /* a power of two, or 0; direct: the ids below have an entry each */
    size_t count;
    bool direct;
} GV_IdMap;

/* An empty map of ids below `id_end`, one entry each, until it is to have room for others. */
GV_Status gv_idmap_make_direct(GV_IdMap *map, GV_Heap *heap, size_t id_end);

/* Room for `count` entries in all. A larger table is filled beside the old one and takes its place under `lock`. */
GV_Status gv_idmap_reserve(GV_IdMap *map, GV_Heap *heap, const GV_Slab *ids, size_t count, GV_RwLock *lock);

/* The slot whose element of `ids` (u64) is `id`, or GV_NO_SLOT. */
uint32_t gv_idmap_find(const GV_IdMap *map, const GV_Slab *ids, uint64_t id);

/* Enter `slot`, whose id stands in `ids` and is not in the map; there must be room, or the id below the end. */
void gv_idmap_insert(GV_IdMap *map, const GV_Slab *ids, uint32_t slot);

/* The same where the id may be in the map: false then, and nothing has changed. */
bool gv_idmap_try_insert(GV_IdMap *map, const GV_Slab *ids, uint32_t slot);

/* Take out `id` if it is there; its element of `ids` must still hold it. */
void gv_idmap_remove(GV_IdMap *map, const GV_Slab *ids, uint64_t id);

void gv_idmap_free(GV_IdMap *map, GV_Heap *heap);

#endif
