/* Buffers of floats between guards: a write past either end shows at guarded_free, a read past them
 * under AddressSanitizer, and in every build as a NaN in the result. */
#ifndef TESTS_GUARD_H
#define TESTS_GUARD_H

#include <stddef.h>

#include "core/kernels/kernels.h"
#include "tests/support/random.h"

/* `count` floats, 0 too, all NaN; the start is at any multiple of 4 bytes. */
float *guarded_new(size_t count);

/* The same, filled by random_fill. */
float *guarded_random(struct random *random, size_t count);

/* Fails the test when a guard was touched. */
void guarded_free(float *data, size_t count, const char *what);

/* Calls `check` with every instruction set that this machine can run; fails when there is none. */
void each_isa(void (*check)(const struct up_kernels *kernels));

/* 0, 1, lanes - 1, lanes, lanes + 1, 3 * lanes + 2: by turns. */
size_t edge_size(size_t turn, size_t lanes);

#endif
