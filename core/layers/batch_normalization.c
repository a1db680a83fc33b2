/* DESIGN
 * At inference the statistics are weights, so that every channel has one factor and one term, which
 * are made here in double. Channels that are the last axis, or have few values after it, get one
 * pair for every value of a line instead, and short lines are joined until they are worth a loop.
 */
#include <math.h>

#include "core/layers/layer.h"

enum { LINE_VALUES = 64 };

struct batch_normalization_config {
    struct up_config base;
    struct up_list axis; /* one: Keras 2 writes a list */
    double epsilon;
    bool center, scale, renorm;
    struct up_initializer beta_initializer, gamma_initializer, moving_mean_initializer,
        moving_variance_initializer;
};

/* y = x * scale + shift, by value along a line or one pair a line. */
struct prepared {
    struct up_affine affine; /* of one row of the step */
    size_t lines;            /* scales that follow one another, where there is one a line */
};

static enum up_code check(const void *config, struct up_error *err)
{
    const struct batch_normalization_config *c = config;
    if (c->renorm)
        return up_fail(err, UP_E_INVALID, "renorm",
                       "renorm true is not supported: its weights are others than those of batch "
                       "normalization");
    if (c->axis.count != 1)
        return up_fail(err, UP_E_INVALID, "axis", "axis takes one axis, not %u", c->axis.count);
    return UP_OK;
}

static uint32_t axis_of(const struct batch_normalization_config *c, const struct up_shape *in)
{
    return (uint32_t)(c->axis.v[0] < 0 ? c->axis.v[0] + in->rank : c->axis.v[0]);
}

static enum up_code shape(const void *config, const struct up_shape *in, uint32_t in_count,
                          struct up_shape *ret_out, struct up_error *err)
{
    (void)in_count;
    const struct batch_normalization_config *c = config;
    char text[UP_SHAPE_TEXT_BYTES];
    if (c->axis.v[0] < -(int64_t)in->rank || c->axis.v[0] >= (int64_t)in->rank)
        return up_fail(err, UP_E_INVALID, "axis", "the input %s has no axis %lld",
                       up_shape_text(in, text), (long long)c->axis.v[0]);
    *ret_out = in[0];
    return UP_OK;
}

static uint32_t weights(const void *config, const struct up_shape *in,
                        struct up_weight ret[UP_WEIGHTS_MAX])
{
    const struct batch_normalization_config *c = config;
    const struct up_shape s = {.rank = 1, .dim = {in->dim[axis_of(c, in)]}};
    uint32_t count = 0;
    if (c->scale)
        ret[count++] = (struct up_weight){"gamma", s, &c->gamma_initializer, "gamma_initializer"};
    if (c->center)
        ret[count++] = (struct up_weight){"beta", s, &c->beta_initializer, "beta_initializer"};
    ret[count++] = (struct up_weight){"moving_mean", s, &c->moving_mean_initializer,
                                      "moving_mean_initializer"};
    ret[count++] = (struct up_weight){"moving_variance", s, &c->moving_variance_initializer,
                                      "moving_variance_initializer"};
    return count;
}

/* Factor and term of every channel. */
static void pairs_make(const struct up_step *step, double *ret_scale, double *ret_shift)
{
    const struct batch_normalization_config *c = step->config;
    const struct up_tensor *w = step->weights;
    const float *gamma = c->scale ? w++->data : NULL, *beta = c->center ? w++->data : NULL;
    const float *mean = w[0].data, *variance = w[1].data;
    for (size_t k = 0; k < w[0].shape.dim[0]; k++) {
        const double root = sqrt((double)variance[k] + (double)(float)c->epsilon);
        ret_scale[k] = (gamma == NULL ? 1 : (double)gamma[k]) / root;
        ret_shift[k] = (beta == NULL ? 0 : (double)beta[k]) - (double)mean[k] * ret_scale[k];
    }
}

static bool scaling(const struct up_step *step, uint32_t axis, double *ret_scale, double *ret_shift)
{
    if (axis_of(step->config, step->in) != axis)
        return false;
    pairs_make(step, ret_scale, ret_shift);
    return true;
}

static enum up_code prepare(struct up_step *step, const struct up_kernels *kernels,
                            struct up_arena *arena, struct up_error *err)
{
    (void)kernels;
    const uint32_t axis = axis_of(step->config, step->in);
    const size_t channels = step->in->dim[axis], values = up_shape_size(step->in);
    size_t each = 1, turns = 1;
    for (uint32_t i = axis + 1; i < step->in->rank; i++)
        each *= step->in->dim[i];
    struct prepared *p = up_arena_zalloc(arena, 1, sizeof *p, err);
    if (p == NULL)
        return err->code;
    const bool by_column = each < LINE_VALUES;
    if (by_column && channels * each < LINE_VALUES)
        turns = LINE_VALUES / (channels * each);
    const size_t pairs = by_column ? channels * each * turns : channels;
    float *scale = up_arena_alloc(arena, pairs, sizeof *scale, err);
    float *shift = up_arena_alloc(arena, pairs, sizeof *shift, err);
    double *pair = up_arena_alloc(arena, 2 * channels, sizeof *pair, err);
    if (scale == NULL || shift == NULL || pair == NULL)
        return err->code;
    pairs_make(step, pair, pair + channels);
    for (size_t i = 0; i < pairs; i++) {
        const size_t k = by_column ? i / each % channels : i;
        scale[i] = (float)pair[k];
        shift[i] = (float)pair[channels + k];
    }
    p->affine = (struct up_affine){.scale = scale,
                                   .shift = shift,
                                   .rows = 1,
                                   .columns = by_column ? pairs : each,
                                   .by_column = by_column};
    p->lines = by_column ? 1 : channels;
    step->prepared = p;
    step->rows = (values + p->affine.columns - 1) / p->affine.columns;
    step->grain = UP_GRAIN_VALUES / p->affine.columns + 1;
    step->macs = (double)values;
    step->algorithm = "scale and shift";
    return UP_OK;
}

/* Lines that share their pairs go to the kernel together; the last one may be cut. */
static void rows(const struct up_call *call, size_t begin, size_t end)
{
    const struct prepared *p = call->step->prepared;
    const size_t columns = p->affine.columns, values = up_shape_size(&call->step->out);
    struct up_affine affine = p->affine;
    for (size_t row = begin; row < end; row += affine.rows) {
        const size_t at = row * columns, channel = row % p->lines;
        const size_t left = (end * columns < values ? end * columns : values) - at;
        if (affine.by_column) {
            affine.rows = left < columns ? 1 : left / columns;
            affine.columns = left < columns ? left : columns;
        } else {
            affine.rows = p->lines - channel < end - row ? p->lines - channel : end - row;
            affine.scale = p->affine.scale + channel;
            affine.shift = p->affine.shift + channel;
        }
        call->kernels->affine(&affine, call->in[0] + at, call->out + at);
    }
}

#define ROW(kind, ...) UP_ROW_##kind(struct batch_normalization_config, __VA_ARGS__)
#define ROW_IGNORED(field)                                                                         \
    {                                                                                              \
        .name = (field), .type = UP_PARAM_IGNORED, .meaning = "used in training only"              \
    }

static const struct up_param params[] = {
    {.name = "axis",
     .type = UP_PARAM_LIST,
     .offset = offsetof(struct batch_normalization_config, axis),
     .min = -UP_RANK_MAX,
     .max = UP_RANK_MAX - 1,
     .fallback = -1,
     .meaning = "the channels' axis"},
    ROW_IGNORED("momentum"),
    {.name = "epsilon",
     .type = UP_PARAM_FLOAT,
     .offset = offsetof(struct batch_normalization_config, epsilon),
     .fallback = 1e-3,
     .meaning = "added to the variance"},
    ROW(BOOL, center, 1, "whether beta is added"),
    ROW(BOOL, scale, 1, "whether gamma multiplies the result"),
    ROW(INITIALIZER, beta_initializer, "Zeros", "fills beta when no weights come"),
    ROW(INITIALIZER, gamma_initializer, "Ones", "fills gamma when no weights come"),
    ROW(INITIALIZER, moving_mean_initializer, "Zeros", "fills moving_mean when no weights come"),
    ROW(INITIALIZER, moving_variance_initializer, "Ones",
        "fills moving_variance when no weights come"),
    ROW_IGNORED("beta_regularizer"),
    ROW_IGNORED("gamma_regularizer"),
    ROW_IGNORED("beta_constraint"),
    ROW_IGNORED("gamma_constraint"),
    ROW(BOOL, renorm, 0, "must be false: renormalization is not supported"),
    ROW_IGNORED("renorm_clipping"),
    ROW_IGNORED("renorm_momentum"),
    ROW_IGNORED("synchronized"),
    UP_PARAM_END,
};

static const struct up_weight_note weight_notes[] = {{"gamma", "(channels,)"},
                                                     {"beta", "(channels,)"},
                                                     {"moving_mean", "(channels,)"},
                                                     {"moving_variance", "(channels,)"},
                                                     {NULL, NULL}};

const struct up_layer_ops up_layer_batch_normalization = {
    .class_name = "BatchNormalization",
    .summary = "Shifts and scales every channel by the statistics that training left.",
    .inputs_min = 1,
    .inputs_max = 1,
    .config_bytes = sizeof(struct batch_normalization_config),
    .params = params,
    .check = check,
    .shape = shape,
    .weights = weights,
    .weight_notes = weight_notes,
    .scaling = scaling,
    .prepare = prepare,
    .rows = rows,
};
