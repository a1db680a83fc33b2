/* DESIGN
 * Activation, and the layers that are one function with parameters: ReLU, LeakyReLU, ELU, Softmax.
 * All become a struct up_activation, and share what computes it. Rows are values, or groups along
 * the last axis; a softmax over other axes takes blocks of neighbouring groups, whose values lie at
 * the offsets of a table. */
#include <float.h>
#include <math.h>

#include "core/layers/layer.h"

enum { BLOCK_GROUPS = 64 };

struct activation_config {
    struct up_config base;
    struct up_activation activation;
};

/* --- Axes ----------------------------------------------------------------------------------- */

static enum up_code axes_find(const struct up_activation *a, const char *at,
                              const struct up_shape *in, bool ret[UP_RANK_MAX],
                              struct up_error *err)
{
    char text[UP_SHAPE_TEXT_BYTES];
    for (uint32_t i = 0; i < in->rank; i++)
        ret[i] = a->axes == 0 && i + 1 == in->rank;
    for (uint32_t i = 0; i < a->axes; i++) {
        const int axis = a->axis[i] < 0 ? a->axis[i] + (int)in->rank : a->axis[i];
        if (axis < 0 || axis >= (int)in->rank)
            return up_fail(err, UP_E_INVALID, at, "the input %s has no axis %d",
                           up_shape_text(in, text), a->axis[i]);
        if (ret[axis])
            return up_fail(err, UP_E_INVALID, at, "axis %d is named twice", axis);
        ret[axis] = true;
    }
    return UP_OK;
}

enum up_code up_activation_shape(const struct up_activation *activation, const char *at,
                                 const struct up_shape *in, struct up_shape *ret_out,
                                 struct up_error *err)
{
    bool axes[UP_RANK_MAX];
    const uint32_t last = in->rank - 1;
    char text[UP_SHAPE_TEXT_BYTES];
    struct up_shape out = *in;
    if (activation->id == UP_ACT_SOFTMAX && axes_find(activation, at, in, axes, err) != UP_OK)
        return err->code;
    if (activation->id == UP_ACT_GLU) {
        if (in->dim[last] % 2 != 0)
            return up_fail(err, UP_E_INVALID, at,
                           "glu halves the last axis, the one of %s cannot be halved",
                           up_shape_text(in, text));
        out.dim[last] /= 2;
    }
    *ret_out = out;
    return UP_OK;
}

/* --- Work ----------------------------------------------------------------------------------- */

struct prepared {
    struct up_activation activation;
    size_t width;   /* of a group of the output; 1: a row is one value */
    size_t *offset; /* of a group's values, where groups are interleaved; else NULL */
    size_t count;   /* of neighbouring groups then */
    size_t rank, dim[UP_RANK_MAX], stride[UP_RANK_MAX]; /* the axes around those groups */
};

static void interleaved_set(struct prepared *p, const struct up_shape *shape,
                            const bool axes[UP_RANK_MAX])
{
    size_t stride = 1, filled = 1;
    bool inner = true; /* no summed axis was met yet, from the last on */
    p->count = 1;
    p->offset[0] = 0;
    for (uint32_t i = shape->rank; i-- > 0; stride *= shape->dim[i]) {
        const size_t dim = shape->dim[i];
        if (axes[i]) {
            for (size_t k = filled; k < filled * dim; k++)
                p->offset[k] = p->offset[k % filled] + k / filled * stride;
            filled *= dim;
            inner = inner && dim == 1;
        } else if (inner) {
            p->count *= dim;
        } else {
            p->dim[p->rank] = dim;
            p->stride[p->rank++] = stride;
        }
    }
}

/* How many values a group has, and whether they are all there is from some axis on. */
static size_t group_of(const struct up_shape *shape, const bool axes[UP_RANK_MAX],
                       bool *ret_contiguous)
{
    size_t width = 1;
    bool kept = false;
    *ret_contiguous = true;
    for (uint32_t i = shape->rank; i-- > 0;) {
        width *= axes[i] ? shape->dim[i] : 1;
        *ret_contiguous = *ret_contiguous && !(axes[i] && kept && shape->dim[i] > 1);
        kept = kept || (!axes[i] && shape->dim[i] > 1);
    }
    return width;
}

static enum up_code softmax_prepare(struct prepared *p, struct up_step *step,
                                    struct up_arena *arena, struct up_error *err)
{
    bool axes[UP_RANK_MAX], contiguous;
    if (axes_find(&p->activation, "axis", &step->out, axes, err) != UP_OK)
        return err->code;
    p->width = group_of(&step->out, axes, &contiguous);
    if (contiguous)
        return UP_OK;
    p->offset = up_arena_alloc(arena, p->width, sizeof *p->offset, err);
    if (p->offset == NULL)
        return err->code;
    interleaved_set(p, &step->out, axes);
    return UP_OK;
}

static size_t blocks_of(const struct prepared *p)
{
    return (p->count + BLOCK_GROUPS - 1) / BLOCK_GROUPS;
}

static enum up_code prepare(struct up_step *step, const struct up_kernels *kernels,
                            struct up_arena *arena, struct up_error *err)
{
    (void)kernels;
    struct prepared *p = up_arena_zalloc(arena, 1, sizeof *p, err);
    if (p == NULL)
        return err->code;
    p->activation = step->ops->function(step->config);
    const bool by_value = up_activation_kind(p->activation.id) == UP_ACT_POINTWISE;
    p->width = by_value ? 1 : step->out.dim[step->out.rank - 1];
    if (p->activation.id == UP_ACT_SOFTMAX && softmax_prepare(p, step, arena, err) != UP_OK)
        return err->code;
    step->prepared = p;
    step->rows = up_shape_size(&step->out) / p->width;
    step->algorithm = by_value ? "by value" : "by axis";
    if (p->offset != NULL)
        step->rows = step->rows / p->count * blocks_of(p);
    step->grain = UP_GRAIN_VALUES / (p->width * (p->offset == NULL ? 1 : BLOCK_GROUPS)) + 1;
    return UP_OK;
}

static void softmax_block(const struct up_call *call, size_t row)
{
    const struct prepared *p = call->step->prepared;
    const size_t block = row % blocks_of(p) * BLOCK_GROUPS, left = p->count - block;
    size_t at = block, rest = row / blocks_of(p);
    for (size_t i = 0; i < p->rank; i++) {
        at += rest % p->dim[i] * p->stride[i];
        rest /= p->dim[i];
    }
    call->kernels->softmax_across(call->in[0] + at, p->offset, p->width,
                                  left < BLOCK_GROUPS ? left : BLOCK_GROUPS, call->out + at);
}

static void rows(const struct up_call *call, size_t begin, size_t end)
{
    const struct prepared *p = call->step->prepared;
    const struct up_kernels *kernels = call->kernels;
    const float *x = call->in[0] + begin * p->width;
    float *y = call->out + begin * p->width;
    for (size_t row = begin; p->offset != NULL && row < end; row++)
        softmax_block(call, row);
    if (p->offset != NULL)
        return;
    switch (p->activation.id) {
    case UP_ACT_SOFTMAX:
        kernels->softmax(x, end - begin, p->width, y);
        break;
    case UP_ACT_LOG_SOFTMAX:
        kernels->log_softmax(x, end - begin, p->width, y);
        break;
    case UP_ACT_SPARSEMAX:
        kernels->sparsemax(x, end - begin, p->width, y);
        break;
    case UP_ACT_GLU:
        kernels->glu(x + begin * p->width, end - begin, p->width, y);
        break;
    default:
        if (call->step->stream)
            kernels->activate_stream(&p->activation, x, end - begin, y);
        else
            kernels->activate(&p->activation, x, end - begin, y);
    }
}

/* --- Activation ----------------------------------------------------------------------------- */

static struct up_activation activation_function(const void *config)
{
    return ((const struct activation_config *)config)->activation;
}

static bool activation_any_layout(const void *config)
{
    const struct activation_config *c = config;
    return up_activation_kind(c->activation.id) == UP_ACT_POINTWISE;
}

static enum up_code activation_shape(const void *config, const struct up_shape *in,
                                     uint32_t in_count, struct up_shape *ret_out,
                                     struct up_error *err)
{
    (void)in_count;
    const struct activation_config *c = config;
    return up_activation_shape(&c->activation, "activation", in, ret_out, err);
}

static const struct up_param activation_params[] = {
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
    .params = activation_params,
    .any_layout = activation_any_layout,
    .function = activation_function,
    .shape = activation_shape,
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
    return up_activation_shape(activation, "activation", in, &ret->out, err);
}

/* --- ReLU, LeakyReLU, ELU ------------------------------------------------------------------- */

static enum up_code same_shape(const void *config, const struct up_shape *in, uint32_t in_count,
                               struct up_shape *ret_out, struct up_error *err)
{
    (void)config, (void)in_count, (void)err;
    *ret_out = in[0];
    return UP_OK;
}

static bool always(const void *config)
{
    (void)config;
    return true;
}

struct relu_config {
    struct up_config base;
    double max_value, negative_slope, threshold;
};

static struct up_activation relu_function(const void *config)
{
    const struct relu_config *c = config;
    return (struct up_activation){.id = UP_ACT_RELU,
                                  .alpha = (float)c->negative_slope,
                                  .beta = (float)c->max_value,
                                  .gamma = (float)c->threshold};
}

#define FLOAT_ROW(CONFIG, field, flag, low, high, default_, text)                                  \
    {                                                                                              \
        .name = #field, .type = UP_PARAM_FLOAT, .flags = (flag),                                   \
        .offset = offsetof(CONFIG, field), .min = (low), .max = (high), .fallback = (default_),    \
        .meaning = (text)                                                                          \
    }

static const struct up_param relu_params[] = {
    FLOAT_ROW(struct relu_config, max_value, UP_PARAM_NULLABLE, 0, FLT_MAX, INFINITY,
              "the largest result; null: none"),
    FLOAT_ROW(struct relu_config, negative_slope, 0, 0, FLT_MAX, 0, "slope below the threshold"),
    FLOAT_ROW(struct relu_config, threshold, 0, 0, FLT_MAX, 0,
              "what values must be larger than to be kept"),
    UP_PARAM_END,
};

struct leaky_relu_config {
    struct up_config base;
    double negative_slope, alpha;
};

static struct up_activation leaky_relu_function(const void *config)
{
    const struct leaky_relu_config *c = config;
    const bool old = !isnan(c->alpha);
    return (struct up_activation){.id = UP_ACT_LEAKY_RELU,
                                  .alpha = (float)(old ? c->alpha : c->negative_slope)};
}

static const struct up_param leaky_relu_params[] = {
    FLOAT_ROW(struct leaky_relu_config, negative_slope, 0, 0, FLT_MAX, 0.3, "slope below zero"),
    FLOAT_ROW(struct leaky_relu_config, alpha, UP_PARAM_NULLABLE, 0, FLT_MAX, NAN,
              "the older name of negative_slope; goes before it"),
    UP_PARAM_END,
};

struct elu_config {
    struct up_config base;
    double alpha;
};

static struct up_activation elu_function(const void *config)
{
    const struct elu_config *c = config;
    return (struct up_activation){.id = UP_ACT_ELU, .alpha = (float)c->alpha};
}

static const struct up_param elu_params[] = {
    FLOAT_ROW(struct elu_config, alpha, 0, 0, 0, 1, "minus the limit far below zero"),
    UP_PARAM_END,
};

#define BY_VALUE(symbol, name, text)                                                               \
    const struct up_layer_ops up_layer_##symbol = {                                                \
        .class_name = (name),                                                                      \
        .summary = (text),                                                                         \
        .inputs_min = 1,                                                                           \
        .inputs_max = 1,                                                                           \
        .config_bytes = sizeof(struct symbol##_config),                                            \
        .params = symbol##_params,                                                                 \
        .any_layout = always,                                                                      \
        .function = symbol##_function,                                                             \
        .shape = same_shape,                                                                       \
        .prepare = prepare,                                                                        \
        .rows = rows,                                                                              \
    }

BY_VALUE(relu, "ReLU", "Cuts off what is below a threshold, or above a maximum.");
BY_VALUE(leaky_relu, "LeakyReLU", "Makes negative values smaller by a slope.");
BY_VALUE(elu, "ELU", "Bends negative values exponentially to a limit.");

/* --- Softmax -------------------------------------------------------------------------------- */

struct softmax_config {
    struct up_config base;
    struct up_list axis;
};

static enum up_code softmax_check(const void *config, struct up_error *err)
{
    const struct softmax_config *c = config;
    if (c->axis.count > 0)
        return UP_OK;
    return up_fail(err, UP_E_INVALID, "axis", "axis is an axis or a list of some, not of none");
}

static struct up_activation softmax_function(const void *config)
{
    const struct softmax_config *c = config;
    struct up_activation a = {.id = UP_ACT_SOFTMAX, .axes = (uint8_t)c->axis.count};
    for (uint32_t i = 0; i < c->axis.count; i++)
        a.axis[i] = (int8_t)c->axis.v[i];
    return a;
}

static enum up_code softmax_shape(const void *config, const struct up_shape *in, uint32_t in_count,
                                  struct up_shape *ret_out, struct up_error *err)
{
    (void)in_count;
    const struct up_activation a = softmax_function(config);
    return up_activation_shape(&a, "axis", in, ret_out, err);
}

static const struct up_param softmax_params[] = {
    {.name = "axis",
     .type = UP_PARAM_LIST,
     .offset = offsetof(struct softmax_config, axis),
     .min = -UP_RANK_MAX,
     .max = UP_RANK_MAX - 1,
     .fallback = -1,
     .meaning = "the axis, or axes, whose values share out one"},
    UP_PARAM_END,
};

const struct up_layer_ops up_layer_softmax = {
    .class_name = "Softmax",
    .summary = "Shares out one along an axis, exponentially.",
    .inputs_min = 1,
    .inputs_max = 1,
    .config_bytes = sizeof(struct softmax_config),
    .params = softmax_params,
    .function = softmax_function,
    .check = softmax_check,
    .shape = softmax_shape,
    .prepare = prepare,
    .rows = rows,
};
