/* One request and its answer, from the first header to the last byte.
 *
 * An exchange is used by one thread at a time: an I/O thread, then perhaps a worker, then an I/O
 * thread. It is recycled warm. Private to the HTTP front. */
#ifndef SRV_EXCHANGE_H
#define SRV_EXCHANGE_H

#include <pthread.h>
#include <stdatomic.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "api/api.h"
#include "server/headers.h"
#include "server/metrics.h"
#include "server/options.h"
#include "server/watchdog.h"

struct MHD_Daemon;
struct MHD_Connection;
struct sockaddr;

enum { SRV_DAEMONS_MAX = 32 };

struct srv_http {
    const struct srv_options *options;
    const struct api_context *context;
    struct up_budget budget;
    struct srv_metrics *metrics;
    struct srv_watchdog *watchdog;
    struct MHD_Daemon *daemons[SRV_DAEMONS_MAX]; /* one thread each */
    size_t daemon_count, next_daemon;
    struct srv_acceptor *acceptor;
    char *keys, *certificate, *certificate_key; /* contents of files; NULL: not configured */
    unsigned port;
    double start_seconds;
    pthread_mutex_t lock; /* of the list of free exchanges */
    struct exchange *free;
    size_t free_count;
    atomic_size_t active;
    atomic_bool draining, giving_up;
    _Atomic uint64_t ids; /* the next request id, before it is mixed */
};

struct exchange {
    struct up_job job;
    struct exchange *next; /* in the list of free ones */
    struct srv_http *http;
    struct MHD_Connection *connection;
    struct srv_watch *watch;
    struct up_arena *arena;
    const struct api_route *route;
    struct srv_headers headers;
    struct api_request request;
    struct api_response response;
    struct api_part part;
    struct up_error error;
    char id[SRV_ID_BYTES_MAX + 1];
    char allow[64];
    char *body;
    size_t body_bytes, body_room, discarded_bytes;
    bool answered; /* the response is complete; what still comes of the body is dropped */
    bool close;    /* the connection cannot be used again */
    bool queued;   /* the answer has been handed to the HTTP library */
    uint64_t began_ns, read_ns, submitted_ns, worked_ns, queued_ns;
};

/* A fresh or recycled exchange; NULL when there is no memory. */
struct exchange *srv_exchange_take(struct srv_http *http);

struct srv_ending {
    uint64_t ns;                   /* when */
    const struct sockaddr *remote; /* NULL: not known */
    const char *reason;            /* why the connection ended early, or NULL */
};

/* Ends it: counts, logs, forgets. */
void srv_exchange_release(struct exchange *e, const struct srv_ending *ending);

/* After the headers: decides what can be decided before the body. */
void srv_exchange_begin(struct exchange *e);

/* The answer that cannot wait for the rest of the body: true when it should be sent at once. */
bool srv_exchange_early(const struct exchange *e);

/* Takes a piece of the body; false when too much has been dropped to go on. */
bool srv_exchange_body(struct exchange *e, const void *data, size_t bytes);

/* After the body: answers, or returns true when a slot of the pool is reserved and the exchange
 * must be submitted with srv_exchange_work. */
bool srv_exchange_needs_worker(struct exchange *e);

/* What the worker does. */
void srv_exchange_work(struct exchange *e);

/* The answer has been handed over: from now on its client must read it at a rate. */
void srv_exchange_sent(struct exchange *e);

/* Drops every free exchange. */
void srv_exchange_forget_all(struct srv_http *http);

/* The headers that the service itself adds, at most SRV_OWN_HEADERS_MAX; values in the arena. */
enum { SRV_OWN_HEADERS_MAX = 16 };
size_t srv_exchange_headers(struct exchange *e, struct api_pair ret[SRV_OWN_HEADERS_MAX]);

#endif
