#include "guard.h"

#include <criterion/criterion.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#if defined(__SANITIZE_ADDRESS__)
#define ADDRESS_SANITIZER 1
#elif defined(__has_feature)
#if __has_feature(address_sanitizer)
#define ADDRESS_SANITIZER 1
#endif
#endif

#ifdef ADDRESS_SANITIZER
#include <sanitizer/asan_interface.h>
#else
#define ASAN_POISON_MEMORY_REGION(address, bytes)   ((void)(address), (void)(bytes))
#define ASAN_UNPOISON_MEMORY_REGION(address, bytes) ((void)(address), (void)(bytes))
#endif

enum { GUARD = 64, SHIFTS = 7 };
static const uint32_t guard_bits = 0x7FC0BEEF; /* a NaN that no arithmetic makes */

/* The block: the data's shift within it, guard, data, guard. */
float *guarded_new(size_t count)
{
    static size_t turn;
    const size_t shift = turn++ % SHIFTS;
    uint32_t *block = malloc((count + 2 * GUARD + SHIFTS) * sizeof *block);
    cr_assert(block != NULL, "no memory");
    for (size_t i = 0; i < count + 2 * GUARD + SHIFTS; i++)
        block[i] = guard_bits;
    uint32_t *data = block + shift + GUARD;
    data[-1] = (uint32_t)shift;
    ASAN_POISON_MEMORY_REGION(data - GUARD, GUARD * sizeof *data);
    ASAN_POISON_MEMORY_REGION(data + count, GUARD * sizeof *data);
    return (float *)(void *)data;
}

float *guarded_random(struct random *random, size_t count)
{
    float *values = guarded_new(count);
    random_fill(random, values, count);
    return values;
}

void guarded_free(float *floats, size_t count, const char *what)
{
    uint32_t *data = (void *)floats;
    ASAN_UNPOISON_MEMORY_REGION(data - GUARD, GUARD * sizeof *data);
    ASAN_UNPOISON_MEMORY_REGION(data + count, GUARD * sizeof *data);
    const size_t shift = data[-1];
    cr_assert(shift < SHIFTS, "%s: the float before the start was written", what);
    for (size_t i = 2; i <= GUARD; i++)
        cr_assert(data[-(ptrdiff_t)i] == guard_bits, "%s: float -%zu was written", what, i);
    for (size_t i = 0; i < GUARD; i++)
        cr_assert(data[count + i] == guard_bits, "%s: float %zu after the end was written", what,
                  i);
    free(data - GUARD - shift);
}

void each_isa(void (*check)(const struct up_kernels *kernels))
{
    const struct up_kernels *usable[16];
    const size_t count = up_kernels_usable(usable, 16);
    cr_assert(count > 0, "no table is usable");
    for (size_t i = 0; i < count; i++)
        check(usable[i]);
}

size_t edge_size(size_t turn, size_t lanes)
{
    const size_t sizes[] = {0, 1, lanes - 1, lanes, lanes + 1, 3 * lanes + 2};
    return sizes[turn % (sizeof sizes / sizeof sizes[0])];
}
