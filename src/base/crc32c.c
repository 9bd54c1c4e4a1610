/* crc32c.c: eight bytes a step by table (slicing by 8), or by the SSE4.2 instruction. */
#include "base/crc32c.h"
#include "base/bytes.h"
#include <stdatomic.h>
#include <stdbool.h>

static uint32_t table[8][256];
static atomic_int table_state; /* 0 not made, 1 made: making it twice writes the same words */

static void make_table(void)
{
    uint32_t made[8][256];
    for (uint32_t i = 0; i < 256; i++) {
        uint32_t c = i;
        for (int bit = 0; bit < 8; bit++) c = (c >> 1) ^ (0x82F63B78u & (0u - (c & 1)));
        made[0][i] = c;
    }
    for (uint32_t i = 0; i < 256; i++)
        for (int k = 1; k < 8; k++) made[k][i] = (made[k - 1][i] >> 8) ^ made[0][made[k - 1][i] & 0xFF];
    static atomic_flag writing = ATOMIC_FLAG_INIT;
    while (atomic_flag_test_and_set_explicit(&writing, memory_order_acquire)) {
    }
    if (atomic_load_explicit(&table_state, memory_order_relaxed) == 0) memcpy(table, made, sizeof table);
    atomic_store_explicit(&table_state, 1, memory_order_release);
    atomic_flag_clear_explicit(&writing, memory_order_release);
}

uint32_t gv_crc32c_portable(uint32_t crc, const void *data, size_t size)
{
    if (atomic_load_explicit(&table_state, memory_order_acquire) == 0) make_table();
    const uint8_t *p = data;
    crc = ~crc;
    for (; size >= 8; size -= 8, p += 8) {
        uint32_t low = gv_get_u32(p) ^ crc, high = gv_get_u32(p + 4);
        crc = table[7][low & 0xFF] ^ table[6][(low >> 8) & 0xFF] ^ table[5][(low >> 16) & 0xFF] ^ table[4][low >> 24] ^
              table[3][high & 0xFF] ^ table[2][(high >> 8) & 0xFF] ^ table[1][(high >> 16) & 0xFF] ^
              table[0][high >> 24];
    }
    for (; size > 0; size--, p++) crc = (crc >> 8) ^ table[0][(crc ^ *p) & 0xFF];
    return ~crc;
}

#if defined(__x86_64__)
#include <nmmintrin.h>

__attribute__((target("sse4.2"))) static uint32_t crc32c_sse42(uint32_t crc, const void *data, size_t size)
{
    const uint8_t *p = data;
    uint64_t c = (uint32_t)~crc;
    for (; size >= 8; size -= 8, p += 8) c = _mm_crc32_u64(c, gv_get_u64(p));
    for (; size > 0; size--, p++) c = _mm_crc32_u8((uint32_t)c, *p);
    return ~(uint32_t)c;
}

uint32_t gv_crc32c(uint32_t crc, const void *data, size_t size)
{
    if (__builtin_cpu_supports("sse4.2")) return crc32c_sse42(crc, data, size);
    return gv_crc32c_portable(crc, data, size);
}
#else
uint32_t gv_crc32c(uint32_t crc, const void *data, size_t size) { return gv_crc32c_portable(crc, data, size); }
#endif
