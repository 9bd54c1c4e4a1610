/* stand_in.h: what a compaction does where memory is limited to less than two stores: the first stays behind in its file, mapped, which
 * takes none, and answers searches from there until the new one is ready. */
#ifndef GV_STAND_IN_H
#define GV_STAND_IN_H
#include "api/db.h"

#ifdef __wasm__ /* there are no mappings */
static inline GV_Status gv_stand_in(GV_Database *db)
{
    (void)db;
    return GV_OK;
}

static inline void gv_stand_back(GV_Database *db) { (void)db; }
#else
/* By the writer: where `max_memory_bytes` leaves no room for a second store, write the first into its file and go on with
 * that file mapped. A failure has changed nothing but the file, which is packed. */
GV_Status gv_stand_in(GV_Database *db);

/* By the writer: into memory again, as the writer of a mapped store cannot write. Where that fails, nothing can be written until the
 * database is opened again. A store that is in memory stays. */
void gv_stand_back(GV_Database *db);
#endif

#endif
