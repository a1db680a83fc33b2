/* DESIGN
 * DepthwiseConv: every channel is convolved alone. SeparableConv: the same, then a pointwise
 * convolution over the channels that this gives, here called middle.
 *
 * A unit of work is a span of one output line, whose weights lie as Keras has them. The separable
 * layer goes through a tile of pixels at a time: a block of middle channels is computed into a
 * buffer on the stack, and the matrix kernel adds its share to every output, so that the middle
 * never becomes a tensor and needs no memory that a step does not have. */
#include <string.h>

#include "core/gather/channelwise.h"
#include "core/layers/window.h"

enum {
    SPAN_PIXELS = 64,     /* work enough to hide the call, small enough to share */
    MIDDLE_A_BLOCK = 256, /* middle channels of a block: sums of short sums lose less */
    GRAIN_MACS = 1 << 16, /* worth handing to another thread */
};

struct depthwise_config {
    struct up_config base;
    int64_t filters; /* of the pointwise convolution; 0: there is none */
    int64_t depth_multiplier;
    struct up_window window;
    struct up_activation activation;
    bool use_bias;
    struct up_initializer depthwise_initializer, pointwise_initializer, bias_initializer;
};

struct prepared {
    struct up_grid in, out; /* at most two spatial axes: the first is 1 */
    struct up_channelwise window;
    size_t multiplier, middle, spans; /* spans a line */
    const float *depthwise;           /* [tap][channel][multiplier] */
    float *pointwise;                 /* [panel][middle][tile column]; NULL: there is none */
    const float *bias;                /* NULL: none */
    struct up_activation activation;
};

/* --- Planning ------------------------------------------------------------------------------- */

static enum up_code check(const void *config, struct up_error *err)
{
    const struct depthwise_config *c = config;
    return up_window_check(&c->window, err);
}

static size_t middle_of(const struct depthwise_config *c, const struct up_shape *in)
{
    return up_size_mul_saturated(in->dim[in->rank - 1], (size_t)c->depth_multiplier);
}

static enum up_code shape(const void *config, const struct up_shape *in, uint32_t in_count,
                          struct up_shape *ret_out, struct up_error *err)
{
    (void)in_count;
    const struct depthwise_config *c = config;
    const size_t channels = c->filters > 0 ? (size_t)c->filters : middle_of(c, &in[0]);
    return up_window_shape(&c->window, &in[0], channels, ret_out, err);
}

static struct up_weight bias_of(const struct depthwise_config *c, size_t channels)
{
    const struct up_shape bias = {.rank = 1, .dim = {channels}};
    return (struct up_weight){"bias", bias, &c->bias_initializer, "bias_initializer"};
}

static struct up_shape depthwise_kernel(const struct depthwise_config *c, const struct up_shape *in)
{
    return up_window_kernel(&c->window, in->rank - 2, in->dim[in->rank - 1],
                            (size_t)c->depth_multiplier);
}

static uint32_t depthwise_weights(const void *config, const struct up_shape *in,
                                  struct up_weight ret[UP_WEIGHTS_MAX])
{
    const struct depthwise_config *c = config;
    ret[0] = (struct up_weight){"kernel", depthwise_kernel(c, in), &c->depthwise_initializer,
                                "depthwise_initializer"};
    ret[1] = bias_of(c, middle_of(c, in));
    return c->use_bias ? 2 : 1;
}

static uint32_t separable_weights(const void *config, const struct up_shape *in,
                                  struct up_weight ret[UP_WEIGHTS_MAX])
{
    const struct depthwise_config *c = config;
    struct up_shape pointwise = {.rank = in->rank};
    for (uint32_t i = 0; i + 2 < in->rank; i++)
        pointwise.dim[i] = 1;
    pointwise.dim[in->rank - 2] = middle_of(c, in);
    pointwise.dim[in->rank - 1] = (size_t)c->filters;
    ret[0] = (struct up_weight){"depthwise_kernel", depthwise_kernel(c, in),
                                &c->depthwise_initializer, "depthwise_initializer"};
    ret[1] = (struct up_weight){"pointwise_kernel", pointwise, &c->pointwise_initializer,
                                "pointwise_initializer"};
    ret[2] = bias_of(c, (size_t)c->filters);
    return c->use_bias ? 3 : 2;
}

/* Zeros past the last filter. */
static enum up_code pointwise_pack(struct prepared *p, const float *kernel, size_t columns,
                                   struct up_arena *arena, struct up_error *err)
{
    const size_t filters = p->out.channels, panels = (filters + columns - 1) / columns;
    p->pointwise = up_arena_zalloc(arena, up_size_mul_saturated(panels, p->middle * columns),
                                   sizeof(float), err);
    if (p->pointwise == NULL)
        return err->code;
    float *at = p->pointwise;
    for (size_t first = 0; first < filters; first += columns)
        for (size_t c = 0; c < p->middle; c++, at += columns) {
            const size_t left = filters - first, width = left < columns ? left : columns;
            memcpy(at, kernel + c * filters + first, width * sizeof *at);
        }
    return UP_OK;
}

/* The work into rows. */
static void divide(struct up_step *step, struct prepared *p)
{
    const size_t pixels = up_shape_size(&step->out) / p->out.channels;
    const double taps = (double)(p->window.axis[1].kernel * p->window.axis[2].kernel);
    const double filters = p->pointwise == NULL ? 0 : (double)p->out.channels;
    p->spans = (p->out.spatial[2] - 1) / SPAN_PIXELS + 1;
    step->rows = p->out.batch * p->out.spatial[1] * p->spans;
    step->macs = (double)pixels * (double)p->middle * (taps + filters);
    step->grain = (size_t)(GRAIN_MACS / (step->macs / (double)step->rows + 1)) + 1;
}

static enum up_code prepare(struct up_step *step, const struct up_kernels *kernels,
                            struct up_arena *arena, struct up_error *err)
{
    const struct depthwise_config *c = step->config;
    const uint32_t spatial = step->ops->spatial;
    struct prepared *p = up_arena_zalloc(arena, 1, sizeof *p, err);
    if (p == NULL)
        return err->code;
    p->in = up_grid_of(&step->in[0], spatial);
    p->out = up_grid_of(&step->out, spatial);
    p->multiplier = (size_t)c->depth_multiplier;
    p->middle = middle_of(c, &step->in[0]);
    p->window = (struct up_channelwise){.in = p->in, .weights = p->middle};
    for (uint32_t i = 0; i < 3; i++) {
        const struct up_window_axis a = up_window_axis(&c->window, spatial, i, p->in.spatial[i]);
        p->window.axis[i] =
            (struct up_gather_axis){a.kernel, a.stride, a.dilation, a.before, .repeat = 1};
    }
    p->depthwise = step->weights[0].data;
    p->bias = c->use_bias ? step->weights[step->weight_count - 1].data : NULL;
    p->activation = up_activation_fused(&c->activation);
    if (c->filters > 0 &&
        pointwise_pack(p, step->weights[1].data, kernels->tile_columns, arena, err) != UP_OK)
        return err->code;
    divide(step, p);
    step->prepared = p;
    step->algorithm = c->filters > 0 ? "depthwise, pointwise" : "depthwise";
    return UP_OK;
}

/* --- Running -------------------------------------------------------------------------------- */

/* Part of an output line. */
struct span {
    const struct up_call *call;
    const struct prepared *p;
    const float *image; /* the batch item's first input value */
    float *out;         /* of the line */
    size_t y, x, end;
};

/* Middle channels: `multiplier` of each of `channels` input channels. More than one input channel
 * means all of their outputs. */
struct block {
    size_t channel, channels, offset, multiplier; /* offset: in the channel's outputs */
};

/* The depthwise sums of a block for `pixels` outputs from x on. */
static void sum(const struct span *s, size_t x, size_t pixels, const struct block *b,
                const float *bias, float *y)
{
    const struct prepared *p = s->p;
    const size_t middle = b->channel * p->multiplier + b->offset;
    const struct up_channelwise_run run = {.image = s->image,
                                           .weights = p->depthwise + middle,
                                           .bias = bias,
                                           .y = y,
                                           .at = {0, s->y, x},
                                           .pixels = pixels,
                                           .channel = b->channel,
                                           .channels = b->channels,
                                           .multiplier = b->multiplier,
                                           .y_stride = b->channels * b->multiplier};
    up_channelwise_sum(&p->window, s->call->kernels, &run);
}

static struct span span_of(const struct up_call *call, size_t row)
{
    const struct prepared *p = call->step->prepared;
    const size_t line = row / p->spans, image = line / p->out.spatial[1];
    struct span s = {.call = call, .p = p, .y = line % p->out.spatial[1]};
    s.image = call->in[0] + image * p->in.spatial[1] * p->in.spatial[2] * p->in.channels;
    s.out = call->out + line * p->out.spatial[2] * p->out.channels;
    s.x = row % p->spans * SPAN_PIXELS;
    s.end = p->out.spatial[2] - s.x < SPAN_PIXELS ? p->out.spatial[2] : s.x + SPAN_PIXELS;
    return s;
}

static void depthwise_rows(const struct up_call *call, size_t begin, size_t end)
{
    const struct prepared *p = call->step->prepared;
    const struct block all = {.channels = p->in.channels, .multiplier = p->multiplier};
    for (size_t row = begin; row < end; row++) {
        const struct span s = span_of(call, row);
        float *y = s.out + s.x * p->middle;
        sum(&s, s.x, s.end - s.x, &all, p->bias, y);
        if (p->activation.id != UP_ACT_LINEAR)
            call->kernels->activate(&p->activation, y, (s.end - s.x) * p->middle, y);
    }
}

/* The block that begins at a middle channel: whole input channels, or a part of one whose outputs
 * are more than a block. */
static struct block block_at(const struct prepared *p, size_t middle)
{
    struct block b = {.channel = middle / p->multiplier, .offset = middle % p->multiplier};
    const size_t left = p->in.channels - b.channel, rest = p->multiplier - b.offset;
    if (p->multiplier <= MIDDLE_A_BLOCK) {
        const size_t most = MIDDLE_A_BLOCK / p->multiplier;
        b.channels = left < most ? left : most;
        b.multiplier = p->multiplier;
    } else {
        b.channels = 1;
        b.multiplier = rest < MIDDLE_A_BLOCK ? rest : MIDDLE_A_BLOCK;
    }
    return b;
}

/* Adds what a block of middle channels, from `first` on, gives to every output of a tile. */
static void pointwise(const struct span *s, struct up_tile *call, size_t first)
{
    const struct prepared *p = s->p;
    const size_t columns = s->call->kernels->tile_columns, filters = p->out.channels;
    for (size_t column = 0; column < filters; column += columns) {
        call->c_first = column;
        call->b = call->next = p->pointwise + column * p->middle + first * columns;
        call->bias = p->bias == NULL ? NULL : p->bias + column;
        call->width = filters - column < columns ? filters - column : columns;
        s->call->kernels->tile(call);
    }
}

static void separable_tile(const struct span *s, size_t x, size_t pixels)
{
    const struct prepared *p = s->p;
    _Alignas(UP_ALIGN_BYTES) float middle[UP_TILE_ROWS_MAX * MIDDLE_A_BLOCK];
    const float *a[UP_TILE_ROWS_MAX];
    float *c[UP_TILE_ROWS_MAX];
    for (size_t r = 0; r < pixels; r++)
        c[r] = s->out + (x + r) * p->out.channels;
    for (size_t first = 0, now; first < p->middle; first += now) {
        const struct block b = block_at(p, first);
        now = b.channels * b.multiplier;
        sum(s, x, pixels, &b, NULL, middle);
        for (size_t r = 0; r < pixels; r++)
            a[r] = middle + r * now;
        struct up_tile call = {.a = a,
                               .c = c,
                               .a_stride = pixels,
                               .rows = pixels,
                               .taps = 1,
                               .depth = now,
                               .accumulate = first > 0,
                               .finish = first + now == p->middle,
                               .activation = p->activation};
        pointwise(s, &call, first);
    }
}

static void separable_rows(const struct up_call *call, size_t begin, size_t end)
{
    const size_t most = call->kernels->tile_rows;
    for (size_t row = begin; row < end; row++) {
        const struct span s = span_of(call, row);
        for (size_t x = s.x; x < s.end; x += most)
            separable_tile(&s, x, s.end - x < most ? s.end - x : most);
    }
}

/* --- The four layers ------------------------------------------------------------------------ */

#define ROW(kind, ...) UP_ROW_##kind(struct depthwise_config, __VA_ARGS__)

#define ROWS_WINDOW                                                                                \
    UP_WINDOW_ROW_KERNEL_SIZE(struct depthwise_config),                                            \
        UP_WINDOW_ROW_STRIDES(struct depthwise_config),                                            \
        UP_WINDOW_ROW_PADDING(struct depthwise_config, up_paddings,                                \
                              "same adds zeros around the input; valid adds none"),                \
        UP_ROW_DATA_FORMAT(struct depthwise_config),                                               \
        UP_WINDOW_ROW_DILATION_RATE(struct depthwise_config),                                      \
        ROW(INT, depth_multiplier, 1, UP_DIM_MAX, 1,                                               \
            "outputs that the depthwise kernel makes of each channel"),                            \
        ROW(ACTIVATION, activation, "linear", "function applied to the result"),                   \
        ROW(BOOL, use_bias, 1, "whether a bias is added"),                                         \
        ROW(INITIALIZER, depthwise_initializer, "GlorotUniform",                                   \
            "fills the depthwise kernel when no weights come")
#define ROW_BIAS ROW(INITIALIZER, bias_initializer, "Zeros", "fills the bias when no weights come")

#define ROW_IGNORED(text)                                                                          \
    {                                                                                              \
        .name = (text), .type = UP_PARAM_IGNORED, .meaning = "not used"                            \
    }
#define ROWS_IGNORED ROW_IGNORED("depthwise_regularizer"), ROW_IGNORED("depthwise_constraint")

static const struct up_param depthwise_params[] = {ROWS_WINDOW, ROW_BIAS, ROWS_IGNORED,
                                                   UP_PARAM_END};
static const struct up_param separable_params[] = {
    {.name = "filters",
     .type = UP_PARAM_INT,
     .flags = UP_PARAM_REQUIRED,
     .offset = offsetof(struct depthwise_config, filters),
     .min = 1,
     .max = UP_DIM_MAX,
     .meaning = "channels of the output"},
    ROWS_WINDOW,
    ROW(INITIALIZER, pointwise_initializer, "GlorotUniform",
        "fills the pointwise kernel when no weights come"),
    ROW_BIAS,
    ROWS_IGNORED,
    ROW_IGNORED("pointwise_regularizer"),
    ROW_IGNORED("pointwise_constraint"),
    UP_PARAM_END,
};

static const struct up_weight_note depthwise_notes[] = {
    {"kernel", "(*kernel_size, channels, depth_multiplier)"},
    {"bias", "(channels * depth_multiplier,)"},
    {NULL, NULL}};
static const struct up_weight_note separable_notes[] = {
    {"depthwise_kernel", "(*kernel_size, channels, depth_multiplier)"},
    {"pointwise_kernel", "(1 for each of kernel_size, channels * depth_multiplier, filters)"},
    {"bias", "(filters,)"},
    {NULL, NULL}};

#define LAYER(kind, n, prefix, other, text)                                                        \
    const struct up_layer_ops up_layer_##kind##_conv##n##d = {                                     \
        .class_name = prefix "Conv" #n "D",                                                        \
        .aliases = other,                                                                          \
        .summary = text,                                                                           \
        .spatial = n,                                                                              \
        .inputs_min = 1,                                                                           \
        .inputs_max = 1,                                                                           \
        .config_bytes = sizeof(struct depthwise_config),                                           \
        .params = kind##_params,                                                                   \
        .activation = offsetof(struct depthwise_config, activation),                               \
        .check = check,                                                                            \
        .shape = shape,                                                                            \
        .weights = kind##_weights,                                                                 \
        .weight_notes = kind##_notes,                                                              \
        .prepare = prepare,                                                                        \
        .rows = kind##_rows,                                                                       \
    }

static const char *const aliases_1d[] = {"SeparableConvolution1D", NULL};
static const char *const aliases_2d[] = {"SeparableConvolution2D", NULL};

LAYER(depthwise, 1, "Depthwise", NULL, "Convolution of each channel of a sequence alone.");
LAYER(depthwise, 2, "Depthwise", NULL, "Convolution of each channel of an image alone.");
LAYER(separable, 1, "Separable", aliases_1d,
      "Convolution of each channel of a sequence alone, then over the channels.");
LAYER(separable, 2, "Separable", aliases_2d,
      "Convolution of each channel of an image alone, then over the channels.");
