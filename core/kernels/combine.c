/* DESIGN
 * Values of two tensors, one by one and summed. The functions of each operation are apart, so that
 * the compiler makes vectors of the rows; strides of a row are known to be 0 or 1 where it is
 * long, and that choice is made outside the loop too. What layers promise to the bit must not be
 * fused: each operation rounds once. */
#include <math.h>

#include "core/kernels/vec.h"

UP_INLINE float one(enum up_operation operation, float a, float b)
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
        return b > a || b != b ? b : a;
    case UP_MINIMUM:
        return b < a || b != b ? b : a;
    case UP_PRELU:
        return (a < 0 ? 0 : a) + -b * (a > 0 ? 0 : -a);
    }
    return a;
}

UP_INLINE void line(enum up_operation operation, const float *a, size_t a_stride, const float *b,
                    size_t b_stride, size_t count, float *y)
{
    if (a_stride == 1 && b_stride == 1)
        for (size_t i = 0; i < count; i++)
            y[i] = one(operation, a[i], b[i]);
    else if (a_stride == 1 && b_stride == 0)
        for (size_t i = 0; i < count; i++)
            y[i] = one(operation, a[i], b[0]);
    else if (a_stride == 0 && b_stride == 1)
        for (size_t i = 0; i < count; i++)
            y[i] = one(operation, a[0], b[i]);
    else
        for (size_t i = 0; i < count; i++)
            y[i] = one(operation, a[i * a_stride], b[i * b_stride]);
}

UP_INLINE void lines(const struct up_combination *c, enum up_operation operation, const float *a,
                     const float *b, float *y)
{
    if (c->columns == 1) { /* then a row is the long one */
        line(operation, a, c->a_row, b, c->b_row, c->rows, y);
        return;
    }
    for (size_t r = 0; r < c->rows; r++, a += c->a_row, b += c->b_row, y += c->columns)
        line(operation, a, c->a_column, b, c->b_column, c->columns, y);
}

#define CASE(operation)                                                                            \
    case operation:                                                                                \
        lines(c, operation, a, b, y);                                                              \
        break

void UP_KERNEL(combine)(const struct up_combination *c, const float *a, const float *b, float *y)
{
    switch (c->operation) {
        CASE(UP_ADD);
        CASE(UP_SUBTRACT);
        CASE(UP_MULTIPLY);
        CASE(UP_DIVIDE);
        CASE(UP_MAXIMUM);
        CASE(UP_MINIMUM);
        CASE(UP_PRELU);
    }
}

static double scale(double squares)
{
    return fmin(1 / sqrt(squares), 1e7);
}

void UP_KERNEL(contract)(const struct up_contraction *c, const float *a, const float *b, float *y)
{
    enum { BLOCK = 32 };
    double own = 0;
    for (size_t k = 0; c->cosine && k < c->depth; k++)
        own += (double)a[k * c->a_stride] * a[k * c->a_stride];
    for (size_t j0 = 0; j0 < c->width; j0 += BLOCK, b += BLOCK * c->b_width, y += BLOCK) {
        const size_t n = c->width - j0 < BLOCK ? c->width - j0 : BLOCK;
        double sum[BLOCK] = {0}, squares[BLOCK] = {0};
        for (size_t k = 0; k < c->depth; k++) {
            const double v = a[k * c->a_stride];
            const float *row = b + k * c->b_depth;
            for (size_t j = 0; j < n; j++)
                sum[j] += v * row[j * c->b_width];
            for (size_t j = 0; c->cosine && j < n; j++)
                squares[j] += (double)row[j * c->b_width] * row[j * c->b_width];
        }
        for (size_t j = 0; j < n; j++)
            y[j] = (float)(c->cosine ? sum[j] * scale(own) * scale(squares[j]) : sum[j]);
    }
}
