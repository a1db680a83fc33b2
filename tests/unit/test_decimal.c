#include <criterion/criterion.h>
#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#include "core/decimal.h"

static void assert_text(const char *expected, const char *text, size_t length)
{
    cr_assert(length == strlen(expected) && memcmp(text, expected, length) == 0, "%.*s, not %s",
              (int)length, text, expected);
}

Test(decimal, whole_numbers_are_printfs, .timeout = 20)
{
    char text[UP_DECIMAL_BYTES_MAX], expected[32];
    for (uint64_t power = 1; power < UINT64_MAX / 10; power *= 10)
        for (uint64_t n = power - 1; n <= power + 1; n++) {
            (void)snprintf(expected, sizeof expected, "%" PRIu64, n);
            assert_text(expected, text, up_decimal(n, text));
        }
    (void)snprintf(expected, sizeof expected, "%" PRIu64, UINT64_MAX);
    assert_text(expected, text, up_decimal(UINT64_MAX, text));
}

Test(decimal, times_are_milliseconds_of_three_decimals, .timeout = 20)
{
    static const struct {
        uint64_t ns;
        const char *text;
    } cases[] = {{0, "0.000"},
                 {999, "0.000"},
                 {1000, "0.001"},
                 {42000, "0.042"},
                 {1234567, "1.234"},
                 {10000000, "10.000"},
                 {999999999, "999.999"},
                 {86400000000000, "86400000.000"},
                 {UINT64_MAX, "18446744073709.551"}};
    char text[UP_DECIMAL_BYTES_MAX];
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++)
        assert_text(cases[i].text, text, up_decimal_ms(cases[i].ns, text));
}
