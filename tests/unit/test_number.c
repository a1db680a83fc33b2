#include "api/codec/number.h"

#include <criterion/criterion.h>
#include <locale.h>
#include <math.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "tests/support/random.h"

static const char *written(float value, char text[API_NUMBER_BYTES_MAX + 1])
{
    text[api_number_write(value, text)] = '\0';
    return text;
}

static float from_bits(uint32_t bits)
{
    float value;
    memcpy(&value, &bits, sizeof value);
    return value;
}

static uint32_t to_bits(float value)
{
    uint32_t bits;
    memcpy(&bits, &value, sizeof bits);
    return bits;
}

static float random_finite(struct random *random)
{
    float value;
    do {
        value = from_bits((uint32_t)random_bits(random));
    } while (!isfinite(value));
    return value;
}

/* --- Writing ---------------------------------------------------------------------------------- */

/* What numpy prints for float32, in JavaScript's notation: scripts/number_samples.py. */
static const struct {
    uint32_t bits;
    const char *text;
} samples[] = {
#include "tests/unit/number_samples.inc"
};

Test(number, writes_the_digits_that_numpy_writes, .timeout = 20)
{
    char text[API_NUMBER_BYTES_MAX + 1];
    for (size_t i = 0; i < sizeof samples / sizeof samples[0]; i++)
        cr_assert(strcmp(written(from_bits(samples[i].bits), text), samples[i].text) == 0,
                  "0x%08x is written %s, not %s", samples[i].bits, text, samples[i].text);
}

Test(number, chooses_the_notation_that_javascript_chooses, .timeout = 20)
{
    static const struct {
        float value;
        const char *text;
    } rows[] = {
        {0, "0"},
        {-0.0f, "-0"},
        {1, "1"},
        {-1, "-1"},
        {0.1f, "0.1"},
        {255, "255"},
        {1e5f, "100000"},
        {16777216, "16777216"},
        {1e-6f, "0.000001"},
        {1e-7f, "1e-7"},
        {1.5e-9f, "1.5e-9"},
        {1.5e-6f, "0.0000015"},
        {1e20f, "100000000000000000000"},
        {1e21f, "1e21"},
        {-1.25e21f, "-1.25e21"},
        {3.4028235e38f, "3.4028235e38"},
        {1e-45f, "1e-45"},
        {-1.1754944e-38f, "-1.1754944e-38"},
        {123456.79f, "123456.79"},
        {-0.5f, "-0.5"},
    };
    char text[API_NUMBER_BYTES_MAX + 1];
    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++)
        cr_assert(strcmp(written(rows[i].value, text), rows[i].text) == 0, "%a is %s, not %s",
                  (double)rows[i].value, text, rows[i].text);
}

Test(number, writes_integers_as_printf_does, .timeout = 20)
{
    char text[API_NUMBER_BYTES_MAX + 1], expected[32];
    for (int32_t i = -16777216; i <= 16777216; i += (i > -70000 && i < 70000) ? 1 : 1013) {
        (void)snprintf(expected, sizeof expected, "%d", i);
        cr_assert(strcmp(written((float)i, text), expected) == 0, "%d is %s", i, text);
    }
}

static int digits_of(const char *text)
{
    int digits = 0, zeros = 0;
    for (const char *p = text; *p != '\0' && *p != 'e'; p++) {
        if (*p == '-' || *p == '.' || (digits == 0 && *p == '0'))
            continue;
        digits++;
        zeros = *p == '0' ? zeros + 1 : 0;
    }
    return digits - zeros;
}

/* Shortest: no %.*e with fewer digits reads back. Nearest: none with as many lies closer. */
Test(number, writes_the_shortest_text_that_reads_back, .timeout = 60)
{
    struct random random = {88172645463325252u};
    char text[API_NUMBER_BYTES_MAX + 1], shorter[32];
    for (int i = 0; i < 200000; i++) {
        const float value = random_finite(&random);
        written(value, text);
        cr_assert(to_bits(strtof(text, NULL)) == to_bits(value), "0x%08x is written %s",
                  to_bits(value), text);
        const int digits = digits_of(text);
        if (digits > 1 && i % 8 == 0) {
            (void)snprintf(shorter, sizeof shorter, "%.*e", digits - 2, (double)value);
            cr_assert(strtof(shorter, NULL) != value, "%s is written, %s would do", text, shorter);
        }
        (void)snprintf(shorter, sizeof shorter, "%.*e", digits > 0 ? digits - 1 : 0, (double)value);
        if (strtof(shorter, NULL) == value)
            cr_assert(strtod(shorter, NULL) == strtod(text, NULL), "%s is nearer than %s", shorter,
                      text);
    }
}

/* --- Reading ---------------------------------------------------------------------------------- */

/* Reads from a heap copy without a terminator, so that a sanitizer sees a step past the end. */
static enum api_number_result read_exactly(const char *text, float *value, size_t *bytes)
{
    const size_t length = strlen(text);
    char *copy = malloc(length == 0 ? 1 : length);
    memcpy(copy, text, length);
    const char *end = NULL;
    const enum api_number_result result = api_number_read(copy, copy + length, value, &end);
    *bytes = (size_t)(end - copy);
    free(copy);
    return result;
}

static void read_expect(const char *text, float expected)
{
    float value = NAN;
    size_t bytes = 0;
    const enum api_number_result result = read_exactly(text, &value, &bytes);
    cr_assert(result == API_NUMBER_OK, "%.60s: result %d", text, (int)result);
    cr_assert(bytes == strlen(text), "%.60s: ends after %zu bytes", text, bytes);
    cr_assert(to_bits(value) == to_bits(expected), "%.60s is %a, not %a", text, (double)value,
              (double)expected);
}

Test(number, reads_what_it_writes, .timeout = 60)
{
    struct random random = {4101842887655102017u};
    char text[API_NUMBER_BYTES_MAX + 1];
    for (int i = 0; i < 300000; i++) {
        const float value = random_finite(&random);
        read_expect(written(value, text), value);
    }
}

Test(number, rounds_as_strtof_does, .timeout = 60)
{
    struct random random = {2685821657736338717u};
    char text[400];
    for (int i = 0; i < 300000; i++) {
        const uint64_t bits = random_bits(&random);
        const int digits = 1 + (int)(bits % 24), exponent = (int)(bits >> 8 & 63) - 45;
        double value = (double)random_bits(&random) / 18446744073709551616.0 * pow(10, exponent);
        if (fabs(value) > 3e38)
            continue;
        (void)snprintf(text, sizeof text, bits & 64 ? "%.*e" : "%.*f", digits, value);
        read_expect(text, strtof(text, NULL));
        value = (double)random_finite(&random); /* a float's own digits, and its upper middle */
        const double middle = value + (nextafterf((float)value, INFINITY) - value) / 2;
        (void)snprintf(text, sizeof text, "%.*e", 20 + digits * 4, isfinite(middle) ? middle : 0);
        read_expect(text, strtof(text, NULL));
    }
}

Test(number, decides_ties_by_every_digit, .timeout = 20)
{
    read_expect("16777217", 16777216);
    read_expect("16777219", 16777220);
    read_expect("16777217.0000000000000000000000000000000000000000000000000000000001", 16777218);
    read_expect("1.000000059604644775390625", 1); /* 1 + 2^-24, exactly */
    read_expect("1.000000059604644775390626", from_bits(0x3f800001));
    read_expect("1.000000178813934326171875", from_bits(0x3f800002)); /* 1 + 3 * 2^-24 */
    read_expect("1.000000178813934326171874", from_bits(0x3f800001));
    /* 2^-150, half of the smallest subnormal: 105 digits */
    const char *half = "7.006492321624085354618647916449580656401309709382578858785341419448955413"
                       "42930300743319094181060791015625e-46";
    read_expect(half, 0);
    char more[1200];
    (void)snprintf(more, sizeof more, "%.*s%01000d1e-46", (int)(strlen(half) - 4), half, 0);
    read_expect(more, from_bits(1));
}

Test(number, reads_the_ends_of_the_range, .timeout = 20)
{
    read_expect("0", 0);
    read_expect("-0", -0.0f);
    read_expect("-0.0e99999999999999999999", -0.0f);
    read_expect("0e-5", 0);
    read_expect("3.4028235e38", from_bits(0x7f7fffff));
    read_expect("-3.4028235e+38", from_bits(0xff7fffff));
    read_expect("340282350000000000000000000000000000000.000", from_bits(0x7f7fffff));
    read_expect("3.40282356779733661637539395458142568447e38", from_bits(0x7f7fffff));
    read_expect("3.4028235677973366e38", from_bits(0x7f7fffff)); /* 1.6e21 below the middle */
    read_expect("1.17549435e-38", from_bits(0x00800000));
    read_expect("1.17549421e-38", from_bits(0x007fffff));
    read_expect("1.4e-45", from_bits(1));
    read_expect("1e-50", 0);
    read_expect("-1e-999999999999999999999999", -0.0f);
    read_expect("18446744073709551615", 18446744073709551616.0f);
    read_expect("18446744073709551616", 18446744073709551616.0f);
    char zeros[900];
    (void)snprintf(zeros, sizeof zeros, "0.%0800d15e802", 0);
    read_expect(zeros, 15);
    (void)snprintf(zeros, sizeof zeros, "1%0800d.5e-800", 0);
    read_expect(zeros, 1);
}

Test(number, refuses_what_float32_cannot_hold, .timeout = 20)
{
    static const char *const texts[] = {
        "1e40",
        "-1e40",
        "3.4028235677973367e38",
        "3.40282356779733661637539395458142568448e38",
        "1e400",
        "1e999999999999999999999999",
        "340282360000000000000000000000000000000",
        "9999999999999999999999999999999999999999999",
    };
    for (size_t i = 0; i < sizeof texts / sizeof texts[0]; i++) {
        float value = 7;
        size_t bytes = 0;
        cr_assert(read_exactly(texts[i], &value, &bytes) == API_NUMBER_RANGE, "%s passes",
                  texts[i]);
        cr_assert(bytes == strlen(texts[i]), "%s ends after %zu", texts[i], bytes);
        cr_assert(value == 7, "%s left a value", texts[i]);
    }
}

Test(number, refuses_what_rfc_8259_has_not, .timeout = 20)
{
    static const struct {
        const char *text;
        size_t at; /* where it breaks */
    } rows[] = {
        {"", 0},     {"-", 1},        {"+1", 0},  {".5", 0},   {"-.5", 1},  {"1.", 2},
        {"1.e5", 2}, {"01", 1},       {"-01", 2}, {"00", 1},   {"1e", 2},   {"1e+", 3},
        {"1E-", 3},  {"1ex", 2},      {"NaN", 0}, {"-NaN", 1}, {"inf", 0},  {"-inf", 1},
        {"x", 0},    {"Infinity", 0}, {" 1", 0},  {"--1", 1},  {"1.-5", 2},
    };
    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
        float value;
        size_t at = 0;
        cr_assert(read_exactly(rows[i].text, &value, &at) == API_NUMBER_SYNTAX, "'%s' passes",
                  rows[i].text);
        cr_assert(at == rows[i].at, "'%s' breaks at %zu, not %zu", rows[i].text, at, rows[i].at);
    }
}

Test(number, stops_behind_the_number, .timeout = 20)
{
    static const struct {
        const char *text;
        float value;
        size_t bytes;
    } rows[] = {
        {"1,2", 1, 1},
        {"12]", 12, 2},
        {"0.25 ", 0.25f, 4},
        {"0x10", 0, 1},
        {"1e5}", 1e5f, 3},
        {"1.5.5", 1.5f, 3},
        {"-7-7", -7, 2},
        {"2,33333333", 2, 1},
        {"0.5,1234567", 0.5f, 3},
        {"0.12345678,9", 0.12345678f, 10},
        {"123f", 123, 3},
    };
    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
        float value = NAN;
        size_t bytes = 0;
        cr_assert(read_exactly(rows[i].text, &value, &bytes) == API_NUMBER_OK, "%s", rows[i].text);
        cr_assert(bytes == rows[i].bytes && value == rows[i].value, "%s: %a after %zu bytes",
                  rows[i].text, (double)value, bytes);
    }
}

Test(number, knows_no_locale, .timeout = 20)
{
    const char *const commas[] = {"de_DE.UTF-8", "fr_FR.UTF-8", "de_DE.utf8", "de_DE"};
    for (size_t i = 0; i < 4; i++)
        if (setlocale(LC_ALL, commas[i]) != NULL)
            break;
    char text[API_NUMBER_BYTES_MAX + 1];
    cr_assert(strcmp(written(0.5f, text), "0.5") == 0, "0.5 is %s", text);
    read_expect("1.000000059604644775390626", from_bits(0x3f800001)); /* the slow way */
    read_expect("1.4e-45", from_bits(1));
}

/* --- Reading many ----------------------------------------------------------------------------- */

enum { MANY = 5000, MANY_BYTES = 40 * MANY, TAIL = 80 }; /* what is near the end is left */

struct calls {
    size_t many,
        one; /* ties between two floats, and long integers, are left to the reader of one */
};

/* MANY numbers, from `at` on, with commas and perhaps spaces between them. */
static struct calls read_all(const char *at, const char *end, float *values)
{
    struct api_number_marks marks = {.first = at, .end = at};
    struct calls calls = {0, 0};
    for (size_t count = 0; count < MANY; at += strspn(at, ", ")) {
        const size_t some = api_numbers_read(&marks, &at, end, values + count, MANY - count);
        if (some == 0)
            cr_assert(api_number_read(at, end, &values[count], &at) == API_NUMBER_OK, "%.30s", at);
        calls.many += some != 0;
        calls.one += some == 0;
        count += some == 0 ? 1 : some;
    }
    return calls;
}

static void expect_equal(const float *values, const float *truths)
{
    for (size_t i = 0; i < MANY; i++)
        cr_assert(to_bits(values[i]) == to_bits(truths[i]), "number %zu is %.9g, not %.9g", i,
                  (double)values[i], (double)truths[i]);
}

Test(number, reads_many_as_strtof_does, .timeout = 20)
{
    static char text[MANY_BYTES];
    static float truths[MANY], values[MANY];
    static const char tail[TAIL + 1] =
        "0,0,0,0,0,0,0,0,0,0,0,0,0,0,0,0,0,0,0,0,0,0,0,0,0,0,0,0,0,0,"
        "0,0,0,0,0,0,0,0,0,0";
    struct random random = {88172645463325252u};
    char *end = text + sprintf(text, "%*s", API_NUMBERS_BEFORE, "[");
    const char *at = end;
    for (size_t i = 0; i < MANY; i++) {
        const int places = (int)(random_bits(&random) % 17);
        const double limit = pow(10, (double)(random_bits(&random) % 19) - places);
        const double number = (double)(int64_t)random_bits(&random) / 0x1p63 * fmin(limit, 9e7);
        const char *first = end;
        end += sprintf(end, "%.*f", places, number);
        truths[i] = strtof(first, NULL);
        end += sprintf(end, random_bits(&random) % 8 == 0 ? ", " : ",");
    }
    end += sprintf(end, "%s", tail);
    const struct calls calls = read_all(at, end, values);
    cr_assert(calls.one < MANY / 50, "%zu of %d were left", calls.one, MANY);
    expect_equal(values, truths);
}

Test(number, reads_many_integers_as_strtof_does, .timeout = 20)
{
    static char text[MANY_BYTES];
    static float truths[MANY], values[MANY];
    struct random random = {88172645463325252u};
    char *end = text + sprintf(text, "%*s", API_NUMBERS_BEFORE, "[");
    const char *at = end;
    for (size_t i = 0; i < MANY; i++) {
        const int digits = (int)(random_bits(&random) % 9); /* 8 at most are read with the others */
        const uint64_t limit = (uint64_t)pow(10, digits + 1);
        const char *sign = random_bits(&random) % 2 == 0 ? "-" : "", *first = end;
        const bool fraction = random_bits(&random) % 32 == 0;
        end += sprintf(end, "%s%llu%s", sign, (unsigned long long)(random_bits(&random) % limit),
                       fraction ? ".25" : "");
        truths[i] = strtof(first, NULL);
        end += sprintf(end, random_bits(&random) % 2 == 0 ? ", " : ",");
    }
    end += sprintf(end, "%0*d", TAIL, 0);
    const struct calls calls = read_all(at, end, values);
    cr_assert(calls.many < MANY / 4, "%zu calls for %d numbers", calls.many, MANY);
    expect_equal(values, truths);
}

Test(number, leaves_what_is_no_plain_number, .timeout = 20)
{
    static const char *const texts[] = {
        "01,",   "-01.5,", "1e5,",  "1.5E5,", "-,",    ".5,",  "1.,",        "--1,",
        "1 ,",   "+1,",    "1.2.3", "[1,",    "\"1\"", "1\n,", "123456789,", "0.12345678901234567,",
        "1.-5,", "1x,",    "\xff,", "-\xb9,", "1\xb0,"};
    for (size_t i = 0; i < sizeof texts / sizeof texts[0]; i++) {
        char text[200];
        const int bytes = sprintf(text, "%*s7,%s%080d", API_NUMBERS_BEFORE, "[", texts[i], 0);
        const char *at = text + API_NUMBERS_BEFORE;
        struct api_number_marks marks = {.first = at, .end = at};
        float values[4];
        const size_t count = api_numbers_read(&marks, &at, text + bytes, values, 4);
        cr_assert(count == 1 && at == text + API_NUMBERS_BEFORE + 1, "%s: %zu were read", texts[i],
                  count);
    }
}
