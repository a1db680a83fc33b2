/* DESIGN
 * The server's stderr is a pipe. A thread reads it into one growing text, so that the server never
 * blocks on its log, and wakes who waits for a line. */
#include "tests/support/server.h"

#include <arpa/inet.h>
#include <criterion/criterion.h>
#include <curl/curl.h>
#include <fcntl.h>
#include <netinet/in.h>
#include <poll.h>
#include <pthread.h>
#include <signal.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

struct server {
    pid_t pid;
    int log_fd;
    unsigned port;
    pthread_t reader;
    pthread_mutex_t lock;
    pthread_cond_t more;
    char *log;
    size_t length;
    bool ended, held;
};

enum { ARGUMENTS_MAX = 40 };

static void *log_read(void *arg)
{
    struct server *s = arg;
    char piece[4096];
    ssize_t n;
    while ((n = read(s->log_fd, piece, sizeof piece)) > 0) {
        (void)pthread_mutex_lock(&s->lock);
        while (s->held)
            (void)pthread_cond_wait(&s->more, &s->lock);
        s->log = realloc(s->log, s->length + (size_t)n + 1);
        memcpy(s->log + s->length, piece, (size_t)n);
        s->length += (size_t)n;
        s->log[s->length] = '\0';
        (void)pthread_cond_broadcast(&s->more);
        (void)pthread_mutex_unlock(&s->lock);
    }
    (void)pthread_mutex_lock(&s->lock);
    s->ended = true;
    (void)pthread_cond_broadcast(&s->more);
    (void)pthread_mutex_unlock(&s->lock);
    return NULL;
}

/* Starts the binary with `fd` of the child tied to a pipe; returns the pipe's end. */
static int spawn(const char *const arguments[], const char *const more[], int fd, pid_t *ret_pid)
{
    const char *binary = getenv("TEST_BINARY");
    cr_assert(binary != NULL, "TEST_BINARY must name the server");
    const char *argv[ARGUMENTS_MAX] = {binary};
    size_t count = 1;
    for (size_t i = 0; arguments != NULL && arguments[i] != NULL; i++)
        argv[count++] = arguments[i];
    for (size_t i = 0; more != NULL && more[i] != NULL; i++)
        argv[count++] = more[i];
    cr_assert(count < ARGUMENTS_MAX, "%zu arguments", count);
    int ends[2];
    cr_assert(pipe(ends) == 0, "no pipe");
    const pid_t pid = fork();
    cr_assert(pid >= 0, "no process");
    if (pid == 0) {
        (void)prctl(PR_SET_PDEATHSIG, SIGKILL);
        (void)dup2(ends[1], fd);
        (void)close(ends[0]);
        (void)close(ends[1]);
        (void)execv(binary, (char *const *)(uintptr_t)argv);
        _exit(127);
    }
    (void)close(ends[1]);
    *ret_pid = pid;
    return ends[0];
}

struct server *server_start(const char *const arguments[])
{
    static const char *const first[] = {"--port", "0", "--drain-delay", "0", NULL};
    struct server *s = calloc(1, sizeof *s);
    cr_assert(s != NULL, "no memory");
    (void)pthread_mutex_init(&s->lock, NULL);
    (void)pthread_cond_init(&s->more, NULL);
    s->log_fd = spawn(first, arguments, STDERR_FILENO, &s->pid);
    cr_assert(pthread_create(&s->reader, NULL, log_read, s) == 0, "no thread");
    cr_assert(server_await(s, "\"event\":\"listening\""), "the server did not start: %s",
              s->log == NULL ? "it said nothing" : s->log);
    (void)pthread_mutex_lock(&s->lock);
    const char *port = strstr(s->log, "\"port\":");
    if (port != NULL)
        s->port = (unsigned)strtoul(port + 7, NULL, 10);
    (void)pthread_mutex_unlock(&s->lock);
    return s;
}

struct server *server_at(unsigned port)
{
    struct server *s = calloc(1, sizeof *s);
    cr_assert(s != NULL, "no memory");
    s->port = port;
    return s;
}

unsigned server_port(const struct server *s)
{
    return s->port;
}

pid_t server_pid(const struct server *s)
{
    return s->pid;
}

bool server_await(struct server *s, const char *text)
{
    struct timespec until;
    (void)clock_gettime(CLOCK_REALTIME, &until);
    until.tv_sec += PATIENCE_SECONDS;
    (void)pthread_mutex_lock(&s->lock);
    bool found = false;
    for (int late = 0; late == 0;) {
        found = s->log != NULL && strstr(s->log, text) != NULL;
        if (found || s->ended)
            break;
        late = pthread_cond_timedwait(&s->more, &s->lock, &until);
    }
    (void)pthread_mutex_unlock(&s->lock);
    return found;
}

size_t server_log_count(struct server *s, const char *text)
{
    size_t count = 0;
    (void)pthread_mutex_lock(&s->lock);
    for (const char *at = s->log; at != NULL && (at = strstr(at, text)) != NULL; at++)
        count++;
    (void)pthread_mutex_unlock(&s->lock);
    return count;
}

void server_log_hold(struct server *s, bool held)
{
    (void)pthread_mutex_lock(&s->lock);
    s->held = held;
    (void)pthread_cond_broadcast(&s->more);
    (void)pthread_mutex_unlock(&s->lock);
}

static int exit_status(pid_t pid)
{
    int status = 0;
    cr_assert(waitpid(pid, &status, 0) == pid, "the server is not our child");
    return WIFEXITED(status) ? WEXITSTATUS(status) : -1;
}

int server_stop(struct server *s, int signal, char **ret_log)
{
    if (signal != 0)
        (void)kill(s->pid, signal);
    (void)pthread_join(s->reader, NULL);
    const int status = exit_status(s->pid);
    (void)close(s->log_fd);
    if (ret_log != NULL)
        *ret_log = s->log;
    else
        free(s->log);
    (void)pthread_cond_destroy(&s->more);
    (void)pthread_mutex_destroy(&s->lock);
    free(s);
    return status;
}

int server_command(const char *const arguments[], char **ret_output)
{
    pid_t pid;
    const int fd = spawn(arguments, NULL, STDOUT_FILENO, &pid);
    char *output = raw_read(fd, NULL);
    (void)close(fd);
    if (ret_output != NULL)
        *ret_output = output;
    else
        free(output);
    return exit_status(pid);
}

/* --- libcurl ---------------------------------------------------------------------------------- */

struct sink {
    char *text;
    size_t bytes, room;
};

static size_t sink_take(char *data, size_t size, size_t count, void *arg)
{
    struct sink *sink = arg;
    const size_t bytes = size * count;
    if (sink->bytes + bytes >= sink->room) {
        sink->room = 2 * (sink->bytes + bytes) + 1;
        sink->text = realloc(sink->text, sink->room);
    }
    if (sink->text == NULL)
        return 0;
    memcpy(sink->text + sink->bytes, data, bytes);
    sink->bytes += bytes;
    sink->text[sink->bytes] = '\0';
    return bytes;
}

static void call_body(CURL *curl, const struct call *call)
{
    if (call->body == NULL)
        return;
    const size_t bytes = call->body_bytes != 0 ? call->body_bytes : strlen(call->body);
    (void)curl_easy_setopt(curl, CURLOPT_POST, 1L);
    (void)curl_easy_setopt(curl, CURLOPT_POSTFIELDSIZE_LARGE, (curl_off_t)bytes);
    (void)curl_easy_setopt(curl, CURLOPT_POSTFIELDS, call->body);
}

static void call_method(CURL *curl, const struct call *call)
{
    if (call->method == NULL)
        return;
    if (strcmp(call->method, "HEAD") == 0)
        (void)curl_easy_setopt(curl, CURLOPT_NOBODY, 1L);
    else
        (void)curl_easy_setopt(curl, CURLOPT_CUSTOMREQUEST, call->method);
}

struct answer client_call(const struct server *s, const struct call *call)
{
    CURL *curl = call->handle != NULL ? call->handle : curl_easy_init();
    cr_assert(curl != NULL, "no libcurl");
    curl_easy_reset(curl);
    char url[512];
    (void)snprintf(url, sizeof url, "http://127.0.0.1:%u%s", s->port, call->path);
    struct sink headers = {.text = NULL}, body = {.text = NULL};
    struct curl_slist *list = NULL;
    for (size_t i = 0; call->headers != NULL && call->headers[i] != NULL; i++)
        list = curl_slist_append(list, call->headers[i]);
    if (call->chunked)
        list = curl_slist_append(list, "Transfer-Encoding: chunked");
    (void)curl_easy_setopt(curl, CURLOPT_URL, url);
    (void)curl_easy_setopt(curl, CURLOPT_TIMEOUT, (long)PATIENCE_SECONDS);
    (void)curl_easy_setopt(curl, CURLOPT_NOSIGNAL, 1L);
    (void)curl_easy_setopt(curl, CURLOPT_PATH_AS_IS, 1L);
    (void)curl_easy_setopt(curl, CURLOPT_HTTPHEADER, list);
    (void)curl_easy_setopt(curl, CURLOPT_WRITEFUNCTION, sink_take);
    (void)curl_easy_setopt(curl, CURLOPT_WRITEDATA, &body);
    (void)curl_easy_setopt(curl, CURLOPT_HEADERFUNCTION, sink_take);
    (void)curl_easy_setopt(curl, CURLOPT_HEADERDATA, &headers);
    if (call->unix_socket != NULL)
        (void)curl_easy_setopt(curl, CURLOPT_UNIX_SOCKET_PATH, call->unix_socket);
    call_body(curl, call);
    call_method(curl, call);
    struct answer answer = {.curl = (int)curl_easy_perform(curl)};
    (void)curl_easy_getinfo(curl, CURLINFO_RESPONSE_CODE, &answer.status);
    curl_slist_free_all(list);
    if (call->handle == NULL)
        curl_easy_cleanup(curl);
    answer.headers = headers.text != NULL ? headers.text : calloc(1, 1);
    answer.body = body.text != NULL ? body.text : calloc(1, 1);
    answer.body_bytes = body.bytes;
    return answer;
}

struct answer client_get(const struct server *s, const char *path)
{
    return client_call(s, &(struct call){.path = path});
}

struct answer client_post(const struct server *s, const char *path, const char *body)
{
    return client_call(s, &(struct call){.path = path, .body = body});
}

void answer_free(struct answer *answer)
{
    free(answer->headers);
    free(answer->body);
    *answer = (struct answer){.status = 0};
}

char *answer_header(const struct answer *answer, const char *name)
{
    const size_t n = strlen(name);
    for (const char *line = answer->headers; line != NULL && *line != '\0';) {
        if (strncasecmp(line, name, n) == 0 && line[n] == ':') {
            const char *value = line + n + 1;
            value += strspn(value, " ");
            return strndup(value, strcspn(value, "\r\n"));
        }
        line = strchr(line, '\n');
        line = line == NULL ? NULL : line + 1;
    }
    return NULL;
}

double client_metric(const struct server *s, const char *name)
{
    struct answer metrics = client_get(s, "/metrics");
    double value = -1;
    const size_t n = strlen(name);
    for (const char *line = metrics.body; line != NULL; line = strchr(line, '\n')) {
        line += *line == '\n';
        if (strncmp(line, name, n) == 0 && line[n] == ' ')
            value = strtod(line + n, NULL);
    }
    answer_free(&metrics);
    return value;
}

bool client_await_metric(const struct server *s, const char *name, double at_least)
{
    const time_t until = time(NULL) + PATIENCE_SECONDS;
    while (client_metric(s, name) < at_least)
        if (time(NULL) > until)
            return false;
    return true;
}

/* --- Sockets ---------------------------------------------------------------------------------- */

int raw_connect(const struct server *s)
{
    const struct sockaddr_in address = {.sin_family = AF_INET,
                                        .sin_port = htons((uint16_t)s->port),
                                        .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
    const int fd = socket(AF_INET, SOCK_STREAM, 0);
    cr_assert(fd >= 0 && connect(fd, (const struct sockaddr *)&address, sizeof address) == 0,
              "no connection to port %u", s->port);
    return fd;
}

void raw_send(int fd, const char *bytes, size_t count)
{
    while (count > 0) {
        const ssize_t n = send(fd, bytes, count, MSG_NOSIGNAL);
        if (n <= 0)
            return; /* the server has hung up: what it said before is what the test looks at */
        bytes += n;
        count -= (size_t)n;
    }
}

char *raw_read(int fd, const char *until)
{
    struct sink sink = {.text = calloc(1, 1), .room = 1};
    char piece[4096];
    while (until == NULL || strstr(sink.text, until) == NULL) {
        struct pollfd ready = {.fd = fd, .events = POLLIN};
        cr_assert(poll(&ready, 1, PATIENCE_SECONDS * 1000) == 1, "nothing more after: %s",
                  sink.text);
        const ssize_t n = read(fd, piece, sizeof piece);
        if (n <= 0)
            break;
        (void)sink_take(piece, 1, (size_t)n, &sink);
    }
    return sink.text;
}
