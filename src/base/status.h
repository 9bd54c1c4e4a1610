/* status.h: how a failure travels: a code to branch on and a sentence to read, both per thread. */
#ifndef GV_STATUS_H
#define GV_STATUS_H
#include <gigavector.h>
#include <stdbool.h>

/* Record `status` and the sentence as this thread's latest failure, and return `status`.
 * The format is that of gv_format() (text.h): %s %d %u %x %c, with l, ll and z. */
GV_Status gv_fail(GV_Status status, const char *format, ...) __attribute__((format(printf, 2, 3)));

/* A failure set aside while cleaning up, which may fail as well, and brought back. */
typedef struct GV_Failure {
    GV_Status status;
    char sentence[512];
} GV_Failure;
void gv_failure_save(GV_Failure *failure);
GV_Status gv_failure_restore(const GV_Failure *failure);

/* Pass a failure up. */
#define GV_TRY(call)                                      \
    do {                                                  \
        GV_Status gv_try_status = (call);                 \
        if (gv_try_status != GV_OK) return gv_try_status; \
    } while (0)

#endif
