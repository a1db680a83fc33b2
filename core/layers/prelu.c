/* PReLU: a leaky ReLU whose slopes are weights, one for each value of a sample or shared by axes.
 */
#include "core/layers/broadcast.h"

struct prelu_config {
    struct up_config base;
    struct up_initializer alpha_initializer;
    struct up_list shared_axes;
};

/* Keras takes shared axis i for entry i - 1 of a Python list: those below 1 count from its end. */
static bool axis_of(const struct up_list *shared, uint32_t i, uint32_t axes, uint32_t *ret)
{
    const int64_t entry = shared->v[i] - 1;
    if (entry < -(int64_t)axes || entry >= (int64_t)axes)
        return false;
    *ret = (uint32_t)(entry < 0 ? entry + axes : entry);
    return true;
}

static enum up_code shape(const void *config, const struct up_shape *in, uint32_t in_count,
                          struct up_shape *ret_out, struct up_error *err)
{
    (void)in_count;
    const struct prelu_config *c = config;
    char text[UP_SHAPE_TEXT_BYTES];
    uint32_t axis;
    for (uint32_t i = 0; i < c->shared_axes.count; i++)
        if (!axis_of(&c->shared_axes, i, in[0].rank - 1, &axis))
            return up_fail(err, UP_E_INVALID, "shared_axes", "the input %s has no axis %lld",
                           up_shape_text(in, text), (long long)c->shared_axes.v[i]);
    *ret_out = in[0];
    return UP_OK;
}

static uint32_t weights(const void *config, const struct up_shape *in,
                        struct up_weight ret[UP_WEIGHTS_MAX])
{
    const struct prelu_config *c = config;
    struct up_shape alpha = up_shape_without(in, 0, 1);
    uint32_t axis;
    for (uint32_t i = 0; i < c->shared_axes.count; i++)
        if (axis_of(&c->shared_axes, i, alpha.rank, &axis))
            alpha.dim[axis] = 1;
    ret[0] = (struct up_weight){"alpha", alpha, &c->alpha_initializer, "alpha_initializer"};
    return 1;
}

static enum up_code prepare(struct up_step *step, const struct up_kernels *kernels,
                            struct up_arena *arena, struct up_error *err)
{
    (void)kernels;
    const struct up_operand operands[] = {
        {step->in[0], UP_PRELU, NULL},
        {step->weights[0].shape, UP_PRELU, step->weights[0].data},
    };
    return up_broadcast_prepare(operands, 2, step, arena, err);
}

static const struct up_param params[] = {
    UP_ROW_INITIALIZER(struct prelu_config, alpha_initializer, "Zeros",
                       "fills the slopes when no weights come"),
    {.name = "alpha_regularizer", .type = UP_PARAM_IGNORED, .meaning = "not used"},
    {.name = "alpha_constraint", .type = UP_PARAM_IGNORED, .meaning = "not used"},
    {.name = "shared_axes",
     .type = UP_PARAM_LIST,
     .flags = UP_PARAM_NULLABLE,
     .offset = offsetof(struct prelu_config, shared_axes),
     .meaning = "axes along which a slope is shared; the first after the batch is 1"},
    UP_PARAM_END,
};

static const struct up_weight_note weight_notes[] = {
    {"alpha", "the input's without the batch, 1 at shared_axes"}, {NULL, NULL}};

const struct up_layer_ops up_layer_prelu = {
    .class_name = "PReLU",
    .summary = "A leaky ReLU with slopes that were learned.",
    .flags = UP_LAYER_NONLINEAR,
    .inputs_min = 1,
    .inputs_max = 1,
    .config_bytes = sizeof(struct prelu_config),
    .params = params,
    .shape = shape,
    .weights = weights,
    .weight_notes = weight_notes,
    .prepare = prepare,
    .rows = up_broadcast_rows,
};
