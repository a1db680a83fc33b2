/* Conv1D/2D/3D: checks and parameters; core/gather computes. */
#include "core/layers/gathered.h"
#include "core/layers/window.h"

struct conv_config {
    struct up_config base;
    int64_t filters, groups;
    struct up_window window;
    struct up_activation activation;
    bool use_bias;
    struct up_initializer kernel_initializer, bias_initializer;
};

static int64_t largest(const struct up_ints *ints)
{
    int64_t max = 1; /* axes a layer does not have are 0 */
    for (uint32_t i = 0; i < UP_SPATIAL_MAX; i++)
        max = ints->v[i] > max ? ints->v[i] : max;
    return max;
}

static enum up_code check(const void *config, struct up_error *err)
{
    const struct conv_config *c = config;
    const int64_t stride = largest(&c->window.strides),
                  dilation = largest(&c->window.dilation_rate);
    if (c->filters % c->groups != 0)
        return up_fail(err, UP_E_INVALID, "groups", "groups %lld does not divide filters %lld",
                       (long long)c->groups, (long long)c->filters);
    if (stride > 1 && dilation > 1)
        return up_fail(err, UP_E_INVALID, "dilation_rate",
                       "strides %lld and dilation_rate %lld cannot both be larger than 1",
                       (long long)stride, (long long)dilation);
    return up_window_check(&c->window, err);
}

static enum up_code shape(const void *config, const struct up_shape *in, uint32_t in_count,
                          struct up_shape *ret_out, struct up_error *err)
{
    (void)in_count;
    const struct conv_config *c = config;
    const size_t channels = in[0].dim[in[0].rank - 1];
    if (channels % (size_t)c->groups != 0)
        return up_fail(err, UP_E_INVALID, "groups",
                       "groups %lld does not divide the input's %zu channels", (long long)c->groups,
                       channels);
    return up_window_shape(&c->window, &in[0], (size_t)c->filters, ret_out, err);
}

static uint32_t weights(const void *config, const struct up_shape *in,
                        struct up_weight ret[UP_WEIGHTS_MAX])
{
    const struct conv_config *c = config;
    const size_t channels = in[0].dim[in[0].rank - 1], filters = (size_t)c->filters;
    const struct up_shape kernel =
        up_window_kernel(&c->window, in[0].rank - 2, channels / (size_t)c->groups, filters);
    return up_gathered_weights(&kernel, &c->kernel_initializer, filters,
                               c->use_bias ? &c->bias_initializer : NULL, ret);
}

static void gather(const struct up_step *step, struct up_gather *ret)
{
    const struct conv_config *c = step->config;
    const uint32_t spatial = step->ops->spatial;
    struct up_gather g = {.in = up_grid_of(&step->in[0], spatial),
                          .out = up_grid_of(&step->out, spatial),
                          .groups = (size_t)c->groups,
                          .kernel = step->weights[0].data,
                          .filter_stride = 1,
                          .bias = c->use_bias ? step->weights[1].data : NULL,
                          .activation = up_activation_fused(&c->activation)};
    g.channel_stride = g.out.channels; /* Keras' kernel is (positions, channels, filters) */
    g.position_stride = g.in.channels / g.groups * g.out.channels;
    for (uint32_t i = 0; i < 3; i++) {
        const struct up_window_axis a = up_window_axis(&c->window, spatial, i, g.in.spatial[i]);
        g.axis[i] = (struct up_gather_axis){a.kernel, a.stride, a.dilation, a.before, 1};
    }
    *ret = g;
}

/* --- The three layers ----------------------------------------------------------------------- */

#define ROW(kind, ...) UP_ROW_##kind(struct conv_config, __VA_ARGS__)

#define ROWS_BEFORE                                                                                \
    {.name = "filters",                                                                            \
     .type = UP_PARAM_INT,                                                                         \
     .flags = UP_PARAM_REQUIRED,                                                                   \
     .offset = offsetof(struct conv_config, filters),                                              \
     .min = 1,                                                                                     \
     .max = UP_DIM_MAX,                                                                            \
     .meaning = "channels of the output"},                                                         \
        UP_WINDOW_ROW_KERNEL_SIZE(struct conv_config), UP_WINDOW_ROW_STRIDES(struct conv_config)
#define ROWS_AFTER                                                                                 \
    UP_ROW_DATA_FORMAT(struct conv_config), UP_WINDOW_ROW_DILATION_RATE(struct conv_config),       \
        ROW(INT, groups, 1, UP_DIM_MAX, 1, "parts of the channels, each convolved on its own"),    \
        ROW(ACTIVATION, activation, "linear", "function applied to the result"),                   \
        ROW(BOOL, use_bias, 1, "whether a bias is added"),                                         \
        ROW(INITIALIZER, kernel_initializer, "GlorotUniform",                                      \
            "fills the kernel when no weights come"),                                              \
        ROW(INITIALIZER, bias_initializer, "Zeros", "fills the bias when no weights come"),        \
        UP_PARAM_END

static const char *const paddings_1d[] = {"valid", "same", "causal", NULL};

static const struct up_param params_1d[] = {
    ROWS_BEFORE,
    UP_WINDOW_ROW_PADDING(struct conv_config, paddings_1d,
                          "same adds zeros around the input, causal before it; valid adds none"),
    ROWS_AFTER,
};
static const struct up_param params_2d[] = {
    ROWS_BEFORE,
    UP_WINDOW_ROW_PADDING(struct conv_config, up_paddings,
                          "same adds zeros around the input; valid adds none"),
    ROWS_AFTER,
};
#define params_3d params_2d

static const struct up_weight_note weight_notes[] = {
    {"kernel", "(*kernel_size, channels / groups, filters)"}, {"bias", "(filters,)"}, {NULL, NULL}};

#define CONV(n, text)                                                                              \
    static const char *const aliases_##n##d[] = {"Convolution" #n "D", NULL};                      \
    const struct up_layer_ops up_layer_conv##n##d = {                                              \
        .class_name = "Conv" #n "D",                                                               \
        .aliases = aliases_##n##d,                                                                 \
        .summary = text,                                                                           \
        .spatial = n,                                                                              \
        .inputs_min = 1,                                                                           \
        .inputs_max = 1,                                                                           \
        .config_bytes = sizeof(struct conv_config),                                                \
        .params = params_##n##d,                                                                   \
        .activation = offsetof(struct conv_config, activation),                                    \
        .check = check,                                                                            \
        .shape = shape,                                                                            \
        .weights = weights,                                                                        \
        .weight_notes = weight_notes,                                                              \
        .gather = gather,                                                                          \
        .prepare = up_gathered_prepare,                                                            \
        .rows = up_gathered_rows,                                                                  \
    }

CONV(1, "Convolution of a sequence.");
CONV(2, "Convolution of an image.");
CONV(3, "Convolution of a volume.");
