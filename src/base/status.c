/* status.c: this thread's latest failure. */
#include "base/status.h"
#include "base/text.h"
#include <string.h>

enum {
    SENTENCE_BYTES = 512
};

static _Thread_local GV_Status last_status = GV_OK;
static _Thread_local char last_sentence[SENTENCE_BYTES] = "";

GV_Status gv_fail(GV_Status status, const char *format, ...)
{
    char sentence[SENTENCE_BYTES]; /* an argument may be the old sentence */
    va_list arguments;
    va_start(arguments, format);
    gv_format(sentence, sizeof sentence, format, arguments);
    va_end(arguments);
    memcpy(last_sentence, sentence, sizeof sentence);
    last_status = status;
    return status;
}

void gv_failure_save(GV_Failure *failure)
{
    failure->status = last_status;
    memcpy(failure->sentence, last_sentence, sizeof failure->sentence);
}

GV_Status gv_failure_restore(const GV_Failure *failure)
{
    memcpy(last_sentence, failure->sentence, sizeof last_sentence);
    return last_status = failure->status;
}

GV_Status gv_last_status(void) { return last_status; }

const char *gv_last_error(void) { return last_sentence; }

const char *gv_status_name(int status)
{
    switch (status) {
    case GV_OK: return "GV_OK";
    case GV_ERR_ARGUMENT: return "GV_ERR_ARGUMENT";
    case GV_ERR_NO_MEMORY: return "GV_ERR_NO_MEMORY";
    case GV_ERR_IO: return "GV_ERR_IO";
    case GV_ERR_CORRUPT: return "GV_ERR_CORRUPT";
    case GV_ERR_LOCKED: return "GV_ERR_LOCKED";
    case GV_ERR_READ_ONLY: return "GV_ERR_READ_ONLY";
    case GV_ERR_NOT_FOUND: return "GV_ERR_NOT_FOUND";
    case GV_ERR_LIMIT: return "GV_ERR_LIMIT";
    case GV_ERR_UNSUPPORTED: return "GV_ERR_UNSUPPORTED";
    case GV_ERR_BAD_FILTER: return "GV_ERR_BAD_FILTER";
    default: return "GV_ERR_UNKNOWN";
    }
}
