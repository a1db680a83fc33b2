/* GET /layers and GET /layers/{class_name}: the tables that the parser reads, printed. */
#include <string.h>

#include "api/codec/buffer.h"
#include "api/endpoints.h"
#include "api/schema.h"
#include "api/spec.h"

static bool schema_wanted(const struct api_request *request)
{
    for (size_t i = 0; i < request->query_count; i++)
        if (strcmp(request->query[i].name, "schema") == 0)
            return strcmp(request->query[i].value, "0") != 0 &&
                   strcmp(request->query[i].value, "false") != 0;
    return false;
}

static void write_layer(struct api_buffer *out, const struct up_layer_ops *layer, bool schema)
{
    if (schema) {
        api_write_layer_schema(out, layer);
        return;
    }
    api_buffer_printf(out, "{\"class_name\":\"%s\",\"summary\":", layer->class_name);
    api_buffer_quote(out, layer->summary);
    api_buffer_printf(out, ",\"spatial\":%u,\"parameters\":", layer->spatial);
    api_write_params(out, layer->params);
    api_buffer_puts(out, ",\"weights\":[");
    const struct up_weight_note *first = layer->weight_notes;
    for (const struct up_weight_note *w = first; w != NULL && w->name != NULL; w++)
        api_buffer_printf(out, "%s{\"name\":\"%s\",\"shape\":\"%s\"}", w == first ? "" : ",",
                          w->name, w->shape);
    api_buffer_puts(out, "]}");
}

API_HANDLER(api_catalogue)
{
    (void)context;
    const bool schema = schema_wanted(request);
    struct api_buffer out = api_buffer_make(request->arena, err);
    api_buffer_puts(&out, schema ? "{\"$schema\":\"https://json-schema.org/draft/2020-12/schema\","
                                   "\"oneOf\":["
                                 : "{\"layers\":[");
    for (const struct up_layer_ops *const *layer = up_layers(); *layer != NULL; layer++) {
        api_buffer_puts(&out, layer == up_layers() ? "" : ",");
        write_layer(&out, *layer, schema);
    }
    api_buffer_puts(&out, "]}\n");
    return api_respond_json(&out, response);
}

API_HANDLER(api_catalogue_one)
{
    (void)context;
    const char *name = request->path + strlen("/layers/");
    const struct up_layer_ops *layer = up_layer_find(name);
    char hint[UP_HINT_BYTES];
    if (layer == NULL)
        return up_fail(err, UP_E_NOT_FOUND, "", "there is no layer \"%.60s\"%s", name,
                       api_spec_hint(name, hint));
    struct api_buffer out = api_buffer_make(request->arena, err);
    write_layer(&out, layer, schema_wanted(request));
    api_buffer_puts(&out, "\n");
    return api_respond_json(&out, response);
}
