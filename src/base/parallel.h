/* parallel.h: one job spread over threads: fork, share, join.
 *
 * A job is `count` items in chunks; whoever is free takes the next chunk, so chunks may take as long as they like. The
 * caller is one of the threads and does all that nobody else does: a thread that cannot be started, or is busy with
 * another caller's job, means fewer threads and never an error. Results must not depend on who takes which chunk. */
#ifndef GV_PARALLEL_H
#define GV_PARALLEL_H
#include "base/lock.h"
#include <stddef.h>
#include <stdint.h>

enum {
    GV_THREADS_MAX = 128 /* of one job, the caller included; more count as so many */
};

/* Items begin ..= end - 1, one chunk. `worker` is below the job's `threads`, and no two threads of a job share one: it
 * tells the threads' scratch apart. The caller is worker 0. */
typedef void (*GV_Work)(void *context, size_t worker, size_t begin, size_t end);

/* Threads kept from one job to the next, which start when a job first asks for them. Owned by a handle; any number of
 * threads may hand in jobs at once, and a job may hand in others. In a forked child its threads are gone: jobs then run
 * on the caller alone. */
typedef struct GV_Pool {
#if defined(__EMSCRIPTEN__) || defined(__wasm__)
    char unused;
#else
    GV_Mutex mutex;      /* waited at for jobs */
    pthread_cond_t done; /* a helper has left a job */
    struct GV_Job *jobs; /* those that want more helpers */
    intptr_t process;
    size_t thread_count;
    int ending;
    pthread_t threads[GV_THREADS_MAX - 1];
#endif
} GV_Pool;

/* An empty pool; 0, or an errno. */
int gv_pool_init(GV_Pool *pool);

/* End its threads. No job may be under way. */
void gv_pool_destroy(GV_Pool *pool);

/* Run `work` over `count` items on up to `threads` threads, and return when all is done. `chunk` items are handed out at a
 * time (0: some eight chunks a thread), and `chunk` at most to any call of `work`, also with one thread. No thread is woken
 * for a single chunk, nor for `threads` 0 or 1. `pool` NULL: the caller alone. What the caller wrote before is seen by
 * `work`, and what `work` wrote by the caller afterwards. */
void gv_parallel(GV_Pool *pool, size_t threads, size_t count, size_t chunk, GV_Work work, void *context);

/* CPUs online, at least 1; 1 on WASM. */
uint32_t gv_cpu_count(void);

#endif
