/* reseal.h: making checksums right again after a change, so that the fields behind them are what is attacked. */
#ifndef GV_TEST_RESEAL_H
#define GV_TEST_RESEAL_H
#include <stddef.h>
#include <stdint.h>

/* Both superblock copies become copy A, sealed. */
void reseal_superblock(uint8_t *bytes);

/* The section table, and then the superblock. */
void reseal_table(uint8_t *bytes, size_t size);

/* The blocks of all sections, the table, the superblock. */
void reseal_sections(uint8_t *bytes, size_t size);

/* The frame at `at`, as long as it says it is; nothing if that is not in the file. */
void reseal_frame(uint8_t *bytes, size_t size, size_t at);

/* The clean-close mark, if there is one. */
void reseal_mark(uint8_t *bytes);

/* The offset of the frame behind the one at `at`; `size` at the end. */
size_t next_frame(const uint8_t *bytes, size_t size, size_t at);

#endif
