#include "core/orthogonal.h"

#include <math.h>
#include <stdbool.h>

/* A working copy by columns, each `rows` long: reflections run down columns. */
struct factors {
    double *column, *diagonal; /* diagonal: that of R */
    size_t rows, columns;
};

static double *column_of(const struct factors *f, size_t k)
{
    return f->column + k * f->rows;
}

/* In four strands, so that one addition need not wait for the other. */
static double dot(const double *x, const double *y, size_t count)
{
    double sum[4] = {0};
    size_t i = 0;
    for (; i + 4 <= count; i += 4)
        for (size_t k = 0; k < 4; k++)
            sum[k] += x[i + k] * y[i + k];
    for (; i < count; i++)
        sum[0] += x[i] * y[i];
    return (sum[0] + sum[1]) + (sum[2] + sum[3]);
}

/* y -= 2 v (v . y), over the rows from k on; v has unit length. */
static void reflect(const double *v, double *y, size_t k, size_t rows)
{
    const double twice = 2 * dot(v + k, y + k, rows - k);
    for (size_t i = k; i < rows; i++)
        y[i] -= twice * v[i];
}

/* Makes column k the unit vector whose reflection clears it below the diagonal. */
static void reflector_make(struct factors *f, size_t k)
{
    double *v = column_of(f, k);
    const double length = sqrt(dot(v + k, v + k, f->rows - k));
    f->diagonal[k] = v[k] > 0 ? -length : length;
    v[k] -= f->diagonal[k];
    const double norm = sqrt(dot(v + k, v + k, f->rows - k));
    for (size_t i = k; i < f->rows && norm > 0; i++)
        v[i] /= norm;
    for (size_t j = k + 1; j < f->columns; j++)
        reflect(v, column_of(f, j), k, f->rows);
}

/* Column k of Q: the reflections, last first, over a unit vector; R's sign is moved into it. */
static void column_make(const struct factors *f, size_t k, double *q, float *ret)
{
    for (size_t i = 0; i < f->rows; i++)
        q[i] = i == k ? 1 : 0;
    for (size_t j = f->columns; j-- > 0;)
        reflect(column_of(f, j), q, j, f->rows);
    const double sign = f->diagonal[k] < 0 ? -1 : 1;
    for (size_t i = 0; i < f->rows; i++)
        ret[i * f->columns + k] = (float)(sign * q[i]);
}

enum up_code up_orthonormalise(float *a, size_t rows, size_t columns, struct up_arena *arena,
                               struct up_error *err)
{
    struct factors f = {.rows = rows, .columns = columns};
    size_t count;
    if (!up_size_mul(rows, columns, &count))
        return up_fail(err, UP_E_LIMIT, "", "a matrix of %zu x %zu is beyond any memory", rows,
                       columns);
    f.column = up_arena_alloc(arena, count, sizeof(double), err);
    f.diagonal = up_arena_alloc(arena, columns, sizeof(double), err);
    double *q = up_arena_alloc(arena, rows, sizeof(double), err);
    if (f.column == NULL || f.diagonal == NULL || q == NULL)
        return err->code;
    for (size_t k = 0; k < columns; k++)
        for (size_t i = 0; i < rows; i++)
            column_of(&f, k)[i] = a[i * columns + k];
    for (size_t k = 0; k < columns; k++)
        reflector_make(&f, k);
    for (size_t k = 0; k < columns; k++)
        column_make(&f, k, q, a);
    return UP_OK;
}
