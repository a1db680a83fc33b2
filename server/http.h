/* The HTTP front: sockets in, api calls, answers out.
 *
 * Cheap requests are answered on the threads that do the input and output, the others on the pool.
 * Life: new, start, then drain, quiesce, stop, free; one thread calls these. */
#ifndef SRV_HTTP_H
#define SRV_HTTP_H

#include <stdbool.h>
#include <stddef.h>

#include "api/api.h"
#include "server/options.h"

struct srv_http;

/* `options` must outlive it. Reads the key and certificate files: UP_E_INVALID names the one that
 * cannot be read. */
enum up_code srv_http_new(const struct srv_options *options, struct srv_http **ret,
                          struct up_error *err) UP_CHECKED;
void srv_http_free(struct srv_http *http); /* NULL is allowed; stopped or never started */

/* What all requests' memory is drawn from. */
struct up_budget *srv_http_budget(struct srv_http *http);

/* What the endpoints that tell how the service is need to ask. */
struct api_operation srv_http_operation(struct srv_http *http);

/* Listens and serves; `context` must outlive the service. */
enum up_code srv_http_start(struct srv_http *http, const struct api_context *context,
                            struct up_error *err) UP_CHECKED;
unsigned srv_http_port(const struct srv_http *http); /* 0 for a Unix socket */

/* From now on: not ready, and every answer closes its connection. */
void srv_http_drain(struct srv_http *http);

/* Takes no new connection but those that the kernel has already made. */
void srv_http_quiesce(struct srv_http *http);

/* Connections that are still open; those that have become idle are closed. After quiesce. */
size_t srv_http_remaining(struct srv_http *http);

/* Requests that no worker has begun are answered 503. */
void srv_http_give_up(struct srv_http *http);

/* Ends the I/O threads; no job may be reserved, waiting or running. */
void srv_http_stop(struct srv_http *http);

/* "libmicrohttpd 0.9.75" */
const char *srv_http_library(void);

#endif
