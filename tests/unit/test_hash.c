#include "core/hash.h"

#include <criterion/criterion.h>
#include <string.h>

#include "tests/support/random.h"

enum { BYTES_MAX = 3000 };

/* The sum over a block as the paper defines it, one word at a time. */
static uint64_t naive_sum(const struct up_hash_key *key, const uint32_t words[UP_HASH_WORDS])
{
    uint64_t sum = 0;
    for (size_t i = 0; i < UP_HASH_WORDS; i += 2) {
        const uint64_t a = ((uint64_t)words[i] + key->word[i]) % (UINT64_C(1) << 32);
        const uint64_t b = ((uint64_t)words[i + 1] + key->word[i + 1]) % (UINT64_C(1) << 32);
        sum += a * b;
    }
    return sum;
}

static struct up_hash_key key_of(struct random *random)
{
    struct up_hash_key key;
    for (size_t i = 0; i < UP_HASH_WORDS; i++)
        key.word[i] = (uint32_t)random_bits(random);
    return key;
}

/* Blocks of equal sums, and only those, have equal hashes. */
Test(hash, blocks_meet_where_their_sums_do, .timeout = 20)
{
    struct random random = {1};
    struct up_hash_key key = key_of(&random);
    uint32_t a[UP_HASH_WORDS], b[UP_HASH_WORDS];
    for (size_t i = 0; i < UP_HASH_WORDS; i++)
        a[i] = b[i] = (uint32_t)random_bits(&random);
    a[6] = b[6] = 0u - key.word[6]; /* a factor of 0: the other may be anything */
    b[7] = a[7] + 1;
    cr_assert(naive_sum(&key, a) == naive_sum(&key, b));
    cr_assert(up_hash(&key, 5, a, sizeof a) == up_hash(&key, 5, b, sizeof b), "equal sums differ");
    b[100]++;
    cr_assert(naive_sum(&key, a) != naive_sum(&key, b));
    cr_assert(up_hash(&key, 5, a, sizeof a) != up_hash(&key, 5, b, sizeof b), "other sums meet");
}

Test(hash, every_byte_counts_and_so_does_what_came_before, .timeout = 20)
{
    struct random random = {2};
    const struct up_hash_key key = key_of(&random);
    unsigned char data[BYTES_MAX];
    for (size_t i = 0; i < BYTES_MAX; i++)
        data[i] = (unsigned char)random_bits(&random);
    static const size_t sizes[] = {1, 2, 7, 8, 9, 1023, 1024, 1025, 2048, BYTES_MAX};
    for (size_t s = 0; s < sizeof sizes / sizeof sizes[0]; s++) {
        const uint64_t hash = up_hash(&key, 0, data, sizes[s]);
        cr_assert(hash == up_hash(&key, 0, data, sizes[s]));
        cr_assert(hash != up_hash(&key, 1, data, sizes[s]), "size %zu", sizes[s]);
        for (size_t i = 0; i < sizes[s]; i++) {
            data[i] = (unsigned char)(data[i] ^ 1u << i % 8);
            cr_assert(hash != up_hash(&key, 0, data, sizes[s]), "byte %zu of %zu", i, sizes[s]);
            data[i] = (unsigned char)(data[i] ^ 1u << i % 8);
        }
    }
}

Test(hash, zeros_are_counted, .timeout = 20)
{
    struct random random = {3};
    const struct up_hash_key key = key_of(&random);
    static const unsigned char zeros[BYTES_MAX];
    for (size_t bytes = 1; bytes <= BYTES_MAX; bytes++)
        cr_assert(up_hash(&key, 0, zeros, bytes) != up_hash(&key, 0, zeros, bytes - 1), "%zu",
                  bytes);
}

Test(hash, drawn_keys_differ, .timeout = 20)
{
    struct up_hash_key a, b;
    up_hash_key_draw(&a);
    up_hash_key_draw(&b);
    cr_assert(memcmp(&a, &b, sizeof a) != 0);
    cr_assert(up_hash(&a, 0, "abc", 3) != up_hash(&b, 0, "abc", 3));
}
