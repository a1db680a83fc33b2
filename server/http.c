/* DESIGN
 * A request that computes makes two hand-offs: I/O thread, worker, I/O thread. The order matters.
 *   - A slot of the pool is reserved first: without one the answer is 503 and nothing is suspended.
 *   - The connection is suspended before the job is submitted: else the worker could resume a
 *     connection that is not suspended yet.
 *   - The worker touches nothing after it resumes the connection: the exchange may be gone.
 *   - The library may not be stopped while anything is suspended: it aborts. So the pool is drained
 *     before srv_http_stop. */
#include "server/http.h"

#include <errno.h>
#include <microhttpd.h>
#include <stdarg.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>
#include <sys/socket.h>
#include <time.h>
#include <unistd.h>

#include "api/memo.h"
#include "core/deadline.h"
#include "core/limits.h"
#include "server/acceptor.h"
#include "server/exchange.h"
#include "server/listen.h"
#include "server/log.h"
#include "server/log_writer.h"
#include "server/machine.h"

enum {
    CONNECTION_BYTES = 64 * 1024, /* of headers and read buffer */
    OWN_FILES = 64,               /* that are no connections */
    SECRET_BYTES_MAX = 1024 * 1024,
    TICK_MS_MAX = 500,
    TICKS = 4,                           /* in the shortest deadline */
    IO_STACK_BYTES = 4 * UP_STACK_BYTES, /* small requests are answered on it */
    SHELF_PART = 4,                      /* of the memory: what may wait on the shelf */
};

/* --- Answers ---------------------------------------------------------------------------------- */

static void add_header(struct MHD_Response *response, struct api_pair header)
{
    /* A value that no header can hold is left out. */
    if (header.value != NULL)
        (void)MHD_add_response_header(response, header.name, header.value);
}

/* The body goes out from where it was written, in one piece or several. */
static struct MHD_Response *body_of(struct exchange *e)
{
    static char nothing[1];
    const struct api_response *r = &e->response;
    /* The library takes a pointer to what it may write, and does not write. */
    void *body = r->body == NULL ? nothing : (void *)(uintptr_t)r->body;
    if (r->more_count == 0)
        return MHD_create_response_from_buffer(r->body_bytes, body, MHD_RESPMEM_PERSISTENT);
    struct MHD_IoVec *all = up_arena_alloc(e->arena, r->more_count + 1, sizeof *all, NULL);
    if (all == NULL)
        return NULL;
    all[0] = (struct MHD_IoVec){r->body, r->body_bytes};
    for (size_t i = 0; i < r->more_count; i++)
        all[i + 1] = (struct MHD_IoVec){r->more[i].data, r->more[i].bytes};
    return MHD_create_response_from_iovec(all, (unsigned)r->more_count + 1, NULL, NULL);
}

static enum MHD_Result answer_send(struct exchange *e)
{
    struct MHD_Response *response = body_of(e);
    if (response == NULL)
        return MHD_NO;
    struct api_pair own[SRV_OWN_HEADERS_MAX];
    const size_t own_count = srv_exchange_headers(e, own);
    for (size_t i = 0; i < own_count; i++)
        add_header(response, own[i]);
    for (size_t i = 0; i < e->response.header_count; i++)
        add_header(response, e->response.header[i]);
    srv_exchange_sent(e);
    const enum MHD_Result result = MHD_queue_response(e->connection, e->response.status, response);
    MHD_destroy_response(response);
    return result;
}

/* --- The library's callbacks, on its threads -------------------------------------------------- */

static struct srv_watch *watch_of(struct MHD_Connection *connection)
{
    const union MHD_ConnectionInfo *info =
        MHD_get_connection_info(connection, MHD_CONNECTION_INFO_SOCKET_CONTEXT);
    return info == NULL ? NULL : info->socket_context;
}

static void work(struct up_job *job)
{
    struct exchange *e = (struct exchange *)(void *)job;
    srv_exchange_work(e);
    MHD_resume_connection(e->connection);
}

/* A proxy's absolute form of the target: what follows the authority. */
static const char *path_of(const char *url)
{
    if (strncasecmp(url, "http://", 7) != 0 && strncasecmp(url, "https://", 8) != 0)
        return url;
    const char *path = strchr(strchr(url, ':') + 3, '/');
    return path == NULL ? "/" : path;
}

static enum MHD_Result request_begin(struct srv_http *http, struct MHD_Connection *connection,
                                     const char *url, const char *method, void **state)
{
    struct exchange *e = srv_exchange_take(http);
    if (e == NULL)
        return MHD_NO;
    *state = e;
    e->job.work = work;
    e->connection = connection;
    e->watch = watch_of(connection);
    e->request.method = method;
    e->request.path = path_of(url);
    srv_watch_set(e->watch, e->began_ns + (uint64_t)http->options->body_deadline * 1000000u, 0);
    if (srv_headers_read(connection, e->arena, &e->headers, &e->error) == UP_OK &&
        srv_query_read(connection, e->arena, &e->request.query, &e->request.query_count,
                       &e->error) == UP_OK) {
        e->request.content_type = e->headers.content_type;
        e->request.accept = e->headers.accept;
    }
    srv_exchange_begin(e);
    return srv_exchange_early(e) ? answer_send(e) : MHD_YES;
}

/* NOLINTNEXTLINE(readability-function-size): the library's signature */
static enum MHD_Result on_request(void *arg, struct MHD_Connection *connection, const char *url,
                                  const char *method, const char *version, const char *data,
                                  size_t *bytes, void **state)
{
    struct srv_http *http = arg;
    struct exchange *e = *state;
    (void)version;
    if (e == NULL)
        return request_begin(http, connection, url, method, state);
    if (*bytes != 0) {
        const bool going = srv_exchange_body(e, data, *bytes);
        *bytes = 0;
        return going ? MHD_YES : MHD_NO;
    }
    if (!srv_exchange_needs_worker(e))
        return answer_send(e);
    MHD_suspend_connection(connection);
    up_pool_submit(http->context->pool, &e->job);
    return MHD_YES;
}

static void on_completed(void *arg, struct MHD_Connection *connection, void **state,
                         enum MHD_RequestTerminationCode code)
{
    static const char *const reasons[] = {
        [MHD_REQUEST_TERMINATED_COMPLETED_OK] = NULL,
        [MHD_REQUEST_TERMINATED_WITH_ERROR] = "error",
        [MHD_REQUEST_TERMINATED_TIMEOUT_REACHED] = "idle",
        [MHD_REQUEST_TERMINATED_DAEMON_SHUTDOWN] = "shutdown",
        [MHD_REQUEST_TERMINATED_READ_ERROR] = "read error",
        [MHD_REQUEST_TERMINATED_CLIENT_ABORT] = "client left",
    };
    const size_t known = sizeof reasons / sizeof reasons[0];
    const struct srv_http *http = arg;
    struct exchange *e = *state;
    if (e == NULL)
        return;
    const union MHD_ConnectionInfo *info =
        MHD_get_connection_info(connection, MHD_CONNECTION_INFO_CLIENT_ADDRESS);
    *state = NULL;
    const uint64_t idle_ms = (uint64_t)http->options->idle_timeout + http->options->header_deadline;
    const struct srv_ending ending = {
        .ns = up_now_ns(),
        .remote = info == NULL ? NULL : info->client_addr,
        .reason = (size_t)code < known ? reasons[code] : "error",
    };
    srv_watch_set(e->watch, ending.ns + idle_ms * 1000000u, ending.ns);
    srv_exchange_release(e, &ending);
}

static void on_connection(void *arg, struct MHD_Connection *connection, void **context,
                          enum MHD_ConnectionNotificationCode code)
{
    struct srv_http *http = arg;
    if (code == MHD_CONNECTION_NOTIFY_CLOSED) {
        if (srv_watch_was_cut(*context))
            srv_metrics_add(http->metrics, SRV_COUNTER_connection_cuts, 1);
        srv_watch_remove(http->watchdog, *context);
        *context = NULL;
        return;
    }
    const union MHD_ConnectionInfo *info =
        MHD_get_connection_info(connection, MHD_CONNECTION_INFO_CONNECTION_FD);
    struct srv_watch *watch = info == NULL ? NULL : srv_watch_add(http->watchdog, info->connect_fd);
    *context = watch;
    const uint64_t now = up_now_ns();
    srv_watch_set(watch, now + (uint64_t)http->options->header_deadline * 1000000u, now);
}

/* The request line is here: the other headers must follow soon. */
static void *on_request_line(void *arg, const char *uri, struct MHD_Connection *connection)
{
    const struct srv_http *http = arg;
    (void)uri;
    srv_watch_set(watch_of(connection),
                  up_now_ns() + (uint64_t)http->options->header_deadline * 1000000u, 0);
    return NULL;
}

static size_t on_unescape(void *arg, struct MHD_Connection *connection, char *text)
{
    (void)arg;
    (void)connection;
    return srv_percent_decode(text);
}

static void on_library_log(void *arg, const char *format, va_list args) UP_PRINTF(2, 0);
static void on_library_log(void *arg, const char *format, va_list args)
{
    (void)arg;
    char text[256];
    (void)vsnprintf(text, sizeof text, format, args);
    text[strcspn(text, "\n")] = '\0';
    srv_log_say(SRV_DEBUG, "libmicrohttpd", text);
}

/* --- What the endpoints ask ------------------------------------------------------------------- */

static size_t connections(const struct srv_http *http)
{
    size_t sum = 0;
    for (size_t i = 0; i < http->daemon_count; i++) {
        const union MHD_DaemonInfo *info =
            MHD_get_daemon_info(http->daemons[i], MHD_DAEMON_INFO_CURRENT_CONNECTIONS);
        sum += info == NULL ? 0 : info->num_connections;
    }
    return sum;
}

static bool operation_ready(void *server)
{
    const struct srv_http *http = server;
    return !atomic_load(&http->draining);
}

static char *operation_metrics(void *server, struct up_arena *arena, size_t *ret_bytes,
                               struct up_error *err)
{
    struct srv_http *http = server;
    struct up_pool *pool = http->context->pool;
    struct up_plan_cache *plans = http->context->plans;
    struct up_plan_cache_counts kept = {.entries = 0};
    if (plans != NULL)
        kept = up_plan_cache_counts(plans);
    struct api_memo_counts memo = {.entries = 0};
    if (http->context->memo != NULL)
        memo = api_memo_counts(http->context->memo);
    const struct srv_gauges gauges = {
        .requests_active = (double)atomic_load(&http->active),
        .connections = (double)connections(http),
        .queue_waiting = (double)up_pool_waiting(pool),
        .queue_running = (double)up_pool_running(pool),
        .queue_limit = (double)http->options->queue,
        .workers = (double)http->options->threads,
        .memory_used_bytes = (double)atomic_load(&http->budget.used),
        .memory_limit_bytes = (double)http->budget.limit_bytes,
        .plan_cache_bytes = (double)kept.bytes,
        .plan_cache_limit_bytes = (double)http->options->plan_cache,
        .plan_cache_entries = (double)kept.entries,
        .plan_cache_hits = (double)kept.hits,
        .plan_cache_misses = (double)kept.misses,
        .plan_cache_evictions = (double)kept.evictions,
        .memo_bytes = (double)memo.bytes,
        .memo_entries = (double)memo.entries,
        .memo_hits = (double)memo.hits,
        .memo_evictions = (double)memo.evictions,
        .log_dropped = (double)srv_log_writer_dropped(),
        .ready = operation_ready(http) ? 1 : 0,
        .start_seconds = http->start_seconds,
        .resident_bytes = (double)srv_machine_resident(),
    };
    return srv_metrics_text(http->metrics, &gauges, arena, ret_bytes, err);
}

struct api_operation srv_http_operation(struct srv_http *http)
{
    return (struct api_operation){http, operation_ready, operation_metrics};
}

struct up_budget *srv_http_budget(struct srv_http *http)
{
    return &http->budget;
}

const char *srv_http_library(void)
{
    static char text[64];
    (void)snprintf(text, sizeof text, "libmicrohttpd %s", MHD_get_version());
    return text;
}

/* --- Life ------------------------------------------------------------------------------------- */

/* A whole small file as a string; NULL when the option is not set. */
static enum up_code secret_read(const char *option, const char *path, char **ret,
                                struct up_error *err)
{
    if (path[0] == '\0')
        return UP_OK;
    FILE *f = fopen(path, "re");
    if (f == NULL)
        return up_fail(err, UP_E_INVALID, "", "--%s '%s' cannot be read: %s", option, path,
                       strerror(errno));
    char *text = calloc(1, SECRET_BYTES_MAX + 1);
    const size_t n = text == NULL ? 0 : fread(text, 1, SECRET_BYTES_MAX + 1, f);
    (void)fclose(f);
    if (n == 0 || n > SECRET_BYTES_MAX) {
        free(text);
        return up_fail(err, UP_E_INVALID, "", "--%s '%s' is empty or larger than %d bytes", option,
                       path, SECRET_BYTES_MAX);
    }
    *ret = text;
    return UP_OK;
}

static unsigned tick_ms(const struct srv_options *o)
{
    const unsigned shortest =
        o->header_deadline < o->body_deadline ? o->header_deadline : o->body_deadline;
    const unsigned tick = shortest / TICKS;
    return tick > TICK_MS_MAX ? TICK_MS_MAX : tick < 1 ? 1 : tick;
}

/* Ids of one process must not be those of another. */
static uint64_t ids_seed(void)
{
    struct timespec now;
    (void)clock_gettime(CLOCK_REALTIME, &now);
    uint64_t seed =
        (uint64_t)now.tv_sec * 1000000000u + (uint64_t)now.tv_nsec + ((uint64_t)getpid() << 32);
    FILE *f = fopen("/dev/urandom", "re");
    uint64_t random = 0;
    if (f != NULL && fread(&random, sizeof random, 1, f) == 1)
        seed ^= random;
    if (f != NULL)
        (void)fclose(f);
    return seed;
}

enum up_code srv_http_new(const struct srv_options *options, struct srv_http **ret,
                          struct up_error *err)
{
    struct srv_http *http = calloc(1, sizeof *http);
    if (http == NULL)
        return up_fail(err, UP_E_BUSY, "", "no memory");
    (void)pthread_mutex_init(&http->lock, NULL);
    http->options = options;
    http->budget.limit_bytes = options->memory;
    up_budget_shelf_new(&http->budget, options->memory / SHELF_PART);
    http->ids = ids_seed();
    http->start_seconds = (double)time(NULL);
    http->metrics = srv_metrics_new();
    http->watchdog = srv_watchdog_new(tick_ms(options), &http->budget);
    enum up_code code = UP_OK;
    if (http->metrics == NULL || http->watchdog == NULL)
        code = up_fail(err, UP_E_BUSY, "", "no memory");
    const struct {
        const char *option, *path;
        char **to;
    } secrets[] = {{"api-key-file", options->api_key_file, &http->keys},
                   {"tls-certificate", options->tls_certificate, &http->certificate},
                   {"tls-key", options->tls_key, &http->certificate_key}};
    for (size_t i = 0; i < sizeof secrets / sizeof secrets[0] && code == UP_OK; i++)
        code = secret_read(secrets[i].option, secrets[i].path, secrets[i].to, err);
    if (code != UP_OK) {
        srv_http_free(http);
        return code;
    }
    *ret = http;
    return UP_OK;
}

void srv_http_free(struct srv_http *http)
{
    if (http == NULL)
        return;
    srv_exchange_forget_all(http);
    srv_watchdog_free(http->watchdog);
    up_budget_shelf_free(&http->budget);
    srv_metrics_free(http->metrics);
    free(http->keys);
    free(http->certificate);
    free(http->certificate_key);
    (void)pthread_mutex_destroy(&http->lock);
    free(http);
}

static struct MHD_Daemon *daemon_start(struct srv_http *http, unsigned connections_max)
{
    const struct srv_options *o = http->options;
    const bool tls = http->certificate != NULL;
    const unsigned flags = MHD_USE_EPOLL_INTERNAL_THREAD | MHD_USE_NO_LISTEN_SOCKET |
                           MHD_ALLOW_SUSPEND_RESUME | MHD_USE_ITC | MHD_USE_ERROR_LOG |
                           (tls ? MHD_USE_TLS : 0u);
    const struct MHD_OptionItem secure[] = {
        {MHD_OPTION_HTTPS_MEM_CERT, 0, http->certificate},
        {MHD_OPTION_HTTPS_MEM_KEY, 0, http->certificate_key},
        {MHD_OPTION_END, 0, NULL},
    };
    return MHD_start_daemon(flags, 0, NULL, NULL, on_request,
                            http, /* the logger must be the first option */
                            MHD_OPTION_EXTERNAL_LOGGER, on_library_log, NULL,              /**/
                            MHD_OPTION_CONNECTION_LIMIT, connections_max,                  /**/
                            MHD_OPTION_CONNECTION_MEMORY_LIMIT, (size_t)CONNECTION_BYTES,  /**/
                            MHD_OPTION_CONNECTION_TIMEOUT, (o->idle_timeout + 999) / 1000, /**/
                            MHD_OPTION_THREAD_STACK_SIZE, (size_t)IO_STACK_BYTES,          /**/
                            MHD_OPTION_STRICT_FOR_CLIENT, 1,                               /**/
                            MHD_OPTION_NOTIFY_COMPLETED, on_completed, http,               /**/
                            MHD_OPTION_NOTIFY_CONNECTION, on_connection, http,             /**/
                            MHD_OPTION_URI_LOG_CALLBACK, on_request_line, http,            /**/
                            MHD_OPTION_UNESCAPE_CALLBACK, on_unescape, http,               /**/
                            MHD_OPTION_ARRAY, tls ? secure : secure + 2, MHD_OPTION_END);
}

static void daemons_stop(struct srv_http *http)
{
    while (http->daemon_count > 0)
        MHD_stop_daemon(http->daemons[--http->daemon_count]);
}

static enum up_code daemons_start(struct srv_http *http, struct up_error *err)
{
    const size_t files = srv_machine_files();
    const unsigned cores = srv_machine_cores();
    const unsigned half = cores / 2 < 2 ? 2 : cores / 2;
    const unsigned count = half < SRV_DAEMONS_MAX ? half : SRV_DAEMONS_MAX;
    const size_t most = files > 2 * OWN_FILES ? files - OWN_FILES : OWN_FILES;
    for (unsigned i = 0; i < count; i++) {
        struct MHD_Daemon *daemon = daemon_start(http, (unsigned)(most / count));
        if (daemon == NULL) {
            daemons_stop(http);
            return up_fail(err, UP_E_INVALID, "", "the HTTP library does not start%s",
                           http->certificate != NULL ? " with this TLS certificate and key" : "");
        }
        http->daemons[http->daemon_count++] = daemon;
    }
    return UP_OK;
}

/* Connections go round the daemons; the library closes what it cannot take. */
static void take(void *arg, int fd, const struct sockaddr *address, socklen_t bytes)
{
    struct srv_http *http = arg;
    struct MHD_Daemon *daemon = http->daemons[http->next_daemon++ % http->daemon_count];
    (void)MHD_add_connection(daemon, fd, address, bytes);
}

enum up_code srv_http_start(struct srv_http *http, const struct api_context *context,
                            struct up_error *err)
{
    http->context = context;
    enum up_code code = daemons_start(http, err);
    int listen_fd;
    if (code == UP_OK)
        code = srv_listen(http->options, &listen_fd, &http->port, err);
    if (code != UP_OK) {
        daemons_stop(http);
        return code;
    }
    http->acceptor = srv_acceptor_new(listen_fd, take, http);
    if (http->acceptor != NULL)
        return UP_OK;
    (void)close(listen_fd);
    daemons_stop(http);
    return up_fail(err, UP_E_BUSY, "", "the thread that accepts connections does not start");
}

unsigned srv_http_port(const struct srv_http *http)
{
    return http->port;
}

void srv_http_drain(struct srv_http *http)
{
    atomic_store(&http->draining, true);
}

void srv_http_quiesce(struct srv_http *http)
{
    srv_acceptor_end(http->acceptor);
    http->acceptor = NULL;
    if (http->options->unix_socket[0] != '\0')
        (void)unlink(http->options->unix_socket);
}

size_t srv_http_remaining(struct srv_http *http)
{
    return srv_watchdog_close_idle(http->watchdog);
}

void srv_http_give_up(struct srv_http *http)
{
    atomic_store(&http->giving_up, true);
}

void srv_http_stop(struct srv_http *http)
{
    daemons_stop(http);
}
