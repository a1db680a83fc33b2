/* DESIGN
 * One number: its digits are an integer w and a power of ten e, and w * 10^e is computed in double.
 * That is off by less than 4 of the double's units (three roundings), so rounding it to float is
 * right unless it lies that near to the middle between two floats. What is too near, subnormal, or
 * has more than 19 digits goes to strtof, as digits without a point: no locale can matter.
 *
 * Many numbers: where one begins depends on where the one before has ended, and following that
 * through the text takes longer than computing the values. So characters that are no digits are
 * marked first, a bit each, for much text at once. Between two marks are digits, which need no
 * check; a number without an exponent is found by two or three marks. Nothing but its kind is
 * branched on, for the rest is random. What is not of that kind is left to the reader of one.
 * Among integers even the next mark is known before the marks are loaded again: those of a word are
 * all read at once. */
#include <assert.h>
#include <float.h>
#include <math.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "api/codec/number.h"
#include "api/codec/number_powers.inc"

static_assert(__BYTE_ORDER__ == __ORDER_LITTLE_ENDIAN__, "text goes through words, first byte low");
static_assert(FLT_MANT_DIG == 24 && DBL_MANT_DIG == 53, "float and double are IEEE 754");

#define EACH_BYTE(byte) (UINT64_MAX / 255 * (byte))

/* --- One number ------------------------------------------------------------------------------- */

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

/* Whether what is off by MIDDLE_MARGIN could round to another float. */
static bool near_middle(double value)
{
    uint64_t bits;
    memcpy(&bits, &value, sizeof bits);
    const int from_middle = (int)(bits & (2 * MIDDLE - 1)) - MIDDLE;
    return abs(from_middle) <= MIDDLE_MARGIN;
}

/* The sign is random: no branch. */
static float with_sign(float magnitude, uint32_t negative)
{
    uint32_t bits;
    memcpy(&bits, &magnitude, sizeof bits);
    bits |= negative << 31;
    memcpy(&magnitude, &bits, sizeof bits);
    return magnitude;
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
    if (near_middle(product) || product < (double)FLT_MIN)
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
    *ret_value = with_sign(magnitude, negative);
    return API_NUMBER_OK;
}

/* --- Many numbers ----------------------------------------------------------------------------- */

enum {
    WHOLE_DIGITS = 8, /* at most, before the point */
    FRACTION_DIGITS = 16,
    DIGITS_SIGNED = 18, /* as many always fit an int64_t */
    REACH = 64,         /* no plain number is as long */
    MARKED = 55,        /* bytes whose marks one word has */
};

/* Of the text from `first` on as much as there is room for, but its last byte: what stands at
 * marks->end can be read. */
static void mark(struct api_number_marks *marks, const char *first, const char *end)
{
    const size_t left = (size_t)(end - first - 1) / 8;
    const size_t words = left < sizeof marks->bits - 8 ? left : sizeof marks->bits - 8;
    for (size_t i = 0; i < words; i++) {
        uint64_t ascii;
        memcpy(&ascii, first + 8 * i, 8);
        marks->bits[i] = (unsigned char)eight_others(ascii);
    }
    memset(marks->bits + words, 255, 8);
    marks->first = first;
    marks->end = first + 8 * words;
}

/* Sees to it that REACH bytes from p on are marked. */
static void mark_reach(struct api_number_marks *marks, const char *p, const char *end)
{
    if (p < marks->first || marks->end - p < REACH)
        mark(marks, p, end);
}

/* The marks from p on, the lowest bit for the first byte. Right for MARKED bytes, or up to
 * marks->end; two more are behind them. */
static uint64_t marks_from(const struct api_number_marks *marks, const char *p)
{
    const size_t at = (size_t)(p - marks->first);
    uint64_t bits;
    memcpy(&bits, marks->bits + at / 8, 8);
    return bits >> at % 8 | UINT64_C(3) << 62;
}

/* `count` digits, from 1 to 8. */
static uint64_t whole_value(const char *first, unsigned count)
{
    uint64_t ascii;
    memcpy(&ascii, first, 8);
    return eight_value((ascii ^ EACH_BYTE('0')) << (64 - 8 * count));
}

/* `count` digits before `end`, from 0 to 16, of 16 bytes that can be read. */
static uint64_t fraction_value(const char *end, unsigned count)
{
    static const unsigned char keep[32] = {[16] = 255, 255, 255, 255, 255, 255, 255, 255,
                                           255,        255, 255, 255, 255, 255, 255, 255};
    uint64_t low, high, keep_low, keep_high;
    memcpy(&low, end - 16, 8);
    memcpy(&high, end - 8, 8);
    memcpy(&keep_low, keep + count, 8);
    memcpy(&keep_high, keep + count + 8, 8);
    return eight_value((low ^ EACH_BYTE('0')) & keep_low) * 100000000 +
           eight_value((high ^ EACH_BYTE('0')) & keep_high);
}

/* A number without an exponent, where REACH bytes can be read. Returns its end, or NULL for what is
 * left to api_number_read. */
static const char *read_plain(const struct api_number_marks *marks, const char *text,
                              float *ret_value)
{
    uint64_t others = marks_from(marks, text);
    const unsigned negative = others & 1; /* the sign is random: no branch */
    const char *first = text + negative, *end;
    others >>= negative;
    const unsigned whole = (unsigned)__builtin_ctzll(others);
    const bool wrong_sign = negative & (*text != '-'), wrong_zero = (*first == '0') & (whole > 1);
    if (whole - 1 >= WHOLE_DIGITS || wrong_sign | wrong_zero)
        return NULL;
    uint64_t digits = whole_value(first, whole);
    float magnitude = (float)(int64_t)digits;
    end = first + whole;
    if (*end == '.') {
        others &= others - 1;
        const unsigned count = (unsigned)__builtin_ctzll(others) - whole - 1;
        if (count - 1 >= FRACTION_DIGITS || whole + count > DIGITS_SIGNED)
            return NULL;
        end += 1 + count;
        digits = digits * power_of_ten[count] + fraction_value(end, count);
        const double quotient = (double)(int64_t)digits / decimal_power[count];
        if (near_middle(quotient))
            return NULL;
        magnitude = (float)quotient;
    }
    *ret_value = with_sign(magnitude, negative);
    return *end == ',' || *end == ']' ? end : NULL;
}

/* Behind a comma, and the space that may follow it. */
static const char *behind_comma(const char *comma)
{
    const unsigned space = comma[1] == ' ';
    return __builtin_expect(space, 0) ? comma + 2 : comma + 1; /* a branch, not a wait */
}

/* Integers of at most WHOLE_DIGITS digits with commas behind them, of the MARKED bytes from `text`
 * on, where REACH bytes can be read. Which mark is next does not wait for memory, so many numbers
 * are under way at once. Returns where the first stands that is not read. */
static const char *read_integers(const struct api_number_marks *marks, const char *text,
                                 float *values, size_t room, size_t *ret_count)
{
    uint64_t others = marks_from(marks, text);
    size_t count = 0;
    unsigned first = 0;
    while (count < room) {
        const unsigned negative = others >> first & 1; /* the sign is random: no branch */
        others &= others - negative;
        const unsigned digit = first + negative, end = (unsigned)__builtin_ctzll(others);
        const bool wrong_sign = negative & (text[first] != '-');
        const bool wrong_zero = (text[digit] == '0') & (end - digit > 1);
        if (end >= MARKED || end - digit - 1 >= WHOLE_DIGITS || wrong_sign | wrong_zero ||
            text[end] != ',')
            break;
        const uint64_t magnitude = whole_value(text + digit, end - digit);
        values[count++] = with_sign((float)(int64_t)magnitude, negative);
        others &= others - 1;
        first = end + 1;
        if (__builtin_expect(text[first] == ' ', 0)) { /* a branch, not a wait for the byte */
            others &= others - 1;
            first++;
        }
    }
    *ret_count = count;
    return text + first;
}

/* The integers from *p on, which stands behind a comma; *p is moved behind the last one's comma. */
static __attribute__((noinline)) size_t read_integer_run(struct api_number_marks *marks,
                                                         const char **p, const char *end,
                                                         float *values, size_t room)
{
    size_t count = 0, some = 1;
    while (some != 0 && count < room && end - *p >= REACH) {
        mark_reach(marks, *p, end);
        *p = read_integers(marks, *p, values + count, room - count, &some);
        count += some;
    }
    return count;
}

size_t api_numbers_read(struct api_number_marks *marks, const char **at, const char *end,
                        float *values, size_t room)
{
    const char *p = *at;
    size_t count = 0;
    while (count < room && end - p >= REACH) {
        mark_reach(marks, p, end);
        const char *stop = read_plain(marks, p, &values[count]);
        if (stop == NULL)
            break;
        *at = stop;
        if (*stop != ',')
            return count + 1;
        p = behind_comma(stop);
        if (count++ == 0 && values[0] == truncf(values[0])) { /* where one is whole, most are */
            count += read_integer_run(marks, &p, end, values + 1, room - 1);
            *at = p - 1 - (p[-1] == ' ');
        }
    }
    return count;
}
