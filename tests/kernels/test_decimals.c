/* The texts of floats against strtof and printf: the digits read back, fewer would not, and no
 * other as many are nearer. */
#include <criterion/criterion.h>
#include <math.h>
#include <stdbool.h>
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

/* Edges of what binary32 has and of what gets a text, then random bits, and values of images. */
static float sample(struct random *random, size_t turn)
{
    static const float edges[] = {1.4e-45F,
                                  2.8e-45F,
                                  1.1754942e-38F,
                                  1.1754944e-38F,
                                  2.350989e-38F,
                                  3.4028235e38F,
                                  0.5F,
                                  1,
                                  9.999999F,
                                  1e10F,
                                  1e-10F,
                                  16777216,
                                  8388607.5F,
                                  0.1F,
                                  0.3F,
                                  1.0000001F,
                                  1e-5F,
                                  9.999999e-6F,
                                  -1.2345678e-5F,
                                  1e9F,
                                  999999940.0F,
                                  -1e8F,
                                  123456790.0F,
                                  0,
                                  -0.0F,
                                  4194304.5F,
                                  -4194304.5F,
                                  33554432,
                                  INFINITY,
                                  -INFINITY,
                                  NAN,
                                  100000008.0F,
                                  -0.00012345678F};
    const size_t count = sizeof edges / sizeof edges[0];
    if (turn < 2 * count)
        return edges[turn % count];
    switch (turn % 4) {
    case 0:
        return finite(random);
    case 1:
        return random_float(random, 1) + 1.5F;
    case 2: /* of every size that gets a text */
        return ldexpf(random_float(random, 1), (int)random_size(random, 0, 46) - 16);
    default:
        return random_float(random, 1);
    }
}

/* Of every size, and from time to time the largest, and zeros of either sign. */
static float integer(struct random *random, size_t turn)
{
    const size_t most = (size_t)1 << random_size(random, 0, 24);
    const float size = turn % 50 == 0 ? 16777215 : (float)(random_size(random, 1, most) - 1);
    return random_bits(random) % 2 == 0 ? size : -size;
}

/* Of few digits, and rarely of more, so that most calls see nothing else. */
static float few_digits(struct random *random, size_t turn)
{
    static const float edges[] = {0, -0.0F, 9, 10, 99, 100, 999, 1000, 8191, -8191};
    const size_t count = sizeof edges / sizeof edges[0];
    if (turn % 3 == 0)
        return edges[turn / 3 % count];
    if (turn % 500 == 1)
        return (float)random_size(random, 8192, 10001);
    const float size = (float)random_size(random, 0, 8191);
    return random_bits(random) % 2 == 0 ? size : -size;
}

/* The fewest digits of |value| that read back, by printf; returns the point's place before them. */
static int digits_shortest(float value, char digits[12])
{
    char text[40];
    int count = 0;
    do
        (void)snprintf(text, sizeof text, "%.*e", count++, fabs((double)value));
    while (strtof(text, NULL) != fabsf(value));
    digits[0] = text[0];
    memcpy(digits + 1, text + 2, (size_t)count - 1);
    digits[count] = '\0';
    return atoi(strchr(text, 'e') + 1) + 1;
}

static void text_expected(float value, char *text)
{
    char digits[12];
    const int point = digits_shortest(value, digits), count = (int)strlen(digits);
    const char *sign = signbit(value) ? "-" : "";
    if (value == 0)
        (void)sprintf(text, "%s0", sign);
    else if (point <= 0)
        (void)sprintf(text, "%s0.%.*s%s", sign, -point, "00000000", digits);
    else if (count <= point)
        (void)sprintf(text, "%s%s%.*s", sign, digits, point - count, "00000000");
    else
        (void)sprintf(text, "%s%.*s.%s", sign, point, digits, digits + point);
}

static bool has_text(float value)
{
    const float size = fabsf(value);
    return value == 0 || (size >= 1e-5F && size < 1e9F);
}

static void text_is_shortest(const struct up_kernels *k, const struct up_decimals *d, size_t i,
                             float value)
{
    char text[16 + 1] = {0}, expected[40];
    if (!has_text(value)) {
        cr_assert(d->length[i] == 0, "%s: %a has a text", k->isa, (double)value);
        return;
    }
    cr_assert(d->length[i] >= 1 && d->length[i] <= 16, "%s: %a has no text", k->isa, (double)value);
    memcpy(text, d->text[i], sizeof d->text[i]);
    text[d->length[i]] = '\0';
    text_expected(value, expected);
    cr_assert(strcmp(text, expected) == 0, "%s: %a is %s, not %s", k->isa, (double)value, text,
              expected);
}

/* `choose` gives the values, in turn. */
static void decimals_match(const struct up_kernels *k, float (*choose)(struct random *, size_t))
{
    struct random random = {5};
    size_t turn = 0;
    for (size_t round = 0; round < 600; round++) {
        struct up_decimals d;
        memset(&d, 255, sizeof d);
        const size_t count = round * UP_DECIMALS_STEP % (UP_DECIMALS + UP_DECIMALS_STEP);
        float *x = guarded_new(count);
        for (size_t i = 0; i < count; i++)
            x[i] = choose(&random, turn++);
        k->decimals(x, count, &d);
        for (size_t i = 0; i < count; i++)
            text_is_shortest(k, &d, i, x[i]);
        for (size_t i = count; i < UP_DECIMALS; i++)
            cr_assert(d.text[i][0] == UINT64_MAX && d.text[i][1] == UINT64_MAX &&
                          d.length[i] == UINT32_MAX,
                      "%s: %zu of %zu was written", k->isa, i, count);
        guarded_free(x, count, "x");
    }
}

static void samples_match(const struct up_kernels *k)
{
    decimals_match(k, sample);
}

static void integers_match(const struct up_kernels *k)
{
    decimals_match(k, integer);
}

static void few_match(const struct up_kernels *k)
{
    decimals_match(k, few_digits);
}

Test(decimals, are_the_shortest, .timeout = 60)
{
    each_isa(samples_match);
}

Test(decimals, of_integers_are_all_their_digits, .timeout = 60)
{
    each_isa(integers_match);
}

Test(decimals, of_small_integers_are_all_their_digits, .timeout = 60)
{
    each_isa(few_match);
}
