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

UP_INLINE void pixel(const float *x, size_t x_stride, const float *weight, size_t taps,
                     size_t channels, float *y)
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

void UP_KERNEL(blend_pixels)(const struct up_blend *b, const float *x, float *y)
{
    const float *weight = b->weight;
    for (size_t p = 0; p < b->pixels; p++, weight += b->taps, y += b->y_stride)
        pixel(x + (b->span[p].first - b->origin) * b->x_stride, b->x_stride, weight,
              b->span[p].count, b->channels, y);
}
