/* The way out: nothing that was accepted is lost. */
#ifndef SRV_DRAIN_H
#define SRV_DRAIN_H

#include <signal.h>

#include "core/pool.h"
#include "server/http.h"

/* Not ready for `delay_ms`, then no new connections, then up to `timeout_ms` for the requests that
 * are here; those still waiting for a worker after that are answered 503. A second signal of the
 * set, which must be blocked, ends the process at once. */
void srv_drain(struct srv_http *http, struct up_pool *pool, const sigset_t *signals,
               unsigned delay_ms, unsigned timeout_ms);

#endif
