/* Slow clients, clients that leave, memory, and the end of the process. */
#include <criterion/criterion.h>
#include <curl/curl.h>
#include <pthread.h>
#include <signal.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

#include "tests/http/requests.h"
#include "tests/support/server.h"

static const char *const hasty[] = {"--header-deadline", "300ms", "--body-deadline", "300ms", NULL};

/* Sends the bytes, then one more whenever the server has not hung up yet; what it answers. */
static char *dribble(const struct server *s, const char *bytes)
{
    const int fd = raw_connect(s);
    raw_send(fd, bytes, strlen(bytes));
    static const struct timespec nap = {.tv_nsec = 50 * 1000 * 1000};
    const time_t until = time(NULL) + PATIENCE_SECONDS;
    while (send(fd, "a", 1, MSG_NOSIGNAL) == 1) {
        cr_assert(time(NULL) < until, "the connection is never cut");
        (void)nanosleep(&nap, NULL); /* the client's own slowness, not a wait for the server */
    }
    char *answer = raw_read(fd, NULL);
    (void)close(fd);
    return answer;
}

Test(slow, a_header_that_dribbles_is_cut, .timeout = 90)
{
    struct server *s = server_start(hasty);
    free(dribble(s, "GET /healthz HTTP/1.1\r\nHost: x\r\nX-A: "));
    free(dribble(s, "GET /hea"));
    cr_assert(client_await_metric(s, "upsampled_connection_cuts_total", 2), "not counted");
    cr_assert(server_stop(s, SIGTERM, NULL) == 0, "not a clean end");
}

Test(slow, a_body_that_dribbles_is_cut_and_logged, .timeout = 90)
{
    struct server *s = server_start(hasty);
    char *answer =
        dribble(s, "POST /upsample HTTP/1.1\r\nHost: x\r\nContent-Length: 100000\r\n\r\n");
    cr_assert(strstr(answer, "200") == NULL, "%s", answer);
    free(answer);
    cr_assert(server_await(s, "\"closed\":\"too slow\""), "not logged");
    cr_assert(server_stop(s, SIGTERM, NULL) == 0, "not a clean end");
}

Test(slow, an_answer_that_nobody_reads_does_not_hold_up_the_end, .timeout = 90)
{
    /* 16 MB of answer: more than the sockets' buffers hold. */
    static const char body[] = "{\"input\": [[1]], \"output\": {\"format\": \"npy\"}, \"layer\": "
                               "{\"class_name\": \"UpSampling2D\", \"size\": 2048}}";
    static const char *const arguments[] = {"--drain-timeout", "100ms", NULL};
    struct server *s = server_start(arguments);
    char head[512];
    (void)snprintf(head, sizeof head,
                   "POST /upsample HTTP/1.1\r\nHost: x\r\nContent-Length: %zu\r\n\r\n%s",
                   sizeof body - 1, body);
    const int fd = raw_connect(s);
    raw_send(fd, head, strlen(head));
    free(raw_read(fd, "HTTP/1.1 200"));
    cr_assert(server_stop(s, SIGTERM, NULL) == 0, "not a clean end");
    (void)close(fd);
}

Test(life, a_client_that_leaves_while_its_request_computes_harms_nobody, .timeout = 120)
{
    static const char *const arguments[] = {SLOW_ARGUMENTS, NULL};
    struct server *s = server_start(arguments);
    char head[4096];
    (void)snprintf(head, sizeof head,
                   "POST /upsample HTTP/1.1\r\nHost: x\r\nContent-Length: %zu\r\n\r\n%s",
                   sizeof SLOW_BODY - 1, SLOW_BODY);
    const int running = raw_connect(s), waiting = raw_connect(s);
    raw_send(running, head, strlen(head));
    cr_assert(client_await_metric(s, "upsampled_queue_running", 1), "it does not run");
    raw_send(waiting, head, strlen(head));
    cr_assert(client_await_metric(s, "upsampled_queue_waiting", 1), "it does not wait");
    (void)close(running);
    (void)close(waiting);
    struct answer a = client_post(s, "/upsample", QUICK_BODY);
    cr_assert(a.status == 200, "%ld: %s", a.status, a.body);
    answer_free(&a);
    cr_assert(server_stop(s, SIGTERM, NULL) == 0, "not a clean end");
}

Test(life, memory_goes_back_after_a_large_request, .timeout = 120)
{
    static const char body[] = "{\"input\": [[1,2],[3,4]], \"output\": {\"format\": \"npy\"}, "
                               "\"layer\": {\"class_name\": \"UpSampling2D\", \"size\": 2048}}";
    struct server *s = server_start(NULL);
    for (int i = 0; i < 3; i++) {
        struct answer a = client_post(s, "/upsample", body);
        cr_assert(a.status == 200 && a.body_bytes > 64u * 1024 * 1024, "%ld, %zu bytes", a.status,
                  a.body_bytes);
        answer_free(&a);
    }
    const time_t until = time(NULL) + PATIENCE_SECONDS;
    double used;
    while ((used = client_metric(s, "upsampled_memory_used_bytes")) > 8e6)
        cr_assert(time(NULL) < until, "%.0f bytes are still held", used);
#ifndef __SANITIZE_ADDRESS__ /* which keeps what is freed, to see who uses it */
    double resident;
    while ((resident = client_metric(s, "process_resident_memory_bytes")) > 32e6)
        cr_assert(time(NULL) < until, "%.0f bytes are still resident", resident);
#endif
    cr_assert(server_stop(s, SIGTERM, NULL) == 0, "not a clean end");
}

Test(life, while_it_drains_it_serves_but_is_not_ready, .timeout = 60)
{
    static const char *const arguments[] = {"--drain-delay", "60s", NULL};
    struct server *s = server_start(arguments);
    struct answer a = client_get(s, "/readyz");
    cr_assert(a.status == 200, "%ld", a.status);
    answer_free(&a);
    (void)kill(server_pid(s), SIGTERM);
    cr_assert(server_await(s, "\"event\":\"draining\""), "it does not drain");
    const time_t until = time(NULL) + PATIENCE_SECONDS;
    long ready = 200;
    while (ready != 503) {
        a = client_get(s, "/readyz");
        ready = a.status;
        answer_free(&a);
        cr_assert(time(NULL) < until, "still ready");
    }
    a = client_post(s, "/upsample", QUICK_BODY);
    cr_assert(a.status == 200, "%ld: %s", a.status, a.body);
    char *connection = answer_header(&a, "Connection");
    cr_assert(connection != NULL && strcmp(connection, "close") == 0, "the connection stays open");
    free(connection);
    answer_free(&a);
    /* The second signal does not wait for the delay. */
    cr_assert(server_stop(s, SIGTERM, NULL) == 1, "the second signal is not heard");
}

Test(life, the_end_waits_for_what_computes_and_waits, .timeout = 120)
{
    static const char *const arguments[] = {SLOW_ARGUMENTS, "--drain-timeout", "100s", NULL};
    struct server *s = server_start(arguments);
    char head[4096];
    (void)snprintf(head, sizeof head,
                   "POST /upsample HTTP/1.1\r\nHost: x\r\nContent-Length: %zu\r\n\r\n%s",
                   sizeof SLOW_BODY - 1, SLOW_BODY);
    int fd[2];
    for (int i = 0; i < 2; i++) {
        fd[i] = raw_connect(s);
        raw_send(fd[i], head, strlen(head));
    }
    cr_assert(client_await_metric(s, "upsampled_queue_waiting", 1), "it does not wait");
    const int idle = raw_connect(s);
    (void)kill(server_pid(s), SIGTERM);
    for (int i = 0; i < 2; i++) {
        char *answer = raw_read(fd[i], "\r\n\r\n");
        cr_assert(strncmp(answer, "HTTP/1.1 200 ", 13) == 0, "request %d: %s", i, answer);
        free(answer);
        (void)close(fd[i]);
    }
    cr_assert(server_stop(s, 0, NULL) == 0, "not a clean end");
    (void)close(idle);
}

struct load {
    struct server *server;
    atomic_size_t answers, failures;
};

/* Posts until the server cannot be reached. */
static void *load_run(void *arg)
{
    struct load *l = arg;
    CURL *curl = curl_easy_init();
    for (bool going = true; going;) {
        struct answer a = client_call(
            l->server, &(struct call){.path = "/upsample", .body = QUICK_BODY, .handle = curl});
        if (a.curl == CURLE_OK && a.status == 200)
            atomic_fetch_add(&l->answers, 1);
        else if (a.curl == CURLE_OK)
            atomic_fetch_add(&l->failures, 1);
        going = a.curl == CURLE_OK;
        answer_free(&a);
    }
    curl_easy_cleanup(curl);
    return NULL;
}

Test(life, a_signal_under_load_loses_no_request_that_was_taken, .timeout = 120)
{
    enum { CLIENTS = 8 };
    struct load load = {.server = server_start(NULL)};
    pthread_t threads[CLIENTS];
    for (int i = 0; i < CLIENTS; i++)
        cr_assert(pthread_create(&threads[i], NULL, load_run, &load) == 0, "no thread");
    const time_t until = time(NULL) + PATIENCE_SECONDS;
    while (atomic_load(&load.answers) < 300)
        cr_assert(time(NULL) < until, "no load");
    (void)kill(server_pid(load.server), SIGTERM);
    for (int i = 0; i < CLIENTS; i++)
        (void)pthread_join(threads[i], NULL);
    char *log;
    cr_assert(server_stop(load.server, 0, &log) == 0, "not a clean end");
    size_t logged = 0;
    for (const char *at = log; (at = strstr(at, "\"path\":\"/upsample\"")) != NULL; at++)
        logged++;
    cr_assert(atomic_load(&load.failures) == 0, "%zu refused", atomic_load(&load.failures));
    cr_assert(logged == atomic_load(&load.answers), "%zu requests taken, %zu answers seen", logged,
              atomic_load(&load.answers));
    free(log);
}

Test(life, a_unix_socket_serves_and_is_removed, .timeout = 30)
{
    char directory[] = "/tmp/upsampled-XXXXXX", path[64];
    cr_assert(mkdtemp(directory) != NULL, "no directory");
    (void)snprintf(path, sizeof path, "%s/socket", directory);
    const char *const arguments[] = {"--unix-socket", path, NULL};
    struct server *s = server_start(arguments);
    struct answer a = client_call(s, &(struct call){.path = "/healthz", .unix_socket = path});
    cr_assert(a.status == 200, "%ld, curl %d", a.status, a.curl);
    answer_free(&a);
    const char *const probe[] = {"--healthcheck", "--unix-socket", path, NULL};
    cr_assert(server_command(probe, NULL) == 0, "the healthcheck fails");
    /* One that was killed leaves its socket behind; the next one takes the path over. */
    cr_assert(server_stop(s, SIGKILL, NULL) == -1, "not killed");
    cr_assert(server_command(probe, NULL) == 1, "the healthcheck of a dead server");
    s = server_start(arguments);
    cr_assert(server_command(probe, NULL) == 0, "the healthcheck after the restart");
    cr_assert(server_stop(s, SIGTERM, NULL) == 0, "not a clean end");
    struct stat status;
    cr_assert(stat(path, &status) != 0, "the socket is still there");
    (void)rmdir(directory);
}

Test(life, ipv6_serves_ipv4_too, .timeout = 30)
{
    static const char *const arguments[] = {"--address", "::", NULL};
    struct server *s = server_start(arguments);
    struct answer a = client_get(s, "/healthz");
    cr_assert(a.status == 200, "over 127.0.0.1: %ld, curl %d", a.status, a.curl);
    answer_free(&a);
    char port[16];
    (void)snprintf(port, sizeof port, "%u", server_port(s));
    const char *const probe[] = {"--healthcheck", "--address", "::1", "--port", port, NULL};
    cr_assert(server_command(probe, NULL) == 0, "over ::1");
    cr_assert(server_stop(s, SIGTERM, NULL) == 0, "not a clean end");
    cr_assert(server_command(probe, NULL) == 1, "nobody is there");
}

Test(life, a_log_that_nobody_reads_costs_its_lines_and_no_request, .timeout = 120)
{
    enum { PATH_BYTES = 500, REQUESTS_MAX = 20000 };
    static const char dropped[] = "upsampled_log_lines_dropped_total";
    char path[PATH_BYTES + 2];
    memset(path, 'a', sizeof path);
    path[0] = '/';
    path[PATH_BYTES] = '\0';
    struct server *s = server_start(NULL);
    CURL *curl = curl_easy_init();
    const struct call call = {.path = path, .handle = curl};
    server_log_hold(s, true);
    double lost = 0;
    for (int i = 0; i < REQUESTS_MAX && lost < 1; i++) {
        struct answer a = client_call(s, &call);
        cr_assert(a.status == 404, "request %d: %ld", i, a.status);
        answer_free(&a);
        if (i % 100 == 0)
            lost = client_metric(s, dropped);
    }
    cr_assert(lost >= 1, "nothing was dropped");
    server_log_hold(s, false);
    curl_easy_cleanup(curl);
    char *log = NULL;
    cr_assert(server_stop(s, SIGTERM, &log) == 0, "%s", log);
    cr_assert(strstr(log, "\"path\":\"/aaaa") != NULL, "no request was logged");
    free(log);
}
