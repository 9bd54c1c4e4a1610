/* parallel.c: a list of jobs that want helpers, and threads that wait for one. */
#include "base/parallel.h"
#include <stdatomic.h>

typedef struct GV_Job {
    struct GV_Job *next; /* in pool->jobs */
    GV_Work work;
    void *context;
    size_t count, chunk, chunk_count;
    atomic_size_t taken; /* chunks handed out, and a little beyond */
    size_t wanted;       /* helpers that may still join: under the pool's mutex, as all below */
    size_t joined;       /* threads so far, the caller included: the number of the next */
    size_t active;       /* helpers at work */
} GV_Job;

static void share(GV_Job *job, size_t worker)
{
    size_t at;
    while ((at = atomic_fetch_add_explicit(&job->taken, 1, memory_order_relaxed)) < job->chunk_count) {
        size_t begin = at * job->chunk, left = job->count - begin;
        job->work(job->context, worker, begin, left < job->chunk ? job->count : begin + job->chunk);
    }
}

static GV_Job make_job(size_t threads, size_t count, size_t chunk, GV_Work work, void *context)
{
    if (chunk == 0) chunk = count / (8 * (threads ? threads : 1));
    if (chunk == 0) chunk = 1;
    size_t chunk_count = count / chunk + (count % chunk != 0);
    return (GV_Job){
        .work = work, .context = context, .count = count, .chunk = chunk, .chunk_count = chunk_count, .joined = 1};
}

#if defined(__EMSCRIPTEN__) || defined(__wasm__)

int gv_pool_init(GV_Pool *pool) { return (void)pool, 0; }
void gv_pool_destroy(GV_Pool *pool) { (void)pool; }
uint32_t gv_cpu_count(void) { return 1; }

void gv_parallel(GV_Pool *pool, size_t threads, size_t count, size_t chunk, GV_Work work, void *context)
{
    GV_Job job = make_job(threads, count, chunk, work, context);
    (void)pool;
    share(&job, 0);
}

#else
#include <signal.h>
#include <unistd.h>

uint32_t gv_cpu_count(void)
{
    long count = sysconf(_SC_NPROCESSORS_ONLN);
    return count < 1 ? 1 : count > GV_THREADS_MAX ? GV_THREADS_MAX : (uint32_t)count;
}

int gv_pool_init(GV_Pool *pool)
{
    *pool = (GV_Pool){.process = (intptr_t)getpid()};
    int error = gv_mutex_init(&pool->mutex);
    if (error) return error;
    error = pthread_cond_init(&pool->done, NULL);
    if (error) gv_mutex_destroy(&pool->mutex);
    return error;
}

void gv_pool_destroy(GV_Pool *pool)
{
    if (pool->process != (intptr_t)getpid()) return; /* nobody to join, and the locks are as the fork found them */
    gv_mutex_lock(&pool->mutex);
    pool->ending = 1;
    gv_mutex_wake(&pool->mutex);
    gv_mutex_unlock(&pool->mutex);
    for (size_t i = 0; i < pool->thread_count; i++) (void)pthread_join(pool->threads[i], NULL);
    (void)pthread_cond_destroy(&pool->done);
    gv_mutex_destroy(&pool->mutex);
}

static void withdraw(GV_Pool *pool, const GV_Job *job)
{
    for (GV_Job **at = &pool->jobs; *at; at = &(*at)->next) {
        if (*at != job) continue;
        *at = job->next;
        return;
    }
}

static void help(GV_Pool *pool, GV_Job *job)
{
    size_t worker = job->joined++;
    job->active++;
    if (--job->wanted == 0) withdraw(pool, job);
    gv_mutex_unlock(&pool->mutex);
    share(job, worker);
    gv_mutex_lock(&pool->mutex);
    if (--job->active == 0) (void)pthread_cond_broadcast(&pool->done); /* the job may be gone from here on */
}

static void *serve(void *argument)
{
    GV_Pool *pool = argument;
    gv_mutex_lock(&pool->mutex);
    while (!pool->ending) {
        if (pool->jobs) help(pool, pool->jobs);
        else gv_mutex_wait(&pool->mutex);
    }
    gv_mutex_unlock(&pool->mutex);
    return NULL;
}

/* Have `wanted` helpers, or as many as the system gives. Signals are for the program's own threads, faults excepted. */
static void start_threads(GV_Pool *pool, size_t wanted)
{
    static const int faults[] = {SIGSEGV, SIGBUS, SIGFPE, SIGILL};
    sigset_t blocked, before;
    if (pool->thread_count >= wanted) return;
    (void)sigfillset(&blocked);
    for (size_t i = 0; i < sizeof faults / sizeof *faults; i++) (void)sigdelset(&blocked, faults[i]);
    if (pthread_sigmask(SIG_SETMASK, &blocked, &before) != 0) return;
    while (pool->thread_count < wanted && pthread_create(&pool->threads[pool->thread_count], NULL, serve, pool) == 0)
        pool->thread_count++;
    (void)pthread_sigmask(SIG_SETMASK, &before, NULL);
}

static void announce(GV_Pool *pool, GV_Job *job, size_t helpers)
{
    gv_mutex_lock(&pool->mutex);
    start_threads(pool, helpers);
    job->wanted = helpers < pool->thread_count ? helpers : pool->thread_count;
    if (job->wanted > 0) {
        job->next = pool->jobs;
        pool->jobs = job;
        gv_mutex_wake(&pool->mutex);
    }
    gv_mutex_unlock(&pool->mutex);
}

static void join(GV_Pool *pool, GV_Job *job)
{
    gv_mutex_lock(&pool->mutex);
    withdraw(pool, job);
    while (job->active > 0) (void)pthread_cond_wait(&pool->done, &pool->mutex.mutex);
    gv_mutex_unlock(&pool->mutex);
}

void gv_parallel(GV_Pool *pool, size_t threads, size_t count, size_t chunk, GV_Work work, void *context)
{
    if (threads > GV_THREADS_MAX) threads = GV_THREADS_MAX;
    GV_Job job = make_job(threads, count, chunk, work, context);
    if (threads > job.chunk_count) threads = job.chunk_count;
    if (!pool || threads < 2 || pool->process != (intptr_t)getpid()) {
        share(&job, 0);
        return;
    }
    announce(pool, &job, threads - 1);
    share(&job, 0);
    join(pool, &job);
}

#endif
