#include "server/drain.h"

#include <stdlib.h>
#include <time.h>
#include <unistd.h>

#include "core/deadline.h"
#include "server/log.h"
#include "server/log_writer.h"

enum {
    POLL_MS = 10,
    QUIET_POLLS = 3, /* a connection that was just taken may not be counted yet */
    LAST_ANSWERS_MS = 2000,
};

/* Waits for one of the signals at most so long; a second one means that somebody is in a hurry:
 * connections are cut where they are. */
static void pause_for(const sigset_t *signals, unsigned ms)
{
    const struct timespec t = {.tv_sec = ms / 1000, .tv_nsec = (long)(ms % 1000) * 1000000};
    if (sigtimedwait(signals, NULL, &t) < 0)
        return;
    srv_log_say(SRV_WARN, "stopped", "second signal: stopped at once");
    srv_log_writer_end();
    _exit(EXIT_FAILURE);
}

/* Waits until no connection is left; false when the time is over. */
static bool remaining_wait(struct srv_http *http, const sigset_t *signals, unsigned ms)
{
    const uint64_t until = up_now_ns() + (uint64_t)ms * 1000000u;
    for (int quiet = 0; quiet < QUIET_POLLS;) {
        quiet = srv_http_remaining(http) == 0 ? quiet + 1 : 0;
        if (quiet == 0 && up_now_ns() >= until)
            return false;
        pause_for(signals, POLL_MS);
    }
    return true;
}

void srv_drain(struct srv_http *http, struct up_pool *pool, const sigset_t *signals,
               unsigned delay_ms, unsigned timeout_ms)
{
    srv_log_say(SRV_INFO, "draining", "not ready any more");
    srv_http_drain(http);
    if (delay_ms > 0)
        pause_for(signals, delay_ms);
    srv_http_quiesce(http);
    if (!remaining_wait(http, signals, timeout_ms))
        srv_log_say(SRV_WARN, "draining", "the drain timeout is over: what waits is refused");
    srv_http_give_up(http);
    while (!up_pool_drain(pool, POLL_MS))
        pause_for(signals, POLL_MS);
    (void)remaining_wait(http, signals, LAST_ANSWERS_MS);
    srv_http_stop(http);
    srv_log_say(SRV_INFO, "stopped", "drained");
}
