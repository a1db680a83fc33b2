/* What happens to requests that wait, in a service inside the test, whose only worker the test
 * itself keeps busy. */
#include <criterion/criterion.h>
#include <pthread.h>
#include <sched.h>
#include <semaphore.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "core/deadline.h"
#include "server/assets.h"
#include "server/drain.h"
#include "server/exchange.h"
#include "server/http.h"
#include "server/log.h"
#include "tests/http/requests.h"
#include "tests/support/server.h"

struct service {
    struct srv_options options;
    struct srv_http *http;
    struct api_context context;
    struct server *client;
    sem_t go; /* lets the blocking job end */
    struct up_job job;
    const char *path;
    pthread_t poster;
    struct answer answer;
};

static struct service service;

static void block(struct up_job *job)
{
    (void)job;
    (void)sem_wait(&service.go);
}

static void service_start(unsigned deadline_ms)
{
    struct up_error err = {.code = UP_OK};
    char *const none[] = {NULL};
    cr_assert(srv_options_parse(0, none, &service.options, &err) == UP_OK, "%s", err.text);
    service.options.port = 0;
    service.options.threads = 1;
    service.options.queue = 4;
    service.options.memory = 16u * 1024 * 1024;
    service.options.deadline = deadline_ms;
    srv_log_setup(SRV_OFF, SRV_JSON);
    cr_assert(srv_http_new(&service.options, &service.http, &err) == UP_OK, "%s", err.text);
    service.context = (struct api_context){
        .kernels = up_kernels_select(""),
        .pool = up_pool_new(service.options.threads, service.options.queue),
        .limits = {.body_bytes = 1 << 20, .output_bytes = 1 << 20, .memory_bytes = 16 << 20},
        .operation = srv_http_operation(service.http),
        .assets = srv_assets(),
    };
    cr_assert(srv_http_start(service.http, &service.context, &err) == UP_OK, "%s", err.text);
    service.path = "/upsample";
    service.client = server_at(srv_http_port(service.http));
    (void)sem_init(&service.go, 0, 0);
}

static void worker_block(void)
{
    service.job.work = block;
    cr_assert(up_pool_reserve(service.context.pool), "no slot");
    up_pool_submit(service.context.pool, &service.job);
    while (up_pool_running(service.context.pool) == 0 || up_pool_waiting(service.context.pool) != 0)
        (void)sched_yield();
}

static void *post(void *arg)
{
    (void)arg;
    service.answer = client_post(service.client, service.path, QUICK_BODY);
    return NULL;
}

/* Posts from another thread and returns when the request waits. */
static void post_begin(void)
{
    cr_assert(pthread_create(&service.poster, NULL, post, NULL) == 0, "no thread");
    while (up_pool_waiting(service.context.pool) == 0)
        (void)sched_yield();
}

static void service_stop(void)
{
    sigset_t none;
    (void)sigemptyset(&none);
    srv_drain(service.http, service.context.pool, &none, 0, 20000);
    up_pool_free(service.context.pool);
    up_plan_cache_free(service.context.plans);
    srv_http_free(service.http);
    free(service.client);
    answer_free(&service.answer);
    (void)sem_destroy(&service.go);
}

static void expect(long status, const char *text)
{
    cr_assert(service.answer.status == status, "%ld: %s", service.answer.status,
              service.answer.body);
    cr_assert(strstr(service.answer.body, text) != NULL, "no '%s' in %s", text,
              service.answer.body);
}

Test(queue, a_deadline_that_passes_while_waiting_is_504_without_computing, .timeout = 30)
{
    service_start(20);
    worker_block();
    post_begin();
    const uint64_t submitted = up_now_ns();
    while (up_now_ns() < submitted + 20u * 1000000u)
        (void)sched_yield();
    (void)sem_post(&service.go);
    (void)pthread_join(service.poster, NULL);
    expect(504, "waited for a worker");
    service_stop();
}

Test(queue, what_waits_when_the_service_gives_up_is_503, .timeout = 30)
{
    service_start(10000);
    worker_block();
    post_begin();
    srv_http_give_up(service.http);
    (void)sem_post(&service.go);
    (void)pthread_join(service.poster, NULL);
    expect(503, "shutting down");
    char *retry = answer_header(&service.answer, "Retry-After");
    cr_assert(retry != NULL && atoi(retry) >= 1, "no Retry-After");
    free(retry);
    service_stop();
}

Test(queue, a_client_that_left_while_it_waited_harms_nobody, .timeout = 30)
{
    service_start(10000);
    worker_block();
    const int fd = raw_connect(service.client);
    static const char head[] = "POST /upsample HTTP/1.1\r\nHost: x\r\nContent-Length: 1\r\n\r\n1";
    raw_send(fd, head, sizeof head - 1);
    while (up_pool_waiting(service.context.pool) == 0)
        (void)sched_yield();
    (void)close(fd);
    (void)sem_post(&service.go);
    service.answer = client_post(service.client, "/upsample", QUICK_BODY);
    expect(200, QUICK_SHAPE);
    service_stop();
}

Test(queue, without_memory_for_all_it_is_503_until_there_is_some, .timeout = 30)
{
    service_start(10000);
    atomic_store(&service.http->budget.used, service.http->budget.limit_bytes);
    service.answer = client_post(service.client, "/upsample", QUICK_BODY);
    expect(503, "memory");
    char *retry = answer_header(&service.answer, "Retry-After");
    cr_assert(retry != NULL && atoi(retry) >= 1, "no Retry-After");
    free(retry);
    answer_free(&service.answer);
    atomic_store(&service.http->budget.used, 0);
    service.answer = client_post(service.client, "/upsample", QUICK_BODY);
    expect(200, QUICK_SHAPE);
    service_stop();
}

Test(queue, a_small_request_with_a_kept_plan_needs_no_worker, .timeout = 30)
{
    service_start(10000);
    service.context.plans = up_plan_cache_new(1 << 20, NULL);
    for (int turn = 0; turn < 2; turn++) {
        answer_free(&service.answer);
        service.answer = client_post(service.client, "/upsample", QUICK_BODY);
        expect(200, QUICK_SHAPE);
        if (turn == 0)
            worker_block();
    }
    answer_free(&service.answer);
    service.path = "/upsample?format=png"; /* a picture takes longer */
    post_begin();
    (void)sem_post(&service.go);
    (void)pthread_join(service.poster, NULL);
    cr_assert(service.answer.status == 200, "%ld", service.answer.status);
    service_stop();
}
