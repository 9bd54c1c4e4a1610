/* test_parallel_native.c: without it, an item done twice or not at all, a thread that outlives its job, or a forked child
 * that waits for threads it does not have would be found by a user. Run it under the thread sanitizer, too. */
#include "base/parallel.h"
#include "check.h"
#include <stdatomic.h>
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

enum {
    MOST = 5000,
    CALLERS = 4
};

typedef struct Tally {
    size_t threads, chunk;
    pthread_t caller;
    unsigned char done[MOST]; /* plain bytes: the sanitizer sees it if two threads share one */
    atomic_size_t calls, strangers;
} Tally;

static void count_items(void *context, size_t worker, size_t begin, size_t end)
{
    Tally *tally = context;
    CHECK(worker < tally->threads, "worker %zu of %zu", worker, tally->threads);
    CHECK(begin < end && end <= MOST, "items %zu to %zu", begin, end);
    CHECK(tally->chunk == 0 || end - begin <= tally->chunk, "%zu items at once", end - begin);
    CHECK((worker == 0) == (pthread_equal(pthread_self(), tally->caller) != 0), "worker %zu is not the caller", worker);
    for (size_t i = begin; i < end; i++) tally->done[i]++;
    tally->calls++;
    if (worker > 0) tally->strangers++;
}

static void run_tally(GV_Pool *pool, size_t threads, size_t count, size_t chunk, Tally *tally)
{
    memset(tally, 0, sizeof *tally);
    tally->threads = threads ? threads : 1;
    tally->chunk = chunk;
    tally->caller = pthread_self();
    gv_parallel(pool, threads, count, chunk, count_items, tally);
    for (size_t i = 0; i < MOST; i++)
        CHECK(tally->done[i] == (i < count), "item %zu of %zu: done %d times, %zu threads, chunks of %zu", i, count,
              tally->done[i], threads, chunk);
    if (threads < 2 || count <= chunk || !pool)
        CHECK(tally->strangers == 0, "%zu chunks left the caller's thread", (size_t)tally->strangers);
    if (chunk > 0) CHECK(tally->calls == (count + chunk - 1) / chunk, "%zu chunks", (size_t)tally->calls);
}

static void test_every_item_once(void)
{
    static const size_t threads[] = {0, 1, 2, 3, 8, 1000}, counts[] = {0, 1, 2, 7, 64, 1000, MOST},
                        chunks[] = {0, 1, 3, 64, MOST + 1};
    static Tally tally;
    GV_Pool pool;
    CHECK(gv_pool_init(&pool) == 0, "pool");
    for (size_t t = 0; t < sizeof threads / sizeof *threads; t++)
        for (size_t n = 0; n < sizeof counts / sizeof *counts; n++)
            for (size_t c = 0; c < sizeof chunks / sizeof *chunks; c++) {
                run_tally(&pool, threads[t], counts[n], chunks[c], &tally);
                run_tally(NULL, threads[t], counts[n], chunks[c], &tally);
            }
    gv_pool_destroy(&pool);
}

/* ---- it is parallel, and threads are kept ---- */

typedef struct Meeting {
    atomic_size_t here;
    size_t expected;
} Meeting;

/* Nobody leaves before all are here: which needs so many threads at once. */
static void meet(void *context, size_t worker, size_t begin, size_t end)
{
    Meeting *meeting = context;
    time_t start = time(NULL);
    (void)worker, (void)begin, (void)end;
    meeting->here++;
    while (meeting->here < meeting->expected) {
        CHECK(time(NULL) - start < 60, "%zu of %zu threads came", (size_t)meeting->here, meeting->expected);
        (void)sched_yield();
    }
}

static void test_threads_are_kept(void)
{
    GV_Pool pool;
    CHECK(gv_pool_init(&pool) == 0, "pool");
    CHECK(pool.thread_count == 0, "a pool starts without threads");
    gv_parallel(&pool, 1, 100, 1, meet, &(Meeting){.expected = 1});
    gv_parallel(&pool, 8, 1, 1, meet, &(Meeting){.expected = 1});
    CHECK(pool.thread_count == 0, "nobody needed a thread");
    for (int round = 0; round < 200; round++) {
        Meeting meeting = {.expected = 4};
        gv_parallel(&pool, 4, 4, 1, meet, &meeting);
        CHECK(meeting.here == 4 && pool.thread_count == 3, "%zu threads", pool.thread_count);
    }
    Meeting larger = {.expected = 6};
    gv_parallel(&pool, 6, 6, 1, meet, &larger);
    CHECK(pool.thread_count == 5, "%zu threads", pool.thread_count);
    gv_pool_destroy(&pool);
}

/* ---- several callers, and jobs within jobs ---- */

static void *call_often(void *context)
{
    Tally *tally = malloc(sizeof *tally);
    CHECK(tally, "memory");
    for (int round = 0; round < 200; round++) run_tally(context, 4, 300, 7, tally);
    free(tally);
    return NULL;
}

typedef struct Nest {
    GV_Pool *pool;
    atomic_size_t leaves;
} Nest;

static void leaf(void *context, size_t worker, size_t begin, size_t end)
{
    Nest *nest = context;
    (void)worker;
    nest->leaves += end - begin;
}

static void branch(void *context, size_t worker, size_t begin, size_t end)
{
    Nest *nest = context;
    (void)worker;
    for (size_t i = begin; i < end; i++) gv_parallel(nest->pool, 4, 50, 1, leaf, nest);
}

static void test_many_callers(void)
{
    GV_Pool pool;
    pthread_t threads[CALLERS];
    CHECK(gv_pool_init(&pool) == 0, "pool");
    for (size_t i = 0; i < CALLERS; i++) CHECK(pthread_create(&threads[i], NULL, call_often, &pool) == 0, "thread");
    for (size_t i = 0; i < CALLERS; i++) pthread_join(threads[i], NULL);
    CHECK(pool.thread_count <= 3, "%zu threads for jobs of 4", pool.thread_count);
    for (int round = 0; round < 50; round++) {
        Nest nest = {.pool = &pool};
        gv_parallel(&pool, 4, 20, 1, branch, &nest);
        CHECK(nest.leaves == 20 * 50, "%zu leaves", (size_t)nest.leaves);
    }
    gv_pool_destroy(&pool);
}

/* ---- a forked child; a system without threads to give ---- */

static void in_child(void (*run)(GV_Pool *pool), GV_Pool *pool)
{
    int status;
    fflush(stdout);
    pid_t child = fork();
    CHECK(child >= 0, "fork");
    if (child == 0) {
        alarm(60); /* a wait for a thread that is not there would last for ever */
        run(pool);
        _exit(0);
    }
    CHECK(waitpid(child, &status, 0) == child && status == 0, "the child ended with %d", status);
}

static void use_and_end(GV_Pool *pool)
{
    static Tally tally;
    run_tally(pool, 4, 300, 7, &tally);
    CHECK(tally.strangers == 0, "a thread did not survive the fork");
    gv_pool_destroy(pool);
}

static void test_forked_child(void)
{
    static Tally tally;
    GV_Pool pool;
    CHECK(gv_pool_init(&pool) == 0, "pool");
    run_tally(&pool, 4, 300, 7, &tally);
    in_child(use_and_end, &pool);
    run_tally(&pool, 4, 300, 7, &tally);
    gv_pool_destroy(&pool);
}

#if !defined(__SANITIZE_ADDRESS__) && !defined(__SANITIZE_THREAD__)
static void use_without_memory(GV_Pool *unused)
{
    static Tally tally;
    GV_Pool pool;
    struct rlimit none = {0, 0}; /* no new mapping, so no stack for a thread */
    (void)unused;
    CHECK(gv_pool_init(&pool) == 0, "pool");
    CHECK(setrlimit(RLIMIT_AS, &none) == 0, "setrlimit");
    void *volatile more = malloc((size_t)1 << 28);
    free(more);
    if (more) {
        puts("skipped: a system without threads to give: this one (an emulator?) limits no memory");
        fflush(stdout);
        return;
    }
    run_tally(&pool, 4, 300, 7, &tally);
    CHECK(pool.thread_count == 0, "%zu threads started", pool.thread_count);
    gv_pool_destroy(&pool);
}
#endif

int main(void)
{
#if !defined(__SANITIZE_ADDRESS__) && !defined(__SANITIZE_THREAD__)
    in_child(use_without_memory, NULL); /* first: stacks of threads that have ended are used again */
#endif
    test_every_item_once();
    test_threads_are_kept();
    test_many_callers();
    test_forked_child();
    CHECK(gv_cpu_count() >= 1, "no CPU");
    printf("parallel: 5 groups passed, %u CPUs\n", gv_cpu_count());
    return 0;
}
