/* The transposed convolution against its definition: every product of an input and a kernel value
 * is added where it lands, in double, one by one. And against what it is the transpose of. */
#include <criterion/criterion.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "configure.h"

enum { CONFIGURATIONS = 300 };

static const double unit = 1.0 / 16777216; /* half an ulp of 1 */

/* Missing axes have length 1 and come first. */
struct geometry {
    uint32_t spatial;
    bool same, padded, channels_first, bias;
    size_t batch, channels, filters;
    size_t in[3], kernel[3], stride[3], dilation[3], padding[3];
    size_t out[3], crop[3];
    struct up_activation activation;
};

struct deconv {
    struct geometry g;
    float *x, *kernel, *bias, *y;
    double *sum, *size; /* (batch, out..., filters): the value, and the sum of absolute products */
    size_t *products;
};

/* Keras' rules for the output's length and for what 'same' cuts off. */
static void lengths(struct geometry *g)
{
    for (uint32_t i = 0; i < 3; i++) {
        const size_t extent = (g->kernel[i] - 1) * g->dilation[i] + 1, s = g->stride[i];
        const size_t before = (g->in[i] - 1) * s, n = g->in[i] * s;
        if (i < 3 - g->spatial)
            g->out[i] = 1;
        else if (g->padded)
            g->out[i] = before + g->padding[i] + (g->same ? extent % 2 : extent);
        else
            g->out[i] = g->same || extent < s ? n : before + extent;
        const size_t full = before + extent;
        g->crop[i] = g->same && full > g->out[i] ? (full - g->out[i]) / 2 : 0;
    }
}

static struct geometry geometry_make(struct random *random, uint32_t spatial, size_t columns)
{
    const size_t sides[] = {0, 30, 9, 4}, kernels[] = {0, 7, 5, 3};
    const size_t channels[] = {1, 1, 2, 3, 5, 16}, filters[] = {1, 1, 2, 3, columns, columns + 1};
    struct geometry g = {.spatial = spatial,
                         .same = random_size(random, 0, 1) == 1,
                         .padded = random_size(random, 0, 2) == 0,
                         .channels_first = random_size(random, 0, 2) == 0,
                         .bias = random_size(random, 0, 1) == 1,
                         .batch = random_size(random, 1, 2),
                         .channels = channels[random_size(random, 0, 5)],
                         .filters = filters[random_size(random, 0, 5)]};
    const bool dilated = random_size(random, 0, 2) == 0; /* not together with strides */
    g.activation.id = random_size(random, 0, 3) == 0 ? UP_ACT_HARD_TANH : UP_ACT_LINEAR;
    for (uint32_t i = 0; i < 3; i++) {
        const bool used = i >= 3 - spatial;
        g.in[i] = used ? random_size(random, 1, sides[spatial]) : 1;
        g.kernel[i] = used ? random_size(random, 1, kernels[spatial]) : 1;
        g.stride[i] = used && !dilated ? random_size(random, 1, 4) : 1;
        g.dilation[i] = used && dilated ? random_size(random, 1, 4) : 1;
        g.padding[i] = used ? random_size(random, 0, g.stride[i] - 1) : 0;
    }
    lengths(&g);
    return g;
}

static bool empty(const struct geometry *g)
{
    return g->out[0] * g->out[1] * g->out[2] == 0;
}

/* --- The definition ------------------------------------------------------------------------- */

/* Position of (batch, spatial, channel) in memory. */
static size_t place(const struct geometry *g, const size_t length[3], size_t channels, size_t b,
                    const size_t at[3], size_t c)
{
    const size_t cell = (at[0] * length[1] + at[1]) * length[2] + at[2];
    const size_t cells = length[0] * length[1] * length[2];
    return g->channels_first ? (b * channels + c) * cells + cell
                             : (b * cells + cell) * channels + c;
}

/* Where tap `tap` of input `at` lands; false when that is cut off. */
static bool lands(const struct geometry *g, const size_t at[3], const size_t tap[3], size_t ret[3])
{
    for (uint32_t i = 0; i < 3; i++) {
        const size_t full = at[i] * g->stride[i] + tap[i] * g->dilation[i];
        if (full < g->crop[i] || full - g->crop[i] >= g->out[i])
            return false;
        ret[i] = full - g->crop[i];
    }
    return true;
}

#define EACH(at, length)                                                                           \
    for (at[0] = 0; at[0] < (length)[0]; at[0]++)                                                  \
        for (at[1] = 0; at[1] < (length)[1]; at[1]++)                                              \
            for (at[2] = 0; at[2] < (length)[2]; at[2]++)

static float kernel_at(const struct deconv *d, const size_t tap[3], size_t filter, size_t channel)
{
    const struct geometry *g = &d->g;
    const size_t position = (tap[0] * g->kernel[1] + tap[1]) * g->kernel[2] + tap[2];
    return d->kernel[(position * g->filters + filter) * g->channels + channel];
}

static void scatter_pixel(const struct deconv *d, size_t b, const size_t at[3], const size_t tap[3],
                          const size_t to[3])
{
    const struct geometry *g = &d->g;
    for (size_t f = 0; f < g->filters; f++)
        for (size_t c = 0; c < g->channels; c++) {
            const size_t o = place(g, g->out, g->filters, b, to, f);
            const double product = (double)d->x[place(g, g->in, g->channels, b, at, c)] *
                                   (double)kernel_at(d, tap, f, c);
            d->sum[o] += product;
            d->size[o] += fabs(product);
            d->products[o]++;
        }
}

static void scatter(const struct deconv *d)
{
    size_t at[3], tap[3], to[3];
    for (size_t b = 0; b < d->g.batch; b++)
        EACH(at, d->g.in)
    EACH(tap, d->g.kernel)
    if (lands(&d->g, at, tap, to))
        scatter_pixel(d, b, at, tap, to);
}

/* --- The layer ------------------------------------------------------------------------------ */

static struct sample sample_of(const struct geometry *g, struct up_arena *arena)
{
    static const char *const names[] = {"", "Conv1DTranspose", "Conv2DTranspose",
                                        "Conv3DTranspose"};
    struct sample s = {.ops = up_layer_find(names[g->spatial]), .in_count = 1};
    s.config = sample_memory(arena, 1, s.ops->config_bytes);
    up_params_default(s.ops->params, s.config);
    *(int64_t *)sample_value(&s, "filters") = (int64_t)g->filters;
    *(uint32_t *)sample_value(&s, "padding") = g->same ? UP_PADDING_SAME : UP_PADDING_VALID;
    *(uint32_t *)sample_value(&s, "data_format") =
        g->channels_first ? UP_CHANNELS_FIRST : UP_CHANNELS_LAST;
    *(bool *)sample_value(&s, "use_bias") = g->bias;
    *(struct up_activation *)sample_value(&s, "activation") = g->activation;
    sample_set_ints(&s, "kernel_size", g->kernel);
    sample_set_ints(&s, "strides", g->stride);
    sample_set_ints(&s, "dilation_rate", g->dilation);
    if (g->padded)
        sample_set_ints(&s, "output_padding", g->padding);
    s.in[0] = (struct up_shape){.rank = g->spatial + 2, .dim = {g->batch}};
    for (uint32_t i = 0; i < g->spatial; i++)
        s.in[0].dim[1 + i] = g->in[3 - g->spatial + i];
    s.in[0].dim[g->spatial + 1] = g->channels;
    if (g->channels_first)
        s.in[0] = up_shape_to_first(&s.in[0]);
    return s;
}

static float *values(struct random *random, size_t count, struct up_arena *arena)
{
    float *ret = sample_memory(arena, count, sizeof *ret);
    random_fill(random, ret, count);
    return ret;
}

static struct up_plan *deconv_plan(struct deconv *d, const struct up_kernels *kernels,
                                   struct random *random, struct up_arena *arena)
{
    const struct geometry *g = &d->g;
    struct sample s = sample_of(g, arena);
    struct up_tensor *weight = sample_memory(arena, 2, sizeof *weight);
    weight[0].shape.rank = g->spatial + 2;
    weight[1].shape = (struct up_shape){1, {g->filters}};
    for (uint32_t i = 0; i < g->spatial; i++)
        weight[0].shape.dim[i] = g->kernel[3 - g->spatial + i];
    weight[0].shape.dim[g->spatial] = g->filters;
    weight[0].shape.dim[g->spatial + 1] = g->channels;
    weight[0].data = d->kernel = values(random, up_shape_size(&weight[0].shape), arena);
    weight[1].data = d->bias = values(random, g->filters, arena);
    d->x = values(random, up_shape_size(&s.in[0]), arena);
    s.weights = weight;
    s.weight_count = g->bias ? 2 : 1;
    struct up_plan *plan = NULL;
    struct up_error err;
    cr_assert(sample_plan(&s, kernels, arena, &plan, &err) == UP_OK, "%s: %s", err.at, err.text);
    return plan;
}

static struct deconv deconv_make(struct random *random, const struct up_kernels *kernels,
                                 uint32_t spatial, struct up_arena *arena)
{
    struct deconv d;
    do
        d.g = geometry_make(random, spatial, kernels->tile_columns);
    while (empty(&d.g));
    const struct geometry *g = &d.g;
    const struct up_plan *plan = deconv_plan(&d, kernels, random, arena);
    const float *const in[] = {d.x};
    size_t count;
    d.y = sample_run(plan, in, NULL, arena, &count);
    cr_assert(count == g->batch * g->out[0] * g->out[1] * g->out[2] * g->filters,
              "%zu values in %zu x %zu x %zu outputs", count, g->out[0], g->out[1], g->out[2]);
    d.sum = sample_memory(arena, count, sizeof *d.sum);
    d.size = sample_memory(arena, count, sizeof *d.size);
    d.products = sample_memory(arena, count, sizeof *d.products);
    scatter(&d);
    return d;
}

static void for_all(void (*check)(struct deconv *d, const char *isa, struct random *random))
{
    const struct up_kernels *usable[16];
    const size_t isas = up_kernels_usable(usable, 16);
    struct up_arena *arena = up_arena_new(SAMPLE_ARENA_BYTES, NULL);
    for (uint32_t i = 0; i < CONFIGURATIONS; i++) {
        struct random random = {i};
        struct deconv d = deconv_make(&random, usable[i / 3 % isas], 1 + i % 3, arena);
        check(&d, usable[i / 3 % isas]->isa, &random);
        up_arena_reset(arena, SAMPLE_ARENA_BYTES);
    }
    up_arena_free(arena);
}

/* --- Properties ----------------------------------------------------------------------------- */

static void equals_scatter(struct deconv *d, const char *isa, struct random *random)
{
    (void)random;
    const struct geometry *g = &d->g;
    size_t at[3];
    for (size_t b = 0; b < g->batch; b++)
        EACH(at, g->out)
    for (size_t f = 0; f < g->filters; f++) {
        const size_t o = place(g, g->out, g->filters, b, at, f);
        const double bias = g->bias ? (double)d->bias[f] : 0, sum = d->sum[o] + bias;
        const double expected = g->activation.id == UP_ACT_HARD_TANH ? fmin(fmax(sum, -1), 1) : sum;
        const double allowed =
            (4 + sqrt((double)d->products[o])) * unit * (d->size[o] + fabs(bias));
        cr_assert(fabs((double)d->y[o] - expected) <= allowed,
                  "%s, %uD: batch %zu, output (%zu, %zu, %zu), filter %zu: %.9g is not "
                  "%.9g",
                  isa, g->spatial, b, at[0], at[1], at[2], f, (double)d->y[o], expected);
    }
}

Test(transposed, equals_the_sum_of_its_products_where_they_land, .timeout = 60)
{
    for_all(equals_scatter);
}

/* The strided convolution that this layer transposes, of `y` in double: what input `at` sees. */
static double convolved(const struct deconv *d, const float *y, size_t b, const size_t at[3],
                        size_t c)
{
    const struct geometry *g = &d->g;
    size_t tap[3], o[3];
    double sum = 0;
    EACH(tap, g->kernel)
    for (size_t f = 0; f < g->filters; f++)
        if (lands(g, at, tap, o))
            sum +=
                (double)y[place(g, g->out, g->filters, b, o, f)] * (double)kernel_at(d, tap, f, c);
    return sum;
}

/* <layer(x), y> = <x, convolution(y)>, but for what the bias adds. */
static void transposes_convolution(struct deconv *d, const char *isa, struct random *random)
{
    const struct geometry *g = &d->g;
    if (g->activation.id != UP_ACT_LINEAR)
        return;
    const size_t outputs = g->batch * g->out[0] * g->out[1] * g->out[2] * g->filters;
    float *y = malloc(outputs * sizeof *y);
    cr_assert(y != NULL, "no memory");
    random_fill(random, y, outputs);
    double left = 0, right = 0, allowed = 0;
    size_t at[3];
    for (size_t b = 0; b < g->batch; b++) {
        EACH(at, g->out)
        for (size_t f = 0; f < g->filters; f++) {
            const size_t o = place(g, g->out, g->filters, b, at, f);
            const double bias = g->bias ? (double)d->bias[f] : 0;
            left += ((double)d->y[o] - bias) * (double)y[o];
            allowed += (4 + sqrt((double)d->products[o])) * unit * (d->size[o] + fabs(bias)) *
                       fabs((double)y[o]);
        }
        EACH(at, g->in)
        for (size_t c = 0; c < g->channels; c++)
            right +=
                (double)d->x[place(g, g->in, g->channels, b, at, c)] * convolved(d, y, b, at, c);
    }
    cr_assert(fabs(left - right) <= allowed, "%s, %uD: %.12g is not %.12g", isa, g->spatial, left,
              right);
    free(y);
}

Test(transposed, is_the_transpose_of_the_strided_convolution, .timeout = 60)
{
    for_all(transposes_convolution);
}

/* An even kernel, one input, no output padding: Keras' formula says 'same' leaves nothing. */
Test(transposed, refuses_an_output_padding_that_leaves_nothing, .timeout = 20)
{
    struct up_arena *arena = up_arena_new(SAMPLE_ARENA_BYTES, NULL);
    struct geometry g = {.spatial = 2, .same = true, .padded = true, .batch = 1};
    g.channels = g.filters = 1;
    for (uint32_t i = 0; i < 3; i++)
        g.in[i] = g.kernel[i] = g.stride[i] = g.dilation[i] = 1;
    g.in[1] = 5;
    g.kernel[2] = 4;
    const struct sample s = sample_of(&g, arena);
    struct up_plan *plan;
    struct up_error err;
    cr_assert(sample_plan(&s, up_kernels_select(NULL), arena, &plan, &err) == UP_E_INVALID, "%s",
              err.text);
    cr_assert(strcmp(err.at, "/layer/config/output_padding") == 0, "%s", err.at);
    up_arena_free(arena);
}
