/* DESIGN
 * With one output per channel, channels fill the vectors: the sums of a few pixels stay in
 * registers while they go through the taps, and share the weights. With more, the outputs of one
 * channel follow one another and share its input. */
#include "core/kernels/vec.h"

enum { PIXELS = 4, VECTORS = 2 }; /* that are summed together */

/* Channels c .. c + vectors * lanes - 1 of some pixels. Inlined where both numbers are constant. */
UP_INLINE void sums(const struct up_depthwise *d, const float *const *x, size_t pixels,
                    size_t vectors, size_t c, float *y)
{
    up_vf sum[PIXELS][VECTORS] = {{{0}}};
    for (size_t t = 0; t < d->taps; t++) {
        UP_UNROLL
        for (size_t v = 0; v < vectors; v++) {
            const size_t at = c + v * UP_LANES;
            const up_vf w = up_load(d->w + t * d->w_stride + at);
            UP_UNROLL
            for (size_t p = 0; p < pixels; p++)
                sum[p][v] += up_load(x[p * d->taps + t] + d->first + at) * w;
        }
    }
    UP_UNROLL
    for (size_t p = 0; p < pixels; p++) {
        UP_UNROLL
        for (size_t v = 0; v < vectors; v++) {
            float *to = y + p * d->channels + c + v * UP_LANES;
            const up_vf all = d->accumulate ? up_load(to) + sum[p][v] : sum[p][v];
            up_store(to, d->bias == NULL ? all : all + up_load(d->bias + c + v * UP_LANES));
        }
    }
}

static void single(const struct up_depthwise *d, const float *const *x, size_t c, float *y)
{
    float sum = 0;
    for (size_t t = 0; t < d->taps; t++)
        sum += x[t][d->first + c] * d->w[t * d->w_stride + c];
    sum = d->accumulate ? *y + sum : sum;
    *y = d->bias == NULL ? sum : sum + d->bias[c];
}

/* One output for each channel of some pixels. Inlined where their number is constant. */
UP_INLINE void one_each(const struct up_depthwise *d, const float *const *x, size_t pixels,
                        float *y)
{
    size_t c = 0;
    for (; c + VECTORS * UP_LANES <= d->channels; c += VECTORS * UP_LANES)
        sums(d, x, pixels, VECTORS, c, y);
    for (; c + UP_LANES <= d->channels; c += UP_LANES)
        sums(d, x, pixels, 1, c, y);
    for (; c < d->channels; c++)
        for (size_t p = 0; p < pixels; p++)
            single(d, x + p * d->taps, c, y + p * d->channels + c);
}

static void all_one_each(const struct up_depthwise *d)
{
    size_t p = 0;
    for (; p + PIXELS <= d->pixels; p += PIXELS)
        one_each(d, d->x + p * d->taps, PIXELS, d->y + p * d->channels);
    for (; p < d->pixels; p++)
        one_each(d, d->x + p * d->taps, 1, d->y + p * d->channels);
}

static void several_each(const struct up_depthwise *d, const float *const *x, float *y)
{
    const size_t m = d->multiplier;
    if (!d->accumulate)
        memset(y, 0, d->channels * m * sizeof *y);
    for (size_t c = 0; c < d->channels; c++, y += m)
        for (size_t t = 0; t < d->taps; t++) {
            const float v = x[t][d->first + c], *w = d->w + t * d->w_stride + c * m;
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
        several_each(d, d->x + p * d->taps, y);
        for (size_t i = 0; d->bias != NULL && i < width; i++)
            y[i] += d->bias[i];
    }
}
