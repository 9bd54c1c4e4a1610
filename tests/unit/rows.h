/* rows.h: rows that lie together in clusters, for tests of indexes that look for clusters. */
#ifndef GV_TEST_ROWS_H
#define GV_TEST_ROWS_H
#include "base/random.h"
#include "check.h"
#include <stdlib.h>

/* Rows around one of `centres` centres, which are those of any seed. To be freed. */
static inline float *clustered_rows(size_t count, size_t dimension, uint64_t centres, uint64_t seed)
{
    float *rows = malloc((count * dimension + 1) * sizeof *rows);
    CHECK(rows, "no memory");
    for (size_t i = 0; i < count; i++)
        for (size_t j = 0; j < dimension; j++) {
            uint64_t centre = gv_random(seed, i) % centres;
            float middle = (float)(gv_random(99, centre * dimension + j) % 2001) / 1000.0f - 1.0f;
            rows[i * dimension + j] = middle + (float)(gv_random(seed + 1, i * dimension + j) % 1001) / 2000.0f - 0.25f;
        }
    return rows;
}

#endif
