/* What operators and their machines ask: health, readiness, metrics, limits, version. */
#include <string.h>

#include "api/codec/buffer.h"
#include "api/codec/deflate.h"
#include "api/codec/json.h"
#include "api/codec/png.h"
#include "api/endpoints.h"
#include "api/figure/text.h"

#ifndef UP_VERSION
#define UP_VERSION "0.0.0"
#endif
#ifndef UP_COMMIT
#define UP_COMMIT "unknown"
#endif

API_HANDLER(api_healthz)
{
    (void)context;
    struct api_buffer out = api_buffer_make(request->arena, err);
    api_buffer_puts(&out, "{\"status\":\"ok\"}\n");
    return api_respond_json(&out, response);
}

API_HANDLER(api_readyz)
{
    const struct api_operation *operation = &context->operation;
    if (operation->ready != NULL && !operation->ready(operation->server))
        return up_fail(err, UP_E_BUSY, "", "the service is shutting down");
    struct api_buffer out = api_buffer_make(request->arena, err);
    api_buffer_puts(&out, "{\"status\":\"ready\"}\n");
    return api_respond_json(&out, response);
}

API_HANDLER(api_metrics)
{
    const struct api_operation *operation = &context->operation;
    if (operation->metrics == NULL)
        return up_fail(err, UP_E_NOT_FOUND, "", "no metrics are kept");
    response->body =
        operation->metrics(operation->server, request->arena, &response->body_bytes, err);
    if (response->body == NULL)
        return err->code;
    response->status = 200;
    response->content_type = "text/plain; version=0.0.4; charset=utf-8";
    return UP_OK;
}

API_HANDLER(api_limits)
{
    const struct api_limits *l = &context->limits;
    struct api_buffer out = api_buffer_make(request->arena, err);
    api_buffer_printf(&out,
                      "{\"body_bytes\":%zu,\"output_bytes\":%zu,\"memory_bytes\":%zu,"
                      "\"plan_cache_bytes\":%zu,\"queue\":%zu,"
                      "\"threads\":%u,\"deadline_ms\":%u,\"rank\":%d,\"layers\":%d,\"inputs\":%d,"
                      "\"kernel_positions\":%d,\"json_depth\":%d}\n",
                      l->body_bytes, l->output_bytes, l->memory_bytes, l->plan_cache_bytes,
                      l->queue, l->threads, l->deadline_ms, UP_RANK_MAX, UP_LAYERS_MAX,
                      UP_INPUTS_MAX, UP_KERNEL_TAPS_MAX, API_JSON_DEPTH_MAX);
    return api_respond_json(&out, response);
}

API_HANDLER(api_version)
{
    struct api_buffer out = api_buffer_make(request->arena, err);
    api_buffer_puts(&out, "{\"name\":\"upsampled\",\"version\":\"" UP_VERSION
                          "\",\"commit\":\"" UP_COMMIT "\",\"compiler\":");
    api_buffer_quote(&out, __VERSION__);
    api_buffer_printf(&out, ",\"isa\":\"%s\",\"libraries\":[", context->kernels->isa);
    const char *const own[] = {api_read_library(), api_png_library(), api_deflate_library(),
                               api_text_library()};
    for (size_t i = 0; i < sizeof own / sizeof own[0]; i++) {
        api_buffer_puts(&out, i == 0 ? "" : ",");
        api_buffer_quote(&out, own[i]);
    }
    const char *const *library = context->library_versions;
    for (; library != NULL && *library != NULL; library++) {
        api_buffer_puts(&out, ",");
        api_buffer_quote(&out, *library);
    }
    api_buffer_puts(&out, "]}\n");
    return api_respond_json(&out, response);
}
