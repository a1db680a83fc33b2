#include "core/layers/window.h"

static size_t extent_of(const struct up_window_axis *axis)
{
    return up_size_add_saturated(
        up_size_mul_saturated((size_t)(axis->kernel - 1), (size_t)axis->dilation), 1);
}

struct up_window_axis up_window_axis(const struct up_window *window, uint32_t spatial,
                                     uint32_t axis, size_t in)
{
    struct up_window_axis a = {.in = in,
                               .kernel = up_grid_int(&window->kernel_size, spatial, axis, 1),
                               .stride = up_grid_int(&window->strides, spatial, axis, 1),
                               .dilation = up_grid_int(&window->dilation_rate, spatial, axis, 1)};
    const size_t extent = extent_of(&a), stride = (size_t)a.stride;
    if (window->padding == UP_PADDING_VALID) {
        a.out = in < extent ? 0 : (in - extent) / stride + 1;
        return a;
    }
    a.out = (in - 1) / stride + 1;
    const size_t full = up_size_add_saturated((a.out - 1) * stride, extent);
    if (window->padding == UP_PADDING_CAUSAL)
        a.before = (int64_t)(extent - 1);
    else
        a.before = full > in ? (int64_t)((full - in) / 2) : 0;
    return a;
}

enum up_code up_window_check(const struct up_window *window, struct up_error *err)
{
    int64_t taps = 1;
    for (uint32_t i = 0; i < UP_SPATIAL_MAX; i++) /* axes a layer does not have are 0 */
        if (window->kernel_size.v[i] > 0 && taps <= UP_KERNEL_TAPS_MAX)
            taps *= window->kernel_size.v[i];
    if (taps > UP_KERNEL_TAPS_MAX)
        return up_fail(err, UP_E_INVALID, "kernel_size",
                       "a kernel of more than %d positions is not taken", UP_KERNEL_TAPS_MAX);
    return UP_OK;
}

enum up_code up_window_shape(const struct up_window *window, const struct up_shape *in,
                             size_t channels, struct up_shape *ret_out, struct up_error *err)
{
    const uint32_t spatial = in->rank - 2;
    struct up_grid grid = up_grid_of(in, spatial);
    for (uint32_t i = 3 - spatial; i < 3; i++) {
        const struct up_window_axis axis = up_window_axis(window, spatial, i, grid.spatial[i]);
        if (axis.out == 0)
            return up_fail(
                err, UP_E_INVALID, "kernel_size",
                "kernel_size %lld with dilation_rate %lld spans %zu values, the input has "
                "%zu along spatial axis %u",
                (long long)axis.kernel, (long long)axis.dilation, extent_of(&axis), axis.in,
                i - (3 - spatial));
        grid.spatial[i] = axis.out;
    }
    grid.channels = channels;
    *ret_out = up_grid_shape(&grid, spatial);
    return UP_OK;
}

struct up_shape up_window_kernel(const struct up_window *window, uint32_t spatial, size_t inner,
                                 size_t outer)
{
    struct up_shape shape = {.rank = spatial + 2};
    for (uint32_t i = 0; i < spatial; i++)
        shape.dim[i] = (size_t)window->kernel_size.v[i];
    shape.dim[spatial] = inner;
    shape.dim[spatial + 1] = outer;
    return shape;
}
