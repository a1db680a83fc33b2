/* DESIGN
 * Sums for few output channels, where a panel of the matrix kernel would be mostly zeros. Lanes run
 * along the input channels instead; what is left of them is summed four at a time, the last with
 * zeros beside both factors, so that nothing past the end is read. Every lane sums alone and all
 * are added at the end: the more lanes, the smaller the error. */
#include "core/kernels/vec.h"

enum { QUAD = 4, ROWS_MAX = 8 };

typedef float quad __attribute__((vector_size(QUAD * sizeof(float))));

UP_INLINE quad quad_load(const float *p, size_t count)
{
    quad q = {p[0]};
    if (count >= QUAD)
        memcpy(&q, p, sizeof q);
    else
        for (size_t i = 1; i < count; i++)
            q[i] = p[i];
    return q;
}

UP_INLINE quad folded(up_vf v)
{
    float lane[UP_LANES];
    quad q = {0};
    up_store(lane, v);
    for (int i = 0; i < UP_LANES; i += QUAD)
        q += quad_load(lane + i, QUAD);
    return q;
}

UP_INLINE void put(const struct up_tile *t, quad q, size_t r, size_t j)
{
    float *c = t->c[r] + t->c_first;
    float sum = (q[0] + q[2]) + (q[1] + q[3]);
    if (t->accumulate)
        sum += c[j];
    if (t->finish && t->bias != NULL)
        sum += t->bias[j];
    if (t->finish && t->add != NULL)
        sum += t->add[r][t->c_first + j];
    c[j] = sum;
}

/* Rows first .. first + rows - 1; `rows` and `width` are constants. */
UP_INLINE void sums(const struct up_tile *t, size_t first, const size_t rows, const size_t width)
{
    up_vf acc[ROWS_MAX][UP_FEW_COLUMNS] = {{{0}}};
    quad tail[ROWS_MAX][UP_FEW_COLUMNS] = {{{0}}};
    for (size_t tap = 0; tap < t->taps; tap++) {
        const float *const *a = t->a + tap * t->a_stride + first;
        const float *b = t->b + tap * width * t->b_stride;
        size_t k = 0;
        for (; k + UP_LANES <= t->depth; k += UP_LANES)
            UP_UNROLL for (size_t r = 0; r < rows; r++)
            {
                const up_vf x = up_load(a[r] + t->a_first + k);
                UP_UNROLL for (size_t j = 0; j < width; j++) acc[r][j] +=
                    x * up_load(b + j * t->b_stride + k);
            }
        for (; k < t->depth; k += QUAD)
            UP_UNROLL for (size_t r = 0; r < rows; r++)
            {
                const quad x = quad_load(a[r] + t->a_first + k, t->depth - k);
                UP_UNROLL for (size_t j = 0; j < width; j++) tail[r][j] +=
                    x * quad_load(b + j * t->b_stride + k, t->depth - k);
            }
    }
    UP_UNROLL for (size_t r = 0; r < rows; r++)
    {
        UP_UNROLL for (size_t j = 0; j < width; j++)
            put(t, t->depth < UP_LANES ? tail[r][j] : tail[r][j] + folded(acc[r][j]), first + r, j);
        if (t->finish && t->activation.id != UP_ACT_LINEAR) {
            float *c = t->c[first + r] + t->c_first;
            UP_KERNEL(activate)(&t->activation, c, width, c);
        }
    }
}

UP_INLINE void all(const struct up_tile *t, const size_t rows, const size_t width)
{
    size_t r = 0;
    for (; r + rows <= t->rows; r += rows)
        sums(t, r, rows, width);
    for (; r < t->rows; r++)
        sums(t, r, 1, width);
}

#define INSTANCE(width, rows)                                                                      \
    static void few_##width(const struct up_tile *t)                                               \
    {                                                                                              \
        all(t, rows, width);                                                                       \
    }
INSTANCE(1, 8)
INSTANCE(2, 6)
INSTANCE(3, 4)
INSTANCE(4, 3)
INSTANCE(5, 4)
INSTANCE(6, 4)
INSTANCE(7, 3)
INSTANCE(8, 3)

/* As many rows as leave registers for one of them and one of b, where there are 32. */
void UP_KERNEL(few)(const struct up_tile *t)
{
    static void (*const instance[UP_FEW_COLUMNS])(const struct up_tile *) = {
        few_1, few_2, few_3, few_4, few_5, few_6, few_7, few_8};
    instance[t->width - 1](t);
}
