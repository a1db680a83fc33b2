#include "tests/unit/plan_model.h"

#include <criterion/criterion.h>
#include <stdlib.h>
#include <string.h>

const struct up_shape image = {4, {1, 2, 3, 2}};

struct model *model_new(struct up_shape input)
{
    struct model *m = calloc(1, sizeof *m);
    cr_assert(m != NULL, "no memory");
    m->arena = up_arena_new(2 * (size_t)LIMIT, NULL);
    m->input[0] = m->input[1] = input;
    m->limit = LIMIT;
    m->graph = (struct up_graph){.inputs = m->input,
                                 .input_count = 1,
                                 .layers = m->layer,
                                 .nodes = m->node,
                                 .outputs = m->output};
    return m;
}

void model_free(struct model *m)
{
    up_arena_free(m->arena);
    free(m);
}

void *value_of(const struct up_layer *layer, const char *name)
{
    const struct up_param *row = up_param_find(layer->ops->params, name);
    cr_assert(row != NULL, "%s has no %s", layer->ops->class_name, name);
    return (char *)(uintptr_t)layer->config + row->offset;
}

struct up_layer *layer_add(struct model *m, const char *class_name)
{
    static const char *const places[NODES_MAX] = {
        "/layers/0", "/layers/1", "/layers/2", "/layers/3", "/layers/4",  "/layers/5",
        "/layers/6", "/layers/7", "/layers/8", "/layers/9", "/layers/10", "/layers/11"};
    struct up_layer *layer = &m->layer[m->graph.layer_count];
    const struct up_layer_ops *ops = up_layer_find(class_name);
    void *config = up_arena_zalloc(m->arena, 1, ops->config_bytes, NULL);
    up_params_default(ops->params, config);
    *layer = (struct up_layer){.ops = ops,
                               .config = config,
                               .at = places[m->graph.layer_count],
                               .layer_at = places[m->graph.layer_count]};
    m->graph.layer_count++;
    return layer;
}

uint32_t node_add(struct model *m, uint32_t from)
{
    const uint32_t n = m->graph.node_count++;
    m->in[n] = from;
    m->node[n] = (struct up_node){m->graph.layer_count - 1, 1, &m->in[n]};
    return m->graph.input_count + n;
}

void ints_set(const struct up_layer *layer, const char *name, int64_t a, int64_t b)
{
    *(struct up_ints *)value_of(layer, name) = (struct up_ints){true, {a, b, 0}};
}

uint32_t upsampling(struct model *m, uint32_t from, int64_t h, int64_t w, bool first)
{
    const struct up_layer *layer = layer_add(m, "UpSampling2D");
    ints_set(layer, "size", h, w);
    *(uint32_t *)value_of(layer, "data_format") = first ? UP_CHANNELS_FIRST : UP_CHANNELS_LAST;
    return node_add(m, from);
}

uint32_t activation(struct model *m, uint32_t from, const char *name)
{
    struct up_activation *a = value_of(layer_add(m, "Activation"), "activation");
    cr_assert(up_activation_find(name, a), "%s", name);
    return node_add(m, from);
}

struct up_layer *channel_sum(struct model *m, const char *initializer)
{
    struct up_layer *layer = layer_add(m, "Conv2DTranspose");
    *(int64_t *)value_of(layer, "filters") = 1;
    ints_set(layer, "kernel_size", 1, 1);
    *(struct up_initializer *)value_of(layer, "kernel_initializer") =
        up_initializer_default(up_initializer_find(initializer));
    return layer;
}

void output_add(struct model *m, uint32_t value)
{
    m->output[m->graph.output_count++] = value;
}

enum up_code model_build(struct model *m, struct up_plan **ret, struct up_error *err)
{
    const struct up_plan_options options = {.kernels = up_kernels_select(NULL),
                                            .output_bytes_max = m->limit,
                                            .output_bytes_flag = "--output-limit"};
    *err = (struct up_error){.code = UP_OK};
    return up_plan_build(&m->graph, &options, m->arena, ret, err);
}

struct up_plan *model_plan(struct model *m)
{
    struct up_plan *plan = NULL;
    struct up_error err;
    cr_assert(model_build(m, &plan, &err) == UP_OK, "%s: %s", err.at, err.text);
    return plan;
}

float **model_run(struct model *m, const struct up_plan *plan, const float **ret_in)
{
    const size_t count = up_shape_size(&m->input[0]), scratch = up_plan_bytes(plan).scratch;
    float *in = up_arena_alloc(m->arena, count, sizeof *in, NULL);
    float **out = up_arena_alloc(m->arena, NODES_MAX, sizeof *out, NULL);
    for (size_t i = 0; i < count; i++)
        in[i] = (float)i - (float)(count / 2);
    for (uint32_t i = 0; i < m->graph.output_count; i++)
        out[i] =
            up_arena_alloc(m->arena, up_shape_size(up_plan_output(plan, i)), sizeof(float), NULL);
    void *block = up_arena_alloc(m->arena, 1, scratch, NULL);
    const float *const ins[] = {in, in};
    struct up_error err = {.code = UP_OK};
    cr_assert(up_plan_run(plan, ins, out, block, NULL, 0, &err) == UP_OK, "%s", err.text);
    *ret_in = in;
    return out;
}

void assert_shape(const struct up_shape *shape, const char *expected)
{
    char text[UP_SHAPE_TEXT_BYTES];
    cr_assert(strcmp(up_shape_text(shape, text), expected) == 0, "%s is not %s", text, expected);
}
