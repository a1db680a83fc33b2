/* What the service refuses because there is too much of it. */
#include <criterion/criterion.h>
#include <curl/curl.h>
#include <pthread.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "tests/http/requests.h"
#include "tests/support/server.h"

enum { LIMIT = 100000 };

static const char *const small_bodies[] = {"--body-limit", "100000", NULL};
static const char *const no_expect[] = {"Expect:", NULL};

/* A JSON request of exactly so many bytes. */
static char *padded_body(size_t bytes)
{
    char *body = malloc(bytes + 1);
    memset(body, ' ', bytes);
    memcpy(body + bytes - (sizeof QUICK_BODY - 1), QUICK_BODY, sizeof QUICK_BODY);
    return body;
}

static struct answer post_padded(struct server *s, size_t bytes, bool chunked)
{
    char *body = padded_body(bytes);
    struct answer a = client_call(
        s, &(struct call){
               .path = "/upsample", .body = body, .headers = no_expect, .chunked = chunked});
    free(body);
    return a;
}

Test(limits, a_body_at_the_limit_is_taken_and_one_byte_more_is_not, .timeout = 30)
{
    struct server *s = server_start(small_bodies);
    for (int chunked = 0; chunked < 2; chunked++) {
        struct answer a = post_padded(s, LIMIT, chunked);
        cr_assert(a.status == 200, "%ld: %s", a.status, a.body);
        answer_free(&a);
        a = post_padded(s, LIMIT + 1, chunked);
        cr_assert(a.status == 413, "%ld: %s", a.status, a.body);
        cr_assert(strstr(a.body, "100000") != NULL, "the limit is not named: %s", a.body);
        cr_assert(strstr(a.body, "--body-limit") != NULL, "the flag is not named: %s", a.body);
        answer_free(&a);
    }
    cr_assert(server_stop(s, SIGTERM, NULL) == 0, "not a clean end");
}

Test(limits, a_client_that_sends_on_still_sees_the_413, .timeout = 30)
{
    struct server *s = server_start(small_bodies);
    for (int i = 0; i < 10; i++) {
        struct answer a = post_padded(s, 4 * LIMIT, i % 2 == 0);
        cr_assert(a.curl == CURLE_OK && a.status == 413, "curl %d, status %ld", a.curl, a.status);
        answer_free(&a);
    }
    cr_assert(server_stop(s, SIGTERM, NULL) == 0, "not a clean end");
}

Test(limits, a_client_that_asks_first_need_not_send, .timeout = 20)
{
    static const char head[] = "POST /upsample HTTP/1.1\r\nHost: x\r\nContent-Length: 100001\r\n"
                               "Expect: 100-continue\r\n\r\n";
    struct server *s = server_start(small_bodies);
    const int fd = raw_connect(s);
    raw_send(fd, head, sizeof head - 1);
    char *answer = raw_read(fd, NULL);
    cr_assert(strncmp(answer, "HTTP/1.1 413 ", 13) == 0, "%s", answer);
    free(answer);
    (void)close(fd);
    cr_assert(server_stop(s, SIGTERM, NULL) == 0, "not a clean end");
}

Test(limits, an_output_over_the_limit_is_413, .timeout = 20)
{
    static const char *const arguments[] = {"--output-limit", "1KB", NULL};
    struct server *s = server_start(arguments);
    struct answer a = client_post(
        s, "/upsample",
        "{\"input\": [[1]], \"layer\": {\"class_name\": \"UpSampling2D\", \"size\": 17}}");
    cr_assert(a.status == 413, "%ld: %s", a.status, a.body);
    answer_free(&a);
    cr_assert(server_stop(s, SIGTERM, NULL) == 0, "not a clean end");
}

Test(limits, a_body_larger_than_all_memory_is_413, .timeout = 20)
{
    static const char *const arguments[] = {"--memory", "400KB", "--body-limit", "1GB", NULL};
    struct server *s = server_start(arguments);
    struct answer a = post_padded(s, 500000, false);
    cr_assert(a.status == 413, "%ld: %s", a.status, a.body);
    answer_free(&a);
    a = client_post(s, "/upsample", QUICK_BODY);
    cr_assert(a.status == 200, "the small one after it: %ld: %s", a.status, a.body);
    answer_free(&a);
    cr_assert(server_stop(s, SIGTERM, NULL) == 0, "not a clean end");
}

struct poster {
    pthread_t thread;
    struct server *server;
    const char *body;
    struct answer answer;
};

static void *post(void *arg)
{
    struct poster *p = arg;
    p->answer = client_post(p->server, "/upsample", p->body);
    return NULL;
}

static struct poster *post_begin(struct server *s, const char *body)
{
    struct poster *p = calloc(1, sizeof *p);
    p->server = s;
    p->body = body;
    cr_assert(pthread_create(&p->thread, NULL, post, p) == 0, "no thread");
    return p;
}

static struct answer post_end(struct poster *p)
{
    (void)pthread_join(p->thread, NULL);
    const struct answer answer = p->answer;
    free(p);
    return answer;
}

Test(limits, a_full_queue_is_503_at_once_and_what_it_holds_is_answered, .timeout = 120)
{
    static const char *const arguments[] = {SLOW_ARGUMENTS, "--queue", "1", NULL};
    struct server *s = server_start(arguments);
    struct poster *running = post_begin(s, SLOW_BODY);
    cr_assert(client_await_metric(s, "upsampled_queue_running", 1), "it does not run");
    struct poster *waiting = post_begin(s, SLOW_BODY);
    cr_assert(client_await_metric(s, "upsampled_queue_waiting", 1), "it does not wait");
    struct answer refused = client_post(s, "/upsample", QUICK_BODY);
    cr_assert(refused.status == 503, "%ld: %s", refused.status, refused.body);
    char *retry = answer_header(&refused, "Retry-After");
    cr_assert(retry != NULL && atoi(retry) >= 1, "Retry-After: %s", retry == NULL ? "-" : retry);
    free(retry);
    struct answer health = client_get(s, "/healthz");
    cr_assert(health.status == 200, "cheap requests do not queue");
    struct answer first = post_end(running), second = post_end(waiting);
    cr_assert(first.status == 200 && second.status == 200, "%ld %ld", first.status, second.status);
    cr_assert(client_metric(s, "upsampled_queue_refusals_total") == 1, "not counted");
    answer_free(&refused);
    answer_free(&health);
    answer_free(&first);
    answer_free(&second);
    cr_assert(server_stop(s, SIGTERM, NULL) == 0, "not a clean end");
}

Test(limits, a_passed_deadline_is_504, .timeout = 60)
{
    static const char *const arguments[] = {SLOW_ARGUMENTS, "--deadline", "5ms", NULL};
    struct server *s = server_start(arguments);
    struct answer a = client_post(s, "/upsample", SLOW_BODY);
    cr_assert(a.status == 504, "%ld: %s", a.status, a.body);
    answer_free(&a);
    cr_assert(server_stop(s, SIGTERM, NULL) == 0, "not a clean end");
}

Test(limits, a_hundred_posts_at_once_are_all_answered, .timeout = 60)
{
    enum { POSTS = 100 };
    static const char *const arguments[] = {"--threads", "2", "--queue", "200", NULL};
    struct server *s = server_start(arguments);
    struct poster *posters[POSTS];
    for (int i = 0; i < POSTS; i++)
        posters[i] = post_begin(s, QUICK_BODY);
    for (int i = 0; i < POSTS; i++) {
        struct answer a = post_end(posters[i]);
        cr_assert(a.status == 200 && strstr(a.body, QUICK_SHAPE) != NULL, "%ld, curl %d", a.status,
                  a.curl);
        answer_free(&a);
    }
    cr_assert(server_stop(s, SIGTERM, NULL) == 0, "not a clean end");
}

Test(limits, a_key_is_needed_where_keys_are_configured, .timeout = 20)
{
    char path[] = "/tmp/upsampled-keys-XXXXXX";
    const int fd = mkstemp(path);
    cr_assert(fd >= 0 && write(fd, "first\nsecond-key\n", 17) == 17, "no file");
    (void)close(fd);
    const char *const arguments[] = {"--api-key-file", path, NULL};
    static const struct {
        const char *path, *header;
        long status;
    } cases[] = {
        {"/layers", NULL, 401},
        {"/layers", "Authorization: Bearer second-key", 200},
        {"/layers", "X-Api-Key: first", 200},
        {"/layers", "X-Api-Key: firs", 401},
        {"/layers", "X-Api-Key: firstfirst", 401},
        {"/layers", "X-Api-Key;", 401},
        {"/layers", "Authorization: Basic first", 401},
        {"/metrics", NULL, 401},
        {"/healthz", NULL, 200},
        {"/readyz", NULL, 200},
        {"/", NULL, 200},
    };
    struct server *s = server_start(arguments);
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        const char *const headers[] = {cases[i].header, NULL};
        struct answer a = client_call(s, &(struct call){.path = cases[i].path, .headers = headers});
        cr_assert(a.status == cases[i].status, "case %zu: %ld", i, a.status);
        char *challenge = answer_header(&a, "WWW-Authenticate");
        cr_assert((challenge != NULL) == (a.status == 401), "case %zu: challenge", i);
        free(challenge);
        answer_free(&a);
    }
    cr_assert(server_stop(s, SIGTERM, NULL) == 0, "not a clean end");
    (void)unlink(path);
}
