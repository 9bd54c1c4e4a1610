/* number.c: a decimal is digits * 10^exponent. Small ones are one exact product or quotient of doubles; the others are divided as
 * whole numbers of any length, bit by bit, which leaves nothing to round twice. */
#include "base/number.h"
#include <string.h>

enum {
    FAST_DIGITS = 15,        /* so many fit in a double */
    FAST_EXPONENT = 22,      /* as does this power of ten */
    WORD_DIGITS = 19,        /* and so many in 64 bits */
    WORD_EXPONENT = 27,      /* as does this power of five */
    LARGEST_MAGNITUDE = 309, /* from 10^309 on there is no finite double */
    LEAST_MAGNITUDE = -323,  /* below 10^-324 all round to 0 */
    WORDS = 36               /* the largest is less than 10^310 * 2^2, or 5^388 * 2^2 */
};

#define INFINITY_BITS ((uint64_t)0x7FF << 52)

typedef struct Decimal {
    uint8_t digits[GV_NUMBER_BYTES]; /* values, not characters; none leads with 0 */
    int count;
    int exponent; /* of ten */
    bool negative;
} Decimal;

static bool is_digit(const uint8_t *at, const uint8_t *end) { return at < end && *at >= '0' && *at <= '9'; }

/* The digits at `at`; the first behind them. */
static const uint8_t *read_digits(const uint8_t *at, const uint8_t *end, Decimal *d)
{
    for (; is_digit(at, end); at++)
        if (d->count > 0 || *at > '0') d->digits[d->count++] = (uint8_t)(*at - '0');
    return at;
}

static const uint8_t *read_exponent(const uint8_t *at, const uint8_t *end, Decimal *d)
{
    bool negative = at < end && *at == '-';
    int value = 0;
    if (at < end && (*at == '-' || *at == '+')) at++;
    if (!is_digit(at, end)) return NULL;
    for (; is_digit(at, end); at++)
        if (value < 10000) value = 10 * value + (*at - '0'); /* beyond is beyond any double */
    d->exponent += negative ? -value : value;
    return at;
}

static bool read_decimal(const uint8_t *text, size_t size, Decimal *d)
{
    const uint8_t *at = text, *end = text + size;
    if (size == 0 || size > GV_NUMBER_BYTES) return false;
    d->negative = *at == '-';
    d->count = d->exponent = 0;
    if (d->negative) at++;
    if (!is_digit(at, end)) return false;
    at = read_digits(at, end, d);
    if (at < end && *at == '.') {
        const uint8_t *fraction = ++at;
        if (!is_digit(at, end)) return false;
        at = read_digits(at, end, d);
        d->exponent -= (int)(at - fraction);
    }
    if (at < end && (*at == 'e' || *at == 'E')) at = read_exponent(at + 1, end, d);
    return at == end;
}

/* ---- whole numbers of any length ---- */

typedef struct Big {
    uint32_t words[WORDS]; /* least first */
    int count;             /* the last of them is not 0 */
} Big;

static void multiply_add(Big *a, uint32_t factor, uint32_t carry)
{
    for (int i = 0; i < a->count; i++) {
        uint64_t product = (uint64_t)a->words[i] * factor + carry;
        a->words[i] = (uint32_t)product;
        carry = (uint32_t)(product >> 32);
    }
    if (carry) a->words[a->count++] = carry;
}

static void multiply_by_power_of_five(Big *a, int power)
{
    for (; power >= 13; power -= 13) multiply_add(a, 1220703125, 0);
    for (; power > 0; power--) multiply_add(a, 5, 0);
}

static int bit_length(const Big *a) { return 32 * a->count - __builtin_clz(a->words[a->count - 1]); }

static void shift_left(Big *a, int bits)
{
    for (; bits > 31; bits -= 31) multiply_add(a, (uint32_t)1 << 31, 0);
    multiply_add(a, (uint32_t)1 << bits, 0);
}

static bool is_less(const Big *a, const Big *b)
{
    if (a->count != b->count) return a->count < b->count;
    for (int i = a->count; i-- > 0;)
        if (a->words[i] != b->words[i]) return a->words[i] < b->words[i];
    return false;
}

/* `a` is not less than `b`. */
static void subtract(Big *a, const Big *b)
{
    uint64_t borrow = 0;
    for (int i = 0; i < a->count; i++) {
        uint64_t difference = (uint64_t)a->words[i] - (i < b->count ? b->words[i] : 0) - borrow;
        a->words[i] = (uint32_t)difference;
        borrow = difference >> 63;
    }
    while (a->count > 0 && a->words[a->count - 1] == 0) a->count--;
}

/* ---- rounding ---- */

/* The bits of `top * 2^exponent` and, if `more`, a little: the first bit of `top` is 1. */
static uint64_t round_to_double(uint64_t top, int exponent, bool more)
{
    int shift = exponent < -1074 - 11 ? -1074 - exponent : 11; /* less than the smallest step is not kept */
    if (shift > 64) return 0;
    uint64_t kept = shift == 64 ? 0 : top >> shift, half = (uint64_t)1 << (shift - 1);
    uint64_t rest = top & (half + (half - 1));
    if (rest > half || (rest == half && (more || kept & 1))) kept++;
    uint64_t bits = ((uint64_t)(exponent + shift + 1074) << 52) +
                    kept; /* the first bit of what is kept counts one more */
    return bits < INFINITY_BITS ? bits : INFINITY_BITS;
}

/* whole / 5^power * 2^-power, where both fit in 64 bits. */
static uint64_t divide_words(uint64_t whole, int power)
{
    uint64_t a = whole, b = 1, top = 0, carry;
    for (int i = 0; i < power; i++) b *= 5;
    int a_shift = __builtin_clzll(a), b_shift = __builtin_clzll(b);
    a <<= a_shift;
    b <<= b_shift;
    carry = a < b; /* the first bit of the quotient is to be 1 */
    int exponent = b_shift - a_shift - (int)carry - power - 63;
    if (carry) {
        carry = a >> 63;
        a <<= 1;
    }
    for (int i = 0; i < 64; i++) {
        uint64_t fits = carry | (a >= b);
        a -= b & (0 - fits);
        top = 2 * top + fits;
        carry = a >> 63;
        a <<= 1;
    }
    return round_to_double(top, exponent, (a | carry) != 0);
}

/* The same for numbers of any length: the quotient's first 64 bits, and whether anything is left. */
static uint64_t divide(const Decimal *d)
{
    Big a = {.count = 0}, b = {.words = {1}, .count = 1};
    for (int i = 0; i < d->count; i++) multiply_add(&a, 10, d->digits[i]);
    multiply_by_power_of_five(d->exponent < 0 ? &b : &a, d->exponent < 0 ? -d->exponent : d->exponent);
    int longer = bit_length(&a) - bit_length(&b), exponent = d->exponent + longer - 63;
    shift_left(longer < 0 ? &a : &b, longer < 0 ? -longer : longer);
    if (is_less(&a, &b)) {
        shift_left(&a, 1);
        exponent--;
    }
    uint64_t top = 0;
    for (int i = 0; i < 64; i++) {
        bool fits = !is_less(&a, &b);
        if (fits) subtract(&a, &b);
        top = 2 * top + fits;
        shift_left(&a, 1);
    }
    return round_to_double(top, exponent, a.count > 0);
}

static double from_bits(uint64_t bits)
{
    double number;
    memcpy(&number, &bits, sizeof number);
    return number;
}

/* Not below 0. */
static double nearest(const Decimal *d)
{
    int exponent = d->exponent;
    uint64_t whole = 0;
    if (d->count == 0 || d->count + exponent < LEAST_MAGNITUDE) return 0.0;
    if (d->count > WORD_DIGITS) return from_bits(divide(d));
    for (int i = 0; i < d->count; i++) whole = 10 * whole + d->digits[i];
    if (exponent == 0) return (double)whole;
    if (d->count <= FAST_DIGITS && exponent >= -FAST_EXPONENT && exponent <= FAST_EXPONENT) {
        double power = 1.0;
        for (int i = exponent < 0 ? -exponent : exponent; i > 0; i--) power *= 10.0; /* each is exact */
        return exponent < 0 ? (double)whole / power : (double)whole * power;
    }
    return from_bits(exponent < 0 && exponent >= -WORD_EXPONENT ? divide_words(whole, -exponent) : divide(d));
}

bool gv_number_read(const uint8_t *text, size_t size, double *number)
{
    Decimal d;
    if (!read_decimal(text, size, &d) || (d.count > 0 && d.count + d.exponent > LARGEST_MAGNITUDE)) return false;
    double found = nearest(&d);
    *number = d.negative ? -found : found;
    return found <= 0x1.fffffffffffffp1023;
}
