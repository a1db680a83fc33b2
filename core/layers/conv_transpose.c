/* Conv1D/2D/3DTranspose: geometry, checks and parameters; core/layers/gather.c computes. */
#include "core/layers/gathered.h"

struct conv_transpose_config {
    struct up_config base;
    int64_t filters;
    struct up_ints kernel_size, strides, output_padding, dilation_rate;
    uint32_t padding;
    struct up_activation activation;
    bool use_bias;
    struct up_initializer kernel_initializer, bias_initializer;
};

static enum up_code check(const void *config, struct up_error *err)
{
    const struct conv_transpose_config *c = config;
    int64_t stride = 1, dilation = 1, taps = 1;
    for (uint32_t i = 0; i < 3; i++) { /* axes a layer does not have are 0 */
        if (c->output_padding.set && c->strides.v[i] > 0 &&
            c->output_padding.v[i] >= c->strides.v[i])
            return up_fail(err, UP_E_INVALID, "output_padding",
                           "output_padding %lld must be smaller than the stride %lld of its axis",
                           (long long)c->output_padding.v[i], (long long)c->strides.v[i]);
        stride = c->strides.v[i] > stride ? c->strides.v[i] : stride;
        dilation = c->dilation_rate.v[i] > dilation ? c->dilation_rate.v[i] : dilation;
        taps *= c->kernel_size.v[i] > 0 && taps <= UP_KERNEL_TAPS_MAX ? c->kernel_size.v[i] : 1;
    }
    if (taps > UP_KERNEL_TAPS_MAX)
        return up_fail(err, UP_E_INVALID, "kernel_size",
                       "a kernel of more than %d positions is not taken", UP_KERNEL_TAPS_MAX);
    if (stride > 1 && dilation > 1)
        return up_fail(err, UP_E_INVALID, "dilation_rate",
                       "strides %lld and dilation_rate %lld cannot both be larger than 1",
                       (long long)stride, (long long)dilation);
    return UP_OK;
}

static struct up_deconv_axis axis_size(const struct conv_transpose_config *c, uint32_t spatial,
                                       uint32_t axis, size_t in)
{
    const int64_t padding =
        c->output_padding.set ? up_grid_int(&c->output_padding, spatial, axis, 0) : -1;
    return up_deconv_axis_make(in, up_grid_int(&c->kernel_size, spatial, axis, 1),
                               up_grid_int(&c->strides, spatial, axis, 1),
                               up_grid_int(&c->dilation_rate, spatial, axis, 1),
                               c->padding == UP_PADDING_SAME, axis < 3 - spatial ? -1 : padding);
}

static enum up_code shape(const void *config, const struct up_shape *in, uint32_t in_count,
                          struct up_shape *ret_out, struct up_error *err)
{
    (void)in_count;
    const struct conv_transpose_config *c = config;
    const uint32_t spatial = in[0].rank - 2;
    struct up_grid grid = up_grid_of(&in[0], spatial);
    for (uint32_t i = 3 - spatial; i < 3; i++) {
        grid.spatial[i] = axis_size(c, spatial, i, grid.spatial[i]).out;
        if (grid.spatial[i] == 0)
            return up_fail(err, UP_E_INVALID, "output_padding",
                           "output_padding %lld leaves spatial axis %u of the output empty",
                           (long long)c->output_padding.v[i - (3 - spatial)], i - (3 - spatial));
    }
    grid.channels = (size_t)c->filters;
    *ret_out = up_grid_shape(&grid, spatial);
    return UP_OK;
}

static uint32_t weights(const void *config, const struct up_shape *in,
                        struct up_weight ret[UP_WEIGHTS_MAX])
{
    const struct conv_transpose_config *c = config;
    const uint32_t spatial = in[0].rank - 2;
    struct up_shape kernel = {.rank = spatial + 2};
    for (uint32_t i = 0; i < spatial; i++)
        kernel.dim[i] = (size_t)c->kernel_size.v[i];
    kernel.dim[spatial] = (size_t)c->filters;
    kernel.dim[spatial + 1] = in[0].dim[spatial + 1];
    return up_gathered_weights(&kernel, &c->kernel_initializer, (size_t)c->filters,
                               c->use_bias ? &c->bias_initializer : NULL, ret);
}

static void gather(const struct up_step *step, struct up_gather *ret)
{
    const struct conv_transpose_config *c = step->config;
    const uint32_t spatial = step->ops->spatial;
    struct up_gather g = {.in = up_grid_of(&step->in[0], spatial),
                          .out = up_grid_of(&step->out, spatial),
                          .transposed = true,
                          .groups = 1,
                          .kernel = step->weights[0].data,
                          .channel_stride = 1,
                          .bias = c->use_bias ? step->weights[1].data : NULL,
                          .activation = up_activation_fused(&c->activation)};
    g.filter_stride = g.in.channels; /* Keras' kernel is (positions, filters, channels) */
    g.position_stride = g.out.channels * g.in.channels;
    for (uint32_t i = 0; i < 3; i++) {
        const struct up_deconv_axis size = axis_size(c, spatial, i, g.in.spatial[i]);
        g.axis[i] = (struct up_gather_axis){size.kernel, size.stride, size.dilation, size.crop, 1};
    }
    *ret = g;
}

#define ROW(kind, ...) UP_ROW_##kind(struct conv_transpose_config, __VA_ARGS__)

static const struct up_param params[] = {
    {.name = "filters",
     .type = UP_PARAM_INT,
     .flags = UP_PARAM_REQUIRED,
     .offset = offsetof(struct conv_transpose_config, filters),
     .min = 1,
     .max = UP_DIM_MAX,
     .meaning = "channels of the output"},
    {.name = "kernel_size",
     .type = UP_PARAM_INTS,
     .flags = UP_PARAM_REQUIRED,
     .offset = offsetof(struct conv_transpose_config, kernel_size),
     .min = 1,
     .max = UP_KERNEL_TAPS_MAX,
     .meaning = "extent of the kernel"},
    ROW(INTS, strides, 1, UP_DIM_MAX, 1, "distance between the outputs of neighbouring inputs"),
    ROW(CHOICE, padding, up_paddings, "valid keeps every output, same gives input times strides"),
    {.name = "output_padding",
     .type = UP_PARAM_INTS,
     .flags = UP_PARAM_NULLABLE,
     .offset = offsetof(struct conv_transpose_config, output_padding),
     .min = 0,
     .max = UP_DIM_MAX,
     .meaning = "settles which of several output lengths is meant; smaller than strides"},
    UP_ROW_DATA_FORMAT(struct conv_transpose_config),
    ROW(INTS, dilation_rate, 1, UP_DIM_MAX, 1, "distance between the kernel's positions"),
    ROW(ACTIVATION, activation, "linear", "function applied to the result"),
    ROW(BOOL, use_bias, 1, "whether a bias is added"),
    ROW(INITIALIZER, kernel_initializer, "GlorotUniform", "fills the kernel when no weights come"),
    ROW(INITIALIZER, bias_initializer, "Zeros", "fills the bias when no weights come"),
    UP_PARAM_END,
};

static const struct up_weight_note weight_notes[] = {
    {"kernel", "(*kernel_size, filters, channels)"}, {"bias", "(filters,)"}, {NULL, NULL}};

#define CONV_TRANSPOSE(n, other, text)                                                             \
    static const char *const aliases_##n##d[] = {other, NULL};                                     \
    const struct up_layer_ops up_layer_conv##n##d_transpose = {                                    \
        .class_name = "Conv" #n "DTranspose",                                                      \
        .aliases = aliases_##n##d,                                                                 \
        .summary = text,                                                                           \
        .spatial = n,                                                                              \
        .flags = UP_LAYER_UPSAMPLES,                                                               \
        .inputs_min = 1,                                                                           \
        .inputs_max = 1,                                                                           \
        .config_bytes = sizeof(struct conv_transpose_config),                                      \
        .params = params,                                                                          \
        .activation = offsetof(struct conv_transpose_config, activation),                          \
        .check = check,                                                                            \
        .shape = shape,                                                                            \
        .weights = weights,                                                                        \
        .weight_notes = weight_notes,                                                              \
        .gather = gather,                                                                          \
        .prepare = up_gathered_prepare,                                                            \
        .rows = up_gathered_rows,                                                                  \
    }

CONV_TRANSPOSE(1, "Convolution1DTranspose", "Transposed convolution of a sequence.");
CONV_TRANSPOSE(2, "Convolution2DTranspose", "Transposed convolution of an image.");
CONV_TRANSPOSE(3, "Convolution3DTranspose", "Transposed convolution of a volume.");
