/* Activation: a function of each value, or of each group along the last axis. */
#include "core/layers/layer.h"

enum { GRAIN_VALUES = 16384 };

struct activation_config {
    struct up_config base;
    struct up_activation activation;
};

static bool by_value(const void *config)
{
    const struct activation_config *c = config;
    return up_activation_kind(c->activation.id) == UP_ACT_POINTWISE;
}

static enum up_code shape(const void *config, const struct up_shape *in, uint32_t in_count,
                          struct up_shape *ret_out, struct up_error *err)
{
    (void)in_count;
    const struct activation_config *c = config;
    if (!by_value(config) && in[0].rank < 2)
        return up_fail(err, UP_E_INVALID, "activation",
                       "%s needs at least 2 axes, the input has %u",
                       up_activation_name(c->activation.id), in[0].rank);
    *ret_out = in[0];
    return UP_OK;
}

/* The last axis of a row when rows are groups; 1 when they are values. */
static size_t width(const struct up_step *step)
{
    return by_value(step->config) ? 1 : step->out.dim[step->out.rank - 1];
}

static enum up_code prepare(struct up_step *step, const struct up_kernels *kernels,
                            struct up_arena *arena, struct up_error *err)
{
    (void)kernels, (void)arena, (void)err;
    step->rows = up_shape_size(&step->out) / width(step);
    step->grain = GRAIN_VALUES / width(step) + 1;
    step->algorithm = by_value(step->config) ? "by value" : "by last axis";
    return UP_OK;
}

static void rows(const struct up_call *call, size_t begin, size_t end)
{
    const struct activation_config *c = call->step->config;
    const size_t w = width(call->step);
    const float *x = call->in[0] + begin * w;
    float *y = call->out + begin * w;
    if (c->activation.id == UP_ACT_SOFTMAX)
        call->kernels->softmax(x, end - begin, w, y);
    else if (c->activation.id == UP_ACT_LOG_SOFTMAX)
        call->kernels->log_softmax(x, end - begin, w, y);
    else
        call->kernels->activate(&c->activation, x, end - begin, y);
}

static const struct up_param params[] = {
    {.name = "activation",
     .type = UP_PARAM_ACTIVATION,
     .flags = UP_PARAM_REQUIRED,
     .offset = offsetof(struct activation_config, activation),
     .meaning = "the function's name"},
    UP_PARAM_END,
};

const struct up_layer_ops up_layer_activation = {
    .class_name = "Activation",
    .summary = "Applies an activation function to every value.",
    .inputs_min = 1,
    .inputs_max = 1,
    .config_bytes = sizeof(struct activation_config),
    .params = params,
    .any_layout = by_value,
    .shape = shape,
    .prepare = prepare,
    .rows = rows,
};

enum up_code up_activation_step(const struct up_activation *activation, const struct up_shape *in,
                                struct up_step *ret, struct up_arena *arena, struct up_error *err)
{
    struct activation_config *config = up_arena_zalloc(arena, 1, sizeof *config, err);
    if (config == NULL)
        return err->code;
    config->activation = *activation;
    *ret = (struct up_step){
        .ops = &up_layer_activation, .config = config, .in = in, .in_count = 1, .out = *in};
    return shape(config, in, 1, &ret->out, err);
}
