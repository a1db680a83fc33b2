/* Errors as RFC 9457 problem details: the only place that knows statuses. */
#include <assert.h>
#include <stdio.h>
#include <string.h>

#include "api/api.h"
#include "api/codec/buffer.h"
#include "api/figure/message.h"

static const unsigned statuses[] = {
    [UP_OK] = 200,
    [UP_E_SYNTAX] = 400,
    [UP_E_INVALID] = 422,
    [UP_E_LIMIT] = 413,
    [UP_E_BUSY] = 503,
    [UP_E_DEADLINE] = 504,
    [UP_E_NOT_FOUND] = 404,
    [UP_E_METHOD] = 405,
    [UP_E_NOT_ACCEPTABLE] = 406,
    [UP_E_MEDIA_TYPE] = 415,
    [UP_E_HEADERS] = 400,
    [UP_E_INTERNAL] = 500,
    [UP_E_CONTENT_CODING] = 415,
};

static_assert(sizeof statuses / sizeof statuses[0] == UP_CODE_COUNT, "every code has a status");

void api_header(struct api_response *response, const char *name, const char *value)
{
    UP_ASSERT(response->header_count < API_HEADERS_MAX);
    response->header[response->header_count++] = (struct api_pair){name, value};
}

static void write_place(struct api_buffer *out, const struct up_error *err)
{
    if (err->at[0] == '\0')
        return;
    const bool parameter = err->at[0] == '?';
    api_buffer_puts(out, ",\"errors\":[{");
    api_buffer_puts(out, parameter ? "\"parameter\":" : "\"pointer\":");
    api_buffer_quote(out, parameter ? err->at + 1 : err->at);
    api_buffer_puts(out, ",\"detail\":");
    api_buffer_quote(out, err->text);
    api_buffer_puts(out, "}]");
}

static void document_write(const struct api_request *request, const struct up_error *err,
                           struct api_response *response)
{
    static const char last_resort[] = "{\"type\":\"about:blank\",\"status\":503,"
                                      "\"detail\":\"no memory for the request now\"}\n";
    struct up_error memory = {.code = UP_OK};
    struct api_buffer out = api_buffer_make(request->arena, &memory);
    response->content_type = "application/problem+json";
    api_buffer_printf(&out, "{\"type\":\"/problems/%s\",\"title\":", up_code_slug(err->code));
    api_buffer_quote(&out, up_code_title(err->code));
    api_buffer_printf(&out, ",\"status\":%u,\"detail\":", response->status);
    api_buffer_quote(&out, err->text);
    if (request->id != NULL) {
        api_buffer_puts(&out, ",\"instance\":");
        api_buffer_quote(&out, request->id);
    }
    write_place(&out, err);
    api_buffer_puts(&out, "}\n");
    if (api_buffer_finish(&out) == UP_OK) {
        response->body = out.data;
        response->body_bytes = out.bytes;
    } else {
        response->status = 503;
        response->body = last_resort;
        response->body_bytes = sizeof last_resort - 1;
    }
}

static bool wants_picture(const struct api_request *request)
{
    bool wants = false;
    for (size_t i = 0; i < request->query_count; i++)
        if (strcmp(request->query[i].name, "on_error") == 0)
            wants = strcmp(request->query[i].value, "image") == 0;
    return wants;
}

/* The same as a picture, for a page that can show nothing else. False: there is no memory for it.
 */
static bool picture_write(const struct api_request *request, const struct up_error *err,
                          struct api_response *response)
{
    struct up_error memory = {.code = UP_OK};
    struct api_picture picture;
    char heading[96];
    (void)snprintf(heading, sizeof heading, "%u %s", response->status, up_code_title(err->code));
    if (api_message_draw(heading, err->text, request->arena, &picture, &memory) != UP_OK)
        return false;
    const struct api_picture_text text = {"Description", err->text};
    picture.text = &text;
    picture.text_count = 1;
    if (api_png_encode(&picture, request->arena, &response->body, &response->body_bytes, &memory) !=
        UP_OK)
        return false;
    response->content_type = "image/png";
    return true;
}

void api_problem(const struct api_request *request, const struct up_error *err,
                 struct api_response *response)
{
    *response = (struct api_response){.status = statuses[err->code], .code = err->code};
    if (!wants_picture(request) || !picture_write(request, err, response))
        document_write(request, err, response);
    if (response->status == 503)
        api_header(response, "Retry-After", "1");
    if (err->code == UP_E_MEDIA_TYPE)
        api_header(response, "Accept",
                   "application/json, image/png, application/x-npy, application/octet-stream, "
                   "multipart/form-data");
    if (err->code == UP_E_CONTENT_CODING)
        api_header(response, "Accept-Encoding", "identity");
}
