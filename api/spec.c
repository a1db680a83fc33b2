#include "api/spec.h"

#include <string.h>

#include "core/limits.h"

#define IGNORED(text)                                                                              \
    {                                                                                              \
        .name = (text), .type = UP_PARAM_IGNORED                                                   \
    }

const struct up_param api_spec_common[] = {
    IGNORED("name"),
    IGNORED("trainable"),
    IGNORED("dtype"),  /* anything but float32 warns */
    IGNORED("groups"), /* must be 1 where a layer has no such parameter: Keras 2 writes it */
    IGNORED("input_shape"),
    IGNORED("batch_shape"),
    IGNORED("batch_input_shape"),
    IGNORED("kernel_regularizer"),
    IGNORED("bias_regularizer"),
    IGNORED("activity_regularizer"),
    IGNORED("kernel_constraint"),
    IGNORED("bias_constraint"),
    IGNORED("quantization_config"),
    UP_PARAM_END,
};

static const char *const envelope[] = {
    "class_name",   "config",        "weights",        "module",           "registered_name",
    "build_config", "inbound_nodes", "compile_config", "shared_object_id", NULL};

static bool in_envelope(const char *name)
{
    return up_choice_find(envelope, name) >= 0;
}

/* --- What every layer may say --------------------------------------------------------------- */

static enum up_code read_dtype(struct api_reader *reader, const json_t *dtype, const char *at)
{
    const json_t *name =
        json_is_object(dtype) ? json_object_get(json_object_get(dtype, "config"), "name") : dtype;
    if (name == NULL || json_is_null(name))
        return UP_OK;
    if (!json_is_string(name))
        return api_refuse(reader, UP_E_INVALID, at, "dtype is a name or a policy");
    if (strcmp(json_string_value(name), "float32") == 0)
        return UP_OK;
    return api_warn(reader, "dtype", at, "%.40s is computed in float32", json_string_value(name));
}

static enum up_code read_expected(struct api_reader *reader, const json_t *list, const char *name,
                                  const char *at, struct up_expected *ret)
{
    const bool batch = strncmp(name, "batch", 5) == 0;
    if (list == NULL || json_is_null(list))
        return UP_OK;
    const size_t rank = json_array_size(list) + (batch ? 0 : 1);
    char text[80];
    if (!json_is_array(list) || rank > UP_RANK_MAX)
        return api_refuse(reader, UP_E_INVALID, at, "%s is a list of at most %d lengths, not %s",
                          name, UP_RANK_MAX, api_describe(list, text));
    struct up_expected expected = {.parameter = name, .rank = (uint32_t)rank, .dim = {-1}};
    for (size_t i = 0; i < json_array_size(list); i++) {
        const json_t *dim = json_array_get(list, i);
        if (!json_is_null(dim) && !(json_is_integer(dim) && json_integer_value(dim) > 0))
            return api_refuse(reader, UP_E_INVALID, at,
                              "axis %zu of %s is %s, not a length or null", i, name,
                              api_describe(dim, text));
        expected.dim[i + (batch ? 0 : 1)] = json_is_null(dim) ? -1 : json_integer_value(dim);
    }
    *ret = expected;
    return UP_OK;
}

static enum up_code read_common(struct api_reader *reader, const json_t *config, const char *at,
                                struct up_layer *layer)
{
    static const char *const shapes[] = {"input_shape", "batch_input_shape", "batch_shape"};
    const json_t *groups = json_object_get(config, "groups");
    const char *under = api_under(reader, at, "dtype");
    if (under == NULL || read_dtype(reader, json_object_get(config, "dtype"), under) != UP_OK)
        return reader->err->code;
    for (size_t i = 0; i < sizeof shapes / sizeof shapes[0]; i++) {
        under = api_under(reader, at, shapes[i]);
        if (under == NULL || read_expected(reader, json_object_get(config, shapes[i]), shapes[i],
                                           under, &layer->expected) != UP_OK)
            return reader->err->code;
    }
    if (groups == NULL || up_param_find(layer->ops->params, "groups") != NULL ||
        json_integer_value(groups) == 1)
        return UP_OK;
    under = api_under(reader, at, "groups");
    return under == NULL ? reader->err->code
                         : api_refuse(reader, UP_E_INVALID, under, "%s has one group only",
                                      layer->ops->class_name);
}

/* --- One layer ------------------------------------------------------------------------------ */

const char *api_spec_hint(const char *class_name, char text[UP_HINT_BYTES])
{
    struct up_nearest nearest = {.text = class_name};
    for (const struct up_layer_ops *const *layer = up_layers(); *layer != NULL; layer++)
        up_nearest_offer(&nearest, (*layer)->class_name);
    return up_nearest_best(&nearest) != NULL ? up_nearest_hint(&nearest, text)
                                             : "; GET /layers lists those there are";
}

static enum up_code read_class(struct api_reader *reader, const json_t *name, const char *at,
                               const struct up_layer_ops **ret)
{
    char text[UP_HINT_BYTES];
    if (!json_is_string(name))
        return api_refuse(reader, UP_E_INVALID, at,
                          "a layer is an object with class_name or a name"
                          "%s%s",
                          name == NULL ? "" : ", not ",
                          name == NULL ? "" : api_describe(name, text));
    const char *class_name = json_string_value(name);
    *ret = up_layer_find(class_name);
    if (*ret != NULL)
        return UP_OK;
    return api_refuse(reader, UP_E_INVALID, at, "there is no layer \"%.60s\"%s", class_name,
                      api_spec_hint(class_name, text));
}

enum up_code api_spec_weights(struct api_reader *reader, const json_t *list, const char *at,
                              struct up_layer *layer)
{
    if (list == NULL || json_is_null(list))
        return UP_OK;
    char text[80];
    if (!json_is_array(list) || json_array_size(list) > UP_WEIGHTS_MAX)
        return api_refuse(reader, UP_E_INVALID, at,
                          "weights is a list of at most %d tensors, not %s", UP_WEIGHTS_MAX,
                          api_describe(list, text));
    struct up_tensor *tensor =
        up_arena_alloc(reader->arena, UP_WEIGHTS_MAX, sizeof *tensor, reader->err);
    if (tensor == NULL)
        return reader->err->code;
    for (size_t i = 0; i < json_array_size(list); i++) {
        const char *under = api_under_index(reader, at, i);
        if (under == NULL ||
            api_read_tensor(reader, json_array_get(list, i), under, &tensor[i]) != UP_OK)
            return reader->err->code;
    }
    layer->weights = tensor;
    layer->weight_count = (uint32_t)json_array_size(list);
    return UP_OK;
}

enum up_code api_spec_layer(struct api_reader *reader, const json_t *value, const char *at,
                            struct up_layer *ret)
{
    struct up_layer layer = {.at = at, .layer_at = at};
    const json_t *config = json_object_get(value, "config");
    const json_t *name = json_is_object(value) ? json_object_get(value, "class_name") : value;
    if (read_class(reader, name, at, &layer.ops) != UP_OK)
        return reader->err->code;
    if (config != NULL)
        layer.at = api_under(reader, at, "config");
    else if (json_is_object(value))
        config = value;
    void *parsed = up_arena_zalloc(reader->arena, 1, layer.ops->config_bytes, reader->err);
    const char *weights_at = api_under(reader, at, "weights");
    if (layer.at == NULL || parsed == NULL || weights_at == NULL)
        return reader->err->code;
    const struct api_params params = {.rows = layer.ops->params,
                                      .common = api_spec_common,
                                      .spatial = layer.ops->spatial,
                                      .what = layer.ops->class_name,
                                      .skip = config == value ? in_envelope : NULL};
    if (api_read_params(reader, &params, config, layer.at, parsed) != UP_OK ||
        read_common(reader, config, layer.at, &layer) != UP_OK ||
        api_spec_weights(reader, json_object_get(value, "weights"), weights_at, &layer) != UP_OK)
        return reader->err->code;
    layer.config = parsed;
    *ret = layer;
    return UP_OK;
}

enum up_code api_spec_layers(struct api_reader *reader, const json_t *value, const char *at,
                             struct api_chain *ret)
{
    char text[80];
    const size_t count = json_array_size(value);
    if (!json_is_array(value))
        return api_refuse(reader, UP_E_INVALID, at, "layers is a list, not %s",
                          api_describe(value, text));
    if (count > UP_LAYERS_MAX)
        return api_refuse(reader, UP_E_LIMIT, at, "%zu layers are more than the limit of %d", count,
                          UP_LAYERS_MAX);
    struct up_layer *layer = up_arena_alloc(reader->arena, count, sizeof *layer, reader->err);
    if (layer == NULL)
        return reader->err->code;
    for (size_t i = 0; i < count; i++) {
        const char *under = api_under_index(reader, at, i);
        if (under == NULL ||
            api_spec_layer(reader, json_array_get(value, i), under, &layer[i]) != UP_OK)
            return reader->err->code;
    }
    *ret = (struct api_chain){layer, (uint32_t)count};
    return UP_OK;
}
