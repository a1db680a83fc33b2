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

/* --- What every layer may say -------------------------------------------------------------------
 */

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

/* --- One layer ----------------------------------------------------------------------------------
 */

static enum up_code read_class(struct api_reader *reader, const json_t *name, const char *at,
                               const struct up_layer_ops **ret)
{
    char text[80];
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
    struct up_nearest nearest = {.text = class_name};
    for (const struct up_layer_ops *const *layer = up_layers(); *layer != NULL; layer++)
        up_nearest_offer(&nearest, (*layer)->class_name);
    const char *best = up_nearest_best(&nearest);
    return api_refuse(reader, UP_E_INVALID, at, "there is no layer \"%.60s\"%s%s%s", class_name,
                      best ? "; did you mean \"" : "", best ? best : "", best ? "\"?" : "");
}

static enum up_code read_weights(struct api_reader *reader, const json_t *list, const char *at,
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
        read_weights(reader, json_object_get(value, "weights"), weights_at, &layer) != UP_OK)
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

/* --- Models -------------------------------------------------------------------------------------
 */

static const char *layer_name(const json_t *layers, size_t i)
{
    const json_t *layer = json_array_get(layers, i);
    const json_t *name = json_object_get(json_object_get(layer, "config"), "name");
    return json_string_value(name == NULL ? json_object_get(layer, "name") : name);
}

static enum up_code weights_by_name(struct api_reader *reader, const json_t *weights,
                                    const json_t *layers, const struct api_chain *chain)
{
    const char *key;
    json_t *list;
    json_object_foreach((json_t *)(uintptr_t)weights, key, list)
    {
        uint32_t i = 0;
        while (i < chain->count &&
               (layer_name(layers, i) == NULL || strcmp(layer_name(layers, i), key) != 0))
            i++;
        const char *at = api_under(reader, "/weights", key);
        if (at == NULL)
            return reader->err->code;
        if (i == chain->count)
            return api_refuse(reader, UP_E_INVALID, at, "the model has no layer \"%.60s\"", key);
        if (read_weights(reader, list, at, &chain->layer[i]) != UP_OK)
            return reader->err->code;
    }
    return UP_OK;
}

/* How many weights a layer takes does not depend on the input's lengths, only on its rank. */
static uint32_t weight_count(const struct up_layer *layer)
{
    struct up_weight weight[UP_WEIGHTS_MAX];
    struct up_shape in = {.rank = layer->ops->spatial + 2};
    for (uint32_t i = 0; i < in.rank; i++)
        in.dim[i] = 1;
    return layer->ops->weights == NULL ? 0 : layer->ops->weights(layer->config, &in, weight);
}

static enum up_code weights_flat(struct api_reader *reader, const json_t *weights,
                                 const struct api_chain *chain)
{
    size_t wanted = 0, next = 0;
    for (uint32_t i = 0; i < chain->count; i++)
        wanted += weight_count(&chain->layer[i]);
    if (!json_is_array(weights) || json_array_size(weights) != wanted)
        return api_refuse(reader, UP_E_INVALID, "/weights",
                          "the model takes %zu weights, %zu are given", wanted,
                          json_array_size(weights));
    struct up_tensor *tensor = up_arena_alloc(reader->arena, wanted, sizeof *tensor, reader->err);
    if (tensor == NULL)
        return reader->err->code;
    for (uint32_t i = 0; i < chain->count; i++) {
        struct up_layer *layer = &chain->layer[i];
        layer->weight_count = weight_count(layer);
        layer->weights = &tensor[next];
        for (uint32_t k = 0; k < layer->weight_count; k++, next++) {
            const char *at = api_under_index(reader, "/weights", next);
            if (at == NULL ||
                api_read_tensor(reader, json_array_get(weights, next), at, &tensor[next]) != UP_OK)
                return reader->err->code;
        }
    }
    return UP_OK;
}

static enum up_code read_sequential(struct api_reader *reader, const json_t *model,
                                    const json_t *weights, struct api_chain *ret)
{
    const json_t *class_name = json_object_get(model, "class_name");
    const json_t *config = json_object_get(model, "config");
    if (!json_is_string(class_name) || strcmp(json_string_value(class_name), "Sequential") != 0)
        return api_refuse(reader, UP_E_INVALID, "/model/class_name",
                          "a model of class Sequential is taken, not \"%.60s\"",
                          json_is_string(class_name) ? json_string_value(class_name) : "");
    const bool bare = json_is_array(config); /* Keras before 2.3 */
    const json_t *layers = bare ? config : json_object_get(config, "layers");
    if (layers == NULL)
        return api_refuse(reader, UP_E_INVALID, "/model/config", "the model has no layers");
    if (api_spec_layers(reader, layers, bare ? "/model/config" : "/model/config/layers", ret) !=
        UP_OK)
        return reader->err->code;
    if (weights == NULL || json_is_null(weights))
        return UP_OK;
    return json_is_object(weights) ? weights_by_name(reader, weights, layers, ret)
                                   : weights_flat(reader, weights, ret);
}

enum up_code api_spec_model(struct api_reader *reader, const json_t *value, const json_t *weights,
                            struct api_chain *ret)
{
    if (!json_is_string(value))
        return read_sequential(reader, value, weights, ret);
    json_auto_t *model =
        api_read_json(reader, json_string_value(value), json_string_length(value), true);
    if (model == NULL) {
        up_error_under(reader->err, "/model");
        return reader->err->code;
    }
    return read_sequential(reader, model, weights, ret);
}
