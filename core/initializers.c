/* DESIGN
 * A class is a row of core/initializers.def, a list of descriptor rows and a fill function. The
 * Glorot, He and LeCun classes are VarianceScaling with its three parameters fixed; ICNR is another
 * class on a smaller shape, repeated. Numbers are computed in double and rounded to float where
 * Keras does it: when they enter the distribution. */
#include "core/initializers.h"

#include <float.h>
#include <math.h>
#include <string.h>

#include "core/orthogonal.h"
#include "core/random.h"

#define FILL(id)                                                                                   \
    static enum up_code fill_##id(const struct up_initializer *init, const struct up_shape *shape, \
                                  float *ret, struct up_arena *arena, struct up_error *err)

void up_fans(const struct up_shape *shape, double *ret_in, double *ret_out)
{
    const uint32_t rank = shape->rank;
    double field = 1; /* the kernel's positions */
    for (uint32_t i = 0; i + 2 < rank; i++)
        field *= (double)shape->dim[i];
    *ret_in = rank == 0 ? 1 : field * (double)shape->dim[rank == 1 ? 0 : rank - 2];
    *ret_out = rank == 0 ? 1 : field * (double)shape->dim[rank - 1];
}

static void fill_value(const struct up_shape *shape, float value, float *ret)
{
    const size_t count = up_shape_size(shape);
    for (size_t i = 0; i < count; i++)
        ret[i] = value;
}

FILL(zeros)
{
    (void)init, (void)arena, (void)err;
    fill_value(shape, 0, ret);
    return UP_OK;
}

FILL(ones)
{
    (void)init, (void)arena, (void)err;
    fill_value(shape, 1, ret);
    return UP_OK;
}

/* NumPy's rule: axes are matched from the last one on, and an axis of 1 is repeated. Writes how far
 * a step along each axis of `shape` is in `from`. */
static bool broadcast_strides(const struct up_shape *from, const struct up_shape *shape,
                              size_t ret_stride[UP_RANK_MAX])
{
    if (from->rank > shape->rank)
        return false;
    const uint32_t lead = shape->rank - from->rank;
    memset(ret_stride, 0, UP_RANK_MAX * sizeof *ret_stride);
    size_t stride = 1;
    for (uint32_t i = from->rank; i-- > 0;) {
        if (from->dim[i] != 1 && from->dim[i] != shape->dim[lead + i])
            return false;
        if (from->dim[i] != 1)
            ret_stride[lead + i] = stride;
        stride *= from->dim[i];
    }
    return true;
}

FILL(constant)
{
    (void)arena;
    if (init->tensor.data == NULL) {
        fill_value(shape, (float)init->value, ret);
        return UP_OK;
    }
    size_t stride[UP_RANK_MAX];
    if (!broadcast_strides(&init->tensor.shape, shape, stride)) {
        char from[UP_SHAPE_TEXT_BYTES], to[UP_SHAPE_TEXT_BYTES];
        return up_fail(err, UP_E_INVALID, "",
                       "a value of shape %s cannot be broadcast over a weight of shape %s",
                       up_shape_text(&init->tensor.shape, from), up_shape_text(shape, to));
    }
    const size_t count = up_shape_size(shape);
    for (size_t i = 0; i < count; i++) {
        size_t rest = i, from = 0;
        for (uint32_t axis = shape->rank; axis-- > 0; rest /= shape->dim[axis])
            from += rest % shape->dim[axis] * stride[axis];
        ret[i] = init->tensor.data[from];
    }
    return UP_OK;
}

FILL(identity)
{
    (void)arena;
    char text[UP_SHAPE_TEXT_BYTES];
    if (shape->rank != 2)
        return up_fail(err, UP_E_INVALID, "", "Identity fills weights of 2 axes, this one is %s",
                       up_shape_text(shape, text));
    fill_value(shape, 0 * (float)init->gain, ret); /* -0 for a negative gain, as in Keras */
    for (size_t i = 0; i < shape->dim[0] && i < shape->dim[1]; i++)
        ret[i * shape->dim[1] + i] = (float)init->gain;
    return UP_OK;
}

FILL(random_uniform)
{
    (void)arena, (void)err;
    up_random_uniform(up_philox_keras(init->seed.value), up_shape_size(shape), (float)init->minval,
                      (float)init->maxval, ret);
    return UP_OK;
}

FILL(random_normal)
{
    (void)arena, (void)err;
    up_random_normal(up_philox_keras(init->seed.value), up_shape_size(shape), (float)init->mean,
                     (float)init->stddev, ret);
    return UP_OK;
}

/* A matrix of at least as many rows as columns is made orthogonal; a wide one is the transpose of a
 * tall one. */
FILL(orthogonal)
{
    char text[UP_SHAPE_TEXT_BYTES];
    if (shape->rank < 2)
        return up_fail(err, UP_E_INVALID, "",
                       "Orthogonal fills weights of 2 axes or more, this one is %s",
                       up_shape_text(shape, text));
    const size_t count = up_shape_size(shape), last = shape->dim[shape->rank - 1];
    const size_t other = count / last, rows = last > other ? last : other, columns = count / rows;
    if ((double)count * (double)columns > UP_ORTHOGONAL_MAX)
        return up_fail(err, UP_E_LIMIT, "",
                       "a weight of shape %s is too large to be drawn orthogonal: %zu * %zu^2 is "
                       "more than %.0f",
                       up_shape_text(shape, text), rows, columns, UP_ORTHOGONAL_MAX);
    float *q = up_arena_alloc(arena, count, sizeof *q, err);
    if (q == NULL)
        return err->code;
    up_random_normal(up_philox_keras(init->seed.value), count, 0, 1, q);
    if (up_orthonormalise(q, rows, columns, arena, err) != UP_OK)
        return err->code;
    for (size_t i = 0; i < count; i++) {
        const size_t from = last > other ? i % rows * columns + i / rows : i;
        ret[i] = (float)init->gain * q[from];
    }
    return UP_OK;
}

FILL(truncated_normal)
{
    (void)arena, (void)err;
    up_random_truncated_normal(up_philox_keras(init->seed.value), up_shape_size(shape),
                               (float)init->mean, (float)init->stddev, ret);
    return UP_OK;
}

static double variance(const struct up_initializer *init, const struct up_shape *shape)
{
    double in, out;
    up_fans(shape, &in, &out);
    const double fan = init->mode == UP_FAN_IN    ? in
                       : init->mode == UP_FAN_OUT ? out
                                                  : (in + out) / 2;
    return init->scale / fmax(1, fan);
}

FILL(variance_scaling)
{
    (void)arena, (void)err;
    const double truncated_deviation = 0.87962566103423978; /* of a unit normal cut at 2 */
    const double v = variance(init, shape);
    const struct up_philox philox = up_philox_keras(init->seed.value);
    const size_t count = up_shape_size(shape);
    switch (init->distribution) {
    case UP_UNIFORM:
        up_random_uniform(philox, count, (float)-sqrt(3 * v), (float)sqrt(3 * v), ret);
        break;
    case UP_UNTRUNCATED_NORMAL:
        up_random_normal(philox, count, 0, (float)sqrt(v), ret);
        break;
    default:
        up_random_truncated_normal(philox, count, 0, (float)(sqrt(v) / truncated_deviation), ret);
        break;
    }
    return UP_OK;
}

#define FIXED_SCALING(id, scale_, mode_, distribution_)                                            \
    FILL(id)                                                                                       \
    {                                                                                              \
        struct up_initializer fixed = *init;                                                       \
        fixed.scale = (scale_);                                                                    \
        fixed.mode = (mode_);                                                                      \
        fixed.distribution = (distribution_);                                                      \
        return fill_variance_scaling(&fixed, shape, ret, arena, err);                              \
    }

FIXED_SCALING(glorot_uniform, 1, UP_FAN_AVG, UP_UNIFORM)
FIXED_SCALING(glorot_normal, 1, UP_FAN_AVG, UP_TRUNCATED_NORMAL)
FIXED_SCALING(he_uniform, 2, UP_FAN_IN, UP_UNIFORM)
FIXED_SCALING(he_normal, 2, UP_FAN_IN, UP_TRUNCATED_NORMAL)
FIXED_SCALING(lecun_uniform, 1, UP_FAN_IN, UP_UNIFORM)
FIXED_SCALING(lecun_normal, 1, UP_FAN_IN, UP_TRUNCATED_NORMAL)

/* Weight i of k of a line that interpolates between inputs f apart. */
static double linear_weight(size_t i, size_t k)
{
    const size_t f = (k + 1) / 2;
    const double center = (double)(2 * f - 1 - f % 2) / (double)(2 * f);
    return 1 - fabs((double)i / (double)f - center);
}

FILL(bilinear)
{
    (void)init, (void)arena;
    char text[UP_SHAPE_TEXT_BYTES];
    if (shape->rank < 3)
        return up_fail(err, UP_E_INVALID, "",
                       "Bilinear fills kernels of 3 axes or more, this weight is %s",
                       up_shape_text(shape, text));
    const size_t out = shape->dim[shape->rank - 2], in = shape->dim[shape->rank - 1];
    const size_t channels = out * in, count = up_shape_size(shape);
    fill_value(shape, 0, ret);
    for (size_t at = 0; at < count; at += channels) {
        double weight = 1;
        size_t rest = at / channels;
        for (uint32_t axis = shape->rank - 2; axis-- > 0; rest /= shape->dim[axis])
            weight *= linear_weight(rest % shape->dim[axis], shape->dim[axis]);
        for (size_t c = 0; c < out && c < in; c++)
            ret[at + c * in + c] = (float)weight;
    }
    return UP_OK;
}

/* What ICNR may draw: names of classes here, with their defaults. */
static const char *const drawn[] = {
    "glorot_uniform", "glorot_normal",  "he_uniform",    "he_normal",        "lecun_uniform",
    "lecun_normal",   "random_uniform", "random_normal", "truncated_normal", NULL};

/* Repeats are made in place, from the end: what is read lies before what is written. */
FILL(icnr)
{
    const size_t block = (size_t)init->block_size * (size_t)init->block_size;
    const size_t filters = shape->rank == 0 ? 1 : shape->dim[shape->rank - 1];
    if (filters % block != 0)
        return up_fail(err, UP_E_INVALID, "",
                       "ICNR fills weights of a multiple of %lld * %lld filters, not %zu",
                       (long long)init->block_size, (long long)init->block_size, filters);
    struct up_shape part = *shape;
    if (shape->rank > 0)
        part.dim[shape->rank - 1] = filters / block;
    struct up_initializer inner =
        up_initializer_default(up_initializer_find(drawn[init->initializer]));
    inner.seed = init->seed;
    if (up_initializer_fill(&inner, &part, ret, arena, err) != UP_OK)
        return err->code;
    const size_t width = filters / block;
    for (size_t i = up_shape_size(&part) / (width == 0 ? 1 : width); i-- > 0;)
        for (size_t copy = block; copy-- > 0;)
            memmove(ret + (i * block + copy) * width, ret + i * width, width * sizeof *ret);
    return UP_OK;
}

static const char *const modes[] = {"fan_in", "fan_out", "fan_avg", NULL};
static const char *const distributions[] = {"truncated_normal", "untruncated_normal", "uniform",
                                            "normal", NULL};

#define ROW_FLOAT(field, low, default_, text)                                                      \
    {                                                                                              \
        .name = #field, .type = UP_PARAM_FLOAT, .offset = offsetof(struct up_initializer, field),  \
        .min = (low), .max = (double)FLT_MAX, .fallback = (default_), .meaning = (text)            \
    }
#define ROW_NUMBER(field, default_, text) ROW_FLOAT(field, (double)-FLT_MAX, default_, text)
#define ROW_CHOICE(field, list, text)                                                              \
    {                                                                                              \
        .name = #field, .type = UP_PARAM_CHOICE, .offset = offsetof(struct up_initializer, field), \
        .choices = (list), .meaning = (text)                                                       \
    }
#define ROW_IGNORED(name_, text)                                                                   \
    {                                                                                              \
        .name = (name_), .type = UP_PARAM_IGNORED, .flags = UP_PARAM_NULLABLE, .meaning = (text)   \
    }
#define ROW_SEED                                                                                   \
    {                                                                                              \
        .name = "seed", .type = UP_PARAM_INT, .flags = UP_PARAM_NULLABLE,                          \
        .offset = offsetof(struct up_initializer, seed), .min = -0x1p63, .max = 0x1p63,            \
        .meaning = "the same seed gives the same values; null: a fresh one"                        \
    }
#define ROWS_AXES                                                                                  \
    ROW_IGNORED("input_axes", "only null: the fans follow from the shape"),                        \
        ROW_IGNORED("output_axes", "only null: the fans follow from the shape")

static const struct up_param no_params[] = {UP_PARAM_END};
static const struct up_param constant_params[] = {
    {.name = "value",
     .type = UP_PARAM_TENSOR,
     .offset = offsetof(struct up_initializer, tensor),
     .meaning = "a number, or an array that is broadcast over the weight; 0 when it is absent"},
    UP_PARAM_END,
};
static const struct up_param identity_params[] = {
    ROW_NUMBER(gain, 1, "the values on the diagonal"),
    UP_PARAM_END,
};
static const struct up_param uniform_params[] = {
    ROW_NUMBER(minval, -0.05, "the lowest value"),
    ROW_NUMBER(maxval, 0.05, "the end of the range, which is not reached"),
    ROW_SEED,
    UP_PARAM_END,
};
static const struct up_param orthogonal_params[] = {
    ROW_NUMBER(gain, 1, "what the orthogonal matrix is multiplied by"),
    ROW_SEED,
    UP_PARAM_END,
};
static const struct up_param normal_params[] = {
    ROW_NUMBER(mean, 0, "the mean"),
    ROW_NUMBER(stddev, 0.05, "the standard deviation, before any truncation"),
    ROW_SEED,
    UP_PARAM_END,
};
static const struct up_param variance_scaling_params[] = {
    ROW_FLOAT(scale, DBL_MIN, 1, "the variance times the fan; more than 0"),
    ROW_CHOICE(mode, modes, "which fan counts: inputs, outputs, or their mean"),
    ROW_CHOICE(distribution, distributions, "what is drawn"),
    ROW_SEED,
    ROWS_AXES,
    UP_PARAM_END,
};
static const struct up_param icnr_params[] = {
    {.name = "block_size",
     .type = UP_PARAM_INT,
     .offset = offsetof(struct up_initializer, block_size),
     .min = 1,
     .max = UP_DIM_MAX,
     .fallback = 2,
     .meaning = "the block_size of the PixelShuffle that follows"},
    ROW_CHOICE(initializer, drawn, "what is drawn once for each block"),
    ROW_SEED,
    UP_PARAM_END,
};
static const struct up_param fan_params[] = {ROW_SEED, ROWS_AXES, UP_PARAM_END};

#define X(id, name, rows, draws, text, ...)                                                        \
    static const struct up_initializer_class class_##id = {                                        \
        .class_name = (name),                                                                      \
        .aliases = (const char *const[]){__VA_ARGS__, NULL},                                       \
        .summary = (text),                                                                         \
        .params = (rows),                                                                          \
        .random = (draws),                                                                         \
        .fill = fill_##id,                                                                         \
    };
#include "core/initializers.def"
#undef X

static const struct up_initializer_class *const classes[] = {
#define X(id, ...) &class_##id,
#include "core/initializers.def"
#undef X
    NULL,
};

const struct up_initializer_class *const *up_initializer_classes(void)
{
    return classes;
}

static bool named(const struct up_initializer_class *class, const char *name)
{
    if (strcmp(class->class_name, name) == 0)
        return true;
    for (const char *const *alias = class->aliases; *alias != NULL; alias++)
        if (strcmp(*alias, name) == 0)
            return true;
    return false;
}

const struct up_initializer_class *up_initializer_find(const char *name)
{
    for (const struct up_initializer_class *const *row = classes; *row != NULL; row++)
        if (named(*row, name))
            return *row;
    return NULL;
}

struct up_initializer up_initializer_default(const struct up_initializer_class *class)
{
    struct up_initializer init = {.class = class};
    up_params_default(class->params, &init);
    return init;
}

enum up_code up_initializer_fill(const struct up_initializer *init, const struct up_shape *shape,
                                 float *ret, struct up_arena *arena, struct up_error *err)
{
    UP_ASSERT(init->seed.set || !init->class->random);
    return init->class->fill(init, shape, ret, arena, err);
}
