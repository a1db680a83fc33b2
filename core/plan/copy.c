/* DESIGN
 * A configuration is copied as bytes; then what its descriptor rows say is a pointer into the
 * request is replaced by a pointer to a copy. Tables that are constant (ops, initializer classes)
 * stay as they are. */
#include <string.h>

#include "core/plan/key.h"

struct copier {
    struct up_arena *arena;
    struct up_error *err;
};

/* NULL and an error when there is no memory; an empty list is not NULL. */
static void *copy_bytes(const struct copier *c, const void *from, size_t count, size_t size)
{
    void *to = up_arena_alloc(c->arena, count, size, c->err);
    if (to != NULL && count > 0)
        memcpy(to, from, count * size);
    return to;
}

static bool copy_tensor(const struct copier *c, struct up_tensor *tensor)
{
    if (tensor->data == NULL)
        return true;
    tensor->data = copy_bytes(c, tensor->data, up_shape_size(&tensor->shape), sizeof(float));
    return tensor->data != NULL;
}

static bool copy_text(const struct copier *c, const char **text)
{
    if (*text == NULL)
        return true;
    *text = copy_bytes(c, *text, strlen(*text) + 1, 1);
    return *text != NULL;
}

/* Makes the pointers among a configuration's parameters its own. */
static bool params_own(const struct copier *c, const struct up_param *rows, void *config)
{
    bool done = true;
    for (const struct up_param *row = rows; done && row->name != NULL; row++) {
        void *value = (char *)config + row->offset;
        struct up_initializer *init = value;
        if (row->type == UP_PARAM_TENSOR)
            done = copy_tensor(c, value);
        else if (row->type == UP_PARAM_TEXT)
            done = copy_text(c, value);
        else if (row->type == UP_PARAM_INITIALIZER && init->class != NULL)
            done = params_own(c, init->class->params, init);
    }
    return done;
}

static bool copy_layer(const struct copier *c, struct up_layer *layer)
{
    void *config = copy_bytes(c, layer->config, 1, layer->ops->config_bytes);
    if (config == NULL || !params_own(c, layer->ops->params, config))
        return false;
    layer->config = config;
    if (layer->weights == NULL)
        return true;
    struct up_tensor *weights = copy_bytes(c, layer->weights, layer->weight_count, sizeof *weights);
    layer->weights = weights;
    for (uint32_t i = 0; weights != NULL && i < layer->weight_count; i++)
        if (!copy_tensor(c, &weights[i]))
            return false;
    return weights != NULL;
}

static bool copy_layers(const struct copier *c, struct up_graph *graph)
{
    struct up_layer *layers =
        copy_bytes(c, graph->layers, graph->layer_count, sizeof *graph->layers);
    graph->layers = layers;
    for (uint32_t i = 0; layers != NULL && i < graph->layer_count; i++)
        if (!copy_layer(c, &layers[i]))
            return false;
    return layers != NULL;
}

static bool copy_nodes(const struct copier *c, struct up_graph *graph)
{
    struct up_node *nodes = copy_bytes(c, graph->nodes, graph->node_count, sizeof *graph->nodes);
    graph->nodes = nodes;
    for (uint32_t i = 0; nodes != NULL && i < graph->node_count; i++) {
        nodes[i].in = copy_bytes(c, nodes[i].in, nodes[i].in_count, sizeof *nodes[i].in);
        if (nodes[i].in == NULL)
            return false;
    }
    return nodes != NULL;
}

enum up_code up_graph_copy(const struct up_graph *graph, struct up_arena *arena,
                           struct up_graph *ret, struct up_error *err)
{
    const struct copier c = {arena, err};
    struct up_graph copy = *graph;
    copy.inputs = copy_bytes(&c, graph->inputs, graph->input_count, sizeof *graph->inputs);
    copy.outputs = copy_bytes(&c, graph->outputs, graph->output_count, sizeof *graph->outputs);
    if (copy.inputs == NULL || copy.outputs == NULL || !copy_layers(&c, &copy) ||
        !copy_nodes(&c, &copy))
        return err->code;
    *ret = copy;
    return UP_OK;
}
