/* What the service reads of a request's headers and query, and whether it trusts them. */
#ifndef SRV_HEADERS_H
#define SRV_HEADERS_H

#include <stdbool.h>
#include <stddef.h>

#include "api/api.h"
#include "server/options.h"

struct MHD_Connection;

enum { SRV_ID_BYTES_MAX = 64, SRV_QUERY_MAX = 256 };

/* Values are borrowed from the connection until the request is over; NULL: there is none. */
struct srv_headers {
    const char *host, *content_length, *transfer_encoding, *expect;
    const char *content_type, *content_encoding, *accept, *origin, *request_id, *authorization,
        *api_key;
    const char *preflight_method; /* Access-Control-Request-Method */
    bool has_body;
    bool length_known;
    size_t length; /* of the body, when known; SIZE_MAX when the number is larger than that */
};

/* Reads the headers. UP_E_HEADERS for those that two servers could read differently: the connection
 * must be closed then. */
enum up_code srv_headers_read(struct MHD_Connection *connection, struct up_arena *arena,
                              struct srv_headers *ret, struct up_error *err) UP_CHECKED;

/* Whether the Expect header, if any, is one that the service meets. */
bool srv_headers_expect_known(const struct srv_headers *headers);

/* Whether a body's Content-Encoding, if any, leaves it as it is. */
bool srv_headers_coding_known(const struct srv_headers *headers);

/* The percent-decoded query, in order. */
enum up_code srv_query_read(struct MHD_Connection *connection, struct up_arena *arena,
                            const struct api_pair **ret, size_t *ret_count,
                            struct up_error *err) UP_CHECKED;

/* Whether a client's X-Request-Id may be taken: 1 to 64 letters, digits, - and _. */
bool srv_request_id_valid(const char *id);

/* The value of Access-Control-Allow-Origin for this Origin; NULL: it may not read the answer. */
const char *srv_cors_allow(const char *origins, const char *origin);

/* Whether the text of keys, one a line, holds the key of the request, in a time that does not
 * depend on how much of it is right. */
bool srv_key_allowed(const char *keys, const struct srv_headers *headers);

/* Decodes %HH in place and returns the new length; %00 stays as it is, no text holds a NUL. */
size_t srv_percent_decode(char *text);

#endif
