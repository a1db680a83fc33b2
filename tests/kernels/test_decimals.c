/* The digits of floats against strtof and printf: they read back, fewer would not, and no other as
 * many are nearer. */
#include <criterion/criterion.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "core/kernels/kernels.h"
#include "guard.h"
#include "tests/support/random.h"

static float finite(struct random *random)
{
    float value;
    do {
        const uint32_t bits = (uint32_t)(random_bits(random) >> 32);
        memcpy(&value, &bits, sizeof value);
    } while (!isfinite(value) || value == 0);
    return value;
}

/* Edges of what binary32 has, then random bits, then values of an image. */
static float sample(struct random *random, size_t turn)
{
    static const float edges[] = {1.4e-45F,      2.8e-45F,      1.1754942e-38F, 1.1754944e-38F,
                                  2.350989e-38F, 3.4028235e38F, 0.5F,           1,
                                  9.999999F,     1e10F,         1e-10F,         16777216,
                                  8388608.5F,    0.1F,          0.3F,           1.0000001F};
    const size_t count = sizeof edges / sizeof edges[0];
    if (turn < count)
        return edges[turn];
    return turn % 2 == 0 ? finite(random) : random_float(random, 1) + 1.5F;
}

static void digits_are_shortest(const struct up_kernels *k, const struct up_decimals *d, size_t i,
                                float value)
{
    char digits[10], text[40];
    const double x = fabs((double)value);
    digits[0] = (char)d->first[i];
    memcpy(digits + 1, &d->front[i], 4);
    memcpy(digits + 5, &d->back[i], 4);
    digits[9] = '\0';
    cr_assert(strspn(digits, "0123456789") == 9 && digits[0] != '0', "%s: %a has the digits %s",
              k->isa, x, digits);
    (void)snprintf(text, sizeof text, "0.%se%d", digits, (int)d->point[i]);
    cr_assert((double)strtof(text, NULL) == x, "%s: %a is %s", k->isa, x, text);
    int count = 9;
    while (count > 1 && digits[count - 1] == '0')
        count--;
    (void)snprintf(text, sizeof text, "%.*e", count - 1, x);
    if ((double)strtof(text, NULL) == x) {
        digits[count] = '\0';
        cr_assert(text[0] == digits[0] && strncmp(text + 2, digits + 1, (size_t)count - 1) == 0,
                  "%s: %s has the digits %s", k->isa, text, digits);
    }
    (void)snprintf(text, sizeof text, "%.*e", count > 1 ? count - 2 : 0, x);
    cr_assert(count == 1 || (double)strtof(text, NULL) != x, "%s: %s is shorter than %s", k->isa,
              text, digits);
}

static void decimals_match(const struct up_kernels *k)
{
    struct random random = {5};
    size_t turn = 0;
    for (size_t round = 0; round < 600; round++) {
        struct up_decimals d;
        memset(&d, 255, sizeof d);
        const size_t count = round % (UP_DECIMALS + 1);
        float *x = guarded_new(count);
        for (size_t i = 0; i < count; i++)
            x[i] = sample(&random, turn++);
        k->decimals(x, count, &d);
        for (size_t i = 0; i < count; i++)
            digits_are_shortest(k, &d, i, x[i]);
        for (size_t i = count; i < UP_DECIMALS; i++)
            cr_assert(d.point[i] == -1 && d.first[i] == UINT32_MAX && d.front[i] == UINT32_MAX &&
                          d.back[i] == UINT32_MAX,
                      "%s: %zu of %zu was written", k->isa, i, count);
        guarded_free(x, count, "x");
    }
}

Test(decimals, read_back_and_are_the_shortest, .timeout = 60)
{
    each_isa(decimals_match);
}
