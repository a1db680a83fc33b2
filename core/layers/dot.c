/* DESIGN
 * Dot: for every sample, the sum of products along one axis of each of two inputs. Around its
 * summed axis an input is (before, depth, after); a unit of work is one place of the first input,
 * which meets all places of the second. */
#include "core/layers/layer.h"

enum { GRAIN_PRODUCTS = 65536 };

struct dot_config {
    struct up_config base;
    struct up_list axes;
    bool normalize;
};

/* One sample of an input. */
struct side {
    size_t before, depth, after;
};

static enum up_code check(const void *config, struct up_error *err)
{
    const struct dot_config *c = config;
    if (c->axes.scalar || c->axes.count == 2)
        return UP_OK;
    return up_fail(err, UP_E_INVALID, "axes", "axes is one axis or a list of 2, not of %u",
                   c->axes.count);
}

static int64_t axis_of(const struct dot_config *c, const struct up_shape *in, uint32_t i)
{
    const int64_t axis = c->axes.v[c->axes.scalar ? 0 : i];
    return axis < 0 ? axis + in[i].rank : axis;
}

static enum up_code shape(const void *config, const struct up_shape *in, uint32_t in_count,
                          struct up_shape *ret_out, struct up_error *err)
{
    (void)in_count;
    const struct dot_config *c = config;
    char a[UP_SHAPE_TEXT_BYTES], b[UP_SHAPE_TEXT_BYTES];
    (void)up_shape_text(&in[0], a);
    (void)up_shape_text(&in[1], b);
    for (uint32_t i = 0; i < 2; i++)
        if (axis_of(c, in, i) < 1 || axis_of(c, in, i) >= (int64_t)in[i].rank)
            return up_fail(err, UP_E_INVALID, "axes",
                           "input %u of shape %s has no axis %lld to sum", i, i == 0 ? a : b,
                           (long long)c->axes.v[c->axes.scalar ? 0 : i]);
    const uint32_t axis[2] = {(uint32_t)axis_of(c, in, 0), (uint32_t)axis_of(c, in, 1)};
    if (in[0].dim[0] != in[1].dim[0] || in[0].dim[axis[0]] != in[1].dim[axis[1]])
        return up_fail(err, UP_E_INVALID, "axes",
                       "axis %u of %s and axis %u of %s, or the batches, differ in length", axis[0],
                       a, axis[1], b);
    if (in[0].rank + in[1].rank - 3 > UP_RANK_MAX)
        return up_fail(err, UP_E_INVALID, "axes", "the product of %s and %s has more than %d axes",
                       a, b, UP_RANK_MAX);
    struct up_shape out = up_shape_without(&in[0], axis[0], 1);
    for (uint32_t i = 1; i < in[1].rank; i++)
        if (i != axis[1])
            out.dim[out.rank++] = in[1].dim[i];
    if (out.rank == 1)
        out.dim[out.rank++] = 1;
    *ret_out = out;
    return UP_OK;
}

static struct side side_of(const struct up_shape *in, int64_t axis)
{
    struct side s = {1, in->dim[axis], 1};
    for (int64_t i = 1; i < (int64_t)in->rank; i++) {
        s.before *= i < axis ? in->dim[i] : 1;
        s.after *= i > axis ? in->dim[i] : 1;
    }
    return s;
}

static enum up_code prepare(struct up_step *step, const struct up_kernels *kernels,
                            struct up_arena *arena, struct up_error *err)
{
    (void)kernels;
    struct side *side = up_arena_alloc(arena, 2, sizeof *side, err);
    if (side == NULL)
        return err->code;
    for (uint32_t i = 0; i < 2; i++)
        side[i] = side_of(&step->in[i], axis_of(step->config, step->in, i));
    const size_t products = side[1].before * side[1].depth * side[1].after;
    step->prepared = side;
    step->rows = step->in[0].dim[0] * side[0].before * side[0].after;
    step->grain = GRAIN_PRODUCTS / products + 1;
    step->macs = (double)step->rows * (double)products;
    step->algorithm = "sums";
    return UP_OK;
}

static void rows(const struct up_call *call, size_t begin, size_t end)
{
    const struct dot_config *c = call->step->config;
    const struct side *a = call->step->prepared, *b = a + 1;
    const bool lines = b->after > 1; /* else the places of b are `depth` apart */
    const struct up_contraction contraction = {.depth = a->depth,
                                               .width = lines ? b->after : b->before,
                                               .a_stride = a->after,
                                               .b_depth = b->after,
                                               .b_width = lines ? 1 : b->depth,
                                               .cosine = c->normalize};
    for (size_t row = begin; row < end; row++) {
        const size_t after = row % a->after, before = row / a->after; /* of all samples */
        const float *x = call->in[0] + before * a->depth * a->after + after;
        const float *y = call->in[1] + before / a->before * b->before * b->depth * b->after;
        float *out = call->out + row * b->before * b->after;
        for (size_t i = 0; i < (lines ? b->before : 1); i++, out += b->after)
            call->kernels->contract(&contraction, x, y + i * b->depth * b->after, out);
    }
}

static const struct up_param params[] = {
    {.name = "axes",
     .type = UP_PARAM_LIST,
     .flags = UP_PARAM_REQUIRED,
     .offset = offsetof(struct dot_config, axes),
     .min = -UP_RANK_MAX,
     .max = UP_RANK_MAX - 1,
     .meaning = "the axis of both inputs, or of each, that is summed over"},
    UP_ROW_BOOL(struct dot_config, normalize, 0, "whether the summed vectors get length 1 before"),
    UP_PARAM_END,
};

const struct up_layer_ops up_layer_dot = {
    .class_name = "Dot",
    .summary = "Sums the products of two inputs along an axis of each.",
    .flags = UP_LAYER_NONLINEAR,
    .inputs_min = 2,
    .inputs_max = 2,
    .config_bytes = sizeof(struct dot_config),
    .params = params,
    .check = check,
    .shape = shape,
    .prepare = prepare,
    .rows = rows,
};
