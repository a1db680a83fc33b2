#include "api/weights.h"

#include <string.h>

#include "api/spec.h"

/* How many weights a layer takes does not depend on the input's lengths. */
static uint32_t weight_count(const struct up_layer *layer)
{
    struct up_weight weight[UP_WEIGHTS_MAX];
    struct up_shape in = {.rank = layer->ops->spatial + 2};
    for (uint32_t i = 0; i < in.rank; i++)
        in.dim[i] = 1;
    return layer->ops->weights == NULL ? 0 : layer->ops->weights(layer->config, &in, weight);
}

static enum up_code weights_by_name(struct api_reader *reader, const json_t *weights,
                                    const char *base, struct up_layer *layer,
                                    const char *const *name, uint32_t count)
{
    const char *key;
    json_t *list;
    json_object_foreach((json_t *)(uintptr_t)weights, key, list)
    {
        uint32_t i = 0;
        while (i < count && strcmp(name[i], key) != 0)
            i++;
        const char *at = api_under(reader, base, key);
        if (at == NULL)
            return reader->err->code;
        if (i == count)
            return api_refuse(reader, UP_E_INVALID, at, "the model has no layer \"%.60s\"", key);
        if (api_spec_weights(reader, list, at, &layer[i]) != UP_OK)
            return reader->err->code;
    }
    return UP_OK;
}

static enum up_code weights_flat(struct api_reader *reader, const json_t *weights, const char *base,
                                 struct up_layer *layers, uint32_t count)
{
    size_t wanted = 0, next = 0;
    for (uint32_t i = 0; i < count; i++)
        wanted += weight_count(&layers[i]);
    if (!json_is_array(weights) || json_array_size(weights) != wanted)
        return api_refuse(reader, UP_E_INVALID, base, "the model takes %zu weights, not %zu",
                          wanted, json_array_size(weights));
    struct up_tensor *tensor = up_arena_alloc(reader->arena, wanted, sizeof *tensor, reader->err);
    if (tensor == NULL)
        return reader->err->code;
    for (uint32_t i = 0; i < count; i++) {
        struct up_layer *layer = &layers[i];
        layer->weight_count = weight_count(layer);
        layer->weights = &tensor[next];
        for (uint32_t k = 0; k < layer->weight_count; k++, next++) {
            const char *at = api_under_index(reader, base, next);
            if (at == NULL ||
                api_read_tensor(reader, json_array_get(weights, next), at, &tensor[next]) != UP_OK)
                return reader->err->code;
        }
    }
    return UP_OK;
}

enum up_code api_weights_read(struct api_reader *reader, const json_t *weights, const char *at,
                              struct up_layer *layers, const char *const *names, uint32_t count)
{
    if (weights == NULL || json_is_null(weights))
        return UP_OK;
    return json_is_object(weights) ? weights_by_name(reader, weights, at, layers, names, count)
                                   : weights_flat(reader, weights, at, layers, count);
}
