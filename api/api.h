/* The wire contract as functions: bytes in, bytes out, no socket.
 *
 * The server makes an api_request of what it received and calls api_handle on any thread; what it
 * gets back is a complete answer. Everything in a request and a response lives in the request's
 * arena or longer. */
#ifndef API_API_H
#define API_API_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "core/arena.h"
#include "core/error.h"
#include "core/kernels/kernels.h"
#include "core/plan/cache.h"
#include "core/pool.h"

struct api_memo;

/* A name and a value: a query parameter, already percent-decoded, or a header. */
struct api_pair {
    const char *name, *value;
};

/* A body, or one part of a multipart body. `name` is NULL for a body that is no multipart. */
struct api_part {
    const char *name;
    const char *type; /* Content-Type; NULL when there was none */
    const void *data;
    size_t bytes;
};

/* A file that is served as it is. */
struct api_asset {
    const char *path; /* "/" */
    const char *type;
    const void *data;
    size_t bytes;
};

/* Where the service is, for the endpoints that tell it; all functions are thread-safe. */
struct api_operation {
    void *server;
    bool (*ready)(void *server);
    /* Prometheus text in the arena; NULL and an error when there is no memory. */
    char *(*metrics)(void *server, struct up_arena *arena, size_t *ret_bytes, struct up_error *err);
};

struct api_limits {
    size_t body_bytes, output_bytes, memory_bytes, plan_cache_bytes, queue;
    unsigned deadline_ms, threads;
};

/* What all requests share; immutable while the service runs. */
struct api_context {
    const struct up_kernels *kernels;
    const char *algorithm; /* of up_plan_options, and the next too */
    unsigned no_fusion;
    struct up_pool *pool;        /* NULL: every request computes alone */
    struct up_plan_cache *plans; /* NULL: every request makes its own */
    struct api_memo *memo;       /* api/memo.h, beside plans only; NULL: every request is read */
    struct api_limits limits;
    struct api_operation operation;
    const struct api_asset *assets;      /* a list that ends with a NULL path */
    const char *const *library_versions; /* "libmicrohttpd 0.9.75", ...; NULL-terminated */
};

struct api_request {
    const char *method, *path;
    const char *id; /* the request id, for problem+json's instance */
    const struct api_pair *query;
    size_t query_count;
    const char *content_type, *accept; /* NULL when the header is absent */
    const struct api_part *parts;
    size_t part_count;    /* 0 when there is no body */
    uint64_t deadline_ns; /* core/deadline.h; 0: none */
    bool brief;           /* api_handle_brief: what takes more than a moment fails */
    struct up_arena *arena;
};

/* A part of an answer. */
struct api_piece {
    const void *data;
    size_t bytes;
};

enum api_phase { API_DECODE, API_PLAN, API_COMPUTE, API_ENCODE, API_PHASE_COUNT };

enum { API_HEADERS_MAX = 12 };

struct api_response {
    unsigned status;
    const char *content_type;
    const void *body;
    size_t body_bytes;
    const struct api_piece *more; /* of the body, after the first part: more_count */
    size_t more_count;
    struct api_pair header[API_HEADERS_MAX];
    size_t header_count;
    enum up_code code; /* why it failed; UP_OK when it did not */
    uint64_t phase_ns[API_PHASE_COUNT];
};

/* One row of the table of endpoints. */
struct api_route {
    const char *method, *path; /* a path that ends in "/" + "*" takes one more segment */
    const char *summary;
    bool worker; /* computes: belongs on the pool, not on an I/O thread, */
    bool brief;  /* but for what api_handle_brief answers */
    enum up_code (*handle)(const struct api_context *context, const struct api_request *request,
                           struct api_response *response, struct up_error *err);
};

/* The table, ended by a row without a path. */
extern const struct api_route api_routes[];

/* The row for a request, HEAD counting as GET; NULL when no row has this method and path. */
const struct api_route *api_route_find(const char *method, const char *path);

/* "GET, HEAD, OPTIONS" for a path that exists, into `text`; false when no row has the path.
 * Assets count. */
bool api_route_allow(const struct api_context *context, const char *path, char text[64]);

/* Answers any request: routes it, runs the handler, and turns a failure into problem+json.
 * Always leaves a complete response. */
void api_handle(const struct api_context *context, const struct api_request *request,
                struct api_response *response);

/* Answers a request on a thread that others wait for, if that takes a moment only: a few numbers
 * for layers whose plan is kept, and no picture. False: there is no answer yet, and none of the
 * time was spent on anything but reading the body, whose size the caller bounds. */
bool api_handle_brief(const struct api_context *context, const struct api_request *request,
                      struct api_response *response);

/* The answer for an error that the server found itself (limits, queue, headers). Needs no more
 * memory than the arena can give; without any it answers a fixed text. */
void api_problem(const struct api_request *request, const struct up_error *err,
                 struct api_response *response);

/* Of the whole body. */
size_t api_response_bytes(const struct api_response *response);

/* Adds a header; name and value are borrowed. */
void api_header(struct api_response *response, const char *name, const char *value);

#endif
