/* The second pass: weights that are given are held against their shapes, the others are drawn. */
#include <stdio.h>

#include "core/plan/internal.h"
#include "core/random.h"

enum { NAMES_BYTES = 128 };

/* " (kernel, bias)" */
static const char *weight_names(const struct up_plan_node *node, char text[NAMES_BYTES])
{
    size_t at = 0;
    text[0] = '\0';
    for (uint32_t i = 0; i < node->weight_count && at < NAMES_BYTES; i++)
        at += (size_t)snprintf(text + at, NAMES_BYTES - at, "%s%s%s", i == 0 ? " (" : ", ",
                               node->weight[i].name, i + 1 == node->weight_count ? ")" : "");
    return text;
}

static enum up_code weights_given(const struct up_builder *b, const struct up_layer *layer,
                                  const struct up_plan_node *node)
{
    char at[64], wanted[UP_SHAPE_TEXT_BYTES], given[UP_SHAPE_TEXT_BYTES], names[NAMES_BYTES];
    if (layer->weight_count != node->weight_count) {
        (void)up_fail(b->err, UP_E_INVALID, "weights", "%s takes %u weights%s, not %u",
                      layer->ops->class_name, node->weight_count, weight_names(node, names),
                      layer->weight_count);
        up_error_under(b->err, layer->layer_at);
        return b->err->code;
    }
    for (uint32_t i = 0; i < node->weight_count; i++) {
        if (up_shape_equal(&layer->weights[i].shape, &node->weight[i].shape))
            continue;
        (void)snprintf(at, sizeof at, "weights/%u", i);
        (void)up_fail(b->err, UP_E_INVALID, at, "%s has shape %s, the layer's is %s",
                      node->weight[i].name, up_shape_text(&layer->weights[i].shape, given),
                      up_shape_text(&node->weight[i].shape, wanted));
        up_error_under(b->err, layer->layer_at);
        return b->err->code;
    }
    return UP_OK;
}

static enum up_code weight_draw(const struct up_builder *b, const struct up_layer *layer,
                                const struct up_weight *weight, struct up_tensor *ret,
                                int64_t *ret_seed)
{
    struct up_initializer init = *weight->initializer;
    size_t count = 0;
    if (!up_shape_count(&weight->shape, &count))
        count = SIZE_MAX; /* the arena refuses it with a limit */
    ret->shape = weight->shape;
    ret->data = up_arena_alloc(b->arena, count, sizeof(float), b->err);
    if (ret->data == NULL) {
        up_error_under(b->err, layer->at);
        return b->err->code;
    }
    if (init.class->random && !init.seed.set) {
        init.seed.set = true;
        init.seed.value = up_random_fresh_seed();
    }
    *ret_seed = init.class->random ? init.seed.value : 0;
    if (up_initializer_fill(&init, &weight->shape, ret->data, b->arena, b->err) != UP_OK) {
        up_error_under(b->err, weight->parameter);
        up_error_under(b->err, layer->at);
        return b->err->code;
    }
    return UP_OK;
}

/* The first node of the same layer: a layer has one set of weights, however often it is called. */
static uint32_t first_call(const struct up_graph *graph, uint32_t node)
{
    uint32_t first = 0;
    while (graph->nodes[first].layer != graph->nodes[node].layer)
        first++;
    return first;
}

/* Takes the weights of an earlier call, which must have the shapes that this one needs. */
static enum up_code weights_share(const struct up_builder *b, const struct up_layer *layer,
                                  const struct up_plan_node *first, struct up_plan_node *node)
{
    char had[UP_SHAPE_TEXT_BYTES], needed[UP_SHAPE_TEXT_BYTES];
    for (uint32_t i = 0; i < node->weight_count; i++)
        if (!up_shape_equal(&first->weight[i].shape, &node->weight[i].shape))
            return up_fail(b->err, UP_E_INVALID, layer->layer_at,
                           "%s is called with inputs that need a %s of shape %s and of shape %s",
                           layer->ops->class_name, node->weight[i].name,
                           up_shape_text(&first->weight[i].shape, had),
                           up_shape_text(&node->weight[i].shape, needed));
    node->weight_value = first->weight_value;
    node->seed = first->seed;
    return UP_OK;
}

static enum up_code node_weights(struct up_builder *b, uint32_t node)
{
    const struct up_layer *layer = up_builder_layer(b, node);
    struct up_plan_node *p = &b->plan->node[node];
    struct up_shape in[UP_INPUTS_MAX];
    struct up_weight *weight = up_arena_alloc(b->arena, UP_WEIGHTS_MAX, sizeof *weight, b->err);
    struct up_tensor *value = up_arena_alloc(b->arena, UP_WEIGHTS_MAX, sizeof *value, b->err);
    int64_t *seed = up_arena_zalloc(b->arena, UP_WEIGHTS_MAX, sizeof *seed, b->err);
    if (weight == NULL || value == NULL || seed == NULL)
        return b->err->code;
    up_builder_shapes(b, node, in);
    p->weight_count =
        layer->ops->weights == NULL ? 0 : layer->ops->weights(layer->config, in, weight);
    p->weight = weight;
    const uint32_t first = first_call(b->graph, node);
    if (first < node)
        return weights_share(b, layer, &b->plan->node[first], p);
    p->weight_value = layer->weights != NULL ? layer->weights : value;
    p->seed = seed;
    if (layer->weights != NULL && weights_given(b, layer, p) != UP_OK)
        return b->err->code;
    for (uint32_t i = 0; i < p->weight_count; i++) {
        if (layer->weights == NULL &&
            weight_draw(b, layer, &weight[i], &value[i], &seed[i]) != UP_OK)
            return b->err->code;
        b->plan->bytes.weights += up_shape_size(&weight[i].shape) * sizeof(float);
    }
    return UP_OK;
}

enum up_code up_plan_weights(struct up_builder *b)
{
    for (uint32_t i = 0; i < b->graph->node_count; i++)
        if (node_weights(b, i) != UP_OK)
            return b->err->code;
    return UP_OK;
}
