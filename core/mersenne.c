#include "core/mersenne.h"

enum { SHIFT = 397, SEED_MAX = 1000000000 };

static void init(struct up_mersenne *m, uint32_t seed)
{
    m->word[0] = seed;
    for (uint32_t i = 1; i < UP_MERSENNE_WORDS; i++)
        m->word[i] = 1812433253u * (m->word[i - 1] ^ m->word[i - 1] >> 30) + i;
    m->next = UP_MERSENNE_WORDS;
}

/* The state after word i, where the ring closes on its last word. */
static uint32_t follow(struct up_mersenne *m, uint32_t i)
{
    if (i + 1 < UP_MERSENNE_WORDS)
        return i + 1;
    m->word[0] = m->word[UP_MERSENNE_WORDS - 1];
    return 1;
}

/* The authors' init_by_array, over the 32-bit words of the seed, least significant first. */
void up_mersenne_seed(struct up_mersenne *m, int64_t seed)
{
    const uint64_t absolute = seed < 0 ? 0 - (uint64_t)seed : (uint64_t)seed;
    const uint32_t key[2] = {(uint32_t)absolute, (uint32_t)(absolute >> 32)};
    const uint32_t keys = key[1] != 0 ? 2 : 1;
    init(m, 19650218u);
    uint32_t i = 1, j = 0;
    for (uint32_t k = 0; k < UP_MERSENNE_WORDS; k++) {
        const uint32_t before = m->word[i - 1];
        m->word[i] = (m->word[i] ^ (before ^ before >> 30) * 1664525u) + key[j] + j;
        i = follow(m, i);
        j = (j + 1) % keys;
    }
    for (uint32_t k = 0; k < UP_MERSENNE_WORDS - 1; k++) {
        const uint32_t before = m->word[i - 1];
        m->word[i] = (m->word[i] ^ (before ^ before >> 30) * 1566083941u) - i;
        i = follow(m, i);
    }
    m->word[0] = 0x80000000u;
}

static void refill(struct up_mersenne *m)
{
    for (uint32_t i = 0; i < UP_MERSENNE_WORDS; i++) {
        const uint32_t upper = m->word[i] & 0x80000000u;
        const uint32_t y = upper | (m->word[(i + 1) % UP_MERSENNE_WORDS] & 0x7fffffffu);
        const uint32_t twist = y % 2 != 0 ? 0x9908b0dfu : 0;
        m->word[i] = m->word[(i + SHIFT) % UP_MERSENNE_WORDS] ^ y >> 1 ^ twist;
    }
    m->next = 0;
}

uint32_t up_mersenne_bits(struct up_mersenne *m)
{
    if (m->next == UP_MERSENNE_WORDS)
        refill(m);
    uint32_t y = m->word[m->next++];
    y ^= y >> 11;
    y ^= y << 7 & 0x9d2c5680u;
    y ^= y << 15 & 0xefc60000u;
    return y ^ y >> 18;
}

int64_t up_mersenne_keras_seed(struct up_mersenne *m)
{
    uint32_t r;
    do /* Python draws as many bits as the range has, until the number is inside */
        r = up_mersenne_bits(m) >> 2;
    while (r >= SEED_MAX);
    return (int64_t)r + 1;
}
