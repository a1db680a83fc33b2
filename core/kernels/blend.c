/* Weighted sums of rows, and of pixels along a line. Sums start with a product, not with 0, which
 * would turn -0 into 0. */
#include "core/kernels/vec.h"

void UP_KERNEL(blend_rows)(const float *const *x, const float *weight, size_t taps, size_t count,
                           float *y)
{
    size_t i = 0;
    for (; i + UP_LANES <= count; i += UP_LANES) {
        up_vf sum = up_load(x[0] + i) * up_splat(weight[0]);
        for (size_t k = 1; k < taps; k++)
            sum += up_load(x[k] + i) * up_splat(weight[k]);
        up_store(y + i, sum);
    }
    for (; i < count; i++) {
        float sum = x[0][i] * weight[0];
        for (size_t k = 1; k < taps; k++)
            sum += x[k][i] * weight[k];
        y[i] = sum;
    }
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
    for (; c < channels; c++) {
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
        if (b->span[p].count == 2)
            pixel(from, b->x_stride, weight, 2, channels, y);
        else if (b->span[p].count == 4)
            pixel(from, b->x_stride, weight, 4, channels, y);
        else
            pixel(from, b->x_stride, weight, b->span[p].count, channels, y);
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
