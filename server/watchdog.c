/* DESIGN
 * A list of watches under one mutex. A watch is removed under that mutex before its socket is
 * closed, so the thread never shuts a number that already belongs to another connection. What
 * changes with each request is atomic: setting a deadline takes no lock. */
#include "server/watchdog.h"

#include <pthread.h>
#include <stdatomic.h>
#include <stdlib.h>
#include <sys/socket.h>
#include <time.h>

#include "core/deadline.h"
#include "core/error.h"
#include "server/machine.h"

/* A busy client's pause between two requests is shorter: its next one may be on the way. */
enum { IDLE_MS = 100 };

/* How long a block waits for the next request that is as large. */
enum { SHELF_MS = 2000 };

struct srv_watch {
    struct srv_watch *next, **at;
    int fd;
    _Atomic uint64_t deadline_ns, idle_since_ns; /* 0: none; at work */
    atomic_bool cut;
};

struct srv_watchdog {
    pthread_t thread;
    pthread_mutex_t lock;
    pthread_cond_t wake;
    struct srv_watch *watches;
    uint64_t tick_ns;
    bool ending;
    atomic_bool trim;
    struct up_budget *budget;
};

static void cut_late(struct srv_watchdog *w)
{
    const uint64_t now = up_now_ns();
    for (struct srv_watch *watch = w->watches; watch != NULL; watch = watch->next) {
        const uint64_t deadline = atomic_load_explicit(&watch->deadline_ns, memory_order_relaxed);
        if (deadline == 0 || now < deadline || atomic_load(&watch->cut))
            continue;
        atomic_store(&watch->cut, true);
        (void)shutdown(watch->fd, SHUT_RDWR);
    }
}

static void *run(void *arg)
{
    struct srv_watchdog *w = arg;
    (void)pthread_mutex_lock(&w->lock);
    while (!w->ending) {
        const uint64_t until = up_now_ns() + w->tick_ns;
        const struct timespec t = {.tv_sec = (time_t)(until / 1000000000u),
                                   .tv_nsec = (long)(until % 1000000000u)};
        (void)pthread_cond_timedwait(&w->wake, &w->lock, &t);
        cut_late(w);
        (void)pthread_mutex_unlock(&w->lock);
        up_budget_shelf_clear(w->budget, up_now_ns() - SHELF_MS * UINT64_C(1000000));
        if (atomic_exchange(&w->trim, false))
            srv_machine_memory_trim();
        (void)pthread_mutex_lock(&w->lock);
    }
    (void)pthread_mutex_unlock(&w->lock);
    return NULL;
}

struct srv_watchdog *srv_watchdog_new(unsigned tick_ms, struct up_budget *budget)
{
    struct srv_watchdog *w = calloc(1, sizeof *w);
    if (w == NULL)
        return NULL;
    w->budget = budget;
    w->tick_ns = (uint64_t)tick_ms * 1000000u;
    pthread_condattr_t monotonic;
    (void)pthread_condattr_init(&monotonic);
    (void)pthread_condattr_setclock(&monotonic, CLOCK_MONOTONIC);
    (void)pthread_cond_init(&w->wake, &monotonic);
    (void)pthread_condattr_destroy(&monotonic);
    (void)pthread_mutex_init(&w->lock, NULL);
    if (pthread_create(&w->thread, NULL, run, w) != 0) {
        free(w);
        return NULL;
    }
    return w;
}

void srv_watchdog_free(struct srv_watchdog *w)
{
    if (w == NULL)
        return;
    UP_ASSERT(w->watches == NULL);
    (void)pthread_mutex_lock(&w->lock);
    w->ending = true;
    (void)pthread_cond_signal(&w->wake);
    (void)pthread_mutex_unlock(&w->lock);
    (void)pthread_join(w->thread, NULL);
    (void)pthread_cond_destroy(&w->wake);
    (void)pthread_mutex_destroy(&w->lock);
    free(w);
}

struct srv_watch *srv_watch_add(struct srv_watchdog *w, int fd)
{
    struct srv_watch *watch = calloc(1, sizeof *watch);
    if (watch == NULL)
        return NULL;
    watch->fd = fd;
    (void)pthread_mutex_lock(&w->lock);
    watch->at = &w->watches;
    watch->next = w->watches;
    if (watch->next != NULL)
        watch->next->at = &watch->next;
    w->watches = watch;
    (void)pthread_mutex_unlock(&w->lock);
    return watch;
}

void srv_watch_remove(struct srv_watchdog *w, struct srv_watch *watch)
{
    if (watch == NULL)
        return;
    (void)pthread_mutex_lock(&w->lock);
    *watch->at = watch->next;
    if (watch->next != NULL)
        watch->next->at = watch->at;
    (void)pthread_mutex_unlock(&w->lock);
    free(watch);
}

void srv_watch_set(struct srv_watch *watch, uint64_t deadline_ns, uint64_t idle_since_ns)
{
    if (watch == NULL)
        return;
    atomic_store_explicit(&watch->deadline_ns, deadline_ns, memory_order_relaxed);
    atomic_store_explicit(&watch->idle_since_ns, idle_since_ns, memory_order_relaxed);
}

bool srv_watch_was_cut(const struct srv_watch *watch)
{
    return watch != NULL && atomic_load(&watch->cut);
}

size_t srv_watchdog_close_idle(struct srv_watchdog *w)
{
    const uint64_t now = up_now_ns();
    size_t count = 0;
    (void)pthread_mutex_lock(&w->lock);
    for (struct srv_watch *watch = w->watches; watch != NULL; watch = watch->next) {
        count++;
        const uint64_t since = atomic_load_explicit(&watch->idle_since_ns, memory_order_relaxed);
        if (since != 0 && now >= since + IDLE_MS * 1000000u)
            (void)shutdown(watch->fd, SHUT_RD);
    }
    (void)pthread_mutex_unlock(&w->lock);
    return count;
}

void srv_watchdog_trim(struct srv_watchdog *w)
{
    atomic_store(&w->trim, true);
}
