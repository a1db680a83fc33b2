#include "api/traits.h"

#include <math.h>

struct api_range api_range_of(const struct up_tensor *tensor)
{
    struct api_range range = {INFINITY, -INFINITY};
    const size_t count = up_shape_size(&tensor->shape);
    for (size_t i = 0; i < count; i++) {
        if (!isfinite(tensor->data[i]))
            continue;
        range.min = fmin(range.min, (double)tensor->data[i]);
        range.max = fmax(range.max, (double)tensor->data[i]);
    }
    return range;
}

/* --- Axes by their meaning ------------------------------------------------------------------ */

/* The first sample; missing spatial axes have length 1. */
struct axes {
    uint32_t spatial, first; /* of the spatial axes: the first in the shape */
    size_t dim[UP_SPATIAL_MAX], stride[UP_SPATIAL_MAX];
    size_t channels, channel_stride;
};

static size_t stride_of(const struct up_shape *shape, uint32_t axis)
{
    size_t stride = 1;
    for (uint32_t i = axis + 1; i < shape->rank; i++)
        stride *= shape->dim[i];
    return stride;
}

static struct axes axes_of(const struct api_result *result)
{
    const struct up_shape *shape = &result->tensor.shape;
    const bool first = result->channels && result->channels_first;
    struct axes a = {.spatial = result->spatial, .channels = 1};
    a.first = (result->batch ? 1u : 0u) + (first ? 1u : 0u);
    for (uint32_t i = 0; i < UP_SPATIAL_MAX; i++) {
        a.dim[i] = i < a.spatial ? shape->dim[a.first + i] : 1;
        a.stride[i] = i < a.spatial ? stride_of(shape, a.first + i) : 0;
    }
    if (result->channels) {
        const uint32_t axis = first ? a.first - 1 : shape->rank - 1;
        a.channels = shape->dim[axis];
        a.channel_stride = stride_of(shape, axis);
    }
    return a;
}

/* --- Checkerboard --------------------------------------------------------------------------- */

static double channel_spread(const struct axes *a, const float *data)
{
    size_t at[UP_SPATIAL_MAX], low[UP_SPATIAL_MAX], high[UP_SPATIAL_MAX];
    for (uint32_t i = 0; i < UP_SPATIAL_MAX; i++) {
        low[i] = a->dim[i] / 4;
        high[i] = a->dim[i] - low[i];
    }
    double min = INFINITY, max = -INFINITY;
    for (at[0] = low[0]; at[0] < high[0]; at[0]++)
        for (at[1] = low[1]; at[1] < high[1]; at[1]++)
            for (at[2] = low[2]; at[2] < high[2]; at[2]++) {
                const double value = (double)
                    data[at[0] * a->stride[0] + at[1] * a->stride[1] + at[2] * a->stride[2]];
                if (!isfinite(value))
                    return 0;
                min = fmin(min, value);
                max = fmax(max, value);
            }
    const double size = fmax(fabs(min), fabs(max));
    return size > 0 ? (max - min) / size : 0;
}

double api_trait_checkerboard(const struct api_result *ones)
{
    if (ones->spatial == 0)
        return NAN;
    const struct axes a = axes_of(ones);
    double largest = 0;
    for (size_t c = 0; c < a.channels; c++)
        largest = fmax(largest, channel_spread(&a, ones->tensor.data + c * a.channel_stride));
    return largest;
}

/* --- Range, gradient and difference --------------------------------------------------------- */

double api_trait_overshoot(struct api_range in, struct api_range out)
{
    if (!(in.max > in.min) || out.min > out.max)
        return NAN;
    return fmax(0, fmax(out.max - in.max, in.min - out.min)) / (in.max - in.min);
}

double api_trait_gradient(const struct api_result *result, struct api_range out)
{
    const struct axes a = axes_of(result);
    const float *data = result->tensor.data;
    const size_t count = up_shape_size(&result->tensor.shape);
    double sum = 0, pairs = 0;
    for (uint32_t i = 0; i < a.spatial; i++) {
        const size_t stride = a.stride[i], run = stride * (a.dim[i] - 1);
        for (size_t start = 0; start < count; start += stride * a.dim[i])
            for (size_t k = start; k < start + run; k++) {
                const double step = (double)data[k + stride] - (double)data[k];
                sum += isfinite(step) ? step * step : 0;
            }
        pairs += (double)(count / a.dim[i]) * (double)(a.dim[i] - 1);
    }
    if (!(pairs > 0))
        return NAN;
    return out.max > out.min ? sqrt(sum / pairs) / (out.max - out.min) : 0;
}

struct api_difference api_trait_difference(const struct up_tensor *a, const struct up_tensor *b)
{
    const size_t count = up_shape_size(&a->shape);
    double max = 0, sum = 0, pairs = 0;
    for (size_t i = 0; i < count; i++) {
        const double difference = fabs((double)a->data[i] - (double)b->data[i]);
        if (!isfinite(difference))
            continue;
        max = fmax(max, difference);
        sum += difference;
        pairs++;
    }
    return pairs > 0 ? (struct api_difference){max, sum / pairs}
                     : (struct api_difference){NAN, NAN};
}
