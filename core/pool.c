/* DESIGN
 * One lock, one queue of whole jobs, one list of open row groups. A group lives on the stack of
 * up_pool_rows' caller: it is linked for as long as ranges are left, idle workers that find it take
 * ranges by an atomic counter, and so does the caller. When the counter has run out the caller
 * unlinks the group and waits for the helpers still inside, never for a worker to become free: so
 * nested groups cannot deadlock, and a group costs nothing but two locks when every worker is busy.
 *
 * Whole jobs go first: workers look for one before they look for a group, and a helper leaves its
 * group between two ranges when a job waits.
 *
 * A group may be over before a worker has been woken, so two things keep helpers near. A worker
 * that has helped watches for news a while before it sleeps: the layers of a network follow one
 * another at once. And a worker that wakes up on the caller's own processor goes to another: on
 * virtual machines schedulers take a halted processor for a busy one, and would leave both threads
 * on one for as long as requests keep coming (2 threads took as long as 1, in 3 runs of 4). */
#include "core/pool.h"

#include <errno.h>
#include <pthread.h>
#include <sched.h>
#include <signal.h>
#include <stdatomic.h>
#include <stdint.h>
#include <stdlib.h>
#include <time.h>

#include "core/deadline.h"
#include "core/limits.h"
#include "core/processor.h"

/* Of a worker: a range of rows, the job around it, and ranges inside ranges. */
enum { THREAD_STACK_BYTES = 4 * UP_STACK_BYTES };

/* How long a thread watches before it sleeps; a sleeper needs 20 to 50 us to wake up. */
enum { WATCH_NS = 50000 };

struct group {
    void (*work)(void *arg, size_t begin, size_t end);
    void *arg;
    size_t count, grain, ranges;
    _Atomic size_t next;      /* the first range that nobody has taken; may run past `ranges` */
    _Atomic unsigned helpers; /* workers inside; changes under the lock */
    int processor;            /* the caller's */
    pthread_cond_t left;      /* helpers became 0 */
    struct group *newer, *older;
};

struct up_pool {
    pthread_mutex_t lock; /* guards everything below; `waiting` may be read without it */
    pthread_cond_t wake;  /* there is something for an idle worker */
    pthread_cond_t freed; /* the last slot was given back */
    struct up_job *first, *last;
    struct group *groups; /* newest first: the innermost ones, which others wait for */
    size_t queue_max, slots, running;
    _Atomic size_t waiting, news; /* jobs and groups that ever came */
    bool draining, closing;
    unsigned threads, idle;
    pthread_t thread[];
};

static bool group_open(const struct group *g)
{
    return atomic_load_explicit(&g->next, memory_order_relaxed) < g->ranges;
}

static bool group_step(struct group *g)
{
    const size_t range = atomic_fetch_add_explicit(&g->next, 1, memory_order_relaxed);
    if (range >= g->ranges)
        return false;
    const size_t begin = range * g->grain, left = g->count - begin;
    g->work(g->arg, begin, begin + (left < g->grain ? left : g->grain));
    return true;
}

/* The lock is held on entry and on return, and released in between. */
static void group_help(struct up_pool *pool, struct group *g)
{
    g->helpers++;
    pthread_mutex_unlock(&pool->lock);
    while (group_step(g))
        if (atomic_load_explicit(&pool->waiting, memory_order_relaxed) != 0)
            break;
    pthread_mutex_lock(&pool->lock);
    if (--g->helpers == 0)
        pthread_cond_signal(&g->left);
}

static void group_link(struct up_pool *pool, struct group *g)
{
    g->newer = NULL;
    g->older = pool->groups;
    if (g->older != NULL)
        g->older->newer = g;
    pool->groups = g;
}

static void group_unlink(struct up_pool *pool, struct group *g)
{
    *(g->newer != NULL ? &g->newer->older : &pool->groups) = g->older;
    if (g->older != NULL)
        g->older->newer = g->newer;
}

static void slot_give(struct up_pool *pool)
{
    if (--pool->slots == 0)
        pthread_cond_broadcast(&pool->freed);
}

/* The lock is held on entry and on return, and released in between. */
static void job_run(struct up_pool *pool)
{
    struct up_job *job = pool->first;
    pool->first = job->next;
    if (pool->first == NULL)
        pool->last = NULL;
    atomic_fetch_sub_explicit(&pool->waiting, 1, memory_order_relaxed);
    pool->running++;
    pthread_mutex_unlock(&pool->lock);
    job->work(job); /* may end the job's own life */
    pthread_mutex_lock(&pool->lock);
    pool->running--;
    slot_give(pool);
}

/* Other threads that want the processor have it meanwhile. */
static bool still_watching(uint64_t until)
{
    (void)sched_yield();
    return up_now_ns() < until;
}

/* The lock is held on entry and on return, and released in between. */
static void news_watch(struct up_pool *pool)
{
    const size_t seen = atomic_load_explicit(&pool->news, memory_order_relaxed);
    pthread_mutex_unlock(&pool->lock);
    const uint64_t until = up_now_ns() + WATCH_NS;
    while (atomic_load_explicit(&pool->news, memory_order_relaxed) == seen && still_watching(until))
        continue;
    pthread_mutex_lock(&pool->lock);
}

/* The lock is held on entry and on return, and released in between. */
static void processor_leave(struct up_pool *pool, int processor)
{
    pthread_mutex_unlock(&pool->lock);
    up_processor_leave(processor);
    pthread_mutex_lock(&pool->lock);
}

static void *worker(void *arg)
{
    struct up_pool *pool = arg;
    bool helped = false, moved = false; /* moved: it has tried to */
    pthread_mutex_lock(&pool->lock);
    while (!pool->closing) {
        struct group *g = pool->groups;
        while (g != NULL && !group_open(g))
            g = g->older;
        if (pool->first != NULL) {
            job_run(pool);
        } else if (g != NULL && !moved && up_processor() == g->processor) {
            processor_leave(pool, g->processor); /* nobody waits for it meanwhile */
            moved = true;
        } else if (g != NULL) {
            group_help(pool, g);
            helped = true;
            moved = false;
        } else if (helped) {
            news_watch(pool);
            helped = false;
        } else {
            pool->idle++;
            pthread_cond_wait(&pool->wake, &pool->lock);
            pool->idle--;
            moved = false;
        }
    }
    pthread_mutex_unlock(&pool->lock);
    return NULL;
}

static void workers_join(struct up_pool *pool)
{
    pthread_mutex_lock(&pool->lock);
    pool->closing = true;
    pthread_cond_broadcast(&pool->wake);
    pthread_mutex_unlock(&pool->lock);
    for (unsigned i = 0; i < pool->threads; i++)
        pthread_join(pool->thread[i], NULL);
    pthread_cond_destroy(&pool->freed);
    pthread_cond_destroy(&pool->wake);
    pthread_mutex_destroy(&pool->lock);
    free(pool);
}

/* Workers take no signals: those are for the thread that waits for them. Their stacks have a size
 * of their own, for neither a C library's default nor `ulimit -s` keeps UP_STACK_BYTES free. */
static bool workers_start(struct up_pool *pool, unsigned threads)
{
    sigset_t all, before;
    pthread_attr_t attributes;
    if (pthread_attr_init(&attributes) != 0)
        return false;
    sigfillset(&all);
    pthread_sigmask(SIG_SETMASK, &all, &before);
    if (pthread_attr_setstacksize(&attributes, THREAD_STACK_BYTES) == 0)
        while (pool->threads < threads &&
               pthread_create(&pool->thread[pool->threads], &attributes, worker, pool) == 0)
            pool->threads++;
    pthread_sigmask(SIG_SETMASK, &before, NULL);
    pthread_attr_destroy(&attributes);
    return pool->threads == threads;
}

struct up_pool *up_pool_new(unsigned threads, size_t queue_max)
{
    UP_ASSERT(threads >= 1 && threads <= UP_THREADS_MAX);
    struct up_pool *pool = calloc(1, sizeof *pool + threads * sizeof pool->thread[0]);
    if (pool == NULL)
        return NULL;
    pool->queue_max = queue_max;
    pthread_condattr_t monotonic;
    pthread_condattr_init(&monotonic);
    pthread_condattr_setclock(&monotonic, CLOCK_MONOTONIC);
    pthread_mutex_init(&pool->lock, NULL);
    pthread_cond_init(&pool->wake, NULL);
    pthread_cond_init(&pool->freed, &monotonic);
    pthread_condattr_destroy(&monotonic);
    if (!workers_start(pool, threads)) {
        workers_join(pool);
        return NULL;
    }
    return pool;
}

void up_pool_free(struct up_pool *pool)
{
    if (pool == NULL)
        return;
    (void)up_pool_drain(pool, -1);
    workers_join(pool);
}

bool up_pool_reserve(struct up_pool *pool)
{
    pthread_mutex_lock(&pool->lock);
    const size_t slots = pool->slots;
    const bool room = slots < pool->threads || slots - pool->threads < pool->queue_max;
    const bool granted = room && !pool->draining;
    if (granted)
        pool->slots++;
    pthread_mutex_unlock(&pool->lock);
    return granted;
}

void up_pool_unreserve(struct up_pool *pool)
{
    pthread_mutex_lock(&pool->lock);
    UP_ASSERT(pool->slots > pool->running + pool->waiting);
    slot_give(pool);
    pthread_mutex_unlock(&pool->lock);
}

void up_pool_submit(struct up_pool *pool, struct up_job *job)
{
    job->next = NULL;
    pthread_mutex_lock(&pool->lock);
    UP_ASSERT(pool->slots > pool->running + pool->waiting);
    *(pool->last != NULL ? &pool->last->next : &pool->first) = job;
    pool->last = job;
    atomic_fetch_add_explicit(&pool->waiting, 1, memory_order_relaxed);
    atomic_fetch_add_explicit(&pool->news, 1, memory_order_relaxed);
    pthread_cond_signal(&pool->wake);
    pthread_mutex_unlock(&pool->lock);
}

/* Links it and wakes who may help; true when somebody sleeps who has to come first. */
static bool group_announce(struct up_pool *pool, struct group *g)
{
    pthread_mutex_lock(&pool->lock);
    group_link(pool, g);
    atomic_fetch_add_explicit(&pool->news, 1, memory_order_relaxed);
    const bool asleep = pool->idle != 0;
    for (unsigned i = 0; i < pool->idle && i < g->ranges - 1; i++)
        pthread_cond_signal(&pool->wake);
    pthread_mutex_unlock(&pool->lock);
    return asleep;
}

static void group_await(struct up_pool *pool, struct group *g)
{
    const uint64_t until = up_now_ns() + WATCH_NS;
    while (atomic_load_explicit(&g->helpers, memory_order_relaxed) != 0 && still_watching(until))
        continue;
    pthread_mutex_lock(&pool->lock);
    while (g->helpers != 0)
        pthread_cond_wait(&g->left, &pool->lock);
    pthread_mutex_unlock(&pool->lock);
}

static void group_run(struct up_pool *pool, struct group *g)
{
    pthread_cond_init(&g->left, NULL);
    g->processor = up_processor();
    const bool asleep = group_announce(pool, g);
    do {
        if (asleep && atomic_load_explicit(&g->helpers, memory_order_relaxed) == 0)
            (void)sched_yield(); /* to one that wakes up here, and leaves at once */
    } while (group_step(g));
    pthread_mutex_lock(&pool->lock);
    group_unlink(pool, g);
    pthread_mutex_unlock(&pool->lock);
    group_await(pool, g);
    pthread_cond_destroy(&g->left);
}

void up_pool_rows(struct up_pool *pool, size_t count, size_t grain,
                  void (*work)(void *arg, size_t begin, size_t end), void *arg)
{
    UP_ASSERT(grain >= 1);
    struct group g = {.work = work, .arg = arg, .count = count, .grain = grain};
    g.ranges = count / grain + (count % grain != 0);
    if (pool != NULL && g.ranges > 1)
        group_run(pool, &g);
    else
        while (group_step(&g))
            continue;
}

static struct timespec after_ms(int ms)
{
    struct timespec t;
    clock_gettime(CLOCK_MONOTONIC, &t);
    t.tv_sec += ms / 1000;
    t.tv_nsec += ms % 1000 * 1000000L;
    if (t.tv_nsec >= 1000000000L) {
        t.tv_sec++;
        t.tv_nsec -= 1000000000L;
    }
    return t;
}

bool up_pool_drain(struct up_pool *pool, int timeout_ms)
{
    const struct timespec limit = after_ms(timeout_ms < 0 ? 0 : timeout_ms);
    pthread_mutex_lock(&pool->lock);
    pool->draining = true;
    int status = 0;
    while (pool->slots != 0 && status != ETIMEDOUT) {
        if (timeout_ms < 0)
            status = pthread_cond_wait(&pool->freed, &pool->lock);
        else
            status = pthread_cond_timedwait(&pool->freed, &pool->lock, &limit);
    }
    const bool drained = pool->slots == 0;
    pthread_mutex_unlock(&pool->lock);
    return drained;
}

size_t up_pool_waiting(struct up_pool *pool)
{
    return atomic_load_explicit(&pool->waiting, memory_order_relaxed);
}

size_t up_pool_running(struct up_pool *pool)
{
    pthread_mutex_lock(&pool->lock);
    const size_t running = pool->running;
    pthread_mutex_unlock(&pool->lock);
    return running;
}
