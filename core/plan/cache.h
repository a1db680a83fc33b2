/* Plans that are kept for the next request: bounded in bytes, shared, the least recently used one
 * dropped first.
 *
 * A plan is found by everything that it depends on (core/plan/key.h), compared byte for byte, the
 * given weights too. A kept plan owns all that it uses and draws on the budget of the requests;
 * what no request uses is dropped when that budget is short. Every function is safe from any
 * thread. */
#ifndef UP_PLAN_CACHE_H
#define UP_PLAN_CACHE_H

#include "core/plan/plan.h"

struct up_plan_cache;
struct up_plan_entry;

/* Keeps up to `limit_bytes` (> 0) of plans. `budget` may be NULL; else its `reclaim` becomes the
 * cache's. NULL when the process has no memory. */
struct up_plan_cache *up_plan_cache_new(size_t limit_bytes, struct up_budget *budget);

/* No plan may be in use, and no arena may draw on the budget at this moment. NULL is allowed. */
void up_plan_cache_free(struct up_plan_cache *cache);

/* A plan that is used: up_plan_release it in any case. Zero-initialise it. */
struct up_plan_use {
    const struct up_plan *plan;
    struct up_plan_entry *entry; /* NULL: the plan lies in the request's arena */
    bool found;                  /* it was kept before this use of it */
};

/* The plan that up_plan_build makes, from the cache if it has one, else built and kept. One that
 * draws weights by a fresh seed is built in `arena` and never kept, for nobody can ask for it
 * again; so is every plan when `cache` is NULL. Requests that miss the same plan at the same time
 * build it each for itself, and one of the results is kept: no request waits for another. Errors
 * are those of up_plan_build; a plan that fails is not kept. `err` is not NULL. */
enum up_code up_plan_cache_get(struct up_plan_cache *cache, const struct up_graph *graph,
                               const struct up_plan_options *options, struct up_arena *arena,
                               struct up_plan_use *ret, struct up_error *err) UP_CHECKED;

/* The plan if it is kept already: false, and nothing is built, when it is not, or when there is no
 * memory to look. */
bool up_plan_cache_find(struct up_plan_cache *cache, const struct up_graph *graph,
                        const struct up_plan_options *options, struct up_arena *arena,
                        struct up_plan_use *ret);

/* Names a plan that is kept, without keeping it; a serial of 0 names none. */
struct up_plan_name {
    uint64_t hash, serial;
};
struct up_plan_name up_plan_name(const struct up_plan_use *use);

/* The plan of that name, without a look at any graph; false when it is kept no longer. */
bool up_plan_cache_again(struct up_plan_cache *cache, const struct up_plan_name *name,
                         struct up_plan_use *ret);

/* Ends the use of the plan and forgets it; safe to repeat. */
void up_plan_release(struct up_plan_use *use);

struct up_plan_cache_counts {
    size_t hits, misses, evictions; /* since the start; plans of fresh seeds are neither */
    size_t entries, bytes;          /* now */
};
struct up_plan_cache_counts up_plan_cache_counts(struct up_plan_cache *cache);

/* For tests of collisions: only these bits of a hash count. */
void up_plan_cache_hash_mask(struct up_plan_cache *cache, uint64_t mask);

#endif
