/* The first pass: every layer is checked, every value gets its shape, and what is too large is
 * refused before anything is allocated for it. */
#include <inttypes.h>
#include <stdio.h>

#include "core/plan/internal.h"

const struct up_layer *up_builder_layer(const struct up_builder *b, uint32_t node)
{
    return &b->graph->layers[b->graph->nodes[node].layer];
}

const struct up_activation *up_layer_ending(const struct up_layer *layer)
{
    return (const void *)((const char *)layer->config + layer->ops->activation);
}

bool up_layer_channels_first(const struct up_layer *layer)
{
    return ((const struct up_config *)layer->config)->data_format == UP_CHANNELS_FIRST;
}

/* "(None, 8, 8, 1)", as Keras writes it. */
static const char *expected_text(const struct up_expected *e, char text[UP_SHAPE_TEXT_BYTES])
{
    size_t at = 0;
    for (uint32_t i = 0; i < e->rank; i++) {
        const char *before = i == 0 ? "(" : ", ";
        const int n =
            e->dim[i] < 0
                ? snprintf(text + at, UP_SHAPE_TEXT_BYTES - at, "%sNone", before)
                : snprintf(text + at, UP_SHAPE_TEXT_BYTES - at, "%s%" PRId64, before, e->dim[i]);
        at += (size_t)n;
    }
    (void)snprintf(text + at, UP_SHAPE_TEXT_BYTES - at, e->rank == 1 ? ",)" : ")");
    return text;
}

static enum up_code expected_check(const struct up_layer *layer, const struct up_shape *in,
                                   struct up_error *err)
{
    const struct up_expected *e = &layer->expected;
    bool fits = e->rank == 0 || e->rank == in->rank;
    for (uint32_t i = 0; fits && i < e->rank; i++)
        fits = e->dim[i] < 0 || (size_t)e->dim[i] == in->dim[i];
    if (fits)
        return UP_OK;
    char wanted[UP_SHAPE_TEXT_BYTES], given[UP_SHAPE_TEXT_BYTES];
    return up_fail(err, UP_E_INVALID, e->parameter, "%s %s does not fit the layer's input %s",
                   e->parameter, expected_text(e, wanted), up_shape_text(in, given));
}

static enum up_code rank_check(const struct up_layer *layer, const struct up_shape *in,
                               struct up_error *err)
{
    const uint32_t wanted = layer->ops->spatial + 2;
    if (layer->ops->spatial == 0 || in->rank == wanted)
        return UP_OK;
    char text[UP_SHAPE_TEXT_BYTES];
    (void)up_fail(err, UP_E_INVALID, layer->layer_at,
                  "%s takes %u axes (batch, %u spatial, channels), its input %s has %u",
                  layer->ops->class_name, wanted, layer->ops->spatial, up_shape_text(in, text),
                  in->rank);
    return UP_E_INVALID;
}

static enum up_code size_check(const struct up_builder *b, const struct up_shape *shape,
                               const char *at, size_t *ret_bytes)
{
    size_t count = 0;
    const size_t limit = b->options->output_bytes_max;
    if (up_shape_count(shape, &count) && count * sizeof(float) <= limit) {
        *ret_bytes = count * sizeof(float);
        return UP_OK;
    }
    char text[UP_SHAPE_TEXT_BYTES];
    return up_fail(b->err, UP_E_LIMIT, at,
                   "an output of shape %s takes %.0f bytes, the limit is %zu (%s)",
                   up_shape_text(shape, text), up_shape_estimate(shape) * (double)sizeof(float),
                   limit, b->options->output_bytes_flag);
}

static enum up_code layers_check(const struct up_builder *b)
{
    for (uint32_t i = 0; i < b->graph->layer_count; i++) {
        const struct up_layer *layer = &b->graph->layers[i];
        if (layer->ops->check != NULL && layer->ops->check(layer->config, b->err) != UP_OK) {
            up_error_under(b->err, layer->at);
            return b->err->code;
        }
    }
    return UP_OK;
}

static enum up_code inputs_check(const struct up_builder *b)
{
    for (uint32_t i = 0; i < b->graph->input_count; i++) {
        const struct up_shape *shape = &b->graph->inputs[i];
        size_t bytes;
        for (uint32_t k = 0; k < shape->rank; k++)
            if (shape->dim[k] == 0)
                return up_fail(b->err, UP_E_INVALID, "/input", "axis %u of the input is empty", k);
        if (size_check(b, shape, "/input", &bytes) != UP_OK)
            return b->err->code;
        b->plan->bytes.input += bytes;
        b->value[i] = (struct up_value){*shape, *shape, UP_NONE, UP_NONE};
    }
    return UP_OK;
}

void up_builder_shapes(const struct up_builder *b, uint32_t node, struct up_shape *ret)
{
    const struct up_node *n = &b->graph->nodes[node];
    const bool first = up_layer_channels_first(up_builder_layer(b, node));
    for (uint32_t i = 0; i < n->in_count; i++) {
        const struct up_shape *shape = &b->value[n->in[i]].shape;
        ret[i] = first ? up_shape_to_last(shape) : *shape;
    }
}

static enum up_code node_shape(struct up_builder *b, uint32_t node)
{
    const struct up_node *n = &b->graph->nodes[node];
    const struct up_layer *layer = up_builder_layer(b, node);
    struct up_shape in[UP_INPUTS_MAX], out;
    if (n->in_count < layer->ops->inputs_min || n->in_count > layer->ops->inputs_max)
        return up_fail(b->err, UP_E_INVALID, layer->layer_at, "%s cannot take %u inputs",
                       layer->ops->class_name, n->in_count);
    for (uint32_t i = 0; i < n->in_count; i++)
        if (rank_check(layer, &b->value[n->in[i]].shape, b->err) != UP_OK)
            return b->err->code;
    up_builder_shapes(b, node, in);
    if (expected_check(layer, &b->value[n->in[0]].shape, b->err) != UP_OK ||
        layer->ops->shape(layer->config, in, n->in_count, &out, b->err) != UP_OK) {
        up_error_under(b->err, layer->at);
        return b->err->code;
    }
    if (up_layer_channels_first(layer))
        out = up_shape_to_first(&out);
    const struct up_shape made = out;
    if (layer->ops->activation != 0 &&
        up_activation_shape(up_layer_ending(layer), "activation", &out, &out, b->err) != UP_OK) {
        up_error_under(b->err, layer->at);
        return b->err->code;
    }
    b->value[b->graph->input_count + node] = (struct up_value){out, made, UP_NONE, UP_NONE};
    b->plan->node[node].in = b->value[n->in[0]].shape;
    b->plan->node[node].out = out;
    size_t bytes;
    return size_check(b, &out, layer->layer_at, &bytes);
}

static enum up_code outputs_check(struct up_builder *b)
{
    struct up_plan *plan = b->plan;
    plan->output_count = b->graph->output_count;
    plan->output = up_arena_alloc(b->arena, plan->output_count, sizeof *plan->output, b->err);
    if (plan->output == NULL)
        return b->err->code;
    for (uint32_t i = 0; i < plan->output_count; i++) {
        size_t bytes;
        plan->output[i] = b->value[b->graph->outputs[i]].shape;
        if (size_check(b, &plan->output[i], "", &bytes) != UP_OK)
            return b->err->code;
        plan->bytes.output += bytes;
    }
    if (plan->bytes.output > b->options->output_bytes_max)
        return up_fail(b->err, UP_E_LIMIT, "", "the outputs take %zu bytes, the limit is %zu (%s)",
                       plan->bytes.output, b->options->output_bytes_max,
                       b->options->output_bytes_flag);
    return UP_OK;
}

enum up_code up_plan_shapes(struct up_builder *b)
{
    if (layers_check(b) != UP_OK || inputs_check(b) != UP_OK)
        return b->err->code;
    for (uint32_t i = 0; i < b->graph->node_count; i++)
        if (node_shape(b, i) != UP_OK)
            return b->err->code;
    return outputs_check(b);
}
