/* DESIGN
 * The axes, joined where they are one in memory and in the weights, fall into four kinds, from the
 * last on: a summed one (the width of a group), one that is kept (groups side by side), a summed
 * one (lines), and the rest: summed ones become a table of offsets, kept ones are counted through
 * row by row. A row of the step is a block of neighbouring groups, as many as the kernel takes. */
#include "core/layers/groups.h"

#include <math.h>

struct axis {
    size_t dim, stride, weight_stride;
    bool summed;
};

struct prepared {
    enum up_groups_kind kind;
    double epsilon, size; /* size: values of a group */
    struct up_groups groups;
    struct up_normalization normalization;
    size_t count, blocks; /* of all groups side by side; blocks of groups.count of them */
    uint32_t outer;
    struct axis axis[UP_RANK_MAX + 1]; /* `outer` kept axes */
};

/* The axes that are longer than 1, joined; returns how many. */
static uint32_t axes_join(const struct up_grouping *g, struct axis ret[UP_RANK_MAX + 1])
{
    uint32_t rank = 0;
    size_t stride = 1;
    for (uint32_t i = g->rank; i-- > 0; stride *= g->axis[i].dim) {
        const struct up_groups_axis *from = &g->axis[i];
        struct axis *inner = &ret[rank == 0 ? 0 : rank - 1];
        if (from->dim == 1)
            continue;
        if (rank > 0 && inner->summed == from->summed &&
            from->weight_stride == inner->weight_stride * inner->dim)
            inner->dim *= from->dim;
        else
            ret[rank++] = (struct axis){from->dim, stride, from->weight_stride, from->summed};
    }
    return rank;
}

/* Takes the axes of a line off the last ones (which come first); returns how many. */
static uint32_t line_take(struct prepared *p, const struct axis *axis, uint32_t rank)
{
    uint32_t taken = 0;
    p->groups.width = p->count = 1;
    if (rank > 0)
        p->normalization.by_column = axis[0].weight_stride == 1;
    if (rank > 0 && axis[0].summed)
        p->groups.width = axis[taken++].dim;
    const size_t weight_stride = p->normalization.by_column ? p->groups.width : 0;
    if (taken < rank && !axis[taken].summed && axis[taken].weight_stride == weight_stride)
        p->count = axis[taken++].dim;
    return taken;
}

/* Offsets of the summed axes that are left, in the tensor and in the weights. */
static enum up_code offsets_make(struct prepared *p, const struct axis *axis, uint32_t count,
                                 struct up_arena *arena, struct up_error *err)
{
    size_t offsets = 1, filled = 1;
    for (uint32_t i = 0; i < count; i++)
        offsets *= axis[i].summed ? axis[i].dim : 1;
    size_t *offset = up_arena_zalloc(arena, offsets, sizeof *offset, err);
    size_t *weight = up_arena_zalloc(arena, offsets, sizeof *weight, err);
    if (offset == NULL || weight == NULL)
        return err->code;
    for (uint32_t i = 0; i < count; i++) {
        if (!axis[i].summed) {
            p->axis[p->outer++] = axis[i];
            continue;
        }
        for (size_t k = filled; k < filled * axis[i].dim; k++) {
            offset[k] = offset[k % filled] + k / filled * axis[i].stride;
            weight[k] = weight[k % filled] + k / filled * axis[i].weight_stride;
        }
        filled *= axis[i].dim;
    }
    p->groups.offset = offset;
    p->groups.offsets = offsets;
    p->normalization.offset = weight;
    return UP_OK;
}

static void lines_take(struct prepared *p, struct axis *axis, uint32_t rank)
{
    p->groups.lines = 1;
    for (uint32_t i = 0; i < rank; i++)
        if (axis[i].summed) {
            p->groups.lines = axis[i].dim;
            p->groups.stride = axis[i].stride;
            p->normalization.stride = axis[i].weight_stride;
            axis[i].dim = 1; /* the table has it no more */
            return;
        }
}

enum up_code up_groups_prepare(const struct up_grouping *grouping, struct up_step *step,
                               struct up_arena *arena, struct up_error *err)
{
    struct axis axis[UP_RANK_MAX + 1];
    struct prepared *p = up_arena_zalloc(arena, 1, sizeof *p, err);
    if (p == NULL)
        return err->code;
    p->kind = grouping->kind;
    p->epsilon = grouping->epsilon;
    p->normalization.gamma = grouping->gamma;
    p->normalization.beta = grouping->beta;
    const uint32_t rank = axes_join(grouping, axis), taken = line_take(p, axis, rank);
    lines_take(p, axis + taken, rank - taken);
    if (offsets_make(p, axis + taken, rank - taken, arena, err) != UP_OK)
        return err->code;
    const size_t width = p->groups.width, values = up_shape_size(&step->out);
    p->size = (double)width * (double)p->groups.lines * (double)p->groups.offsets;
    p->groups.count = width < UP_GROUPS_COLUMNS ? UP_GROUPS_COLUMNS / width : 1;
    p->blocks = (p->count + p->groups.count - 1) / p->groups.count;
    step->prepared = p;
    step->rows = p->blocks;
    for (uint32_t i = 0; i < p->outer; i++)
        step->rows *= p->axis[i].dim;
    step->grain = UP_GRAIN_VALUES / (values / step->rows + 1) + 1;
    step->macs = 2 * (double)values;
    step->algorithm = "groups";
    return UP_OK;
}

static double factor_of(const struct prepared *p, double square)
{
    if (p->kind == UP_GROUPS_UNIT) {
        const double factor = 1 / sqrt(square * p->size);
        return factor > 1e12 ? 1e12 : factor; /* NaN stays */
    }
    return 1 / sqrt(square + p->epsilon);
}

static void block(const struct up_call *call, size_t row)
{
    const struct prepared *p = call->step->prepared;
    struct up_groups groups = p->groups;
    struct up_normalization n = p->normalization;
    double mean[UP_GROUPS_COLUMNS], square[UP_GROUPS_COLUMNS];
    float center[UP_GROUPS_COLUMNS], factor[UP_GROUPS_COLUMNS];
    const size_t first = row % p->blocks * groups.count;
    size_t at = first * groups.width, weight = n.by_column ? at : 0, rest = row / p->blocks;
    for (uint32_t i = 0; i < p->outer; rest /= p->axis[i++].dim) {
        at += rest % p->axis[i].dim * p->axis[i].stride;
        weight += rest % p->axis[i].dim * p->axis[i].weight_stride;
    }
    if (p->count - first < groups.count)
        groups.count = p->count - first;
    const bool about_zero = p->kind == UP_GROUPS_RMS || p->kind == UP_GROUPS_UNIT;
    call->kernels->moments(&groups, call->in[0] + at, about_zero, mean, square);
    for (size_t g = 0; g < groups.count; g++) {
        center[g] = p->kind == UP_GROUPS_STANDARD ? (float)mean[g] : 0;
        factor[g] = (float)factor_of(p, square[g]);
    }
    n.mean = center;
    n.factor = factor;
    n.gamma = n.gamma == NULL ? NULL : n.gamma + weight;
    n.beta = n.beta == NULL ? NULL : n.beta + weight;
    call->kernels->normalize(&groups, &n, call->in[0] + at, call->out + at);
}

void up_groups_rows(const struct up_call *call, size_t begin, size_t end)
{
    for (size_t row = begin; row < end; row++)
        block(call, row);
}
