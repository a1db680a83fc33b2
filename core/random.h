/* The random numbers of Keras on TensorFlow (CPU): stateless ops over Philox4x32-10.
 *
 * Seeds are the pair [seed, 0] that an integer-seeded Keras initializer makes, each component
 * reduced modulo 2147483646. The sequence depends on the seed and on the number of values only,
 * never on threads. Only subnormal values differ: TensorFlow makes zeros of them. Philox: Salmon et
 * al., "Parallel random numbers: as easy as 1, 2, 3", SC 2011.
 */
#ifndef UP_RANDOM_H
#define UP_RANDOM_H

#include <stddef.h>
#include <stdint.h>

struct up_philox {
    uint32_t counter[4]; /* 128 bits, least significant word first */
    uint32_t key[2];
};

/* The generator that tf.random.stateless_* makes of a seed pair. */
struct up_philox up_philox_seeded(int64_t seed0, int64_t seed1);

/* The generator of a Keras initializer with this seed. */
struct up_philox up_philox_keras(int64_t seed);

/* A generator that nobody can foresee, another one each time. Safe to call from any thread. */
struct up_philox up_philox_fresh(void);

/* Ten rounds over one counter. */
void up_philox_block(const uint32_t counter[4], const uint32_t key[2], uint32_t ret[4]);

/* Adds `blocks` to the counter. */
void up_philox_skip(struct up_philox *philox, uint64_t blocks);

/* `count` values each, in row-major order of the tensor they fill. */
void up_random_bits(struct up_philox philox, size_t count, uint32_t *ret);
void up_random_uniform(struct up_philox philox, size_t count, float min, float max, float *ret);
void up_random_normal(struct up_philox philox, size_t count, float mean, float stddev, float *ret);
void up_random_truncated_normal(struct up_philox philox, size_t count, float mean, float stddev,
                                float *ret);

/* An unpredictable seed in 1 .. 1000000000, as Keras draws for an initializer without one.
 * Safe to call from any thread. */
int64_t up_random_fresh_seed(void);

#endif
