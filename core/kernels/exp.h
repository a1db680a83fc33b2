/* Exponentials of whole vectors, in double: so near that the float made of one is the nearest but
 * in a few of a million. e^x = 2^n e^r with n = round(x / ln 2), and e^r is its series: after 12
 * terms less than 1e-14 of it is left. NaN stays NaN. */
#ifndef UP_EXP_H
#define UP_EXP_H

#include <math.h>

#include "core/kernels/doubles.h"

/* e^x = scale * (1 + rest). */
struct up_power {
    up_vd scale, rest;
};

UP_INLINE struct up_power up_power(up_vd x)
{
    /* Added to a number, it leaves the number's integer in the last bits of the sum. */
    const double to_integer = 0x1.8p52, per_ln2 = 1.44269504088896340736;
    /* ln 2 in two parts: the first has so few bits that n times it is exact. */
    const double ln2_high = 0x1.62e42feep-1, ln2_low = 0x1.a39ef35793c76p-33;
    const up_vd sum = x * per_ln2 + to_integer, n = sum - to_integer;
    const up_vd r = x - n * ln2_high - n * ln2_low;
    up_vd series = r * (1.0 / 479001600) + 1.0 / 39916800;
    series = series * r + 1.0 / 3628800;
    series = series * r + 1.0 / 362880;
    series = series * r + 1.0 / 40320;
    series = series * r + 1.0 / 5040;
    series = series * r + 1.0 / 720;
    series = series * r + 1.0 / 120;
    series = series * r + 1.0 / 24;
    series = series * r + 1.0 / 6;
    series = series * r + 0.5;
    series = series * r + 1;
    /* Past these, the exponent has no place for n. */
    const up_vl above = (up_vl)(x > 708), below = (up_vl)(x < -708), beyond = above | below;
    const up_vd scale = (up_vd)(((up_vl)sum << 52) + UINT64_C(0x3ff0000000000000));
    const up_vd end = up_select(above, INFINITY - (up_vd){0}, (up_vd){0});
    return (struct up_power){.scale = up_select(beyond, end, scale),
                             .rest = (up_vd)(~beyond & (up_vl)(r * series))};
}

UP_INLINE up_vd up_exp(up_vd x)
{
    const struct up_power p = up_power(x);
    return p.scale * (1 + p.rest);
}

/* e^x - 1, to its last digits where it nearly vanishes. */
UP_INLINE up_vd up_expm1(up_vd x)
{
    const struct up_power p = up_power(x);
    return up_select((up_vl)(p.scale == 1), p.rest, p.scale * (1 + p.rest) - 1);
}

UP_INLINE up_vd up_sigmoid(up_vd x)
{
    return 1 / (1 + up_exp(-x));
}

UP_INLINE up_vd up_tanh(up_vd x)
{
    const up_vd less = up_expm1(-2 * up_abs(x)), size = less / (less + 2);
    return (up_vd)(((up_vl)size & ~UP_SIGN) | ((up_vl)x & UP_SIGN));
}

#endif
