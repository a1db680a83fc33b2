/* DESIGN
 * Decisions in the order in which they can be made: the headers, the key, the method and path, the
 * announced length; then the body; then the queue. A refusal that is known before the body has
 * come is kept while the body is dropped, up to a bound: a client that is answered while it still
 * sends mostly sees a broken pipe instead of the answer. */
#include "server/exchange.h"

#include <arpa/inet.h>
#include <netinet/in.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>

#include "core/deadline.h"
#include "core/decimal.h"
#include "server/log.h"
#include "server/multipart.h"

enum {
    WARM_BYTES = 1024 * 1024, /* of memory that a recycled exchange keeps */
    FREE_MAX = 64,
    BODY_FIRST_BYTES = 64 * 1024,
    TRIM_BYTES = 8 * 1024 * 1024, /* a request this large leaves memory to give back */
    DROP_SECONDS = 10,
    RATE_BYTES = 16 * 1024, /* of a body, each of which buys a second */
    RETRY_SECONDS_MAX = 60,
    BRIEF_BYTES = 8 * 1024, /* of a body that is read where it arrives */
    REMOTE_BYTES = INET6_ADDRSTRLEN,
};

static const char *const open_paths[] = {"/healthz", "/readyz", NULL};

struct exchange *srv_exchange_take(struct srv_http *http)
{
    (void)pthread_mutex_lock(&http->lock);
    struct exchange *e = http->free;
    if (e != NULL) {
        http->free = e->next;
        http->free_count--;
    }
    (void)pthread_mutex_unlock(&http->lock);
    struct up_arena *arena =
        e != NULL ? e->arena : up_arena_new(http->budget.limit_bytes, &http->budget);
    if (e == NULL)
        e = malloc(sizeof *e);
    if (e == NULL || arena == NULL) {
        up_arena_free(arena);
        free(e);
        return NULL;
    }
    memset(e, 0, sizeof *e);
    e->http = http;
    e->arena = arena;
    e->request.arena = arena;
    e->request.id = e->id;
    e->began_ns = up_now_ns();
    atomic_fetch_add(&http->active, 1);
    return e;
}

static void destroy(struct exchange *e)
{
    up_arena_free(e->arena);
    free(e);
}

static void count(struct exchange *e, uint64_t ended_ns, unsigned status)
{
    struct srv_metrics *m = e->http->metrics;
    static const enum srv_histogram phases[API_PHASE_COUNT] = {
        [API_DECODE] = SRV_HISTOGRAM_decode,
        [API_PLAN] = SRV_HISTOGRAM_plan,
        [API_COMPUTE] = SRV_HISTOGRAM_compute,
        [API_ENCODE] = SRV_HISTOGRAM_encode,
    };
    srv_metrics_request(m, e->route, status);
    srv_metrics_observe(m, SRV_HISTOGRAM_total, ended_ns - e->began_ns);
    srv_metrics_add(m, SRV_COUNTER_received_bytes, e->body_bytes + e->discarded_bytes);
    if (e->queued)
        srv_metrics_add(m, SRV_COUNTER_sent_bytes, api_response_bytes(&e->response));
    if (e->worked_ns == 0)
        return;
    srv_metrics_observe(m, SRV_HISTOGRAM_read, e->read_ns - e->began_ns);
    srv_metrics_observe(m, SRV_HISTOGRAM_queue, e->worked_ns - e->submitted_ns);
    for (size_t i = 0; i < API_PHASE_COUNT; i++)
        srv_metrics_observe(m, phases[i], e->response.phase_ns[i]);
    if (e->queued)
        srv_metrics_observe(m, SRV_HISTOGRAM_write, ended_ns - e->queued_ns);
}

/* NULL when there is none, of a socket in the file system. */
static const char *address_text(const struct sockaddr *address, char text[REMOTE_BYTES])
{
    const void *at = address;
    if (address != NULL && address->sa_family == AF_INET)
        return inet_ntop(AF_INET, &((const struct sockaddr_in *)at)->sin_addr, text, REMOTE_BYTES);
    if (address != NULL && address->sa_family == AF_INET6)
        return inet_ntop(AF_INET6, &((const struct sockaddr_in6 *)at)->sin6_addr, text,
                         REMOTE_BYTES);
    return NULL;
}

static void log_request(const struct exchange *e, const struct srv_ending *ending, unsigned status)
{
    const bool quiet = status < 400 && e->route != NULL && !e->route->worker;
    struct srv_log_line line;
    srv_log_open(&line, quiet ? SRV_DEBUG : SRV_INFO, "request");
    if (!line.wanted)
        return;
    char remote[REMOTE_BYTES];
    srv_log_text(&line, "id", e->id);
    srv_log_text(&line, "remote", address_text(ending->remote, remote));
    srv_log_text(&line, "method", e->request.method);
    srv_log_text(&line, "path", e->request.path);
    srv_log_number(&line, "status", status);
    if (e->response.code != UP_OK)
        srv_log_text(&line, "error", up_code_slug(e->response.code));
    srv_log_text(&line, "closed", srv_watch_was_cut(e->watch) ? "too slow" : ending->reason);
    srv_log_number(&line, "received_bytes", e->body_bytes + e->discarded_bytes);
    srv_log_number(&line, "sent_bytes", e->queued ? api_response_bytes(&e->response) : 0);
    srv_log_ms(&line, "total_ms", ending->ns - e->began_ns);
    if (e->worked_ns != 0) {
        static const char *const names[API_PHASE_COUNT] = {
            [API_DECODE] = "decode_ms",
            [API_PLAN] = "plan_ms",
            [API_COMPUTE] = "compute_ms",
            [API_ENCODE] = "encode_ms",
        };
        srv_log_ms(&line, "read_ms", e->read_ns - e->began_ns);
        srv_log_ms(&line, "queue_ms", e->worked_ns - e->submitted_ns);
        for (size_t i = 0; i < API_PHASE_COUNT; i++)
            srv_log_ms(&line, names[i], e->response.phase_ns[i]);
    }
    srv_log_close(&line);
}

void srv_exchange_release(struct exchange *e, const struct srv_ending *ending)
{
    struct srv_http *http = e->http;
    const unsigned status = e->queued ? e->response.status : 499;
    count(e, ending->ns, status);
    log_request(e, ending, status);
    if (up_arena_bytes(e->arena) >= TRIM_BYTES)
        srv_watchdog_trim(http->watchdog);
    const size_t share = http->budget.limit_bytes / (4 * FREE_MAX);
    up_arena_reset(e->arena, share < WARM_BYTES ? share : WARM_BYTES);
    (void)pthread_mutex_lock(&http->lock);
    const bool kept = http->free_count < FREE_MAX;
    if (kept) {
        e->next = http->free;
        http->free = e;
        http->free_count++;
    }
    (void)pthread_mutex_unlock(&http->lock);
    if (!kept)
        destroy(e);
    atomic_fetch_sub(&http->active, 1);
}

void srv_exchange_forget_all(struct srv_http *http)
{
    while (http->free != NULL) {
        struct exchange *e = http->free;
        http->free = e->next;
        destroy(e);
    }
    http->free_count = 0;
}

/* --- Before the body -------------------------------------------------------------------------- */

static void refuse(struct exchange *e)
{
    api_problem(&e->request, &e->error, &e->response);
    e->answered = true;
}

/* A refusal that has no code of its own in the core's list, because it is HTTP's alone. */
static void refuse_http(struct exchange *e, unsigned status, const char *slug, const char *title,
                        const char *detail)
{
    struct api_response *r = &e->response;
    r->status = status;
    r->code = UP_E_HEADERS;
    r->content_type = "application/problem+json";
    r->body = up_arena_printf(e->arena, NULL,
                              "{\"type\":\"/problems/%s\",\"title\":\"%s\",\"status\":%u,"
                              "\"detail\":\"%s\",\"instance\":\"%s\"}",
                              slug, title, status, detail, e->id);
    r->body_bytes = r->body == NULL ? 0 : strlen(r->body);
    e->answered = true;
}

/* Spreads a counter over all 64 bits, one to one: ids do not repeat and do not look alike. */
static uint64_t mixed(uint64_t x)
{
    x = (x ^ (x >> 30)) * 0xbf58476d1ce4e5b9u;
    x = (x ^ (x >> 27)) * 0x94d049bb133111ebu;
    return x ^ (x >> 31);
}

static void id_choose(struct exchange *e)
{
    if (srv_request_id_valid(e->headers.request_id)) {
        memcpy(e->id, e->headers.request_id, strlen(e->headers.request_id) + 1);
        return;
    }
    const uint64_t id = mixed(atomic_fetch_add(&e->http->ids, 0x9e3779b97f4a7c15u));
    for (unsigned i = 0; i < 16; i++)
        e->id[i] = "0123456789abcdef"[(id >> (60 - 4 * i)) & 15];
    e->id[16] = '\0';
}

static bool is_open(const struct exchange *e)
{
    for (size_t i = 0; open_paths[i] != NULL; i++)
        if (strcmp(open_paths[i], e->request.path) == 0)
            return true;
    for (const struct api_asset *a = e->http->context->assets; a != NULL && a->path != NULL; a++)
        if (strcmp(a->path, e->request.path) == 0)
            return true;
    return strcmp(e->request.method, "OPTIONS") == 0; /* a preflight cannot bring a key */
}

static bool options_answer(struct exchange *e)
{
    if (strcmp(e->request.method, "OPTIONS") != 0)
        return false;
    if (strcmp(e->request.path, "*") == 0)
        (void)memcpy(e->allow, "GET, HEAD, POST, OPTIONS", sizeof "GET, HEAD, POST, OPTIONS");
    else if (!api_route_allow(e->http->context, e->request.path, e->allow))
        return false;
    e->response.status = 204;
    api_header(&e->response, "Allow", e->allow);
    e->answered = true;
    return true;
}

static void refuse_too_large(struct exchange *e, size_t bytes, bool more)
{
    (void)up_fail(&e->error, UP_E_LIMIT, "",
                  "the body is %s%zu bytes; %zu are allowed (--body-limit)",
                  more ? "more than " : "", bytes, e->http->options->body_limit);
    e->body = NULL;
    refuse(e);
}

static void body_expect(struct exchange *e)
{
    if (!srv_headers_coding_known(&e->headers)) {
        (void)up_fail(&e->error, UP_E_CONTENT_CODING, "",
                      "the header Content-Encoding is '%.60s'; a body is taken only as it is: "
                      "identity, or no such header",
                      e->headers.content_encoding);
        refuse(e);
        return;
    }
    const size_t limit = e->http->options->body_limit;
    if (e->headers.length > limit) {
        refuse_too_large(e, e->headers.length, false);
        return;
    }
    e->body_room = e->headers.length_known ? e->headers.length : BODY_FIRST_BYTES;
    if (e->body_room > limit)
        e->body_room = limit;
    e->body = up_arena_alloc(e->arena, e->body_room, 1, &e->error);
    if (e->body == NULL)
        refuse(e);
}

void srv_exchange_begin(struct exchange *e)
{
    id_choose(e);
    if (e->error.code != UP_OK) {
        e->close = e->error.code == UP_E_HEADERS;
        refuse(e);
        return;
    }
    if (!srv_headers_expect_known(&e->headers)) {
        e->close = true;
        refuse_http(e, 417, "expectation", "The expectation cannot be met",
                    "the header Expect is none that the service knows; 100-continue is");
        return;
    }
    if (e->http->keys != NULL && !is_open(e) && !srv_key_allowed(e->http->keys, &e->headers)) {
        refuse_http(e, 401, "unauthorized", "A key is needed",
                    "send a key as Authorization: Bearer, or as X-Api-Key");
        api_header(&e->response, "WWW-Authenticate", "Bearer");
        return;
    }
    e->route = api_route_find(e->request.method, e->request.path);
    if (options_answer(e))
        return;
    if (e->route == NULL || !e->route->worker)
        return; /* takes no body: what comes is dropped */
    if (e->headers.has_body)
        body_expect(e);
}

static size_t drop_limit(const struct exchange *e)
{
    const size_t limit = e->http->options->body_limit;
    return limit > SIZE_MAX / 4 ? SIZE_MAX : 4 * limit;
}

bool srv_exchange_early(const struct exchange *e)
{
    if (!e->answered)
        return false;
    return e->close || (e->headers.has_body && e->headers.expect != NULL) ||
           e->headers.length > drop_limit(e);
}

/* --- The body --------------------------------------------------------------------------------- */

static bool body_grow(struct exchange *e, size_t needed)
{
    const size_t limit = e->http->options->body_limit;
    size_t room = e->body_room;
    while (room < needed)
        room = room > limit / 2 ? limit : 2 * room;
    char *body = up_arena_grow(e->arena, e->body, e->body_room, room, &e->error);
    if (body == NULL) {
        refuse(e);
        return false;
    }
    e->body = body;
    e->body_room = room;
    return true;
}

/* A body must come at a rate; one that is dropped must end soon. */
static void watch_body(struct exchange *e)
{
    uint64_t ms = e->http->options->body_deadline;
    if (e->answered)
        ms = ms < DROP_SECONDS * 1000u ? ms : DROP_SECONDS * 1000u;
    else
        ms += e->body_bytes / RATE_BYTES * 1000u;
    srv_watch_set(e->watch, e->began_ns + ms * 1000000u, 0);
}

bool srv_exchange_body(struct exchange *e, const void *data, size_t bytes)
{
    const size_t limit = e->http->options->body_limit;
    if (!e->answered && e->body != NULL) {
        if (bytes > limit - e->body_bytes)
            refuse_too_large(e, limit, true);
        else if (e->body_bytes + bytes <= e->body_room || body_grow(e, e->body_bytes + bytes)) {
            memcpy(e->body + e->body_bytes, data, bytes);
            e->body_bytes += bytes;
            watch_body(e);
            return true;
        }
    }
    e->discarded_bytes += bytes;
    watch_body(e);
    return e->discarded_bytes <= drop_limit(e);
}

/* --- The answer ------------------------------------------------------------------------------- */

static void parts_make(struct exchange *e)
{
    if (e->body_bytes == 0)
        return;
    if (srv_multipart_is(e->headers.content_type)) {
        struct srv_parts parts = {NULL, 0};
        if (srv_multipart_split(e->headers.content_type, e->body, e->body_bytes, e->arena, &parts,
                                &e->error) != UP_OK)
            refuse(e);
        e->request.parts = parts.part;
        e->request.part_count = parts.count;
        return;
    }
    e->part = (struct api_part){NULL, e->headers.content_type, e->body, e->body_bytes};
    e->request.parts = &e->part;
    e->request.part_count = 1;
}

static void answer(struct exchange *e)
{
    parts_make(e);
    if (!e->answered)
        api_handle(e->http->context, &e->request, &e->response);
    e->answered = true;
}

/* The answer to a small request at once: handing it over and back would cost more. */
static bool answer_brief(struct exchange *e)
{
    const struct srv_http *http = e->http;
    if (!e->route->brief || e->body_bytes > BRIEF_BYTES || atomic_load(&http->draining) ||
        srv_multipart_is(e->headers.content_type))
        return false;
    parts_make(e);
    e->answered = api_handle_brief(http->context, &e->request, &e->response);
    if (e->answered)
        e->submitted_ns = e->worked_ns = e->read_ns;
    return e->answered;
}

bool srv_exchange_needs_worker(struct exchange *e)
{
    const struct srv_http *http = e->http;
    if (e->read_ns == 0)
        e->read_ns = up_now_ns();
    srv_watch_set(e->watch, 0, 0);
    if (e->answered)
        return false;
    e->request.deadline_ns = e->read_ns + (uint64_t)http->options->deadline * 1000000u;
    if (e->route == NULL || !e->route->worker) {
        answer(e);
        return false;
    }
    if (answer_brief(e))
        return false;
    if (!up_pool_reserve(http->context->pool)) {
        srv_metrics_add(http->metrics, SRV_COUNTER_queue_refusals, 1);
        if (atomic_load(&http->draining))
            (void)up_fail(&e->error, UP_E_BUSY, "", "the service is shutting down");
        else
            (void)up_fail(&e->error, UP_E_BUSY, "", "all %u places in the queue are taken",
                          http->options->queue);
        refuse(e);
        return false;
    }
    e->submitted_ns = up_now_ns();
    return true;
}

void srv_exchange_work(struct exchange *e)
{
    e->worked_ns = up_now_ns();
    if (atomic_load(&e->http->giving_up))
        (void)up_fail(&e->error, UP_E_BUSY, "", "the service is shutting down");
    else if (up_deadline_passed(e->request.deadline_ns))
        (void)up_fail(&e->error, UP_E_DEADLINE, "",
                      "the deadline of %u ms passed while the request waited for a worker",
                      e->http->options->deadline);
    if (e->error.code != UP_OK)
        refuse(e);
    else
        answer(e);
}

void srv_exchange_sent(struct exchange *e)
{
    e->queued_ns = up_now_ns();
    e->queued = true;
    const uint64_t ms =
        e->http->options->body_deadline + api_response_bytes(&e->response) / RATE_BYTES * 1000u;
    srv_watch_set(e->watch, e->queued_ns + ms * 1000000u, 0);
}

/* The time until the queue has moved on by as many requests as there are workers. */
static unsigned retry_seconds(const struct exchange *e)
{
    const struct srv_http *http = e->http;
    const uint64_t mean = srv_metrics_mean_ns(http->metrics, SRV_HISTOGRAM_compute);
    const uint64_t waiting = up_pool_waiting(http->context->pool) / http->options->threads + 1;
    const uint64_t seconds = mean * waiting / 1000000000u + 1;
    return seconds > RETRY_SECONDS_MAX ? RETRY_SECONDS_MAX : (unsigned)seconds;
}

static const char *server_timing(const struct exchange *e)
{
    const uint64_t *phase = e->response.phase_ns;
    const struct {
        const char *name;
        uint64_t ns;
    } rows[] = {
        {"read;dur=", e->read_ns > e->began_ns ? e->read_ns - e->began_ns : 0},
        {", queue;dur=", e->worked_ns - e->submitted_ns},
        {", decode;dur=", phase[API_DECODE]},
        {", plan;dur=", phase[API_PLAN]},
        {", compute;dur=", phase[API_COMPUTE]},
        {", encode;dur=", phase[API_ENCODE]},
    };
    enum { COUNT = sizeof rows / sizeof rows[0], NAME_BYTES = 16 };
    char *text = up_arena_alloc(e->arena, COUNT * (NAME_BYTES + UP_DECIMAL_BYTES_MAX), 1, NULL);
    char *end = text;
    for (size_t i = 0; text != NULL && i < COUNT; i++) {
        const size_t length = strlen(rows[i].name);
        memcpy(end, rows[i].name, length);
        end += length;
        end += up_decimal_ms(rows[i].ns, end);
    }
    if (text != NULL)
        *end = '\0';
    return text;
}

/* Every 503 says when to come again; the api knows no better than "1". */
static void retry_set(struct exchange *e)
{
    struct api_response *r = &e->response;
    const char *seconds = up_arena_printf(e->arena, NULL, "%u", retry_seconds(e));
    if (seconds == NULL)
        return;
    for (size_t i = 0; i < r->header_count; i++) {
        if (strcmp(r->header[i].name, "Retry-After") == 0) {
            r->header[i].value = seconds;
            return;
        }
    }
    api_header(r, "Retry-After", seconds);
}

size_t srv_exchange_headers(struct exchange *e, struct api_pair ret[SRV_OWN_HEADERS_MAX])
{
    size_t n = 0;
    ret[n++] = (struct api_pair){"X-Request-Id", e->id};
    ret[n++] = (struct api_pair){"Vary", "Accept, Origin"};
    ret[n++] = (struct api_pair){"X-Content-Type-Options", "nosniff"};
    ret[n++] = (struct api_pair){"Server-Timing", server_timing(e)};
    if (e->response.content_type != NULL)
        ret[n++] = (struct api_pair){"Content-Type", e->response.content_type};
    if (e->response.status == 503)
        retry_set(e);
    if (e->close || atomic_load(&e->http->draining))
        ret[n++] = (struct api_pair){"Connection", "close"};
    const char *origin = srv_cors_allow(e->http->options->cors_origins, e->headers.origin);
    if (origin == NULL)
        return n;
    ret[n++] = (struct api_pair){"Access-Control-Allow-Origin", origin};
    if (e->headers.preflight_method == NULL || e->response.status != 204) {
        ret[n++] = (struct api_pair){"Access-Control-Expose-Headers",
                                     "X-Request-Id, Server-Timing, X-Output-Shape, X-Warnings, "
                                     "X-Value-Min, X-Value-Max, Retry-After"};
        return n;
    }
    ret[n++] = (struct api_pair){"Access-Control-Allow-Methods", e->allow};
    ret[n++] = (struct api_pair){"Access-Control-Allow-Headers",
                                 "Content-Type, Accept, Authorization, X-Api-Key, X-Request-Id"};
    ret[n++] = (struct api_pair){"Access-Control-Max-Age", "600"};
    return n;
}
