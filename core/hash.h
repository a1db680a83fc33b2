/* A keyed hash of bytes at the speed of memory, for tables whose keys come from clients.
 *
 * Who does not know the key cannot make contents that meet: two different blocks of equal length
 * have the same sum under one key in 2^32 (NH, of Black, Halevi, Krawczyk, Krovetz, Rogaway:
 * "UMAC: Fast and Secure Message Authentication", CRYPTO 1999). That keeps a table even; it proves
 * no equality: whoever finds an entry by its hash compares the contents. */
#ifndef UP_HASH_H
#define UP_HASH_H

#include <stddef.h>
#include <stdint.h>

enum { UP_HASH_WORDS = 256 };

struct up_hash_key {
    uint32_t word[UP_HASH_WORDS];
};

/* A key that nobody can foresee. */
void up_hash_key_draw(struct up_hash_key *ret);

/* Goes on from `hash`, the result for what came before (0: nothing). */
uint64_t up_hash(const struct up_hash_key *key, uint64_t hash, const void *data, size_t bytes);

#endif
