/* Requests that two servers could read differently, byte for byte over a socket. */
#include <criterion/criterion.h>
#include <criterion/parameterized.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "tests/support/server.h"

#define POST  "POST /upsample HTTP/1.1\r\nHost: x\r\n"
#define INNER "GET /healthz HTTP/1.1\r\nHost: x\r\nX-Request-Id: smuggled\r\n\r\n"

static const struct {
    const char *name, *bytes;
    const char *status; /* of the only answer; the connection closes after it */
} cases[] = {
    {"length and chunked",
     POST "Content-Length: 4\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n" INNER, "400"},
    {"two lengths", POST "Content-Length: 4\r\nContent-Length: 40\r\n\r\nabcd" INNER, "400"},
    {"one length twice", POST "Content-Length: 4\r\ncontent-length: 4\r\n\r\nabcd" INNER, "400"},
    {"a list of lengths", POST "Content-Length: 4, 4\r\n\r\nabcd" INNER, "400"},
    {"a negative length", POST "Content-Length: -1\r\n\r\n" INNER, "400"},
    {"a length with a sign", POST "Content-Length: +4\r\n\r\nabcd" INNER, "400"},
    {"a length beyond 64 bits", POST "Content-Length: 99999999999999999999999\r\n\r\n" INNER,
     "413"},
    {"two hosts", "GET /healthz HTTP/1.1\r\nHost: x\r\nHost: y\r\n\r\n" INNER, "400"},
    {"no host", "GET /healthz HTTP/1.1\r\n\r\n" INNER, "400"},
    {"a blank before the colon", POST "Content-Length : 4\r\n\r\nabcd" INNER, "400"},
    {"a name that starts with a blank",
     "GET /healthz HTTP/1.1\r\n Host: x\r\nHost: x\r\n\r\n" INNER, "400"},
    {"an unknown coding", POST "Transfer-Encoding: gzip, chunked\r\n\r\n0\r\n\r\n" INNER, "400"},
    {"almost chunked", POST "Transfer-Encoding: xchunked\r\n\r\n0\r\n\r\n" INNER, "400"},
    {"chunked twice",
     POST "Transfer-Encoding: chunked\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n" INNER, "400"},
    {"a folded length", POST "Content-Length: 1\r\n 0\r\n\r\n0123456789" INNER, "400"},
    {"a folded coding", POST "Transfer-Encoding: chun\r\n\tked\r\n\r\n0\r\n\r\n" INNER, "400"},
    {"two content types", POST "Content-Type: a/b\r\nContent-Type: c/d\r\n\r\n" INNER, "400"},
    {"a broken chunk", POST "Transfer-Encoding: chunked\r\n\r\nzz\r\n\r\n" INNER, "400"},
    {"an unknown expectation", POST "Expect: magic\r\nContent-Length: 4\r\n\r\n", "417"},
};

enum { CASES = sizeof cases / sizeof cases[0] };

ParameterizedTestParameters(framing, an_ambiguous_request_gets_one_refusal_and_the_end)
{
    static size_t indices[CASES];
    for (size_t i = 0; i < CASES; i++)
        indices[i] = i;
    return cr_make_param_array(size_t, indices, CASES);
}

ParameterizedTest(size_t *index, framing, an_ambiguous_request_gets_one_refusal_and_the_end,
                  .timeout = 20)
{
    struct server *s = server_start(NULL);
    const int fd = raw_connect(s);
    raw_send(fd, cases[*index].bytes, strlen(cases[*index].bytes));
    char *answer = raw_read(fd, NULL);
    cr_assert(strncmp(answer, "HTTP/1.1 ", 9) == 0 &&
                  strncmp(answer + 9, cases[*index].status, 3) == 0,
              "%s: %s", cases[*index].name, answer);
    cr_assert(strstr(answer, "smuggled") == NULL, "%s: the hidden request was answered: %s",
              cases[*index].name, answer);
    free(answer);
    (void)close(fd);
    char *log;
    cr_assert(server_stop(s, SIGTERM, &log) == 0, "not a clean end");
    cr_assert(strstr(log, "smuggled") == NULL, "%s: the hidden request was served",
              cases[*index].name);
    free(log);
}

Test(framing, pipelined_requests_are_answered_in_order, .timeout = 20)
{
    static const char bytes[] = "GET /healthz HTTP/1.1\r\nHost: x\r\nX-Request-Id: one\r\n\r\n"
                                "GET http://proxy.example/readyz HTTP/1.1\r\nHost: x\r\n"
                                "X-Request-Id: two\r\nConnection: close\r\n\r\n";
    struct server *s = server_start(NULL);
    const int fd = raw_connect(s);
    raw_send(fd, bytes, sizeof bytes - 1);
    char *answer = raw_read(fd, NULL);
    const char *one = strstr(answer, "X-Request-Id: one"),
               *two = strstr(answer, "X-Request-Id: two");
    cr_assert(one != NULL && two != NULL && one < two, "%s", answer);
    cr_assert(strncmp(answer, "HTTP/1.1 200 ", 13) == 0, "%s", answer);
    free(answer);
    (void)close(fd);
    cr_assert(server_stop(s, SIGTERM, NULL) == 0, "not a clean end");
}

Test(framing, garbage_ends_the_connection_and_nothing_else, .timeout = 20)
{
    static const char *const hasty[] = {"--header-deadline", "300ms", NULL};
    struct server *s = server_start(hasty);
    static const char *const garbage[] = {"\r\n\r\n\r\n\r\nX", "GET\r\n\r\n",
                                          "\x16\x03\x01\x02\x01",
                                          "GET / HTTP/9.9\r\nHost: x\r\n\r\n"};
    for (size_t i = 0; i < sizeof garbage / sizeof garbage[0]; i++) {
        const int fd = raw_connect(s);
        raw_send(fd, garbage[i], strlen(garbage[i]));
        (void)shutdown(fd, SHUT_WR);
        free(raw_read(fd, NULL));
        (void)close(fd);
    }
    struct answer a = client_get(s, "/healthz");
    cr_assert(a.status == 200, "%ld", a.status);
    answer_free(&a);
    cr_assert(server_stop(s, SIGTERM, NULL) == 0, "not a clean end");
}
