/* Every allocation of a request fails in its turn, until the request succeeds. Whatever fails, the
 * answer is 503 and well-formed, and nothing stays behind. */
#include <criterion/criterion.h>
#include <stdlib.h>
#include <string.h>

#include "api/json_memory.h"
#include "api/memo.h"
#include "tests/support/api.h"

enum { ARENA_BYTES = 64 << 20, CASES_MAX = 16, FAILURES_MAX = 5000 };

/* --- jansson's memory ----------------------------------------------------------------------- */

static size_t json_calls, json_live, json_fail_at = SIZE_MAX;

static void *counted_malloc(size_t bytes)
{
    void *memory = json_calls++ == json_fail_at ? NULL : malloc(bytes);
    json_live += memory != NULL;
    return memory;
}

static void counted_free(void *memory)
{
    json_live -= memory != NULL;
    free(memory);
}

/* --- The requests --------------------------------------------------------------------------- */

#define LAYER                                                                                      \
    "{\"class_name\": \"Conv2DTranspose\", \"config\": {\"filters\": 2, \"kernel_size\": 3, "      \
    "\"strides\": [2, 1], \"padding\": \"same\", \"kernel_initializer\": {\"class_name\": "        \
    "\"HeNormal\", \"config\": {\"seed\": 7}}, \"dtype\": \"float16\"}}"
#define DOCUMENT                                                                                   \
    "{\"input\": [[0, 1, 2], [3, 4, 5]], \"layer\": " LAYER                                        \
    "}"
#define COMPARISON                                                                                 \
    "{\"preset\": \"interpolations\", \"candidates\": [{\"name\": \"one\", \"layer\": " LAYER      \
    "}, {\"layers\": [" LAYER                                                                      \
    "]}], \"view\": \"differences\", \"output\": {\"format\": \"png\"}}"
#define MODEL                                                                                      \
    "{\"input\": {\"shape\": [1, 2, 2, 1], \"data\": [1, 2, 3, 4]}, \"model\": {\"class_name\": "  \
    "\"Sequential\", \"config\": {\"layers\": [{\"class_name\": \"InputLayer\", \"config\": "      \
    "{\"batch_shape\": [null, 2, 2, 1]}}, {\"class_name\": \"UpSampling2D\", \"config\": "         \
    "{\"size\": [2, 2], \"name\": \"up\"}}, {\"class_name\": \"Activation\", \"config\": "         \
    "{\"activation\": \"softmax\"}}]}}}"

struct cases {
    struct question question[CASES_MAX];
    size_t count;
    struct reply png, npy; /* whose bodies are files to send */
    struct api_part parts[3];
};

static struct question file_question(const struct reply *file)
{
    return (struct question){
        .query = {{"layer", "Conv2DTranspose"},
                  {"kernel_size", "3"},
                  {"strides", "2,2"},
                  {"filters", "1"},
                  {"kernel_initializer", "ones"},
                  {"title", "A title"}},
        .body = file->response.body,
        .body_bytes = file->response.body_bytes,
    };
}

static void parts_make(struct cases *c)
{
    static const char layers[] = "{\"layers\": [\"UpSampling2D\", {\"class_name\": "
                                 "\"Conv2DTranspose\", \"filters\": 1, \"kernel_size\": 1}]}";
    static const char weight[] = "[[[[2]]]]", bias[] = "[1]";
    c->parts[0] = (struct api_part){"request", "application/json", layers, strlen(layers)};
    c->parts[1] = (struct api_part){"weights.1.0", NULL, weight, strlen(weight)};
    c->parts[2] = (struct api_part){"weights.1.1", NULL, bias, strlen(bias)};
}

static struct cases *cases_make(void)
{
    static struct cases c;
    const struct question png = {
        .body = DOCUMENT, .query = {{"filters", "1"}, {"format", "png"}, {"render", "image"}}};
    const struct question npy = {.body = DOCUMENT, .query = {{"format", "npy"}}};
    c.png = ask(&png);
    c.npy = ask(&npy);
    parts_make(&c);
    static struct api_part parts[4];
    memcpy(parts, c.parts, sizeof c.parts);
    parts[3] = (struct api_part){"input", NULL, c.png.response.body, c.png.response.body_bytes};
    const struct question questions[] = {
        {.body = DOCUMENT},
        {.body = MODEL},
        {.body = DOCUMENT, .query = {{"format", "npy"}}},
        file_question(&c.png),
        file_question(&c.npy),
        {.parts = parts, .part_count = 4},
        {.path = "/plan", .body = DOCUMENT, .query = {{"weights", "true"}}},
        {.path = "/compare", .body = COMPARISON},
        {.path = "/layers"},
        {.path = "/layers", .query = {{"schema", "1"}}},
        {.path = "/openapi.json"},
        {.path = "/version"},
        {.path = "/metrics"},
        {.path = "/limits"},
    };
    c.count = sizeof questions / sizeof questions[0];
    memcpy(c.question, questions, sizeof questions);
    return &c;
}

static void cases_free(struct cases *c)
{
    reply_free(&c->png);
    reply_free(&c->npy);
}

/* --- The answers ---------------------------------------------------------------------------- */

static bool same_answer(const struct api_response *a, const struct api_response *b)
{
    return a->status == b->status && a->body_bytes == b->body_bytes &&
           memcmp(a->body, b->body, a->body_bytes) == 0;
}

static void assert_busy(const struct api_response *r, size_t which, size_t failure)
{
    cr_assert(r->status == 503, "case %zu, failure %zu: status %u: %.*s", which, failure, r->status,
              (int)(r->body_bytes < 400 ? r->body_bytes : 400), (const char *)r->body);
    cr_assert(strcmp(r->content_type, "application/problem+json") == 0, "case %zu, failure %zu: %s",
              which, failure, r->content_type);
    json_t *problem = json_loadb(r->body, r->body_bytes, 0, NULL);
    cr_assert(problem != NULL, "case %zu, failure %zu: no JSON", which, failure);
    cr_assert(json_integer_value(json_object_get(problem, "status")) == 503, "case %zu", which);
    json_decref(problem);
    bool retry = false;
    for (size_t i = 0; i < r->header_count; i++)
        retry = retry || strcmp(r->header[i].name, "Retry-After") == 0;
    cr_assert(retry, "case %zu, failure %zu: no Retry-After", which, failure);
}

/* Calls `check` with every request and its undisturbed answer. */
static void for_all(void (*check)(const struct question *q, size_t which,
                                  const struct api_response *good))
{
    api_json_memory_from(counted_malloc, counted_free);
    struct cases *c = cases_make();
    for (size_t i = 0; i < c->count; i++) {
        struct up_arena *arena = up_arena_new(ARENA_BYTES, NULL);
        const struct api_response good = ask_in(arena, &c->question[i]);
        cr_assert(good.status == 200, "case %zu: %.*s", i, (int)good.body_bytes,
                  (const char *)good.body);
        check(&c->question[i], i, &good);
        up_arena_free(arena);
    }
    cases_free(c);
    cr_assert(json_live == 0, "%zu blocks of jansson's are left", json_live);
}

/* --- Kept plans ----------------------------------------------------------------------------- */

/* What each attempt finds: no cache, an empty one, or one that holds its plan, and a reading. */
static enum { UNKEPT, EMPTY, WARM } kept;
static size_t plan_hits, memo_hits;

static void plans_open(const struct question *q, struct up_budget *budget)
{
    if (kept == UNKEPT)
        return;
    ask_plans = up_plan_cache_new((size_t)8 << 20, budget);
    cr_assert(ask_plans != NULL, "no cache");
    if (kept == EMPTY)
        return;
    ask_memo = api_memo_new((size_t)1 << 20, budget);
    cr_assert(ask_memo != NULL, "no memo");
    for (int i = 0; i < 2; i++) { /* the plan is made, then found: the reading is kept */
        struct up_arena *arena = up_arena_new(ARENA_BYTES, NULL);
        (void)ask_in(arena, q);
        up_arena_free(arena);
    }
}

/* A plan that is still in use would be freed here, and the sanitizer would tell. */
static void plans_close(void)
{
    if (ask_plans != NULL)
        plan_hits += up_plan_cache_counts(ask_plans).hits;
    if (ask_memo != NULL)
        memo_hits += api_memo_counts(ask_memo).hits;
    api_memo_free(ask_memo);
    ask_memo = NULL;
    up_plan_cache_free(ask_plans);
    ask_plans = NULL;
}

/* --- Tests ---------------------------------------------------------------------------------- */

static size_t arena_failures;

static void arena_fails(const struct question *q, size_t which, const struct api_response *good)
{
    enum { ENOUGH = 20 }; /* successes in a row; a buffer survives one failure */
    const size_t live = json_live;
    size_t succeeded = 0;
    for (size_t nth = 0; succeeded < ENOUGH; nth++) {
        cr_assert(nth < FAILURES_MAX, "case %zu never succeeds", which);
        plans_open(q, NULL);
        struct up_arena *arena = up_arena_new(ARENA_BYTES, NULL);
        up_arena_fail_at(arena, nth);
        const struct api_response r = ask_in(arena, q);
        succeeded = same_answer(&r, good) ? succeeded + 1 : 0;
        if (succeeded == 0) {
            assert_busy(&r, which, nth);
            arena_failures++;
        }
        up_arena_free(arena);
        plans_close();
        cr_assert(json_live == live, "case %zu, failure %zu: jansson lost a block", which, nth);
    }
}

Test(chaos, arena_that_fails_anywhere_is_a_clean_503, .timeout = 60)
{
    for_all(arena_fails);
    cr_assert(arena_failures > 100, "only %zu allocations failed", arena_failures);
}

Test(chaos, arena_that_fails_anywhere_keeps_no_broken_plan, .timeout = 60)
{
    kept = EMPTY;
    for_all(arena_fails);
    kept = WARM;
    for_all(arena_fails);
    cr_assert(plan_hits > 100, "only %zu kept plans were found", plan_hits);
    cr_assert(memo_hits > 50, "only %zu kept readings were found", memo_hits);
}

static size_t busy;

static void jansson_fails(const struct question *q, size_t which, const struct api_response *good)
{
    const size_t live = json_live;
    for (size_t nth = 0;; nth++) {
        struct up_arena *arena = up_arena_new(ARENA_BYTES, NULL);
        json_calls = 0;
        json_fail_at = nth;
        const struct api_response r = ask_in(arena, q);
        const bool reached = json_calls > nth;
        json_fail_at = SIZE_MAX;
        if (!same_answer(&r, good))
            assert_busy(&r, which, nth);
        busy += r.status == 503;
        cr_assert(json_live == live, "case %zu, failure %zu: jansson lost a block", which, nth);
        up_arena_free(arena);
        if (!reached)
            break;
    }
}

Test(chaos, jansson_without_memory_is_a_clean_503, .timeout = 60)
{
    for_all(jansson_fails);
    cr_assert(busy > 100, "only %zu failures were told as such", busy);
}

/* A budget of any size: refused, or answered in full. */
static void budget_ends(const struct question *q, size_t which, const struct api_response *good)
{
    for (size_t kilobytes = 0; kilobytes < 4096; kilobytes = kilobytes * 3 / 2 + 1) {
        struct up_budget budget = {.limit_bytes = kilobytes << 10};
        plans_open(q, &budget);
        struct up_arena *arena = up_arena_new(ARENA_BYTES, &budget);
        cr_assert(arena != NULL, "no arena");
        const struct api_response r = ask_in(arena, q);
        if (!same_answer(&r, good))
            assert_busy(&r, which, kilobytes);
        up_arena_free(arena);
        plans_close();
        cr_assert(budget.used == 0, "case %zu: %zu bytes of the budget are not given back", which,
                  (size_t)budget.used);
    }
}

Test(chaos, budget_that_ends_anywhere_is_a_clean_503, .timeout = 60)
{
    for_all(budget_ends);
}

Test(chaos, budget_that_ends_anywhere_gets_kept_plans_back, .timeout = 60)
{
    kept = EMPTY;
    for_all(budget_ends);
    kept = WARM;
    for_all(budget_ends);
    cr_assert(plan_hits > 10, "only %zu kept plans were found", plan_hits);
    cr_assert(memo_hits > 5, "only %zu kept readings were found", memo_hits);
}
