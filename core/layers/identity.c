/* Layers that do something in training only: at inference they pass their input on. */
#include <float.h>

#include "core/layers/layer.h"

struct identity_config {
    struct up_config base;
    double rate, l1, l2;
    struct up_seed seed;
    struct up_list noise_shape;
};

static enum up_code check(const void *config, struct up_error *err)
{
    const struct identity_config *c = config;
    if (!c->noise_shape.scalar)
        return UP_OK;
    return up_fail(err, UP_E_INVALID, "noise_shape",
                   "noise_shape is a list of lengths, not the number %lld",
                   (long long)c->noise_shape.v[0]);
}

static enum up_code shape(const void *config, const struct up_shape *in, uint32_t in_count,
                          struct up_shape *ret_out, struct up_error *err)
{
    (void)config, (void)in_count, (void)err;
    *ret_out = in[0];
    return UP_OK;
}

#define SHARE_ROW(parameter, text)                                                                 \
    {                                                                                              \
        .name = (parameter), .type = UP_PARAM_FLOAT, .flags = UP_PARAM_REQUIRED,                   \
        .offset = offsetof(struct identity_config, rate), .min = 0, .max = 1, .meaning = (text)    \
    }
#define SEED_ROW                                                                                   \
    {                                                                                              \
        .name = "seed", .type = UP_PARAM_INT, .flags = UP_PARAM_NULLABLE,                          \
        .offset = offsetof(struct identity_config, seed), .meaning = "of the noise in training"    \
    }
#define NOISE_SHAPE_ROW                                                                            \
    {                                                                                              \
        .name = "noise_shape", .type = UP_PARAM_LIST,                                              \
        .flags = UP_PARAM_NULLABLE | UP_PARAM_NULL_ITEMS,                                          \
        .offset = offsetof(struct identity_config, noise_shape), .min = 1, .max = UP_DIM_MAX,      \
        .meaning = "shape of the noise in training"                                                \
    }
#define REGULARIZER_ROW(field, text)                                                               \
    {                                                                                              \
        .name = #field, .type = UP_PARAM_FLOAT, .offset = offsetof(struct identity_config, field), \
        .min = 0, .max = FLT_MAX, .meaning = (text)                                                \
    }
#define RATE_TEXT "share of the values that training drops"

static const struct up_param no_params[] = {UP_PARAM_END};
static const struct up_param dropout_params[] = {
    SHARE_ROW("rate", RATE_TEXT),
    NOISE_SHAPE_ROW,
    SEED_ROW,
    UP_PARAM_END,
};
static const struct up_param rate_params[] = {
    SHARE_ROW("rate", RATE_TEXT),
    SEED_ROW,
    UP_PARAM_END,
};
static const struct up_param spatial_params[] = {
    SHARE_ROW("rate", RATE_TEXT),
    SEED_ROW,
    UP_ROW_DATA_FORMAT(struct identity_config),
    UP_PARAM_END,
};
static const struct up_param noise_params[] = {
    SHARE_ROW("stddev", "standard deviation of the noise that training adds"),
    SEED_ROW,
    UP_PARAM_END,
};
static const struct up_param regularization_params[] = {
    REGULARIZER_ROW(l1, "weight of the values' sizes in the loss of training"),
    REGULARIZER_ROW(l2, "weight of the values' squares in the loss of training"),
    UP_PARAM_END,
};

#define IDENTITY(symbol, name, axes, rows, text)                                                   \
    const struct up_layer_ops up_layer_##symbol = {                                                \
        .class_name = (name),                                                                      \
        .summary = (text),                                                                         \
        .spatial = (axes),                                                                         \
        .flags = UP_LAYER_BYPASS,                                                                  \
        .inputs_min = 1,                                                                           \
        .inputs_max = 1,                                                                           \
        .config_bytes = sizeof(struct identity_config),                                            \
        .params = (rows),                                                                          \
        .check = check,                                                                            \
        .shape = shape,                                                                            \
    }

#define DROPS "Drops values in training; passes its input on."

IDENTITY(identity, "Identity", 0, no_params, "Passes its input on.");
IDENTITY(dropout, "Dropout", 0, dropout_params, DROPS);
IDENTITY(alpha_dropout, "AlphaDropout", 0, dropout_params, DROPS);
IDENTITY(spatial_dropout1d, "SpatialDropout1D", 1, rate_params, DROPS);
IDENTITY(spatial_dropout2d, "SpatialDropout2D", 2, spatial_params, DROPS);
IDENTITY(spatial_dropout3d, "SpatialDropout3D", 3, spatial_params, DROPS);
IDENTITY(gaussian_dropout, "GaussianDropout", 0, rate_params,
         "Multiplies by noise in training; passes its input on.");
IDENTITY(gaussian_noise, "GaussianNoise", 0, noise_params,
         "Adds noise in training; passes its input on.");
IDENTITY(activity_regularization, "ActivityRegularization", 0, regularization_params,
         "Adds to the loss in training; passes its input on.");
