/* stats.h: what a handle has done, counted without locks. */
#ifndef GV_STATS_H
#define GV_STATS_H
#include "base/clock.h"
#include "query/search.h"

typedef enum GV_CallKind {
    GV_CALL_ADD,
    GV_CALL_UPSERT,
    GV_CALL_UPDATE,
    GV_CALL_DELETE,
    GV_CALL_CHECKPOINT,
    GV_CALL_KINDS
} GV_CallKind;

enum {
    GV_LATENCIES = 32
};

typedef struct GV_Counters {
    GV_Tally tally;
    _Atomic uint64_t searches, latencies[GV_LATENCIES], calls[GV_CALL_KINDS];
} GV_Counters;

static inline void gv_count(_Atomic uint64_t *counter, uint64_t more)
{
    atomic_fetch_add_explicit(counter, more, memory_order_relaxed);
}

/* A call has ended: it counts if it succeeded. */
static inline void gv_count_call(GV_Counters *counters, GV_CallKind kind, GV_Status status)
{
    if (status == GV_OK) gv_count(&counters->calls[kind], 1);
}

/* `count` queries have been answered together since gv_clock_ns() was `began`. */
static inline void gv_count_searches(GV_Counters *counters, uint64_t began, uint64_t count, GV_Status status)
{
    if (status != GV_OK || count == 0) return;
    gv_count(&counters->searches, count);
    if (began == 0) return;
    uint64_t micros = (gv_clock_ns() - began) / 1000 / count;
    unsigned at = micros == 0 ? 0 : 64 - (unsigned)__builtin_clzll(micros);
    gv_count(&counters->latencies[at < GV_LATENCIES ? at : GV_LATENCIES - 1], count);
}

#endif
