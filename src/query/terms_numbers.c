/* terms_numbers.c: sorted keys in leaves of at most 256, beneath one sorted array of the leaves. */
#include "query/terms_parts.h"
#include "base/float_bits.h"
#include <float.h>
#include <stdlib.h>
#include <string.h>

enum {
    LEAF_MOST = 256,
    LEAF_MERGED = 128 /* two neighbours with no more than so many become one */
};

uint64_t gv_number_key(double number)
{
    float near = number > FLT_MAX ? FLT_MAX : number < -FLT_MAX ? -FLT_MAX : (float)number;
    return (uint64_t)gv_float_order(near + 0.0f) << 32; /* -0 is 0 */
}

/* The last leaf that begins at or before `key`; else the first. */
static uint32_t leaf_of(const GV_Numbers *n, uint64_t key)
{
    uint32_t from = 0, to = n->count;
    while (to - from > 1) {
        uint32_t middle = from + (to - from) / 2;
        if (n->leaves[middle].keys[0] <= key) from = middle;
        else to = middle;
    }
    return from;
}

static uint32_t place_in(const GV_Leaf *leaf, uint64_t key)
{
    uint32_t from = 0, to = leaf->count;
    while (from < to) {
        uint32_t middle = from + (to - from) / 2;
        if (leaf->keys[middle] < key) from = middle + 1;
        else to = middle;
    }
    return from;
}

GV_Place gv_numbers_from(const GV_Numbers *n, uint64_t key)
{
    uint32_t leaf = leaf_of(n, key);
    return (GV_Place){leaf, leaf < n->count ? place_in(&n->leaves[leaf], key) : 0};
}

bool gv_numbers_next(const GV_Numbers *n, GV_Place *place, uint64_t *key)
{
    if (place->leaf < n->count && place->at == n->leaves[place->leaf].count) *place = (GV_Place){place->leaf + 1, 0};
    if (place->leaf >= n->count) return false;
    *key = n->leaves[place->leaf].keys[place->at++];
    return true;
}

/* Room for `capacity` keys, which are fewer than before or more. */
static GV_Status resize_leaf(GV_Leaf *leaf, GV_Heap *heap, uint32_t capacity)
{
    uint64_t *keys = gv_alloc_array(heap, capacity, sizeof *keys);
    if (!keys) return gv_last_status();
    if (leaf->count > 0) memcpy(keys, leaf->keys, leaf->count * sizeof *keys);
    gv_release(heap, leaf->keys, leaf->capacity * sizeof *keys);
    leaf->keys = keys;
    leaf->capacity = capacity;
    return GV_OK;
}

/* A leaf of its own at `at`, with the keys of the one before it from `from` on, and room for one more. */
static GV_Status new_leaf(GV_Numbers *n, GV_Heap *heap, uint32_t at, uint32_t from)
{
    if (n->count == n->capacity) {
        uint32_t capacity = n->capacity ? n->capacity + n->capacity / 2 : 2;
        GV_Leaf *leaves = gv_alloc_array(heap, capacity, sizeof *leaves);
        if (!leaves) return gv_last_status();
        if (n->count > 0) memcpy(leaves, n->leaves, n->count * sizeof *leaves);
        gv_release(heap, n->leaves, n->capacity * sizeof *leaves);
        n->leaves = leaves;
        n->capacity = capacity;
    }
    GV_Leaf fresh = {0};
    GV_Leaf *before = at > 0 ? &n->leaves[at - 1] : NULL;
    GV_TRY(resize_leaf(&fresh, heap, before ? LEAF_MOST : 4));
    if (before) {
        fresh.count = before->count - from;
        memcpy(fresh.keys, before->keys + from, fresh.count * sizeof *fresh.keys);
        before->count = from;
    }
    memmove(n->leaves + at + 1, n->leaves + at, (n->count - at) * sizeof *n->leaves);
    n->leaves[at] = fresh;
    n->count++;
    return GV_OK;
}

GV_Status gv_numbers_add(GV_Numbers *n, GV_Heap *heap, uint64_t key)
{
    if (n->count == 0) {
        GV_TRY(new_leaf(n, heap, 0, 0));
        n->leaves[0].keys[0] = key;
        n->leaves[0].count = 1;
        return GV_OK;
    }
    uint32_t number = leaf_of(n, key);
    GV_Leaf *leaf = &n->leaves[number];
    uint32_t at = place_in(leaf, key);
    if (leaf->count == LEAF_MOST) { /* what comes in ascending order fills its leaves */
        uint32_t from = at == LEAF_MOST && number == n->count - 1 ? LEAF_MOST : LEAF_MOST / 2;
        GV_TRY(new_leaf(n, heap, number + 1, from));
        if (at >= from && (at > from || from == LEAF_MOST)) {
            number++;
            at -= from;
        }
        leaf = &n->leaves[number];
    } else if (leaf->count == leaf->capacity) {
        GV_TRY(resize_leaf(leaf, heap, 2 * leaf->capacity));
    }
    memmove(leaf->keys + at + 1, leaf->keys + at, (leaf->count - at) * sizeof *leaf->keys);
    leaf->keys[at] = key;
    leaf->count++;
    return GV_OK;
}

static void remove_leaf(GV_Numbers *n, GV_Heap *heap, uint32_t at)
{
    gv_release(heap, n->leaves[at].keys, n->leaves[at].capacity * sizeof *n->leaves[at].keys);
    memmove(n->leaves + at, n->leaves + at + 1, (n->count - at - 1) * sizeof *n->leaves);
    n->count--;
}

/* Join the leaf at `at` and the next where they have become few. */
static void merge(GV_Numbers *n, GV_Heap *heap, uint32_t at)
{
    if (at + 1 >= n->count) return;
    GV_Leaf *leaf = &n->leaves[at], *next = leaf + 1;
    uint32_t both = leaf->count + next->count;
    if (both > LEAF_MERGED || both > leaf->capacity) return;
    memcpy(leaf->keys + leaf->count, next->keys, next->count * sizeof *next->keys);
    leaf->count = both;
    remove_leaf(n, heap, at + 1);
}

bool gv_numbers_remove(GV_Numbers *n, GV_Heap *heap, uint64_t key)
{
    uint32_t number = leaf_of(n, key);
    if (number >= n->count) return false;
    GV_Leaf *leaf = &n->leaves[number];
    uint32_t at = place_in(leaf, key);
    if (at == leaf->count || leaf->keys[at] != key) return false;
    memmove(leaf->keys + at, leaf->keys + at + 1, (leaf->count - at - 1) * sizeof *leaf->keys);
    if (--leaf->count == 0) remove_leaf(n, heap, number);
    else merge(n, heap, number > 0 ? number - 1 : 0);
    return true;
}

static int compare_keys(const void *a, const void *b)
{
    uint64_t x = *(const uint64_t *)a, y = *(const uint64_t *)b;
    return (x > y) - (x < y);
}

GV_Status gv_numbers_fill(GV_Numbers *n, GV_Heap *heap, uint64_t *keys, size_t count)
{
    size_t sorted = 1;
    if (count == 0) return GV_OK;
    while (sorted < count && keys[sorted - 1] < keys[sorted]) sorted++;
    if (sorted < count) qsort(keys, count, sizeof *keys, compare_keys);
    uint32_t leaves = (uint32_t)((count + LEAF_MOST - 1) / LEAF_MOST);
    n->leaves = gv_alloc_array(heap, leaves + 1, sizeof *n->leaves);
    if (!n->leaves) return gv_last_status();
    n->capacity = leaves + 1;
    for (size_t at = 0; at < count; at += LEAF_MOST) {
        GV_Leaf *leaf = &n->leaves[n->count];
        size_t part = count - at < LEAF_MOST ? count - at : LEAF_MOST;
        GV_TRY(resize_leaf(leaf, heap, (uint32_t)part));
        leaf->count = (uint32_t)part;
        memcpy(leaf->keys, keys + at, part * sizeof *keys);
        n->count++;
    }
    return GV_OK;
}

void gv_numbers_free(GV_Numbers *n, GV_Heap *heap)
{
    while (n->count > 0) remove_leaf(n, heap, n->count - 1);
    gv_release(heap, n->leaves, n->capacity * sizeof *n->leaves);
    *n = (GV_Numbers){0};
}
