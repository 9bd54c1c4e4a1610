/* values.c: sorting values of metadata, and looking one up. */
#include "query/values.h"
#include "base/bytes.h"
#include <stdlib.h>

int gv_value_compare(const GV_Value *a, const GV_Value *b)
{
    return gv_compare_bytes(a->bytes, a->size, b->bytes, b->size);
}

static int compare(const void *a, const void *b)
{
    const GV_Value *x = a, *y = b;
    int order = gv_value_compare(x, y);
    return order != 0 ? order : (x->owner > y->owner) - (x->owner < y->owner);
}

void gv_values_sort(GV_Value *values, size_t count)
{
    if (count > 1) qsort(values, count, sizeof *values, compare);
}

const GV_Value *gv_values_find(const GV_Value *values, size_t count, const uint8_t *bytes, size_t size)
{
    GV_Value wanted = {bytes, size, 0};
    size_t from = 0, to = count;
    while (from < to) {
        size_t middle = from + (to - from) / 2;
        if (gv_value_compare(&values[middle], &wanted) < 0) from = middle + 1;
        else to = middle;
    }
    return from < count && gv_value_compare(&values[from], &wanted) == 0 ? &values[from] : NULL;
}
