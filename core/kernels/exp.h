/* Exponentials of whole vectors of floats, and what is made of them. They are not the nearest
 * floats, but a few units of the last place from the exact result: tests/kernels/test_activate.c
 * says how many. NaN stays NaN.
 *
 * e^x = 2^n e^r with n = round(x / ln 2), or with n in sixteenths where a table of powers fits a
 * register. The polynomials are least maximum fits: of (e^r - 1 - r) / r^2 for |r| <= 0.39, off by
 * 7e-9 of e^r, and for |r| <= 0.0217, off by 2e-9, and of (2 atanh(s) - 2 s) / s^3 for s^2 <= 1/9,
 * off by 5e-9 of 2 s. */
#ifndef UP_EXP_H
#define UP_EXP_H

#include <math.h>

#include "core/kernels/vec.h"

/* A condition on each lane. */
#if defined(__AVX512F__)
typedef __mmask16 up_if;
#else
typedef up_vi up_if;
#endif

UP_INLINE up_if up_below(up_vf a, up_vf b)
{
#if defined(__AVX512F__)
    return _mm512_cmp_ps_mask(a, b, _CMP_LT_OQ);
#else
    return a < b;
#endif
}

UP_INLINE up_if up_at_most(up_vf a, up_vf b)
{
#if defined(__AVX512F__)
    return _mm512_cmp_ps_mask(a, b, _CMP_LE_OQ);
#else
    return a <= b;
#endif
}

UP_INLINE up_if up_negative(up_vf x)
{
    return up_below(x, (up_vf){0});
}

/* a where the condition holds, else b. */
UP_INLINE up_vf up_choose(up_if condition, up_vf a, up_vf b)
{
#if defined(__AVX512F__)
    return _mm512_mask_blend_ps(condition, b, a);
#else
    return (up_vf)((condition & (up_vi)a) | (~condition & (up_vi)b));
#endif
}

UP_INLINE up_vf up_size(up_vf x)
{
    return (up_vf)((up_vi)x & INT32_MAX);
}

/* The first one's size with the second one's sign. */
UP_INLINE up_vf up_with_sign(up_vf size, up_vf sign)
{
#if defined(__AVX512F__)
    enum { SECOND_WHERE_THIRD_ELSE_FIRST = 0xd8 };
    return (up_vf)_mm512_ternarylogic_epi32(
        (__m512i)size, (__m512i)sign, _mm512_set1_epi32(INT32_MIN), SECOND_WHERE_THIRD_ELSE_FIRST);
#else
    return (up_vf)(((up_vi)size & INT32_MAX) | ((up_vi)sign & INT32_MIN));
#endif
}

/* e^(x + low) = 2^floor(whole) share (1 + rest). Where the share is one, `whole` is an integer, and
 * it is n. */
struct up_power {
    up_vi n;
    up_vf whole, share, rest;
};

/* x / ln 2 rounded to the last place of `to_place` and something above it: added to a number, it
 * leaves the number's multiple of that place in the last bits of the sum. What is left of x, and of
 * x + low unless that is NULL, goes to ret_left. */
UP_INLINE up_vf up_logarithm(up_vf x, const up_vf *low, float to_place, up_vi *ret_bits,
                             up_vf *ret_left)
{
    const float per_ln2 = 1.44269504F;
    /* ln 2 in two parts: the first has so few bits that an integer times it is exact. */
    const float ln2_high = 0x1.62e4p-1F, ln2_low = 1.42860682e-6F;
    const up_vf sum = x * per_ln2 + to_place, whole = sum - to_place;
    const up_vf left = x - whole * ln2_high - whole * ln2_low;
    *ret_left = low == NULL ? left : left + *low;
    *ret_bits = (up_vi)sum;
    return whole;
}

/* For -120 <= x <= 89 and a `low` that is small beside 0.04, or NULL. */
UP_INLINE struct up_power up_power_whole(up_vf x, const up_vf *low)
{
    struct up_power power = {.share = (up_vf){0} + 1};
    up_vf r;
    power.whole = up_logarithm(x, low, 0x1.8p23F, &power.n, &r);
    power.n -= 0x4b400000;
    up_vf series = r * 1.37952343e-3F + 8.37809686e-3F;
    series = series * r + 4.16694172e-2F;
    series = series * r + 0.166664332F;
    series = series * r + 0.499999881F;
    power.rest = r + r * r * series;
    return power;
}

/* The same; its share may be any of a table. */
UP_INLINE struct up_power up_power(up_vf x, const up_vf *low)
{
#if defined(__AVX512F__)
    /* Of a power of two, times 1.0008801: which is a number that makes all of them floats to
     * 1.7e-8. The polynomial takes it back. */
    static const float sixteenth[16] = {
        0x1.0039aep+0F, 0x1.0b91c2p+0F, 0x1.176a6ap+0F, 0x1.23c956p+0F,
        0x1.30b478p+0F, 0x1.3e3206p+0F, 0x1.4c487ap+0F, 0x1.5afe9ap+0F,
        0x1.6a5b78p+0F, 0x1.7a6676p+0F, 0x1.8b2748p+0F, 0x1.9ca5fcp+0F,
        0x1.aeeafap+0F, 0x1.c1ff0ap+0F, 0x1.d5eb56p+0F, 0x1.eab972p+0F};
    struct up_power power;
    up_vf r;
    power.whole = up_logarithm(x, low, 0x1.8p19F, &power.n, &r);
    power.share = up_permute(up_load(sixteenth), power.n); /* which takes the last four bits */
    power.rest = r * r * (r * 0.166523041F + 0.499576516F) + (r * 0.999120669F - 0.000879331389F);
    return power;
#else
    return up_power_whole(x, low);
#endif
}

/* 2^n for -126 <= n <= 127. */
UP_INLINE up_vf up_two_to(up_vi n)
{
    return (up_vf)((n + 127) << 23);
}

/* factor * e^(x + low), whose last digits are lost once where it is subnormal. */
UP_INLINE up_vf up_raise(up_vf factor, struct up_power power)
{
    const up_vf v = factor * (power.share + power.share * power.rest);
#if defined(__AVX512F__)
    return _mm512_scalef_ps(v, power.whole);
#else
    const up_vi half = power.n >> 1;
    return v * up_two_to(half) * up_two_to(power.n - half);
#endif
}

UP_INLINE up_vf up_raise_one(struct up_power power)
{
    return up_raise((up_vf){0} + 1, power);
}

/* e^x for x <= 89. */
UP_INLINE up_vf up_exp_below(up_vf x)
{
    return up_raise_one(up_power(up_greater(up_splat(-120), x), NULL));
}

UP_INLINE up_vf up_exp(up_vf x)
{
    return up_exp_below(-up_greater(up_splat(-89), -x));
}

/* e^x - 1 for x <= 0, to its last digits where it nearly vanishes. */
UP_INLINE up_vf up_expm1(up_vf x)
{
    const struct up_power p = up_power_whole(up_greater(up_splat(-87), x), NULL);
#if defined(__AVX512F__)
    const up_vf scale = _mm512_scalef_ps(p.share, p.whole);
#else
    const up_vf scale = up_two_to(p.n);
#endif
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
    const up_vf e = up_exp_below(-up_size(x));
    return up_choose(up_negative(x), e, (up_vf){0} + 1) / (1 + e);
}

UP_INLINE up_vf up_tanh(up_vf x)
{
    const up_vf less = up_expm1(-2 * up_size(x));
    return up_with_sign(less / (less + 2), x);
}

UP_INLINE up_vf up_softplus(up_vf x)
{
    const up_vf e = up_exp_below(-up_size(x));
    return up_choose(up_negative(x), (up_vf){0}, x) + up_log1p(e);
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
    lost *= -0.5F;
    return up_raise(0.5F * t * series, up_power(-0.5F * square, &lost));
}

#endif
