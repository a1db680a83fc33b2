/* The engine behind convolution, transposed convolution and dense layers: sums over kernel
 * positions, gathered. Every output is computed from its inputs by one thread and written once;
 * there is no scatter. */
#ifndef UP_GATHER_H
#define UP_GATHER_H

#include "core/layers/geometry.h"
#include "core/layers/layer.h"

/* Along one axis, output o takes input i through kernel position j where
 *   convolution:             i = o * stride + j * dilation - crop
 *   transposed convolution:  i * stride + j * dilation - crop = o */
struct up_gather_axis {
    int64_t kernel, stride, dilation, crop;
};

struct up_gather {
    struct up_grid in, out;
    struct up_gather_axis axis[3];
    bool transposed;
    size_t groups; /* of channels: group g of the output sees group g of the input only */
    /* Kernel value (position, channel of the group, filter) is at
     * kernel[position * position_stride + channel * channel_stride + filter * filter_stride]. */
    const float *kernel;
    size_t position_stride, channel_stride, filter_stride;
    const float *bias; /* NULL: none */
    struct up_activation activation;
};

/* The two weights that all these layers have: a kernel, and a bias of one value a filter, which
 * `bias_init` NULL leaves out. Returns how many. */
uint32_t up_gather_weights(const struct up_shape *kernel, const struct up_initializer *kernel_init,
                           size_t filters, const struct up_initializer *bias_init,
                           struct up_weight ret[UP_WEIGHTS_MAX]);

/* Packs the kernel and sets prepared, rows, grain, macs and algorithm of the step; the rest of the
 * layer is up_gather_rows. */
enum up_code up_gather_prepare(const struct up_gather *gather, struct up_step *step,
                               const struct up_kernels *kernels, struct up_arena *arena,
                               struct up_error *err) UP_CHECKED;
void up_gather_rows(const struct up_call *call, size_t begin, size_t end);

#endif
