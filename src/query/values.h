/* values.h: values of metadata, sorted by their bytes: to find equal ones. */
#ifndef GV_VALUES_H
#define GV_VALUES_H
#include <stddef.h>
#include <stdint.h>

typedef struct GV_Value {
    const uint8_t *bytes;
    size_t size;
    size_t owner; /* whose it is */
} GV_Value;

/* Bytes first, then length, like strcmp(): negative, 0 or positive. */
int gv_value_compare(const GV_Value *a, const GV_Value *b);

/* By value, then by owner. */
void gv_values_sort(GV_Value *values, size_t count);

/* The first of the sorted `values` that is equal, or NULL. */
const GV_Value *gv_values_find(const GV_Value *values, size_t count, const uint8_t *bytes, size_t size);

#endif
