/* PixelShuffle: the rearrangement that ends a sub-pixel convolution. Channels become pixels, in the
 * order of TensorFlow's depth_to_space: channel (i * block_size + j) * C + c of pixel (y, x) is
 * channel c of pixel (y * block_size + i, x * block_size + j), for C channels of the output. */
#include "core/geometry.h"
#include "core/layers/strided.h"

struct pixel_shuffle_config {
    struct up_config base;
    int64_t block_size;
};

static enum up_code shape(const void *config, const struct up_shape *in, uint32_t in_count,
                          struct up_shape *ret_out, struct up_error *err)
{
    (void)in_count;
    const struct pixel_shuffle_config *c = config;
    const size_t side = (size_t)c->block_size, block = up_size_mul_saturated(side, side);
    if (in[0].dim[3] % block != 0)
        return up_fail(err, UP_E_INVALID, "block_size",
                       "the input's %zu channels are not divisible by %lld * %lld", in[0].dim[3],
                       (long long)c->block_size, (long long)c->block_size);
    *ret_out = in[0];
    ret_out->dim[1] = up_size_mul_saturated(in[0].dim[1], side);
    ret_out->dim[2] = up_size_mul_saturated(in[0].dim[2], side);
    ret_out->dim[3] = in[0].dim[3] / block;
    return UP_OK;
}

static enum up_code prepare(struct up_step *step, const struct up_kernels *kernels,
                            struct up_arena *arena, struct up_error *err)
{
    (void)kernels;
    const struct pixel_shuffle_config *c = step->config;
    const size_t side = (size_t)c->block_size;
    const size_t lines = step->in[0].dim[0] * step->in[0].dim[1], width = step->in[0].dim[2];
    const size_t channels = step->in[0].dim[3], run = channels / side;
    const struct up_strided view = {.rank = 4,
                                    .dim = {lines, side, width, run},
                                    .stride = {width * channels, run, channels, 1}};
    return up_strided_prepare(&view, 0, step, arena, err);
}

static const struct up_param params[] = {
    UP_ROW_INT(struct pixel_shuffle_config, block_size, 1, UP_DIM_MAX, 2,
               "side of the block of pixels that each pixel's channels become"),
    UP_ROW_DATA_FORMAT(struct pixel_shuffle_config),
    UP_PARAM_END,
};

const struct up_layer_ops up_layer_pixel_shuffle = {
    .class_name = "PixelShuffle",
    .summary = "Turns channels into blocks of pixels, as depth_to_space: a sub-pixel "
               "convolution's end.",
    .spatial = 2,
    .flags = UP_LAYER_UPSAMPLES,
    .inputs_min = 1,
    .inputs_max = 1,
    .config_bytes = sizeof(struct pixel_shuffle_config),
    .params = params,
    .shape = shape,
    .prepare = prepare,
    .rows = up_strided_rows,
};
