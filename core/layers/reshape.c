/* Reshape, Flatten, Permute, RepeatVector: the input's values in another order or shape. */
#include "core/layers/strided.h"

/* --- Reshape and Flatten ------------------------------------------------------------------------
 * Flatten with channels_first flattens what the plan has moved the channels of: as Keras does. */

struct reshape_config {
    struct up_config base;
    struct up_list target_shape;
};

static enum up_code reshape_check(const void *config, struct up_error *err)
{
    const struct reshape_config *c = config;
    uint32_t unknown = 0;
    if (c->target_shape.scalar)
        return up_fail(err, UP_E_INVALID, "target_shape",
                       "target_shape is a list of lengths, not the number %lld",
                       (long long)c->target_shape.v[0]);
    if (c->target_shape.count == UP_RANK_MAX)
        return up_fail(err, UP_E_INVALID, "target_shape",
                       "target_shape takes at most %d lengths, not %u", UP_RANK_MAX - 1,
                       c->target_shape.count);
    for (uint32_t i = 0; i < c->target_shape.count; i++) {
        if (c->target_shape.v[i] == 0)
            return up_fail(err, UP_E_INVALID, "target_shape", "axis %u of target_shape is 0", i);
        unknown += c->target_shape.v[i] < 0;
    }
    if (unknown > 1)
        return up_fail(err, UP_E_INVALID, "target_shape",
                       "one length of target_shape may be -1, not %u", unknown);
    return UP_OK;
}

static enum up_code reshape_shape(const void *config, const struct up_shape *in, uint32_t in_count,
                                  struct up_shape *ret_out, struct up_error *err)
{
    (void)in_count;
    const struct up_list *target = &((const struct reshape_config *)config)->target_shape;
    const size_t count = up_shape_size(in) / in[0].dim[0];
    struct up_shape out = {.rank = target->count + 1, .dim = {in[0].dim[0]}};
    size_t known = 1;
    bool fits = true, open = false;
    for (uint32_t i = 0; i < target->count; i++) {
        open = open || target->v[i] < 0;
        out.dim[i + 1] = (size_t)target->v[i];
        fits = fits && (target->v[i] < 0 || up_size_mul(known, out.dim[i + 1], &known));
    }
    if (!fits || (open ? count % known != 0 : count != known)) {
        char text[UP_SHAPE_TEXT_BYTES];
        return up_fail(err, UP_E_INVALID, "target_shape",
                       "the %zu values of each sample of the input %s do not fit target_shape",
                       count, up_shape_text(in, text));
    }
    for (uint32_t i = 0; i < target->count; i++)
        if (target->v[i] < 0)
            out.dim[i + 1] = count / known;
    *ret_out = out;
    return UP_OK;
}

static enum up_code flatten_shape(const void *config, const struct up_shape *in, uint32_t in_count,
                                  struct up_shape *ret_out, struct up_error *err)
{
    (void)config, (void)in_count, (void)err;
    *ret_out =
        (struct up_shape){.rank = 2, .dim = {in[0].dim[0], up_shape_size(in) / in[0].dim[0]}};
    return UP_OK;
}

static enum up_code dense_prepare(struct up_step *step, const struct up_kernels *kernels,
                                  struct up_arena *arena, struct up_error *err)
{
    (void)kernels;
    const struct up_strided view = up_strided_of(&step->in[0]);
    return up_strided_prepare(&view, 0, step, arena, err);
}

static const struct up_param reshape_params[] = {
    {.name = "target_shape",
     .type = UP_PARAM_LIST,
     .flags = UP_PARAM_REQUIRED | UP_PARAM_NULL_ITEMS,
     .offset = offsetof(struct reshape_config, target_shape),
     .min = -1,
     .max = UP_DIM_MAX,
     .meaning = "the output's shape without the batch; one length may be -1: what is left"},
    UP_PARAM_END,
};

const struct up_layer_ops up_layer_reshape = {
    .class_name = "Reshape",
    .summary = "The same values in another shape.",
    .inputs_min = 1,
    .inputs_max = 1,
    .config_bytes = sizeof(struct reshape_config),
    .params = reshape_params,
    .check = reshape_check,
    .shape = reshape_shape,
    .prepare = dense_prepare,
    .rows = up_strided_rows,
};

static const struct up_param flatten_params[] = {
    UP_ROW_DATA_FORMAT(struct reshape_config),
    UP_PARAM_END,
};

const struct up_layer_ops up_layer_flatten = {
    .class_name = "Flatten",
    .summary = "All values of a sample on one axis, channels last.",
    .inputs_min = 1,
    .inputs_max = 1,
    .config_bytes = sizeof(struct reshape_config),
    .params = flatten_params,
    .shape = flatten_shape,
    .prepare = dense_prepare,
    .rows = up_strided_rows,
};

/* --- Permute -------------------------------------------------------------------------------- */

struct permute_config {
    struct up_config base;
    struct up_list dims;
};

static enum up_code permute_check(const void *config, struct up_error *err)
{
    const struct up_list *dims = &((const struct permute_config *)config)->dims;
    unsigned seen = 0;
    for (uint32_t i = 0; i < dims->count; i++)
        seen |= 1U << dims->v[i];
    if (!dims->scalar && seen == (1U << (dims->count + 1)) - 2)
        return UP_OK;
    return up_fail(err, UP_E_INVALID, "dims",
                   "dims is a list of the numbers from 1 to its length, each of them once");
}

static enum up_code permute_shape(const void *config, const struct up_shape *in, uint32_t in_count,
                                  struct up_shape *ret_out, struct up_error *err)
{
    (void)in_count;
    const struct up_list *dims = &((const struct permute_config *)config)->dims;
    char text[UP_SHAPE_TEXT_BYTES];
    if (dims->count + 1 != in[0].rank)
        return up_fail(err, UP_E_INVALID, "dims",
                       "dims has %u axes, the input %s has %u after the batch", dims->count,
                       up_shape_text(in, text), in[0].rank - 1);
    *ret_out = in[0];
    for (uint32_t i = 0; i < dims->count; i++)
        ret_out->dim[i + 1] = in[0].dim[dims->v[i]];
    return UP_OK;
}

static enum up_code permute_prepare(struct up_step *step, const struct up_kernels *kernels,
                                    struct up_arena *arena, struct up_error *err)
{
    (void)kernels;
    const struct up_list *dims = &((const struct permute_config *)step->config)->dims;
    const struct up_strided in = up_strided_of(&step->in[0]);
    struct up_strided view = in;
    for (uint32_t i = 0; i < dims->count; i++) {
        view.dim[i + 1] = in.dim[dims->v[i]];
        view.stride[i + 1] = in.stride[dims->v[i]];
    }
    return up_strided_prepare(&view, 0, step, arena, err);
}

static const struct up_param permute_params[] = {
    {.name = "dims",
     .type = UP_PARAM_LIST,
     .flags = UP_PARAM_REQUIRED,
     .offset = offsetof(struct permute_config, dims),
     .min = 1,
     .max = UP_RANK_MAX,
     .meaning =
         "which axis of the input each axis of the output is; the first after the batch is 1"},
    UP_PARAM_END,
};

const struct up_layer_ops up_layer_permute = {
    .class_name = "Permute",
    .summary = "The axes in another order.",
    .inputs_min = 1,
    .inputs_max = 1,
    .config_bytes = sizeof(struct permute_config),
    .params = permute_params,
    .check = permute_check,
    .shape = permute_shape,
    .prepare = permute_prepare,
    .rows = up_strided_rows,
};

/* --- RepeatVector --------------------------------------------------------------------------- */

struct repeat_config {
    struct up_config base;
    int64_t n;
};

static enum up_code repeat_shape(const void *config, const struct up_shape *in, uint32_t in_count,
                                 struct up_shape *ret_out, struct up_error *err)
{
    (void)in_count;
    char text[UP_SHAPE_TEXT_BYTES];
    if (in[0].rank != 2)
        return up_fail(err, UP_E_INVALID, "n",
                       "RepeatVector takes 2 axes (batch, features), its input %s has %u",
                       up_shape_text(in, text), in[0].rank);
    *ret_out = up_shape_with(in, 1, (size_t)((const struct repeat_config *)config)->n);
    return UP_OK;
}

static enum up_code repeat_prepare(struct up_step *step, const struct up_kernels *kernels,
                                   struct up_arena *arena, struct up_error *err)
{
    (void)kernels;
    struct up_strided view = up_strided_of(&step->out);
    view.stride[0] = step->in[0].dim[1];
    view.stride[1] = 0;
    return up_strided_prepare(&view, 0, step, arena, err);
}

static const struct up_param repeat_params[] = {
    {.name = "n",
     .type = UP_PARAM_INT,
     .flags = UP_PARAM_REQUIRED,
     .offset = offsetof(struct repeat_config, n),
     .min = 1,
     .max = UP_DIM_MAX,
     .meaning = "how many times"},
    UP_PARAM_END,
};

const struct up_layer_ops up_layer_repeat_vector = {
    .class_name = "RepeatVector",
    .summary = "Repeats each sample's features along a new axis.",
    .inputs_min = 1,
    .inputs_max = 1,
    .config_bytes = sizeof(struct repeat_config),
    .params = repeat_params,
    .shape = repeat_shape,
    .prepare = repeat_prepare,
    .rows = up_strided_rows,
};
