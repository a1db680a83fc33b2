/* DESIGN
 * Conv1D/2D/3DTranspose as gather. Along each axis, output o gets tap j of input i where
 * i * stride + j * dilation - crop = o. Outputs with the same (o + crop) mod stride form a phase:
 * they use the same taps, each at a fixed distance from the output's own input position. So every
 * phase is a dense correlation without a wasted multiply, every output is computed by one thread
 * and written once, and there is no scatter and no race.
 *
 * A unit of work is a span of one output line. For each phase of the span, tiles of pixels go
 * through the matrix kernel: a table of input pointers for the tile (positions outside the input
 * point at a row of zeros), then one call per panel of output channels. */
#include "core/layers/geometry.h"
#include "core/layers/layer.h"

#include <string.h>

enum {
    TILES_A_SPAN = 16,    /* of one phase: work enough to hide the call, small enough to share */
    TAPS_A_CALL = 64,     /* bounds the pointer table on the stack */
    GRAIN_MACS = 1 << 16, /* worth handing to another thread */
};

struct conv_transpose_config {
    struct up_config base;
    int64_t filters;
    struct up_ints kernel_size, strides, output_padding, dilation_rate;
    uint32_t padding;
    struct up_activation activation;
    bool use_bias;
    struct up_initializer kernel_initializer, bias_initializer;
};

/* One kernel position of a phase: input = (o + crop) / stride + shift. */
struct tap {
    int64_t index, shift;
};

/* The phases of one axis. Output o belongs to class o mod stride; classes the output never reaches
 * are left out. */
struct axis {
    struct up_deconv_axis size;
    struct tap *tap; /* all kernel positions, grouped by class */
    struct {
        uint32_t first, count, filled; /* in `tap` */
    } * class;
    size_t classes;
};

struct prepared {
    struct axis axis[3];
    struct up_grid in, out;
    size_t taps, panels, span, spans; /* outputs a span, spans a line */
    float *packed;     /* [panel][phase, in class order][tap][in channel][tile column] */
    const float *bias; /* NULL: none */
    float *zeros;      /* in.channels of them */
};

/* --- Planning ----------------------------------------------------------------------------------
 */

static enum up_code check(const void *config, struct up_error *err)
{
    const struct conv_transpose_config *c = config;
    int64_t stride = 1, dilation = 1, taps = 1;
    for (uint32_t i = 0; i < 3; i++) { /* axes a layer does not have are 0 */
        if (c->output_padding.set && c->strides.v[i] > 0 &&
            c->output_padding.v[i] >= c->strides.v[i])
            return up_fail(err, UP_E_INVALID, "output_padding",
                           "output_padding %lld must be smaller than the stride %lld of its axis",
                           (long long)c->output_padding.v[i], (long long)c->strides.v[i]);
        stride = c->strides.v[i] > stride ? c->strides.v[i] : stride;
        dilation = c->dilation_rate.v[i] > dilation ? c->dilation_rate.v[i] : dilation;
        taps *= c->kernel_size.v[i] > 0 && taps <= UP_KERNEL_TAPS_MAX ? c->kernel_size.v[i] : 1;
    }
    if (taps > UP_KERNEL_TAPS_MAX)
        return up_fail(err, UP_E_INVALID, "kernel_size",
                       "a kernel of more than %d positions is not taken", UP_KERNEL_TAPS_MAX);
    if (stride > 1 && dilation > 1)
        return up_fail(err, UP_E_INVALID, "dilation_rate",
                       "strides %lld and dilation_rate %lld cannot both be larger than 1",
                       (long long)stride, (long long)dilation);
    return UP_OK;
}

static struct up_deconv_axis axis_size(const struct conv_transpose_config *c, uint32_t spatial,
                                       uint32_t axis, size_t in)
{
    const int64_t padding =
        c->output_padding.set ? up_grid_int(&c->output_padding, spatial, axis, 0) : -1;
    return up_deconv_axis_make(in, up_grid_int(&c->kernel_size, spatial, axis, 1),
                               up_grid_int(&c->strides, spatial, axis, 1),
                               up_grid_int(&c->dilation_rate, spatial, axis, 1),
                               c->padding == UP_PADDING_SAME, axis < 3 - spatial ? -1 : padding);
}

static enum up_code shape(const void *config, const struct up_shape *in, uint32_t in_count,
                          struct up_shape *ret_out, struct up_error *err)
{
    (void)in_count;
    const struct conv_transpose_config *c = config;
    const uint32_t spatial = in[0].rank - 2;
    struct up_grid grid = up_grid_of(&in[0], spatial);
    for (uint32_t i = 3 - spatial; i < 3; i++) {
        grid.spatial[i] = axis_size(c, spatial, i, grid.spatial[i]).out;
        if (grid.spatial[i] == 0)
            return up_fail(err, UP_E_INVALID, "output_padding",
                           "output_padding %lld leaves spatial axis %u of the output empty",
                           (long long)c->output_padding.v[i - (3 - spatial)], i - (3 - spatial));
    }
    grid.channels = (size_t)c->filters;
    *ret_out = up_grid_shape(&grid, spatial);
    return UP_OK;
}

static uint32_t weights(const void *config, const struct up_shape *in,
                        struct up_weight ret[UP_WEIGHTS_MAX])
{
    const struct conv_transpose_config *c = config;
    const uint32_t spatial = in[0].rank - 2;
    struct up_shape kernel = {.rank = spatial + 2};
    for (uint32_t i = 0; i < spatial; i++)
        kernel.dim[i] = (size_t)c->kernel_size.v[i];
    kernel.dim[spatial] = (size_t)c->filters;
    kernel.dim[spatial + 1] = in[0].dim[spatial + 1];
    ret[0] = (struct up_weight){"kernel", kernel, &c->kernel_initializer, "kernel_initializer"};
    const struct up_shape bias = {.rank = 1, .dim = {(size_t)c->filters}};
    ret[1] = (struct up_weight){"bias", bias, &c->bias_initializer, "bias_initializer"};
    return c->use_bias ? 2 : 1;
}

/* The class of outputs that kernel position j reaches. */
static size_t class_of(const struct up_deconv_axis *a, int64_t j)
{
    const int64_t r = (j * a->dilation - a->crop) % a->stride;
    return (size_t)(r < 0 ? r + a->stride : r);
}

/* Groups the kernel positions of one axis by class: a counting sort. */
static enum up_code axis_prepare(struct axis *a, struct up_arena *arena, struct up_error *err)
{
    const struct up_deconv_axis *size = &a->size;
    a->classes = (size_t)size->stride < size->out ? (size_t)size->stride : size->out;
    a->tap = up_arena_alloc(arena, (size_t)size->kernel, sizeof *a->tap, err);
    a->class = up_arena_zalloc(arena, a->classes, sizeof *a->class, err);
    if (a->tap == NULL || a->class == NULL)
        return err->code;
    for (int64_t j = 0; j < size->kernel; j++)
        if (class_of(size, j) < a->classes)
            a->class[class_of(size, j)].count++;
    for (size_t k = 1; k < a->classes; k++)
        a->class[k].first = a->class[k - 1].first + a->class[k - 1].count;
    for (int64_t j = 0; j < size->kernel; j++) {
        const size_t k = class_of(size, j);
        if (k >= a->classes)
            continue;
        const int64_t phase = ((int64_t)k + size->crop) % size->stride;
        a->tap[a->class[k].first + a->class[k].filled++] =
            (struct tap){j, (phase - j * size->dilation) / size->stride};
    }
    return UP_OK;
}

/* One kernel position of the Keras layout (k..., filters, in) into one panel: [in][column]. */
static void tap_pack(const float *kernel, size_t filters, size_t channels, size_t first,
                     size_t columns, float *ret)
{
    const size_t width = filters - first < columns ? filters - first : columns;
    memset(ret, 0, channels * columns * sizeof *ret);
    for (size_t f = 0; f < width; f++)
        for (size_t c = 0; c < channels; c++)
            ret[c * columns + f] = kernel[(first + f) * channels + c];
}

static float *phase_pack(const struct prepared *p, const float *kernel, const size_t class[3],
                         size_t panel, size_t columns, float *at)
{
    const struct axis *d = &p->axis[0], *h = &p->axis[1], *w = &p->axis[2];
    const size_t one = p->out.channels * p->in.channels;
    for (size_t i = 0; i < d->class[class[0]].count; i++)
        for (size_t j = 0; j < h->class[class[1]].count; j++)
            for (size_t k = 0; k < w->class[class[2]].count; k++) {
                const int64_t position =
                    (d->tap[d->class[class[0]].first + i].index * h->size.kernel +
                     h->tap[h->class[class[1]].first + j].index) *
                        w->size.kernel +
                    w->tap[w->class[class[2]].first + k].index;
                tap_pack(kernel + (size_t)position * one, p->out.channels, p->in.channels,
                         panel * columns, columns, at);
                at += p->in.channels * columns;
            }
    return at;
}

/* Kernel positions of all phases: those that reach no output at all are left out. */
static size_t taps_used(const struct axis *a)
{
    return a->class[a->classes - 1].first + a->class[a->classes - 1].count;
}

static enum up_code pack(struct prepared *p, const float *kernel, size_t columns,
                         struct up_arena *arena, struct up_error *err)
{
    p->taps = taps_used(&p->axis[0]) * taps_used(&p->axis[1]) * taps_used(&p->axis[2]);
    p->panels = (p->out.channels + columns - 1) / columns;
    const size_t one = p->in.channels * columns;
    p->packed =
        up_arena_alloc(arena, up_size_mul_saturated(p->taps * p->panels, one), sizeof(float), err);
    p->zeros = up_arena_zalloc(arena, p->in.channels, sizeof(float), err);
    if (p->packed == NULL || p->zeros == NULL)
        return err->code;
    float *at = p->packed;
    size_t class[3];
    for (size_t panel = 0; panel < p->panels; panel++)
        for (class[0] = 0; class[0] < p -> axis[0].classes; class[0]++)
            for (class[1] = 0; class[1] < p -> axis[1].classes; class[1]++)
                for (class[2] = 0; class[2] < p -> axis[2].classes; class[2]++)
                    at = phase_pack(p, kernel, class, panel, columns, at);
    return UP_OK;
}

static enum up_code prepare(struct up_step *step, const struct up_kernels *kernels,
                            struct up_arena *arena, struct up_error *err)
{
    const struct conv_transpose_config *c = step->config;
    const uint32_t spatial = step->ops->spatial;
    struct prepared *p = up_arena_zalloc(arena, 1, sizeof *p, err);
    if (p == NULL)
        return err->code;
    p->in = up_grid_of(&step->in[0], spatial);
    p->out = up_grid_of(&step->out, spatial);
    step->macs = (double)p->in.batch * (double)p->in.channels * (double)p->out.channels;
    for (uint32_t i = 0; i < 3; i++) {
        p->axis[i].size = axis_size(c, spatial, i, p->in.spatial[i]);
        if (axis_prepare(&p->axis[i], arena, err) != UP_OK)
            return err->code;
        step->macs *= (double)p->in.spatial[i] * (double)p->axis[i].size.kernel;
    }
    if (pack(p, step->weights[0].data, kernels->tile_columns, arena, err) != UP_OK)
        return err->code;
    p->bias = c->use_bias ? step->weights[1].data : NULL;
    p->span = up_size_mul_saturated(p->axis[2].classes, kernels->tile_rows * TILES_A_SPAN);
    p->spans = (p->out.spatial[2] - 1) / p->span + 1;
    step->prepared = p;
    step->rows = p->out.batch * p->out.spatial[0] * p->out.spatial[1] * p->spans;
    step->grain = (size_t)(GRAIN_MACS / (step->macs / (double)step->rows + 1)) + 1;
    step->algorithm = "phases";
    return UP_OK;
}

/* --- Running -----------------------------------------------------------------------------------
 */

/* Where the outputs of one phase in one span are. */
struct phase {
    const struct up_call *call;
    const float *image; /* the batch item's first input value */
    const float *panel; /* of the phase: the first panel's first tap */
    float *line;        /* the output line's first value */
    const struct tap *tap[3];
    size_t count[3];  /* taps along each axis */
    int64_t input[2]; /* (o + crop) / stride along depth and height */
};

static const float *input_at(const struct phase *f, const struct prepared *p, size_t t, int64_t x)
{
    const int64_t size[3] = {(int64_t)p->in.spatial[0], (int64_t)p->in.spatial[1],
                             (int64_t)p->in.spatial[2]};
    const size_t across = f->count[1] * f->count[2];
    const int64_t d = f->input[0] + f->tap[0][t / across].shift;
    const int64_t h = f->input[1] + f->tap[1][t / f->count[2] % f->count[1]].shift;
    const int64_t w = x + f->tap[2][t % f->count[2]].shift;
    if (d < 0 || d >= size[0] || h < 0 || h >= size[1] || w < 0 || w >= size[2])
        return p->zeros;
    return f->image + (size_t)((d * size[1] + h) * size[2] + w) * p->in.channels;
}

/* Up to tile_rows outputs of the phase, from output x on, all channels. */
static void tile(const struct phase *f, const struct prepared *p, size_t x, size_t rows)
{
    const struct up_kernels *kernels = f->call->kernels;
    const struct conv_transpose_config *c = f->call->step->config;
    const size_t columns = kernels->tile_columns, stride = (size_t)p->axis[2].size.stride;
    const size_t taps = f->count[0] * f->count[1] * f->count[2];
    const float *a[TAPS_A_CALL * UP_TILE_ROWS_MAX];
    float *out[UP_TILE_ROWS_MAX];
    size_t done = 0;
    do {
        const size_t now = taps - done < TAPS_A_CALL ? taps - done : TAPS_A_CALL;
        for (size_t t = 0; t < now; t++)
            for (size_t r = 0; r < rows; r++)
                a[t * rows + r] = input_at(f, p, done + t,
                                           ((int64_t)(x + r * stride) + p->axis[2].size.crop) /
                                               p->axis[2].size.stride);
        struct up_tile call = {.a = a,
                               .c = out,
                               .rows = rows,
                               .taps = now,
                               .depth = p->in.channels,
                               .accumulate = done > 0,
                               .finish = done + now == taps,
                               .activation = up_activation_fused(&c->activation)};
        for (size_t panel = 0; panel < p->panels; panel++) {
            const size_t first = panel * columns, left = p->out.channels - first;
            for (size_t r = 0; r < rows; r++)
                out[r] = f->line + (x + r * stride) * p->out.channels + first;
            call.b = f->panel + (panel * p->taps + done) * p->in.channels * columns;
            call.bias = p->bias == NULL ? NULL : p->bias + first;
            call.width = left < columns ? left : columns;
            kernels->tile(&call);
        }
        done += now;
    } while (done < taps);
}

/* The tap lists and packed weights of the phase that outputs (d, h, x mod stride) belong to. */
static struct phase phase_of(const struct up_call *call, const size_t at[3])
{
    const struct prepared *p = call->step->prepared;
    struct phase f = {.call = call};
    size_t before = 0, first[3], used[3];
    for (uint32_t i = 0; i < 3; i++) {
        const struct axis *a = &p->axis[i];
        const size_t class = at[i] % (size_t)a->size.stride;
        first[i] = a->class[class].first;
        f.count[i] = a->class[class].count;
        f.tap[i] = a->tap + first[i];
        used[i] = taps_used(a);
        if (i < 2)
            f.input[i] = ((int64_t)at[i] + a->size.crop) / a->size.stride;
    }
    before =
        (first[0] * used[1] + f.count[0] * first[1]) * used[2] + f.count[0] * f.count[1] * first[2];
    f.panel = p->packed + before * p->in.channels * call->kernels->tile_columns;
    return f;
}

static void span(const struct up_call *call, size_t row)
{
    const struct prepared *p = call->step->prepared;
    const size_t line = row / p->spans, height = p->out.spatial[1], depth = p->out.spatial[0];
    const size_t x0 = row % p->spans * p->span, left = p->out.spatial[2] - x0;
    const size_t x1 = x0 + (left < p->span ? left : p->span);
    const size_t stride = (size_t)p->axis[2].size.stride, step = stride * call->kernels->tile_rows;
    const size_t image = p->in.spatial[0] * p->in.spatial[1] * p->in.spatial[2] * p->in.channels;
    for (size_t class = 0; class < p->axis[2].classes && x0 + class < x1; class ++) {
        const size_t at[3] = {line / height % depth, line % height, x0 + class};
        struct phase f = phase_of(call, at);
        f.image = call->in[0] + line / height / depth * image;
        f.line = call->out + line * p->out.spatial[2] * p->out.channels;
        for (size_t x = x0 + class; x < x1; x += step) {
            const size_t outputs = (x1 - x - 1) / stride + 1;
            tile(&f, p, x, outputs < call->kernels->tile_rows ? outputs : call->kernels->tile_rows);
        }
    }
}

static void rows(const struct up_call *call, size_t begin, size_t end)
{
    for (size_t row = begin; row < end; row++)
        span(call, row);
}

/* --- The three layers --------------------------------------------------------------------------
 */

#define ROW(kind, ...) UP_ROW_##kind(struct conv_transpose_config, __VA_ARGS__)

static const struct up_param params[] = {
    {.name = "filters",
     .type = UP_PARAM_INT,
     .flags = UP_PARAM_REQUIRED,
     .offset = offsetof(struct conv_transpose_config, filters),
     .min = 1,
     .max = UP_DIM_MAX,
     .meaning = "channels of the output"},
    {.name = "kernel_size",
     .type = UP_PARAM_INTS,
     .flags = UP_PARAM_REQUIRED,
     .offset = offsetof(struct conv_transpose_config, kernel_size),
     .min = 1,
     .max = UP_KERNEL_TAPS_MAX,
     .meaning = "extent of the kernel"},
    ROW(INTS, strides, 1, UP_DIM_MAX, 1, "distance between the outputs of neighbouring inputs"),
    ROW(CHOICE, padding, up_paddings, "valid keeps every output, same gives input times strides"),
    {.name = "output_padding",
     .type = UP_PARAM_INTS,
     .flags = UP_PARAM_NULLABLE,
     .offset = offsetof(struct conv_transpose_config, output_padding),
     .min = 0,
     .max = UP_DIM_MAX,
     .meaning = "settles which of several output lengths is meant; smaller than strides"},
    UP_ROW_DATA_FORMAT(struct conv_transpose_config),
    ROW(INTS, dilation_rate, 1, UP_DIM_MAX, 1, "distance between the kernel's positions"),
    ROW(ACTIVATION, activation, "linear", "function applied to the result"),
    ROW(BOOL, use_bias, 1, "whether a bias is added"),
    ROW(INITIALIZER, kernel_initializer, "GlorotUniform", "fills the kernel when no weights come"),
    ROW(INITIALIZER, bias_initializer, "Zeros", "fills the bias when no weights come"),
    UP_PARAM_END,
};

static const struct up_weight_note weight_notes[] = {
    {"kernel", "(*kernel_size, filters, channels)"}, {"bias", "(filters,)"}, {NULL, NULL}};

#define CONV_TRANSPOSE(n, other, text)                                                             \
    static const char *const aliases_##n##d[] = {other, NULL};                                     \
    const struct up_layer_ops up_layer_conv##n##d_transpose = {                                    \
        .class_name = "Conv" #n "DTranspose",                                                      \
        .aliases = aliases_##n##d,                                                                 \
        .summary = text,                                                                           \
        .spatial = n,                                                                              \
        .flags = UP_LAYER_UPSAMPLES,                                                               \
        .inputs_min = 1,                                                                           \
        .inputs_max = 1,                                                                           \
        .config_bytes = sizeof(struct conv_transpose_config),                                      \
        .params = params,                                                                          \
        .activation = offsetof(struct conv_transpose_config, activation),                          \
        .check = check,                                                                            \
        .shape = shape,                                                                            \
        .weights = weights,                                                                        \
        .weight_notes = weight_notes,                                                              \
        .prepare = prepare,                                                                        \
        .rows = rows,                                                                              \
    }

CONV_TRANSPOSE(1, "Convolution1DTranspose", "Transposed convolution of a sequence.");
CONV_TRANSPOSE(2, "Convolution2DTranspose", "Transposed convolution of an image.");
CONV_TRANSPOSE(3, "Convolution3DTranspose", "Transposed convolution of a volume.");
