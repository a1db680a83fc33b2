#include "core/hash.h"

#include <string.h>

#include "core/random.h"

enum { BLOCK_BYTES = UP_HASH_WORDS * sizeof(uint32_t) };

/* The sum of products of neighbours, each word with a word of the key added to it. */
static uint64_t block_sum(const struct up_hash_key *key, const unsigned char *block)
{
    uint64_t sum = 0;
    for (size_t i = 0; i < UP_HASH_WORDS; i += 2) {
        uint32_t pair[2];
        memcpy(pair, block + i * sizeof pair[0], sizeof pair);
        sum += (uint64_t)(pair[0] + key->word[i]) * (pair[1] + key->word[i + 1]);
    }
    return sum;
}

/* One to one in either argument: blocks that differ in their sums do not meet here. The constant
 * is odd and of no pattern, as 2^64 divided by the golden ratio is. */
static uint64_t mix(uint64_t hash, uint64_t sum)
{
    hash = (hash ^ sum) * 0x9e3779b97f4a7c15u;
    return hash ^ hash >> 32;
}

uint64_t up_hash(const struct up_hash_key *key, uint64_t hash, const void *data, size_t bytes)
{
    const unsigned char *at = data;
    size_t left = bytes;
    for (; left >= BLOCK_BYTES; left -= BLOCK_BYTES, at += BLOCK_BYTES)
        hash = mix(hash, block_sum(key, at));
    if (left > 0) {
        unsigned char last[BLOCK_BYTES] = {0};
        memcpy(last, at, left);
        hash = mix(hash, block_sum(key, last));
    }
    return mix(hash, bytes);
}

void up_hash_key_draw(struct up_hash_key *ret)
{
    up_random_bits(up_philox_fresh(), UP_HASH_WORDS, ret->word);
}
