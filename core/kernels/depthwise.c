/* DESIGN
 * With one output per channel, channels fill the vectors: the sums of a few pixels stay in
 * registers while they go through the taps, and share the weights. Where taps are neighbours, as
 * those of a kernel's line are, they share the inputs as well: each is loaded once, and goes into
 * the sums of all pixels that see it. With more, the outputs of one channel follow one another and
 * share its input. */
#include "core/kernels/vec.h"

/* Pixels that are summed together, and vectors of each. A sum of one pixel is long: more of them
 * hide how long an addition takes. */
enum {
    PIXELS = UP_REGISTERS == 32 ? 6 : 4,
    VECTORS = 2,
    SLIDE_PIXELS = 6,
    SLIDE_VECTORS = UP_REGISTERS == 32 ? 2 : 1,
    ALONE_VECTORS = 8,
    SUMS_MAX = 12,
    LINE_MAX = 5, /* neighbours whose weights stay in registers as well */
};

/* The functions below are for channels c .. c + vectors * lanes - 1 of the pixels p .. p + pixels -
 * 1. They are inlined where these numbers are constant, and get a copy of the call: what they store
 * then cannot be taken for a part of it. Sum i * vectors + v is pixel i's. */

/* The first `count` lanes of each vector. */
UP_INLINE void put(const struct up_depthwise d, const up_vf sum[SUMS_MAX], size_t p, size_t pixels,
                   size_t c, size_t vectors, size_t count)
{
    UP_UNROLL
    for (size_t v = 0; v < vectors; v++) {
        const size_t first = c + v * UP_LANES;
        const up_vf bias = d.bias == NULL ? (up_vf){0} : up_load_first(d.bias + first, count);
        UP_UNROLL
        for (size_t i = 0; i < pixels; i++) {
            float *to = d.y + (p + i) * d.y_stride + first;
            up_vf all = sum[i * vectors + v];
            all = d.accumulate ? up_load_first(to, count) + all : all;
            up_store_first(to, d.bias == NULL ? all : all + bias, count);
        }
    }
}

UP_INLINE void sums(const struct up_depthwise d, size_t p, size_t pixels, size_t c, size_t vectors)
{
    const size_t from = p * d.x_stride + c;
    up_vf sum[SUMS_MAX] = {{0}};
    for (size_t t = 0; t < d.taps; t++) {
        up_vf w[ALONE_VECTORS];
        UP_UNROLL
        for (size_t v = 0; v < vectors; v++)
            w[v] = up_load(d.w[t] + c + v * UP_LANES);
        const float *x = d.x[t] + from;
        UP_UNROLL
        for (size_t i = 0; i < pixels; i++, x += d.x_stride) {
            UP_UNROLL
            for (size_t v = 0; v < vectors; v++)
                sum[i * vectors + v] += up_load(x + v * UP_LANES) * w[v];
        }
    }
    put(d, sum, p, pixels, c, vectors, UP_LANES);
}

/* The same for SLIDE_PIXELS pixels and taps that are lines of `line` neighbours. */
UP_INLINE void slide(const struct up_depthwise d, size_t p, size_t c, size_t vectors, size_t line)
{
    const size_t from = p * d.x_stride + c;
    up_vf sum[SUMS_MAX] = {{0}};
    for (size_t t = 0; t < d.taps; t += line) {
        up_vf w[LINE_MAX][SLIDE_VECTORS];
        UP_UNROLL
        for (size_t k = 0; k < line; k++) {
            UP_UNROLL
            for (size_t v = 0; v < vectors; v++)
                w[k][v] = up_load(d.w[t + k] + c + v * UP_LANES);
        }
        const float *x = d.x[t] + from;
        UP_UNROLL
        for (size_t i = 0; i < SLIDE_PIXELS + line - 1; i++, x += d.x_stride) {
            UP_UNROLL
            for (size_t v = 0; v < vectors; v++) {
                const up_vf input = up_load_once(x + v * UP_LANES);
                UP_UNROLL
                for (size_t k = 0; k < line; k++)
                    if (k <= i && i - k < SLIDE_PIXELS)
                        sum[(i - k) * vectors + v] += input * w[k][v];
            }
        }
    }
    put(d, sum, p, SLIDE_PIXELS, c, vectors, UP_LANES);
}

/* The last channels, which are fewer than lanes; `whole`: inputs are read as whole vectors. */
UP_INLINE void rest(const struct up_depthwise d, size_t p, size_t pixels, size_t c, bool whole)
{
    const size_t from = p * d.x_stride + c, left = d.channels - c;
    up_vf sum[SUMS_MAX] = {{0}};
    for (size_t t = 0; t < d.taps; t++) {
        const up_vf w = up_load_first(d.w[t] + c, left);
        const float *x = d.x[t] + from;
        UP_UNROLL
        for (size_t i = 0; i < pixels; i++, x += d.x_stride)
            sum[i] += (whole ? up_load(x) : up_load_first(x, left)) * w;
    }
    put(d, sum, p, pixels, c, 1, left);
}

/* Channels c and after of some pixels; returns the first that is left. Inlined where all but c and
 * p is constant; `line` 0: any taps. */
UP_INLINE size_t channels(const struct up_depthwise *d, size_t p, size_t pixels, size_t c,
                          size_t vectors, size_t line)
{
    const struct up_depthwise copy = *d;
    for (; c + vectors * UP_LANES <= copy.channels; c += vectors * UP_LANES)
        line > 0 ? slide(copy, p, c, vectors, line) : sums(copy, p, pixels, c, vectors);
    return c;
}

/* Blocks of pixels from p on, of one output for each channel; returns the first that is left. */
UP_INLINE size_t blocks(const struct up_depthwise *d, size_t p, size_t pixels, size_t vectors,
                        size_t line)
{
    for (; p + pixels <= d->pixels; p += pixels) {
        size_t c = channels(d, p, pixels, 0, vectors, line);
        c = vectors > 1 ? channels(d, p, pixels, c, 1, line) : c;
        if (c < d->channels && p + pixels <= d->readable)
            rest(*d, p, pixels, c, true);
        else if (c < d->channels)
            rest(*d, p, pixels, c, false);
    }
    return p;
}

static void all_one_each(const struct up_depthwise *d)
{
    size_t p = 0;
    if (d->line == 3)
        p = blocks(d, 0, SLIDE_PIXELS, SLIDE_VECTORS, 3);
    if (d->line == 5)
        p = blocks(d, 0, SLIDE_PIXELS, SLIDE_VECTORS, 5);
    p = blocks(d, p, PIXELS, VECTORS, 0);
    blocks(d, p, 1, ALONE_VECTORS, 0);
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
    for (size_t p = 0; p < d->pixels; p++, y += d->y_stride) {
        several_each(d, p, y);
        for (size_t i = 0; d->bias != NULL && i < width; i++)
            y[i] += d->bias[i];
    }
}
