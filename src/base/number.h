/* number.h: numbers as metadata writes them. */
#ifndef GV_NUMBER_H
#define GV_NUMBER_H
#include <stdbool.h>
#include <stddef.h>

/* Is `text[size]` a number: `-?digits(.digits)?([eE][+-]?digits)?`, at most 64 bytes, finite? Then it is `*out`. */
bool gv_number_parse(const char *text, size_t size, double *out);

#endif
