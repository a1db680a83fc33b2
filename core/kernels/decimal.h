/* The shortest decimal that reads back as a float32, and its digits as text: of one value.
 *
 * Schubfach for binary32: Raffaello Giulietti, "The Schubfach way to render doubles", 2020. It
 * finds the shortest decimal in the rounding interval, the nearest of them, with three
 * multiplications by one 64-bit power of ten. All of it is arithmetic on 32 bits without a branch,
 * so that a loop over values becomes vectors: halves of the power instead of the whole, 0 and 1
 * instead of booleans. */
#ifndef UP_DECIMAL_H
#define UP_DECIMAL_H

#include <stdint.h>

#include "core/kernels/decimal_powers.inc"

struct up_shortest {
    uint32_t digits;  /* at most 9 of them, perhaps with zeros at the end */
    int32_t exponent; /* of ten, behind the last digit */
};

/* The upper part of power * factor / 2^64, rounded to odd. */
static inline uint32_t up_multiply_to_odd(uint32_t low, uint32_t high, uint32_t factor)
{
    const uint64_t product = (uint64_t)high * factor + ((uint64_t)low * factor >> 32);
    return (uint32_t)(product >> 32) | ((uint32_t)product > 1);
}

/* Whether the float below is nearer than the one above. */
static inline uint32_t up_irregular(uint32_t bits)
{
    return ((bits & 0x7fffff) == 0) & ((bits >> 23 & 0xff) > 1);
}

/* The value is c * 2^q: 10^-k makes a number of its interval that has the shortest decimal's digits
 * before the point, and `shift` places it in 32 bits. */
struct up_scaling {
    int32_t k, shift;
};

static inline struct up_scaling up_scaling(uint32_t bits)
{
    const uint32_t biased = bits >> 23 & 0xff, normal = biased != 0;
    const int32_t q = (int32_t)biased - 149 - (int32_t)normal;
    const int32_t irregular = (int32_t)(up_irregular(bits) << 17);
    const int32_t k = (q * 315653 - irregular) >> 20; /* log10 of the interval */
    return (struct up_scaling){k, q + (-k * 217706 >> 16) + 1};
}

/* Of the value with these bits, whatever its sign, by the halves of its 10^-k; right where it is
 * finite and not 0. */
static inline struct up_shortest up_shortest_scaled(uint32_t bits, uint32_t power_low,
                                                    uint32_t power_high)
{
    const uint32_t normal = (bits >> 23 & 0xff) != 0, irregular = up_irregular(bits);
    const uint32_t c = (bits & 0x7fffff) | normal << 23;
    const struct up_scaling scaling = up_scaling(bits);
    const int32_t k = scaling.k, shift = scaling.shift;
    const uint32_t odd = c & 1; /* an odd c does not own the ends of its interval */
    const uint32_t below = 4 * c - 2 + irregular, above = 4 * c + 2;
    const uint32_t low = up_multiply_to_odd(power_low, power_high, below << shift) + odd;
    const uint32_t value = up_multiply_to_odd(power_low, power_high, 4 * c << shift);
    const uint32_t high = up_multiply_to_odd(power_low, power_high, above << shift) - odd;
    const uint32_t s = value / 4, middle = 4 * s + 2;

    const uint32_t s_inside = low <= 4 * s, next_inside = 4 * s + 4 <= high;
    const uint32_t up = (value > middle) | ((value == middle) & s);
    const uint32_t one_inside = s_inside ^ next_inside;
    const uint32_t near = s + ((one_inside & next_inside) | (~one_inside & up & 1));
    const uint32_t tens = s / 10;
    const uint32_t tens_inside = low <= 40 * tens, next_tens_inside = 40 * tens + 40 <= high;
    const uint32_t shorter = (s >= 10) & (tens_inside ^ next_tens_inside), mask = -shorter;
    return (struct up_shortest){((tens + next_tens_inside) & mask) | (near & ~mask),
                                k + (int32_t)shorter};
}

static inline struct up_shortest up_shortest(uint32_t bits)
{
    const int32_t power = -up_scaling(bits).k - SCALED_FIRST;
    return up_shortest_scaled(bits, scaled_low[power], scaled_high[power]);
}

/* Four digits of a number below 10^4, the first in the lowest byte, as ASCII. */
static inline uint32_t up_four_digits(uint32_t number)
{
    const uint32_t hundreds = number * 10486 >> 20;
    const uint32_t twos = hundreds | (number - 100 * hundreds) << 16;
    const uint32_t tens = (twos * 103 >> 10) & 0x000f000f;
    return (tens | (twos - 10 * tens) << 8) + 0x30303030;
}

/* Nine digits, perhaps with zeros at the end: 0.ddddddddd * 10^point. */
struct up_decimal {
    int32_t point;
    uint32_t first, front, back; /* ASCII: one digit, four and four, each in the order of memory */
};

/* So many zeros at the end, the power of ten `factor`, where the digits are below the limit. */
static inline struct up_shortest up_scale(struct up_shortest s, uint32_t limit, uint32_t factor,
                                          int32_t zeros)
{
    const uint32_t few = s.digits < limit;
    return (struct up_shortest){few ? s.digits * factor : s.digits,
                                s.exponent - (int32_t)few * zeros};
}

/* Of a number below 10^9. */
static inline struct up_decimal up_nine_digits(uint32_t number, int32_t point)
{
    const uint32_t first = number / 100000000, rest = number - first * 100000000;
    const uint32_t front = rest / 10000, back = rest - front * 10000;
    return (struct up_decimal){point, '0' + first, up_four_digits(front), up_four_digits(back)};
}

static inline struct up_decimal up_decimal(uint32_t bits)
{
    struct up_shortest s = up_scale(up_shortest(bits), 100000, 10000, 4);
    s = up_scale(s, 10000000, 100, 2);
    s = up_scale(s, 100000000, 10, 1);
    s = up_scale(s, 100000000, 10, 1); /* of one digit, which a few subnormal values have */
    return up_nine_digits(s.digits, s.exponent + 9);
}

#endif
