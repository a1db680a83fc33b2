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

    /* Which candidate wins is as random as the digits: chosen by index, not by branches. */
    const uint32_t middle = 4 * s + 2;
    const bool s_inside = low <= 4 * s, next_inside = 4 * s + 4 <= high;
    const bool up = value > middle || (value == middle && s % 2 == 1);
    const bool next[2] = {up, next_inside}; /* by whether exactly one is inside */
    const uint32_t tens = s / 10;
    const bool tens_inside = low <= 40 * tens, next_tens_inside = 40 * tens + 40 <= high;
    const bool shorter = (s >= 10) & (tens_inside != next_tens_inside);
    const uint32_t digits[2] = {s + next[s_inside != next_inside], tens + next_tens_inside};
    return (struct decimal){digits[shorter], k + shorter};
}

/* Eight digits of a number below 10^8, the first in the lowest byte, as numbers 0 to 9. */
static uint64_t eight_digits(uint32_t number)
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

/* digit[0 .. count) with the point behind the first `point` of them; digit has 16 bytes. */
static size_t write_placed(const char *digit, int count, int point, char *text)
{
    static const char zeros[12] = {'0', '0', '0', '0', '0', '0', '0', '0', '0', '0', '0', '0'};
    if (point > 21 || point <= -6) {
        size_t n = 1;
        text[0] = digit[0];
        text[1] = '.';
        memcpy(text + 2, digit + 1, 8);
        if (count > 1)
            n = (size_t)count + 1;
        return n + write_exponent(point - 1, text + n);
    }
    if (point <= 0) {
        memcpy(text, zeros, 8);
        text[1] = '.';
        memcpy(text + 2 - point, digit, 9);
        const int length = 2 - point + count;
        return (size_t)length;
    }
    if (count <= point) {
        memcpy(text + 9, zeros, 12);
        memcpy(text, digit, 9);
        return (size_t)point;
    }
    memcpy(text, digit, 9);
    memcpy(text + point + 1, digit + point, 8);
    text[point] = '.';
    return (size_t)count + 1;
}

static size_t write_positive(uint32_t bits, char *text)
{
    const uint32_t fraction = bits & 0x7fffff;
    const int biased = (int)(bits >> 23);
    const struct decimal d =
        shortest(biased == 0 ? fraction : fraction | 0x800000, biased == 0 ? -149 : biased - 150,
                 fraction == 0 && biased > 1);
    uint32_t nine = d.digits; /* scaled to nine digits */
    int point = d.exponent + 9;
    for (; nine < 10000000; point -= 2)
        nine *= 100;
    if (nine < 100000000) {
        nine *= 10;
        point--;
    }
    const uint64_t rest = eight_digits(nine % 100000000), ascii = rest + EACH_BYTE('0');
    const int zeros = rest == 0 ? 8 : __builtin_clzll(rest) / 8;
    char digit[16] = "0000000000000000";
    digit[0] = (char)('0' + nine / 100000000);
    memcpy(digit + 1, &ascii, 8);
    return write_placed(digit, 9 - zeros, point, text);
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

static uint64_t eight_value(uint64_t ascii)
{
    uint64_t x = ascii - EACH_BYTE('0');
    x = (x * 10 + (x >> 8)) & 0x00ff00ff00ff00ff;
    x = (x * 100 + (x >> 16)) & 0x0000ffff0000ffff;
    return (x * 10000 + (x >> 32)) & UINT32_MAX;
}

/* How many of the eight characters are digits, up to the first that is none. */
static unsigned eight_count(uint64_t ascii)
{
    const uint64_t x = ascii ^ EACH_BYTE('0');
    const uint64_t others = ((x + EACH_BYTE(0x76)) | x) & EACH_BYTE(0x80);
    return others == 0 ? 8 : (unsigned)__builtin_ctzll(others) / 8;
}

/* Appends the digits from p on to *digits; returns where they end. */
static const char *read_digits(const char *p, const char *end, uint64_t *digits)
{
    static const uint32_t power[] = {1, 10, 100, 1000, 10000, 100000, 1000000, 10000000, 100000000};
    while (end - p >= 8) {
        uint64_t ascii;
        memcpy(&ascii, p, 8);
        const unsigned n = eight_count(ascii);
        if (n == 0)
            return p;
        const unsigned shift = 64 - 8 * n;
        const uint64_t padded = ascii << shift | (EACH_BYTE('0') & ~(UINT64_MAX << shift));
        *digits = *digits * power[n] + eight_value(padded);
        p += n;
        if (n < 8)
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
    *ret_value = negative ? -magnitude : magnitude;
    return API_NUMBER_OK;
}
