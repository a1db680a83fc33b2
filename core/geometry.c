#include "core/geometry.h"

struct up_grid up_grid_of(const struct up_shape *shape, uint32_t spatial)
{
    struct up_grid grid = {shape->dim[0], {1, 1, 1}, shape->dim[spatial + 1]};
    for (uint32_t i = 0; i < spatial; i++)
        grid.spatial[3 - spatial + i] = shape->dim[1 + i];
    return grid;
}

struct up_shape up_grid_shape(const struct up_grid *grid, uint32_t spatial)
{
    struct up_shape shape = {.rank = spatial + 2};
    shape.dim[0] = grid->batch;
    for (uint32_t i = 0; i < spatial; i++)
        shape.dim[1 + i] = grid->spatial[3 - spatial + i];
    shape.dim[spatial + 1] = grid->channels;
    return shape;
}

int64_t up_grid_int(const struct up_ints *ints, uint32_t spatial, uint32_t axis, int64_t missing)
{
    return axis < 3 - spatial ? missing : ints->v[axis - (3 - spatial)];
}

size_t up_size_mul_saturated(size_t a, size_t b)
{
    size_t r;
    return __builtin_mul_overflow(a, b, &r) ? SIZE_MAX : r;
}

size_t up_size_add_saturated(size_t a, size_t b)
{
    size_t r;
    return __builtin_add_overflow(a, b, &r) ? SIZE_MAX : r;
}

struct up_deconv_axis up_deconv_axis_make(size_t in, int64_t kernel, int64_t stride,
                                          int64_t dilation, bool same, int64_t output_padding)
{
    struct up_deconv_axis axis = {
        .in = in, .kernel = kernel, .stride = stride, .dilation = dilation};
    const size_t s = (size_t)stride;
    const size_t extent =
        up_size_add_saturated(up_size_mul_saturated((size_t)(kernel - 1), (size_t)dilation), 1);
    const size_t last = up_size_mul_saturated(in - 1, s); /* where tap 0 of the last input lands */
    if (output_padding < 0)
        axis.out = up_size_add_saturated(last, same || extent < s ? s : extent);
    else
        axis.out = up_size_add_saturated(up_size_add_saturated(last, same ? extent % 2 : extent),
                                         (size_t)output_padding);
    const size_t full = up_size_add_saturated(last, extent);
    axis.crop = same && full > axis.out ? (int64_t)((full - axis.out) / 2) : 0;
    return axis;
}
