/* crc32c.h: the Castagnoli checksum (polynomial 0x1EDC6F41, reflected), of every frame and section. */
#ifndef GV_CRC32C_H
#define GV_CRC32C_H
#include <stddef.h>
#include <stdint.h>

/* Continue `crc` (0 to begin) over `data[size]`: gv_crc32c(gv_crc32c(0, a), b) is the checksum of a then b. */
uint32_t gv_crc32c(uint32_t crc, const void *data, size_t size);

/* The portable path, for the test that holds the two together. */
uint32_t gv_crc32c_portable(uint32_t crc, const void *data, size_t size);

#endif
