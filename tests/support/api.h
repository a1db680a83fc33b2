/* The api asked without a socket, as the server asks it. */
#ifndef TESTS_SUPPORT_API_H
#define TESTS_SUPPORT_API_H

#include <jansson.h>

#include "api/api.h"

enum { ASK_QUERY_MAX = 16, ASK_OUTPUT_BYTES = 16 << 20 };

/* What a client sends. Absent members are NULL or 0. */
struct question {
    const char *method;                   /* NULL: POST with a body, else GET */
    const char *path;                     /* NULL: /upsample */
    struct api_pair query[ASK_QUERY_MAX]; /* ends with a NULL name */
    const char *type, *accept, *body;
    size_t body_bytes;            /* 0: strlen(body) */
    const struct api_part *parts; /* instead of a body */
    size_t part_count;
};

/* `response` lives in `arena`; `json` is its body when that is JSON. */
struct reply {
    struct api_response response;
    struct up_arena *arena;
    json_t *json;
};

/* The kept plans that requests find from now on; NULL at first: none. */
extern struct up_plan_cache *ask_plans;
extern struct api_memo *ask_memo; /* beside plans */

struct reply ask(const struct question *question);

/* The same in a caller's arena, without reading the answer. */
struct api_response ask_in(struct up_arena *arena, const struct question *question);

/* POST /upsample with a JSON body. */
struct reply ask_json(const char *body);

void reply_free(struct reply *reply);

/* The header's value, or NULL. */
const char *reply_header(const struct reply *reply, const char *name);

/* Fails the test unless `json` has the member at the pointer ("/errors/0/pointer") and it is the
 * JSON text `expected`; numbers are compared as numbers. */
void assert_member(const struct reply *reply, const char *pointer, const char *expected);

/* Fails unless the answer is a problem of this status with one error: at the JSON pointer, or for
 * a place that starts with '?' at that parameter, and `text` is in its detail. */
void assert_problem(const struct reply *reply, unsigned status, const char *at, const char *text);

#endif
