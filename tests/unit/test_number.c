/* test_number.c: without it, a number in a filter could be rounded otherwise than elsewhere, or text be taken for a number. */
#include "base/number.h"
#include "base/random.h"
#include "check.h"
#include <math.h>
#include <string.h>

static bool same_bits(double a, double b) { return memcmp(&a, &b, sizeof a) == 0; }

static bool read(const char *text, double *number)
{
    return gv_number_read((const uint8_t *)text, strlen(text), number);
}

/* As the C library reads it, where that is finite. */
static void check_number(const char *text)
{
    double number = -1.0, expected = strtod(text, NULL);
    bool found = read(text, &number);
    CHECK(found == (isfinite(expected) != 0), "%s is %s", text, found ? "a number" : "no number");
    CHECK(!found || same_bits(number, expected), "%s is %a, expected %a", text, number, expected);
}

static void test_syntax(void)
{
    static const char *const numbers[] = {"0",
                                          "-0",
                                          "00",
                                          "007",
                                          "1.0",
                                          "0.0",
                                          "1e5",
                                          "1E+5",
                                          "1e-05",
                                          "-1.50e3",
                                          "0e99999999999",
                                          "-0.000",
                                          "1e-99999999999",
                                          "0.1"};
    static const char *const others[] = {"",      "-",   "+1",   ".5",    "5.",      "1.e5",   "1e",
                                         "1e+",   "--1", " 1",   "1 ",    "0x10",    "inf",    "nan",
                                         "1,000", "1_0", "1e5.", "1.2.3", "1e309",   "-1e309", "1e99999999999",
                                         "1e 5",  "e5",  "1f",   "1e5e5", "\xD9\xA1"};
    for (size_t i = 0; i < sizeof numbers / sizeof *numbers; i++) check_number(numbers[i]);
    for (size_t i = 0; i < sizeof others / sizeof *others; i++) {
        double number;
        CHECK(!read(others[i], &number), "\"%s\" is %g", others[i], number);
    }
    uint8_t long_text[GV_NUMBER_BYTES + 1];
    double number;
    memset(long_text, '9', sizeof long_text);
    CHECK(gv_number_read(long_text, GV_NUMBER_BYTES, &number) && same_bits(number, 1e64), "64 nines are %a", number);
    CHECK(!gv_number_read(long_text, GV_NUMBER_BYTES + 1, &number), "65 bytes are a number");
    CHECK(!gv_number_read((const uint8_t *)"1\0", 2, &number), "a NUL is part of a number");
}

static void test_hard(void)
{
    static const char *const hard[] = {
        "9007199254740993", /* halfway, and the even one is below */
        "9007199254740995", /* ... above */
        "9007199254740993.00000000000000000000000000000000000000000000001",
        "9007199254740992.99999999999999999999999999999999999999999999999",
        "18446744073709551615",
        "9999999999999999999",
        "1e22",
        "1e23",
        "1e-22",
        "1e-23",
        "123456789012345e22",
        "123456789012345e-22",
        "999999999999999e23",
        "1.7976931348623157e308",
        "1.7976931348623158e308",
        "1.7976931348623159e308",
        "1.797693134862315807e308",
        "179769313486231580793728971405303415079934132710037826936173779e246",
        "2.2250738585072014e-308",
        "2.2250738585072011e-308",
        "2.225073858507201136057409796709131975934819546351e-308",
        "2.22507385850720088902458687608585988765042311224095946549e-308",
        "4.9406564584124654e-324",
        "5e-324",
        "2.4703282292062327208299439634110864618e-324",
        "2.4703282292062328e-324",
        "2.47032822920623272e-324",
        "2.470328229206232720882843964341106861825299013071623822e-324",
        "2.4e-324",
        "7.4109846876186981e-324",
        "7.4109846876186982e-324",
        "1e-323",
        "1e-324",
        "1e-325",
        "9e-400",
        "0.000000000000000000000000000000000000000000000000000000000001",
        "100000000000000000000000000000000000000000000000000000000000000",
        "0.3000000000000000444089209850062616169452667236328125",
        "8.98846567431158e307",
        "4.4501477170144023e-308",
        "6.631236846766476e-316",
        "3.2378839133029012895883e-319",
    };
    for (size_t i = 0; i < sizeof hard / sizeof *hard; i++) check_number(hard[i]);
}

/* Any digits with any exponent; and doubles halfway and beside, which are the hardest to round. */
static void test_random(void)
{
    char text[GV_NUMBER_BYTES + 1];
    for (uint64_t i = 0; i < 200000; i++) {
        uint64_t draw = gv_random(1, i), more = gv_random(2, i);
        int digits = 1 + (int)(draw % 24), point = (int)(draw >> 8) % (digits + 1);
        size_t size = 0;
        if (draw >> 63) text[size++] = '-';
        if (point == 0) text[size++] = '0';
        for (int d = 0; d < digits; d++) {
            if (d == point) text[size++] = '.';
            text[size++] = (char)('0' + gv_random(more, (uint64_t)d) % 10);
        }
        int exponent = (int)(more % 700) - 360;
        if (more >> 62) exponent /= 16;
        snprintf(text + size, sizeof text - size, more & 1024 ? "e%d" : "E%+04d", exponent);
        check_number(text);
    }
    for (uint64_t i = 0; i < 100000; i++) {
        uint64_t bits = gv_random(3, i);
        double number;
        if (i % 3 == 0) bits &= 0x800FFFFFFFFFFFFF; /* subnormal */
        memcpy(&number, &bits, sizeof number);
        if (!isfinite(number)) continue;
        snprintf(text, sizeof text, "%.17g", number);
        check_number(text);
        snprintf(text, sizeof text, "%.16g", number);
        check_number(text);
    }
    for (uint64_t i = 0; i < 100000;
         i++) { /* odd numbers of 54 bits, by powers of ten that keep them within 64 digits */
        uint64_t half = (uint64_t)1 << 53 | (gv_random(4, i) >> 11) | 1;
        snprintf(text, sizeof text, "%llu%s", (unsigned long long)half,
                 i % 3 == 0   ? ""
                 : i % 3 == 1 ? ".000000000000000000001"
                              : "e5");
        check_number(text);
        snprintf(text, sizeof text, "%llu.5", (unsigned long long)(half >> 1 | (uint64_t)1 << 52));
        check_number(text);
    }
}

int main(void)
{
    test_syntax();
    test_hard();
    test_random();
    return 0;
}
