/* Readings of small requests that are kept, seen from outside. */
#include <criterion/criterion.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "tests/http/requests.h"
#include "tests/support/server.h"

#define HITS    "upsampled_memo_hits_total"
#define ENTRIES "upsampled_memo_entries"
#define BYTES   "upsampled_memo_bytes"

enum { ENTRY_BYTES = 64 * 1024 };

static void assert_answer(const struct server *s, const char *path, const char *body,
                          const char *expected)
{
    struct answer a = client_post(s, path, body);
    cr_assert(a.status == 200 && strstr(a.body, expected) != NULL, "no %s in %s", expected, a.body);
    answer_free(&a);
}

/* Often enough for the reading to be kept and found: the plan is made, found, and known. */
static void assert_answers(const struct server *s, const char *path, const char *body,
                           const char *expected)
{
    const double hits = client_metric(s, HITS);
    for (int i = 0; i < 3; i++)
        assert_answer(s, path, body, expected);
    cr_assert(client_metric(s, HITS) > hits, "%.0f hits after %.0f: %s", client_metric(s, HITS),
              hits, body);
}

static void stop(struct server *s)
{
    cr_assert(server_stop(s, SIGTERM, NULL) == 0, "not a clean end");
}

/* Two pixels of two channels, summed by these weights. */
static void sums_expect(const struct server *s, const int pixel[4], const int weight[2])
{
    char body[320], expected[64];
    (void)snprintf(body, sizeof body,
                   "{\"input\": [[[%d, %d], [%d, %d]]], \"layer\": {\"class_name\": "
                   "\"Conv2DTranspose\", \"filters\": 1, \"kernel_size\": 1, \"weights\": "
                   "[[[[[%d, %d]]]], [0]]}}",
                   pixel[0], pixel[1], pixel[2], pixel[3], weight[0], weight[1]);
    (void)snprintf(expected, sizeof expected, "\"output\":[[[%d],[%d]]]",
                   weight[0] * pixel[0] + weight[1] * pixel[1],
                   weight[0] * pixel[2] + weight[1] * pixel[3]);
    assert_answer(s, "/upsample", body, expected);
}

Test(memo, other_numbers_and_other_weights_get_their_own_answers, .timeout = 30)
{
    struct server *s = server_start(NULL);
    for (int round = 0; round < 4; round++)
        for (int i = 1; i <= 6; i++)
            sums_expect(s, (const int[4]){i, 10 + round, 3, i * i}, (const int[2]){i % 3, i / 3});
    cr_assert(client_metric(s, HITS) > 0 && client_metric(s, ENTRIES) == 6);
    stop(s);
}

static const char *const bodies[] = {
    QUICK_BODY,
    "{\"input\": [1, 2, 4], \"layer\": \"UpSampling1D\"}",
    "{\"input\": {\"shape\": [1, 2, 2, 1], \"data\": [1, 2, 3, 4]}, \"layer\": \"UpSampling2D\"}",
    "{\"inputs\": [[[1, 2]]], \"layers\": [\"UpSampling2D\", {\"class_name\": \"Conv2DTranspose\", "
    "\"filters\": 2, \"kernel_size\": 3, \"strides\": 2, \"kernel_initializer\": \"ones\"}]}",
    "{\"input\": [[1, 2], [3, 4]], \"output\": {\"flat\": true}, \"set_random_seed\": 4, "
    "\"layer\": "
    "{\"class_name\": \"Conv2D\", \"filters\": 3, \"kernel_size\": 2, \"padding\": \"same\"}}",
    "{\"input\": [[1, 2], [3, 4]], \"layer\": \"UpSampling2D\", \"output\": {\"format\": \"npy\"}}",
    "{\"input\": [[1, 2], [3, 4]], \"layer\": \"UpSampling2D\", \"output\": {\"format\": \"png\", "
    "\"title\": \"Four cells\", \"cmap\": \"magma\"}}",
    "{\"input\": 3, \"layer\": {\"class_name\": \"Rescaling\", \"scale\": 2}}",
    "{\"input\": [], \"layer\": {\"class_name\": \"Rescaling\", \"scale\": 2}}",
};

Test(memo, answers_are_those_of_a_service_without_it, .timeout = 60)
{
    static const char *const none[] = {"--plan-cache", "0", NULL};
    struct server *s = server_start(NULL), *plain = server_start(none);
    for (size_t i = 0; i < sizeof bodies / sizeof bodies[0]; i++) {
        struct answer wanted = client_post(plain, "/upsample", bodies[i]);
        char *wanted_warnings = answer_header(&wanted, "X-Warnings");
        cr_assert(wanted.curl == 0);
        for (int round = 0; round < 4; round++) {
            struct answer a = client_post(s, "/upsample", bodies[i]);
            char *warnings = answer_header(&a, "X-Warnings");
            cr_assert(a.status == wanted.status && a.body_bytes == wanted.body_bytes &&
                          (a.status != 200 || memcmp(a.body, wanted.body, a.body_bytes) == 0),
                      "round %d of %s: %s", round, bodies[i], a.body);
            cr_assert((warnings == NULL) == (wanted_warnings == NULL) &&
                          (warnings == NULL || strcmp(warnings, wanted_warnings) == 0),
                      "round %d of %s: %s", round, bodies[i], warnings);
            free(warnings);
            answer_free(&a);
        }
        free(wanted_warnings);
        answer_free(&wanted);
    }
    cr_assert(client_metric(s, HITS) >= 8, "%.0f hits", client_metric(s, HITS));
    cr_assert(client_metric(plain, HITS) == 0 && client_metric(plain, BYTES) == 0);
    stop(plain);
    stop(s);
}

Test(memo, the_query_and_the_headers_tell_requests_apart, .timeout = 30)
{
    static const char body[] = "{\"input\": [[1, 2]], \"layer\": \"UpSampling2D\"}";
    static const char *const npy[] = {"Accept: application/x-npy", NULL};
    struct server *s = server_start(NULL);
    assert_answers(s, "/upsample", body, "\"output\":[[1,1,2,2],[1,1,2,2]]");
    assert_answers(s, "/upsample?size=1", body, "\"output\":[[1,2]]");
    assert_answers(s, "/upsample?size=1&flat=true", body, "\"output\":[1,2]");
    assert_answers(s, "/upsample?size=3&interpolation=nearest", body, "\"output\":[[1,1,1,2,2,2]");
    const struct call call = {.path = "/upsample", .body = body, .headers = npy};
    struct answer a = client_call(s, &call);
    cr_assert(a.status == 200 && memcmp(a.body, "\x93NUMPY", 6) == 0, "%ld", a.status);
    answer_free(&a);
    stop(s);
}

/* What is said of the numbers is said of those only that it holds for. */
Test(memo, warnings_of_numbers_are_not_kept, .timeout = 30)
{
    static const char form[] = "{\"input\": [%s], \"layer\": {\"class_name\": \"Rescaling\", "
                               "\"scale\": 1e30, \"offset\": 0}}";
    char small[128], large[128];
    (void)snprintf(small, sizeof small, form, "0, 1");
    (void)snprintf(large, sizeof large, form, "0, 1e30");
    struct server *s = server_start(NULL);
    for (int i = 0; i < 4; i++) {
        assert_answer(s, "/upsample", small, "\"warnings\":[]");
        assert_answer(s, "/upsample", large, "\"output\":[0,null]");
        assert_answer(s, "/upsample", large, "\"code\":\"non-finite\"");
    }
    cr_assert(client_metric(s, ENTRIES) == 1 && client_metric(s, HITS) >= 9);
    stop(s);
}

Test(memo, refusals_and_fresh_seeds_are_not_kept, .timeout = 30)
{
    static const char *const passing[] = {
        "{\"input\": [[0,1],[1,0]], \"layer\": {\"class_name\": \"Conv2D\", \"filters\": 1, "
        "\"kernel_size\": 1}}",
        "{\"input\": [[0,1],[1,0]], \"layer\": {\"class_name\": \"MaxPooling2D\", \"pool_size\": "
        "9}}",
        "{\"input\": [[0,1],[1]], \"layer\": \"UpSampling2D\"}",
    };
    struct server *s = server_start(NULL);
    for (size_t i = 0; i < sizeof passing / sizeof passing[0]; i++)
        for (int round = 0; round < 3; round++) {
            struct answer a = client_post(s, "/upsample", passing[i]);
            cr_assert(a.curl == 0);
            answer_free(&a);
        }
    cr_assert(client_metric(s, HITS) == 0 && client_metric(s, BYTES) == 0);
    stop(s);
}

Test(memo, few_are_kept_and_none_outlives_its_plan, .timeout = 60)
{
    enum { ROOM = 2, OTHERS = 80 };
    static const char *const arguments[] = {"--plan-cache", "4MB", NULL}; /* a part of it: 128 KB */
    static const int pixel[4] = {1, 2, 3, 4};
    struct server *s = server_start(arguments);
    for (int i = 0; i < 5; i++)
        for (int round = 0; round < 3; round++)
            sums_expect(s, pixel, (const int[2]){i, 1});
    cr_assert(client_metric(s, ENTRIES) == ROOM && client_metric(s, BYTES) == ROOM * ENTRY_BYTES);
    cr_assert(client_metric(s, "upsampled_memo_evictions_total") == 3);
    for (int i = 0; i < OTHERS; i++)
        sums_expect(s, pixel, (const int[2]){i, 2});
    cr_assert(client_metric(s, "upsampled_plan_cache_evictions_total") > OTHERS / 4);
    const double hits = client_metric(s, HITS),
                 misses = client_metric(s, "upsampled_plan_cache_misses_total");
    sums_expect(s, pixel, (const int[2]){4, 1});
    cr_assert(client_metric(s, HITS) == hits && client_metric(s, ENTRIES) == ROOM - 1);
    cr_assert(client_metric(s, "upsampled_plan_cache_misses_total") == misses + 1);
    stop(s);
}
