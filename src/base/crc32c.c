/* crc32c.c: eight bytes a step by table (slicing by 8), or by the instruction of SSE4.2 and of AArch64: three streams at once, since
 * each instruction waits for the one before in its own. */
#include "base/crc32c.h"
#include "base/bytes.h"
#include <stdatomic.h>
#include <stdbool.h>

enum {
    STREAM_BYTES = 1024
};

static uint32_t table[8][256];
static uint32_t shift[4][256]; /* what a register's bytes become when STREAM_BYTES zeros follow */
static atomic_int table_state; /* 0 not made, 1 made: making it twice writes the same words */

/* The operator is linear: that of a byte is the sum of those of its bits. */
static void make_shift(uint32_t made[8][256], uint32_t shifted[4][256])
{
    for (uint32_t bit = 0; bit < 32; bit++) {
        uint32_t c = (uint32_t)1 << bit, step = (uint32_t)1 << (bit & 7);
        for (int i = 0; i < STREAM_BYTES; i++) c = (c >> 8) ^ made[0][c & 0xFF];
        for (uint32_t i = 0; i < step; i++) shifted[bit >> 3][step + i] = c ^ shifted[bit >> 3][i];
    }
}

__attribute__((cold)) static void make_table(void)
{
    uint32_t made[8][256], shifted[4][256] = {{0}};
    for (uint32_t i = 0; i < 256; i++) {
        uint32_t c = i;
        for (int bit = 0; bit < 8; bit++) c = (c >> 1) ^ (0x82F63B78u & (0u - (c & 1)));
        made[0][i] = c;
    }
    for (uint32_t i = 0; i < 256; i++)
        for (int k = 1; k < 8; k++) made[k][i] = (made[k - 1][i] >> 8) ^ made[0][made[k - 1][i] & 0xFF];
    make_shift(made, shifted);
    static atomic_flag writing = ATOMIC_FLAG_INIT;
    while (atomic_flag_test_and_set_explicit(&writing, memory_order_acquire)) {
    }
    if (atomic_load_explicit(&table_state, memory_order_relaxed) == 0) {
        memcpy(table, made, sizeof table);
        memcpy(shift, shifted, sizeof shift);
    }
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
#define WITH_INSTRUCTION __attribute__((target("sse4.2")))

WITH_INSTRUCTION static inline uint64_t add_word(uint64_t c, uint64_t word) { return _mm_crc32_u64(c, word); }

WITH_INSTRUCTION static inline uint64_t add_byte(uint64_t c, uint8_t byte) { return _mm_crc32_u8((uint32_t)c, byte); }

static bool has_instruction(void) { return __builtin_cpu_supports("sse4.2"); }
#elif defined(__aarch64__) && (defined(__linux__) || defined(__APPLE__))
#define WITH_INSTRUCTION

static inline uint64_t add_word(uint64_t c, uint64_t word)
{
    uint32_t sum = (uint32_t)c;
    __asm__(".arch_extension crc\n\tcrc32cx %w0, %w0, %x1" : "+r"(sum) : "r"(word));
    return sum;
}

static inline uint64_t add_byte(uint64_t c, uint8_t byte)
{
    uint32_t sum = (uint32_t)c;
    __asm__(".arch_extension crc\n\tcrc32cb %w0, %w0, %w1" : "+r"(sum) : "r"((uint32_t)byte));
    return sum;
}

#if defined(__linux__)
#include <sys/auxv.h>

static bool has_instruction(void)
{
    enum {
        CRC32 = 1 << 7 /* of AT_HWCAP */
    };
    return (getauxval(AT_HWCAP) & CRC32) != 0;
}
#else
static bool has_instruction(void) { return true; } /* every such computer of Apple's */
#endif
#endif

#if defined(WITH_INSTRUCTION)
static uint64_t shifted_by_stream(uint64_t c)
{
    return shift[0][c & 0xFF] ^ shift[1][c >> 8 & 0xFF] ^ shift[2][c >> 16 & 0xFF] ^ shift[3][c >> 24 & 0xFF];
}

WITH_INSTRUCTION static uint32_t crc32c_instruction(uint32_t crc, const void *data, size_t size)
{
    if (atomic_load_explicit(&table_state, memory_order_acquire) == 0) make_table();
    const uint8_t *p = data;
    uint64_t c = (uint32_t)~crc;
    for (; size >= 3 * STREAM_BYTES; size -= 3 * STREAM_BYTES, p += 3 * STREAM_BYTES) {
        uint64_t second = 0, third = 0;
        for (size_t i = 0; i < STREAM_BYTES; i += 8) {
            c = add_word(c, gv_get_u64(p + i));
            second = add_word(second, gv_get_u64(p + STREAM_BYTES + i));
            third = add_word(third, gv_get_u64(p + 2 * STREAM_BYTES + i));
        }
        c = shifted_by_stream(shifted_by_stream(c) ^ second) ^ third;
    }
    for (; size >= 8; size -= 8, p += 8) c = add_word(c, gv_get_u64(p));
    for (; size > 0; size--, p++) c = add_byte(c, *p);
    return ~(uint32_t)c;
}

uint32_t gv_crc32c(uint32_t crc, const void *data, size_t size)
{
    if (has_instruction()) return crc32c_instruction(crc, data, size);
    return gv_crc32c_portable(crc, data, size);
}
#else
uint32_t gv_crc32c(uint32_t crc, const void *data, size_t size) { return gv_crc32c_portable(crc, data, size); }
#endif
