/* DESIGN
 * A table of the headers that matter: where each goes, and whether a second one of that name makes
 * the request ambiguous. The HTTP library takes several framing headers where RFC 9112 forbids
 * them, and behind a proxy that reads them differently that is request smuggling; so they are
 * judged here. */
#include "server/headers.h"

#include <errno.h>
#include <microhttpd.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

enum repeat { ONCE, FIRST, JOINED };

static const struct row {
    const char *name;
    size_t offset;
    enum repeat repeat;
} rows[] = {
#define ROW(name, field, repeat)                                                                   \
    {                                                                                              \
        name, offsetof(struct srv_headers, field), repeat                                          \
    }
    ROW("Host", host, ONCE),
    ROW("Content-Length", content_length, ONCE),
    ROW("Transfer-Encoding", transfer_encoding, ONCE),
    ROW("Expect", expect, ONCE),
    ROW("Content-Type", content_type, ONCE),
    ROW("Content-Encoding", content_encoding, JOINED),
    ROW("Authorization", authorization, ONCE),
    ROW("Accept", accept, JOINED),
    ROW("Origin", origin, FIRST),
    ROW("X-Request-Id", request_id, FIRST),
    ROW("X-Api-Key", api_key, FIRST),
    ROW("Access-Control-Request-Method", preflight_method, FIRST),
#undef ROW
};

enum { ROWS = sizeof rows / sizeof rows[0] };

struct reading {
    struct srv_headers *headers;
    struct up_arena *arena;
    struct up_error *err;
};

static enum up_code header_store(struct reading *r, const struct row *row, const char *value)
{
    const char **at = (const char **)(void *)((char *)r->headers + row->offset);
    if (*at == NULL) {
        *at = value;
        return UP_OK;
    }
    if (row->repeat == ONCE)
        return up_fail(r->err, UP_E_HEADERS, "", "the header %s is there twice", row->name);
    if (row->repeat == JOINED) {
        const char *joined = up_arena_printf(r->arena, r->err, "%s, %s", *at, value);
        if (joined == NULL)
            return r->err->code;
        *at = joined;
    }
    return UP_OK;
}

/* A name is a token (RFC 9110, 5.6.2). */
static bool is_token(const char *text)
{
    const char *c = text;
    while ((*c >= 'a' && *c <= 'z') || (*c >= 'A' && *c <= 'Z') || (*c >= '0' && *c <= '9') ||
           (*c != '\0' && strchr("-_!#$%&'*+.^`|~", *c) != NULL))
        c++;
    return c != text && *c == '\0';
}

/* "Content-Length : 4" arrives here with the blank, and the library knows no such header. A header
 * that goes on in a second line arrives with that line at the end of its name: no name may go on
 * after one that frames the body. */
static enum up_code name_judge(const char *name, struct up_error *err)
{
    static const char *const framing[] = {"Content-Length", "Transfer-Encoding"};
    if (!is_token(name))
        return up_fail(err, UP_E_HEADERS, "", "a header's name holds what no name may");
    for (size_t i = 0; i < sizeof framing / sizeof framing[0]; i++) {
        const size_t n = strlen(framing[i]);
        if (strncasecmp(name, framing[i], n) == 0 && name[n] != '\0')
            return up_fail(err, UP_E_HEADERS, "", "the header %s goes on in a second line",
                           framing[i]);
    }
    return UP_OK;
}

static enum MHD_Result header_visit(void *arg, enum MHD_ValueKind kind, const char *name,
                                    const char *value)
{
    struct reading *r = arg;
    (void)kind;
    if (name_judge(name, r->err) != UP_OK)
        return MHD_NO;
    for (size_t i = 0; i < ROWS; i++)
        if (strcasecmp(rows[i].name, name) == 0)
            return header_store(r, &rows[i], value == NULL ? "" : value) == UP_OK ? MHD_YES
                                                                                  : MHD_NO;
    return MHD_YES;
}

static enum up_code framing_judge(struct srv_headers *h, struct up_error *err)
{
    if (h->content_length != NULL && h->transfer_encoding != NULL)
        return up_fail(err, UP_E_HEADERS, "",
                       "the headers Content-Length and Transfer-Encoding exclude each other");
    if (h->transfer_encoding != NULL && strcasecmp(h->transfer_encoding, "chunked") != 0)
        return up_fail(err, UP_E_HEADERS, "",
                       "the header Transfer-Encoding is '%.60s'; only 'chunked' is known",
                       h->transfer_encoding);
    if (h->content_length != NULL) {
        if (strspn(h->content_length, "0123456789") != strlen(h->content_length) ||
            h->content_length[0] == '\0')
            return up_fail(err, UP_E_HEADERS, "", "the header Content-Length is '%.60s'",
                           h->content_length);
        errno = 0;
        const unsigned long long n = strtoull(h->content_length, NULL, 10);
        h->length = errno != 0 || n > SIZE_MAX ? SIZE_MAX : (size_t)n;
        h->length_known = true;
    }
    h->has_body = h->transfer_encoding != NULL || h->length != 0;
    return UP_OK;
}

enum up_code srv_headers_read(struct MHD_Connection *connection, struct up_arena *arena,
                              struct srv_headers *ret, struct up_error *err)
{
    struct srv_headers headers = {.host = NULL};
    struct reading r = {&headers, arena, err};
    (void)MHD_get_connection_values(connection, MHD_HEADER_KIND, header_visit, &r);
    if (err->code != UP_OK)
        return err->code;
    const enum up_code code = framing_judge(&headers, err);
    if (code == UP_OK)
        *ret = headers;
    return code;
}

bool srv_headers_expect_known(const struct srv_headers *h)
{
    return h->expect == NULL || strcasecmp(h->expect, "100-continue") == 0;
}

bool srv_headers_coding_known(const struct srv_headers *h)
{
    static const char blanks[] = ", \t", identity[] = "identity";
    const char *at = h->content_encoding == NULL ? "" : h->content_encoding;
    while (*(at += strspn(at, blanks)) != '\0') {
        const size_t length = strcspn(at, blanks);
        if (length != sizeof identity - 1 || strncasecmp(at, identity, length) != 0)
            return false;
        at += length;
    }
    return true;
}

struct query {
    struct api_pair *pairs;
    size_t count;
};

static enum MHD_Result query_visit(void *arg, enum MHD_ValueKind kind, const char *name,
                                   const char *value)
{
    struct query *q = arg;
    (void)kind;
    q->pairs[q->count++] = (struct api_pair){name, value == NULL ? "" : value};
    return MHD_YES;
}

enum up_code srv_query_read(struct MHD_Connection *connection, struct up_arena *arena,
                            const struct api_pair **ret, size_t *ret_count, struct up_error *err)
{
    const int count = MHD_get_connection_values(connection, MHD_GET_ARGUMENT_KIND, NULL, NULL);
    if (count > SRV_QUERY_MAX)
        return up_fail(err, UP_E_SYNTAX, "", "the query has %d parameters; %d are allowed", count,
                       SRV_QUERY_MAX);
    struct query q = {.pairs = NULL};
    if (count > 0) {
        q.pairs = up_arena_alloc(arena, (size_t)count, sizeof *q.pairs, err);
        if (q.pairs == NULL)
            return err->code;
        (void)MHD_get_connection_values(connection, MHD_GET_ARGUMENT_KIND, query_visit, &q);
    }
    *ret = q.pairs;
    *ret_count = q.count;
    return UP_OK;
}

bool srv_request_id_valid(const char *id)
{
    static const char allowed[] =
        "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_";
    const size_t n = id == NULL ? 0 : strlen(id);
    return n >= 1 && n <= SRV_ID_BYTES_MAX && strspn(id, allowed) == n;
}

const char *srv_cors_allow(const char *origins, const char *origin)
{
    if (origin == NULL)
        return NULL;
    const size_t n = strlen(origin);
    for (const char *at = origins; *at != '\0';) {
        at += strspn(at, ", ");
        const size_t length = strcspn(at, ", ");
        if (length == 1 && at[0] == '*')
            return "*";
        if (length == n && n > 0 && memcmp(at, origin, n) == 0)
            return origin;
        at += length;
    }
    return NULL;
}

/* Looks at every byte of both, whatever it finds. */
static bool same_key(const char *key, size_t key_bytes, const char *given, size_t given_bytes)
{
    unsigned difference = key_bytes == given_bytes ? 0 : 1;
    for (size_t i = 0; i < key_bytes; i++) {
        const char c = given_bytes == 0 ? '\0' : given[i % given_bytes];
        difference |= (unsigned char)(key[i] ^ c);
    }
    return difference == 0;
}

bool srv_key_allowed(const char *keys, const struct srv_headers *h)
{
    static const char scheme[] = "Bearer ";
    const char *given = h->api_key;
    if (given == NULL && h->authorization != NULL &&
        strncasecmp(h->authorization, scheme, sizeof scheme - 1) == 0)
        given = h->authorization + sizeof scheme - 1;
    if (given == NULL)
        return false;
    unsigned allowed = 0;
    for (const char *at = keys; *at != '\0';) {
        at += strspn(at, "\r\n\t ");
        const size_t length = strcspn(at, "\r\n\t ");
        if (length > 0)
            allowed |= same_key(at, length, given, strlen(given));
        at += length;
    }
    return allowed != 0;
}

static int hex_digit(char c)
{
    if (c >= '0' && c <= '9')
        return c - '0';
    if (c >= 'a' && c <= 'f')
        return c - 'a' + 10;
    return c >= 'A' && c <= 'F' ? c - 'A' + 10 : -1;
}

size_t srv_percent_decode(char *text)
{
    char *to = text;
    for (const char *p = text; *p != '\0';) {
        const int high = p[0] == '%' ? hex_digit(p[1]) : -1;
        const int low = high < 0 ? -1 : hex_digit(p[2]);
        if (low >= 0 && high + low > 0) {
            *to++ = (char)(high * 16 + low);
            p += 3;
        } else {
            *to++ = *p++;
        }
    }
    *to = '\0';
    return (size_t)(to - text);
}
