#include "core/pool.h"

#include <criterion/criterion.h>
#include <criterion/parameterized.h>
#include <pthread.h>
#include <sched.h>
#include <signal.h>
#include <stdatomic.h>
#include <stdint.h>
#include <stdlib.h>

#include "core/limits.h"

/* A door that jobs wait at, so that a test decides when they end. */
struct door {
    pthread_mutex_t lock;
    pthread_cond_t moved;
    bool open;
    int arrived;
};

#define DOOR_CLOSED                                                                                \
    {                                                                                              \
        PTHREAD_MUTEX_INITIALIZER, PTHREAD_COND_INITIALIZER, false, 0                              \
    }

static void door_pass(struct door *door)
{
    pthread_mutex_lock(&door->lock);
    door->arrived++;
    pthread_cond_broadcast(&door->moved);
    while (!door->open)
        pthread_cond_wait(&door->moved, &door->lock);
    pthread_mutex_unlock(&door->lock);
}

static void door_open(struct door *door)
{
    pthread_mutex_lock(&door->lock);
    door->open = true;
    pthread_cond_broadcast(&door->moved);
    pthread_mutex_unlock(&door->lock);
}

static void door_await(struct door *door, int arrived)
{
    pthread_mutex_lock(&door->lock);
    while (door->arrived < arrived)
        pthread_cond_wait(&door->moved, &door->lock);
    pthread_mutex_unlock(&door->lock);
}

struct visitor {
    struct up_job job; /* first: a job is its visitor */
    struct door *door;
    atomic_int *done;
};

static void visit(struct up_job *job)
{
    struct visitor *v = (struct visitor *)job;
    if (v->door != NULL)
        door_pass(v->door);
    atomic_fetch_add(v->done, 1);
}

/* --- Slots ----------------------------------------------------------------------------------- */

static const struct {
    unsigned threads;
    size_t queue_max;
} bounds[] = {{1, 0}, {1, 1}, {3, 0}, {2, 5}, {4, 64}};

ParameterizedTestParameters(pool, grants_threads_plus_queue_slots_and_not_one_more)
{
    static size_t index[sizeof bounds / sizeof bounds[0]];
    for (size_t i = 0; i < sizeof bounds / sizeof bounds[0]; i++)
        index[i] = i;
    return cr_make_param_array(size_t, index, sizeof bounds / sizeof bounds[0]);
}

ParameterizedTest(size_t *index, pool, grants_threads_plus_queue_slots_and_not_one_more,
                  .timeout = 20)
{
    const size_t slots = bounds[*index].threads + bounds[*index].queue_max;
    struct up_pool *pool = up_pool_new(bounds[*index].threads, bounds[*index].queue_max);
    cr_assert(pool != NULL, "no pool");
    for (size_t i = 0; i < slots; i++)
        cr_assert(up_pool_reserve(pool), "slot %zu of %zu is refused", i + 1, slots);
    cr_assert(!up_pool_reserve(pool), "slot %zu is granted", slots + 1);
    up_pool_unreserve(pool);
    cr_assert(up_pool_reserve(pool), "a slot given back is refused");
    cr_assert(!up_pool_reserve(pool), "one slot came back as two");
    for (size_t i = 0; i < slots; i++)
        up_pool_unreserve(pool);
    up_pool_free(pool);
}

Test(pool, counts_waiting_and_running_jobs_and_holds_their_slots, .timeout = 20)
{
    struct up_pool *pool = up_pool_new(2, 3);
    struct door door = DOOR_CLOSED;
    atomic_int done = 0;
    struct visitor v[5];
    for (int i = 0; i < 5; i++) {
        v[i] = (struct visitor){{.work = visit}, &door, &done};
        cr_assert(up_pool_reserve(pool), "slot %d is refused", i);
        up_pool_submit(pool, &v[i].job);
    }
    door_await(&door, 2);
    cr_assert(up_pool_running(pool) == 2, "%zu run", up_pool_running(pool));
    cr_assert(up_pool_waiting(pool) == 3, "%zu wait", up_pool_waiting(pool));
    cr_assert(!up_pool_reserve(pool), "submitted jobs gave up their slots");
    door_open(&door);
    while (!up_pool_reserve(pool)) /* the end of a job gives its slot back */
        sched_yield();
    up_pool_unreserve(pool);
    cr_assert(up_pool_drain(pool, -1), "not drained");
    cr_assert(atomic_load(&done) == 5, "%d of 5 ran", atomic_load(&done));
    cr_assert(up_pool_running(pool) == 0 && up_pool_waiting(pool) == 0, "ghosts");
    up_pool_free(pool);
}

struct ordered {
    struct up_job job;
    int number, *log;
    atomic_int *done;
};

static void write_number(struct up_job *job)
{
    struct ordered *o = (struct ordered *)job;
    o->log[atomic_fetch_add(o->done, 1)] = o->number;
}

Test(pool, runs_jobs_in_the_order_they_came, .timeout = 20)
{
    enum { JOBS = 50 };
    struct up_pool *pool = up_pool_new(1, JOBS);
    struct ordered o[JOBS];
    int log[JOBS] = {0};
    atomic_int done = 0;
    for (int i = 0; i < JOBS; i++) {
        o[i] = (struct ordered){{.work = write_number}, i, log, &done};
        cr_assert(up_pool_reserve(pool), "slot %d", i);
        up_pool_submit(pool, &o[i].job);
    }
    up_pool_free(pool);
    for (int i = 0; i < JOBS; i++)
        cr_assert(log[i] == i, "job %d ran as number %d", log[i], i);
}

static void free_itself(struct up_job *job)
{
    struct visitor *v = (struct visitor *)job;
    atomic_fetch_add(v->done, 1);
    free(v);
}

Test(pool, lets_a_job_end_its_own_life, .timeout = 20)
{
    struct up_pool *pool = up_pool_new(2, 8);
    atomic_int done = 0;
    for (int i = 0; i < 8; i++) {
        struct visitor *v = malloc(sizeof *v);
        *v = (struct visitor){{.work = free_itself}, NULL, &done};
        cr_assert(up_pool_reserve(pool), "slot %d", i);
        up_pool_submit(pool, &v->job);
    }
    up_pool_free(pool);
    cr_assert(atomic_load(&done) == 8, "%d of 8 ran", atomic_load(&done));
}

static void look_at_signals(struct up_job *job)
{
    struct visitor *v = (struct visitor *)job;
    sigset_t set;
    pthread_sigmask(SIG_BLOCK, NULL, &set);
    atomic_fetch_add(v->done, sigismember(&set, SIGTERM) + 2 * sigismember(&set, SIGINT));
}

Test(pool, keeps_signals_away_from_workers_and_not_from_the_caller, .timeout = 20)
{
    struct up_pool *pool = up_pool_new(1, 1);
    atomic_int blocked = 0;
    struct visitor v = {{.work = look_at_signals}, NULL, &blocked};
    cr_assert(up_pool_reserve(pool), "no slot");
    up_pool_submit(pool, &v.job);
    up_pool_free(pool);
    cr_assert(atomic_load(&blocked) == 3, "a worker takes signals: %d", atomic_load(&blocked));
    sigset_t set;
    pthread_sigmask(SIG_BLOCK, NULL, &set);
    cr_assert(!sigismember(&set, SIGTERM), "the caller lost SIGTERM");
}

/* --- Drain ----------------------------------------------------------------------------------- */

Test(pool, drain_refuses_reservations_and_finishes_jobs_submitted_after_it_began, .timeout = 20)
{
    struct up_pool *pool = up_pool_new(2, 4);
    struct door door = DOOR_CLOSED;
    atomic_int done = 0;
    struct visitor before = {{.work = visit}, &door, &done};
    struct visitor after = {{.work = visit}, NULL, &done};
    cr_assert(up_pool_reserve(pool) && up_pool_reserve(pool), "no slots");
    up_pool_submit(pool, &before.job);
    cr_assert(!up_pool_drain(pool, 0), "drained with two slots held");
    cr_assert(!up_pool_reserve(pool), "a draining pool grants a slot");
    up_pool_submit(pool, &after.job);
    cr_assert(!up_pool_drain(pool, 1), "drained with a job at the door");
    door_open(&door);
    cr_assert(up_pool_drain(pool, -1), "not drained");
    cr_assert(atomic_load(&done) == 2, "%d of 2 ran", atomic_load(&done));
    cr_assert(!up_pool_reserve(pool), "a drained pool grants a slot");
    up_pool_free(pool);
}

Test(pool, drain_waits_for_a_slot_that_is_given_back_unused, .timeout = 20)
{
    struct up_pool *pool = up_pool_new(1, 1);
    cr_assert(up_pool_reserve(pool), "no slot");
    cr_assert(!up_pool_drain(pool, 0), "drained with a slot held");
    up_pool_unreserve(pool);
    cr_assert(up_pool_drain(pool, 0), "not drained with no slot held");
    up_pool_free(pool);
}

Test(pool, free_finishes_what_waits_and_takes_null, .timeout = 20)
{
    struct up_pool *pool = up_pool_new(1, 20);
    atomic_int done = 0;
    struct visitor v[20];
    for (int i = 0; i < 20; i++) {
        v[i] = (struct visitor){{.work = visit}, NULL, &done};
        cr_assert(up_pool_reserve(pool), "slot %d", i);
        up_pool_submit(pool, &v[i].job);
    }
    up_pool_free(pool);
    cr_assert(atomic_load(&done) == 20, "%d of 20 ran", atomic_load(&done));
    up_pool_free(NULL);
}

/* --- Rows ------------------------------------------------------------------------------------ */

struct tally {
    size_t count, grain;
    atomic_uchar *seen;
    atomic_int wrong; /* ranges that are empty, too long or out of bounds */
};

static void tally_rows(void *arg, size_t begin, size_t end)
{
    struct tally *t = arg;
    if (begin >= end || end > t->count || end - begin > t->grain) {
        atomic_fetch_add(&t->wrong, 1);
        return;
    }
    for (size_t i = begin; i < end; i++)
        atomic_fetch_add(&t->seen[i], 1);
}

static void rows_expect(struct up_pool *pool, size_t count, size_t grain)
{
    struct tally t = {.count = count, .grain = grain, .seen = calloc(count + 1, 1)};
    up_pool_rows(pool, count, grain, tally_rows, &t);
    cr_assert(atomic_load(&t.wrong) == 0, "%zu rows by %zu: %d bad ranges", count, grain,
              atomic_load(&t.wrong));
    for (size_t i = 0; i < count; i++)
        cr_assert(atomic_load(&t.seen[i]) == 1, "%zu rows by %zu: row %zu ran %d times", count,
                  grain, i, atomic_load(&t.seen[i]));
    free(t.seen);
}

static const unsigned rows_threads[] = {0, 1, 2, 7};

ParameterizedTestParameters(pool, rows_cover_each_row_exactly_once)
{
    static size_t index[] = {0, 1, 2, 3};
    return cr_make_param_array(size_t, index, 4);
}

ParameterizedTest(size_t *index, pool, rows_cover_each_row_exactly_once, .timeout = 20)
{
    static const size_t counts[] = {0, 1, 2, 3, 7, 64, 65, 1000},
                        grains[] = {1, 2, 3, 64, 999, SIZE_MAX};
    struct up_pool *pool = rows_threads[*index] == 0 ? NULL : up_pool_new(rows_threads[*index], 0);
    for (size_t c = 0; c < sizeof counts / sizeof counts[0]; c++)
        for (size_t g = 0; g < sizeof grains / sizeof grains[0]; g++)
            rows_expect(pool, counts[c], grains[g]);
    up_pool_free(pool);
}

struct nest {
    struct up_pool *pool;
    int depth;
    atomic_size_t leaves;
};

struct nest_level {
    struct nest *nest;
    int depth;
};

static void nest_rows(void *arg, size_t begin, size_t end)
{
    const struct nest_level *level = arg;
    if (level->depth == 0) {
        atomic_fetch_add(&level->nest->leaves, end - begin);
        return;
    }
    for (size_t i = begin; i < end; i++) {
        struct nest_level inner = {level->nest, level->depth - 1};
        up_pool_rows(level->nest->pool, 9, 2, nest_rows, &inner);
    }
}

Test(pool, rows_nest_inside_rows, .timeout = 20)
{
    struct nest nest = {.pool = up_pool_new(3, 0)};
    struct nest_level outer = {&nest, 3};
    up_pool_rows(nest.pool, 9, 2, nest_rows, &outer);
    cr_assert(atomic_load(&nest.leaves) == 9 * 9 * 9 * 9, "%zu leaves", atomic_load(&nest.leaves));
    up_pool_free(nest.pool);
}

struct meeting {
    struct door door;
    pthread_t caller;
    atomic_int outsiders;
};

static void meet(void *arg, size_t begin, size_t end)
{
    struct meeting *m = arg;
    (void)begin;
    (void)end;
    if (!pthread_equal(pthread_self(), m->caller))
        atomic_fetch_add(&m->outsiders, 1);
    pthread_mutex_lock(&m->door.lock);
    m->door.arrived++;
    pthread_cond_broadcast(&m->door.moved);
    while (m->door.arrived < 4) /* nobody leaves before all four are inside at once */
        pthread_cond_wait(&m->door.moved, &m->door.lock);
    pthread_mutex_unlock(&m->door.lock);
}

Test(pool, idle_workers_and_the_caller_share_the_rows, .timeout = 20)
{
    struct up_pool *pool = up_pool_new(3, 0);
    struct meeting m = {.door = DOOR_CLOSED, .caller = pthread_self()};
    up_pool_rows(pool, 4, 1, meet, &m);
    cr_assert(atomic_load(&m.outsiders) == 3, "%d of 3 workers came", atomic_load(&m.outsiders));
    up_pool_free(pool);
}

Test(pool, rows_finish_on_the_caller_when_every_worker_is_busy, .timeout = 20)
{
    struct up_pool *pool = up_pool_new(2, 0);
    struct door door = DOOR_CLOSED;
    atomic_int done = 0;
    struct visitor v[2];
    for (int i = 0; i < 2; i++) {
        v[i] = (struct visitor){{.work = visit}, &door, &done};
        cr_assert(up_pool_reserve(pool), "slot %d", i);
        up_pool_submit(pool, &v[i].job);
    }
    door_await(&door, 2);
    rows_expect(pool, 100, 1);
    door_open(&door);
    up_pool_free(pool);
}

/* The caller's first range waits for a helper, submits a job and waits until it has run. The only
 * worker is that helper: it must leave the group for the job with ranges still open. */
struct haste {
    struct up_pool *pool;
    struct visitor job;
    pthread_t caller;
    atomic_bool helped, submitted;
    atomic_int done, late; /* late: ranges that the helper began while the job waited */
};

static void hasten(void *arg, size_t begin, size_t end)
{
    struct haste *h = arg;
    (void)begin;
    (void)end;
    if (!pthread_equal(pthread_self(), h->caller)) {
        atomic_store(&h->helped, true);
        if (atomic_load(&h->submitted) && atomic_load(&h->done) == 0)
            atomic_fetch_add(&h->late, 1);
        while (!atomic_load(&h->submitted))
            sched_yield();
        return;
    }
    while (!atomic_load(&h->helped))
        sched_yield();
    if (!atomic_load(&h->submitted)) {
        up_pool_submit(h->pool, &h->job.job);
        atomic_store(&h->submitted, true);
        while (atomic_load(&h->done) == 0)
            sched_yield();
    }
}

Test(pool, a_helper_leaves_the_rows_for_a_whole_job, .timeout = 20)
{
    struct haste h = {.pool = up_pool_new(1, 1), .caller = pthread_self()};
    h.job = (struct visitor){{.work = visit}, NULL, &h.done};
    cr_assert(up_pool_reserve(h.pool), "no slot");
    up_pool_rows(h.pool, 10000, 1, hasten, &h);
    cr_assert(atomic_load(&h.late) == 0, "the helper took %d ranges while a job waited",
              atomic_load(&h.late));
    up_pool_free(h.pool);
}

/* Fills a range's stack as deep as it may go. */
static void stack_fill(void *arg, size_t begin, size_t end)
{
    enum { KEPT = UP_STACK_BYTES - 4096 };
    volatile unsigned char kept[KEPT];
    for (size_t i = 0; i < KEPT; i += 512)
        kept[i] = (unsigned char)(begin + i / 512);
    size_t sum = 0;
    for (size_t i = 0; i < KEPT; i += 512)
        sum += kept[i] == (unsigned char)(begin + i / 512);
    if (sum == (KEPT + 511) / 512)
        atomic_fetch_add((atomic_size_t *)arg, end - begin);
}

struct deep {
    struct up_job job; /* first: a job is its deep */
    struct up_pool *pool;
    atomic_size_t rows;
};

static void deep_work(struct up_job *job)
{
    struct deep *d = (struct deep *)job;
    up_pool_rows(d->pool, 64, 1, stack_fill, &d->rows);
}

Test(pool, workers_have_the_stack_that_rows_may_use, .timeout = 20)
{
    struct deep deep = {.job = {.work = deep_work}, .pool = up_pool_new(3, 1)};
    cr_assert(deep.pool != NULL && up_pool_reserve(deep.pool));
    up_pool_submit(deep.pool, &deep.job);
    up_pool_free(deep.pool);
    cr_assert(deep.rows == 64, "%zu rows of 64", (size_t)deep.rows);
}
