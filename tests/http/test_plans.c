/* The plan cache, seen from outside. */
#include <criterion/criterion.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "tests/http/requests.h"
#include "tests/support/server.h"

#define HITS   "upsampled_plan_cache_hits_total"
#define MISSES "upsampled_plan_cache_misses_total"
#define BYTES  "upsampled_plan_cache_bytes"

static void assert_counts(const struct server *s, double hits, double misses)
{
    const double h = client_metric(s, HITS), m = client_metric(s, MISSES);
    cr_assert(h == hits && m == misses, "%.0f hits, %.0f misses", h, m);
}

/* A sum of two channels with these weights over [[[1, 10]]]. */
static void sum_expect(const struct server *s, int first, int second)
{
    char body[256], expected[64];
    (void)snprintf(body, sizeof body,
                   "{\"input\": [[[1, 10]]], \"layer\": {\"class_name\": \"Conv2DTranspose\", "
                   "\"filters\": 1, \"kernel_size\": 1, \"weights\": [[[[[%d, %d]]]], [0]]}}",
                   first, second);
    (void)snprintf(expected, sizeof expected, "\"output\":[[[%d]]]", first + 10 * second);
    struct answer a = client_post(s, "/upsample", body);
    cr_assert(a.status == 200 && strstr(a.body, expected) != NULL, "not %s: %s", expected, a.body);
    answer_free(&a);
}

Test(plans, the_second_request_of_a_kind_finds_the_plan_of_the_first, .timeout = 30)
{
    static const char body[] =
        "{\"input\": [[0,1],[1,0]], \"layer\": {\"class_name\": \"Conv2DTranspose\", \"filters\": "
        "3, \"kernel_size\": 3, \"kernel_initializer\": {\"class_name\": \"HeNormal\", \"config\": "
        "{\"seed\": 7}}}}";
    struct server *s = server_start(NULL);
    struct answer first = client_post(s, "/upsample", body);
    cr_assert(first.status == 200, "%s", first.body);
    assert_counts(s, 0, 1);
    for (int i = 1; i <= 3; i++) {
        struct answer next = client_post(s, "/upsample", body);
        cr_assert(next.status == 200 && next.body_bytes == first.body_bytes &&
                      memcmp(next.body, first.body, first.body_bytes) == 0,
                  "%s", next.body);
        answer_free(&next);
        assert_counts(s, i, 1);
    }
    answer_free(&first);
    cr_assert(client_metric(s, BYTES) > 0);
    cr_assert(server_stop(s, SIGTERM, NULL) == 0, "not a clean end");
}

Test(plans, other_weights_get_their_own_numbers, .timeout = 30)
{
    struct server *s = server_start(NULL);
    for (int round = 0; round < 2; round++)
        for (int first = 1; first <= 3; first++)
            for (int second = 1; second <= 3; second++)
                sum_expect(s, first, second);
    assert_counts(s, 9, 9);
    cr_assert(server_stop(s, SIGTERM, NULL) == 0, "not a clean end");
}

Test(plans, fresh_seeds_pass_by_and_a_refusal_is_not_kept, .timeout = 30)
{
    static const char fresh[] = "{\"input\": [[0,1],[1,0]], \"layer\": {\"class_name\": "
                                "\"Conv2D\", \"filters\": 1, \"kernel_size\": 1}}";
    static const char refused[] = "{\"input\": [[0,1],[1,0]], \"layer\": {\"class_name\": "
                                  "\"MaxPooling2D\", \"pool_size\": 9}}";
    struct server *s = server_start(NULL);
    for (int i = 0; i < 2; i++) {
        struct answer a = client_post(s, "/upsample", fresh);
        cr_assert(a.status == 200, "%s", a.body);
        answer_free(&a);
    }
    assert_counts(s, 0, 0);
    for (int i = 0; i < 2; i++) {
        struct answer a = client_post(s, "/upsample", refused);
        cr_assert(a.status == 422, "%ld: %s", a.status, a.body);
        answer_free(&a);
    }
    cr_assert(client_metric(s, HITS) == 0 && client_metric(s, BYTES) == 0);
    cr_assert(server_stop(s, SIGTERM, NULL) == 0, "not a clean end");
}

Test(plans, planning_and_comparing_share_them, .timeout = 30)
{
    static const char comparison[] =
        "{\"input\": [[0,1],[1,0]], \"candidates\": [{\"layer\": {\"class_name\": "
        "\"UpSampling2D\", \"config\": {\"size\": 2}}}, {\"layer\": \"UpSampling2D\"}]}";
    struct server *s = server_start(NULL);
    static const char *const paths[] = {"/plan", "/upsample", "/compare"};
    for (size_t i = 0; i < 3; i++) {
        struct answer a = client_post(s, paths[i], i == 2 ? comparison : QUICK_BODY);
        cr_assert(a.status == 200, "%s", a.body);
        answer_free(&a);
    }
    assert_counts(s, 3, 1);
    cr_assert(server_stop(s, SIGTERM, NULL) == 0, "not a clean end");
}

Test(plans, the_bound_is_kept_and_nought_keeps_nothing, .timeout = 30)
{
    static const char *const small[] = {"--plan-cache", "200KB", NULL};
    static const char *const none[] = {"--plan-cache", "0", NULL};
    struct server *s = server_start(small);
    for (int i = 0; i < 12; i++)
        sum_expect(s, i, 1);
    cr_assert(client_metric(s, BYTES) <= 200 * 1024 && client_metric(s, BYTES) > 0);
    cr_assert(client_metric(s, "upsampled_plan_cache_evictions_total") > 0);
    struct answer a = client_get(s, "/limits");
    cr_assert(strstr(a.body, "\"plan_cache_bytes\":204800") != NULL, "%s", a.body);
    answer_free(&a);
    cr_assert(server_stop(s, SIGTERM, NULL) == 0, "not a clean end");
    s = server_start(none);
    sum_expect(s, 1, 1);
    sum_expect(s, 1, 1);
    assert_counts(s, 0, 0);
    cr_assert(client_metric(s, BYTES) == 0);
    cr_assert(server_stop(s, SIGTERM, NULL) == 0, "not a clean end");
}
