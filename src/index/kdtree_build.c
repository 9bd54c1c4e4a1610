/* kdtree_build.c: the tree, made at once: each node is split at the median of its widest dimension. */
#include "index/kdtree.h"

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

static bool before(const GV_Table *table, size_t axis, uint32_t a, uint32_t b)
{
    float x = gv_table_row(table, a)[axis], y = gv_table_row(table, b)[axis];
    return x < y || (x == y && a < b);
}

static void swap(uint32_t *slots, size_t a, size_t b)
{
    uint32_t slot = slots[a];
    slots[a] = slots[b];
    slots[b] = slot;
}

/* Put the slot that belongs at `middle` there, smaller ones before it (Hoare's selection). Slots break ties. */
static void part_at(Build *b, size_t axis, size_t begin, size_t end, size_t middle)
{
    uint32_t *slots = b->tree->slots;
    while (end - begin > 1) {
        b->random = b->random * 6364136223846793005u + 1442695040888963407u;
        swap(slots, begin + (size_t)(b->random >> 33) % (end - begin), end - 1);
        uint32_t pivot = slots[end - 1];
        size_t at = begin;
        for (size_t i = begin; i < end - 1; i++)
            if (before(b->table, axis, slots[i], pivot)) swap(slots, i, at++);
        swap(slots, at, end - 1);
        if (at == middle) return;
        if (at < middle) begin = at + 1;
        else end = at;
    }
}

static void copy_leaf(Build *b, size_t begin, size_t end)
{
    size_t n = b->table->dimension, count = end - begin;
    float *to = b->tree->rows + begin * n;
    for (size_t i = 0; i < count; i++) {
        const float *row = gv_table_row(b->table, b->tree->slots[begin + i]);
        for (size_t d = 0; d < n; d++) to[d * count + i] = row[d];
    }
}

static void build(Build *b, size_t node, size_t begin, size_t end)
{
    size_t n = b->table->dimension, axis = 0;
    float *least = b->tree->boxes + node * 2 * n, *most = least + n;
    for (size_t i = begin; i < end; i++) {
        const float *row = gv_table_row(b->table, b->tree->slots[i]);
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
    part_at(b, axis, begin, end, middle);
    build(b, 2 * node + 1, begin, middle);
    build(b, 2 * node + 2, middle, end);
}

void gv_kd_build(GV_KDTree *tree, const GV_Table *table)
{
    Build b = {table, tree, GV_DEFAULT_SEED};
    if (tree->count > 0) build(&b, 0, 0, tree->count);
}
