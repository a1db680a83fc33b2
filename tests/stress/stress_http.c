/* The whole service in one process under many clients, for ThreadSanitizer and AddressSanitizer.
 *
 * Clients of every kind at once: those that keep their connection, those that close it, those that
 * leave before the answer, those that send too much, half a request or garbage, and one that reads
 * the metrics. Then the drain, while they are still at it. Passes when every whole answer was one
 * that its request may get, some were 200, and nothing is left.
 *
 * Usage: stress_http [SECONDS] */
#include <arpa/inet.h>
#include <netinet/in.h>
#include <pthread.h>
#include <signal.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <time.h>
#include <unistd.h>

#include "api/memo.h"
#include "core/deadline.h"
#include "server/assets.h"
#include "server/drain.h"
#include "server/http.h"
#include "server/log.h"

enum { CLIENTS = 12, ANSWER_BYTES = 65536, MEMO_BYTES = 65536 /* of one reading */ };

struct bench {
    unsigned port;
    uint64_t until_ns;
    atomic_size_t answers, good, wrong;
};

/* What a client sends and what it then does; `allowed` are the statuses that may answer it. */
static const struct scenario {
    const char *method_path, *headers, *body;
    const char *allowed;
    bool keep;  /* reads the answer and keeps the connection */
    bool leave; /* closes without reading */
} scenarios[] = {
    {"POST /upsample", "", "{\"input\":[[0,1],[1,0]],\"layer\":{\"class_name\":\"UpSampling2D\"}}",
     "200 503", true, false},
    {"POST /upsample", "",
     "{\"input\":[[0,1],[1,0]],\"layer\":{\"class_name\":\"UpSampling2D\",\"size\":64}}", "200 503",
     true, true},
    {"POST /upsample", "Content-Type: multipart/form-data; boundary=X\r\n",
     "--X\r\nContent-Disposition: form-data; name=request\r\n\r\n"
     "{\"layer\":\"UpSampling2D\"}\r\n"
     "--X\r\nContent-Disposition: form-data; name=input\r\n\r\n[[1,2],[3,4]]\r\n--X--",
     "200 503", true, false},
    {"POST /upsample?format=npy", "",
     "{\"input\":[[0,1],[1,0]],\"layer\":{\"class_name\":\"Conv2DTranspose\",\"filters\":4,"
     "\"kernel_size\":3,\"strides\":2}}",
     "200 503", false, false},
    {"GET /metrics", "", "", "200", true, false},
    {"GET /readyz", "", "", "200 503", false, false},
    {"GET /nothing", "", "", "404", true, false},
    {"POST /upsample", "Content-Length: 9\r\nTransfer-Encoding: chunked\r\n", "x", "400", false,
     false},
    {"POST /upsample", "", "{\"input\":", "400 503", true, false},
    {"POST /upsample", "Content-Length: 999999999\r\n", "half of it", "413", false, true},
};

enum { SCENARIOS = sizeof scenarios / sizeof scenarios[0] };

static int dial(const struct bench *b)
{
    const struct sockaddr_in address = {.sin_family = AF_INET,
                                        .sin_port = htons((uint16_t)b->port),
                                        .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
    const int fd = socket(AF_INET, SOCK_STREAM, 0);
    if (fd >= 0 && connect(fd, (const struct sockaddr *)&address, sizeof address) == 0)
        return fd;
    if (fd >= 0)
        (void)close(fd);
    return -1;
}

static bool ask(int fd, const struct scenario *s)
{
    char text[2048];
    const bool framed = strstr(s->headers, "Content-Length") != NULL;
    char length[64] = "";
    if (!framed && s->body[0] != '\0')
        (void)snprintf(length, sizeof length, "Content-Length: %zu\r\n", strlen(s->body));
    const int n = snprintf(text, sizeof text, "%s HTTP/1.1\r\nHost: x\r\n%s%s\r\n%s",
                           s->method_path, s->headers, length, s->body);
    return send(fd, text, (size_t)n, MSG_NOSIGNAL) == n;
}

/* Reads one answer by its Content-Length; false when the connection ended before. */
static bool answer_read(int fd, char text[ANSWER_BYTES])
{
    size_t have = 0;
    for (;;) {
        const ssize_t n = recv(fd, text + have, ANSWER_BYTES - 1 - have, 0);
        if (n <= 0)
            return false;
        have += (size_t)n;
        text[have] = '\0';
        const char *end = strstr(text, "\r\n\r\n");
        const char *length = end == NULL ? NULL : strstr(text, "Content-Length: ");
        if (length == NULL)
            continue;
        const size_t whole = (size_t)(end + 4 - text) + strtoull(length + 16, NULL, 10);
        if (have >= whole || whole > ANSWER_BYTES - 1)
            return true;
    }
}

static void judge(struct bench *b, const struct scenario *s, const char *answer)
{
    char status[4] = "";
    memcpy(status, answer + 9, 3);
    atomic_fetch_add(&b->answers, 1);
    if (strstr(s->allowed, status) == NULL) {
        atomic_fetch_add(&b->wrong, 1);
        (void)fprintf(stderr, "%s: %.200s\n", s->method_path, answer);
    } else if (strcmp(status, "200") == 0) {
        atomic_fetch_add(&b->good, 1);
    }
}

static void *client(void *arg)
{
    struct bench *b = arg;
    char *answer = malloc(ANSWER_BYTES);
    int fd = -1;
    for (size_t i = (size_t)(uintptr_t)&answer / 4096; up_now_ns() < b->until_ns; i++) {
        const struct scenario *s = &scenarios[i % SCENARIOS];
        const bool leave = s->leave && i % 3 != 0;
        if (fd < 0)
            fd = dial(b);
        if (fd < 0)
            break; /* the drain has closed the door */
        bool open = ask(fd, s) && !leave && answer_read(fd, answer);
        if (open)
            judge(b, s, answer);
        open = open && s->keep && strstr(answer, "Connection: close") == NULL;
        if (!open) {
            (void)close(fd);
            fd = -1;
        }
    }
    if (fd >= 0)
        (void)close(fd);
    free(answer);
    return NULL;
}

static void run(struct bench *b, struct srv_http *http, struct up_pool *pool, uint64_t seconds)
{
    pthread_t threads[CLIENTS];
    sigset_t none;
    (void)sigemptyset(&none);
    const uint64_t began = up_now_ns();
    b->port = srv_http_port(http);
    /* The clients go on after the drain has begun. */
    b->until_ns = began + (seconds + 5) * 1000000000u;
    for (int i = 0; i < CLIENTS; i++)
        if (pthread_create(&threads[i], NULL, client, b) != 0)
            abort();
    while (up_now_ns() < began + seconds * 1000000000u)
        (void)nanosleep(&(struct timespec){.tv_nsec = 10000000}, NULL);
    srv_drain(http, pool, &none, 100, 20000);
    for (int i = 0; i < CLIENTS; i++)
        (void)pthread_join(threads[i], NULL);
}

int main(int argc, char *argv[])
{
    char *const arguments[] = {
        argv[0],         (char *)"--port",       (char *)"0",     (char *)"--threads",
        (char *)"3",     (char *)"--queue",      (char *)"4",     (char *)"--body-limit",
        (char *)"1MB",   (char *)"--memory",     (char *)"64MB",  (char *)"--body-deadline",
        (char *)"300ms", (char *)"--plan-cache", (char *)"256KB", NULL};
    struct srv_options options;
    struct up_error err = {.code = UP_OK};
    struct srv_http *http = NULL;
    if (srv_options_parse(15, arguments, &options, &err) != UP_OK ||
        srv_http_new(&options, &http, &err) != UP_OK) {
        (void)fprintf(stderr, "%s\n", err.text);
        return EXIT_FAILURE;
    }
    srv_log_setup(SRV_OFF, SRV_JSON);
    const char *const versions[] = {srv_http_library(), NULL};
    const struct api_context context = {
        .kernels = up_kernels_select(""),
        .pool = up_pool_new(options.threads, options.queue),
        .plans = up_plan_cache_new(options.plan_cache, srv_http_budget(http)),
        .memo = api_memo_new(MEMO_BYTES, srv_http_budget(http)),
        .limits = {.body_bytes = options.body_limit,
                   .output_bytes = options.output_limit,
                   .memory_bytes = options.memory,
                   .plan_cache_bytes = options.plan_cache,
                   .queue = options.queue,
                   .deadline_ms = options.deadline,
                   .threads = options.threads},
        .operation = srv_http_operation(http),
        .assets = srv_assets(),
        .library_versions = versions,
    };
    struct bench b = {.port = 0};
    if (srv_http_start(http, &context, &err) != UP_OK) {
        (void)fprintf(stderr, "%s\n", err.text);
        return EXIT_FAILURE;
    }
    run(&b, http, context.pool, argc > 1 ? strtoull(argv[1], NULL, 10) : 3);
    up_pool_free(context.pool);
    api_memo_free(context.memo);
    up_plan_cache_free(context.plans);
    srv_http_free(http);
    (void)printf("%zu answers, %zu of them 200, %zu wrong\n", atomic_load(&b.answers),
                 atomic_load(&b.good), atomic_load(&b.wrong));
    return atomic_load(&b.good) > 0 && atomic_load(&b.wrong) == 0 ? EXIT_SUCCESS : EXIT_FAILURE;
}
