/* DESIGN
 * Schubfach for binary32: Raffaello Giulietti, "The Schubfach way to render doubles", 2020. It
 * finds the shortest decimal in the rounding interval, the nearest of them, with three
 * multiplications by one 64-bit power of ten. Digits become text eight at a time inside a word. */
#include <assert.h>
#include <math.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "api/codec/number.h"
#include "api/codec/number_powers.inc"

static_assert(__BYTE_ORDER__ == __ORDER_LITTLE_ENDIAN__, "text goes through words, first byte low");

#define EACH_BYTE(byte) (UINT64_MAX / 255 * (byte))

struct decimal {
    uint32_t digits; /* at most 9 of them, perhaps with zeros at the end */
    int exponent;    /* of ten, behind the last digit */
};

/* The upper part of power * factor / 2^64, rounded to odd. */
static uint32_t multiply_to_odd(uint64_t power, uint32_t factor)
{
    const uint64_t low = (power & UINT32_MAX) * factor;
    const uint64_t product = (power >> 32) * factor + (low >> 32);
    return (uint32_t)(product >> 32) | ((uint32_t)product > 1);
}

/* The value is c * 2^q; irregular: the float below is nearer than the one above. */
static struct decimal shortest(uint32_t c, int q, bool irregular)
{
    const int k = (q * 315653 - (irregular ? 131072 : 0)) >> 20; /* floor(log10 of the interval) */
    const int shift = q + (-k * 217706 >> 16) + 1;
    const uint64_t power = scaled_power[-k - SCALED_FIRST];
    const uint32_t odd = c & 1; /* an odd c does not own the ends of its interval */
    const uint32_t below = 4 * c - (irregular ? 1 : 2), above = 4 * c + 2;
    const uint32_t low = multiply_to_odd(power, below << shift) + odd;
    const uint32_t value = multiply_to_odd(power, 4 * c << shift);
    const uint32_t high = multiply_to_odd(power, above << shift) - odd;
    const uint32_t s = value / 4;

    /* Which candidate wins is as random as the digits: chosen by masks, not by branches. */
    const uint32_t middle = 4 * s + 2;
    const bool s_inside = low <= 4 * s, next_inside = 4 * s + 4 <= high;
    const bool up = (value > middle) | ((value == middle) & (s % 2 == 1));
    const bool one_inside = s_inside != next_inside;
    const uint32_t near = s + ((one_inside & next_inside) | (!one_inside & up));
    const uint32_t tens = s / 10;
    const bool tens_inside = low <= 40 * tens, next_tens_inside = 40 * tens + 40 <= high;
    const bool shorter = (s >= 10) & (tens_inside != next_tens_inside);
    const uint32_t mask = -(uint32_t)shorter;
    return (struct decimal){((tens + next_tens_inside) & mask) | (near & ~mask), k + shorter};
}

/* Eight digits of a number below 10^8, the first in the lowest byte, as numbers 0 to 9. */
static inline uint64_t eight_digits(uint32_t number)
{
    const uint64_t fours = number / 10000 | (uint64_t)(number % 10000) << 32;
    const uint64_t hundreds = (fours * 10486 >> 20) & 0x0000007f0000007f;
    const uint64_t twos = hundreds | (fours - 100 * hundreds) << 16;
    const uint64_t tens = (twos * 103 >> 10) & 0x000f000f000f000f;
    return tens | (twos - 10 * tens) << 8;
}

static size_t write_small_integer(uint32_t number, char *text)
{
    const uint64_t digits = eight_digits(number);
    const unsigned zeros = number == 0 ? 7 : (unsigned)__builtin_ctzll(digits) / 8;
    const uint64_t ascii = (digits + EACH_BYTE('0')) >> 8 * zeros;
    memcpy(text, &ascii, 8);
    return 8 - zeros;
}

static size_t write_exponent(int exponent, char *text)
{
    size_t n = 0;
    text[n++] = 'e';
    if (exponent < 0)
        text[n++] = '-';
    const unsigned e = (unsigned)abs(exponent);
    if (e >= 10)
        text[n++] = (char)('0' + e / 10);
    text[n++] = (char)('0' + e % 10);
    return n;
}

/* `count` digits, the first and then those of `rest` from its lowest byte on, with the point behind
 * `point` of them. They stay in registers: read back from narrower stores they would be waited for.
 */
static size_t write_placed(char first, uint64_t rest, int count, int point, char *text)
{
    static const char zeros[12] = {'0', '0', '0', '0', '0', '0', '0', '0', '0', '0', '0', '0'};
    if (point > 21 || point <= -6) {
        size_t n = 1;
        text[0] = first;
        text[1] = '.';
        memcpy(text + 2, &rest, 8);
        if (count > 1)
            n = (size_t)count + 1;
        return n + write_exponent(point - 1, text + n);
    }
    if (point <= 0) {
        memcpy(text, zeros, 8);
        text[1] = '.';
        text[2 - point] = first;
        memcpy(text + 3 - point, &rest, 8);
        const int length = 2 - point + count;
        return (size_t)length;
    }
    text[0] = first;
    memcpy(text + 1, &rest, 8);
    if (count <= point) {
        memcpy(text + 9, zeros, 12);
        return (size_t)point;
    }
    rest >>= 8 * (point - 1);
    memcpy(text + point + 1, &rest, 8);
    text[point] = '.';
    return (size_t)count + 1;
}

/* How many digits a number from 1 on has. */
static int decimal_count(uint32_t number)
{
    const int least = (32 - __builtin_clz(number)) * 1233 >> 12; /* floor(bits * log10(2)) */
    return least + (number >= power_of_ten[least]);
}

static size_t write_positive(uint32_t bits, char *text)
{
    const uint32_t fraction = bits & 0x7fffff;
    const int biased = (int)(bits >> 23);
    const struct decimal d =
        shortest(biased == 0 ? fraction : fraction | 0x800000, biased == 0 ? -149 : biased - 150,
                 fraction == 0 && biased > 1);
    const int count = decimal_count(d.digits), point = d.exponent + count;
    const uint32_t nine = d.digits * (uint32_t)power_of_ten[9 - count]; /* scaled to nine digits */
    const uint64_t rest = eight_digits(nine % 100000000), ascii = rest + EACH_BYTE('0');
    const int zeros = rest == 0 ? 8 : __builtin_clzll(rest) / 8;
    return write_placed((char)('0' + nine / 100000000), ascii, 9 - zeros, point, text);
}

size_t api_number_write(float value, char *text)
{
    uint32_t bits;
    memcpy(&bits, &value, sizeof bits);
    const size_t sign = bits >> 31;
    text[0] = '-';
    bits &= 0x7fffffff;
    const float magnitude = fabsf(value);
    if (magnitude < 16777216 && (float)(uint32_t)magnitude == magnitude)
        return sign + write_small_integer((uint32_t)magnitude, text + sign);
    return sign + write_positive(bits, text + sign);
}
