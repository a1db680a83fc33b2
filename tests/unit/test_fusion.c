/* Which layers are fused, and what a plan says of them; what they compute then is
 * tests/property/test_fusion.c's. */
#include "core/plan/fusion.h"

#include <criterion/criterion.h>
#include <string.h>

#include "tests/support/api.h"
#include "tests/unit/plan_model.h"

static uint32_t computed_by(const struct up_plan *plan, uint32_t node)
{
    return up_plan_node(plan, node)->computed_by;
}

static void assert_fused(const struct up_plan *plan, uint32_t node, uint32_t into)
{
    cr_assert(computed_by(plan, node) == into, "node %u is computed by %u, not %u", node,
              computed_by(plan, node), into);
    cr_assert((node != into) == (strcmp(up_plan_node(plan, node)->algorithm, "fused") == 0),
              "node %u: %s", node, up_plan_node(plan, node)->algorithm);
}

Test(fusion, takes_a_value_that_has_no_other_reader, .timeout = 20)
{
    struct model *m = model_new(image);
    (void)channel_sum(m, "ones");
    output_add(m, activation(m, node_add(m, 0), "relu"));
    const struct up_plan *plan = model_plan(m);
    assert_fused(plan, 0, 0);
    assert_fused(plan, 1, 0);
    cr_assert(up_plan_bytes(plan).scratch == 0, "a value between fused layers");
    model_free(m);
}

Test(fusion, leaves_a_value_that_is_read_twice, .timeout = 20)
{
    struct model *m = model_new(image);
    (void)channel_sum(m, "ones");
    const uint32_t sum = node_add(m, 0);
    output_add(m, activation(m, sum, "relu"));
    output_add(m, activation(m, sum, "tanh"));
    const struct up_plan *plan = model_plan(m);
    assert_fused(plan, 1, 1);
    assert_fused(plan, 2, 2);
    model_free(m);
}

Test(fusion, leaves_a_value_that_is_an_output, .timeout = 20)
{
    struct model *m = model_new(image);
    (void)channel_sum(m, "ones");
    const uint32_t sum = node_add(m, 0);
    output_add(m, activation(m, sum, "relu"));
    output_add(m, sum);
    assert_fused(model_plan(m), 1, 1);
    model_free(m);
}

Test(fusion, fuses_each_call_of_a_shared_layer, .timeout = 20)
{
    struct model *m = model_new((struct up_shape){4, {1, 2, 3, 1}});
    (void)channel_sum(m, "ones");
    uint32_t v = activation(m, node_add(m, 0), "relu");
    const uint32_t again = m->graph.node_count++;
    m->in[again] = v;
    m->node[again] = (struct up_node){0, 1, &m->in[again]};
    v = activation(m, m->graph.input_count + again, "tanh");
    output_add(m, v);
    const struct up_plan *plan = model_plan(m);
    assert_fused(plan, 1, 0);
    assert_fused(plan, 2, 2);
    assert_fused(plan, 3, 2);
    model_free(m);
}

Test(fusion, leaves_what_follows_an_activation_over_an_axis, .timeout = 20)
{
    struct model *m = model_new(image);
    const struct up_layer *sum = channel_sum(m, "ones");
    cr_assert(up_activation_find("softmax", value_of(sum, "activation")), "no softmax");
    output_add(m, activation(m, node_add(m, 0), "relu"));
    assert_fused(model_plan(m), 1, 1);
    model_free(m);
}

/* The factor is gamma / sqrt(1 + epsilon). */
static uint32_t normalized_by(float gamma)
{
    struct model *m = model_new(image);
    (void)channel_sum(m, "ones");
    const uint32_t sum = node_add(m, 0);
    struct up_layer *normalization = layer_add(m, "BatchNormalization");
    float beta = 0, mean = 0, variance = 1;
    const struct up_shape one = {1, {1}};
    const struct up_tensor weights[] = {
        {one, &gamma}, {one, &beta}, {one, &mean}, {one, &variance}};
    normalization->weights = weights;
    normalization->weight_count = 4;
    output_add(m, node_add(m, sum));
    const uint32_t by = computed_by(model_plan(m), 1);
    model_free(m);
    return by;
}

Test(fusion, leaves_a_normalization_that_changes_what_is_finite, .timeout = 20)
{
    cr_assert(normalized_by(2) == 0, "an ordinary factor does not fuse");
    cr_assert(normalized_by(0) == 1, "a factor of 0 fuses");
    cr_assert(normalized_by(1e-39F) == 1, "a factor fuses that takes the kernel's precision");
}

Test(fusion, reads_a_list_of_names, .timeout = 20)
{
    unsigned set = 99, all = 0;
    struct up_error err = {.code = UP_OK};
    cr_assert(up_fusions_read("", &set, NULL) == UP_OK && set == 0, "none is %x", set);
    for (unsigned i = 0; up_fusion_name(i) != NULL; i++) {
        cr_assert(up_fusions_read(up_fusion_name(i), &set, NULL) == UP_OK && set == 1U << i,
                  "%s is %x", up_fusion_name(i), set);
        all |= 1U << i;
    }
    cr_assert(up_fusions_read("all", &set, NULL) == UP_OK && set == all, "all is %x", set);
    cr_assert(up_fusions_read("padding,add", &set, NULL) == UP_OK && set != 0, "two are %x", set);
    cr_assert(up_fusions_read("padding,ad", &set, &err) == UP_E_INVALID &&
                  strstr(err.text, "\"ad\"") != NULL,
              "%s", err.text);
}

Test(fusion, is_said_by_the_plan_and_nowhere_else, .timeout = 20)
{
    struct reply plan = ask(&(struct question){
        .path = "/plan",
        .body = "{\"input\":{\"shape\":[1,32,32,8]},\"layers\":[{\"class_name\":\"UpSampling2D\"},"
                "{\"class_name\":\"Conv2D\",\"filters\":4,\"kernel_size\":3,\"padding\":\"same\"},"
                "\"BatchNormalization\",\"ReLU\"]}"});
    static const char *const at[] = {"/layers/0", "/layers/2", "/layers/3"};
    for (size_t i = 0; i < 3; i++) {
        char pointer[40] = {0};
        (void)strcat(strcpy(pointer, at[i]), "/algorithm");
        assert_member(&plan, pointer, "\"fused\"");
        (void)strcat(strcpy(pointer, at[i]), "/fused_into");
        assert_member(&plan, pointer, "1");
    }
    assert_member(&plan, "/layers/0/output_shape", "[1,64,64,8]");
    assert_member(&plan, "/layers/1/macs", "1179648"); /* 64 * 64 * 9 * 8 * 4 */
    assert_member(&plan, "/layers/2/macs", "16384");
    assert_member(&plan, "/bytes/scratch", "0");
    reply_free(&plan);
}
