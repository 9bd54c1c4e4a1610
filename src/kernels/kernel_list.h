/* kernel_list.h: every kernel built for this target, best first, as X(isa). The only place that asks what architecture
 * this is: a new ISA is one file with its loops' operations, one word here and one function in cpu.c. */
#ifndef GV_KERNEL_LIST_H
#define GV_KERNEL_LIST_H
#include "kernels/kernels.h"
#include <stdbool.h>

#if defined(__x86_64__)
#define GV_KERNEL_LIST(X) X(avx512) X(avx2) X(sse41) X(scalar) /* scalar runs anywhere */
#elif defined(__aarch64__)
#define GV_KERNEL_LIST(X) X(neon_dot) X(neon) X(scalar)
#elif defined(__wasm_simd128__) && defined(GV_SMALL_MODULE) /* cmake/wasm.cmake */
#define GV_KERNEL_LIST(X) X(wasm128)
#elif defined(__wasm_simd128__)
#define GV_KERNEL_LIST(X) X(wasm128) X(scalar)
#else
#define GV_KERNEL_LIST(X) X(scalar)
#endif

/* The table of each ISA (its own file) and whether this CPU and its OS can run it (cpu.c). */
#define GV_KERNEL_DECLARE(isa)                \
    extern const GV_Kernels gv_kernels_##isa; \
    bool gv_cpu_has_##isa(void);
GV_KERNEL_LIST(GV_KERNEL_DECLARE)
#undef GV_KERNEL_DECLARE

#endif
