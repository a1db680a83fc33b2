/* channels_first is channels_last with the axis elsewhere: the same numbers, to the bit. */
#include <criterion/criterion.h>
#include <string.h>

#include "configure.h"

enum { CONFIGURATIONS = 60, CHAIN = 3 };

/* Values of a channels-last shape in the order of channels first. */
static float *to_first(const struct up_shape *shape, const float *values, struct up_arena *arena)
{
    const size_t channels = shape->dim[shape->rank - 1], all = up_shape_size(shape);
    const size_t pixels = all / shape->dim[0] / channels;
    float *ret = sample_memory(arena, all, sizeof *ret);
    for (size_t b = 0; b < shape->dim[0]; b++)
        for (size_t p = 0; p < pixels; p++)
            for (size_t c = 0; c < channels; c++)
                ret[(b * channels + c) * pixels + p] = values[(b * pixels + p) * channels + c];
    return ret;
}

static void set_format(const struct sample *s, enum up_data_format format)
{
    *(uint32_t *)sample_value(s, "data_format") = format;
}

/* --- Layers that are told the order --------------------------------------------------------- */

/* The same configuration in both orders. A result of fewer axes has lost the order of its input.
 * Activations are left out: softmax takes the last axis in either order. */
static bool orders_agree(struct sample *s, const struct up_kernels *kernels, struct random *random,
                         struct up_arena *arena, size_t *ret_scratch)
{
    struct up_plan *last, *first;
    struct up_error err;
    sample_linearize(s);
    set_format(s, UP_CHANNELS_LAST);
    if (sample_plan(s, kernels, arena, &last, &err) != UP_OK)
        return false;
    const struct up_shape in = s->in[0], out = *up_plan_output(last, 0);
    const float *const *x = sample_inputs(s, random, arena);
    size_t n;
    const float *expected = sample_run(last, x, NULL, arena, &n);

    set_format(s, UP_CHANNELS_FIRST);
    s->in[0] = up_shape_to_first(&in);
    cr_assert(sample_plan(s, kernels, arena, &first, &err) == UP_OK, "%s: %s", s->ops->class_name,
              err.text);
    *ret_scratch = up_plan_bytes(first).scratch;
    const float *const moved[] = {to_first(&in, x[0], arena)};
    const float *got = sample_run(first, moved, NULL, arena, &n);
    if (out.rank == in.rank)
        expected = to_first(&out, expected, arena);
    cr_assert(memcmp(got, expected, n * sizeof *got) == 0,
              "%s on %s: channels_first gives other bits", s->ops->class_name, kernels->isa);
    return true;
}

Test(layouts, give_the_same_bits_in_either_order, .timeout = 60)
{
    const struct up_kernels *usable[16];
    const size_t isas = up_kernels_usable(usable, 16);
    struct up_arena *arena = up_arena_new(SAMPLE_ARENA_BYTES, NULL);
    size_t layers = 0;
    for (const struct up_layer_ops *const *ops = up_layers(); *ops != NULL; ops++) {
        if (up_param_find((*ops)->params, "data_format") == NULL)
            continue;
        size_t checked = 0, scratch;
        for (size_t i = 0; i < 50 * CONFIGURATIONS && checked < CONFIGURATIONS; i++) {
            struct random random = {i};
            up_arena_reset(arena, SAMPLE_ARENA_BYTES);
            struct sample s = sample_make(&random, *ops, SMALL, 60, arena);
            checked += orders_agree(&s, usable[i % isas], &random, arena, &scratch);
        }
        cr_assert(checked == CONFIGURATIONS, "%s: only %zu configurations", (*ops)->class_name,
                  checked);
        layers++;
    }
    cr_assert(layers > 0, "no layer has a data_format");
    up_arena_free(arena);
}

/* Lines so long that channels are resampled as images of one: nothing is moved, so no memory is
 * needed in between. */
Test(layouts, long_lines_are_resampled_where_they_lie, .timeout = 60)
{
    const struct up_kernels *usable[16];
    const size_t isas = up_kernels_usable(usable, 16);
    struct up_arena *arena = up_arena_new(SAMPLE_ARENA_BYTES, NULL);
    for (size_t i = 0; i < 8 * CONFIGURATIONS; i++) {
        struct random random = {i};
        size_t scratch = 1;
        up_arena_reset(arena, SAMPLE_ARENA_BYTES);
        struct sample s = sample_make(&random, up_layer_find("UpSampling2D"), SMALL, 60, arena);
        s.in[0] =
            (struct up_shape){4, {2, random_size(&random, 1, 5), random_size(&random, 64, 99)}};
        s.in[0].dim[3] = random_size(&random, 1, 19);
        cr_assert(orders_agree(&s, usable[i % isas], &random, arena, &scratch), "seed %zu", i);
        cr_assert(scratch == 0, "seed %zu: %zu bytes between steps", i, scratch);
    }
    up_arena_free(arena);
}

/* --- Layers that work in any order ---------------------------------------------------------- */

/* The layer between two that have an order of their own, which leave its input where they like. */
static const float *chained(const struct sample *s, enum up_data_format format,
                            const struct up_kernels *kernels, const float *x,
                            struct up_arena *arena, struct up_shape *ret_out)
{
    struct sample around = {.ops = up_layer_find("UpSampling2D")};
    around.config = sample_memory(arena, 1, around.ops->config_bytes);
    up_params_default(around.ops->params, around.config);
    set_format(&around, format);
    const struct sample *const link[CHAIN] = {&around, s, &around};
    struct up_layer *layer = sample_memory(arena, CHAIN, sizeof *layer);
    static const uint32_t id[CHAIN + 1] = {0, 1, 2, 3};
    struct up_node node[CHAIN];
    for (uint32_t i = 0; i < CHAIN; i++) {
        layer[i] = (struct up_layer){
            .ops = link[i]->ops, .config = link[i]->config, .at = "/layer", .layer_at = "/layer"};
        node[i] = (struct up_node){i, 1, &id[i]};
    }
    const struct up_shape in =
        format == UP_CHANNELS_FIRST ? up_shape_to_first(&s->in[0]) : s->in[0];
    const struct up_graph graph = {.inputs = &in,
                                   .input_count = 1,
                                   .layers = layer,
                                   .layer_count = CHAIN,
                                   .nodes = node,
                                   .node_count = CHAIN,
                                   .outputs = &id[CHAIN],
                                   .output_count = 1};
    const struct up_plan_options options = {.kernels = kernels,
                                            .output_bytes_max = SAMPLE_BYTES_MAX,
                                            .output_bytes_flag = "--output-limit"};
    struct up_plan *plan;
    struct up_error err = {.code = UP_OK};
    cr_assert(up_plan_build(&graph, &options, arena, &plan, &err) == UP_OK, "%s: %s",
              s->ops->class_name, err.text);
    size_t n;
    *ret_out = *up_plan_output(plan, 0);
    return sample_run(plan, &x, NULL, arena, &n);
}

static void chains_agree(struct sample *s, const struct up_kernels *kernels, struct random *random,
                         struct up_arena *arena)
{
    s->in[0] = (struct up_shape){4, {2, random_size(random, 1, 5), random_size(random, 1, 5)}};
    s->in[0].dim[3] = random_size(random, 1, 19);
    const float *x = sample_inputs(s, random, arena)[0];
    struct up_shape last, first;
    const float *expected = chained(s, UP_CHANNELS_LAST, kernels, x, arena, &last);
    const float *got =
        chained(s, UP_CHANNELS_FIRST, kernels, to_first(&s->in[0], x, arena), arena, &first);
    const struct up_shape moved = up_shape_to_first(&last);
    cr_assert(up_shape_equal(&first, &moved), "%s: another shape", s->ops->class_name);
    cr_assert(memcmp(got, to_first(&last, expected, arena), up_shape_size(&first) * sizeof *got) ==
                  0,
              "%s on %s: other bits between layers that are channels_first", s->ops->class_name,
              kernels->isa);
}

Test(layouts, of_neighbours_do_not_matter_where_a_layer_takes_any, .timeout = 60)
{
    const struct up_kernels *usable[16];
    const size_t isas = up_kernels_usable(usable, 16);
    struct up_arena *arena = up_arena_new(SAMPLE_ARENA_BYTES, NULL);
    size_t layers = 0;
    for (const struct up_layer_ops *const *ops = up_layers(); *ops != NULL; ops++) {
        if ((*ops)->any_layout == NULL)
            continue;
        size_t checked = 0;
        for (size_t i = 0; i < CONFIGURATIONS; i++) {
            struct random random = {i};
            up_arena_reset(arena, SAMPLE_ARENA_BYTES);
            struct sample s = sample_make(&random, *ops, SMALL, 60, arena);
            if (!(*ops)->any_layout(s.config))
                continue;
            chains_agree(&s, usable[i % isas], &random, arena);
            checked++;
        }
        cr_assert(checked > 0, "%s takes any order in no configuration", (*ops)->class_name);
        layers++;
    }
    cr_assert(layers > 0, "no layer takes any order");
    up_arena_free(arena);
}
