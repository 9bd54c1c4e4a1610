/* write.h: what the calls that change rows share (write.c). All but the first two run between gv_begin_write() and
 * gv_end_write(). */
#ifndef GV_WRITE_H
#define GV_WRITE_H
#include "api/db.h"

/* Rows that are written under one hold of the state lock: some microseconds' worth. */
size_t gv_rows_per_step(size_t dimension);

/* Check the packed metadata of row `index` of `count`, at `*at`, which moves behind its `*size` bytes. */
GV_Status gv_check_packed(const GV_PackedMetadata *packed, size_t index, size_t count, size_t *at, size_t *size);

/* GV_ERR_LIMIT unless there may be `count` rows more. */
GV_Status gv_check_room(GV_Database *db, size_t count);

GV_Status gv_find_live(GV_Database *db, uint64_t id, uint32_t *slot);

/* End a group whose records are in: on success it is as durable as was asked for. */
GV_Status gv_commit_group(GV_Database *db, GV_Status records);

/* Delete these rows, all or none. `slots[2 * count]` is room to work in. */
GV_Status gv_delete_rows(GV_Database *db, const uint64_t *ids, size_t count, uint32_t *slots);

#endif
