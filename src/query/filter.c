/* filter.c: from a condition on metadata to the rows that meet it. */
#include "query/search.h"
#include <string.h>

GV_Status gv_filter_pair(GV_Terms *terms, GV_Heap *heap, const char *key, const char *value, GV_Bitset *matches,
                         uint64_t *count)
{
    GV_Condition condition = {
        .kind = GV_CONDITION_EQUALS, .key = key, .key_size = strlen(key), .value = value, .value_size = strlen(value)};
    *count = 0;
    GV_TRY(gv_bitset_reserve(matches, heap, terms->table->slot_count, NULL));
    gv_terms_match(terms, &condition, matches);
    *count = gv_bitset_count(matches);
    return GV_OK;
}
