/* DESIGN
 * Floats as text, by loops that compilers make vectors of: the digits (core/kernels/decimal.h),
 * then the text as two words, with the point and the sign shifted in between them. Integers, of
 * which images are made, need no search for their digits; they have a loop of their own where all
 * values are such. Conditions choose between words, and never between instructions. */
#include <stdbool.h>

#include "core/kernels/decimal.h"
#include "core/kernels/vec.h"

#define EACH_BYTE(byte) (UINT64_MAX / 255 * (byte))

/* A text of up to 16 bytes, the first lowest. */
struct words {
    uint64_t low, high, length;
};

/* a where `yes` is 1, b where it is 0. */
UP_INLINE uint64_t pick(uint64_t yes, uint64_t a, uint64_t b)
{
    return b ^ ((a ^ b) & -yes);
}

UP_INLINE void words_put(struct up_decimals *ret, size_t i, struct words text, uint64_t negative)
{
    ret->low[i] = pick(negative, text.low << 8 | '-', text.low);
    ret->high[i] = pick(negative, text.high << 8 | text.low >> 56, text.high);
    ret->length[i] = text.length + (negative & (text.length > 0));
}

/* --- Integers --------------------------------------------------------------------------------- */

enum { BRIEF = 8192 }; /* below it integers have four digits at most */

static const uint32_t power_of_ten[8] = {1, 10, 100, 1000, 10000, 100000, 1000000, 10000000};

/* All bits of the magnitudes; the highest bit is set where not all are integers below 2^24. */
static uint32_t integers_bits(const float *x, size_t count)
{
    uint32_t all = 0;
    for (size_t i = 0; i < count; i++) {
        uint32_t bits;
        float size;
        memcpy(&bits, &x[i], sizeof bits);
        bits &= 0x7fffffff;
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
        uint32_t bits;
        memcpy(&bits, &x[i], sizeof bits);
        const uint32_t size = (uint32_t)(int32_t)(x[i] < 0 ? -x[i] : x[i]), front = size / 10000;
        uint32_t zeros = 0;
        for (unsigned n = 1; n < 8; n++)
            zeros += size < power_of_ten[n];
        const uint64_t ascii =
            up_four_digits(front) | (uint64_t)up_four_digits(size - front * 10000) << 32;
        words_put(ret, i, (struct words){ascii >> 8 * zeros, 0, 8 - zeros}, bits >> 31);
    }
}

/* The same of four digits, half as much work; the text is one word. */
static void integers_write_brief(const float *restrict x, size_t count,
                                 struct up_decimals *restrict ret)
{
    for (size_t i = 0; i < count; i++) {
        uint32_t bits;
        memcpy(&bits, &x[i], sizeof bits);
        const uint32_t size = (uint32_t)(int32_t)(x[i] < 0 ? -x[i] : x[i]), negative = bits >> 31;
        uint32_t zeros = 0;
        for (unsigned n = 1; n < 4; n++)
            zeros += size < power_of_ten[n];
        const uint64_t text = up_four_digits(size) >> 8 * zeros;
        ret->low[i] = text << 8 * negative | ('-' & -negative);
        ret->length[i] = 4 - zeros + negative;
    }
}

/* --- Fractions -------------------------------------------------------------------------------- */

struct digits {
    int32_t point[UP_DECIMALS];
    uint32_t first[UP_DECIMALS], front[UP_DECIMALS], back[UP_DECIMALS];
};

static void digits_find(const float *restrict x, size_t count, struct digits *restrict ret)
{
    for (size_t i = 0; i < count; i++) {
        uint32_t bits;
        memcpy(&bits, &x[i], sizeof bits);
        const struct up_decimal d = up_decimal(bits);
        ret->point[i] = d.point;
        ret->first[i] = d.first;
        ret->front[i] = d.front;
        ret->back[i] = d.back;
    }
}

/* "0.00ddd", "dd.d" or "dd0": the nine digits at `low` and `high`, of which `count` matter, with
 * the point behind `point` of them. Shifts stay below 64, and have a meaning where they are used.
 */
UP_INLINE struct words words_of(uint64_t low, uint64_t high, int64_t count, int64_t point)
{
    const uint64_t none = low >> 63; /* ASCII has none; but GCC 12 shifts no constant by a vector */
    const uint64_t before = 0x3030303030302e30 + none, dot = '.' + none; /* "0.000000" */
    const uint64_t gap = (uint64_t)(8 * (2 - point)) & 63, gap_left = -gap & 63;
    const uint64_t place = (uint64_t)(8 * point) & 63, place_left = -place & 63;
    const uint64_t split =
        low << place_left >> place_left | dot << place | low >> place << place << 8;
    const uint64_t fraction = point <= 0, integer = count <= point;
    const uint64_t fits = (point > -5) & ((point < 8) | (integer & (point < 10)));
    const uint64_t behind = pick(fraction, (uint64_t)(2 - point + count), (uint64_t)count + 1);
    return (struct words){
        pick(fraction, before << gap_left >> gap_left | low << gap, pick(integer, low, split)),
        pick(fraction, low >> gap_left | high << gap, pick(integer, high, low >> 56 | high << 8)),
        pick(integer, (uint64_t)point, behind) & -fits};
}

static void digits_write(const float *restrict x, const struct digits *restrict d, size_t count,
                         struct up_decimals *restrict ret)
{
    for (size_t i = 0; i < count; i++) {
        uint32_t bits;
        memcpy(&bits, &x[i], sizeof bits);
        const uint64_t rest = d->front[i] | (uint64_t)d->back[i] << 32;
        const uint64_t digits = rest ^ EACH_BYTE('0');
        const uint64_t zero = bits << 1 == 0, finite = bits << 1 < 0xff000000;
        int64_t zeros = 0;
        for (unsigned n = 0; n < 8; n++)
            zeros += digits >> 8 * n == 0;
        const struct words text =
            words_of(d->first[i] | rest << 8, rest >> 56, 9 - zeros, d->point[i]);
        words_put(ret, i,
                  (struct words){pick(zero, '0', text.low), text.high,
                                 pick(zero, 1, text.length & -finite)},
                  bits >> 31);
    }
}

void UP_KERNEL(decimals)(const float *restrict x, size_t count, struct up_decimals *restrict ret)
{
    struct digits digits;
    const uint32_t bits = integers_bits(x, count);
    if (bits < BRIEF) {
        integers_write_brief(x, count, ret);
        return;
    }
    if (bits >> 31 == 0) {
        integers_write(x, count, ret);
        return;
    }
    digits_find(x, count, &digits);
    digits_write(x, &digits, count, ret);
}
