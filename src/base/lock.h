/* lock.h: a mutex with a condition and a readers-writer lock that prefers writers; nothing at all on WASM.
 *
 * The order in which they are taken: GV_Database.writer, then GV_Database.state; never the other way round. */
#ifndef GV_LOCK_H
#define GV_LOCK_H

#if defined(__EMSCRIPTEN__) || defined(__wasm__)

typedef struct GV_Mutex {
    char unused;
} GV_Mutex;
typedef struct GV_RwLock {
    char unused;
} GV_RwLock;
static inline int gv_mutex_init(GV_Mutex *m) { return (void)m, 0; }
static inline void gv_mutex_destroy(GV_Mutex *m) { (void)m; }
static inline void gv_mutex_lock(GV_Mutex *m) { (void)m; }
static inline void gv_mutex_unlock(GV_Mutex *m) { (void)m; }
static inline void gv_mutex_wait(GV_Mutex *m) { (void)m; }
static inline void gv_mutex_wake(GV_Mutex *m) { (void)m; }
static inline int gv_rwlock_init(GV_RwLock *l) { return (void)l, 0; }
static inline void gv_rwlock_destroy(GV_RwLock *l) { (void)l; }
static inline void gv_read_lock(GV_RwLock *l) { (void)l; }
static inline void gv_read_unlock(GV_RwLock *l) { (void)l; }
static inline void gv_write_lock(GV_RwLock *l) { (void)l; }
static inline void gv_write_unlock(GV_RwLock *l) { (void)l; }

#else
#include <pthread.h>

typedef struct GV_Mutex {
    pthread_mutex_t mutex;
    pthread_cond_t changed;
} GV_Mutex;
typedef struct GV_RwLock {
    pthread_rwlock_t lock;
} GV_RwLock;

/* 0, or an errno. */
int gv_mutex_init(GV_Mutex *m);
void gv_mutex_destroy(GV_Mutex *m);
int gv_rwlock_init(GV_RwLock *l);
void gv_rwlock_destroy(GV_RwLock *l);

static inline void gv_mutex_lock(GV_Mutex *m) { (void)pthread_mutex_lock(&m->mutex); }
static inline void gv_mutex_unlock(GV_Mutex *m) { (void)pthread_mutex_unlock(&m->mutex); }
/* Wait, with the mutex held, until gv_mutex_wake(); spurious returns are possible. */
static inline void gv_mutex_wait(GV_Mutex *m) { (void)pthread_cond_wait(&m->changed, &m->mutex); }
static inline void gv_mutex_wake(GV_Mutex *m) { (void)pthread_cond_broadcast(&m->changed); }
static inline void gv_read_lock(GV_RwLock *l) { (void)pthread_rwlock_rdlock(&l->lock); }
static inline void gv_read_unlock(GV_RwLock *l) { (void)pthread_rwlock_unlock(&l->lock); }
static inline void gv_write_lock(GV_RwLock *l) { (void)pthread_rwlock_wrlock(&l->lock); }
static inline void gv_write_unlock(GV_RwLock *l) { (void)pthread_rwlock_unlock(&l->lock); }

#endif
#endif
