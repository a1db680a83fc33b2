/* Windows that slide over the spatial axes: what convolutions that do not upsample share. Along one
 * axis output o sees the inputs o * stride + j * dilation - before, j < kernel; positions outside
 * the input count as zeros. */
#ifndef UP_WINDOW_H
#define UP_WINDOW_H

#include "core/geometry.h"
#include "core/layers/layer.h"

/* The parameters that make a window, as a part of a configuration. */
struct up_window {
    struct up_ints kernel_size, strides, dilation_rate;
    uint32_t padding; /* enum up_padding */
};

struct up_window_axis {
    size_t in, out; /* out is 0 where nothing is added and the window is longer than the input */
    int64_t kernel, stride, dilation, before;
};

/* Axis 0..2 of a grid; axes that the layer does not have are windows of one position. */
struct up_window_axis up_window_axis(const struct up_window *window, uint32_t spatial,
                                     uint32_t axis, size_t in);

/* Refuses kernels with more positions than UP_KERNEL_TAPS_MAX, at kernel_size. */
enum up_code up_window_check(const struct up_window *window, struct up_error *err) UP_CHECKED;

/* The output's shape, with `channels`; an input that is too short is refused at kernel_size. */
enum up_code up_window_shape(const struct up_window *window, const struct up_shape *in,
                             size_t channels, struct up_shape *ret_out,
                             struct up_error *err) UP_CHECKED;

/* The shape (*kernel_size, inner, outer) of a kernel. */
struct up_shape up_window_kernel(const struct up_window *window, uint32_t spatial, size_t inner,
                                 size_t outer);

/* The descriptor rows. CONFIG has a struct up_window named window; PADDINGS is the list of its
 * choices. */
#define UP_WINDOW_ROW(CONFIG, field, required, high, default_, text)                               \
    {                                                                                              \
        .name = #field, .type = UP_PARAM_INTS, .flags = (required),                                \
        .offset = offsetof(CONFIG, window.field), .min = 1, .max = (high), .fallback = (default_), \
        .meaning = (text)                                                                          \
    }
#define UP_WINDOW_ROW_KERNEL_SIZE(CONFIG)                                                          \
    UP_WINDOW_ROW(CONFIG, kernel_size, UP_PARAM_REQUIRED, UP_KERNEL_TAPS_MAX, 0,                   \
                  "extent of the kernel")
#define UP_WINDOW_ROW_STRIDES(CONFIG)                                                              \
    UP_WINDOW_ROW(CONFIG, strides, 0, UP_DIM_MAX, 1, "step from one output's window to the next's")
#define UP_WINDOW_ROW_DILATION_RATE(CONFIG)                                                        \
    UP_WINDOW_ROW(CONFIG, dilation_rate, 0, UP_DIM_MAX, 1,                                         \
                  "distance between the kernel's positions")
#define UP_WINDOW_ROW_PADDING(CONFIG, PADDINGS, text)                                              \
    {                                                                                              \
        .name = "padding", .type = UP_PARAM_CHOICE, .offset = offsetof(CONFIG, window.padding),    \
        .choices = (PADDINGS), .meaning = (text)                                                   \
    }

#endif
