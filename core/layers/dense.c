/* Dense: a matrix product over the last axis. For core/layers/gather.c all other axes are one line,
 * which a kernel of one position goes along. */
#include "core/layers/gathered.h"

struct dense_config {
    struct up_config base;
    int64_t units;
    struct up_activation activation;
    bool use_bias;
    struct up_initializer kernel_initializer, bias_initializer;
};

static enum up_code shape(const void *config, const struct up_shape *in, uint32_t in_count,
                          struct up_shape *ret_out, struct up_error *err)
{
    (void)in_count;
    const struct dense_config *c = config;
    if (in[0].rank < 2)
        return up_fail(err, UP_E_INVALID, "units", "Dense needs at least 2 axes, the input has %u",
                       in[0].rank);
    *ret_out = in[0];
    ret_out->dim[in[0].rank - 1] = (size_t)c->units;
    return UP_OK;
}

static uint32_t weights(const void *config, const struct up_shape *in,
                        struct up_weight ret[UP_WEIGHTS_MAX])
{
    const struct dense_config *c = config;
    const size_t channels = in[0].dim[in[0].rank - 1], units = (size_t)c->units;
    const struct up_shape kernel = {.rank = 2, .dim = {channels, units}};
    return up_gathered_weights(&kernel, &c->kernel_initializer, units,
                               c->use_bias ? &c->bias_initializer : NULL, ret);
}

static struct up_grid line_of(const struct up_shape *shape)
{
    const size_t channels = shape->dim[shape->rank - 1];
    return (struct up_grid){1, {1, 1, up_shape_size(shape) / channels}, channels};
}

static void gather(const struct up_step *step, struct up_gather *ret)
{
    const struct dense_config *c = step->config;
    const struct up_gather_axis one = {.kernel = 1, .stride = 1, .dilation = 1, .repeat = 1};
    const struct up_gather g = {.in = line_of(&step->in[0]),
                                .out = line_of(&step->out),
                                .axis = {one, one, one},
                                .groups = 1,
                                .kernel = step->weights[0].data,
                                .channel_stride = (size_t)c->units,
                                .filter_stride = 1,
                                .bias = c->use_bias ? step->weights[1].data : NULL,
                                .activation = up_activation_fused(&c->activation)};
    *ret = g;
}

#define ROW(kind, ...) UP_ROW_##kind(struct dense_config, __VA_ARGS__)

static const struct up_param params[] = {
    {.name = "units",
     .type = UP_PARAM_INT,
     .flags = UP_PARAM_REQUIRED,
     .offset = offsetof(struct dense_config, units),
     .min = 1,
     .max = UP_DIM_MAX,
     .meaning = "length of the output's last axis"},
    ROW(ACTIVATION, activation, "linear", "function applied to the result"),
    ROW(BOOL, use_bias, 1, "whether a bias is added"),
    ROW(INITIALIZER, kernel_initializer, "GlorotUniform", "fills the kernel when no weights come"),
    ROW(INITIALIZER, bias_initializer, "Zeros", "fills the bias when no weights come"),
    UP_PARAM_END,
};

static const struct up_weight_note weight_notes[] = {
    {"kernel", "(channels, units)"}, {"bias", "(units,)"}, {NULL, NULL}};

const struct up_layer_ops up_layer_dense = {
    .class_name = "Dense",
    .summary = "Every output of the last axis is a weighted sum of all its inputs.",
    .inputs_min = 1,
    .inputs_max = 1,
    .config_bytes = sizeof(struct dense_config),
    .params = params,
    .activation = offsetof(struct dense_config, activation),
    .shape = shape,
    .weights = weights,
    .weight_notes = weight_notes,
    .gather = gather,
    .prepare = up_gathered_prepare,
    .rows = up_gathered_rows,
};
