/* Python's random module, as far as Keras uses it: the seeds of initializers that bring none, after
 * keras.utils.set_random_seed. The generator is MT19937: Matsumoto and Nishimura, "Mersenne
 * Twister", ACM TOMACS 8 (1998). */
#ifndef UP_MERSENNE_H
#define UP_MERSENNE_H

#include <stdint.h>

enum { UP_MERSENNE_WORDS = 624 };

struct up_mersenne {
    uint32_t word[UP_MERSENNE_WORDS];
    uint32_t next; /* of the words; UP_MERSENNE_WORDS: all are used */
};

/* random.seed(seed): the sign does not count. */
void up_mersenne_seed(struct up_mersenne *mersenne, int64_t seed);

/* 32 random bits. */
uint32_t up_mersenne_bits(struct up_mersenne *mersenne);

/* random.randint(1, 1000000000), which a Keras initializer draws when it is made without a seed. */
int64_t up_mersenne_keras_seed(struct up_mersenne *mersenne);

#endif
