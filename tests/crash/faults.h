/* faults.h: one workload, again and again, with the first, the second, ... of its calls below made to fail, once or from
 * then on. What fails, a call of the file system or an allocation, is the caller's. */
#ifndef GV_TEST_FAULTS_H
#define GV_TEST_FAULTS_H
#include "record.h"
#include "workload.h"

typedef struct Fault {
    const char *name;
    GV_Status status;                                          /* what a call that meets it answers */
    bool reads_go_on;                                          /* a search does not meet it */
    void (*arm)(Recorder *recorder, uint64_t number, bool on); /* `number` 0: nothing fails */
    uint64_t (*hits)(const Recorder *recorder);                /* how often it has failed so far */
} Fault;

/* All numbers until the workload runs through, with each index and durability; each begins at the last open before it, with
 * the files that are there by then, and ends where the files are those of a run without failures. Prints what was done. */
void faults_sweep(const Fault *fault);

/* Hooks that count what is allocated, and fail on demand. */
void faults_hook_memory(void);
extern uint64_t memory_allocations, memory_live, memory_fail_at, memory_failed;
extern bool memory_fail_on;

#endif
