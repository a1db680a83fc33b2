/* DESIGN
 * Writing is Schubfach for binary32: Raffaello Giulietti, "The Schubfach way to render doubles",
 * 2020. It finds the shortest decimal in the rounding interval, the nearest of them, with three
 * multiplications by one 64-bit power of ten. Digits become text eight at a time inside a word.
 *
 * Reading takes the digits as an integer w and a power of ten e, and computes w * 10^e in double.
 * That is off by less than 4 of the double's units (three roundings), so rounding it to float is
 * right unless it lies that near to the middle between two floats. What is too near, subnormal, or
 * has more than 19 digits goes to strtof, as digits without a point: no locale can matter. */
#include "api/codec/number.h"

#include <assert.h>
#include <float.h>
#include <math.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "api/codec/number_powers.inc"

static_assert(__BYTE_ORDER__ == __ORDER_LITTLE_ENDIAN__, "text goes through words, first byte low");
static_assert(FLT_MANT_DIG == 24 && DBL_MANT_DIG == 53, "float and double are IEEE 754");

#define EACH_BYTE(byte) (UINT64_MAX / 255 * (byte))

static const uint64_t power_of_ten[] = {1,
                                        10,
                                        100,
                                        1000,
                                        10000,
                                        100000,
                                        1000000,
                                        10000000,
                                        100000000,
                                        1000000000,
                                        10000000000,
                                        100000000000,
                                        1000000000000,
                                        10000000000000,
                                        100000000000000,
                                        1000000000000000,
                                        10000000000000000};

/* --- Writing ---------------------------------------------------------------------------------- */

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

/* --- Reading ---------------------------------------------------------------------------------- */

enum {
    DIGITS_EXACT = 19,     /* as many always fit a uint64_t */
    DIGITS_DECISIVE = 120, /* no middle between two floats has more than 113 digits */
    MIDDLE = 1 << 28,      /* of the 29 bits of a double that a float drops */
    MIDDLE_MARGIN = 8,     /* at least the error of the product, in the double's units */
};

struct text_number {
    const char *first, *end; /* the digits, with a point among them perhaps */
    uint64_t digits;         /* modulo 2^64 */
    int64_t exponent;        /* of ten, behind the last digit */
};

static bool is_digit(char c)
{
    return c >= '0' && c <= '9';
}

/* Of eight digits, the first in the lowest byte. */
static uint64_t eight_value(uint64_t x)
{
    x = (x * 10 + (x >> 8)) & 0x00ff00ff00ff00ff;
    x = (x * 100 + (x >> 16)) & 0x0000ffff0000ffff;
    return (x * 10000 + (x >> 32)) & UINT32_MAX;
}

/* A bit for every character that is no digit, the lowest for the first; right up to the first such,
 * bits behind it may be set too. */
static uint32_t eight_others(uint64_t ascii)
{
    const uint64_t x = ascii ^ EACH_BYTE('0');
    const uint64_t others = ((x + EACH_BYTE(0x76)) | x) & EACH_BYTE(0x80);
    return (uint32_t)((others >> 7) * 0x0102040810204080 >> 56);
}

/* Of sixteen characters, the first in the lowest byte of `low`, those that are left when so many
 * bits of the last ones, a multiple of 8 below 128, are gone. */
static uint64_t sixteen_value(uint64_t low, uint64_t high, unsigned gone)
{
    low -= EACH_BYTE('0'); /* borrows reach only behind the digits */
    high -= EACH_BYTE('0');
    const unsigned bits = gone % 64;
    const uint64_t few = -(uint64_t)(gone >= 64), moved = low << bits;
    const uint64_t first = moved & ~few;
    const uint64_t last = (moved & few) | ((high << bits | low >> 1 >> (63 - bits)) & ~few);
    return eight_value(first) * 100000000 + eight_value(last);
}

/* Appends the digits from p on to *digits; returns where they end. How many there are is as random
 * as the number, so up to sixteen take the same instructions. */
static const char *read_digits(const char *p, const char *end, uint64_t *digits)
{
    while (end - p >= 16) {
        uint64_t low, high;
        memcpy(&low, p, 8);
        memcpy(&high, p + 8, 8);
        const unsigned n =
            (unsigned)__builtin_ctz(eight_others(low) | eight_others(high) << 8 | 1U << 16);
        if (n == 0)
            return p;
        *digits = *digits * power_of_ten[n] + sixteen_value(low, high, 8 * (16 - n));
        p += n;
        if (n < 16)
            return p;
    }
    for (; p < end && is_digit(*p); p++)
        *digits = *digits * 10 + (uint64_t)(*p - '0');
    return p;
}

/* The rounding of every case, from the first DIGITS_DECISIVE digits; what follows them only tells
 * whether the number is larger than they say. */
static float round_slowly(const struct text_number *number)
{
    char text[DIGITS_DECISIVE + 32];
    size_t n = 0;
    int64_t dropped = 0; /* digits that the text does not have */
    bool more = false;
    for (const char *p = number->first; p < number->end; p++) {
        if (*p == '.' || (n == 0 && *p == '0'))
            continue;
        if (n < DIGITS_DECISIVE) {
            text[n++] = *p;
        } else {
            more = more || *p != '0';
            dropped++;
        }
    }
    if (n == 0)
        return 0;
    if (more) {
        text[n++] = '1';
        dropped--;
    }
    const long long exponent = number->exponent + dropped;
    (void)snprintf(text + n, sizeof text - n, "e%lld", exponent);
    return strtof(text, NULL);
}

static size_t significant_digits(const struct text_number *number)
{
    const char *p = number->first;
    while (p < number->end && (*p == '0' || *p == '.'))
        p++;
    return (size_t)(number->end - p);
}

/* The nearest float, ties to even; infinite past the largest. */
static float round_to_float(const struct text_number *number)
{
    if (number->end - number->first > DIGITS_EXACT && significant_digits(number) > DIGITS_EXACT)
        return round_slowly(number);
    if (number->exponent == 0 || number->digits == 0)
        return (float)number->digits;
    if (number->exponent > DECIMAL_MAX)
        return INFINITY;
    if (number->exponent < -DECIMAL_MAX)
        return 0;
    const double digits = (double)number->digits;
    const double product = number->exponent < 0 ? digits / decimal_power[-number->exponent]
                                                : digits * decimal_power[number->exponent];
    uint64_t bits;
    memcpy(&bits, &product, sizeof bits);
    const int from_middle = (int)(bits & (2 * MIDDLE - 1)) - MIDDLE;
    if (abs(from_middle) <= MIDDLE_MARGIN || product < (double)FLT_MIN)
        return round_slowly(number);
    return product > 2 * (double)FLT_MAX ? INFINITY : (float)product;
}

static const char *read_exponent(const char *p, const char *end, int64_t *exponent)
{
    int64_t e = 0;
    for (; p < end && is_digit(*p); p++)
        if (e < INT64_MAX / 1000) /* far beyond any float, and no sum with it overflows */
            e = e * 10 + (*p - '0');
    *exponent = e;
    return p;
}

/* The grammar of RFC 8259 behind the sign. False where it breaks; *ret_end says where. */
static bool read_text(const char *text, const char *end, struct text_number *ret,
                      const char **ret_end)
{
    const char *p = text;
    *ret = (struct text_number){.first = text};
    for (; p < end && is_digit(*p); p++) /* most often one digit */
        ret->digits = ret->digits * 10 + (uint64_t)(*p - '0');
    const bool leading_zero = p - text > 1 && text[0] == '0';
    *ret_end = leading_zero ? text + 1 : p;
    if (p == text || leading_zero)
        return false;
    if (p < end && *p == '.') {
        const char *fraction = p + 1;
        *ret_end = p = read_digits(fraction, end, &ret->digits);
        if (p == fraction)
            return false;
        ret->exponent = fraction - p;
    }
    ret->end = p;
    if (p < end && (*p == 'e' || *p == 'E')) {
        p++;
        const bool negative = p < end && *p == '-', sign = negative || (p < end && *p == '+');
        const char *first = p + sign;
        int64_t exponent;
        *ret_end = p = read_exponent(first, end, &exponent);
        if (p == first)
            return false;
        ret->exponent += negative ? -exponent : exponent;
    }
    return true;
}

enum api_number_result api_number_read(const char *text, const char *end, float *ret_value,
                                       const char **ret_end)
{
    const bool negative = text < end && *text == '-';
    struct text_number number;
    if (!read_text(text + negative, end, &number, ret_end))
        return API_NUMBER_SYNTAX;
    const float magnitude = round_to_float(&number);
    if (isinf(magnitude))
        return API_NUMBER_RANGE;
    uint32_t bits;
    memcpy(&bits, &magnitude, sizeof bits);
    bits |= (uint32_t)negative << 31; /* the sign is random: no branch */
    memcpy(ret_value, &bits, sizeof bits);
    return API_NUMBER_OK;
}
