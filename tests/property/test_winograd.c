/* The Winograd algorithms beside the direct one, which test_gather.c holds against the definition:
 * the same sums of as many channels and filters as fill more than one block, however the work is
 * divided, whatever the values. */
#include <criterion/criterion.h>
#include <math.h>
#include <string.h>

#include "configure.h"
#include "core/gather/gather.h"

static const double unit = 1.0 / 16777216; /* half an ulp of 1 */

struct sum {
    struct up_gather gather;
    float *x, *add;
    size_t inputs, outputs, weights;
    double terms; /* of one output */
};

static size_t cells(const struct up_grid *grid)
{
    return grid->batch * grid->spatial[0] * grid->spatial[1] * grid->spatial[2];
}

/* One axis to three, alike: kernels of 3 to 5 with stride 2, of 3 with stride 1, of 3 over inputs
 * that are repeated twice. Now and then the first of them has a kernel of its own. */
static void axes_make(struct random *random, struct up_gather *g, size_t turn)
{
    static const size_t side_max[] = {300, 24, 9};
    const uint32_t spatial = turn % 4 == 3 ? 1 : turn % 4 == 2 ? 3 : 2;
    struct up_gather_axis a = {.kernel = 3, .stride = 1, .dilation = 1, .repeat = 1};
    g->transposed = turn % 3 == 0;
    if (g->transposed) {
        a.kernel = (int64_t)random_size(random, 3, 5);
        a.stride = 2;
    }
    if (turn % 3 == 1)
        a.repeat = 2;
    a.crop = (int64_t)random_size(random, 0, 3);
    for (uint32_t i = 0; i < 3; i++) {
        const bool used = i >= 3 - spatial;
        const size_t side = used ? random_size(random, 1, side_max[spatial - 1]) : 1;
        const size_t times = used && turn % 3 < 2 ? 2 : 1, more = random_size(random, 0, 2);
        g->in.spatial[i] = side;
        g->out.spatial[i] = used ? side * times + more : 1;
        g->axis[i] = used ? a : (struct up_gather_axis){1, 1, 1, 0, 1};
    }
    if (spatial > 1 && turn % 5 == 0)
        g->axis[3 - spatial].kernel = (int64_t)random_size(random, 1, 6);
}

static float *values(struct random *random, struct up_arena *arena, size_t count)
{
    float *ret = sample_memory(arena, count, sizeof *ret);
    random_fill(random, ret, count);
    return ret;
}

static struct sum sum_make(struct random *random, struct up_arena *arena, size_t turn)
{
    static const size_t channels[] = {1, 5, 16, 33, 64, 129, 150, 300};
    static const size_t filters[] = {5, 8, 16, 31, 64, 65, 100};
    struct sum s = {.gather = {.groups = 1}};
    struct up_gather *g = &s.gather;
    axes_make(random, g, turn);
    g->in.batch = g->out.batch = random_size(random, 1, 2);
    g->in.channels = channels[random_size(random, 0, 7)];
    g->out.channels = filters[random_size(random, 0, 6)];
    const size_t positions = (size_t)(g->axis[0].kernel * g->axis[1].kernel * g->axis[2].kernel);
    g->position_stride = g->in.channels * g->out.channels;
    g->channel_stride = g->transposed ? 1 : g->out.channels;
    g->filter_stride = g->transposed ? g->in.channels : 1;
    g->add = turn % 5 == 1;
    s.terms = (double)(positions * g->in.channels);
    s.weights = positions * g->position_stride;
    s.inputs = cells(&g->in) * g->in.channels;
    s.outputs = cells(&g->out) * g->out.channels;
    s.x = values(random, arena, s.inputs);
    s.add = values(random, arena, s.outputs);
    g->kernel = values(random, arena, s.weights);
    g->bias = turn % 7 == 0 ? NULL : values(random, arena, g->out.channels);
    return s;
}

/* --- The algorithms ------------------------------------------------------------------------- */

static struct up_sum prepared(const struct sum *s, const char *name,
                              const struct up_kernels *kernels, struct up_arena *arena)
{
    struct up_sum sum;
    struct up_error err = {.code = UP_OK};
    cr_assert(up_gather_prepare(&s->gather, name, kernels, arena, &sum, &err) == UP_OK, "%s: %s",
              name, err.text);
    return sum;
}

/* Runs the units `step` at a time, the last ones first. */
static float *computed(const struct sum *s, const struct up_sum *sum,
                       const struct up_kernels *kernels, struct up_arena *arena, size_t step)
{
    float *y = sample_memory(arena, s->outputs + 1, sizeof *y);
    for (size_t i = 0; i <= s->outputs; i++)
        y[i] = -77;
    const struct up_gather_call call = {
        .kernels = kernels, .in = s->x, .add = s->gather.add ? s->add : NULL, .out = y};
    for (size_t end = sum->units; end > 0; end -= end < step ? end : step)
        sum->algorithm->units(sum->prepared, &call, end < step ? 0 : end - step, end);
    cr_assert(y[s->outputs] == -77, "%s: wrote past the output", sum->algorithm->name);
    return y;
}

/* Every turn's sum on every instruction set, by the algorithm that applies to it. */
static void for_all(size_t turns,
                    void (*check)(const struct sum *s, const struct up_sum *winograd,
                                  const struct up_kernels *kernels, struct up_arena *arena))
{
    const struct up_kernels *usable[8];
    const size_t isas = up_kernels_usable(usable, 8);
    struct up_arena *arena = up_arena_new(SAMPLE_ARENA_BYTES, NULL);
    size_t checked[2] = {0};
    for (size_t turn = 0; turn < turns; turn++) {
        const struct up_kernels *kernels = usable[turn % isas];
        struct random random = {turn};
        up_arena_reset(arena, SAMPLE_ARENA_BYTES);
        const struct sum s = sum_make(&random, arena, turn);
        for (size_t i = 0; i < 2; i++) {
            const char *name = i == 0 ? "winograd_f3x2" : "winograd_f2x3";
            const struct up_sum sum = prepared(&s, name, kernels, arena);
            if (strcmp(sum.algorithm->name, name) != 0)
                continue;
            check(&s, &sum, kernels, arena);
            checked[i]++;
        }
    }
    cr_assert(checked[0] >= turns / 5 && checked[1] >= turns / 5, "%zu and %zu of %zu", checked[0],
              checked[1], turns);
    up_arena_free(arena);
}

/* Both are off by roundings of sums whose terms are 1 on average; a transform mixes all of a tile.
 */
static void near_direct(const struct sum *s, const struct up_sum *winograd,
                        const struct up_kernels *kernels, struct up_arena *arena)
{
    const struct up_sum direct = prepared(s, "direct", kernels, arena);
    const float *expected = computed(s, &direct, kernels, arena, 1);
    const float *y = computed(s, winograd, kernels, arena, SIZE_MAX);
    const double allowed = 5 * unit * (4 + sqrt(s->terms)) * (s->terms + 4);
    for (size_t i = 0; i < s->outputs; i++)
        cr_assert(fabs((double)y[i] - (double)expected[i]) <= allowed,
                  "%s, %s: output %zu of %zu is %.9g, not %.9g +- %.2g", winograd->algorithm->name,
                  kernels->isa, i, s->outputs, (double)y[i], (double)expected[i], allowed);
    for (size_t step = 1; step <= 3; step += 2)
        cr_assert(memcmp(y, computed(s, winograd, kernels, arena, step), s->outputs * sizeof *y) ==
                      0,
                  "%s, %s: %zu units at a time have other bits", winograd->algorithm->name,
                  kernels->isa, step);
}

Test(winograd, sums_are_those_of_the_direct_algorithm, .timeout = 120)
{
    for_all(120, near_direct);
}

/* --- Values that are not finite ------------------------------------------------------------- */

/* A place of the input: its corners, then anywhere. */
static size_t somewhere(const struct up_grid *in, struct random *random, size_t turn)
{
    size_t at = 0;
    for (uint32_t i = 0; i < 3; i++) {
        const size_t last = in->spatial[i] - 1;
        const size_t corner = turn >> i & 1 ? last : 0;
        at = at * in->spatial[i] + (turn < 8 ? corner : random_size(random, 0, last));
    }
    return at * in->channels + random_size(random, 0, in->channels - 1);
}

static void spreads_alike(const struct sum *s, const struct up_sum *winograd,
                          const struct up_kernels *kernels, struct up_arena *arena)
{
    static const float wild[] = {NAN, INFINITY, -INFINITY, 3e38F, -3e38F, 1e20F};
    struct random random = {11};
    const struct up_sum direct = prepared(s, "direct", kernels, arena);
    for (size_t turn = 0; turn < 12; turn++) {
        float *x = s->x + somewhere(&s->gather.in, &random, turn), before = *x;
        *x = wild[turn % 6];
        const float *y = computed(s, winograd, kernels, arena, 1);
        const float *expected = computed(s, &direct, kernels, arena, 1);
        for (size_t i = 0; i < s->outputs; i++)
            cr_assert(isfinite(y[i]) == isfinite(expected[i]) && isnan(y[i]) == isnan(expected[i]),
                      "%s, %s: output %zu of %zu is %g, not %g, for an input of %g",
                      winograd->algorithm->name, kernels->isa, i, s->outputs, (double)y[i],
                      (double)expected[i], (double)*x);
        *x = before;
    }
}

Test(winograd, what_is_not_finite_spreads_as_in_the_direct_algorithm, .timeout = 120)
{
    for_all(40, spreads_alike);
}

/* Weights whose products with transformed inputs could overflow. */
static void bears_large_weights(const struct sum *s, const struct up_sum *winograd,
                                const struct up_kernels *kernels, struct up_arena *arena)
{
    struct sum large = *s;
    float *kernel = sample_memory(arena, s->weights, sizeof *kernel);
    for (size_t i = 0; i < s->weights; i++)
        kernel[i] = s->gather.kernel[i] * 1e37F;
    for (size_t i = 0; i < s->inputs; i++)
        large.x[i] *= 0.02F;
    large.gather.kernel = kernel;
    const struct up_sum same = prepared(&large, winograd->algorithm->name, kernels, arena);
    const struct up_sum direct = prepared(&large, "direct", kernels, arena);
    const float *y = computed(&large, &same, kernels, arena, 1);
    const float *expected = computed(&large, &direct, kernels, arena, 1);
    for (size_t i = 0; i < s->outputs; i++)
        cr_assert(isfinite(y[i]) && fabs((double)y[i] - (double)expected[i]) <= 1e33 * s->terms,
                  "%s, %s: output %zu is %g, not %g", same.algorithm->name, kernels->isa, i,
                  (double)y[i], (double)expected[i]);
}

Test(winograd, weights_may_be_so_large_that_transforms_would_overflow, .timeout = 60)
{
    for_all(30, bears_large_weights);
}

/* --- Choice --------------------------------------------------------------------------------- */

/* A transposed convolution of stride 2 or a convolution, of an image of side by side. */
static const char *chosen(const struct up_kernels *kernels, size_t side, size_t channels,
                          size_t filters, int64_t kernel, bool transposed)
{
    struct up_arena *arena = up_arena_new(SAMPLE_ARENA_BYTES, NULL);
    struct sum s = {.gather = {.groups = 1, .transposed = transposed}};
    struct up_gather *g = &s.gather;
    const struct up_gather_axis a = {kernel, transposed ? 2 : 1, 1, 1, 1};
    const size_t weights = (size_t)(kernel * kernel) * channels * filters;
    const size_t out = transposed ? 2 * side : side;
    g->in = (struct up_grid){1, {1, side, side}, channels};
    g->out = (struct up_grid){1, {1, out, out}, filters};
    g->axis[0] = (struct up_gather_axis){1, 1, 1, 0, 1};
    g->axis[1] = g->axis[2] = a;
    g->position_stride = channels * filters;
    g->channel_stride = filters;
    g->filter_stride = 1;
    g->kernel = memset(sample_memory(arena, weights, sizeof(float)), 0, weights * sizeof(float));
    const char *name = prepared(&s, NULL, kernels, arena).algorithm->name;
    up_arena_free(arena);
    return name;
}

Test(winograd, is_taken_where_it_was_measured_to_pay, .timeout = 20)
{
    static const struct choice {
        size_t side, channels, filters;
        int64_t kernel;
        bool transposed;
        const char *name; /* NULL: another than Winograd's */
        unsigned lanes;   /* with vectors of fewer, another may be the fastest */
    } cases[] = {
        {16, 256, 128, 4, true, "winograd_f3x2", 4},
        {64, 128, 64, 4, true, "winograd_f3x2", 4},
        {32, 64, 64, 3, false, "winograd_f2x3", 4},
        {16, 256, 128, 5, true, "winograd_f2x3", 4},
        {4, 64, 64, 4, true, NULL, 4},
        {64, 3, 64, 3, false, NULL, 4},
        {32, 128, 3, 5, true, NULL, 8},
    };
    const struct up_kernels *tables[4];
    const size_t usable = up_kernels_usable(tables, sizeof tables / sizeof *tables);
    for (size_t i = 0; i < usable * (sizeof cases / sizeof *cases); i++) {
        const struct up_kernels *kernels = tables[i % usable];
        const struct choice *c = &cases[i / usable];
        if (kernels->lanes < c->lanes)
            continue;
        const char *name =
            chosen(kernels, c->side, c->channels, c->filters, c->kernel, c->transposed);
        const bool expected =
            c->name == NULL ? strncmp(name, "winograd", 8) != 0 : strcmp(name, c->name) == 0;
        cr_assert(expected, "%s, case %zu: %s", kernels->isa, i / usable, name);
    }
}
