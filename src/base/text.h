/* text.h: the few formats our messages need, in place of snprintf (8 to 16 kB of a WASM module). */
#ifndef GV_TEXT_H
#define GV_TEXT_H
#include <stdarg.h>
#include <stddef.h>

/* As vsnprintf, for %s %c %d %u %x %% with l, ll or z; text past `size` is cut. Always ends with a NUL (size > 0).
 * Returns the length written. */
size_t gv_format(char *out, size_t size, const char *format, va_list arguments);

/* Is `text[size]` well-formed UTF-8 (RFC 3629: no overlong form, no surrogate)? */
int gv_is_utf8(const unsigned char *text, size_t size);

#endif
