/* neon_dot.c: neon.c with the dot product of signed bytes, which came with Armv8.2. Built with -march=armv8.2-a+dotprod; run only if cpu.c
 * agrees. */
#include "kernels/kernel_list.h"

#if defined(__aarch64__)
#define GV_ISA neon_dot
#define GV_ISA_NAME "neon-dot"
#include "kernels/neon_lanes.h"

static inline ints ints32_add_row(ints sum, ints u, ints q)
{
    return vreinterpretq_u8_s32(vdotq_s32(sums_of(sum), vreinterpretq_s8_u8(u), vreinterpretq_s8_u8(q)));
}

#include "kernels/kernel_body.h"
#endif
