/* DESIGN
 * Squares of 4 x 4 values are transposed in registers. Where only two or three rows or columns are
 * there, and lie densely (pixels of few channels), whole vectors are moved all the same: what is
 * read too much belongs to the next pixel, and what is written too much the next pixel overwrites.
 * So the last pixels go value by value. Large matrices go in blocks of one cache line each way. */
#include "core/kernels/vec.h"

enum { QUAD = 4, BLOCK = 16 };

typedef float quad __attribute__((vector_size(QUAD * sizeof(float))));

/* Lanes of a, and after them of b. */
#if defined(__clang__)
#define PICK(type, a, b, ...) __builtin_shufflevector(a, b, __VA_ARGS__)
#else
typedef int quad_places __attribute__((vector_size(QUAD * sizeof(int))));
typedef int up_vf_places __attribute__((vector_size(UP_LANES * sizeof(int))));
#define PICK(type, a, b, ...) __builtin_shuffle(a, b, (type##_places){__VA_ARGS__})
#endif

/* Lanes i to i + 1, or more, of both by turns. */
#define TURNS2(i) (i), (i) + UP_LANES, (i) + 1, (i) + 1 + UP_LANES
#define TURNS4(i) TURNS2(i), TURNS2((i) + 2)
#define TURNS8(i) TURNS4(i), TURNS4((i) + 4)
#if UP_LANES == 16
#define TURNS TURNS8
#elif UP_LANES == 8
#define TURNS TURNS4
#else
#define TURNS TURNS2
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
    const quad low = PICK(quad, a, b, 0, 4, 1, 5), low2 = PICK(quad, c, d, 0, 4, 1, 5);
    const quad high = PICK(quad, a, b, 2, 6, 3, 7), high2 = PICK(quad, c, d, 2, 6, 3, 7);
    store(y, PICK(quad, low, low2, 0, 1, 4, 5));
    if (columns > 1)
        store(y + y_stride, PICK(quad, low, low2, 2, 3, 6, 7));
    if (columns > 2)
        store(y + 2 * y_stride, PICK(quad, high, high2, 0, 1, 4, 5));
    if (columns > 3)
        store(y + 3 * y_stride, PICK(quad, high, high2, 2, 3, 6, 7));
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

/* Squares from (row, column) on, at most BLOCK each way, of a matrix that has four of both at
 * least. Where four do not divide them, the last squares overlap. */
static void block(const float *x, size_t x_stride, const size_t size[2], const size_t first[2],
                  float *y, size_t y_stride)
{
    const size_t rows = first[0] + BLOCK < size[0] ? first[0] + BLOCK : size[0];
    const size_t columns = first[1] + BLOCK < size[1] ? first[1] + BLOCK : size[1];
    for (size_t i = first[1]; i < columns; i += QUAD) {
        const size_t c = i + QUAD <= size[1] ? i : size[1] - QUAD;
        for (size_t j = first[0]; j < rows; j += QUAD) {
            const size_t r = j + QUAD <= size[0] ? j : size[0] - QUAD;
            square(x + r * x_stride + c, x_stride, QUAD, QUAD, y + c * y_stride + r, y_stride);
        }
    }
}

/* Two rows to dense pairs, a vector of each at a time. */
static void pair(const float *x, size_t x_stride, size_t pixels, float *y)
{
    size_t p = 0;
    for (; p + UP_LANES <= pixels; p += UP_LANES) {
        const up_vf a = up_load(x + p), b = up_load(x + x_stride + p);
        up_store(y + 2 * p, PICK(up_vf, a, b, TURNS(0)));
        up_store(y + 2 * p + UP_LANES, PICK(up_vf, a, b, TURNS(UP_LANES / 2)));
    }
    values(x + p, x_stride, 2, pixels - p, y + 2 * p, 2);
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
        pair(x, x_stride, columns, y);
    else if (rows == 3 && y_stride == 3)
        join(x, x_stride, 3, columns, y);
    else if (rows < QUAD || columns < QUAD)
        values(x, x_stride, rows, columns, y, y_stride);
    else
        for (size_t r = 0; r < rows; r += BLOCK)
            for (size_t c = 0; c < columns; c += BLOCK)
                block(x, x_stride, (const size_t[]){rows, columns}, (const size_t[]){r, c}, y,
                      y_stride);
}
