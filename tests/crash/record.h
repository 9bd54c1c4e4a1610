/* record.h: a file system for tests: files in memory, everything done to them written down, and failures on demand.
 *
 * Nothing here is allocated through the library's hooks, but for what the memory file system beneath allocates. */
#ifndef GV_TEST_RECORD_H
#define GV_TEST_RECORD_H
#include "storage/vfs.h"

enum {
    RECORD_NAME = 24, /* bytes of a path, its end included */
    RECORD_NAMES = 8  /* paths that may exist at once */
};

typedef enum RecordKind {
    RECORD_MARK, /* the test's own: see record_mark() */
    RECORD_CREATE,
    RECORD_WRITE,
    RECORD_TRUNCATE,
    RECORD_SYNC,
    RECORD_RENAME,
    RECORD_REMOVE,
    RECORD_SYNC_FOLDER,
    RECORD_LOSS, /* a power cut: see disk_lose() */
} RecordKind;

typedef struct Operation {
    RecordKind kind;
    unsigned file;         /* which file, whatever its name: CREATE, WRITE, TRUNCATE, SYNC */
    uint64_t offset, size; /* of a write; `size` of a truncate */
    uint8_t *data;         /* of a write */
    char name[RECORD_NAME], to[RECORD_NAME];
    int value; /* of a mark */
} Operation;

typedef struct Recorder {
    GV_Vfs vfs;     /* what the database is given */
    GV_Vfs *memory; /* what holds the bytes */
    Operation *operations;
    size_t count, capacity;
    struct {
        char path[RECORD_NAME]; /* empty: not in use */
        unsigned file;
    } names[RECORD_NAMES];
    unsigned file_count;

    bool files_only;       /* nothing is written down from now on: what is to be repeated has been */
    uint64_t calls;        /* that could have failed, so far */
    uint64_t fail_at;      /* this one does, by GV_ERR_IO, a write after half of its bytes; 0: none */
    bool fail_on;          /* ... and every one after it */
    uint64_t failed;       /* calls that were made to fail */
    bool sync_failed;      /* one of them was a sync, of a file or of a folder */
    bool dead;             /* the process is gone: nothing it still tries has an effect */
    unsigned die_in_write; /* dies within this write from now; 0: it does not */
} Recorder;

void record_init(Recorder *recorder);
void record_free(Recorder *recorder);

/* Do to the files, through `recorder`, what an earlier one wrote down, so that they are as they were then. */
void record_repeat(Recorder *recorder, const Operation *operations, size_t count);

/* Write down that the test has reached `value`. */
void record_mark(Recorder *recorder, int value);
void record_loss(Recorder *recorder);

/* Put a file into a memory file system, beside the recording; take a copy of one. NULL: there is none. */
void record_put(GV_Vfs *memory, const char *path, const void *bytes, size_t size);
uint8_t *record_copy(const GV_Vfs *memory, const char *path, size_t *size);

/* malloc() that ends the test when there is no memory. */
void *test_alloc(size_t size);

#endif
