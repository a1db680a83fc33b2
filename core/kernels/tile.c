/* DESIGN
 * The one matrix kernel. All accumulators of a tile live in registers, started at zero; what c
 * holds is added at the end, which is more exact than starting from it. The number of rows is a
 * constant of each instance, so that the compiler unrolls everything around the k loop. What comes
 * next is asked for early: memory is slower than the multipliers where panels are used for few
 * rows, or sums are short. */
#include "core/kernels/vec.h"

enum { LINE = 16 }; /* floats of a cache line */

/* The lines of c are written at the end: they have the sum's time to come. */
UP_INLINE void fetch(const struct up_tile *t, const size_t rows)
{
    for (size_t r = 0; r < rows; r++)
        for (size_t j = 0; j < UP_TILE_COLUMNS; j += LINE)
            __builtin_prefetch(t->c[r] + t->c_first + (j < t->width ? j : 0), 1);
}

UP_INLINE void sum(const struct up_tile *t, const size_t rows, up_vf acc[][UP_TILE_VECTORS])
{
    const float *b = t->b, *next = t->next;
    for (size_t tap = 0; tap < t->taps; tap++) {
        const float *a[UP_TILE_ROWS_MAX];
        UP_UNROLL for (size_t r = 0; r < rows; r++) a[r] = t->a[tap * t->a_stride + r] + t->a_first;
        for (size_t k = 0; k < t->depth; k++, b += UP_TILE_COLUMNS, next += t->next_step) {
            if (rows > 1) /* one row alone keeps memory busy itself */
                __builtin_prefetch(next);
            up_vf line[UP_TILE_VECTORS];
            UP_UNROLL for (size_t v = 0; v < UP_TILE_VECTORS; v++) line[v] =
                up_load(b + v * UP_LANES);
            UP_UNROLL for (size_t r = 0; r < rows; r++)
            {
                const up_vf x = up_splat(a[r][k]);
                UP_UNROLL for (size_t v = 0; v < UP_TILE_VECTORS; v++) acc[r][v] += x * line[v];
            }
        }
    }
}

/* One row of the result; a partial one goes through a buffer, so that nothing past it is touched.
 */
UP_INLINE void put(const struct up_tile *t, const up_vf acc[UP_TILE_VECTORS], float *c)
{
    if (t->width == UP_TILE_COLUMNS) {
        for (int v = 0; v < UP_TILE_VECTORS; v++) {
            float *to = c + v * UP_LANES;
            up_store(to, t->accumulate ? up_load(to) + acc[v] : acc[v]);
        }
        return;
    }
    float buffer[UP_TILE_COLUMNS];
    for (int v = 0; v < UP_TILE_VECTORS; v++)
        up_store(buffer + v * UP_LANES, acc[v]);
    for (size_t j = 0; j < t->width; j++)
        c[j] = t->accumulate ? c[j] + buffer[j] : buffer[j];
}

static void finish(const struct up_tile *t, size_t row)
{
    float *c = t->c[row] + t->c_first;
    if (t->bias != NULL)
        for (size_t j = 0; j < t->width; j++)
            c[j] += t->bias[j];
    if (t->add != NULL)
        for (size_t j = 0; j < t->width; j++)
            c[j] += t->add[row][t->c_first + j];
    if (t->activation.id != UP_ACT_LINEAR)
        UP_KERNEL(activate)(&t->activation, c, t->width, c);
}

UP_INLINE void tile(const struct up_tile *t, const size_t rows)
{
    up_vf acc[UP_TILE_ROWS_MAX][UP_TILE_VECTORS];
    UP_UNROLL for (size_t r = 0; r < rows; r++)
    {
        UP_UNROLL for (size_t v = 0; v < UP_TILE_VECTORS; v++) acc[r][v] = up_splat(0);
    }
    fetch(t, rows);
    sum(t, rows, acc);
    UP_UNROLL for (size_t r = 0; r < rows; r++)
    {
        put(t, acc[r], t->c[r] + t->c_first);
        if (t->finish)
            finish(t, r);
    }
}

/* Instances above this instruction set's tile are the largest again, and never called. */
#define AT_MOST(n) ((n) < UP_TILE_ROWS ? (n) : UP_TILE_ROWS)

void UP_KERNEL(tile)(const struct up_tile *t)
{
    switch (t->rows) {
    case 1:
        tile(t, AT_MOST(1));
        break;
    case 2:
        tile(t, AT_MOST(2));
        break;
    case 3:
        tile(t, AT_MOST(3));
        break;
    case 4:
        tile(t, AT_MOST(4));
        break;
    case 5:
        tile(t, AT_MOST(5));
        break;
    case 6:
        tile(t, AT_MOST(6));
        break;
    case 7:
        tile(t, AT_MOST(7));
        break;
    case 8:
        tile(t, AT_MOST(8));
        break;
    case 9:
        tile(t, AT_MOST(9));
        break;
    case 10:
        tile(t, AT_MOST(10));
        break;
    case 11:
        tile(t, AT_MOST(11));
        break;
    case 12:
        tile(t, AT_MOST(12));
        break;
    default:
        break;
    }
}
