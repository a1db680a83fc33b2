/* DESIGN
 * What the digits are is core/kernels/decimal.h's. One value is a long chain of instructions that
 * wait for one another; so a kernel makes the texts of many, of each value that differs from the
 * one before it, and here is only what it leaves out: very large and very small values. */
#include <assert.h>
#include <math.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "api/codec/number.h"
#include "core/error.h"
#include "core/kernels/decimal.h"

static_assert(__BYTE_ORDER__ == __ORDER_LITTLE_ENDIAN__, "text goes through words, first byte low");

enum { RUN_MAX = 8 }; /* values of a run, of which a window has some */

#define EACH_BYTE(byte) (UINT64_MAX / 255 * (byte))

static size_t write_small_integer(uint32_t number, char *text)
{
    const uint64_t ascii = up_four_digits(number / 10000) | (uint64_t)up_four_digits(number % 10000)
                                                                << 32;
    const uint64_t digits = ascii ^ EACH_BYTE('0');
    const unsigned zeros = number == 0 ? 7 : (unsigned)__builtin_ctzll(digits) / 8;
    const uint64_t left = ascii >> 8 * zeros;
    memcpy(text, &left, 8);
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

static size_t write_decimal(const struct up_decimal *d, char *text)
{
    const uint64_t rest = d->front | (uint64_t)d->back << 32, digits = rest ^ EACH_BYTE('0');
    const int zeros = digits == 0 ? 8 : __builtin_clzll(digits) / 8;
    return write_placed((char)d->first, rest, 9 - zeros, d->point, text);
}

static bool is_small_integer(float magnitude)
{
    return magnitude < 16777216 && (float)(uint32_t)magnitude == magnitude;
}

size_t api_number_write(float value, char *text)
{
    uint32_t bits;
    memcpy(&bits, &value, sizeof bits);
    const size_t sign = bits >> 31;
    const float magnitude = fabsf(value);
    text[0] = '-';
    if (is_small_integer(magnitude))
        return sign + write_small_integer((uint32_t)magnitude, text + sign);
    const struct up_decimal decimal = up_decimal(bits);
    return sign + write_decimal(&decimal, text + sign);
}

void api_numbers_begin(struct api_numbers *numbers, const float *values, size_t group)
{
    UP_ASSERT(group >= 1 && group <= API_NUMBERS_GROUP_MAX);
    numbers->kernels = up_kernels_select(NULL); /* which they are changes no digit */
    numbers->values = values;
    numbers->group = group;
    numbers->first = numbers->end = numbers->run = 0;
}

static uint32_t bits_of(float value)
{
    uint32_t bits;
    memcpy(&bits, &value, sizeof bits);
    return bits;
}

/* Whether few of UP_DECIMALS values equal those a group behind them. */
static bool few_repeat(const float *values, size_t group)
{
    uint32_t count = 0;
    for (size_t k = 0; k < UP_DECIMALS; k++)
        count += bits_of(values[k]) == bits_of(values[k + group]);
    return count < UP_DECIMALS / 8;
}

static bool repeats(const float *values, size_t group)
{
    uint32_t different = 0;
    for (size_t c = 0; c < group; c++)
        different |= bits_of(values[c]) ^ bits_of(*(values + c - group));
    return different == 0;
}

/* Gathers up to UP_DECIMALS values, without those of groups that equal the one before; returns how
 * many, and how many values have their place among them. */
static inline size_t gather(const float *values, size_t most, size_t group, float *fresh,
                            uint8_t *place, size_t *ret_ready)
{
    size_t count = 0, k = 0;
    for (; k + group <= most; k += group) {
        const size_t again = k > 0 && repeats(values + k, group);
        if (count + group > UP_DECIMALS + again * group)
            break;
        count -= again * group;
        for (size_t c = 0; c < group; c++, count++) {
            fresh[count] = values[k + c];
            place[k + c] = (uint8_t)count;
        }
    }
    *ret_ready = k;
    return count;
}

/* How many values a run has, if there are runs: as many as are equal at the start, up to RUN_MAX.
 */
static size_t run_length(const float *values, size_t most)
{
    size_t run = 1;
    while (run < most && run <= RUN_MAX && bits_of(values[run]) == bits_of(values[0]))
        run++;
    return run <= RUN_MAX ? run : 1;
}

/* Takes the first value of each run; returns whether the others are equal to it in all of them. */
static inline bool take_runs(const float *values, size_t count, size_t run, float *fresh)
{
    uint32_t different = 0;
    for (size_t k = 0; k < count; k++) {
        fresh[k] = values[k * run];
        for (size_t j = 1; j < run; j++)
            different |= bits_of(values[k * run + j]) ^ bits_of(values[k * run]);
    }
    return different == 0;
}

/* Gathers the first value of each run, as nearest upsampling makes them of single channels; returns
 * 0 where there is anything but runs of one length. */
static size_t gather_runs(struct api_numbers *numbers, const float *values, size_t most,
                          float *fresh, size_t *ret_ready)
{
    const size_t run = run_length(values, most), count = most / run;
    if (run == 1 ||
        !(run == 2 ? take_runs(values, count, 2, fresh) : take_runs(values, count, run, fresh)))
        return 0;
    if (run != numbers->run)
        for (size_t k = 0; k < API_NUMBERS_WINDOW; k++)
            numbers->place[k] = (uint8_t)(k / run);
    numbers->run = run;
    *ret_ready = count * run;
    return count;
}

void api_numbers_find(struct api_numbers *numbers, size_t i, size_t end)
{
    float gathered[UP_DECIMALS];
    const float *values = numbers->values + i, *fresh = gathered;
    const size_t most = end - i < API_NUMBERS_WINDOW ? end - i : API_NUMBERS_WINDOW;
    const size_t group = numbers->group;
    size_t ready, count = group > 1 ? 0 : gather_runs(numbers, values, most, gathered, &ready);
    if (count == 0) {
        numbers->run = 0;
        if (most >= UP_DECIMALS + group && few_repeat(values, group)) {
            ready = UP_DECIMALS / group * group;
            count = UP_DECIMALS;
            fresh = values;
            for (size_t k = 0; k < UP_DECIMALS; k++)
                numbers->place[k] = (uint8_t)k;
        } else {
            count = group == 1 ? gather(values, most, 1, gathered, numbers->place, &ready)
                               : gather(values, most, group, gathered, numbers->place, &ready);
        }
    }
    while (count % UP_DECIMALS_STEP != 0)
        gathered[count++] = 0;
    numbers->kernels->decimals(fresh, count, &numbers->decimals);
    numbers->first = i;
    numbers->end = i + ready;
}
