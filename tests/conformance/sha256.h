/* sha256.h: SHA-256 (FIPS 180-4) of a stream of bytes, to compare files with the corpus. */
#ifndef CONFORMANCE_SHA256_H
#define CONFORMANCE_SHA256_H
#include <stddef.h>
#include <stdint.h>

typedef struct Sha256 {
    uint32_t state[8];
    uint64_t size;     /* bytes taken so far */
    uint8_t block[64]; /* the last size mod 64 of them */
} Sha256;

void sha256_init(Sha256 *sha);
void sha256_add(Sha256 *sha, const void *data, size_t size);

/* Write 64 hexadecimal digits and a NUL; `sha` is used up. */
void sha256_hex(Sha256 *sha, char hex[65]);

#endif
