/* The pool under load, for the thread sanitizer (Criterion cannot start under it): jobs from
 * several submitters, each with nested groups of rows, and drains against submitters.
 * Prints `N passed, N failed`. */
#include "core/pool.h"

#include <pthread.h>
#include <sched.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>

enum { SUBMITTERS = 3, JOBS_EACH = 300, ROWS = 257, GROUPS = 3, INNER = 10, ROUNDS = 40 };

struct load {
    struct up_pool *pool;
    atomic_size_t jobs, rows;
};

struct stress_job {
    struct up_job job; /* first: a job is its stress_job */
    struct load *load;
};

struct cell {
    struct load *load;
    unsigned row[ROWS]; /* plain memory: the sanitizer watches that each row is written by one */
};

static void inner_rows(void *arg, size_t begin, size_t end)
{
    struct load *load = arg;
    atomic_fetch_add(&load->rows, end - begin);
}

static void outer_rows(void *arg, size_t begin, size_t end)
{
    struct cell *cell = arg;
    for (size_t i = begin; i < end; i++)
        cell->row[i]++;
    if (begin % 64 == 0)
        up_pool_rows(cell->load->pool, INNER, 3, inner_rows, cell->load);
}

static size_t cell_wrong(const struct cell *cell, unsigned times)
{
    size_t wrong = 0;
    for (size_t i = 0; i < ROWS; i++)
        wrong += cell->row[i] != times;
    return wrong;
}

static void stress_work(struct up_job *job)
{
    struct stress_job *s = (struct stress_job *)job;
    struct cell cell = {.load = s->load};
    for (int i = 0; i < GROUPS; i++)
        up_pool_rows(s->load->pool, ROWS, 8, outer_rows, &cell);
    if (cell_wrong(&cell, GROUPS) == 0)
        atomic_fetch_add(&s->load->jobs, 1);
    free(s);
}

/* Submits its share, trying again while the queue is full. */
static void *submitter(void *arg)
{
    struct load *load = arg;
    for (int i = 0; i < JOBS_EACH;) {
        if (!up_pool_reserve(load->pool)) {
            sched_yield();
            continue;
        }
        struct stress_job *s = malloc(sizeof *s);
        if (s == NULL)
            abort();
        *s = (struct stress_job){{.work = stress_work}, load};
        up_pool_submit(load->pool, &s->job);
        i++;
    }
    return NULL;
}

static bool jobs_with_nested_rows(void)
{
    struct load load = {.pool = up_pool_new(6, 8)};
    pthread_t thread[SUBMITTERS];
    for (int i = 0; i < SUBMITTERS; i++)
        if (pthread_create(&thread[i], NULL, submitter, &load) != 0)
            abort();
    for (int i = 0; i < SUBMITTERS; i++)
        pthread_join(thread[i], NULL);
    up_pool_free(load.pool);
    const size_t jobs = SUBMITTERS * JOBS_EACH, inner_groups = (ROWS + 63) / 64;
    return load.jobs == jobs && load.rows == jobs * GROUPS * inner_groups * INNER;
}

static void *rows_caller(void *arg)
{
    struct load *load = arg;
    struct cell cell = {.load = load};
    for (int i = 0; i < ROUNDS; i++)
        up_pool_rows(load->pool, ROWS, 1, outer_rows, &cell);
    if (cell_wrong(&cell, ROUNDS) == 0)
        atomic_fetch_add(&load->jobs, 1);
    return NULL;
}

static bool rows_from_threads_outside_the_pool(void)
{
    struct load load = {.pool = up_pool_new(4, 0)};
    pthread_t thread[SUBMITTERS];
    for (int i = 0; i < SUBMITTERS; i++)
        if (pthread_create(&thread[i], NULL, rows_caller, &load) != 0)
            abort();
    for (int i = 0; i < SUBMITTERS; i++)
        pthread_join(thread[i], NULL);
    up_pool_free(load.pool);
    return load.jobs == SUBMITTERS;
}

struct race {
    struct up_pool *pool;
    atomic_size_t granted, ran;
    atomic_bool stop;
};

struct race_job {
    struct up_job job;
    struct race *race;
};

static void race_work(struct up_job *job)
{
    struct race_job *r = (struct race_job *)job;
    atomic_fetch_add(&r->race->ran, 1);
    free(r);
}

/* Reserves and submits, or gives back every third slot, until it is told to stop. */
static void *racer(void *arg)
{
    struct race *race = arg;
    for (size_t i = 0; !atomic_load(&race->stop); i++) {
        if (!up_pool_reserve(race->pool)) {
            sched_yield();
        } else if (i % 3 == 0) {
            up_pool_unreserve(race->pool);
        } else {
            struct race_job *r = malloc(sizeof *r);
            if (r == NULL)
                abort();
            *r = (struct race_job){{.work = race_work}, race};
            atomic_fetch_add(&race->granted, 1);
            up_pool_submit(race->pool, &r->job);
        }
    }
    return NULL;
}

static bool drains_against_submitters(void)
{
    bool ok = true;
    for (int round = 0; round < ROUNDS / 4; round++) {
        struct race race = {.pool = up_pool_new(2, 4)};
        pthread_t thread[2];
        for (int i = 0; i < 2; i++)
            if (pthread_create(&thread[i], NULL, racer, &race) != 0)
                abort();
        while (atomic_load(&race.ran) < 50)
            sched_yield();
        ok = up_pool_drain(race.pool, -1) && ok;
        ok = race.ran == race.granted && !up_pool_reserve(race.pool) && ok;
        atomic_store(&race.stop, true);
        for (int i = 0; i < 2; i++)
            pthread_join(thread[i], NULL);
        ok = race.ran == race.granted && ok;
        up_pool_free(race.pool);
    }
    return ok;
}

int main(void)
{
    static const struct {
        const char *name;
        bool (*run)(void);
    } tests[] = {
        {"jobs with nested rows", jobs_with_nested_rows},
        {"rows from threads outside the pool", rows_from_threads_outside_the_pool},
        {"drains against submitters", drains_against_submitters},
    };
    int passed = 0, failed = 0;
    for (size_t i = 0; i < sizeof tests / sizeof tests[0]; i++) {
        const bool ok = tests[i].run();
        passed += ok;
        failed += !ok;
        if (!ok)
            (void)printf("FAIL %s\n", tests[i].name);
    }
    (void)printf("%d passed, %d failed\n", passed, failed);
    return failed != 0;
}
