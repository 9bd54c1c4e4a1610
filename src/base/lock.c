/* lock.c: making and ending the native locks. */
#ifndef _GNU_SOURCE
#define _GNU_SOURCE /* the writer-preferring kind */
#endif
#include "base/lock.h"

#if !defined(__EMSCRIPTEN__) && !defined(__wasm__)

int gv_mutex_init(GV_Mutex *m)
{
    int error = pthread_mutex_init(&m->mutex, NULL);
    if (error) return error;
    error = pthread_cond_init(&m->changed, NULL);
    if (error) (void)pthread_mutex_destroy(&m->mutex);
    return error;
}

void gv_mutex_destroy(GV_Mutex *m)
{
    (void)pthread_cond_destroy(&m->changed);
    (void)pthread_mutex_destroy(&m->mutex);
}

/* glibc prefers readers by default: a stream of searches would keep a writer out for ever. */
int gv_rwlock_init(GV_RwLock *l)
{
    pthread_rwlockattr_t attributes;
    int error = pthread_rwlockattr_init(&attributes);
    if (error) return error;
#if defined(__GLIBC__)
    (void)pthread_rwlockattr_setkind_np(&attributes, PTHREAD_RWLOCK_PREFER_WRITER_NONRECURSIVE_NP);
#endif
    error = pthread_rwlock_init(&l->lock, &attributes);
    (void)pthread_rwlockattr_destroy(&attributes);
    return error;
}

void gv_rwlock_destroy(GV_RwLock *l) { (void)pthread_rwlock_destroy(&l->lock); }

#else
typedef int gv_no_locks_here; /* a translation unit may not be empty */
#endif
