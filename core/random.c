/* DESIGN
 * All distributions make four values at a time from a stretch of the Philox sequence of their own:
 * group g starts `stride` blocks after group g - 1. Uniform and normal values use up one block a
 * group; truncated ones reject, so TensorFlow reserves 256 blocks for each group.
 *
 * Bit equality with TensorFlow rests on three things: the float versions of log, sin and cos (of
 * the same C library that TensorFlow calls), an angle that is multiplied in double, and a product
 * and a sum that are rounded one after the other (-ffp-contract=off). */
#include "core/random.h"

#include <math.h>
#include <stdatomic.h>
#include <sys/random.h>
#include <time.h>

enum { WORDS = 4, ROUNDS = 10, TRUNCATED_STRIDE = 256 };

#define KERAS_SEED_MODULUS 2147483646 /* tf.int32.max - 1, as Keras reduces seeds */
#define FRESH_SEED_MAX     1000000000 /* random.randint(1, 1e9) */

struct distribution {
    uint64_t stride; /* blocks between the starts of two groups */
    void (*group)(struct up_philox philox, float ret[WORDS]);
};

void up_philox_block(const uint32_t counter[4], const uint32_t key[2], uint32_t ret[4])
{
    uint32_t c0 = counter[0], c1 = counter[1], c2 = counter[2], c3 = counter[3];
    uint32_t k0 = key[0], k1 = key[1];
    for (int round = 0; round < ROUNDS; round++) {
        const uint64_t a = (uint64_t)0xD2511F53 * c0;
        const uint64_t b = (uint64_t)0xCD9E8D57 * c2;
        c0 = (uint32_t)(b >> 32) ^ c1 ^ k0;
        c1 = (uint32_t)b;
        c2 = (uint32_t)(a >> 32) ^ c3 ^ k1;
        c3 = (uint32_t)a;
        k0 += 0x9E3779B9;
        k1 += 0xBB67AE85;
    }
    ret[0] = c0, ret[1] = c1, ret[2] = c2, ret[3] = c3;
}

void up_philox_skip(struct up_philox *philox, uint64_t blocks)
{
    uint32_t *counter = philox->counter;
    const uint64_t low = (counter[0] | (uint64_t)counter[1] << 32) + blocks;
    counter[0] = (uint32_t)low;
    counter[1] = (uint32_t)(low >> 32);
    if (low < blocks && ++counter[2] == 0)
        counter[3]++;
}

struct up_philox up_philox_seeded(int64_t seed0, int64_t seed1)
{
    const uint64_t s0 = (uint64_t)seed0, s1 = (uint64_t)seed1;
    const uint32_t counter[4] = {(uint32_t)s0, (uint32_t)(s0 >> 32), (uint32_t)s1,
                                 (uint32_t)(s1 >> 32)};
    const uint32_t key[2] = {0x3EC8F720, 0x02461E29}; /* TensorFlow's, to scramble seeds */
    uint32_t mixed[4];
    up_philox_block(counter, key, mixed);
    return (struct up_philox){.key = {mixed[0], mixed[1]}, .counter = {0, 0, mixed[2], mixed[3]}};
}

struct up_philox up_philox_keras(int64_t seed)
{
    const int64_t rest = seed % KERAS_SEED_MODULUS;
    return up_philox_seeded(rest < 0 ? rest + KERAS_SEED_MODULUS : rest, 0);
}

void up_random_bits(struct up_philox philox, size_t count, uint32_t *ret)
{
    for (size_t i = 0; i < count; i += WORDS) {
        uint32_t words[WORDS];
        up_philox_block(philox.counter, philox.key, words);
        up_philox_skip(&philox, 1);
        for (size_t j = 0; j < WORDS && i + j < count; j++)
            ret[i + j] = words[j];
    }
}

/* [0, 1) from the low 23 bits. */
static float unit(uint32_t word)
{
    return (float)(word & 0x7FFFFF) * 0x1p-23f;
}

/* Box and Muller: two uniform values make two normal ones. */
static void normal_pair(const uint32_t words[2], float ret[2])
{
    const double two_pi = 6.28318530717958647692;
    const float radius = sqrtf(-2 * logf(fmaxf(unit(words[0]), 1e-7f)));
    const float angle = (float)(two_pi * (double)unit(words[1]));
    ret[0] = sinf(angle) * radius;
    ret[1] = cosf(angle) * radius;
}

static void uniform_group(struct up_philox philox, float ret[WORDS])
{
    uint32_t words[WORDS];
    up_philox_block(philox.counter, philox.key, words);
    for (size_t i = 0; i < WORDS; i++)
        ret[i] = unit(words[i]);
}

static void normal_group(struct up_philox philox, float ret[WORDS])
{
    uint32_t words[WORDS];
    up_philox_block(philox.counter, philox.key, words);
    normal_pair(words, ret);
    normal_pair(words + 2, ret + 2);
}

static void truncated_group(struct up_philox philox, float ret[WORDS])
{
    for (size_t kept = 0; kept < WORDS; up_philox_skip(&philox, 1)) {
        float normal[WORDS];
        normal_group(philox, normal);
        for (size_t i = 0; i < WORDS && kept < WORDS; i++)
            if (fabsf(normal[i]) < 2)
                ret[kept++] = normal[i];
    }
}

static void fill(const struct distribution *distribution, struct up_philox philox, size_t count,
                 float scale, float offset, float *ret)
{
    for (size_t i = 0; i < count; i += WORDS) {
        float values[WORDS];
        distribution->group(philox, values);
        up_philox_skip(&philox, distribution->stride);
        for (size_t j = 0; j < WORDS && i + j < count; j++) {
            const float scaled = values[j] * scale;
            ret[i + j] = scaled + offset;
        }
    }
}

void up_random_uniform(struct up_philox philox, size_t count, float min, float max, float *ret)
{
    static const struct distribution uniform = {1, uniform_group};
    fill(&uniform, philox, count, max - min, min, ret);
}

void up_random_normal(struct up_philox philox, size_t count, float mean, float stddev, float *ret)
{
    static const struct distribution normal = {1, normal_group};
    fill(&normal, philox, count, stddev, mean, ret);
}

void up_random_truncated_normal(struct up_philox philox, size_t count, float mean, float stddev,
                                float *ret)
{
    static const struct distribution truncated = {TRUNCATED_STRIDE, truncated_group};
    fill(&truncated, philox, count, stddev, mean, ret);
}

struct up_philox up_philox_fresh(void)
{
    static atomic_uint calls;
    struct timespec now = {0};
    (void)clock_gettime(CLOCK_REALTIME, &now);
    struct up_philox philox = {
        .counter = {(uint32_t)now.tv_nsec, (uint32_t)now.tv_sec, atomic_fetch_add(&calls, 1), 0}};
    /* A sandbox may forbid this call; then the clock and the count still make them differ. */
    (void)!getrandom(philox.key, sizeof philox.key, 0);
    return philox;
}

int64_t up_random_fresh_seed(void)
{
    const struct up_philox philox = up_philox_fresh();
    uint32_t words[4];
    up_philox_block(philox.counter, philox.key, words);
    const uint64_t wide = words[0] | (uint64_t)words[1] << 32;
    return 1 + (int64_t)(wide % FRESH_SEED_MAX);
}
