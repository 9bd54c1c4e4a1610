/* idmap.c: linear probing with deletion by shifting back, so there are no tombstones to clean. Nothing collides in a direct map. */
#include "base/idmap.h"
#include "base/random.h"

static uint64_t id_at(const GV_Slab *ids, uint32_t entry) { return *(const uint64_t *)gv_slab_at(ids, entry - 1); }

static size_t home(size_t capacity, uint64_t id) { return (size_t)gv_mix64(id) & (capacity - 1); }

static void place(uint32_t *entries, size_t capacity, const GV_Slab *ids, uint32_t entry)
{
    size_t at = home(capacity, id_at(ids, entry));
    while (entries[at]) at = (at + 1) & (capacity - 1);
    entries[at] = entry;
}

GV_Status gv_idmap_make_direct(GV_IdMap *map, GV_Heap *heap, size_t id_end)
{
    *map = (GV_IdMap){.entries = gv_alloc_array(heap, id_end, sizeof *map->entries), .direct = true};
    if (!map->entries) return gv_last_status();
    map->capacity = id_end;
    return GV_OK;
}

GV_Status gv_idmap_reserve(GV_IdMap *map, GV_Heap *heap, const GV_Slab *ids, size_t count, GV_RwLock *lock)
{
    size_t capacity = map->capacity && !map->direct ? map->capacity : 64;
    if (map->capacity && !map->direct && count <= capacity - capacity / 4) return GV_OK;
    while (count > capacity - capacity / 4) {
        if (capacity > SIZE_MAX / 8) return gv_fail(GV_ERR_NO_MEMORY, "out of memory: id map of %zu entries", count);
        capacity *= 2;
    }
    uint32_t *entries = gv_alloc_array(heap, capacity, sizeof *entries);
    if (!entries) return gv_last_status();
    for (size_t i = 0; i < map->capacity; i++)
        if (map->entries[i]) place(entries, capacity, ids, map->entries[i]);
    uint32_t *old = map->entries;
    size_t old_capacity = map->capacity;
    if (lock) gv_write_lock(lock);
    map->entries = entries;
    map->capacity = capacity;
    map->direct = false;
    if (lock) gv_write_unlock(lock);
    gv_release(heap, old, old_capacity * sizeof *old);
    return GV_OK;
}

/* Where the entry of `id` is, or is to be. */
static size_t locate(const GV_IdMap *map, const GV_Slab *ids, uint64_t id)
{
    if (map->direct) return (size_t)id;
    size_t at = home(map->capacity, id);
    while (map->entries[at] && id_at(ids, map->entries[at]) != id) at = (at + 1) & (map->capacity - 1);
    return at;
}

uint32_t gv_idmap_find(const GV_IdMap *map, const GV_Slab *ids, uint64_t id)
{
    if (map->capacity == 0 || (map->direct && id >= map->capacity)) return GV_NO_SLOT;
    return map->entries[locate(map, ids, id)] - 1; /* GV_NO_SLOT where there is none */
}

bool gv_idmap_try_insert(GV_IdMap *map, const GV_Slab *ids, uint32_t slot)
{
    uint32_t *entry = &map->entries[locate(map, ids, id_at(ids, slot + 1))];
    if (*entry) return false;
    *entry = slot + 1;
    map->count++;
    return true;
}

void gv_idmap_insert(GV_IdMap *map, const GV_Slab *ids, uint32_t slot)
{
    if (map->direct) map->entries[id_at(ids, slot + 1)] = slot + 1;
    else place(map->entries, map->capacity, ids, slot + 1);
    map->count++;
}

void gv_idmap_remove(GV_IdMap *map, const GV_Slab *ids, uint64_t id)
{
    if (gv_idmap_find(map, ids, id) == GV_NO_SLOT) return;
    size_t mask = map->capacity - 1, hole = locate(map, ids, id);
    for (size_t at = (hole + 1) & mask; !map->direct && map->entries[at]; at = (at + 1) & mask) {
        size_t wanted = home(map->capacity, id_at(ids, map->entries[at]));
        if (((at - wanted) & mask) < ((at - hole) & mask)) continue; /* its home lies behind the hole */
        map->entries[hole] = map->entries[at];
        hole = at;
    }
    map->entries[hole] = 0;
    map->count--;
}

void gv_idmap_free(GV_IdMap *map, GV_Heap *heap)
{
    gv_release(heap, map->entries, map->capacity * sizeof *map->entries);
    *map = (GV_IdMap){0};
}
