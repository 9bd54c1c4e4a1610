/* neon.c: AArch64 by what every such CPU has, four f32 lanes. */
#include "kernels/kernel_list.h"

#if defined(__aarch64__)
#define GV_ISA neon
#include "kernels/neon_lanes.h"

/* No sum of two products leaves 16 bits: 2 * 127 * 128 at most. */
static inline ints ints32_add_row(ints sum, ints u, ints q)
{
    int8x16_t row = vreinterpretq_s8_u8(u), query = vreinterpretq_s8_u8(q);
    int16x8_t low = vmull_s8(vget_low_s8(row), vget_low_s8(query));
    return vreinterpretq_u8_s32(vpadalq_s16(sums_of(sum), vmlal_high_s8(low, row, query)));
}

#include "kernels/kernel_body.h"
#endif
