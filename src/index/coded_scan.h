/* coded_scan.h: exact scans that look at codes first. */
#ifndef GV_CODED_SCAN_H
#define GV_CODED_SCAN_H
#include "index/index.h"
#include "index/row_codes.h"

/* Has the index codes, and is it quicker to look at them where the `k` best of `choices` rows are wanted? */
bool gv_coded_scan_pays(const GV_Index *index, uint64_t choices, size_t k);

/* gv_scan_many() by the index's codes, in its metric: the same hits. */
GV_Status gv_coded_scan(const GV_Index *index, const GV_Query *queries, size_t count, GV_TopK *const *tops);

/* gv_scan_range() by codes, likewise. */
GV_Status gv_coded_range(const GV_Index *index, const GV_Query *query, double radius, GV_TopK *top, uint64_t *total);

#endif
