#include "api/schema.h"

#include <math.h>

#include "core/initializers.h"

static const struct {
    const char *name;   /* in the catalogue */
    const char *schema; /* without bounds and choices */
} types[] = {
    [UP_PARAM_INT] = {"int", "\"type\":\"integer\""},
    [UP_PARAM_FLOAT] = {"float", "\"type\":\"number\""},
    [UP_PARAM_BOOL] = {"bool", "\"type\":\"boolean\""},
    [UP_PARAM_CHOICE] = {"choice", "\"type\":\"string\""},
    [UP_PARAM_INTS] = {"ints", NULL},
    [UP_PARAM_LIST] = {"list", NULL},
    [UP_PARAM_PAIRS] = {"pairs", NULL},
    [UP_PARAM_ACTIVATION] = {"activation", "\"type\":[\"string\",\"object\"]"},
    [UP_PARAM_INITIALIZER] = {"initializer", "\"type\":[\"string\",\"object\"]"},
    [UP_PARAM_TENSOR] = {"tensor", "\"type\":[\"number\",\"array\",\"object\"]"},
    [UP_PARAM_TEXT] = {"text", "\"type\":\"string\""},
    [UP_PARAM_SHAPE] = {"shape", "\"type\":\"array\",\"items\":{\"type\":[\"integer\",\"null\"]}"},
    [UP_PARAM_IGNORED] = {"ignored", NULL},
};

static bool bounded(const struct up_param *row)
{
    return row->min != 0 || row->max != 0;
}

static void write_choices(struct api_buffer *out, const struct up_param *row, const char *key)
{
    const char *separator = "";
    if (row->type != UP_PARAM_CHOICE && row->type != UP_PARAM_ACTIVATION &&
        row->type != UP_PARAM_INITIALIZER)
        return;
    api_buffer_printf(out, ",\"%s\":[", key);
    for (const char *const *c = row->choices; row->type == UP_PARAM_CHOICE && *c != NULL; c++) {
        api_buffer_printf(out, "%s\"%s\"", separator, *c);
        separator = ",";
    }
    for (int i = 0; row->type == UP_PARAM_ACTIVATION && i < UP_ACT_COUNT; i++) {
        api_buffer_printf(out, "%s\"%s\"", separator, up_activation_name((enum up_activation_id)i));
        separator = ",";
    }
    const struct up_initializer_class *const *class = up_initializer_classes();
    for (; row->type == UP_PARAM_INITIALIZER && *class != NULL; class ++) {
        api_buffer_printf(out, "%s\"%s\"", separator, (*class)->class_name);
        separator = ",";
    }
    api_buffer_puts(out, "]");
}

/* A default that has no value to show: null where null is taken, else nothing is said. */
static bool default_is_null(const struct up_param *row)
{
    const bool number =
        row->type == UP_PARAM_INT || row->type == UP_PARAM_INTS || row->type == UP_PARAM_FLOAT;
    return !number || (row->flags & UP_PARAM_NULLABLE) != 0 || !isfinite(row->fallback);
}

static void write_default(struct api_buffer *out, const struct up_param *row)
{
    const bool choice = row->type == UP_PARAM_CHOICE, flag = row->type == UP_PARAM_BOOL;
    const bool null = row->fallback_text == NULL && !choice && !flag && default_is_null(row);
    if ((row->flags & UP_PARAM_REQUIRED) != 0 || (null && (row->flags & UP_PARAM_NULLABLE) == 0))
        return;
    api_buffer_puts(out, ",\"default\":");
    if (null)
        api_buffer_puts(out, "null");
    else if (row->fallback_text != NULL)
        api_buffer_quote(out, row->fallback_text);
    else if (choice)
        api_buffer_quote(out, row->choices[(size_t)row->fallback]);
    else if (flag)
        api_buffer_puts(out, row->fallback != 0 ? "true" : "false");
    else
        api_buffer_printf(out, "%.9g", row->fallback);
}

static bool shown(const struct up_param *row)
{
    return row->type != UP_PARAM_IGNORED;
}

void api_write_params(struct api_buffer *out, const struct up_param *rows)
{
    const char *separator = "[";
    for (const struct up_param *row = rows; row->name != NULL; row++) {
        if (!shown(row))
            continue;
        api_buffer_printf(out, "%s{\"name\":\"%s\",\"type\":\"%s\"", separator, row->name,
                          types[row->type].name);
        write_default(out, row);
        if ((row->flags & UP_PARAM_REQUIRED) != 0)
            api_buffer_puts(out, ",\"required\":true");
        if ((row->flags & UP_PARAM_NULLABLE) != 0)
            api_buffer_puts(out, ",\"nullable\":true");
        if (bounded(row))
            api_buffer_printf(out, ",\"min\":%.17g,\"max\":%.17g", row->min, row->max);
        write_choices(out, row, "choices");
        api_buffer_puts(out, ",\"meaning\":");
        api_buffer_quote(out, row->meaning);
        api_buffer_puts(out, "}");
        separator = ",";
    }
    api_buffer_puts(out, separator[0] == '[' ? "[]" : "]");
}

static void write_integer_schema(struct api_buffer *out, const struct up_param *row)
{
    api_buffer_puts(out, "{\"type\":\"integer\"");
    if (bounded(row))
        api_buffer_printf(out, ",\"minimum\":%.17g,\"maximum\":%.17g", row->min, row->max);
    api_buffer_puts(out, "}");
}

/* An array of one kind of item, `least` to `most` of them. */
static void write_array_schema(struct api_buffer *out, const struct up_param *row,
                               void (*item)(struct api_buffer *out, const struct up_param *row),
                               uint32_t least, uint32_t most)
{
    api_buffer_puts(out, "{\"type\":\"array\",\"items\":");
    item(out, row);
    api_buffer_printf(out, ",\"minItems\":%u,\"maxItems\":%u}", least, most);
}

static void write_item_schema(struct api_buffer *out, const struct up_param *row)
{
    const bool nulls = (row->flags & UP_PARAM_NULL_ITEMS) != 0;
    api_buffer_puts(out, nulls ? "{\"anyOf\":[{\"type\":\"null\"}," : "");
    write_integer_schema(out, row);
    api_buffer_puts(out, nulls ? "]}" : "");
}

static void write_pair_schema(struct api_buffer *out, const struct up_param *row)
{
    api_buffer_puts(out, "{\"anyOf\":[");
    write_integer_schema(out, row);
    api_buffer_puts(out, ",");
    write_array_schema(out, row, write_integer_schema, 2, 2);
    api_buffer_puts(out, "]}");
}

/* An integer or an array of what the type says. */
static void write_integers_schema(struct api_buffer *out, const struct up_param *row,
                                  uint32_t spatial)
{
    write_integer_schema(out, row);
    api_buffer_puts(out, ",");
    if (row->type == UP_PARAM_LIST)
        write_array_schema(out, row, write_item_schema, 0, UP_RANK_MAX);
    else if (row->type == UP_PARAM_PAIRS && spatial > 1)
        write_array_schema(out, row, write_pair_schema, spatial, spatial);
    else if (row->type == UP_PARAM_PAIRS)
        write_array_schema(out, row, write_integer_schema, 2, 2);
    else
        write_array_schema(out, row, write_integer_schema, spatial, spatial);
}

static void write_property(struct api_buffer *out, const struct up_param *row, uint32_t spatial)
{
    const bool nullable = (row->flags & UP_PARAM_NULLABLE) != 0;
    api_buffer_puts(out, "{\"description\":");
    api_buffer_quote(out, row->meaning == NULL ? "" : row->meaning);
    write_default(out, row);
    if (row->type == UP_PARAM_INTS || row->type == UP_PARAM_LIST || row->type == UP_PARAM_PAIRS) {
        api_buffer_puts(out, ",\"anyOf\":[");
        write_integers_schema(out, row, spatial);
        api_buffer_puts(out, nullable ? ",{\"type\":\"null\"}]}" : "]}");
        return;
    }
    api_buffer_puts(out, ",\"anyOf\":[{");
    api_buffer_puts(out, types[row->type].schema);
    if (bounded(row))
        api_buffer_printf(out, ",\"minimum\":%.17g,\"maximum\":%.17g", row->min, row->max);
    if (row->type == UP_PARAM_CHOICE)
        write_choices(out, row, "enum");
    api_buffer_puts(out, nullable ? "},{\"type\":\"null\"}]}" : "}]}");
}

void api_write_params_schema(struct api_buffer *out, const struct up_param *rows, uint32_t spatial,
                             bool open)
{
    const char *separator = "";
    api_buffer_puts(out, "{\"type\":\"object\",\"properties\":{");
    for (const struct up_param *row = rows; row->name != NULL; row++) {
        if (!shown(row))
            continue;
        api_buffer_printf(out, "%s\"%s\":", separator, row->name);
        write_property(out, row, spatial);
        separator = ",";
    }
    api_buffer_puts(out, "},\"required\":[");
    separator = "";
    for (const struct up_param *row = rows; row->name != NULL; row++) {
        if ((row->flags & UP_PARAM_REQUIRED) == 0)
            continue;
        api_buffer_printf(out, "%s\"%s\"", separator, row->name);
        separator = ",";
    }
    api_buffer_printf(out, "],\"additionalProperties\":%s}", open ? "true" : "false");
}

void api_write_layer_schema(struct api_buffer *out, const struct up_layer_ops *layer)
{
    api_buffer_printf(out,
                      "{\"type\":\"object\",\"title\":\"%s\",\"description\":", layer->class_name);
    api_buffer_quote(out, layer->summary);
    api_buffer_printf(out,
                      ",\"properties\":{\"class_name\":{\"const\":\"%s\"},\"weights\":{\"type\":"
                      "\"array\"},\"config\":",
                      layer->class_name);
    api_write_params_schema(out, layer->params, layer->spatial, true);
    api_buffer_puts(out, "},\"required\":[\"class_name\",\"config\"]}");
}
