/* filter.c: from a condition on metadata to the rows that meet it. */
#include "query/search.h"
#include "storage/metadata.h"
#include <string.h>

GV_Status gv_filter_pair(const GV_Table *table, GV_Heap *heap, const char *key, const char *value, GV_Bitset *matches,
                         uint64_t *count)
{
    size_t key_size = strlen(key), value_size = strlen(value);
    *count = 0;
    GV_TRY(gv_bitset_reserve(matches, heap, table->slot_count, NULL));
    for (size_t slot = gv_bitset_next_set(&table->live, 0, table->slot_count); slot < table->slot_count;
         slot = gv_bitset_next_set(&table->live, slot + 1, table->slot_count)) {
        size_t size;
        const uint8_t *packed = gv_table_metadata(table, (uint32_t)slot, &size);
        if (!packed || !gv_metadata_matches(packed, size, key, key_size, value, value_size)) continue;
        gv_bitset_set(matches, slot);
        ++*count;
    }
    return GV_OK;
}
