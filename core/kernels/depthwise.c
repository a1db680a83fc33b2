/* DESIGN
 * With one output per channel, channels fill the vectors: the sums of a few pixels stay in
 * registers while they go through the taps, and share the weights. With more, the outputs of one
 * channel follow one another and share its input. */
#include "core/kernels/vec.h"

enum { PIXELS = 4, VECTORS = 2 }; /* that are summed together */

/* Channels c .. c + vectors * lanes - 1 of the pixels p .. p + pixels - 1. Inlined where both
 * numbers are constant. */
UP_INLINE void sums(const struct up_depthwise *d, size_t p, size_t pixels, size_t c, size_t vectors)
{
    const size_t from = p * d->x_stride + c;
    up_vf sum[PIXELS][VECTORS] = {{{0}}};
    for (size_t t = 0; t < d->taps; t++) {
        up_vf w[VECTORS];
        UP_UNROLL
        for (size_t v = 0; v < vectors; v++)
            w[v] = up_load(d->w[t] + c + v * UP_LANES);
        const float *x = d->x[t] + from;
        UP_UNROLL
        for (size_t i = 0; i < pixels; i++, x += d->x_stride) {
            UP_UNROLL
            for (size_t v = 0; v < vectors; v++)
                sum[i][v] += up_load(x + v * UP_LANES) * w[v];
        }
    }
    UP_UNROLL
    for (size_t i = 0; i < pixels; i++) {
        UP_UNROLL
        for (size_t v = 0; v < vectors; v++) {
            float *to = d->y + (p + i) * d->channels + c + v * UP_LANES;
            const up_vf all = d->accumulate ? up_load(to) + sum[i][v] : sum[i][v];
            up_store(to, d->bias == NULL ? all : all + up_load(d->bias + c + v * UP_LANES));
        }
    }
}

static void single(const struct up_depthwise *d, size_t p, size_t c)
{
    float sum = 0, *y = d->y + p * d->channels + c;
    for (size_t t = 0; t < d->taps; t++)
        sum += d->x[t][p * d->x_stride + c] * d->w[t][c];
    sum = d->accumulate ? *y + sum : sum;
    *y = d->bias == NULL ? sum : sum + d->bias[c];
}

/* One output for each channel of some pixels from p on. Inlined where their number is constant. */
UP_INLINE void one_each(const struct up_depthwise *d, size_t p, size_t pixels)
{
    size_t c = 0;
    for (; c + VECTORS * UP_LANES <= d->channels; c += VECTORS * UP_LANES)
        sums(d, p, pixels, c, VECTORS);
    for (; c + UP_LANES <= d->channels; c += UP_LANES)
        sums(d, p, pixels, c, 1);
    for (; c < d->channels; c++)
        for (size_t i = 0; i < pixels; i++)
            single(d, p + i, c);
}

static void all_one_each(const struct up_depthwise *d)
{
    size_t p = 0;
    for (; p + PIXELS <= d->pixels; p += PIXELS)
        one_each(d, p, PIXELS);
    for (; p < d->pixels; p++)
        one_each(d, p, 1);
}

static void several_each(const struct up_depthwise *d, size_t p, float *y)
{
    const size_t m = d->multiplier;
    if (!d->accumulate)
        memset(y, 0, d->channels * m * sizeof *y);
    for (size_t c = 0; c < d->channels; c++, y += m)
        for (size_t t = 0; t < d->taps; t++) {
            const float v = d->x[t][p * d->x_stride + c], *w = d->w[t] + c * m;
            for (size_t i = 0; i < m; i++)
                y[i] += v * w[i];
        }
}

void UP_KERNEL(depthwise)(const struct up_depthwise *d)
{
    if (d->multiplier == 1) {
        all_one_each(d);
        return;
    }
    const size_t width = d->channels * d->multiplier;
    float *y = d->y;
    for (size_t p = 0; p < d->pixels; p++, y += width) {
        several_each(d, p, y);
        for (size_t i = 0; d->bias != NULL && i < width; i++)
            y[i] += d->bias[i];
    }
}
