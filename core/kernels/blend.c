/* DESIGN
 * Weighted sums of rows, and of pixels along a line. Sums start with a product, not with 0, which
 * would turn -0 into 0; every value is summed in a lane, also where no whole vector is left, so
 * that its bits do not depend on where a row begins or ends.
 *
 * Along a line of pixels smaller than a vector, a vector of outputs takes each tap from a vector of
 * inputs by one permutation, the same for all taps, for these are neighbours. A tap that an output
 * lacks has the weight -0, and there 0 stands for the input: it adds -0, which changes no bit. */
#include "core/kernels/vec.h"

/* Sums of `count` <= lanes values from i on. */
static void rows_few(const float *const *x, const float *weight, size_t taps, size_t i,
                     size_t count, float *y)
{
    up_vf sum = up_load_first(x[0] + i, count) * up_splat(weight[0]);
    for (size_t k = 1; k < taps; k++)
        sum += up_load_first(x[k] + i, count) * up_splat(weight[k]);
    up_store_first(y + i, sum, count);
}

enum { GROUP = 4, GROUP_FLOATS = GROUP * UP_LANES }; /* vectors summed together: cache lines */

/* Inlined where taps are constant. */
UP_INLINE void rows_group(const float *const *x, const float *weight, size_t taps, size_t i,
                          bool stream, float *y)
{
    up_vf sum[GROUP];
    UP_UNROLL
    for (size_t v = 0; v < GROUP; v++)
        sum[v] = up_load(x[0] + i + v * UP_LANES) * up_splat(weight[0]);
    for (size_t k = 1; k < taps; k++) {
        const up_vf w = up_splat(weight[k]);
        UP_UNROLL
        for (size_t v = 0; v < GROUP; v++)
            sum[v] += up_load(x[k] + i + v * UP_LANES) * w;
    }
    UP_UNROLL
    for (size_t v = 0; v < GROUP; v++)
        if (stream)
            up_stream(y + i + v * UP_LANES, sum[v]);
        else
            up_store(y + i + v * UP_LANES, sum[v]);
}

UP_INLINE size_t rows_groups(const float *const *x, const struct up_blend_rows *b, size_t taps,
                             size_t i, bool stream, float *y)
{
    for (; i + GROUP_FLOATS <= b->count; i += GROUP_FLOATS)
        rows_group(x, b->weight, taps, i, stream, y);
    return i;
}

void UP_KERNEL(blend_rows)(const struct up_blend_rows *b, const float *const *x, float *y)
{
    size_t i = 0;
    if (b->stream) {
        const size_t rest = up_line_rest(y), head = rest < b->count ? rest : b->count;
        for (; i < head; i += head - i < UP_LANES ? head - i : UP_LANES)
            rows_few(x, b->weight, b->taps, i, head - i < UP_LANES ? head - i : UP_LANES, y);
        i = b->taps == 2 ? rows_groups(x, b, 2, i, true, y)
                         : rows_groups(x, b, b->taps, i, true, y);
    } else
        i = b->taps == 2 ? rows_groups(x, b, 2, i, false, y)
                         : rows_groups(x, b, b->taps, i, false, y);
    for (; i < b->count; i += UP_LANES)
        rows_few(x, b->weight, b->taps, i, b->count - i < UP_LANES ? b->count - i : UP_LANES, y);
}

/* Inlined where taps or channels are constants, which makes loops straight lines. */
UP_INLINE void pixel(const float *restrict x, size_t x_stride, const float *restrict weight,
                     size_t taps, size_t channels, float *restrict y)
{
    size_t c = 0;
    for (; c + UP_LANES <= channels; c += UP_LANES) {
        up_vf sum = up_load(x + c) * up_splat(weight[0]);
        for (size_t k = 1; k < taps; k++)
            sum += up_load(x + k * x_stride + c) * up_splat(weight[k]);
        up_store(y + c, sum);
    }
    if (c < channels) {
        up_vf sum = up_load_first(x + c, channels - c) * up_splat(weight[0]);
        for (size_t k = 1; k < taps; k++)
            sum += up_load_first(x + k * x_stride + c, channels - c) * up_splat(weight[k]);
        up_store_first(y + c, sum, channels - c);
    }
}

/* Of fewer channels than a vector has lanes, one by one. */
UP_INLINE void pixel_small(const float *restrict x, size_t x_stride, const float *restrict weight,
                           size_t taps, size_t channels, float *restrict y)
{
    for (size_t c = 0; c < channels; c++) {
        float sum = x[c] * weight[0];
        for (size_t k = 1; k < taps; k++)
            sum += x[k * x_stride + c] * weight[k];
        y[c] = sum;
    }
}

UP_INLINE void line(const struct up_blend *b, const float *x, size_t channels, float *y)
{
    const float *weight = b->weight;
    for (size_t p = 0; p < b->pixels; p++, weight += b->taps, y += b->y_stride) {
        const float *from = x + (b->span[p].first - b->origin) * b->x_stride;
        const size_t count = b->span[p].count;
        if (channels < 4)
            pixel_small(from, b->x_stride, weight, count, channels, y);
        else if (count == 2)
            pixel(from, b->x_stride, weight, 2, channels, y);
        else if (count == 4)
            pixel(from, b->x_stride, weight, 4, channels, y);
        else
            pixel(from, b->x_stride, weight, count, channels, y);
    }
}

void UP_KERNEL(blend_pixels)(const struct up_blend *b, const float *x, float *y)
{
    if (b->channels == 1)
        line(b, x, 1, y);
    else if (b->channels == 3)
        line(b, x, 3, y);
    else
        line(b, x, b->channels, y);
}

/* --- Lines of small pixels ------------------------------------------------------------------ */

/* One vector of outputs, from value `at` on; false where it needs more than a vector of inputs. */
static bool vector_make(const struct up_blend *b, size_t inputs, size_t at, struct up_weave *ret)
{
    const size_t c = b->channels, taps = b->taps;
    size_t from[UP_LANES], low = inputs * c - ((taps - 1) * c + UP_LANES), high = 0;
    float *weight = ret->weight + at * taps;
    for (size_t i = 0; i < UP_LANES; i++) {
        /* Past the line's end lanes do what its last one does. */
        const size_t value = at + i < b->pixels * c ? at + i : b->pixels * c - 1, p = value / c;
        const struct up_span span = b->span[p];
        const size_t first = span.first < inputs - taps ? span.first : inputs - taps;
        from[i] = first * c + value % c;
        low = from[i] < low ? from[i] : low;
        high = from[i] > high ? from[i] : high;
        for (size_t k = 0; k < taps; k++) {
            const size_t t = first + k - span.first; /* wraps before the first one */
            weight[k * UP_LANES + i] = t < span.count ? b->weight[p * taps + t] : -0.0F;
        }
    }
    for (size_t i = 0; i < UP_LANES; i++)
        ret->index[at + i] = (int32_t)(from[i] - low);
    ret->base[at / UP_LANES] = low;
    return high < low + UP_LANES;
}

bool UP_KERNEL(weave_make)(const struct up_blend *b, size_t inputs, struct up_weave *ret)
{
    if (!UP_PERMUTES || b->channels > UP_WEAVE_CHANNELS ||
        inputs * b->channels < (b->taps - 1) * b->channels + UP_LANES)
        return false;
    for (size_t at = 0; at < b->pixels * b->channels; at += UP_LANES)
        if (!vector_make(b, inputs, at, ret))
            return false;
    return true;
}

UP_INLINE up_vf product(const float *x, up_vi index, const float *weight)
{
    const up_vf w = up_load(weight);
    const up_vi there = (up_vi)w != INT32_MIN; /* the bits of -0 */
    return (up_vf)((up_vi)up_permute(up_load(x), index) & there) * w;
}

/* Inlined where taps are constant. */
UP_INLINE void vectors(const struct up_weave *w, size_t taps, size_t channels,
                       struct up_span values, const float *x, float *y)
{
    for (size_t i = 0; i < values.count; i += UP_LANES) {
        const size_t at = values.first + i, left = values.count - i;
        const float *from = x + w->base[at / UP_LANES], *weight = w->weight + at * taps;
        up_vi index;
        memcpy(&index, w->index + at, sizeof index);
        up_vf sum = product(from, index, weight);
        for (size_t k = 1; k < taps; k++)
            sum += product(from + k * channels, index, weight + k * UP_LANES);
        up_store_first(y + i, sum, left < UP_LANES ? left : UP_LANES);
    }
}

void UP_KERNEL(weave)(const struct up_blend *b, const struct up_weave *w, struct up_span pixels,
                      const float *x, float *y)
{
    const size_t c = b->channels;
    const struct up_span values = {pixels.first * c, pixels.count * c};
    if (b->taps == 2)
        vectors(w, 2, c, values, x, y);
    else if (b->taps == 4)
        vectors(w, 4, c, values, x, y);
    else
        vectors(w, b->taps, c, values, x, y);
}
