/* What a plan refuses, and whose weights it takes. */
#include <criterion/criterion.h>
#include <string.h>

#include "core/plan/plan.h"
#include "tests/unit/plan_model.h"

/* --- Limits --------------------------------------------------------------------------------- */

static void assert_refused(struct model *m, enum up_code code, const char *at, const char *text)
{
    struct up_plan *plan = NULL;
    struct up_error err;
    cr_assert(model_build(m, &plan, &err) == code, "%s: %s", up_code_slug(err.code), err.text);
    cr_assert(plan == NULL, "a refused plan was returned");
    cr_assert(strcmp(err.at, at) == 0, "at %s, not %s: %s", err.at, at, err.text);
    cr_assert(strstr(err.text, text) != NULL, "\"%s\" is not in: %s", text, err.text);
}

/* The value on the way is the largest: 1 x 20 x 30 x 2 floats. */
Test(plan, value_may_be_as_large_as_the_limit_and_no_larger, .timeout = 20)
{
    struct model *m = model_new(image);
    const uint32_t v = upsampling(m, 0, 10, 10, false);
    (void)channel_sum(m, "ones");
    output_add(m, node_add(m, v));
    m->limit = 4800;
    (void)model_plan(m);
    m->limit = 4799;
    assert_refused(m, UP_E_LIMIT, "/layers/0",
                   "(1, 20, 30, 2) takes 4800 bytes, the limit is 4799 (--output-limit)");
    model_free(m);
}

Test(plan, outputs_together_may_be_as_large_as_the_limit_and_no_larger, .timeout = 20)
{
    struct model *m = model_new(image);
    const uint32_t v = upsampling(m, 0, 10, 10, false);
    output_add(m, v);
    output_add(m, v);
    m->limit = 9600;
    (void)model_plan(m);
    m->limit = 9599;
    assert_refused(m, UP_E_LIMIT, "", "9600 bytes, the limit is 9599 (--output-limit)");
    model_free(m);
}

Test(plan, size_that_no_integer_holds_is_a_limit_too, .timeout = 20)
{
    struct model *m = model_new(image);
    uint32_t v = 0;
    for (int i = 0; i < 3; i++)
        v = upsampling(m, v, 2147483647, 2147483647, false);
    output_add(m, v);
    const size_t before = up_arena_bytes(m->arena);
    m->limit = SIZE_MAX / 8;
    assert_refused(m, UP_E_LIMIT, "/layers/0", "(--output-limit)");
    cr_assert(up_arena_bytes(m->arena) - before < 1 << 20, "%zu bytes were allocated",
              up_arena_bytes(m->arena) - before);
    model_free(m);
}

/* --- Refusals ------------------------------------------------------------------------------- */

Test(plan, empty_input_is_refused, .timeout = 20)
{
    struct model *m = model_new((struct up_shape){4, {1, 0, 3, 1}});
    output_add(m, upsampling(m, 0, 2, 2, false));
    assert_refused(m, UP_E_INVALID, "/input", "axis 1 ");
    model_free(m);
}

Test(plan, wrong_rank_is_refused_at_the_layer, .timeout = 20)
{
    struct model *m = model_new((struct up_shape){3, {1, 4, 3}});
    output_add(m, upsampling(m, 0, 2, 2, false));
    assert_refused(m, UP_E_INVALID, "/layers/0", "(1, 4, 3)");
    model_free(m);
}

Test(plan, wrong_number_of_weights_is_refused, .timeout = 20)
{
    struct model *m = model_new(image);
    static float kernel[] = {1, 2};
    const struct up_tensor weight = {{4, {1, 1, 1, 2}}, kernel};
    struct up_layer *layer = channel_sum(m, "ones");
    layer->weights = &weight;
    layer->weight_count = 1;
    output_add(m, node_add(m, 0));
    assert_refused(m, UP_E_INVALID, "/layers/0/weights", "takes 2 weights (kernel, bias), not 1");
    model_free(m);
}

Test(plan, weight_of_another_shape_is_refused, .timeout = 20)
{
    struct model *m = model_new(image);
    static float kernel[] = {1, 2, 3}, bias[] = {0};
    const struct up_tensor weights[] = {{{4, {1, 1, 1, 3}}, kernel}, {{1, {1}}, bias}};
    struct up_layer *layer = channel_sum(m, "ones");
    layer->weights = weights;
    layer->weight_count = 2;
    output_add(m, node_add(m, 0));
    assert_refused(m, UP_E_INVALID, "/layers/0/weights/0", "(1, 1, 1, 3)");
    model_free(m);
}

Test(plan, shape_that_the_layer_does_not_expect_is_refused, .timeout = 20)
{
    struct model *m = model_new(image);
    const uint32_t v = upsampling(m, 0, 2, 2, false);
    m->layer[0].expected = (struct up_expected){"input_shape", 4, {-1, 2, 3, 2}};
    output_add(m, v);
    (void)model_plan(m);
    m->layer[0].expected.dim[3] = 1;
    assert_refused(m, UP_E_INVALID, "/layers/0/input_shape", "(1, 2, 3, 2)");
    model_free(m);
}

/* --- Weights -------------------------------------------------------------------------------- */

Test(plan, drawn_weights_tell_their_seed_and_can_be_drawn_again, .timeout = 20)
{
    struct model *m = model_new((struct up_shape){4, {1, 2, 3, 64}});
    struct up_layer *layer = channel_sum(m, "glorot_uniform");
    output_add(m, node_add(m, 0));
    const struct up_plan_node *drawn = up_plan_node(model_plan(m), 0);
    cr_assert(drawn->weight_count == 2 && drawn->seed[0] > 0 && drawn->seed[1] == 0,
              "seeds %lld and %lld", (long long)drawn->seed[0], (long long)drawn->seed[1]);
    ((struct up_initializer *)value_of(layer, "kernel_initializer"))->seed =
        (struct up_seed){true, drawn->seed[0]};
    const struct up_plan_node *again = up_plan_node(model_plan(m), 0);
    cr_assert(
        memcmp(drawn->weight_value[0].data, again->weight_value[0].data, 64 * sizeof(float)) == 0,
        "seed %lld gave other weights", (long long)drawn->seed[0]);
    model_free(m);
}

/* In Keras a layer has one set of weights, however often it is called. */
Test(plan, shared_layer_draws_its_weights_once, .timeout = 20)
{
    struct model *m = model_new((struct up_shape){4, {1, 2, 3, 64}});
    (void)channel_sum(m, "glorot_uniform");
    output_add(m, node_add(m, 0));
    output_add(m, node_add(m, 0));
    const struct up_plan *plan = model_plan(m);
    cr_assert(up_plan_node(plan, 0)->seed[0] == up_plan_node(plan, 1)->seed[0],
              "seeds %lld and %lld", (long long)up_plan_node(plan, 0)->seed[0],
              (long long)up_plan_node(plan, 1)->seed[0]);
    cr_assert(up_plan_bytes(plan).weights == 65 * sizeof(float), "%zu bytes of weights",
              up_plan_bytes(plan).weights);
    const float *in;
    float **out = model_run(m, plan, &in);
    cr_assert(memcmp(out[0], out[1], 6 * sizeof(float)) == 0, "one layer, two results");
    model_free(m);
}

Test(plan, shared_layer_needs_inputs_that_fit_its_one_set_of_weights, .timeout = 20)
{
    struct model *m = model_new((struct up_shape){4, {1, 2, 3, 64}});
    (void)channel_sum(m, "glorot_uniform");
    output_add(m, node_add(m, node_add(m, 0)));
    assert_refused(m, UP_E_INVALID, "/layers/0", "(1, 1, 1, 64)");
    model_free(m);
}
