/* DESIGN
 * Squares of 4 x 4 values are transposed in registers, as many at once as a vector has quads. Where
 * only two or three rows or columns are there, and lie densely (pixels of few channels), whole
 * vectors are moved all the same: what is read too much belongs to the next pixel, and what is
 * written too much the next pixel overwrites. So the last pixels go value by value.
 *
 * Large matrices go in squares of a vector each way, of which every line is read once and written
 * once: where rows or columns are a power of two apart, as those of images mostly are, no more
 * lines than a few of them find a place in the nearest cache. For the same reason squares follow
 * each other along the lines that are farther apart. Such squares go around the cache where a
 * vector is a whole cache line. */
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

/* In each quad of both alike, lanes by the names of LOW to LAST. */
#define LOW(i)   (i), (i) + UP_LANES, (i) + 1, (i) + 1 + UP_LANES
#define HIGH(i)  LOW((i) + 2)
#define FIRST(i) (i), (i) + 1, (i) + UP_LANES, (i) + 1 + UP_LANES
#define LAST(i)  FIRST((i) + 2)
#if UP_LANES == 16
#define EACH_QUAD(a, b, lanes) PICK(up_vf, a, b, lanes(0), lanes(4), lanes(8), lanes(12))
#elif UP_LANES == 8
#define EACH_QUAD(a, b, lanes) PICK(up_vf, a, b, lanes(0), lanes(4))
#else
#define EACH_QUAD(a, b, lanes) PICK(up_vf, a, b, lanes(0))
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

/* --- Strips of squares ---------------------------------------------------------------------- */

/* The lanes of quad i of a vector, as __builtin_shufflevector names them. */
#define QUAD_OF(i) 4 * (i), 4 * (i) + 1, 4 * (i) + 2, 4 * (i) + 3

/* Four pixels' quads that lie `step` apart, or the first of them, as a vector. */
UP_INLINE up_vf quads_load(const float *p, size_t step)
{
#if UP_LANES == 16
    typedef float half __attribute__((vector_size(8 * sizeof(float))));
    const half a = __builtin_shufflevector(load(p), load(p + step), 0, 1, 2, 3, 4, 5, 6, 7);
    const half b =
        __builtin_shufflevector(load(p + 2 * step), load(p + 3 * step), 0, 1, 2, 3, 4, 5, 6, 7);
    return __builtin_shufflevector(a, b, 0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13, 14, 15);
#elif UP_LANES == 8
    return __builtin_shufflevector(load(p), load(p + step), 0, 1, 2, 3, 4, 5, 6, 7);
#else
    (void)step;
    return load(p);
#endif
}

UP_INLINE void quads_store(float *p, size_t step, up_vf v)
{
#if UP_LANES == 4
    (void)step;
    store(p, v);
#else
    store(p, __builtin_shufflevector(v, v, QUAD_OF(0)));
    store(p + step, __builtin_shufflevector(v, v, QUAD_OF(1)));
#if UP_LANES == 16
    store(p + 2 * step, __builtin_shufflevector(v, v, QUAD_OF(2)));
    store(p + 3 * step, __builtin_shufflevector(v, v, QUAD_OF(3)));
#endif
#endif
}

/* Quad i of all four as a square, transposed. */
UP_INLINE void squares_turn(up_vf v[QUAD])
{
    const up_vf low = EACH_QUAD(v[0], v[1], LOW), low2 = EACH_QUAD(v[2], v[3], LOW);
    const up_vf high = EACH_QUAD(v[0], v[1], HIGH), high2 = EACH_QUAD(v[2], v[3], HIGH);
    v[0] = EACH_QUAD(low, low2, FIRST);
    v[1] = EACH_QUAD(low, low2, LAST);
    v[2] = EACH_QUAD(high, high2, FIRST);
    v[3] = EACH_QUAD(high, high2, LAST);
}

/* Four rows, a vector of each. */
UP_INLINE void wide(const float *x, size_t x_stride, float *y, size_t y_stride)
{
    up_vf v[QUAD];
    for (size_t i = 0; i < QUAD; i++)
        v[i] = up_load(x + i * x_stride);
    squares_turn(v);
    for (size_t i = 0; i < QUAD; i++)
        quads_store(y + i * y_stride, QUAD * y_stride, v[i]);
}

/* Four columns, a vector of each. */
UP_INLINE void tall(const float *x, size_t x_stride, float *y, size_t y_stride)
{
    up_vf v[QUAD];
    for (size_t i = 0; i < QUAD; i++)
        v[i] = quads_load(x + i * x_stride, QUAD * x_stride);
    squares_turn(v);
    for (size_t i = 0; i < QUAD; i++)
        up_store(y + i * y_stride, v[i]);
}

#if UP_LANES > 4 /* else a square is whole */

/* Every second quad of a, and after them of b. */
#if UP_LANES == 16
#define EVEN_QUADS(a, b)                                                                           \
    __builtin_shufflevector(a, b, QUAD_OF(0), QUAD_OF(2), QUAD_OF(4), QUAD_OF(6))
#define ODD_QUADS(a, b)                                                                            \
    __builtin_shufflevector(a, b, QUAD_OF(1), QUAD_OF(3), QUAD_OF(5), QUAD_OF(7))
#else
#define EVEN_QUADS(a, b) __builtin_shufflevector(a, b, QUAD_OF(0), QUAD_OF(2))
#define ODD_QUADS(a, b)  __builtin_shufflevector(a, b, QUAD_OF(1), QUAD_OF(3))
#endif

UP_INLINE void put(float *y, up_vf v, bool stream)
{
    if (stream)
        up_stream(y, v);
    else
        up_store(y, v);
}

/* As many rows as columns: the squares are transposed, and then their places. */
UP_INLINE void whole(const float *x, size_t x_stride, float *y, size_t y_stride, bool stream)
{
    up_vf v[UP_LANES];
    UP_UNROLL
    for (size_t i = 0; i < UP_LANES; i++)
        v[i] = up_load(x + i * x_stride);
    UP_UNROLL
    for (size_t i = 0; i < UP_LANES; i += QUAD)
        squares_turn(v + i);
    UP_UNROLL
    for (size_t i = 0; i < QUAD; i++) {
        const up_vf even = EVEN_QUADS(v[i], v[i + QUAD]), odd = ODD_QUADS(v[i], v[i + QUAD]);
#if UP_LANES == 16
        const up_vf *next = v + i + 2 * QUAD;
        const up_vf even2 = EVEN_QUADS(next[0], next[QUAD]), odd2 = ODD_QUADS(next[0], next[QUAD]);
        put(y + i * y_stride, EVEN_QUADS(even, even2), stream);
        put(y + (i + QUAD) * y_stride, EVEN_QUADS(odd, odd2), stream);
        put(y + (i + 2 * QUAD) * y_stride, ODD_QUADS(even, even2), stream);
        put(y + (i + 3 * QUAD) * y_stride, ODD_QUADS(odd, odd2), stream);
#else
        put(y + i * y_stride, even, stream);
        put(y + (i + QUAD) * y_stride, odd, stream);
#endif
    }
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
            if (shape[0] == QUAD && shape[1] == QUAD)
                square(from, m->x_stride, QUAD, QUAD, to, m->y_stride);
#if UP_LANES > 4
            else if (shape[0] == shape[1])
                whole(from, m->x_stride, to, m->y_stride, m->stream);
#endif
            else if (shape[1] > QUAD)
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
        blocks(m, QUAD, UP_LANES);
    else if (high)
        blocks(m, UP_LANES, QUAD);
    else
        blocks(m, QUAD, QUAD);
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
        strips(&(const struct matrix){x, y, x_stride, y_stride, {rows, columns}, false});
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
