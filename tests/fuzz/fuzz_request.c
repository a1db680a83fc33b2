/* Any request to any endpoint: whatever comes in, a complete answer comes out, JSON where it says
 * so, never 500; and what the service keeps between requests, plans and readings of documents, does
 * not change an answer. The first four bytes choose path, method, content type and Accept; the rest
 * of the line is the query (a=1&b=2, taken as decoded), and what follows is the body. The fourth
 * byte past '9' makes it parts, each a line with its name and its bytes up to a line "--". */
#include <jansson.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "api/api.h"
#include "api/memo.h"
#include "core/deadline.h"
#include "core/plan/cache.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

enum {
    HEAD = 4,
    PAIRS_MAX = 16,
    PARTS_MAX = 6,
    ARENA_BYTES = 8 << 20,
    OUTPUT_BYTES = 1 << 20,
    KEPT_BYTES = 16 << 20
};

static const char *const paths[] = {
    "/upsample", "/plan",         "/layers",  "/layers/UpSampling2D",
    "/limits",   "/openapi.json", "/version", "/metrics",
    "/compare",  "/nowhere"};
static const char *const methods[] = {"POST", "GET", "HEAD", "PUT"};
static const char *const types[] = {NULL, "application/json", "image/png", "application/x-npy",
                                    "text/html"};
static const char *const accepts[] = {NULL, "application/json", "image/png;q=0.5, */*;q=0.1",
                                      "application/x-npy", "text/html"};

#define CHOOSE(list, byte) (list)[(byte) % (sizeof(list) / sizeof(list)[0])]

static void expect(bool condition)
{
    if (!condition)
        abort();
}

static char *metrics(void *server, struct up_arena *arena, size_t *ret_bytes, struct up_error *err)
{
    (void)server;
    char *text = up_arena_printf(arena, err, "up 1\n");
    *ret_bytes = text == NULL ? 0 : strlen(text);
    return text;
}

static bool ready(void *server)
{
    (void)server;
    return false;
}

/* Splits "a=1&b" in place. */
static size_t query_split(char *text, struct api_pair pair[PAIRS_MAX])
{
    size_t count = 0;
    while (text != NULL && *text != '\0' && count < PAIRS_MAX) {
        char *next = strchr(text, '&');
        if (next != NULL)
            *next++ = '\0';
        char *value = strchr(text, '=');
        if (value != NULL)
            *value++ = '\0';
        pair[count++] = (struct api_pair){text, value == NULL ? "" : value};
        text = next;
    }
    return count;
}

/* A heap block of exactly that size, so that a read past the end is seen; name is NULL for a body
 * that is no part. */
static struct api_part part_make(char *name, const char *data, size_t bytes)
{
    char *copy = malloc(bytes);
    expect(copy != NULL || bytes == 0);
    if (bytes != 0)
        memcpy(copy, data, bytes);
    return (struct api_part){name, NULL, copy, bytes};
}

static size_t parts_split(char *body, size_t bytes, struct api_part part[PARTS_MAX])
{
    static const char border[] = "\n--\n";
    size_t count = 0;
    char *const end = body + bytes;
    while (body < end && count < PARTS_MAX) {
        char *line = memchr(body, '\n', (size_t)(end - body)), *stop = line;
        if (line == NULL)
            break;
        while (stop < end && ((size_t)(end - stop) < sizeof border - 1 ||
                              memcmp(stop, border, sizeof border - 1) != 0))
            stop++;
        *line++ = '\0';
        part[count++] = part_make(body, line, stop > line ? (size_t)(stop - line) : 0);
        body = stop < end ? stop + sizeof border - 1 : end;
    }
    return count;
}

static void check(const struct api_response *r)
{
    static const unsigned statuses[] = {200, 400, 404, 405, 406, 413, 415, 422, 503, 504};
    bool known = false;
    for (size_t i = 0; i < sizeof statuses / sizeof statuses[0]; i++)
        known = known || statuses[i] == r->status;
    expect(known && r->content_type != NULL && (r->body != NULL || r->body_bytes == 0));
    expect((r->code == UP_OK) == (r->status == 200) || r->status == 503);
    for (size_t i = 0; i < r->header_count; i++)
        for (const char *c = r->header[i].value; *c != '\0'; c++)
            expect((unsigned char)*c >= 0x20 && *c != 0x7F);
    if (strstr(r->content_type, "json") == NULL)
        return;
    json_t *json = json_loadb(r->body, r->body_bytes, JSON_DECODE_INT_AS_REAL, NULL); /* 1e20 */
    expect(json != NULL);
    json_decref(json);
}

static const struct api_context *context_get(bool keeps)
{
    static const char *const libraries[] = {NULL};
    static struct api_context forgetful, keeping;
    if (forgetful.kernels == NULL) {
        forgetful = (struct api_context){.kernels = up_kernels_select(NULL),
                                         .limits = {.body_bytes = ARENA_BYTES,
                                                    .output_bytes = OUTPUT_BYTES,
                                                    .memory_bytes = ARENA_BYTES},
                                         .operation = {.ready = ready, .metrics = metrics},
                                         .library_versions = libraries};
        keeping = forgetful;
        keeping.plans = up_plan_cache_new(KEPT_BYTES, NULL);
        keeping.memo = api_memo_new(KEPT_BYTES, NULL);
        expect(keeping.plans != NULL && keeping.memo != NULL);
    }
    return keeps ? &keeping : &forgetful;
}

static struct up_arena *answer(bool keeps, struct api_request request, struct api_response *ret)
{
    request.arena = up_arena_new(ARENA_BYTES, NULL);
    request.deadline_ns = up_now_ns() + 500u * 1000000u;
    expect(request.arena != NULL);
    if (!keeps || !api_handle_brief(context_get(keeps), &request, ret))
        api_handle(context_get(keeps), &request, ret);
    check(ret);
    return request.arena;
}

/* Whether the same request has the same answer again. */
static bool again(bool keeps, const struct api_request *request, const struct api_response *before)
{
    struct api_response now;
    struct up_arena *arena = answer(keeps, *request, &now);
    const bool same = now.status == 503 || now.status == 504 ||
                      (now.status == before->status && now.body_bytes == before->body_bytes &&
                       memcmp(now.body, before->body, now.body_bytes) == 0);
    up_arena_free(arena);
    return same;
}

/* What forgets gives the same twice unless it draws; then what keeps must give that too: the first
 * time it plans, then it finds the plan, then the reading. */
static void request_ask(const struct api_request *request)
{
    struct api_response first;
    struct up_arena *arena = answer(false, *request, &first);
    if (first.status == 200 && strcmp(request->path, "/upsample") == 0 &&
        again(false, request, &first))
        for (int i = 0; i < 3; i++)
            expect(again(true, request, &first));
    up_arena_free(arena);
}

static void request_run(const uint8_t *head, char *query, char *body, size_t bytes)
{
    struct api_pair pair[PAIRS_MAX];
    struct api_part part[PARTS_MAX];
    size_t parts = 1;
    if (head[3] > '9')
        parts = parts_split(body, bytes, part);
    else
        part[0] = part_make(NULL, body, bytes);
    part[0].type = parts == 0 ? NULL : CHOOSE(types, head[2]);
    request_ask(&(struct api_request){.method = CHOOSE(methods, head[1]),
                                      .path = CHOOSE(paths, head[0]),
                                      .id = "fuzz",
                                      .query = pair,
                                      .query_count = query_split(query, pair),
                                      .content_type = CHOOSE(types, head[2]),
                                      .accept = CHOOSE(accepts, head[3]),
                                      .parts = part,
                                      .part_count = parts});
    for (size_t i = 0; i < parts; i++)
        free((void *)(uintptr_t)part[i].data);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    if (size < HEAD)
        return 0;
    char *text = malloc(size - HEAD + 1);
    expect(text != NULL);
    memcpy(text, data + HEAD, size - HEAD);
    text[size - HEAD] = '\0';
    char *body = memchr(text, '\n', size - HEAD);
    if (body == NULL)
        body = text + (size - HEAD);
    else
        *body++ = '\0';
    request_run(data, text, body, size - HEAD - (size_t)(body - text));
    free(text);
    return 0;
}
