/* Gathered sums against their definition in core/gather/gather.h, in double: any kernel, stride,
 * dilation, crop and repeat, every algorithm that applies, every instruction set. */
#include <criterion/criterion.h>
#include <math.h>
#include <string.h>

#include "configure.h"
#include "core/gather/gather.h"

enum { SUMS = 1500 };

static const double unit = 1.0 / 16777216; /* half an ulp of 1 */

struct sum {
    struct up_gather g;
    float *x, *add, *kernel, *bias;
    double *value, *size; /* of each output: the sum, and that of its terms' sizes */
    size_t outputs, products;
};

static size_t volume(const size_t n[3])
{
    return n[0] * n[1] * n[2];
}

static void axes_make(struct random *random, struct up_gather *g)
{
    const uint32_t spatial = (uint32_t)random_size(random, 1, 3);
    const size_t sides[] = {0, 40, 12, 5}, kernels[] = {0, 9, 5, 3};
    const bool usual = random_size(random, 0, 1) == 0; /* what networks have, and is transformed */
    g->transposed = random_size(random, 0, 2) == 0;
    for (uint32_t i = 0; i < 3; i++) {
        const bool used = i >= 3 - spatial;
        struct up_gather_axis *a = &g->axis[i];
        g->in.spatial[i] = used ? random_size(random, 1, sides[spatial]) : 1;
        g->out.spatial[i] = used ? random_size(random, 1, 2 * sides[spatial]) : 1;
        a->kernel = used ? (int64_t)random_size(random, 1, kernels[spatial]) : 1;
        a->stride = used && random_size(random, 0, 1) == 0 ? (int64_t)random_size(random, 1, 4) : 1;
        a->dilation = used && random_size(random, 0, 2) == 0 ? 2 : 1;
        a->crop = used ? (int64_t)random_size(random, 0, 8) - 4 : 0;
        a->repeat = used && !g->transposed ? (int64_t)random_size(random, 1, 4) : 1;
        if (!used || !usual)
            continue;
        a->kernel = g->transposed ? (int64_t)random_size(random, 3, 5) : 3;
        a->stride = g->transposed ? 2 : 1;
        a->dilation = 1;
        a->repeat = g->transposed ? 1 : a->repeat % 2 + 1;
        if (i > 0 && g->in.spatial[i - 1] > 1) /* mostly square */
            *a = g->axis[i - 1];
    }
}

/* Kernels lie as those of a convolution or as those of a transposed one. */
static struct sum sum_make(struct random *random, const struct up_kernels *kernels,
                           struct up_arena *arena)
{
    const size_t columns = kernels->tile_columns;
    const size_t channels[] = {1, 1, 2, 3, 5, 16, 33, 300}, filters[] = {1, 2, 3, 4, 7, columns};
    const size_t groups[] = {1, 1, 1, 1, 2, 7};
    struct sum s = {.g = {.groups = groups[random_size(random, 0, 5)]}};
    struct up_gather *g = &s.g;
    axes_make(random, g);
    for (uint32_t i = 0; g->groups > 1 && i < 3; i++) /* nobody has groups behind an upsampling */
        g->axis[i].repeat = 1;
    g->in.batch = g->out.batch = random_size(random, 1, 2);
    g->in.channels = g->groups * channels[random_size(random, 0, 7)];
    g->out.channels = g->groups * filters[random_size(random, 0, 5)];
    const bool by_filter = g->groups == 1 && random_size(random, 0, 1) == 0;
    const size_t depth = g->in.channels / g->groups;
    g->position_stride = depth * g->out.channels;
    g->channel_stride = by_filter ? 1 : g->out.channels;
    g->filter_stride = by_filter ? depth : 1;
    g->add = random_size(random, 0, 2) == 0;
    g->activation.id = random_size(random, 0, 2) == 0 ? UP_ACT_HARD_TANH : UP_ACT_LINEAR;
    size_t positions = 1;
    for (uint32_t i = 0; i < 3; i++)
        positions *= (size_t)g->axis[i].kernel;
    const size_t inputs = g->in.batch * volume(g->in.spatial) * g->in.channels;
    s.products = positions * depth;
    s.outputs = g->out.batch * volume(g->out.spatial) * g->out.channels;
    random_fill(random, s.x = sample_memory(arena, inputs, sizeof *s.x), inputs);
    random_fill(random, s.add = sample_memory(arena, s.outputs, sizeof *s.add), s.outputs);
    random_fill(random, s.kernel = sample_memory(arena, s.products * g->out.channels, 4),
                s.products * g->out.channels);
    random_fill(random, s.bias = sample_memory(arena, g->out.channels, 4), g->out.channels);
    g->kernel = s.kernel;
    g->bias = random_size(random, 0, 1) == 0 ? NULL : s.bias;
    s.value = sample_memory(arena, s.outputs, sizeof *s.value);
    s.size = sample_memory(arena, s.outputs, sizeof *s.size);
    return s;
}

/* --- The definition ------------------------------------------------------------------------- */

/* Whether output o takes an input through position j of the axis, and then which. */
static bool input_of(const struct up_gather *g, uint32_t axis, size_t o, int64_t j, size_t *ret)
{
    const struct up_gather_axis *a = &g->axis[axis];
    const int64_t at = j * a->dilation - a->crop, n = (int64_t)g->in.spatial[axis];
    double i;
    if (g->transposed)
        i = (double)((int64_t)o - at) / (double)a->stride; /* a whole number, or no input */
    else
        i = floor((double)((int64_t)o * a->stride + at) / (double)a->repeat);
    if (i != floor(i) || i < 0 || i >= (double)n)
        return false;
    *ret = (size_t)i;
    return true;
}

/* One product of one output, at kernel position `position`. */
static void position_add(const struct sum *s, size_t output, size_t position, size_t pixel)
{
    const struct up_gather *g = &s->g;
    const size_t filter = output % g->out.channels, depth = g->in.channels / g->groups;
    const size_t group = filter / (g->out.channels / g->groups);
    for (size_t c = 0; c < depth; c++) {
        const double term = (double)s->x[pixel * g->in.channels + group * depth + c] *
                            (double)s->kernel[position * g->position_stride +
                                              c * g->channel_stride + filter * g->filter_stride];
        s->value[output] += term;
        s->size[output] += fabs(term);
    }
}

static void output_make(const struct sum *s, size_t output)
{
    const struct up_gather *g = &s->g;
    const size_t *n = g->out.spatial, pixel = output / g->out.channels;
    const size_t o[3] = {pixel / n[2] / n[1] % n[0], pixel / n[2] % n[1], pixel % n[2]};
    const size_t image = pixel / volume(n), *m = g->in.spatial;
    const size_t kernel[3] = {(size_t)g->axis[0].kernel, (size_t)g->axis[1].kernel,
                              (size_t)g->axis[2].kernel};
    for (size_t p = 0; p < volume(kernel); p++) {
        const size_t j[3] = {p / kernel[2] / kernel[1], p / kernel[2] % kernel[1], p % kernel[2]};
        size_t i[3];
        if (input_of(g, 0, o[0], (int64_t)j[0], &i[0]) &&
            input_of(g, 1, o[1], (int64_t)j[1], &i[1]) &&
            input_of(g, 2, o[2], (int64_t)j[2], &i[2]))
            position_add(s, output, p, ((image * m[0] + i[0]) * m[1] + i[1]) * m[2] + i[2]);
    }
    const double bias = g->bias == NULL ? 0 : (double)g->bias[output % g->out.channels];
    const double added = g->add ? (double)s->add[output] : 0;
    s->value[output] += bias + added;
    s->size[output] += fabs(bias) + fabs(added);
    if (g->activation.id == UP_ACT_HARD_TANH)
        s->value[output] = fmin(fmax(s->value[output], -1), 1);
}

/* --- The algorithms ------------------------------------------------------------------------- */

/* A transform mixes the inputs of a tile: its errors are those of the largest sum around, of which
 * nobody may have asked. Terms are 1 at most. */
static double size_of(const struct sum *s, const struct up_gather_algorithm *algorithm, size_t i)
{
    return strncmp(algorithm->name, "winograd", 8) == 0 ? (double)s->products : s->size[i];
}

static float *computed(const struct sum *s, const struct up_sum *sum,
                       const struct up_kernels *kernels, struct up_arena *arena)
{
    float *y = sample_memory(arena, s->outputs, sizeof *y);
    for (size_t i = 0; i < s->outputs; i++)
        y[i] = NAN;
    const struct up_gather_call call = {.kernels = kernels,
                                        .in = s->x,
                                        .add = s->g.add ? s->add : NULL,
                                        .out = y,
                                        .stream = s->outputs % 2 == 0};
    sum->algorithm->units(sum->prepared, &call, 0, sum->units);
    return y;
}

static void assert_sum(const struct sum *s, const struct up_sum *sum,
                       const struct up_kernels *kernels, struct up_arena *arena)
{
    const float *y = computed(s, sum, kernels, arena);
    const double rounding = (4 + sqrt((double)s->products)) * unit;
    for (size_t i = 0; i < s->outputs; i++)
        cr_assert(fabs((double)y[i] - s->value[i]) <= rounding * s->size[i] ||
                      fabs((double)y[i] - s->value[i]) <= rounding * size_of(s, sum->algorithm, i),
                  "%s on %s: output %zu is %.9g, the definition says %.17g", sum->algorithm->name,
                  kernels->isa, i, (double)y[i], s->value[i]);
}

Test(gather, is_what_its_definition_says, .timeout = 120)
{
    const struct up_kernels *usable[16];
    const size_t isas = up_kernels_usable(usable, 16);
    struct up_arena *arena = up_arena_new(SAMPLE_ARENA_BYTES, NULL);
    size_t checked[32] = {0};
    for (size_t i = 0; i < SUMS; i++) {
        const struct up_kernels *kernels = usable[i % isas];
        struct random random = {i};
        up_arena_reset(arena, SAMPLE_ARENA_BYTES);
        const struct sum s = sum_make(&random, kernels, arena);
        for (size_t o = 0; o < s.outputs; o++)
            output_make(&s, o);
        for (const struct up_gather_algorithm *const *a = up_gather_algorithms; *a != NULL; a++) {
            struct up_sum sum;
            struct up_error err = {.code = UP_OK};
            cr_assert(up_gather_prepare(&s.g, (*a)->name, kernels, arena, &sum, &err) == UP_OK,
                      "%s", err.text);
            if (sum.algorithm != *a)
                continue;
            assert_sum(&s, &sum, kernels, arena);
            checked[a - up_gather_algorithms]++;
        }
    }
    for (size_t a = 0; up_gather_algorithms[a] != NULL; a++)
        cr_assert(checked[a] >= SUMS / 20, "only %zu sums by %s", checked[a],
                  up_gather_algorithms[a]->name);
    up_arena_free(arena);
}

/* No algorithm multiplies an input by a zero that stands for no tap. */
Test(gather, infinity_reaches_the_outputs_that_take_it_alone, .timeout = 120)
{
    const struct up_kernels *usable[16];
    const size_t isas = up_kernels_usable(usable, 16);
    struct up_arena *arena = up_arena_new(SAMPLE_ARENA_BYTES, NULL);
    for (size_t i = 0; i < SUMS / 3; i++) {
        const struct up_kernels *kernels = usable[i % isas];
        struct random random = {i};
        up_arena_reset(arena, SAMPLE_ARENA_BYTES);
        struct sum s = sum_make(&random, kernels, arena);
        s.g.activation.id = UP_ACT_LINEAR;
        s.x[random_size(&random, 0, volume(s.g.in.spatial) * s.g.in.channels - 1)] = INFINITY;
        for (size_t o = 0; o < s.outputs; o++)
            output_make(&s, o);
        for (const struct up_gather_algorithm *const *a = up_gather_algorithms; *a != NULL; a++) {
            struct up_sum sum;
            struct up_error err = {.code = UP_OK};
            cr_assert(up_gather_prepare(&s.g, (*a)->name, kernels, arena, &sum, &err) == UP_OK,
                      "%s", err.text);
            const float *y = computed(&s, &sum, kernels, arena);
            for (size_t o = 0; o < s.outputs; o++)
                cr_assert(!isfinite(y[o]) == !isfinite(s.value[o]),
                          "%s on %s: output %zu is %g, the definition says %g", sum.algorithm->name,
                          kernels->isa, o, (double)y[o], s.value[o]);
        }
    }
    up_arena_free(arena);
}

/* A result so large that every algorithm that streams does. */
Test(gather, streaming_changes_no_bit, .timeout = 60)
{
    const struct up_kernels *usable[16];
    const size_t isas = up_kernels_usable(usable, 16);
    struct up_arena *arena = up_arena_new(SAMPLE_ARENA_BYTES, NULL);
    const struct up_gather_axis one = {1, 1, 1, 0, 1}, three = {3, 2, 1, 1, 1};
    struct random random = {1};
    struct up_gather g = {.in = {1, {1, 50, 511}, 2},
                          .out = {1, {1, 101, 1021}, 65},
                          .axis = {one, three, three},
                          .transposed = true,
                          .groups = 1,
                          .position_stride = 130,
                          .channel_stride = 65,
                          .filter_stride = 1};
    const size_t outputs = volume(g.out.spatial) * g.out.channels;
    float kernel[9 * 130], *x = sample_memory(arena, volume(g.in.spatial) * 2, sizeof *x);
    float *y[2] = {sample_memory(arena, outputs, sizeof *y[0]),
                   sample_memory(arena, outputs, sizeof *y[0])};
    random_fill(&random, kernel, sizeof kernel / sizeof kernel[0]);
    random_fill(&random, x, volume(g.in.spatial) * 2);
    g.kernel = kernel;
    for (size_t i = 0; i < isas; i++)
        for (const struct up_gather_algorithm *const *a = up_gather_algorithms; *a != NULL; a++) {
            struct up_sum sum;
            struct up_error err = {.code = UP_OK};
            struct up_gather_call call = {.kernels = usable[i], .in = x};
            cr_assert(up_gather_prepare(&g, (*a)->name, usable[i], arena, &sum, &err) == UP_OK,
                      "%s", err.text);
            for (size_t streamed = 0; streamed < 2; streamed++) {
                call.out = y[streamed];
                call.stream = streamed == 1;
                memset(call.out, 0xFF, outputs * sizeof *call.out);
                sum.algorithm->units(sum.prepared, &call, 0, sum.units);
            }
            cr_assert(memcmp(y[0], y[1], outputs * sizeof *y[0]) == 0, "%s on %s",
                      sum.algorithm->name, usable[i]->isa);
        }
    up_arena_free(arena);
}
