/* A real server process for tests, and clients for it.
 *
 * The binary is named by the environment variable TEST_BINARY. Everything that waits gives up after
 * PATIENCE_SECONDS and fails the test. */
#ifndef TESTS_SUPPORT_SERVER_H
#define TESTS_SUPPORT_SERVER_H

#include <stdbool.h>
#include <stddef.h>
#include <sys/types.h>

enum { PATIENCE_SECONDS = 60 };

struct server;

/* Starts the binary with `--port 0` and the NULL-terminated arguments, waits until it listens. */
struct server *server_start(const char *const arguments[]);

/* A server that is not a process of its own, for the clients below; free() it. */
struct server *server_at(unsigned port);

unsigned server_port(const struct server *s);
pid_t server_pid(const struct server *s);

/* Waits until the server's log holds the text; false when it ended without it. */
bool server_await(struct server *s, const char *text);

/* How often the log holds the text now. */
size_t server_log_count(struct server *s, const char *text);

/* Whether the server's log is left unread from now on. */
void server_log_hold(struct server *s, bool held);

/* Sends the signal, waits for the end, frees; the exit status, or -1 when a signal ended it. The
 * whole log goes to *ret_log unless that is NULL: free it. */
int server_stop(struct server *s, int signal, char **ret_log);

/* Runs the binary with these arguments and without a server; its exit status and what it printed on
 * stdout: free it. */
int server_command(const char *const arguments[], char **ret_output);

/* An answer; `curl` is libcurl's code, 0 when there is one. Free with answer_free. */
struct answer {
    int curl;
    long status;
    char *headers, *body; /* NUL-terminated */
    size_t body_bytes;
};

/* A request over libcurl. NULL: method is GET, or POST when there is a body; no headers. A `handle`
 * keeps its connection from call to call. */
struct call {
    const char *method, *path, *body;
    size_t body_bytes;          /* 0: strlen(body) */
    const char *const *headers; /* NULL-terminated; "Expect:" takes one away */
    void *handle;               /* of curl_easy_init; NULL: a new connection */
    const char *unix_socket;
    bool chunked;
};

struct answer client_call(const struct server *s, const struct call *call);
struct answer client_get(const struct server *s, const char *path);
struct answer client_post(const struct server *s, const char *path, const char *body);
void answer_free(struct answer *answer);

/* The value of a header without blanks around it, to be freed; NULL when there is none. */
char *answer_header(const struct answer *answer, const char *name);

/* A gauge or counter of /metrics by its whole name with labels; -1 when it is not there. */
double client_metric(const struct server *s, const char *name);

/* Waits until the metric has at least this value. */
bool client_await_metric(const struct server *s, const char *name, double at_least);

/* A socket to the server, and bytes over it. `raw_read` reads to the end of the connection, or
 * until the text `until` has come if that is not NULL; the result is NUL-terminated: free it. */
int raw_connect(const struct server *s);
void raw_send(int fd, const char *bytes, size_t count);
char *raw_read(int fd, const char *until);

#endif
