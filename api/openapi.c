/* GET /openapi.json: the interface, composed from the tables that serve it. */
#include <string.h>

#include "api/codec/buffer.h"
#include "api/endpoints.h"
#include "api/schema.h"

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
                         "\"channels\":{\"enum\":[\"as_is\",\"gray\",\"rgb\",\"rgba\"]},"
                         "\"set_random_seed\":{\"type\":\"integer\"},"
                         "\"output\":");
    api_write_params_schema(out, api_output_params, 0, false);
    api_buffer_puts(out, "},\"additionalProperties\":false,\"oneOf\":[{\"required\":[\"layer\"]},"
                         "{\"required\":[\"layers\"]},{\"required\":[\"model\"]}]}");
}

static void write_comparison_schema(struct api_buffer *out)
{
    api_buffer_puts(out, "{\"type\":\"object\",\"required\":[\"candidates\"],\"properties\":{"
                         "\"input\":{\"$ref\":\"#/components/schemas/Tensor\"},"
                         "\"candidates\":{\"type\":\"array\",\"minItems\":1,\"maxItems\":16,"
                         "\"items\":{\"type\":\"object\",\"properties\":{"
                         "\"name\":{\"type\":\"string\"},"
                         "\"layer\":{\"anyOf\":[{\"type\":\"string\"},"
                         "{\"$ref\":\"#/components/schemas/Layer\"}]},"
                         "\"layers\":{\"type\":\"array\",\"items\":{\"anyOf\":["
                         "{\"type\":\"string\"},{\"$ref\":\"#/components/schemas/Layer\"}]}}},"
                         "\"additionalProperties\":false,\"oneOf\":[{\"required\":[\"layer\"]},"
                         "{\"required\":[\"layers\"]}]}},"
                         "\"channels\":{\"enum\":[\"as_is\",\"gray\",\"rgb\",\"rgba\"]},"
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
    };
    api_buffer_puts(out, "{\"type\":\"object\",\"required\":[\"candidates\",\"verdict\","
                         "\"warnings\"],\"properties\":{\"verdict\":{\"type\":\"string\"},"
                         "\"candidates\":{\"type\":\"array\",\"items\":{\"type\":\"object\","
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

/* Every output option may stand in the query; a layer's parameters may as well. */
static void write_parameters(struct api_buffer *out, const struct api_route *route)
{
    if (strchr(route->path, '*') != NULL)
        api_buffer_puts(out, ",\"parameters\":[{\"name\":\"class_name\",\"in\":\"path\","
                             "\"required\":true,\"schema\":{\"type\":\"string\"}}]");
    if (!route->worker)
        return;
    const bool several = route->handle == api_compare;
    api_buffer_puts(
        out, several ? ",\"parameters\":[{\"name\":\"candidates\",\"in\":\"query\",\"schema\":{"
                       "\"type\":\"string\"},\"description\":\"JSON list of candidates\"}"
                     : ",\"parameters\":[{\"name\":\"layer\",\"in\":\"query\",\"schema\":{"
                       "\"type\":\"string\"},\"description\":\"class name of one layer; its "
                       "parameters stand beside it\"},{\"name\":\"layers\",\"in\":\"query\","
                       "\"schema\":{\"type\":\"string\"},\"description\":\"JSON list of layers\"}");
    for (const struct up_param *row = api_output_params; row->name != NULL; row++) {
        api_buffer_printf(out, ",{\"name\":\"%s\",\"in\":\"query\",\"description\":", row->name);
        api_buffer_quote(out, row->meaning);
        api_buffer_puts(out, ",\"schema\":{}}");
    }
    api_buffer_puts(out, "]");
}

static void write_bodies(struct api_buffer *out, const struct api_route *route)
{
    if (strcmp(route->method, "POST") != 0)
        return;
    api_buffer_printf(
        out,
        ",\"requestBody\":{\"required\":true,\"content\":{\"application/json\":{\"schema\":{"
        "\"$ref\":\"#/components/schemas/%s\"}},\"image/png\":{},\"application/x-npy\":{},"
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
        api_buffer_puts(out, ",\"image/png\":{},\"application/x-npy\":{}");
    if (route->handle == api_compare)
        api_buffer_puts(out, ",\"image/png\":{}");
    api_buffer_puts(out, "}},\"default\":{\"description\":\"A problem\",\"content\":{"
                         "\"application/problem+json\":{\"schema\":{"
                         "\"$ref\":\"#/components/schemas/Problem\"}},\"image/png\":{}}}}");
}

static void write_path(struct api_buffer *out, const struct api_route *route)
{
    const size_t length = strcspn(route->path, "*");
    api_buffer_puts(out, "\"");
    api_buffer_put(out, route->path, length);
    api_buffer_printf(
        out, "%s\":{\"%s\":{\"summary\":", route->path[length] == '*' ? "{class_name}" : "",
        strcmp(route->method, "POST") == 0 ? "post" : "get");
    api_buffer_quote(out, route->summary);
    write_parameters(out, route);
    write_bodies(out, route);
    write_answers(out, route);
    api_buffer_puts(out, "}}");
}

API_HANDLER(api_openapi)
{
    (void)context;
    struct api_buffer out = api_buffer_make(request->arena, err);
    api_buffer_puts(&out, "{\"openapi\":\"3.1.0\",\"info\":{\"title\":\"upsampled\",\"version\":"
                          "\"1\",\"summary\":\"Keras' upsampling layers over HTTP\",\"license\":{"
                          "\"name\":\"MIT\",\"identifier\":\"MIT\"}},\"paths\":{");
    for (const struct api_route *route = api_routes; route->path != NULL; route++) {
        api_buffer_puts(&out, route == api_routes ? "" : ",");
        write_path(&out, route);
    }
    api_buffer_puts(&out, "},\"components\":{\"schemas\":");
    write_schemas(&out);
    api_buffer_puts(&out, "}}\n");
    return api_respond_json(&out, response);
}
