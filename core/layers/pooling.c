/* DESIGN
 * Every pooling layer takes one number a channel from a box of pixels: windows that slide, all of
 * the image, or as many boxes as the output has pixels. A box is cut to the input: padding never
 * wins a maximum and never counts in a mean, as Keras on TensorFlow has it. The kinds differ in how
 * output o of an axis finds its begin and end; the rest is shared. */
#include "core/layers/window.h"

enum kind { WINDOWS, WHOLE, ADAPTIVE };

struct pooling_config {
    struct up_config base;
    struct up_window window; /* kernel_size is pool_size */
    struct up_ints output_size;
    bool keepdims;
};

struct prepared {
    enum kind kind;
    struct up_grid in, out;        /* out of WHOLE: one pixel */
    struct up_window_axis axis[3]; /* of WINDOWS */
};

/* strides null is pool_size. */
static struct up_window window_of(const struct pooling_config *c)
{
    struct up_window window = c->window;
    const struct up_ints ones = {true, {1, 1, 1}};
    if (!window.strides.set)
        window.strides = window.kernel_size;
    window.dilation_rate = ones;
    return window;
}

static enum up_code windows_shape(const void *config, const struct up_shape *in, uint32_t in_count,
                                  struct up_shape *ret_out, struct up_error *err)
{
    (void)in_count;
    const struct up_window window = window_of(config);
    const uint32_t spatial = in[0].rank - 2;
    struct up_grid grid = up_grid_of(&in[0], spatial);
    for (uint32_t i = 3 - spatial; i < 3; i++) {
        const struct up_window_axis axis = up_window_axis(&window, spatial, i, grid.spatial[i]);
        if (axis.out == 0)
            return up_fail(err, UP_E_INVALID, "pool_size",
                           "pool_size %lld is larger than the input's %zu along spatial axis %u",
                           (long long)axis.kernel, axis.in, i - (3 - spatial));
        grid.spatial[i] = axis.out;
    }
    *ret_out = up_grid_shape(&grid, spatial);
    return UP_OK;
}

static enum up_code whole_shape(const void *config, const struct up_shape *in, uint32_t in_count,
                                struct up_shape *ret_out, struct up_error *err)
{
    (void)in_count, (void)err;
    const struct pooling_config *c = config;
    *ret_out = in[0];
    for (uint32_t i = 1; i + 1 < in[0].rank; i++)
        ret_out->dim[i] = 1;
    if (!c->keepdims)
        *ret_out = up_shape_without(ret_out, 1, in[0].rank - 2);
    return UP_OK;
}

static enum up_code adaptive_shape(const void *config, const struct up_shape *in, uint32_t in_count,
                                   struct up_shape *ret_out, struct up_error *err)
{
    (void)in_count, (void)err;
    const struct pooling_config *c = config;
    *ret_out = in[0];
    for (uint32_t i = 1; i + 1 < in[0].rank; i++)
        ret_out->dim[i] = (size_t)c->output_size.v[i - 1];
    return UP_OK;
}

static enum up_code prepare(struct up_step *step, enum kind kind, struct up_arena *arena,
                            struct up_error *err)
{
    const uint32_t spatial = step->ops->spatial;
    const struct up_window window = window_of(step->config);
    struct prepared *p = up_arena_zalloc(arena, 1, sizeof *p, err);
    if (p == NULL)
        return err->code;
    p->kind = kind;
    p->in = up_grid_of(&step->in[0], spatial);
    p->out = p->in;
    for (uint32_t i = 0; i < 3; i++)
        p->out.spatial[i] = 1;
    if (kind != WHOLE)
        p->out = up_grid_of(&step->out, spatial);
    for (uint32_t i = 0; i < 3 && kind == WINDOWS; i++)
        p->axis[i] = up_window_axis(&window, spatial, i, p->in.spatial[i]);
    step->prepared = p;
    step->rows = p->out.batch * p->out.spatial[0] * p->out.spatial[1];
    step->grain = UP_GRAIN_VALUES / (up_shape_size(&step->in[0]) / step->rows + 1) + 1;
    step->algorithm = "boxes";
    return UP_OK;
}

#define PREPARE(name, KIND)                                                                        \
    static enum up_code name##_prepare(struct up_step *step, const struct up_kernels *kernels,     \
                                       struct up_arena *arena, struct up_error *err)               \
    {                                                                                              \
        (void)kernels;                                                                             \
        return prepare(step, KIND, arena, err);                                                    \
    }
PREPARE(windows, WINDOWS)
PREPARE(whole, WHOLE)
PREPARE(adaptive, ADAPTIVE)

struct range {
    size_t begin, end;
};

/* The inputs that output o of an axis is taken from. */
static struct range range_of(const struct prepared *p, uint32_t i, size_t o)
{
    const size_t in = p->in.spatial[i], out = p->out.spatial[i];
    if (p->kind == WHOLE)
        return (struct range){0, in};
    if (p->kind == ADAPTIVE)
        return (struct range){o * in / out, ((o + 1) * in + out - 1) / out};
    const struct up_window_axis *a = &p->axis[i];
    const int64_t begin = (int64_t)o * a->stride - a->before, end = begin + a->kernel;
    return (struct range){begin < 0 ? 0 : (size_t)begin, end > (int64_t)in ? in : (size_t)end};
}

/* Lines begin .. end - 1 of the output, a box a pixel. */
static void lines(const struct up_call *call, size_t begin, size_t end,
                  void (*take)(const struct up_box *, float *))
{
    const struct prepared *p = call->step->prepared;
    const size_t channels = p->in.channels, line = p->in.spatial[2] * channels;
    for (size_t row = begin; row < end; row++) {
        const size_t y = row % p->out.spatial[1], z = row / p->out.spatial[1] % p->out.spatial[0];
        const size_t image = row / p->out.spatial[1] / p->out.spatial[0];
        const struct range d = range_of(p, 0, z), h = range_of(p, 1, y);
        const float *first =
            call->in[0] +
            ((image * p->in.spatial[0] + d.begin) * p->in.spatial[1] + h.begin) * line;
        float *out = call->out + row * p->out.spatial[2] * channels;
        for (size_t x = 0; x < p->out.spatial[2]; x++, out += channels) {
            const struct range w = range_of(p, 2, x);
            const struct up_box box = {.x = first + w.begin * channels,
                                       .depth = d.end - d.begin,
                                       .height = h.end - h.begin,
                                       .width = w.end - w.begin,
                                       .depth_stride = p->in.spatial[1] * line,
                                       .height_stride = line,
                                       .channels = channels};
            take(&box, out);
        }
    }
}

static void max_rows(const struct up_call *call, size_t begin, size_t end)
{
    lines(call, begin, end, call->kernels->box_max);
}

static void mean_rows(const struct up_call *call, size_t begin, size_t end)
{
    lines(call, begin, end, call->kernels->box_mean);
}

/* --- The layers ----------------------------------------------------------------------------- */

#define POOL_SIZE_ROW(required, default_)                                                          \
    {                                                                                              \
        .name = "pool_size", .type = UP_PARAM_INTS, .flags = (required),                           \
        .offset = offsetof(struct pooling_config, window.kernel_size), .min = 1,                   \
        .max = UP_DIM_MAX, .fallback = (default_), .meaning = "extent of the window"               \
    }
#define WINDOW_ROWS                                                                                \
    {.name = "strides",                                                                            \
     .type = UP_PARAM_INTS,                                                                        \
     .flags = UP_PARAM_NULLABLE,                                                                   \
     .offset = offsetof(struct pooling_config, window.strides),                                    \
     .min = 1,                                                                                     \
     .max = UP_DIM_MAX,                                                                            \
     .meaning = "step from one window to the next; null: pool_size"},                              \
        UP_WINDOW_ROW_PADDING(struct pooling_config, up_paddings,                                  \
                              "valid uses whole windows only, same gives input / strides"),        \
        UP_ROW_DATA_FORMAT(struct pooling_config), UP_PARAM_END

static const struct up_param max_params[] = {POOL_SIZE_ROW(0, 2), WINDOW_ROWS};
static const struct up_param mean_params[] = {POOL_SIZE_ROW(UP_PARAM_REQUIRED, 0), WINDOW_ROWS};
static const struct up_param whole_params[] = {
    UP_ROW_DATA_FORMAT(struct pooling_config),
    UP_ROW_BOOL(struct pooling_config, keepdims, 0, "whether the spatial axes stay, with length 1"),
    UP_PARAM_END,
};
static const struct up_param adaptive_params[] = {
    {.name = "output_size",
     .type = UP_PARAM_INTS,
     .flags = UP_PARAM_REQUIRED,
     .offset = offsetof(struct pooling_config, output_size),
     .min = 1,
     .max = UP_DIM_MAX,
     .meaning = "lengths of the output's spatial axes"},
    UP_ROW_DATA_FORMAT(struct pooling_config),
    UP_PARAM_END,
};

#define LAYER_OPS(symbol, name, other, n, family, text)                                            \
    static const char *const symbol##_aliases[] = {other, NULL};                                   \
    const struct up_layer_ops up_layer_##symbol = {                                                \
        .class_name = name,                                                                        \
        .aliases = symbol##_aliases,                                                               \
        .summary = text,                                                                           \
        .spatial = n,                                                                              \
        .inputs_min = 1,                                                                           \
        .inputs_max = 1,                                                                           \
        .config_bytes = sizeof(struct pooling_config),                                             \
        family,                                                                                    \
    }
#define WINDOWS_MAX                                                                                \
    .params = max_params, .shape = windows_shape, .prepare = windows_prepare,                      \
    .flags = UP_LAYER_NONLINEAR, .rows = max_rows
#define WINDOWS_MEAN                                                                               \
    .params = mean_params, .shape = windows_shape, .prepare = windows_prepare, .rows = mean_rows
#define WHOLE_MAX                                                                                  \
    .params = whole_params, .shape = whole_shape, .prepare = whole_prepare,                        \
    .flags = UP_LAYER_NONLINEAR, .rows = max_rows
#define WHOLE_MEAN                                                                                 \
    .params = whole_params, .shape = whole_shape, .prepare = whole_prepare, .rows = mean_rows
#define ADAPTIVE_MAX                                                                               \
    .params = adaptive_params, .shape = adaptive_shape, .prepare = adaptive_prepare,               \
    .flags = UP_LAYER_NONLINEAR, .rows = max_rows
#define ADAPTIVE_MEAN                                                                              \
    .params = adaptive_params, .shape = adaptive_shape, .prepare = adaptive_prepare,               \
    .rows = mean_rows

#define POOLINGS(n)                                                                                \
    LAYER_OPS(max_pooling##n##d, "MaxPooling" #n "D", "MaxPool" #n "D", n, WINDOWS_MAX,            \
              "The largest value of each window.");                                                \
    LAYER_OPS(average_pooling##n##d, "AveragePooling" #n "D", "AvgPool" #n "D", n, WINDOWS_MEAN,   \
              "The mean of each window; padding does not count.");                                 \
    LAYER_OPS(global_max_pooling##n##d, "GlobalMaxPooling" #n "D", "GlobalMaxPool" #n "D", n,      \
              WHOLE_MAX, "The largest value of each channel.");                                    \
    LAYER_OPS(global_average_pooling##n##d, "GlobalAveragePooling" #n "D", "GlobalAvgPool" #n "D", \
              n, WHOLE_MEAN, "The mean of each channel.");                                         \
    LAYER_OPS(adaptive_max_pooling##n##d, "AdaptiveMaxPooling" #n "D", NULL, n, ADAPTIVE_MAX,      \
              "The largest value of each of as many parts as are asked for.");                     \
    LAYER_OPS(adaptive_average_pooling##n##d, "AdaptiveAveragePooling" #n "D", NULL, n,            \
              ADAPTIVE_MEAN, "The mean of each of as many parts as are asked for.")

POOLINGS(1);
POOLINGS(2);
POOLINGS(3);
