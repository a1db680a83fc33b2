/* The diagnosis against counting and measuring: every tap of every input is followed to where it
 * lands, and the layer itself is run on an input of ones. */
#include <criterion/criterion.h>
#include <criterion/parameterized.h>
#include <math.h>
#include <string.h>

#include "configure.h"
#include "core/plan/diagnosis.h"

enum { CONFIGURATIONS = 1000 };

/* Missing axes have length 1 and come first. */
struct geometry {
    uint32_t spatial;
    bool same, relu, padded; /* padded: output_padding is given */
    size_t channels, filters;
    size_t in[3], kernel[3], stride[3], dilation[3], padding[3];
    size_t out[3], crop[3]; /* outputs, and how many before the first are cropped */
};

#define EACH(at, low, high)                                                                        \
    for (at[0] = (low)[0]; at[0] < (high)[0]; at[0]++)                                             \
        for (at[1] = (low)[1]; at[1] < (high)[1]; at[1]++)                                         \
            for (at[2] = (low)[2]; at[2] < (high)[2]; at[2]++)

static const size_t zero[3] = {0, 0, 0};

static size_t extent(const struct geometry *g, uint32_t axis)
{
    return (g->kernel[axis] - 1) * g->dilation[axis] + 1;
}

/* Keras' length of an axis, and TensorFlow's crop of it. */
static void length_make(struct geometry *g, uint32_t i)
{
    const size_t reach = extent(g, i), reached = (g->in[i] - 1) * g->stride[i] + reach;
    if (g->padded)
        g->out[i] = g->padding[i] + (g->same ? reached - reach + reach % 2 : reached);
    else if (g->same || reach < g->stride[i])
        g->out[i] = g->in[i] * g->stride[i];
    else
        g->out[i] = reached;
    g->crop[i] = g->same && reached > g->out[i] ? (reached - g->out[i]) / 2 : 0;
}

static struct geometry geometry_make(struct random *random, uint32_t spatial)
{
    const bool dilated = random_size(random, 0, 3) == 0; /* not together with strides */
    struct geometry g = {.spatial = spatial,
                         .same = random_size(random, 0, 1) == 1,
                         .relu = random_size(random, 0, 2) == 0,
                         .padded = random_size(random, 0, 2) == 0,
                         .channels = random_size(random, 1, 5),
                         .filters = random_size(random, 1, 3)};
    for (uint32_t i = 0; i < 3; i++) {
        const bool used = i >= 3 - spatial;
        g.kernel[i] = used ? random_size(random, 1, 11) : 1;
        g.stride[i] = used && !dilated ? random_size(random, 1, 5) : 1;
        g.dilation[i] = used && dilated ? random_size(random, 1, 3) : 1;
        /* Inside, every phase is there at least once. */
        g.in[i] = used ? (extent(&g, i) + g.stride[i] - 1) / g.stride[i] + 2 : 1;
        g.padding[i] = used ? random_size(random, 0, g.stride[i] - 1) : 0;
        length_make(&g, i);
    }
    return g;
}

/* The outputs that no border takes an input from, before the crop. */
static void inside(const struct geometry *g, size_t ret_low[3], size_t ret_high[3])
{
    for (uint32_t i = 0; i < 3; i++) {
        ret_low[i] = extent(g, i) - 1;
        ret_high[i] = g->in[i] * g->stride[i];
    }
}

/* --- Counting ------------------------------------------------------------------------------- */

struct counted {
    double min, max; /* taps of an output */
    size_t seen[3];  /* inputs from the first to the last that one sees, at most */
};

static void visit(const struct geometry *g, const size_t to[3], struct counted *ret)
{
    size_t at[3], tap[3], first[3] = {SIZE_MAX, SIZE_MAX, SIZE_MAX}, last[3] = {0, 0, 0};
    double taps = 0;
    EACH(at, zero, g->in)
    EACH(tap, zero, g->kernel)
    {
        bool lands = true;
        for (uint32_t i = 0; i < 3; i++)
            lands = lands && at[i] * g->stride[i] + tap[i] * g->dilation[i] == to[i];
        for (uint32_t i = 0; lands && i < 3; i++) {
            first[i] = at[i] < first[i] ? at[i] : first[i];
            last[i] = at[i] > last[i] ? at[i] : last[i];
        }
        taps += lands;
    }
    ret->min = fmin(ret->min, taps);
    ret->max = fmax(ret->max, taps);
    for (uint32_t i = 0; taps > 0 && i < 3; i++)
        ret->seen[i] =
            last[i] - first[i] + 1 > ret->seen[i] ? last[i] - first[i] + 1 : ret->seen[i];
}

/* One period of the strides is enough, and all there is to see. */
static struct counted count(const struct geometry *g)
{
    struct counted c = {INFINITY, 0, {0, 0, 0}};
    size_t low[3], high[3], to[3];
    inside(g, low, high);
    for (uint32_t i = 0; i < 3; i++) {
        cr_assert(high[i] >= low[i] + g->stride[i], "a phase is missing inside");
        high[i] = low[i] + g->stride[i];
    }
    EACH(to, low, high) visit(g, to, &c);
    return c;
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
    if (g->relu)
        *(struct up_activation *)sample_value(&s, "activation") =
            (struct up_activation){.id = UP_ACT_RELU, .beta = INFINITY};
    sample_set_ints(&s, "kernel_size", g->kernel);
    sample_set_ints(&s, "strides", g->stride);
    sample_set_ints(&s, "dilation_rate", g->dilation);
    if (g->padded)
        sample_set_ints(&s, "output_padding", g->padding);
    s.in[0] = (struct up_shape){.rank = g->spatial + 2, .dim = {1}};
    for (uint32_t i = 0; i < g->spatial; i++)
        s.in[0].dim[1 + i] = g->in[3 - g->spatial + i];
    s.in[0].dim[g->spatial + 1] = g->channels;
    return s;
}

/* Small integers: sums of them are exact in whatever order. */
static void integers(struct random *random, float *values, size_t many)
{
    for (size_t i = 0; i < many; i++)
        values[i] = (float)random_size(random, 0, 8) - 3;
}

/* Without random numbers a kernel of ones, and no bias. */
static const struct up_tensor *weights_make(const struct geometry *g, struct random *random,
                                            struct up_arena *arena)
{
    struct up_tensor *weight = sample_memory(arena, 2, sizeof *weight);
    weight[0].shape.rank = g->spatial + 2;
    for (uint32_t i = 0; i < g->spatial; i++)
        weight[0].shape.dim[i] = g->kernel[3 - g->spatial + i];
    weight[0].shape.dim[g->spatial] = g->filters;
    weight[0].shape.dim[g->spatial + 1] = g->channels;
    weight[1].shape = (struct up_shape){1, {g->filters}};
    for (size_t w = 0; w < 2; w++) {
        const size_t many = up_shape_size(&weight[w].shape);
        weight[w].data = sample_memory(arena, many, sizeof(float));
        if (random != NULL)
            integers(random, weight[w].data, many);
        for (size_t i = 0; random == NULL && i < many; i++)
            weight[w].data[i] = w == 0;
    }
    return weight;
}

static struct up_plan *plan_make(const struct sample *s, struct up_arena *arena)
{
    struct up_plan *plan = NULL;
    struct up_error err;
    cr_assert(sample_plan(s, up_kernels_select(NULL), arena, &plan, &err) == UP_OK, "%s: %s",
              err.at, err.text);
    return plan;
}

static struct up_diagnosis diagnosis_of(const struct sample *s, const struct up_plan *plan)
{
    const struct up_diagnosis *d = up_plan_node(plan, 0)->diagnosis;
    cr_assert(d != NULL, "%s does not upsample", s->ops->class_name);
    return *d;
}

/* (max - min) / max |.| of a channel of the layer's own output, inside; the largest of them. */
static double measured(const struct geometry *g, const struct sample *s, const struct up_plan *plan,
                       struct up_arena *arena)
{
    const size_t inputs = up_shape_size(&s->in[0]);
    float *ones = sample_memory(arena, inputs, sizeof *ones);
    for (size_t i = 0; i < inputs; i++)
        ones[i] = 1;
    const float *const in[] = {ones};
    size_t outputs, low[3], high[3], at[3];
    const float *y = sample_run(plan, in, NULL, arena, &outputs);
    inside(g, low, high);
    for (uint32_t i = 0; i < 3; i++) {
        low[i] = low[i] > g->crop[i] ? low[i] : g->crop[i];
        high[i] = high[i] < g->crop[i] + g->out[i] ? high[i] : g->crop[i] + g->out[i];
        cr_assert(high[i] >= low[i] + g->stride[i], "a phase is missing inside");
    }
    cr_assert(outputs == g->out[0] * g->out[1] * g->out[2] * g->filters, "%zu outputs", outputs);
    double largest = 0;
    for (size_t f = 0; f < g->filters; f++) {
        double min = INFINITY, max = -INFINITY;
        EACH(at, low, high)
        {
            const size_t cell =
                ((at[0] - g->crop[0]) * g->out[1] + at[1] - g->crop[1]) * g->out[2] + at[2] -
                g->crop[2];
            min = fmin(min, (double)y[cell * g->filters + f]);
            max = fmax(max, (double)y[cell * g->filters + f]);
        }
        const double size = fmax(fabs(min), fabs(max));
        largest = fmax(largest, size > 0 ? (max - min) / size : 0);
    }
    return largest;
}

/* --- Properties ----------------------------------------------------------------------------- */

static void for_all(void (*check)(const struct geometry *g, struct random *random,
                                  struct up_arena *arena))
{
    struct up_arena *arena = up_arena_new(SAMPLE_ARENA_BYTES, NULL);
    for (uint32_t i = 0; i < CONFIGURATIONS; i++) {
        struct random random = {i};
        const struct geometry g = geometry_make(&random, 1 + i % 3);
        check(&g, &random, arena);
        up_arena_reset(arena, SAMPLE_ARENA_BYTES);
    }
    up_arena_free(arena);
}

/* Without weights of its own the strength is that of a kernel of ones. */
static void counts_taps(const struct geometry *g, struct random *random, struct up_arena *arena)
{
    (void)random;
    const struct sample s = sample_of(g, arena);
    const struct up_diagnosis d = diagnosis_of(&s, plan_make(&s, arena));
    const struct counted c = count(g);
    cr_assert(d.taps_min <= c.min && d.taps_min >= c.min && d.taps_max <= c.max &&
                  d.taps_max >= c.max,
              "%uD, kernel (%zu, %zu, %zu), strides (%zu, %zu, %zu): %g to %g taps, not %g to %g",
              g->spatial, g->kernel[0], g->kernel[1], g->kernel[2], g->stride[0], g->stride[1],
              g->stride[2], d.taps_min, d.taps_max, c.min, c.max);
    for (uint32_t i = 0; i < g->spatial; i++)
        cr_assert(d.receptive_field[i] == c.seen[3 - g->spatial + i], "axis %u: %zu is not %zu", i,
                  d.receptive_field[i], c.seen[3 - g->spatial + i]);
    const double expected = (c.max - c.min) / c.max;
    cr_assert(!d.by_weights && fabs(d.checkerboard - expected) < 1e-12, "%g is not %g",
              d.checkerboard, expected);
    cr_assert((d.advice[0] != '\0') == (c.max > c.min), "\"%s\" of %g to %g taps", d.advice, c.min,
              c.max);
}

Test(diagnosis, counts_the_taps_that_reach_an_output, .timeout = 60)
{
    for_all(counts_taps);
}

/* Whatever draws taps unevenly is seen in the output, and nothing else is. */
static void shows_taps(const struct geometry *g, struct random *random, struct up_arena *arena)
{
    (void)random;
    struct sample s = sample_of(g, arena);
    s.weights = weights_make(g, NULL, arena);
    s.weight_count = 2;
    const struct up_plan *plan = plan_make(&s, arena);
    const struct up_diagnosis d = diagnosis_of(&s, plan);
    const struct counted c = count(g);
    const double expected = (c.max - c.min) / c.max, seen = measured(g, &s, plan, arena);
    cr_assert(d.by_weights && fabs(d.checkerboard - expected) < 1e-6 &&
                  fabs(seen - expected) < 1e-6,
              "%uD, kernel (%zu, %zu, %zu), strides (%zu, %zu, %zu): %g, counted %g, measured %g",
              g->spatial, g->kernel[0], g->kernel[1], g->kernel[2], g->stride[0], g->stride[1],
              g->stride[2], d.checkerboard, expected, seen);
}

Test(diagnosis, finds_the_taps_in_the_output_of_a_kernel_of_ones, .timeout = 60)
{
    for_all(shows_taps);
}

static void predicts_spread(const struct geometry *g, struct random *random, struct up_arena *arena)
{
    struct sample s = sample_of(g, arena);
    s.weights = weights_make(g, random, arena);
    s.weight_count = 2;
    const struct up_plan *plan = plan_make(&s, arena);
    const struct up_diagnosis d = diagnosis_of(&s, plan);
    const double expected = measured(g, &s, plan, arena);
    cr_assert(d.by_weights && fabs(d.checkerboard - expected) < 1e-6,
              "%uD, kernel (%zu, %zu, %zu), strides (%zu, %zu, %zu): %g, measured %g", g->spatial,
              g->kernel[0], g->kernel[1], g->kernel[2], g->stride[0], g->stride[1], g->stride[2],
              d.checkerboard, expected);
    cr_assert((d.advice[0] != '\0') == (expected > UP_CHECKERBOARD_SEEN), "\"%s\" of %g", d.advice,
              expected);
}

Test(diagnosis, predicts_the_spread_of_an_output_of_ones, .timeout = 60)
{
    for_all(predicts_spread);
}

/* --- Interpolation -------------------------------------------------------------------------- */

enum { SIDE = 13, BORDER = 5 }; /* lanczos5 looks five inputs far */

/* Each image of the batch has a single one; an output's taps are the images that it sees. */
static struct counted impulses(const struct sample *s, const struct up_plan *plan, size_t factor,
                               struct up_arena *arena)
{
    const size_t cells = SIDE * SIDE, width = SIDE * factor;
    float *x = sample_memory(arena, cells * cells, sizeof *x);
    for (size_t i = 0; i < cells * cells; i++)
        x[i] = i % (cells + 1) == 0;
    const float *const in[] = {x};
    size_t outputs;
    const float *y = sample_run(plan, in, NULL, arena, &outputs);
    cr_assert(outputs == cells * width * width, "%zu outputs of %s", outputs, s->ops->class_name);
    struct counted c = {INFINITY, 0, {0, 0, 0}};
    for (size_t row = BORDER * factor; row < (SIDE - BORDER) * factor; row++)
        for (size_t column = BORDER * factor; column < (SIDE - BORDER) * factor; column++) {
            double taps = 0;
            for (size_t image = 0; image < cells; image++)
                taps += fabs((double)y[(image * width + row) * width + column]) > 1e-7;
            c.min = fmin(c.min, taps);
            c.max = fmax(c.max, taps);
        }
    return c;
}

ParameterizedTestParameters(diagnosis, counts_the_inputs_of_an_interpolation)
{
    static unsigned choices[8];
    for (unsigned i = 0; i < 8; i++)
        choices[i] = i;
    return cr_make_param_array(unsigned, choices, 8);
}

ParameterizedTest(unsigned *choice, diagnosis, counts_the_inputs_of_an_interpolation, .timeout = 60)
{
    struct up_arena *arena = up_arena_new(SAMPLE_ARENA_BYTES, NULL);
    for (size_t factor = 1; factor <= 4; factor++) {
        struct sample s = {.ops = up_layer_find("UpSampling2D"), .in_count = 1};
        s.config = sample_memory(arena, 1, s.ops->config_bytes);
        up_params_default(s.ops->params, s.config);
        s.in[0] = (struct up_shape){4, {SIDE * SIDE, SIDE, SIDE, 1}};
        *(uint32_t *)sample_value(&s, "interpolation") = *choice;
        sample_set_ints(&s, "size", (const size_t[3]){0, factor, factor});
        const struct up_plan *plan = plan_make(&s, arena);
        const struct up_diagnosis d = diagnosis_of(&s, plan);
        const struct counted c = impulses(&s, plan, factor, arena);
        cr_assert(d.taps_min <= c.min && d.taps_min >= c.min && d.taps_max <= c.max &&
                      d.taps_max >= c.max,
                  "choice %u, size %zu: %g to %g taps, not %g to %g", *choice, factor, d.taps_min,
                  d.taps_max, c.min, c.max);
        cr_assert(d.checkerboard <= 0 && d.advice[0] == '\0', "%g \"%s\"", d.checkerboard,
                  d.advice);
        up_arena_reset(arena, SAMPLE_ARENA_BYTES);
    }
    up_arena_free(arena);
}

/* --- Words ---------------------------------------------------------------------------------- */

Test(diagnosis, advises_a_kernel_that_fits_the_strides, .timeout = 20)
{
    struct up_arena *arena = up_arena_new(SAMPLE_ARENA_BYTES, NULL);
    struct geometry g = {.spatial = 2, .same = true, .channels = 1, .filters = 1};
    for (uint32_t i = 0; i < 3; i++) {
        g.in[i] = i > 0 ? 8 : 1;
        g.kernel[i] = i > 0 ? 3 : 1;
        g.stride[i] = i > 0 ? 2 : 1;
        g.dilation[i] = 1;
    }
    const struct sample s = sample_of(&g, arena);
    const struct up_diagnosis d = diagnosis_of(&s, plan_make(&s, arena));
    cr_assert(strcmp(d.advice,
                     "kernel_size 3 is not divisible by strides 2: positions get 1, 2 or 4 taps; "
                     "kernel_size 4, or UpSampling2D then Conv2D, gives every position the same") ==
                  0,
              "%s", d.advice);
    up_arena_free(arena);
}

Test(diagnosis, leaves_out_layers_that_do_not_upsample, .timeout = 20)
{
    struct up_arena *arena = up_arena_new(SAMPLE_ARENA_BYTES, NULL);
    struct random random = {1};
    const struct sample s = sample_make(&random, up_layer_find("Conv2D"), SMALL, 64, arena);
    cr_assert(up_plan_node(plan_make(&s, arena), 0)->diagnosis == NULL,
              "Conv2D is said to upsample");
    up_arena_free(arena);
}
