/* DESIGN
 * ZeroPadding1D/2D/3D and Cropping1D/2D/3D. What cropping leaves is a strided view of the input.
 * Padding goes line by line along the last spatial axis: a line is all zeros, or zeros, a line of
 * the input, and zeros. */
#include <string.h>

#include "core/geometry.h"
#include "core/layers/strided.h"

struct border_config {
    struct up_config base;
    struct up_pairs border;
};

/* `sign` is that of what comes before: zeros, or places that are cut off. */
static void placement_set(const struct up_step *step, int64_t sign, struct up_placement *ret)
{
    const struct border_config *c = step->config;
    const uint32_t spatial = step->ops->spatial;
    *ret = (struct up_placement){.repeat = {1, 1, 1}};
    for (uint32_t i = 0; i < spatial; i++)
        ret->before[3 - spatial + i] = sign * c->border.v[i][0];
}

/* --- ZeroPadding ---------------------------------------------------------------------------- */

struct prepared {
    struct up_grid in, out;
    size_t before[3]; /* along the grid's axes */
};

static enum up_code padding_shape(const void *config, const struct up_shape *in, uint32_t in_count,
                                  struct up_shape *ret_out, struct up_error *err)
{
    (void)in_count, (void)err;
    const struct border_config *c = config;
    *ret_out = in[0];
    for (uint32_t i = 0; i + 2 < in[0].rank; i++)
        ret_out->dim[i + 1] += (size_t)c->border.v[i][0] + (size_t)c->border.v[i][1];
    return UP_OK;
}

static bool padding_placement(const struct up_step *step, struct up_placement *ret)
{
    placement_set(step, 1, ret);
    return true;
}

static enum up_code padding_prepare(struct up_step *step, const struct up_kernels *kernels,
                                    struct up_arena *arena, struct up_error *err)
{
    (void)kernels;
    const struct border_config *c = step->config;
    const uint32_t spatial = step->ops->spatial;
    struct prepared *p = up_arena_zalloc(arena, 1, sizeof *p, err);
    if (p == NULL)
        return err->code;
    p->in = up_grid_of(&step->in[0], spatial);
    p->out = up_grid_of(&step->out, spatial);
    for (uint32_t i = 0; i < spatial; i++)
        p->before[3 - spatial + i] = (size_t)c->border.v[i][0];
    step->prepared = p;
    step->rows = p->out.batch * p->out.spatial[0] * p->out.spatial[1];
    step->grain = UP_GRAIN_VALUES / (up_shape_size(&step->out) / step->rows) + 1;
    step->algorithm = "copy";
    return UP_OK;
}

/* The input's line that an output line holds; false when it holds none. */
static bool line_of(const struct prepared *p, size_t row, size_t *ret_line)
{
    const size_t y = row % p->out.spatial[1] - p->before[1];
    const size_t z = row / p->out.spatial[1] % p->out.spatial[0] - p->before[0];
    const size_t image = row / p->out.spatial[1] / p->out.spatial[0];
    *ret_line = (image * p->in.spatial[0] + z) * p->in.spatial[1] + y;
    return y < p->in.spatial[1] && z < p->in.spatial[0]; /* what is before 0 wrapped around */
}

static void padding_rows(const struct up_call *call, size_t begin, size_t end)
{
    const struct prepared *p = call->step->prepared;
    const size_t width = p->in.spatial[2] * p->in.channels, before = p->before[2] * p->in.channels;
    const size_t out_width = p->out.spatial[2] * p->in.channels;
    for (size_t row = begin; row < end; row++) {
        float *y = call->out + row * out_width;
        size_t line;
        if (!line_of(p, row, &line)) {
            memset(y, 0, out_width * sizeof *y);
            continue;
        }
        memset(y, 0, before * sizeof *y);
        memcpy(y + before, call->in[0] + line * width, width * sizeof *y);
        memset(y + before + width, 0, (out_width - before - width) * sizeof *y);
    }
}

/* --- Cropping ------------------------------------------------------------------------------- */

static enum up_code cropping_shape(const void *config, const struct up_shape *in, uint32_t in_count,
                                   struct up_shape *ret_out, struct up_error *err)
{
    (void)in_count;
    const struct border_config *c = config;
    *ret_out = in[0];
    for (uint32_t i = 0; i + 2 < in[0].rank; i++) {
        const size_t cut = (size_t)c->border.v[i][0] + (size_t)c->border.v[i][1];
        if (cut >= in[0].dim[i + 1])
            return up_fail(err, UP_E_INVALID, "cropping",
                           "cropping takes %zu from spatial axis %u, which has %zu", cut, i,
                           in[0].dim[i + 1]);
        ret_out->dim[i + 1] -= cut;
    }
    return UP_OK;
}

static bool cropping_placement(const struct up_step *step, struct up_placement *ret)
{
    placement_set(step, -1, ret);
    return true;
}

static enum up_code cropping_prepare(struct up_step *step, const struct up_kernels *kernels,
                                     struct up_arena *arena, struct up_error *err)
{
    (void)kernels;
    const struct border_config *c = step->config;
    struct up_strided view = up_strided_of(&step->in[0]);
    size_t first = 0;
    for (uint32_t i = 0; i < step->ops->spatial; i++) {
        view.dim[i + 1] = step->out.dim[i + 1];
        first += (size_t)c->border.v[i][0] * view.stride[i + 1];
    }
    return up_strided_prepare(&view, first, step, arena, err);
}

/* --- The six layers ------------------------------------------------------------------------- */

#define BORDER_ROW(parameter, default_, text)                                                      \
    {                                                                                              \
        .name = (parameter), .type = UP_PARAM_PAIRS,                                               \
        .offset = offsetof(struct border_config, border), .min = 0, .max = UP_DIM_MAX,             \
        .fallback = (default_), .meaning = (text)                                                  \
    }
#define PADDING_TEXT  "zeros before and after each spatial axis"
#define CROPPING_TEXT "what is cut off before and after each spatial axis"

static const struct up_param padding_params[] = {
    BORDER_ROW("padding", 1, PADDING_TEXT),
    UP_ROW_DATA_FORMAT(struct border_config),
    UP_PARAM_END,
};
static const struct up_param cropping_params_1d[] = {
    BORDER_ROW("cropping", 1, CROPPING_TEXT),
    UP_PARAM_END,
};
static const struct up_param cropping_params_2d[] = {
    BORDER_ROW("cropping", 0, CROPPING_TEXT),
    UP_ROW_DATA_FORMAT(struct border_config),
    UP_PARAM_END,
};
static const struct up_param cropping_params_3d[] = {
    BORDER_ROW("cropping", 1, CROPPING_TEXT),
    UP_ROW_DATA_FORMAT(struct border_config),
    UP_PARAM_END,
};

#define PADDING(n, text)                                                                           \
    const struct up_layer_ops up_layer_zero_padding##n##d = {                                      \
        .class_name = "ZeroPadding" #n "D",                                                        \
        .summary = text,                                                                           \
        .spatial = n,                                                                              \
        .inputs_min = 1,                                                                           \
        .inputs_max = 1,                                                                           \
        .config_bytes = sizeof(struct border_config),                                              \
        .params = padding_params,                                                                  \
        .shape = padding_shape,                                                                    \
        .placement = padding_placement,                                                            \
        .prepare = padding_prepare,                                                                \
        .rows = padding_rows,                                                                      \
    }
#define CROPPING(n, text)                                                                          \
    const struct up_layer_ops up_layer_cropping##n##d = {                                          \
        .class_name = "Cropping" #n "D",                                                           \
        .summary = text,                                                                           \
        .spatial = n,                                                                              \
        .inputs_min = 1,                                                                           \
        .inputs_max = 1,                                                                           \
        .config_bytes = sizeof(struct border_config),                                              \
        .params = cropping_params_##n##d,                                                          \
        .shape = cropping_shape,                                                                   \
        .placement = cropping_placement,                                                           \
        .prepare = cropping_prepare,                                                               \
        .rows = up_strided_rows,                                                                   \
    }

PADDING(1, "Adds zeros at the ends of a sequence.");
PADDING(2, "Adds zeros around an image.");
PADDING(3, "Adds zeros around a volume.");
CROPPING(1, "Cuts off the ends of a sequence.");
CROPPING(2, "Cuts off the borders of an image.");
CROPPING(3, "Cuts off the borders of a volume.");
