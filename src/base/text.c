/* text.c: a small formatter, and the UTF-8 check. */
#include "base/text.h"
#include <stdbool.h>
#include <stdint.h>

typedef struct Writer {
    char *out;
    size_t size, length;
} Writer;

static void put(Writer *w, char c)
{
    if (w->length + 1 < w->size) w->out[w->length++] = c;
}

static void put_text(Writer *w, const char *text)
{
    for (text = text ? text : "(null)"; *text; text++) put(w, *text);
}

static void put_number(Writer *w, uint64_t value, unsigned base)
{
    char digits[20];
    size_t n = 0;
    do digits[n++] = "0123456789abcdef"[value % base];
    while ((value /= base) > 0);
    while (n > 0) put(w, digits[--n]);
}

static int64_t signed_argument(va_list *arguments, int longs, bool is_size)
{
    if (is_size) return (int64_t)va_arg(*arguments, ptrdiff_t);
    if (longs >= 2) return va_arg(*arguments, long long);
    return longs ? va_arg(*arguments, long) : va_arg(*arguments, int);
}

static uint64_t unsigned_argument(va_list *arguments, int longs, bool is_size)
{
    if (is_size) return va_arg(*arguments, size_t);
    if (longs >= 2) return va_arg(*arguments, unsigned long long);
    return longs ? va_arg(*arguments, unsigned long) : va_arg(*arguments, unsigned);
}

size_t gv_format(char *out, size_t size, const char *format, va_list arguments)
{
    Writer w = {out, size, 0};
    va_list rest;
    va_copy(rest, arguments);
    for (const char *p = format; *p; p++) {
        if (*p != '%') {
            put(&w, *p);
            continue;
        }
        int longs = 0;
        bool is_size = false;
        for (p++; *p == 'l' || *p == 'z'; p++) *p == 'l' ? (void)longs++ : (void)(is_size = true);
        if (*p == 's') put_text(&w, va_arg(rest, const char *));
        else if (*p == 'c') put(&w, (char)va_arg(rest, int));
        else if (*p == 'u') put_number(&w, unsigned_argument(&rest, longs, is_size), 10);
        else if (*p == 'x') put_number(&w, unsigned_argument(&rest, longs, is_size), 16);
        else if (*p == 'd') {
            int64_t value = signed_argument(&rest, longs, is_size);
            if (value < 0) put(&w, '-');
            put_number(&w, value < 0 ? 0 - (uint64_t)value : (uint64_t)value, 10);
        } else if (*p == '%') put(&w, '%');
        else break; /* not one of ours: the compiler's format check lets no other into the tree's tests */
    }
    va_end(rest);
    if (size > 0) w.out[w.length] = '\0';
    return w.length;
}

int gv_is_utf8(const unsigned char *text, size_t size)
{
    size_t i = 0;
    while (i < size) {
        unsigned char lead = text[i++];
        if (lead < 0x80) continue;
        if (lead < 0xC2 || lead > 0xF4) return 0;
        size_t more = lead < 0xE0 ? 1 : lead < 0xF0 ? 2 : 3;
        if (size - i < more) return 0;
        unsigned char low = lead == 0xE0 ? 0xA0 : lead == 0xF0 ? 0x90 : 0x80;  /* no overlong form */
        unsigned char high = lead == 0xED ? 0x9F : lead == 0xF4 ? 0x8F : 0xBF; /* no surrogate, not past U+10FFFF */
        if (text[i] < low || text[i] > high) return 0;
        for (size_t j = 1; j < more; j++)
            if ((text[i + j] & 0xC0) != 0x80) return 0;
        i += more;
    }
    return 1;
}
