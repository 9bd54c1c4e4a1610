/* cpu.c: what this CPU can run, one answer for each kernel of kernel_list.h. */
#include "kernels/kernel_list.h"
#if defined(__x86_64__)
#include <cpuid.h>
#include <stdatomic.h>
#include <stdint.h>
#elif defined(__aarch64__) && defined(__linux__)
#include <sys/auxv.h>
#elif defined(__aarch64__) && defined(__APPLE__)
#include <sys/sysctl.h>
#endif

bool gv_cpu_has_scalar(void) { return true; }

#if defined(__x86_64__)
enum { /* bits of CPUID leaves 1 and 7, and of XCR0: what the OS saves when it switches threads */
    LEAF1_ECX_SSE41 = 1 << 19,
    LEAF1_ECX_OSXSAVE = 1 << 27,
    LEAF1_ECX_AVX = 1 << 28,
    LEAF1_ECX_F16C = 1 << 29,
    LEAF7_EBX_AVX2 = 1 << 5,
    LEAF7_EBX_AVX512F = 1 << 16,
    LEAF7_EBX_AVX512DQ = 1 << 17,
    LEAF7_EBX_AVX512BW = 1 << 30,
    LEAF7_ECX_AVX512VNNI = 1 << 11,
    XCR0_YMM = 0x06, /* SSE and AVX state */
    XCR0_ZMM = 0xe6, /* and opmask, upper halves of ZMM0-15, ZMM16-31 */
};
#define LEAF7_EBX_AVX512VL (UINT32_C(1) << 31) /* not an int */

typedef struct Features {
    uint32_t leaf1_ecx, leaf7_ebx, leaf7_ecx, xcr0;
} Features;

static Features detect(void)
{
    Features f = {0};
    uint32_t eax, ebx, ecx, edx;
    if (__get_cpuid(1, &eax, &ebx, &ecx, &edx)) {
        f.leaf1_ecx = ecx;
    }
    if (__get_cpuid_count(7, 0, &eax, &ebx, &ecx, &edx)) {
        f.leaf7_ebx = ebx;
        f.leaf7_ecx = ecx;
    }
    if (f.leaf1_ecx & LEAF1_ECX_OSXSAVE) { /* xgetbv exists; spelt out, as the intrinsic needs -mxsave */
        __asm__ volatile("xgetbv" : "=a"(f.xcr0), "=d"(edx) : "c"(0));
    }
    return f;
}

static bool has_all(uint32_t word, uint32_t bits) { return (word & bits) == bits; }

enum {
    ASKED = 1,
    HAS_SSE41 = 2,
    HAS_AVX2 = 4,
    HAS_AVX512 = 8,
};

static unsigned judge(Features f)
{
    unsigned found = ASKED;
    if (has_all(f.leaf1_ecx, LEAF1_ECX_SSE41)) found |= HAS_SSE41;
    if (has_all(f.leaf1_ecx, LEAF1_ECX_AVX | LEAF1_ECX_F16C) && has_all(f.leaf7_ebx, LEAF7_EBX_AVX2) &&
        has_all(f.xcr0, XCR0_YMM)) {
        found |= HAS_AVX2;
    }
    /* everything avx512.c is compiled with, so that its integer kernels may use all of it */
    if ((found & HAS_AVX2) &&
        has_all(f.leaf7_ebx, LEAF7_EBX_AVX512F | LEAF7_EBX_AVX512DQ | LEAF7_EBX_AVX512BW | LEAF7_EBX_AVX512VL) &&
        has_all(f.leaf7_ecx, LEAF7_ECX_AVX512VNNI) && has_all(f.xcr0, XCR0_ZMM)) {
        found |= HAS_AVX512;
    }
    return found;
}

/* Asked once: CPUID is a trap where the machine is a virtual one, and every open comes here. */
static bool can(unsigned what)
{
    static atomic_uint answers;
    unsigned known = atomic_load_explicit(&answers, memory_order_relaxed);
    if (!known) {
        known = judge(detect());
        atomic_store_explicit(&answers, known, memory_order_relaxed);
    }
    return (known & what) != 0;
}

bool gv_cpu_has_sse41(void) { return can(HAS_SSE41); }
bool gv_cpu_has_avx2(void) { return can(HAS_AVX2); }
bool gv_cpu_has_avx512(void) { return can(HAS_AVX512); }
#endif

#if defined(__aarch64__)
bool gv_cpu_has_neon(void) { return true; }

/* What the whole library was built for need not be asked. */
bool gv_cpu_has_neon_dot(void)
{
#if defined(__ARM_FEATURE_DOTPROD)
    return true;
#elif defined(__linux__)
    enum {
        ASIMDDP = 1 << 20 /* of AT_HWCAP */
    };
    return (getauxval(AT_HWCAP) & ASIMDDP) != 0;
#elif defined(__APPLE__)
    int has = 0;
    size_t size = sizeof has;
    return sysctlbyname("hw.optional.arm.FEAT_DotProd", &has, &size, NULL, 0) == 0 && has != 0;
#else
    return false;
#endif
}
#endif

#if defined(__wasm_simd128__)
bool gv_cpu_has_wasm128(void) { return true; /* an engine without it rejects the whole module */ }
#endif
