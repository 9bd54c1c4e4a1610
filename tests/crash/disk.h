/* disk.h: what a disk may hold after a power cut: the synced state, and any part of what was not synced.
 *
 * A write or truncate is on the disk once its file has been synced, a create, rename or remove once the folder has.
 * Before that each may have reached the disk or not, whole or in 512-byte sectors, in any order; operations on the
 * folder reach it in theirs. */
#ifndef GV_TEST_DISK_H
#define GV_TEST_DISK_H
#include "record.h"

enum {
    DISK_FILES = 64,
    DISK_SECTOR = 512
};

typedef enum FateKind { /* of an operation that was not synced */
    FATE_KEPT,
    FATE_DROPPED,
    FATE_TORN,    /* only some sectors arrived; the file reaches to the last of them */
    FATE_HOLES,   /* the same, but the file has its new length, with zeros where there was nothing before */
    FATE_CLIPPED, /* the data arrived, the new length did not */
} FateKind;

typedef struct Fate {
    FateKind kind;
    size_t first;     /* the sectors of the write before this one arrived */
    uint64_t sectors; /* ... and of the others sector i, if bit i % 64 is set */
} Fate;

typedef struct DiskBytes { /* what a file holds, in memory that is kept for more */
    uint8_t *bytes;
    size_t size, capacity;
} DiskBytes;

typedef struct DiskFile {
    DiskBytes synced;
    const Operation **pending;
    size_t count, capacity;
    Fate *fates; /* [capacity]: for disk_image() */
} DiskFile;

typedef struct DiskNames {
    struct {
        char path[RECORD_NAME];
        unsigned file;
    } at[RECORD_NAMES];
    size_t count;
} DiskNames;

typedef struct Disk {
    DiskFile files[DISK_FILES];
    size_t file_count;
    DiskNames names; /* synced */
    const Operation *folder[RECORD_NAMES * 4];
    size_t folder_count;
} Disk;

typedef struct DiskImage {
    struct {
        char path[RECORD_NAME];
        DiskBytes content;
    } files[RECORD_NAMES];
    size_t count;
    uint64_t hash; /* of all names and bytes, for an ImageVisitor */
} DiskImage;

void disk_init(Disk *disk);
void disk_free(Disk *disk);

/* Go on by one operation. It must outlive the disk. */
void disk_step(Disk *disk, const Operation *operation);

/* The power cut within a workload: each file loses its first write that was not synced, and keeps what came after. */
void disk_lose(Disk *disk);

/* Names after the first `kept` operations on the folder that were not synced. */
DiskNames disk_names(const Disk *disk, size_t kept);

/* The files under these names, each pending operation with its fate. `image` is {0}, or an earlier one whose memory is
 * used again: thousands are made at a point, and fresh pages would cost more than the bytes. For disk_image_free(). */
void disk_image(const Disk *disk, const DiskNames *names, DiskImage *image);
void disk_image_free(DiskImage *image);

#endif
