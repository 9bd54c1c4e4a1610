/* filter.c: from an expression on metadata to the rows for which it holds. */
#include "query/search.h"
#include "storage/metadata.h"

/* Of one row. As deep as the expression was nested, at most (GV_FILTER_DEPTH). */
static bool holds(const GV_Node *node, const uint8_t *row, size_t row_size)
{
    const GV_Condition *c = &node->condition;
    if (node->kind == GV_NODE_NOT) return !holds(node->first, row, row_size);
    if (node->kind == GV_NODE_AND || node->kind == GV_NODE_OR) {
        bool settled = node->kind == GV_NODE_OR; /* by the first that says so */
        for (const GV_Node *child = node->first; child; child = child->next)
            if (holds(child, row, row_size) == settled) return settled;
        return !settled;
    }
    size_t size;
    const uint8_t *value = gv_metadata_find(row, row_size, c->key, c->key_size, &size);
    return value && (node->kind == GV_NODE_EXISTS || gv_condition_holds(c, value, size));
}

GV_Status gv_filter(const GV_Table *table, GV_Heap *heap, const GV_Expression *expression, GV_Bitset *matches,
                    uint64_t *count)
{
    *count = 0;
    GV_TRY(gv_bitset_reserve(matches, heap, table->slot_count, NULL));
    for (size_t slot = gv_bitset_next_set(&table->live, 0, table->slot_count); slot < table->slot_count;
         slot = gv_bitset_next_set(&table->live, slot + 1, table->slot_count)) {
        size_t size;
        const uint8_t *row = gv_table_metadata(table, (uint32_t)slot, &size);
        if (!holds(expression->root, row, size)) continue;
        gv_bitset_set(matches, slot);
        ++*count;
    }
    return GV_OK;
}
