/* The plan cache under many threads, for the thread sanitizer (Criterion cannot start under it):
 * hits, misses, evictions for want of room and for want of budget, all at once, and every result
 * checked. Prints `N passed, N failed`. */
#include "core/plan/cache.h"

#include <pthread.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>

#include "tests/support/random.h"

enum {
    THREADS = 6,
    ROUNDS = 400,
    PLANS = 12,
    KEPT_BYTES = 6 * 64 * 1024, /* fewer than there are plans */
    BUDGET_BYTES = 1024 * 1024,
    LARGE_BYTES = 512 * 1024, /* what a request takes now and then */
};

struct stress {
    struct up_plan_cache *cache;
    struct up_budget budget;
    atomic_size_t right, wrong;
};

static void *value_of(const struct up_layer_ops *ops, void *config, const char *name)
{
    return (char *)config + up_param_find(ops->params, name)->offset;
}

/* Rescaling by `scale`, planned and run on 1, 2, 3, 4; false when the result is another's. */
static bool rescale(struct stress *s, struct up_arena *arena, float scale)
{
    static const uint32_t in_id = 0, out_id = 1;
    const struct up_layer_ops *ops = up_layer_find("Rescaling");
    const struct up_shape shape = {2, {1, 4}};
    float factor[1] = {scale}, input[4] = {1, 2, 3, 4}, output[4];
    void *config = up_arena_zalloc(arena, 1, ops->config_bytes, NULL);
    up_params_default(ops->params, config);
    *(struct up_tensor *)value_of(ops, config, "scale") = (struct up_tensor){{1, {1}}, factor};
    const struct up_layer layer = {.ops = ops, .config = config, .at = "", .layer_at = ""};
    const struct up_node node = {0, 1, &in_id};
    const struct up_graph graph = {&shape, 1, &layer, 1, &node, 1, &out_id, 1};
    const struct up_plan_options options = {.kernels = up_kernels_select(NULL),
                                            .output_bytes_max = LARGE_BYTES,
                                            .output_bytes_flag = ""};
    struct up_plan_use use = {.plan = NULL};
    struct up_error err = {.code = UP_OK};
    if (up_plan_cache_get(s->cache, &graph, &options, arena, &use, &err) != UP_OK)
        return false;
    factor[0] = -1; /* a plan that borrowed it would say so */
    const float *const in[] = {input};
    float *const out[] = {output};
    bool right = up_plan_run(use.plan, in, out, NULL, NULL, 0, &err) == UP_OK;
    for (int i = 0; right && i < 4 && use.entry != NULL; i++)
        right = output[i] == scale * input[i];
    up_plan_release(&use);
    return right;
}

static void *worker(void *arg)
{
    struct stress *s = arg;
    struct random random = {(uint64_t)(uintptr_t)&random};
    struct up_arena *own = up_arena_new(LARGE_BYTES, NULL);
    struct up_arena *shared = up_arena_new(LARGE_BYTES, &s->budget);
    for (int i = 0; i < ROUNDS; i++) {
        if (random_size(&random, 0, 7) == 0) {
            (void)!up_arena_alloc(shared, 1, LARGE_BYTES / 2, NULL);
            up_arena_reset(shared, 0);
        }
        const bool right = rescale(s, own, (float)random_size(&random, 1, PLANS));
        atomic_fetch_add(right ? &s->right : &s->wrong, 1);
        up_arena_reset(own, LARGE_BYTES);
    }
    up_arena_free(shared);
    up_arena_free(own);
    return NULL;
}

static bool plans_for_many_threads(void)
{
    struct stress s = {.budget = {.limit_bytes = BUDGET_BYTES}};
    pthread_t thread[THREADS];
    s.cache = up_plan_cache_new(KEPT_BYTES, &s.budget);
    for (int i = 0; i < THREADS; i++)
        if (pthread_create(&thread[i], NULL, worker, &s) != 0)
            abort();
    for (int i = 0; i < THREADS; i++)
        pthread_join(thread[i], NULL);
    const struct up_plan_cache_counts counts = up_plan_cache_counts(s.cache);
    up_plan_cache_free(s.cache);
    return s.right == THREADS * ROUNDS && s.wrong == 0 && s.budget.used == 0 && counts.hits > 0 &&
           counts.misses >= PLANS && counts.evictions > 0 && counts.bytes <= KEPT_BYTES &&
           counts.hits + counts.misses == THREADS * ROUNDS;
}

int main(void)
{
    const bool ok = plans_for_many_threads();
    if (!ok)
        (void)printf("FAIL plans for many threads\n");
    (void)printf("%d passed, %d failed\n", ok, !ok);
    return !ok;
}
