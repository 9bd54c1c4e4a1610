/* clock.h: how long something took. For statistics only: no result of a search or a write depends on it. */
#ifndef GV_CLOCK_H
#define GV_CLOCK_H
#include <stdint.h>
#if defined(__EMSCRIPTEN__) || defined(__wasm__)

static inline uint64_t gv_clock_ns(void) { return 0; } /* the module asks its host for no clock */

#else
#include <time.h>

/* Nanoseconds since some moment; never 0. */
static inline uint64_t gv_clock_ns(void)
{
    struct timespec now = {0};
    (void)clock_gettime(CLOCK_MONOTONIC, &now);
    return (uint64_t)now.tv_sec * 1000000000u + (uint64_t)now.tv_nsec + 1;
}

#endif
#endif
