/* What the plan cache takes for the same: any parameter of any layer makes another plan, and a copy
 * of a graph is the same without sharing memory. From the descriptor rows, for every layer. */
#include <criterion/criterion.h>
#include <string.h>

#include "configure.h"
#include "core/plan/key.h"

enum { CONFIGURATIONS = 20, VALUES = 3 };

/* A graph of one sample. */
struct alone {
    struct up_layer layer;
    struct up_node node;
    struct up_graph graph;
    uint32_t id[SAMPLE_INPUTS_MAX];
};

static void alone_make(const struct sample *sample, struct alone *ret)
{
    for (uint32_t i = 0; i < sample->in_count; i++)
        ret->id[i] = i;
    ret->layer = (struct up_layer){.ops = sample->ops, .config = sample->config};
    ret->node = (struct up_node){0, sample->in_count, ret->id};
    ret->graph = (struct up_graph){.inputs = sample->in,
                                   .input_count = sample->in_count,
                                   .layers = &ret->layer,
                                   .layer_count = 1,
                                   .nodes = &ret->node,
                                   .node_count = 1,
                                   .outputs = &sample->in_count,
                                   .output_count = 1};
}

static struct up_plan_key key_of(const struct up_graph *graph, struct up_arena *arena)
{
    const struct up_plan_options options = {.kernels = up_kernels_select(NULL)};
    struct up_plan_key key;
    struct up_error err = {.code = UP_OK};
    cr_assert(up_plan_key_make(graph, &options, arena, &key, &err) == UP_OK, "%s", err.text);
    return key;
}

static bool same(const struct up_plan_key *a, const struct up_plan_key *b)
{
    return up_plan_key_same_form(a, b) && up_plan_key_same_contents(a, b);
}

static void tensor_set(struct up_tensor *tensor, struct up_arena *arena)
{
    float *values = sample_memory(arena, VALUES, sizeof *values);
    for (size_t i = 0; i < VALUES; i++)
        values[i] = (float)i;
    *tensor = (struct up_tensor){{1, {VALUES}}, values};
}

/* Another value, valid or not, of the same parameter; false for rows that store none. */
static bool value_change(const struct up_param *row, void *value)
{
    switch (row->type) {
    case UP_PARAM_INT:
        if ((row->flags & UP_PARAM_NULLABLE) != 0)
            ((struct up_seed *)value)->value++;
        else
            ++*(int64_t *)value;
        return true;
    case UP_PARAM_FLOAT:
        *(double *)value = *(double *)value == 0.125 ? 1 : 0.125;
        return true;
    case UP_PARAM_BOOL:
        *(bool *)value = !*(bool *)value;
        return true;
    case UP_PARAM_CHOICE:
        ++*(uint32_t *)value;
        return true;
    case UP_PARAM_INTS:
        ((struct up_ints *)value)->v[0]++;
        return true;
    case UP_PARAM_LIST:
        ((struct up_list *)value)->v[((struct up_list *)value)->count++] = 1;
        return true;
    case UP_PARAM_PAIRS:
        ((struct up_pairs *)value)->v[0][1]++;
        return true;
    case UP_PARAM_ACTIVATION:
        ((struct up_activation *)value)->gamma += 1;
        return true;
    case UP_PARAM_INITIALIZER:
        ((struct up_initializer *)value)->class = up_initializer_find(
            ((struct up_initializer *)value)->class == up_initializer_find("ones") ? "zeros"
                                                                                   : "ones");
        return true;
    case UP_PARAM_TENSOR:
        ((struct up_tensor *)value)->data[VALUES - 1] += 1;
        return true;
    case UP_PARAM_TEXT:
        *(const char **)value = "another";
        return true;
    case UP_PARAM_SHAPE:
    case UP_PARAM_IGNORED:
        return false;
    }
    return false;
}

/* Whether `p` lies in a tensor or a configuration of the graph. */
static bool shares(const struct up_plan_key *a, const struct up_plan_key *b)
{
    for (size_t i = 0; i < a->contents_count; i++)
        if (a->contents[i].data == b->contents[i].data)
            return true;
    return false;
}

static void check(struct sample *sample, struct up_arena *arena)
{
    const struct up_layer_ops *ops = sample->ops;
    struct alone original;
    struct up_graph copy;
    struct up_error err = {.code = UP_OK};
    for (const struct up_param *row = ops->params; row->name != NULL; row++)
        if (row->type == UP_PARAM_TENSOR)
            tensor_set(sample_value(sample, row->name), arena);
    alone_make(sample, &original);
    const struct up_plan_key key = key_of(&original.graph, arena);
    for (const struct up_param *row = ops->params; row->name != NULL; row++) {
        cr_assert(up_graph_copy(&original.graph, arena, &copy, &err) == UP_OK, "%s", err.text);
        const struct up_plan_key same_key = key_of(&copy, arena);
        cr_assert(same(&key, &same_key), "%s: a copy is not the same", ops->class_name);
        cr_assert(!shares(&key, &same_key) && copy.layers[0].config != sample->config,
                  "%s: the copy shares memory", ops->class_name);
        void *config = (void *)(uintptr_t)copy.layers[0].config;
        if (!value_change(row, (char *)config + row->offset))
            continue;
        const struct up_plan_key other = key_of(&copy, arena),
                                 again = key_of(&original.graph, arena);
        cr_assert(!same(&key, &other), "%s: another %s is the same", ops->class_name, row->name);
        cr_assert(same(&key, &again), "%s: the copy's %s is the original's", ops->class_name,
                  row->name);
    }
}

Test(plan_keys, every_parameter_of_every_layer_counts, .timeout = 60)
{
    struct up_arena *arena = up_arena_new(SAMPLE_ARENA_BYTES, NULL);
    for (const struct up_layer_ops *const *ops = up_layers(); *ops != NULL; ops++)
        for (size_t i = 0; i < CONFIGURATIONS; i++) {
            struct random random = {i};
            up_arena_reset(arena, SAMPLE_ARENA_BYTES);
            struct sample sample = sample_make(&random, *ops, SMALL, 20, arena);
            check(&sample, arena);
        }
    up_arena_free(arena);
}

/* The parameters of the initializers themselves. */
Test(plan_keys, every_parameter_of_every_initializer_counts, .timeout = 20)
{
    struct up_arena *arena = up_arena_new(SAMPLE_ARENA_BYTES, NULL);
    struct random random = {1};
    struct sample sample = sample_make(&random, up_layer_find("Conv2DTranspose"), SMALL, 20, arena);
    struct up_initializer *init = sample_value(&sample, "kernel_initializer");
    struct alone alone;
    alone_make(&sample, &alone);
    for (const struct up_initializer_class *const *class = up_initializer_classes(); *class != NULL;
         class ++)
        for (const struct up_param *row = (*class)->params; row->name != NULL; row++) {
            *init = up_initializer_default(*class);
            if (row->type == UP_PARAM_TENSOR)
                tensor_set(&init->tensor, arena);
            const struct up_plan_key key = key_of(&alone.graph, arena);
            if (!value_change(row, (char *)init + row->offset))
                continue;
            struct up_plan_key other = key_of(&alone.graph, arena);
            const bool data = row->type == UP_PARAM_TENSOR; /* in the memory that both borrow */
            cr_assert(data || !same(&key, &other), "%s: another %s is the same",
                      (*class)->class_name, row->name);
        }
    up_arena_free(arena);
}

/* Wiring, shapes and the options. */
Test(plan_keys, inputs_and_options_count, .timeout = 20)
{
    struct up_arena *arena = up_arena_new(SAMPLE_ARENA_BYTES, NULL);
    struct random random = {1};
    struct sample sample = sample_make(&random, up_layer_find("UpSampling2D"), SMALL, 20, arena);
    struct alone alone;
    alone_make(&sample, &alone);
    struct up_error err = {.code = UP_OK};
    const struct up_plan_options options[] = {
        {.kernels = up_kernels_select(NULL)},
        {.kernels = NULL},
        {.kernels = up_kernels_select(NULL), .algorithm = "direct"},
        {.kernels = up_kernels_select(NULL), .output_bytes_max = 1},
        {.kernels = up_kernels_select(NULL), .no_fusion = 1},
        {.kernels = up_kernels_select(NULL), .stream_bytes = 1},
    };
    struct up_plan_key key[8];
    for (size_t i = 0; i < 6; i++)
        cr_assert(up_plan_key_make(&alone.graph, &options[i], arena, &key[i], &err) == UP_OK);
    sample.in[0].dim[1]++;
    key[6] = key_of(&alone.graph, arena);
    alone.layer.expected = (struct up_expected){"input_shape", 1, {3}};
    key[7] = key_of(&alone.graph, arena);
    for (size_t i = 0; i < 8; i++)
        for (size_t k = 0; k < 8; k++)
            cr_assert(same(&key[i], &key[k]) == (i == k), "%zu and %zu", i, k);
    up_arena_free(arena);
}
