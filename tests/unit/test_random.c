#include <criterion/criterion.h>
#include <inttypes.h>
#include <math.h>
#include <string.h>

#include "core/random.h"

static void assert_words(const uint32_t *got, const uint32_t *expected, size_t count)
{
    for (size_t i = 0; i < count; i++)
        cr_assert(got[i] == expected[i], "word %zu is %08" PRIx32 ", not %08" PRIx32, i, got[i],
                  expected[i]);
}

static void assert_state(struct up_philox got, struct up_philox expected)
{
    assert_words(got.counter, expected.counter, 4);
    assert_words(got.key, expected.key, 2);
}

/* To the digits that TensorFlow prints. */
static void assert_printed(const float *got, const double *expected, size_t count, double digit)
{
    for (size_t i = 0; i < count; i++)
        cr_assert(fabs((double)got[i] - expected[i]) <= 0.51 * digit, "value %zu is %.9g, not %.9g",
                  i, (double)got[i], expected[i]);
}

/* The known answers that Salmon et al. publish with Random123. */
Test(random, philox_has_its_known_answers, .timeout = 20)
{
    static const struct {
        uint32_t counter[4], key[2], answer[4];
    } known[] = {
        {{0}, {0}, {0x6627e8d5, 0xe169c58d, 0xbc57ac4c, 0x9b00dbd8}},
        {{0xffffffff, 0xffffffff, 0xffffffff, 0xffffffff},
         {0xffffffff, 0xffffffff},
         {0x408f276d, 0x41c83b0e, 0xa20bc7c6, 0x6d5451fd}},
        {{0x243f6a88, 0x85a308d3, 0x13198a2e, 0x03707344},
         {0xa4093822, 0x299f31d0},
         {0xd16cfe09, 0x94fdcceb, 0x5001e420, 0x24126ea1}},
    };
    for (size_t i = 0; i < sizeof known / sizeof known[0]; i++) {
        uint32_t block[4];
        up_philox_block(known[i].counter, known[i].key, block);
        assert_words(block, known[i].answer, 4);
    }
}

Test(random, block_may_overwrite_its_counter, .timeout = 20)
{
    const uint32_t key[2] = {0, 0}, answer[4] = {0x6627e8d5, 0xe169c58d, 0xbc57ac4c, 0x9b00dbd8};
    uint32_t words[4] = {0};
    up_philox_block(words, key, words);
    assert_words(words, answer, 4);
}

/* TensorFlow's scrambling of seed pairs. */
Test(random, seeds_are_scrambled_as_in_tensorflow, .timeout = 20)
{
    assert_state(up_philox_seeded(0, 0),
                 (struct up_philox){{0, 0, 0x33da8054, 0xff2f51a8}, {0xdd5b9083, 0xdf7a3ef6}});
    assert_state(up_philox_seeded(42, 0),
                 (struct up_philox){{0, 0, 0x8e9181c6, 0xb2ca7bfa}, {0x89e74cef, 0x53939b05}});
}

/* Python: s % 2147483646. */
Test(random, keras_seeds_are_reduced_by_floored_division, .timeout = 20)
{
    static const int64_t reduced[][2] = {
        {0, 0},
        {42, 42},
        {1000000000, 1000000000},
        {2147483645, 2147483645},
        {2147483646, 0},
        {2147483647, 1},
        {-1, 2147483645},
        {-2147483646, 0},
        {-2147483647, 2147483645},
        {4294967295, 3},
        {9007199254740993, 8388609},
        {INT64_MAX, 7},
        {INT64_MIN, 2147483638},
    };
    for (size_t i = 0; i < sizeof reduced / sizeof reduced[0]; i++)
        assert_state(up_philox_keras(reduced[i][0]), up_philox_seeded(reduced[i][1], 0));
}

Test(random, skip_carries_through_all_words, .timeout = 20)
{
    struct up_philox philox = {{0xffffffff, 0, 0, 0}, {1, 2}};
    up_philox_skip(&philox, 1);
    assert_state(philox, (struct up_philox){{0, 1, 0, 0}, {1, 2}});
    up_philox_skip(&philox, UINT64_MAX);
    assert_state(philox, (struct up_philox){{0xffffffff, 0, 1, 0}, {1, 2}});
    philox = (struct up_philox){{0xffffffff, 0xffffffff, 0xffffffff, 7}, {1, 2}};
    up_philox_skip(&philox, 3);
    assert_state(philox, (struct up_philox){{2, 0, 0, 8}, {1, 2}});
    philox = (struct up_philox){{0xffffffff, 0xffffffff, 0xffffffff, 0xffffffff}, {1, 2}};
    up_philox_skip(&philox, 1);
    assert_state(philox, (struct up_philox){{0, 0, 0, 0}, {1, 2}});
    up_philox_skip(&philox, 0);
    assert_state(philox, (struct up_philox){{0, 0, 0, 0}, {1, 2}});
}

/* tf.random.stateless_uniform([8], [42, 0], None, None, tf.uint32) */
Test(random, bits_are_those_of_tensorflow, .timeout = 20)
{
    static const uint32_t expected[8] = {1218717381, 1019202592, 1901827109, 2650969595,
                                         2617905025, 2169516825, 1650500553, 1486236572};
    uint32_t bits[8];
    up_random_bits(up_philox_keras(42), 8, bits);
    assert_words(bits, expected, 8);
}

/* The documentation of tf.random.split: stateless_split([1, 2], 3). */
Test(random, split_seeds_are_those_that_tensorflow_documents, .timeout = 20)
{
    static const int32_t expected[6] = {1105988140, 1738052849, -335576002,
                                        370444179,  10670227,   -246211131};
    uint32_t bits[6];
    up_random_bits(up_philox_seeded(1, 2), 6, bits);
    for (size_t i = 0; i < 6; i++)
        cr_assert(bits[i] == (uint32_t)expected[i], "%" PRIu32 " is not %" PRId32, bits[i],
                  expected[i]);
}

/* The documentation of tf.random.split and fold_in, and the guide "Random number generation". */
Test(random, normal_values_are_those_that_tensorflow_documents, .timeout = 20)
{
    static const double split[3] = {-0.59835213, -0.9578608, 0.9002807};
    static const double folded[3] = {0.03197195, 0.8979765, 0.13253039};
    static const double guide[6] = {0.5441101,  0.20738031, 0.07356433,
                                    0.04643455, -1.30159,   -0.95385665};
    float values[6];
    up_random_normal(up_philox_seeded(1105988140, 1738052849), 3, 0, 1, values);
    assert_printed(values, split, 3, 1e-7);
    up_random_normal(up_philox_seeded(1105988140, 3), 3, 0, 1, values);
    assert_printed(values, folded, 3, 1e-7);
    up_random_normal(up_philox_seeded(1, 2), 6, 0, 1, values);
    assert_printed(values, guide, 6, 5e-7); /* printed elsewhere: last units differ from a CPU's */
}

static void draw(size_t distribution, struct up_philox philox, size_t count, float *ret)
{
    if (distribution == 0)
        up_random_uniform(philox, count, -2, 3, ret);
    else if (distribution == 1)
        up_random_normal(philox, count, 1, 0.5F, ret);
    else
        up_random_truncated_normal(philox, count, 1, 0.5F, ret);
}

Test(random, fewer_values_are_the_first_of_more_and_end_where_asked, .timeout = 20)
{
    enum { MOST = 67 };
    for (size_t distribution = 0; distribution < 3; distribution++) {
        float most[MOST], some[MOST + 1];
        draw(distribution, up_philox_keras(5), MOST, most);
        for (size_t count = 0; count <= MOST; count++) {
            some[count] = -77;
            draw(distribution, up_philox_keras(5), count, some);
            cr_assert(memcmp(some, most, count * sizeof *some) == 0, "%zu of %zu differ", count,
                      distribution);
            cr_assert(some[count] == -77, "%zu wrote past %zu", distribution, count);
        }
    }
}

Test(random, bits_end_where_asked, .timeout = 20)
{
    uint32_t bits[10];
    for (size_t count = 0; count < 10; count++) {
        bits[count] = 77;
        up_random_bits(up_philox_keras(5), count, bits);
        cr_assert(bits[count] == 77, "wrote past %zu", count);
    }
}

/* Low 23 bits of each word, in the two roundings of u * (max - min) + min. */
Test(random, uniform_values_come_from_the_low_bits, .timeout = 20)
{
    enum { COUNT = 4099 };
    static uint32_t bits[COUNT];
    static float values[COUNT];
    up_random_bits(up_philox_keras(9), COUNT, bits);
    up_random_uniform(up_philox_keras(9), COUNT, 0, 1, values);
    for (size_t i = 0; i < COUNT; i++)
        cr_assert((double)values[i] == (double)(bits[i] % 8388608) / 8388608, "%zu: %.9g", i,
                  (double)values[i]);
    up_random_uniform(up_philox_keras(9), COUNT, -2, 2, values);
    for (size_t i = 0; i < COUNT; i++)
        cr_assert(values[i] >= -2 && values[i] < 2, "%zu: %.9g", i, (double)values[i]);
}

Test(random, truncated_values_are_normal_until_one_is_rejected, .timeout = 20)
{
    float normal[4], truncated[8], next[4];
    for (int64_t seed = 0; seed < 500; seed++) {
        struct up_philox philox = up_philox_keras(seed);
        up_random_normal(philox, 4, 0, 1, normal);
        up_random_truncated_normal(philox, 8, 0, 1, truncated);
        size_t same = 0;
        while (same < 4 && fabsf(normal[same]) < 2)
            same++;
        cr_assert(memcmp(normal, truncated, same * sizeof *normal) == 0, "seed %" PRId64, seed);
        for (size_t i = 0; i < 8; i++)
            cr_assert(fabsf(truncated[i]) < 2, "seed %" PRId64 ": %.9g", seed,
                      (double)truncated[i]);
        up_philox_skip(&philox, 256); /* what TensorFlow reserves for four values */
        up_random_truncated_normal(philox, 4, 0, 1, next);
        cr_assert(memcmp(next, truncated + 4, sizeof next) == 0, "seed %" PRId64, seed);
    }
}

/* The moments of the unit normal, and of the one cut at 2 (variance 0.87962566^2). Six deviations
 * of the estimates are allowed. */
Test(random, moments_are_those_of_the_distributions, .timeout = 20)
{
    enum { COUNT = 200000 };
    static const double deviation[3] = {1.44337567, 0.5, 0.5 * 0.87962566}, mean[3] = {0.5, 1, 1};
    static float values[COUNT];
    for (size_t distribution = 0; distribution < 3; distribution++) {
        double sum = 0, squares = 0;
        draw(distribution, up_philox_keras(2026), COUNT, values);
        for (size_t i = 0; i < COUNT; i++) {
            const double off = (double)values[i] - mean[distribution];
            sum += off;
            squares += off * off;
        }
        const double allowed = 6 * deviation[distribution] / sqrt(COUNT);
        cr_assert(fabs(sum / COUNT) < allowed, "%zu: mean is off by %g", distribution, sum / COUNT);
        cr_assert(fabs(sqrt(squares / COUNT) - deviation[distribution]) < allowed,
                  "%zu: deviation is %g", distribution, sqrt(squares / COUNT));
    }
}

Test(random, fresh_seeds_are_in_range_and_differ, .timeout = 20)
{
    enum { COUNT = 1000 };
    int64_t seeds[COUNT];
    size_t equal = 0;
    for (size_t i = 0; i < COUNT; i++) {
        seeds[i] = up_random_fresh_seed();
        cr_assert(seeds[i] >= 1 && seeds[i] <= 1000000000, "%" PRId64, seeds[i]);
        for (size_t j = 0; j < i; j++)
            equal += seeds[i] == seeds[j];
    }
    cr_assert(equal < 10, "%zu of %d seeds are equal to another", equal, COUNT);
}
