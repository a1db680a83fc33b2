/* Repeatable random numbers for tests: SplitMix64 (Steele, Lea, Flood, OOPSLA 2014). */
#ifndef TESTS_RANDOM_H
#define TESTS_RANDOM_H

#include <stddef.h>
#include <stdint.h>

struct random {
    uint64_t state;
};

static inline uint64_t random_bits(struct random *random)
{
    uint64_t z = random->state += 0x9E3779B97F4A7C15u;
    z = (z ^ (z >> 30)) * 0xBF58476D1CE4E5B9u;
    z = (z ^ (z >> 27)) * 0x94D049BB133111EBu;
    return z ^ (z >> 31);
}

/* low .. high, both included. */
static inline size_t random_size(struct random *random, size_t low, size_t high)
{
    return low + (size_t)(random_bits(random) % (high - low + 1));
}

/* -limit .. limit; one in sixteen is zero. */
static inline float random_float(struct random *random, float limit)
{
    const uint64_t bits = random_bits(random);
    return bits % 16 == 0 ? 0 : limit * ((float)(bits >> 40) / 8388608.0F - 1);
}

static inline void random_fill(struct random *random, float *ret, size_t count)
{
    for (size_t i = 0; i < count; i++)
        ret[i] = random_float(random, 2);
}

#endif
