/* A plan is made in passes over the graph: shapes, weights, the diagnosis, fusions, steps, each
 * a file of its name. */
#include "core/plan/internal.h"

static enum up_code build(struct up_builder *b)
{
    const struct up_graph *g = b->graph;
    b->value = up_arena_alloc(b->arena, g->input_count + g->node_count, sizeof *b->value, b->err);
    b->plan->node = up_arena_zalloc(b->arena, g->node_count, sizeof *b->plan->node, b->err);
    if (b->value == NULL || b->plan->node == NULL)
        return b->err->code;
    for (uint32_t i = 0; i < g->node_count; i++)
        b->plan->node[i].computed_by = i;
    if (up_plan_shapes(b) != UP_OK || up_plan_weights(b) != UP_OK ||
        up_plan_diagnoses(b) != UP_OK || up_plan_fusions(b) != UP_OK)
        return b->err->code;
    return up_plan_steps(b);
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
    struct up_builder b = {graph, options, arena, err, plan, NULL, NULL};
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
