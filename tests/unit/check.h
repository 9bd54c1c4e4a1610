/* check.h: CHECK(condition, "what was found: %d", value) for the C tests: says where, says what, ends the test.
 *
 * A test is a program whose main() returns 0; the first check that fails prints a line and exits with 1. */
#ifndef GV_CHECK_H
#define GV_CHECK_H
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>

static inline _Noreturn void check_failed(const char *file, int line, const char *condition, const char *format, ...)
    __attribute__((format(printf, 4, 5)));

static inline _Noreturn void check_failed(const char *file, int line, const char *condition, const char *format, ...)
{
    va_list arguments;
    va_start(arguments, format);
    fflush(stdout);
    fprintf(stderr, "%s:%d: not true: %s: ", file, line, condition);
    vfprintf(stderr, format, arguments);
    fputc('\n', stderr);
    va_end(arguments);
    exit(1);
}

#define CHECK(condition, ...)                                                        \
    do {                                                                             \
        if (!(condition)) check_failed(__FILE__, __LINE__, #condition, __VA_ARGS__); \
    } while (0)

/* A call that must succeed: prints the library's own sentence if it does not. */
#define CHECK_OK(call) CHECK((call) == GV_OK, "%s", gv_last_error())

#endif
