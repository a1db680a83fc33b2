/* DESIGN
 * Three passes over the graph. Shapes: every layer is checked and every value gets its shape, and
 * what is too large is refused before anything is allocated for it. Weights: given ones are held
 * against their shapes, the others are drawn. Steps: every node becomes the steps that compute it,
 * and the buffers between them get places in one scratch block by first and last use.
 *
 * A value may lie in memory in two orders: as Keras shows it, and with its channels moved last, as
 * layers read a channels_first tensor. Whichever is missing when a step needs it is made by a move,
 * once; a chain of channels_first layers moves its channels only at its ends. */
#include <stdio.h>
#include <string.h>

#include "core/plan/internal.h"
#include "core/random.h"

#define NONE UINT32_MAX

struct value {
    struct up_shape shape; /* as Keras shows it */
    struct up_shape made;  /* the same before the layer's activation, which may change it */
    uint32_t plain, last;  /* buffers: as shown, and with the channels moved last; NONE: not made */
};

struct builder {
    const struct up_graph *graph;
    const struct up_plan_options *options;
    struct up_arena *arena;
    struct up_error *err;
    struct up_plan *plan;
    struct value *value; /* inputs, then nodes */
};

static const struct up_layer *layer_of(const struct builder *b, uint32_t node)
{
    return &b->graph->layers[b->graph->nodes[node].layer];
}

static const struct up_activation *activation_of(const struct up_layer *layer)
{
    return (const void *)((const char *)layer->config + layer->ops->activation);
}

static bool channels_first(const struct up_layer *layer)
{
    return ((const struct up_config *)layer->config)->data_format == UP_CHANNELS_FIRST;
}

/* --- Shapes --------------------------------------------------------------------------------- */

static enum up_code expected_check(const struct up_layer *layer, const struct up_shape *in,
                                   struct up_error *err)
{
    const struct up_expected *e = &layer->expected;
    bool fits = e->rank == 0 || e->rank == in->rank;
    for (uint32_t i = 0; fits && i < e->rank; i++)
        fits = e->dim[i] < 0 || (size_t)e->dim[i] == in->dim[i];
    if (fits)
        return UP_OK;
    char text[UP_SHAPE_TEXT_BYTES];
    return up_fail(err, UP_E_INVALID, e->parameter, "%s does not fit the layer's input %s",
                   e->parameter, up_shape_text(in, text));
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

static enum up_code size_check(const struct builder *b, const struct up_shape *shape,
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

static enum up_code layers_check(const struct builder *b)
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

static enum up_code inputs_check(const struct builder *b)
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
        b->value[i] = (struct value){*shape, *shape, NONE, NONE};
    }
    return UP_OK;
}

/* The shapes that the layer itself sees: channels last. */
static void shapes_seen(const struct builder *b, uint32_t node, struct up_shape *ret)
{
    const struct up_node *n = &b->graph->nodes[node];
    const bool first = channels_first(layer_of(b, node));
    for (uint32_t i = 0; i < n->in_count; i++) {
        const struct up_shape *shape = &b->value[n->in[i]].shape;
        ret[i] = first ? up_shape_to_last(shape) : *shape;
    }
}

static enum up_code node_shape(struct builder *b, uint32_t node)
{
    const struct up_node *n = &b->graph->nodes[node];
    const struct up_layer *layer = layer_of(b, node);
    struct up_shape in[UP_INPUTS_MAX], out;
    if (n->in_count < layer->ops->inputs_min || n->in_count > layer->ops->inputs_max)
        return up_fail(b->err, UP_E_INVALID, layer->layer_at, "%s cannot take %u inputs",
                       layer->ops->class_name, n->in_count);
    for (uint32_t i = 0; i < n->in_count; i++)
        if (rank_check(layer, &b->value[n->in[i]].shape, b->err) != UP_OK)
            return b->err->code;
    shapes_seen(b, node, in);
    if (expected_check(layer, &b->value[n->in[0]].shape, b->err) != UP_OK ||
        layer->ops->shape(layer->config, in, n->in_count, &out, b->err) != UP_OK) {
        up_error_under(b->err, layer->at);
        return b->err->code;
    }
    if (channels_first(layer))
        out = up_shape_to_first(&out);
    const struct up_shape made = out;
    if (layer->ops->activation != 0 &&
        up_activation_shape(activation_of(layer), "activation", &out, &out, b->err) != UP_OK) {
        up_error_under(b->err, layer->at);
        return b->err->code;
    }
    b->value[b->graph->input_count + node] = (struct value){out, made, NONE, NONE};
    b->plan->node[node].in = b->value[n->in[0]].shape;
    b->plan->node[node].out = out;
    size_t bytes;
    return size_check(b, &out, layer->layer_at, &bytes);
}

static enum up_code outputs_check(struct builder *b)
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

/* --- Weights -------------------------------------------------------------------------------- */

static enum up_code weights_given(const struct builder *b, const struct up_layer *layer,
                                  const struct up_plan_node *node)
{
    char at[64], wanted[UP_SHAPE_TEXT_BYTES], given[UP_SHAPE_TEXT_BYTES];
    if (layer->weight_count != node->weight_count) {
        (void)up_fail(b->err, UP_E_INVALID, "weights", "%s takes %u weights, %u are given",
                      layer->ops->class_name, node->weight_count, layer->weight_count);
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

static enum up_code weight_draw(const struct builder *b, const struct up_layer *layer,
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
static enum up_code weights_share(const struct builder *b, const struct up_layer *layer,
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

static enum up_code node_weights(struct builder *b, uint32_t node)
{
    const struct up_layer *layer = layer_of(b, node);
    struct up_plan_node *p = &b->plan->node[node];
    struct up_shape in[UP_INPUTS_MAX];
    struct up_weight *weight = up_arena_alloc(b->arena, UP_WEIGHTS_MAX, sizeof *weight, b->err);
    struct up_tensor *value = up_arena_alloc(b->arena, UP_WEIGHTS_MAX, sizeof *value, b->err);
    int64_t *seed = up_arena_zalloc(b->arena, UP_WEIGHTS_MAX, sizeof *seed, b->err);
    if (weight == NULL || value == NULL || seed == NULL)
        return b->err->code;
    shapes_seen(b, node, in);
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

/* --- Steps ---------------------------------------------------------------------------------- */

static uint32_t buffer_new(struct builder *b, enum up_buffer_kind kind, size_t index, size_t bytes)
{
    struct up_plan *plan = b->plan;
    plan->buffer[plan->buffer_count] =
        (struct up_buffer){.kind = kind, .index = index, .bytes = bytes, .first = plan->step_count};
    return (uint32_t)plan->buffer_count++;
}

/* Appends a step that reads `in` and writes a new scratch buffer; NONE and an error on failure. */
static uint32_t step_add(struct builder *b, const struct up_step *model, const uint32_t *in)
{
    struct up_plan *plan = b->plan;
    struct up_plan_step *s = &plan->step[plan->step_count];
    struct up_shape *shapes = up_arena_alloc(b->arena, model->in_count, sizeof *shapes, b->err);
    s->in = up_arena_alloc(b->arena, model->in_count, sizeof *s->in, b->err);
    if (shapes == NULL || s->in == NULL)
        return NONE;
    memcpy(shapes, model->in, model->in_count * sizeof *shapes);
    memcpy(s->in, in, model->in_count * sizeof *s->in);
    s->step = *model;
    s->step.in = shapes;
    s->step.forced = b->options->algorithm;
    if (s->step.ops->prepare(&s->step, plan->kernels, b->arena, b->err) != UP_OK)
        return NONE;
    for (uint32_t i = 0; i < model->in_count; i++)
        plan->buffer[in[i]].last = plan->step_count;
    s->out = buffer_new(b, UP_BUFFER_SCRATCH, 0, up_shape_size(&model->out) * sizeof(float));
    plan->buffer[s->out].last = plan->step_count++;
    return s->out;
}

/* A step with one input that is no layer of the graph. */
static uint32_t move_add(struct builder *b, const struct up_layer_ops *ops,
                         const struct up_shape *in, const struct up_shape *out, uint32_t from)
{
    const struct up_step model = {.ops = ops, .in = in, .in_count = 1, .out = *out};
    return step_add(b, &model, &from);
}

static uint32_t plain_buffer(struct builder *b, struct value *v)
{
    if (v->plain == NONE) {
        const struct up_shape last = up_shape_to_last(&v->shape);
        v->plain = move_add(b, &up_move_to_first, &last, &v->shape, v->last);
    }
    return v->plain;
}

static uint32_t last_buffer(struct builder *b, struct value *v)
{
    if (v->last == NONE) {
        const struct up_shape last = up_shape_to_last(&v->shape);
        v->last = move_add(b, &up_move_to_last, &v->shape, &last, v->plain);
    }
    return v->last;
}

/* An activation that needs an axis cannot end inside the layer: it becomes a step of its own, over
 * the value as Keras shows it. */
static enum up_code activation_add(struct builder *b, const struct up_layer *layer, struct value *v)
{
    if (layer->ops->activation == 0 ||
        up_activation_kind(activation_of(layer)->id) == UP_ACT_POINTWISE)
        return UP_OK;
    struct up_step model;
    struct value made = {v->made, v->made, v->plain, v->last};
    if (up_activation_step(activation_of(layer), &made.shape, &model, b->arena, b->err) != UP_OK)
        return b->err->code;
    const uint32_t from = plain_buffer(b, &made);
    if (from == NONE || (v->plain = step_add(b, &model, &from)) == NONE)
        return b->err->code;
    v->last = NONE;
    return UP_OK;
}

static enum up_code node_steps(struct builder *b, uint32_t node)
{
    const struct up_node *n = &b->graph->nodes[node];
    const struct up_layer *layer = layer_of(b, node);
    struct value *out = &b->value[b->graph->input_count + node], *first = &b->value[n->in[0]];
    if ((layer->ops->flags & UP_LAYER_BYPASS) != 0) {
        out->plain = first->plain;
        out->last = first->last;
        return UP_OK;
    }
    const bool any = layer->ops->any_layout != NULL && layer->ops->any_layout(layer->config);
    const bool moved = any ? first->plain == NONE : channels_first(layer);
    struct up_shape shapes[UP_INPUTS_MAX];
    uint32_t in[UP_INPUTS_MAX];
    for (uint32_t i = 0; i < n->in_count; i++) {
        struct value *v = &b->value[n->in[i]];
        shapes[i] = moved ? up_shape_to_last(&v->shape) : v->shape;
        in[i] = moved ? last_buffer(b, v) : plain_buffer(b, v);
        if (in[i] == NONE)
            return b->err->code;
    }
    struct up_plan_node *p = &b->plan->node[node];
    const struct up_step model = {.ops = layer->ops,
                                  .config = layer->config,
                                  .in = shapes,
                                  .in_count = n->in_count,
                                  .out = moved ? up_shape_to_last(&out->made) : out->made,
                                  .weights = p->weight_value,
                                  .weight_count = p->weight_count};
    const uint32_t made = step_add(b, &model, in);
    if (made == NONE) { /* what a layer packs may be past the request's memory */
        up_error_under(b->err, layer->layer_at);
        return b->err->code;
    }
    *(moved ? &out->last : &out->plain) = made;
    if (out->shape.rank < 3) /* one order only */
        out->plain = out->last = made;
    const struct up_step *step = &b->plan->step[b->plan->step_count - 1].step;
    p->macs = step->macs;
    p->algorithm = step->algorithm;
    b->plan->macs += step->macs;
    return activation_add(b, layer, out);
}

/* Turns the buffer of each output into the caller's; a copy where it is an input or is given twice.
 */
static enum up_code outputs_add(struct builder *b)
{
    for (uint32_t i = 0; i < b->graph->output_count; i++) {
        struct value *v = &b->value[b->graph->outputs[i]];
        uint32_t id = plain_buffer(b, v);
        if (id != NONE && b->plan->buffer[id].kind != UP_BUFFER_SCRATCH)
            id = move_add(b, &up_move_copy, &v->shape, &v->shape, id);
        if (id == NONE)
            return b->err->code;
        b->plan->buffer[id].kind = UP_BUFFER_OUTPUT;
        b->plan->buffer[id].index = i;
    }
    return UP_OK;
}

static enum up_code steps_make(struct builder *b)
{
    const struct up_graph *g = b->graph;
    struct up_plan *plan = b->plan;
    /* Each input of a node may need a move; each node makes at most a move and an activation more.
     */
    size_t steps = 2 * (size_t)g->output_count;
    for (uint32_t i = 0; i < g->node_count; i++)
        steps += g->nodes[i].in_count + 3;
    plan->step = up_arena_alloc(b->arena, steps, sizeof *plan->step, b->err);
    plan->buffer = up_arena_alloc(b->arena, steps + g->input_count, sizeof *plan->buffer, b->err);
    if (plan->step == NULL || plan->buffer == NULL)
        return b->err->code;
    for (uint32_t i = 0; i < g->input_count; i++)
        b->value[i].plain =
            buffer_new(b, UP_BUFFER_INPUT, i, up_shape_size(&g->inputs[i]) * sizeof(float));
    for (uint32_t i = 0; i < g->node_count; i++)
        if (node_steps(b, i) != UP_OK)
            return b->err->code;
    if (outputs_add(b) != UP_OK)
        return b->err->code;
    uint32_t *order = up_arena_alloc(b->arena, plan->buffer_count, sizeof *order, b->err);
    if (order == NULL)
        return b->err->code;
    plan->bytes.scratch = up_buffers_place(plan->buffer, plan->buffer_count, order);
    return UP_OK;
}

/* --- The plan ------------------------------------------------------------------------------- */

static enum up_code build(struct builder *b)
{
    const struct up_graph *g = b->graph;
    b->value = up_arena_alloc(b->arena, g->input_count + g->node_count, sizeof *b->value, b->err);
    b->plan->node = up_arena_zalloc(b->arena, g->node_count, sizeof *b->plan->node, b->err);
    if (b->value == NULL || b->plan->node == NULL)
        return b->err->code;
    if (layers_check(b) != UP_OK || inputs_check(b) != UP_OK)
        return b->err->code;
    for (uint32_t i = 0; i < g->node_count; i++)
        if (node_shape(b, i) != UP_OK)
            return b->err->code;
    if (outputs_check(b) != UP_OK)
        return b->err->code;
    for (uint32_t i = 0; i < g->node_count; i++)
        if (node_weights(b, i) != UP_OK)
            return b->err->code;
    return steps_make(b);
}

enum up_code up_plan_build(const struct up_graph *graph, const struct up_plan_options *options,
                           struct up_arena *arena, struct up_plan **ret_plan, struct up_error *err)
{
    struct up_error own = {.code = UP_OK};
    err = err == NULL ? &own : err; /* layers may read what they reported */
    struct up_plan *plan = up_arena_zalloc(arena, 1, sizeof *plan, err);
    if (plan == NULL)
        return err->code;
    plan->kernels = options->kernels;
    plan->node_count = graph->node_count;
    struct builder b = {graph, options, arena, err, plan, NULL};
    if (build(&b) != UP_OK)
        return err->code;
    *ret_plan = plan;
    return UP_OK;
}

uint32_t up_plan_node_count(const struct up_plan *plan)
{
    return plan->node_count;
}

const struct up_plan_node *up_plan_node(const struct up_plan *plan, uint32_t node)
{
    UP_ASSERT(node < plan->node_count);
    return &plan->node[node];
}

const struct up_shape *up_plan_output(const struct up_plan *plan, uint32_t output)
{
    UP_ASSERT(output < plan->output_count);
    return &plan->output[output];
}

struct up_plan_bytes up_plan_bytes(const struct up_plan *plan)
{
    return plan->bytes;
}

double up_plan_macs(const struct up_plan *plan)
{
    return plan->macs;
}
