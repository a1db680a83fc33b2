/* Layer, group, RMS and unit normalisation: what each takes for a group, and which weights follow.
 */
#include <string.h>

#include "core/layers/groups.h"

/* Of every layer here; those that lack a parameter leave it zero. */
struct normalization_config {
    struct up_config base;
    struct up_list axis;
    int64_t groups, channels_axis; /* of GroupNormalization, instead of `axis` */
    double epsilon;
    bool center, scale, rms_scaling;
    struct up_initializer beta_initializer, gamma_initializer;
};

static bool axis_find(int64_t axis, uint32_t rank, uint32_t *ret)
{
    if (axis < -(int64_t)rank || axis >= (int64_t)rank)
        return false;
    *ret = (uint32_t)(axis < 0 ? axis + rank : axis);
    return true;
}

static enum up_code axes_find(const struct up_list *axes, const struct up_shape *in,
                              bool ret[UP_RANK_MAX], struct up_error *err)
{
    char text[UP_SHAPE_TEXT_BYTES];
    uint32_t axis;
    memset(ret, 0, UP_RANK_MAX * sizeof *ret);
    for (uint32_t i = 0; i < axes->count; i++) {
        if (!axis_find(axes->v[i], in->rank, &axis))
            return up_fail(err, UP_E_INVALID, "axis", "the input %s has no axis %lld",
                           up_shape_text(in, text), (long long)axes->v[i]);
        if (ret[axis])
            return up_fail(err, UP_E_INVALID, "axis", "axis %u is named twice", axis);
        ret[axis] = true;
    }
    return UP_OK;
}

static enum up_code shape(const void *config, const struct up_shape *in, uint32_t in_count,
                          struct up_shape *ret_out, struct up_error *err)
{
    (void)in_count;
    const struct normalization_config *c = config;
    bool summed[UP_RANK_MAX];
    if (axes_find(&c->axis, in, summed, err) != UP_OK)
        return err->code;
    *ret_out = in[0];
    return UP_OK;
}

/* Keras sorts the axes as they were written, so that negative ones come first. */
static struct up_shape axes_shape(const struct up_list *axes, const struct up_shape *in)
{
    struct up_list sorted = *axes;
    struct up_shape weight = {.rank = axes->count};
    uint32_t axis = 0;
    for (uint32_t i = 1; i < sorted.count; i++)
        for (uint32_t k = i; k > 0 && sorted.v[k] < sorted.v[k - 1]; k--) {
            const int64_t swapped = sorted.v[k];
            sorted.v[k] = sorted.v[k - 1];
            sorted.v[k - 1] = swapped;
        }
    for (uint32_t i = 0; i < weight.rank; i++)
        if (axis_find(sorted.v[i], in->rank, &axis))
            weight.dim[i] = in->dim[axis];
    return weight;
}

/* All axes of the input as they are, the named ones summed. */
static struct up_grouping grouping_of(const struct normalization_config *c,
                                      const struct up_shape *in, enum up_groups_kind kind)
{
    struct up_grouping g = {.kind = kind, .epsilon = (float)c->epsilon, .rank = in->rank};
    uint32_t axis = 0;
    for (uint32_t i = 0; i < in->rank; i++)
        g.axis[i].dim = in->dim[i];
    for (uint32_t i = 0; i < c->axis.count; i++)
        if (axis_find(c->axis.v[i], in->rank, &axis))
            g.axis[axis].summed = true;
    return g;
}

/* The weights that are there, by what Keras calls them. */
static uint32_t weights_list(const struct normalization_config *c, bool scale, bool center,
                             const struct up_shape *shape, struct up_weight ret[UP_WEIGHTS_MAX])
{
    uint32_t count = 0;
    if (scale)
        ret[count++] =
            (struct up_weight){"gamma", *shape, &c->gamma_initializer, "gamma_initializer"};
    if (center)
        ret[count++] = (struct up_weight){"beta", *shape, &c->beta_initializer, "beta_initializer"};
    return count;
}

static void weights_set(struct up_grouping *g, bool scale, bool center, const struct up_step *step)
{
    g->gamma = scale ? step->weights[0].data : NULL;
    g->beta = center ? step->weights[scale ? 1 : 0].data : NULL;
}

#define ROW(kind, ...) UP_ROW_##kind(struct normalization_config, __VA_ARGS__)
#define ROW_IGNORED(field)                                                                         \
    {                                                                                              \
        .name = (field), .type = UP_PARAM_IGNORED, .meaning = "not used"                           \
    }
#define ROW_AXES(text)                                                                             \
    {                                                                                              \
        .name = "axis", .type = UP_PARAM_LIST,                                                     \
        .offset = offsetof(struct normalization_config, axis), .min = -UP_RANK_MAX,                \
        .max = UP_RANK_MAX - 1, .fallback = -1, .meaning = (text)                                  \
    }
#define ROW_EPSILON(default_)                                                                      \
    {                                                                                              \
        .name = "epsilon", .type = UP_PARAM_FLOAT,                                                 \
        .offset = offsetof(struct normalization_config, epsilon), .fallback = (default_),          \
        .meaning = "added below the root"                                                          \
    }
#define ROWS_WEIGHTS                                                                               \
    ROW(BOOL, center, 1, "whether beta is added"),                                                 \
        ROW(BOOL, scale, 1, "whether gamma multiplies the result"),                                \
        ROW(INITIALIZER, beta_initializer, "Zeros", "fills beta when no weights come"),            \
        ROW(INITIALIZER, gamma_initializer, "Ones", "fills gamma when no weights come"),           \
        ROW_IGNORED("beta_regularizer"), ROW_IGNORED("gamma_regularizer"),                         \
        ROW_IGNORED("beta_constraint"), ROW_IGNORED("gamma_constraint")

#define LAYER_OPS(symbol, name, text, shape_, ...)                                                 \
    const struct up_layer_ops up_layer_##symbol = {.class_name = name,                             \
                                                   .summary = text,                                \
                                                   .flags = UP_LAYER_NONLINEAR,                    \
                                                   .inputs_min = 1,                                \
                                                   .inputs_max = 1,                                \
                                                   .config_bytes =                                 \
                                                       sizeof(struct normalization_config),        \
                                                   .params = symbol##_params,                      \
                                                   .shape = shape_,                                \
                                                   .prepare = symbol##_prepare,                    \
                                                   .rows = up_groups_rows,                         \
                                                   __VA_ARGS__}

/* --- LayerNormalization --------------------------------------------------------------------- */

static bool layer_scales(const struct normalization_config *c)
{
    return c->scale || c->rms_scaling;
}

static bool layer_centers(const struct normalization_config *c)
{
    return c->center && !c->rms_scaling;
}

/* The weights lie along the summed axes, in the tensor's order whatever the order of `axis` is. */
static uint32_t layer_weights(const void *config, const struct up_shape *in,
                              struct up_weight ret[UP_WEIGHTS_MAX])
{
    const struct normalization_config *c = config;
    const struct up_shape weight = axes_shape(&c->axis, in);
    return weights_list(c, layer_scales(c), layer_centers(c), &weight, ret);
}

static enum up_code layer_normalization_prepare(struct up_step *step,
                                                const struct up_kernels *kernels,
                                                struct up_arena *arena, struct up_error *err)
{
    (void)kernels;
    const struct normalization_config *c = step->config;
    struct up_grouping g =
        grouping_of(c, step->in, c->rms_scaling ? UP_GROUPS_DEVIATION : UP_GROUPS_STANDARD);
    size_t stride = 1;
    for (uint32_t i = g.rank; i-- > 0;)
        if (g.axis[i].summed) {
            g.axis[i].weight_stride = stride;
            stride *= g.axis[i].dim;
        }
    weights_set(&g, layer_scales(c), layer_centers(c), step);
    return up_groups_prepare(&g, step, arena, err);
}

static const struct up_param layer_normalization_params[] = {
    ROW_AXES("the axis, or axes, of the values that are normalised together"),
    ROW_EPSILON(1e-3),
    ROWS_WEIGHTS,
    ROW(BOOL, rms_scaling, 0, "divides by the deviation alone: no mean, no beta"),
    UP_PARAM_END,
};

static const struct up_weight_note layer_notes[] = {
    {"gamma", "the input's along axis"}, {"beta", "the input's along axis"}, {NULL, NULL}};

LAYER_OPS(layer_normalization, "LayerNormalization",
          "Shifts and scales along an axis to mean 0 and deviation 1.", shape,
          .weights = layer_weights, .weight_notes = layer_notes);

/* --- GroupNormalization --------------------------------------------------------------------- */

static enum up_code group_check(const void *config, struct up_error *err)
{
    const struct normalization_config *c = config;
    return c->groups != 0 ? UP_OK
                          : up_fail(err, UP_E_INVALID, "groups",
                                    "groups is a positive number or -1 (a group for each channel), "
                                    "not 0");
}

/* A batch that is normalised across has no weights that would fit another batch. */
static enum up_code group_shape(const void *config, const struct up_shape *in, uint32_t in_count,
                                struct up_shape *ret_out, struct up_error *err)
{
    (void)in_count;
    const struct normalization_config *c = config;
    char text[UP_SHAPE_TEXT_BYTES];
    uint32_t axis = 0;
    if (!axis_find(c->channels_axis, in->rank, &axis))
        return up_fail(err, UP_E_INVALID, "axis", "the input %s has no axis %lld",
                       up_shape_text(in, text), (long long)c->channels_axis);
    if (axis == 0)
        return up_fail(err, UP_E_INVALID, "axis", "axis %lld of the input %s is its batch",
                       (long long)c->channels_axis, up_shape_text(in, text));
    if (c->groups > 0 && in->dim[axis] % (size_t)c->groups != 0)
        return up_fail(err, UP_E_INVALID, "groups",
                       "%zu channels cannot be divided into %lld groups", in->dim[axis],
                       (long long)c->groups);
    *ret_out = in[0];
    return UP_OK;
}

static uint32_t group_weights(const void *config, const struct up_shape *in,
                              struct up_weight ret[UP_WEIGHTS_MAX])
{
    const struct normalization_config *c = config;
    uint32_t axis = 0;
    (void)axis_find(c->channels_axis, in->rank, &axis);
    const struct up_shape weight = {.rank = 1, .dim = {in->dim[axis]}};
    return weights_list(c, c->scale, c->center, &weight, ret);
}

/* The channels become two axes, groups and channels of a group; all but the batch and the groups
 * are summed. */
static enum up_code group_normalization_prepare(struct up_step *step,
                                                const struct up_kernels *kernels,
                                                struct up_arena *arena, struct up_error *err)
{
    (void)kernels;
    const struct normalization_config *c = step->config;
    const struct up_shape *in = step->in;
    struct up_grouping g = {
        .kind = UP_GROUPS_STANDARD, .epsilon = (float)c->epsilon, .rank = in->rank + 1};
    uint32_t channels = 0;
    (void)axis_find(c->channels_axis, in->rank, &channels);
    const size_t groups = c->groups < 0 ? in->dim[channels] : (size_t)c->groups;
    const size_t width = in->dim[channels] / groups;
    for (uint32_t i = 0; i < in->rank; i++)
        g.axis[i + (i > channels)] = (struct up_groups_axis){in->dim[i], i > 0, 0};
    g.axis[channels] = (struct up_groups_axis){groups, false, width};
    g.axis[channels + 1] = (struct up_groups_axis){width, true, 1};
    weights_set(&g, c->scale, c->center, step);
    return up_groups_prepare(&g, step, arena, err);
}

static const struct up_param group_normalization_params[] = {
    ROW(INT, groups, -1, UP_DIM_MAX, 32, "how many groups the channels make; -1: one each"),
    {.name = "axis",
     .type = UP_PARAM_INT,
     .offset = offsetof(struct normalization_config, channels_axis),
     .min = -UP_RANK_MAX,
     .max = UP_RANK_MAX - 1,
     .fallback = -1,
     .meaning = "the channels' axis"},
    ROW_EPSILON(1e-3),
    ROWS_WEIGHTS,
    UP_PARAM_END,
};

static const struct up_weight_note channel_notes[] = {
    {"gamma", "(channels,)"}, {"beta", "(channels,)"}, {NULL, NULL}};

LAYER_OPS(group_normalization, "GroupNormalization",
          "Shifts and scales groups of channels of each image to mean 0 and deviation 1.",
          group_shape, .check = group_check, .weights = group_weights,
          .weight_notes = channel_notes);

/* --- RMSNormalization ----------------------------------------------------------------------- */

/* Keras lays the scale along the last axes, whichever are summed. */
static enum up_code rms_shape(const void *config, const struct up_shape *in, uint32_t in_count,
                              struct up_shape *ret_out, struct up_error *err)
{
    const struct normalization_config *c = config;
    char text[UP_SHAPE_TEXT_BYTES], scale[UP_SHAPE_TEXT_BYTES];
    if (shape(config, in, in_count, ret_out, err) != UP_OK)
        return err->code;
    const struct up_shape weight = axes_shape(&c->axis, in);
    for (uint32_t i = 1; i <= weight.rank; i++)
        if (weight.dim[weight.rank - i] != 1 &&
            weight.dim[weight.rank - i] != in->dim[in->rank - i])
            return up_fail(err, UP_E_INVALID, "axis",
                           "a scale of shape %s does not fit the last axes of the input %s",
                           up_shape_text(&weight, scale), up_shape_text(in, text));
    return UP_OK;
}

static enum up_code fill_ones(const struct up_initializer *init, const struct up_shape *shape_,
                              float *ret, struct up_arena *arena, struct up_error *err)
{
    (void)init, (void)arena, (void)err;
    for (size_t i = 0; i < up_shape_size(shape_); i++)
        ret[i] = 1;
    return UP_OK;
}

/* Keras has no parameter for it. */
static const struct up_initializer_class ones_class = {.class_name = "Ones", .fill = fill_ones};
static const struct up_initializer ones = {.class = &ones_class};

static uint32_t rms_weights(const void *config, const struct up_shape *in,
                            struct up_weight ret[UP_WEIGHTS_MAX])
{
    const struct normalization_config *c = config;
    ret[0] = (struct up_weight){"scale", axes_shape(&c->axis, in), &ones, "axis"};
    return 1;
}

static enum up_code rms_normalization_prepare(struct up_step *step,
                                              const struct up_kernels *kernels,
                                              struct up_arena *arena, struct up_error *err)
{
    (void)kernels;
    struct up_grouping g = grouping_of(step->config, step->in, UP_GROUPS_RMS);
    const struct up_shape *weight = &step->weights[0].shape;
    size_t stride = 1;
    for (uint32_t i = 1; i <= weight->rank; i++) {
        const size_t dim = weight->dim[weight->rank - i];
        g.axis[g.rank - i].weight_stride = dim == 1 ? 0 : stride;
        stride *= dim;
    }
    weights_set(&g, true, false, step);
    return up_groups_prepare(&g, step, arena, err);
}

static const struct up_param rms_normalization_params[] = {
    ROW_AXES("the axis, or axes, of the values that are normalised together"),
    ROW_EPSILON(1e-6),
    UP_PARAM_END,
};

static const struct up_weight_note rms_notes[] = {{"scale", "the input's along axis"},
                                                  {NULL, NULL}};

LAYER_OPS(rms_normalization, "RMSNormalization",
          "Scales along an axis to a root of the mean square of 1.", rms_shape,
          .weights = rms_weights, .weight_notes = rms_notes);

/* --- UnitNormalization ---------------------------------------------------------------------- */

static enum up_code unit_normalization_prepare(struct up_step *step,
                                               const struct up_kernels *kernels,
                                               struct up_arena *arena, struct up_error *err)
{
    (void)kernels;
    const struct up_grouping g = grouping_of(step->config, step->in, UP_GROUPS_UNIT);
    return up_groups_prepare(&g, step, arena, err);
}

static const struct up_param unit_normalization_params[] = {
    ROW_AXES("the axis, or axes, along which vectors get length 1"),
    UP_PARAM_END,
};

LAYER_OPS(unit_normalization, "UnitNormalization", "Scales vectors along an axis to length 1.",
          shape, .weights = NULL);
