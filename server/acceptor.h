/* The thread that accepts connections.
 *
 * The HTTP library would accept them itself, but cannot stop doing so without a race that aborts
 * the process now and then (MHD_quiesce_daemon of libmicrohttpd 0.9.75 and its own threads both
 * take the socket out of epoll, and the second one panics). */
#ifndef SRV_ACCEPTOR_H
#define SRV_ACCEPTOR_H

#include <sys/socket.h>

struct srv_acceptor;

/* Accepts from a listening, non-blocking socket, which it owns from then on; `take` takes over each
 * accepted one, on the acceptor's thread. NULL when there is no memory or no thread. */
struct srv_acceptor *srv_acceptor_new(int listen_fd,
                                      void (*take)(void *arg, int fd,
                                                   const struct sockaddr *address, socklen_t bytes),
                                      void *arg);

/* Hands over the connections that the kernel has already made, then refuses new ones and closes the
 * socket. Returns when all that is done; the acceptor is freed. NULL is allowed. */
void srv_acceptor_end(struct srv_acceptor *acceptor);

#endif
