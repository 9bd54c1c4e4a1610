/* place.h: the file system of one case: in memory, or (natively, if asked) a new folder on the disk. */
#ifndef CONFORMANCE_PLACE_H
#define CONFORMANCE_PLACE_H
#include "json.h"
#include "storage/vfs.h"

typedef struct Place {
    const GV_Vfs *vfs;
    GV_Vfs *memory;   /* NULL on the disk */
    char folder[400]; /* with its '/'; empty in memory */
} Place;

/* An empty place; on the disk: the folder `parent`/`name`, which must not exist. `parent` NULL: in memory. */
bool place_open(Place *place, const char *parent, const char *name);

/* The full path of a case's file, in `path`; NULL for NULL. */
const char *place_path(const Place *place, const char *file, char path[512]);

/* Size and SHA-256 of a file; false if it cannot be read, with the reason in gv_last_error(). */
bool place_hash(const Place *place, const char *file, uint64_t *size, char hex[65]);

/* Remove everything. Writes the name of a file that is not a member of `files` to `stranger`, or "". */
void place_close(Place *place, const Json *files, char stranger[256]);

#endif
