/* terms_lookup.c: does one value, or one row, meet a condition? */
#include "base/number.h"
#include "query/terms.h"
#include "storage/metadata.h"
#include <string.h>

static bool in_range(const GV_Lookup *c, double number)
{
    return (c->low_open ? number > c->low : number >= c->low) && (c->high_open ? number < c->high : number <= c->high);
}

bool gv_lookup_holds(const GV_Lookup *c, const uint8_t *value, size_t size)
{
    double number;
    switch (c->kind) {
    case GV_LOOKUP_EXISTS: return true;
    case GV_LOOKUP_EQUALS: return size == c->value_size && (size == 0 || memcmp(value, c->value, size) == 0);
    case GV_LOOKUP_HOLDS: break;
    case GV_LOOKUP_NUMBERS:
        if (gv_number_read(value, size, &number)) return in_range(c, number);
        break;
    }
    return c->holds && c->holds(c->context, value, size);
}

bool gv_lookup_meets(const GV_Lookup *c, const GV_Table *table, uint32_t slot)
{
    size_t size;
    GV_Pair pair;
    const uint8_t *row = gv_table_metadata(table, slot, &size);
    return gv_metadata_find(row, size, c->key, c->key_size, &pair) && gv_lookup_holds(c, pair.value, pair.value_size);
}
