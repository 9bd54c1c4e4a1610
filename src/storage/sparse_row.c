/* sparse_row.c: what a sparse row may be. */
#include "storage/sparse_row.h"
#include <float.h>

GV_Status gv_sparse_check(const GV_SparseRow *row, size_t dimension, size_t index, float *norm)
{
    if (row->count > GV_SPARSE_PAIRS_MAX)
        return gv_fail(GV_ERR_ARGUMENT, "sparse row %zu: %zu pairs, at most %d are allowed", index, row->count,
                       GV_SPARSE_PAIRS_MAX);
    for (size_t i = 0; i < row->count; i++) {
        if (row->indices[i] >= dimension)
            return gv_fail(GV_ERR_ARGUMENT, "sparse row %zu: index %u is not below the dimension, %zu", index,
                           row->indices[i], dimension);
        if (i > 0 && row->indices[i] <= row->indices[i - 1])
            return gv_fail(GV_ERR_ARGUMENT, "sparse row %zu: index %u comes behind %u: indices must ascend, each once",
                           index, row->indices[i], row->indices[i - 1]);
        if (!(row->values[i] >= -FLT_MAX && row->values[i] <= FLT_MAX))
            return gv_fail(GV_ERR_ARGUMENT, "sparse row %zu: the value at index %u is %s", index, row->indices[i],
                           row->values[i] != row->values[i] ? "NaN" : "infinite");
    }
    double sum = gv_sparse_dot(row, row);
    *norm = (float)sum;
    if (*norm <= FLT_MAX) return GV_OK;
    return gv_fail(GV_ERR_ARGUMENT, "sparse row %zu: its squared norm is too large for a 32-bit float", index);
}

bool gv_sparse_is_row(const uint8_t *blob, size_t size, size_t dimension, float *norm)
{
    if (!blob || size % 8 != 0 || ((uintptr_t)blob & 3) != 0) return false;
    GV_SparseRow row = gv_sparse_row(blob, size);
    return gv_sparse_check(&row, dimension, 0, norm) == GV_OK;
}
