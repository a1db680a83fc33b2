/* A server that does nothing but HTTP: what the library itself costs.
 *
 *     bench_bare_http [threads]
 *
 * Listens on a free port of the loopback and prints it. POST /N takes a body into memory, and
 * answers N bytes that never change. Ends when its input does. */
#include <microhttpd.h>
#include <netinet/in.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { BODY_BYTES_MAX = 256 << 20, CONNECTION_BYTES = 64 << 10, THREADS = 2 };

struct exchange {
    size_t bytes, room;
    char *body;
};

static char *constant;

static struct exchange *begin(struct MHD_Connection *connection)
{
    const char *length =
        MHD_lookup_connection_value(connection, MHD_HEADER_KIND, MHD_HTTP_HEADER_CONTENT_LENGTH);
    struct exchange *e = calloc(1, sizeof *e);
    if (e == NULL)
        return NULL;
    e->room = length == NULL ? 0 : (size_t)strtoull(length, NULL, 10);
    e->body = malloc(e->room + 1);
    return e;
}

static enum MHD_Result answer(struct MHD_Connection *connection, const char *url)
{
    const size_t bytes = (size_t)strtoull(url + 1, NULL, 10);
    struct MHD_Response *response = MHD_create_response_from_buffer(
        bytes < BODY_BYTES_MAX ? bytes : BODY_BYTES_MAX, constant, MHD_RESPMEM_PERSISTENT);
    (void)MHD_add_response_header(response, MHD_HTTP_HEADER_CONTENT_TYPE, "application/json");
    const enum MHD_Result result = MHD_queue_response(connection, MHD_HTTP_OK, response);
    MHD_destroy_response(response);
    return result;
}

/* NOLINTNEXTLINE(readability-function-size): the library's signature */
static enum MHD_Result on_request(void *arg, struct MHD_Connection *connection, const char *url,
                                  const char *method, const char *version, const char *data,
                                  size_t *bytes, void **state)
{
    (void)arg, (void)method, (void)version;
    struct exchange *e = *state;
    if (e == NULL)
        return (*state = begin(connection)) == NULL ? MHD_NO : MHD_YES;
    if (*bytes == 0)
        return answer(connection, url);
    if (e->body == NULL || *bytes > e->room - e->bytes)
        return MHD_NO;
    memcpy(e->body + e->bytes, data, *bytes);
    e->bytes += *bytes;
    *bytes = 0;
    return MHD_YES;
}

static void on_completed(void *arg, struct MHD_Connection *connection, void **state,
                         enum MHD_RequestTerminationCode code)
{
    (void)arg, (void)connection, (void)code;
    struct exchange *e = *state;
    if (e != NULL)
        free(e->body);
    free(e);
}

int main(int argc, char **argv)
{
    const struct sockaddr_in loopback = {.sin_family = AF_INET,
                                         .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
    const unsigned threads = argc > 1 ? (unsigned)strtoul(argv[1], NULL, 10) : THREADS;
    constant = malloc(BODY_BYTES_MAX);
    if (constant == NULL)
        return EXIT_FAILURE;
    memset(constant, ' ', BODY_BYTES_MAX);
    struct MHD_Daemon *daemon = MHD_start_daemon(
        MHD_USE_EPOLL_INTERNAL_THREAD | MHD_USE_ERROR_LOG, 0, NULL, NULL, on_request, NULL,
        MHD_OPTION_SOCK_ADDR, &loopback, MHD_OPTION_THREAD_POOL_SIZE, threads,
        MHD_OPTION_CONNECTION_MEMORY_LIMIT, (size_t)CONNECTION_BYTES, MHD_OPTION_NOTIFY_COMPLETED,
        on_completed, NULL, MHD_OPTION_END);
    if (daemon == NULL)
        return EXIT_FAILURE;
    const union MHD_DaemonInfo *info = MHD_get_daemon_info(daemon, MHD_DAEMON_INFO_BIND_PORT);
    printf("%u\n", info->port);
    (void)fflush(stdout);
    while (getchar() != EOF)
        continue;
    MHD_stop_daemon(daemon);
    free(constant);
    return EXIT_SUCCESS;
}
