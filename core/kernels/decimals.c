/* DESIGN
 * Floats as text, pass by pass over many of them, most of which compilers make vectors of: one pass
 * that did all would run out of registers. First come the digits (core/kernels/decimal.h), of which
 * there are nine at most; then each text is a choice from 16 letters, the digits and ".0-", which
 * is one instruction: where the point stands tells which letter goes where. Integers, of which
 * images are made, need no search for their digits; they have loops of their own where all values
 * are such. Conditions choose between words, and never between instructions. */
#include "core/kernels/decimal.h"
#include "core/kernels/vec.h"

static const uint32_t power_of_ten[UP_TABLE] = {1,      10,      100,      1000,      10000,
                                                100000, 1000000, 10000000, 100000000, 1000000000};

UP_INLINE uint32_t bits_of(float value)
{
    uint32_t bits;
    memcpy(&bits, &value, sizeof bits);
    return bits;
}

/* --- Integers --------------------------------------------------------------------------------- */

enum { BRIEF = 8192 }; /* below it integers have four digits at most */

/* All bits of the magnitudes; the highest bit is set where not all are integers below 2^24. */
static uint32_t integers_bits(const float *x, size_t count)
{
    uint32_t all = 0;
    for (size_t i = 0; i < count; i++) {
        uint32_t bits = bits_of(x[i]) & 0x7fffffff;
        float size;
        const uint32_t small = bits < 0x4b800000; /* 2^24 */
        bits &= -small;
        memcpy(&size, &bits, sizeof size);
        const int32_t integer = (int32_t)size;
        all |= (uint32_t)integer | ((small ^ 1) | ((float)integer != size)) << 31;
    }
    return all;
}

/* The eight digits less the zeros before them. */
static void integers_write(const float *restrict x, size_t count, struct up_decimals *restrict ret)
{
    for (size_t i = 0; i < count; i++) {
        const uint32_t size = (uint32_t)(int32_t)(x[i] < 0 ? -x[i] : x[i]), front = size / 10000;
        const uint32_t negative = bits_of(x[i]) >> 31;
        uint32_t zeros = 0;
        for (unsigned n = 1; n < 8; n++)
            zeros += size < power_of_ten[n];
        const uint64_t ascii =
            up_four_digits(front) | (uint64_t)up_four_digits(size - front * 10000) << 32;
        const uint64_t text = ascii >> 8 * zeros, mask = -(uint64_t)negative;
        ret->text[i][0] = ((text << 8 | '-') & mask) | (text & ~mask);
        ret->text[i][1] = text >> 56 & mask;
        ret->length[i] = 8 - zeros + negative;
    }
}

/* The same of four digits, half as much work; the text is one word. */
static void integers_write_brief(const float *restrict x, size_t count,
                                 struct up_decimals *restrict ret)
{
    for (size_t i = 0; i < count; i++) {
        const uint32_t size = (uint32_t)(int32_t)(x[i] < 0 ? -x[i] : x[i]);
        const uint32_t negative = bits_of(x[i]) >> 31;
        uint32_t zeros = 0;
        for (unsigned n = 1; n < 4; n++)
            zeros += size < power_of_ten[n];
        const uint64_t text = up_four_digits(size) >> 8 * zeros;
        ret->text[i][0] = text << 8 * negative | ('-' & -negative);
        ret->text[i][1] = 0;
        ret->length[i] = 4 - zeros + negative;
    }
}

/* --- Fractions -------------------------------------------------------------------------------- */

/* What has a text: from 1e-5 up to 1e9. Their powers of ten are UP_TABLE ones, from 10^-1 on. */
enum { FIRST_BITS = 0x3727c5ac, END_BITS = 0x4e6e6b28, FIRST_POWER = -1 };

/* The letters: the second digit to the ninth, and these. */
enum { FIRST = 8, POINT, ZERO, MINUS };

/* Which letter stands where, behind a sign: with the point behind so many digits, from POINT_MIN to
 * POINT_MAX, and of 0. */
enum { POINT_MIN = -4, POINT_MAX = 9, PLACES = 17 };
static const uint8_t places[POINT_MAX - POINT_MIN + 2][PLACES] = {
    {MINUS, ZERO, POINT, ZERO, ZERO, ZERO, ZERO, FIRST, 0, 1, 2, 3, 4, 5, 6, 7},
    {MINUS, ZERO, POINT, ZERO, ZERO, ZERO, FIRST, 0, 1, 2, 3, 4, 5, 6, 7},
    {MINUS, ZERO, POINT, ZERO, ZERO, FIRST, 0, 1, 2, 3, 4, 5, 6, 7},
    {MINUS, ZERO, POINT, ZERO, FIRST, 0, 1, 2, 3, 4, 5, 6, 7},
    {MINUS, ZERO, POINT, FIRST, 0, 1, 2, 3, 4, 5, 6, 7},
    {MINUS, FIRST, POINT, 0, 1, 2, 3, 4, 5, 6, 7},
    {MINUS, FIRST, 0, POINT, 1, 2, 3, 4, 5, 6, 7},
    {MINUS, FIRST, 0, 1, POINT, 2, 3, 4, 5, 6, 7},
    {MINUS, FIRST, 0, 1, 2, POINT, 3, 4, 5, 6, 7},
    {MINUS, FIRST, 0, 1, 2, 3, POINT, 4, 5, 6, 7},
    {MINUS, FIRST, 0, 1, 2, 3, 4, POINT, 5, 6, 7},
    {MINUS, FIRST, 0, 1, 2, 3, 4, 5, POINT, 6, 7},
    {MINUS, FIRST, 0, 1, 2, 3, 4, 5, 6, POINT, 7},
    {MINUS, FIRST, 0, 1, 2, 3, 4, 5, 6, 7},
    {MINUS, ZERO},
};

/* What one pass leaves to the next. */
struct known {
    int32_t power[UP_DECIMALS]; /* which of UP_TABLE */
    uint32_t power_low[UP_DECIMALS], power_high[UP_DECIMALS];
    uint32_t digits[UP_DECIMALS];
    int32_t exponent[UP_DECIMALS]; /* of ten, behind the last digit */
    uint64_t letters[UP_DECIMALS][2];
    uint32_t places[UP_DECIMALS]; /* the first of a text, counted through the rows */
};

UP_INLINE up_vi load(const void *p)
{
    up_vi v;
    memcpy(&v, p, sizeof v);
    return v;
}

UP_INLINE void store(void *p, up_vi v)
{
    memcpy(p, &v, sizeof v);
}

static void powers_find(const float *restrict x, size_t count, struct known *restrict known)
{
    for (size_t i = 0; i < count; i++)
        known->power[i] = (-up_scaling(bits_of(x[i])).k - FIRST_POWER) & (UP_TABLE - 1);
    for (size_t i = 0; i < count; i += UP_LANES) {
        const up_vi power = load(&known->power[i]);
        store(&known->power_low[i], up_lookup(&scaled_low[FIRST_POWER - SCALED_FIRST], power));
        store(&known->power_high[i], up_lookup(&scaled_high[FIRST_POWER - SCALED_FIRST], power));
    }
}

static void digits_find(const float *restrict x, size_t count, struct known *restrict known)
{
    for (size_t i = 0; i < count; i++) {
        const struct up_shortest s =
            up_shortest_scaled(bits_of(x[i]), known->power_low[i], known->power_high[i]);
        known->digits[i] = s.digits;
        known->exponent[i] = s.exponent;
    }
}

/* Makes nine digits of fewer. Of 2^e, which a float's exponent tells, rounded or not, there are as
 * many as of 10^(0.301 e), and perhaps one more. */
static void digits_scale(size_t count, struct known *restrict known)
{
    for (size_t i = 0; i < count; i += UP_LANES) {
        const up_vi digits = load(&known->digits[i]), exponent = load(&known->exponent[i]);
        const up_vi e = ((up_vi) __builtin_convertvector(digits, up_vf) >> 23) - 127;
        const up_vi least = (e * 1233 >> 12) + 1;
        const up_vi more = digits >= up_lookup(power_of_ten, least & (UP_TABLE - 1)); /* -1 */
        const up_vi missing = 9 - least + more;
        store(&known->digits[i], digits * up_lookup(power_of_ten, missing & (UP_TABLE - 1)));
        store(&known->exponent[i], exponent - missing);
    }
}

/* How many of four digits are left without the zeros at the end. Each is below 16, so the float's
 * exponent, rounded or not, tells which is the last that is not 0. */
UP_INLINE int32_t last_digit(uint32_t ascii)
{
    const int32_t exponent = (int32_t)(bits_of((float)(int32_t)(ascii ^ 0x30303030)) >> 23) - 127;
    const int32_t last = (exponent + 8) >> 3;
    return last > 0 ? last : 0;
}

static void letters_find(const float *restrict x, size_t count, struct known *restrict known,
                         uint32_t *restrict length)
{
    for (size_t i = 0; i < count; i++) {
        const uint32_t size = bits_of(x[i]) & 0x7fffffff, negative = bits_of(x[i]) >> 31;
        const int32_t fits = (size >= FIRST_BITS) & (size < END_BITS), zero = size == 0;
        const struct up_decimal d = up_nine_digits(known->digits[i], known->exponent[i] + 9);
        const int32_t front = last_digit(d.front), back = last_digit(d.back);
        const int32_t digits = 1 + (back > 0 ? back + 4 : front);
        const int32_t fraction = digits + (d.point > 0 ? 1 : 2 - d.point);
        const int32_t bytes = digits > d.point ? fraction : d.point;
        const int32_t row = (fits ? d.point : POINT_MAX + 1) - POINT_MIN;
        known->letters[i][0] = d.front | (uint64_t)d.back << 32;
        known->letters[i][1] = d.first | '.' << 8 | '0' << 16 | '-' << 24;
        known->places[i] = (uint32_t)(row * PLACES + 1) - negative;
        length[i] = (uint32_t)(fits ? bytes : zero) + (negative & (uint32_t)(fits | zero));
    }
}

void UP_KERNEL(decimals)(const float *restrict x, size_t count, struct up_decimals *restrict ret)
{
    const uint32_t bits = integers_bits(x, count);
    struct known known;
    if (bits < BRIEF) {
        integers_write_brief(x, count, ret);
        return;
    }
    if (bits >> 31 == 0) {
        integers_write(x, count, ret);
        return;
    }
    powers_find(x, count, &known);
    digits_find(x, count, &known);
    digits_scale(count, &known);
    letters_find(x, count, &known, ret->length);
    for (size_t i = 0; i < count; i++)
        up_shuffle(known.letters[i], (const uint8_t *)places + known.places[i], ret->text[i]);
}
