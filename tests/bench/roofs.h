/* What the machine can do at this moment: the limits that layers are measured against. */
#ifndef TEST_ROOFS_H
#define TEST_ROOFS_H

#include "core/kernels/kernels.h"

/* Rates of one thread. */
struct roofs {
    double multiply_adds; /* operations a second in registers: two for each multiply-add */
    double tile;          /* the same of the matrix kernel, all it reads in the first-level cache */
    double stores;        /* bytes a second written past the caches */
    double loads;         /* bytes a second read from memory, one after the other */
};

/* Measures all four; takes a few milliseconds, and the data caches. Not thread-safe. */
struct roofs roofs_now(const struct up_kernels *kernels);

#endif
