#include "core/plan/cache.h"

#include <criterion/criterion.h>
#include <string.h>

#include "tests/unit/plan_model.h"

enum { PIXELS = 6 }; /* of `image`, which has two channels */

/* A sum over two channels with given weights: what it computes is known by formula. */
static struct model *weighted(float first, float second)
{
    struct model *m = model_new(image);
    struct up_layer *layer = channel_sum(m, "zeros");
    float *kernel = up_arena_alloc(m->arena, 2, sizeof *kernel, NULL),
          *bias = up_arena_zalloc(m->arena, 1, sizeof *bias, NULL);
    struct up_tensor *weights = up_arena_alloc(m->arena, 2, sizeof *weights, NULL);
    kernel[0] = first;
    kernel[1] = second;
    weights[0] = (struct up_tensor){{4, {1, 1, 1, 2}}, kernel};
    weights[1] = (struct up_tensor){{1, {1}}, bias};
    layer->weights = weights;
    layer->weight_count = 2;
    output_add(m, node_add(m, 0));
    return m;
}

static enum up_code plan_get(struct up_plan_cache *cache, const struct model *m,
                             struct up_plan_use *ret, struct up_error *err)
{
    const struct up_plan_options options = {.kernels = up_kernels_select(NULL),
                                            .output_bytes_max = m->limit,
                                            .output_bytes_flag = "--output-limit"};
    *ret = (struct up_plan_use){.plan = NULL};
    *err = (struct up_error){.code = UP_OK};
    return up_plan_cache_get(cache, &m->graph, &options, m->arena, ret, err);
}

static struct up_plan_use plan_use(struct up_plan_cache *cache, const struct model *m)
{
    struct up_plan_use use;
    struct up_error err;
    cr_assert(plan_get(cache, m, &use, &err) == UP_OK, "%s: %s", err.at, err.text);
    return use;
}

static void assert_sums(struct model *m, const struct up_plan *plan, float first, float second)
{
    const float *in;
    const float *out = model_run(m, plan, &in)[0];
    for (size_t i = 0; i < PIXELS; i++)
        cr_assert(out[i] == first * in[2 * i] + second * in[2 * i + 1], "pixel %zu: %g", i,
                  (double)out[i]);
}

/* A whole request: plans, checks the numbers, ends; true when the plan came from the cache. */
static bool request(struct up_plan_cache *cache, float first, float second)
{
    struct model *m = weighted(first, second);
    const size_t hits = up_plan_cache_counts(cache).hits;
    struct up_plan_use use = plan_use(cache, m);
    assert_sums(m, use.plan, first, second);
    up_plan_release(&use);
    model_free(m);
    return up_plan_cache_counts(cache).hits != hits;
}

/* What one of these plans takes. */
static size_t entry_bytes(void)
{
    struct up_plan_cache *cache = up_plan_cache_new(LIMIT, NULL);
    (void)request(cache, 1, 1);
    const size_t bytes = up_plan_cache_counts(cache).bytes;
    up_plan_cache_free(cache);
    cr_assert(bytes > 0);
    return bytes;
}

static void assert_counts(struct up_plan_cache *cache, size_t hits, size_t misses, size_t evictions,
                          size_t entries)
{
    const struct up_plan_cache_counts c = up_plan_cache_counts(cache);
    cr_assert(c.hits == hits && c.misses == misses && c.evictions == evictions &&
                  c.entries == entries,
              "%zu hits, %zu misses, %zu evictions, %zu entries", c.hits, c.misses, c.evictions,
              c.entries);
}

Test(plan_cache, a_graph_like_one_before_is_planned_once, .timeout = 20)
{
    struct up_plan_cache *cache = up_plan_cache_new(LIMIT, NULL);
    struct model *a = weighted(2, 3), *b = weighted(2, 3);
    struct up_plan_use first = plan_use(cache, a), second = plan_use(cache, b);
    cr_assert(first.plan == second.plan, "planned twice");
    up_plan_release(&first);
    model_free(a); /* the plan needs nothing of the graph that it was made from */
    assert_sums(b, second.plan, 2, 3);
    up_plan_release(&second);
    up_plan_release(&second);
    model_free(b);
    assert_counts(cache, 1, 1, 0, 1);
    up_plan_cache_free(cache);
}

Test(plan_cache, other_weights_make_another_plan, .timeout = 20)
{
    struct up_plan_cache *cache = up_plan_cache_new(LIMIT, NULL);
    for (int round = 0; round < 2; round++)
        for (int i = 0; i < 5; i++)
            cr_assert(request(cache, (float)i, 1) == (round == 1), "round %d, %d", round, i);
    assert_counts(cache, 5, 5, 0, 5);
    up_plan_cache_free(cache);
}

Test(plan_cache, a_name_finds_its_plan_while_it_is_kept, .timeout = 20)
{
    struct up_plan_cache *cache = up_plan_cache_new(2 * entry_bytes(), NULL);
    struct model *m = weighted(2, 3);
    struct up_plan_use use = plan_use(cache, m), again = {.plan = NULL};
    const struct up_plan_name name = up_plan_name(&use), none = {.hash = name.hash};
    cr_assert(!use.found);
    up_plan_release(&use);
    cr_assert(!request(cache, 1, 1));
    cr_assert(name.serial != 0 && !up_plan_cache_again(cache, &none, &again));
    cr_assert(up_plan_cache_again(cache, &name, &again) && again.found, "not found by its name");
    assert_sums(m, again.plan, 2, 3);
    cr_assert(!request(cache, 1, 2), "drops the plan that nobody uses");
    assert_sums(m, again.plan, 2, 3);
    up_plan_release(&again);
    cr_assert(!request(cache, 1, 3) && !request(cache, 1, 4));
    cr_assert(!request(cache, 2, 3), "the plan has gone, and is made anew");
    cr_assert(!up_plan_cache_again(cache, &name, &again), "the name is that of another plan");
    cr_assert(up_plan_name(&again).serial == 0);
    model_free(m);
    up_plan_cache_free(cache);
}

Test(plan_cache, equal_hashes_serve_nobody_elses_plan, .timeout = 20)
{
    struct up_plan_cache *cache = up_plan_cache_new(LIMIT, NULL);
    up_plan_cache_hash_mask(cache, 0);
    cr_assert(!request(cache, 1, 2) && request(cache, 1, 2));
    cr_assert(!request(cache, 1, 3), "the weights of another");
    struct model *m = model_new(image); /* the same hash and another form */
    output_add(m, upsampling(m, 0, 2, 2, false));
    struct up_plan_use use = plan_use(cache, m);
    assert_shape(up_plan_output(use.plan, 0), "(1, 4, 6, 2)");
    up_plan_release(&use);
    use = plan_use(cache, m);
    assert_shape(up_plan_output(use.plan, 0), "(1, 4, 6, 2)");
    up_plan_release(&use);
    model_free(m);
    cr_assert(request(cache, 1, 2));
    assert_counts(cache, 3, 3, 0, 2);
    up_plan_cache_free(cache);
}

Test(plan_cache, the_least_recently_used_goes_first, .timeout = 20)
{
    const size_t each = entry_bytes();
    struct up_plan_cache *cache = up_plan_cache_new(2 * each + each / 2, NULL);
    (void)request(cache, 1, 0);
    (void)request(cache, 2, 0);
    cr_assert(request(cache, 1, 0)); /* now 2 is the older one */
    (void)request(cache, 3, 0);
    assert_counts(cache, 1, 3, 1, 2);
    cr_assert(up_plan_cache_counts(cache).bytes == 2 * each);
    cr_assert(request(cache, 1, 0) && request(cache, 3, 0) && !request(cache, 2, 0));
    up_plan_cache_free(cache);
}

Test(plan_cache, what_is_in_use_stays, .timeout = 20)
{
    struct up_plan_cache *cache = up_plan_cache_new(entry_bytes(), NULL);
    struct model *m = weighted(1, 2);
    struct up_plan_use use = plan_use(cache, m);
    cr_assert(!request(cache, 3, 0) && !request(cache, 3, 0), "it had to go for this one");
    assert_counts(cache, 0, 3, 0, 1);
    assert_sums(m, use.plan, 1, 2);
    up_plan_release(&use);
    cr_assert(!request(cache, 3, 0) && request(cache, 3, 0), "it was not given up");
    assert_counts(cache, 1, 4, 1, 1);
    model_free(m);
    up_plan_cache_free(cache);
}

Test(plan_cache, a_plan_beyond_the_bound_is_made_and_not_kept, .timeout = 20)
{
    struct up_plan_cache *cache = up_plan_cache_new(1, NULL);
    cr_assert(!request(cache, 1, 2) && !request(cache, 1, 2));
    cr_assert(up_plan_cache_counts(cache).entries == 0);
    struct model *m = model_new(image);
    output_add(m, upsampling(m, 0, 2, 2, false)); /* no weights: it is found too large when made */
    struct up_plan_use use = plan_use(cache, m);
    assert_shape(up_plan_output(use.plan, 0), "(1, 4, 6, 2)");
    up_plan_release(&use);
    model_free(m);
    assert_counts(cache, 0, 1, 0, 0);
    up_plan_cache_free(cache);
}

Test(plan_cache, unused_plans_give_way_when_the_budget_is_short, .timeout = 20)
{
    const size_t each = entry_bytes();
    struct up_budget budget = {.limit_bytes = 4 * each + each / 2};
    struct up_plan_cache *cache = up_plan_cache_new(LIMIT, &budget);
    struct model *m = weighted(1, 0);
    struct up_plan_use use = plan_use(cache, m);
    (void)request(cache, 2, 0);
    (void)request(cache, 3, 0);
    cr_assert(budget.used == 3 * each, "%zu of the budget", (size_t)budget.used);
    struct up_arena *arena = up_arena_new(LIMIT, &budget), *more = up_arena_new(LIMIT, &budget);
    cr_assert(up_arena_alloc(arena, 2, each, NULL) != NULL, "the plans are in the way");
    assert_counts(cache, 0, 3, 1, 2);
    cr_assert(up_arena_alloc(more, 1, each, NULL) != NULL, "the plans are in the way");
    assert_counts(cache, 0, 3, 2, 1);
    up_arena_free(more);
    cr_assert(up_arena_alloc(arena, 2, each, NULL) == NULL, "a plan in use was dropped");
    assert_sums(m, use.plan, 1, 0);
    up_plan_release(&use);
    up_arena_free(arena);
    model_free(m);
    up_plan_cache_free(cache);
    cr_assert(budget.used == 0, "%zu bytes are not given back", (size_t)budget.used);
}

Test(plan_cache, without_memory_for_copies_a_plan_lies_in_the_request, .timeout = 20)
{
    struct up_budget budget = {.limit_bytes = 64};
    struct up_plan_cache *cache = up_plan_cache_new(LIMIT, &budget);
    cr_assert(!request(cache, 1, 2) && !request(cache, 1, 2));
    assert_counts(cache, 0, 2, 0, 0);
    up_plan_cache_free(cache);
    struct model *m = weighted(4, 5);
    struct up_plan_use use = plan_use(NULL, m);
    assert_sums(m, use.plan, 4, 5);
    up_plan_release(&use);
    model_free(m);
}

static struct model *drawn(int64_t seed)
{
    struct model *m = model_new(image);
    struct up_layer *layer = channel_sum(m, "glorot_uniform");
    struct up_initializer *init = value_of(layer, "kernel_initializer");
    init->seed = (struct up_seed){seed != 0, seed};
    output_add(m, node_add(m, 0));
    return m;
}

Test(plan_cache, a_seed_is_part_of_the_key_and_a_fresh_one_is_not_kept, .timeout = 20)
{
    struct up_plan_cache *cache = up_plan_cache_new(LIMIT, NULL);
    static const int64_t seeds[] = {0, 1, 2, 1, 2, 0};
    const struct up_plan *plan[6];
    int64_t used[6];
    for (size_t i = 0; i < 6; i++) {
        struct model *m = drawn(seeds[i]);
        struct up_plan_use use = plan_use(cache, m);
        plan[i] = use.plan;
        used[i] = up_plan_node(use.plan, 0)->seed[0];
        cr_assert(seeds[i] == 0 ? used[i] != 0 : used[i] == seeds[i], "%zu: %lld", i,
                  (long long)used[i]);
        up_plan_release(&use);
        model_free(m);
    }
    cr_assert(plan[1] == plan[3] && plan[2] == plan[4] && plan[1] != plan[2]);
    cr_assert(used[0] != used[5], "two fresh seeds are one");
    assert_counts(cache, 2, 2, 0, 2);
    up_plan_cache_free(cache);
}

Test(plan_cache, a_plan_that_fails_is_refused_as_without_a_cache, .timeout = 20)
{
    struct up_plan_cache *cache = up_plan_cache_new(LIMIT, NULL);
    struct model *m = weighted(1, 2);
    struct up_plan_use use;
    struct up_error err, plain;
    struct up_plan *unused;
    ((struct up_tensor *)(uintptr_t)m->layer[0].weights)[0].shape.dim[3] = 1;
    cr_assert(model_build(m, &unused, &plain) == UP_E_INVALID);
    for (int i = 0; i < 2; i++) {
        cr_assert(plan_get(cache, m, &use, &err) == UP_E_INVALID && use.plan == NULL);
        cr_assert(strcmp(err.at, plain.at) == 0 && strcmp(err.text, plain.text) == 0, "%s: %s",
                  err.at, err.text);
    }
    m->limit = 8;
    cr_assert(model_build(m, &unused, &plain) == UP_E_LIMIT);
    cr_assert(plan_get(cache, m, &use, &err) == UP_E_LIMIT && strcmp(err.text, plain.text) == 0);
    assert_counts(cache, 0, 3, 0, 0);
    model_free(m);
    up_plan_cache_free(cache);
}
