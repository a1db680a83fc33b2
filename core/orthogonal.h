/* A random orthogonal matrix, as Keras' Orthogonal initializer makes it. */
#ifndef UP_ORTHOGONAL_H
#define UP_ORTHOGONAL_H

#include <stddef.h>

#include "core/arena.h"
#include "core/error.h"

/* The thin QR factorisation of `a` (rows x columns, row-major, rows >= columns >= 1), with R's
 * diagonal made positive, which makes it unique: writes Q over `a`. In double, by Householder
 * reflections (Golub and Van Loan, "Matrix Computations", 5.2). Scratch comes from the arena;
 * `err` is not NULL. */
enum up_code up_orthonormalise(float *a, size_t rows, size_t columns, struct up_arena *arena,
                               struct up_error *err) UP_CHECKED;

#endif
