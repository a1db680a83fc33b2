/* A bounded pool of worker threads.
 *
 * Whole jobs are queued: a slot is reserved first, which may fail, then the job is submitted, which
 * may not. A running job may split work into rows: idle workers help, the caller works too, and
 * nothing is allocated or queued. Whole jobs go first, rows second. A range of rows may keep
 * UP_STACK_BYTES on the stack of whoever runs it: workers have several times as much. Every
 * function is safe from any thread unless it says otherwise. */
#ifndef UP_POOL_H
#define UP_POOL_H

#include <stdbool.h>
#include <stddef.h>

#include "core/error.h"

struct up_pool;

/* A queued job, embedded in the caller's own object; the pool borrows it until `work` returns. */
struct up_job {
    void (*work)(struct up_job *job);
    struct up_job *next; /* the pool's */
};

/* `threads` in 1 .. UP_THREADS_MAX. There are threads + queue_max slots: as many jobs may run as
 * there are threads, and queue_max more may wait. NULL when threads cannot be started. */
struct up_pool *up_pool_new(unsigned threads, size_t queue_max);

/* Waits for reserved and submitted jobs, then joins. NULL is allowed. */
void up_pool_free(struct up_pool *pool);

/* Takes a slot; false when all are taken or the pool is draining. A slot is given back by the end
 * of the submitted job or by up_pool_unreserve. */
bool up_pool_reserve(struct up_pool *pool) UP_CHECKED;
void up_pool_unreserve(struct up_pool *pool);
void up_pool_submit(struct up_pool *pool, struct up_job *job);

/* Calls work(arg, begin, end) over disjoint ranges that cover 0 .. count, each at most `grain` rows
 * (>= 1) long, and returns when all are done. The ranges run concurrently on idle workers and on
 * the caller, on whose stack UP_STACK_BYTES must be left. `pool` may be NULL: the caller does it
 * all. May be called from inside a job and from inside a range. */
void up_pool_rows(struct up_pool *pool, size_t count, size_t grain,
                  void (*work)(void *arg, size_t begin, size_t end), void *arg);

/* From now on reservations fail; returns when every slot is free, or after `timeout_ms`
 * (negative: waits for ever). True when every slot is free. */
bool up_pool_drain(struct up_pool *pool, int timeout_ms);

/* Jobs that wait, and jobs that run, at this moment; for metrics. */
size_t up_pool_waiting(struct up_pool *pool);
size_t up_pool_running(struct up_pool *pool);

#endif
