/* DESIGN
 * One reader for every parameter of every layer, initializer and output: a row says the type, the
 * table below says how a value of that type is read. A value is stored only when it is right. */
#include <ctype.h>
#include <string.h>

#include "api/reader.h"
#include "api/spec.h"
#include "core/activations.h"
#include "core/initializers.h"
#include "core/layers/layer.h"
#include "core/limits.h"

struct place {
    struct api_reader *reader;
    const struct up_param *row;
    const char *at;
    uint32_t spatial;
};

static enum up_code wrong(const struct place *p, const char *wanted, const json_t *value)
{
    char text[80];
    return api_refuse(p->reader, UP_E_INVALID, p->at, "%s is %s, not %s", p->row->name, wanted,
                      api_describe(value, text));
}

static enum up_code in_bounds(const struct place *p, double v)
{
    const struct up_param *row = p->row;
    if ((row->min == 0 && row->max == 0) || (v >= row->min && v <= row->max))
        return UP_OK;
    return api_refuse(p->reader, UP_E_INVALID, p->at, "%s must be %s%.15g, not %.15g", row->name,
                      v < row->min ? "at least " : "at most ", v < row->min ? row->min : row->max,
                      v);
}

static enum up_code read_integer(const struct place *p, const json_t *value, int64_t *ret)
{
    if (!json_is_integer(value))
        return wrong(p, "an integer", value);
    if (in_bounds(p, (double)json_integer_value(value)) != UP_OK)
        return p->reader->err->code;
    *ret = json_integer_value(value);
    return UP_OK;
}

static enum up_code read_int(const struct place *p, const json_t *value, void *to)
{
    if ((p->row->flags & UP_PARAM_NULLABLE) == 0)
        return read_integer(p, value, to);
    struct up_seed *seed = to;
    seed->set = read_integer(p, value, &seed->value) == UP_OK;
    return p->reader->err->code;
}

static enum up_code read_float(const struct place *p, const json_t *value, void *to)
{
    if (!json_is_number(value))
        return wrong(p, "a number", value);
    const double v = json_number_value(value);
    if (in_bounds(p, v) == UP_OK)
        *(double *)to = v;
    return p->reader->err->code;
}

static enum up_code read_bool(const struct place *p, const json_t *value, void *to)
{
    if (!json_is_boolean(value))
        return wrong(p, "true or false", value);
    *(bool *)to = json_is_true(value);
    return UP_OK;
}

static char *lower(struct api_reader *reader, const char *text)
{
    char *copy = up_arena_copy(reader->arena, reader->err, text);
    for (char *c = copy; c != NULL && *c != '\0'; c++)
        *c = (char)tolower((unsigned char)*c);
    return copy;
}

static enum up_code read_choice(const struct place *p, const json_t *value, void *to)
{
    if (!json_is_string(value))
        return wrong(p, "a name", value);
    const char *name = lower(p->reader, json_string_value(value));
    if (name == NULL)
        return p->reader->err->code;
    const int index = up_choice_find(p->row->choices, name);
    if (index >= 0) {
        *(uint32_t *)to = (uint32_t)index;
        return UP_OK;
    }
    char list[256] = "";
    for (const char *const *c = p->row->choices; *c != NULL; c++) {
        const size_t used = strlen(list);
        (void)snprintf(list + used, sizeof list - used, "%s%s", used == 0 ? "" : ", ", *c);
    }
    return api_refuse(p->reader, UP_E_INVALID, p->at, "%s is one of %s, not \"%.60s\"",
                      p->row->name, list, name);
}

static enum up_code read_ints(const struct place *p, const json_t *value, void *to)
{
    struct up_ints ints = {.set = true};
    if (!json_is_array(value)) {
        if (!json_is_integer(value))
            return wrong(p, "an integer or a list of integers", value);
        if (read_integer(p, value, &ints.v[0]) != UP_OK)
            return p->reader->err->code;
        for (uint32_t i = 1; i < p->spatial; i++)
            ints.v[i] = ints.v[0];
        *(struct up_ints *)to = ints;
        return UP_OK;
    }
    if (json_array_size(value) != p->spatial)
        return api_refuse(p->reader, UP_E_INVALID, p->at, "%s takes %u integers, not %zu",
                          p->row->name, p->spatial, json_array_size(value));
    for (uint32_t i = 0; i < p->spatial; i++)
        if (read_integer(p, json_array_get(value, i), &ints.v[i]) != UP_OK)
            return p->reader->err->code;
    *(struct up_ints *)to = ints;
    return UP_OK;
}

static enum up_code read_item(const struct place *p, const json_t *value, int64_t *ret)
{
    if (!json_is_null(value) || (p->row->flags & UP_PARAM_NULL_ITEMS) == 0)
        return read_integer(p, value, ret);
    *ret = -1;
    return UP_OK;
}

static enum up_code read_list(const struct place *p, const json_t *value, void *to)
{
    struct up_list list = {.set = true, .scalar = !json_is_array(value), .count = 1};
    if (list.scalar && !json_is_integer(value))
        return wrong(p, "an integer or a list of integers", value);
    if (list.scalar && read_integer(p, value, &list.v[0]) != UP_OK)
        return p->reader->err->code;
    if (json_array_size(value) > UP_RANK_MAX)
        return api_refuse(p->reader, UP_E_INVALID, p->at, "%s takes at most %d integers, not %zu",
                          p->row->name, UP_RANK_MAX, json_array_size(value));
    for (size_t i = 0; i < json_array_size(value); i++)
        if (read_item(p, json_array_get(value, i), &list.v[i]) != UP_OK)
            return p->reader->err->code;
    if (!list.scalar)
        list.count = (uint32_t)json_array_size(value);
    *(struct up_list *)to = list;
    return UP_OK;
}

/* An integer for both sides, or one for each. */
static enum up_code read_pair(const struct place *p, const json_t *value, int64_t ret[2])
{
    if (!json_is_array(value)) {
        if (!json_is_integer(value))
            return wrong(p, "integers or pairs of integers", value);
        if (read_integer(p, value, &ret[0]) != UP_OK)
            return p->reader->err->code;
        ret[1] = ret[0];
        return UP_OK;
    }
    if (json_array_size(value) != 2)
        return api_refuse(p->reader, UP_E_INVALID, p->at, "%s takes 2 integers an axis, not %zu",
                          p->row->name, json_array_size(value));
    for (size_t side = 0; side < 2; side++)
        if (read_integer(p, json_array_get(value, side), &ret[side]) != UP_OK)
            return p->reader->err->code;
    return UP_OK;
}

static enum up_code read_pairs(const struct place *p, const json_t *value, void *to)
{
    struct up_pairs pairs = {.v = {{0}}};
    const bool each = json_is_array(value) && p->spatial > 1; /* else the value is a pair itself */
    if (each && json_array_size(value) != p->spatial)
        return api_refuse(p->reader, UP_E_INVALID, p->at,
                          "%s takes an integer or a pair for each of %u axes, not %zu",
                          p->row->name, p->spatial, json_array_size(value));
    for (uint32_t i = 0; i < p->spatial; i++)
        if (read_pair(p, each ? json_array_get(value, i) : value, pairs.v[i]) != UP_OK)
            return p->reader->err->code;
    *(struct up_pairs *)to = pairs;
    return UP_OK;
}

/* An activation layer, as Keras writes it for the activation of another layer. */
static enum up_code read_activation_layer(const struct place *p, const struct up_layer_ops *ops,
                                          const json_t *object, struct up_activation *ret)
{
    struct api_reader *reader = p->reader;
    const char *at = api_under(reader, p->at, "config");
    void *config = up_arena_zalloc(reader->arena, 1, ops->config_bytes, reader->err);
    const struct api_params params = {
        .rows = ops->params, .common = api_spec_common, .what = ops->class_name};
    if (at == NULL || config == NULL)
        return reader->err->code;
    if (ops->function == NULL)
        return api_refuse(reader, UP_E_INVALID, p->at,
                          "%s cannot stand as an activation: write it as a layer of its own",
                          ops->class_name);
    if (api_read_params(reader, &params, json_object_get(object, "config"), at, config) != UP_OK)
        return reader->err->code;
    if (ops->check != NULL && ops->check(config, reader->err) != UP_OK) {
        up_error_under(reader->err, at);
        return reader->err->code;
    }
    *ret = ops->function(config);
    return UP_OK;
}

/* "relu", or the object that Keras writes for an activation layer or function. */
static enum up_code read_activation(const struct place *p, const json_t *value, void *to)
{
    const json_t *name = value;
    if (json_is_object(value)) {
        name = json_object_get(value, "class_name");
        const struct up_layer_ops *ops =
            json_is_string(name) ? up_layer_find(json_string_value(name)) : NULL;
        if (ops != NULL)
            return read_activation_layer(p, ops, value, to);
        if (json_is_string(json_object_get(value, "config")))
            name = json_object_get(value, "config");
    }
    if (json_is_null(value))
        return up_activation_find("linear", to) ? UP_OK : UP_E_INTERNAL;
    if (!json_is_string(name))
        return wrong(p, "the name of a function", value);
    const char *text = lower(p->reader, json_string_value(name));
    if (text == NULL)
        return p->reader->err->code;
    if (up_activation_find(text, to))
        return UP_OK;
    char hint[UP_HINT_BYTES];
    struct up_nearest nearest = {.text = text};
    for (int i = 0; i < UP_ACT_COUNT; i++)
        up_nearest_offer(&nearest, up_activation_name((enum up_activation_id)i));
    return api_refuse(p->reader, UP_E_INVALID, p->at, "there is no activation \"%.60s\"%s",
                      json_string_value(name), up_nearest_hint(&nearest, hint));
}

static enum up_code unknown_initializer(const struct place *p, const char *name)
{
    char hint[UP_HINT_BYTES];
    struct up_nearest nearest = {.text = name};
    for (const struct up_initializer_class *const *c = up_initializer_classes(); *c != NULL; c++)
        up_nearest_offer(&nearest, (*c)->class_name);
    return api_refuse(p->reader, UP_E_INVALID, p->at, "there is no initializer \"%.60s\"%s", name,
                      up_nearest_hint(&nearest, hint));
}

static bool initializer_extra(const char *name)
{
    return strcmp(name, "dtype") == 0; /* Keras 2 writes it into the configuration */
}

static bool object_member(const char *name)
{
    static const char *const names[] = {"class_name", "module",           "registered_name",
                                        "config",     "shared_object_id", NULL};
    return up_choice_find(names, name) >= 0;
}

/* A name, or {"class_name", "config"}, or {"class_name"} with the parameters beside it. */
static enum up_code read_initializer(const struct place *p, const json_t *value, void *to)
{
    const json_t *name = json_is_object(value) ? json_object_get(value, "class_name") : value;
    if (!json_is_string(name))
        return wrong(p, "the name of an initializer or an object with class_name", value);
    const struct up_initializer_class *class = up_initializer_find(json_string_value(name));
    if (class == NULL)
        return unknown_initializer(p, json_string_value(name));
    struct up_initializer init = up_initializer_default(class);
    if (json_is_object(value)) {
        const json_t *config = json_object_get(value, "config");
        const char *at = config == NULL ? p->at : api_under(p->reader, p->at, "config");
        const struct api_params params = {.rows = class->params,
                                          .what = class->class_name,
                                          .skip =
                                              config == NULL ? object_member : initializer_extra};
        if (at == NULL || api_read_params(p->reader, &params, config == NULL ? value : config, at,
                                          &init) != UP_OK)
            return p->reader->err->code;
        init.class = class;
    }
    *(struct up_initializer *)to = init;
    return UP_OK;
}

/* The values of nested lists, depth first; false where the lists are ragged or hold no numbers. */
static bool copy_values(const json_t *value, const struct up_shape *shape, uint32_t axis,
                        float **next)
{
    if (axis == shape->rank) {
        if (json_is_number(value))
            *(*next)++ = (float)json_number_value(value);
        return json_is_number(value);
    }
    if (!json_is_array(value) || json_array_size(value) != shape->dim[axis])
        return false;
    for (size_t i = 0; i < shape->dim[axis]; i++)
        if (!copy_values(json_array_get(value, i), shape, axis + 1, next))
            return false;
    return true;
}

/* Short lists within a configuration: where long ones may stand, they are lifted before. */
static enum up_code read_nested(const struct place *p, const json_t *value, struct up_tensor *ret)
{
    struct up_tensor tensor = {.shape = {.rank = 0}};
    for (const json_t *v = value; json_is_array(v) && tensor.shape.rank < UP_RANK_MAX;
         v = json_array_get(v, 0))
        tensor.shape.dim[tensor.shape.rank++] = json_array_size(v);
    size_t count = 0;
    if (!up_shape_count(&tensor.shape, &count) || count == 0)
        return wrong(p, "a number or lists of numbers", value);
    /* Ragged lists end before their shape says; nothing is written past it. */
    tensor.data = up_arena_alloc(p->reader->arena, count, sizeof(float), p->reader->err);
    float *next = tensor.data;
    if (tensor.data == NULL)
        return p->reader->err->code;
    if (!copy_values(value, &tensor.shape, 0, &next))
        return api_refuse(p->reader, UP_E_INVALID, p->at,
                          "%s is a number or lists of numbers, all of one length", p->row->name);
    *ret = tensor;
    return UP_OK;
}

static enum up_code read_tensor(const struct place *p, const json_t *value, void *to)
{
    const json_t *name = json_object_get(value, "class_name");
    if (json_is_string(name) && strcmp(json_string_value(name), "__numpy__") == 0)
        value = json_object_get(json_object_get(value, "config"), "value");
    return json_is_array(value) ? read_nested(p, value, to)
                                : api_read_tensor(p->reader, value, p->at, to);
}

static enum up_code read_text(const struct place *p, const json_t *value, void *to)
{
    if (!json_is_string(value))
        return wrong(p, "a text", value);
    const char *copy = up_arena_copy(p->reader->arena, p->reader->err, json_string_value(value));
    *(const char **)to = copy;
    return copy == NULL ? p->reader->err->code : UP_OK;
}

static enum up_code read_nothing(const struct place *p, const json_t *value, void *to)
{
    (void)p, (void)value, (void)to;
    return UP_OK;
}

static enum up_code (*const readers[])(const struct place *, const json_t *, void *) = {
    [UP_PARAM_INT] = read_int,
    [UP_PARAM_FLOAT] = read_float,
    [UP_PARAM_BOOL] = read_bool,
    [UP_PARAM_CHOICE] = read_choice,
    [UP_PARAM_INTS] = read_ints,
    [UP_PARAM_LIST] = read_list,
    [UP_PARAM_PAIRS] = read_pairs,
    [UP_PARAM_ACTIVATION] = read_activation,
    [UP_PARAM_INITIALIZER] = read_initializer,
    [UP_PARAM_TENSOR] = read_tensor,
    [UP_PARAM_TEXT] = read_text,
    [UP_PARAM_SHAPE] = read_nothing,
    [UP_PARAM_IGNORED] = read_nothing,
};

/* --- Objects -------------------------------------------------------------------------------- */

static enum up_code unknown(struct api_reader *reader, const struct api_params *params,
                            const char *name, const char *at)
{
    char hint[UP_HINT_BYTES];
    struct up_nearest nearest = {.text = name};
    for (const struct up_param *row = params->rows; row->name != NULL; row++)
        up_nearest_offer(&nearest, row->name);
    return api_refuse(reader, UP_E_INVALID, at, "%s has no parameter \"%.60s\"%s", params->what,
                      name, up_nearest_hint(&nearest, hint));
}

static enum up_code read_member(struct api_reader *reader, const struct api_params *params,
                                const char *name, const json_t *value, const char *base,
                                void *config)
{
    if (params->skip != NULL && params->skip(name))
        return UP_OK;
    const struct up_param *row = up_param_find(params->rows, name);
    const char *at = api_under(reader, base, name);
    if (at == NULL)
        return reader->err->code;
    if (row == NULL)
        return params->common != NULL && up_param_find(params->common, name) != NULL
                   ? UP_OK
                   : unknown(reader, params, name, at);
    if (json_is_null(value) && (row->flags & UP_PARAM_NULLABLE) != 0)
        return UP_OK; /* its default is what null means */
    const struct place place = {reader, row, at, params->spatial};
    return readers[row->type](&place, value, (char *)config + row->offset);
}

enum up_code api_read_params(struct api_reader *reader, const struct api_params *params,
                             const json_t *object, const char *at, void *config)
{
    char text[80];
    const char *name;
    json_t *value;
    if (object != NULL && !json_is_object(object))
        return api_refuse(reader, UP_E_INVALID, at, "%s is configured by an object, not %s",
                          params->what, api_describe(object, text));
    up_params_default(params->rows, config);
    json_object_foreach((json_t *)(uintptr_t)object, name,
                        value) if (read_member(reader, params, name, value, at, config) !=
                                   UP_OK) return reader->err->code;
    for (const struct up_param *row = params->rows; row->name != NULL; row++) {
        if ((row->flags & UP_PARAM_REQUIRED) == 0 || json_object_get(object, row->name) != NULL)
            continue;
        const char *missing = api_under(reader, at, row->name);
        return missing == NULL ? reader->err->code
                               : api_refuse(reader, UP_E_INVALID, missing, "%s needs %s",
                                            params->what, row->name);
    }
    return UP_OK;
}
