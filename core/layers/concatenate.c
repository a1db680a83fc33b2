/* Concatenate: inputs one after the other along an axis. */
#include <string.h>

#include "core/layers/layer.h"

struct concatenate_config {
    struct up_config base;
    int64_t axis;
};

static uint32_t axis_of(const struct concatenate_config *c, uint32_t rank)
{
    return (uint32_t)(c->axis < 0 ? c->axis + rank : c->axis);
}

static enum up_code shape(const void *config, const struct up_shape *in, uint32_t in_count,
                          struct up_shape *ret_out, struct up_error *err)
{
    const struct concatenate_config *c = config;
    char text[UP_SHAPE_TEXT_BYTES], other[UP_SHAPE_TEXT_BYTES];
    if (c->axis < -(int64_t)in[0].rank || c->axis >= (int64_t)in[0].rank)
        return up_fail(err, UP_E_INVALID, "axis", "the input %s has no axis %lld",
                       up_shape_text(&in[0], text), (long long)c->axis);
    const uint32_t axis = axis_of(c, in[0].rank);
    struct up_shape out = in[0];
    for (uint32_t i = 1; i < in_count; i++) {
        struct up_shape alike = in[i];
        if (alike.rank == out.rank)
            alike.dim[axis] = out.dim[axis];
        if (!up_shape_equal(&alike, &out))
            return up_fail(
                err, UP_E_INVALID, "axis", "input %u of shape %s differs from %s beside axis %lld",
                i, up_shape_text(&in[i], other), up_shape_text(&in[0], text), (long long)c->axis);
        out.dim[axis] += in[i].dim[axis];
    }
    *ret_out = out;
    return UP_OK;
}

/* Values that follow one another in an input, and then in the output. */
static size_t run_of(const struct up_shape *shape, uint32_t axis)
{
    size_t values = 1;
    for (uint32_t i = axis; i < shape->rank; i++)
        values *= shape->dim[i];
    return values;
}

static enum up_code prepare(struct up_step *step, const struct up_kernels *kernels,
                            struct up_arena *arena, struct up_error *err)
{
    (void)kernels;
    const uint32_t axis = axis_of(step->config, step->out.rank);
    size_t *run = up_arena_alloc(arena, step->in_count, sizeof *run, err);
    if (run == NULL)
        return err->code;
    for (uint32_t i = 0; i < step->in_count; i++)
        run[i] = run_of(&step->in[i], axis);
    const size_t values = run_of(&step->out, axis);
    step->prepared = run;
    step->rows = up_shape_size(&step->out) / values;
    step->grain = UP_GRAIN_VALUES / values + 1;
    step->algorithm = "copy";
    return UP_OK;
}

static void rows(const struct up_call *call, size_t begin, size_t end)
{
    const size_t *run = call->step->prepared;
    const size_t values = up_shape_size(&call->step->out) / call->step->rows;
    float *y = call->out + begin * values;
    for (size_t row = begin; row < end; row++)
        for (uint32_t i = 0; i < call->step->in_count; i++, y += run[i - 1])
            memcpy(y, call->in[i] + row * run[i], run[i] * sizeof *y);
}

static const struct up_param params[] = {
    UP_ROW_INT(struct concatenate_config, axis, -UP_RANK_MAX, UP_RANK_MAX - 1, -1,
               "the axis along which the inputs follow one another"),
    UP_PARAM_END,
};

const struct up_layer_ops up_layer_concatenate = {
    .class_name = "Concatenate",
    .summary = "Its inputs one after the other.",
    .inputs_min = 1,
    .inputs_max = UP_INPUTS_MAX,
    .config_bytes = sizeof(struct concatenate_config),
    .params = params,
    .shape = shape,
    .prepare = prepare,
    .rows = rows,
};
