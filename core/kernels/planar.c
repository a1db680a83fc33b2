/* DESIGN
 * Lanes run along a line of pixels, weights are broadcast: the matrix kernel the other way round,
 * for few output channels. What a load brings serves all outputs of its tap, so that a sum needs
 * fewer loads than multiplications; accumulators, one line's vectors and a weight fill the
 * registers. */
#include "core/kernels/vec.h"

enum { VECTORS_MAX = 8 };

/* Vectors of a line that registers hold for so many outputs. */
#define VECTORS(outputs)                                                                           \
    ((UP_REGISTERS - 1) / ((outputs) + 1) < VECTORS_MAX ? (UP_REGISTERS - 1) / ((outputs) + 1)     \
                                                        : VECTORS_MAX)

UP_INLINE void put(const struct up_planar *p, size_t i, size_t j, up_vf sum)
{
    float *y = p->y + j * p->y_stride + i;
    if (p->accumulate)
        sum = up_load(y) + sum;
    if (p->bias != NULL)
        sum += up_splat(p->bias[j]);
    up_store(y, sum);
}

/* Pixels from i on; `outputs` and `vectors` are constants. */
UP_INLINE void sums(const struct up_planar *p, size_t i, const size_t outputs, const size_t vectors)
{
    up_vf acc[UP_PLANAR_OUTPUTS_MAX][VECTORS_MAX];
    UP_UNROLL for (size_t j = 0; j < outputs; j++)
    {
        UP_UNROLL for (size_t v = 0; v < vectors; v++) acc[j][v] = up_splat(0);
    }
    const float *x = p->x + i, *channel_w = p->w;
    for (size_t c = 0; c < p->channels; c++, x += p->x_stride, channel_w += p->w_stride) {
        const float *w = channel_w;
        for (const struct up_planar_tap *t = p->tap; t < p->tap + p->taps; t++, w += outputs) {
            up_vf line[VECTORS_MAX];
            UP_UNROLL for (size_t v = 0; v < vectors; v++) line[v] =
                up_load(x + t->offset + v * UP_LANES);
            UP_UNROLL for (size_t j = 0; j < outputs; j++)
            {
                if (t->outputs >> j & 1) {
                    const up_vf weight = up_splat(w[j]);
                    UP_UNROLL for (size_t v = 0; v < vectors; v++) acc[j][v] += weight * line[v];
                }
            }
        }
    }
    UP_UNROLL for (size_t j = 0; j < outputs; j++)
    {
        UP_UNROLL for (size_t v = 0; v < vectors; v++) put(p, i + v * UP_LANES, j, acc[j][v]);
    }
}

UP_INLINE void all(const struct up_planar *p, const size_t outputs)
{
    const size_t most = VECTORS(outputs), half = (most + 1) / 2;
    size_t i = 0;
    for (; i + most * UP_LANES <= p->count; i += most * UP_LANES)
        sums(p, i, outputs, most);
    if (i + half * UP_LANES <= p->count) {
        sums(p, i, outputs, half);
        i += half * UP_LANES;
    }
    for (; i < p->count; i += UP_LANES)
        sums(p, i, outputs, 1);
}

/* Instances above this instruction set's number are the largest again, and never called. */
#define AT_MOST(n) ((n) < UP_PLANAR_OUTPUTS ? (n) : UP_PLANAR_OUTPUTS)

void UP_KERNEL(planar)(const struct up_planar *p)
{
    switch (p->outputs) {
    case 1:
        all(p, AT_MOST(1));
        break;
    case 2:
        all(p, AT_MOST(2));
        break;
    case 3:
        all(p, AT_MOST(3));
        break;
    case 4:
        all(p, AT_MOST(4));
        break;
    case 5:
        all(p, AT_MOST(5));
        break;
    case 6:
        all(p, AT_MOST(6));
        break;
    case 7:
        all(p, AT_MOST(7));
        break;
    case 8:
        all(p, AT_MOST(8));
        break;
    default:
        break;
    }
}
