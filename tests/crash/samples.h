/* samples.h: small database files to damage, a file system that reads them where they lie, and what may come of it. */
#ifndef GV_TEST_SAMPLES_H
#define GV_TEST_SAMPLES_H
#include "workload.h"

enum {
    SAMPLE_STATES = 16
};

typedef enum SampleKind {
    SAMPLE_PACKED, /* closed with a checkpoint: no log */
    SAMPLE_CLOSED, /* closed without one: a log, and a mark that covers it */
    SAMPLE_KILLED, /* never closed: a log whose last group is not known to be synced */
    SAMPLE_KINDS
} SampleKind;

typedef struct Sample {
    const char *name;
    GV_IndexType index_type;
    SampleKind kind;
    uint8_t *bytes;
    size_t size;
    uint64_t log_start, synced_to; /* offsets; what no frame says was synced cannot be told from a torn end */
    uint64_t states[SAMPLE_STATES], hits[SAMPLE_STATES]; /* digests since the image was packed, the last one's last */
    size_t state_count;
} Sample;

void sample_make(Sample *sample, GV_IndexType index_type, SampleKind kind);
void sample_free(Sample *sample);

/* A read-only file system whose one file, of any name, is `bytes[size]`. Each byte that is read is marked in `read`. */
typedef struct BytesVfs {
    GV_Vfs vfs;
    const uint8_t *bytes;
    size_t size;
    uint8_t *read; /* [size] or NULL */
} BytesVfs;
void bytes_vfs_init(BytesVfs *vfs, const uint8_t *bytes, size_t size);

typedef enum Verdict {
    VERDICT_ERROR,   /* refused with a reason */
    VERDICT_RIGHT,   /* exactly the right answers */
    VERDICT_EARLIER, /* those of an earlier state */
    VERDICT_WRONG
} Verdict;

/* Open, read everything, search and check. `states_back`: how many earlier states are also right. The status of an error
 * is one that damage may have, its sentence tells where; `verdict_reason` has it. */
Verdict sample_judge(const Sample *sample, const GV_Vfs *vfs, const char *path, bool memory_map);
extern char verdict_reason[512];

/* Open as a writer and do a bit of everything: any answer will do, as long as there is one. Returns whether it opened. */
bool sample_exercise(const uint8_t *bytes, size_t size);

/* Open for reading, mapped if that can be, and read: any answer will do here too. */
void sample_read(const GV_Vfs *vfs, const char *path);

/* Hooks that know how much is allocated at once; the test ends where a file makes the library pass `2 * size + 64 MB`. */
void memory_watch(void);
void memory_expect_bounded(size_t file_size);

#endif
