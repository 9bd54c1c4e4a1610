/* stored.h: what a vector is kept as (GV_Storage). It is rounded once, when it is written; what is then stored is the row, and all
 * else follows from the floats that it stands for: norms, codes, distances, what is read back.
 *
 *   F32   f32[n]
 *   F16   binary16[n], the nearest, ties to even; rows with a component that would become infinite are refused
 *   INT8  f32 scale, i8[n]: q_i = x_i / scale to the nearest, -127 ..= 127, and scale the least of 16 significant bits that is at
 *         least max |x| / 127 and 2^-126, or 0 where all q_i are. So q_i * scale is exact in f32, and rounding what was
 *         rounded changes nothing. */
#ifndef GV_STORED_H
#define GV_STORED_H
#include <gigavector.h>
#include <stdbool.h>
#include <stddef.h>
#include <string.h>

#ifdef GV_SMALL_MODULE
#define GV_HAS_STORAGE 0 /* the small WebAssembly module knows F32 alone (cmake/wasm.cmake) */
#else
#define GV_HAS_STORAGE 1
#endif

enum {
    GV_STORED_SCALE = sizeof(float) /* bytes before the components of INT8 */
};

/* Of a row of `n` components. */
static inline size_t gv_stored_bytes(GV_Storage storage, size_t n)
{
    if (GV_HAS_STORAGE && storage == GV_STORAGE_F16) return n * sizeof(uint16_t);
    if (GV_HAS_STORAGE && storage == GV_STORAGE_INT8) return GV_STORED_SCALE + n;
    return n * sizeof(float);
}

/* The storages but F32; `row` has gv_stored_bytes(). */
void gv_store_components(GV_Storage storage, const float *x, size_t n, void *row);
void gv_widen_components(GV_Storage storage, const void *row, size_t n, float *x);

/* Is `x`, which is finite, of a magnitude that the storage has? */
bool gv_storage_holds(GV_Storage storage, float x);

/* The row as it is stored. */
static inline void gv_store_row(GV_Storage storage, const float *x, size_t n, void *row)
{
    if (GV_HAS_STORAGE && storage != GV_STORAGE_F32) gv_store_components(storage, x, n, row);
    else memcpy(row, x, n * sizeof *x);
}

/* The floats that a stored row stands for. */
static inline void gv_widen_row(GV_Storage storage, const void *row, size_t n, float *x)
{
    if (GV_HAS_STORAGE && storage != GV_STORAGE_F32) gv_widen_components(storage, row, n, x);
    else memcpy(x, row, n * sizeof *x);
}

/* The same where they are already, or in `room[n]`. */
static inline const float *gv_row_floats(GV_Storage storage, const void *row, size_t n, float *room)
{
    if (!GV_HAS_STORAGE || storage == GV_STORAGE_F32) return row;
    gv_widen_components(storage, row, n, room);
    return room;
}

#endif
