/* superblock.h: what a file is: two equal copies at its head, and the clean-close mark behind them. */
#ifndef GV_SUPERBLOCK_H
#define GV_SUPERBLOCK_H
#include "storage/format.h"
#include "storage/vfs.h"

typedef struct GV_Superblock {
    uint64_t generation; /* checkpoints so far, from 1 */
    uint32_t dimension;
    uint32_t index_type, distance, storage;
    uint64_t seed;
    GV_HNSWConfig hnsw;   /* struct_size is not stored */
    GV_IVFPQConfig ivfpq; /* nor here; zeros where the index is another */
    bool is_coded;        /* its vectors have been dropped */
    uint64_t next_id;
    uint64_t live_count;
    uint32_t slot_count;
    uint32_t section_count;
    uint64_t table_offset; /* section table, then one u32 checksum a block */
    uint64_t table_bytes;
    uint32_t table_checksum;
    uint64_t log_start; /* end of the image, a multiple of 4 KiB */
} GV_Superblock;

GV_Status gv_superblock_write(const GV_Vfs *vfs, GV_File *file, const GV_Superblock *superblock);

/* `*copies` is how many of the two were valid; the rules of docs/format.md decide between them. */
GV_Status gv_superblock_read(const GV_Vfs *vfs, GV_File *file, GV_Superblock *out, unsigned *copies);

/* Is `file` something else than a database, however damaged? An empty file is nobody's. */
GV_Status gv_superblock_is_foreign(const GV_Vfs *vfs, GV_File *file, bool *foreign);

/* "Everything up to `end` was synced": written at a clean close that leaves a log tail. */
GV_Status gv_clean_mark_write(const GV_Vfs *vfs, GV_File *file, uint64_t generation, uint64_t end);

/* The end that a valid mark of this generation covers; 0 if there is none. */
GV_Status gv_clean_mark_read(const GV_Vfs *vfs, GV_File *file, uint64_t generation, uint64_t *end);

#endif
