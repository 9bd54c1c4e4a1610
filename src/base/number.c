/* number.c: text to double. Provisional: the last bit may be off. */
#include "base/number.h"
#include <float.h>

enum {
    TEXT_MOST = 64,
    EXPONENT_MOST = 400 /* beyond it all is 0 or infinite, with so few digits */
};

static double scaled(double x, int exponent)
{
    double power = 10.0, factor = 1.0;
    for (int left = exponent < 0 ? -exponent : exponent; left > 0; left /= 2) {
        if (left % 2) factor *= power;
        power *= power;
    }
    return exponent < 0 ? x / factor : x * factor;
}

static size_t digits(const char *text, size_t at, size_t size, double *value)
{
    for (; at < size && text[at] >= '0' && text[at] <= '9'; at++) *value = *value * 10.0 + (text[at] - '0');
    return at;
}

bool gv_number_parse(const char *text, size_t size, double *out)
{
    bool negative = size > 0 && text[0] == '-';
    double value = 0.0, power = 0.0;
    int exponent = 0;
    if (size > TEXT_MOST) return false;
    size_t start = negative, at = digits(text, start, size, &value);
    if (at == start) return false;
    if (at < size && text[at] == '.') {
        start = ++at;
        at = digits(text, at, size, &value);
        if (at == start) return false;
        exponent = -(int)(at - start);
    }
    if (at < size && (text[at] == 'e' || text[at] == 'E')) {
        bool down = ++at < size && text[at] == '-';
        if (at < size && (text[at] == '-' || text[at] == '+')) at++;
        start = at;
        at = digits(text, at, size, &power);
        if (at == start) return false;
        if (power > EXPONENT_MOST) power = EXPONENT_MOST;
        exponent += down ? -(int)power : (int)power;
    }
    if (at != size) return false;
    if (value != 0.0) value = scaled(value, exponent);
    if (!(value <= DBL_MAX)) return false;
    *out = negative ? -value : value;
    return true;
}
