/* InputLayer: says what shape a model takes and passes it on. */
#include "core/layers/layer.h"

static enum up_code shape(const void *config, const struct up_shape *in, uint32_t in_count,
                          struct up_shape *ret_out, struct up_error *err)
{
    (void)config, (void)in_count, (void)err;
    *ret_out = in[0];
    return UP_OK;
}

static const struct up_param params[] = {
    {.name = "batch_shape",
     .type = UP_PARAM_SHAPE,
     .flags = UP_PARAM_NULLABLE,
     .meaning = "the input's shape; null: any length"},
    {.name = "sparse", .type = UP_PARAM_IGNORED, .meaning = "not used"},
    {.name = "ragged", .type = UP_PARAM_IGNORED, .meaning = "not used"},
    {.name = "optional", .type = UP_PARAM_IGNORED, .meaning = "not used"},
    UP_PARAM_END,
};

const struct up_layer_ops up_layer_input = {
    .class_name = "InputLayer",
    .summary = "The shape that a model takes; passes its input on.",
    .flags = UP_LAYER_BYPASS,
    .inputs_min = 1,
    .inputs_max = 1,
    .config_bytes = sizeof(struct up_config),
    .params = params,
    .shape = shape,
};
