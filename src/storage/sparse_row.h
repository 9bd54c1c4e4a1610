/* sparse_row.h: a row as (index, value) pairs, indices ascending: what a SPARSE database keeps in place of a vector.
 *
 * Stored as a blob: u32 indices, then as many f32 values. Products of two f32 are exact in f64, so a dot product is the f64 sum over the
 * common indices in ascending order, rounded once: the same bits on every target. */
#ifndef GV_SPARSE_ROW_H
#define GV_SPARSE_ROW_H
#include "base/status.h"
#include <gigavector.h>
#include <stdbool.h>

enum {
    GV_SPARSE_PAIRS_MAX = 65535 /* of one row: it fits a frame of the log, with its metadata */
};

typedef struct GV_SparseRow {
    const uint32_t *indices; /* [count], ascending */
    const float *values;     /* [count] */
    size_t count;
} GV_SparseRow;

/* What a blob of `size` bytes says; it is at least 4-byte aligned. */
static inline GV_SparseRow gv_sparse_row(const uint8_t *blob, size_t size)
{
    size_t count = size / 8;
    const uint32_t *indices = (const uint32_t *)(const void *)blob;
    return (GV_SparseRow){indices, (const float *)(const void *)(indices + count), count};
}

static inline double gv_sparse_dot(const GV_SparseRow *a, const GV_SparseRow *b)
{
    double sum = 0.0;
    for (size_t i = 0, j = 0; i < a->count && j < b->count;) {
        uint32_t x = a->indices[i], y = b->indices[j];
        if (x == y) sum += (double)a->values[i] * (double)b->values[j];
        i += x <= y; /* no branch: which comes first is hard to foresee */
        j += y <= x;
    }
    return sum;
}

/* GV_ERR_ARGUMENT unless indices ascend below `dimension`, and values are finite, as is the squared norm of them. `index` names the
 * row in the message. */
GV_Status gv_sparse_check(const GV_SparseRow *row, size_t dimension, size_t index, float *norm);

/* Are the `size` bytes of a blob, which may come from any file, a row that gv_sparse_check() lets in? */
bool gv_sparse_is_row(const uint8_t *blob, size_t size, size_t dimension, float *norm);

#endif
