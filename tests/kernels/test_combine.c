/* The kernels that join tensors, sum their products and make strided ones dense, against the
 * sentences of their contracts, index by index. */
#include <criterion/criterion.h>
#include <math.h>
#include <string.h>

#include "core/kernels/kernels.h"
#include "guard.h"

/* --- combine -------------------------------------------------------------------------------- */

static float one(enum up_operation operation, float a, float b)
{
    switch (operation) {
    case UP_ADD:
        return a + b;
    case UP_SUBTRACT:
        return a - b;
    case UP_MULTIPLY:
        return a * b;
    case UP_DIVIDE:
        return a / b;
    case UP_MAXIMUM:
        return fmaxf(a, b);
    case UP_MINIMUM:
        return fminf(a, b);
    default:
        return a > 0 ? a : b * a;
    }
}

/* Each operand: dense, one row for all, one column for all, or one value. */
static void strides_pick(struct random *random, size_t columns, size_t *ret_row, size_t *ret_column)
{
    *ret_column = random_size(random, 0, 1);
    *ret_row = random_size(random, 0, 1) * (*ret_column == 1 ? columns : 1);
}

static void combination_matches(const struct up_kernels *k)
{
    struct random random = {11};
    for (size_t turn = 0; turn < 400; turn++) {
        struct up_combination c = {.operation = (enum up_operation)(turn % 7),
                                   .rows = edge_size(random_size(&random, 1, 5), k->lanes),
                                   .columns = edge_size(random_size(&random, 1, 5), k->lanes)};
        strides_pick(&random, c.columns, &c.a_row, &c.a_column);
        strides_pick(&random, c.columns, &c.b_row, &c.b_column);
        const size_t a_count = (c.rows - 1) * c.a_row + (c.columns - 1) * c.a_column + 1;
        const size_t b_count = (c.rows - 1) * c.b_row + (c.columns - 1) * c.b_column + 1;
        float *a = guarded_random(&random, a_count), *b = guarded_random(&random, b_count);
        float *y = guarded_new(c.rows * c.columns);
        k->combine(&c, a, b, y);
        for (size_t i = 0; i < c.rows * c.columns; i++) {
            const size_t row = i / c.columns, column = i % c.columns;
            const float expected = one(c.operation, a[row * c.a_row + column * c.a_column],
                                       b[row * c.b_row + column * c.b_column]);
            cr_assert(y[i] == expected || (isnan(y[i]) && isnan(expected)),
                      "%s: operation %d, value %zu is %.9g, not %.9g", k->isa, (int)c.operation, i,
                      (double)y[i], (double)expected);
        }
        guarded_free(a, a_count, "a");
        guarded_free(b, b_count, "b");
        guarded_free(y, c.rows * c.columns, "y");
    }
}

Test(combine, computes_each_operation_for_any_strides, .timeout = 20)
{
    each_isa(combination_matches);
}

/* What tf.maximum and tf.minimum answered. */
static void special_values_match(const struct up_kernels *k)
{
    const float a[] = {NAN, 1, 0, -0.0F}, b[] = {1, NAN, -0.0F, 0};
    const enum up_operation operations[] = {UP_MAXIMUM, UP_MINIMUM};
    for (size_t i = 0; i < 2; i++) {
        const struct up_combination c = {operations[i], 1, 4, 4, 1, 4, 1};
        float y[4];
        k->combine(&c, a, b, y);
        cr_assert(isnan(y[0]) && isnan(y[1]), "%s: NaN was lost", k->isa);
        cr_assert(!signbit(y[2]) && signbit(y[3]), "%s: the first zero was not kept", k->isa);
    }
}

Test(combine, keeps_nan_and_the_first_zero, .timeout = 20)
{
    each_isa(special_values_match);
}

/* --- contract ------------------------------------------------------------------------------- */

static double length(const float *x, size_t stride, size_t depth)
{
    double squares = 0;
    for (size_t i = 0; i < depth; i++)
        squares += pow((double)x[i * stride], 2);
    return sqrt(squares);
}

static void contraction_matches(const struct up_kernels *k)
{
    struct random random = {12};
    for (size_t turn = 0; turn < 200; turn++) {
        struct up_contraction c = {.depth = edge_size(random_size(&random, 1, 5), k->lanes),
                                   .width = random_size(&random, 1, 70),
                                   .a_stride = random_size(&random, 1, 3),
                                   .cosine = turn % 2 == 1};
        const bool lines = turn % 3 == 0;
        c.b_depth = lines ? c.width : 1;
        c.b_width = lines ? 1 : c.depth;
        const size_t a_count = (c.depth - 1) * c.a_stride + 1;
        float *a = guarded_random(&random, a_count),
              *b = guarded_random(&random, c.depth * c.width);
        float *y = guarded_new(c.width);
        k->contract(&c, a, b, y);
        for (size_t j = 0; j < c.width; j++) {
            double sum = 0, size = 0;
            for (size_t i = 0; i < c.depth; i++) {
                const double product =
                    (double)a[i * c.a_stride] * (double)b[i * c.b_depth + j * c.b_width];
                sum += product;
                size += fabs(product);
            }
            const double by = c.cosine ? length(a, c.a_stride, c.depth) *
                                             length(b + j * c.b_width, c.b_depth, c.depth)
                                       : 1;
            if (by == 0) {
                cr_assert(y[j] == 0, "%s: with a zero vector it is %g", k->isa, (double)y[j]);
                continue;
            }
            cr_assert(fabs((double)y[j] - sum / by) <= 1e-7 * size / by,
                      "%s: value %zu is %.9g, not %.9g", k->isa, j, (double)y[j], sum / by);
        }
        guarded_free(a, a_count, "a");
        guarded_free(b, c.depth * c.width, "b");
        guarded_free(y, c.width, "y");
    }
}

Test(contract, sums_products_along_any_strides, .timeout = 20)
{
    each_isa(contraction_matches);
}

/* --- copy ----------------------------------------------------------------------------------- */

/* The axes of a dense tensor in another order, some of them repeated instead. */
static struct up_strided strided_pick(struct random *random, size_t *ret_count)
{
    struct up_strided s = {.rank = random_size(random, 0, 5)};
    size_t stride[UP_STRIDED_RANK_MAX], next = 1;
    for (size_t i = 0; i < s.rank; i++) {
        s.dim[i] = random_size(random, 1, 5) + (random_size(random, 0, 9) == 0 ? 20 : 0);
        const size_t other = random_size(random, 0, i);
        stride[i] = stride[other];
        stride[other] = i;
    }
    for (size_t i = 0; i < s.rank; i++) {
        const size_t axis = stride[i]; /* the i-th fastest in memory */
        const bool repeats = random_size(random, 0, 5) == 0;
        s.stride[axis] = repeats ? 0 : next;
        next *= repeats ? 1 : s.dim[axis];
    }
    *ret_count = next;
    return s;
}

static void copy_matches(const struct up_kernels *k)
{
    struct random random = {13};
    for (size_t turn = 0; turn < 300; turn++) {
        size_t in, out = 1;
        const struct up_strided s = strided_pick(&random, &in);
        for (size_t i = 0; i < s.rank; i++)
            out *= s.dim[i];
        float *x = guarded_random(&random, in), *y = guarded_new(out);
        k->copy(&s, x, y);
        for (size_t i = 0; i < out; i++) {
            size_t at = 0, rest = i;
            for (size_t axis = s.rank; axis-- > 0; rest /= s.dim[axis])
                at += rest % s.dim[axis] * s.stride[axis];
            cr_assert(y[i] == x[at], "%s: value %zu of %zu axes is not value %zu", k->isa, i,
                      s.rank, at);
        }
        guarded_free(x, in, "x");
        guarded_free(y, out, "y");
    }
}

Test(copy, makes_any_strided_tensor_dense, .timeout = 20)
{
    each_isa(copy_matches);
}
