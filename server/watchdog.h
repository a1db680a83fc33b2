/* The watchdog: cuts connections that are past their deadline, and tidies memory.
 *
 * The HTTP library only knows inactivity: a client that sends one byte a second lives for ever.
 * Each connection has a watch with the point in time by which its current step must be over; a
 * thread shuts the sockets of those that are late, and the library then closes them. */
#ifndef SRV_WATCHDOG_H
#define SRV_WATCHDOG_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "core/budget.h"

struct srv_watchdog;
struct srv_watch;

/* Looks every `tick_ms`; frees what has been on the budget's shelf for long. NULL when there is no
 * memory or no thread. */
struct srv_watchdog *srv_watchdog_new(unsigned tick_ms, struct up_budget *budget);
void srv_watchdog_free(struct srv_watchdog *watchdog); /* NULL is allowed; no watch may be left */

/* Between the connection's start and the close of its socket. NULL when there is no memory. */
struct srv_watch *srv_watch_add(struct srv_watchdog *watchdog, int fd);
void srv_watch_remove(struct srv_watchdog *watchdog, struct srv_watch *watch);

/* What the connection is at. `deadline_ns` 0: it may take its time. `idle_since_ns`: since when it
 * has been between two requests, 0: it is at one. Any thread; NULL is allowed. */
void srv_watch_set(struct srv_watch *watch, uint64_t deadline_ns, uint64_t idle_since_ns);

/* True when the watchdog has cut this connection. */
bool srv_watch_was_cut(const struct srv_watch *watch);

/* Ends the input of the connections that have been idle for a tenth of a second: what has arrived
 * is still answered, then they close. Returns how many connections there are, idle or not. */
size_t srv_watchdog_close_idle(struct srv_watchdog *watchdog);

/* Asks for freed memory to be given back to the system at the next tick. */
void srv_watchdog_trim(struct srv_watchdog *watchdog);

#endif
