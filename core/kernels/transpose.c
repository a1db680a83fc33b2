/* DESIGN
 * Dense pixels of few channels have ways of their own (pixels.c). Else squares of 4 x 4 values are
 * transposed in registers, as many at once as a vector has quads. Of two or three rows or columns
 * that lie densely, whole quads are moved all the same: what is read too much belongs to the next
 * pixel, and what is written too much the next pixel overwrites. So the last pixels go value by
 * value.
 *
 * Large matrices go in squares of a vector each way, of which every line is read once and written
 * once: where rows or columns are a power of two apart, as those of images mostly are, no more
 * lines than a few of them find a place in the nearest cache. For the same reason squares follow
 * each other along the lines that are farther apart. Such squares go around the cache where a
 * vector is a whole cache line. */
#include "core/kernels/squares.h"

enum { BLOCK = 16 };

/* The first `rows` rows of four values each, the first `columns` of these; both are constants, and
 * full vectors are read and written. */
UP_INLINE void square(const float *x, size_t x_stride, const size_t rows, const size_t columns,
                      float *y, size_t y_stride)
{
    const up_quad a = up_quad_load(x), b = rows > 1 ? up_quad_load(x + x_stride) : a;
    const up_quad c = rows > 2 ? up_quad_load(x + 2 * x_stride) : a,
                  d = rows > 3 ? up_quad_load(x + 3 * x_stride) : b;
    const up_quad low = UP_PICK(up_quad, a, b, 0, 4, 1, 5),
                  low2 = UP_PICK(up_quad, c, d, 0, 4, 1, 5);
    const up_quad high = UP_PICK(up_quad, a, b, 2, 6, 3, 7),
                  high2 = UP_PICK(up_quad, c, d, 2, 6, 3, 7);
    up_quad_store(y, UP_PICK(up_quad, low, low2, 0, 1, 4, 5));
    if (columns > 1)
        up_quad_store(y + y_stride, UP_PICK(up_quad, low, low2, 2, 3, 6, 7));
    if (columns > 2)
        up_quad_store(y + 2 * y_stride, UP_PICK(up_quad, high, high2, 0, 1, 4, 5));
    if (columns > 3)
        up_quad_store(y + 3 * y_stride, UP_PICK(up_quad, high, high2, 2, 3, 6, 7));
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
    for (; p + UP_QUAD + 1 < pixels; p += UP_QUAD)
        square(x + p * columns, columns, UP_QUAD, columns, y + p, y_stride);
    values(x + p * columns, columns, pixels - p, columns, y + p, y_stride);
}

/* `rows` rows of x, a constant, to dense pixels. */
UP_INLINE void join(const float *x, size_t x_stride, const size_t rows, size_t pixels, float *y)
{
    size_t p = 0;
    for (; p + UP_QUAD < pixels; p += UP_QUAD)
        square(x + p, x_stride, rows, UP_QUAD, y + p * rows, rows);
    values(x + p, x_stride, rows, pixels - p, y + p * rows, rows);
}

/* --- Strips of squares ---------------------------------------------------------------------- */

/* Four pixels' quads that lie `step` apart, or the first of them, as a vector. */
UP_INLINE up_vf quads_load(const float *p, size_t step)
{
#if UP_LANES == 16
    typedef float half __attribute__((vector_size(8 * sizeof(float))));
    const half a =
        __builtin_shufflevector(up_quad_load(p), up_quad_load(p + step), 0, 1, 2, 3, 4, 5, 6, 7);
    const half b = __builtin_shufflevector(up_quad_load(p + 2 * step), up_quad_load(p + 3 * step),
                                           0, 1, 2, 3, 4, 5, 6, 7);
    return __builtin_shufflevector(a, b, 0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13, 14, 15);
#elif UP_LANES == 8
    return __builtin_shufflevector(up_quad_load(p), up_quad_load(p + step), 0, 1, 2, 3, 4, 5, 6, 7);
#else
    (void)step;
    return up_quad_load(p);
#endif
}

UP_INLINE void quads_store(float *p, size_t step, up_vf v)
{
#if UP_LANES == 4
    (void)step;
    up_quad_store(p, v);
#else
    up_quad_store(p, __builtin_shufflevector(v, v, UP_QUAD_OF(0)));
    up_quad_store(p + step, __builtin_shufflevector(v, v, UP_QUAD_OF(1)));
#if UP_LANES == 16
    up_quad_store(p + 2 * step, __builtin_shufflevector(v, v, UP_QUAD_OF(2)));
    up_quad_store(p + 3 * step, __builtin_shufflevector(v, v, UP_QUAD_OF(3)));
#endif
#endif
}

/* Four rows, a vector of each. */
UP_INLINE void wide(const float *x, size_t x_stride, float *y, size_t y_stride)
{
    up_vf v[UP_QUAD];
    for (size_t i = 0; i < UP_QUAD; i++)
        v[i] = up_load(x + i * x_stride);
    up_squares_turn(v);
    for (size_t i = 0; i < UP_QUAD; i++)
        quads_store(y + i * y_stride, UP_QUAD * y_stride, v[i]);
}

/* Four columns, a vector of each. */
UP_INLINE void tall(const float *x, size_t x_stride, float *y, size_t y_stride)
{
    up_vf v[UP_QUAD];
    for (size_t i = 0; i < UP_QUAD; i++)
        v[i] = quads_load(x + i * x_stride, UP_QUAD * x_stride);
    up_squares_turn(v);
    for (size_t i = 0; i < UP_QUAD; i++)
        up_store(y + i * y_stride, v[i]);
}

#if UP_LANES > 4 /* else a square is whole */

UP_INLINE void put(float *y, up_vf v, bool stream)
{
    if (stream)
        up_stream(y, v);
    else
        up_store(y, v);
}

/* As many rows as columns. */
UP_INLINE void whole(const float *x, size_t x_stride, float *y, size_t y_stride, bool stream)
{
    up_vf v[UP_LANES];
    UP_UNROLL
    for (size_t i = 0; i < UP_LANES; i++)
        v[i] = up_load(x + i * x_stride);
    up_vectors_turn(v);
    UP_UNROLL
    for (size_t i = 0; i < UP_LANES; i++)
        put(y + i * y_stride, v[i], stream);
}

#endif

/* A matrix that goes in strips of squares. */
struct matrix {
    const float *x;
    float *y;
    size_t x_stride, y_stride, size[2];
    bool stream;
};

/* Strips of `shape` from (row, column) on, at most BLOCK each way, of a matrix that is no smaller
 * than one. Where they do not divide it, the last ones overlap. */
UP_INLINE void block(const struct matrix *m, const size_t first[2], const size_t shape[2])
{
    const size_t rows = first[0] + BLOCK < m->size[0] ? first[0] + BLOCK : m->size[0];
    const size_t columns = first[1] + BLOCK < m->size[1] ? first[1] + BLOCK : m->size[1];
    for (size_t i = first[1]; i < columns; i += shape[1]) {
        const size_t c = i + shape[1] <= m->size[1] ? i : m->size[1] - shape[1];
        for (size_t j = first[0]; j < rows; j += shape[0]) {
            const size_t r = j + shape[0] <= m->size[0] ? j : m->size[0] - shape[0];
            const float *from = m->x + r * m->x_stride + c;
            float *to = m->y + c * m->y_stride + r;
            if (shape[0] == UP_QUAD && shape[1] == UP_QUAD)
                square(from, m->x_stride, UP_QUAD, UP_QUAD, to, m->y_stride);
#if UP_LANES > 4
            else if (shape[0] == shape[1])
                whole(from, m->x_stride, to, m->y_stride, m->stream);
#endif
            else if (shape[1] > UP_QUAD)
                wide(from, m->x_stride, to, m->y_stride);
            else
                tall(from, m->x_stride, to, m->y_stride);
        }
    }
}

/* `height` and `width` are constants. */
UP_INLINE void blocks(const struct matrix *given, const size_t height, const size_t width)
{
    const struct matrix m = *given; /* which no store to y may change */
    const bool down = m.y_stride > m.x_stride;
    const size_t outer = m.size[down], inner = m.size[!down];
    for (size_t i = 0; i < outer; i += BLOCK)
        for (size_t j = 0; j < inner; j += BLOCK)
            block(&m, (const size_t[]){down ? j : i, down ? i : j},
                  (const size_t[]){height, width});
}

static void strips(const struct matrix *m)
{
    const bool high = m->size[0] >= UP_LANES, broad = m->size[1] >= UP_LANES;
    if (high && broad)
        blocks(m, UP_LANES, UP_LANES);
    else if (broad)
        blocks(m, UP_QUAD, UP_LANES);
    else if (high)
        blocks(m, UP_LANES, UP_QUAD);
    else
        blocks(m, UP_QUAD, UP_QUAD);
}

/* What is left of pixels, and all else. */
static void rest(const float *x, size_t x_stride, size_t rows, size_t columns, float *y,
                 size_t y_stride)
{
    if (columns == 2 && x_stride == 2)
        split(x, rows, 2, y, y_stride);
    else if (columns == 3 && x_stride == 3)
        split(x, rows, 3, y, y_stride);
    else if (rows == 2 && y_stride == 2)
        join(x, x_stride, 2, columns, y);
    else if (rows == 3 && y_stride == 3)
        join(x, x_stride, 3, columns, y);
    else if (rows < UP_QUAD || columns < UP_QUAD)
        values(x, x_stride, rows, columns, y, y_stride);
    else
        strips(&(const struct matrix){x, y, x_stride, y_stride, {rows, columns}, false});
}

void UP_KERNEL(transpose)(const float *x, size_t x_stride, size_t rows, size_t columns, float *y,
                          size_t y_stride)
{
    if (rows == 1 && y_stride == 1)
        memcpy(y, x, columns * sizeof *y);
    else if (columns == 1 && x_stride == 1)
        memcpy(y, x, rows * sizeof *y);
    else if (y_stride == rows && rows < UP_LANES) {
        const size_t done = UP_KERNEL(pixels_join)(x, x_stride, rows, columns, y);
        rest(x + done, x_stride, rows, columns - done, y + done * rows, y_stride);
    } else if (x_stride == columns && columns < UP_LANES) {
        const size_t done = UP_KERNEL(pixels_split)(x, columns, rows, y, y_stride);
        rest(x + done * columns, x_stride, rows - done, columns, y + done, y_stride);
    } else {
        rest(x, x_stride, rows, columns, y, y_stride);
    }
}

void UP_KERNEL(transpose_stream)(const float *x, size_t x_stride, size_t rows, size_t columns,
                                 float *y, size_t y_stride)
{
    const bool lines = rows % UP_LINE_FLOATS == 0 && y_stride % UP_LINE_FLOATS == 0 &&
                       columns >= UP_LANES && up_line_rest(y) == 0;
    if (UP_LANES == UP_LINE_FLOATS && lines)
        strips(&(const struct matrix){x, y, x_stride, y_stride, {rows, columns}, true});
    else
        UP_KERNEL(transpose)(x, x_stride, rows, columns, y, y_stride);
}
