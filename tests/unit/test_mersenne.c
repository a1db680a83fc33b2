/* Against CPython's random module; the values are printed by it. */
#include <criterion/criterion.h>

#include "core/mersenne.h"

Test(mersenne, bits_are_those_of_python, .timeout = 10)
{
    struct up_mersenne m;
    up_mersenne_seed(&m, 42);
    cr_assert(up_mersenne_bits(&m) == 2746317213u);
    cr_assert(up_mersenne_bits(&m) == 478163327u);
}

/* [random.randint(1, 10**9) for _ in range(4)] after random.seed(s) */
static const struct {
    int64_t seed, drawn[4];
} rows[] = {
    {0, {906691060, 413654000, 813847340, 955892129}},
    {42, {686579304, 119540832, 26855093, 796233791}},
    {-42, {686579304, 119540832, 26855093, 796233791}},
    {1337, {663307073, 993786079, 572589546, 762227828}},
    {812, {33636388, 426286787, 658918269, 975629005}},
    {4294967296, {121326710, 377217776, 448640322, 17906119}},
    {4294967301, {168869941, 521297323, 303317710, 955550619}},
    {4611686018427400249, {526011386, 812107021, 997733649, 288339368}},
};

Test(mersenne, seeds_are_those_that_keras_draws, .timeout = 10)
{
    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
        struct up_mersenne m;
        up_mersenne_seed(&m, rows[i].seed);
        for (size_t k = 0; k < 4; k++) {
            const int64_t drawn = up_mersenne_keras_seed(&m);
            cr_assert(drawn == rows[i].drawn[k], "seed %lld, draw %zu: %lld, not %lld",
                      (long long)rows[i].seed, k, (long long)drawn, (long long)rows[i].drawn[k]);
        }
    }
}

/* The sum of 2000 draws after random.seed(7): past several refills of the state. */
Test(mersenne, the_stream_goes_on_past_its_state, .timeout = 10)
{
    struct up_mersenne m;
    int64_t sum = 0;
    up_mersenne_seed(&m, 7);
    for (int i = 0; i < 2000; i++)
        sum += up_mersenne_keras_seed(&m);
    cr_assert(sum == 967246242076, "%lld", (long long)sum);
}
