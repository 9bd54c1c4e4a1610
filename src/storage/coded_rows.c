/* coded_rows.c: see coded_rows.h. */
#include "storage/coded_rows.h"
#include <string.h>

const float *gv_coded_floats(const GV_CodedRows *coded, uint32_t slot, float *room)
{
    uint8_t row[GV_CODED_ROW_MAX];
    coded->read(coded->owner, slot, row);
    coded->widen(coded->owner, row, room);
    return room;
}

bool gv_coded_equals(const GV_CodedRows *coded, uint32_t slot, const void *row)
{
    uint8_t own[GV_CODED_ROW_MAX];
    coded->read(coded->owner, slot, own);
    return memcmp(own, row, coded->row_bytes) == 0;
}
