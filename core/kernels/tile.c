/* DESIGN
 * The one matrix kernel. All accumulators of a tile live in registers: rows x vectors, started at
 * zero; what c holds is added at the end, which is more exact than starting from it. Both numbers
 * are constants of each instance, so that the compiler unrolls everything around the k loop. While
 * any accumulator lives no function is called: on NEON that would keep them all in memory.
 * Twelve rows' addresses and what a loop counts with are more than there are registers. Compilers
 * then keep some in vector registers, which they leave by a unit that multiplies on some machines
 * (a tenth of all time on Intel's): so several steps share what is moved.
 * What comes next is asked for early: memory is slower than the multipliers where panels are used
 * for few rows, or sums are short. */
#include "core/kernels/vec.h"

enum {
    LINE = 16,                      /* floats of a cache line */
    STEPS = UP_LANES == 16 ? 4 : 1, /* of k, unrolled */
};

/* The lines of c are written at the end: they have the sum's time to come. */
UP_INLINE void fetch(const struct up_tile *t, const size_t rows, const size_t vectors)
{
    for (size_t r = 0; r < rows; r++)
        for (size_t j = 0; j < vectors * UP_LANES; j += LINE)
            __builtin_prefetch(t->c[r] + t->c_first + (j < t->width ? j : 0), 1);
}

/* Product k of every output; b: its line of the panel. */
UP_INLINE void step(const float *const *a, size_t k, const float *b, const size_t rows,
                    const size_t vectors, up_vf acc[][UP_TILE_VECTORS_MAX])
{
    up_vf line[UP_TILE_VECTORS_MAX];
    UP_UNROLL for (size_t v = 0; v < vectors; v++) line[v] = up_load(b + v * UP_LANES);
    UP_UNROLL for (size_t r = 0; r < rows; r++)
    {
        const up_vf x = up_splat(a[r][k]);
        UP_UNROLL for (size_t v = 0; v < vectors; v++) acc[r][v] += x * line[v];
    }
}

UP_INLINE void sum(const struct up_tile *t, const size_t rows, const size_t vectors,
                   up_vf acc[][UP_TILE_VECTORS_MAX])
{
    const float *b = t->b, *next = t->next;
    for (size_t tap = 0; tap < t->taps; tap++) {
        const float *a[UP_TILE_ROWS_MAX];
        UP_UNROLL for (size_t r = 0; r < rows; r++) a[r] = t->a[tap * t->a_stride + r] + t->a_first;
        size_t k = 0;
        for (; k + STEPS <= t->depth; k += STEPS, b += STEPS * vectors * UP_LANES) {
            if (rows > 1) /* one row alone keeps memory busy itself */
                UP_UNROLL for (size_t i = 0; i < STEPS; i++, next += t->next_step)
                    __builtin_prefetch(next);
            UP_UNROLL for (size_t i = 0; i < STEPS; i++)
                step(a, k + i, b + i * vectors * UP_LANES, rows, vectors, acc);
        }
        for (; k < t->depth; k++, b += vectors * UP_LANES, next += t->next_step) {
            if (rows > 1)
                __builtin_prefetch(next);
            step(a, k, b, rows, vectors, acc);
        }
    }
}

/* `count` values of row r from column j on; `bias` is theirs. */
UP_INLINE void put(const struct up_tile *t, size_t r, size_t j, up_vf sum, up_vf bias,
                   const size_t count)
{
    float *c = t->c[r] + t->c_first + j;
    if (t->accumulate)
        sum = up_load_first(c, count) + sum;
    sum += bias;
    if (t->finish && t->add != NULL)
        sum += up_load_first(t->add[r] + t->c_first + j, count);
    up_store_first(c, sum, count);
}

/* Sums are never -0, and so a bias of 0 changes nothing. Most tiles only write, and all vectors:
 * where sums are short, that is most of their time. */
UP_INLINE void rows_put(const struct up_tile *t, const size_t rows, const size_t vectors,
                        up_vf acc[][UP_TILE_VECTORS_MAX], const up_vf *bias)
{
    const size_t last = (vectors - 1) * UP_LANES;
    if (t->accumulate || (t->finish && t->add != NULL) || t->width <= last) {
        UP_UNROLL for (size_t r = 0; r < rows; r++)
        {
            UP_UNROLL for (size_t v = 0; v < vectors; v++)
            {
                if ((v + 1) * UP_LANES <= t->width)
                    put(t, r, v * UP_LANES, acc[r][v], bias[v], UP_LANES);
                else if (v * UP_LANES < t->width)
                    put(t, r, v * UP_LANES, acc[r][v], bias[v], t->width - v * UP_LANES);
            }
        }
        return;
    }
    UP_UNROLL for (size_t r = 0; r < rows; r++)
    {
        float *c = t->c[r] + t->c_first;
        UP_UNROLL for (size_t v = 0; v + 1 < vectors; v++)
            up_store(c + v * UP_LANES, acc[r][v] + bias[v]);
        up_store_first(c + last, acc[r][vectors - 1] + bias[vectors - 1], t->width - last);
    }
}

/* The rows of a tile that is streamed. */
UP_INLINE void rows_stream(const struct up_tile *t, const size_t rows, const size_t vectors,
                           up_vf acc[][UP_TILE_VECTORS_MAX], const up_vf *bias)
{
    UP_UNROLL for (size_t r = 0; r < rows; r++)
    {
        UP_UNROLL for (size_t v = 0; v < vectors; v++)
        {
            acc[r][v] += bias[v];
            if (t->add != NULL)
                acc[r][v] += up_load(t->add[r] + t->c_first + v * UP_LANES);
        }
    }
    if (t->activation.id == UP_ACT_LINEAR) {
        UP_UNROLL for (size_t r = 0; r < rows; r++)
        {
            UP_UNROLL for (size_t v = 0; v < vectors; v++)
                up_stream(t->c[r] + t->c_first + v * UP_LANES, acc[r][v]);
        }
        return;
    }
    _Alignas(UP_ALIGN_BYTES) float y[UP_TILE_ROWS_MAX][UP_TILE_VECTORS_MAX * UP_LANES];
    UP_UNROLL for (size_t r = 0; r < rows; r++)
    {
        UP_UNROLL for (size_t v = 0; v < vectors; v++) up_store(y[r] + v * UP_LANES, acc[r][v]);
    }
    for (size_t r = 0; r < rows; r++) {
        UP_KERNEL(activate)(&t->activation, y[r], t->width, y[r]);
        UP_KERNEL(stream)(y[r], t->width, t->c[r] + t->c_first);
    }
}

UP_INLINE void tile(const struct up_tile *t, const size_t rows, const size_t vectors)
{
    up_vf acc[UP_TILE_ROWS_MAX][UP_TILE_VECTORS_MAX];
    UP_UNROLL for (size_t r = 0; r < rows; r++)
    {
        UP_UNROLL for (size_t v = 0; v < vectors; v++) acc[r][v] = up_splat(0);
    }
    if (!t->stream)
        fetch(t, rows, vectors);
    sum(t, rows, vectors, acc);
    up_vf bias[UP_TILE_VECTORS_MAX];
    UP_UNROLL for (size_t v = 0; v < vectors; v++)
    {
        const size_t left = t->width > v * UP_LANES ? t->width - v * UP_LANES : 0;
        bias[v] = up_splat(0);
        if (t->finish && t->bias != NULL && left > 0)
            bias[v] = up_load_first(t->bias + v * UP_LANES, left < UP_LANES ? left : UP_LANES);
    }
    if (t->stream) {
        rows_stream(t, rows, vectors, acc, bias);
        return;
    }
    rows_put(t, rows, vectors, acc, bias);
    for (size_t r = 0; r < rows && t->finish && t->activation.id != UP_ACT_LINEAR; r++) {
        float *c = t->c[r] + t->c_first;
        UP_KERNEL(activate)(&t->activation, c, t->width, c);
    }
}

/* Instances that this instruction set has no registers for are its largest again, and never
 * called. */
#define AT_MOST(n, most) ((n) < (most) ? (n) : (most))
#define INSTANCE(vectors, rows)                                                                    \
    static void tile_##vectors##_##rows(const struct up_tile *t)                                   \
    {                                                                                              \
        tile(t, AT_MOST(rows, UP_TILE_ROWS_OF_##vectors), vectors);                                \
    }
#define INSTANCES(vectors)                                                                         \
    INSTANCE(vectors, 1)                                                                           \
    INSTANCE(vectors, 2)                                                                           \
    INSTANCE(vectors, 3)                                                                           \
    INSTANCE(vectors, 4)                                                                           \
    INSTANCE(vectors, 5)                                                                           \
    INSTANCE(vectors, 6)                                                                           \
    INSTANCE(vectors, 7)                                                                           \
    INSTANCE(vectors, 8)                                                                           \
    INSTANCE(vectors, 9)                                                                           \
    INSTANCE(vectors, 10)                                                                          \
    INSTANCE(vectors, 11)                                                                          \
    INSTANCE(vectors, 12)
#define NAMES(vectors)                                                                             \
    {                                                                                              \
        tile_##vectors##_1, tile_##vectors##_2, tile_##vectors##_3, tile_##vectors##_4,            \
            tile_##vectors##_5, tile_##vectors##_6, tile_##vectors##_7, tile_##vectors##_8,        \
            tile_##vectors##_9, tile_##vectors##_10, tile_##vectors##_11, tile_##vectors##_12      \
    }
INSTANCES(1)
INSTANCES(2)
INSTANCES(3)
INSTANCES(4)

void UP_KERNEL(tile)(const struct up_tile *t)
{
    static void (*const instance[UP_TILE_VECTORS_MAX][UP_TILE_ROWS_MAX])(const struct up_tile *) = {
        NAMES(1), NAMES(2), NAMES(3), NAMES(4)};
    const size_t vectors = t->columns == 0 ? UP_TILE_VECTORS : t->columns / UP_LANES;
    instance[vectors - 1][t->rows - 1](t);
}
