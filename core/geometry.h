/* Sizes along the spatial axes. Lengths that overflow become SIZE_MAX, which no limit lets pass. */
#ifndef UP_GEOMETRY_H
#define UP_GEOMETRY_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "core/param.h"
#include "core/tensor.h"

/* A channels-last tensor as five axes; missing spatial axes have length 1 and come first. */
struct up_grid {
    size_t batch, spatial[3], channels;
};
struct up_grid up_grid_of(const struct up_shape *shape, uint32_t spatial);
struct up_shape up_grid_shape(const struct up_grid *grid, uint32_t spatial);

/* Entry of a list of integers for axis 0..2 of a grid; `missing` for the axes that came first. */
int64_t up_grid_int(const struct up_ints *ints, uint32_t spatial, uint32_t axis, int64_t missing);

/* a * b and a + b that stop at SIZE_MAX. */
size_t up_size_mul_saturated(size_t a, size_t b);
size_t up_size_add_saturated(size_t a, size_t b);

/* A transposed convolution along one axis. Tap j of input i lands on output i * stride +
 * j * dilation - crop; outputs that no tap reaches hold the bias alone. */
struct up_deconv_axis {
    size_t in, out;
    int64_t kernel, stride, dilation;
    int64_t crop; /* cut off at the start; the odd one of a 'same' crop is cut off at the end */
};

/* Keras' rule for the output length. `output_padding` < 0 is none. */
struct up_deconv_axis up_deconv_axis_make(size_t in, int64_t kernel, int64_t stride,
                                          int64_t dilation, bool same, int64_t output_padding);

#endif
