/* The table of endpoints, and the one way through it. */
#include <stdio.h>
#include <string.h>

#include "api/endpoints.h"

const struct api_route api_routes[] = {
    {"POST", "/upsample", "Runs layers on an input", true, true, api_infer},
    {"POST", "/plan", "Says what a request would do, without running it", true, false, api_plan},
    {"POST", "/compare", "Runs several candidates on one input, and says how they differ", true,
     false, api_compare},
    {"GET", "/compare", "Runs the candidates of a preset", true, false, api_compare},
    {"GET", "/layers", "The catalogue of layers", false, false, api_catalogue},
    {"GET", "/layers/*", "One layer of the catalogue", false, false, api_catalogue_one},
    {"GET", "/healthz", "Whether the process lives", false, false, api_healthz},
    {"GET", "/readyz", "Whether requests are taken", false, false, api_readyz},
    {"GET", "/metrics", "Counters and histograms for Prometheus", false, false, api_metrics},
    {"GET", "/limits", "The limits in force", false, false, api_limits},
    {"GET", "/version", "What is running", false, false, api_version},
    {"GET", "/openapi.json", "This interface as OpenAPI", false, false, api_openapi},
    {NULL, NULL, NULL, false, false, NULL},
};

static bool path_fits(const char *pattern, const char *path)
{
    const size_t length = strlen(pattern);
    if (length < 2 || pattern[length - 1] != '*')
        return strcmp(pattern, path) == 0;
    return strncmp(pattern, path, length - 1) == 0 && path[length - 1] != '\0' &&
           strchr(path + length - 1, '/') == NULL;
}

static const char *method_of(const char *method)
{
    return strcmp(method, "HEAD") == 0 ? "GET" : method;
}

const struct api_route *api_route_find(const char *method, const char *path)
{
    for (const struct api_route *row = api_routes; row->path != NULL; row++)
        if (strcmp(row->method, method_of(method)) == 0 && path_fits(row->path, path))
            return row;
    return NULL;
}

static const struct api_asset *asset_find(const struct api_context *context, const char *path)
{
    for (const struct api_asset *a = context->assets; a != NULL && a->path != NULL; a++)
        if (strcmp(a->path, path) == 0)
            return a;
    return NULL;
}

bool api_route_allow(const struct api_context *context, const char *path, char text[64])
{
    const bool get = api_route_find("GET", path) != NULL || asset_find(context, path) != NULL;
    const bool post = api_route_find("POST", path) != NULL;
    (void)snprintf(text, 64, "%s%sOPTIONS", get ? "GET, HEAD, " : "", post ? "POST, " : "");
    return get || post;
}

static enum up_code asset_answer(const struct api_asset *asset, struct api_response *response)
{
    response->status = 200;
    response->content_type = asset->type;
    response->body = asset->data;
    response->body_bytes = asset->bytes;
    return UP_OK;
}

static enum up_code answer(const struct api_context *context, const struct api_request *request,
                           struct api_response *response, struct up_error *err)
{
    const struct api_route *route = api_route_find(request->method, request->path);
    if (route != NULL)
        return route->handle(context, request, response, err);
    const struct api_asset *asset = asset_find(context, request->path);
    if (asset != NULL && strcmp(method_of(request->method), "GET") == 0)
        return asset_answer(asset, response);
    char allow[64];
    if (api_route_allow(context, request->path, allow))
        return up_fail(err, UP_E_METHOD, "", "%s takes %s, not %.20s", request->path, allow,
                       request->method);
    struct up_nearest nearest = {.text = request->path};
    char hint[UP_HINT_BYTES];
    for (const struct api_route *row = api_routes; row->path != NULL; row++)
        up_nearest_offer(&nearest, row->path);
    return up_fail(err, UP_E_NOT_FOUND, "", "there is nothing at %.200s%s", request->path,
                   up_nearest_hint(&nearest, hint));
}

void api_handle(const struct api_context *context, const struct api_request *request,
                struct api_response *response)
{
    struct up_error err = {.code = UP_OK};
    *response = (struct api_response){.status = 0};
    if (answer(context, request, response, &err) == UP_OK)
        return;
    if (err.code == UP_OK) /* a handler that failed without saying why */
        (void)up_fail(&err, UP_E_INTERNAL, "", "the service failed on this request");
    const struct api_response failed = *response;
    api_problem(request, &err, response);
    memcpy(response->phase_ns, failed.phase_ns, sizeof failed.phase_ns);
    char allow[64];
    if (err.code != UP_E_METHOD || !api_route_allow(context, request->path, allow))
        return;
    const char *copy = up_arena_copy(request->arena, NULL, allow);
    if (copy != NULL)
        api_header(response, "Allow", copy);
}

size_t api_response_bytes(const struct api_response *response)
{
    size_t bytes = response->body_bytes;
    for (size_t i = 0; i < response->more_count; i++)
        bytes += response->more[i].bytes;
    return bytes;
}

bool api_handle_brief(const struct api_context *context, const struct api_request *request,
                      struct api_response *response)
{
    struct up_error err = {.code = UP_OK};
    const struct api_route *route = api_route_find(request->method, request->path);
    if (route == NULL || !route->brief)
        return false;
    struct api_context alone = *context;
    struct api_request brief = *request;
    alone.pool = NULL;
    brief.brief = true;
    *response = (struct api_response){.status = 0};
    return route->handle(&alone, &brief, response, &err) == UP_OK;
}
