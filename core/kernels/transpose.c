/* DESIGN
 * Squares of 4 x 4 values are transposed in registers. Where only two or three rows or columns are
 * there, and lie densely (pixels of few channels), whole vectors are moved all the same: what is
 * read too much belongs to the next pixel, and what is written too much the next pixel overwrites.
 * So the last pixels go value by value. Large matrices go in blocks of one cache line each way. */
#include "core/kernels/vec.h"

enum { QUAD = 4, BLOCK = 16 };

typedef float quad __attribute__((vector_size(QUAD * sizeof(float))));
typedef int quad_places __attribute__((vector_size(QUAD * sizeof(int))));

#if defined(__clang__)
#define PICK(a, b, ...) __builtin_shufflevector(a, b, __VA_ARGS__)
#else
#define PICK(a, b, ...) __builtin_shuffle(a, b, (quad_places){__VA_ARGS__})
#endif

UP_INLINE quad load(const float *p)
{
    quad q;
    memcpy(&q, p, sizeof q);
    return q;
}

UP_INLINE void store(float *p, quad q)
{
    memcpy(p, &q, sizeof q);
}

/* The first `rows` rows of four values each, the first `columns` of these; both are constants, and
 * full vectors are read and written. */
UP_INLINE void square(const float *x, size_t x_stride, const size_t rows, const size_t columns,
                      float *y, size_t y_stride)
{
    const quad a = load(x), b = rows > 1 ? load(x + x_stride) : a;
    const quad c = rows > 2 ? load(x + 2 * x_stride) : a, d = rows > 3 ? load(x + 3 * x_stride) : b;
    const quad low = PICK(a, b, 0, 4, 1, 5), low2 = PICK(c, d, 0, 4, 1, 5);
    const quad high = PICK(a, b, 2, 6, 3, 7), high2 = PICK(c, d, 2, 6, 3, 7);
    if (rows == 2 && y_stride == 2) {
        store(y, low);
        store(y + QUAD, high);
        return;
    }
    store(y, PICK(low, low2, 0, 1, 4, 5));
    if (columns > 1)
        store(y + y_stride, PICK(low, low2, 2, 3, 6, 7));
    if (columns > 2)
        store(y + 2 * y_stride, PICK(high, high2, 0, 1, 4, 5));
    if (columns > 3)
        store(y + 3 * y_stride, PICK(high, high2, 2, 3, 6, 7));
}

static void values(const float *x, size_t x_stride, size_t rows, size_t columns, float *y,
                   size_t y_stride)
{
    for (size_t r = 0; r < rows; r++)
        for (size_t c = 0; c < columns; c++)
            y[c * y_stride + r] = x[r * x_stride + c];
}

/* Dense pixels of `columns` channels, a constant, each channel to a row of y. */
UP_INLINE void split(const float *x, size_t pixels, const size_t columns, float *y, size_t y_stride)
{
    size_t p = 0;
    for (; p + QUAD + 1 < pixels; p += QUAD)
        square(x + p * columns, columns, QUAD, columns, y + p, y_stride);
    values(x + p * columns, columns, pixels - p, columns, y + p, y_stride);
}

/* `rows` rows of x, a constant, to dense pixels. */
UP_INLINE void join(const float *x, size_t x_stride, const size_t rows, size_t pixels, float *y)
{
    size_t p = 0;
    for (; p + QUAD < pixels; p += QUAD)
        square(x + p, x_stride, rows, QUAD, y + p * rows, rows);
    values(x + p, x_stride, rows, pixels - p, y + p * rows, rows);
}

/* At most BLOCK each way. */
static void block(const float *x, size_t x_stride, size_t rows, size_t columns, float *y,
                  size_t y_stride)
{
    const size_t whole = rows / QUAD * QUAD;
    size_t c = 0;
    for (; c + QUAD <= columns; c += QUAD)
        for (size_t r = 0; r < whole; r += QUAD)
            square(x + r * x_stride + c, x_stride, QUAD, QUAD, y + c * y_stride + r, y_stride);
    values(x + c, x_stride, whole, columns - c, y + c * y_stride, y_stride);
    values(x + whole * x_stride, x_stride, rows - whole, columns, y + whole, y_stride);
}

void UP_KERNEL(transpose)(const float *x, size_t x_stride, size_t rows, size_t columns, float *y,
                          size_t y_stride)
{
    if (rows == 1 && y_stride == 1)
        memcpy(y, x, columns * sizeof *y);
    else if (columns == 1 && x_stride == 1)
        memcpy(y, x, rows * sizeof *y);
    else if (columns == 2 && x_stride == 2)
        split(x, rows, 2, y, y_stride);
    else if (columns == 3 && x_stride == 3)
        split(x, rows, 3, y, y_stride);
    else if (rows == 2 && y_stride == 2)
        join(x, x_stride, 2, columns, y);
    else if (rows == 3 && y_stride == 3)
        join(x, x_stride, 3, columns, y);
    else
        for (size_t r = 0; r < rows; r += BLOCK)
            for (size_t c = 0; c < columns; c += BLOCK)
                block(x + r * x_stride + c, x_stride, rows - r < BLOCK ? rows - r : BLOCK,
                      columns - c < BLOCK ? columns - c : BLOCK, y + c * y_stride + r, y_stride);
}
