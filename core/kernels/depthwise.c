/* DESIGN
 * With one output per channel, channels fill the vectors: a vector of sums stays in a register
 * while it goes through the taps. With more, the outputs of one channel follow one another and
 * share its input. */
#include "core/kernels/vec.h"

/* Sums of the channels c .. c + lanes - 1 of one pixel. */
UP_INLINE up_vf sum_lanes(const struct up_depthwise *d, const float *const *x, size_t c)
{
    up_vf sum = up_splat(0);
    for (size_t t = 0; t < d->taps; t++)
        sum += up_load(x[t] + d->first + c) * up_load(d->w + t * d->w_stride + c);
    return sum;
}

static void one_each(const struct up_depthwise *d, const float *const *x, float *y)
{
    size_t c = 0;
    for (; c + UP_LANES <= d->channels; c += UP_LANES)
        up_store(y + c, d->accumulate ? up_load(y + c) + sum_lanes(d, x, c) : sum_lanes(d, x, c));
    for (; c < d->channels; c++) {
        float sum = 0;
        for (size_t t = 0; t < d->taps; t++)
            sum += x[t][d->first + c] * d->w[t * d->w_stride + c];
        y[c] = d->accumulate ? y[c] + sum : sum;
    }
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
    const size_t width = d->channels * d->multiplier;
    float *y = d->y;
    for (size_t p = 0; p < d->pixels; p++, y += width) {
        const float *const *x = d->x + p * d->taps;
        if (d->multiplier == 1)
            one_each(d, x, y);
        else
            several_each(d, x, y);
        for (size_t i = 0; d->bias != NULL && i < width; i++)
            y[i] += d->bias[i];
    }
}
