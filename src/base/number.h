/* number.h: decimal text to double, correctly rounded: the same on every target, without libc's locale. */
#ifndef GV_NUMBER_H
#define GV_NUMBER_H
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

enum {
    GV_NUMBER_BYTES = 64 /* longer text is no number */
};

/* Is all of `text[size]` a number: -?digits(.digits)?([eE][+-]?digits)?, of at most GV_NUMBER_BYTES, that does not round to
 * infinity? Then `*number` is the double nearest to it, of two equally near the even one. */
bool gv_number_read(const uint8_t *text, size_t size, double *number);

#endif
