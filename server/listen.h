/* The socket that the service listens on, and asking it whether it lives. */
#ifndef SRV_LISTEN_H
#define SRV_LISTEN_H

#include "core/error.h"
#include "server/options.h"

/* Listens where the options say: a Unix socket, or an address and a port. A Unix socket's path that
 * nobody serves any more is taken over. UP_E_INVALID says which address and why not. */
enum up_code srv_listen(const struct srv_options *options, int *ret_fd, unsigned *ret_port,
                        struct up_error *err) UP_CHECKED;

/* --healthcheck: 0 when the service answers /healthz with 200, else 1. One that serves HTTPS is
 * asked for a connection only. */
int srv_healthcheck(const struct srv_options *options);

#endif
