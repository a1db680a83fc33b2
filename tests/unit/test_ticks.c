#include "api/figure/ticks.h"

#include <criterion/criterion.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

#define M "\xe2\x88\x92"

/* matplotlib 3.11: MaxNLocator(nbins=bins, steps=[1, 2, 2.5, 5, 10]) within the range, texts by
 * ScalarFormatter(useOffset=False). */
static const struct {
    double vmin, vmax;
    size_t bins, count;
    double first, last;
    const char *first_text, *last_text, *exponent;
} published[] = {
    {0, 4, 9, 9, 0, 4, "0.0", "4.0", ""},
    {0, 4, 4, 5, 0, 4, "0", "4", ""},
    {0, 1, 9, 6, 0, 1, "0.0", "1.0", ""},
    {0, 1, 4, 5, 0, 1, "0.00", "1.00", ""},
    {-3.5488, 3.10004, 9, 7, -3, 3, M "3", "3", ""},
    {-3.5488, 3.10004, 4, 3, -2, 2, M "2", "2", ""},
    {-3.5488, 3.10004, 2, 3, -2.5, 2.5, M "2.5", "2.5", ""},
    {-1000.009, -1000, 4, 4, -1000.0075, -1000, M "1000.0075", M "1000.0000", ""},
    {0, 1e9, 9, 6, 0, 1e9, "0.0", "1.0", "1e9"},
    {0, 1e9, 4, 5, 0, 1e9, "0.00", "1.00", "1e9"},
    {-2e-8, 8e-8, 9, 6, -2e-8, 8e-8, M "2", "8", "1e" M "8"},
    {-2e-8, 8e-8, 4, 4, 0, 7.5e-8, "0.0", "7.5", "1e" M "8"},
    {2.7, 3.3, 9, 7, 2.7, 3.3, "2.7", "3.3", ""},
    {2.7, 3.3, 2, 3, 2.75, 3.25, "2.75", "3.25", ""},
    {-0.1, 0.1, 9, 9, -0.1, 0.1, M "0.100", "0.100", ""},
    {1e5, 9e5, 9, 9, 1e5, 9e5, "100000", "900000", ""},
    {0, 3.4e38, 9, 7, 0, 3e38, "0.0", "3.0", "1e38"},
    {-7.3e-5, 2e-4, 9, 6, -5e-5, 2e-4, M "0.00005", "0.00020", ""},
    {99, 101, 9, 9, 99, 101, "99.00", "101.00", ""},
    {0, 7, 2, 2, 0, 5, "0", "5", ""},
    {-12345, 54321, 9, 7, -10000, 50000, M "10000", "50000", ""},
    {0, 1e-45, 9, 6, 0, 1e-45, "0.0", "1.0", "1e" M "45"},
};

Test(ticks, of_values_are_matplotlib_s, .timeout = 20)
{
    for (size_t i = 0; i < sizeof published / sizeof published[0]; i++) {
        struct api_ticks t;
        api_ticks_values(published[i].vmin, published[i].vmax, published[i].bins, &t);
        const double span = published[i].vmax - published[i].vmin;
        cr_assert(t.count == published[i].count, "row %zu: %zu ticks", i, t.count);
        cr_assert(fabs(t.at[0].value - published[i].first) < 1e-9 * span, "row %zu: first %.17g", i,
                  t.at[0].value);
        cr_assert(fabs(t.at[t.count - 1].value - published[i].last) < 1e-9 * span,
                  "row %zu: last %.17g", i, t.at[t.count - 1].value);
        cr_assert(strcmp(t.at[0].text, published[i].first_text) == 0, "row %zu: '%s'", i,
                  t.at[0].text);
        cr_assert(strcmp(t.at[t.count - 1].text, published[i].last_text) == 0, "row %zu: '%s'", i,
                  t.at[t.count - 1].text);
        cr_assert(strcmp(t.exponent, published[i].exponent) == 0, "row %zu: '%s'", i, t.exponent);
    }
}

/* The value that a text and the common exponent say. */
static double said(const struct api_ticks *t, size_t i)
{
    char text[2 * API_TICK_TEXT_BYTES] = "";
    const char *parts[] = {t->at[i].text, t->exponent[0] != '\0' ? t->exponent + 1 : ""};
    for (size_t p = 0; p < 2; p++)
        for (const char *c = parts[p]; *c != '\0'; c++)
            if (strncmp(c, M, 3) == 0) {
                strcat(text, "-");
                c += 2;
            } else {
                strncat(text, c, 1);
            }
    return strtod(text, NULL);
}

Test(ticks, of_values_say_what_they_mark_at_any_range, .timeout = 20)
{
    for (int power = -45; power <= 38; power++)
        for (double low = -3; low <= 3; low += 0.37)
            for (double span = 1e-6; span < 3; span *= 7)
                for (size_t bins = 1; bins <= 9; bins++) {
                    const double vmin = low * pow(10, power), vmax = (low + span) * pow(10, power);
                    struct api_ticks t;
                    api_ticks_values(vmin, vmax, bins, &t);
                    cr_assert(t.count >= 2 && t.count <= 11, "%g..%g: %zu ticks", vmin, vmax,
                              t.count);
                    for (size_t i = 0; i < t.count; i++) {
                        const double slack = 1e-4 * (vmax - vmin), value = t.at[i].value;
                        cr_assert(value >= vmin - slack && value <= vmax + slack,
                                  "%.9g..%.9g: tick %.9g is outside", vmin, vmax, value);
                        cr_assert(fabs(said(&t, i) - value) <= slack, "%.17g is said to be %s %s",
                                  value, t.at[i].text, t.exponent);
                        cr_assert(i == 0 || value > t.at[i - 1].value, "ticks do not rise");
                    }
                }
}

Test(ticks, of_cells_never_touch, .timeout = 20)
{
    static const size_t steps[] = {1, 5, 10, 20, 50, 100, 200, 500, 1000, 2000, 5000};
    size_t used = 0;
    for (size_t cell = 1; cell <= 60; cell++)
        for (size_t room = 8; room <= 600; room += 8) {
            const size_t step = api_ticks_step(cell, room);
            bool round = false;
            for (size_t i = 0; i < sizeof steps / sizeof steps[0]; i++)
                round |= step == steps[i];
            cr_assert(round, "step %zu is not round", step);
            size_t n = 1;
            for (size_t k = 0; k < 5; k++) {
                const size_t next = api_ticks_next(n, step);
                cr_assert((next - n) * cell >= room, "%zu and %zu are %zu pixels apart, not %zu", n,
                          next, (next - n) * cell, room);
                cr_assert(step == 1 || next % step == 0, "%zu after %zu", next, n);
                n = next;
            }
            used += step == 1;
        }
    cr_assert(used > 0, "every cell could never be numbered");
    cr_assert(api_ticks_step(30, 24) == 1 && api_ticks_step(9, 24) == 5 &&
                  api_ticks_step(1, 33) == 50,
              "the least step that leaves room");
}

Test(ticks, write_ranges_in_four_digits, .timeout = 20)
{
    char text[API_RANGE_TEXT_BYTES];
    api_ticks_range_text(-1.0 / 3, 2, text);
    cr_assert(strcmp(text, M "0.3333 \xe2\x80\xa6 2") == 0, "%s", text);
    api_ticks_range_text(-1.23456e-38, -1.23456e-39, text);
    cr_assert(strcmp(text, M "1.235e" M "38 \xe2\x80\xa6 " M "1.235e" M "39") == 0, "%s", text);
}
