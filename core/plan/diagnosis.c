/* DESIGN
 * Which kind of layer it is, and its geometry, are read from its descriptor rows: what has a
 * kernel_size is a transposed convolution, what has a size repeats or interpolates, what has a
 * block_size moves channels.
 *
 * Along one axis tap j of a transposed convolution reaches the outputs at phase j * dilation of the
 * stride. Strides and dilation are not both larger than 1, so a phase gets kernel / stride taps, or
 * one more. An output's phase is one along each axis; its sum over an input of ones is the sum of
 * the kernel's values of that phase. */
#include "core/plan/diagnosis.h"

#include <math.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#include "core/plan/internal.h"

/* A transposed convolution, its missing axes of length 1 in front. */
struct deconv {
    const struct up_layer *layer;
    uint32_t spatial;
    size_t kernel[UP_SPATIAL_MAX], stride[UP_SPATIAL_MAX], dilation[UP_SPATIAL_MAX];
    size_t filters, channels;
    const float *values, *bias; /* bias NULL: none */
    struct up_activation activation;
};

static const void *value_of(const struct up_layer *layer, const char *name)
{
    const struct up_param *row = up_param_find(layer->ops->params, name);
    return row == NULL ? NULL : (const char *)layer->config + row->offset;
}

/* Appends as far as there is room. */
static void say(struct up_diagnosis *d, const char *format, ...) UP_PRINTF(2, 3);
static void say(struct up_diagnosis *d, const char *format, ...)
{
    const size_t length = strlen(d->advice);
    va_list args;
    va_start(args, format);
    (void)vsnprintf(d->advice + length, sizeof d->advice - length, format, args);
    va_end(args);
}

/* "3", or "(3, 4)" where the axes differ. */
static void say_axes(struct up_diagnosis *d, const size_t axes[UP_SPATIAL_MAX])
{
    const size_t *first = axes + UP_SPATIAL_MAX - d->spatial;
    bool same = true;
    for (uint32_t i = 1; i < d->spatial; i++)
        same = same && first[i] == first[0];
    for (uint32_t i = 0; i < (same ? 1 : d->spatial); i++)
        say(d, "%s%zu", same ? "" : i == 0 ? "(" : ", ", first[i]);
    say(d, same ? "" : ")");
}

/* --- Transposed convolutions ---------------------------------------------------------------- */

static struct deconv deconv_of(const struct up_layer *layer, const struct up_plan_node *node)
{
    const struct up_shape *kernel = &node->weight[0].shape;
    struct deconv c = {.layer = layer, .spatial = layer->ops->spatial};
    for (uint32_t i = 0; i < UP_SPATIAL_MAX; i++) {
        const bool used = i >= UP_SPATIAL_MAX - c.spatial;
        const uint32_t at = used ? i - (UP_SPATIAL_MAX - c.spatial) : 0;
        const struct up_ints *strides = value_of(layer, "strides"),
                             *dilation = value_of(layer, "dilation_rate");
        c.kernel[i] = used ? kernel->dim[at] : 1;
        c.stride[i] = used ? (size_t)strides->v[at] : 1;
        c.dilation[i] = used ? (size_t)dilation->v[at] : 1;
    }
    c.filters = kernel->dim[c.spatial];
    c.channels = kernel->dim[c.spatial + 1];
    c.values = node->weight_value[0].data;
    c.bias = node->weight_count > 1 ? node->weight_value[1].data : NULL;
    const struct up_activation *activation = value_of(layer, "activation");
    c.activation = up_activation_fused(activation);
    return c;
}

/* Phases along an axis that differ: all that no tap reaches are alike. */
static size_t phases(const struct deconv *c, uint32_t axis)
{
    return c->stride[axis] <= c->kernel[axis] ? c->stride[axis] : c->kernel[axis] + 1;
}

/* Channels of one tap and filter, in four sums so that they need not wait for one another. */
static double channels_sum(const float *values, size_t count)
{
    double sum[4] = {0};
    size_t i = 0;
    for (; i + 4 <= count; i += 4)
        for (size_t k = 0; k < 4; k++)
            sum[k] += (double)values[i + k];
    for (; i < count; i++)
        sum[0] += (double)values[i];
    return sum[0] + sum[1] + sum[2] + sum[3];
}

/* The sum of the kernel's values that reach phase `at` of a filter. */
static double phase_sum(const struct deconv *c, const size_t at[UP_SPATIAL_MAX], size_t filter)
{
    double sum = 0;
    for (size_t z = at[0]; z < c->kernel[0]; z += c->stride[0])
        for (size_t y = at[1]; y < c->kernel[1]; y += c->stride[1])
            for (size_t x = at[2]; x < c->kernel[2]; x += c->stride[2]) {
                const size_t tap = (z * c->kernel[1] + y) * c->kernel[2] + x;
                sum += channels_sum(c->values + (tap * c->filters + filter) * c->channels,
                                    c->channels);
            }
    return sum;
}

struct spread {
    double min, max;
};

static double relative(struct spread s)
{
    const double size = fmax(fabs(s.min), fabs(s.max));
    return isfinite(size) && size > 0 ? (s.max - s.min) / size : 0;
}

/* What a filter's output ranges over for an input of ones. */
static struct spread filter_spread(const struct deconv *c, const struct up_kernels *kernels,
                                   size_t filter)
{
    struct spread s = {INFINITY, -INFINITY};
    size_t at[UP_SPATIAL_MAX];
    for (at[0] = 0; at[0] < phases(c, 0); at[0]++)
        for (at[1] = 0; at[1] < phases(c, 1); at[1]++)
            for (at[2] = 0; at[2] < phases(c, 2); at[2]++) {
                const double bias = c->bias != NULL ? (double)c->bias[filter] : 0;
                float value = (float)(phase_sum(c, at, filter) + bias);
                if (c->activation.id != UP_ACT_LINEAR)
                    kernels->activate(&c->activation, &value, 1, &value);
                s.min = fmin(s.min, (double)value);
                s.max = fmax(s.max, (double)value);
            }
    return s;
}

static bool drawn(const struct up_layer *layer, const struct up_plan_node *node)
{
    return layer->weights == NULL && node->weight[0].initializer->class->random;
}

/* "1, 2 or 4": each axis gives an output its lower or its upper count. */
static void say_counts(struct up_diagnosis *d, const struct deconv *c)
{
    double count[1 << UP_SPATIAL_MAX];
    size_t used = 0;
    for (unsigned mask = 0; mask < 1U << UP_SPATIAL_MAX; mask++) {
        double product = 1;
        for (uint32_t i = 0; i < UP_SPATIAL_MAX; i++) {
            const size_t low = c->kernel[i] / c->stride[i], rest = c->kernel[i] % c->stride[i];
            product *= (double)(low + ((mask >> i & 1) != 0 && rest != 0 ? 1 : 0));
        }
        size_t place = 0;
        while (place < used && count[place] < product)
            place++;
        if (place < used && count[place] <= product)
            continue;
        memmove(count + place + 1, count + place, (used - place) * sizeof *count);
        count[place] = product;
        used++;
    }
    for (size_t i = 0; i < used; i++)
        say(d, "%s%.0f", i == 0 ? "" : i + 1 < used ? ", " : " or ", count[i]);
}

static void advise(struct up_diagnosis *d, const struct deconv *c, struct spread worst)
{
    if (d->taps_max > d->taps_min) {
        size_t even[UP_SPATIAL_MAX];
        for (uint32_t i = 0; i < UP_SPATIAL_MAX; i++)
            even[i] = (c->kernel[i] + c->stride[i] - 1) / c->stride[i] * c->stride[i];
        say(d, "kernel_size ");
        say_axes(d, c->kernel);
        say(d, " is not divisible by strides ");
        say_axes(d, c->stride);
        say(d, ": positions get ");
        say_counts(d, c);
        say(d, " taps; kernel_size ");
        say_axes(d, even);
        say(d, ", or UpSampling%uD then Conv%uD, gives every position the same", d->spatial,
            d->spatial);
        return;
    }
    say(d,
        "every position gets %.0f tap%s, but not the same weight in all: an input of ones gives "
        "%.4g to %.4g; UpSampling%uD then Conv%uD gives every position the same",
        d->taps_max, d->taps_max == 1 ? "" : "s", worst.min, worst.max, d->spatial, d->spatial);
}

static void transposed(const struct up_layer *layer, const struct up_plan_node *node,
                       const struct up_kernels *kernels, struct up_diagnosis *d)
{
    const struct deconv c = deconv_of(layer, node);
    const uint32_t missing = UP_SPATIAL_MAX - c.spatial;
    d->taps_min = d->taps_max = 1;
    for (uint32_t i = missing; i < UP_SPATIAL_MAX; i++) {
        const size_t most = (c.kernel[i] + c.stride[i] - 1) / c.stride[i];
        d->taps_min *= (double)(c.kernel[i] / c.stride[i]);
        d->taps_max *= (double)most;
        d->receptive_field[i - missing] = (most - 1) * c.dilation[i] + 1;
    }
    struct spread worst = {d->taps_min, d->taps_max};
    d->by_weights = !drawn(layer, node);
    for (size_t f = 0; d->by_weights && f < c.filters; f++) {
        const struct spread one = filter_spread(&c, kernels, f);
        if (f == 0 || relative(one) > relative(worst))
            worst = one;
    }
    d->checkerboard = relative(worst);
    if (d->checkerboard > UP_CHECKERBOARD_SEEN)
        advise(d, &c, worst);
}

/* --- Repetition, interpolation, rearrangement ----------------------------------------------- */

/* Inputs with a part in an output between two of them, and in one that falls on an input, which
 * happens where the factor is odd. Their weights add up to 1. */
static const struct support {
    const char *interpolation;
    size_t between, on;
} supports[] = {
    {"nearest", 1, 1},  {"bilinear", 2, 1},  {"bicubic", 4, 1},       {"area", 1, 1},
    {"lanczos3", 6, 1}, {"lanczos5", 10, 1}, {"mitchellcubic", 4, 3}, {"gaussian", 3, 3},
};

static struct support support_of(const struct up_layer *layer)
{
    const uint32_t *chosen = value_of(layer, "interpolation");
    if (chosen == NULL)
        return supports[0];
    const char *name = up_param_find(layer->ops->params, "interpolation")->choices[*chosen];
    size_t i = 0;
    while (i + 1 < sizeof supports / sizeof *supports &&
           strcmp(supports[i].interpolation, name) != 0)
        i++;
    return supports[i];
}

static void resampled(const struct up_layer *layer, const struct up_plan_node *node,
                      const struct up_kernels *kernels, struct up_diagnosis *d)
{
    (void)node;
    (void)kernels;
    const struct support support = support_of(layer);
    const struct up_ints *size = value_of(layer, "size");
    d->taps_min = d->taps_max = 1;
    d->by_weights = true;
    for (uint32_t i = 0; i < d->spatial; i++) {
        const size_t most = size->v[i] > 1 ? support.between : support.on;
        d->taps_min *= (double)(size->v[i] % 2 == 0 ? support.between : support.on);
        d->taps_max *= (double)most;
        d->receptive_field[i] = most;
    }
}

static void shuffled(const struct up_layer *layer, const struct up_plan_node *node,
                     const struct up_kernels *kernels, struct up_diagnosis *d)
{
    (void)node;
    (void)kernels;
    const long long side = *(const int64_t *)value_of(layer, "block_size");
    d->taps_min = d->taps_max = 1;
    for (uint32_t i = 0; i < d->spatial; i++)
        d->receptive_field[i] = 1;
    if (side == 1)
        return;
    d->checkerboard = NAN;
    say(d,
        "each pixel of a block of %lld x %lld comes from filters of its own in the layer before: "
        "while they are equal, as the initializer ICNR starts them, there is no checkerboard",
        side, side);
}

/* --- Which ---------------------------------------------------------------------------------- */

static const struct kind {
    const char *parameter;
    void (*diagnose)(const struct up_layer *layer, const struct up_plan_node *node,
                     const struct up_kernels *kernels, struct up_diagnosis *d);
} kinds[] = {
    {"kernel_size", transposed},
    {"size", resampled},
    {"block_size", shuffled},
};

static const struct kind *kind_of(const struct up_layer *layer)
{
    if ((layer->ops->flags & UP_LAYER_UPSAMPLES) != 0)
        for (size_t i = 0; i < sizeof kinds / sizeof *kinds; i++)
            if (value_of(layer, kinds[i].parameter) != NULL)
                return &kinds[i];
    return NULL;
}

enum up_code up_plan_diagnoses(struct up_builder *b)
{
    for (uint32_t i = 0; i < b->graph->node_count; i++) {
        const struct up_layer *layer = up_builder_layer(b, i);
        struct up_plan_node *node = &b->plan->node[i];
        const struct kind *kind = kind_of(layer);
        if (kind == NULL)
            continue;
        struct up_diagnosis *d = up_arena_zalloc(b->arena, 1, sizeof *d, b->err);
        if (d == NULL)
            return b->err->code;
        d->spatial = layer->ops->spatial;
        kind->diagnose(layer, node, b->plan->kernels, d);
        node->diagnosis = d;
    }
    return UP_OK;
}
