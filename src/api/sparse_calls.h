/* sparse_calls.h: searches by sparse rows, for the calls that have one already. */
#ifndef GV_SPARSE_CALLS_H
#define GV_SPARSE_CALLS_H
#include "api/find.h"

/* gv_search_vector() (find.h) of a database whose rows are sparse. */
GV_Status gv_search_pairs(GV_Database *db, const GV_Search *search, const GV_SparseRow *row, float norm,
                          GV_Workspace **space, size_t *count);

#endif
