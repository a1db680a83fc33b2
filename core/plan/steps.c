/* DESIGN
 * The last pass: every node becomes the steps that compute it, and the buffers between them get
 * places in one scratch block by first and last use.
 *
 * A value may lie in memory in two orders: as Keras shows it, and with its channels moved last, as
 * layers read a channels_first tensor. Whichever is missing when a step needs it is made by a move,
 * once; a chain of channels_first layers moves its channels only at its ends. */
#include <string.h>

#include "core/cache_size.h"
#include "core/layers/gathered.h"
#include "core/plan/internal.h"

/* A result larger than half of the last cache has left it when the next step, or the encoder, reads
 * it. Measured where that has 32 MB, computing and reading together: plain stores are faster to
 * 20 MB by up to a half, slower from 26 MB. A cache larger than SHARED is a whole package's, which
 * one processor writes no faster than memory: there, where it has 260 MB and the one before it 2,
 * plain stores are faster to 6 MB, and equal at 8. */
enum {
    STREAM_BYTES_MAX = 16 << 20,
    STREAM_BYTES_UNKNOWN = 8 << 20,
    SHARED = 64 << 20,
    STREAM_BYTES_SHARED = 6 << 20,
};

static size_t stream_bytes(const struct up_plan_options *options)
{
    if (options->stream_bytes != 0)
        return options->stream_bytes;
    const size_t cache = up_cache_bytes(), half = cache / 2;
    if (cache == 0)
        return STREAM_BYTES_UNKNOWN;
    if (cache > SHARED)
        return STREAM_BYTES_SHARED;
    return half < STREAM_BYTES_MAX ? half : STREAM_BYTES_MAX;
}

static uint32_t buffer_new(struct up_builder *b, enum up_buffer_kind kind, size_t index,
                           size_t bytes)
{
    struct up_plan *plan = b->plan;
    plan->buffer[plan->buffer_count] =
        (struct up_buffer){.kind = kind, .index = index, .bytes = bytes, .first = plan->step_count};
    return (uint32_t)plan->buffer_count++;
}

/* Appends a step that reads `in` and writes a new scratch buffer; UP_NONE and an error on failure.
 */
static uint32_t step_add(struct up_builder *b, const struct up_step *model, const uint32_t *in)
{
    struct up_plan *plan = b->plan;
    struct up_plan_step *s = &plan->step[plan->step_count];
    struct up_shape *shapes = up_arena_alloc(b->arena, model->in_count, sizeof *shapes, b->err);
    s->in = up_arena_alloc(b->arena, model->in_count, sizeof *s->in, b->err);
    if (shapes == NULL || s->in == NULL)
        return UP_NONE;
    memcpy(shapes, model->in, model->in_count * sizeof *shapes);
    memcpy(s->in, in, model->in_count * sizeof *s->in);
    s->step = *model;
    s->step.in = shapes;
    s->step.forced = b->options->algorithm;
    if (s->step.ops->prepare(&s->step, plan->kernels, b->arena, b->err) != UP_OK)
        return UP_NONE;
    for (uint32_t i = 0; i < model->in_count; i++)
        plan->buffer[in[i]].last = plan->step_count;
    s->out = buffer_new(b, UP_BUFFER_SCRATCH, 0, up_shape_size(&model->out) * sizeof(float));
    plan->buffer[s->out].last = plan->step_count++;
    return s->out;
}

/* A step with one input that is no layer of the graph. */
static uint32_t move_add(struct up_builder *b, const struct up_layer_ops *ops,
                         const struct up_shape *in, const struct up_shape *out, uint32_t from)
{
    const struct up_step model = {.ops = ops, .in = in, .in_count = 1, .out = *out};
    return step_add(b, &model, &from);
}

static uint32_t plain_buffer(struct up_builder *b, struct up_value *v)
{
    if (v->plain == UP_NONE) {
        const struct up_shape last = up_shape_to_last(&v->shape);
        v->plain = move_add(b, &up_move_to_first, &last, &v->shape, v->last);
    }
    return v->plain;
}

static uint32_t last_buffer(struct up_builder *b, struct up_value *v)
{
    if (v->last == UP_NONE) {
        const struct up_shape last = up_shape_to_last(&v->shape);
        v->last = move_add(b, &up_move_to_last, &v->shape, &last, v->plain);
    }
    return v->last;
}

/* An activation that needs an axis cannot end inside the layer: it becomes a step of its own, over
 * the value as Keras shows it. */
static enum up_code activation_add(struct up_builder *b, const struct up_layer *layer,
                                   struct up_value *v)
{
    if (layer->ops->activation == 0 ||
        up_activation_kind(up_layer_ending(layer)->id) == UP_ACT_POINTWISE)
        return UP_OK;
    struct up_step model;
    struct up_value made = {v->made, v->made, v->plain, v->last};
    if (up_activation_step(up_layer_ending(layer), &made.shape, &model, b->arena, b->err) != UP_OK)
        return b->err->code;
    const uint32_t from = plain_buffer(b, &made);
    if (from == UP_NONE || (v->plain = step_add(b, &model, &from)) == UP_NONE)
        return b->err->code;
    v->last = UP_NONE;
    return UP_OK;
}

struct up_step up_builder_step(const struct up_builder *b, uint32_t node, bool moved,
                               struct up_shape shapes[UP_INPUTS_MAX])
{
    const struct up_node *n = &b->graph->nodes[node];
    const struct up_layer *layer = up_builder_layer(b, node);
    const struct up_plan_node *p = &b->plan->node[node];
    const struct up_shape *made = &b->value[b->graph->input_count + node].made;
    for (uint32_t i = 0; i < n->in_count; i++) {
        const struct up_shape *in = &b->value[n->in[i]].shape;
        shapes[i] = moved ? up_shape_to_last(in) : *in;
    }
    return (struct up_step){.ops = layer->ops,
                            .config = layer->config,
                            .in = shapes,
                            .in_count = n->in_count,
                            .out = moved ? up_shape_to_last(made) : *made,
                            .weights = p->weight_value,
                            .weight_count = p->weight_count};
}

/* The step that makes a node's value from `values`, and an activation that needs an axis. */
static enum up_code layer_step_add(struct up_builder *b, const struct up_step *model, bool moved,
                                   const uint32_t *values, uint32_t node)
{
    const struct up_layer *layer = up_builder_layer(b, node);
    const struct up_fusion *fusion = b->fusion[node];
    struct up_plan_node *p = &b->plan->node[fusion == NULL ? node : fusion->head];
    struct up_value *out = &b->value[b->graph->input_count + node];
    uint32_t in[UP_INPUTS_MAX];
    for (uint32_t i = 0; i < model->in_count; i++) {
        struct up_value *v = &b->value[values[i]];
        in[i] = moved ? last_buffer(b, v) : plain_buffer(b, v);
        if (in[i] == UP_NONE)
            return b->err->code;
    }
    const uint32_t made = step_add(b, model, in);
    if (made == UP_NONE) { /* what a layer packs may be past the request's memory */
        up_error_under(b->err, layer->layer_at);
        return b->err->code;
    }
    *(moved ? &out->last : &out->plain) = made;
    if (out->shape.rank < 3) /* one order only */
        out->plain = out->last = made;
    const struct up_step *step = &b->plan->step[b->plan->step_count - 1].step;
    p->algorithm = step->algorithm;
    if (fusion == NULL) /* else it is known: the layers' own, which the step's is not */
        p->macs = step->macs;
    return activation_add(b, layer, out);
}

static void fused_gather(const struct up_step *step, struct up_gather *ret)
{
    *ret = *(const struct up_gather *)step->config;
}

static const struct up_layer_ops fused_ops = {
    .gather = fused_gather, .prepare = up_gathered_prepare, .rows = up_gathered_rows};

/* The step of all layers of a fusion, when its last one is due: all that it reads is made then. */
static enum up_code fusion_steps(struct up_builder *b, const struct up_fusion *f)
{
    const bool moved = up_layer_channels_first(up_builder_layer(b, f->head));
    const uint32_t values[] = {f->in, f->add};
    struct up_shape shapes[UP_INPUTS_MAX];
    struct up_step model = up_builder_step(b, f->last, moved, shapes);
    model.ops = &fused_ops;
    model.config = &f->gather;
    model.in_count = f->gather.add ? 2 : 1;
    for (uint32_t i = 0; i < model.in_count; i++) {
        const struct up_shape *in = &b->value[values[i]].shape;
        shapes[i] = moved ? up_shape_to_last(in) : *in;
    }
    return layer_step_add(b, &model, moved, values, f->last);
}

/* A value whose channels come first, as images of one channel. */
static struct up_shape planes(const struct up_shape *shape)
{
    struct up_shape ret = {.rank = shape->rank, .dim = {shape->dim[0] * shape->dim[1]}};
    for (uint32_t i = 1; i + 1 < shape->rank; i++)
        ret.dim[i] = shape->dim[i + 1];
    ret.dim[ret.rank - 1] = 1;
    return ret;
}

static bool is_output(const struct up_builder *b, uint32_t node)
{
    for (uint32_t i = 0; i < b->graph->output_count; i++)
        if (b->graph->outputs[i] == b->graph->input_count + node)
            return true;
    return false;
}

/* A layer that keeps channels apart, of which somebody looks at what it makes, and of which nobody
 * moved the input: channels are images of one channel to it, and nothing needs a move. Between
 * layers that do, it would be dearer to move what it makes than what it takes. */
static bool in_planes(const struct up_builder *b, uint32_t node)
{
    const struct up_layer *layer = up_builder_layer(b, node);
    const struct up_value *in = &b->value[b->graph->nodes[node].in[0]];
    struct up_shape shapes[UP_INPUTS_MAX];
    struct up_placement placement;
    if (!up_layer_channels_first(layer) || in->plain == UP_NONE || !is_output(b, node))
        return false;
    const struct up_step step = up_builder_step(b, node, true, shapes);
    return (layer->ops->placement != NULL && layer->ops->placement(&step, &placement)) ||
           (layer->ops->planes != NULL && layer->ops->planes(&step));
}

static enum up_code node_steps(struct up_builder *b, uint32_t node)
{
    const struct up_node *n = &b->graph->nodes[node];
    const struct up_layer *layer = up_builder_layer(b, node);
    struct up_value *out = &b->value[b->graph->input_count + node], *first = &b->value[n->in[0]];
    if (b->fusion[node] != NULL)
        return b->fusion[node]->last == node ? fusion_steps(b, b->fusion[node]) : UP_OK;
    if ((layer->ops->flags & UP_LAYER_BYPASS) != 0) {
        out->plain = first->plain;
        out->last = first->last;
        return UP_OK;
    }
    struct up_shape shapes[UP_INPUTS_MAX];
    const bool any = layer->ops->any_layout != NULL && layer->ops->any_layout(layer->config);
    const bool split = in_planes(b, node);
    const bool moved = any ? first->plain == UP_NONE : up_layer_channels_first(layer) && !split;
    struct up_step model = up_builder_step(b, node, moved, shapes);
    if (split) {
        shapes[0] = planes(&shapes[0]);
        model.out = planes(&model.out);
    }
    return layer_step_add(b, &model, moved, n->in, node);
}

/* Turns the buffer of each output into the caller's; a copy where it is an input or is given twice.
 */
static enum up_code outputs_add(struct up_builder *b)
{
    for (uint32_t i = 0; i < b->graph->output_count; i++) {
        struct up_value *v = &b->value[b->graph->outputs[i]];
        uint32_t id = plain_buffer(b, v);
        if (id != UP_NONE && b->plan->buffer[id].kind != UP_BUFFER_SCRATCH)
            id = move_add(b, &up_move_copy, &v->shape, &v->shape, id);
        if (id == UP_NONE)
            return b->err->code;
        b->plan->buffer[id].kind = UP_BUFFER_OUTPUT;
        b->plan->buffer[id].index = i;
    }
    return UP_OK;
}

enum up_code up_plan_steps(struct up_builder *b)
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
    for (uint32_t i = 0; i < g->node_count; i++)
        plan->macs += plan->node[i].macs;
    if (outputs_add(b) != UP_OK)
        return b->err->code;
    for (size_t i = 0; i < plan->step_count; i++)
        plan->step[i].step.stream =
            plan->buffer[plan->step[i].out].bytes > stream_bytes(b->options);
    uint32_t *order = up_arena_alloc(b->arena, plan->buffer_count, sizeof *order, b->err);
    if (order == NULL)
        return b->err->code;
    plan->bytes.scratch = up_buffers_place(plan->buffer, plan->buffer_count, order);
    return UP_OK;
}
