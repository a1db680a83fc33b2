/* Rescaling: x * scale + offset, both rounded. */
#include "core/layers/broadcast.h"

struct rescaling_config {
    struct up_config base;
    struct up_tensor scale, offset;
};

static enum up_code factor_check(const struct up_shape *factor, const char *name,
                                 const struct up_shape *in, struct up_error *err)
{
    bool fits = factor->rank <= in->rank;
    for (uint32_t i = 0; fits && i < factor->rank; i++) {
        const size_t dim = factor->dim[factor->rank - 1 - i];
        fits = dim == 1 || dim == in->dim[in->rank - 1 - i];
    }
    char text[UP_SHAPE_TEXT_BYTES], wanted[UP_SHAPE_TEXT_BYTES];
    return fits ? UP_OK
                : up_fail(err, UP_E_INVALID, name, "%s of shape %s does not fit the input %s", name,
                          up_shape_text(factor, text), up_shape_text(in, wanted));
}

static enum up_code shape(const void *config, const struct up_shape *in, uint32_t in_count,
                          struct up_shape *ret_out, struct up_error *err)
{
    (void)in_count;
    const struct rescaling_config *c = config;
    if (factor_check(&c->scale.shape, "scale", in, err) != UP_OK ||
        factor_check(&c->offset.shape, "offset", in, err) != UP_OK)
        return err->code;
    *ret_out = in[0];
    return UP_OK;
}

static enum up_code prepare(struct up_step *step, const struct up_kernels *kernels,
                            struct up_arena *arena, struct up_error *err)
{
    (void)kernels;
    static const float none = 0;
    const struct rescaling_config *c = step->config;
    const struct up_operand operands[] = {
        {step->in[0], UP_MULTIPLY, NULL},
        {c->scale.shape, UP_MULTIPLY, c->scale.data},
        {c->offset.shape, UP_ADD, c->offset.data == NULL ? &none : c->offset.data},
    };
    return up_broadcast_prepare(operands, 3, step, arena, err);
}

static const struct up_param params[] = {
    {.name = "scale",
     .type = UP_PARAM_TENSOR,
     .flags = UP_PARAM_REQUIRED,
     .offset = offsetof(struct rescaling_config, scale),
     .meaning = "what values are multiplied by: a number, or a list for the last axis"},
    {.name = "offset",
     .type = UP_PARAM_TENSOR,
     .offset = offsetof(struct rescaling_config, offset),
     .meaning = "what is added then; none: 0"},
    UP_PARAM_END,
};

const struct up_layer_ops up_layer_rescaling = {
    .class_name = "Rescaling",
    .summary = "Multiplies by a scale and adds an offset.",
    .inputs_min = 1,
    .inputs_max = 1,
    .config_bytes = sizeof(struct rescaling_config),
    .params = params,
    .shape = shape,
    .prepare = prepare,
    .rows = up_broadcast_rows,
};
