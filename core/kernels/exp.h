/* Exponentials of whole vectors of floats, and what is made of them. They are not the nearest
 * floats, but a few units of the last place from the exact result: tests/kernels/test_activate.c
 * says how many. NaN stays NaN.
 *
 * e^x = 2^n e^r with n = round(x / ln 2). The polynomials are least maximum fits: of
 * (e^r - 1 - r) / r^2 for |r| <= 0.39, off by 7e-9 of e^r, and of (2 atanh(s) - 2 s) / s^3 for
 * s^2 <= 1/9, off by 5e-9 of 2 s. */
#ifndef UP_EXP_H
#define UP_EXP_H

#include <math.h>

#include "core/kernels/vec.h"

/* a where all bits of the condition are set, else b. */
UP_INLINE up_vf up_choose(up_vi condition, up_vf a, up_vf b)
{
#if defined(__AVX512F__)
    return _mm512_mask_blend_ps(_mm512_movepi32_mask((__m512i)condition), b, a);
#else
    return (up_vf)((condition & (up_vi)a) | (~condition & (up_vi)b));
#endif
}

UP_INLINE up_vf up_size(up_vf x)
{
    return (up_vf)((up_vi)x & INT32_MAX);
}

/* 2^n for -126 <= n <= 127. */
UP_INLINE up_vf up_two_to(up_vi n)
{
    return (up_vf)((n + 127) << 23);
}

/* e^(x + low) = 2^n (1 + rest), for -120 <= x <= 89 and a `low` that is small beside 0.04. `whole`
 * is n. */
struct up_power {
    up_vi n;
    up_vf whole, rest;
};

UP_INLINE struct up_power up_power(up_vf x, up_vf low)
{
    /* Added to a number, it leaves the number's integer in the last bits of the sum. */
    const float to_integer = 0x1.8p23F, per_ln2 = 1.44269504F;
    /* ln 2 in two parts: the first has so few bits that n times it is exact. */
    const float ln2_high = 0x1.62e4p-1F, ln2_low = 1.42860682e-6F;
    const up_vf sum = x * per_ln2 + to_integer, n = sum - to_integer;
    const up_vf r = x - n * ln2_high - n * ln2_low + low;
    up_vf series = r * 1.37952343e-3F + 8.37809686e-3F;
    series = series * r + 4.16694172e-2F;
    series = series * r + 0.166664332F;
    series = series * r + 0.499999881F;
    return (struct up_power){.n = (up_vi)sum - 0x4b400000, .whole = n, .rest = r + r * r * series};
}

/* factor * e^(x + low), whose last digits are lost once where it is subnormal. */
UP_INLINE up_vf up_raise(up_vf factor, struct up_power power)
{
    const up_vf v = factor * (1 + power.rest);
#if defined(__AVX512F__)
    return _mm512_scalef_ps(v, power.whole);
#else
    const up_vi half = power.n >> 1;
    return v * up_two_to(half) * up_two_to(power.n - half);
#endif
}

/* e^(x + low) for x <= 89. */
UP_INLINE up_vf up_exp_below(up_vf x, up_vf low)
{
    return up_raise((up_vf){0} + 1, up_power(up_greater(up_splat(-120), x), low));
}

UP_INLINE up_vf up_exp(up_vf x)
{
    return up_exp_below(-up_greater(up_splat(-89), -x), (up_vf){0});
}

/* e^x - 1 for x <= 0, to its last digits where it nearly vanishes. */
UP_INLINE up_vf up_expm1(up_vf x)
{
    const struct up_power p = up_power(up_greater(up_splat(-87), x), (up_vf){0});
    const up_vf scale = up_two_to(p.n);
    return scale * p.rest + (scale - 1);
}

/* log(1 + x) for 0 <= x <= 1: with s = x / (2 + x) it is 2 atanh(s). */
UP_INLINE up_vf up_log1p(up_vf x)
{
    const up_vf s = x / (2 + x), square = s * s;
    up_vf series = square * 0.280244619F + 0.279991418F;
    series = series * square + 0.400216967F;
    series = series * square + 0.666664124F;
    return 2 * s + s * square * series;
}

UP_INLINE up_vf up_sigmoid(up_vf x)
{
    const up_vf e = up_exp_below(-up_size(x), (up_vf){0});
    return up_choose(x < 0, e, (up_vf){0} + 1) / (1 + e);
}

UP_INLINE up_vf up_tanh(up_vf x)
{
    const up_vf less = up_expm1(-2 * up_size(x)), size = less / (less + 2);
    return (up_vf)(((up_vi)size & INT32_MAX) | ((up_vi)x & INT32_MIN));
}

UP_INLINE up_vf up_softplus(up_vf x)
{
    return up_choose(x < 0, (up_vf){0}, x) + up_log1p(up_exp_below(-up_size(x), (up_vf){0}));
}

/* x * x, and what it loses when it is rounded. */
UP_INLINE up_vf up_square(up_vf x, up_vf *ret_lost)
{
#if defined(__FMA__) || defined(__aarch64__)
    up_vf square = x * x, same = x;
    UP_ROUNDED(square);
    UP_ROUNDED(same); /* else compilers take the product for the one above */
    *ret_lost = same * x - square;
    return square;
#else
    /* The first half of x's digits has an exact square. */
    const up_vf high = (up_vf)((up_vi)x & ~0xfff);
    *ret_lost = (x - high) * (x + high);
    return high * high;
#endif
}

/* The normal distribution's share below x, for x <= 0: erfc(-x / sqrt(2)) / 2. It is
 * e^(-x^2 / 2) t p(t) with t = 1 / (1 - 0.2828 x) and a fit of p off by 7e-9. What a float loses of
 * x^2 goes to the exponential apart. */
UP_INLINE up_vf up_gauss_tail(up_vf any)
{
    const up_vf x = up_greater(up_splat(-15), any); /* next to nothing from there on */
    up_vf lost;
    const up_vf square = up_square(x, &lost);
    const up_vf t = 1 / (1 - 0.282842712F * x), s = t - 0.603305785F;
    up_vf series = s * -3.03915732e-2F + 3.73417164e-2F;
    series = series * s + 6.93746943e-2F;
    series = series * s - 8.69752896e-2F;
    series = series * s - 0.174480119F;
    series = series * s + 0.107651358F;
    series = series * s + 0.608951483F;
    series = series * s + 0.906334601F;
    series = series * s + 0.812051678F;
    series = series * s + 0.496487046F;
    return up_raise(0.5F * t * series, up_power(-0.5F * square, -0.5F * lost));
}

#endif
