#include "api.h"

#include <criterion/criterion.h>
#include <stdlib.h>
#include <string.h>

static bool ready(void *server)
{
    (void)server;
    return true;
}

static char *metrics(void *server, struct up_arena *arena, size_t *ret_bytes, struct up_error *err)
{
    (void)server;
    char *text = up_arena_printf(arena, err, "up 1\n");
    *ret_bytes = text == NULL ? 0 : strlen(text);
    return text;
}

struct up_plan_cache *ask_plans;
struct api_memo *ask_memo;

struct api_response ask_in(struct up_arena *arena, const struct question *q)
{
    static const char *const libraries[] = {"none 1.0", NULL};
    const struct api_context context = {.kernels = up_kernels_select(NULL),
                                        .plans = ask_plans,
                                        .memo = ask_memo,
                                        .limits = {.body_bytes = ASK_OUTPUT_BYTES,
                                                   .output_bytes = ASK_OUTPUT_BYTES,
                                                   .memory_bytes = 4 * (size_t)ASK_OUTPUT_BYTES,
                                                   .queue = 1,
                                                   .threads = 1},
                                        .operation = {.ready = ready, .metrics = metrics},
                                        .library_versions = libraries};
    const struct api_part body = {.type = q->type,
                                  .data = q->body,
                                  .bytes = q->body_bytes != 0 || q->body == NULL ? q->body_bytes
                                                                                 : strlen(q->body)};
    struct api_request request = {.method = q->method != NULL                       ? q->method
                                            : q->body != NULL || q->part_count != 0 ? "POST"
                                                                                    : "GET",
                                  .path = q->path != NULL ? q->path : "/upsample",
                                  .id = "test-1",
                                  .query = q->query,
                                  .content_type = q->type,
                                  .accept = q->accept,
                                  .parts = q->parts != NULL ? q->parts : &body,
                                  .part_count = q->parts != NULL ? q->part_count : q->body != NULL,
                                  .arena = arena};
    while (q->query[request.query_count].name != NULL)
        request.query_count++;
    struct api_response response;
    api_handle(&context, &request, &response);
    return response;
}

struct reply ask(const struct question *question)
{
    struct reply reply = {.arena = up_arena_new(8 * (size_t)ASK_OUTPUT_BYTES, NULL)};
    cr_assert(reply.arena != NULL, "no memory");
    reply.response = ask_in(reply.arena, question);
    if (strstr(reply.response.content_type, "json") != NULL) {
        json_error_t error;
        reply.json = json_loadb(reply.response.body, reply.response.body_bytes, 0, &error);
        cr_assert(reply.json != NULL, "the answer is no JSON: %s", error.text);
    }
    return reply;
}

struct reply ask_json(const char *body)
{
    const struct question question = {.type = "application/json", .body = body};
    return ask(&question);
}

void reply_free(struct reply *reply)
{
    json_decref(reply->json);
    up_arena_free(reply->arena);
}

const char *reply_header(const struct reply *reply, const char *name)
{
    for (size_t i = 0; i < reply->response.header_count; i++)
        if (strcmp(reply->response.header[i].name, name) == 0)
            return reply->response.header[i].value;
    return NULL;
}

static const json_t *member(const json_t *value, const char *pointer)
{
    char name[64];
    while (value != NULL && *pointer == '/') {
        const size_t bytes = strcspn(++pointer, "/");
        cr_assert(bytes < sizeof name, "%s", pointer);
        memcpy(name, pointer, bytes);
        name[bytes] = '\0';
        value = json_is_array(value) ? json_array_get(value, strtoul(name, NULL, 10))
                                     : json_object_get(value, name);
        pointer += bytes;
    }
    return value;
}

/* json_equal tells 1 from 1.0. */
static bool same(const json_t *a, const json_t *b)
{
    if (json_is_number(a) && json_is_number(b))
        return json_number_value(a) == json_number_value(b);
    if (!json_is_array(a) || !json_is_array(b))
        return json_equal(a, b) != 0;
    bool equal = json_array_size(a) == json_array_size(b);
    for (size_t i = 0; equal && i < json_array_size(a); i++)
        equal = same(json_array_get(a, i), json_array_get(b, i));
    return equal;
}

void assert_member(const struct reply *reply, const char *pointer, const char *expected)
{
    json_t *wanted = json_loads(expected, JSON_DECODE_ANY, NULL);
    const json_t *found = member(reply->json, pointer);
    cr_assert(wanted != NULL, "the test expects no JSON: %s", expected);
    cr_assert(found != NULL && same(found, wanted), "%s is not %s in %.*s", pointer, expected,
              (int)reply->response.body_bytes, (const char *)reply->response.body);
    json_decref(wanted);
}

void assert_problem(const struct reply *reply, unsigned status, const char *at, const char *text)
{
    const int bytes = (int)reply->response.body_bytes;
    const char *body = reply->response.body;
    cr_assert(reply->response.status == status, "status %u, not %u: %.*s", reply->response.status,
              status, bytes, body);
    cr_assert(strcmp(reply->response.content_type, "application/problem+json") == 0, "%s",
              reply->response.content_type);
    const char *detail = json_string_value(member(reply->json, "/detail"));
    cr_assert(detail != NULL && strstr(detail, text) != NULL, "\"%s\" is not in: %.*s", text, bytes,
              body);
    const bool parameter = at[0] == '?';
    const char *place = json_string_value(
        member(reply->json, parameter ? "/errors/0/parameter" : "/errors/0/pointer"));
    cr_assert(at[0] == '\0' || (place != NULL && strcmp(place, at + parameter) == 0),
              "the error is not at %s: %.*s", at, bytes, body);
}
