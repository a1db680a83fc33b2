/* GET /openapi.json: the interface, composed from the tables that serve it. */
#include <string.h>

#include "api/codec/buffer.h"
#include "api/endpoints.h"
#include "api/presets.h"
#include "api/schema.h"

#define CHANNELS_SCHEMA "{\"enum\":[\"as_is\",\"gray\",\"rgb\",\"rgba\"]}"

static const char tensor_schema[] =
    "{\"description\":\"Nested arrays of numbers, or a shape with flat data, or a file.\","
    "\"anyOf\":[{\"type\":\"number\"},{\"type\":\"array\"},"
    "{\"type\":\"object\",\"required\":[\"shape\"],\"properties\":{\"shape\":{\"type\":\"array\","
    "\"items\":{\"type\":\"integer\",\"minimum\":0},\"maxItems\":8},\"data\":{\"type\":\"array\"}}}"
    ","
    "{\"type\":\"object\",\"required\":[\"png\"],\"properties\":{\"png\":{\"type\":\"string\","
    "\"contentEncoding\":\"base64\"}}},"
    "{\"type\":\"object\",\"required\":[\"npy\"],\"properties\":{\"npy\":{\"type\":\"string\","
    "\"contentEncoding\":\"base64\"}}}]}";

static const char problem_schema[] =
    "{\"type\":\"object\",\"required\":[\"type\",\"title\",\"status\",\"detail\"],\"properties\":{"
    "\"type\":{\"type\":\"string\"},\"title\":{\"type\":\"string\"},"
    "\"status\":{\"type\":\"integer\"},\"detail\":{\"type\":\"string\"},"
    "\"instance\":{\"type\":\"string\"},\"errors\":{\"type\":\"array\",\"items\":{"
    "\"type\":\"object\",\"properties\":{\"pointer\":{\"type\":\"string\"},"
    "\"parameter\":{\"type\":\"string\"},\"detail\":{\"type\":\"string\"}}}}}}";

static const char warnings_schema[] =
    "{\"type\":\"array\",\"items\":{\"type\":\"object\",\"required\":[\"code\",\"detail\"]}}";

static const char shape_schema[] =
    "{\"type\":\"array\",\"items\":{\"type\":\"integer\",\"minimum\":0}}";

static void write_request_schema(struct api_buffer *out)
{
    api_buffer_puts(out, "{\"type\":\"object\",\"properties\":{"
                         "\"input\":{\"$ref\":\"#/components/schemas/Tensor\"},"
                         "\"inputs\":{\"type\":[\"array\",\"object\"]},"
                         "\"layer\":{\"anyOf\":[{\"type\":\"string\"},"
                         "{\"$ref\":\"#/components/schemas/Layer\"}]},"
                         "\"layers\":{\"type\":\"array\",\"items\":{\"anyOf\":["
                         "{\"type\":\"string\"},{\"$ref\":\"#/components/schemas/Layer\"}]}},"
                         "\"model\":{\"type\":[\"object\",\"string\"]},"
                         "\"weights\":{\"type\":[\"array\",\"object\",\"boolean\"]},"
                         "\"channels\":" CHANNELS_SCHEMA ","
                         "\"set_random_seed\":{\"type\":\"integer\"},"
                         "\"output\":");
    api_write_params_schema(out, api_output_params, 0, false);
    api_buffer_puts(out, "},\"additionalProperties\":false,\"oneOf\":[{\"required\":[\"layer\"]},"
                         "{\"required\":[\"layers\"]},{\"required\":[\"model\"]}]}");
}

static void write_preset_schema(struct api_buffer *out)
{
    api_buffer_puts(out, "{\"description\":\"What the request leaves out of input and candidates "
                         "comes from there.\",\"oneOf\":[");
    for (const struct api_preset *row = api_presets; row->name != NULL; row++) {
        api_buffer_printf(
            out, "%s{\"const\":\"%s\",\"description\":", row == api_presets ? "" : ",", row->name);
        api_buffer_quote(out, row->meaning);
        api_buffer_puts(out, "}");
    }
    api_buffer_puts(out, "]}");
}

static void write_comparison_schema(struct api_buffer *out)
{
    api_buffer_puts(out, "{\"type\":\"object\",\"anyOf\":[{\"required\":[\"candidates\"]},"
                         "{\"required\":[\"preset\"]}],\"properties\":{\"preset\":");
    write_preset_schema(out);
    api_buffer_puts(
        out, ",\"input\":{\"$ref\":\"#/components/schemas/Tensor\"},"
             "\"candidates\":{\"type\":\"array\",\"minItems\":1,\"maxItems\":16,"
             "\"items\":{\"type\":\"object\",\"properties\":{"
             "\"name\":{\"type\":\"string\"},"
             "\"layer\":{\"anyOf\":[{\"type\":\"string\"},"
             "{\"$ref\":\"#/components/schemas/Layer\"}]},"
             "\"layers\":{\"type\":\"array\",\"items\":{\"anyOf\":["
             "{\"type\":\"string\"},{\"$ref\":\"#/components/schemas/Layer\"}]}},"
             "\"model\":{\"type\":[\"object\",\"string\"]},"
             "\"weights\":{\"type\":[\"array\",\"object\"]}},"
             "\"additionalProperties\":false,\"oneOf\":[{\"required\":[\"layer\"]},"
             "{\"required\":[\"layers\"]},{\"required\":[\"model\"]}]}},"
             "\"reference\":{\"type\":\"string\",\"description\":\"Name of the candidate that "
             "differences are taken from; default: the first.\"},"
             "\"view\":{\"enum\":[\"outputs\",\"differences\"],\"description\":\"What a picture "
             "shows: the outputs on one scale, or what they differ from the reference's by.\"},"
             "\"channels\":" CHANNELS_SCHEMA ","
             "\"set_random_seed\":{\"type\":\"integer\"},"
             "\"output\":");
    api_write_params_schema(out, api_output_params, 0, false);
    api_buffer_puts(out, "},\"additionalProperties\":false}");
}

/* What POST /compare answers: a row of figures for each candidate, and the verdict in words. */
static void write_verdict_schema(struct api_buffer *out)
{
    static const char *const figures[][2] = {
        {"checkerboard", "(max - min) / max |.| of the output for an input of ones, away from the "
                         "borders; null without spatial axes"},
        {"overshoot", "how far the output leaves the input's range, in parts of it; null when all "
                      "inputs are equal"},
        {"rms_gradient", "sharpness: root mean square of the differences between neighbours, in "
                         "parts of the output's range; null without neighbours"},
        {"max_difference", "largest absolute difference from the reference's output; null where "
                           "shapes differ"},
        {"mean_difference", "mean absolute difference from the reference's output; null where "
                            "shapes differ"},
    };
    api_buffer_puts(out, "{\"type\":\"object\",\"required\":[\"candidates\",\"verdict\","
                         "\"warnings\"],\"properties\":{\"verdict\":{\"type\":\"string\"},"
                         "\"reference\":{\"type\":\"string\"},\"candidates\":{\"type\":\"array\","
                         "\"items\":{\"type\":\"object\","
                         "\"properties\":{\"name\":{\"type\":\"string\"},\"output\":{}");
    api_buffer_printf(out, ",\"output_shape\":%s", shape_schema);
    for (size_t i = 0; i < sizeof figures / sizeof *figures; i++)
        api_buffer_printf(out, ",\"%s\":{\"type\":[\"number\",\"null\"],\"description\":\"%s\"}",
                          figures[i][0], figures[i][1]);
    api_buffer_printf(out,
                      ",\"parameters\":{\"type\":\"integer\"},\"macs\":{\"type\":\"number\"},"
                      "\"compute_ms\":{\"type\":\"number\"},\"warnings\":%s}}},\"warnings\":%s}}",
                      warnings_schema, warnings_schema);
}

static void write_schemas(struct api_buffer *out)
{
    api_buffer_printf(out, "{\"Tensor\":%s,\"Problem\":%s,\"Request\":", tensor_schema,
                      problem_schema);
    write_request_schema(out);
    api_buffer_puts(out, ",\"Comparison\":");
    write_comparison_schema(out);
    api_buffer_puts(out, ",\"Verdict\":");
    write_verdict_schema(out);
    api_buffer_printf(out,
                      ",\"Result\":{\"type\":\"object\",\"required\":[\"shape\",\"layers\","
                      "\"warnings\"],\"properties\":{\"shape\":%s,\"output\":{},\"outputs\":{},"
                      "\"layers\":{\"type\":\"array\"},\"warnings\":%s}}",
                      shape_schema, warnings_schema);
    api_buffer_printf(out,
                      ",\"Plan\":{\"type\":\"object\",\"required\":[\"input_shape\","
                      "\"output_shape\",\"macs\",\"bytes\",\"layers\"],\"properties\":{"
                      "\"input_shape\":%s,\"output_shape\":%s,\"macs\":{\"type\":\"number\"},"
                      "\"bytes\":{\"type\":\"object\"},\"layers\":{\"type\":\"array\"},"
                      "\"warnings\":%s}}",
                      shape_schema, shape_schema, warnings_schema);
    for (const struct up_layer_ops *const *layer = up_layers(); *layer != NULL; layer++) {
        api_buffer_printf(out, ",\"%s\":", (*layer)->class_name);
        api_write_layer_schema(out, *layer);
    }
    api_buffer_puts(out, ",\"Layer\":{\"type\":\"object\",\"required\":[\"class_name\"],"
                         "\"properties\":{\"class_name\":{\"enum\":[");
    for (const struct up_layer_ops *const *layer = up_layers(); *layer != NULL; layer++)
        api_buffer_printf(out, "%s\"%s\"", layer == up_layers() ? "" : ",", (*layer)->class_name);
    api_buffer_puts(out, "]}}}}");
}

static void write_parameter(struct api_buffer *out, const char *name, const char *meaning)
{
    api_buffer_printf(out, "{\"name\":\"%s\",\"in\":\"query\",\"description\":", name);
    api_buffer_quote(out, meaning);
    api_buffer_puts(out, ",\"schema\":{}},");
}

static void write_net_parameters(struct api_buffer *out, bool comparison)
{
    if (comparison) {
        api_buffer_puts(out, "{\"name\":\"preset\",\"in\":\"query\",\"schema\":");
        write_preset_schema(out);
        api_buffer_puts(out, "},");
        write_parameter(out, "candidates", "JSON list of candidates");
        write_parameter(out, "reference", "name of the candidate that differences are taken from");
        write_parameter(out, "view", "png: outputs, or differences from the reference");
        return;
    }
    write_parameter(out, "layer", "class name of one layer; its parameters stand beside it");
    write_parameter(out, "layers", "JSON list of layers");
}

/* Every output option may stand in the query; a layer's parameters may as well. */
static void write_parameters(struct api_buffer *out, const struct api_route *route)
{
    if (strchr(route->path, '*') != NULL)
        api_buffer_puts(out, ",\"parameters\":[{\"name\":\"class_name\",\"in\":\"path\","
                             "\"required\":true,\"schema\":{\"type\":\"string\"}}]");
    if (!route->worker)
        return;
    api_buffer_puts(out, ",\"parameters\":[");
    write_parameter(out, "shape", "lengths of the axes of a body of type application/octet-stream");
    write_net_parameters(out, route->handle == api_compare);
    for (const struct up_param *row = api_output_params; row->name != NULL; row++)
        write_parameter(out, row->name, row->meaning);
    api_buffer_puts(out,
                    "{\"name\":\"channels\",\"in\":\"query\",\"schema\":" CHANNELS_SCHEMA "}]");
}

static void write_bodies(struct api_buffer *out, const struct api_route *route)
{
    if (strcmp(route->method, "POST") != 0)
        return;
    api_buffer_printf(
        out,
        ",\"requestBody\":{\"required\":true,\"content\":{\"application/json\":{\"schema\":{"
        "\"$ref\":\"#/components/schemas/%s\"}},\"image/png\":{},\"application/x-npy\":{},"
        "\"application/octet-stream\":{\"schema\":{\"description\":\"float32 values, "
        "little-endian, "
        "in C order; their shape is the query's\"}},"
        "\"multipart/form-data\":{\"schema\":{\"type\":\"object\",\"properties\":{\"request\":{"
        "\"type\":\"string\",\"contentMediaType\":\"application/json\"},\"input\":{\"type\":"
        "\"string\",\"contentMediaType\":\"application/octet-stream\"}}}}}}",
        route->handle == api_compare ? "Comparison" : "Request");
}

static const char *answer_schema(const struct api_route *route)
{
    if (route->handle == api_infer)
        return "{\"$ref\":\"#/components/schemas/Result\"}";
    if (route->handle == api_compare)
        return "{\"$ref\":\"#/components/schemas/Verdict\"}";
    return route->handle == api_plan ? "{\"$ref\":\"#/components/schemas/Plan\"}"
                                     : "{\"type\":\"object\"}";
}

static void write_answers(struct api_buffer *out, const struct api_route *route)
{
    api_buffer_puts(out, ",\"responses\":{\"200\":{\"description\":\"OK\",\"content\":{");
    if (route->handle == api_metrics)
        api_buffer_puts(out, "\"text/plain\":{\"schema\":{\"type\":\"string\"}}");
    else
        api_buffer_printf(out, "\"application/json\":{\"schema\":%s}", answer_schema(route));
    if (route->handle == api_infer)
        api_buffer_puts(out, ",\"image/png\":{},\"application/x-npy\":{},"
                             "\"application/octet-stream\":{\"schema\":{\"description\":"
                             "\"float32 values, little-endian, in C order; their shape is "
                             "X-Output-Shape\"}}");
    if (route->handle == api_compare)
        api_buffer_puts(out, ",\"image/png\":{}");
    api_buffer_puts(out, "}},\"default\":{\"description\":\"A problem\",\"content\":{"
                         "\"application/problem+json\":{\"schema\":{"
                         "\"$ref\":\"#/components/schemas/Problem\"}},\"image/png\":{}}}}");
}

static void write_method(struct api_buffer *out, const struct api_route *route)
{
    api_buffer_printf(out,
                      "\"%s\":{\"summary\":", strcmp(route->method, "POST") == 0 ? "post" : "get");
    api_buffer_quote(out, route->summary);
    write_parameters(out, route);
    write_bodies(out, route);
    write_answers(out, route);
    api_buffer_puts(out, "}");
}

/* The methods of one path stand together in the table; returns the row after them. */
static const struct api_route *write_path(struct api_buffer *out, const struct api_route *first)
{
    const struct api_route *route = first;
    const size_t length = strcspn(first->path, "*");
    api_buffer_puts(out, "\"");
    api_buffer_put(out, first->path, length);
    api_buffer_printf(out, "%s\":{", first->path[length] == '*' ? "{class_name}" : "");
    for (; route->path != NULL && strcmp(route->path, first->path) == 0; route++) {
        api_buffer_puts(out, route == first ? "" : ",");
        write_method(out, route);
    }
    api_buffer_puts(out, "}");
    return route;
}

API_HANDLER(api_openapi)
{
    (void)context;
    struct api_buffer out = api_buffer_make(request->arena, err);
    api_buffer_puts(&out, "{\"openapi\":\"3.1.0\",\"info\":{\"title\":\"upsampled\",\"version\":"
                          "\"1\",\"summary\":\"Keras' upsampling layers over HTTP\",\"license\":{"
                          "\"name\":\"MIT\",\"identifier\":\"MIT\"}},\"paths\":{");
    for (const struct api_route *route = api_routes; route->path != NULL;) {
        api_buffer_puts(&out, route == api_routes ? "" : ",");
        route = write_path(&out, route);
    }
    api_buffer_puts(&out, "},\"components\":{\"schemas\":");
    write_schemas(&out);
    api_buffer_puts(&out, "}}\n");
    return api_respond_json(&out, response);
}
