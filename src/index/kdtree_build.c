/* kdtree_build.c: the tree, made at once: each node is split at the median of its widest dimension. */
#include "index/kdtree.h"

enum {
    AHEAD = 16 /* rows, which lie anywhere: so many are sent for before they are read */
};

size_t gv_kd_nodes(size_t count)
{
    size_t nodes = 1;
    for (size_t largest = count; largest > GV_KD_LEAF; largest = (largest + 1) / 2) nodes = 2 * nodes + 1;
    return nodes;
}

void gv_kd_free(GV_KDTree *tree, GV_Heap *heap)
{
    gv_release(heap, tree->slots, tree->capacity * sizeof *tree->slots);
    gv_release(heap, tree->boxes, tree->box_floats * sizeof *tree->boxes);
    gv_release(heap, tree->rows, tree->row_floats * sizeof *tree->rows);
    *tree = (GV_KDTree){0};
}

GV_Status gv_kd_reserve(GV_KDTree *tree, GV_Heap *heap, size_t dimension, size_t count)
{
    if (count <= tree->capacity) return GV_OK;
    size_t more = tree->capacity + tree->capacity / 2; /* recovery asks for a row more again and again */
    if (count < more) count = more;
    gv_kd_free(tree, heap);
    size_t boxes = gv_kd_nodes(count) * 2 * dimension, rows = count * dimension + GV_KD_LEAF;
    tree->slots = gv_alloc_array(heap, count, sizeof *tree->slots);
    if (tree->slots) tree->capacity = count, tree->boxes = gv_alloc_array(heap, boxes, sizeof *tree->boxes);
    if (tree->boxes) tree->box_floats = boxes, tree->rows = gv_alloc_array(heap, rows, sizeof *tree->rows);
    if (tree->rows) {
        tree->row_floats = rows;
        return GV_OK;
    }
    GV_Status status = gv_last_status();
    gv_kd_free(tree, heap);
    return status;
}

typedef struct Build {
    const GV_Table *table;
    GV_KDTree *tree;
    uint64_t random; /* chooses pivots: no order of rows is slow by design */
} Build;

static const float *row_of(const Build *b, uint32_t slot) { return gv_table_row(b->table, slot); }

typedef struct Part { /* of the slots, with the component that orders them beside each */
    uint32_t *slots;
    float *keys;
} Part;

static bool before(const Part *p, size_t a, float key, uint32_t slot)
{
    return p->keys[a] < key || (p->keys[a] == key && p->slots[a] < slot);
}

static void swap(const Part *p, size_t a, size_t b)
{
    uint32_t slot = p->slots[a];
    float key = p->keys[a];
    p->slots[a] = p->slots[b];
    p->keys[a] = p->keys[b];
    p->slots[b] = slot;
    p->keys[b] = key;
}

/* Put the slot that belongs at `middle` there, smaller ones before it (Hoare's selection). Slots break ties: all differ. */
static void part_at(Build *b, const Part *p, size_t end, size_t middle)
{
    size_t begin = 0;
    while (end - begin > 1) {
        b->random = b->random * 6364136223846793005u + 1442695040888963407u;
        swap(p, begin + (size_t)(b->random >> 33) % (end - begin), end - 1);
        float key = p->keys[end - 1];
        uint32_t slot = p->slots[end - 1];
        size_t at = begin;
        for (size_t i = begin; i < end - 1; i++)
            if (before(p, i, key, slot)) swap(p, i, at++);
        swap(p, at, end - 1);
        if (at == middle) return;
        if (at < middle) begin = at + 1;
        else end = at;
    }
}

/* Where the leaves' copies will be is room for a component of each row until then. */
static void halve(Build *b, size_t axis, size_t begin, size_t end, size_t middle)
{
    Part p = {b->tree->slots + begin, b->tree->rows + begin * b->table->dimension};
    for (size_t i = 0; i < end - begin; i++) {
        if (end - begin - i > AHEAD) gv_prefetch(row_of(b, p.slots[i + AHEAD]) + axis, 1);
        p.keys[i] = row_of(b, p.slots[i])[axis];
    }
    part_at(b, &p, end - begin, middle - begin);
}

static void copy_leaf(Build *b, size_t begin, size_t end)
{
    size_t n = b->table->dimension, count = end - begin;
    float *to = b->tree->rows + begin * n;
    for (size_t i = 0; i < count; i++) {
        const float *row = row_of(b, b->tree->slots[begin + i]);
        for (size_t d = 0; d < n; d++) to[d * count + i] = row[d];
    }
}

static void build(Build *b, size_t node, size_t begin, size_t end)
{
    size_t n = b->table->dimension, axis = 0;
    float *least = b->tree->boxes + node * 2 * n, *most = least + n;
    for (size_t i = begin; i < end; i++) {
        const float *row = row_of(b, b->tree->slots[i]);
        if (end - i > AHEAD) gv_prefetch(row_of(b, b->tree->slots[i + AHEAD]), 1);
        for (size_t d = 0; d < n; d++) {
            if (i == begin || row[d] < least[d]) least[d] = row[d];
            if (i == begin || row[d] > most[d]) most[d] = row[d];
        }
    }
    if (end - begin <= GV_KD_LEAF) {
        copy_leaf(b, begin, end);
        return;
    }
    for (size_t d = 1; d < n; d++)
        if ((double)most[d] - (double)least[d] > (double)most[axis] - (double)least[axis]) axis = d;
    size_t middle = begin + (end - begin + 1) / 2;
    halve(b, axis, begin, end, middle);
    build(b, 2 * node + 1, begin, middle);
    build(b, 2 * node + 2, middle, end);
}

void gv_kd_build(GV_KDTree *tree, const GV_Table *table)
{
    Build b = {table, tree, GV_DEFAULT_SEED};
    if (tree->count > 0) build(&b, 0, 0, tree->count);
}
